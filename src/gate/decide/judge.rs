//! The verdict on each enabled check, from its newest results.

use chrono::{DateTime, Utc};

use super::input::{GateInput, Requirement, Streak, Times, WindowAnswer};
use crate::{
    clock::delta,
    model::{CheckResult, ReasonCode, StoreTime},
};

/// What is made of one enabled check.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// The requirement, by index.
    pub index: usize,
    /// Whether it is freshly healthy.
    pub met: bool,
    /// Why not, or `ok`. A result that does not count has the reason for that (G4).
    pub reason: ReasonCode,
    /// The newest result, by index, whether it counts or not.
    pub observation: Option<usize>,
    /// It may fail, by an override.
    pub overridden: bool,
}

impl Verdict {
    /// Whether it does not hold the gate back.
    #[must_use]
    pub const fn is_satisfied(&self) -> bool {
        self.met || self.overridden
    }
}

/// Judges every enabled check, however many there are (G8).
pub(super) fn judge(input: &GateInput<'_>, times: Times) -> Vec<Verdict> {
    let enabled = input.requirements.iter().enumerate().filter(|(_, check)| check.enabled);
    enabled.map(|(index, check)| judge_one(input, times, index, check)).collect()
}

fn judge_one(input: &GateInput<'_>, times: Times, index: usize, check: &Requirement) -> Verdict {
    let own = || {
        let of_check = |(_, result): &(usize, &CheckResult)| result.check_id == check.check_id;
        input.observations.iter().enumerate().filter(of_check)
    };
    let judged = |result: &CheckResult| reason(input, times.clock, check, result);
    // The newest by epoch and start; of two that tell of one run the worse one (G6), whatever their
    // order (G1).
    let rank = |result: &CheckResult| {
        let reason = judged(result);
        (result.started(), reason != ReasonCode::Ok, reason, result.latency_ms)
    };
    let newest = own().max_by_key(|(_, result)| rank(result));
    let reason = match newest {
        None => ReasonCode::NoResult,
        Some((_, result)) => match judged(result) {
            ReasonCode::Ok
                if streak_is_short(input, check, result.started())
                    || !in_a_row(input, check, own().map(|(_, result)| result))
                        && !in_a_streak(input, check, result.started()) =>
            {
                ReasonCode::NoResult
            }
            reason => reason,
        },
    };
    // Not seen, for want of room to look: that is no fault of the host's (F38).
    let reason = match reason {
        ReasonCode::NoResult | ReasonCode::Stale if input.no_room => ReasonCode::NotRunCapacity,
        reason => reason,
    };
    let met = reason == ReasonCode::Ok;
    let observation = newest.map(|(index, _)| index);
    Verdict {
        index,
        met,
        reason,
        observation,
        overridden: !met && overridden(input, times.gate, check),
    }
}

/// Why a result does not count, or its own reason where it does (G5).
fn reason(
    input: &GateInput<'_>,
    now: DateTime<Utc>,
    check: &Requirement,
    result: &CheckResult,
) -> ReasonCode {
    // Nothing that another epoch's clock has dated is fresh, or in the future (F168).
    if result.epoch != input.epoch {
        return ReasonCode::Stale;
    }
    if result.checked_at > now || result.finished_at() > now {
        return ReasonCode::Clock;
    }
    let too_old = now - result.checked_at > delta(input.policy.max_age);
    if !is_current(input, check, result) || too_old {
        return ReasonCode::Stale;
    }
    if result.healthy() && result.observer_fault {
        return ReasonCode::Stale;
    }
    result.reason
}

/// Whether a result tells of the check, the agent and the gate's time as they are now.
fn is_current(input: &GateInput<'_>, check: &Requirement, result: &CheckResult) -> bool {
    let gate = input.gate;
    let live = !input.policy.live_only
        || matches!(input.window, WindowAnswer::Open(window)
            if result.checked_at >= window.opens_at()
                && result.started() >= StoreTime::new(gate.opened_epoch, gate.opened_at));
    // A run that failed before it knew whom to ask carries no endpoint and keeps its own reason.
    let same_agent =
        result.endpoint == check.endpoint || (result.endpoint.is_none() && !result.healthy());
    let same_check = result.revision == check.revision && result.started() >= check.changed();
    let void = gate.voids(result.started());
    result.epoch == input.epoch && same_check && same_agent && live && !void
}

/// Whether the newest runs are healthy, as many of them as the policy asks for.
fn in_a_row<'a>(
    input: &GateInput<'_>,
    check: &Requirement,
    results: impl Iterator<Item = &'a CheckResult>,
) -> bool {
    let wanted = usize::try_from(input.policy.healthy_after).unwrap_or(usize::MAX);
    if wanted <= 1 {
        return true;
    }
    let mut runs: Vec<(StoreTime, bool)> = results
        .map(|result| (result.started(), result.healthy() && is_current(input, check, result)))
        .collect();
    // Newest first, and of two that tell of one run the worse one.
    runs.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    runs.dedup_by_key(|(started, _)| *started);
    runs.len() >= wanted && runs.iter().take(wanted).all(|(_, healthy)| *healthy)
}

/// Whether the stored runs that end with the newest result are healthy, as many as the policy asks for.
///
/// Of the older ones only their number is known. So a streak does not count where results from before
/// some instant do not, other than by age: then the gate has to see them itself.
fn in_a_streak(input: &GateInput<'_>, check: &Requirement, newest: StoreTime) -> bool {
    if input.policy.live_only || input.gate.void_before.is_some() {
        return false;
    }
    let mut own = streaks(input, check, newest).peekable();
    let whole = |streak: &Streak| !streak.disturbed && streak.runs >= input.policy.healthy_after;
    own.peek().is_some() && own.all(whole)
}

/// Whether the stored runs say that the row of healthy ones is shorter than the policy asks for. The
/// results at hand can look longer: what failed between two of them need not be among them.
fn streak_is_short(input: &GateInput<'_>, check: &Requirement, newest: StoreTime) -> bool {
    streaks(input, check, newest).any(|streak| streak.runs < input.policy.healthy_after)
}

/// What is known of the stored runs of a check up to the newest result. Of two answers that contradict
/// each other the shorter one counts (G1).
fn streaks<'a>(
    input: &'a GateInput<'_>,
    check: &Requirement,
    newest: StoreTime,
) -> impl Iterator<Item = &'a Streak> {
    let check_id = check.check_id;
    let own = input.streaks.iter().filter(move |streak| streak.check_id == check_id);
    own.filter(move |streak| streak.newest == newest)
}

/// Whether an override lets the check, in this revision, fail (G26).
fn overridden(input: &GateInput<'_>, now: DateTime<Utc>, check: &Requirement) -> bool {
    input.gate.exception.as_ref().is_some_and(|exception| {
        input.override_allowed
            && now < exception.expires_at
            && exception
                .checks
                .iter()
                .any(|named| named.check_id == check.check_id && named.revision == check.revision)
    })
}
