//! B5, B6: the whole poller over Postgres, against a manager-shaped one and against its own runner alone.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use super::ROUNDS;
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

/// The interval of polling.
const INTERVAL: Duration = Duration::from_secs(10);

/// Measures with this number of hosts.
pub(crate) async fn run(hosts: usize) -> Outcome<()> {
    let target = Arc::new(Target::start(1_000)?);
    let database = Database::start().await?;
    let agents: Vec<SocketAddr> = (0..hosts).map(|number| target.agent(number)).collect();
    let fleet = database.fill(&agents).await?;
    let pool = database.manager(&agents).await?;
    let noting = Noting::new(fleet::runner(&target.authority, &target.client)?);
    let mut alone = Library::new(&target, Kind::Service(CHECKS), hosts, 64)?;
    note(&format!(
        "{ROUNDS} rounds; {hosts} hosts with {CHECKS} service checks, every {INTERVAL:?}"
    ));
    let mut figures: [Vec<f64>; 5] = Default::default();
    for round in 0..=ROUNDS {
        database.schedule(&fleet.slots(INTERVAL)).await?;
        let until = Until::Time { warm: INTERVAL / 4, length: INTERVAL };
        let polled = poll(&database, &fleet, &noting, config(INTERVAL), until).await?;
        let runner = alone.round().await?.as_secs_f64() * 1e6;
        let (worker, server) = (cpu::own(), database.cpu()?);
        let checks = manager::cycle(&pool, &target).await? as f64;
        let each = |spent: Duration| spent.as_secs_f64() * 1e6 / checks;
        let (worker, server) = (each(cpu::own() - worker), each(database.cpu()? - server));
        let expected = (hosts * CHECKS) as u64;
        if polled.checks < expected * 95 / 100 || polled.stats.store_errors > 0 {
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
    line("", "healthgate's poller over Postgres", parts(worker, server), None, None);
    line("", "its runner alone", format!("{runner:.1} µs a check"), None, None);
    line("", "manager-shaped poller", parts(manager_worker, manager_server), None, None);
    let ours = worker + server;
    let theirs = manager_worker + manager_server;
    let figure = format!("{ours:.1} and {theirs:.1} µs a check, Postgres included");
    let what = "checks per CPU second, against the manager-shaped poller";
    line("B5", what, figure, Some(theirs / ours), Some(Goal::AtLeast(20.0)));
    let figure = format!("{worker:.1} of {runner:.1} µs");
    line(
        "B6",
        "the poller, against its runner",
        figure,
        Some(worker / runner),
        Some(Goal::AtMost(1.5)),
    );
    Ok(())
}
