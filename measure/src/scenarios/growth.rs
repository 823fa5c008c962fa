//! B10, B14: what a check and a configured host cost as the fleet grows.

use std::{path::Path, time::Duration};

use chrono::Utc;
use tokio::time::Instant;

use super::place::Place;
use crate::{
    Outcome,
    chart::{self, Panel, Series},
    database::CHECKS,
    polling::{Stretch, Until},
    report::{self, Goal, figure, line, median, note, spread},
};

/// The fleets whose checks run.
const SIZES: [usize; 3] = [1_000, 10_000, 100_000];
/// The checks a second of every fleet: the interval grows with it, so only the size differs.
const RATE: usize = 1_000;
/// The number of stretches of each fleet.
const ROUNDS: usize = 5;
/// How long each is measured, after half of it to warm up.
const LENGTH: Duration = Duration::from_secs(12);
/// The interval of the fleet without due checks.
const IDLE: Duration = Duration::from_secs(24 * 3600);

/// Measures fleets of up to this number of hosts at the same rate, and one of this number of hosts without due
/// checks. The runs that are noted take as much memory at each size, since the rate is the same.
pub(crate) async fn run(most: usize, charts: Option<&Path>) -> Outcome<()> {
    let mut place = Place::start(0).await?;
    note(&format!(
        "{RATE} checks/s, {CHECKS} service checks a host; medians of {ROUNDS} stretches of {LENGTH:?}; \
         memory includes the hosts' directory"
    ));
    let mut points = Vec::new();
    for hosts in SIZES.into_iter().filter(|hosts| *hosts <= most) {
        points.push(running(&mut place, hosts).await?);
    }
    compare(&points);
    let idle = idle(&mut place, most).await?;
    if let Some(smallest) = points.first().filter(|smallest| smallest.hosts < most) {
        let grown = (idle - smallest.memory) * 1024.0 / (most - smallest.hosts) as f64;
        let what = format!("memory of a configured host, {} to {most}", smallest.hosts);
        figure("B10", &what, grown, "KiB", Some(Goal::AtMost(2.0)));
    }
    if let Some(folder) = charts {
        let path = folder.join("growth.svg");
        chart::write(&path, &caption(), &panels(&points, (most, idle)))?;
        note(&format!("wrote {}", path.display()));
    }
    Ok(())
}

/// What a fleet of this number of hosts costs.
struct Point {
    hosts: usize,
    /// The worker's processor time for a check, in microseconds.
    worker: f64,
    /// That of Postgres.
    database: f64,
    /// The worker's resident memory in MiB.
    memory: f64,
}

/// Measures a fleet whose checks run at the rate.
async fn running(place: &mut Place, hosts: usize) -> Outcome<Point> {
    fill(place, hosts).await?;
    place.database.seed_states().await?;
    let interval = Duration::from_secs_f64((hosts * CHECKS) as f64 / RATE as f64);
    place.database.schedule(place.fleet.slots(interval)).await?;
    place.database.checkpoint().await?;
    let until = Until::Time { warm: LENGTH / 2, length: LENGTH };
    let mut stretches = Vec::new();
    for _ in 0..ROUNDS {
        let stretch = place.poll(interval, until).await?;
        let kept = stretch.rate() / RATE as f64;
        if kept < 0.97 {
            note(&format!("{hosts} hosts: only {kept:.2} of the rate was kept"));
        }
        if stretch.checks == 0 || stretch.stats.store_errors > 0 {
            return Err(format!("{stretch:?}").into());
        }
        stretches.push(stretch);
    }
    let middle =
        |figure: fn(&Stretch) -> f64| median(&stretches.iter().map(figure).collect::<Vec<_>>());
    let point = Point {
        hosts,
        worker: middle(Stretch::worker_micros),
        database: middle(Stretch::database_micros),
        memory: middle(Stretch::mebibytes),
    };
    let text = format!(
        "{:.0} checks/s, {:.1} µs and {:.1} µs of Postgres a check, {:.2} kB of log a check",
        middle(Stretch::rate),
        point.worker,
        point.database,
        middle(|stretch| stretch.wal as f64 / 1e3 / stretch.checks as f64),
    );
    line("", &format!("{hosts} hosts, every {interval:?}"), text, None, None);
    let goal = (hosts == 100_000).then_some(Goal::AtMost(200.0));
    let what = format!("resident memory of the worker, {hosts} hosts");
    figure("B10", &what, point.memory, "MiB", goal);
    Ok(point)
}

/// Measures a fleet without due checks. Returns the worker's resident memory in MiB.
async fn idle(place: &mut Place, hosts: usize) -> Outcome<f64> {
    let started = Instant::now();
    fill(place, hosts).await?;
    place.database.schedule(place.fleet.all_at(Utc::now() + IDLE)).await?;
    place.database.checkpoint().await?;
    note(&format!("{hosts} hosts filled in {:.0} s", started.elapsed().as_secs_f64()));
    let until = Until::Time { warm: LENGTH / 2, length: LENGTH };
    let stretch = place.poll(IDLE, until).await?;
    if stretch.checks > 0 {
        return Err(format!("{} checks of a fleet without due ones", stretch.checks).into());
    }
    let (own, server) = (stretch.worker_cores() * 1e3, stretch.database_cores() * 1e3);
    let log = stretch.wal as f64 / 1e3 / stretch.seconds;
    let text = format!(
        "{own:.2} ms and {server:.2} ms of Postgres a second, {log:.2} kB of log a second, {:.0} MiB",
        stretch.mebibytes()
    );
    line("", &format!("{hosts} hosts without due checks"), text, None, None);
    Ok(stretch.mebibytes())
}

/// Replaces the fleet. The old one goes first, so that its memory does not add to the new one's.
async fn fill(place: &mut Place, hosts: usize) -> Outcome<()> {
    place.refill(0).await?;
    place.refill(hosts).await
}

/// Prints how far the sizes' processor times differ.
fn compare(points: &[Point]) {
    let [smallest, .., largest] = points else { return };
    let sizes = format!("{} to {} hosts", smallest.hosts, largest.hosts);
    let print = |row: &str, who: &str, goal, figure: fn(&Point) -> f64| {
        let figures: Vec<f64> = points.iter().map(figure).collect();
        let text = figures.iter().map(|figure| format!("{figure:.1}")).collect::<Vec<_>>();
        let text = format!("{} µs", text.join(", "));
        let what = format!("{who}'s processor time of a check, {sizes}, dearest to cheapest");
        line(row, &what, text, Some(spread(&figures)), goal);
    };
    print("B14", "the worker", Some(Goal::AtMost(1.15)), |point| point.worker);
    print("", "Postgres", None, |point| point.database);
}

fn caption() -> String {
    format!("{RATE} service checks a second at every size; {}", report::machine())
}

fn panels(points: &[Point], (most, idle): (usize, f64)) -> [Panel; 2] {
    let series = |name, figure: fn(&Point) -> f64| Series {
        name,
        points: points.iter().map(|point| (point.hosts as f64, figure(point))).collect(),
    };
    let idle = Series { name: "worker, no check due", points: vec![(most as f64, idle)] };
    [
        Panel {
            title: "Processor time of a check",
            axis: "µs a check",
            series: vec![
                series("worker", |point| point.worker),
                series("Postgres", |point| point.database),
            ],
        },
        Panel {
            title: "Resident memory of the worker",
            axis: "MiB",
            series: vec![series("worker, checks run", |point| point.memory), idle],
        },
    ]
}
