//! The verdict on a changed host held against V1 to V6, said once more in the plainest way.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use healthgate::{
    gate::{
        decide::Requirement,
        verify::{VerifyAction, VerifyInput, absorb, decide},
    },
    model::{
        ChangeEnd, CheckId, CheckResult, ClockEpoch, Detail, Evidence, EvidenceReason, GatePass,
        HostChange, ReasonCode, RecheckChange, Rechecked, StoreTime, Verification,
        VerificationState, VerifiedCheck, VerifyPolicy,
    },
};
use proptest::prelude::*;

use crate::decide::{
    properties::{config, given, plain},
    scene::{EPOCH, SECOND, at, check, requirement, result},
};

/// The settling time, soak and deadline of all cases: the change ends at 0, so that its runs begin at 60,
/// and the deadline is at 300.
const SETTLE: i64 = 60;
const SOAK: i64 = 120;
const DEADLINE: i64 = 300;
/// When the pass was given, and its checks had run.
const PROVEN: i64 = -100;

#[derive(Clone, Debug)]
struct Case {
    now: DateTime<Utc>,
    epoch: ClockEpoch,
    suspect: bool,
    pass: GatePass,
    change: HostChange,
    requirements: Vec<Requirement>,
    disturbed: HashSet<CheckId>,
    gone: bool,
    unknown: bool,
}

/// One check of a case: what the pass knew, what there is, and what the newest run saw.
#[derive(Clone, Debug)]
struct One {
    /// Whether the pass has it, and found it healthy.
    was: Option<bool>,
    /// When it had run for the pass; some evidence has no time.
    ran: Option<i64>,
    /// Whether it exists, and is enabled.
    is: Option<bool>,
    changed_at: i64,
    changed_epoch: i64,
    /// What the newest run saw, and since when.
    seen: Option<(ReasonCode, Option<i64>)>,
    counted: bool,
    disturbed: bool,
}

/// An instant in seconds, around a border or on it.
fn around(borders: Vec<i64>) -> impl Strategy<Value = i64> {
    (proptest::sample::select(borders), prop_oneof![4 => -1_i64..=1, 1 => -100_i64..100])
        .prop_map(|(border, beside)| border + beside)
}

fn reason() -> impl Strategy<Value = ReasonCode> {
    use ReasonCode::{HostDisturbed, Interrupted, Ok, Status};
    prop_oneof![6 => Just(Ok), 2 => Just(Status), 1 => Just(Interrupted), 1 => Just(HostDisturbed)]
}

fn epoch() -> impl Strategy<Value = i64> {
    prop_oneof![16 => Just(2_i64), 1 => Just(1), 1 => Just(3)]
}

prop_compose! {
    fn one(run: i64)(
        was in prop_oneof![6 => Just(Some(true)), 2 => Just(Some(false)), 1 => Just(None)],
        ran in prop_oneof![8 => Just(Some(PROVEN)), 1 => Just(None)],
        is in prop_oneof![10 => Just(Some(true)), 1 => Just(Some(false)), 1 => Just(None)],
        changed_at in prop_oneof![6 => Just(-1_000), 1 => around(vec![PROVEN, run])],
        changed_epoch in epoch(),
        seen in proptest::option::weighted(0.9, (
            reason(), proptest::option::weighted(0.95, around(vec![run - SOAK, run - SOAK, run])))),
        counted in any::<bool>(),
        disturbed in proptest::bool::weighted(0.1),
    ) -> One {
        One { was, ran, is, changed_at, changed_epoch, seen, counted, disturbed }
    }
}

fn seconds(seconds: i64) -> DateTime<Utc> {
    at(seconds * SECOND)
}

fn evidence(number: u8, reason: ReasonCode, checked_at: Option<DateTime<Utc>>) -> Evidence {
    Evidence {
        check_id: Some(check(number)),
        name: format!("check {number}"),
        healthy: reason == ReasonCode::Ok,
        reason: EvidenceReason::Code(reason),
        observed: reason.observed(),
        detail: Detail::default(),
        latency_ms: Some(0),
        checked_at,
    }
}

fn case() -> impl Strategy<Value = Case> {
    let run = around(vec![SETTLE, SETTLE + SOAK, DEADLINE, DEADLINE]);
    (run, 0_usize..4).prop_flat_map(|(run, count)| {
        let now = around(vec![0, SETTLE, DEADLINE, run, run, run + 30]);
        (case_at(run), proptest::collection::vec(one(run), count), now)
            .prop_map(move |(case, ones, now)| filled(Case { now: seconds(now), ..case }, &ones))
    })
}

prop_compose! {
    /// A case without checks, whose newest run began at `run`.
    fn case_at(run: i64)(
        epochs in (epoch(), epoch()),
        has_run in proptest::bool::weighted(0.9),
        // A change that was ended when the clock was ahead counts as ended now.
        end in prop_oneof![6 => Just(0_i64), 1 => Just(10_000)],
        rare in (0_u8..20, 0_u8..20, 0_u8..20, 0_u8..8),
    ) -> Case {
        let scene = plain(60);
        let mut pass = given(&scene, at(120 * SECOND));
        pass.evidence.clear();
        let mut record = scene.gate;
        record.pass = Some(pass.clone());
        let mut change = HostChange::begin(&record, seconds(end - 10)).unwrap();
        let policy = VerifyPolicy {
            settle: Duration::from_secs(SETTLE.unsigned_abs()),
            soak: Duration::from_secs(SOAK.unsigned_abs()),
            deadline: Duration::from_secs(DEADLINE.unsigned_abs()),
        };
        assert!(change.end(seconds(end), ChangeEnd::Verify(policy)));
        let verification = change.verification.as_mut().unwrap();
        verification.last_run_at = has_run.then(|| seconds(run));
        verification.epoch = ClockEpoch::new(epochs.0);
        if rare.3 == 0 {
            // A condition of the application, whose evidence never counts.
            let one = evidence(0, ReasonCode::Ok, Some(seconds(PROVEN)));
            pass.evidence.push(Evidence { check_id: None, name: "paused".to_owned(), ..one });
        }
        Case {
            now: seconds(0),
            epoch: ClockEpoch::new(epochs.1),
            suspect: rare.0 == 0,
            pass,
            change,
            requirements: Vec::new(),
            disturbed: HashSet::new(),
            gone: rare.1 == 0,
            unknown: rare.2 == 0,
        }
    }
}

fn filled(mut case: Case, ones: &[One]) -> Case {
    for (number, one) in (0_u8..).zip(ones) {
        let was = one.was.map(|healthy| {
            let reason = if healthy { ReasonCode::Ok } else { ReasonCode::Status };
            evidence(number, reason, one.ran.map(seconds))
        });
        case.pass.evidence.extend(was.clone());
        case.requirements.extend(one.is.map(|enabled| Requirement {
            enabled,
            changed_at: seconds(one.changed_at),
            changed_epoch: ClockEpoch::new(one.changed_epoch),
            ..requirement(number)
        }));
        if one.disturbed {
            case.disturbed.insert(check(number));
        }
        let Some((reason, since)) = one.seen else { continue };
        let verification = case.change.verification.as_mut().unwrap();
        verification.checks.push(VerifiedCheck {
            seen: Rechecked {
                check_id: Some(check(number)),
                name: format!("check {number}"),
                was,
                now: Some(evidence(number, reason, verification.last_run_at)),
                change: RecheckChange::Same,
            },
            counted: one.counted,
            since: since.map(seconds),
        });
    }
    case
}

impl Case {
    fn verification(&self) -> &Verification {
        self.change.verification.as_ref().unwrap()
    }

    fn ask<T>(&self, ask: impl FnOnce(&VerifyInput<'_>) -> T) -> T {
        ask(&VerifyInput {
            now: StoreTime::new(self.epoch, self.now),
            clock_suspect: self.suspect,
            pass: &self.pass,
            change: &self.change,
            verification: self.verification(),
            requirements: &self.requirements,
            disturbed: &self.disturbed,
            host_gone: self.gone,
            unknown: self.unknown.then_some("no answer"),
        })
    }

    fn enabled(&self) -> Vec<usize> {
        let of = |(index, one): (usize, &Requirement)| one.enabled.then_some(index);
        self.requirements.iter().enumerate().filter_map(of).collect()
    }

    fn requirement(&self, id: CheckId) -> Option<&Requirement> {
        self.requirements.iter().find(|one| one.check_id == id)
    }

    /// The checks that count, and the names of those that did and are not the same any more (V6).
    fn counted(&self) -> (HashSet<CheckId>, Vec<String>) {
        let (mut counted, mut lost) = (HashSet::new(), Vec::new());
        let proofs: Vec<&Evidence> =
            self.pass.evidence.iter().filter(|one| one.healthy && one.check_id.is_some()).collect();
        for proof in &proofs {
            let id = proof.check_id.unwrap();
            let unchanged = self.requirement(id).filter(|one| one.enabled).is_some_and(|one| {
                let changed = (one.changed_epoch, one.changed_at);
                proof.checked_at.is_some_and(|at| changed <= (self.pass.epoch, at))
            });
            if unchanged {
                counted.insert(id);
            } else {
                lost.push(proof.name.clone());
            }
        }
        if proofs.is_empty() {
            counted.extend(self.enabled().iter().map(|index| self.requirements[*index].check_id));
            for one in self.verification().checks.iter().filter(|one| one.counted) {
                if !counted.contains(&one.seen.check_id.unwrap()) {
                    lost.push(one.seen.name.clone());
                }
            }
        }
        (counted, lost)
    }

    /// The start of the newest run, if it counts: not before the host had settled, not after now, and in this epoch.
    fn run(&self, settled: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let verification = self.verification();
        let run = verification.last_run_at?;
        let is_of_now = verification.epoch == self.epoch && settled <= run && run <= self.now;
        is_of_now.then_some(run)
    }

    /// Whether the newest run, at `run`, ends a soak in which this check was healthy (V2).
    fn has_soaked(&self, id: CheckId, run: DateTime<Utc>) -> bool {
        let seen = self.verification().checks.iter().find(|one| one.seen.check_id == Some(id));
        let is_of_present = self
            .requirement(id)
            .is_some_and(|one| (one.changed_epoch, one.changed_at) <= (self.epoch, run));
        let healthy = |one: &VerifiedCheck| one.seen.now.as_ref().is_some_and(|now| now.healthy);
        is_of_present
            && seen
                .filter(|one| healthy(one))
                .and_then(|one| one.since)
                .is_some_and(|since| run - since >= TimeDelta::seconds(SOAK))
    }
}

fn end_of(action: VerifyAction) -> (VerificationState, String) {
    match action {
        VerifyAction::End { state, detail } => (state, detail),
        other => panic!("no end: {other:?}"),
    }
}

/// What is told of a check after a run: its reason, whether it counts, and since when it is healthy.
type Expected = (Option<ReasonCode>, bool, Option<DateTime<Utc>>);

proptest! {
    #![proptest_config(config())]

    #[test]
    fn v1_v2_v3_v6_a_changed_host_is_judged_by_its_checks_settling_soak_and_deadline(case in case()) {
        use VerificationState::{NoChecks, Regressed, Unverified, Verified};
        let wait = |until| VerifyAction::Wait { until };
        let action = case.ask(decide);
        let now = case.now;
        let begin = case.change.ended_at.unwrap().min(now);
        let (settled, deadline) =
            (begin + TimeDelta::seconds(SETTLE), begin + TimeDelta::seconds(DEADLINE));
        let interval = TimeDelta::seconds(30);
        if case.suspect {
            prop_assert_eq!(action, wait(now + TimeDelta::seconds(5)));
            return Ok(());
        }
        if case.gone {
            prop_assert_eq!(end_of(action), (Unverified, "the host no longer exists".to_owned()));
            return Ok(());
        }
        if case.unknown {
            if now < deadline {
                prop_assert_eq!(action, wait(deadline.min(now + interval)));
            } else {
                let detail = "its health is unknown: no answer".to_owned();
                prop_assert_eq!(end_of(action), (Unverified, detail));
            }
            return Ok(());
        }
        let (counted, lost) = case.counted();
        if case.enabled().is_empty() && lost.is_empty() {
            prop_assert_eq!(end_of(action).0, NoChecks);
            return Ok(());
        }
        if now < settled {
            prop_assert_eq!(action, wait(settled));
            return Ok(());
        }
        let Some(run) = case.run(settled) else {
            prop_assert_eq!(action, VerifyAction::Run(case.enabled()));
            return Ok(());
        };
        if lost.is_empty()
            && !counted.is_empty()
            && counted.iter().all(|id| case.has_soaked(*id, run))
        {
            prop_assert_eq!(end_of(action).0, Verified);
            return Ok(());
        }
        if run < deadline {
            let due = deadline.min(run + interval);
            let expected = if now < due { wait(due) } else { VerifyAction::Run(case.enabled()) };
            prop_assert_eq!(action, expected);
            return Ok(());
        }
        let (state, detail) = end_of(action);
        let of_counted = case.verification().checks.iter().filter(|one| {
            one.seen.check_id.is_some_and(|id| counted.contains(&id))
        });
        let names = |wanted: &dyn Fn(&Evidence) -> bool| -> Vec<&str> {
            let chosen = of_counted.clone().filter(|one| wanted(one.seen.now.as_ref().unwrap()));
            chosen.map(|one| one.seen.name.as_str()).collect()
        };
        let failing = names(&|now| !now.healthy && now.observed);
        let unseen = names(&|now| !now.healthy);
        let (expected, head, told) = if !failing.is_empty() {
            (Regressed, "failing since the change: ", failing)
        } else if !lost.is_empty() {
            let lost = lost.iter().map(String::as_str).collect();
            (Unverified, "changed since the pass was given: ", lost)
        } else if !unseen.is_empty() {
            (Unverified, "not observed: ", unseen)
        } else {
            (Unverified, "healthy, but not for 120 s before the deadline", Vec::new())
        };
        prop_assert_eq!(state, expected);
        prop_assert!(detail.starts_with(head), "{} instead of {}", detail, head);
        for number in 0..4 {
            let name = format!("check {number}");
            prop_assert_eq!(told.contains(&name.as_str()), detail.contains(&name), "{}", &detail);
        }
    }

    /// V2, V6: after a run, each check has what that run saw, since when it sees so, and whether it counts.
    #[test]
    fn v2_v6_a_run_is_added_to_what_the_runs_before_it_saw(
        case in case(),
        answers in proptest::collection::vec(proptest::option::weighted(0.9, reason()), 4),
        gap in prop_oneof![3 => Just(30_i64), 1 => 89_i64..=91, 1 => Just(-10_i64)],
        same_epoch in proptest::bool::weighted(0.9),
    ) {
        let before = case.verification().clone();
        let last = before.last_run_at.unwrap_or(case.now);
        let epoch = if same_epoch { before.epoch } else { before.epoch.next() };
        let started = StoreTime::new(epoch, last + TimeDelta::seconds(gap));
        let answer = |number: u8| answers[usize::from(number)];
        let results: Vec<CheckResult> = (0_u8..4)
            .filter_map(|number| Some(result(number, answer(number)?, started.at)))
            .collect();
        let after = case.ask(|input| absorb(input, started, &results));
        prop_assert_eq!((after.last_run_at, after.epoch), (Some(started.at), started.epoch));
        prop_assert_eq!((after.runs, after.state), (before.runs + 1, before.state));
        prop_assert_eq!((after.policy, after.next_at), (before.policy, before.next_at));
        let (counted, _) = case.counted();
        let older: HashMap<CheckId, &VerifiedCheck> =
            before.checks.iter().map(|one| (one.seen.check_id.unwrap(), one)).collect();
        let mut expected: HashMap<CheckId, Expected> =
            HashMap::new();
        for number in 0..4 {
            let id = check(number);
            let known = older.get(&id).copied();
            let was_counted = known.is_some_and(|one| one.counted);
            let is_counted = counted.contains(&id) || was_counted;
            if !case.requirement(id).is_some_and(|one| one.enabled) {
                // It is gone: of the pass, or counted by an earlier run.
                if was_counted || case.pass.evidence.iter().any(|one| one.check_id == Some(id)) {
                    expected.insert(id, (None, is_counted, None));
                }
                continue;
            }
            let reason = match (case.disturbed.contains(&id), answer(number)) {
                (true, _) => ReasonCode::HostDisturbed,
                (false, answer) => answer.unwrap_or(ReasonCode::Interrupted),
            };
            // A healthy row is broken by a gap of more than three intervals, a failing one is not.
            let watched = before.last_run_at.is_some() && gap <= 90;
            let goes_on = known.filter(|one| {
                let now = one.seen.now.as_ref().unwrap();
                same_epoch
                    && now.reason == EvidenceReason::Code(reason)
                    && (watched || reason != ReasonCode::Ok)
            });
            let since = goes_on.map_or(Some(started.at), |one| one.since);
            expected.insert(id, (Some(reason), is_counted, since));
        }
        prop_assert_eq!(after.checks.len(), expected.len());
        for one in &after.checks {
            let id = one.seen.check_id.unwrap();
            let (reason, counted, since) = expected[&id];
            let now = one.seen.now.as_ref();
            prop_assert_eq!(now.map(|now| now.reason.clone()), reason.map(EvidenceReason::Code));
            prop_assert_eq!((one.counted, one.since), (counted, since), "{:?}", one);
            if let (Some(now), Some(reason)) = (now, reason) {
                prop_assert_eq!(now.healthy, reason == ReasonCode::Ok);
                prop_assert_eq!(now.observed, reason.observed());
                prop_assert!(one.seen.change != RecheckChange::Gone);
            } else {
                prop_assert_eq!(one.seen.change, RecheckChange::Gone);
            }
        }
        // The progress names what counts and fails, and nothing else.
        let failing = |one: &&VerifiedCheck| {
            one.counted && !one.seen.now.as_ref().is_some_and(|now| now.healthy)
        };
        let names: Vec<&str> =
            after.checks.iter().filter(failing).map(|one| one.seen.name.as_str()).collect();
        prop_assert_eq!(after.detail.starts_with("not healthy since"), !names.is_empty());
        for one in &after.checks {
            let name = one.seen.name.as_str();
            prop_assert_eq!(names.contains(&name), after.detail.contains(name));
        }
    }
}

/// The words of a verdict name each check with its reason and since when, and what the change has mended.
#[test]
fn a_verdict_says_in_words_what_it_rests_on() {
    let one = |was, seen| One {
        was: Some(was),
        ran: Some(PROVEN),
        is: Some(true),
        changed_at: -1_000,
        changed_epoch: EPOCH.number(),
        seen: Some(seen),
        counted: true,
        disturbed: false,
    };
    let begun = |ones: &[One], run: i64| {
        let scene = plain(60);
        let mut pass = given(&scene, at(120 * SECOND));
        pass.evidence.clear();
        let mut record = scene.gate;
        record.pass = Some(pass.clone());
        let mut change = HostChange::begin(&record, seconds(-10)).unwrap();
        let policy = VerifyPolicy {
            settle: Duration::from_secs(SETTLE.unsigned_abs()),
            soak: Duration::from_secs(SOAK.unsigned_abs()),
            deadline: Duration::from_secs(DEADLINE.unsigned_abs()),
        };
        assert!(change.end(seconds(0), ChangeEnd::Verify(policy)));
        let verification = change.verification.as_mut().unwrap();
        (verification.last_run_at, verification.epoch) = (Some(seconds(run)), EPOCH);
        let case = Case {
            now: seconds(run),
            epoch: EPOCH,
            suspect: false,
            pass,
            change,
            requirements: Vec::new(),
            disturbed: HashSet::new(),
            gone: false,
            unknown: false,
        };
        filled(case, ones)
    };
    let (ok, status) = (ReasonCode::Ok, ReasonCode::Status);
    let (healthy, failing) = ((ok, Some(60)), (status, Some(90)));
    let case = begun(&[one(true, healthy), one(true, failing)], 300);
    let (state, detail) = end_of(case.ask(decide));
    assert_eq!(state, VerificationState::Regressed);
    let told = "failing since the change: check 1 (status since 2027-01-15T08:01:30Z)";
    assert_eq!(detail, told);
    let mut case = begun(&[one(true, healthy), one(false, failing), one(false, healthy)], 300);
    let changes = [RecheckChange::Same, RecheckChange::StillFailing, RecheckChange::Mended];
    let verification = case.change.verification.as_mut().unwrap();
    for (check, change) in verification.checks.iter_mut().zip(changes) {
        check.seen.change = change;
    }
    let (state, detail) = end_of(case.ask(decide));
    assert_eq!(state, VerificationState::Verified);
    let told = "healthy after the change; recovered: check 2; failing as before: check 1";
    assert_eq!(detail, told);
    let case = begun(&[one(true, healthy)], 300);
    assert_eq!(end_of(case.ask(decide)).1, "healthy after the change");
    let case = begun(&[one(true, (status, None))], 300);
    let (_, detail) = end_of(case.ask(decide));
    assert_eq!(detail, "failing since the change: check 0 (status)");
    let mut gone = one(true, healthy);
    gone.is = None;
    let case = begun(&[gone], 300);
    let started = StoreTime::new(EPOCH, seconds(330));
    let after = case.ask(|input| absorb(input, started, &[]));
    assert_eq!(after.detail, "not healthy since the change: check 0 (not required any more)");
    let case = begun(&[one(true, healthy)], 120);
    let results = [result(0, ok, seconds(150))];
    let after = case.ask(|input| absorb(input, StoreTime::new(EPOCH, seconds(150)), &results));
    assert_eq!(after.detail, "its checks are healthy since the change, and must stay healthy");
}
