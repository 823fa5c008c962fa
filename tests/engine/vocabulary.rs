//! Overrides, reports, conditions, and what else a gate can be asked for.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use chrono::TimeDelta;
use healthgate::{
    checks::PollerConfig,
    clock::Clock,
    directory::HostDirectory,
    gate::{
        ConditionSource, GateError, GatePolicy, Opening, OverrideRequest, OverrideRights,
        SourceError, WithConditions,
        decide::{Condition, WindowAnswer},
    },
    model::{
        Actor, AuditAction, AuditOutcome, CheckId, Detail, EndReason, EvidenceReason, GateRecord,
        GateRequest, GateState, HealthCheck, HostId, JobId, Outlook, PassKind, ReasonCode, Role,
        ViolationCode, WouldHave,
    },
    store::{AuditFilter, AuditLog, GateStore, Spend, SpendRefusal, StoreError},
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::world::{MINUTE, World};

const RETRY: Duration = Duration::from_secs(300);
/// A runner has looked at its gates once more.
const LOOK: Duration = Duration::from_secs(3);

pub(crate) fn ada() -> Actor {
    Actor::new("ada", Role::Admin)
}

pub(crate) fn overriding(
    request: &GateRequest,
    checks: &[CheckId],
    reason: &str,
) -> OverrideRequest {
    OverrideRequest {
        job_id: request.job_id,
        host_id: request.host_id,
        check_ids: checks.to_vec(),
        reason: reason.to_owned(),
        expires_at: request.window.closes_at(),
    }
}

fn texts(record: &GateRecord) -> Vec<String> {
    record.notes.iter().map(|note| note.text.to_string()).collect()
}

/// Rights that a test takes away while a gate waits.
#[derive(Debug, Default)]
struct Rights {
    revoked: Mutex<bool>,
    broken: Mutex<bool>,
    asked: Mutex<Vec<usize>>,
}

#[async_trait]
impl OverrideRights for Rights {
    async fn may_override(&self, gates: &[&GateRecord]) -> Result<Vec<bool>, SourceError> {
        assert!(gates.iter().all(|gate| gate.exception.is_some()), "asked for overrides only");
        self.asked.lock().unwrap().push(gates.len());
        if *self.broken.lock().unwrap() {
            return Err(SourceError::new("rights", "scripted"));
        }
        Ok(vec![!*self.revoked.lock().unwrap(); gates.len()])
    }
}

/// Conditions that a test turns.
#[derive(Debug, Default)]
pub(crate) struct Conditions(Mutex<HashMap<HostId, Vec<Condition>>>);

impl Conditions {
    pub(crate) fn set(&self, host: HostId, name: &str, met: bool) {
        let condition = Condition {
            name: name.into(),
            met,
            reason: if met { "fine" } else { "paused" }.into(),
            detail: Detail::new("by an operator"),
            spares_exempt: false,
            from: None,
            until: None,
        };
        self.0.lock().unwrap().insert(host, vec![condition]);
    }
}

#[async_trait]
impl ConditionSource for Conditions {
    async fn conditions(&self, gates: &[&GateRecord]) -> Result<Vec<Vec<Condition>>, SourceError> {
        let all = self.0.lock().unwrap();
        Ok(gates.iter().map(|gate| all.get(&gate.host_id).cloned().unwrap_or_default()).collect())
    }
}

/// A waiting gate with a failing check, one attempt old.
async fn waiting(world: &World, host: HostId) -> (HealthCheck, GateRequest) {
    let check = world.check(host, "flaky").await;
    world.script(&check, ReasonCode::Status);
    let request = world.request(host, MINUTE * 60);
    world.gate().open(request.clone()).await.unwrap();
    world.clock.sleep(LOOK).await;
    assert_eq!(world.record(&request).await.attempts, 1);
    (check, request)
}

/// G26: an override is checked as a whole, counts at the next look, and stands in audit and timeline.
#[test]
fn g26_an_override_names_checks_of_the_host_gives_a_reason_and_expires_in_time() {
    let world = World::new();
    let host = world.host(1);
    world.play(world.gates().run(CancellationToken::new()), async {
        let (check, request) = waiting(&world, host).await;
        let gate = world.gate();
        let foreign = world.check(world.host(2), "foreign").await;
        let mut wrong = overriding(&request, &[foreign.id], "too short");
        wrong.expires_at += TimeDelta::microseconds(1);
        let Err(GateError::Invalid(violations)) = gate.override_checks(wrong, ada()).await else {
            panic!("it must be refused");
        };
        assert!(violations.contains("check_ids", ViolationCode::UnknownValue));
        assert!(violations.contains("reason", ViolationCode::TooShort));
        assert!(violations.contains("expires_at", ViolationCode::OutOfRange));
        assert_eq!(violations.as_slice().len(), 3, "{violations}");
        let none = gate.override_checks(overriding(&request, &[], "a long enough reason"), ada());
        let Err(GateError::Invalid(violations)) = none.await else { panic!("it must be refused") };
        assert!(violations.contains("check_ids", ViolationCode::Required));
        let nobody = world.request(host, MINUTE);
        let lost =
            gate.override_checks(overriding(&nobody, &[check.id], "a long enough reason"), ada());
        assert!(matches!(lost.await, Err(GateError::Store(StoreError::NotFound))));

        let given = overriding(&request, &[check.id, check.id], "  known flaky, ticket 4711 ");
        let record = gate.override_checks(given, ada()).await.unwrap();
        let exception = record.exception.unwrap();
        assert_eq!(exception.reason, "known flaky, ticket 4711");
        assert_eq!((exception.checks.len(), exception.checks[0].revision), (1, check.revision));
        let audit = world.memory.audit_page(&AuditFilter::default(), None, 1).await.unwrap();
        assert_eq!(
            (audit[0].action, audit[0].outcome),
            (AuditAction::GateOverridden, AuditOutcome::Allowed)
        );
        assert_eq!((audit[0].job_id, audit[0].host_id), (Some(request.job_id), Some(host)));
        assert!(audit[0].changes.iter().any(|change| change.after.as_deref() == Some("flaky")));

        world.clock.sleep(LOOK).await;
        let record = world.record(&request).await;
        assert_eq!(record.pass.as_ref().map(|pass| pass.kind), Some(PassKind::Overridden));
        let notes = texts(&record);
        assert!(
            notes.iter().any(|note| note.starts_with("ada lets 1 failing check pass")),
            "{notes:?}"
        );
        let late =
            gate.override_checks(overriding(&request, &[check.id], "a long enough reason"), ada());
        let late = late.await;
        assert!(matches!(late, Err(GateError::Store(StoreError::InvalidState { .. }))), "{late:?}");
    });
}

/// G26: a check that is changed after the override blocks again, also between the pass and spending it.
#[test]
fn g26_a_changed_check_is_not_covered_and_its_pass_is_outdated() {
    let world = World::new();
    let host = world.host(1);
    world.play(world.gates().run(CancellationToken::new()), async {
        let (check, request) = waiting(&world, host).await;
        let gate = world.gate();
        let given = overriding(&request, &[check.id], "known flaky, ticket 4711");
        gate.override_checks(given, ada()).await.unwrap();
        let pass = gate.wait(request.clone()).await.unwrap().pass.unwrap();
        world.edit(&check, json!({"service_name": "other"})).await;
        let spent = gate.spend(&pass).await.unwrap();
        assert_eq!(spent, Spend::Refused(SpendRefusal::Outdated));
        world.clock.sleep(RETRY).await;
        let record = world.record(&request).await;
        assert_eq!(record.state, GateState::Waiting, "{}", record.detail);
        let removed = gate.remove_override(request.job_id, host, ada()).await.unwrap();
        assert_eq!(removed.exception, None);
        let audit = world.memory.audit_page(&AuditFilter::default(), None, 1).await.unwrap();
        assert_eq!(audit[0].action, AuditAction::GateOverrideRemoved);
        world.clock.sleep(LOOK).await;
        assert!(
            texts(&world.record(&request).await)
                .contains(&"the override was taken back".to_owned())
        );
        gate.remove_override(request.job_id, host, ada()).await.unwrap();
        let after = world.memory.audit_page(&AuditFilter::default(), None, 1).await.unwrap();
        assert_eq!(audit[0].id, after[0].id, "where there is none nothing happens");
    });
}

/// F40: whoever lost the right since lets nothing pass; it is audited once, and counts again with the
/// right. Rights that cannot be told let nothing pass either, and accuse nobody.
#[test]
fn f40_an_override_of_someone_who_lost_the_right_does_not_count() {
    let world = World::new();
    let host = world.host(1);
    let rights = Arc::new(Rights::default());
    *rights.broken.lock().unwrap() = true;
    let runner = world.gates().with_override_rights(rights.clone());
    world.play(runner.run(CancellationToken::new()), async {
        let (check, request) = waiting(&world, host).await;
        assert!(rights.asked.lock().unwrap().is_empty(), "nobody is asked without an override");
        let given = overriding(&request, &[check.id], "known flaky, ticket 4711");
        world.gate().override_checks(given, ada()).await.unwrap();
        world.clock.sleep(MINUTE).await;
        let refused = || async {
            let page = world.memory.audit_page(&AuditFilter::default(), None, 50).await.unwrap();
            page.iter().filter(|record| record.outcome == AuditOutcome::Refused).count()
        };
        assert_eq!(world.record(&request).await.state, GateState::Waiting);
        assert_eq!(refused().await, 0);

        *rights.revoked.lock().unwrap() = true;
        *rights.broken.lock().unwrap() = false;
        world.clock.sleep(MINUTE * 20).await;
        let record = world.record(&request).await;
        assert_eq!(record.state, GateState::Waiting);
        let notes = texts(&record);
        let of_it = notes.iter().filter(|note| note.contains("ada gave at")).count();
        assert_eq!((of_it, refused().await), (1, 1), "{notes:?}");
        assert_eq!(runner.stats().overrides_refused, 1);

        *rights.revoked.lock().unwrap() = false;
        world.clock.sleep(LOOK).await;
        let record = world.record(&request).await;
        assert_eq!(record.pass.map(|pass| pass.kind), Some(PassKind::Overridden));
    });
    // Another worker finds the note and does not audit again.
    let asked = rights.asked.lock().unwrap();
    assert!(asked.iter().all(|gates| *gates == 1));
}

/// G34: a gate that only reports proceeds at once, and keeps what it would have done.
#[test]
fn g34_a_reporting_gate_proceeds_and_says_what_it_would_have_done() {
    let (ok, bad) = (ReasonCode::Ok, ReasonCode::Status);
    let healthy = WouldHave { decision: Outlook::Proceed, kind: Some(PassKind::Healthy) };
    let waits = WouldHave { decision: Outlook::Wait, kind: None };
    for (reason, expected) in [(ok, healthy), (bad, waits)] {
        let world = World::new();
        let host = world.host(1);
        let check = world.clock.drive(world.check(host, "a"));
        world.script(&check, reason);
        let poller = world.poller(PollerConfig::default());
        world.play(poller.run(CancellationToken::new()), world.clock.sleep(MINUTE));
        world.play(world.gates().run(CancellationToken::new()), async {
            let request = world.request(host, MINUTE * 30).with_report_only();
            let opened = world.now();
            let record = world.gate().wait(request.clone()).await.unwrap();
            let pass = record.pass.unwrap();
            assert_eq!((pass.kind, pass.would_have), (PassKind::ReportOnly, Some(expected)));
            assert!(pass.granted_at - opened <= TimeDelta::seconds(3), "no delay");
            // It runs the checks like a gate that blocks.
            assert_eq!(record.attempts, u32::from(reason != ok));
            assert_eq!(pass.evidence[0].reason, EvidenceReason::Code(reason));
            let text = serde_json::to_value(&pass).unwrap();
            assert_eq!(
                text["would_have"]["decision"],
                if reason == ok { "proceed" } else { "wait" }
            );
            assert!(matches!(world.gate().spend(&pass).await.unwrap(), Spend::Spent(_)));
        });
    }
}

/// A condition that the application defines blocks the gate, appears in its evidence and timeline, and is
/// asked again when the pass is spent.
#[test]
fn a_condition_of_the_applications_own_blocks_like_a_check() {
    let world = World::new();
    let host = world.host(1);
    let conditions = Arc::new(Conditions::default());
    conditions.set(host, "not paused", false);
    let health = Arc::new(WithConditions::new(world.health(), conditions.clone()));
    let (runner, gate) = (world.gates_on(health.clone()), world.gate_on(health));
    world.play(runner.run(CancellationToken::new()), async {
        world.check(host, "a").await;
        let request = world.request(host, MINUTE * 60);
        gate.open(request.clone()).await.unwrap();
        world.clock.sleep(MINUTE).await;
        let record = world.record(&request).await;
        assert_eq!(record.state, GateState::Waiting);
        assert!(record.detail.contains("not paused: paused (by an operator)"), "{}", record.detail);
        assert_eq!(record.next_attempt_at, None, "no attempt can change it");
        let calls = world.store.calls();
        let entry = record.evidence.iter().find(|entry| entry.check_id.is_none()).unwrap();
        assert_eq!(entry.reason, EvidenceReason::Condition("paused".to_owned()));
        conditions.set(host, "not paused", true);
        world.clock.sleep(LOOK).await;
        assert!(world.store.calls() > calls);
        let record = world.record(&request).await;
        let pass = record.pass.clone().unwrap();
        assert_eq!(pass.kind, PassKind::Healthy);
        assert_eq!(texts(&record), ["the condition \"not paused\" holds now"]);
        assert_eq!(pass.evidence.len(), 2);

        conditions.set(host, "not paused", false);
        let spent = gate.spend(&pass).await.unwrap();
        assert_eq!(spent, Spend::Refused(SpendRefusal::Outdated));
        world.clock.sleep(MINUTE * 3).await;
        assert_eq!(world.record(&request).await.state, GateState::Waiting);
        conditions.set(host, "not paused", true);
        let pass = gate.wait(request.clone()).await.unwrap().pass.unwrap();
        assert!(matches!(gate.spend(&pass).await.unwrap(), Spend::Spent(_)));
    });
}

/// A check that is added or changed between a look and the writing of its pass: spending refuses it.
#[test]
fn f26_a_pass_that_tells_of_other_checks_cannot_be_spent() {
    for added in [true, false] {
        let world = World::new();
        let host = world.host(1);
        world.play(world.gates().run(CancellationToken::new()), async {
            let check = world.check(host, "a").await;
            let request = world.request(host, MINUTE * 30);
            let gate = world.gate();
            let pass = gate.wait(request.clone()).await.unwrap().pass.unwrap();
            let other = match added {
                true => world.check(host, "b").await,
                false => world.edit(&check, json!({"service_name": "other"})).await,
            };
            let refused = gate.spend(&pass).await.unwrap();
            assert_eq!(refused, Spend::Refused(SpendRefusal::Outdated));
            // One that is disabled is not required any more.
            world.edit(&other, json!({"enabled": false})).await;
            // A pass that was refused is void (F154).
            assert!(matches!(gate.spend(&pass).await.unwrap(), Spend::Refused(_)), "{added}");
            let pass = gate.wait(request).await.unwrap().pass.unwrap();
            assert!(matches!(gate.spend(&pass).await.unwrap(), Spend::Spent(_)), "{added}");
            assert_eq!(
                gate.spend(&pass).await.unwrap(),
                Spend::Refused(SpendRefusal::AlreadySpent)
            );
        });
    }
}

/// What the poller saw counts towards as many healthy results in a row as a gate wants.
#[test]
fn f39_stored_runs_count_towards_so_many_in_a_row() {
    for (polls, attempts) in [(2, 0), (1, 1)] {
        let mut world = World::new();
        world.policy.healthy_after = 2;
        let host = world.host(1);
        world.clock.drive(world.check(host, "a"));
        let poller = world.poller(PollerConfig { interval: MINUTE, ..PollerConfig::default() });
        world.play(poller.run(CancellationToken::new()), async {
            while world.ran().len() < polls {
                world.clock.sleep(Duration::from_secs(1)).await;
            }
            world.clock.sleep(LOOK).await;
        });
        world.play(world.gates().run(CancellationToken::new()), async {
            let record = world.gate().wait(world.request(host, MINUTE * 30)).await.unwrap();
            assert_eq!((record.state, record.attempts), (GateState::Passed, attempts), "{polls}");
        });
    }
}

/// F18, G27: many jobs that want held hosts are told so in one call, and each fails at its own end.
#[test]
fn g27_held_hosts_are_told_in_one_call_and_end_with_a_record_of_their_own() {
    let world = World::new();
    world.play(world.gates().run(CancellationToken::new()), async {
        let gate = world.gate();
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for number in 1..=4 {
            let host = world.host(number);
            let check = world.check(host, "bad").await;
            world.script(&check, ReasonCode::Status);
            first.push(world.request(host, MINUTE * 60));
            second.push(world.request(host, MINUTE * 20));
        }
        let opened = gate.open_all(&first).await.unwrap();
        let holders: Vec<_> = opened
            .iter()
            .map(|opening| match opening {
                Opening::Open(record) => record.id,
                other => panic!("{other:?}"),
            })
            .collect();
        for (index, opening) in gate.open_all(&second).await.unwrap().into_iter().enumerate() {
            assert_eq!(opening, Opening::Busy { holder: holders[index] });
        }
        // One host becomes free, one job is cancelled, one window withdrawn; the fourth stays held.
        let audit = crate::world::entry(AuditAction::GateCancelled);
        world.memory.request_cancel(first[0].job_id, first[0].host_id, audit).await.unwrap();
        let set = |index: usize, answer| {
            world.windows.set(second[index].job_id, second[index].host_id, answer);
        };
        set(1, WindowAnswer::JobCancelled);
        set(2, WindowAnswer::Withdrawn);
        world.clock.sleep(LOOK).await;
        let answers = gate.open_all(&second).await.unwrap();
        assert!(matches!(&answers[0], Opening::Open(record) if record.state == GateState::Waiting));
        let ends: Vec<_> = answers[1..]
            .iter()
            .map(|answer| match answer {
                Opening::Ended(record) => record.end_reason,
                _ => None,
            })
            .collect();
        assert_eq!(ends, [Some(EndReason::JobCancelled), Some(EndReason::WindowWithdrawn), None]);
        world.clock.sleep(MINUTE * 21).await;
        let answers = gate.open_all(&second).await.unwrap();
        let Opening::Ended(busy) = &answers[3] else { panic!("{:?}", answers[3]) };
        assert_eq!((busy.state, busy.end_reason), (GateState::Failed, Some(EndReason::GateBusy)));
        assert_eq!(world.record(&second[3]).await, *busy, "it is recorded");
        assert_eq!(gate.open_all(&second).await.unwrap()[3], Opening::Open(busy.clone()));
    });
}

/// An exempt job passes whatever its host's checks say, and is recorded as that.
#[test]
fn an_exempt_job_passes_as_such_and_a_wait_without_a_window_is_bounded() {
    let world = World::new();
    let host = world.host(1);
    world.play(world.gates().run(CancellationToken::new()), async {
        let check = world.check(host, "bad").await;
        world.script(&check, ReasonCode::Status);
        let now = world.now();
        let wait = GateRequest::immediate(JobId::generate(), host, now, MINUTE * 10).unwrap();
        let gate = world.gate();
        let failed = gate.wait(wait.clone()).await.unwrap();
        assert_eq!(failed.end_reason, Some(EndReason::WindowClosed));
        assert!(!failed.detail.contains("maintenance window"), "{}", failed.detail);
        assert_eq!(failed.window.closes_at(), now + TimeDelta::minutes(10));
        let rollback = world.request(host, MINUTE * 10).with_exemption();
        let record = gate.wait(rollback).await.unwrap();
        let pass = record.pass.unwrap();
        assert_eq!((pass.kind, record.attempts), (PassKind::Exempt, 0));
        assert!(matches!(gate.spend(&pass).await.unwrap(), Spend::Spent(_)));
        let policy = GatePolicy::default();
        assert!(policy.validate().is_ok());
        let none = GateRequest::immediate(JobId::generate(), host, now, Duration::ZERO);
        assert!(none.is_err());
    });
}

/// F28, G24: a host that is moved to other groups keeps its gate, and nothing of what was seen is void.
#[test]
fn f28_a_host_in_other_groups_keeps_its_gate() {
    let world = World::new();
    let host = world.host(1);
    world.play(world.gates().run(CancellationToken::new()), async {
        let (check, request) = waiting(&world, host).await;
        let other = world.check(host, "healthy").await;
        world.clock.sleep(MINUTE).await;
        let before = world.record(&request).await;
        let known = world.directory.hosts(&[host]).await.unwrap();
        world.directory.insert(host, known[&host].agent.clone(), &["another", "group"]);
        world.clock.sleep(MINUTE).await;
        assert_eq!(
            world.record(&request).await,
            GateRecord { high_water: world.record(&request).await.high_water, ..before }
        );
        world.script(&check, ReasonCode::Ok);
        let record = world.gate().wait(request).await.unwrap();
        assert_eq!(record.state, GateState::Passed);
        let attempts = world.attempts(&record).await;
        let last: Vec<_> = attempts.last().unwrap().checks.iter().map(|one| one.check_id).collect();
        assert!(last.contains(&Some(check.id)) && attempts.len() == 3, "{last:?}");
        assert!(attempts[1].checks.iter().any(|one| one.check_id == Some(other.id)));
    });
}
