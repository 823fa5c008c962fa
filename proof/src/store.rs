//! The store in memory, as one task sees it: it waits for its turn before a call, and the ledger learns
//! what the call did.

use std::{fmt::Debug, future::Future, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use healthgate::{
    crypto::{Canary, InstallId},
    model::*,
    store::*,
    testing::Operation,
};

use crate::{
    shared::Shared,
    turns::{Label, Outcome, TaskId},
};

/// One task's view of the store.
#[derive(Debug)]
pub(crate) struct TurnStore {
    memory: MemoryStore,
    shared: Shared,
    task: TaskId,
}

impl TurnStore {
    pub(crate) fn new(shared: &Shared, task: TaskId) -> Self {
        Self { memory: shared.memory.clone(), shared: shared.clone(), task }
    }

    /// Makes a call when its turn has come.
    async fn call<T: Debug>(
        &self,
        operation: Operation,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let turns = &self.shared.turns;
        let outcome = turns.turn(self.task, Label::Call(operation)).await;
        let answer = match outcome {
            Outcome::Failed => Err(StoreError::unavailable("the model's outage")),
            Outcome::AnswerLost => {
                let _ = call.await;
                Err(StoreError::unavailable("the model's loss of the answer"))
            }
            Outcome::Answered => call.await,
        };
        turns.saw(self.task, &format!("{operation:?} {answer:?}"));
        answer
    }
}

#[async_trait]
impl CheckStore for TurnStore {
    async fn insert_check(
        &self,
        insert: CheckInsert,
        audit: AuditEntry,
    ) -> Result<HealthCheck, StoreError> {
        self.call(Operation::InsertCheck, self.memory.insert_check(insert, audit)).await
    }

    async fn update_check(
        &self,
        update: CheckUpdate,
        audit: AuditEntry,
    ) -> Result<HealthCheck, StoreError> {
        self.call(Operation::UpdateCheck, self.memory.update_check(update, audit)).await
    }

    async fn delete_check(
        &self,
        host: HostId,
        id: CheckId,
        revision: Option<i64>,
        audit: AuditEntry,
    ) -> Result<(), StoreError> {
        self.call(Operation::DeleteCheck, self.memory.delete_check(host, id, revision, audit)).await
    }

    async fn check(&self, host: HostId, id: CheckId) -> Result<Option<HealthCheck>, StoreError> {
        self.call(Operation::Check, self.memory.check(host, id)).await
    }

    async fn checks_of(&self, hosts: &[HostId]) -> Result<Vec<HealthCheck>, StoreError> {
        self.call(Operation::ChecksOf, self.memory.checks_of(hosts)).await
    }

    async fn forget_host(&self, host: HostId) -> Result<(), StoreError> {
        self.call(Operation::ForgetHost, self.memory.forget_host(host)).await
    }
}

#[async_trait]
impl ResultStore for TurnStore {
    async fn states(&self, hosts: &[HostId]) -> Result<Vec<CheckState>, StoreError> {
        self.call(Operation::States, self.memory.states(hosts)).await
    }

    async fn views(
        &self,
        hosts: &[HostId],
        stale_after: Duration,
    ) -> Result<Vec<CheckView>, StoreError> {
        self.call(Operation::Views, self.memory.views(hosts, stale_after)).await
    }

    async fn summaries(
        &self,
        hosts: &[HostId],
        stale_after: Duration,
    ) -> Result<Vec<HostSummary>, StoreError> {
        self.call(Operation::Summaries, self.memory.summaries(hosts, stale_after)).await
    }

    async fn history(
        &self,
        host: HostId,
        check: CheckId,
        before: Option<DateTime<Utc>>,
        limit: u32,
    ) -> Result<HistoryPage, StoreError> {
        self.call(Operation::History, self.memory.history(host, check, before, limit)).await
    }

    async fn prune_results(
        &self,
        keep: Duration,
        batch: u32,
        force: bool,
    ) -> Result<PruneOutcome, StoreError> {
        self.call(Operation::PruneResults, self.memory.prune_results(keep, batch, force)).await
    }
}

#[async_trait]
impl PollQueue for TurnStore {
    async fn claim_hosts(&self, request: ClaimRequest) -> Result<Claims, StoreError> {
        let call = async {
            let (worker, lease) = (request.worker, request.lease);
            let claims = self.memory.claim_hosts(request).await?;
            self.shared.ledger().claimed_hosts(worker, lease, &claims);
            Ok(claims)
        };
        self.call(Operation::ClaimHosts, call).await
    }

    async fn complete_hosts(
        &self,
        worker: WorkerId,
        batch: Vec<HostCompletion>,
    ) -> Result<Completed, StoreError> {
        let call = async {
            let written = batch.clone();
            let completed = self.memory.complete_hosts(worker, batch).await?;
            self.shared.completed_hosts(worker, &written, &completed);
            Ok(completed)
        };
        self.call(Operation::CompleteHosts, call).await
    }

    async fn release_hosts(
        &self,
        worker: WorkerId,
        hosts: Vec<HostRelease>,
    ) -> Result<(), StoreError> {
        self.call(Operation::ReleaseHosts, self.memory.release_hosts(worker, hosts)).await
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        self.call(Operation::Backlog, self.memory.backlog()).await
    }

    async fn reach(&self, query: ReachQuery) -> Result<Reach, StoreError> {
        self.call(Operation::Reach, self.memory.reach(query)).await
    }

    async fn due_at(&self, host_id: HostId) -> Result<Option<DateTime<Utc>>, StoreError> {
        self.call(Operation::DueAt, self.memory.due_at(host_id)).await
    }
}

#[async_trait]
impl GateStore for TurnStore {
    async fn open_gate(&self, request: GateRequest) -> Result<GateRecord, StoreError> {
        self.call(Operation::OpenGate, self.memory.open_gate(request)).await
    }

    async fn open_ended_gate(
        &self,
        request: GateRequest,
        reason: EndReason,
        detail: String,
    ) -> Result<GateRecord, StoreError> {
        self.call(Operation::OpenEndedGate, self.memory.open_ended_gate(request, reason, detail))
            .await
    }

    async fn gate(&self, job: JobId, host: HostId) -> Result<Option<GateRecord>, StoreError> {
        self.call(Operation::Gate, self.memory.gate(job, host)).await
    }

    async fn gates_of(&self, job: JobId) -> Result<Vec<GateRecord>, StoreError> {
        self.call(Operation::GatesOf, self.memory.gates_of(job)).await
    }

    async fn generations_of(
        &self,
        job: JobId,
        host: HostId,
    ) -> Result<Vec<GateRecord>, StoreError> {
        self.call(Operation::GenerationsOf, self.memory.generations_of(job, host)).await
    }

    async fn holders_of(&self, hosts: &[HostId]) -> Result<Vec<GateRecord>, StoreError> {
        self.call(Operation::HoldersOf, self.memory.holders_of(hosts)).await
    }

    async fn attempts_of(&self, gates: &[GateId]) -> Result<Vec<(GateId, Attempt)>, StoreError> {
        self.call(Operation::AttemptsOf, self.memory.attempts_of(gates)).await
    }

    async fn newest_attempts_of(
        &self,
        gates: &[GateId],
        limit: u32,
    ) -> Result<Vec<(GateId, Attempt)>, StoreError> {
        self.call(Operation::NewestAttemptsOf, self.memory.newest_attempts_of(gates, limit)).await
    }

    async fn claim_gates(
        &self,
        worker: WorkerId,
        limit: u32,
        lease: Duration,
    ) -> Result<GateClaims, StoreError> {
        let call = async {
            let claims = self.memory.claim_gates(worker, limit, lease).await?;
            self.shared.ledger().claimed(worker, lease, &claims);
            Ok(claims)
        };
        self.call(Operation::ClaimGates, call).await
    }

    async fn watch_gates(
        &self,
        worker: WorkerId,
        extend: Option<GateExtension<'_>>,
    ) -> Result<GateWatch, StoreError> {
        let call = async {
            let watch = self.memory.watch_gates(worker, extend).await?;
            self.shared.ledger().watched(self.task, worker, extend, &watch);
            Ok(watch)
        };
        self.call(Operation::WatchGates, call).await
    }

    async fn settle_gates(
        &self,
        worker: WorkerId,
        steps: Vec<GateStep>,
    ) -> Result<Vec<GateId>, StoreError> {
        let call = async {
            let written = steps.clone();
            let fenced = self.memory.settle_gates(worker, steps).await?;
            self.shared.settled_gates(self.task, worker, &written, &fenced);
            Ok(fenced)
        };
        self.call(Operation::SettleGates, call).await
    }

    async fn release_gates(
        &self,
        worker: WorkerId,
        gates: &[(GateId, i64)],
    ) -> Result<(), StoreError> {
        let call = async {
            self.memory.release_gates(worker, gates).await?;
            self.shared.ledger().released(worker, gates);
            Ok(())
        };
        self.call(Operation::ReleaseGates, call).await
    }

    async fn gate_of_pass(&self, pass: PassId) -> Result<Option<GateRecord>, StoreError> {
        self.call(Operation::GateOfPass, self.memory.gate_of_pass(pass)).await
    }

    async fn spend_pass(&self, pass: PassId) -> Result<Spend, StoreError> {
        let call = async {
            let spend = self.memory.spend_pass(pass).await?;
            if let Spend::Spent(record) = &spend {
                self.shared.spent(self.task, record);
            }
            Ok(spend)
        };
        self.call(Operation::SpendPass, call).await
    }

    async fn prune_gates(
        &self,
        keep: Duration,
        batch: u32,
        force: bool,
    ) -> Result<PruneOutcome, StoreError> {
        self.call(Operation::PruneGates, self.memory.prune_gates(keep, batch, force)).await
    }

    async fn end_host_change(
        &self,
        pass: PassId,
        end: ChangeEnd,
    ) -> Result<HostChange, StoreError> {
        self.call(Operation::EndHostChange, self.memory.end_host_change(pass, end)).await
    }

    async fn host_changes(&self, hosts: &[HostId]) -> Result<Vec<HostChange>, StoreError> {
        self.call(Operation::HostChanges, self.memory.host_changes(hosts)).await
    }

    async fn return_pass(&self, pass: PassId) -> Result<(), StoreError> {
        self.call(Operation::ReturnPass, self.memory.return_pass(pass)).await
    }

    async fn request_cancel(
        &self,
        job: JobId,
        host: HostId,
        audit: AuditEntry,
    ) -> Result<GateRecord, StoreError> {
        self.call(Operation::RequestCancel, self.memory.request_cancel(job, host, audit)).await
    }

    async fn set_override(
        &self,
        job: JobId,
        host: HostId,
        exception: Option<GateOverride>,
        audit: AuditEntry,
    ) -> Result<GateRecord, StoreError> {
        self.call(Operation::SetOverride, self.memory.set_override(job, host, exception, audit))
            .await
    }

    async fn clear_clock_offset(
        &self,
        job: JobId,
        host: HostId,
        audit: AuditEntry,
    ) -> Result<GateRecord, StoreError> {
        self.call(Operation::ClearClockOffset, self.memory.clear_clock_offset(job, host, audit))
            .await
    }
}

#[async_trait]
impl RolloutStore for TurnStore {
    async fn open_rollout(
        &self,
        job: JobId,
        hosts: u32,
        policy: RolloutPolicy,
    ) -> Result<Rollout, StoreError> {
        self.call(Operation::OpenRollout, self.memory.open_rollout(job, hosts, policy)).await
    }

    async fn rollouts(&self, jobs: &[JobId]) -> Result<Vec<RolloutStatus>, StoreError> {
        self.call(Operation::Rollouts, self.memory.rollouts(jobs)).await
    }

    async fn settle_rollout(
        &self,
        job: JobId,
        seen: i64,
        step: RolloutStep,
    ) -> Result<bool, StoreError> {
        let call = async {
            let taken = self.memory.settle_rollout(job, seen, step.clone()).await?;
            if taken {
                self.shared.ledger().rollout_stepped(job, &step);
            }
            Ok(taken)
        };
        self.call(Operation::SettleRollout, call).await
    }

    async fn resume_rollout(&self, job: JobId, audit: AuditEntry) -> Result<Rollout, StoreError> {
        self.call(Operation::ResumeRollout, self.memory.resume_rollout(job, audit)).await
    }
}

#[async_trait]
impl GroupStore for TurnStore {
    async fn put_groups(&self, groups: Vec<AvailabilityGroup>) -> Result<(), StoreError> {
        self.call(Operation::PutGroups, self.memory.put_groups(groups)).await
    }

    async fn groups_of(&self, hosts: &[HostId]) -> Result<Vec<GroupStatus>, StoreError> {
        self.call(Operation::GroupsOf, self.memory.groups_of(hosts)).await
    }
}

#[async_trait]
impl VerificationStore for TurnStore {
    async fn changes_of(&self, job: JobId) -> Result<Vec<HostChange>, StoreError> {
        self.call(Operation::ChangesOf, self.memory.changes_of(job)).await
    }

    async fn claim_verifications(
        &self,
        limit: u32,
        hidden_for: Duration,
    ) -> Result<VerificationClaims, StoreError> {
        let claim = self.memory.claim_verifications(limit, hidden_for);
        self.call(Operation::ClaimVerifications, claim).await
    }

    async fn settle_verification(&self, step: VerificationStep) -> Result<bool, StoreError> {
        let call = async {
            let counts = self.memory.settle_verification(step.clone()).await?;
            if counts {
                self.shared.ledger().verification_settled(self.task, &step);
            }
            Ok(counts)
        };
        self.call(Operation::SettleVerification, call).await
    }
}

#[async_trait]
impl AuditLog for TurnStore {
    async fn append_audit(&self, entry: AuditEntry) -> Result<AuditRecord, StoreError> {
        self.call(Operation::AppendAudit, self.memory.append_audit(entry)).await
    }

    async fn prune_audit(
        &self,
        keep: Duration,
        batch: u32,
        force: bool,
    ) -> Result<PruneOutcome, StoreError> {
        self.call(Operation::PruneAudit, self.memory.prune_audit(keep, batch, force)).await
    }

    async fn audit_page(
        &self,
        filter: &AuditFilter,
        before: Option<AuditId>,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        self.call(Operation::AuditPage, self.memory.audit_page(filter, before, limit)).await
    }
}

#[async_trait]
impl SecretStore for TurnStore {
    async fn install_id(&self) -> Result<InstallId, StoreError> {
        self.call(Operation::InstallId, self.memory.install_id()).await
    }

    async fn canaries(&self) -> Result<Vec<Canary>, StoreError> {
        self.call(Operation::Canaries, self.memory.canaries()).await
    }

    async fn insert_canary(
        &self,
        canary: Canary,
        known: &[Canary],
        audit: AuditEntry,
    ) -> Result<bool, StoreError> {
        self.call(Operation::InsertCanary, self.memory.insert_canary(canary, known, audit)).await
    }

    async fn sealed_page(
        &self,
        after: Option<CheckId>,
        limit: u32,
    ) -> Result<Vec<SealedRow>, StoreError> {
        self.call(Operation::SealedPage, self.memory.sealed_page(after, limit)).await
    }

    async fn replace_secret(
        &self,
        check: CheckId,
        old: &SealedSecret,
        new: SealedSecret,
        audit: AuditEntry,
    ) -> Result<bool, StoreError> {
        self.call(Operation::ReplaceSecret, self.memory.replace_secret(check, old, new, audit))
            .await
    }

    async fn key_uses(&self) -> Result<Vec<KeyUse>, StoreError> {
        self.call(Operation::KeyUses, self.memory.key_uses()).await
    }
}

#[async_trait]
impl StoreBase for TurnStore {
    async fn read_clock(&self) -> Result<StoreTime, StoreError> {
        self.call(Operation::ReadClock, self.memory.read_clock()).await
    }

    async fn begin_epoch(&self, seen: ClockEpoch) -> Result<ClockEpoch, StoreError> {
        self.call(Operation::BeginEpoch, self.memory.begin_epoch(seen)).await
    }

    async fn subscribe(&self) -> Result<Subscription, StoreError> {
        self.call(Operation::Subscribe, self.memory.subscribe()).await
    }

    async fn announce(&self, event: StoreEvent) -> Result<(), StoreError> {
        self.call(Operation::Announce, self.memory.announce(event)).await
    }

    fn is_durable(&self) -> bool {
        self.memory.is_durable()
    }
}
