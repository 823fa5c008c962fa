//! Everything that a decision depends on, made at random around the borders.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use healthgate::{
    gate::{
        GatePolicy,
        decide::{Condition, Decision, GateInput, Requirement, Streak, WindowAnswer, decide},
    },
    model::{
        AgentEndpoint, CheckId, CheckResult, ClockEpoch, Detail, GateId, GateOverride, GateRecord,
        GateRequest, Hold, HostId, JobId, OverriddenCheck, ReasonCode, ResultSource, StoreTime,
        Window, WindowKind,
    },
};
use proptest::prelude::*;
use uuid::Uuid;

pub(crate) const SECOND: i64 = 1_000_000;

/// The epoch of the store's clock in a scene.
pub(crate) const EPOCH: ClockEpoch = ClockEpoch::new(2);

/// An instant so many microseconds after the opening of the window.
pub(crate) fn at(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(1_800_000_000 * SECOND + micros).unwrap()
}

pub(crate) fn check(number: u8) -> CheckId {
    CheckId::from_uuid(Uuid::from_u128(u128::from(number) + 1))
}

#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) now: DateTime<Utc>,
    pub(crate) gate_time: DateTime<Utc>,
    pub(crate) suspect: bool,
    pub(crate) gate: GateRecord,
    pub(crate) in_flight: bool,
    pub(crate) no_room: bool,
    pub(crate) dirty: bool,
    pub(crate) answer: WindowAnswer,
    pub(crate) requirements: Vec<Requirement>,
    pub(crate) observations: Vec<CheckResult>,
    pub(crate) streaks: Vec<Streak>,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) hold: Option<Hold>,
    pub(crate) override_allowed: bool,
    pub(crate) policy: GatePolicy,
}

impl Scene {
    pub(crate) fn decide(&self) -> Decision {
        self.with(decide)
    }

    /// Asks something of the scene.
    pub(crate) fn with<T>(&self, ask: impl FnOnce(&GateInput<'_>) -> T) -> T {
        ask(&GateInput {
            now: self.now,
            epoch: EPOCH,
            gate_time: self.gate_time,
            clock_suspect: self.suspect,
            gate: &self.gate,
            in_flight: self.in_flight,
            no_room: self.no_room,
            dirty: self.dirty,
            window: self.answer,
            requirements: &self.requirements,
            observations: &self.observations,
            streaks: &self.streaks,
            conditions: &self.conditions,
            hold: self.hold.as_ref(),
            override_allowed: self.override_allowed,
            policy: &self.policy,
        })
    }

    /// The same at another time.
    pub(crate) fn moved(&self, by: TimeDelta) -> Self {
        let mut moved = self.clone();
        let shifted =
            |window: Window| Window::new(window.opens_at() + by, window.closes_at() + by).unwrap();
        moved.now += by;
        moved.gate_time += by;
        if let WindowAnswer::Open(window) = &mut moved.answer {
            *window = shifted(*window);
        }
        let gate = &mut moved.gate;
        gate.window = shifted(gate.window);
        gate.opened_at += by;
        gate.high_water += by;
        for instant in [&mut gate.last_attempt_at, &mut gate.void_before].into_iter().flatten() {
            *instant += by;
        }
        if let Some(exception) = &mut gate.exception {
            exception.expires_at += by;
        }
        moved.requirements.iter_mut().for_each(|one| one.changed_at += by);
        moved.observations.iter_mut().for_each(|one| one.checked_at += by);
        moved
    }

    /// The gate's own time.
    pub(crate) fn effective(&self) -> DateTime<Utc> {
        self.now.max(self.gate_time).max(self.gate.high_water)
    }

    /// How far that is ahead of the clock.
    pub(crate) fn offset(&self) -> TimeDelta {
        self.effective() - self.now
    }

    /// F155: the opening is judged by the clock, the close by the gate's own time.
    pub(crate) fn is_open(&self) -> bool {
        self.gate.window.opens_at() <= self.now && self.effective() < self.end()
    }

    /// What was noted ahead of the clock was noted before that stepped back.
    pub(crate) fn void_before(&self) -> Option<DateTime<Utc>> {
        let corrected = |void| if void > self.now { void - self.offset() } else { void };
        self.gate.void_before.map(corrected)
    }

    /// F138: the wait of an immediate job has no closing margin.
    pub(crate) fn end(&self) -> DateTime<Utc> {
        let margin = match self.gate.window_kind {
            WindowKind::Maintenance => TimeDelta::from_std(self.policy.closing_margin).unwrap(),
            WindowKind::Immediate => TimeDelta::zero(),
        };
        self.gate.window.closes_at() - margin
    }

    /// F140: no condition holds the job back.
    pub(crate) fn conditions_allow(&self) -> bool {
        let exempt = self.gate.exempt;
        self.conditions.iter().all(|one| one.met || (exempt && one.spares_exempt))
    }

    /// Whether nothing but window and checks decides.
    pub(crate) fn is_plain(&self) -> bool {
        !self.suspect
            && !self.gate.cancel_requested
            && !self.gate.exempt
            && !self.gate.report_only
            && matches!(self.answer, WindowAnswer::Open(_))
    }

    /// The rule of a pass, said once more in the plainest way (G2, G4 to G9, G23, G24, G26).
    pub(crate) fn may_pass(&self, requirement: &Requirement) -> bool {
        let now = self.now;
        let own: Vec<&CheckResult> =
            self.observations.iter().filter(|one| one.check_id == requirement.check_id).collect();
        let Some(newest) = own.iter().map(|one| one.started()).max() else { return false };
        let void = self.gate.void_before.map(|at| StoreTime::new(self.gate.void_epoch, at));
        let max_age = TimeDelta::from_std(self.policy.max_age).unwrap();
        own.iter().filter(|one| one.started() == newest).all(|one| {
            one.reason == ReasonCode::Ok
                && !one.observer_fault
                && one.revision == requirement.revision
                && one.endpoint == requirement.endpoint
                && one.finished_at() <= now
                && now - one.checked_at <= max_age
                && one.epoch == EPOCH
                && one.started() >= requirement.changed()
                && void.is_none_or(|void| one.started() >= void)
        })
    }

    pub(crate) fn overridden(&self, requirement: &Requirement) -> bool {
        self.override_allowed
            && self.gate.exception.as_ref().is_some_and(|exception| {
                self.effective() < exception.expires_at
                    && exception.checks.iter().any(|named| {
                        named.check_id == requirement.check_id
                            && named.revision == requirement.revision
                    })
            })
    }

    pub(crate) fn enabled(&self) -> Vec<&Requirement> {
        self.requirements.iter().filter(|requirement| requirement.enabled).collect()
    }
}

pub(crate) fn endpoint(port: u16) -> Option<AgentEndpoint> {
    Some(AgentEndpoint::new("10.0.0.1", port, None).unwrap())
}

pub(crate) fn result(number: u8, reason: ReasonCode, checked_at: DateTime<Utc>) -> CheckResult {
    CheckResult {
        check_id: check(number),
        host_id: HostId::from_uuid(Uuid::from_u128(1)),
        revision: 1,
        reason,
        detail: Detail::default(),
        latency_ms: 0,
        checked_at,
        epoch: EPOCH,
        source: ResultSource::Poll,
        observer_fault: false,
        endpoint: endpoint(1),
    }
}

pub(crate) fn requirement(number: u8) -> Requirement {
    Requirement {
        check_id: check(number),
        name: format!("check {number}").into(),
        revision: 1,
        enabled: true,
        changed_at: at(-1_000 * SECOND),
        changed_epoch: EPOCH,
        endpoint: endpoint(1),
    }
}

pub(crate) fn gate(window: Window) -> GateRecord {
    let (job, host) = (Uuid::from_u128(7), Uuid::from_u128(1));
    let request = GateRequest::new(JobId::from_uuid(job), HostId::from_uuid(host), window);
    let opened_at = window.opens_at() - TimeDelta::seconds(1);
    let mut gate = GateRecord::open(
        GateId::from_uuid(Uuid::from_u128(5)),
        &request,
        StoreTime::new(EPOCH, opened_at),
    );
    gate.high_water = opened_at;
    gate
}

/// Mostly the present epoch, else the one before or after it.
fn epoch() -> impl Strategy<Value = ClockEpoch> {
    prop_oneof![8 => Just(2_i64), 1 => Just(1), 1 => Just(3)].prop_map(ClockEpoch::new)
}

fn reason() -> impl Strategy<Value = ReasonCode> {
    prop_oneof![
        6 => Just(ReasonCode::Ok),
        3 => proptest::sample::select(ReasonCode::ALL),
    ]
}

/// An offset around a border: on it, a microsecond beside it, or somewhere near.
fn around(borders: Vec<i64>) -> impl Strategy<Value = i64> {
    (
        proptest::sample::select(borders),
        prop_oneof![4 => -1_i64..=1, 1 => -400 * SECOND..400 * SECOND],
    )
        .prop_map(|(border, offset)| border + offset)
}

prop_compose! {
    fn observation(now: i64, max_age: i64)(
        number in 0_u8..6,
        reason in reason(),
        age in around(vec![0, 0, 10_000, max_age, 5 * SECOND]),
        latency_ms in prop_oneof![3 => Just(0_u32), 1 => Just(10)],
        revision in prop_oneof![8 => Just(1_i64), 1 => Just(2)],
        port in prop_oneof![8 => Just(1_u16), 1 => Just(2)],
        observer_fault in proptest::bool::weighted(0.05),
        epoch in epoch(),
    ) -> CheckResult {
        CheckResult {
            revision,
            latency_ms,
            endpoint: endpoint(port),
            observer_fault,
            epoch,
            ..result(number, reason, at(now - age))
        }
    }
}

prop_compose! {
    /// Length of the window and closing margin (in microseconds and seconds), and now.
    fn geometry()(
        length in proptest::sample::select(vec![20 * SECOND, 300 * SECOND, 3_600 * SECOND]),
        margin in prop_oneof![4 => Just(0_u32), 1 => Just(10)],
    )(
        now in around(vec![0, length, length - 15 * SECOND, length - 2 * SECOND, length / 2,
                           length / 2, length - i64::from(margin) * SECOND]),
        length in Just(length),
        margin in Just(margin),
    ) -> (i64, u32, i64) {
        (length, margin, now)
    }
}

pub(crate) fn scene() -> impl Strategy<Value = Scene> {
    geometry().prop_flat_map(|(length, margin, now)| scene_at(length, margin, now))
}

prop_compose! {
    fn scene_at(length: i64, margin: u32, now: i64)(
        observations in proptest::collection::vec(observation(now, 310 * SECOND), 0..10),
        enabled in proptest::collection::vec(proptest::bool::weighted(0.8), 0..6),
        last in proptest::option::of(around(vec![now, now - 300 * SECOND, now - 30 * SECOND,
                                                 length - 15 * SECOND])),
        high_water in prop_oneof![4 => Just(now - 10 * SECOND), 1 => around(vec![now, length, 0])],
        gate_time in prop_oneof![
            4 => Just(now - 10 * SECOND),
            1 => around(vec![now, length, now + 90 * SECOND, now + 5_400 * SECOND]),
        ],
        void_before in proptest::option::weighted(0.2, around(vec![now, now - 10_000])),
        changed_at in prop_oneof![4 => Just(-1_000 * SECOND), 1 => around(vec![now, now - 10_000])],
        // On its expiry, within the life of a pass, and beyond it.
        epochs in (epoch(), epoch()),
        over in proptest::option::weighted(0.3, (0_u8..6, 1_i64..3,
            around(vec![now, now + 30 * SECOND, now + 60 * SECOND, length]))),
        flags in (0_u8..20, 0_u8..20, 0_u8..20, 0_u8..20, any::<bool>(), any::<bool>(), 0_u8..30,
                  proptest::bool::weighted(0.8), proptest::bool::weighted(0.2)),
        conditions in proptest::collection::vec(
            (proptest::bool::weighted(0.9), any::<bool>()), 0..3),
    ) -> Scene {
        let window = Window::new(at(0), at(length)).unwrap();
        let mut record = gate(window);
        record.attempts = u32::from(last.is_some());
        record.last_attempt_at = last.map(at);
        record.high_water = at(high_water);
        record.void_before = void_before.map(at);
        record.void_epoch = epochs.0;
        record.cancel_requested = flags.0 == 0;
        record.exempt = flags.1 == 0;
        record.report_only = flags.2 == 0;
        if flags.8 {
            record.window_kind = WindowKind::Immediate;
        }
        record.exception = over.map(|(number, revision, expires)| GateOverride {
            checks: vec![OverriddenCheck { check_id: check(number), revision }],
            reason: "a reason that is long enough".into(),
            expires_at: at(expires),
            actor: "ada".into(),
            created_at: at(0),
        });
        Scene {
            now: at(now),
            gate_time: at(gate_time),
            suspect: flags.3 == 0,
            in_flight: flags.4,
            no_room: false,
            dirty: flags.5,
            answer: match flags.6 {
                0 => WindowAnswer::Withdrawn,
                1 => WindowAnswer::JobCancelled,
                2 => WindowAnswer::HostGone,
                _ => WindowAnswer::Open(window),
            },
            requirements: enabled
                .into_iter()
                .zip(0_u8..)
                .map(|(enabled, number)| Requirement {
                    enabled,
                    changed_at: at(changed_at),
                    changed_epoch: epochs.1,
                    ..requirement(number)
                })
                .collect(),
            observations,
            streaks: Vec::new(),
            // Exempt jobs alone: what conditions do to others is tried by wide scenes.
            conditions: conditions
                .into_iter()
                .filter(|_| record.exempt)
                .enumerate()
                .map(|(number, (met, spares_exempt))| Condition {
                    met,
                    spares_exempt,
                    ..Condition::met(format!("condition {number}"))
                })
                .collect(),
            hold: None,
            override_allowed: flags.7,
            policy: GatePolicy {
                closing_margin: Duration::from_secs(u64::from(margin)),
                ..GatePolicy::default()
            },
            gate: record,
        }
    }
}
