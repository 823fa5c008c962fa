//! Gates: leases, steps, passes and overrides (L10, G16-G18, G25-G29).

use std::{collections::HashMap, fmt::Debug, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{PruneOutcome, StoreError};
use crate::model::{
    Attempt, AttemptOutcome, AuditEntry, ChangeEnd, CheckResult, ClockEpoch, EndReason, Evidence,
    GateId, GateNote, GateOverride, GatePass, GateRecord, GateRequest, HoldCause, HostChange,
    HostId, JobId, PassId, StoreTime, Window, WorkerId,
};

/// A gate under lease.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LeasedGate {
    /// The gate's record.
    pub record: GateRecord,
    /// The fencing token. Every claim of this gate increments it.
    pub token: i64,
    /// The number of changes that the holder did not make, such as a cancellation.
    pub changes: i64,
}

/// The gates that a claim returns to a worker.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GateClaims {
    /// The store's clock.
    pub now: DateTime<Utc>,
    /// The epoch of the store's clock.
    pub epoch: ClockEpoch,
    /// The claimed gates. Open ones come first, earliest close first, then the others, earliest opening
    /// first.
    pub gates: Vec<LeasedGate>,
}

/// Extends a worker's lease.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GateExtension<'a> {
    /// All gates that the worker knows it holds. The store frees its other gates, such as those of a claim
    /// whose answer was lost.
    pub gates: &'a [GateId],
    /// The duration of the lease from now on.
    pub lease: Duration,
}

/// What a watch tells a worker about its gates.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GateWatch {
    /// The store's clock.
    pub now: DateTime<Utc>,
    /// The epoch of the store's clock.
    pub epoch: ClockEpoch,
    /// Whether the worker's lease is valid. Without a valid lease the worker holds no gate.
    pub leased: bool,
    /// The worker's gates that someone else changed since the worker's claim or its latest step.
    pub changed: Vec<LeasedGate>,
    /// The earliest opening among the gates that no worker holds. `None` if there is no such gate.
    pub unclaimed: Option<DateTime<Utc>>,
}

/// One step of a gate, written under its fence. `None` leaves a field unchanged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GateStep {
    /// The gate.
    pub gate_id: GateId,
    /// The token of the claim.
    pub token: i64,
    /// The last [`LeasedGate::changes`] that the worker has read.
    pub seen: i64,
    /// The window that this step was decided with.
    pub window: Window,
    /// The gate time of this step (G21).
    pub high_water: DateTime<Utc>,
    /// How far the gate time is ahead of the store's clock, in microseconds.
    pub clock_offset_us: i64,
    /// The record's [`offset_clearings`](GateRecord::offset_clearings) that this step has read. If the
    /// store has a higher count, it ignores `high_water` and `clock_offset_us`.
    pub offset_clearings: u32,
    /// What blocks the gate before its checks run.
    pub hold: Option<HoldCause>,
    /// Results of runs that started before this instant no longer count.
    pub void_before: Option<StoreTime>,
    /// When the next attempt is due, by the store's clock.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// The newest verdict of each check.
    pub evidence: Option<Vec<Evidence>>,
    /// External events to append to the timeline.
    pub notes: Vec<GateNote>,
    /// The gate's current situation, in words.
    pub detail: Option<String>,
    /// The attempt that starts or ends with this step.
    pub attempt: Option<AttemptWrite>,
    /// Results of the attempt's runs. The store records them by the rules of
    /// [`ResultStore`](super::ResultStore).
    pub results: Vec<CheckResult>,
    /// The gate's change of state.
    pub transition: Option<GateTransition>,
}

/// The start or end of an attempt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AttemptWrite {
    /// The attempt's checks are about to run. The attempt counts from now on, even if it is interrupted
    /// (G28).
    Start {
        /// The attempt's number, counted from 1.
        number: u32,
        /// When it starts, by the store's clock.
        started_at: DateTime<Utc>,
    },
    /// The attempt's checks have answered, or the attempt was interrupted.
    End {
        /// The attempt's number, counted from 1.
        number: u32,
        /// When it ended, by the store's clock.
        finished_at: DateTime<Utc>,
        /// The attempt's outcome.
        outcome: AttemptOutcome,
        /// The verdict of each check.
        checks: Vec<Evidence>,
    },
}

impl AttemptWrite {
    /// Returns the attempt's number.
    #[must_use]
    pub const fn number(&self) -> u32 {
        match self {
            Self::Start { number, .. } | Self::End { number, .. } => *number,
        }
    }
}

/// A change of a gate's state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum GateTransition {
    /// From `waiting` to `passed`. Ends the lease.
    Pass(GatePass),
    /// From `passed` back to `waiting`, because the pass was not spent in time (G16).
    Renew,
    /// To `cancelled` if the reason is [`EndReason::JobCancelled`], otherwise to `failed`. Ends the lease.
    End(EndReason),
}

/// Whether a call spent a pass.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Spend {
    /// This call spent the pass: patch the host.
    Spent(Box<GateRecord>),
    /// The pass was not spent: do not patch the host.
    Refused(SpendRefusal),
}

/// Why a pass cannot be spent.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum SpendRefusal {
    /// The pass is already spent (F21).
    AlreadySpent,
    /// The pass has expired (F17).
    Expired,
    /// The job asked to cancel the gate (G25).
    Cancelled,
    /// The gate has a newer pass, or the pass is unknown.
    Superseded,
    /// The host is under a change that another spent pass began and that has not ended.
    HostBusy,
    /// The pass's basis no longer holds: a check was added, enabled or changed since, a newer result fails
    /// a check, a condition is not met, or the override that the pass needs does not apply. Or the pass would
    /// be valid beyond the present close of the window, the start of a freeze or the end of that override
    /// (F296). The gate waits again.
    Outdated,
    /// The job's rollout has no slot: its stage is full, or its maximum number of hosts is being changed or
    /// verified.
    NoSlot,
    /// The job's rollout is halted.
    Halted,
    /// One of the host's groups has its maximum number of other members down or under change.
    GroupAtLimit,
}

/// Stores gates.
///
/// Contract:
/// - A job has one gate per host: opening it again returns the existing one, in any state. A request with
///   [`retry`](GateRequest::retry) opens the next generation if the newest one has ended without a spent
///   pass.
/// - A host has at most one unfinished gate ([`StoreError::GateBusy`] names the holder), and in addition at
///   most one gate of an exempt job.
/// - A worker has one lease, which covers all of its gates. A claim begins or extends it, and
///   [`watch_gates`](GateStore::watch_gates) extends it on request. A lease that has ended is never
///   extended: the next claim begins a new lease without the old lease's gates.
/// - A claim takes gates that no worker with a valid lease holds: `waiting` ones, and `passed` ones whose
///   pass has expired or whose job asked for a cancellation. No two claims take the same gate at the same
///   time. Open gates go first. A claim marks a running attempt as interrupted.
/// - A step counts only with the owner and token of the newest claim, while the owner's lease is valid, and
///   if its transition leads from the gate's state. Otherwise the gate is fenced and nothing of the step is
///   written (G29). A fenced gate does not delay the others.
/// - A change by anyone but the holder (a cancellation, an override) increments the gate's count of
///   changes. `watch_gates` returns the gate until the holder writes a step that has seen the change.
/// - A terminal gate never changes again (G18).
/// - `spend_pass` is one conditional step on state, pass id, owner, token, cancellation and the store's
///   clock. It succeeds at most once, ever. Of a cancellation and a spending, exactly one wins.
/// - Spending a pass begins a [`HostChange`] in the same step. That step applies
///   [`transition::admit_after_change`](super::transition::admit_after_change) to the newest change of the
///   host: it refuses while that change is running, and afterwards if the pass relies on older checks. A
///   change without a reported end is over after [`HostChange::LONGEST`]. The same step ends the verification
///   of an earlier change of the host as unverified.
/// - An override or a cancellation and its audit record are one step.
#[async_trait]
pub trait GateStore: Debug + Send + Sync + 'static {
    /// Opens a gate, or returns the gate that this job already has on this host.
    ///
    /// # Errors
    /// Fails with [`StoreError::GateBusy`] if another job's gate on this host is unfinished.
    async fn open_gate(&self, request: GateRequest) -> Result<GateRecord, StoreError>;

    /// Records a gate that ends without having waited, because the host was busy until the close or there
    /// was no capacity. Returns the existing gate if the job already has one on this host.
    async fn open_ended_gate(
        &self,
        request: GateRequest,
        reason: EndReason,
        detail: String,
    ) -> Result<GateRecord, StoreError>;

    /// Returns the newest generation of a job's gate on a host.
    async fn gate(&self, job: JobId, host: HostId) -> Result<Option<GateRecord>, StoreError>;

    /// Returns all gates of a job in their newest generation, ordered by creation time.
    async fn gates_of(&self, job: JobId) -> Result<Vec<GateRecord>, StoreError>;

    /// Returns all generations of a job's gate on a host, oldest first.
    async fn generations_of(&self, job: JobId, host: HostId)
    -> Result<Vec<GateRecord>, StoreError>;

    /// Returns the unfinished gates on these hosts, in no order. A host has at most one, and in addition at
    /// most one of an exempt job. Hosts without an unfinished gate are left out.
    async fn holders_of(&self, hosts: &[HostId]) -> Result<Vec<GateRecord>, StoreError>;

    /// Returns the attempts of these gates, ordered by gate and number.
    async fn attempts_of(&self, gates: &[GateId]) -> Result<Vec<(GateId, Attempt)>, StoreError>;

    /// Returns the newest `limit` attempts of each of these gates, ordered by gate and number.
    ///
    /// The default implementation reads all attempts and drops the older ones. A gate may have thousands of
    /// attempts, so override it if the store can select them.
    async fn newest_attempts_of(
        &self,
        gates: &[GateId],
        limit: u32,
    ) -> Result<Vec<(GateId, Attempt)>, StoreError> {
        let mut attempts = self.attempts_of(gates).await?;
        let mut counts: HashMap<GateId, u32> = HashMap::new();
        for (gate, _) in &attempts {
            *counts.entry(*gate).or_default() += 1;
        }
        attempts.retain(|(gate, _)| {
            let left = counts.entry(*gate).or_default();
            *left -= 1;
            *left < limit
        });
        Ok(attempts)
    }

    /// Claims up to `limit` gates that need a worker, and begins or extends the worker's lease.
    async fn claim_gates(
        &self,
        worker: WorkerId,
        limit: u32,
        lease: Duration,
    ) -> Result<GateClaims, StoreError>;

    /// Returns a worker's changed gates. With `extend`, also extends the worker's lease, unless the lease
    /// has ended. Without `extend`, the cost does not depend on the number of unchanged gates.
    ///
    /// The answer may include unchanged gates. A lost answer does no harm: the next call returns the same
    /// gates.
    async fn watch_gates(
        &self,
        worker: WorkerId,
        extend: Option<GateExtension<'_>>,
    ) -> Result<GateWatch, StoreError>;

    /// Writes one step of each of these gates, and returns the gates that were fenced.
    async fn settle_gates(
        &self,
        worker: WorkerId,
        steps: Vec<GateStep>,
    ) -> Result<Vec<GateId>, StoreError>;

    /// Releases gates, so that another worker can claim them immediately. Fenced gates are ignored.
    async fn release_gates(
        &self,
        worker: WorkerId,
        gates: &[(GateId, i64)],
    ) -> Result<(), StoreError>;

    /// Returns the gate whose newest pass has this id. Returns `None` if there is none, for example if a
    /// newer pass has replaced this one.
    async fn gate_of_pass(&self, pass: PassId) -> Result<Option<GateRecord>, StoreError>;

    /// Spends a pass, once. The store reads everything but the id from its own records, so a modified copy
    /// of a pass gains nothing (G36).
    async fn spend_pass(&self, pass: PassId) -> Result<Spend, StoreError>;

    /// Ends the host change that began when this pass was spent, by [`HostChange::end`]. A change that has
    /// already ended stays unchanged.
    ///
    /// # Errors
    /// Fails with [`StoreError::NotFound`] if the pass was not spent.
    async fn end_host_change(&self, pass: PassId, end: ChangeEnd)
    -> Result<HostChange, StoreError>;

    /// Returns the newest change of each of these hosts, in no order. Hosts without a change are left out.
    async fn host_changes(&self, hosts: &[HostId]) -> Result<Vec<HostChange>, StoreError>;

    /// Deletes up to `batch` gates that ended more than `keep` ago, with their attempts and changes.
    /// Unfinished gates stay, and so do gates whose host change is running or being verified. After the
    /// store's clock has jumped ahead it deletes nothing and returns [`PruneOutcome::Suspicious`], unless
    /// `force` is set.
    async fn prune_gates(
        &self,
        keep: Duration,
        batch: u32,
        force: bool,
    ) -> Result<PruneOutcome, StoreError>;

    /// Takes back a pass that was refused before it was spent. Its gate waits again immediately, and no
    /// earlier result counts. Does nothing if the pass is spent or is not the gate's newest one.
    async fn return_pass(&self, pass: PassId) -> Result<(), StoreError>;

    /// Requests a gate's cancellation, and returns the gate. From now on its pass cannot be spent; a worker
    /// ends the gate. A terminal gate stays unchanged.
    ///
    /// # Errors
    /// Fails with [`StoreError::NotFound`] if the job has no gate on this host.
    async fn request_cancel(
        &self,
        job: JobId,
        host: HostId,
        audit: AuditEntry,
    ) -> Result<GateRecord, StoreError>;

    /// Sets the override of a waiting gate or, with `None`, revokes it. An override can be revoked until
    /// the gate's pass is spent; a pass that needs it can then no longer be spent.
    ///
    /// # Errors
    /// Fails with [`StoreError::NotFound`], or with [`StoreError::InvalidState`] if the gate is in another
    /// state.
    async fn set_override(
        &self,
        job: JobId,
        host: HostId,
        exception: Option<GateOverride>,
        audit: AuditEntry,
    ) -> Result<GateRecord, StoreError>;

    /// Resets the gate time of an unfinished gate to the store's clock, by
    /// [`transition::clear_clock_offset`](super::transition::clear_clock_offset). Writes nothing if both
    /// already agree.
    ///
    /// # Errors
    /// Fails with [`StoreError::NotFound`], or with [`StoreError::InvalidState`] if the gate has ended.
    async fn clear_clock_offset(
        &self,
        job: JobId,
        host: HostId,
        audit: AuditEntry,
    ) -> Result<GateRecord, StoreError>;
}
