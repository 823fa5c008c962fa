//! What stands around the decision: sources of conditions, the answers of admission, and groups.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use healthgate::{
    clock::ManualClock,
    gate::{
        Admission, ConditionSource, Freeze, FreezeSource, Freezes, Gate, GateError, GatePolicy,
        GateRunner, GateRunnerConfig, HealthSource, HostHealth, LiveRun, RequestedWindows,
        ResultCollector, SourceError, WithConditions,
        decide::Condition,
        recurrence::{Recurrence, RecurrenceSpec},
    },
    model::{
        Actor, AvailabilityGroup, CheckResult, EvidenceReason, GateRecord, GateRequest, HostId,
        JobId, ReasonCode, Window,
    },
    store::MemoryStore,
};
use proptest::prelude::*;
use tokio_util::sync::CancellationToken;

use crate::decide::{
    config,
    scene::{EPOCH, SECOND, at, check, gate, requirement, result},
};

/// Each host has one condition of its own, a run gives one result, and a collected run another one.
#[derive(Debug)]
struct Health;

fn health_of(number: usize) -> HostHealth {
    let conditions = vec![Condition::met(format!("own {number}"))];
    HostHealth { requirements: vec![requirement(0)], conditions, ..HostHealth::default() }
}

#[async_trait]
impl HealthSource for Health {
    async fn health(&self, gates: &[&GateRecord]) -> Result<Vec<HostHealth>, SourceError> {
        Ok((0..gates.len()).map(health_of).collect())
    }

    async fn run(&self, run: LiveRun) -> Vec<CheckResult> {
        vec![result(1, ReasonCode::Ok, run.started_at)]
    }

    async fn collect(&self, run: LiveRun, results: &ResultCollector) {
        results.record([result(2, ReasonCode::Status, run.started_at)]);
    }

    fn check_timeout(&self) -> Option<Duration> {
        Some(Duration::from_secs(7))
    }
}

/// As many answers as there are numbers, each with so many conditions.
#[derive(Debug)]
struct Answers(Vec<usize>);

fn added(number: usize, count: usize) -> impl Iterator<Item = Condition> {
    (0..count).map(move |index| Condition::unmet(format!("added {number}.{index}"), "unmet", ""))
}

#[async_trait]
impl ConditionSource for Answers {
    async fn conditions(&self, _: &[&GateRecord]) -> Result<Vec<Vec<Condition>>, SourceError> {
        let answers = self.0.iter().enumerate();
        Ok(answers.map(|(number, count)| added(number, *count).collect()).collect())
    }
}

fn waiting() -> GateRecord {
    gate(Window::new(at(0), at(3_600 * SECOND)).unwrap())
}

fn wait_for<T>(answer: impl Future<Output = T>) -> T {
    ManualClock::new(at(0)).drive(answer)
}

proptest! {
    #![proptest_config(config())]

    /// G32: every gate has an answer, or none has one.
    #[test]
    fn g32_conditions_are_added_to_each_host_if_every_gate_has_an_answer(
        count in 0_usize..4, answers in proptest::collection::vec(0_usize..3, 0..4),
    ) {
        let record = waiting();
        let gates = vec![&record; count];
        let source = WithConditions::new(Arc::new(Health), Arc::new(Answers(answers.clone())));
        let health = wait_for(source.health(&gates));
        prop_assert_eq!(health.is_ok(), answers.len() == count);
        for (number, host) in health.unwrap_or_default().iter().enumerate() {
            let mut expected = health_of(number);
            expected.conditions.extend(added(number, answers[number]));
            prop_assert_eq!(&host.conditions, &expected.conditions);
            prop_assert_eq!(&host.requirements, &expected.requirements);
        }
    }

    /// G37: a freeze becomes the conditions that it has at the store's time, for each gate in its order.
    #[test]
    fn g37_freezes_become_conditions_of_each_gate_at_the_stores_time(
        now in -100_i64..100,
        spans in proptest::collection::vec((-100_i64..100, 1_i64..100, any::<bool>()), 1..4),
        gates in proptest::collection::vec(proptest::collection::vec(0_usize..5, 0..4), 0..4),
    ) {
        let mut freezes: Vec<Arc<Freeze>> = spans.iter().map(|(start, length, exempt)| {
            let (from, until) = (seconds(*start), seconds(start + length));
            let freeze = Freeze::between("year end", from, until).unwrap();
            assert!(!freeze.holds_exempt());
            Arc::new(if *exempt { freeze.with_exempt_held() } else { freeze })
        }).collect();
        freezes.push(Arc::new(Freeze::recurring("nights", [daily()])));
        prop_assert!(spans.iter().zip(&freezes).all(|(span, one)| one.holds_exempt() == span.2));
        let chosen: Vec<Vec<Arc<Freeze>>> = gates.iter().map(|of_gate| {
            of_gate.iter().map(|index| freezes[index % freezes.len()].clone()).collect()
        }).collect();
        let clock = ManualClock::new(seconds(now));
        let store = Arc::new(MemoryStore::new(Arc::new(clock)));
        let record = waiting();
        let asked = vec![&record; gates.len()];
        let source = Freezes::new(Arc::new(Chosen(chosen.clone())), store.clone());
        let conditions = wait_for(source.conditions(&asked)).unwrap();
        let at_now = |freeze: &Arc<Freeze>| freeze.conditions(seconds(now));
        let expected: Vec<Vec<Condition>> =
            chosen.iter().map(|of_gate| of_gate.iter().flat_map(at_now).collect()).collect();
        prop_assert_eq!(conditions, expected);
        // One list for all hosts.
        let same = Freezes::new(Arc::new(freezes.clone()), store);
        let conditions = wait_for(same.conditions(&asked)).unwrap();
        let expected: Vec<Condition> = freezes.iter().flat_map(at_now).collect();
        prop_assert_eq!(conditions, vec![expected; gates.len()]);
    }
}

#[derive(Debug)]
struct Chosen(Vec<Vec<Arc<Freeze>>>);

#[async_trait]
impl FreezeSource for Chosen {
    async fn freezes(&self, _: &[&GateRecord]) -> Result<Vec<Vec<Arc<Freeze>>>, SourceError> {
        Ok(self.0.clone())
    }
}

fn seconds(seconds: i64) -> DateTime<Utc> {
    at(0) + TimeDelta::seconds(seconds)
}

fn daily() -> Recurrence {
    let spec = RecurrenceSpec {
        recurrence: Some("daily".to_owned()),
        time_zone: Some("UTC".to_owned()),
        start_time: Some("08:00".to_owned()),
        first_date: Some("2026-01-01".to_owned()),
        duration_minutes: Some(1),
        ..RecurrenceSpec::default()
    };
    spec.resolve().unwrap()
}

/// F142: a run goes to the source of health, with what it has collected, and so does the question for its
/// deadline.
#[test]
fn f142_runs_are_those_of_the_source_of_health() {
    let source = WithConditions::new(Arc::new(Health), Arc::new(Answers(Vec::new())));
    let run = || LiveRun {
        job_id: JobId::generate(),
        host_id: HostId::generate(),
        checks: vec![check(0)],
        started_at: at(0),
        epoch: EPOCH,
        time: Duration::from_secs(15),
    };
    assert_eq!(wait_for(source.run(run())), [result(1, ReasonCode::Ok, at(0))]);
    let collected = ResultCollector::default();
    wait_for(source.collect(run(), &collected));
    assert_eq!(collected.take(), [result(2, ReasonCode::Status, at(0))]);
    assert_eq!(source.check_timeout(), Some(Duration::from_secs(7)));
}

/// G35: the library's own condition has a code, and those of the application have their own words.
#[test]
fn g35_only_a_disturbed_host_has_a_code_for_the_reason_of_a_condition() {
    let reason = |word: &str| Condition::unmet("host change", word, "").evidence_reason();
    for code in ReasonCode::ALL.iter().copied() {
        let expected = match code {
            ReasonCode::HostDisturbed => EvidenceReason::Code(code),
            _ => EvidenceReason::Condition(code.as_str().to_owned()),
        };
        assert_eq!(reason(code.as_str()), expected);
    }
    let unknown = Condition::unknown("health of the host", "no answer");
    assert_eq!((unknown.met, unknown.spares_exempt), (false, false));
    assert_eq!(unknown.evidence_reason(), EvidenceReason::Condition("unknown".to_owned()));
    assert_eq!(unknown.detail.as_str(), "no answer");
}

#[test]
fn g17_work_may_start_only_on_the_answer_of_the_call_that_spent_the_pass() {
    let record = Box::new(waiting());
    for (admission, may) in [
        (Admission::GoAhead(record.clone()), true),
        (Admission::WentAhead(record.clone()), false),
        (Admission::Held(record.clone()), false),
    ] {
        assert_eq!(admission.may_go_ahead(), may, "{admission:?}");
        assert_eq!(*admission.record(), *record);
    }
}

/// A host without checks.
#[derive(Debug)]
struct Unchecked;

#[async_trait]
impl HealthSource for Unchecked {
    async fn health(&self, gates: &[&GateRecord]) -> Result<Vec<HostHealth>, SourceError> {
        Ok(vec![HostHealth::default(); gates.len()])
    }

    async fn run(&self, _: LiveRun) -> Vec<CheckResult> {
        Vec::new()
    }
}

/// A job's handle and a runner, on one clock and one store.
fn handle_and_runner() -> (ManualClock, Gate, GateRunner) {
    let clock = ManualClock::new(at(0));
    let (shared, windows) = (Arc::new(clock.clone()), Arc::new(RequestedWindows));
    let store = Arc::new(MemoryStore::new(shared.clone()));
    let (health, policy) = (Arc::new(Unchecked), GatePolicy::default());
    let config = GateRunnerConfig::default();
    let runner = GateRunner::new(
        store.clone(),
        health.clone(),
        windows.clone(),
        shared.clone(),
        policy.clone(),
        config,
    );
    let runner = runner.unwrap();
    let gate = Gate::new(store, health, windows, shared, policy).unwrap();
    let gate = gate.with_nudge(runner.nudge_handle());
    (clock, gate, runner)
}

/// G17, G25: of all calls for a job and a host, one goes ahead; after a cancellation none does.
#[test]
fn g17_one_of_the_calls_for_a_host_goes_ahead_and_none_after_a_cancellation() {
    let (clock, gate, runner) = handle_and_runner();
    let stop = CancellationToken::new();
    let calls = async {
        let (job, host) = (JobId::generate(), HostId::generate());
        let hour = Duration::from_secs(3_600);
        let request = GateRequest::immediate(job, host, at(0), hour).unwrap();
        let first = gate.admit(request.clone()).await.unwrap();
        assert!(matches!(first, Admission::GoAhead(_)), "{first:?}");
        let second = gate.admit(request.clone()).await.unwrap();
        assert!(matches!(second, Admission::WentAhead(_)), "{second:?}");
        assert_eq!(second.record().id, first.record().id);
        let other = HostId::generate();
        let window = Window::new(seconds(600), seconds(1_200)).unwrap();
        let later = GateRequest::new(job, other, window);
        gate.open(later.clone()).await.unwrap();
        gate.cancel(job, other, Actor::system()).await.unwrap();
        let held = gate.admit(later).await.unwrap();
        assert!(matches!(held, Admission::Held(_)), "{held:?}");
        stop.cancel();
    };
    clock.drive(futures_util::future::join(runner.run(stop.clone()), calls));
}

/// R7: groups are set as a whole, and only if all of them are valid.
#[test]
fn r7_groups_are_set_and_read_back_and_an_invalid_one_changes_nothing() {
    let (_, gate, _) = handle_and_runner();
    let hosts = [HostId::generate(), HostId::generate()];
    let group = |name: &str, most| AvailabilityGroup {
        name: name.to_owned(),
        max_unavailable: most,
        stale_after: Duration::from_secs(600),
        members: hosts.into(),
    };
    wait_for(async {
        gate.set_groups(vec![group("web", 1), group("database", 2)]).await.unwrap();
        for groups in [vec![group("web", 0)], vec![group("web", 1), group("web", 1)]] {
            assert!(matches!(gate.set_groups(groups).await, Err(GateError::Invalid(_))));
        }
        let found = gate.groups_of(&hosts[..1]).await.unwrap();
        let told: Vec<_> =
            found.iter().map(|one| (one.name.as_str(), one.max_unavailable)).collect();
        assert_eq!(told, [("database", 2), ("web", 1)]);
        assert!(found.iter().all(|one| one.members == [hosts[0]].into()));
        assert!(gate.groups_of(&[HostId::generate()]).await.unwrap().is_empty());
    });
}
