//! Gates: their leases, steps, passes and overrides (L10, G16-G18, G25-G29).

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
    /// The gate as it stands.
    pub record: GateRecord,
    /// The fencing token: raised by every claim of this gate.
    pub token: i64,
    /// Counts the changes of this gate that did not come from its holder, such as a cancellation.
    pub changes: i64,
}

/// Gates that a worker holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GateClaims {
    /// The store's clock.
    pub now: DateTime<Utc>,
    /// Its epoch.
    pub epoch: ClockEpoch,
    /// The gates: open ones first, earliest close first, then the others, earliest opening first.
    pub gates: Vec<LeasedGate>,
}

/// Makes a worker's lease longer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GateExtension<'a> {
    /// All gates that the worker knows it holds. Any other one is free from now on, such as one of a
    /// claim whose answer was lost.
    pub gates: &'a [GateId],
    /// How long the lease lasts from now on.
    pub lease: Duration,
}

/// What a worker is told about its gates.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GateWatch {
    /// The store's clock.
    pub now: DateTime<Utc>,
    /// Its epoch.
    pub epoch: ClockEpoch,
    /// Whether the worker's lease is valid. Without it the worker holds no gate.
    pub leased: bool,
    /// The worker's gates that somebody else has changed since the worker's claim or newest step.
    pub changed: Vec<LeasedGate>,
    /// The earliest opening among the gates that wait for a worker. `None` if there is no such gate.
    pub unclaimed: Option<DateTime<Utc>>,
}

/// One step of a gate, written under its fence. `None` leaves a field as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GateStep {
    /// The gate.
    pub gate_id: GateId,
    /// The token of the claim.
    pub token: i64,
    /// The changes by others that this step knows of: [`LeasedGate::changes`] as it was read last.
    pub seen: i64,
    /// The window as it was read in this step.
    pub window: Window,
    /// The gate's own time in this step (G21).
    pub high_water: DateTime<Utc>,
    /// How far that is ahead of the store's clock, in microseconds.
    pub clock_offset_us: i64,
    /// The record's [`offset_clearings`](GateRecord::offset_clearings) as this step knows it. Where
    /// the store has more of them, the two times before do not count.
    pub offset_clearings: u32,
    /// What the gate waits for before its checks are asked.
    pub hold: Option<HoldCause>,
    /// Results of runs that started before this do not count any more.
    pub void_before: Option<StoreTime>,
    /// When the next attempt is due.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// The newest verdicts.
    pub evidence: Option<Vec<Evidence>>,
    /// What happened from outside, to be added to the timeline.
    pub notes: Vec<GateNote>,
    /// Where it stands, for people.
    pub detail: Option<String>,
    /// An attempt that starts or ends with this step.
    pub attempt: Option<AttemptWrite>,
    /// Results of the attempt's runs, recorded by the rules of
    /// [`ResultStore`](super::ResultStore).
    pub results: Vec<CheckResult>,
    /// A change of state.
    pub transition: Option<GateTransition>,
}

/// An attempt that starts or ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AttemptWrite {
    /// Its checks are about to run. It counts from now on, even if it is interrupted (G28).
    Start {
        /// Counted from 1.
        number: u32,
        /// When, by the store's clock.
        started_at: DateTime<Utc>,
    },
    /// Its checks have answered, or it was interrupted.
    End {
        /// Counted from 1.
        number: u32,
        /// When, by the store's clock.
        finished_at: DateTime<Utc>,
        /// How it came out.
        outcome: AttemptOutcome,
        /// What is known of each check.
        checks: Vec<Evidence>,
    },
}

impl AttemptWrite {
    /// The attempt's number.
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
    /// `waiting` to `passed`. The lease ends.
    Pass(GatePass),
    /// `passed` back to `waiting`: the pass was not spent in time (G16).
    Renew,
    /// To `failed`, or to `cancelled` where the reason is [`EndReason::JobCancelled`]. The lease ends.
    End(EndReason),
}

/// Whether a pass was spent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Spend {
    /// It is spent now, by this call: go ahead.
    Spent(Box<GateRecord>),
    /// It is not: do not go ahead.
    Refused(SpendRefusal),
}

/// Why a pass cannot be spent.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SpendRefusal {
    /// It has been spent before (F21).
    AlreadySpent,
    /// Its time is over (F17).
    Expired,
    /// The job asked for its cancellation (G25).
    Cancelled,
    /// The gate has given another pass since, or none of this kind is known.
    Superseded,
    /// The host is being changed on another spent pass, which has not ended.
    HostBusy,
    /// What it was given on does not hold any more: a check was added, enabled or changed since, or
    /// fails by a newer result, a condition is not met, or the override that it needs does not count.
    /// The gate waits again.
    Outdated,
    /// The job's rollout has no place for another host now: its stage is full, or as many hosts as it
    /// allows are being changed or verified.
    NoSlot,
    /// The job's rollout is halted.
    Halted,
    /// As many other members as allowed of one of the host's groups are down or under change.
    GroupAtLimit,
}

/// Gates.
///
/// Contract:
/// - One gate per job and host: opening it again returns the existing one, in any state. A request with
///   [`retry`](GateRequest::retry) opens the next generation if the newest one has ended without a spent pass.
/// - A host has at most one unfinished gate ([`StoreError::GateBusy`] names the holder), and in addition at most
///   one of an exempt job.
/// - A worker has one lease, which covers all of its gates. A claim begins or extends it, and
///   [`watch_gates`](GateStore::watch_gates) extends it if asked to. A lease that has ended is never
///   extended: the next claim begins a new one, without any gate of the old one.
/// - A claim takes gates that are `waiting`, and `passed` ones whose pass has expired or whose
///   cancellation is asked for, if no worker with a valid lease holds them; no two claims take one gate
///   at the same time. Open gates go first. It marks an attempt that is still running as interrupted.
/// - A step counts only with the owner and token of the newest claim, while the owner's lease is valid,
///   and in a state from which its transition leads; otherwise the gate is fenced and nothing of the step is
///   written (G29). A fenced gate does not delay the others.
/// - A change by anybody but the holder (a cancellation, an override) raises the gate's count of changes, and
///   `watch_gates` returns the gate until the holder writes a step that has seen the change.
/// - A terminal gate never changes again (G18).
/// - `spend_pass` is one conditional step on state, pass id, owner, token, cancellation and the
///   store's clock, and succeeds at most once, ever. Cancelling and spending: exactly one wins.
/// - Spending a pass begins a [`HostChange`] in the same step. Ask
///   [`transition::admit_after_change`](super::transition::admit_after_change) about the newest change of
///   the host in that step: it refuses while that is running, and after it if the pass rests on older
///   checks. A change without a reported end is over after [`HostChange::LONGEST`]. The
///   verification of an earlier change of the host ends as unverified in the same step.
/// - An override or a cancellation and its audit record are one step.
#[async_trait]
pub trait GateStore: Debug + Send + Sync + 'static {
    /// Opens a gate, or returns the one that this job has on this host.
    ///
    /// # Errors
    /// [`StoreError::GateBusy`] if another job's gate on this host is unfinished.
    async fn open_gate(&self, request: GateRequest) -> Result<GateRecord, StoreError>;

    /// Records a gate that ends without ever having waited: the host was busy to the end, or there
    /// was no capacity. Answers with the one there is, where the job has one on this host.
    async fn open_ended_gate(
        &self,
        request: GateRequest,
        reason: EndReason,
        detail: String,
    ) -> Result<GateRecord, StoreError>;

    /// The gate of a job on a host: its newest generation.
    async fn gate(&self, job: JobId, host: HostId) -> Result<Option<GateRecord>, StoreError>;

    /// All gates of a job, by the time of their opening: for each host the newest generation.
    async fn gates_of(&self, job: JobId) -> Result<Vec<GateRecord>, StoreError>;

    /// All generations of a job's gate on a host, the first one first.
    async fn generations_of(&self, job: JobId, host: HostId)
    -> Result<Vec<GateRecord>, StoreError>;

    /// The unfinished gates on these hosts, in no order: for each host at most one, and at most one of an
    /// exempt job. Hosts that no gate holds
    /// are left out.
    async fn holders_of(&self, hosts: &[HostId]) -> Result<Vec<GateRecord>, StoreError>;

    /// The attempts of these gates, by gate and number.
    async fn attempts_of(&self, gates: &[GateId]) -> Result<Vec<(GateId, Attempt)>, StoreError>;

    /// The newest `limit` attempts of each of these gates, by gate and number. By default all are read
    /// and the older ones dropped: a gate may have thousands, so do better if you can.
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

    /// Takes up to `limit` gates that need a worker, and begins or extends the worker's lease.
    async fn claim_gates(
        &self,
        worker: WorkerId,
        limit: u32,
        lease: Duration,
    ) -> Result<GateClaims, StoreError>;

    /// Tells a worker what has changed for it, and with `extend` makes its lease longer, if that has not
    /// ended. Without it the call costs the same for any number of gates that did not change.
    ///
    /// It may answer with gates that have not changed. An answer that was lost is no loss: the next
    /// call answers with the same gates.
    async fn watch_gates(
        &self,
        worker: WorkerId,
        extend: Option<GateExtension<'_>>,
    ) -> Result<GateWatch, StoreError>;

    /// Writes one step of each of these gates and answers with those that were fenced.
    async fn settle_gates(
        &self,
        worker: WorkerId,
        steps: Vec<GateStep>,
    ) -> Result<Vec<GateId>, StoreError>;

    /// Hands gates back, so that another worker can take them at once. Fenced ones are ignored.
    async fn release_gates(
        &self,
        worker: WorkerId,
        gates: &[(GateId, i64)],
    ) -> Result<(), StoreError>;

    /// Returns the gate whose newest pass this is. `None` where there is none, such as for a pass that
    /// another one has replaced.
    async fn gate_of_pass(&self, pass: PassId) -> Result<Option<GateRecord>, StoreError>;

    /// Spends a pass, once. Everything but its id is read from the store, so that a copy of a pass is
    /// worth what the stored one is, whatever it says (G36).
    async fn spend_pass(&self, pass: PassId) -> Result<Spend, StoreError>;

    /// Ends the change of a host that began when this pass was spent, by
    /// [`HostChange::end`]. One that has ended stays as it is.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where the pass was not spent.
    async fn end_host_change(&self, pass: PassId, end: ChangeEnd)
    -> Result<HostChange, StoreError>;

    /// The newest change of each of these hosts, in no order. Hosts without one are left out.
    async fn host_changes(&self, hosts: &[HostId]) -> Result<Vec<HostChange>, StoreError>;

    /// Deletes up to `batch` gates that ended more than `keep` ago, with their attempts and changes. A
    /// gate that has not ended stays, and so does one whose change of the host is running or being
    /// verified. After the
    /// store's clock has leapt ahead it deletes none and says so, unless `force` is given.
    async fn prune_gates(
        &self,
        keep: Duration,
        batch: u32,
        force: bool,
    ) -> Result<PruneOutcome, StoreError>;

    /// Takes a pass back that was refused before it was spent: its gate waits again at once, and no
    /// result so far counts. Nothing happens if the pass is spent or not the gate's newest one.
    async fn return_pass(&self, pass: PassId) -> Result<(), StoreError>;

    /// Asks for a gate's cancellation. From here on its pass cannot be spent; a worker ends it.
    /// Answers with the gate as it then stands; a terminal one is unchanged.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where the job has no gate on this host.
    async fn request_cancel(
        &self,
        job: JobId,
        host: HostId,
        audit: AuditEntry,
    ) -> Result<GateRecord, StoreError>;

    /// Sets the override of a waiting gate or, with `None`, takes it back; that is possible until the
    /// gate's pass is spent, and a pass that needs the override cannot be spent then.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::InvalidState`] if the gate is in another state.
    async fn set_override(
        &self,
        job: JobId,
        host: HostId,
        exception: Option<GateOverride>,
        audit: AuditEntry,
    ) -> Result<GateRecord, StoreError>;

    /// Puts the time of an unfinished gate back to the store's clock, by
    /// [`transition::clear_clock_offset`](super::transition::clear_clock_offset). Where they agree,
    /// nothing is written.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::InvalidState`] if the gate has ended.
    async fn clear_clock_offset(
        &self,
        job: JobId,
        host: HostId,
        audit: AuditEntry,
    ) -> Result<GateRecord, StoreError>;
}
