//! What gates do when something goes wrong, and when there are many of them.

use std::time::Duration;

use chrono::TimeDelta;
use healthgate::{
    clock::Clock,
    gate::{GatePolicy, decide::WindowAnswer},
    model::{AttemptOutcome, EndReason, GateState, ReasonCode},
    store::{GateStore, Spend},
    testing::{Fault, FaultRule, Operation},
};
use tokio_util::sync::CancellationToken;

use crate::world::{MINUTE, Script, World};

const RETRY: Duration = Duration::from_secs(300);

/// F36, G32: while the store cannot be reached nothing passes; the end is recorded when it is back.
#[test]
fn f36_nothing_passes_while_the_store_is_down_and_the_end_is_recorded_after() {
    for fault in [Fault::Before, Fault::After] {
        let world = World::new();
        let host = world.host(1);
        world.play(world.gates().run(CancellationToken::new()), async {
            let check = world.check(host, "a").await;
            world.script(&check, ReasonCode::Status);
            let request = world.request(host, MINUTE * 20);
            world.gate().open(request.clone()).await.unwrap();
            world.clock.sleep(MINUTE).await;
            world.store.fail(fault);
            world.script(&check, ReasonCode::Ok);
            world.clock.sleep(MINUTE * 25).await;
            let record = world.record(&request).await;
            if let Some(pass) = &record.pass {
                // The write was made and its answer lost: the pass is real, and over by now.
                assert!(matches!(
                    world.memory.spend_pass(pass.id).await.unwrap(),
                    Spend::Refused(_)
                ));
            }
            assert_ne!(record.state, GateState::Spent, "{fault:?}");
            world.store.heal();
            // A claim whose answer was lost holds the gate until its lease ends.
            world.clock.sleep(Duration::from_secs(100)).await;
            let record = world.record(&request).await;
            assert_eq!(record.state, GateState::Failed, "{fault:?}");
            assert_eq!(record.end_reason, Some(EndReason::WindowClosed), "{fault:?}");
        });
    }
}

/// F23, G22, G28: a worker that dies in the middle of an attempt is followed by one that goes on, with
/// the attempt counted and nothing made up for.
#[test]
fn g28_a_gate_outlives_its_worker_and_a_cut_attempt_counts() {
    let world = World::new();
    let host = world.host(1);
    let request = world.request(host, MINUTE * 60);
    let check = world.clock.drive(world.check(host, "a"));
    world.script_as(&check, Script::Hang);
    world.play(world.gates().run(CancellationToken::new()), async {
        world.gate().open(request.clone()).await.unwrap();
        world.clock.sleep(MINUTE).await;
        let attempts = world.record(&request).await.attempts;
        assert_eq!(attempts, 1);
        world.clock.sleep(RETRY - MINUTE + Duration::from_secs(3)).await;
        assert_eq!(world.record(&request).await.attempts, 2, "the second one is under way");
    });
    // The runner was dropped: its lease runs out by itself.
    world.clock.advance(MINUTE * 20);
    world.script(&check, ReasonCode::Ok);
    world.play(world.gates().run(CancellationToken::new()), async {
        world.clock.sleep(Duration::from_secs(10)).await;
        let record = world.record(&request).await;
        assert_eq!((record.state, record.attempts), (GateState::Passed, 3));
        let outcomes: Vec<_> =
            world.attempts(&record).await.iter().map(|attempt| attempt.outcome).collect();
        let (cut, done) = (AttemptOutcome::Interrupted, AttemptOutcome::Finished);
        assert_eq!(outcomes[1..], [cut, done]);
        assert_eq!(record.opened_at, request.window.opens_at(), "its history is the original one");
    });
}

/// F48: told to stop, a runner lets attempts end and hands its gates back at once.
#[test]
fn f48_a_stopped_runner_hands_its_gates_to_the_next_one() {
    let world = World::new();
    let host = world.host(1);
    let request = world.request(host, MINUTE * 60);
    let check = world.clock.drive(world.check(host, "a"));
    world.script_as(&check, Script::Answer(ReasonCode::Status, Duration::from_secs(6)));
    let stop = CancellationToken::new();
    let runner = world.gates();
    world.clock.drive(async {
        world.gate().open(request.clone()).await.unwrap();
        let order = async {
            world.clock.sleep(Duration::from_secs(3)).await;
            stop.cancel();
        };
        tokio::join!(runner.run(stop.clone()), order);
    });
    let stopped = world.clock.monotonic();
    assert!(stopped <= Duration::from_secs(15), "{stopped:?}");
    world.script(&check, ReasonCode::Ok);
    world.play(world.gates().run(CancellationToken::new()), async {
        world.clock.sleep(RETRY + Duration::from_secs(5)).await;
        let record = world.record(&request).await;
        assert_eq!((record.state, record.attempts), (GateState::Passed, 2));
        let attempts = world.attempts(&record).await;
        assert!(attempts.iter().all(|attempt| attempt.outcome == AttemptOutcome::Finished));
    });
}

/// F20, G29: two runners on one store make each attempt once.
#[test]
fn f20_two_runners_make_each_attempt_once() {
    let world = World::new();
    let (first, second) = (world.gates(), world.gates());
    let stop = CancellationToken::new();
    let both = async {
        tokio::join!(first.run(stop.clone()), second.run(stop.clone()));
    };
    world.play(both, async {
        let mut requests = Vec::new();
        for number in 1..=40 {
            let host = world.host(number);
            let check = world.check(host, "a").await;
            world.script(&check, ReasonCode::Status);
            let request = world.request(host, MINUTE * 30);
            world.gate().open(request.clone()).await.unwrap();
            requests.push(request);
        }
        world.clock.sleep(MINUTE * 31).await;
        for request in &requests {
            let record = world.record(request).await;
            let attempts = world.attempts(&record).await;
            let numbers: Vec<_> = attempts.iter().map(|attempt| attempt.number).collect();
            let expected: Vec<_> = (1..=record.attempts).collect();
            assert_eq!(numbers, expected);
            let runs = world.ran().iter().filter(|ran| ran.host == request.host_id).count();
            assert_eq!(runs, attempts.len());
        }
    });
}

/// F01, G21: a wall clock that jumps over the close fails nothing until it is believed again, and one
/// that is put right has done no harm.
#[test]
fn f01_g21_a_clock_that_jumps_decides_nothing() {
    let world = World::new();
    let host = world.host(1);
    world.play(world.gates().run(CancellationToken::new()), async {
        let check = world.check(host, "a").await;
        world.script(&check, ReasonCode::Status);
        let request = world.request(host, MINUTE * 60);
        world.gate().open(request.clone()).await.unwrap();
        world.clock.sleep(MINUTE * 2).await;
        world.clock.step_wall(TimeDelta::hours(2));
        world.clock.sleep(Duration::from_secs(8)).await;
        assert_eq!(world.record(&request).await.state, GateState::Waiting, "held");
        world.clock.step_wall(TimeDelta::hours(-2));
        world.script(&check, ReasonCode::Ok);
        let record = world.gate().wait(request).await.unwrap();
        assert_eq!((record.state, record.attempts), (GateState::Passed, 2));
    });
}

/// F37: when a window opens for 2,000 hosts at once, first attempts are spread and all healthy hosts
/// pass soon, whatever the others do.
#[test]
fn f37_two_thousand_gates_that_open_at_once_are_spread_and_all_pass() {
    let mut world = World::new();
    world.policy.spread = GatePolicy::default().spread;
    world.play(world.gates().run(CancellationToken::new()), async {
        let window = world.window(MINUTE, MINUTE * 60);
        let mut healthy = Vec::new();
        for number in 1..=2_000 {
            let host = world.host(number);
            let check = world.check(host, "a").await;
            let job = healthgate::model::JobId::generate();
            let request = healthgate::model::GateRequest::new(job, host, window);
            if number % 2 == 0 {
                let timeout = Duration::from_secs(10);
                world.script_as(&check, Script::Answer(ReasonCode::TimeoutHead, timeout));
            } else {
                healthy.push(request.clone());
            }
            world.memory.open_gate(request).await.unwrap();
        }
        world.clock.sleep(MINUTE).await;
        let opened = world.clock.monotonic();
        world.clock.sleep(Duration::from_secs(180)).await;
        let mut counts = [0_u32; 3];
        for ran in world.ran() {
            let after = (ran.at - opened).as_secs();
            if after < 30 {
                counts[usize::try_from(after / 10).unwrap()] += 1;
            }
        }
        assert!(counts.iter().all(|count| *count > 300), "spread over 30 s: {counts:?}");
        for request in healthy {
            let record = world.record(&request).await;
            assert!(record.pass.is_some(), "{}", record.detail);
        }
    });
}

/// The calls of a tick do not grow with the gates that wait.
#[test]
fn ten_thousand_waiting_gates_cost_at_most_ten_calls_a_tick() {
    let world = World::new();
    world.play(world.gates().run(CancellationToken::new()), async {
        let window = world.window(MINUTE * 60, MINUTE * 60);
        for number in 1..=10_000 {
            let host = world.host(number);
            world.check(host, "a").await;
            let job = healthgate::model::JobId::generate();
            let request = healthgate::model::GateRequest::new(job, host, window);
            world.memory.open_gate(request).await.unwrap();
        }
        // Taken in blocks at first.
        world.clock.sleep(Duration::from_secs(10)).await;
        let before = world.store.calls();
        world.clock.sleep(Duration::from_secs(20)).await;
        let per_tick = (world.store.calls() - before) / 10;
        assert!((1..=10).contains(&per_tick), "{per_tick} calls a tick");
    });
}

/// G25: a cancellation after the pass was given and before it is spent wins.
#[test]
fn g25_a_cancellation_before_the_spending_wins() {
    let world = World::new();
    let host = world.host(1);
    world.play(world.gates().run(CancellationToken::new()), async {
        world.check(host, "a").await;
        let request = world.request(host, MINUTE * 30);
        let gate = world.gate();
        let pass = gate.wait(request.clone()).await.unwrap().pass.unwrap();
        let audit = crate::world::entry(healthgate::model::AuditAction::GateCancelled);
        world.memory.request_cancel(request.job_id, host, audit).await.unwrap();
        assert!(matches!(gate.spend(&pass).await.unwrap(), Spend::Refused(_)));
        world.clock.sleep(Duration::from_secs(5)).await;
        assert_eq!(world.record(&request).await.state, GateState::Cancelled);
        world.windows.set(request.job_id, host, WindowAnswer::Open(request.window));
        world.clock.sleep(RETRY).await;
        assert_eq!(world.record(&request).await.state, GateState::Cancelled);
    });
}

/// A store that answers late is not a clock that has stepped: whether its clock was read before the
/// delay or after it, a gate passes when its host is healthy and fails when its window closes.
#[test]
fn f146_a_slow_store_neither_holds_up_a_pass_nor_an_end() {
    let delay = Duration::from_secs(6);
    for fault in [Fault::Delay(delay), Fault::DelayAnswer(delay)] {
        let world = World::new();
        let (well, ill) = (world.host(1), world.host(2));
        world.play(world.gates().run(CancellationToken::new()), async {
            world.check(well, "a").await;
            let check = world.check(ill, "a").await;
            world.script(&check, ReasonCode::Status);
            for every in 0..20 {
                let nth = 1 + every * 4;
                world.store.inject(
                    FaultRule::new(fault).with_operations([Operation::WatchGates]).with_nth(nth),
                );
            }
            world.clock.sleep(Duration::from_secs(30)).await;
            let passing = world.request(well, MINUTE * 10);
            let failing = world.request(ill, MINUTE * 2);
            world.gate().open(passing.clone()).await.unwrap();
            world.gate().open(failing.clone()).await.unwrap();
            world.clock.sleep(Duration::from_secs(30)).await;
            assert!(world.record(&passing).await.pass.is_some(), "{fault:?}");
            world.clock.sleep(MINUTE * 2 - Duration::from_secs(15)).await;
            let record = world.record(&failing).await;
            assert_eq!(record.end_reason, Some(EndReason::WindowClosed), "{fault:?}");
        });
    }
}
