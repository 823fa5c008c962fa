//! Rows that other programs have written, or damaged: each is a value, and fails nothing else (F221).

use std::time::Duration;

use healthgate::{
    model::{
        AttemptOutcome, AuditAction, EndReason, GateId, GateRequest, GateState, HostId, JobId,
        ReasonCode, Window, WorkerId,
    },
    store::{
        AttemptWrite, AuditFilter, AuditLog, CheckStore, ClaimRequest, GateStep, GateStore,
        PollQueue, ResultStore, SecretStore, StoreBase, StoreError, postgres::PgStore,
    },
    testing::fixtures::audit,
};
use sqlx::AssertSqlSafe;

use crate::postgres::support::{LEASE, claim, make_check, record, step, store, touch};

const FRESH: Duration = Duration::from_secs(600);

async fn run(store: &PgStore, statement: impl Into<String>) -> u64 {
    let statement = AssertSqlSafe(statement.into());
    sqlx::query(statement).execute(store.pool()).await.expect("executed").rows_affected()
}

/// Every odd row that the plan's tables allow, each on a host of its own.
const ODD: &str = "
    insert into host_health_checks (host_id, name, check_type, url, expected_body, basic_auth_user,
        basic_auth_pass_encrypted, basic_auth_pass_nonce, service_name, created_at, updated_at)
    values (gen_random_uuid(), 'a', 'http', 'http://admin:pw@10.0.0.1/', '', null, null, null, null, now(), now()),
        (gen_random_uuid(), '', 'http', 'http://a/', '', null, null, null, null, now(), now()),
        (gen_random_uuid(), E'a\\u202eb', 'http', 'http://a/', '', null, null, null, null, now(), now()),
        (gen_random_uuid(), 'b', 'http', '', '', null, null, null, null, now(), now()),
        (gen_random_uuid(), 'c', 'http', 'ftp://a/', '', 'a:b', '\\x00', null, null, now(), now()),
        (gen_random_uuid(), 'd', 'service', null, null, null, null, null, 'a b', now(), now()),
        (gen_random_uuid(), 'e', 'service', null, null, null, null, null, '', 'infinity', '-infinity')";

#[tokio::test]
async fn f221_no_odd_check_fails_a_claim_a_list_or_a_rotation() {
    let store = store().await;
    let sound = make_check(&store, HostId::generate(), "sshd").await;
    assert_eq!(run(&store, ODD).await, 7);
    run(&store, "insert into health_schedule (host_id, next_due) select host_id, now() from host_health_checks \
                 on conflict do nothing").await;
    let hosts: Vec<uuid::Uuid> = sqlx::query_scalar("select host_id from host_health_checks")
        .fetch_all(store.pool())
        .await
        .expect("read");
    let hosts: Vec<HostId> = hosts.into_iter().map(HostId::from_uuid).collect();
    let checks = store.checks_of(&hosts).await.expect("read");
    let odd: Vec<_> =
        checks.iter().filter(|check| check.definition.unreadable().is_some()).collect();
    assert_eq!((checks.len(), odd.len()), (8, 7));
    assert_eq!(store.views(&hosts, FRESH).await.expect("read").len(), 8);
    assert_eq!(store.sealed_page(None, 100).await.expect("read").len(), 1);
    assert_eq!(store.key_uses().await.expect("read").len(), 1);
    let claims = claim(&store, WorkerId::generate(), 100).await;
    assert_eq!(claims.iter().map(|claim| claim.checks.len()).sum::<usize>(), 8);
    for check in odd {
        let mut update = touch(check);
        update.definition = sound.definition.clone();
        let entry = audit(AuditAction::HealthCheckUpdated);
        let mended = store.update_check(update, entry).await.expect("edited");
        assert!(mended.definition.unreadable().is_none());
        let entry = audit(AuditAction::HealthCheckDeleted);
        store.delete_check(check.host_id, check.id, None, entry).await.expect("deleted");
    }
}

#[tokio::test]
async fn f221_an_unreadable_gate_ends_and_the_others_go_on() {
    let store = store().await;
    let now = store.now().await.expect("the time");
    let window = Window::new(now, now + chrono::TimeDelta::hours(1)).expect("a window");
    let mut gates = Vec::new();
    for _ in 0..3 {
        let request = GateRequest::new(JobId::generate(), HostId::generate(), window);
        gates.push(store.open_gate(request).await.expect("opened"));
    }
    let broken = &gates[1];
    run(
        &store,
        format!("update health_gates set record = record - 'window' where id = '{}'", broken.id),
    )
    .await;
    let read = store.gate(broken.job_id, broken.host_id).await.expect("read").expect("there");
    assert_eq!((read.id, read.state, read.window), (broken.id, GateState::Waiting, window));
    assert!(read.detail.contains("cannot be read"), "{}", read.detail);
    assert_eq!(store.gates_of(broken.job_id).await.expect("read").len(), 1);
    let hosts: Vec<HostId> = gates.iter().map(|gate| gate.host_id).collect();
    assert_eq!(store.holders_of(&hosts).await.expect("read").len(), 3);
    let refused = store
        .set_override(broken.job_id, broken.host_id, None, audit(AuditAction::GateOverridden))
        .await;
    assert!(matches!(refused, Err(StoreError::InvalidState { .. })), "{refused:?}");
    let worker = WorkerId::generate();
    let claimed = store.claim_gates(worker, 2, LEASE).await.expect("claimed").gates;
    let rest = store.claim_gates(worker, 2, LEASE).await.expect("claimed").gates;
    let mut held: Vec<_> = claimed.iter().chain(&rest).map(|gate| gate.record.id).collect();
    held.sort_unstable();
    let mut sound = vec![gates[0].id, gates[2].id];
    sound.sort_unstable();
    assert_eq!(held, sound);
    let ended = store.gate(broken.job_id, broken.host_id).await.expect("read").expect("there");
    assert_eq!(
        (ended.state, ended.end_reason),
        (GateState::Failed, Some(EndReason::RecordUnreadable))
    );
    let again = GateRequest::new(broken.job_id, broken.host_id, window).with_retry();
    assert_eq!(store.open_gate(again).await.expect("the host is free").generation, 2);
    // One that is damaged while a worker holds it takes no step of that worker.
    run(&store, format!("update health_gates set record = '{{}}' where id = '{}'", gates[0].id))
        .await;
    let leased = claimed.iter().chain(&rest).find(|gate| gate.record.id == gates[0].id);
    let step = step(leased.expect("held"), now);
    assert_eq!(store.settle_gates(worker, vec![step]).await.expect("settled"), [gates[0].id]);
}

/// An attempt that cannot be read is listed under its number, whether it has ended or runs, and fails no list, no
/// step and no takeover of other gates.
#[tokio::test]
async fn f221_an_unreadable_attempt_is_listed_under_its_number() {
    const RUNNING: [&str; 6] =
        ["{}", "[]", "7", r#"{"number":"x"}"#, r#"{"number":[2]}"#, r#"{"number":1e12}"#];
    let store = store().await;
    let now = store.now().await.expect("the time");
    let window = Window::new(now, now + chrono::TimeDelta::hours(1)).expect("a window");
    for _ in 0..=RUNNING.len() {
        let request = GateRequest::new(JobId::generate(), HostId::generate(), window);
        store.open_gate(request).await.expect("opened");
    }
    let worker = WorkerId::generate();
    let held = store.claim_gates(worker, 20, LEASE).await.expect("claimed").gates;
    let (outcome, checks) = (AttemptOutcome::Finished, Vec::new());
    let end = AttemptWrite::End { number: 1, finished_at: now, outcome, checks };
    let start = |number| AttemptWrite::Start { number, started_at: now };
    for write in [start(1), end, start(2)] {
        let step = |gate| GateStep { attempt: Some(write.clone()), ..step(gate, now) };
        let fenced = store.settle_gates(worker, held.iter().map(step).collect()).await;
        assert!(fenced.expect("settled").is_empty());
    }
    let gates: Vec<GateId> = held.iter().map(|gate| gate.record.id).collect();
    let (sound, broken) = gates.split_first().expect("some");
    for (gate, running) in broken.iter().zip(RUNNING) {
        run(&store, format!("update health_gates set running = '{running}' where id = '{gate}'"))
            .await;
    }
    let ended = "update health_gate_attempts set record = record - 'checks' where gate_id";
    run(&store, format!("{ended} <> '{sound}'")).await;
    let listed = async || {
        let attempts = store.attempts_of(&gates).await.expect("read");
        assert_eq!(store.newest_attempts_of(&gates, 1).await.expect("read").len(), gates.len());
        let numbers: Vec<u32> = attempts.iter().map(|(_, attempt)| attempt.number).collect();
        assert_eq!(numbers, [1, 2].repeat(gates.len()));
        attempts.into_iter().map(|(_, attempt)| attempt).collect::<Vec<_>>()
    };
    let attempts = listed().await;
    assert_eq!(attempts[0].outcome, AttemptOutcome::Finished);
    assert_eq!(attempts[1].outcome, AttemptOutcome::Running);
    for attempt in &attempts[2..] {
        assert_eq!((attempt.outcome, attempt.started_at), (AttemptOutcome::Unreadable, now));
        assert_eq!(attempt.finished_at, (attempt.number == 1).then_some(now));
    }
    run(&store, "update health_gate_leases set lease_until = now()").await;
    let taken = store.claim_gates(WorkerId::generate(), 20, LEASE).await.expect("claimed").gates;
    assert_eq!(taken.len(), gates.len());
    assert_eq!(listed().await[1].outcome, AttemptOutcome::Interrupted);
}

#[tokio::test]
async fn f221_unreadable_states_results_and_audit_records_fail_no_list() {
    let store = store().await;
    let (host, other) = (HostId::generate(), HostId::generate());
    let check = make_check(&store, host, "sshd").await;
    make_check(&store, other, "cron").await;
    let now = store.now().await.expect("the time");
    record(&store, ReasonCode::Ok, now).await;
    run(
        &store,
        format!("update health_states set reason = 'later' where check_id = '{}'", check.id),
    )
    .await;
    run(
        &store,
        format!(
            "update host_health_check_results set source = 'x' where check_id = '{}'",
            check.id
        ),
    )
    .await;
    let states = store.states(&[host, other]).await.expect("read");
    assert_eq!(states.iter().map(|state| state.latest.host_id).collect::<Vec<_>>(), [other]);
    let views = store.views(&[host, other], FRESH).await.expect("read");
    let healthy = views.iter().filter(|view| view.last_result.is_some()).count();
    assert_eq!((views.len(), healthy), (2, 1));
    let history = store.history(host, check.id, None, 9).await.expect("read").results;
    assert_eq!(
        history.iter().map(|result| result.reason).collect::<Vec<_>>(),
        [ReasonCode::Internal]
    );
    assert!(history[0].detail.as_str().contains("cannot be read"), "{}", history[0].detail);
    store.append_audit(audit(AuditAction::GateCancelled)).await.expect("written");
    run(
        &store,
        "update health_audit set record = '{\"actor\": \"ada\", \"action\": \"later\"}' \
                 where number = (select max(number) from health_audit)",
    )
    .await;
    let page = store.audit_page(&AuditFilter::default(), None, 9).await.expect("read");
    assert_eq!((page[0].action, page[0].actor.as_str()), (AuditAction::RecordUnreadable, "ada"));
    assert!(page.len() > 1 && page[1].action != AuditAction::RecordUnreadable);
    // The next result takes the state's place.
    let later = now + chrono::TimeDelta::microseconds(1);
    record(&store, ReasonCode::Ok, later).await;
    assert_eq!(store.states(&[host, other]).await.expect("read").len(), 2);
}

/// F233: every call says what to do.
#[tokio::test]
async fn f233_a_database_that_nobody_has_migrated_says_so() {
    let (server, database) = crate::postgres::support::database();
    let store = PgStore::new(crate::postgres::support::pool(server, &database, 2).await);
    let host = HostId::generate();
    let told = |error: StoreError| {
        assert!(matches!(error, StoreError::NotMigrated { .. }), "{error:?}");
        assert!(error.to_string().contains("call `PgStore::migrate`"), "{error}");
    };
    let worker = WorkerId::generate();
    told(store.now().await.expect_err("no tables"));
    told(store.checks_of(&[host]).await.expect_err("no tables"));
    told(store.claim_hosts(ClaimRequest::new(worker, 1, LEASE)).await.expect_err("no tables"));
    told(store.claim_gates(worker, 1, LEASE).await.expect_err("no tables"));
    told(store.append_audit(audit(AuditAction::GateCancelled)).await.expect_err("no tables"));
    sqlx::raw_sql(include_str!("../../../migrations/postgres/007_health_checks.sql"))
        .execute(store.pool())
        .await
        .expect("version 1");
    told(store.claim_hosts(ClaimRequest::new(worker, 1, LEASE)).await.expect_err("an older form"));
    store.migrate().await.expect("migrated");
    store.claim_hosts(ClaimRequest::new(worker, 1, LEASE)).await.expect("claimed");
}

/// F224: an application's own change of a table stops nobody.
#[tokio::test]
async fn f224_a_column_that_the_application_adds_or_alters_stops_nothing() {
    let store = store().await;
    let host = HostId::generate();
    let hosts = [host];
    let mut check = make_check(&store, host, "sshd").await;
    for change in [
        "alter table host_health_checks add column team text default 'web'",
        "alter table host_health_checks alter column name type text",
        "alter table host_health_checks drop column team",
        "alter table host_health_checks alter column name type varchar(100)",
    ] {
        // Statements are prepared on every connection of the pool.
        let reads = (0..8).map(|_| store.checks_of(&hosts));
        futures_util::future::join_all(reads).await.into_iter().for_each(|read| {
            read.expect("read");
        });
        run(&store, change).await;
        let reads = (0..8).map(|_| store.checks_of(&hosts));
        for read in futures_util::future::join_all(reads).await {
            assert_eq!(read.expect("read"), [check.clone()], "{change}");
        }
        record(&store, ReasonCode::Ok, store.now().await.expect("the time")).await;
        let entry = audit(AuditAction::HealthCheckUpdated);
        check = store.update_check(touch(&check), entry).await.expect("updated");
    }
}

/// F224: a connection that takes no writes is not kept for ever, such as one to a former primary.
#[tokio::test]
async fn f224_a_connection_that_takes_no_writes_is_replaced() {
    let store = store().await;
    let check = make_check(&store, HostId::generate(), "sshd").await;
    let mut connections = Vec::new();
    for _ in 0..8 {
        let mut connection = store.pool().acquire().await.expect("connected");
        sqlx::query("set default_transaction_read_only = on")
            .execute(&mut *connection)
            .await
            .expect("set");
        connections.push(connection);
    }
    drop(connections);
    let entry = audit(AuditAction::HealthCheckUpdated);
    let mut updated = store.update_check(touch(&check), entry).await;
    for _ in 0..8 {
        if updated.is_ok() {
            break;
        }
        let entry = audit(AuditAction::HealthCheckUpdated);
        updated = store.update_check(touch(&check), entry).await;
    }
    assert_eq!(updated.expect("on a new connection").revision, 2);
}
