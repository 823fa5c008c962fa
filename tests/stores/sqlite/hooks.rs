//! The application's part of a change, in the same transaction.

use std::sync::Arc;

use async_trait::async_trait;
use healthgate::{
    model::{AuditAction, GateState, HostId, WorkerId},
    store::{
        AuditFilter, AuditLog, Change, CheckStore, CheckUpdate, FirstRun, GateStore, Refusal,
        SecretChange, Spend, StoreError,
        sqlite::{SqliteStore, SqliteTxHook},
    },
};
use sha2::{Digest, Sha256};
use sqlx::{SqliteConnection, SqlitePool};

use crate::sqlite::support::{Folder, check, entry, held_gate, pass_of, pool, settle_pass};

/// An application with tables of its own in the same file: an audit log in which each record is
/// chained to the one before by its hash, rights by host, and jobs.
#[derive(Debug)]
struct Application;

const TABLES: &str = "
    create table app_audit (number integer primary key, record text not null, hash blob not null);
    create table app_rights (host blob primary key);
    create table app_jobs (job blob, host blob, state text not null, primary key (job, host));
";

fn link(previous: &[u8], record: &str) -> Vec<u8> {
    Sha256::new().chain_update(previous).chain_update(record).finalize().to_vec()
}

impl Application {
    async fn change(
        connection: &mut SqliteConnection,
        change: &Change<'_>,
    ) -> Result<Option<Refusal>, sqlx::Error> {
        match change {
            Change::Audited(record) => {
                let last = "select hash from app_audit order by number desc limit 1";
                let previous: Option<Vec<u8>> =
                    sqlx::query_scalar(last).fetch_optional(&mut *connection).await?;
                let record = serde_json::to_string(record).expect("it serialises");
                sqlx::query("insert into app_audit (record, hash) values (?, ?)")
                    .bind(&record)
                    .bind(link(&previous.unwrap_or_default(), &record))
                    .execute(connection)
                    .await?;
                Ok(None)
            }
            Change::CheckWritten(check) | Change::CheckDeleted(check) => {
                let right: Option<i64> =
                    sqlx::query_scalar("select 1 from app_rights where host = ?")
                        .bind(check.host_id.as_uuid())
                        .fetch_optional(connection)
                        .await?;
                Ok(right.is_none().then_some(Refusal::Forbidden))
            }
            Change::PassSpent(gate) => {
                let moved = sqlx::query(
                    "update app_jobs set state = 'dispatched' \
                     where job = ? and host = ? and state = 'waiting'",
                )
                .bind(gate.job_id.as_uuid())
                .bind(gate.host_id.as_uuid())
                .execute(connection)
                .await?;
                Ok((moved.rows_affected() != 1).then_some(Refusal::StateMoved))
            }
            _ => Ok(None),
        }
    }
}

#[async_trait]
impl SqliteTxHook for Application {
    async fn before_commit(
        &self,
        connection: &mut SqliteConnection,
        change: &Change<'_>,
    ) -> Result<(), Refusal> {
        match Self::change(connection, change).await {
            Ok(None) => Ok(()),
            Ok(Some(refusal)) => Err(refusal),
            Err(error) => Err(Refusal::Failed(error.into())),
        }
    }
}

/// The store over the application's own pool, and that pool.
async fn application(folder: &Folder) -> (SqliteStore, SqlitePool) {
    let writer = pool(&folder.file(), 1).await;
    let readers = pool(&folder.file(), 2).await;
    let store = SqliteStore::from_pools(writer.clone(), readers).with_hook(Arc::new(Application));
    store.migrate().await.unwrap();
    sqlx::raw_sql(TABLES).execute(&writer).await.unwrap();
    (store, writer)
}

async fn allow(pool: &SqlitePool, host: HostId) {
    let statement = "insert into app_rights (host) values (?)";
    sqlx::query(statement).bind(host.as_uuid()).execute(pool).await.unwrap();
}

#[tokio::test]
async fn a_hash_chained_audit_log_has_every_record_and_nothing_that_did_not_happen() {
    let folder = Folder::new();
    let (store, pool) = application(&folder).await;
    let (host, foreign) = (HostId::generate(), HostId::generate());
    allow(&pool, host).await;
    let first = check(&store, host, "a").await.unwrap();
    check(&store, host, "b").await.unwrap();
    let refused = check(&store, foreign, "c").await;
    assert!(matches!(refused, Err(StoreError::Refused(Refusal::Forbidden))));
    let deleted = entry(AuditAction::HealthCheckDeleted);
    store.delete_check(host, first.id, Some(first.revision), deleted).await.unwrap();
    store.append_audit(entry(AuditAction::HealthCheckTested)).await.unwrap();

    let chain: Vec<(String, Vec<u8>)> =
        sqlx::query_as("select record, hash from app_audit order by number")
            .fetch_all(&pool)
            .await
            .unwrap();
    let mut previous = Vec::new();
    for (record, hash) in &chain {
        assert_eq!(*hash, link(&previous, record));
        previous.clone_from(hash);
    }
    let own = store.audit_page(&AuditFilter::default(), None, 100).await.unwrap();
    let own: Vec<_> =
        own.iter().rev().map(|record| serde_json::to_string(record).unwrap()).collect();
    let chained: Vec<_> = chain.into_iter().map(|(record, _)| record).collect();
    assert_eq!((own.len(), own), (4, chained));
}

/// F120: between the caller's question and the write.
#[tokio::test]
async fn f120_a_right_that_was_taken_away_meanwhile_refuses_the_write() {
    let folder = Folder::new();
    let (store, pool) = application(&folder).await;
    let host = HostId::generate();
    allow(&pool, host).await;
    let before = check(&store, host, "a").await.unwrap();
    sqlx::query("delete from app_rights").execute(&pool).await.unwrap();
    let update = CheckUpdate {
        id: before.id,
        host_id: host,
        expected_revision: before.revision,
        definition: before.definition.clone(),
        secret: SecretChange::Keep,
        first_run: FirstRun::AtOnce,
    };
    let updated = store.update_check(update, entry(AuditAction::HealthCheckUpdated)).await;
    assert!(matches!(updated, Err(StoreError::Refused(Refusal::Forbidden))));
    let deleted = entry(AuditAction::HealthCheckDeleted);
    let deleted = store.delete_check(host, before.id, None, deleted).await;
    assert!(matches!(deleted, Err(StoreError::Refused(Refusal::Forbidden))));
    assert_eq!(store.check(host, before.id).await.unwrap(), Some(before));
    let records = store.audit_page(&AuditFilter::default(), None, 100).await.unwrap();
    assert_eq!(records.len(), 1, "only the creation has happened");
}

#[tokio::test]
async fn a_job_moves_with_its_pass_or_neither_does() {
    let folder = Folder::new();
    let (store, pool) = application(&folder).await;
    let (host, worker) = (HostId::generate(), WorkerId::generate());
    let gate = held_gate(&store, worker, host).await;
    let job = gate.record.job_id;
    let pass = pass_of(&gate, worker);
    assert!(settle_pass(&store, worker, &gate, &pass).await.unwrap().is_empty());

    // The application has no such job that waits: the pass stays.
    let refused = store.spend_pass(pass.id).await;
    assert!(matches!(refused, Err(StoreError::Refused(Refusal::StateMoved))));
    let stored = store.gate(job, host).await.unwrap().unwrap();
    assert_eq!((stored.state, stored.ended_at), (GateState::Passed, None));

    sqlx::query("insert into app_jobs values (?, ?, 'waiting')")
        .bind(job.as_uuid())
        .bind(host.as_uuid())
        .execute(&pool)
        .await
        .unwrap();
    assert!(matches!(store.spend_pass(pass.id).await.unwrap(), Spend::Spent(_)));
    assert!(matches!(store.spend_pass(pass.id).await.unwrap(), Spend::Refused(_)));
    let state: String =
        sqlx::query_scalar("select state from app_jobs").fetch_one(&pool).await.unwrap();
    assert_eq!(state, "dispatched");
    assert_eq!(store.gate(job, host).await.unwrap().unwrap().state, GateState::Spent);
}

/// A change of the application's own tables and its record are one: both are there or neither is.
#[tokio::test]
async fn a_record_in_a_transaction_of_the_applications_own_goes_with_it() {
    let folder = Folder::new();
    let (store, pool) = application(&folder).await;
    for commits in [false, true] {
        let mut transaction = pool.begin_with("begin immediate").await.unwrap();
        allow_in(&mut transaction, HostId::generate()).await;
        let entry = entry(AuditAction::WindowCreated);
        let record = store.append_audit_in(&mut transaction, &entry).await.unwrap();
        if commits {
            transaction.commit().await.unwrap();
        } else {
            transaction.rollback().await.unwrap();
        }
        let records = store.audit_page(&AuditFilter::default(), None, 100).await.unwrap();
        assert_eq!(records, if commits { vec![record] } else { Vec::new() });
        let counts = "select (select count(*) from app_rights), (select count(*) from app_audit)";
        let counts: (i64, i64) = sqlx::query_as(counts).fetch_one(&pool).await.unwrap();
        assert_eq!(counts, (i64::from(commits), i64::from(commits)), "the hook was asked too");
    }
}

async fn allow_in(connection: &mut SqliteConnection, host: HostId) {
    let statement = "insert into app_rights (host) values (?)";
    sqlx::query(statement).bind(host.as_uuid()).execute(connection).await.unwrap();
}
