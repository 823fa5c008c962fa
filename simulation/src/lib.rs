//! A seeded simulation of the poller, the gates and the store in memory.
//!
//! One seed is one world: hosts with checks, 1 to 4 workers that run the real `Poller` and `GateRunner`,
//! operators who change checks, windows and decisions, executors that spend passes, and faults. Store calls
//! fail before or after their effect, workers crash, stop and freeze, and clocks step. A scheduler on one
//! thread picks the next task at random, and time advances only when no task is ready. A day therefore
//! takes milliseconds, and a seed always gives the same history.
//!
//! A checker with its own records compares the history with the invariants of the gate and the rules of
//! leases. See `docs/simulation.md`.

mod actors;
mod checker;
mod clock;
mod history;
mod rng;
mod scheduler;
mod sources;
mod targets;
mod watched;
mod world;

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use healthgate::testing::{SeededIds, fixtures};

use self::{
    actors::{
        auditor::audit,
        keeper::keep_groups,
        misfortune::misfortune,
        operator::operator,
        planner::{plan, plan_fleet},
        weather::weather,
        worker::{Machine, Role},
    },
    rng::Rng,
    scheduler::Scheduler,
    world::World,
};
pub use self::{
    checker::Violation,
    history::{Counts, Event},
};

/// The outcome of one seed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// Simulated days.
    pub days: u64,
    /// A hash over all events. It is the same for the same seed.
    pub hash: u64,
    /// How often each event happened.
    pub counts: Counts,
    /// The number of opened gates.
    pub gates: u64,
    /// The number of spent passes, which is the number of patched hosts.
    pub dispatches: u64,
    /// The first rule that was broken.
    pub violation: Option<Violation>,
    /// All events, line by line, if requested.
    pub story: Vec<String>,
}

/// Runs the world of a seed for this many days. `told` keeps its story.
#[must_use]
pub fn simulate(seed: u64, days: u64, told: bool) -> Report {
    let _ids = SeededIds::new(seed);
    let mut rng = Rng::new(seed);
    let (world, mut scheduler) = world(&mut rng, days, told);
    people(&world, &mut rng);
    let end = Duration::from_secs(days * 86_400);
    let broken = {
        let world = world.clone();
        move || world.checker().violation.is_some()
    };
    if scheduler.run(end, broken).is_err() {
        world.checker().broken("liveness", "the tasks go round without any time passing".into());
    }
    if !world.checker().all_ended() {
        world.checker().broken("G33", "a gate has not ended by the end of the simulation".into());
    }
    report(seed, days, &world)
}

/// Runs seeds on a number of threads. Sends each report when its seed ends, in no order.
pub fn simulate_each(
    seeds: impl IntoIterator<Item = u64, IntoIter: Send>,
    days: u64,
    threads: usize,
    each: impl FnMut(Report) + Send,
) {
    let (seeds, each) = (Mutex::new(seeds.into_iter()), Mutex::new(each));
    let next = || seeds.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || {
        while let Some(seed) = next() {
            let report = simulate(seed, days, false);
            let mut each = each.lock().unwrap_or_else(PoisonError::into_inner);
            (*each)(report);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
}

fn world(rng: &mut Rng, days: u64, told: bool) -> (World, Scheduler) {
    let clock = fixtures::clock();
    let scheduler = Scheduler::new(clock.clone(), rng.fork());
    let world = World::new(clock, rng, scheduler.orders(), days, told);
    (world, scheduler)
}

/// Starts all actors.
fn people(world: &World, rng: &mut Rng) {
    let roles = [Role::Both, Role::Polls, Role::Gates, Role::Both];
    let workers = *rng.pick(&[1, 1, 2, 2, 3, 4]);
    let machines: Vec<Machine> = (1..)
        .zip(roles.into_iter().take(workers))
        .map(|(name, role)| Machine::new(world, name, role))
        .collect();
    machines.iter().for_each(Machine::start);
    let orders = &world.orders;
    orders.spawn(operator(world.clone(), rng.fork()));
    orders.spawn(weather(world.clone(), rng.fork()));
    orders.spawn(misfortune(world.clone(), machines, rng.fork()));
    orders.spawn(audit(world.clone()));
    for host in 1..=world.settings.hosts {
        orders.spawn(plan(world.clone(), fixtures::host(host), rng.fork()));
    }
    // Drawn last, so that worlds without a rollout stay as they were before rollouts existed.
    let mut fleet = rng.fork();
    if fleet.chance(350) {
        orders.spawn(plan_fleet(world.clone(), fleet));
    }
    // Groups were added later, so they are drawn after that.
    let mut groups = rng.fork();
    if groups.chance(250) {
        orders.spawn(keep_groups(world.clone(), groups));
    }
}

fn report(seed: u64, days: u64, world: &World) -> Report {
    let mut checker = world.checker();
    let (dispatches, gates) = checker.totals();
    let history = std::mem::take(&mut checker.history);
    Report {
        seed,
        days,
        hash: history.hash(),
        counts: history.counts.clone(),
        gates,
        dispatches,
        violation: checker.violation.clone(),
        story: history.into_lines(),
    }
}
