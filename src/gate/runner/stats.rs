//! The statistics of a gate runner.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
};

use chrono::{DateTime, Utc};

use crate::{
    model::{AttemptOutcome, EndReason, PassKind},
    observe::{
        GATE_ATTEMPTS, GATE_OUT_OF_ROOM, GATE_OUTCOMES, LEASES_LOST, OVERRIDES_REFUSED, Part,
        STORE_ERRORS,
    },
};

/// The statistics of one gate runner since its creation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct GateStats {
    /// Gates claimed.
    pub gates_claimed: u64,
    /// Attempts started.
    pub attempts_started: u64,
    /// Attempts that ran to their end.
    pub attempts_finished: u64,
    /// Attempts that were cut short by their deadline, a shutdown, or the end of their gate.
    pub attempts_interrupted: u64,
    /// Passes given.
    pub passes: u64,
    /// Passes that expired unspent, after which the gate waited again.
    pub passes_renewed: u64,
    /// Gates that ended without a pass.
    pub ends: u64,
    /// Steps that the store refused because the lease was lost (G29).
    pub fenced: u64,
    /// Due attempts that found no capacity.
    pub out_of_room: u64,
    /// Overrides that did not count because their author had lost the right to give them.
    pub overrides_refused: u64,
    /// Looks at all gates that failed because of the store or a source.
    pub failed_looks: u64,
    /// Gates held now.
    pub gates_held: usize,
    /// The opening time of the gate held now that has waited longest.
    pub oldest_opened_at: Option<DateTime<Utc>>,
}

/// The counters of a runner.
#[derive(Debug, Default)]
pub(super) struct StatsCell {
    gates_claimed: AtomicU64,
    attempts_started: AtomicU64,
    attempts_finished: AtomicU64,
    attempts_interrupted: AtomicU64,
    passes: AtomicU64,
    passes_renewed: AtomicU64,
    ends: AtomicU64,
    fenced: AtomicU64,
    out_of_room: AtomicU64,
    overrides_refused: AtomicU64,
    failed_looks: AtomicU64,
    gates_held: AtomicUsize,
    oldest_opened_at: Mutex<Option<DateTime<Utc>>>,
}

impl StatsCell {
    pub(super) fn snapshot(&self) -> GateStats {
        let oldest = self.oldest_opened_at.lock().unwrap_or_else(PoisonError::into_inner);
        GateStats {
            gates_claimed: self.gates_claimed.load(Relaxed),
            attempts_started: self.attempts_started.load(Relaxed),
            attempts_finished: self.attempts_finished.load(Relaxed),
            attempts_interrupted: self.attempts_interrupted.load(Relaxed),
            passes: self.passes.load(Relaxed),
            passes_renewed: self.passes_renewed.load(Relaxed),
            ends: self.ends.load(Relaxed),
            fenced: self.fenced.load(Relaxed),
            out_of_room: self.out_of_room.load(Relaxed),
            overrides_refused: self.overrides_refused.load(Relaxed),
            failed_looks: self.failed_looks.load(Relaxed),
            gates_held: self.gates_held.load(Relaxed),
            oldest_opened_at: *oldest,
        }
    }

    pub(super) fn claimed(&self, gates: usize) {
        add(&self.gates_claimed, gates);
    }

    pub(super) fn started(&self) {
        add(&self.attempts_started, 1);
    }

    pub(super) fn attempt_over(&self, outcome: AttemptOutcome) {
        let (counter, word) = match outcome {
            AttemptOutcome::Interrupted | AttemptOutcome::Unreadable => {
                (&self.attempts_interrupted, "interrupted")
            }
            AttemptOutcome::Finished | AttemptOutcome::Running => {
                (&self.attempts_finished, "finished")
            }
        };
        add(counter, 1);
        GATE_ATTEMPTS.add(1, &[("outcome", word)]);
    }

    pub(super) fn passed(&self, kind: PassKind) {
        add(&self.passes, 1);
        let kind = match kind {
            PassKind::Healthy => "healthy",
            PassKind::NoChecks => "no_checks",
            PassKind::Overridden => "overridden",
            PassKind::Exempt => "exempt",
            PassKind::ReportOnly => "report_only",
        };
        GATE_OUTCOMES.add(1, &[("state", "passed"), ("why", kind)]);
    }

    pub(super) fn renewed(&self) {
        add(&self.passes_renewed, 1);
    }

    pub(super) fn ended(&self, reason: EndReason) {
        add(&self.ends, 1);
        let (state, reason) = match reason {
            EndReason::JobCancelled => ("cancelled", "job_cancelled"),
            EndReason::WindowClosed => ("failed", "window_closed"),
            EndReason::WindowWithdrawn => ("failed", "window_withdrawn"),
            EndReason::HostDeleted => ("failed", "host_deleted"),
            EndReason::NotRunCapacity => ("failed", "not_run_capacity"),
            EndReason::GateBusy => ("failed", "gate_busy"),
            EndReason::PassNotSpent => ("failed", "pass_not_spent"),
            EndReason::RecordUnreadable => ("failed", "record_unreadable"),
        };
        GATE_OUTCOMES.add(1, &[("state", state), ("why", reason)]);
    }

    pub(super) fn fenced(&self, gates: usize) {
        add(&self.fenced, gates);
        lost("fenced", gates);
    }

    /// Counts gates that another worker has taken, as the renewal of the leases shows.
    pub(super) fn taken(&self, gates: usize) {
        lost("taken", gates);
    }

    pub(super) fn out_of_room(&self) {
        add(&self.out_of_room, 1);
        GATE_OUT_OF_ROOM.add(1, &[]);
    }

    pub(super) fn override_refused(&self) {
        add(&self.overrides_refused, 1);
        OVERRIDES_REFUSED.add(1, &[]);
    }

    pub(super) fn look_failed(&self) {
        add(&self.failed_looks, 1);
        STORE_ERRORS.add(1, &[("part", Part::Gate.as_str())]);
    }

    pub(super) fn gauge(&self, gates_held: usize, oldest_opened_at: Option<DateTime<Utc>>) {
        self.gates_held.store(gates_held, Relaxed);
        *self.oldest_opened_at.lock().unwrap_or_else(PoisonError::into_inner) = oldest_opened_at;
    }
}

fn add(counter: &AtomicU64, count: usize) {
    counter.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Relaxed);
}

fn lost(cause: &'static str, gates: usize) {
    let gates = u64::try_from(gates).unwrap_or(u64::MAX);
    LEASES_LOST.add(gates, &[("part", Part::Gate.as_str()), ("cause", cause)]);
}
