//! Everything that a decision depends on.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    gate::policy::GatePolicy,
    model::{
        AgentEndpoint, CheckId, CheckResult, ClockEpoch, Detail, EvidenceReason, GateRecord, Hold,
        Label, ReasonCode, StoreTime, Window,
    },
};

/// Everything that a decision depends on. The decision borrows it and answers with indexes into it.
#[derive(Clone, Copy, Debug)]
pub struct GateInput<'a> {
    /// The store's clock.
    pub now: DateTime<Utc>,
    /// The gate's own time: the store's clock, or later where that clock has stepped back (G21). It
    /// counts only as far as it is later than the clock and the gate's high-water mark.
    pub gate_time: DateTime<Utc>,
    /// Its epoch: results of another one do not count (F168).
    pub epoch: ClockEpoch,
    /// The clock has stepped and is not believed yet.
    pub clock_suspect: bool,
    /// The gate as it is stored.
    pub gate: &'a GateRecord,
    /// An attempt is under way.
    pub in_flight: bool,
    /// An attempt was due and found no room, and none has started since (F38).
    pub no_room: bool,
    /// Something changed since the last attempt: the next one need not wait for the retry (G14).
    pub dirty: bool,
    /// The window as it was read for this decision (G19).
    pub window: WindowAnswer,
    /// The checks of the host, disabled ones too, as they were read for this decision (G23).
    pub requirements: &'a [Requirement],
    /// Results of their runs, in any order, from the poller and from attempts alike.
    pub observations: &'a [CheckResult],
    /// How long the checks' stored runs have been healthy, where that is known.
    pub streaks: &'a [Streak],
    /// The application's conditions.
    pub conditions: &'a [Condition],
    /// What the gate waits for before its checks are asked, such as a slot of its job's rollout (R3).
    pub hold: Option<&'a Hold>,
    /// Whoever gave the override still has the right to (G26).
    pub override_allowed: bool,
    /// The figures to decide by.
    pub policy: &'a GatePolicy,
}

/// What a [`WindowSource`](crate::gate::WindowSource) answers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum WindowAnswer {
    /// The job has this window on the host; it may lie ahead or be over.
    Open(Window),
    /// The job has no window any more.
    Withdrawn,
    /// The job is cancelled.
    JobCancelled,
    /// The host is gone.
    HostGone,
    /// It cannot be told now. The gate neither passes nor starts an attempt, and ends when its last
    /// known window closes (F141, F160).
    Unknown,
}

/// A check that must be healthy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Requirement {
    /// Identity.
    pub check_id: CheckId,
    /// Its name, for people.
    pub name: Label,
    /// Its revision; results of another one do not count.
    pub revision: i64,
    /// A disabled check is not required.
    pub enabled: bool,
    /// When it was last changed; results of runs that started before do not count.
    pub changed_at: DateTime<Utc>,
    /// The epoch of the store's clock at that change.
    pub changed_epoch: ClockEpoch,
    /// The agent that is asked; results seen at another one do not count (G24). `None` where no agent
    /// is asked.
    pub endpoint: Option<AgentEndpoint>,
}

impl Requirement {
    /// When it was last changed, as results are ordered.
    #[must_use]
    pub const fn changed(&self) -> StoreTime {
        StoreTime::new(self.changed_epoch, self.changed_at)
    }
}

/// How many of a check's newest stored runs in a row were healthy, so that a gate that asks for more
/// than one need not see them all itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Streak {
    /// The check.
    pub check_id: CheckId,
    /// When the newest of these runs started. It counts beside that run's result alone, as the newest.
    pub newest: StoreTime,
    /// How many, that one included: all of its revision and seen at its endpoint.
    pub runs: u32,
    /// A change of a host that it asks has ended, maybe since some of these runs: they count against a
    /// row and not for one (G35).
    pub disturbed: bool,
}

/// A condition that the application sets, such as "not paused by an operator".
///
/// A condition that is not met holds back every job, exempt ones included, unless
/// [`spares_exempt`](Self::spares_exempt) says otherwise (F140). With [`from`](Self::from) and
/// [`until`](Self::until) it does so for a time, which the decision judges by its own clock (G37).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Condition {
    /// Its name, for people.
    pub name: Label,
    /// Whether it is met.
    pub met: bool,
    /// The reason, as a short word that the application defines.
    pub reason: Label,
    /// A sentence for people.
    pub detail: Detail,
    /// Exempt jobs, such as a rollback, go ahead although it is not met.
    pub spares_exempt: bool,
    /// It counts from this instant on, and no pass is valid beyond it. `None`: it counts already.
    pub from: Option<DateTime<Utc>>,
    /// It counts until this instant, exclusive; a gate that it holds back looks again then. `None`: it
    /// counts until the source answers otherwise.
    pub until: Option<DateTime<Utc>>,
}

impl Condition {
    /// Creates a condition that is met.
    #[must_use]
    pub fn met(name: impl Into<Label>) -> Self {
        Self {
            name: name.into(),
            met: true,
            reason: "met".into(),
            detail: Detail::default(),
            spares_exempt: false,
            from: None,
            until: None,
        }
    }

    /// Creates a condition that is not met and holds back every job.
    #[must_use]
    pub fn unmet(
        name: impl Into<Label>,
        reason: impl Into<Label>,
        detail: impl AsRef<str>,
    ) -> Self {
        Self {
            name: name.into(),
            met: false,
            reason: reason.into(),
            detail: Detail::new(detail),
            spares_exempt: false,
            from: None,
            until: None,
        }
    }

    /// Lets exempt jobs go ahead although the condition is not met.
    #[must_use]
    pub fn with_exemption(self) -> Self {
        Self { spares_exempt: true, ..self }
    }

    /// Makes the condition count from this instant on.
    #[must_use]
    pub fn with_from(self, from: DateTime<Utc>) -> Self {
        Self { from: Some(from), ..self }
    }

    /// Makes the condition count until this instant, exclusive.
    #[must_use]
    pub fn with_until(self, until: DateTime<Utc>) -> Self {
        Self { until: Some(until), ..self }
    }

    /// Returns whether the condition does not hold back a job, which is exempt or not, while it counts.
    #[must_use]
    pub const fn allows(&self, exempt: bool) -> bool {
        self.met || (exempt && self.spares_exempt)
    }

    /// Returns whether it counts now. It starts by the gate's time and ends by the clock, so that a gate
    /// can lose time by a clock that steps back, and gains none (G21).
    pub(in crate::gate) fn counts(&self, times: Times) -> bool {
        self.from.is_none_or(|from| from <= times.gate)
            && self.until.is_none_or(|until| times.clock < until)
    }

    /// Returns whether it holds back a job now.
    pub(in crate::gate) fn holds(&self, exempt: bool, times: Times) -> bool {
        self.counts(times) && !self.allows(exempt)
    }

    /// Returns when it will hold back a job that it does not hold back yet.
    pub(super) fn will_hold(&self, exempt: bool, times: Times) -> Option<DateTime<Utc>> {
        self.from.filter(|from| times.gate < *from && !self.allows(exempt))
    }
}

/// The two times that a decision goes by (G21).
///
/// Close, passes, overrides and the distance of attempts are judged by the gate's own time, which never
/// goes back. Opening and freshness are judged by the store's clock. Where the two differ, the gate
/// can lose time of its window, and gains none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::gate) struct Times {
    /// The store's clock.
    pub(in crate::gate) clock: DateTime<Utc>,
    /// The gate's own time, never behind the clock.
    pub(in crate::gate) gate: DateTime<Utc>,
}

impl Times {
    pub(in crate::gate) fn of(input: &GateInput<'_>) -> Self {
        let gate = input.gate_time.max(input.now).max(input.gate.high_water);
        Self { clock: input.now, gate }
    }

    /// Returns how far the gate's own time is ahead of the clock.
    pub(super) fn offset(self) -> TimeDelta {
        self.gate - self.clock
    }

    /// Returns an instant that the store's clock showed once, by that clock as it is now: what lies
    /// ahead of it was read before it stepped back.
    pub(super) fn by_clock(self, instant: DateTime<Utc>) -> DateTime<Utc> {
        if instant > self.clock { instant - self.offset() } else { instant }
    }
}

impl Condition {
    /// Creates the condition that stands for something that cannot be told of a host now. It is not
    /// met, so that it blocks that host's gate and no other (F160).
    #[must_use]
    pub fn unknown(name: impl Into<Label>, why: impl AsRef<str>) -> Self {
        Self::unmet(name, "unknown", why)
    }

    /// The reason as it stands in evidence: the library's own condition has a code of the vocabulary.
    #[must_use]
    pub fn evidence_reason(&self) -> EvidenceReason {
        let disturbed = ReasonCode::HostDisturbed;
        if self.reason.as_str() == disturbed.as_str() {
            EvidenceReason::Code(disturbed)
        } else {
            EvidenceReason::Condition(self.reason.to_string())
        }
    }
}
