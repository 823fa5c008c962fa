//! What an application does in a change's own transaction.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join_all;
use healthgate::{
    model::{AuditAction, HostId, JobId},
    store::{
        AuditFilter, AuditLog, Change, CheckStore, GateStore, Refusal, Spend, StoreError,
        postgres::{PgStore, PgTxHook},
    },
    testing::fixtures::{audit, service_check},
};
use sqlx::PgConnection;

use crate::postgres::support::{database, make_check, passed, pool, touch};

fn failed(error: sqlx::Error) -> Refusal {
    Refusal::Failed(error.into())
}

/// Each record holds the hash of the one before. The head is locked, so the chain never forks.
#[derive(Debug)]
struct HashChain;

#[async_trait]
impl PgTxHook for HashChain {
    async fn before_commit(
        &self,
        connection: &mut PgConnection,
        change: &Change<'_>,
    ) -> Result<(), Refusal> {
        let Change::Audited(record) = change else { return Ok(()) };
        let text = serde_json::to_string(record).map_err(|error| Refusal::Failed(error.into()))?;
        sqlx::query(
            "with head as (select hash from chain_head for update), \
             link as (insert into chain (previous, record, hash) \
                      select hash, $1, sha256((encode(hash, 'hex') || $1)::bytea) from head \
                      returning hash) \
             update chain_head set hash = link.hash from link",
        )
        .bind(text)
        .execute(connection)
        .await
        .map_err(failed)?;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_audit_log_of_the_applications_own_is_a_chain_without_a_fork() {
    let (server, database) = database();
    let tables = "create table chain (number bigserial primary key, previous bytea, record text, hash bytea); \
                  create table chain_head (hash bytea not null); insert into chain_head values (sha256(''))";
    server.sql(&database, tables).expect("made");
    let store = PgStore::new(pool(server, &database, 8).await).with_hook(Arc::new(HashChain));
    store.migrate().await.expect("migrated");
    join_all((0..20).map(|_| make_check(&store, HostId::generate(), "sshd"))).await;
    let broken: i64 = sqlx::query_scalar(
        "select count(*) from (select previous, hash, record, lag(hash) over (order by number) as last \
         from chain) links where previous is distinct from coalesce(last, sha256('')) \
         or hash <> sha256((encode(previous, 'hex') || record)::bytea)",
    )
    .fetch_one(store.pool())
    .await
    .expect("read");
    let links: i64 = sqlx::query_scalar("select count(*) from chain")
        .fetch_one(store.pool())
        .await
        .expect("read");
    assert_eq!((links, broken), (20, 0));
}

/// Asks again whether the host still belongs to the operator's group, with its row locked (F120).
#[derive(Debug)]
struct StillAllowed;

#[async_trait]
impl PgTxHook for StillAllowed {
    async fn before_commit(
        &self,
        connection: &mut PgConnection,
        change: &Change<'_>,
    ) -> Result<(), Refusal> {
        let (Change::CheckWritten(check) | Change::CheckDeleted(check)) = change else {
            return Ok(());
        };
        let owned = "select in_group from owned_hosts where id = $1 for update";
        let allowed: Option<bool> = sqlx::query_scalar(owned)
            .bind(check.host_id.as_uuid())
            .fetch_optional(connection)
            .await
            .map_err(failed)?;
        if allowed == Some(true) { Ok(()) } else { Err(Refusal::Forbidden) }
    }
}

/// F120: a host that leaves the group between the question and the write.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f120_a_right_is_asked_again_with_the_host_locked() {
    let (server, database) = database();
    server
        .sql(&database, "create table owned_hosts (id uuid primary key, in_group boolean not null)")
        .expect("made");
    let store = PgStore::new(pool(server, &database, 8).await).with_hook(Arc::new(StillAllowed));
    store.migrate().await.expect("migrated");
    let host = HostId::generate();
    let enter = "insert into owned_hosts values ($1, true)";
    sqlx::query(enter).bind(host.as_uuid()).execute(store.pool()).await.expect("entered");
    let check = make_check(&store, host, "sshd").await;
    // Moving the host holds its row; the edit waits for it, and then sees where the host has gone.
    let mut moving = store.pool().begin().await.expect("begun");
    let leave = "update owned_hosts set in_group = false where id = $1";
    sqlx::query(leave).bind(host.as_uuid()).execute(&mut *moving).await.expect("moved");
    let edit = {
        let (store, update) = (store.clone(), touch(&check));
        tokio::spawn(async move {
            store.update_check(update, audit(AuditAction::HealthCheckUpdated)).await
        })
    };
    let waiting = "select exists (select from pg_stat_activity where wait_event_type = 'Lock' \
                   and datname = current_database() and query like '%owned_hosts%')";
    crate::postgres::support::until(store.pool(), waiting).await;
    moving.commit().await.expect("committed");
    let refused = edit.await.expect("no panic");
    assert!(matches!(refused, Err(StoreError::Refused(Refusal::Forbidden))), "{refused:?}");
    assert_eq!(store.check(host, check.id).await.expect("read"), Some(check));
    let insert = service_check(healthgate::model::CheckId::generate(), HostId::generate(), "sshd");
    let foreign = store.insert_check(insert, audit(AuditAction::HealthCheckCreated)).await;
    assert!(matches!(foreign, Err(StoreError::Refused(Refusal::Forbidden))));
}

/// Moves the application's job row where a pass is spent.
#[derive(Debug)]
struct JobRow;

#[async_trait]
impl PgTxHook for JobRow {
    async fn before_commit(
        &self,
        connection: &mut PgConnection,
        change: &Change<'_>,
    ) -> Result<(), Refusal> {
        let Change::PassSpent(gate) = change else { return Ok(()) };
        let start = "update jobs set status = 'running', started = started + 1 \
                     where id = $1 and status = 'queued'";
        let moved = sqlx::query(start).bind(gate.job_id.as_uuid()).execute(connection).await;
        match moved.map_err(failed)?.rows_affected() {
            1 => Ok(()),
            _ => Err(Refusal::StateMoved),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_row_moves_in_the_transaction_of_the_pass() {
    let (server, database) = database();
    server
        .sql(
            &database,
            "create table jobs (id uuid primary key, status text, started int default 0)",
        )
        .expect("made");
    let store = PgStore::new(pool(server, &database, 8).await).with_hook(Arc::new(JobRow));
    store.migrate().await.expect("migrated");
    let (queued, gone) = (JobId::generate(), JobId::generate());
    let enter = "insert into jobs values ($1, 'queued'), ($2, 'cancelled')";
    sqlx::query(enter)
        .bind(queued.as_uuid())
        .bind(gone.as_uuid())
        .execute(store.pool())
        .await
        .expect("entered");
    let pass = passed(&store, queued).await;
    let spends = join_all((0..100).map(|_| store.spend_pass(pass.id))).await;
    let spent = spends.into_iter().filter(|spend| matches!(spend, Ok(Spend::Spent(_)))).count();
    let started: i32 = sqlx::query_scalar("select started from jobs where id = $1")
        .bind(queued.as_uuid())
        .fetch_one(store.pool())
        .await
        .expect("read");
    assert_eq!((spent, started), (1, 1));
    let pass = passed(&store, gone).await;
    let refused = store.spend_pass(pass.id).await;
    assert!(matches!(refused, Err(StoreError::Refused(Refusal::StateMoved))), "{refused:?}");
    let gate = store.gate(gone, pass.host_id).await.expect("read").expect("there");
    assert_eq!(gate.state, healthgate::model::GateState::Passed, "it is not spent");
}

/// A change of the application's own tables and its record are one, also where the store has a schema
/// of its own, which the rest of the transaction does not look in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_in_a_transaction_of_the_applications_own_goes_with_it() {
    for schema in [None, Some("health")] {
        let (server, database) = database();
        server.sql(&database, "create table windows (name text)").expect("made");
        let mut store = PgStore::new(pool(server, &database, 4).await);
        if let Some(schema) = schema {
            store = store.with_schema(schema.parse().expect("a name"));
        }
        store.migrate().await.expect("migrated");
        for commits in [false, true] {
            let mut transaction = store.pool().begin().await.expect("begun");
            let entry = audit(AuditAction::WindowCreated);
            let record = store.append_audit_in(&mut transaction, &entry).await.expect("written");
            sqlx::query("insert into windows values ('nightly')")
                .execute(&mut *transaction)
                .await
                .expect("the application's tables are found as before");
            let path: String = sqlx::query_scalar("select current_setting('search_path')")
                .fetch_one(&mut *transaction)
                .await
                .expect("read");
            assert!(!path.contains("health"), "{path}");
            if commits {
                transaction.commit().await.expect("committed");
            } else {
                transaction.rollback().await.expect("undone");
            }
            let filter = AuditFilter::default();
            let records = store.audit_page(&filter, None, 10).await.expect("read");
            assert_eq!(records, if commits { vec![record] } else { Vec::new() });
            let windows: i64 = sqlx::query_scalar("select count(*) from windows")
                .fetch_one(store.pool())
                .await
                .expect("read");
            assert_eq!(windows, i64::from(commits));
        }
    }
}
