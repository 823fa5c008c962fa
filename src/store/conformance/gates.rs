//! Cases of `GateStore`: opening, leases, steps and attempts.

use std::collections::HashSet;

use chrono::TimeDelta;
use futures_util::future::join_all;

use super::{Fixture, make};
use crate::{
    model::{
        AttemptOutcome, AuditAction, CheckId, Detail, EndReason, GateId, GateNote, GateOverride,
        GateRecord, GateRequest, GateState, HostId, JobId, OverriddenCheck, PassKind, ReasonCode,
        ResultSource, WorkerId,
    },
    store::{AttemptWrite, GateStep, GateTransition, LeasedGate, Spend, SpendRefusal, StoreError},
};

pub(super) fn exception(gate: &GateRecord) -> GateOverride {
    let checks = vec![OverriddenCheck { check_id: CheckId::generate(), revision: 1 }];
    let end = gate.window.closes_at();
    let reason = "a reason that is long enough";
    GateOverride::new(checks, reason, end, "ada", gate.opened_at, end).expect("valid")
}

fn ended(gate: &LeasedGate, reason: EndReason) -> GateStep {
    GateStep {
        transition: Some(GateTransition::End(reason)),
        detail: Some("why".to_owned()),
        ..make::step(gate)
    }
}

/// Opening a gate twice returns the same gate (F19).
pub async fn opening_twice_is_one_gate(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let request = make::request(&store, host).await;
    let openers = (0..20).map(|_| {
        let (store, request) = (store.clone(), request.clone());
        tokio::spawn(async move { store.open_gate(request).await.expect("opened").id })
    });
    let ids: HashSet<GateId> =
        join_all(openers).await.into_iter().map(|id| id.expect("no panic")).collect();
    assert_eq!(ids.len(), 1);
    let gates = store.gates_of(request.job_id).await.expect("read");
    assert_eq!(gates.len(), 1);
    assert_eq!((gates[0].state, gates[0].window), (GateState::Waiting, request.window));
    assert_eq!(
        gates[0].window.time_zone(),
        request.window.time_zone(),
        "the window's zone is kept"
    );
    assert!(store.gate(JobId::generate(), host).await.expect("read").is_none());
}

/// F18: a host has one unfinished gate, and the error names its holder.
pub async fn a_second_gate_of_a_host_is_busy(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let first = make::open(&store, host).await;
    let second = store.open_gate(make::request(&store, host).await).await;
    assert!(matches!(second, Err(StoreError::GateBusy { holder }) if holder == first.id));
    make::open(&store, HostId::generate()).await;
}

/// One call returns the holders of many hosts. An ended gate holds no host, a passed one does.
pub async fn the_unfinished_gate_of_a_host_is_its_holder(fixture: &dyn Fixture) {
    let store = fixture.store();
    let hosts = [(); 4].map(|()| HostId::generate());
    let worker = WorkerId::generate();
    make::open(&store, hosts[0]).await;
    let held = make::claim_gates(&store, worker, make::LONG_LEASE).await.remove(0);
    make::settle(&store, worker, ended(&held, EndReason::WindowClosed)).await;
    let passed = make::open(&store, hosts[1]).await;
    let held = make::claim_gates(&store, worker, make::LONG_LEASE).await.remove(0);
    make::pass(&store, worker, &held, std::time::Duration::from_secs(60)).await;
    let waiting = make::open(&store, hosts[2]).await;
    let asked = [hosts.as_slice(), &hosts[1..2]].concat();
    let mut holders = store.holders_of(&asked).await.expect("read");
    holders.sort_by_key(|gate| gate.host_id != hosts[1]);
    let told: Vec<_> = holders.iter().map(|gate| (gate.id, gate.state)).collect();
    assert_eq!(told, [(passed.id, GateState::Passed), (waiting.id, GateState::Waiting)]);
    assert!(store.holders_of(&[]).await.expect("read").is_empty());
}

/// A new gate can open once the host's old gate has ended.
pub async fn an_ended_gate_frees_its_host(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let first = make::open(&store, host).await;
    let worker = WorkerId::generate();
    let held = make::claim_gates(&store, worker, make::LONG_LEASE).await.remove(0);
    assert!(make::settle(&store, worker, ended(&held, EndReason::WindowClosed)).await.is_empty());
    let first = make::newest(&store, &first).await;
    assert_eq!((first.state, first.detail.as_str()), (GateState::Failed, "why"));
    assert!(first.ended_at.is_some());
    make::open(&store, host).await;
}

/// A fenced step writes nothing (G29, F20).
pub async fn a_fenced_step_writes_nothing(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let gate = make::open(&store, host).await;
    let zombie = WorkerId::generate();
    let old = make::claim_gates(&store, zombie, make::LEASE).await.remove(0);
    fixture.elapse(make::PAST_LEASE).await;
    let step = || GateStep {
        next_attempt_at: Some(gate.opened_at),
        ..ended(&old, EndReason::HostDeleted)
    };
    assert_eq!(make::settle(&store, zombie, step()).await, [gate.id], "fenced before a takeover");
    let heir = WorkerId::generate();
    let new = make::claim_gates(&store, heir, make::LONG_LEASE).await.remove(0);
    assert_eq!(make::settle(&store, zombie, step()).await, [gate.id], "fenced after a takeover");
    assert_eq!(make::newest(&store, &gate).await, gate);
    let steps = vec![step(), ended(&new, EndReason::WindowClosed)];
    let fenced = store.settle_gates(heir, steps).await.expect("settled");
    assert_eq!(fenced, [gate.id], "only the fenced one of two is refused");
    assert_eq!(make::newest(&store, &gate).await.state, GateState::Failed);
}

/// The store keeps attempts with their outcomes, ordered by number.
pub async fn attempts_are_kept(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let gate = make::open(&store, host).await;
    let worker = WorkerId::generate();
    let held = make::claim_gates(&store, worker, make::LONG_LEASE).await.remove(0);
    for number in 1..=2 {
        let started_at = gate.opened_at + TimeDelta::seconds(i64::from(number));
        let attempt = Some(AttemptWrite::Start { number, started_at });
        make::settle(&store, worker, GateStep { attempt, ..make::step(&held) }).await;
        let record = make::newest(&store, &gate).await;
        assert_eq!((record.attempts, record.last_attempt_at), (number, Some(started_at)));
        let finished_at = started_at + TimeDelta::seconds(1);
        let (outcome, checks) = (AttemptOutcome::Finished, Vec::new());
        let attempt = Some(AttemptWrite::End { number, finished_at, outcome, checks });
        make::settle(&store, worker, GateStep { attempt, ..make::step(&held) }).await;
    }
    let attempts = store.attempts_of(&[gate.id]).await.expect("read");
    let numbers: Vec<_> = attempts.iter().map(|(_, attempt)| attempt.number).collect();
    assert_eq!(numbers, [1, 2]);
    for (limit, newest) in [(0, &attempts[2..]), (1, &attempts[1..]), (9, &attempts[..])] {
        let found = store.newest_attempts_of(&[gate.id], limit).await.expect("read");
        assert_eq!(found, newest, "at most {limit}");
    }
    assert!(attempts.iter().all(|(id, attempt)| {
        *id == gate.id
            && attempt.outcome == AttemptOutcome::Finished
            && attempt.finished_at.is_some()
    }));
}

/// G28: an attempt that a crash cut off counts as interrupted.
pub async fn an_attempt_is_interrupted_by_a_takeover(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let gate = make::open(&store, host).await;
    let worker = WorkerId::generate();
    let held = make::claim_gates(&store, worker, make::LEASE).await.remove(0);
    let attempt = Some(AttemptWrite::Start { number: 1, started_at: gate.opened_at });
    make::settle(&store, worker, GateStep { attempt, ..make::step(&held) }).await;
    fixture.elapse(make::PAST_LEASE).await;
    let heir = make::claim_gates(&store, WorkerId::generate(), make::LEASE).await;
    assert_eq!(heir[0].record.attempts, 1);
    let attempts = store.attempts_of(&[gate.id]).await.expect("read");
    assert_eq!(attempts[0].1.outcome, AttemptOutcome::Interrupted);
    assert!(attempts[0].1.finished_at.is_some());
}

/// Attempts match the steps that started, ended or interrupted them, and a limited read returns the newest
/// ones.
pub async fn attempts_are_as_steps_left_them(fixture: &dyn Fixture) {
    use AttemptOutcome::{Finished, Interrupted, Running};
    let (store, host) = (fixture.store(), HostId::generate());
    let gate = make::open(&store, host).await;
    let mut random = make::Random::new();
    let mut worker = WorkerId::generate();
    let mut held = make::claim_gates(&store, worker, make::LONG_LEASE).await.remove(0);
    let mut model: Vec<AttemptOutcome> = Vec::new();
    for round in 0..50 {
        let begun = u32::try_from(model.len()).unwrap_or(u32::MAX);
        let number = begun + 1;
        let at = gate.opened_at + TimeDelta::seconds(round);
        let end = |number| AttemptWrite::End {
            number,
            finished_at: at,
            outcome: Finished,
            checks: Vec::new(),
        };
        let attempt = match random.below(8) {
            0..=2 => {
                model.push(Running);
                Some(AttemptWrite::Start { number, started_at: at })
            }
            3..=4 => {
                if let Some(newest) = model.last_mut().filter(|newest| **newest == Running) {
                    *newest = Finished;
                    Some(end(begun))
                } else {
                    None
                }
            }
            5 => Some(end(number)),
            6 => None,
            _ => {
                store.release_gates(worker, &[(gate.id, held.token)]).await.expect("released");
                worker = WorkerId::generate();
                held = make::claim_gates(&store, worker, make::LONG_LEASE).await.remove(0);
                model.iter_mut().filter(|one| **one == Running).for_each(|one| *one = Interrupted);
                None
            }
        };
        let next_attempt_at = Some(at);
        let step = GateStep { attempt, next_attempt_at, ..make::step(&held) };
        assert_eq!(make::settle(&store, worker, step).await, []);
        let limit = random.below(5);
        let wanted = model.len().saturating_sub(usize::try_from(limit).unwrap_or(usize::MAX));
        let expected: Vec<_> = (1_u32..).zip(model.iter().copied()).skip(wanted).collect();
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let found = store.newest_attempts_of(&[gate.id], limit).await.expect("read");
        let found: Vec<_> = found.iter().map(|(_, one)| (one.number, one.outcome)).collect();
        assert_eq!(found, expected, "seed {}, round {round}, at most {limit}", random.seed);
    }
}

/// A step stores the results of the gate's runs under the gate's fence.
pub async fn a_step_records_its_results(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let check = make::check(&store, host, "a").await;
    let gate = make::open(&store, host).await;
    let worker = WorkerId::generate();
    let held = make::claim_gates(&store, worker, make::LEASE).await.remove(0);
    let mut result = make::result(&check, ReasonCode::Ok, gate.opened_at);
    result.source = ResultSource::Gate;
    let step = || GateStep { results: vec![result.clone()], ..make::step(&held) };
    assert!(make::settle(&store, worker, step()).await.is_empty());
    let page = store.history(host, check.id, None, 10).await.expect("read");
    assert_eq!(page.results, std::slice::from_ref(&result));
    assert_eq!(store.states(&[host]).await.expect("read").len(), 1);
    fixture.elapse(make::PAST_LEASE).await;
    result.checked_at += TimeDelta::milliseconds(1);
    let late = GateStep { results: vec![result], ..make::step(&held) };
    assert_eq!(make::settle(&store, worker, late).await, [gate.id]);
    let page = store.history(host, check.id, None, 10).await.expect("read");
    assert_eq!(page.results.len(), 1);
}

/// A timeline keeps its newest notes.
pub async fn notes_are_bounded(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let gate = make::open(&store, host).await;
    let worker = WorkerId::generate();
    let held = make::claim_gates(&store, worker, make::LONG_LEASE).await.remove(0);
    for number in 0..30 {
        let text = Detail::new(number.to_string());
        let notes = vec![GateNote { at: gate.opened_at, text }];
        make::settle(&store, worker, GateStep { notes, ..make::step(&held) }).await;
    }
    let notes = make::newest(&store, &gate).await.notes;
    assert_eq!(notes.len(), GateRecord::MAXIMUM_NOTES);
    assert_eq!(notes.last().map(|note| note.text.as_str()), Some("29"));
}

/// An ended gate never changes (G18).
pub async fn an_ended_gate_never_changes(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let gate = make::open(&store, host).await;
    let worker = WorkerId::generate();
    let held = make::claim_gates(&store, worker, make::LONG_LEASE).await.remove(0);
    make::settle(&store, worker, ended(&held, EndReason::JobCancelled)).await;
    let end = make::newest(&store, &gate).await;
    assert_eq!(end.state, GateState::Cancelled);
    assert_eq!(make::settle(&store, worker, ended(&held, EndReason::HostDeleted)).await, [gate.id]);
    let entry = make::audit(AuditAction::GateCancelled);
    store.request_cancel(gate.job_id, host, entry).await.expect("no error");
    assert!(make::claim_gates(&store, worker, make::LEASE).await.is_empty());
    let request = GateRequest::new(gate.job_id, host, gate.window);
    assert_eq!(store.open_gate(request).await.expect("opened"), end);
    assert_eq!(make::newest(&store, &gate).await, end);
}

/// A job whose host was busy until the close has an ended gate that says so.
pub async fn a_gate_can_end_without_having_waited(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let holder = make::open(&store, host).await;
    let request = make::request(&store, host).await;
    let end = EndReason::GateBusy;
    let ended = store.open_ended_gate(request.clone(), end, "busy".to_owned()).await.expect("made");
    assert_eq!((ended.state, ended.end_reason), (GateState::Failed, Some(end)));
    assert_eq!(store.gate(request.job_id, host).await.expect("read"), Some(ended));
    assert_eq!(make::newest(&store, &holder).await, holder);
    assert_eq!(make::claim_gates(&store, WorkerId::generate(), make::LEASE).await.len(), 1);
}

/// F166: a retry under the same job opens the next generation, and the old end is kept.
pub async fn an_ended_gate_has_a_next_generation(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let request = make::request(&store, host).await;
    let worker = WorkerId::generate();
    let first = store.open_gate(request.clone()).await.expect("opened");
    let again = store.open_gate(request.clone().with_retry()).await.expect("answered");
    assert_eq!(again, first, "an unfinished gate is not retried");
    let held = make::claim_gates(&store, worker, make::LONG_LEASE).await.remove(0);
    make::settle(&store, worker, ended(&held, EndReason::WindowClosed)).await;
    let end = make::newest(&store, &first).await;
    assert_eq!(
        store.open_gate(request.clone()).await.expect("answered"),
        end,
        "without a retry the ended gate is returned"
    );
    let other = make::open(&store, host).await;
    let busy = store.open_gate(request.clone().with_retry()).await;
    assert!(matches!(busy, Err(StoreError::GateBusy { holder }) if holder == other.id));
    let held = make::claim_gates(&store, worker, make::LONG_LEASE).await.remove(0);
    make::settle(&store, worker, ended(&held, EndReason::JobCancelled)).await;
    let openers = (0..8).map(|_| {
        let (store, request) = (store.clone(), request.clone().with_retry());
        tokio::spawn(async move { store.open_gate(request).await.expect("opened").id })
    });
    let ids: HashSet<GateId> =
        join_all(openers).await.into_iter().map(|id| id.expect("no panic")).collect();
    assert_eq!(ids.len(), 1, "racers open one next generation");
    let second = make::newest(&store, &first).await;
    assert_eq!((second.generation, second.state), (2, GateState::Waiting));
    assert!(second.id != first.id && second.attempts == 0);
    let all = store.generations_of(request.job_id, host).await.expect("read");
    assert_eq!(all, [end, second.clone()]);
    assert_eq!(store.gates_of(request.job_id).await.expect("read"), std::slice::from_ref(&second));
    let pass = make::claim_gates(&store, worker, make::LONG_LEASE).await.remove(0);
    let pass = make::pass(&store, worker, &pass, std::time::Duration::from_secs(60)).await;
    store.spend_pass(pass.id).await.expect("spent");
    let spent = store.open_gate(request.clone().with_retry()).await.expect("answered");
    assert_eq!(
        (spent.generation, spent.state),
        (2, GateState::Spent),
        "a spent gate is not retried"
    );
}

/// G26: an override can be revoked until the pass is spent. Afterwards none can be set, and a pass that
/// needs it is refused.
pub async fn an_override_is_taken_back_from_a_passed_gate(fixture: &dyn Fixture) {
    let store = fixture.store();
    for (kind, refused) in [(PassKind::Overridden, true), (PassKind::Healthy, false)] {
        let host = HostId::generate();
        let gate = make::open(&store, host).await;
        let entry = || make::audit(AuditAction::GateOverridden);
        let set = |exception| store.set_override(gate.job_id, host, exception, entry());
        let given = exception(&gate);
        set(Some(given.clone())).await.expect("set");
        let worker = WorkerId::generate();
        let held = make::claim_gates(&store, worker, make::LONG_LEASE).await.remove(0);
        let pass = make::pass_as(&store, worker, &held, make::LEASE, kind).await;
        let again = set(Some(given)).await;
        assert!(matches!(again, Err(StoreError::InvalidState { .. })), "{again:?}");
        let record = set(None).await.expect("taken back");
        assert_eq!((record.state, record.exception), (GateState::Passed, None));
        let spend = store.spend_pass(pass.id).await.expect("answered");
        assert_eq!(spend == Spend::Refused(SpendRefusal::Outdated), refused, "{spend:?}");
        if !refused {
            let spent = set(None).await;
            assert!(matches!(spent, Err(StoreError::InvalidState { .. })), "{spent:?}");
        }
    }
}

/// F155: the store keeps the offset of the gate time and clears it with its audit record. A step decided
/// before does not restore it.
pub async fn the_time_of_a_gate_is_kept_and_cleared(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let gate = make::open(&store, host).await;
    let entry = || make::audit(AuditAction::GateClockCleared);
    let clear = || store.clear_clock_offset(gate.job_id, host, entry());
    let worker = WorkerId::generate();
    let held = make::claim_gates(&store, worker, make::LONG_LEASE).await.remove(0);
    let ahead = TimeDelta::minutes(90);
    let step = GateStep {
        high_water: gate.opened_at + ahead,
        clock_offset_us: ahead.num_microseconds().expect("short"),
        ..make::step(&held)
    };
    assert!(make::settle(&store, worker, step.clone()).await.is_empty());
    let kept = make::newest(&store, &gate).await;
    assert_eq!((kept.clock_offset(), kept.high_water), (ahead, gate.opened_at + ahead));
    let cleared = clear().await.expect("cleared");
    assert_eq!((cleared.clock_offset_us, cleared.offset_clearings), (0, 1));
    assert!(cleared.high_water < gate.opened_at + ahead);
    let late = GateStep { detail: Some("late".to_owned()), ..step };
    assert!(make::settle(&store, worker, late).await.is_empty());
    let newest = make::newest(&store, &gate).await;
    let expected = (0, cleared.high_water, "late");
    assert_eq!((newest.clock_offset_us, newest.high_water, &*newest.detail), expected);
    let unknown = store.clear_clock_offset(JobId::generate(), host, entry()).await;
    assert!(matches!(unknown, Err(StoreError::NotFound)));
    make::settle(&store, worker, ended(&held, EndReason::WindowClosed)).await;
    assert!(matches!(clear().await, Err(StoreError::InvalidState { .. })));
}

/// An override can be set and revoked only while the gate waits.
pub async fn overrides_are_for_waiting_gates(fixture: &dyn Fixture) {
    let (store, host) = (fixture.store(), HostId::generate());
    let gate = make::open(&store, host).await;
    let entry = || make::audit(AuditAction::GateOverridden);
    let set = |exception| store.set_override(gate.job_id, host, exception, entry());
    let given = exception(&gate);
    assert_eq!(set(Some(given.clone())).await.expect("set").exception, Some(given.clone()));
    assert_eq!(make::newest(&store, &gate).await.exception, Some(given.clone()));
    assert_eq!(set(None).await.expect("taken back").exception, None);
    let unknown = store.set_override(JobId::generate(), host, None, entry()).await;
    assert!(matches!(unknown, Err(StoreError::NotFound)));
    let worker = WorkerId::generate();
    let held = make::claim_gates(&store, worker, make::LONG_LEASE).await.remove(0);
    make::settle(&store, worker, ended(&held, EndReason::WindowClosed)).await;
    assert!(matches!(set(Some(given)).await, Err(StoreError::InvalidState { .. })));
}
