//! Operators who change checks and hosts.

use healthgate::{
    model::{AuditAction, CheckChange, HealthCheck},
    store::{CheckStore, CheckUpdate, FirstRun, SecretChange},
    testing::fixtures,
};
use serde_json::{Value, json};

use crate::{checker::Since, history::Event, rng::Rng, world::World};

/// Creates the first checks, and then changes one of them or a host from time to time.
pub(crate) async fn operator(world: World, mut rng: Rng) {
    for host in 1..=world.settings.hosts {
        add(&world, host, &mut rng).await;
        add(&world, host, &mut rng).await;
    }
    loop {
        world.sleep(rng.minutes(2, 60)).await;
        if world.is_evening() {
            restore_hosts(&world);
            return;
        }
        let host = any_host(&world, &mut rng);
        match rng.below(14) {
            0 => add(&world, host, &mut rng).await,
            1 => move_host(&world, host, &mut rng),
            2 => remove_host(&world, host, &mut rng).await,
            3 => pause_host(&world, host, true),
            4 | 5 => (1..=world.settings.hosts).for_each(|host| pause_host(&world, host, false)),
            _ => {
                let checks = world.checker().stored_checks();
                if !checks.is_empty() {
                    let check = rng.pick(&checks).clone();
                    change(&world, &check, &mut rng).await;
                }
            }
        }
    }
}

async fn add(world: &World, host: u128, rng: &mut Rng) {
    let (store, eyes) = world.store(&world.store_clock);
    let number = world.number();
    let hosts = world.settings.hosts;
    let asks_another = rng.chance(if world.settings.crowded { 600 } else { 150 });
    let other = if rng.chance(700) { 1 } else { 1 + host % hosts };
    let target = asks_another.then(|| fixtures::host(other));
    let body = if rng.chance(700) {
        json!({"name": format!("unit {number}"), "check_type": "service",
               "service_name": format!("unit-{number}"), "target_host_id": target})
    } else {
        json!({"name": format!("page {number}"), "check_type": "http",
               "url": format!("http://192.0.2.1/{number}"), "expected_body": ""})
    };
    let id = fixtures::check(u128::from(number));
    let insert = fixtures::insert(id, fixtures::host(host), body);
    world.checker().note(Event::CheckAdded, format_args!("check {number}, host {host}"));
    // A failure is ignored: operators try again later.
    let _ = store.insert_check(insert, fixtures::audit(AuditAction::HealthCheckCreated)).await;
    world.checker().close(eyes);
}

/// Changes, disables, enables or deletes a check.
pub(crate) async fn change(world: &World, check: &HealthCheck, rng: &mut Rng) {
    let (event, body) = match rng.below(10) {
        0..6 => (Event::CheckChanged, Some(json!({"name": format!("edit {}", world.number())}))),
        6 | 7 if check.definition.enabled => {
            (Event::CheckDisabled, Some(json!({"enabled": false})))
        }
        6..9 => (Event::CheckEnabled, Some(json!({"enabled": true}))),
        _ => (Event::CheckDeleted, None),
    };
    let (number, host) = (check.id.as_uuid().as_u128(), check.host_id.as_uuid().as_u128());
    world.checker().note(event, format_args!("check {number}, host {host}"));
    match body {
        Some(body) => edit(world, check, body).await,
        None => {
            let (store, eyes) = world.store(&world.store_clock);
            let audit = fixtures::audit(AuditAction::HealthCheckDeleted);
            let _ = store.delete_check(check.host_id, check.id, None, audit).await;
            world.checker().close(eyes);
        }
    }
}

async fn edit(world: &World, check: &HealthCheck, body: Value) {
    let (store, eyes) = world.store(&world.store_clock);
    if let Ok(Some(current)) = store.check(check.host_id, check.id).await {
        let change = CheckChange::from_json(body).apply(&current).expect("a valid change");
        let update = CheckUpdate {
            id: check.id,
            host_id: check.host_id,
            expected_revision: current.revision,
            definition: change.definition,
            secret: SecretChange::Keep,
            first_run: FirstRun::AtOnce,
        };
        let audit = fixtures::audit(AuditAction::HealthCheckUpdated);
        let _ = store.update_check(update, audit.with_check(check.host_id, check.id)).await;
    }
    world.checker().close(eyes);
}

fn move_host(world: &World, host: u128, rng: &mut Rng) {
    let port = u16::try_from(2_000 + rng.below(10_000)).unwrap_or(1);
    world.move_host(fixtures::host(host), Some(port));
    world.checker().note(Event::HostMoved, format_args!("host {host}, port {port}"));
}

pub(crate) fn any_host(world: &World, rng: &mut Rng) -> u128 {
    1 + u128::from(rng.below(u64::try_from(world.settings.hosts).unwrap_or(1)))
}

/// Pauses a host, or resumes it.
fn pause_host(world: &World, host: u128, pause: bool) {
    let since = world.at();
    let mut checker = world.checker();
    let paused = checker.pauses.get(&fixtures::host(host)).is_some_and(|paused| paused.is);
    if paused != pause {
        checker.pauses.insert(fixtures::host(host), Since { is: pause, since });
        let event = if pause { Event::HostPaused } else { Event::HostResumed };
        checker.note(event, format_args!("host {host}"));
    }
}

/// Removes a host for some minutes, and brings it back under another address.
async fn remove_host(world: &World, host: u128, rng: &mut Rng) {
    world.move_host(fixtures::host(host), None);
    world.checker().note(Event::HostRemoved, format_args!("host {host}"));
    world.sleep(rng.minutes(1, 10)).await;
    move_host(world, host, rng);
}

fn restore_hosts(world: &World) {
    for host in 1..=world.settings.hosts {
        pause_host(world, host, false);
        let gone = world.checker().hosts[&fixtures::host(host)].is.is_none();
        if gone {
            world.move_host(fixtures::host(host), Some(1));
        }
    }
}
