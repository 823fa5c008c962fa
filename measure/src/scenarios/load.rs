//! B9, B15, B18, B19, B20: fleets with dead hosts, a steady rate, the highest rate, and a cold start.

use std::{
    collections::HashSet,
    net::SocketAddr,
    time::{Duration, Instant},
};

use healthgate::checks::PollerConfig;
use healthgate_testkit::BlackHole;

use super::place::Place;
use crate::{
    Outcome,
    database::CHECKS,
    fleet::TIMEOUT,
    polling::{Stretch, Until, config, lateness},
    report::{Goal, figure, line, note, percentile},
};

/// The lateness up to which runs count as in time. The poller asks for due hosts every second.
const IN_TIME: f64 = 3.0;
/// The rates to try, in checks a second.
const RATES: [usize; 13] =
    [1_000, 2_000, 2_500, 3_000, 3_500, 4_000, 5_000, 5_500, 6_000, 6_500, 7_000, 8_000, 9_000];
/// The share of a rate that counts as all of it. The slots of a fleet lie at random in its interval, so that a part
/// of the interval has a few per cent more or less of them.
const KEPT: f64 = 0.93;
/// The shortest interval, and the time limit of a check with it.
const SHORTEST: Duration = Duration::from_secs(5);
/// How long a rate is measured, after half of it to warm up.
const LENGTH: Duration = Duration::from_secs(20);
/// The interval of the fleets that have to run in time.
const INTERVAL: Duration = Duration::from_secs(30);
/// The number of hosts that makes 1,667 checks a second at that interval.
const STEADY: usize = 10_000;

/// Measures the highest rate at which all runs begin in time, and a cold start, with this number of hosts.
pub(crate) async fn highest(hosts: usize) -> Outcome<()> {
    let place = Place::start(hosts).await?;
    let checks = (hosts * CHECKS) as f64;
    note(&format!("{hosts} hosts with {CHECKS} service checks, fresh mutual TLS"));
    place.database.schedule(place.fleet.at_once()).await?;
    let interval = Duration::from_secs(300);
    let cold = place.poll(interval, Until::Hosts(hosts as u64)).await?;
    describe("cold start, all due at once", &cold, None);
    let mut best: Option<f64> = None;
    for rate in RATES {
        let interval = Duration::from_secs_f64(checks / rate as f64);
        if interval < SHORTEST {
            note("more hosts are needed for a higher rate");
            break;
        }
        place.database.schedule(place.fleet.slots(interval)).await?;
        let until = Until::Time { warm: LENGTH / 2, length: LENGTH };
        let (started, before) = (Instant::now(), place.agents.cpu()?);
        let stretch = place.poll(interval, until).await?;
        let spent = (place.agents.cpu()? - before).as_secs_f64();
        let agents = spent / started.elapsed().as_secs_f64();
        let late = percentile(&lateness(&place.runner.take(), interval, None), 0.99);
        let kept = stretch.rate() / rate as f64;
        describe(&format!("{rate} checks/s wanted"), &stretch, Some(late));
        let (own, server) = (stretch.worker_cores(), stretch.database_cores());
        let cores = format!("{own:.2} worker, {server:.2} Postgres, {agents:.2} agents");
        line("", "cores in use", cores, None, None);
        if late > IN_TIME || kept < KEPT {
            break;
        }
        best = Some(stretch.rate());
    }
    let Some(best) = best else {
        note("not even the lowest rate was kept, so B18 and B20 have no figure");
        return Ok(());
    };
    let goal = Some(Goal::AtLeast(8_000.0));
    figure("B18", "service checks a second, all in time", best, "/s", goal);
    let (taken, wanted) = (cold.seconds, checks / best);
    let text = format!("{taken:.1} of {wanted:.1} s");
    let what = "first full round, against its checks divided by the highest rate";
    line("B20", what, text, Some(taken / wanted), Some(Goal::AtMost(1.2)));
    Ok(())
}

/// Measures the worker at 1,667 checks a second, for this number of seconds.
pub(crate) async fn sustained(seconds: usize) -> Outcome<()> {
    let place = Place::start(STEADY).await?;
    note(&format!("{STEADY} hosts with {CHECKS} service checks, every {INTERVAL:?}, {seconds} s"));
    place.database.schedule(place.fleet.slots(INTERVAL)).await?;
    let length = Duration::from_secs(seconds as u64);
    let stretch = place.poll(INTERVAL, Until::Time { warm: INTERVAL, length }).await?;
    let wanted = (STEADY * CHECKS) as f64 / INTERVAL.as_secs_f64();
    let late = percentile(&lateness(&place.runner.take(), INTERVAL, None), 0.99);
    describe(&format!("{wanted:.0} checks/s wanted"), &stretch, Some(late));
    let kept = late <= IN_TIME && stretch.rate() >= wanted * KEPT;
    if !kept {
        note("the rate was not kept, so the shares below are too small to judge");
    }
    let (own, server) = (stretch.worker_cores(), stretch.database_cores());
    let goal = kept.then_some(Goal::AtMost(0.5));
    figure("B15", "the worker's share of a core", own, "cores", goal);
    figure("", "Postgres's share beside it", server, "cores", None);
    Ok(())
}

/// Measures how late the living hosts of a fleet run, without dead ones and if this share of all is dead.
pub(crate) async fn dead(row: &str, hosts: usize, share: f64) -> Outcome<()> {
    let gone = (hosts as f64 * share).round() as usize;
    let living = hosts - gone;
    let mut place = Place::start(living).await?;
    note(&format!(
        "{living} living and {gone} dead hosts, {CHECKS} service checks each, every {INTERVAL:?}"
    ));
    let until = Until::Time { warm: INTERVAL, length: INTERVAL };
    // Each dead host holds its places for the time limit of a check, and for how long the others wait for it; a
    // quarter more, since slots lie at random.
    let held = 1.25 * gone as f64 * CHECKS as f64 * (TIMEOUT.as_secs_f64() + 2.0);
    let places = 512 + (held / INTERVAL.as_secs_f64()).ceil() as usize;
    note(&format!("{places} checks in flight at most"));
    let hole = BlackHole::start().await?;
    let mut figures = Vec::new();
    for dead in [0, gone] {
        let agents = (0..living).map(|number| place.agents.agent(number));
        let agents: Vec<SocketAddr> = agents.chain((0..dead).map(|_| hole.addr())).collect();
        place.fleet = place.database.fill(&agents, None).await?;
        let alive: HashSet<_> = place.fleet.hosts[..living].iter().copied().collect();
        place.database.schedule(place.fleet.slots(INTERVAL)).await?;
        let config = PollerConfig { max_concurrent_checks: places, ..config(INTERVAL) };
        let stretch = place.poll_with(config, until).await?;
        let late = lateness(&place.runner.take(), INTERVAL, Some(&alive));
        let p99 = percentile(&late, 0.99);
        describe(&format!("{living} living, {dead} dead"), &stretch, Some(p99));
        line("", "runs of living hosts", format!("{} of {living}", late.len()), None, None);
        figures.push(p99);
    }
    let text = format!("{:.2} of {:.2} s", figures[1], figures[0]);
    let what = format!("lateness (p99) of the living hosts, {gone} of {hosts} dead");
    line(row, &what, text, Some(figures[1] / figures[0]), Some(Goal::AtMost(1.5)));
    Ok(())
}

fn describe(what: &str, stretch: &Stretch, late: Option<f64>) {
    let late = late.map_or_else(String::new, |late| format!(", p99 {late:.2} s late"));
    let text = format!(
        "{:.0} checks/s, {:.0} µs and {:.0} µs of Postgres a check{late}, {:.0} MiB",
        stretch.rate(),
        stretch.worker_micros(),
        stretch.database_micros(),
        stretch.mebibytes(),
    );
    line("", what, text, None, None);
    let stats = &stretch.stats;
    if stats.store_errors + stats.overflowed + stats.leases_lost + stats.results_dropped > 0 {
        note(&format!("{stats:?}"));
    }
}
