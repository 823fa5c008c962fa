//! The input of a gate's decision.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    gate::policy::GatePolicy,
    model::{
        AgentEndpoint, CheckId, CheckResult, ClockEpoch, Detail, EvidenceReason, GateRecord, Hold,
        Label, ReasonCode, StoreTime, Window,
    },
};

/// The complete input of a decision. A decision refers to it by index.
#[derive(Clone, Copy, Debug)]
pub struct GateInput<'a> {
    /// The store's clock.
    pub now: DateTime<Utc>,
    /// The gate's own time: the store's clock, or a later instant after that clock has stepped back (G21).
    /// The decision uses the latest of this time, the clock and the gate's high-water mark.
    pub gate_time: DateTime<Utc>,
    /// The epoch of the store's clock. Results of another epoch do not count (F168).
    pub epoch: ClockEpoch,
    /// Whether the clock has stepped and is not trusted yet.
    pub clock_suspect: bool,
    /// The gate as it is stored.
    pub gate: &'a GateRecord,
    /// Whether an attempt is running.
    pub in_flight: bool,
    /// Whether an attempt was due without capacity for it, and none has started since (F38).
    pub no_room: bool,
    /// Whether something changed since the last attempt, so that the next one need not wait for the retry
    /// (G14).
    pub dirty: bool,
    /// The window as it was read for this decision (G19).
    pub window: WindowAnswer,
    /// The checks of the host, including disabled ones, as they were read for this decision (G23).
    pub requirements: &'a [Requirement],
    /// The results of their runs, from the poller and from attempts, in any order.
    pub observations: &'a [CheckResult],
    /// The consecutive healthy stored runs of the checks, if known.
    pub streaks: &'a [Streak],
    /// The application's conditions.
    pub conditions: &'a [Condition],
    /// The limit that holds the gate before its checks are judged, such as that of its rollout (R3).
    pub hold: Option<&'a Hold>,
    /// Whether the author of the override still has the right to give it (G26).
    pub override_allowed: bool,
    /// The policy to decide by.
    pub policy: &'a GatePolicy,
}

/// The answer of a [`WindowSource`](crate::gate::WindowSource) for one gate.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum WindowAnswer {
    /// The job has this window on the host. It may be in the future or the past.
    Open(Window),
    /// The job no longer has a window.
    Withdrawn,
    /// The job is cancelled.
    JobCancelled,
    /// The host no longer exists.
    HostGone,
    /// The window is unknown now. The gate neither passes nor starts an attempt, and ends when its last
    /// known window closes (F141, F160).
    Unknown,
}

/// A check that must be healthy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Requirement {
    /// The id of the check.
    pub check_id: CheckId,
    /// The name for people.
    pub name: Label,
    /// The revision. Results of another revision do not count.
    pub revision: i64,
    /// Whether the check is enabled. A disabled check is not required.
    pub enabled: bool,
    /// The time of the last change. Results of runs that started before it do not count.
    pub changed_at: DateTime<Utc>,
    /// The epoch of the store's clock at that change.
    pub changed_epoch: ClockEpoch,
    /// The agent that the check asks; `None` if it asks no agent. Results from another agent do not count
    /// (G24).
    pub endpoint: Option<AgentEndpoint>,
}

impl Requirement {
    /// Returns the time of the last change, comparable with the start of results.
    #[must_use]
    pub const fn changed(&self) -> StoreTime {
        StoreTime::new(self.changed_epoch, self.changed_at)
    }
}

/// The number of consecutive healthy stored runs of a check, up to the newest.
///
/// With it, a gate that requires several healthy runs need not see all of them itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Streak {
    /// The check.
    pub check_id: CheckId,
    /// The start of the newest of these runs. The streak counts only together with that run's result, as the
    /// newest.
    pub newest: StoreTime,
    /// The number of runs, including the newest. All are of the same revision and from the same endpoint.
    pub runs: u32,
    /// Whether a change of an asked host has ended, possibly after some of these runs. The runs then cannot
    /// prove health; a number that is too small still blocks (G35).
    pub disturbed: bool,
}

/// A condition that the application sets, such as "not paused by an operator".
///
/// An unmet condition blocks every job, including exempt ones, unless
/// [`spares_exempt`](Self::spares_exempt) is set (F140). [`from`](Self::from) and [`until`](Self::until) limit
/// it to a period, which the decision judges by its own clock (G37).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Condition {
    /// The name for people.
    pub name: Label,
    /// Whether the condition is met.
    pub met: bool,
    /// The reason, as a short word that the application defines.
    pub reason: Label,
    /// A sentence for people.
    pub detail: Detail,
    /// Whether exempt jobs, such as a rollback, go ahead although the condition is not met.
    pub spares_exempt: bool,
    /// The instant from which the condition counts; no pass is valid beyond it. `None` if it counts already.
    pub from: Option<DateTime<Utc>>,
    /// The instant until which the condition counts, exclusive; a blocked gate looks again then. `None` if it
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

    /// Creates a condition that is not met and blocks every job.
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

    /// Returns whether the condition, while it counts, lets an exempt or ordinary job go ahead.
    #[must_use]
    pub const fn allows(&self, exempt: bool) -> bool {
        self.met || (exempt && self.spares_exempt)
    }

    /// Returns whether the condition counts now. It starts by the gate's time and ends by the clock, so a
    /// clock that steps back can only cost the gate time (G21).
    pub(in crate::gate) fn counts(&self, times: Times) -> bool {
        self.from.is_none_or(|from| from <= times.gate)
            && self.until.is_none_or(|until| times.clock < until)
    }

    /// Returns whether the condition blocks a job now.
    pub(in crate::gate) fn holds(&self, exempt: bool, times: Times) -> bool {
        self.counts(times) && !self.allows(exempt)
    }

    /// Returns when the condition will block a job that it does not block yet.
    pub(in crate::gate) fn will_hold(&self, exempt: bool, times: Times) -> Option<DateTime<Utc>> {
        self.from.filter(|from| times.gate < *from && !self.allows(exempt))
    }
}

/// The two times of a decision (G21).
///
/// The gate's own time, which never goes back, judges the close, passes, overrides and the distance of
/// attempts. The store's clock judges the opening and freshness. If the two differ, the gate can only lose
/// time of its window.
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

    /// Returns the lead of the gate's own time over the clock.
    pub(super) fn offset(self) -> TimeDelta {
        self.gate - self.clock
    }

    /// Returns an earlier reading of the store's clock, limited to its present reading: a later one was
    /// taken before the clock stepped back.
    pub(super) fn by_clock(self, instant: DateTime<Utc>) -> DateTime<Utc> {
        if instant > self.clock { instant - self.offset() } else { instant }
    }
}

impl Condition {
    /// Creates the unmet condition for something that is unknown about a host now. It blocks only that
    /// host's gate (F160).
    #[must_use]
    pub fn unknown(name: impl Into<Label>, why: impl AsRef<str>) -> Self {
        Self::unmet(name, "unknown", why)
    }

    /// Returns the reason as evidence shows it: the library's own condition has a code of the vocabulary.
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
