//! Builders of the records that the cases use.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use crate::{
    model::{
        Actor, AuditAction, AuditEntry, CheckDefinition, CheckId, CheckResult, ClockEpoch, Detail,
        Evidence, GateId, GatePass, GateRecord, GateRequest, HealthCheck, HostId, JobId, NewCheck,
        PassId, PassKind, ReasonCode, ResultSource, Role, SealedSecret, Window, WorkerId,
    },
    store::{
        CheckInsert, CheckUpdate, ClaimRequest, FirstRun, GateStep, GateTransition, HostClaim,
        HostCompletion, LeasedGate, SecretChange, Store,
    },
};

/// Long enough for two calls of a busy database.
pub(super) const LEASE: Duration = Duration::from_millis(600);
/// Longer than [`LEASE`].
pub(super) const PAST_LEASE: Duration = Duration::from_millis(700);
pub(super) const LONG_LEASE: Duration = Duration::from_secs(60);

pub(super) fn audit(action: AuditAction) -> AuditEntry {
    AuditEntry::allowed(Actor::new("ada", Role::Admin), action)
}

pub(super) fn definition(name: &str) -> CheckDefinition {
    let body = json!({"name": name, "check_type": "http", "url": "http://a.example/",
                      "expected_body": "", "basic_auth_user": "u"});
    NewCheck::from_json(body).expect("a valid definition").definition
}

pub(super) fn insert(host_id: HostId, name: &str) -> CheckInsert {
    let (id, definition) = (CheckId::generate(), definition(name));
    CheckInsert { id, host_id, definition, secret: None, limit: 5, first_run: FirstRun::AtOnce }
}

pub(super) async fn check(store: &Arc<dyn Store>, host: HostId, name: &str) -> HealthCheck {
    let entry = audit(AuditAction::HealthCheckCreated);
    store.insert_check(insert(host, name), entry).await.expect("inserted")
}

/// Creates a check whose first run waits.
pub(super) async fn check_later(
    store: &Arc<dyn Store>,
    host: HostId,
    wait: Duration,
) -> HealthCheck {
    let insert = CheckInsert { first_run: FirstRun::After(wait), ..insert(host, "later") };
    let entry = audit(AuditAction::HealthCheckCreated);
    store.insert_check(insert, entry).await.expect("inserted")
}

pub(super) fn update(check: &HealthCheck) -> CheckUpdate {
    CheckUpdate {
        id: check.id,
        host_id: check.host_id,
        expected_revision: check.revision,
        definition: check.definition.clone(),
        secret: SecretChange::Keep,
        first_run: FirstRun::AtOnce,
    }
}

pub(super) async fn edit(
    store: &Arc<dyn Store>,
    check: &HealthCheck,
    change: impl FnOnce(&mut CheckDefinition),
) -> HealthCheck {
    let mut update = update(check);
    change(&mut update.definition);
    let entry = audit(AuditAction::HealthCheckUpdated);
    store.update_check(update, entry).await.expect("updated")
}

pub(super) fn sealed(byte: u8) -> SealedSecret {
    let mut ciphertext = vec![byte; 89];
    ciphertext[0] = 1;
    SealedSecret { format: SealedSecret::BOUND, nonce: vec![0; 12], ciphertext }
}

pub(super) fn result(
    check: &HealthCheck,
    reason: ReasonCode,
    checked_at: DateTime<Utc>,
) -> CheckResult {
    CheckResult {
        check_id: check.id,
        host_id: check.host_id,
        revision: check.revision,
        reason,
        detail: Detail::new("made by the suite"),
        latency_ms: 1,
        checked_at,
        epoch: ClockEpoch::default(),
        source: ResultSource::Poll,
        observer_fault: false,
        endpoint: None,
    }
}

pub(super) async fn claim(
    store: &Arc<dyn Store>,
    worker: WorkerId,
    lease: Duration,
) -> Vec<HostClaim> {
    let request = ClaimRequest::new(worker, 1_000, lease);
    store.claim_hosts(request).await.expect("claimed").hosts
}

pub(super) async fn claim_named(
    store: &Arc<dyn Store>,
    worker: WorkerId,
    host: HostId,
) -> HostClaim {
    let request = ClaimRequest::new(worker, 1, LONG_LEASE).with_named(vec![host]);
    store.claim_hosts(request).await.expect("claimed").hosts.remove(0)
}

pub(super) fn completion(
    claim: &HostClaim,
    next_due_at: DateTime<Utc>,
    results: Vec<CheckResult>,
) -> HostCompletion {
    HostCompletion::new(claim, next_due_at, results)
}

/// Claims a host and records results of it, under one worker.
pub(super) async fn record(store: &Arc<dyn Store>, host: HostId, results: Vec<CheckResult>) -> u64 {
    let worker = WorkerId::generate();
    let claims = claim(store, worker, LONG_LEASE).await;
    let held = claims.iter().find(|claim| claim.host_id == host).expect("the host is due");
    let now = store.now().await.expect("the time");
    // The host is due again immediately, so that the next record can be made.
    let batch = vec![completion(held, now, results)];
    let completed = store.complete_hosts(worker, batch).await.expect("completed");
    assert!(completed.fenced.is_empty());
    completed.dropped
}

pub(super) async fn request(store: &Arc<dyn Store>, host: HostId) -> GateRequest {
    let now = store.now().await.expect("the time");
    let window = Window::new(now, now + TimeDelta::hours(1)).expect("a window");
    GateRequest::new(
        JobId::generate(),
        host,
        window.with_time_zone("Europe/Berlin".parse().expect("a zone")),
    )
}

pub(super) async fn open(store: &Arc<dyn Store>, host: HostId) -> GateRecord {
    store.open_gate(request(store, host).await).await.expect("opened")
}

pub(super) async fn claim_gates(
    store: &Arc<dyn Store>,
    worker: WorkerId,
    lease: Duration,
) -> Vec<LeasedGate> {
    store.claim_gates(worker, 1_000, lease).await.expect("claimed").gates
}

pub(super) async fn newest(store: &Arc<dyn Store>, gate: &GateRecord) -> GateRecord {
    let found = store.gate(gate.job_id, gate.host_id).await.expect("read");
    found.expect("the gate is there")
}

pub(super) fn step(gate: &LeasedGate) -> GateStep {
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
        next_attempt_at: gate.record.next_attempt_at,
        evidence: None,
        notes: Vec::new(),
        detail: None,
        attempt: None,
        results: Vec::new(),
        transition: None,
    }
}

/// A seeded random generator. A failing case prints its seed.
pub(super) struct Random {
    pub(super) seed: u64,
    state: u64,
}

impl Random {
    pub(super) fn new() -> Self {
        let (high, low) = uuid::Uuid::new_v4().as_u64_pair();
        Self { seed: high ^ low, state: high ^ low }
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.state >> 33) % bound
    }
}

pub(super) async fn settle(
    store: &Arc<dyn Store>,
    worker: WorkerId,
    step: GateStep,
) -> Vec<GateId> {
    store.settle_gates(worker, vec![step]).await.expect("settled")
}

/// Opens a gate and passes it, with a pass that is valid for this duration.
pub(super) async fn passed(store: &Arc<dyn Store>, host: HostId, valid: Duration) -> GatePass {
    let record = open(store, host).await;
    let worker = WorkerId::generate();
    let gates = claim_gates(store, worker, LONG_LEASE).await;
    let gate = gates.iter().find(|gate| gate.record.id == record.id).expect("claimed");
    pass(store, worker, gate, valid).await
}

pub(super) async fn pass(
    store: &Arc<dyn Store>,
    worker: WorkerId,
    gate: &LeasedGate,
    valid: Duration,
) -> GatePass {
    pass_as(store, worker, gate, valid, PassKind::Healthy).await
}

/// Passes a gate with this kind of pass.
pub(super) async fn pass_as(
    store: &Arc<dyn Store>,
    worker: WorkerId,
    gate: &LeasedGate,
    valid: Duration,
    kind: PassKind,
) -> GatePass {
    pass_on(store, worker, gate, valid, kind, Vec::new()).await
}

/// Lets a gate pass on this evidence.
pub(super) async fn pass_on(
    store: &Arc<dyn Store>,
    worker: WorkerId,
    gate: &LeasedGate,
    valid: Duration,
    kind: PassKind,
    evidence: Vec<Evidence>,
) -> GatePass {
    let now = store.now().await.expect("the time");
    let pass = GatePass {
        id: PassId::generate(),
        gate_id: gate.record.id,
        job_id: gate.record.job_id,
        host_id: gate.record.host_id,
        kind,
        granted_at: now,
        valid_until: now + TimeDelta::from_std(valid).expect("short"),
        owner: worker,
        token: gate.token,
        epoch: ClockEpoch::default(),
        evidence,
        would_have: None,
    };
    let transition = Some(GateTransition::Pass(pass.clone()));
    let fenced = settle(store, worker, GateStep { transition, ..step(gate) }).await;
    assert!(fenced.is_empty());
    pass
}
