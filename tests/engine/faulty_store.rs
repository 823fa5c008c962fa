//! A store whose calls can be made to fail, before or after they take effect.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use healthgate::{
    crypto::{Canary, InstallId},
    model::*,
    store::*,
};

/// When calls fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// They do not.
    None,
    /// Without effect, as when the store is down.
    Before,
    /// After they took effect, as when the answer to a commit is lost.
    After,
}

#[derive(Debug)]
pub(crate) struct FaultyStore {
    inner: MemoryStore,
    fault: Mutex<Fault>,
    calls: AtomicU64,
}

impl FaultyStore {
    pub(crate) fn new(inner: MemoryStore) -> Self {
        Self { inner, fault: Mutex::new(Fault::None), calls: AtomicU64::new(0) }
    }

    pub(crate) fn fail(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
    }

    /// How many calls were made.
    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    async fn call<T>(
        &self,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let fault = *self.fault.lock().unwrap();
        match fault {
            Fault::None => call.await,
            Fault::Before => Err(StoreError::unavailable("scripted outage")),
            Fault::After => {
                call.await?;
                Err(StoreError::unavailable("scripted loss of the answer"))
            }
        }
    }
}

#[async_trait]
impl CheckStore for FaultyStore {
    async fn insert_check(
        &self,
        insert: CheckInsert,
        audit: AuditEntry,
    ) -> Result<HealthCheck, StoreError> {
        self.call(self.inner.insert_check(insert, audit)).await
    }

    async fn update_check(
        &self,
        update: CheckUpdate,
        audit: AuditEntry,
    ) -> Result<HealthCheck, StoreError> {
        self.call(self.inner.update_check(update, audit)).await
    }

    async fn delete_check(
        &self,
        host: HostId,
        id: CheckId,
        revision: Option<i64>,
        audit: AuditEntry,
    ) -> Result<(), StoreError> {
        self.call(self.inner.delete_check(host, id, revision, audit)).await
    }

    async fn check(&self, host: HostId, id: CheckId) -> Result<Option<HealthCheck>, StoreError> {
        self.call(self.inner.check(host, id)).await
    }

    async fn checks_of(&self, hosts: &[HostId]) -> Result<Vec<HealthCheck>, StoreError> {
        self.call(self.inner.checks_of(hosts)).await
    }

    async fn forget_host(&self, host: HostId) -> Result<(), StoreError> {
        self.call(self.inner.forget_host(host)).await
    }
}

#[async_trait]
impl ResultStore for FaultyStore {
    async fn states(&self, hosts: &[HostId]) -> Result<Vec<CheckState>, StoreError> {
        self.call(self.inner.states(hosts)).await
    }

    async fn views(
        &self,
        hosts: &[HostId],
        stale_after: Duration,
    ) -> Result<Vec<CheckView>, StoreError> {
        self.call(self.inner.views(hosts, stale_after)).await
    }

    async fn summaries(
        &self,
        hosts: &[HostId],
        stale_after: Duration,
    ) -> Result<Vec<HostSummary>, StoreError> {
        self.call(self.inner.summaries(hosts, stale_after)).await
    }

    async fn history(
        &self,
        host: HostId,
        check: CheckId,
        before: Option<DateTime<Utc>>,
        limit: u32,
    ) -> Result<HistoryPage, StoreError> {
        self.call(self.inner.history(host, check, before, limit)).await
    }

    async fn prune_results(
        &self,
        keep: Duration,
        batch: u32,
        force: bool,
    ) -> Result<PruneOutcome, StoreError> {
        self.call(self.inner.prune_results(keep, batch, force)).await
    }
}

#[async_trait]
impl PollQueue for FaultyStore {
    async fn claim_hosts(&self, request: ClaimRequest) -> Result<Claims, StoreError> {
        self.call(self.inner.claim_hosts(request)).await
    }

    async fn complete_hosts(
        &self,
        worker: WorkerId,
        batch: Vec<HostCompletion>,
    ) -> Result<Completed, StoreError> {
        self.call(self.inner.complete_hosts(worker, batch)).await
    }

    async fn release_hosts(
        &self,
        worker: WorkerId,
        hosts: Vec<HostRelease>,
    ) -> Result<(), StoreError> {
        self.call(self.inner.release_hosts(worker, hosts)).await
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        self.call(self.inner.backlog()).await
    }
}

#[async_trait]
impl GateStore for FaultyStore {
    async fn open_gate(&self, request: GateRequest) -> Result<GateRecord, StoreError> {
        self.call(self.inner.open_gate(request)).await
    }

    async fn open_ended_gate(
        &self,
        request: GateRequest,
        reason: EndReason,
        detail: String,
    ) -> Result<GateRecord, StoreError> {
        self.call(self.inner.open_ended_gate(request, reason, detail)).await
    }

    async fn gate(&self, job: JobId, host: HostId) -> Result<Option<GateRecord>, StoreError> {
        self.call(self.inner.gate(job, host)).await
    }

    async fn gates_of(&self, job: JobId) -> Result<Vec<GateRecord>, StoreError> {
        self.call(self.inner.gates_of(job)).await
    }

    async fn attempts_of(&self, gates: &[GateId]) -> Result<Vec<(GateId, Attempt)>, StoreError> {
        self.call(self.inner.attempts_of(gates)).await
    }

    async fn claim_gates(
        &self,
        worker: WorkerId,
        limit: u32,
        lease: Duration,
    ) -> Result<GateClaims, StoreError> {
        self.call(self.inner.claim_gates(worker, limit, lease)).await
    }

    async fn renew_gates(
        &self,
        worker: WorkerId,
        gates: &[(GateId, i64)],
        lease: Duration,
    ) -> Result<GateClaims, StoreError> {
        self.call(self.inner.renew_gates(worker, gates, lease)).await
    }

    async fn settle_gates(
        &self,
        worker: WorkerId,
        steps: Vec<GateStep>,
    ) -> Result<Vec<GateId>, StoreError> {
        self.call(self.inner.settle_gates(worker, steps)).await
    }

    async fn release_gates(
        &self,
        worker: WorkerId,
        gates: &[(GateId, i64)],
    ) -> Result<(), StoreError> {
        self.call(self.inner.release_gates(worker, gates)).await
    }

    async fn spend_pass(&self, pass: &GatePass) -> Result<Spend, StoreError> {
        self.call(self.inner.spend_pass(pass)).await
    }

    async fn request_cancel(
        &self,
        job: JobId,
        host: HostId,
        audit: AuditEntry,
    ) -> Result<GateRecord, StoreError> {
        self.call(self.inner.request_cancel(job, host, audit)).await
    }

    async fn set_override(
        &self,
        job: JobId,
        host: HostId,
        exception: Option<GateOverride>,
        audit: AuditEntry,
    ) -> Result<GateRecord, StoreError> {
        self.call(self.inner.set_override(job, host, exception, audit)).await
    }
}

#[async_trait]
impl AuditLog for FaultyStore {
    async fn append_audit(&self, entry: AuditEntry) -> Result<AuditRecord, StoreError> {
        self.call(self.inner.append_audit(entry)).await
    }

    async fn audit_page(
        &self,
        filter: &AuditFilter,
        before: Option<AuditId>,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        self.call(self.inner.audit_page(filter, before, limit)).await
    }
}

#[async_trait]
impl SecretStore for FaultyStore {
    async fn install_id(&self) -> Result<InstallId, StoreError> {
        self.call(self.inner.install_id()).await
    }

    async fn canaries(&self) -> Result<Vec<Canary>, StoreError> {
        self.call(self.inner.canaries()).await
    }

    async fn insert_canary(
        &self,
        canary: Canary,
        known: &[Canary],
        audit: AuditEntry,
    ) -> Result<bool, StoreError> {
        self.call(self.inner.insert_canary(canary, known, audit)).await
    }

    async fn sealed_page(
        &self,
        after: Option<CheckId>,
        limit: u32,
    ) -> Result<Vec<SealedRow>, StoreError> {
        self.call(self.inner.sealed_page(after, limit)).await
    }

    async fn replace_secret(
        &self,
        check: CheckId,
        old: &SealedSecret,
        new: SealedSecret,
        audit: AuditEntry,
    ) -> Result<bool, StoreError> {
        self.call(self.inner.replace_secret(check, old, new, audit)).await
    }

    async fn key_uses(&self) -> Result<Vec<KeyUse>, StoreError> {
        self.call(self.inner.key_uses()).await
    }
}

#[async_trait]
impl Store for FaultyStore {
    async fn now(&self) -> Result<DateTime<Utc>, StoreError> {
        self.call(self.inner.now()).await
    }

    async fn subscribe(&self) -> Result<Subscription, StoreError> {
        self.inner.subscribe().await
    }

    fn is_durable(&self) -> bool {
        self.inner.is_durable()
    }
}
