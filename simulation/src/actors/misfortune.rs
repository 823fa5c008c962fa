//! Faults of workers, store and clocks: hours with faults, and hours without.

use std::time::Duration;

use chrono::TimeDelta;
use healthgate::testing::{Fault, Operation};

use super::worker::Machine;
use crate::{history::Event, rng::Rng, sources::SourceTrouble, world::World};

pub(crate) async fn misfortune(world: World, machines: Vec<Machine>, mut rng: Rng) {
    // Half of the worlds begin with faults.
    let mut calm = rng.chance(500);
    loop {
        if calm || world.is_evening() {
            for machine in &machines {
                machine.start();
            }
            world.checker().calm_since = Some(world.at());
            world.sleep(rng.minutes(40, 150)).await;
            world.checker().calm_since = None;
        } else {
            trouble(&world, &machines, &mut rng).await;
        }
        calm = !calm;
    }
}

/// Causes faults for about an hour. All of them end with it, except for dead workers.
async fn trouble(world: &World, machines: &[Machine], rng: &mut Rng) {
    let end = world.at() + rng.minutes(20, 90);
    let per_mille = *rng.pick(&[0, 2, 10, 40]);
    set_weather(world, per_mille, None);
    while world.at() < end {
        world.sleep(rng.seconds(5, 400)).await;
        let machine = rng.pick(machines);
        match rng.below(17) {
            0 | 1 => machine.kill(),
            2 => machine.stop(),
            3..6 => machines.iter().for_each(Machine::start),
            6 => {
                // Durations around the end of a lease and of the trust in it.
                let seconds = *rng.pick(&[1, 5, 29, 30, 31, 59, 60, 61, 90, 600]);
                let odd = Duration::from_micros(rng.below(2_000_000));
                machine.pause(Duration::from_secs(seconds) + odd, false).await;
            }
            7 => machine.pause(rng.seconds(10, 1_800), true).await,
            8 => outage(world, per_mille, rng).await,
            9 => {
                let seconds = i64::try_from(rng.below(9)).unwrap_or(0) - 4;
                step_store(world, TimeDelta::seconds(seconds), Event::StoreClockStepped);
            }
            10 => jump(world, rng).await,
            11 => some_calls(world, rng).await,
            12 => sources(world, rng).await,
            13 => network(world, machine, rng).await,
            14 if rng.chance(300) => change_interval(world, machines, rng),
            _ => {
                let minutes = *rng.pick(&[-60, -10, -1, 1, 10, 60]);
                machine.clock().step(TimeDelta::minutes(minutes));
                world.checker().note(Event::WorkerClockStepped, format_args!("{minutes} min"));
            }
        }
    }
    set_weather(world, 0, None);
}

fn set_weather(world: &World, per_mille: u64, all: Option<Fault>) {
    let mut weather = world.weather.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    (weather.per_mille, weather.all) = (per_mille, all);
}

async fn outage(world: &World, per_mille: u64, rng: &mut Rng) {
    let fault = *rng.pick(&[Fault::Before, Fault::After, Fault::ReadOnly, Fault::Full]);
    world.checker().note(Event::StoreDown, format_args!("{fault}"));
    set_weather(world, per_mille, Some(fault));
    world.sleep(rng.seconds(1, 300)).await;
    set_weather(world, per_mille, None);
    world.checker().tell(format_args!("the store is back"));
}

/// Makes one kind of store call fail, lose its answers or slow down for some minutes.
async fn some_calls(world: &World, rng: &mut Rng) {
    let kinds: [&[Operation]; 5] = [
        &[Operation::CompleteHosts],
        &[Operation::ClaimHosts, Operation::ClaimGates],
        &[Operation::SettleGates],
        &[Operation::WatchGates],
        &[Operation::ChecksOf, Operation::States],
    ];
    let kind = *rng.pick(&kinds);
    let seconds = rng.seconds(1, 8);
    let (event, fault) = match rng.below(4) {
        0 => (Event::StoreWritesFail, Fault::Before),
        1 => (Event::StoreWritesFail, Fault::After),
        2 => (Event::StoreSlow, Fault::Delay(seconds)),
        _ => (Event::StoreSlow, Fault::DelayAnswer(seconds)),
    };
    world.checker().note(event, format_args!("{}, {fault}", kind[0]));
    set_some(world, Some((kind, fault)));
    world.sleep(rng.seconds(10, 240)).await;
    set_some(world, None);
    world.checker().tell(format_args!("{} is as before", kind[0]));
}

fn set_some(world: &World, some: Option<(&'static [Operation], Fault)>) {
    world.weather.lock().unwrap_or_else(std::sync::PoisonError::into_inner).some = some;
}

/// Makes the application's sources fail, hang or slow down for some minutes.
async fn sources(world: &World, rng: &mut Rng) {
    let trouble = match rng.below(3) {
        0 => SourceTrouble::Fails,
        1 => SourceTrouble::Hangs,
        _ => SourceTrouble::Slow(rng.seconds(1, 20)),
    };
    world.sources.set(*rng.pick(&[100, 500, 1_000]), trouble);
    world.sleep(rng.seconds(10, 240)).await;
    world.sources.set(0, trouble);
}

/// Disconnects a machine from everything but the store for some minutes.
async fn network(world: &World, machine: &Machine, rng: &mut Rng) {
    world.checker().note(Event::NetworkDown, format_args!("a worker"));
    machine.network().set_down(true);
    world.sleep(rng.seconds(30, 900)).await;
    machine.network().set_down(false);
    world.checker().tell(format_args!("the network is back"));
}

/// Restarts every worker with another interval.
fn change_interval(world: &World, machines: &[Machine], rng: &mut Rng) {
    let seconds = *rng.pick(&[60, 300, 300, 900, 21_600]);
    world.checker().change_interval(Duration::from_secs(seconds));
    for machine in machines {
        machine.stop();
        machine.start();
    }
}

fn step_store(world: &World, by: TimeDelta, event: Event) {
    world.store_clock.step(by);
    let mut checker = world.checker();
    checker.store_stepped(by);
    checker.note(event, format_args!("by {by}"));
}

/// Sets the store's clock wrong for a while.
async fn jump(world: &World, rng: &mut Rng) {
    let seconds = *rng.pick(&[-3_600, -600, -6, 6, 60, 600, 3_600]);
    let by = TimeDelta::seconds(seconds);
    step_store(world, by, Event::StoreClockJumped);
    world.sleep(rng.seconds(1, 900)).await;
    step_store(world, -by, Event::StoreClockJumped);
    // Leases and plans that were made while it was ahead last by the time it showed.
    world.sleep(by.abs().to_std().unwrap_or_default()).await;
}
