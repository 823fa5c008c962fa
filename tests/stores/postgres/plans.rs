//! How the statements of the hot paths find their rows, on tables that are large (F241).

use healthgate::{
    model::{HostId, WorkerId},
    store::{AuditFilter, AuditLog, ClaimRequest, GateStore, PollQueue, postgres::PgStore},
};

use crate::postgres::{
    support::{LEASE, database, figure, pool},
    volume::make_hosts,
};

/// How often a table was read from end to end.
async fn whole_reads(store: &PgStore, table: &str) -> i64 {
    let query = "select coalesce(max(seq_scan), 0) from pg_stat_user_tables where relname = $1";
    figure(store, table, query).await
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
        let filter = AuditFilter { hosts: Some(hosts), ..AuditFilter::default() };
        assert_eq!(store.audit_page(&filter, None, 9).await.expect("read").len(), 9);
    }
    let mut after = Vec::new();
    for table in tables {
        after.push(whole_reads(&store, table).await);
    }
    assert_eq!(after, before, "{tables:?}");
}

/// How many pages of the schedule, and of its indexes, this one connection has looked at.
async fn pages(store: &PgStore) -> i64 {
    let query = "select heap_blks_hit + heap_blks_read + idx_blks_hit + idx_blks_read \
                 from pg_statio_user_tables where relname = $1";
    figure(store, "health_schedule", query).await
}

/// Under an old snapshot no row of an earlier round goes. A claim that finds nothing looks at none of them, and yet
/// misses no host that is due.
#[tokio::test]
async fn f241_an_empty_claim_does_not_look_at_earlier_rounds() {
    let (server, database) = database();
    let store = PgStore::new(pool(server, &database, 1).await);
    store.migrate().await.expect("migrated");
    make_hosts(&store, 2_000).await;
    let reporting = pool(server, &database, 1).await;
    let mut snapshot =
        reporting.begin_with("begin isolation level repeatable read").await.expect("begun");
    sqlx::query("select 1 from health_schedule").execute(&mut *snapshot).await.expect("read");
    for round in 0..20 {
        let due = format!(
            "update health_schedule set next_due = now() - interval '{} minutes'",
            60 - round
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(due)).execute(store.pool()).await.expect("a round");
    }
    let later = "update health_schedule set next_due = now() + interval '1 hour'";
    sqlx::raw_sql(later).execute(store.pool()).await.expect("a round");
    let worker = WorkerId::generate();
    let claimed = async || {
        let request = ClaimRequest::new(worker, 50, LEASE);
        store.claim_hosts(request).await.expect("claimed").hosts
    };
    let cost_of_a_claim = async || {
        let before = pages(&store).await;
        assert!(claimed().await.is_empty());
        pages(&store).await - before
    };
    let first = cost_of_a_claim().await;
    assert!(first > 20_000, "it looks at {first} pages");
    // The floor rises once what other tests are writing is over.
    let mut cost = first;
    let rises = async {
        while cost > 200 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            cost = cost_of_a_claim().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), rises).await.expect("it rises");
    println!("an empty claim looks at {cost} pages, and at first at {first}");

    // Whoever makes a host due, at whatever time, is heard.
    for due in ["'epoch'", "now() - interval '1 hour'", "now()"] {
        let early = format!(
            "update health_schedule set next_due = {due} where host_id = \
             (select host_id from health_schedule where owner is null limit 1)"
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(early)).execute(store.pool()).await.expect("due");
        assert_eq!(store.backlog().await.expect("read").due, 1, "{due}");
        assert_eq!(claimed().await.len(), 1, "{due}");
        assert!(claimed().await.is_empty());
    }
    // So is the end of a lease, however long ago its host was due.
    let ended = "update health_schedule set lease_until = now() where owner is not null";
    sqlx::raw_sql(ended).execute(store.pool()).await.expect("ended");
    assert_eq!(claimed().await.len(), 3);
    snapshot.rollback().await.expect("ended");
}
