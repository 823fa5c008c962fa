//! Databases, stores and what is in them.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use healthgate::{
    model::{
        AuditAction, CheckId, CheckResult, ClockEpoch, GatePass, GateRequest, HealthCheck, HostId,
        JobId, PassId, PassKind, ReasonCode, Window, WorkerId,
    },
    store::{
        CheckStore, CheckUpdate, ClaimRequest, FirstRun, GateStep, GateStore, GateTransition,
        HostClaim, HostCompletion, LeasedGate, PollQueue, SecretChange, Store, StoreBase,
        StoreError,
        postgres::{PgFault, PgStore},
    },
    testing::fixtures::{audit, result, service_check},
};
use healthgate_testkit::Postgres;
use sqlx::{PgPool, postgres::PgPoolOptions};

pub(crate) const LEASE: Duration = Duration::from_secs(60);

/// Whether the long forms are asked for.
pub(crate) fn long() -> bool {
    std::env::var_os("HEALTHGATE_LONG").is_some_and(|value| value == "1")
}

/// A database of its own on the shared server.
pub(crate) fn database() -> (&'static Postgres, String) {
    let server = Postgres::shared();
    let name = server.create_database().expect("a database");
    (server, name)
}

pub(crate) async fn pool(server: &Postgres, database: &str, connections: u32) -> PgPool {
    let options = PgPoolOptions::new().max_connections(connections);
    options.connect(&server.url(database)).await.expect("connected")
}

/// A migrated store in a database of its own.
pub(crate) async fn store() -> PgStore {
    let (server, database) = database();
    let store = PgStore::new(pool(server, &database, 8).await);
    store.migrate().await.expect("migrated");
    store
}

pub(crate) async fn make_check(store: &impl CheckStore, host: HostId, name: &str) -> HealthCheck {
    let insert = service_check(CheckId::generate(), host, name);
    store.insert_check(insert, audit(AuditAction::HealthCheckCreated)).await.expect("inserted")
}

/// The same check again: a change that raises its revision.
pub(crate) fn touch(check: &HealthCheck) -> CheckUpdate {
    CheckUpdate {
        id: check.id,
        host_id: check.host_id,
        expected_revision: check.revision,
        definition: check.definition.clone(),
        secret: SecretChange::Keep,
        first_run: FirstRun::AtOnce,
    }
}

pub(crate) async fn claim(store: &dyn Store, worker: WorkerId, limit: u32) -> Vec<HostClaim> {
    let request = ClaimRequest::new(worker, limit, LEASE);
    store.claim_hosts(request).await.expect("claimed").hosts
}

/// The completion of a claim whose checks all passed at this instant.
pub(crate) fn completion(
    claim: &HostClaim,
    at: DateTime<Utc>,
    next_due_at: DateTime<Utc>,
) -> HostCompletion {
    let passed = |check| result(check, ReasonCode::Ok, at);
    let results: Vec<CheckResult> = claim.checks.iter().map(passed).collect();
    HostCompletion::new(claim, next_due_at, results)
}

/// Claims a host and records that its checks passed, or failed, at this instant.
pub(crate) async fn record(store: &PgStore, reason: ReasonCode, at: DateTime<Utc>) {
    let worker = WorkerId::generate();
    let now = store.now().await.expect("the time");
    let claims = claim(store, worker, 100).await;
    assert!(!claims.is_empty(), "a host is due");
    let completions = claims.iter().map(|claim| {
        let mut done = completion(claim, at, now);
        done.results.iter_mut().for_each(|result| result.reason = reason);
        done
    });
    let done = store.complete_hosts(worker, completions.collect()).await.expect("completed");
    assert!(done.fenced.is_empty());
}

/// A step of a gate that changes nothing.
pub(crate) fn step(gate: &LeasedGate, at: DateTime<Utc>) -> GateStep {
    GateStep {
        gate_id: gate.record.id,
        token: gate.token,
        seen: gate.changes,
        window: gate.record.window,
        high_water: at,
        clock_offset_us: 0,
        offset_clearings: 0,
        hold: None,
        void_before: None,
        next_attempt_at: None,
        evidence: None,
        notes: Vec::new(),
        detail: None,
        attempt: None,
        results: Vec::new(),
        transition: None,
    }
}

pub(crate) fn fault<T: std::fmt::Debug>(result: Result<T, StoreError>) -> PgFault {
    let error = result.expect_err("it must fail");
    PgFault::of(&error).unwrap_or_else(|| panic!("not a fault of the database: {error:?}"))
}

/// Waits until a query answers true.
pub(crate) async fn until(pool: &PgPool, query: &'static str) {
    let holds = async {
        while !sqlx::query_scalar::<_, bool>(query).fetch_one(pool).await.expect("read") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), holds).await.expect("it comes true");
}

/// A pass of a new gate of this job.
pub(crate) async fn passed(store: &PgStore, job: JobId) -> GatePass {
    let request = GateRequest::new(job, HostId::generate(), hour(store).await);
    pass_for(store, request, PassKind::NoChecks).await
}

/// A window of an hour that has just opened.
pub(crate) async fn hour(store: &PgStore) -> Window {
    let now = store.now().await.expect("the time");
    Window::lasting(now, TimeDelta::hours(1)).expect("a window")
}

/// A pass for a gate that is opened by this request.
pub(crate) async fn pass_for(store: &PgStore, request: GateRequest, kind: PassKind) -> GatePass {
    let job = request.job_id;
    store.open_gate(request).await.expect("opened");
    let worker = WorkerId::generate();
    let gates = store.claim_gates(worker, 10, LEASE).await.expect("claimed").gates;
    let held = gates.into_iter().find(|gate| gate.record.job_id == job).expect("claimed");
    let now = store.now().await.expect("the time");
    let pass = pass_of(&held, worker, kind, now);
    let transition = Some(GateTransition::Pass(pass.clone()));
    let step = GateStep { transition, ..step(&held, now) };
    assert!(store.settle_gates(worker, vec![step]).await.expect("settled").is_empty());
    pass
}

/// A pass that the owner of a gate can give now.
pub(crate) fn pass_of(
    gate: &LeasedGate,
    owner: WorkerId,
    kind: PassKind,
    now: DateTime<Utc>,
) -> GatePass {
    GatePass {
        id: PassId::generate(),
        gate_id: gate.record.id,
        job_id: gate.record.job_id,
        host_id: gate.record.host_id,
        kind,
        granted_at: now,
        valid_until: now + TimeDelta::minutes(5),
        owner,
        token: gate.token,
        epoch: ClockEpoch::default(),
        evidence: Vec::new(),
        would_have: None,
    }
}

/// A figure about the tables of this name or pattern, as far as this one connection is told of.
pub(crate) async fn figure(store: &PgStore, tables: &str, query: &'static str) -> i64 {
    let mut connection = store.pool().acquire().await.expect("connected");
    sqlx::query("select pg_stat_force_next_flush()")
        .execute(&mut *connection)
        .await
        .expect("flushed");
    sqlx::query_scalar(query).bind(tables).fetch_one(&mut *connection).await.expect("read")
}

/// Small numbers, the same for the same seed.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}
