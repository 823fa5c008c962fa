//! The verdict on each enabled check, from its newest results.

use chrono::{DateTime, Utc};

use super::input::{GateInput, Requirement, Streak, Times, WindowAnswer};
use crate::{
    clock::delta,
    model::{CheckResult, ReasonCode, StoreTime},
};

/// The verdict on one enabled check.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// The requirement, by index.
    pub index: usize,
    /// Whether the check is freshly healthy.
    pub met: bool,
    /// `ok`, or the reason why the check is not met. A result that does not count has the reason for that
    /// (G4).
    pub reason: ReasonCode,
    /// The newest result, by index, whether it counts or not.
    pub observation: Option<usize>,
    /// Whether an override lets the check fail.
    pub overridden: bool,
}

impl Verdict {
    /// Returns whether the check does not block the gate.
    #[must_use]
    pub const fn is_satisfied(&self) -> bool {
        self.met || self.overridden
    }
}

/// Judges every enabled check, regardless of their number (G8).
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
    // The newest result by epoch and start wins; of two results of one run, the worse one (G6). Their
    // order does not matter (G1).
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
    // A check that was not run for lack of capacity is not the host's fault (F38).
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

/// Returns why a result does not count or, if it counts, its own reason (G5).
fn reason(
    input: &GateInput<'_>,
    now: DateTime<Utc>,
    check: &Requirement,
    result: &CheckResult,
) -> ReasonCode {
    // A date of another epoch is neither fresh nor in the future (F168).
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

/// Returns whether a result is of the present check and agent, and from the time that the gate accepts.
fn is_current(input: &GateInput<'_>, check: &Requirement, result: &CheckResult) -> bool {
    let gate = input.gate;
    let live = !input.policy.live_only
        || matches!(input.window, WindowAnswer::Open(window)
            if result.checked_at >= window.opens_at()
                && result.started() >= StoreTime::new(gate.opened_epoch, gate.opened_at));
    // A run that failed before it knew the agent has no endpoint and keeps its own reason.
    let same_agent =
        result.endpoint == check.endpoint || (result.endpoint.is_none() && !result.healthy());
    let same_check = result.revision == check.revision && result.started() >= check.changed();
    let void = gate.voids(result.started());
    result.epoch == input.epoch && same_check && same_agent && live && !void
}

/// Returns whether the newest runs are healthy, in the number that the policy requires.
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
    // Newest first; of two results of one run, the worse one.
    runs.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    runs.dedup_by_key(|(started, _)| *started);
    runs.len() >= wanted && runs.iter().take(wanted).all(|(_, healthy)| *healthy)
}

/// Returns whether the stored runs up to the newest result are healthy, in the number that the policy
/// requires.
///
/// Only the number of the older runs is known, not their times. So a streak does not count if the gate
/// rejects results from before some instant (other than by age): the gate must then see the runs itself.
fn in_a_streak(input: &GateInput<'_>, check: &Requirement, newest: StoreTime) -> bool {
    if input.policy.live_only || input.gate.void_before.is_some() {
        return false;
    }
    let mut own = streaks(input, check, newest).peekable();
    let whole = |streak: &Streak| !streak.disturbed && streak.runs >= input.policy.healthy_after;
    own.peek().is_some() && own.all(whole)
}

/// Returns whether the store knows fewer consecutive healthy runs than the policy requires. The results at
/// hand can look like more: a failure between two of them may be missing.
fn streak_is_short(input: &GateInput<'_>, check: &Requirement, newest: StoreTime) -> bool {
    streaks(input, check, newest).any(|streak| streak.runs < input.policy.healthy_after)
}

/// Returns the streaks of a check up to the newest result. If two contradict each other, the shorter one
/// counts (G1).
fn streaks<'a>(
    input: &'a GateInput<'_>,
    check: &Requirement,
    newest: StoreTime,
) -> impl Iterator<Item = &'a Streak> {
    let check_id = check.check_id;
    let own = input.streaks.iter().filter(move |streak| streak.check_id == check_id);
    own.filter(move |streak| streak.newest == newest)
}

/// Returns whether an override lets the check fail in this revision (G26).
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
