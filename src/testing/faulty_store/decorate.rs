//! The decorator's calls. Each goes through the single place that decides on faults.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{FaultyStore, Operation};
use crate::{
    crypto::{Canary, InstallId},
    model::*,
    store::*,
};

#[async_trait]
impl CheckStore for FaultyStore {
    async fn insert_check(
        &self,
        insert: CheckInsert,
        audit: AuditEntry,
    ) -> Result<HealthCheck, StoreError> {
        self.call(Operation::InsertCheck, self.inner.insert_check(insert, audit)).await
    }

    async fn update_check(
        &self,
        update: CheckUpdate,
        audit: AuditEntry,
    ) -> Result<HealthCheck, StoreError> {
        self.call(Operation::UpdateCheck, self.inner.update_check(update, audit)).await
    }

    async fn delete_check(
        &self,
        host: HostId,
        id: CheckId,
        revision: Option<i64>,
        audit: AuditEntry,
    ) -> Result<(), StoreError> {
        self.call(Operation::DeleteCheck, self.inner.delete_check(host, id, revision, audit)).await
    }

    async fn check(&self, host: HostId, id: CheckId) -> Result<Option<HealthCheck>, StoreError> {
        self.call(Operation::Check, self.inner.check(host, id)).await
    }

    async fn checks_of(&self, hosts: &[HostId]) -> Result<Vec<HealthCheck>, StoreError> {
        self.call(Operation::ChecksOf, self.inner.checks_of(hosts)).await
    }

    async fn forget_host(&self, host: HostId) -> Result<(), StoreError> {
        self.call(Operation::ForgetHost, self.inner.forget_host(host)).await
    }
}

#[async_trait]
impl ResultStore for FaultyStore {
    async fn states(&self, hosts: &[HostId]) -> Result<Vec<CheckState>, StoreError> {
        self.call(Operation::States, self.inner.states(hosts)).await
    }

    async fn views(
        &self,
        hosts: &[HostId],
        stale_after: Duration,
    ) -> Result<Vec<CheckView>, StoreError> {
        self.call(Operation::Views, self.inner.views(hosts, stale_after)).await
    }

    async fn summaries(
        &self,
        hosts: &[HostId],
        stale_after: Duration,
    ) -> Result<Vec<HostSummary>, StoreError> {
        self.call(Operation::Summaries, self.inner.summaries(hosts, stale_after)).await
    }

    async fn history(
        &self,
        host: HostId,
        check: CheckId,
        before: Option<DateTime<Utc>>,
        limit: u32,
    ) -> Result<HistoryPage, StoreError> {
        self.call(Operation::History, self.inner.history(host, check, before, limit)).await
    }

    async fn prune_results(
        &self,
        keep: Duration,
        batch: u32,
        force: bool,
    ) -> Result<PruneOutcome, StoreError> {
        self.call(Operation::PruneResults, self.inner.prune_results(keep, batch, force)).await
    }
}

#[async_trait]
impl PollQueue for FaultyStore {
    async fn claim_hosts(&self, request: ClaimRequest) -> Result<Claims, StoreError> {
        self.call(Operation::ClaimHosts, self.inner.claim_hosts(request)).await
    }

    async fn complete_hosts(
        &self,
        worker: WorkerId,
        batch: Vec<HostCompletion>,
    ) -> Result<Completed, StoreError> {
        self.call(Operation::CompleteHosts, self.inner.complete_hosts(worker, batch)).await
    }

    async fn release_hosts(
        &self,
        worker: WorkerId,
        hosts: Vec<HostRelease>,
    ) -> Result<(), StoreError> {
        self.call(Operation::ReleaseHosts, self.inner.release_hosts(worker, hosts)).await
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        self.call(Operation::Backlog, self.inner.backlog()).await
    }

    async fn reach(&self, query: ReachQuery) -> Result<Reach, StoreError> {
        self.call(Operation::Reach, self.inner.reach(query)).await
    }

    async fn due_at(&self, host_id: HostId) -> Result<Option<DateTime<Utc>>, StoreError> {
        self.call(Operation::DueAt, self.inner.due_at(host_id)).await
    }
}

#[async_trait]
impl GateStore for FaultyStore {
    async fn open_gate(&self, request: GateRequest) -> Result<GateRecord, StoreError> {
        self.call(Operation::OpenGate, self.inner.open_gate(request)).await
    }

    async fn open_ended_gate(
        &self,
        request: GateRequest,
        reason: EndReason,
        detail: String,
    ) -> Result<GateRecord, StoreError> {
        self.call(Operation::OpenEndedGate, self.inner.open_ended_gate(request, reason, detail))
            .await
    }

    async fn gate(&self, job: JobId, host: HostId) -> Result<Option<GateRecord>, StoreError> {
        self.call(Operation::Gate, self.inner.gate(job, host)).await
    }

    async fn gates_of(&self, job: JobId) -> Result<Vec<GateRecord>, StoreError> {
        self.call(Operation::GatesOf, self.inner.gates_of(job)).await
    }

    async fn generations_of(
        &self,
        job: JobId,
        host: HostId,
    ) -> Result<Vec<GateRecord>, StoreError> {
        self.call(Operation::GenerationsOf, self.inner.generations_of(job, host)).await
    }

    async fn holders_of(&self, hosts: &[HostId]) -> Result<Vec<GateRecord>, StoreError> {
        self.call(Operation::HoldersOf, self.inner.holders_of(hosts)).await
    }

    async fn attempts_of(&self, gates: &[GateId]) -> Result<Vec<(GateId, Attempt)>, StoreError> {
        self.call(Operation::AttemptsOf, self.inner.attempts_of(gates)).await
    }

    async fn newest_attempts_of(
        &self,
        gates: &[GateId],
        limit: u32,
    ) -> Result<Vec<(GateId, Attempt)>, StoreError> {
        self.call(Operation::NewestAttemptsOf, self.inner.newest_attempts_of(gates, limit)).await
    }

    async fn claim_gates(
        &self,
        worker: WorkerId,
        limit: u32,
        lease: Duration,
    ) -> Result<GateClaims, StoreError> {
        self.call(Operation::ClaimGates, self.inner.claim_gates(worker, limit, lease)).await
    }

    async fn watch_gates(
        &self,
        worker: WorkerId,
        extend: Option<GateExtension<'_>>,
    ) -> Result<GateWatch, StoreError> {
        self.call(Operation::WatchGates, self.inner.watch_gates(worker, extend)).await
    }

    async fn settle_gates(
        &self,
        worker: WorkerId,
        steps: Vec<GateStep>,
    ) -> Result<Vec<GateId>, StoreError> {
        self.call(Operation::SettleGates, self.inner.settle_gates(worker, steps)).await
    }

    async fn release_gates(
        &self,
        worker: WorkerId,
        gates: &[(GateId, i64)],
    ) -> Result<(), StoreError> {
        self.call(Operation::ReleaseGates, self.inner.release_gates(worker, gates)).await
    }

    async fn gate_of_pass(&self, pass: PassId) -> Result<Option<GateRecord>, StoreError> {
        self.call(Operation::GateOfPass, self.inner.gate_of_pass(pass)).await
    }

    async fn spend_pass(&self, pass: PassId) -> Result<Spend, StoreError> {
        self.call(Operation::SpendPass, self.inner.spend_pass(pass)).await
    }

    async fn prune_gates(
        &self,
        keep: Duration,
        batch: u32,
        force: bool,
    ) -> Result<PruneOutcome, StoreError> {
        self.call(Operation::PruneGates, self.inner.prune_gates(keep, batch, force)).await
    }

    async fn end_host_change(
        &self,
        pass: PassId,
        end: ChangeEnd,
    ) -> Result<HostChange, StoreError> {
        self.call(Operation::EndHostChange, self.inner.end_host_change(pass, end)).await
    }

    async fn host_changes(&self, hosts: &[HostId]) -> Result<Vec<HostChange>, StoreError> {
        self.call(Operation::HostChanges, self.inner.host_changes(hosts)).await
    }

    async fn return_pass(&self, pass: PassId) -> Result<(), StoreError> {
        self.call(Operation::ReturnPass, self.inner.return_pass(pass)).await
    }

    async fn request_cancel(
        &self,
        job: JobId,
        host: HostId,
        audit: AuditEntry,
    ) -> Result<GateRecord, StoreError> {
        self.call(Operation::RequestCancel, self.inner.request_cancel(job, host, audit)).await
    }

    async fn set_override(
        &self,
        job: JobId,
        host: HostId,
        exception: Option<GateOverride>,
        audit: AuditEntry,
    ) -> Result<GateRecord, StoreError> {
        self.call(Operation::SetOverride, self.inner.set_override(job, host, exception, audit))
            .await
    }

    async fn clear_clock_offset(
        &self,
        job: JobId,
        host: HostId,
        audit: AuditEntry,
    ) -> Result<GateRecord, StoreError> {
        self.call(Operation::ClearClockOffset, self.inner.clear_clock_offset(job, host, audit))
            .await
    }
}

#[async_trait]
impl RolloutStore for FaultyStore {
    async fn open_rollout(
        &self,
        job: JobId,
        hosts: u32,
        policy: RolloutPolicy,
    ) -> Result<Rollout, StoreError> {
        self.call(Operation::OpenRollout, self.inner.open_rollout(job, hosts, policy)).await
    }

    async fn rollouts(&self, jobs: &[JobId]) -> Result<Vec<RolloutStatus>, StoreError> {
        self.call(Operation::Rollouts, self.inner.rollouts(jobs)).await
    }

    async fn settle_rollout(
        &self,
        job: JobId,
        seen: i64,
        step: RolloutStep,
    ) -> Result<bool, StoreError> {
        self.call(Operation::SettleRollout, self.inner.settle_rollout(job, seen, step)).await
    }

    async fn resume_rollout(&self, job: JobId, audit: AuditEntry) -> Result<Rollout, StoreError> {
        self.call(Operation::ResumeRollout, self.inner.resume_rollout(job, audit)).await
    }
}

#[async_trait]
impl GroupStore for FaultyStore {
    async fn put_groups(&self, groups: Vec<AvailabilityGroup>) -> Result<(), StoreError> {
        self.call(Operation::PutGroups, self.inner.put_groups(groups)).await
    }

    async fn groups_of(&self, hosts: &[HostId]) -> Result<Vec<GroupStatus>, StoreError> {
        self.call(Operation::GroupsOf, self.inner.groups_of(hosts)).await
    }
}

#[async_trait]
impl VerificationStore for FaultyStore {
    async fn changes_of(&self, job: JobId) -> Result<Vec<HostChange>, StoreError> {
        self.call(Operation::ChangesOf, self.inner.changes_of(job)).await
    }

    async fn claim_verifications(
        &self,
        limit: u32,
        hidden_for: Duration,
    ) -> Result<VerificationClaims, StoreError> {
        let claim = self.inner.claim_verifications(limit, hidden_for);
        self.call(Operation::ClaimVerifications, claim).await
    }

    async fn settle_verification(&self, step: VerificationStep) -> Result<bool, StoreError> {
        self.call(Operation::SettleVerification, self.inner.settle_verification(step)).await
    }
}

#[async_trait]
impl AuditLog for FaultyStore {
    async fn append_audit(&self, entry: AuditEntry) -> Result<AuditRecord, StoreError> {
        self.call(Operation::AppendAudit, self.inner.append_audit(entry)).await
    }

    async fn prune_audit(
        &self,
        keep: Duration,
        batch: u32,
        force: bool,
    ) -> Result<PruneOutcome, StoreError> {
        self.call(Operation::PruneAudit, self.inner.prune_audit(keep, batch, force)).await
    }

    async fn audit_page(
        &self,
        filter: &AuditFilter,
        before: Option<AuditId>,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        self.call(Operation::AuditPage, self.inner.audit_page(filter, before, limit)).await
    }
}

#[async_trait]
impl SecretStore for FaultyStore {
    async fn install_id(&self) -> Result<InstallId, StoreError> {
        self.call(Operation::InstallId, self.inner.install_id()).await
    }

    async fn canaries(&self) -> Result<Vec<Canary>, StoreError> {
        self.call(Operation::Canaries, self.inner.canaries()).await
    }

    async fn insert_canary(
        &self,
        canary: Canary,
        known: &[Canary],
        audit: AuditEntry,
    ) -> Result<bool, StoreError> {
        self.call(Operation::InsertCanary, self.inner.insert_canary(canary, known, audit)).await
    }

    async fn sealed_page(
        &self,
        after: Option<CheckId>,
        limit: u32,
    ) -> Result<Vec<SealedRow>, StoreError> {
        self.call(Operation::SealedPage, self.inner.sealed_page(after, limit)).await
    }

    async fn replace_secret(
        &self,
        check: CheckId,
        old: &SealedSecret,
        new: SealedSecret,
        audit: AuditEntry,
    ) -> Result<bool, StoreError> {
        self.call(Operation::ReplaceSecret, self.inner.replace_secret(check, old, new, audit)).await
    }

    async fn key_uses(&self) -> Result<Vec<KeyUse>, StoreError> {
        self.call(Operation::KeyUses, self.inner.key_uses()).await
    }
}

#[async_trait]
impl StoreBase for FaultyStore {
    async fn read_clock(&self) -> Result<StoreTime, StoreError> {
        self.call(Operation::ReadClock, self.inner.read_clock()).await
    }

    async fn begin_epoch(&self, seen: ClockEpoch) -> Result<ClockEpoch, StoreError> {
        self.call(Operation::BeginEpoch, self.inner.begin_epoch(seen)).await
    }

    async fn subscribe(&self) -> Result<Subscription, StoreError> {
        self.call(Operation::Subscribe, self.inner.subscribe()).await
    }

    async fn announce(&self, event: StoreEvent) -> Result<(), StoreError> {
        self.call(Operation::Announce, self.inner.announce(event)).await
    }

    fn is_durable(&self) -> bool {
        self.inner.is_durable()
    }
}
