//! The in-memory store, observed by the checker.
//!
//! The observer sits behind the faults: every call that it sees has taken effect, whatever the caller
//! learns.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use healthgate::{
    crypto::{Canary, InstallId},
    model::*,
    store::*,
};

use crate::checker::{Checker, EyesId};

/// One reader's view of the store.
#[derive(Debug)]
pub(crate) struct WatchedStore {
    memory: MemoryStore,
    checker: Arc<Mutex<Checker>>,
    eyes: EyesId,
}

impl WatchedStore {
    pub(crate) fn new(memory: MemoryStore, checker: Arc<Mutex<Checker>>, eyes: EyesId) -> Self {
        Self { memory, checker, eyes }
    }

    fn checker(&self) -> MutexGuard<'_, Checker> {
        self.checker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the checker which members of a host's groups are down before a spending.
    async fn ask_groups(&self, gate: &GateRecord) -> Result<(), StoreError> {
        let groups = self.checker().groups_with(gate.host_id);
        for group in groups {
            let members: Vec<HostId> = group.members.iter().copied().collect();
            let views = self.memory.views(&members, group.stale_after).await?;
            let is_down = |view: &&CheckView| {
                view.check.definition.enabled && view.status != CheckStatus::Healthy
            };
            let down = views.iter().filter(is_down).map(|view| view.check.host_id).collect();
            self.checker().group_had_a_place(gate, &group, &down);
        }
        Ok(())
    }
}

#[async_trait]
impl CheckStore for WatchedStore {
    async fn insert_check(
        &self,
        insert: CheckInsert,
        audit: AuditEntry,
    ) -> Result<HealthCheck, StoreError> {
        let check = self.memory.insert_check(insert, audit).await?;
        self.checker().check_written(&check);
        Ok(check)
    }

    async fn update_check(
        &self,
        update: CheckUpdate,
        audit: AuditEntry,
    ) -> Result<HealthCheck, StoreError> {
        let check = self.memory.update_check(update, audit).await?;
        self.checker().check_written(&check);
        Ok(check)
    }

    async fn delete_check(
        &self,
        host: HostId,
        id: CheckId,
        revision: Option<i64>,
        audit: AuditEntry,
    ) -> Result<(), StoreError> {
        self.memory.delete_check(host, id, revision, audit).await?;
        self.checker().check_deleted(host, id);
        Ok(())
    }

    async fn check(&self, host: HostId, id: CheckId) -> Result<Option<HealthCheck>, StoreError> {
        self.memory.check(host, id).await
    }

    async fn checks_of(&self, hosts: &[HostId]) -> Result<Vec<HealthCheck>, StoreError> {
        let checks = self.memory.checks_of(hosts).await?;
        self.checker().read_checks(self.eyes, hosts, &checks);
        Ok(checks)
    }

    async fn forget_host(&self, host: HostId) -> Result<(), StoreError> {
        self.memory.forget_host(host).await
    }
}

#[async_trait]
impl ResultStore for WatchedStore {
    async fn states(&self, hosts: &[HostId]) -> Result<Vec<CheckState>, StoreError> {
        let states = self.memory.states(hosts).await?;
        self.checker().read_states(self.eyes, hosts);
        Ok(states)
    }

    async fn views(
        &self,
        hosts: &[HostId],
        stale_after: Duration,
    ) -> Result<Vec<CheckView>, StoreError> {
        self.memory.views(hosts, stale_after).await
    }

    async fn summaries(
        &self,
        hosts: &[HostId],
        stale_after: Duration,
    ) -> Result<Vec<HostSummary>, StoreError> {
        self.memory.summaries(hosts, stale_after).await
    }

    async fn history(
        &self,
        host: HostId,
        check: CheckId,
        before: Option<DateTime<Utc>>,
        limit: u32,
    ) -> Result<HistoryPage, StoreError> {
        self.memory.history(host, check, before, limit).await
    }

    async fn prune_results(
        &self,
        keep: Duration,
        batch: u32,
        force: bool,
    ) -> Result<PruneOutcome, StoreError> {
        self.memory.prune_results(keep, batch, force).await
    }
}

#[async_trait]
impl PollQueue for WatchedStore {
    async fn claim_hosts(&self, request: ClaimRequest) -> Result<Claims, StoreError> {
        let asked = request.clone();
        let claims = self.memory.claim_hosts(request).await?;
        self.checker().claimed_hosts(self.eyes, &asked, &claims);
        Ok(claims)
    }

    async fn complete_hosts(
        &self,
        worker: WorkerId,
        batch: Vec<HostCompletion>,
    ) -> Result<Completed, StoreError> {
        let written = batch.clone();
        let completed = self.memory.complete_hosts(worker, batch).await?;
        self.checker().completed_hosts(self.eyes, worker, &written, &completed);
        Ok(completed)
    }

    async fn release_hosts(
        &self,
        worker: WorkerId,
        hosts: Vec<HostRelease>,
    ) -> Result<(), StoreError> {
        self.checker().released_hosts(worker, &hosts);
        self.memory.release_hosts(worker, hosts).await
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        self.memory.backlog().await
    }

    async fn due_at(&self, host: HostId) -> Result<Option<DateTime<Utc>>, StoreError> {
        self.memory.due_at(host).await
    }
}

#[async_trait]
impl GateStore for WatchedStore {
    async fn open_gate(&self, request: GateRequest) -> Result<GateRecord, StoreError> {
        let record = self.memory.open_gate(request).await?;
        self.checker().opened_gate(&record);
        Ok(record)
    }

    async fn open_ended_gate(
        &self,
        request: GateRequest,
        reason: EndReason,
        detail: String,
    ) -> Result<GateRecord, StoreError> {
        let record = self.memory.open_ended_gate(request, reason, detail).await?;
        self.checker().opened_gate(&record);
        Ok(record)
    }

    async fn gate(&self, job: JobId, host: HostId) -> Result<Option<GateRecord>, StoreError> {
        self.memory.gate(job, host).await
    }

    async fn gates_of(&self, job: JobId) -> Result<Vec<GateRecord>, StoreError> {
        self.memory.gates_of(job).await
    }

    async fn generations_of(
        &self,
        job: JobId,
        host: HostId,
    ) -> Result<Vec<GateRecord>, StoreError> {
        self.memory.generations_of(job, host).await
    }

    async fn holders_of(&self, hosts: &[HostId]) -> Result<Vec<GateRecord>, StoreError> {
        self.memory.holders_of(hosts).await
    }

    async fn attempts_of(&self, gates: &[GateId]) -> Result<Vec<(GateId, Attempt)>, StoreError> {
        self.memory.attempts_of(gates).await
    }

    async fn claim_gates(
        &self,
        worker: WorkerId,
        limit: u32,
        lease: Duration,
    ) -> Result<GateClaims, StoreError> {
        let claims = self.memory.claim_gates(worker, limit, lease).await?;
        self.checker().claimed_gates(self.eyes, worker, lease, &claims);
        Ok(claims)
    }

    async fn watch_gates(
        &self,
        worker: WorkerId,
        extend: Option<GateExtension<'_>>,
    ) -> Result<GateWatch, StoreError> {
        let watch = self.memory.watch_gates(worker, extend).await?;
        self.checker().watched_gates(self.eyes, worker, extend, &watch);
        Ok(watch)
    }

    async fn settle_gates(
        &self,
        worker: WorkerId,
        steps: Vec<GateStep>,
    ) -> Result<Vec<GateId>, StoreError> {
        let written = steps.clone();
        let fenced = self.memory.settle_gates(worker, steps).await?;
        self.checker().settled_gates(self.eyes, worker, &written, &fenced);
        Ok(fenced)
    }

    async fn release_gates(
        &self,
        worker: WorkerId,
        gates: &[(GateId, i64)],
    ) -> Result<(), StoreError> {
        self.checker().released_gates(worker, gates);
        self.memory.release_gates(worker, gates).await
    }

    async fn gate_of_pass(&self, pass: PassId) -> Result<Option<GateRecord>, StoreError> {
        self.memory.gate_of_pass(pass).await
    }

    async fn spend_pass(&self, pass: PassId) -> Result<Spend, StoreError> {
        let spend = self.memory.spend_pass(pass).await?;
        if let Spend::Spent(gate) = &spend {
            self.ask_groups(gate).await?;
        }
        self.checker().spent_pass(self.eyes, pass, &spend);
        Ok(spend)
    }

    async fn prune_gates(
        &self,
        keep: Duration,
        batch: u32,
        force: bool,
    ) -> Result<PruneOutcome, StoreError> {
        self.memory.prune_gates(keep, batch, force).await
    }

    async fn end_host_change(
        &self,
        pass: PassId,
        end: ChangeEnd,
    ) -> Result<HostChange, StoreError> {
        let change = self.memory.end_host_change(pass, end).await?;
        self.checker().host_change_ended(&change);
        Ok(change)
    }

    async fn host_changes(&self, hosts: &[HostId]) -> Result<Vec<HostChange>, StoreError> {
        self.memory.host_changes(hosts).await
    }

    async fn return_pass(&self, pass: PassId) -> Result<(), StoreError> {
        self.memory.return_pass(pass).await?;
        if let Some(record) = self.memory.gate_of_pass(pass).await? {
            self.checker().gate_changed(&record);
        }
        Ok(())
    }

    async fn request_cancel(
        &self,
        job: JobId,
        host: HostId,
        audit: AuditEntry,
    ) -> Result<GateRecord, StoreError> {
        let record = self.memory.request_cancel(job, host, audit).await?;
        self.checker().gate_changed(&record);
        Ok(record)
    }

    async fn set_override(
        &self,
        job: JobId,
        host: HostId,
        exception: Option<GateOverride>,
        audit: AuditEntry,
    ) -> Result<GateRecord, StoreError> {
        let record = self.memory.set_override(job, host, exception, audit).await?;
        self.checker().gate_changed(&record);
        Ok(record)
    }

    async fn clear_clock_offset(
        &self,
        job: JobId,
        host: HostId,
        audit: AuditEntry,
    ) -> Result<GateRecord, StoreError> {
        self.memory.clear_clock_offset(job, host, audit).await
    }
}

#[async_trait]
impl RolloutStore for WatchedStore {
    async fn open_rollout(
        &self,
        job: JobId,
        hosts: u32,
        policy: RolloutPolicy,
    ) -> Result<Rollout, StoreError> {
        let rollout = self.memory.open_rollout(job, hosts, policy).await?;
        self.checker().rollout_opened(&rollout);
        Ok(rollout)
    }

    async fn rollouts(&self, jobs: &[JobId]) -> Result<Vec<RolloutStatus>, StoreError> {
        self.memory.rollouts(jobs).await
    }

    async fn settle_rollout(
        &self,
        job: JobId,
        seen: i64,
        step: RolloutStep,
    ) -> Result<bool, StoreError> {
        let taken = self.memory.settle_rollout(job, seen, step.clone()).await?;
        if taken {
            self.checker().rollout_stepped(job, &step);
        }
        Ok(taken)
    }

    async fn resume_rollout(&self, job: JobId, audit: AuditEntry) -> Result<Rollout, StoreError> {
        let rollout = self.memory.resume_rollout(job, audit).await?;
        self.checker().rollout_resumed(job);
        Ok(rollout)
    }
}

#[async_trait]
impl GroupStore for WatchedStore {
    async fn put_groups(&self, groups: Vec<AvailabilityGroup>) -> Result<(), StoreError> {
        self.memory.put_groups(groups.clone()).await?;
        self.checker().groups_were_put(groups);
        Ok(())
    }

    async fn groups_of(&self, hosts: &[HostId]) -> Result<Vec<GroupStatus>, StoreError> {
        self.memory.groups_of(hosts).await
    }
}

#[async_trait]
impl VerificationStore for WatchedStore {
    async fn changes_of(&self, job: JobId) -> Result<Vec<HostChange>, StoreError> {
        self.memory.changes_of(job).await
    }

    async fn claim_verifications(
        &self,
        limit: u32,
        hidden_for: Duration,
    ) -> Result<VerificationClaims, StoreError> {
        self.memory.claim_verifications(limit, hidden_for).await
    }

    async fn settle_verification(&self, step: VerificationStep) -> Result<bool, StoreError> {
        let counts = self.memory.settle_verification(step.clone()).await?;
        if counts {
            self.checker().verification_settled(self.eyes, &step);
        }
        Ok(counts)
    }
}

#[async_trait]
impl AuditLog for WatchedStore {
    async fn append_audit(&self, entry: AuditEntry) -> Result<AuditRecord, StoreError> {
        self.memory.append_audit(entry).await
    }

    async fn prune_audit(
        &self,
        keep: Duration,
        batch: u32,
        force: bool,
    ) -> Result<PruneOutcome, StoreError> {
        self.memory.prune_audit(keep, batch, force).await
    }

    async fn audit_page(
        &self,
        filter: &AuditFilter,
        before: Option<AuditId>,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        self.memory.audit_page(filter, before, limit).await
    }
}

#[async_trait]
impl SecretStore for WatchedStore {
    async fn install_id(&self) -> Result<InstallId, StoreError> {
        self.memory.install_id().await
    }

    async fn canaries(&self) -> Result<Vec<Canary>, StoreError> {
        self.memory.canaries().await
    }

    async fn insert_canary(
        &self,
        canary: Canary,
        known: &[Canary],
        audit: AuditEntry,
    ) -> Result<bool, StoreError> {
        self.memory.insert_canary(canary, known, audit).await
    }

    async fn sealed_page(
        &self,
        after: Option<CheckId>,
        limit: u32,
    ) -> Result<Vec<SealedRow>, StoreError> {
        self.memory.sealed_page(after, limit).await
    }

    async fn replace_secret(
        &self,
        check: CheckId,
        old: &SealedSecret,
        new: SealedSecret,
        audit: AuditEntry,
    ) -> Result<bool, StoreError> {
        self.memory.replace_secret(check, old, new, audit).await
    }

    async fn key_uses(&self) -> Result<Vec<KeyUse>, StoreError> {
        self.memory.key_uses().await
    }
}

#[async_trait]
impl StoreBase for WatchedStore {
    async fn read_clock(&self) -> Result<StoreTime, StoreError> {
        self.memory.read_clock().await
    }

    async fn begin_epoch(&self, seen: ClockEpoch) -> Result<ClockEpoch, StoreError> {
        self.memory.begin_epoch(seen).await
    }

    async fn subscribe(&self) -> Result<Subscription, StoreError> {
        self.memory.subscribe().await
    }

    async fn announce(&self, event: StoreEvent) -> Result<(), StoreError> {
        self.memory.announce(event).await
    }

    fn is_durable(&self) -> bool {
        self.memory.is_durable()
    }
}
