//! Rows that other programs have damaged: each is a value, and fails nothing else (F221).

use std::time::Duration;

use healthgate::{
    model::{
        AttemptOutcome, AuditAction, EndReason, GateId, GateRequest, GateState, HostId, JobId,
        ReasonCode, Window, WorkerId,
    },
    store::{
        AttemptWrite, AuditFilter, AuditLog, CheckStore, ClaimRequest, GateStep, GateStore,
        PollQueue, ResultStore, SecretStore, StoreBase, StoreError, sqlite::SqliteStore,
    },
    testing::fixtures::{audit, result},
};

use crate::sqlite::support::{Folder, LEASE, insert, pool, step};

const FRESH: Duration = Duration::from_secs(600);

#[tokio::test]
async fn f221_no_odd_row_fails_a_claim_a_list_or_a_rotation() {
    let folder = Folder::new();
    let store = folder.store().await;
    let by_hand = pool(&folder.file(), 1).await;
    let mut checks = Vec::new();
    for _ in 0..6 {
        let entry = audit(AuditAction::HealthCheckCreated);
        checks.push(store.insert_check(insert(HostId::generate(), "a"), entry).await.unwrap());
    }
    for (number, change) in [
        "url = 'http://admin:pw@10.0.0.1/'",
        "name = cast(x'ff41' as text)",
        "target_host_id = x'00'",
        "created_at = 9223372036854775807, updated_at = -9223372036854775808, name = ''",
        "check_type = 'service'",
    ]
    .into_iter()
    .enumerate()
    {
        // The table's own rule forbids the last one: it is written around it.
        let change = format!(
            "pragma ignore_check_constraints = on; update host_health_checks set {change} where number = {}",
            number + 1
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(change)).execute(&by_hand).await.unwrap();
    }
    let hosts: Vec<HostId> = checks.iter().map(|check| check.host_id).collect();
    let read = store.checks_of(&hosts).await.unwrap();
    let odd: Vec<_> = read.iter().filter(|check| check.definition.unreadable().is_some()).collect();
    assert_eq!((read.len(), odd.len()), (6, 5));
    assert_eq!(store.views(&hosts, FRESH).await.unwrap().len(), 6);
    assert!(store.sealed_page(None, 9).await.unwrap().is_empty());
    let claims =
        store.claim_hosts(ClaimRequest::new(WorkerId::generate(), 9, LEASE)).await.unwrap();
    assert_eq!(claims.hosts.iter().map(|claim| claim.checks.len()).sum::<usize>(), 6);
    let entry = audit(AuditAction::HealthCheckDeleted);
    store.delete_check(odd[1].host_id, odd[1].id, None, entry).await.unwrap();
    assert_eq!(store.checks_of(&hosts).await.unwrap().len(), 5);
}

#[tokio::test]
async fn f221_unreadable_records_fail_nothing_else() {
    let folder = Folder::new();
    let store = folder.store().await;
    let by_hand = pool(&folder.file(), 1).await;
    let run = async |statement: &'static str| {
        sqlx::raw_sql(statement).execute(&by_hand).await.unwrap();
    };
    let now = store.now().await.unwrap();
    let window = Window::new(now, now + chrono::TimeDelta::hours(1)).unwrap();
    let mut gates = Vec::new();
    for _ in 0..2 {
        let request = GateRequest::new(JobId::generate(), HostId::generate(), window);
        gates.push(store.open_gate(request).await.unwrap());
    }
    run("update health_gates set record = '{' where number = 1").await;
    assert_eq!(store.gates_of(gates[0].job_id).await.unwrap()[0].state, GateState::Waiting);
    let claims = store.claim_gates(WorkerId::generate(), 9, LEASE).await.unwrap();
    assert_eq!(claims.gates.iter().map(|gate| gate.record.id).collect::<Vec<_>>(), [gates[1].id]);
    let ended = store.gate(gates[0].job_id, gates[0].host_id).await.unwrap().unwrap();
    assert_eq!(
        (ended.state, ended.end_reason),
        (GateState::Failed, Some(EndReason::RecordUnreadable))
    );
    let host = HostId::generate();
    let entry = audit(AuditAction::HealthCheckCreated);
    let check = store.insert_check(insert(host, "a"), entry).await.unwrap();
    let worker = WorkerId::generate();
    let complete = async |reason, at| {
        let request = ClaimRequest::new(worker, 9, LEASE).with_named(vec![host]);
        let claim = store.claim_hosts(request).await.unwrap().hosts.remove(0);
        let results = vec![result(&check, reason, at)];
        let done = healthgate::store::HostCompletion::new(&claim, at, results);
        store.complete_hosts(worker, vec![done]).await.unwrap()
    };
    complete(ReasonCode::Ok, now).await;
    run("update health_states set status = 'later'").await;
    run("update host_health_check_results set reason = 'later'").await;
    run("update health_audit set record = 'x'").await;
    assert!(store.states(&[host]).await.unwrap().is_empty());
    assert_eq!(store.views(&[host], FRESH).await.unwrap().len(), 1);
    let history = store.history(host, check.id, None, 9).await.unwrap().results;
    assert_eq!(history[0].reason, ReasonCode::Internal);
    let page = store.audit_page(&AuditFilter::default(), None, 9).await.unwrap();
    assert!(page.iter().all(|record| record.action == AuditAction::RecordUnreadable));
    complete(ReasonCode::Status, now + chrono::TimeDelta::seconds(1)).await;
    assert_eq!(store.states(&[host]).await.unwrap().len(), 1);
}

/// An attempt that cannot be read is listed under its number, and fails no list, no step and no takeover.
#[tokio::test]
async fn f221_an_unreadable_attempt_keeps_its_place_in_the_file() {
    let folder = Folder::new();
    let store = folder.store().await;
    let by_hand = pool(&folder.file(), 1).await;
    let now = store.now().await.unwrap();
    let window = Window::new(now, now + chrono::TimeDelta::hours(1)).unwrap();
    for _ in 0..4 {
        let request = GateRequest::new(JobId::generate(), HostId::generate(), window);
        store.open_gate(request).await.unwrap();
    }
    let worker = WorkerId::generate();
    let held = store.claim_gates(worker, 9, LEASE).await.unwrap().gates;
    let start = |number| AttemptWrite::Start { number, started_at: now };
    let end = |number| {
        let (outcome, checks) = (AttemptOutcome::Finished, Vec::new());
        AttemptWrite::End { number, finished_at: now, outcome, checks }
    };
    let write = async |write: AttemptWrite| {
        let step = |gate| GateStep { attempt: Some(write.clone()), ..step(gate, None) };
        let fenced = store.settle_gates(worker, held.iter().map(step).collect()).await;
        assert!(fenced.unwrap().is_empty());
    };
    write(start(1)).await;
    write(end(1)).await;
    write(start(2)).await;
    for (gate, record) in [(2, "'{'"), (3, "'7'"), (4, "cast(x'ff41' as text)")] {
        let change =
            format!("update health_gate_attempts set record = {record} where gate_number = {gate}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(change)).execute(&by_hand).await.unwrap();
    }
    let gates: Vec<GateId> = held.iter().map(|gate| gate.record.id).collect();
    let listed = async || {
        assert_eq!(store.newest_attempts_of(&gates, 1).await.unwrap().len(), gates.len());
        let attempts = store.attempts_of(&gates).await.unwrap();
        let numbers: Vec<u32> = attempts.iter().map(|(_, attempt)| attempt.number).collect();
        assert_eq!(numbers, [1, 2].repeat(gates.len()));
        let unreadable = |outcome| outcome == AttemptOutcome::Unreadable;
        attempts.iter().filter(|(_, attempt)| unreadable(attempt.outcome)).count()
    };
    assert_eq!(listed().await, 6);
    write(end(2)).await;
    sqlx::raw_sql("update health_gate_leases set lease_until = 0").execute(&by_hand).await.unwrap();
    let taken = store.claim_gates(WorkerId::generate(), 9, LEASE).await.unwrap().gates;
    assert_eq!(taken.len(), gates.len());
    assert_eq!(listed().await, 6);
}

/// F233: every call says what to do.
#[tokio::test]
async fn f233_a_file_that_nobody_has_migrated_says_so() {
    let folder = Folder::new();
    let store = SqliteStore::open(folder.file()).await.unwrap();
    let told = |error: StoreError| {
        assert!(matches!(error, StoreError::NotMigrated { .. }), "{error:?}");
        assert!(error.to_string().contains("call `SqliteStore::migrate`"), "{error}");
    };
    let worker = WorkerId::generate();
    told(store.now().await.unwrap_err());
    told(store.checks_of(&[HostId::generate()]).await.unwrap_err());
    told(store.claim_hosts(ClaimRequest::new(worker, 1, LEASE)).await.unwrap_err());
    told(store.claim_gates(worker, 1, LEASE).await.unwrap_err());
    store.migrate().await.unwrap();
    store.claim_hosts(ClaimRequest::new(worker, 1, LEASE)).await.unwrap();
}
