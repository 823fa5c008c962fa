//! Rules that bind harder than they seem: margins, overrides, exemptions, passes that nobody spends.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use chrono::TimeDelta;
use healthgate::{
    checks::{Capacity, PollerConfig},
    clock::Clock,
    gate::{
        ConditionSource, Gate, GateError, GatePolicy, GateRunner, GateRunnerConfig, NoChecks,
        Opening, OverrideRequest, OverrideRights, SourceError, WithConditions, decide::Condition,
    },
    model::{
        Actor, EndReason, GatePass, GateRecord, GateRequest, GateState, HostId, JobId, PassKind,
        ReasonCode, Role, ViolationCode, WindowKind,
    },
    store::{CheckStore, GateStore, Spend, SpendRefusal},
};
use proptest::prelude::*;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::world::{MINUTE, World, cases};

/// A runner has looked at its gates once more.
const LOOK: Duration = Duration::from_secs(3);

const REFUSED: Spend = Spend::Refused(SpendRefusal::Outdated);

fn ada() -> Actor {
    Actor::new("ada", Role::Admin)
}

#[derive(Debug, Default)]
struct Rights(Mutex<bool>);

#[async_trait]
impl OverrideRights for Rights {
    async fn may_override(&self, gates: &[&GateRecord]) -> Result<Vec<bool>, SourceError> {
        Ok(vec![!*self.0.lock().unwrap(); gates.len()])
    }
}

#[derive(Debug, Default)]
struct Pauses(Mutex<HashMap<HostId, Condition>>);

#[async_trait]
impl ConditionSource for Pauses {
    async fn conditions(&self, gates: &[&GateRecord]) -> Result<Vec<Vec<Condition>>, SourceError> {
        let paused = self.0.lock().unwrap();
        Ok(gates
            .iter()
            .map(|gate| paused.get(&gate.host_id).cloned().into_iter().collect())
            .collect())
    }
}

/// A job that is to run at once waits for as long as it may, whatever the margin of windows.
#[test]
fn f138_an_immediate_wait_has_no_closing_margin() {
    let mut world = World::new();
    world.policy.closing_margin = MINUTE * 30;
    let (well, ill) = (world.host(1), world.host(2));
    world.play(world.gates().run(CancellationToken::new()), async {
        world.check(well, "a").await;
        let check = world.check(ill, "a").await;
        world.script(&check, ReasonCode::Status);
        let now = world.now();
        let wait =
            |host| GateRequest::immediate(JobId::generate(), host, now, MINUTE * 15).unwrap();
        let record = world.gate().wait(wait(well)).await.unwrap();
        assert_eq!(record.state, GateState::Passed);
        let late = wait(ill);
        world.gate().open(late.clone()).await.unwrap();
        world.clock.sleep(MINUTE * 14).await;
        assert_eq!(world.record(&late).await.state, GateState::Waiting);
        assert!(world.record(&late).await.attempts >= 3);
        let ended = world.gate().wait(late).await.unwrap();
        assert_eq!(ended.end_reason, Some(EndReason::WindowClosed));
        assert!(world.now() - now >= TimeDelta::minutes(15));
    });
}

/// A window that is no longer than the closing margin is refused when the gate is opened, with words.
#[test]
fn f138_a_window_that_the_margin_swallows_is_refused_with_words() {
    let mut world = World::new();
    world.policy.closing_margin = MINUTE * 30;
    let host = world.host(1);
    world.play(world.gates().run(CancellationToken::new()), async {
        let gate = world.gate();
        for (minutes, refused) in [(20, true), (30, true), (31, false)] {
            let request = world.request(world.host(u128::from(minutes)), MINUTE * minutes);
            let opened = gate.open(request.clone()).await;
            assert_eq!(opened.is_err(), refused, "{minutes}");
            if let Err(error) = opened {
                let GateError::Invalid(violations) = &error else { panic!("{error}") };
                assert!(violations.contains("window", ViolationCode::TooShort));
                assert!(error.to_string().contains("last 30 min"), "{error}");
            }
        }
        // A queued job's failure is recorded, so that people see it where they look for it.
        let (short, long) =
            (world.request(host, MINUTE * 20), world.request(world.host(2), MINUTE * 90));
        let openings = gate.open_all(&[short.clone(), long]).await.unwrap();
        let Opening::Ended(record) = &openings[0] else { panic!("{openings:?}") };
        assert_eq!(record.end_reason, Some(EndReason::WindowClosed));
        assert!(record.detail.contains("choose a longer window"), "{}", record.detail);
        assert!(matches!(&openings[1], Opening::Open(_)));
        // Asked again, it says the same.
        assert_eq!(gate.open(short).await.unwrap(), *record);
    });
}

async fn overridden(
    world: &World,
    gate: &Gate,
    host: HostId,
    expires_in: Duration,
) -> (GatePass, GateRequest) {
    let check = world.check(host, "flaky").await;
    world.script(&check, ReasonCode::Status);
    let request = world.request(host, MINUTE * 60);
    gate.open(request.clone()).await.unwrap();
    world.clock.sleep(LOOK).await;
    let expires_at = world.now() + TimeDelta::from_std(expires_in).unwrap();
    let given = OverrideRequest {
        job_id: request.job_id,
        host_id: host,
        check_ids: vec![check.id],
        reason: "known, and harmless here".to_owned(),
        expires_at,
    };
    gate.override_checks(given, ada()).await.unwrap();
    let pass = gate.wait(request.clone()).await.unwrap().pass.unwrap();
    assert_eq!(pass.kind, PassKind::Overridden);
    assert!(pass.valid_until <= expires_at, "it does not outlive its override");
    (pass, request)
}

/// A pass by an override is worth nothing once the override has expired, was taken back, or was given
/// by somebody who has lost the right to.
#[test]
fn f139_a_pass_does_not_outlive_its_override() {
    let mut world = World::new();
    world.policy.pass_ttl = MINUTE * 20;
    let rights = Arc::new(Rights::default());
    let runner = world.gates().with_override_rights(rights.clone());
    let gate = world.gate().with_override_rights(rights.clone());
    world.play(runner.run(CancellationToken::new()), async {
        let (pass, _) = overridden(&world, &gate, world.host(1), MINUTE * 5).await;
        world.clock.sleep(MINUTE * 5).await;
        let spent = gate.spend(&pass).await.unwrap();
        assert!(matches!(spent, Spend::Refused(_)), "expired: {spent:?}");

        let (pass, request) = overridden(&world, &gate, world.host(2), MINUTE * 30).await;
        let record = gate.remove_override(request.job_id, request.host_id, ada()).await.unwrap();
        assert_eq!((record.state, &record.exception), (GateState::Passed, &None));
        assert_eq!(world.memory.spend_pass(pass.id).await.unwrap(), REFUSED, "by the store");
        assert_eq!(gate.spend(&pass).await.unwrap(), REFUSED, "taken back");
        world.clock.sleep(MINUTE * 21).await;
        assert_eq!(world.record(&request).await.state, GateState::Waiting);

        let (pass, request) = overridden(&world, &gate, world.host(3), MINUTE * 30).await;
        *rights.0.lock().unwrap() = true;
        assert_eq!(gate.spend(&pass).await.unwrap(), REFUSED, "no right to it any more");
        *rights.0.lock().unwrap() = false;
        let pass = gate.wait(request).await.unwrap().pass.unwrap();
        assert!(matches!(gate.spend(&pass).await.unwrap(), Spend::Spent(_)));
    });
}

/// A paused host is not touched by exempt jobs either; a condition can say that it spares them.
#[test]
fn f140_a_paused_host_holds_an_exempt_job() {
    let world = World::new();
    let pauses = Arc::new(Pauses::default());
    let health = Arc::new(WithConditions::new(world.health(), pauses.clone()));
    let (runner, gate) = (world.gates_on(health.clone()), world.gate_on(health));
    let paused = Condition::unmet("not paused", "paused", "by an operator");
    let set = |host, condition: Option<Condition>| {
        let mut pauses = pauses.0.lock().unwrap();
        match condition {
            Some(condition) => pauses.insert(host, condition),
            None => pauses.remove(&host),
        };
    };
    world.play(runner.run(CancellationToken::new()), async {
        let host = world.host(1);
        let check = world.check(host, "bad").await;
        world.script(&check, ReasonCode::Status);
        set(host, Some(paused.clone()));
        let request = world.request(host, MINUTE * 10).with_exemption();
        gate.open(request.clone()).await.unwrap();
        world.clock.sleep(MINUTE).await;
        let record = world.record(&request).await;
        assert_eq!((record.state, record.attempts), (GateState::Waiting, 0));
        assert!(record.detail.contains("not paused: paused"), "{}", record.detail);
        set(host, None);
        let pass = gate.wait(request.clone()).await.unwrap().pass.unwrap();
        assert_eq!(pass.kind, PassKind::Exempt);
        set(host, Some(paused.clone()));
        assert_eq!(gate.spend(&pass).await.unwrap(), REFUSED, "asked again in the spending");
        set(host, Some(paused.clone().with_exemption()));
        let pass = gate.wait(request).await.unwrap().pass.unwrap();
        assert!(matches!(gate.spend(&pass).await.unwrap(), Spend::Spent(_)));

        let host = world.host(2);
        set(host, Some(paused.clone().with_exemption()));
        let spared = world.request(host, MINUTE * 10).with_exemption();
        assert_eq!(gate.wait(spared).await.unwrap().state, GateState::Passed);
        let host = world.host(3);
        set(host, Some(paused));
        let record = gate.wait(world.request(host, MINUTE * 2).with_exemption()).await.unwrap();
        assert_eq!(record.end_reason, Some(EndReason::WindowClosed));
        assert!(record.detail.contains("before every condition was met"), "{}", record.detail);
    });
}

/// Every constructor that takes a policy refuses figures that cannot work, alone or with the others.
#[test]
fn f145_no_gate_is_made_with_figures_that_cannot_work() {
    let world = World::new();
    let health = world.health();
    let refusals = |policy: &GatePolicy| {
        let clock = || Arc::new(world.clock.clone());
        let gate = Gate::new(
            world.store.clone(),
            health.clone(),
            world.windows.clone(),
            clock(),
            policy.clone(),
        );
        let runner = GateRunner::new(
            world.store.clone(),
            health.clone(),
            world.windows.clone(),
            clock(),
            policy.clone(),
            GateRunnerConfig::default(),
        );
        (gate.err().map(|error| error.field), runner.err().map(|error| error.field))
    };
    let good = GatePolicy::default();
    assert_eq!(refusals(&good), (None, None));
    let (zero, week) = (Duration::ZERO, MINUTE * 60 * 24 * 7);
    for (field, policy) in [
        ("retry", GatePolicy { retry: zero, ..good.clone() }),
        ("retry", GatePolicy { retry: Duration::MAX, ..good.clone() }),
        ("timeout", GatePolicy { timeout: MINUTE * 10, max_age: week, ..good.clone() }),
        ("timeout", GatePolicy { timeout: zero, ..good.clone() }),
        // The source of health runs a check for 10 s.
        ("timeout", GatePolicy { timeout: Duration::from_secs(20), ..good.clone() }),
        ("max_age", GatePolicy { max_age: Duration::from_secs(9), ..good.clone() }),
        ("max_age", GatePolicy { max_age: Duration::MAX, ..good.clone() }),
        ("pass_ttl", GatePolicy { pass_ttl: zero, ..good.clone() }),
        ("pass_ttl", GatePolicy { pass_ttl: Duration::MAX, ..good.clone() }),
        ("closing_margin", GatePolicy { closing_margin: week, ..good.clone() }),
        ("healthy_after", GatePolicy { healthy_after: 0, ..good.clone() }),
        ("spread", GatePolicy { spread: Duration::MAX, ..good.clone() }),
    ] {
        assert_eq!(refusals(&policy), (Some(field), Some(field)), "{policy:?}");
    }
    let poller = PollerConfig { interval: MINUTE, ..PollerConfig::default() };
    assert!(GatePolicy::for_poller(&poller).validate_with_poller(&poller).is_ok());
    assert!(good.validate_with_poller(&PollerConfig::default()).is_ok());
    let rare = PollerConfig { interval: MINUTE * 10, ..PollerConfig::default() };
    assert_eq!(good.validate_with_poller(&rare).unwrap_err().field, "max_age");
    let live = GatePolicy { live_only: true, ..good.clone() };
    assert!(live.validate_with_poller(&rare).is_ok());
    let slow = PollerConfig { timeout: MINUTE, ..PollerConfig::default() };
    assert_eq!(good.validate_with_poller(&slow).unwrap_err().field, "timeout");
    // A check must be over before its next run, unless its missed slots are accepted.
    let second = Duration::from_secs(1);
    let figures = |interval, timeout| PollerConfig { interval, timeout, ..PollerConfig::default() };
    let refused = |config: PollerConfig| config.validate().err().map(|error| error.field);
    assert_eq!(refused(figures(second * 10, second * 11)), Some("timeout"));
    assert_eq!(refused(figures(second * 10, second * 10)), None);
    let missed = PollerConfig { allow_missed_slots: true, ..figures(second, second * 10) };
    assert_eq!(refused(missed), None);
    let shorter = Some(second * 9);
    let unhealthy = PollerConfig { unhealthy_interval: shorter, ..PollerConfig::default() };
    assert_eq!(refused(unhealthy.clone()), Some("unhealthy_interval"));
    assert_eq!(refused(PollerConfig { allow_missed_slots: true, ..unhealthy }), None);
    // A figure that overflows is refused like any other one.
    assert_eq!(refused(figures(second * 10, Duration::MAX)), Some("timeout"));
    let gates = GateRunnerConfig { tick: Duration::MAX, ..GateRunnerConfig::default() };
    assert_eq!(gates.validate().err().map(|error| error.field), Some("tick"));
}

/// A healthy gate whose pass nobody spends looks again soon after each pass, and its end says what
/// happened: not that a check was unhealthy.
#[test]
fn f148_a_pass_that_nobody_spends_says_so_and_the_next_attempt_comes_promptly() {
    let world = World::new();
    let host = world.host(1);
    world.play(world.gates().run(CancellationToken::new()), async {
        world.check(host, "a").await;
        let request = world.request(host, MINUTE * 20);
        world.gate().open(request.clone()).await.unwrap();
        let (mut expired_at, mut waits) = (None, Vec::new());
        while world.record(&request).await.state != GateState::Failed {
            world.clock.sleep(Duration::from_secs(1)).await;
            let (record, now) = (world.record(&request).await, world.now());
            match (record.state, expired_at) {
                (GateState::Waiting, None) if record.pass.is_some() => expired_at = Some(now),
                (GateState::Passed, Some(at)) => {
                    waits.push(now - at);
                    expired_at = None;
                }
                _ => {}
            }
        }
        assert!(waits.len() >= 10, "{waits:?}");
        assert!(waits.iter().all(|wait| *wait <= TimeDelta::seconds(8)), "{waits:?}");
        let record = world.record(&request).await;
        assert_eq!(record.end_reason, Some(EndReason::PassNotSpent));
        assert!(record.detail.contains("before the pass of"), "{}", record.detail);
        assert!(!record.detail.contains("healthy"), "{}", record.detail);
        let text = serde_json::to_value(&record).unwrap();
        assert_eq!(text["end_reason"], "pass_not_spent");

        // Checks that fail after the pass are the reason.
        let check = world.check(world.host(2), "b").await;
        let request = world.request(check.host_id, MINUTE * 20);
        world.gate().wait(request.clone()).await.unwrap();
        world.script(&check, ReasonCode::Status);
        world.clock.sleep(MINUTE * 21).await;
        assert_eq!(world.record(&request).await.end_reason, Some(EndReason::WindowClosed));
    });
}

/// A check that fails by a newer result refuses the pass, unless an override lets it fail.
#[test]
fn f158_spending_looks_at_newer_results_once_more() {
    let mut world = World::new();
    world.policy.pass_ttl = MINUTE * 20;
    let hosts = [world.host(1), world.host(2), world.host(3)];
    let interval = MINUTE;
    let poller = world.poller(PollerConfig { interval, ..PollerConfig::default() });
    let (poller, runner) = (poller.run(CancellationToken::new()), world.gates());
    let background = async {
        tokio::join!(poller, runner.run(CancellationToken::new()));
    };
    world.play(background, async {
        let gate = world.gate();
        let mut checks = Vec::new();
        for host in hosts {
            checks.push(world.check(host, "a").await);
        }
        let mut passes = Vec::new();
        for host in &hosts[..2] {
            let record = gate.wait(world.request(*host, MINUTE * 60)).await.unwrap();
            passes.push(record.pass.unwrap());
        }
        world.script(&checks[0], ReasonCode::Status);
        // Under an override a check may go on failing.
        world.script(&checks[2], ReasonCode::Status);
        world.clock.sleep(interval * 2).await;
        assert_eq!(gate.spend(&passes[0]).await.unwrap(), REFUSED);
        assert!(matches!(gate.spend(&passes[1]).await.unwrap(), Spend::Spent(_)));
        let request = world.request(hosts[2], MINUTE * 60);
        gate.open(request.clone()).await.unwrap();
        let given = OverrideRequest {
            job_id: request.job_id,
            host_id: request.host_id,
            check_ids: vec![checks[2].id],
            reason: "known, and harmless here".to_owned(),
            expires_at: request.window.closes_at(),
        };
        gate.override_checks(given, ada()).await.unwrap();
        let pass = gate.wait(request).await.unwrap().pass.unwrap();
        world.clock.sleep(interval * 2).await;
        assert!(matches!(gate.spend(&pass).await.unwrap(), Spend::Spent(_)));
    });
}

/// A report-only gate runs the checks first, so that its report is true, and then proceeds.
#[test]
fn f161_a_reporting_gate_runs_its_checks_and_never_blocks() {
    for (reason, hangs) in
        [(ReasonCode::Ok, false), (ReasonCode::Status, false), (ReasonCode::Ok, true)]
    {
        let world = World::new();
        let host = world.host(1);
        world.play(world.gates().run(CancellationToken::new()), async {
            let check = world.check(host, "new").await;
            world.script(&check, reason);
            if hangs {
                world.script_as(&check, crate::world::Script::Hang);
            }
            let request = world.request(host, MINUTE * 30).with_report_only();
            let opened = world.now();
            let record = world.gate().wait(request).await.unwrap();
            let pass = record.pass.unwrap();
            assert_eq!((pass.kind, record.attempts), (PassKind::ReportOnly, 1));
            assert_eq!(world.ran().len(), 1);
            let healthy = reason == ReasonCode::Ok && !hangs;
            let would_have = pass.would_have.unwrap();
            assert_eq!(would_have.kind, healthy.then_some(PassKind::Healthy), "{reason:?} {hangs}");
            if !hangs {
                assert_eq!(pass.evidence[0].reason.as_str(), reason.as_str());
            }
            assert!(pass.granted_at - opened <= TimeDelta::seconds(25), "{hangs}");
        });
    }
}

/// A gate that finds no room for its attempt proceeds before its window ends all the same.
#[test]
fn f161_a_reporting_gate_without_room_proceeds_before_its_end() {
    let world = World::new();
    let host = world.host(1);
    let capacity = Capacity::split(2, 1);
    let _busy = capacity.admit_gate(1).expect("there is room");
    let runner = world.gates().with_capacity(capacity);
    world.play(runner.run(CancellationToken::new()), async {
        world.check(host, "a").await;
        let request = world.request(host, MINUTE * 5).with_report_only();
        let end = request.window.closes_at();
        let record = world.gate().wait(request).await.unwrap();
        assert_eq!((record.state, record.attempts), (GateState::Passed, 0));
        let left = end - record.pass.unwrap().granted_at;
        assert!(left > TimeDelta::zero() && left <= TimeDelta::seconds(10), "{left}");
    });
}

/// A gate that blocks for want of checks says that, while it waits and at its end.
#[test]
fn f167_a_gate_without_checks_says_that_it_needs_one() {
    let mut world = World::new();
    world.policy.no_checks = NoChecks::Block;
    let (bare, disabled) = (world.host(1), world.host(2));
    world.play(world.gates().run(CancellationToken::new()), async {
        let check = world.check(disabled, "a").await;
        world.edit(&check, serde_json::json!({"enabled": false})).await;
        for (host, kind) in [(bare, WindowKind::Maintenance), (disabled, WindowKind::Immediate)] {
            let request = GateRequest { window_kind: kind, ..world.request(host, MINUTE * 5) };
            world.gate().open(request.clone()).await.unwrap();
            world.clock.sleep(LOOK).await;
            let waiting = world.record(&request).await.detail;
            assert!(waiting.contains("waiting for an enabled check"), "{waiting}");
            let record = world.gate().wait(request).await.unwrap();
            assert_eq!(record.end_reason, Some(EndReason::WindowClosed));
            assert!(record.detail.contains("has no enabled check"), "{}", record.detail);
            assert!(!record.detail.contains("healthy"), "{}", record.detail);
        }
    });
}

/// F167: a runner is dropped in the middle of its work, a few seconds before the close; another one ends its
/// gates at the close.
#[test]
fn f167_the_gates_of_a_dropped_runner_end_at_their_close() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let world = World::new();
    let host = world.host(1);
    world.play(std::future::pending(), async {
        let check = world.check(host, "a").await;
        world.script(&check, ReasonCode::Status);
        let request = world.request(host, MINUTE);
        world.gate().open(request.clone()).await.unwrap();
        let (first, second) = (world.gates(), world.gates());
        let inside = runtime.enter();
        tokio::select! {
            () = first.run(CancellationToken::new()) => {}
            () = world.clock.sleep(Duration::from_secs(50)) => {}
        }
        drop(inside);
        runtime.block_on(tokio::task::yield_now());
        tokio::select! {
            () = second.run(CancellationToken::new()) => {}
            () = world.clock.sleep(Duration::from_secs(15)) => {}
        }
        let record = world.record(&request).await;
        assert_eq!(record.end_reason, Some(EndReason::WindowClosed), "{}", record.detail);
        let late = record.ended_at.unwrap() - request.window.closes_at();
        assert!(late < TimeDelta::seconds(3), "{late}");
    });
}

/// A right clock steps back by 90 s with 30 s of the window left: nothing passes, starts or is spent
/// after the true close, and the gate says why.
#[test]
fn f155_a_clock_that_steps_back_lets_nothing_through_after_the_close() {
    for recovers_after in [5, 40, 70] {
        let world = World::new();
        let host = world.host(1);
        world.play(world.gates().run(CancellationToken::new()), async {
            let check = world.check(host, "a").await;
            world.script(&check, ReasonCode::Status);
            let request = world.request(host, MINUTE * 10);
            let opened = world.clock.monotonic();
            world.gate().open(request.clone()).await.unwrap();
            world.clock.sleep(MINUTE * 9 + Duration::from_secs(30)).await;
            world.clock.step_wall(TimeDelta::seconds(-90));
            world.clock.sleep(Duration::from_secs(recovers_after)).await;
            world.script(&check, ReasonCode::Ok);
            while world.record(&request).await.state == GateState::Waiting {
                world.clock.sleep(Duration::from_secs(1)).await;
            }
            let took = world.clock.monotonic() - opened;
            let record = world.record(&request).await;
            assert_eq!(record.end_reason, Some(EndReason::WindowClosed), "{recovers_after}");
            // The clock is not believed for half a minute after its step.
            assert!(took <= MINUTE * 10 + Duration::from_secs(45), "{took:?}");
            let offset = record.clock_offset();
            assert!((offset - TimeDelta::seconds(90)).abs() <= TimeDelta::seconds(1), "{offset}");
            let noted =
                |text: &str| record.notes.iter().any(|note| note.text.as_str().contains(text));
            assert!(
                noted("runs on, 90 s ahead") || noted("runs on, 89 s ahead"),
                "{:?}",
                record.notes
            );
        });
    }
}

/// A pass that was seen before the clock stepped back is not valid for longer.
#[test]
fn f155_a_pass_does_not_live_longer_by_a_step_back() {
    let world = World::new();
    let host = world.host(1);
    world.play(world.gates().run(CancellationToken::new()), async {
        world.check(host, "a").await;
        let gate = world.gate();
        let request = world.request(host, MINUTE * 10);
        world.clock.sleep(MINUTE * 3).await;
        let pass = gate.wait(request.clone()).await.unwrap().pass.unwrap();
        world.clock.step_wall(TimeDelta::seconds(-90));
        world.clock.sleep(MINUTE).await;
        assert!(world.now() < pass.valid_until, "by the clock alone it is valid");
        assert!(world.now() > request.window.opens_at(), "and its window is open");
        let spent = gate.spend(&pass).await.unwrap();
        assert_eq!(spent, Spend::Refused(SpendRefusal::Expired));
    });
}

/// The clock was 90 min ahead, was put right, and the worker restarted: a healthy gate passes at once,
/// and one whose window has closed by its own time is lost, until an administrator says otherwise.
#[test]
fn f155_a_gate_does_not_wait_for_a_clock_that_was_put_right() {
    let mut world = World::new();
    world.policy.live_only = true;
    let (long, short) = (world.host(1), world.host(2));
    let stop = CancellationToken::new();
    let (long, short) = world.play(world.gates().run(stop.clone()), async {
        for host in [long, short] {
            let check = world.check(host, "a").await;
            world.script(&check, ReasonCode::Status);
        }
        world.clock.sleep(MINUTE).await;
        world.clock.step_wall(TimeDelta::minutes(90));
        world.clock.sleep(MINUTE).await;
        let mut requests = Vec::new();
        for (host, lasts) in [(long, MINUTE * 300), (short, MINUTE * 60)] {
            let window = world.window(Duration::ZERO, lasts);
            // The windows are right, the clock is not.
            let by = TimeDelta::minutes(-90);
            let window =
                healthgate::model::Window::new(window.opens_at() + by, window.closes_at() + by);
            requests.push(GateRequest::new(JobId::generate(), host, window.unwrap()));
        }
        requests[1].window = world.window(Duration::ZERO, MINUTE * 60);
        for request in &requests {
            world.gate().open(request.clone()).await.unwrap();
        }
        world.clock.sleep(MINUTE).await;
        stop.cancel();
        world.clock.sleep(MINUTE).await;
        (requests[0].clone(), requests[1].clone())
    });
    world.clock.step_wall(TimeDelta::minutes(-90));
    world.play(world.gates().run(CancellationToken::new()), async {
        for check in world.memory.checks_of(&[long.host_id, short.host_id]).await.unwrap() {
            world.script(&check, ReasonCode::Ok);
        }
        let restarted = world.now();
        let record = world.gate().wait(long.clone()).await.unwrap();
        assert_eq!(record.state, GateState::Passed);
        assert!(world.now() - restarted <= TimeDelta::seconds(320), "{}", world.now() - restarted);
        assert!(record.clock_offset() >= TimeDelta::minutes(88), "{}", record.clock_offset());
        let waiting = world.record(&short).await;
        assert_eq!(waiting.state, GateState::Waiting, "its window opens by the clock");
        let cleared =
            world.gate().clear_clock_offset(short.job_id, short.host_id, ada()).await.unwrap();
        assert_eq!(cleared.clock_offset_us, 0);
        world.clock.sleep(LOOK).await;
        assert!(world.record(&short).await.clock_offset() < TimeDelta::seconds(1));
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(200), failure_persistence: None, ..ProptestConfig::default() })]

    /// F291: an edit outdates a pass whatever the clock says of their order: at the instant of the run, or with the
    /// clock set back by so little that nobody takes it for a step.
    #[test]
    fn f291_an_edit_outdates_a_pass_whatever_the_clock_says(
        pause in 0_u64..300,
        back in prop_oneof![Just(0_i64), 0_i64..400],
    ) {
        let world = World::new();
        let host = world.host(1);
        let spent = world.play(world.gates().run(CancellationToken::new()), async {
            let check = world.check(host, "a").await;
            let gate = world.gate();
            let pass = gate.wait(world.request(host, MINUTE * 30)).await.unwrap().pass.unwrap();
            world.clock.sleep(Duration::from_millis(pause)).await;
            world.clock.step_wall(-TimeDelta::milliseconds(back));
            world.edit(&check, json!({"service_name": "b"})).await;
            gate.spend(&pass).await.unwrap()
        });
        prop_assert_eq!(spent, REFUSED);
    }
}
