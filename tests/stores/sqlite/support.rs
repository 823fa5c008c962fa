//! Files, checks and gates to work with.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use chrono::TimeDelta;
use healthgate::{
    model::{
        AuditAction, AuditEntry, CheckId, ClockEpoch, GateId, GatePass, GateRequest, HealthCheck,
        HostId, JobId, PassId, PassKind, Window, WorkerId,
    },
    store::{
        CheckInsert, CheckStore, GateStep, GateStore, GateTransition, LeasedGate, StoreBase,
        StoreError,
        sqlite::{SqliteOptions, SqliteStore},
    },
    testing::fixtures,
};
use sqlx::{SqlitePool, sqlite::SqlitePoolOptions};
use tempfile::TempDir;

pub(crate) const LEASE: Duration = Duration::from_secs(60);

/// A folder for a database file; it goes with the value.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.path().join("health.db")
    }

    pub(crate) async fn store(&self) -> SqliteStore {
        open(&self.file()).await
    }
}

pub(crate) async fn open(path: &Path) -> SqliteStore {
    let store = SqliteStore::open(path).await.unwrap();
    store.migrate().await.unwrap();
    store
}

/// A pool of the application's own, of so many connections.
pub(crate) async fn pool(path: &Path, connections: u32) -> SqlitePool {
    let options = SqliteOptions::new(path).connect_options().create_if_missing(true);
    SqlitePoolOptions::new().max_connections(connections).connect_with(options).await.unwrap()
}

pub(crate) fn insert(host: HostId, name: &str) -> CheckInsert {
    fixtures::http_check(CheckId::generate(), host, name, "http://a.example/")
}

pub(crate) fn entry(action: AuditAction) -> AuditEntry {
    fixtures::audit(action)
}

pub(crate) async fn check(
    store: &SqliteStore,
    host: HostId,
    name: &str,
) -> Result<HealthCheck, StoreError> {
    store.insert_check(insert(host, name), entry(AuditAction::HealthCheckCreated)).await
}

/// A gate of a new job on this host, under this worker's lease.
pub(crate) async fn held_gate(store: &SqliteStore, worker: WorkerId, host: HostId) -> LeasedGate {
    let now = store.now().await.unwrap();
    let window = Window::new(now, now + TimeDelta::hours(1)).unwrap();
    let request = GateRequest::new(JobId::generate(), host, window);
    store.open_gate(request).await.unwrap();
    let gates = store.claim_gates(worker, 1_000, LEASE).await.unwrap().gates;
    gates.into_iter().find(|gate| gate.record.host_id == host).unwrap()
}

pub(crate) fn pass_of(gate: &LeasedGate, worker: WorkerId) -> GatePass {
    let record = &gate.record;
    GatePass {
        id: PassId::generate(),
        gate_id: record.id,
        job_id: record.job_id,
        host_id: record.host_id,
        kind: PassKind::Healthy,
        granted_at: record.opened_at,
        valid_until: record.window.closes_at(),
        owner: worker,
        token: gate.token,
        epoch: ClockEpoch::default(),
        evidence: Vec::new(),
        would_have: None,
    }
}

pub(crate) fn step(gate: &LeasedGate, transition: Option<GateTransition>) -> GateStep {
    GateStep {
        gate_id: gate.record.id,
        token: gate.token,
        seen: gate.changes,
        window: gate.record.window,
        high_water: gate.record.high_water,
        clock_offset_us: gate.record.clock_offset_us,
        offset_clearings: gate.record.offset_clearings,
        hold: None,
        void_before: None,
        next_attempt_at: None,
        evidence: None,
        notes: Vec::new(),
        detail: None,
        attempt: None,
        results: Vec::new(),
        transition,
    }
}

pub(crate) async fn settle_pass(
    store: &SqliteStore,
    worker: WorkerId,
    gate: &LeasedGate,
    pass: &GatePass,
) -> Result<Vec<GateId>, StoreError> {
    let transition = Some(GateTransition::Pass(pass.clone()));
    store.settle_gates(worker, vec![step(gate, transition)]).await
}
