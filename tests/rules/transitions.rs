//! The rules of a gate's life in stores, over records and steps made at random (G16 to G18, G21, G25 to G29, G35).

use chrono::{DateTime, TimeDelta, Utc};
use healthgate::{
    model::{
        Attempt, AttemptOutcome, ClockEpoch, Detail, EndReason, Evidence, EvidenceReason, GateId,
        GateNote, GateOverride, GatePass, GateRecord, GateRequest, GateState, GroupStatus,
        HoldCause, HostChange, HostChangeState, HostId, JobId, PassId, PassKind, ReasonCode,
        StoreTime, Window, WorkerId,
    },
    store::{AttemptWrite, GateStep, GateTransition, SpendRefusal, StoreError, transition},
};
use proptest::prelude::*;
use uuid::Uuid;

use crate::decide::config;

const LENGTH: i64 = 600;

/// An instant so many seconds after the opening of the window.
fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
}

fn pass_id(number: u8) -> PassId {
    PassId::from_uuid(Uuid::from_u128(u128::from(number)))
}

/// On a border, a second beside it, or somewhere near.
fn around(borders: Vec<i64>) -> impl Strategy<Value = i64> {
    (proptest::sample::select(borders), prop_oneof![4 => -1_i64..=1, 1 => -300_i64..300])
        .prop_map(|(border, beside)| border + beside)
}

fn state() -> impl Strategy<Value = GateState> {
    use GateState::{Cancelled, Failed, Passed, Spent, Waiting};
    prop_oneof![
        3 => Just(Waiting), 4 => Just(Passed), 1 => Just(Spent), 1 => Just(Failed), 1 => Just(Cancelled)
    ]
}

fn kind() -> impl Strategy<Value = PassKind> {
    use PassKind::{Exempt, Healthy, NoChecks, Overridden, ReportOnly};
    proptest::sample::select(vec![Healthy, NoChecks, Overridden, Exempt, ReportOnly])
}

fn epoch() -> impl Strategy<Value = ClockEpoch> {
    (1_i64..4).prop_map(ClockEpoch::new)
}

prop_compose! {
    fn evidence()(
        of_check in proptest::bool::weighted(0.8),
        healthy in any::<bool>(),
        checked_at in proptest::option::weighted(0.9, around(vec![0, 30])),
    ) -> Evidence {
        let reason = if healthy { ReasonCode::Ok } else { ReasonCode::Status };
        Evidence {
            check_id: of_check.then(|| healthgate::model::CheckId::from_uuid(Uuid::from_u128(1))),
            name: "check".to_owned(),
            healthy,
            reason: EvidenceReason::Code(reason),
            observed: true,
            detail: Detail::default(),
            latency_ms: None,
            checked_at: checked_at.map(at),
        }
    }
}

prop_compose! {
    fn pass()(
        number in 0_u8..3,
        kind in kind(),
        valid_until in around(vec![30, 60]),
        token in 1_i64..3,
        evidence in proptest::collection::vec(evidence(), 0..3),
    ) -> GatePass {
        GatePass {
            id: pass_id(number),
            gate_id: GateId::from_uuid(Uuid::from_u128(5)),
            job_id: JobId::from_uuid(Uuid::from_u128(7)),
            host_id: HostId::from_uuid(Uuid::from_u128(1)),
            kind,
            granted_at: at(0),
            valid_until: at(valid_until),
            owner: WorkerId::from_uuid(Uuid::from_u128(9)),
            token,
            epoch: ClockEpoch::new(2),
            evidence,
            would_have: None,
        }
    }
}

prop_compose! {
    fn record()(
        state in state(),
        pass in proptest::option::weighted(0.9, pass()),
        (cancel_requested, overridden) in (proptest::bool::weighted(0.2), any::<bool>()),
        (opens_at, opened_at) in (around(vec![0, 0, 30]), around(vec![0, 60])),
        high_water in around(vec![0, 60]),
        clock_offset_us in proptest::sample::select(vec![0_i64, 0, -5, 1_000_000, 30_000_000]),
        offset_clearings in 0_u32..3,
        void in proptest::option::of((around(vec![0, 60]), epoch())),
        (attempts, last, next) in (0_u32..4, proptest::option::of(around(vec![0, 60])), any::<bool>()),
        notes in 0_usize..=GateRecord::MAXIMUM_NOTES,
        generation in prop_oneof![8 => 1_u32..4, 1 => Just(u32::MAX)],
    ) -> GateRecord {
        let window = Window::new(at(opens_at), at(opens_at + LENGTH)).unwrap();
        let (job, host) = (Uuid::from_u128(7), Uuid::from_u128(1));
        let request = GateRequest::new(JobId::from_uuid(job), HostId::from_uuid(host), window);
        let id = GateId::from_uuid(Uuid::from_u128(5));
        let opened = StoreTime::new(ClockEpoch::new(1), at(opened_at));
        GateRecord {
            generation,
            state,
            pass,
            cancel_requested,
            high_water: at(high_water),
            clock_offset_us,
            offset_clearings,
            void_before: void.map(|(seconds, _)| at(seconds)),
            void_epoch: void.map(|(_, epoch)| epoch).unwrap_or_default(),
            attempts,
            last_attempt_at: last.map(at),
            next_attempt_at: next.then(|| at(90)),
            hold: next.then_some(HoldCause::Slot),
            notes: (0..notes).map(|number| note(&format!("old {number}"))).collect(),
            exception: overridden.then(exception),
            ..GateRecord::open(id, &request, opened)
        }
    }
}

fn exception() -> GateOverride {
    GateOverride {
        checks: Vec::new(),
        reason: "a reason that is long enough".to_owned(),
        expires_at: at(LENGTH),
        actor: "ada".to_owned(),
        created_at: at(0),
    }
}

fn note(text: &str) -> GateNote {
    GateNote { at: at(0), text: Detail::new(text) }
}

fn turn() -> impl Strategy<Value = Option<GateTransition>> {
    use EndReason::{HostDeleted, JobCancelled, WindowClosed};
    let reason = proptest::sample::select(vec![HostDeleted, JobCancelled, WindowClosed]);
    prop_oneof![
        Just(None),
        pass().prop_map(|pass| Some(GateTransition::Pass(pass))),
        Just(Some(GateTransition::Renew)),
        reason.prop_map(|reason| Some(GateTransition::End(reason))),
    ]
}

fn attempt() -> impl Strategy<Value = Option<AttemptWrite>> {
    let start = (1_u32..6, around(vec![0, 60]))
        .prop_map(|(number, seconds)| AttemptWrite::Start { number, started_at: at(seconds) });
    let end =
        (1_u32..6, proptest::collection::vec(evidence(), 0..2)).prop_map(|(number, checks)| {
            let (finished_at, outcome) = (at(61), AttemptOutcome::Finished);
            AttemptWrite::End { number, finished_at, outcome, checks }
        });
    proptest::option::of(prop_oneof![start, end])
}

prop_compose! {
    fn step()(
        transition in turn(),
        attempt in attempt(),
        high_water in around(vec![0, 60]),
        clock_offset_us in 0_i64..3,
        offset_clearings in 0_u32..3,
        void_before in proptest::option::of((around(vec![0]), epoch())),
        evidence in proptest::option::of(proptest::collection::vec(evidence(), 0..3)),
        notes in 0_usize..4,
        (held, detailed, next) in (any::<bool>(), any::<bool>(), any::<bool>()),
    ) -> GateStep {
        GateStep {
            gate_id: GateId::from_uuid(Uuid::from_u128(5)),
            token: 1,
            seen: 0,
            window: Window::new(at(10), at(20)).unwrap(),
            high_water: at(high_water),
            clock_offset_us,
            offset_clearings,
            hold: held.then_some(HoldCause::Group),
            void_before: void_before.map(|(seconds, epoch)| StoreTime::new(epoch, at(seconds))),
            next_attempt_at: next.then(|| at(45)),
            evidence,
            notes: (0..notes).map(|number| note(&format!("new {number}"))).collect(),
            detail: detailed.then(|| "told".to_owned()),
            attempt,
            results: Vec::new(),
            transition,
        }
    }
}

/// Around the expiry of a pass, and the opening.
fn now() -> impl Strategy<Value = DateTime<Utc>> {
    around(vec![0, 30, 60]).prop_map(at)
}

proptest! {
    #![proptest_config(config())]

    /// A worker is needed by what waits, and by a pass that nobody may spend any more (G16, G25).
    #[test]
    fn a_claim_takes_what_waits_and_passes_that_cannot_be_spent(record in record(), now in now()) {
        let spendable = record.pass.as_ref()
            .is_some_and(|pass| now < pass.valid_until && !record.cancel_requested);
        let needed = match record.state {
            GateState::Waiting => true,
            GateState::Passed => !spendable,
            _ => false,
        };
        prop_assert_eq!(transition::needs_worker(&record, now), needed);
        prop_assert!(!(needed && record.state.is_terminal()), "G18");
    }

    #[test]
    fn a_claim_serves_open_gates_first_by_their_close_then_others_by_their_opening(
        one in record(), two in record(), now in now(),
    ) {
        let order = transition::claim_order(&one, now).cmp(&transition::claim_order(&two, now));
        let open = |record: &GateRecord| record.window.opens_at() <= now;
        let expected = match (open(&one), open(&two)) {
            (true, false) => std::cmp::Ordering::Less,
            (false, true) => std::cmp::Ordering::Greater,
            (true, true) => one.window.closes_at().cmp(&two.window.closes_at()),
            (false, false) => one.window.opens_at().cmp(&two.window.opens_at()),
        };
        prop_assert_eq!(order, expected);
    }

    /// A job has one gate on a host, and a retry opens the next one after an end without a spent pass.
    #[test]
    fn a_request_opens_a_generation_only_as_the_first_or_as_a_retry(
        record in record(), retry in any::<bool>(),
    ) {
        let request = GateRequest::new(record.job_id, record.host_id, record.window);
        let request = GateRequest { retry, ..request };
        prop_assert_eq!(transition::next_generation(None, &request), Some(1));
        let ended = [GateState::Failed, GateState::Cancelled].contains(&record.state);
        let next = (retry && ended).then(|| record.generation.max(record.generation.wrapping_add(1)));
        prop_assert_eq!(transition::next_generation(Some(&record), &request), next);
    }

    #[test]
    fn g18_a_step_leads_from_waiting_and_from_a_pass_only_back_or_to_an_end(
        step in step(), state in state(),
    ) {
        let leads = match state {
            GateState::Waiting => !matches!(step.transition, Some(GateTransition::Renew)),
            GateState::Passed => matches!(
                step.transition, Some(GateTransition::Renew | GateTransition::End(_))),
            _ => false,
        };
        prop_assert_eq!(transition::leads(&step, state), leads);
    }

    /// G14, G21, G28: what a step writes, and what it leaves as it was.
    #[test]
    fn a_step_writes_what_it_names_and_leaves_the_rest(
        record in record(), step in step(), now in now(),
    ) {
        let mut after = record.clone();
        let ends_lease = transition::apply(&mut after, &step, now);
        let mut expected = record.clone();
        expected.window = step.window;
        let same_time = step.offset_clearings == record.offset_clearings;
        if same_time {
            (expected.high_water, expected.clock_offset_us) = (step.high_water, step.clock_offset_us);
        }
        if let Some(StoreTime { epoch, at }) = step.void_before {
            (expected.void_before, expected.void_epoch) = (Some(at), epoch);
        }
        (expected.next_attempt_at, expected.hold) = (step.next_attempt_at, step.hold);
        expected.evidence = step.evidence.clone().unwrap_or(record.evidence.clone());
        expected.detail = step.detail.clone().unwrap_or(record.detail.clone());
        let notes: Vec<GateNote> = record.notes.iter().chain(&step.notes).cloned().collect();
        expected.notes = notes.iter().rev().take(20).rev().cloned().collect();
        if let Some(AttemptWrite::Start { number, started_at }) = step.attempt {
            expected.attempts = record.attempts.max(number);
            let by_gate = if same_time { step.high_water.max(started_at) } else { started_at };
            expected.last_attempt_at = Some(by_gate);
        }
        match &step.transition {
            None => {}
            Some(GateTransition::Pass(pass)) => {
                (expected.state, expected.pass) = (GateState::Passed, Some(pass.clone()));
            }
            Some(GateTransition::Renew) => expected.state = GateState::Waiting,
            Some(GateTransition::End(reason)) => {
                let cancelled = *reason == EndReason::JobCancelled;
                expected.state = if cancelled { GateState::Cancelled } else { GateState::Failed };
                (expected.end_reason, expected.ended_at) = (Some(*reason), Some(now));
                (expected.next_attempt_at, expected.hold) = (None, None);
            }
        }
        prop_assert_eq!(&after, &expected);
        let gives_up = matches!(
            step.transition, Some(GateTransition::Pass(_) | GateTransition::End(_)));
        prop_assert_eq!(ends_lease, gives_up);
    }

    /// G28: an attempt counts from its start, and its end is written only where its start is.
    #[test]
    fn g28_an_attempt_runs_from_its_start_and_ends_as_it_is_told(
        write in attempt(), stored in any::<bool>(),
    ) {
        let Some(write) = write else { return Ok(()) };
        let running = |number, started_at| Attempt {
            number, started_at, finished_at: None, outcome: AttemptOutcome::Running, checks: Vec::new(),
        };
        let stored = stored.then(|| running(write.number(), at(-7)));
        let after = transition::write_attempt(stored.clone(), &write);
        match write {
            AttemptWrite::Start { number, started_at } => {
                prop_assert_eq!(after, Some(running(number, started_at)));
            }
            AttemptWrite::End { number, finished_at, outcome, checks } => {
                let ended = Attempt {
                    finished_at: Some(finished_at), outcome, checks, ..running(number, at(-7)) };
                prop_assert_eq!(after, stored.map(|_| ended));
            }
        }
    }

    /// G16, G17, G21, G25, G26, G36: a pass is spent once, by its id, while it is valid and not called off.
    #[test]
    fn g16_g17_g25_g36_a_pass_is_spent_only_while_everything_that_it_rests_on_holds(
        record in record(), id in 0_u8..3, token in 1_i64..3, now in now(),
    ) {
        use SpendRefusal::{AlreadySpent, Cancelled, Expired, Outdated, Superseded};
        let refusal = transition::refusal(&record, token, pass_id(id), now);
        let Some(pass) = record.pass.as_ref().filter(|pass| pass.id == pass_id(id)) else {
            prop_assert_eq!(refusal, Some(Superseded));
            return Ok(());
        };
        // By the gate's own time as it was, less its lead, where the clock has stepped back.
        let lead = record.clock_offset_us.max(0);
        let clock = now.max(record.high_water - TimeDelta::microseconds(lead));
        let open = clock < pass.valid_until && now >= record.window.opens_at();
        let overridden = pass.kind == PassKind::Overridden;
        match record.state {
            GateState::Spent => prop_assert_eq!(refusal, Some(AlreadySpent)),
            GateState::Cancelled => prop_assert_eq!(refusal, Some(Cancelled)),
            GateState::Waiting | GateState::Failed => prop_assert_eq!(refusal, Some(Expired)),
            GateState::Passed => {
                let may = !record.cancel_requested && open && token == pass.token
                    && (!overridden || record.exception.is_some());
                prop_assert_eq!(refusal.is_none(), may);
                match refusal {
                    Some(Cancelled) => prop_assert!(record.cancel_requested),
                    Some(Expired) => prop_assert!(!open && !record.cancel_requested),
                    Some(Outdated) => prop_assert!(overridden && record.exception.is_none() && open),
                    Some(Superseded) => prop_assert!(token != pass.token && open),
                    other => prop_assert_eq!(other, None),
                }
            }
        }
    }

    /// G27, G35: no pass is spent while another change runs, nor on checks from before its end.
    #[test]
    fn g27_g35_a_pass_is_spent_only_after_other_changes_and_on_checks_from_after_them(
        record in record(), other in record(), (started, ended) in (
            around(vec![0, 30, -1_800]), proptest::option::of(around(vec![0, 30, 60]))),
        now in now(),
    ) {
        prop_assert_eq!(transition::admit_after_change(&record, None, now), None);
        let Some(mut change) = HostChange::begin(&other, at(started)) else { return Ok(()) };
        if let Some(seconds) = ended {
            (change.state, change.ended_at) = (HostChangeState::Ended, Some(at(seconds)));
        }
        let refusal = transition::admit_after_change(&record, Some(&change), now);
        // A change whose end nobody reports is over after half an hour.
        let end = ended.map_or(at(started + 1_800), at);
        if ended.is_none() && now < end {
            prop_assert_eq!(refusal, Some(SpendRefusal::HostBusy));
            return Ok(());
        }
        let proofs = record.pass.iter().filter(|pass| {
            [PassKind::Healthy, PassKind::Overridden].contains(&pass.kind)
        });
        let mut proofs = proofs.flat_map(|pass| &pass.evidence)
            .filter(|one| one.healthy && one.check_id.is_some());
        let outdated = proofs.any(|one| one.checked_at.is_some_and(|at| at < end && at < now));
        prop_assert_eq!(refusal, outdated.then_some(SpendRefusal::Outdated));
    }

    /// R7: a host is held where one of its groups has its number of others down.
    #[test]
    fn r7_a_host_is_refused_where_any_of_its_groups_has_enough_others_down(
        groups in proptest::collection::vec((1_u32..4, proptest::collection::btree_set(1_u128..6, 0..5)), 0..4),
    ) {
        let host = |number| HostId::from_uuid(Uuid::from_u128(number));
        let statuses: Vec<GroupStatus> = groups.iter().map(|(most, down)| GroupStatus {
            name: "web".to_owned(),
            max_unavailable: *most,
            members: (1..6).map(host).collect(),
            unavailable: down.iter().copied().map(host).collect(),
            passed: [].into(),
        }).collect();
        let full = groups.iter().any(|(most, down)| {
            u32::try_from(down.iter().filter(|number| **number != 1).count()).unwrap() >= *most
        });
        let refusal = transition::admit_to_groups(&statuses, host(1));
        prop_assert_eq!(refusal, full.then_some(SpendRefusal::GroupAtLimit));
    }

    /// F154: a pass that was refused is taken back once, and no earlier run counts afterwards.
    #[test]
    fn f154_a_refused_pass_is_taken_back_and_voids_what_it_rested_on(
        record in record(), id in 0_u8..3, now in now(), epoch in epoch(),
    ) {
        let now = StoreTime::new(epoch, now);
        let mut after = record.clone();
        let changed = transition::take_back(&mut after, pass_id(id), now);
        let newest = record.pass.as_ref().is_some_and(|pass| pass.id == pass_id(id));
        prop_assert_eq!(changed, newest && record.state == GateState::Passed);
        if !changed {
            prop_assert_eq!(&after, &record);
            return Ok(());
        }
        // Never earlier than before, in the order of the clock's readings.
        let void = |record: &GateRecord| record.void_before.map(|at| (record.void_epoch, at));
        let expected = void(&record).max(Some((now.epoch, now.at)));
        prop_assert_eq!(void(&after), expected);
        let others = GateRecord {
            state: record.state, void_before: record.void_before, void_epoch: record.void_epoch,
            ..after.clone()
        };
        prop_assert_eq!((others, after.state), (record, GateState::Waiting));
        prop_assert!(!transition::take_back(&mut after, pass_id(id), now));
    }

    /// G26: an override is set while the gate waits, and revoked until its pass is spent.
    #[test]
    fn g26_an_override_is_set_before_the_pass_and_revoked_before_it_is_spent(record in record()) {
        let state = record.state;
        let set = transition::takes_override(&record, Some(&exception()));
        prop_assert_eq!(set, state == GateState::Waiting);
        let revoked = transition::takes_override(&record, None);
        prop_assert_eq!(revoked, !state.is_terminal());
    }

    /// G21: an administrator gives a gate the store's clock again, and nothing of it lies ahead of that.
    #[test]
    fn g21_a_cleared_gate_has_the_time_of_the_clock(record in record(), now in now()) {
        let mut after = record.clone();
        let cleared = transition::clear_clock_offset(&mut after, now);
        if record.state.is_terminal() {
            let refused = matches!(cleared, Err(StoreError::InvalidState { .. }));
            prop_assert!(refused);
            prop_assert_eq!(&after, &record);
            return Ok(());
        }
        let lead = record.gate_time(now) - now;
        prop_assert_eq!(cleared.unwrap(), lead > TimeDelta::zero());
        if lead.is_zero() {
            prop_assert_eq!(&after, &record);
            return Ok(());
        }
        prop_assert_eq!(after.gate_time(now), now);
        prop_assert_eq!(after.offset_clearings, record.offset_clearings + 1);
        prop_assert_eq!(after.clock_offset_us, 0);
        // What was noted ahead of the clock was noted by the clock before it stepped.
        let noted = |instant: DateTime<Utc>| match instant > now {
            true => (instant - lead).min(now),
            false => instant,
        };
        prop_assert_eq!(after.opened_at, noted(record.opened_at));
        prop_assert_eq!(after.void_before, record.void_before.map(noted));
        // Attempts are noted in the gate's own time.
        let last = record.last_attempt_at.map(|last| now.min(last - lead));
        prop_assert_eq!(after.last_attempt_at, last);
        let others = GateRecord {
            opened_at: record.opened_at,
            void_before: record.void_before,
            last_attempt_at: record.last_attempt_at,
            high_water: record.high_water,
            clock_offset_us: record.clock_offset_us,
            offset_clearings: record.offset_clearings,
            ..after
        };
        prop_assert_eq!(others, record);
    }

    #[test]
    fn g17_spending_is_an_end_and_changes_nothing_else(record in record(), now in now()) {
        let mut after = record.clone();
        transition::spend(&mut after, now);
        prop_assert_eq!((after.state, after.ended_at), (GateState::Spent, Some(now)));
        let others = GateRecord { state: record.state, ended_at: record.ended_at, ..after };
        prop_assert_eq!(others, record);
    }
}
