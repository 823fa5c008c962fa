//! The rules of a gate's life, for stores: how a step, a claim or a spending changes a gate.
//!
//! Every store shares these functions, so that your own store only has to persist what they return.

use chrono::{DateTime, Utc};

use super::{AttemptWrite, GateStep, GateTransition, SpendRefusal, StoreError};
use crate::model::{
    Attempt, AttemptOutcome, EndReason, Evidence, GateOverride, GateRecord, GateRequest, GateState,
    GroupStatus, HostChange, HostId, PassId, PassKind, Rollout, RolloutCounts, RolloutStatus,
    RolloutStep, StoreTime,
};

/// Returns whether a claim takes a gate that no one holds: a waiting gate, or a passed gate whose pass has
/// expired or whose job asked for a cancellation.
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

/// Returns the sort key of a claim: open gates first, earliest close first, then the others, earliest
/// opening first.
#[must_use]
pub fn claim_order(record: &GateRecord, now: DateTime<Utc>) -> (bool, DateTime<Utc>) {
    let window = record.window;
    if window.opens_at() <= now { (false, window.closes_at()) } else { (true, window.opens_at()) }
}

/// Returns the generation that a request opens, given the newest gate of its job on its host. Returns
/// `None` if the request gets that gate instead.
#[must_use]
pub fn next_generation(newest: Option<&GateRecord>, request: &GateRequest) -> Option<u32> {
    let Some(newest) = newest else { return Some(1) };
    let ended = matches!(newest.state, GateState::Failed | GateState::Cancelled);
    (request.retry && ended).then(|| newest.generation.saturating_add(1))
}

/// Returns whether a step's transition is allowed from the gate's state.
#[must_use]
pub fn leads(step: &GateStep, state: GateState) -> bool {
    match (&step.transition, state) {
        (Some(GateTransition::Renew), state) => state == GateState::Passed,
        (Some(GateTransition::End(_)), GateState::Passed) | (_, GateState::Waiting) => true,
        _ => false,
    }
}

/// Applies a step to the record, after its fence and transition were checked. Returns whether the step ends
/// the lease. [`write_attempt`] handles the step's attempt, and the store records its results.
pub fn apply(record: &mut GateRecord, step: &GateStep, now: DateTime<Utc>) -> bool {
    record.window = step.window;
    let same_time = step.offset_clearings == record.offset_clearings;
    if same_time {
        record.high_water = step.high_water;
        record.clock_offset_us = step.clock_offset_us;
    }
    if let Some(void_before) = step.void_before {
        (record.void_before, record.void_epoch) = (Some(void_before.at), void_before.epoch);
    }
    record.next_attempt_at = step.next_attempt_at;
    record.hold = step.hold;
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
        // Gate time never goes back, and the distance between attempts is measured by it.
        let gate_time = if same_time { step.high_water } else { started_at };
        record.last_attempt_at = Some(gate_time.max(started_at));
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

/// Returns the attempt after a step's write, given the attempt stored under the same number.
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
    record.hold = None;
}

/// Returns why the pass with this id cannot be spent, or `None` if it can. `token` is the gate's newest
/// one. Only the pass stored with the gate counts, never the caller's copy (G36).
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
    // The clock may have stepped back since the pass was given (G21).
    let clock = now.max(record.high_water - record.clock_offset());
    match record.state {
        GateState::Spent => Some(SpendRefusal::AlreadySpent),
        GateState::Cancelled => Some(SpendRefusal::Cancelled),
        GateState::Waiting | GateState::Failed => Some(SpendRefusal::Expired),
        GateState::Passed if record.cancel_requested => Some(SpendRefusal::Cancelled),
        GateState::Passed if stored.valid_until <= clock => Some(SpendRefusal::Expired),
        // The clock ran ahead when the window opened, and was corrected since (F170).
        GateState::Passed if now < record.window.opens_at() => Some(SpendRefusal::Expired),
        // The override was revoked since (G26).
        GateState::Passed if stored.kind == PassKind::Overridden && record.exception.is_none() => {
            Some(SpendRefusal::Outdated)
        }
        // Claimed again since: the worker that gave this pass has lost the gate.
        GateState::Passed if token != stored.token => Some(SpendRefusal::Superseded),
        GateState::Passed => None,
    }
}

/// Returns why a job's rollout admits no further host, or `None` if it does (R1, R2, R4).
#[must_use]
pub fn admit(rollout: &Rollout, counts: &RolloutCounts) -> Option<SpendRefusal> {
    if rollout.is_halted(counts) {
        Some(SpendRefusal::Halted)
    } else if counts.spent >= rollout.admitted() || counts.in_flight >= rollout.max_in_flight() {
        Some(SpendRefusal::NoSlot)
    } else {
        None
    }
}

/// Returns why the newest other change of a host does not allow a gate's pass to be spent there, or `None` if
/// it does: the change is running (G27), or it ended after the runs that the pass relies on, which then
/// describe the host as it was before (G35).
#[must_use]
pub fn admit_after_change(
    record: &GateRecord,
    newest: Option<&HostChange>,
    now: DateTime<Utc>,
) -> Option<SpendRefusal> {
    let change = newest?;
    if change.is_running(now) {
        return Some(SpendRefusal::HostBusy);
    }
    let pass = record.pass.as_ref()?;
    let rests_on_checks = matches!(pass.kind, PassKind::Healthy | PassKind::Overridden);
    // The end of a change can lie ahead of a clock that was put right.
    let end = change.ends_at().min(now);
    let is_older = |entry: &Evidence| {
        entry.healthy && entry.check_id.is_some() && entry.checked_at.is_some_and(|at| at < end)
    };
    (rests_on_checks && pass.evidence.iter().any(is_older)).then_some(SpendRefusal::Outdated)
}

/// Returns why the host's groups do not allow a change of it, or `None` if they do (R7). `groups` holds the
/// current status of each group of the host.
#[must_use]
pub fn admit_to_groups(groups: &[GroupStatus], host: HostId) -> Option<SpendRefusal> {
    let full = groups.iter().any(|group| group.is_at_limit(host));
    full.then_some(SpendRefusal::GroupAtLimit)
}

/// Applies a step to the rollout. The rollout must be at the revision that the step was decided on.
pub fn settle_rollout(rollout: &mut Rollout, step: RolloutStep) {
    match step {
        RolloutStep::Advance { stage } => rollout.stage = stage,
        RolloutStep::Halt { reason } => rollout.halted = Some(reason),
    }
    rollout.revision += 1;
}

/// Returns the halted rollout after its resumption. Earlier failures no longer count (R2).
///
/// # Errors
/// Fails with [`StoreError::InvalidState`] if the rollout is not halted.
pub fn resume_rollout(status: &RolloutStatus) -> Result<Rollout, StoreError> {
    let RolloutStatus { rollout, counts } = status;
    if !rollout.is_halted(counts) {
        return Err(StoreError::InvalidState { state: "the rollout is not halted" });
    }
    Ok(Rollout {
        halted: None,
        forgiven: counts.failed,
        revision: rollout.revision + 1,
        ..rollout.clone()
    })
}

/// Takes back a pass that was refused before it was spent. The gate waits again, and no earlier result
/// counts (F154). Returns whether the record has changed.
#[must_use]
pub fn take_back(record: &mut GateRecord, pass: PassId, now: StoreTime) -> bool {
    let is_newest = record.pass.as_ref().is_some_and(|newest| newest.id == pass);
    if record.state != GateState::Passed || !is_newest {
        return false;
    }
    record.state = GateState::Waiting;
    let before = record.void_before.map(|at| StoreTime::new(record.void_epoch, at));
    let void_before = before.map_or(now, |before| before.max(now));
    (record.void_before, record.void_epoch) = (Some(void_before.at), void_before.epoch);
    true
}

/// Returns whether an override can be set or, with `None`, revoked. It can be set while the gate waits, and
/// revoked until its pass is spent.
#[must_use]
pub fn takes_override(record: &GateRecord, exception: Option<&GateOverride>) -> bool {
    match record.state {
        GateState::Waiting => true,
        GateState::Passed => exception.is_none(),
        GateState::Spent | GateState::Failed | GateState::Cancelled => false,
    }
}

/// Resets the gate time to the store's clock. Returns whether the record has changed.
///
/// # Errors
/// Fails with [`StoreError::InvalidState`] if the gate has ended.
pub fn clear_clock_offset(record: &mut GateRecord, now: DateTime<Utc>) -> Result<bool, StoreError> {
    if record.state.is_terminal() {
        return Err(StoreError::InvalidState { state: "the gate has ended" });
    }
    let offset = record.gate_time(now) - now;
    if offset.is_zero() {
        return Ok(false);
    }
    // Instants ahead of the clock were recorded before it stepped back.
    for instant in std::iter::once(&mut record.opened_at).chain(&mut record.void_before) {
        if *instant > now {
            *instant = (*instant - offset).min(now);
        }
    }
    record.last_attempt_at = record.last_attempt_at.map(|last| (last - offset).min(now));
    record.high_water = now;
    record.clock_offset_us = 0;
    record.offset_clearings += 1;
    Ok(true)
}

/// Marks the gate's pass as spent.
pub fn spend(record: &mut GateRecord, now: DateTime<Utc>) {
    record.state = GateState::Spent;
    record.ended_at = Some(now);
}
