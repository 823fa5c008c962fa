//! What waiting gates cost, and how soon a change of one is seen (F156).

use std::{sync::Arc, time::Duration};

use healthgate::{
    clock::Clock,
    gate::{GateRunner, GateRunnerConfig, decide::WindowAnswer},
    model::{AttemptOutcome, AuditAction, EndReason, GateRequest, GateState, JobId, ReasonCode},
    store::GateStore,
    testing::{Fault, FaultRule, Operation},
};
use tokio_util::sync::CancellationToken;

use crate::world::{MINUTE, World, entry};

const HOUR: Duration = Duration::from_secs(3_600);
const SECOND: Duration = Duration::from_secs(1);

/// A worker whose gates open in days asks the store once a tick, and writes nothing.
#[test]
fn f156_gates_that_wait_for_their_opening_cost_one_call_a_tick() {
    let world = World::new();
    world.play(world.gates().run(CancellationToken::new()), async {
        for number in 1..=200 {
            let host = world.host(number);
            world.check(host, "a").await;
            let request = GateRequest::new(JobId::generate(), host, world.window(HOUR * 120, HOUR));
            world.gate().open(request).await.unwrap();
        }
        world.clock.sleep(MINUTE * 5).await;
        let count = |operation| world.store.calls_of(operation);
        let operations = [
            Operation::WatchGates,
            Operation::ClaimGates,
            Operation::SettleGates,
            Operation::ReleaseGates,
        ];
        let before = (world.store.calls(), operations.map(count));
        world.clock.sleep(HOUR).await;
        let after = (world.store.calls(), operations.map(count));
        let calls: Vec<u64> = (0..4).map(|index| after.1[index] - before.1[index]).collect();
        assert!(calls[0] <= 1_800 + 2 * 60, "{calls:?}: once a tick, once more for each full look");
        assert_eq!(calls[1..], [0, 0, 0], "nothing to claim, nothing to write");
        assert!(after.0 - before.0 <= 3_600, "{} calls an hour", after.0 - before.0);
    });
}

/// What is not open yet is looked at each minute, and whatever somebody does to a gate shows at once.
#[test]
fn f156_a_change_of_a_waiting_gate_is_seen_in_time() {
    let world = World::new();
    let runner = world.gates();
    let nudge = runner.nudge_handle();
    world.play(runner.run(CancellationToken::new()), async {
        let mut requests = Vec::new();
        for number in 1..=5 {
            let host = world.host(number);
            let check = world.check(host, "a").await;
            world.script(&check, ReasonCode::Status);
            let opens = if number == 5 { Duration::ZERO } else { HOUR * 24 };
            let window = world.window(opens, HOUR);
            let mut request = world.request(host, HOUR);
            request.window = window;
            world.gate().open(request.clone()).await.unwrap();
            requests.push(request);
        }
        world.clock.sleep(MINUTE * 3).await;
        let [cancelled, withdrawn, sooner, nudged, open] = &requests[..] else { unreachable!() };
        let set = |request: &GateRequest, answer| {
            world.windows.set(request.job_id, request.host_id, answer);
        };

        let (job, host) = (cancelled.job_id, cancelled.host_id);
        let audit = entry(AuditAction::GateCancelled).with_gate(job, host);
        world.memory.request_cancel(job, host, audit).await.unwrap();
        set(open, WindowAnswer::Withdrawn);
        world.clock.sleep(SECOND * 5).await;
        assert_eq!(world.record(cancelled).await.state, GateState::Cancelled);
        assert_eq!(world.record(open).await.end_reason, Some(EndReason::WindowWithdrawn), "F11");

        set(withdrawn, WindowAnswer::Withdrawn);
        set(sooner, WindowAnswer::Open(world.window(Duration::ZERO, HOUR)));
        world.clock.sleep(SECOND * 65).await;
        assert_eq!(world.record(withdrawn).await.end_reason, Some(EndReason::WindowWithdrawn));
        assert_eq!(world.record(sooner).await.attempts, 1);

        world.clock.sleep(SECOND * 10).await;
        set(nudged, WindowAnswer::Withdrawn);
        nudge.nudge();
        world.clock.sleep(SECOND * 8).await;
        assert_eq!(world.record(nudged).await.end_reason, Some(EndReason::WindowWithdrawn));
    });
}

/// Gates that open in days give way where a worker has no place for one that is open.
#[test]
fn f156_a_worker_full_of_early_gates_looks_at_an_open_one() {
    let world = World::new();
    let config = GateRunnerConfig { max_gates: 10, ..GateRunnerConfig::default() };
    let runner = GateRunner::new(
        world.store.clone(),
        world.health(),
        world.windows.clone(),
        Arc::new(world.clock.clone()),
        world.policy.clone(),
        config,
    )
    .unwrap();
    world.play(runner.run(CancellationToken::new()), async {
        let mut early = Vec::new();
        for number in 1..=30 {
            let mut request = world.request(world.host(number), HOUR);
            request.window = world.window(HOUR * 48, HOUR);
            world.gate().open(request.clone()).await.unwrap();
            early.push(request);
        }
        world.clock.sleep(MINUTE).await;
        let host = world.host(40);
        world.check(host, "a").await;
        let request = world.request(host, HOUR);
        world.gate().open(request.clone()).await.unwrap();
        world.clock.sleep(SECOND * 10).await;
        assert_eq!(world.record(&request).await.state, GateState::Passed);
        world.clock.sleep(HOUR * 48).await;
        for request in &early {
            let record = world.record(request).await;
            assert!(record.pass.is_some(), "{:?}", record.state);
        }
    });
}

/// The answer to a claim, a watch or a step is lost: the gate goes on within a minute, and an attempt
/// that nobody runs does not stay `running`.
#[test]
fn f156_a_lost_answer_costs_little_time() {
    let lost = [Operation::ClaimGates, Operation::WatchGates, Operation::SettleGates];
    for operation in lost {
        for nth in 1..=4 {
            let world = World::new();
            let host = world.host(1);
            world.play(world.gates().run(CancellationToken::new()), async {
                let rule = FaultRule::new(Fault::After).with_operations([operation]).with_nth(nth);
                world.store.inject(rule);
                world.check(host, "a").await;
                let request = world.request(host, HOUR);
                world.gate().open(request.clone()).await.unwrap();
                world.clock.sleep(MINUTE).await;
                let record = world.record(&request).await;
                assert!(record.pass.is_some(), "{operation} {nth}: {:?}", record.state);
                let attempts = world.attempts(&record).await;
                let running = |outcome| outcome == AttemptOutcome::Running;
                assert!(!attempts.iter().any(|attempt| running(attempt.outcome)), "{operation}");
            });
        }
    }
}
