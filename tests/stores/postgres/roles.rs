//! A worker whose role may read and write rows, and owns nothing (F243).

use std::time::Duration;

use chrono::TimeDelta;
use healthgate::{
    checks::register_keys,
    crypto::{Key, KeyRing},
    model::{Actor, HostId, ReasonCode, WorkerId},
    store::{
        AuditFilter, AuditLog, ClaimRequest, GateStore, PollQueue, PruneOutcome, ResultStore,
        StoreBase, StoreEvent, postgres::PgStore,
    },
    testing::fixtures,
};
use healthgate_testkit::Postgres;
use sqlx::{AssertSqlSafe, PgPool};

use crate::postgres::support::{LEASE, database, make_check, record, step};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// What an administrator gives a worker: rows, and nothing else.
const RIGHTS: &str = "grant usage on schema SCHEMA to WORKER; \
     grant select, insert, update, delete on all tables in schema SCHEMA to WORKER";

async fn pool_of(server: &Postgres, database: &str, role: &str) -> PgPool {
    let url = server.url(database).replace("postgres@", &format!("{role}@"));
    sqlx::postgres::PgPoolOptions::new().max_connections(4).connect(&url).await.expect("connected")
}

/// The stores of an owner who has migrated, and of a worker with rows alone, in this schema.
async fn owner_and_worker(schema: &str) -> (PgStore, PgStore) {
    let (server, database) = database();
    let (owner, worker) = (format!("owner_{database}"), format!("worker_{database}"));
    let made = format!(
        "create role {owner} login; create role {worker} login; \
         alter database {database} owner to {owner}; alter schema public owner to {owner}"
    );
    server.sql(&database, &made).expect("made");
    let store = async |role: &str| {
        let store = PgStore::new(pool_of(server, &database, role).await);
        if schema == "public" { store } else { store.with_schema(schema.parse().expect("a name")) }
    };
    let (owning, working) = (store(&owner).await, store(&worker).await);
    owning.migrate().await.expect("migrated");
    let rights = RIGHTS.replace("SCHEMA", schema).replace("WORKER", &worker);
    sqlx::raw_sql(AssertSqlSafe(rights)).execute(owning.pool()).await.expect("given");
    (owning, working)
}

#[tokio::test]
async fn f243_a_role_with_rows_alone_polls_gates_and_prunes() {
    for schema in ["public", "its_own"] {
        let (owning, store) = owner_and_worker(schema).await;
        store.migrate().await.expect("nothing is left to do");
        let mut events = store.subscribe().await.expect("it listens");
        let host = HostId::generate();
        let check = make_check(&store, host, "sshd").await;
        assert!(matches!(events.next().await, Some(StoreEvent::CheckStatus { .. })));
        let now = store.now().await.expect("the time");

        // Polls, also for a day that has no partition.
        for second in 0..2 {
            record(&store, ReasonCode::Ok, now - TimeDelta::days(10) + TimeDelta::seconds(second))
                .await;
        }
        record(&store, ReasonCode::Ok, now).await;
        assert_eq!(store.history(host, check.id, None, 9).await.expect("read").results.len(), 3);

        // Gates.
        let gate =
            store.open_gate(fixtures::request(1, host, TimeDelta::hours(1))).await.expect("opened");
        let worker = WorkerId::generate();
        let held = store.claim_gates(worker, 9, LEASE).await.expect("claimed").gates.remove(0);
        assert_eq!(held.record.id, gate.id);
        let fenced = store.settle_gates(worker, vec![step(&held, now)]).await.expect("settled");
        assert!(fenced.is_empty());
        store.release_gates(worker, &[(gate.id, held.token)]).await.expect("released");
        store.host_changes(&[host]).await.expect("read");

        // Keys.
        let ring = KeyRing::new(Key::generate().expect("a key"));
        register_keys(&store, ring, &Actor::system()).await.expect("registered");
        assert!(
            !store.audit_page(&AuditFilter::default(), None, 9).await.expect("read").is_empty()
        );

        // Prunes: gives way to a reader, and comes again.
        let mut reader = owning.pool().begin().await.expect("begun");
        let table = if schema == "public" { "" } else { "its_own." };
        let read = format!("select count(*) from {table}host_health_check_results");
        sqlx::query(AssertSqlSafe(read)).execute(&mut *reader).await.expect("read");
        let waits = store.prune_results(4 * DAY, 5_000, false).await.expect("pruned");
        assert_eq!(waits, PruneOutcome::Done { deleted: 0 });
        record(&store, ReasonCode::Ok, now + TimeDelta::microseconds(1)).await;
        reader.rollback().await.expect("ended");
        let gone = store.prune_results(4 * DAY, 5_000, false).await.expect("pruned");
        assert_eq!(gone, PruneOutcome::Done { deleted: 2 });
        store.prune_gates(90 * DAY, 100, false).await.expect("pruned");
        store.prune_audit(90 * DAY, 100, false).await.expect("pruned");

        // A check that goes takes its results along, for which the worker needs no right of the owner's.
        let entry = fixtures::audit(healthgate::model::AuditAction::HealthCheckDeleted);
        healthgate::store::CheckStore::delete_check(&store, host, check.id, None, entry)
            .await
            .expect("deleted");
        let request = ClaimRequest::new(worker, 9, LEASE);
        assert!(store.claim_hosts(request).await.expect("claimed").hosts.is_empty());
    }
}

/// What the functions do by their owner's rights, nobody gets who has not the rights to the rows.
#[tokio::test]
async fn f243_a_stranger_drops_and_makes_no_partition() {
    let (owning, _) = owner_and_worker("public").await;
    let database: String = sqlx::query_scalar("select current_database()")
        .fetch_one(owning.pool())
        .await
        .expect("read");
    let server = Postgres::shared();
    server.sql(&database, &format!("create role stranger_{database} login")).expect("made");
    let stranger = pool_of(server, &database, &format!("stranger_{database}")).await;
    for call in [
        "select health_drop_partition(inhrelid::regclass::text) from pg_inherits limit 1",
        "select health_make_partitions('2020-01-01', '2020-01-01')",
    ] {
        let refused = sqlx::query(call).execute(&stranger).await.expect_err("refused");
        let code = refused.as_database_error().and_then(sqlx::error::DatabaseError::code);
        assert_eq!(code.as_deref(), Some("42501"), "{call}: {refused}");
    }
    // Nor does a table of the caller's take the place of one of the library's.
    let fooled = "create temp table host_health_check_results (like host_health_checks); \
                  select health_drop_partition('host_health_check_results')";
    assert!(sqlx::raw_sql(fooled).execute(&stranger).await.is_err());
}
