//! What gates do while they wait.

use std::time::Duration;

use chrono::TimeDelta;
use healthgate::{
    clock::Clock,
    gate::{NoChecks, decide::WindowAnswer},
    model::{
        Actor, AttemptOutcome, AuditAction, EndReason, EvidenceReason, GateId, GateOverride,
        GatePass, GateRequest, GateState, HostId, JobId, OverriddenCheck, PassKind, ReasonCode,
        ResultSource, WindowKind, WorkerId,
    },
    store::{CheckStore, GateStore, ResultStore, Spend, SpendRefusal},
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::world::{MINUTE, Script, World, entry};

const RETRY: Duration = Duration::from_secs(300);

/// A second, in which a runner has looked at its gates once more.
const LOOK: Duration = Duration::from_secs(3);

#[test]
fn a_gate_waits_while_a_check_fails_and_passes_at_the_attempt_after_it_recovers() {
    let world = World::new();
    let host = world.host(1);
    world.play(world.gates().run(CancellationToken::new()), async {
        let (good, bad) = (world.check(host, "good").await, world.check(host, "bad").await);
        world.script(&bad, ReasonCode::ServiceUnhealthy);
        let request = world.request(host, MINUTE * 60);
        world.gate().open(request.clone()).await.unwrap();
        world.clock.sleep(RETRY + LOOK).await;

        let waiting = world.record(&request).await;
        assert_eq!((waiting.state, waiting.attempts), (GateState::Waiting, 2));
        assert!(waiting.detail.contains("bad: service_unhealthy"), "{}", waiting.detail);
        assert!(!waiting.detail.contains("good"), "{}", waiting.detail);
        let next = waiting.next_attempt_at.unwrap();
        assert_eq!(next - waiting.last_attempt_at.unwrap(), TimeDelta::seconds(300));
        let failed = waiting.evidence.iter().find(|entry| !entry.healthy).unwrap();
        assert_eq!(failed.reason, EvidenceReason::Code(ReasonCode::ServiceUnhealthy));

        world.script(&bad, ReasonCode::Ok);
        let passed = world.gate().wait(request.clone()).await.unwrap();
        assert_eq!((passed.state, passed.attempts), (GateState::Passed, 3));
        let pass = passed.pass.clone().unwrap();
        assert_eq!(pass.kind, PassKind::Healthy);
        assert_eq!(pass.valid_until - pass.granted_at, TimeDelta::seconds(60));
        assert_eq!(pass.evidence.len(), 2);

        let attempts = world.attempts(&passed).await;
        let numbers: Vec<_> = attempts.iter().map(|attempt| attempt.number).collect();
        assert_eq!(numbers, [1, 2, 3]);
        assert!(attempts.iter().all(|attempt| attempt.outcome == AttemptOutcome::Finished));
        assert_eq!(attempts[0].checks.len(), 2, "at first nothing is known of either");
        let tried: Vec<_> = attempts.last().unwrap().checks.iter().map(|c| c.check_id).collect();
        assert!(tried.contains(&Some(bad.id)));
        // Runs of a gate are results like any other.
        let history = world.memory.history(host, good.id, None, 10).await.unwrap().results;
        assert!(history.iter().all(|result| result.source == ResultSource::Gate));
    });
}

/// F33, G9: without an enabled check a gate passes as such, or blocks where the policy says so.
#[test]
fn f33_a_host_without_checks_passes_as_such_or_blocks_by_policy() {
    for (policy, expected) in [(NoChecks::Pass, Some(PassKind::NoChecks)), (NoChecks::Block, None)]
    {
        let mut world = World::new();
        world.policy.no_checks = policy;
        let host = world.host(1);
        world.play(world.gates().run(CancellationToken::new()), async {
            let check = world.check(host, "off").await;
            world.edit(&check, json!({"enabled": false})).await;
            let request = world.request(host, MINUTE * 20);
            world.gate().open(request.clone()).await.unwrap();
            world.clock.sleep(MINUTE * 21).await;
            let record = world.record(&request).await;
            assert_eq!(record.pass.map(|pass| pass.kind), expected);
        });
    }
}

/// G11, G30, G33: at the close the gate fails with what was wrong, within 5 s.
#[test]
fn g33_a_gate_fails_at_the_close_and_names_each_failing_check() {
    let world = World::new();
    let host = world.host(1);
    world.play(world.gates().run(CancellationToken::new()), async {
        let bad = world.check(host, "bad").await;
        world.script(&bad, ReasonCode::ServiceUnhealthy);
        let hanging = world.check(host, "hanging").await;
        world.script_as(&hanging, Script::Hang);
        let request = world.request(host, MINUTE * 20);
        world.gate().open(request.clone()).await.unwrap();
        world.clock.sleep(MINUTE * 20).await;
        world.clock.sleep(Duration::from_secs(5)).await;
        let record = world.record(&request).await;
        assert_eq!(record.state, GateState::Failed);
        assert_eq!(record.end_reason, Some(EndReason::WindowClosed));
        let late = record.ended_at.unwrap() - request.window.closes_at();
        assert!(late <= TimeDelta::seconds(5) && late >= TimeDelta::zero(), "{late}");
        assert_eq!(record.evidence.len(), 2);
        for part in ["maintenance window closed", "hanging: no_result", "(never ran)", "5 attempts"]
        {
            assert!(record.detail.contains(part), "{part} in {}", record.detail);
        }
        let attempts = world.attempts(&record).await;
        assert!(attempts.iter().all(|attempt| attempt.outcome != AttemptOutcome::Running));
        let last = attempts.last().unwrap();
        let room = request.window.closes_at() - last.started_at;
        assert_eq!(room, TimeDelta::seconds(15), "the last one has just its time (G12)");
    });
}

#[test]
fn a_job_that_was_to_run_at_once_fails_without_a_word_of_a_window() {
    let world = World::new();
    let host = world.host(1);
    world.play(world.gates().run(CancellationToken::new()), async {
        let bad = world.check(host, "bad").await;
        world.script(&bad, ReasonCode::Connect);
        let request = world.request(host, MINUTE * 2);
        let request = GateRequest { window_kind: WindowKind::Immediate, ..request };
        let record = world.gate().wait(request).await.unwrap();
        assert_eq!(record.end_reason, Some(EndReason::WindowClosed));
        assert!(!record.detail.contains("window"), "{}", record.detail);
    });
}

#[test]
fn a_window_that_is_not_open_yet_is_waited_for() {
    let world = World::new();
    let host = world.host(1);
    world.play(world.gates().run(CancellationToken::new()), async {
        world.check(host, "a").await;
        let window = world.window(MINUTE * 30, MINUTE * 30);
        let request = GateRequest::new(JobId::generate(), host, window);
        world.gate().open(request.clone()).await.unwrap();
        world.clock.sleep(MINUTE * 29).await;
        let record = world.record(&request).await;
        assert_eq!((record.state, record.attempts), (GateState::Waiting, 0));
        assert_eq!(record.next_attempt_at, Some(window.opens_at()));
        world.clock.sleep(MINUTE * 2).await;
        let record = world.record(&request).await;
        assert_eq!(record.state, GateState::Passed);
        assert!(record.pass.unwrap().granted_at >= window.opens_at());
    });
}

/// F11, F12, F13, F27, G19: what happens to the window counts within 5 s.
#[test]
fn f11_f12_f13_f27_a_changed_window_counts_at_once() {
    type Answer = fn(&World, &GateRequest) -> WindowAnswer;
    let cases: [(&str, Answer, EndReason); 4] = [
        (
            "shortened",
            |world, request| {
                let opens = request.window.opens_at();
                WindowAnswer::Open(healthgate::model::Window::new(opens, world.now()).unwrap())
            },
            EndReason::WindowClosed,
        ),
        ("withdrawn", |_, _| WindowAnswer::Withdrawn, EndReason::WindowWithdrawn),
        ("cancelled", |_, _| WindowAnswer::JobCancelled, EndReason::JobCancelled),
        ("host gone", |_, _| WindowAnswer::HostGone, EndReason::HostDeleted),
    ];
    for (name, answer, reason) in cases {
        let world = World::new();
        let host = world.host(1);
        world.play(world.gates().run(CancellationToken::new()), async {
            let bad = world.check(host, "bad").await;
            world.script(&bad, ReasonCode::Status);
            let request = world.request(host, MINUTE * 60);
            world.gate().open(request.clone()).await.unwrap();
            world.clock.sleep(MINUTE * 12).await;
            world.windows.set(request.job_id, host, answer(&world, &request));
            let attempts = world.record(&request).await.attempts;
            world.clock.sleep(Duration::from_secs(5)).await;
            let record = world.record(&request).await;
            assert_eq!(record.end_reason, Some(reason), "{name}");
            assert_eq!(record.attempts, attempts, "{name}: no attempt after it");
            let state = if reason == EndReason::JobCancelled {
                GateState::Cancelled
            } else {
                GateState::Failed
            };
            assert_eq!(record.state, state, "{name}");
            world.windows.set(request.job_id, host, WindowAnswer::Open(request.window));
            world.script(&bad, ReasonCode::Ok);
            world.clock.sleep(RETRY * 2).await;
            assert_eq!(world.record(&request).await, record, "{name}: an end is an end (G18)");
        });
    }
}

/// F12, F14: an extended window is used, and one that is moved to later makes old results void.
#[test]
fn f12_f14_an_extended_window_is_used_and_a_later_one_voids_what_was_seen() {
    let world = World::new();
    let host = world.host(1);
    world.play(world.gates().run(CancellationToken::new()), async {
        let check = world.check(host, "a").await;
        world.script(&check, ReasonCode::Status);
        let request = world.request(host, MINUTE * 20);
        world.gate().open(request.clone()).await.unwrap();
        world.clock.sleep(MINUTE * 10).await;
        let opens = request.window.opens_at();
        let closes = request.window.closes_at() + TimeDelta::hours(1);
        let extended = healthgate::model::Window::new(opens, closes).unwrap();
        world.windows.set(request.job_id, host, WindowAnswer::Open(extended));
        world.clock.sleep(MINUTE * 15).await;
        let record = world.record(&request).await;
        assert_eq!((record.state, record.window), (GateState::Waiting, extended));
        assert!(record.notes.iter().any(|note| note.text.as_str().contains("extended")));

        let later = world.window(MINUTE * 20, MINUTE * 20);
        world.windows.set(request.job_id, host, WindowAnswer::Open(later));
        world.clock.sleep(LOOK).await;
        let moved = world.record(&request).await;
        assert!(moved.void_before.is_some());
        world.script(&check, ReasonCode::Ok);
        world.clock.sleep(MINUTE * 10).await;
        assert_eq!(world.record(&request).await.state, GateState::Waiting);
        let record = world.gate().wait(request.clone()).await.unwrap();
        assert_eq!(record.state, GateState::Passed);
        assert!(record.pass.unwrap().granted_at >= later.opens_at());
    });
}

/// F24, F25, F26, F29: what happens to checks and host counts from the next look, and is noted.
#[test]
fn f24_f25_f26_edits_count_at_once_and_stand_in_the_timeline() {
    let world = World::new();
    let host = world.host(1);
    world.play(world.gates().run(CancellationToken::new()), async {
        let bad = world.check(host, "bad").await;
        world.script(&bad, ReasonCode::Status);
        let request = world.request(host, MINUTE * 60);
        world.gate().open(request.clone()).await.unwrap();
        world.clock.sleep(MINUTE * 2).await;
        let before = world.record(&request).await;

        // An edit is followed by an attempt that need not wait for the retry.
        world.edit(&bad, json!({"service_name": "other"})).await;
        world.clock.sleep(LOOK * 2).await;
        let edited = world.record(&request).await;
        assert_eq!(edited.attempts, before.attempts + 1);
        let note = edited.notes.last().unwrap().text.to_string();
        assert!(note.contains("\"bad\" was changed by ada at 2026-"), "{note}");

        let added = world.check(host, "added").await;
        world.script(&added, ReasonCode::Dns);
        world.clock.sleep(MINUTE).await;
        assert!(world.record(&request).await.detail.contains("added: dns"));

        world.edit(&bad, json!({"enabled": false})).await;
        let audit = entry(AuditAction::HealthCheckDeleted).with_check(host, added.id);
        world.memory.delete_check(host, added.id, None, audit).await.unwrap();
        world.clock.sleep(LOOK).await;
        let record = world.record(&request).await;
        assert_eq!(record.pass.as_ref().map(|pass| pass.kind), Some(PassKind::NoChecks));
        let notes: Vec<_> = record.notes.iter().map(|note| note.text.to_string()).collect();
        assert!(notes.iter().any(|note| note.contains("\"bad\" was disabled")), "{notes:?}");
        assert!(
            notes.iter().any(|note| note.contains("\"added\" was deleted by ada")),
            "{notes:?}"
        );
    });
}

/// F29, G24: results seen at another address do not count.
#[test]
fn f29_a_host_that_moved_is_looked_at_anew() {
    let world = World::new();
    let host = world.host(1);
    world.play(world.gates().run(CancellationToken::new()), async {
        let (a, b) = (world.check(host, "a").await, world.check(host, "b").await);
        world.script(&b, ReasonCode::ServiceUnhealthy);
        let request = world.request(host, MINUTE * 60);
        world.gate().open(request.clone()).await.unwrap();
        world.clock.sleep(MINUTE).await;
        assert_eq!(world.record(&request).await.attempts, 1);
        world.move_host(host, 4_444);
        world.script(&b, ReasonCode::Ok);
        world.clock.sleep(RETRY).await;
        let record = world.record(&request).await;
        assert_eq!(record.state, GateState::Passed);
        let attempts = world.attempts(&record).await;
        let checks: Vec<_> = attempts[1].checks.iter().map(|check| check.check_id).collect();
        assert_eq!(checks, [Some(a.id), Some(b.id)], "also the one that was healthy elsewhere");
    });
}

/// F17, F21, G16: a pass is spent once, in time.
#[test]
fn f17_f21_a_pass_is_spent_once_and_in_time() {
    let world = World::new();
    let host = world.host(1);
    world.play(world.gates().run(CancellationToken::new()), async {
        world.check(host, "a").await;
        let request = world.request(host, MINUTE * 30);
        let gate = world.gate();
        let first = gate.wait(request.clone()).await.unwrap().pass.unwrap();
        // Nobody spends it: the gate waits again, and what was seen before is void.
        world.clock.sleep(MINUTE + LOOK).await;
        let refused = gate.spend(&first).await.unwrap();
        // The next attempt comes promptly (F148), so that there may be a new pass already.
        let (expired, superseded) = (SpendRefusal::Expired, SpendRefusal::Superseded);
        assert!([expired, superseded].map(Spend::Refused).contains(&refused), "{refused:?}");
        let renewed = world.record(&request).await;
        assert!(renewed.void_before.is_some_and(|void| void >= first.valid_until));
        let second = gate.wait(request.clone()).await.unwrap().pass.unwrap();
        assert_ne!(second.id, first.id);
        assert_eq!(gate.spend(&first).await.unwrap(), Spend::Refused(SpendRefusal::Superseded));
        assert!(matches!(gate.spend(&second).await.unwrap(), Spend::Spent(_)));
        let again = gate.spend(&second).await.unwrap();
        assert_eq!(again, Spend::Refused(SpendRefusal::AlreadySpent));
    });
}

/// F17: a pass that was given in the last moment cannot be spent at the close.
#[test]
fn f17_a_pass_never_outlives_the_window() {
    let world = World::new();
    let host = world.host(1);
    world.play(world.gates().run(CancellationToken::new()), async {
        world.check(host, "a").await;
        let request = world.request(host, Duration::from_secs(20));
        let gate = world.gate();
        let pass = gate.wait(request.clone()).await.unwrap().pass.unwrap();
        assert_eq!(pass.valid_until, request.window.closes_at());
        let left = (request.window.closes_at() - world.now()).to_std().unwrap();
        world.clock.sleep(left).await;
        assert!(matches!(gate.spend(&pass).await.unwrap(), Spend::Refused(_)));
        let direct = world.memory.spend_pass(pass.id).await.unwrap();
        assert!(matches!(direct, Spend::Refused(_)), "the store refuses it too");
        world.clock.sleep(Duration::from_secs(5)).await;
        assert_eq!(world.record(&request).await.state, GateState::Failed);
    });
}

/// F17: a window that is shortened after the pass was given counts when it is spent.
#[test]
fn f17_a_window_shortened_after_the_pass_refuses_the_spending() {
    let world = World::new();
    let host = world.host(1);
    world.play(world.gates().run(CancellationToken::new()), async {
        world.check(host, "a").await;
        let request = world.request(host, MINUTE * 30);
        let gate = world.gate();
        let pass = gate.wait(request.clone()).await.unwrap().pass.unwrap();
        world.windows.set(request.job_id, host, WindowAnswer::Withdrawn);
        assert!(matches!(gate.spend(&pass).await.unwrap(), Spend::Refused(_)));
    });
}

/// F16: a check that answers after the close does not pass.
#[test]
fn f16_an_answer_after_the_close_is_too_late() {
    let world = World::new();
    let host = world.host(1);
    world.play(world.gates().run(CancellationToken::new()), async {
        let slow = world.check(host, "slow").await;
        world.script_as(&slow, Script::Answer(ReasonCode::Ok, Duration::from_secs(9)));
        let request = world.request(host, Duration::from_secs(8));
        let record = world.gate().wait(request.clone()).await.unwrap();
        assert_eq!(record.end_reason, Some(EndReason::WindowClosed));
        world.clock.sleep(MINUTE).await;
        assert_eq!(world.record(&request).await.state, GateState::Failed);
    });
}

/// F18, F19: one gate per job and host, one unfinished gate per host; the second job waits its turn.
#[test]
fn f18_f19_a_second_job_waits_its_turn_and_fails_busy_at_its_own_end() {
    let world = World::new();
    let host = world.host(1);
    world.play(world.gates().run(CancellationToken::new()), async {
        let bad = world.check(host, "bad").await;
        world.script(&bad, ReasonCode::Status);
        let gate = world.gate();
        let first = world.request(host, MINUTE * 60);
        let opened = gate.open(first.clone()).await.unwrap();
        assert_eq!(gate.open(first.clone()).await.unwrap().id, opened.id, "opened twice is one");
        let busy = gate.wait(world.request(host, MINUTE * 10)).await.unwrap();
        assert_eq!(busy.end_reason, Some(EndReason::GateBusy));
        assert!(busy.ended_at.unwrap() >= busy.window.closes_at());
        // A third one gets the host as soon as the first has ended.
        let third = world.request(host, MINUTE * 40);
        let ends = async {
            world.clock.sleep(MINUTE * 5).await;
            let audit = entry(AuditAction::GateCancelled);
            world.memory.request_cancel(first.job_id, host, audit).await.unwrap();
            world.script(&bad, ReasonCode::Ok);
        };
        let (third, ()) = tokio::join!(gate.wait(third), ends);
        assert_eq!(third.unwrap().state, GateState::Passed);
        assert_eq!(world.record(&first).await.state, GateState::Cancelled);
    });
}

/// F22: a cancellation ends an attempt that is under way.
#[test]
fn f22_a_cancelled_job_ends_its_gate_in_the_middle_of_an_attempt() {
    let world = World::new();
    let host = world.host(1);
    world.play(world.gates().run(CancellationToken::new()), async {
        let slow = world.check(host, "slow").await;
        world.script_as(&slow, Script::Hang);
        let request = world.request(host, MINUTE * 5);
        world.gate().open(request.clone()).await.unwrap();
        world.clock.sleep(LOOK).await;
        assert_eq!(world.record(&request).await.attempts, 1);
        let audit = entry(AuditAction::GateCancelled);
        world.memory.request_cancel(request.job_id, host, audit).await.unwrap();
        world.clock.sleep(LOOK).await;
        let record = world.record(&request).await;
        assert_eq!(record.state, GateState::Cancelled);
        let attempts = world.attempts(&record).await;
        assert_eq!(attempts[0].outcome, AttemptOutcome::Interrupted);
    });
}

/// F39, G26: an override lets the named check pass, and nothing else.
#[test]
fn g26_an_override_lets_the_named_revision_pass_and_is_recorded() {
    let world = World::new();
    let host = world.host(1);
    world.play(world.gates().run(CancellationToken::new()), async {
        let (named, other) = (world.check(host, "named").await, world.check(host, "other").await);
        world.script(&named, ReasonCode::Status);
        world.script(&other, ReasonCode::Status);
        let request = world.request(host, MINUTE * 60);
        world.gate().open(request.clone()).await.unwrap();
        world.clock.sleep(MINUTE).await;
        let exception = GateOverride::new(
            vec![OverriddenCheck { check_id: named.id, revision: named.revision }],
            "known flaky, ticket 4711",
            request.window.closes_at(),
            Actor::system().name,
            world.now(),
            request.window.closes_at(),
        );
        let audit = entry(AuditAction::GateOverridden);
        let set = world.memory.set_override(request.job_id, host, exception.ok(), audit);
        set.await.unwrap();
        world.clock.sleep(RETRY).await;
        assert_eq!(world.record(&request).await.state, GateState::Waiting, "the other one blocks");
        world.script(&other, ReasonCode::Ok);
        world.clock.sleep(RETRY).await;
        let pass = world.record(&request).await.pass.unwrap();
        assert_eq!(pass.kind, PassKind::Overridden);
        assert!(pass.evidence.iter().any(|entry| !entry.healthy), "it is not called healthy");
    });
}

/// F32: a dead poller does not matter: the gate looks for itself.
#[test]
fn f31_f32_stale_results_are_not_trusted_and_the_gate_looks_itself() {
    let world = World::new();
    let host = world.host(1);
    let check = world.clock.drive(world.check(host, "a"));
    let poller = world.poller(healthgate::checks::PollerConfig::default());
    world.play(poller.run(CancellationToken::new()), world.clock.sleep(MINUTE));
    // The last green result is three days old.
    world.clock.advance(Duration::from_secs(3 * 24 * 3600));
    world.script(&check, ReasonCode::ServiceUnhealthy);
    world.play(world.gates().run(CancellationToken::new()), async {
        let request = world.request(host, MINUTE * 20);
        let record = world.gate().wait(request).await.unwrap();
        assert_eq!(record.state, GateState::Failed);
        assert!(record.attempts > 0);
    });
}

/// Of a pass only its id is believed. A copy is worth what the stored one is, whatever it says,
/// and all copies are spent once.
#[test]
fn f169_a_forged_pass_is_worth_what_the_stored_one_is() {
    let forge: [fn(&mut GatePass); 6] = [
        |pass| pass.gate_id = GateId::generate(),
        |pass| pass.host_id = HostId::generate(),
        |pass| pass.job_id = JobId::generate(),
        |pass| pass.valid_until += TimeDelta::hours(9),
        |pass| (pass.owner, pass.token) = (WorkerId::generate(), pass.token + 1),
        |pass| (pass.kind, pass.evidence) = (PassKind::Exempt, Vec::new()),
    ];
    for which in 0..64_usize {
        let world = World::new();
        let host = world.host(1);
        world.play(world.gates().run(CancellationToken::new()), async {
            let check = world.check(host, "a").await;
            let gate = world.gate();
            let pass = gate.wait(world.request(host, MINUTE * 30)).await.unwrap().pass.unwrap();
            let mut forged = pass.clone();
            let chosen = forge.iter().enumerate().filter(|(index, _)| which >> index & 1 == 1);
            chosen.for_each(|(_, change)| change(&mut forged));
            match which % 3 {
                // In time: the copy is spent, as the stored one would be, and none of them again.
                0 => {
                    let Spend::Spent(record) = gate.spend(&forged).await.unwrap() else {
                        panic!("{which}: it is worth what the stored one is")
                    };
                    assert_eq!((record.host_id, record.pass.as_ref()), (host, Some(&pass)));
                    for copy in [&pass, &forged] {
                        let again = gate.spend(copy).await.unwrap();
                        assert_eq!(again, Spend::Refused(SpendRefusal::AlreadySpent));
                    }
                }
                // Too late, whatever the copy says.
                1 => {
                    world.clock.sleep(MINUTE).await;
                    assert!(matches!(gate.spend(&forged).await.unwrap(), Spend::Refused(_)));
                }
                // A check has changed since: no kind and no evidence of the copy hides it.
                _ => {
                    world.edit(&check, json!({"service_name": "b"})).await;
                    let spent = gate.spend(&forged).await.unwrap();
                    assert_eq!(spent, Spend::Refused(SpendRefusal::Outdated), "{which}");
                }
            }
        });
    }
}
