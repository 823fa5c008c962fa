//! What a wait is told: changes, refused passes, and that nobody looks.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use healthgate::{
    clock::Clock,
    gate::{Gate, GateError, GateRunnerConfig, RequestedWindows},
    model::{AttemptOutcome, GateRecord, GateRequest, GateState, JobId, PassKind, ReasonCode},
    store::{GateStore, Spend, SpendRefusal, StoreError},
    testing::{Fault, FaultRule, Operation},
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::world::{MINUTE, Script, World};

fn texts(record: &GateRecord) -> Vec<String> {
    record.notes.iter().map(|note| note.text.to_string()).collect()
}

/// A check that is disabled while nothing can be decided, for the clock or the store, is noted all the
/// same: the gate does not pass without a word.
#[test]
fn f143_a_change_while_nothing_is_decided_is_noted() {
    for fault in [None, Some(Fault::Full), Some(Fault::After)] {
        let world = World::new();
        let host = world.host(1);
        world.play(world.gates().run(CancellationToken::new()), async {
            let check = world.check(host, "flaky").await;
            world.script(&check, ReasonCode::Status);
            let request = world.request(host, MINUTE * 60);
            world.gate().open(request.clone()).await.unwrap();
            world.clock.sleep(MINUTE).await;
            match fault {
                None => world.clock.step_wall(TimeDelta::minutes(10)),
                Some(fault) => world
                    .store
                    .inject(FaultRule::new(fault).with_operations([Operation::SettleGates])),
            }
            world.clock.sleep(Duration::from_secs(5)).await;
            world.edit(&check, json!({"enabled": false})).await;
            world.clock.sleep(Duration::from_secs(5)).await;
            world.store.heal();
            world.clock.sleep(MINUTE * 3).await;
            let record = world.record(&request).await;
            // A pass whose answer was lost may have run out and been given again.
            let kind = record.pass.as_ref().map(|pass| pass.kind);
            assert_eq!(kind, Some(PassKind::NoChecks), "{fault:?}: {}", record.detail);
            let noted = texts(&record);
            let noted = noted.iter().filter(|text| text.contains("was disabled by ada")).count();
            assert_eq!(noted, 1, "{fault:?}: {:?}", texts(&record));
        });
    }
}

/// An edit of the checks of 700 waiting gates costs a few reads of the audit log, and each gate notes
/// who made it.
#[test]
fn f143_a_bulk_edit_is_noted_by_every_gate_at_the_cost_of_a_few_reads() {
    let world = World::new();
    let slow = FaultRule::new(Fault::Delay(Duration::from_millis(200)));
    world.play(world.gates().run(CancellationToken::new()), async {
        let mut gates = Vec::new();
        for number in 1..=700 {
            let host = world.host(number);
            let check = world.check(host, "a").await;
            world.script(&check, ReasonCode::Status);
            let request = world.request(host, MINUTE * 60);
            world.memory.open_gate(request.clone()).await.unwrap();
            gates.push((request, check));
        }
        world.clock.sleep(MINUTE).await;
        world.store.inject(slow.with_operations([Operation::AuditPage]));
        let before = world.store.calls_of(Operation::AuditPage);
        for (_, check) in &gates {
            world.edit(check, json!({"name": "b"})).await;
        }
        world.clock.sleep(MINUTE).await;
        let reads = world.store.calls_of(Operation::AuditPage) - before;
        assert!(reads <= 4, "{reads} reads of the audit log");
        for (request, _) in &gates {
            let notes = texts(&world.record(request).await);
            assert!(notes.iter().any(|note| note.contains("was changed by ada")), "{notes:?}");
        }
    });
}

/// The answer to an attempt's start is lost: the attempt is told as interrupted, and the gate tries
/// again as soon as two attempts may follow each other.
#[test]
fn f151_an_attempt_whose_start_was_not_answered_is_interrupted_and_made_up_for() {
    let world = World::new();
    let host = world.host(1);
    world.play(world.gates().run(CancellationToken::new()), async {
        world.check(host, "a").await;
        world.clock.sleep(MINUTE).await;
        let lost = FaultRule::new(Fault::After).with_operations([Operation::SettleGates]);
        world.store.inject(lost.with_nth(1));
        let request = world.request(host, MINUTE * 60);
        world.gate().open(request.clone()).await.unwrap();
        world.clock.sleep(world.policy.min_gap() + Duration::from_secs(10)).await;
        assert_eq!(world.store.faults(), 1);
        let record = world.record(&request).await;
        assert!(record.pass.is_some(), "{}", record.detail);
        let outcomes: Vec<_> =
            world.attempts(&record).await.iter().map(|attempt| attempt.outcome).collect();
        assert_eq!(outcomes, [AttemptOutcome::Interrupted, AttemptOutcome::Finished]);
    });
}

/// A runner that is full of gates that open days from now looks at one that is open.
#[test]
fn f152_gates_that_open_late_make_room_for_one_that_is_open() {
    let world = World::new();
    let config = GateRunnerConfig { max_gates: 5, ..GateRunnerConfig::default() };
    let runner = healthgate::gate::GateRunner::new(
        world.store.clone(),
        world.health(),
        Arc::new(RequestedWindows),
        Arc::new(world.clock.clone()),
        world.policy.clone(),
        config,
    )
    .unwrap();
    world.play(runner.run(CancellationToken::new()), async {
        for number in 1..=20 {
            let host = world.host(number);
            world.check(host, "a").await;
            let window = world.window(MINUTE * 60 * 24 * 3, MINUTE * 60);
            world.gate().open(GateRequest::new(JobId::generate(), host, window)).await.unwrap();
        }
        world.clock.sleep(MINUTE * 2).await;
        let host = world.host(100);
        world.check(host, "a").await;
        let request = world.request(host, MINUTE * 10);
        world.gate().open(request.clone()).await.unwrap();
        world.clock.sleep(MINUTE).await;
        let record = world.record(&request).await;
        assert!(record.pass.is_some(), "nobody looked at it: {:?}", record.detail);
    });
}

/// Waits and spends until a pass is spent, as an executor does; answers with the number of rounds.
async fn execute(gate: &Gate, request: &GateRequest) -> Result<u32, GateError> {
    let mut rounds = 0;
    loop {
        rounds += 1;
        let record = gate.wait(request.clone()).await?;
        let Some(pass) = record.pass.filter(|_| record.state == GateState::Passed) else {
            return Ok(rounds);
        };
        if let Spend::Spent(_) = gate.spend(&pass).await? {
            return Ok(rounds);
        }
    }
}

/// A pass that was refused goes back at once, and no wait returns it again: an executor that waits and
/// spends in a loop does not spin.
#[test]
fn f154_a_refused_pass_goes_back_and_is_never_waited_for_again() {
    let mut world = World::new();
    world.policy.pass_ttl = MINUTE * 20;
    let host = world.host(1);
    world.play(world.gates().run(CancellationToken::new()), async {
        let check = world.check(host, "a").await;
        let request = world.request(host, MINUTE * 60);
        let gate = world.gate();
        let first = gate.wait(request.clone()).await.unwrap().pass.unwrap();
        world.edit(&check, json!({"name": "b"})).await;
        let refused = gate.spend(&first).await.unwrap();
        assert_eq!(refused, Spend::Refused(SpendRefusal::Outdated));
        assert_eq!(world.record(&request).await.state, GateState::Waiting, "at once");
        let asked_at = world.clock.monotonic();
        let rounds = execute(&gate, &request).await.unwrap();
        assert!(rounds <= 2, "{rounds} rounds");
        let waited = world.clock.monotonic() - asked_at;
        assert!(waited <= world.policy.retry + MINUTE, "{waited:?}");
        let record = world.record(&request).await;
        assert_eq!(record.state, GateState::Spent);
        assert_ne!(record.pass.unwrap().id, first.id);
        let again = world.memory.spend_pass(first.id).await.unwrap();
        assert!(matches!(again, Spend::Refused(_)));
    });
}

/// A pass that runs out before anybody takes it back, and one of a job that is being cancelled, are not
/// returned either.
#[test]
fn f154_a_pass_that_ran_out_is_not_returned() {
    let world = World::new();
    let host = world.host(1);
    let stop = CancellationToken::new();
    let runner = world.gates();
    let request = world.request(host, MINUTE * 60);
    world.clock.drive(async {
        world.check(host, "a").await;
        world.gate().open(request.clone()).await.unwrap();
        let story = async {
            world.clock.sleep(MINUTE / 2).await;
            stop.cancel();
        };
        tokio::join!(runner.run(stop.clone()), story);
        assert_eq!(world.record(&request).await.state, GateState::Passed);
        world.clock.sleep(MINUTE * 2).await;
        let before = world.clock.monotonic();
        let waited = world.gate().wait(request.clone()).await;
        assert!(matches!(waited, Err(GateError::Unattended { .. })), "{waited:?}");
        assert!(world.clock.monotonic() - before >= MINUTE * 5);
    });
}

/// Without a runner a wait ends with an error that says so, long after the gate was due and not before
/// its window opens; with one it never does, however long its check fails.
#[test]
fn f154_a_wait_says_when_nobody_looks_at_its_gate() {
    let world = World::new();
    world.clock.drive(async {
        let host = world.host(1);
        let window = world.window(MINUTE * 60, MINUTE * 60);
        let request = GateRequest::new(JobId::generate(), host, window);
        let waited = world.gate().wait(request).await;
        let Err(GateError::Unattended { due_at }) = waited else { panic!("{waited:?}") };
        assert_eq!(due_at, window.opens_at());
        let late = world.now() - window.opens_at();
        assert!(late >= TimeDelta::minutes(5) && late < TimeDelta::minutes(6), "{late}");
    });
    let world = World::new();
    let host = world.host(1);
    world.play(world.gates().run(CancellationToken::new()), async {
        let check = world.check(host, "a").await;
        world.script_as(&check, Script::Answer(ReasonCode::Status, Duration::from_secs(9)));
        let request = world.request(host, MINUTE * 90);
        let record = world.gate().wait(request).await.unwrap();
        assert_eq!(record.state, GateState::Failed);
    });
}

/// A store that cannot be reached is waited out for a while once the window is open, and then named.
#[test]
fn f154_a_wait_says_when_its_store_cannot_be_reached() {
    let world = World::new();
    world.store.fail(Fault::Before);
    world.clock.drive(async {
        let host = world.host(1);
        let window = world.window(MINUTE * 60, MINUTE * 60);
        let waited = world.gate().wait(GateRequest::new(JobId::generate(), host, window)).await;
        let error = waited.unwrap_err();
        assert!(matches!(error, GateError::Store(StoreError::Unavailable { .. })), "{error}");
        // Counted from the last look before the opening.
        let late = world.now() - window.opens_at();
        assert!(late >= TimeDelta::seconds(295) && late < TimeDelta::minutes(6), "{late}");
    });
}
