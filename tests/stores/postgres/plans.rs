//! How the statements of the hot paths find their rows, on tables that are large (F241).

use healthgate::{
    model::{HostId, WorkerId},
    store::{AuditFilter, AuditLog, ClaimRequest, GateStore, PollQueue, postgres::PgStore},
};

use crate::postgres::{
    support::{LEASE, database, pool},
    volume::make_hosts,
};

/// How often a table was read from end to end, as far as this one connection is told of.
async fn whole_reads(store: &PgStore, table: &'static str) -> i64 {
    let mut connection = store.pool().acquire().await.expect("connected");
    sqlx::query("select pg_stat_force_next_flush()")
        .execute(&mut *connection)
        .await
        .expect("flushed");
    sqlx::query_scalar(
        "select coalesce(max(seq_scan), 0) from pg_stat_user_tables where relname = $1",
    )
    .bind(table)
    .fetch_one(&mut *connection)
    .await
    .expect("read")
}

#[tokio::test]
async fn f241_claims_and_lists_of_hosts_read_no_table_from_end_to_end() {
    let (server, database) = database();
    // One connection: what it has read is told at once.
    let store = PgStore::new(pool(server, &database, 1).await);
    store.migrate().await.expect("migrated");
    make_hosts(&store, 20_000).await;
    sqlx::raw_sql(
        "insert into health_gates (id, job_id, host_id, state, opened_at, opens_at, closes_at, cancel_requested, \
         owner, record) \
         select gen_random_uuid(), gen_random_uuid(), host_id, 'spent', now(), now(), now() + interval '1 hour', \
         false, null, '{}' from health_schedule; \
         insert into health_audit (id, at, host_id, record) \
         select gen_random_uuid(), now(), host_id, '{}' from health_schedule; \
         analyze",
    )
    .execute(store.pool())
    .await
    .expect("made");
    // The first claim looks for what the worker held before.
    let worker = WorkerId::generate();
    store.claim_gates(worker, 50, LEASE).await.expect("claimed");
    let tables = ["health_schedule", "health_gates", "health_audit"];
    let mut before = Vec::new();
    for table in tables {
        before.push(whole_reads(&store, table).await);
    }
    for _ in 0..20 {
        let claims =
            store.claim_hosts(ClaimRequest::new(worker, 50, LEASE)).await.expect("claimed");
        assert_eq!(claims.hosts.len(), 50);
        assert!(store.claim_gates(worker, 50, LEASE).await.expect("claimed").gates.is_empty());
        let hosts: Vec<HostId> = claims.hosts.iter().take(20).map(|claim| claim.host_id).collect();
        let filter = AuditFilter { hosts: Some(hosts) };
        assert_eq!(store.audit_page(&filter, None, 9).await.expect("read").len(), 9);
    }
    let mut after = Vec::new();
    for table in tables {
        after.push(whole_reads(&store, table).await);
    }
    assert_eq!(after, before, "{tables:?}");
}
