//! Operators who plan jobs with windows, and change them.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use healthgate::{
    gate::decide::WindowAnswer,
    model::{
        Amount, AuditAction, GateOverride, GateRequest, HealthCheck, HostId, JobId,
        OverriddenCheck, RolloutPolicy, RolloutStage, Window, WindowKind,
    },
    store::{GateStore, RolloutStore, StoreError},
    testing::fixtures,
};

use super::{executor, operator, weather};
use crate::{
    checker::Named,
    history::Event,
    rng::Rng,
    targets::Behaviour,
    world::{World, around},
};

/// Plans one job after another for a host.
pub(crate) async fn plan(world: World, host: HostId, mut rng: Rng) {
    while !world.is_evening() {
        let job = fixtures::job(u128::from(world.number()));
        let opens = around(world.now(), &mut rng)
            + *rng.pick(&[TimeDelta::zero(), TimeDelta::minutes(-3), TimeDelta::minutes(7)]);
        let lasts = match rng.below(8) {
            0 => rng.seconds(1, 40),
            1 => rng.seconds(40, 400),
            _ => rng.minutes(6, 70),
        };
        let Ok(window) = Window::lasting(opens, TimeDelta::from_std(lasts).unwrap_or_default())
        else {
            continue;
        };
        let request = GateRequest {
            report_only: rng.chance(30),
            exempt: rng.chance(30),
            ..GateRequest::new(job, host, window)
        };
        world.set_window(job, host, WindowAnswer::Open(window));
        let fate = fate(world.clone(), request.clone(), rng.fork());
        world.orders.spawn(fate);
        if rng.chance(300) {
            let rival = executor::execute(world.clone(), request.clone(), rng.fork());
            world.orders.spawn(rival);
        }
        let job = executor::execute(world.clone(), request, rng.fork());
        // Most jobs of a host follow each other. Some overlap.
        if rng.chance(120) {
            world.orders.spawn(job);
            world.sleep(rng.minutes(1, 30)).await;
        } else {
            job.await;
            world.sleep(rng.minutes(10, 200)).await;
        }
    }
}

/// How long after the evening the last rollout may end.
const LONGEST_AFTER_EVENING: Duration = Duration::from_secs(2 * 3_600);

/// Rolls one job after another out over all hosts.
pub(crate) async fn plan_fleet(world: World, mut rng: Rng) {
    while !world.is_evening() {
        let job = fixtures::job(u128::from(world.number()));
        // A host held by a rollout or group waits until its end, which must come before the world's end.
        let lasts = rng.minutes(30, 240).min(world.evening - world.at() + LONGEST_AFTER_EVENING);
        let Ok(window) =
            Window::lasting(world.now(), TimeDelta::from_std(lasts).unwrap_or_default())
        else {
            continue;
        };
        let (store, eyes) = world.store(&world.store_clock);
        let hosts = u32::try_from(world.settings.hosts).unwrap_or(1);
        let policy = policy(&mut rng);
        while store.open_rollout(job, hosts, policy.clone()).await.is_err() {
            world.sleep(rng.seconds(1, 30)).await;
        }
        world.checker().count(Event::FleetBegun);
        for host in 1..=world.settings.hosts {
            let host = fixtures::host(host);
            world.set_window(job, host, WindowAnswer::Open(window));
            let request = GateRequest::new(job, host, window);
            world.orders.spawn(executor::execute_in_fleet(world.clone(), request, rng.fork()));
        }
        while world.now() < window.closes_at() && !world.is_evening() {
            world.sleep(rng.minutes(5, 60)).await;
            if rng.chance(500) {
                let audit = fixtures::audit(AuditAction::RolloutResumed);
                let _ = store.resume_rollout(job, audit).await;
            }
        }
        world.checker().close(eyes);
        world.sleep(rng.minutes(10, 120)).await;
    }
}

/// Draws a rollout's policy.
fn policy(rng: &mut Rng) -> RolloutPolicy {
    let amounts = [
        Amount::Hosts(1),
        Amount::Hosts(2),
        Amount::Percent(25),
        Amount::Percent(60),
        Amount::Percent(100),
    ];
    let soaks = [0, 0, 60, 600];
    let stages = (0..rng.below(4)).map(|_| RolloutStage {
        up_to: *rng.pick(&amounts),
        soak: Duration::from_secs(*rng.pick(&soaks)),
    });
    RolloutPolicy {
        stages: stages.collect(),
        max_in_flight: *rng.pick(&amounts),
        failure_budget: *rng.pick(&[Amount::Hosts(0), Amount::Hosts(1), Amount::Percent(30)]),
    }
}

/// Applies the operators' actions to one waiting job.
async fn fate(world: World, request: GateRequest, mut rng: Rng) {
    let changes = *rng.pick(&[0, 0, 1, 1, 2, 3]);
    let mut window = request.window;
    for _ in 0..changes {
        let length = u64::try_from((window.closes_at() - world.now()).num_seconds()).unwrap_or(0);
        world.sleep(rng.seconds(0, length.max(1))).await;
        if world.is_evening() {
            return;
        }
        let (job, host) = (request.job_id, request.host_id);
        match rng.below(14) {
            0..4 => reshape(&world, job, host, &mut window, &mut rng),
            4 => {
                told(&world, &request, Event::WindowWithdrawn);
                world.set_window(job, host, WindowAnswer::Withdrawn);
            }
            5 => {
                told(&world, &request, Event::JobCancelled);
                world.set_window(job, host, WindowAnswer::JobCancelled);
            }
            6 | 7 => cancel(&world, &request).await,
            8..11 => override_checks(&world, &request, window, &mut rng).await,
            11 => answer_at_close(&world, host, window, &mut rng).await,
            _ => {
                let checks = checks_of(&world, host);
                if !checks.is_empty() {
                    let check = rng.pick(&checks).clone();
                    operator::change(&world, &check, &mut rng).await;
                }
            }
        }
    }
}

fn told(world: &World, request: &GateRequest, event: Event) {
    world.checker().note(event, format_args!("{}", Named(request.job_id, request.host_id)));
}

fn checks_of(world: &World, host: HostId) -> Vec<HealthCheck> {
    let mut checks = world.checker().stored_checks();
    checks.retain(|check| check.host_id == host);
    checks
}

/// Makes a window shorter, longer or later, often with an end close to now.
fn reshape(world: &World, job: JobId, host: HostId, window: &mut Window, rng: &mut Rng) {
    let now = world.now();
    let soon = now + TimeDelta::from_std(rng.seconds(0, 40)).unwrap_or_default();
    let (event, opens, closes): (_, DateTime<Utc>, DateTime<Utc>) = match rng.below(6) {
        0 => (Event::WindowShortened, window.opens_at(), around(now, rng)),
        1 | 2 => (Event::WindowShortened, window.opens_at(), around(soon, rng)),
        3 | 4 => {
            let more = TimeDelta::from_std(rng.minutes(1, 40)).unwrap_or_default();
            (Event::WindowExtended, window.opens_at(), window.closes_at() + more)
        }
        _ => {
            let opens =
                around(now + TimeDelta::from_std(rng.minutes(1, 9)).unwrap_or_default(), rng);
            (Event::WindowMovedLater, opens, opens.max(window.closes_at()) + TimeDelta::minutes(9))
        }
    };
    let Ok(changed) = Window::new(opens, closes) else { return };
    if event == Event::WindowShortened && changed.closes_at() > window.closes_at() {
        return;
    }
    *window = changed;
    world.set_window(job, host, WindowAnswer::Open(changed));
    let what = format!("{}, {opens} to {closes}", Named(job, host));
    world.checker().note(event, format_args!("{what}"));
}

async fn cancel(world: &World, request: &GateRequest) {
    told(world, request, Event::CancelRequested);
    let (store, eyes) = world.store(&world.store_clock);
    let audit = fixtures::audit(AuditAction::GateCancelled);
    let audit = audit.with_gate(request.job_id, request.host_id);
    let _ = store.request_cancel(request.job_id, request.host_id, audit).await;
    world.checker().close(eyes);
}

/// Overrides the checks of a host for a while, and sometimes revokes it, or changes one of the checks.
async fn override_checks(world: &World, request: &GateRequest, window: Window, rng: &mut Rng) {
    let checks = checks_of(world, request.host_id);
    let named: Vec<OverriddenCheck> = checks
        .iter()
        .filter(|_| rng.chance(800))
        .map(|check| OverriddenCheck { check_id: check.id, revision: check.revision })
        .collect();
    let now = world.now();
    let lasts = TimeDelta::from_std(rng.seconds(1, 900)).unwrap_or_default();
    let (expires, end) = ((now + lasts).min(window.closes_at()), window.closes_at());
    let reason = "the sensor is broken";
    let Ok(given) = GateOverride::new(named, reason, expires, "ada", now, end) else { return };
    for check in &checks {
        weather::spoil(world, check, rng);
    }
    told(world, request, Event::Overridden);
    let (store, eyes) = world.store(&world.store_clock);
    let audit =
        || fixtures::audit(AuditAction::GateOverridden).with_gate(request.job_id, request.host_id);
    let (job, host) = (request.job_id, request.host_id);
    let set = store.set_override(job, host, Some(given), audit()).await;
    if matches!(set, Ok(_) | Err(StoreError::Unavailable { .. })) {
        match rng.below(5) {
            2 => {
                world.sleep(rng.seconds(0, 60)).await;
                told(world, request, Event::RightLost);
                world.checker().rights_lost.insert((job, host));
            }
            0 => {
                world.sleep(rng.seconds(0, 60)).await;
                told(world, request, Event::OverrideTakenBack);
                let _ = store.set_override(job, host, None, audit()).await;
            }
            1 if !checks.is_empty() => {
                told(world, request, Event::OverrideOutlived);
                let check = rng.pick(&checks).clone();
                operator::change(world, &check, rng).await;
            }
            _ => {}
        }
    }
    world.checker().close(eyes);
}

/// Turns a check healthy close to the end of the window.
async fn answer_at_close(world: &World, host: HostId, window: Window, rng: &mut Rng) {
    let end = world.settings.policy.end_of(window, WindowKind::Maintenance);
    for check in checks_of(world, host) {
        weather::set(world, &check, Behaviour::Silent);
    }
    let before = TimeDelta::from_std(rng.seconds(1, 20)).unwrap_or_default();
    world.sleep_until(end - before).await;
    let answer = around(end, rng) - world.now();
    let at = world.at() + answer.to_std().unwrap_or(Duration::ZERO);
    for check in checks_of(world, host) {
        weather::set(world, &check, Behaviour::AnswersAt(at));
    }
}
