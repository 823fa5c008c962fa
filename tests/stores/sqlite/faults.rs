//! A file that is locked, full or read-only, and callers that go away.

use std::{
    path::{Path, PathBuf},
    pin::pin,
    time::Duration,
};

use futures_util::poll;
use healthgate::{
    model::{AuditAction, GateState, HostId, WorkerId},
    store::{
        AuditFilter, AuditLog, CheckStore, ClaimRequest, GateStore, PollQueue, ResultStore,
        SecretStore, Spend, StoreError,
        sqlite::{SqliteOptions, SqliteStore},
    },
};
use healthgate_testkit::SmallDisk;
use sqlx::{Connection, SqliteConnection, sqlite::SqlitePoolOptions};

use crate::sqlite::support::{
    Folder, LEASE, check, entry, held_gate, open, pass_of, pool, settle_pass,
};

fn unavailable<T: std::fmt::Debug>(answer: &Result<T, StoreError>) {
    assert!(matches!(answer, Err(StoreError::Unavailable { .. })), "{answer:?}");
}

/// F59: a writer that holds the file longer than anybody waits.
#[tokio::test]
async fn f59_a_file_locked_too_long_is_unavailable_and_reads_go_on() {
    let folder = Folder::new();
    let host = HostId::generate();
    check(&folder.store().await, host, "a").await.unwrap();
    let busy_timeout = Duration::from_millis(100);
    let options = SqliteOptions { busy_timeout, ..SqliteOptions::new(folder.file()) };
    let store = SqliteStore::open_with(&options).await.unwrap();
    let mut other = SqliteConnection::connect_with(&options.connect_options()).await.unwrap();
    let lock = other.begin_with("begin immediate").await.unwrap();
    unavailable(&check(&store, host, "b").await);
    assert_eq!(store.checks_of(&[host]).await.unwrap().len(), 1);
    lock.rollback().await.unwrap();
    check(&store, host, "b").await.unwrap();
    assert_eq!(store.checks_of(&[host]).await.unwrap().len(), 2);
}

/// F59: eight writers of four stores, each with connections of its own.
#[tokio::test]
async fn f59_writers_over_several_connections_wait_for_each_other() {
    let folder = Folder::new();
    folder.store().await;
    // Longer than a busy machine takes for all of them: SQLite's turns are not fair.
    let busy_timeout = Duration::from_secs(60);
    let options = SqliteOptions { busy_timeout, ..SqliteOptions::new(folder.file()) };
    let mut stores = Vec::new();
    for _ in 0..4 {
        stores.push(SqliteStore::open_with(&options).await.unwrap());
    }
    let mut writers = tokio::task::JoinSet::new();
    for number in 0..8 {
        let store = stores[number % stores.len()].clone();
        writers.spawn(async move {
            for _ in 0..25 {
                check(&store, HostId::generate(), "a").await.unwrap();
            }
        });
    }
    while let Some(joined) = writers.join_next().await {
        joined.unwrap();
    }
    let request = ClaimRequest::new(WorkerId::generate(), 1_000, LEASE);
    assert_eq!(stores[0].claim_hosts(request).await.unwrap().hosts.len(), 200);
}

/// F54 for a file.
#[tokio::test]
async fn f54_a_file_that_may_only_be_read_refuses_writes_and_is_read() {
    let folder = Folder::new();
    let (host, path) = (HostId::generate(), folder.file());
    check(&folder.store().await, host, "a").await.unwrap();
    let options = SqliteOptions::new(&path).connect_options().pragma("query_only", "on");
    let pool = SqlitePoolOptions::new().max_connections(2).connect_with(options).await.unwrap();
    let store = SqliteStore::from_pools(pool.clone(), pool);
    unavailable(&check(&store, host, "b").await);
    let request = ClaimRequest::new(WorkerId::generate(), 1, LEASE);
    unavailable(&store.claim_hosts(request).await);
    assert_eq!(store.checks_of(&[host]).await.unwrap().len(), 1);
    assert_eq!(store.backlog().await.unwrap().due, 1);
}

/// A disk of 4 MiB for the file of this path. `None`, with a word, where this user may not mount.
fn small_disk() -> Option<(SmallDisk, PathBuf)> {
    match SmallDisk::mount(4_096) {
        Ok(disk) => {
            let file = disk.path().join("health.db");
            Some((disk, file))
        }
        Err(refused) => {
            eprintln!("skipped: a small disk needs the right to mount ({refused})");
            None
        }
    }
}

/// F53: nothing passes on what could not be written, and when there is room again all goes on.
#[tokio::test]
async fn f53_a_full_disk_is_unavailable_and_heals_without_a_restart() {
    let Some((disk, file)) = small_disk() else { return };
    let store = open(&file).await;
    let (host, worker) = (HostId::generate(), WorkerId::generate());
    check(&store, host, "a").await.unwrap();
    let gate = held_gate(&store, worker, host).await;
    disk.fill().unwrap();
    // What the log has room for already may still be written; then nothing is.
    let mut written = 0;
    while store.append_audit(entry(AuditAction::HealthCheckTested)).await.is_ok() {
        written += 1;
        assert!(written < 10_000, "the disk never fills");
    }
    let pass = pass_of(&gate, worker);
    unavailable(&settle_pass(&store, worker, &gate, &pass).await);
    assert!(matches!(store.spend_pass(pass.id).await, Err(_) | Ok(Spend::Refused(_))));
    let stored = store.gate(gate.record.job_id, host).await.unwrap().unwrap();
    assert_eq!((stored.state, stored.pass), (GateState::Waiting, None));

    disk.free().unwrap();
    assert!(settle_pass(&store, worker, &gate, &pass).await.unwrap().is_empty());
    assert!(matches!(store.spend_pass(pass.id).await.unwrap(), Spend::Spent(_)));
    let records = store.audit_page(&AuditFilter::default(), None, 20_000).await.unwrap();
    assert_eq!(records.len(), written + 1, "what was answered is there, and nothing else");
    store.close().await;
}

/// F54: a disk that the system has set to read-only.
#[tokio::test]
async fn f54_a_disk_that_is_read_only_is_told_at_opening() {
    let Some((disk, file)) = small_disk() else { return };
    let host = HostId::generate();
    let store = open(&file).await;
    check(&store, host, "a").await.unwrap();
    store.close().await;
    disk.set_read_only(true).unwrap();
    unavailable(&SqliteStore::open(&file).await);
    disk.set_read_only(false).unwrap();
    let store = SqliteStore::open(&file).await.unwrap();
    assert_eq!(store.checks_of(&[host]).await.unwrap().len(), 1);
    store.close().await;
}

/// Polls a call so many times, and drops it.
async fn abandon<T>(call: impl Future<Output = T>, polls: u64) -> bool {
    let mut call = pin!(call);
    for _ in 0..=polls {
        if poll!(&mut call).is_ready() {
            return false;
        }
        tokio::task::yield_now().await;
    }
    true
}

async fn in_no_transaction(path: &Path, writer: &sqlx::SqlitePool, readers: &sqlx::SqlitePool) {
    for (pool, size) in [(writer, 1), (readers, 3)] {
        let mut all = Vec::new();
        for _ in 0..size {
            all.push(pool.acquire().await.unwrap());
        }
        for connection in &mut all {
            // Fails within an open transaction.
            sqlx::raw_sql("begin; rollback").execute(&mut **connection).await.unwrap();
        }
    }
    let mut other =
        SqliteConnection::connect_with(&SqliteOptions::new(path).connect_options()).await.unwrap();
    sqlx::raw_sql("pragma busy_timeout = 0; begin immediate; rollback")
        .execute(&mut other)
        .await
        .unwrap();
}

/// F57.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f57_a_thousand_abandoned_calls_leave_no_open_transaction() {
    let folder = Folder::new();
    let (path, host) = (folder.file(), HostId::generate());
    let (writer, readers) = (pool(&path, 1).await, pool(&path, 3).await);
    let store = SqliteStore::from_pools(writer.clone(), readers.clone());
    store.migrate().await.unwrap();
    check(&store, host, "first").await.unwrap();
    let worker = WorkerId::generate();
    let mut abandoned = 0;
    for number in 0..1_000_u64 {
        // From "before the first await" to "long after the last".
        let polls = (number * 7919) % 97;
        let request = ClaimRequest::new(worker, 1, LEASE);
        let test = || entry(AuditAction::HealthCheckTested);
        let dropped = match number % 6 {
            0 => abandon(check(&store, HostId::generate(), "a"), polls).await,
            1 => abandon(store.append_audit(test()), polls).await,
            2 => abandon(store.claim_hosts(request), polls).await,
            3 => abandon(store.views(&[host], LEASE), polls).await,
            4 => abandon(store.install_id(), polls).await,
            _ => abandon(store.prune_results(LEASE, 10, false), polls).await,
        };
        abandoned += usize::from(dropped);
    }
    assert!(abandoned > 200, "only {abandoned} calls were abandoned half way");
    // What was begun runs to its end in its turn, and this comes after it.
    store.append_audit(entry(AuditAction::KeyRegistered)).await.unwrap();
    in_no_transaction(&path, &writer, &readers).await;
    let (checks, records): (i64, i64) = sqlx::query_as(
        "select (select count(*) from host_health_checks), (select count(*) from health_audit \
         where record ->> 'action' = 'health_check_created')",
    )
    .fetch_one(&writer)
    .await
    .unwrap();
    assert_eq!(checks, records, "each check has its record");
}
