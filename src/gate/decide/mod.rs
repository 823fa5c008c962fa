//! The decision of a gate: one pure, total function of what is known.
//!
//! Nothing in here reads a clock, waits, or draws at random: equal input gives equal output (G1). The
//! invariants are named G1 to G34, as in the tests.

mod input;
mod judge;
mod schedule;

use chrono::{DateTime, TimeDelta, Utc};

pub use self::{
    input::{Condition, GateInput, Requirement, Streak, WindowAnswer},
    judge::Verdict,
};
use self::{judge::judge, schedule::Next};
use super::policy::NoChecks;
use crate::{
    clock::delta,
    model::{EndReason, GateState, Outlook, PassKind, ReasonCode, Window, WouldHave},
};

/// What a gate is to do now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decision {
    /// The instant that was decided by: now, or the gate's high-water mark where that is later (G21).
    pub effective_now: DateTime<Utc>,
    /// What to do.
    pub action: Action,
    /// The verdict on each enabled check, in the order of the requirements (G8).
    pub verdicts: Vec<Verdict>,
    /// Whether every requirement is met, also where that did not decide.
    pub satisfied: bool,
    /// What a blocking gate would have done, where this one passes since it only reports (G34).
    pub would_have: Option<WouldHave>,
}

/// What to do. Exactly one of these.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// The gate has ended; nothing changes it (G18).
    Ended,
    /// Start an attempt.
    Start {
        /// Counted from 1.
        number: u32,
        /// The attempt ends by then.
        deadline: DateTime<Utc>,
        /// Which requirements to run, by index: all that are not known to be freshly healthy.
        run: Vec<usize>,
    },
    /// Wait.
    Wait {
        /// Look again then, at the latest.
        next_at: DateTime<Utc>,
        /// What for.
        why: WaitReason,
    },
    /// The clock cannot be believed now: do nothing and read it again.
    Hold {
        /// Look again then.
        until: DateTime<Utc>,
    },
    /// Let the job go ahead.
    Pass {
        /// On what ground.
        kind: PassKind,
        /// Until when (G16).
        valid_until: DateTime<Utc>,
    },
    /// The pass was not spent in time: wait again, with all results so far void (G16).
    Renew,
    /// End without a pass.
    Fail {
        /// Why.
        reason: EndReason,
    },
    /// End since the reason to wait is gone.
    Abort {
        /// Why.
        reason: EndReason,
    },
}

impl Action {
    /// What it means for the job, said before it is done.
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
    /// For its window to open.
    NotOpen,
    /// For its pass to be spent.
    PassGiven,
    /// For an attempt that is under way.
    InFlight,
    /// For the next attempt.
    NextAttempt,
    /// For a condition that no attempt can change.
    Condition,
    /// For the end: no further attempt fits.
    End,
    /// For the window, which cannot be told now.
    Unknown,
}

/// How long to leave a clock that cannot be believed.
const HOLD: TimeDelta = TimeDelta::seconds(10);

/// Decides.
#[must_use]
pub fn decide(input: &GateInput<'_>) -> Decision {
    let effective_now = input.now.max(input.gate.high_water);
    let verdicts = judge(input, effective_now);
    let conditions_met = input.conditions.iter().all(|condition| condition.met);
    let checks_met = verdicts.iter().all(Verdict::is_satisfied);
    let satisfied = conditions_met
        && checks_met
        && (!verdicts.is_empty() || input.policy.no_checks == NoChecks::Pass);
    let action = act(input, effective_now, &verdicts, satisfied);
    let would_have = match (&action, input.window) {
        (Action::Pass { kind: PassKind::ReportOnly, .. }, WindowAnswer::Open(window)) => {
            Some(on_checks(input, effective_now, window, &verdicts, satisfied).outlook())
        }
        _ => None,
    };
    Decision { effective_now, action, verdicts, satisfied, would_have }
}

fn act(input: &GateInput<'_>, now: DateTime<Utc>, verdicts: &[Verdict], satisfied: bool) -> Action {
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
        return Action::Hold { until: now + HOLD };
    }
    let end = input.policy.end_of(window);
    if now >= end {
        return Action::Fail { reason: end_reason(input, verdicts) };
    }
    if gate.state == GateState::Passed {
        return match &gate.pass {
            Some(pass) if now < pass.valid_until => {
                Action::Wait { next_at: pass.valid_until.min(end), why: WaitReason::PassGiven }
            }
            _ => Action::Renew,
        };
    }
    if now < window.opens_at() {
        return Action::Wait { next_at: window.opens_at(), why: WaitReason::NotOpen };
    }
    if input.window == WindowAnswer::Unknown {
        return Action::Wait { next_at: end, why: WaitReason::Unknown };
    }
    if gate.exempt {
        return pass(input, now, window, PassKind::Exempt);
    }
    if gate.report_only {
        return pass(input, now, window, PassKind::ReportOnly);
    }
    on_checks(input, now, window, verdicts, satisfied)
}

/// What a gate that blocks does in its open window.
fn on_checks(
    input: &GateInput<'_>,
    now: DateTime<Utc>,
    window: Window,
    verdicts: &[Verdict],
    satisfied: bool,
) -> Action {
    let end = input.policy.end_of(window);
    if satisfied {
        return pass(input, now, window, kind(verdicts));
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
        let next_at = (now + delta(input.policy.retry)).min(end);
        return Action::Wait { next_at, why: WaitReason::Condition };
    }
    match schedule::next(input, now, window, end) {
        Next::Now => Action::Start {
            number: input.gate.attempts.saturating_add(1),
            deadline: (now + delta(input.policy.budget())).min(end),
            run,
        },
        Next::At(next_at) => Action::Wait { next_at, why: WaitReason::NextAttempt },
        Next::Never => Action::Wait { next_at: end, why: WaitReason::End },
    }
}

fn pass(input: &GateInput<'_>, now: DateTime<Utc>, window: Window, kind: PassKind) -> Action {
    let valid_until = (now + delta(input.policy.pass_ttl)).min(input.policy.end_of(window));
    Action::Pass { kind, valid_until }
}

/// Why a gate ends at its end: for want of room only where nothing else held it back (F38).
fn end_reason(input: &GateInput<'_>, verdicts: &[Verdict]) -> EndReason {
    let mut failing = verdicts.iter().filter(|verdict| !verdict.is_satisfied()).peekable();
    let conditions_met = input.conditions.iter().all(|condition| condition.met);
    let not_run = |verdict: &Verdict| verdict.reason == ReasonCode::NotRunCapacity;
    if input.no_room && conditions_met && failing.peek().is_some() && failing.all(not_run) {
        EndReason::NotRunCapacity
    } else {
        EndReason::WindowClosed
    }
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
