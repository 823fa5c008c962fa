//! B5, B6: the whole poller over Postgres, against a manager-shaped one and against its own runner alone.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use crate::{
    Outcome, cpu,
    database::{CHECKS, Database},
    fleet,
    library::{Kind, Library},
    manager,
    polling::{Noting, Until, config, poll},
    report::{Goal, line, median, note},
    target::Target,
    turns::Candidate,
};

/// The number of rounds.
const ROUNDS: usize = 5;
/// The interval of polling.
const INTERVAL: Duration = Duration::from_secs(10);

/// Measures with this number of hosts, first with service checks only.
pub(crate) async fn run(hosts: usize) -> Outcome<()> {
    let target = Arc::new(Target::start(1_000)?);
    let database = Database::start().await?;
    compare(&target, &database, hosts, None).await?;
    compare(&target, &database, hosts, Some(&target.url(0))).await
}

/// Measures a fleet with service checks, or with an HTTP check of this URL among a host's checks.
async fn compare(
    target: &Arc<Target>,
    database: &Database,
    hosts: usize,
    url: Option<&str>,
) -> Outcome<()> {
    let kinds = url.map_or("five service checks", |_| "four service checks and an HTTP check");
    let agents: Vec<SocketAddr> = (0..hosts).map(|number| target.agent(number)).collect();
    let fleet = database.fill(&agents, url).await?;
    let pool = database.manager(&agents, url).await?;
    let noting = Noting::new(fleet::runner(&target.authority, &target.client)?);
    let mut alone = Library::new(target, Kind::Service(CHECKS), hosts, 64)?;
    note(&format!("{ROUNDS} rounds; {hosts} hosts with {kinds}, every {INTERVAL:?}"));
    let mut figures: [Vec<f64>; 5] = Default::default();
    for round in 0..=ROUNDS {
        database.schedule(fleet.slots(INTERVAL)).await?;
        let until = Until::Time { warm: INTERVAL / 4, length: INTERVAL };
        let polled = poll(database, &fleet, &noting, config(INTERVAL), until).await?;
        let runner = alone.round().await?.as_secs_f64() * 1e6;
        let (worker, server) = (cpu::own(), database.cpu()?);
        let checks = manager::cycle(&pool, target).await? as f64;
        let each = |spent: Duration| spent.as_secs_f64() * 1e6 / checks;
        let (worker, server) = (each(cpu::own() - worker), each(database.cpu()? - server));
        let expected = (hosts * CHECKS) as u64;
        if polled.checks < expected * 95 / 100 {
            // The processor time of a check is still right.
            note(&format!("the poller ran {} of {expected} checks in time", polled.checks));
        }
        if polled.checks == 0 || polled.stats.store_errors > 0 {
            return Err(format!("{polled:?}").into());
        }
        let values = [polled.worker_micros(), polled.database_micros(), runner, worker, server];
        // The first round warms up.
        if round > 0 {
            figures.iter_mut().zip(values).for_each(|(all, value)| all.push(value));
        }
    }
    let [worker, server, runner, manager_worker, manager_server] =
        figures.map(|values| median(&values));
    let parts = |worker: f64, server: f64| {
        format!("{worker:.1} µs a check, and {server:.1} µs of Postgres")
    };
    line("", &format!("healthgate's poller, {kinds}"), parts(worker, server), None, None);
    line("", "manager-shaped poller", parts(manager_worker, manager_server), None, None);
    let (ours, theirs) = (worker + server, manager_worker + manager_server);
    let figure = format!("{ours:.1} and {theirs:.1} µs a check, Postgres included");
    let what = format!("checks per CPU second, against the manager-shaped poller ({kinds})");
    line("B5", &what, figure, Some(theirs / ours), Some(Goal::AtLeast(20.0)));
    // The runner alone runs service checks only.
    if url.is_none() {
        let (figure, ratio) = (format!("{worker:.1} of {runner:.1} µs"), worker / runner);
        let what = "the poller's worker, against its runner alone";
        line("B6", what, figure, Some(ratio), Some(Goal::AtMost(1.5)));
    }
    Ok(())
}
