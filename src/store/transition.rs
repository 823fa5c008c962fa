//! The rules of a gate's life, for stores: what a step, a claim or a spending makes of a gate. One form
//! of them for every store, so that a store of your own only has to keep what they answer.

use chrono::{DateTime, Utc};

use super::{AttemptWrite, GateStep, GateTransition, SpendRefusal};
use crate::model::{
    Attempt, AttemptOutcome, EndReason, GateRecord, GateRequest, GateState, PassId,
};

/// Whether a claim takes a gate that nobody holds: one that waits, and one that has passed once its
/// pass has expired or its job asks for its cancellation.
#[must_use]
pub fn needs_worker(record: &GateRecord, now: DateTime<Utc>) -> bool {
    match record.state {
        GateState::Waiting => true,
        GateState::Passed => {
            record.cancel_requested
                || record.pass.as_ref().is_none_or(|pass| pass.valid_until <= now)
        }
        GateState::Spent | GateState::Failed | GateState::Cancelled => false,
    }
}

/// Returns the key by which a claim sorts gates: open ones first, earliest close first, then the others,
/// earliest opening first.
#[must_use]
pub fn claim_order(record: &GateRecord, now: DateTime<Utc>) -> (bool, DateTime<Utc>) {
    let window = record.window;
    if window.opens_at() <= now { (false, window.closes_at()) } else { (true, window.opens_at()) }
}

/// Returns the generation that a request opens, given the newest gate of its job on its host. `None` if
/// the answer is that gate.
#[must_use]
pub fn next_generation(newest: Option<&GateRecord>, request: &GateRequest) -> Option<u32> {
    let Some(newest) = newest else { return Some(1) };
    let ended = matches!(newest.state, GateState::Failed | GateState::Cancelled);
    (request.retry && ended).then(|| newest.generation.saturating_add(1))
}

/// Whether a step's transition leads from the state that the gate is in.
#[must_use]
pub fn leads(step: &GateStep, state: GateState) -> bool {
    match (&step.transition, state) {
        (Some(GateTransition::Renew), state) => state == GateState::Passed,
        (Some(GateTransition::End(_)), GateState::Passed) | (_, GateState::Waiting) => true,
        _ => false,
    }
}

/// Writes a step, whose fence and transition have been judged, into the record. Its attempt is for
/// [`write_attempt`], its results for the store. Answers whether the lease ends with it.
pub fn apply(record: &mut GateRecord, step: &GateStep, now: DateTime<Utc>) -> bool {
    record.window = step.window;
    record.high_water = step.high_water;
    record.void_before = step.void_before.or(record.void_before);
    record.next_attempt_at = step.next_attempt_at;
    if let Some(evidence) = &step.evidence {
        record.evidence.clone_from(evidence);
    }
    if let Some(detail) = &step.detail {
        record.detail.clone_from(detail);
    }
    record.notes.extend(step.notes.iter().cloned());
    let surplus = record.notes.len().saturating_sub(GateRecord::MAXIMUM_NOTES);
    record.notes.drain(..surplus);
    if let Some(AttemptWrite::Start { number, started_at }) = step.attempt {
        record.attempts = record.attempts.max(number);
        record.last_attempt_at = Some(started_at);
    }
    match &step.transition {
        None => false,
        Some(GateTransition::Pass(pass)) => {
            record.state = GateState::Passed;
            record.pass = Some(pass.clone());
            true
        }
        Some(GateTransition::Renew) => {
            record.state = GateState::Waiting;
            false
        }
        Some(GateTransition::End(reason)) => {
            end(record, *reason, now);
            true
        }
    }
}

/// The attempt as a step's write leaves it, from what is stored under its number.
#[must_use]
pub fn write_attempt(stored: Option<Attempt>, write: &AttemptWrite) -> Option<Attempt> {
    match write {
        AttemptWrite::Start { number, started_at } => Some(Attempt {
            number: *number,
            started_at: *started_at,
            finished_at: None,
            outcome: AttemptOutcome::Running,
            checks: Vec::new(),
        }),
        AttemptWrite::End { finished_at, outcome, checks, .. } => stored.map(|attempt| Attempt {
            finished_at: Some(*finished_at),
            outcome: *outcome,
            checks: checks.clone(),
            ..attempt
        }),
    }
}

/// Ends a gate without a pass.
pub fn end(record: &mut GateRecord, reason: EndReason, now: DateTime<Utc>) {
    record.state =
        if reason == EndReason::JobCancelled { GateState::Cancelled } else { GateState::Failed };
    record.end_reason = Some(reason);
    record.ended_at = Some(now);
    record.next_attempt_at = None;
}

/// Why the pass of this id cannot be spent; `None` where it can. `token` is the newest one of the gate.
/// All that is known of the pass is what the gate holds (G36).
#[must_use]
pub fn refusal(
    record: &GateRecord,
    token: i64,
    pass: PassId,
    now: DateTime<Utc>,
) -> Option<SpendRefusal> {
    let Some(stored) = record.pass.as_ref().filter(|stored| stored.id == pass) else {
        return Some(SpendRefusal::Superseded);
    };
    match record.state {
        GateState::Spent => Some(SpendRefusal::AlreadySpent),
        GateState::Cancelled => Some(SpendRefusal::Cancelled),
        GateState::Waiting | GateState::Failed => Some(SpendRefusal::Expired),
        GateState::Passed if record.cancel_requested => Some(SpendRefusal::Cancelled),
        GateState::Passed if stored.valid_until <= now => Some(SpendRefusal::Expired),
        // Claimed anew since: whoever gave this pass has lost the gate.
        GateState::Passed if token != stored.token => Some(SpendRefusal::Superseded),
        GateState::Passed => None,
    }
}

/// Takes a pass back that was refused before it was spent: the gate waits again, and nothing seen so far
/// counts (F154). Returns whether anything has changed.
#[must_use]
pub fn take_back(record: &mut GateRecord, pass: PassId, now: DateTime<Utc>) -> bool {
    let is_newest = record.pass.as_ref().is_some_and(|newest| newest.id == pass);
    if record.state != GateState::Passed || !is_newest {
        return false;
    }
    record.state = GateState::Waiting;
    record.void_before = record.void_before.max(Some(now));
    true
}

/// The record of a gate whose pass is spent now.
pub fn spend(record: &mut GateRecord, now: DateTime<Utc>) {
    record.state = GateState::Spent;
    record.ended_at = Some(now);
}
