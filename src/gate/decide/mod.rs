//! The decision of a gate: one pure, total function of its input.
//!
//! The module reads no clock, does not wait, and uses no randomness: equal input gives equal output (G1).
//! `docs/rules.md` explains the rules G1 to G38.

mod input;
mod judge;
mod schedule;

use chrono::{DateTime, TimeDelta, Utc};

pub(in crate::gate) use self::input::Times;
pub use self::{
    input::{Condition, GateInput, Requirement, Streak, WindowAnswer},
    judge::Verdict,
};
use self::{judge::judge, schedule::Next};
use super::policy::NoChecks;
use crate::{
    clock::delta,
    model::{ClockEpoch, EndReason, GateState, Outlook, PassKind, ReasonCode, Window, WouldHave},
};

/// The decision of a gate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decision {
    /// The gate's own time, which judged the close (G21).
    pub gate_time: DateTime<Utc>,
    /// The lead of the gate's own time over the store's clock.
    pub clock_offset: TimeDelta,
    /// The epoch of the store's clock at the decision.
    pub epoch: ClockEpoch,
    /// The action to take.
    pub action: Action,
    /// The verdict on each enabled check, in the order of the requirements (G8).
    pub verdicts: Vec<Verdict>,
    /// Whether every requirement is met, even if something else decided.
    pub satisfied: bool,
    /// What a blocking gate would have done, if this report-only gate passes (G34).
    pub would_have: Option<WouldHave>,
}

/// The action to take.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// The gate has ended; nothing changes it (G18).
    Ended,
    /// Start an attempt.
    Start {
        /// The number of the attempt, counted from 1.
        number: u32,
        /// The instant by which the attempt ends.
        deadline: DateTime<Utc>,
        /// The requirements to run, by index: all that are not freshly healthy.
        run: Vec<usize>,
    },
    /// Wait.
    Wait {
        /// The latest instant of the next look.
        next_at: DateTime<Utc>,
        /// What the gate waits for.
        why: WaitReason,
    },
    /// The clock is not trusted now: do nothing and read it again.
    Hold {
        /// The instant of the next look.
        until: DateTime<Utc>,
    },
    /// Let the job go ahead.
    Pass {
        /// The kind of the pass.
        kind: PassKind,
        /// The instant before which the pass can be spent (G16).
        valid_until: DateTime<Utc>,
    },
    /// Wait again, because the pass was not spent in time. All results so far are void (G16).
    Renew,
    /// End without a pass.
    Fail {
        /// The reason.
        reason: EndReason,
    },
    /// End because there is nothing left to wait for.
    Abort {
        /// The reason.
        reason: EndReason,
    },
}

impl Action {
    /// Returns the action with its instants converted from the gate's own time, which is `offset` ahead, to
    /// the store's clock.
    fn by_clock(self, offset: TimeDelta) -> Self {
        match self {
            // The opening is by the store's clock already.
            Self::Wait { why: WaitReason::NotOpen, .. } => self,
            Self::Wait { next_at, why } => Self::Wait { next_at: next_at - offset, why },
            Self::Start { number, deadline, run } => {
                Self::Start { number, deadline: deadline - offset, run }
            }
            Self::Pass { kind, valid_until } => {
                Self::Pass { kind, valid_until: valid_until - offset }
            }
            _ => self,
        }
    }

    /// Returns what the action means for the job.
    #[must_use]
    pub const fn outlook(&self) -> WouldHave {
        let (decision, kind) = match self {
            Self::Pass { kind, .. } => (Outlook::Proceed, Some(*kind)),
            Self::Fail { .. } | Self::Abort { .. } | Self::Ended => (Outlook::Fail, None),
            Self::Start { .. } | Self::Wait { .. } | Self::Hold { .. } | Self::Renew => {
                (Outlook::Wait, None)
            }
        };
        WouldHave { decision, kind }
    }
}

/// What a gate waits for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum WaitReason {
    /// Its window is not open yet.
    NotOpen,
    /// Its pass is not spent yet.
    PassGiven,
    /// An attempt is running.
    InFlight,
    /// The next attempt is not due yet.
    NextAttempt,
    /// A condition is not met, and no attempt can change that.
    Condition,
    /// A rollout or a group holds the gate (R3).
    Held,
    /// No further attempt fits before the end.
    End,
    /// The window is unknown now.
    Unknown,
}

/// The time before its end at which a report-only gate proceeds at the latest: at least two looks of a
/// runner, so that it never misses its end.
const LAST_REPORT: TimeDelta = TimeDelta::seconds(10);

/// The wait before an untrusted clock is read again.
const HOLD: TimeDelta = TimeDelta::seconds(10);

/// Decides what a gate does now.
#[must_use]
pub fn decide(input: &GateInput<'_>) -> Decision {
    let times = Times::of(input);
    let verdicts = judge(input, times);
    let checks_met = verdicts.iter().all(Verdict::is_satisfied);
    let satisfied = conditions_met(input, times) && checks_met && !lacks_checks(input, &verdicts);
    let action = act(input, times, &verdicts, satisfied);
    let would_have = match (&action, input.window) {
        (Action::Pass { kind: PassKind::ReportOnly, .. }, WindowAnswer::Open(window)) => {
            let end = end_of(input, window);
            Some(on_checks(input, times, window, end, &verdicts, satisfied).outlook())
        }
        _ => None,
    };
    let (gate_time, clock_offset) = (times.gate, times.offset());
    let action = action.by_clock(clock_offset);
    let epoch = input.epoch;
    Decision { gate_time, clock_offset, epoch, action, verdicts, satisfied, would_have }
}

fn act(input: &GateInput<'_>, times: Times, verdicts: &[Verdict], satisfied: bool) -> Action {
    let now = times.gate;
    let gate = input.gate;
    if gate.state.is_terminal() {
        return Action::Ended;
    }
    if gate.cancel_requested {
        return Action::Abort { reason: EndReason::JobCancelled };
    }
    let window = match input.window {
        WindowAnswer::Open(window) => window,
        WindowAnswer::Unknown => gate.window,
        WindowAnswer::JobCancelled => return Action::Abort { reason: EndReason::JobCancelled },
        WindowAnswer::HostGone => return Action::Abort { reason: EndReason::HostDeleted },
        WindowAnswer::Withdrawn => return Action::Abort { reason: EndReason::WindowWithdrawn },
    };
    if input.clock_suspect {
        return Action::Hold { until: times.clock + HOLD };
    }
    let end = end_of(input, window);
    if now >= end {
        return Action::Fail { reason: end_reason(input, times, verdicts) };
    }
    if gate.state == GateState::Passed {
        return match &gate.pass {
            Some(pass) if now < pass.valid_until + gate.clock_offset() => {
                let valid_until = pass.valid_until + gate.clock_offset();
                Action::Wait { next_at: valid_until.min(end), why: WaitReason::PassGiven }
            }
            _ => Action::Renew,
        };
    }
    if times.clock < window.opens_at() {
        return Action::Wait { next_at: window.opens_at(), why: WaitReason::NotOpen };
    }
    if input.window == WindowAnswer::Unknown {
        return Action::Wait { next_at: end, why: WaitReason::Unknown };
    }
    if let Some(hold) = input.hold {
        let next_at = hold.until.map_or(end, |until| until.min(end));
        return Action::Wait { next_at, why: WaitReason::Held };
    }
    if gate.exempt {
        return match conditions_met(input, times) {
            true => pass(input, times, window, PassKind::Exempt),
            false => wait_for_conditions(input, times, end),
        };
    }
    if gate.report_only {
        return report(input, times, window, verdicts, satisfied);
    }
    on_checks(input, times, window, end, verdicts, satisfied)
}

/// Decides a report-only gate in its open window. It runs the checks as a blocking gate would, and proceeds
/// when its attempt has ended or when there is no time left for one (G34).
fn report(
    input: &GateInput<'_>,
    times: Times,
    window: Window,
    verdicts: &[Verdict],
    satisfied: bool,
) -> Action {
    let latest = end_of(input, window) - LAST_REPORT;
    if times.gate < latest && !attempted(input, times) {
        match on_checks(input, times, window, latest, verdicts, satisfied) {
            Action::Pass { .. }
            | Action::Wait { why: WaitReason::Condition | WaitReason::End, .. } => {}
            looks => return looks,
        }
    }
    pass(input, times, window, PassKind::ReportOnly)
}

/// Returns whether an attempt whose results can count has ended.
fn attempted(input: &GateInput<'_>, times: Times) -> bool {
    let gate = input.gate;
    !input.in_flight
        && gate.last_attempt_at.is_some_and(|last| !schedule::is_void(input, times, last))
}

/// Decides a blocking gate in its open window. No attempt lasts beyond `end`.
fn on_checks(
    input: &GateInput<'_>,
    times: Times,
    window: Window,
    end: DateTime<Utc>,
    verdicts: &[Verdict],
    satisfied: bool,
) -> Action {
    let now = times.gate;
    if satisfied {
        return pass(input, times, window, kind(verdicts));
    }
    let run: Vec<usize> = verdicts
        .iter()
        .filter(|verdict| !verdict.is_satisfied())
        .map(|verdict| verdict.index)
        .collect();
    if input.in_flight {
        let until = schedule::in_flight_until(input, now, end);
        return Action::Wait { next_at: until, why: WaitReason::InFlight };
    }
    if run.is_empty() {
        return wait_for_conditions(input, times, end);
    }
    match schedule::next(input, times, window, end) {
        Next::Now => Action::Start {
            number: input.gate.attempts.saturating_add(1),
            deadline: (now + delta(input.policy.budget())).min(end),
            run,
        },
        Next::At(next_at) => Action::Wait { next_at, why: WaitReason::NextAttempt },
        Next::Never => Action::Wait { next_at: end, why: WaitReason::End },
    }
}

/// Waits until a condition no longer counts, for at most one retry.
fn wait_for_conditions(input: &GateInput<'_>, times: Times, end: DateTime<Utc>) -> Action {
    let holding = input.conditions.iter().filter(|one| one.holds(input.gate.exempt, times));
    let by_gate = |until: DateTime<Utc>| until.checked_add_signed(times.offset());
    let cleared = holding.filter_map(|one| by_gate(one.until?)).min();
    let retry = times.gate + delta(input.policy.retry);
    let next_at = cleared.map_or(retry, |cleared| retry.min(cleared)).min(end);
    Action::Wait { next_at, why: WaitReason::Condition }
}

fn pass(input: &GateInput<'_>, times: Times, window: Window, kind: PassKind) -> Action {
    let ttl = times.gate + delta(input.policy.pass_ttl);
    let mut valid_until = ttl.min(end_of(input, window));
    // A pass ends before a coming condition blocks the job (G37).
    if kind != PassKind::ReportOnly {
        let exempt = input.gate.exempt;
        let coming = input.conditions.iter().filter_map(|one| one.will_hold(exempt, times));
        valid_until = coming.fold(valid_until, DateTime::min);
    }
    // A pass that needs an override does not outlive it (F139).
    if let (PassKind::Overridden, Some(exception)) = (kind, &input.gate.exception) {
        valid_until = valid_until.min(exception.expires_at);
    }
    Action::Pass { kind, valid_until }
}

/// Returns why a gate fails at its end.
fn end_reason(input: &GateInput<'_>, times: Times, verdicts: &[Verdict]) -> EndReason {
    if input.gate.state == GateState::Passed {
        return EndReason::PassNotSpent;
    }
    if input.hold.is_some() {
        return EndReason::WindowClosed;
    }
    let failing = || verdicts.iter().filter(|verdict| !verdict.is_satisfied());
    if !conditions_met(input, times) || lacks_checks(input, verdicts) {
        return EndReason::WindowClosed;
    }
    // Unseen since the last pass expired: the results before it had let the job go ahead (F148).
    let unseen = |verdict: &Verdict| {
        use ReasonCode::{NoResult, NotRunCapacity, Stale};
        matches!(verdict.reason, NoResult | NotRunCapacity | Stale)
    };
    // `NotRunCapacity` is reported only if capacity was the sole blocker (F38).
    let not_run = |verdict: &Verdict| verdict.reason == ReasonCode::NotRunCapacity;
    if input.gate.pass.is_some() && failing().all(unseen) {
        EndReason::PassNotSpent
    } else if input.no_room && failing().next().is_some() && failing().all(not_run) {
        EndReason::NotRunCapacity
    } else {
        EndReason::WindowClosed
    }
}

/// Returns the end of the gate with this window, exclusive (G10).
fn end_of(input: &GateInput<'_>, window: Window) -> DateTime<Utc> {
    input.policy.end_of(window, input.gate.window_kind)
}

/// Returns whether no condition blocks this gate.
fn conditions_met(input: &GateInput<'_>, times: Times) -> bool {
    !input.conditions.iter().any(|condition| condition.holds(input.gate.exempt, times))
}

/// Returns whether the gate blocks because the host has no enabled check.
fn lacks_checks(input: &GateInput<'_>, verdicts: &[Verdict]) -> bool {
    verdicts.is_empty() && input.policy.no_checks == NoChecks::Block
}

fn kind(verdicts: &[Verdict]) -> PassKind {
    if verdicts.is_empty() {
        PassKind::NoChecks
    } else if verdicts.iter().all(|verdict| verdict.met) {
        PassKind::Healthy
    } else {
        PassKind::Overridden
    }
}
