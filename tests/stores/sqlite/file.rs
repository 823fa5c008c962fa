//! The file: who may read it, how it is migrated, and what a crash leaves of it.

use std::{
    error::Error as _,
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    pin::pin,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use healthgate::{
    model::{AuditAction, AuditEntry, HostId, WorkerId},
    store::{
        AuditFilter, AuditLog, CheckStore, ClaimRequest, PollQueue, SecretStore, StoreBase,
        StoreError, StoreEvent,
        sqlite::{MigrateError, SCHEMA_VERSION, SqliteStore},
    },
};

use crate::sqlite::support::{Folder, LEASE, check, entry, open, pool};

#[tokio::test]
async fn the_file_and_its_companions_are_for_their_owner_alone() {
    let folder = Folder::new();
    let store = folder.store().await;
    check(&store, HostId::generate(), "a").await.unwrap();
    let mut seen = Vec::new();
    for file in fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        seen.push((file.file_name().into_string().unwrap(), mode));
    }
    seen.sort();
    let expected = ["health.db", "health.db-shm", "health.db-wal"].map(|name| (name.into(), 0o600));
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn f63_sixteen_starters_at_once_migrate_once() {
    let folder = Folder::new();
    let path = folder.file();
    let start = async || {
        let store = SqliteStore::open(&path).await.unwrap();
        store.migrate().await.unwrap();
        store.migrate().await.unwrap();
        check(&store, HostId::generate(), "a").await.unwrap();
        store.close().await;
    };
    join_all((0..16).map(|_| start())).await;
    let pool = pool(&path, 1).await;
    let versions: Vec<i64> = sqlx::query_scalar("select version from health_schema_versions")
        .fetch_all(&pool)
        .await
        .unwrap();
    assert_eq!(versions, (1..=SCHEMA_VERSION).collect::<Vec<_>>());
    let checks: i64 = sqlx::query_scalar("select count(*) from host_health_checks")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(checks, 16);
}

#[tokio::test]
async fn f63_a_newer_schema_is_refused_at_start_and_by_every_claim() {
    let folder = Folder::new();
    let store = folder.store().await;
    check(&store, HostId::generate(), "a").await.unwrap();
    let newer = "insert into health_schema_versions (version) values (99)";
    sqlx::query(newer).execute(&pool(&folder.file(), 1).await).await.unwrap();

    let at_start = SqliteStore::open(folder.file()).await.unwrap().migrate().await;
    assert!(matches!(at_start, Err(MigrateError::Newer { found: 99, known: SCHEMA_VERSION })));
    let request = ClaimRequest::new(WorkerId::generate(), 1, LEASE);
    let claim = store.claim_hosts(request).await.unwrap_err();
    let source = claim.source().and_then(|source| source.downcast_ref::<MigrateError>());
    assert!(matches!(source, Some(MigrateError::Newer { found: 99, .. })), "{claim:?}");
    assert_eq!(store.backlog().await.unwrap().due, 1, "the host was not taken");
}

#[tokio::test]
async fn what_is_no_database_is_called_corrupt() {
    let folder = Folder::new();
    fs::write(folder.file(), "a letter to the editor\n".repeat(1_000)).unwrap();
    let opened = SqliteStore::open(folder.file()).await;
    assert!(matches!(opened, Err(StoreError::Corrupt { .. })), "{opened:?}");
}

fn numbered(number: usize) -> AuditEntry {
    AuditEntry { reason: Some(number.to_string()), ..entry(AuditAction::HealthCheckTested) }
}

/// The numbers that a copy of the files holds, oldest first, once it has been found sound.
async fn read_copy(path: &Path) -> Vec<usize> {
    let store = SqliteStore::open(path).await.unwrap();
    let pool = pool(path, 1).await;
    let sound: String =
        sqlx::query_scalar("pragma integrity_check").fetch_one(&pool).await.unwrap();
    assert_eq!(sound, "ok");
    let records = store.audit_page(&AuditFilter::default(), None, 10_000).await.unwrap();
    let number = |reason: &Option<String>| reason.as_ref().unwrap().parse().unwrap();
    records.iter().rev().map(|record| number(&record.reason)).collect()
}

/// F60: what was answered is in the files; and where the log is cut at any byte, as by a loss of
/// power in the middle of a write, the file opens and holds the writes before, without a gap.
#[tokio::test]
async fn f60_a_copy_at_any_moment_opens_with_every_answered_write() {
    let folder = Folder::new();
    let store = folder.store().await;
    // A fixed sequence, so that every run is the same.
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut cuts_lost_something = 0;
    for number in 0..40 {
        store.append_audit(numbered(number)).await.unwrap();
        let copy = Folder::new();
        fs::copy(folder.file(), copy.file()).unwrap();
        let log = fs::read(folder.path().join("health.db-wal")).unwrap();
        fs::write(copy.path().join("health.db-wal"), &log).unwrap();
        assert_eq!(read_copy(&copy.file()).await, (0..=number).collect::<Vec<_>>());

        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        // The migration's own frames come first; a cut there would leave no schema to ask.
        let migrated = log.len() * 9 / 10;
        let cut = migrated + random as usize % (log.len() - migrated);
        let copy = Folder::new();
        fs::copy(folder.file(), copy.file()).unwrap();
        fs::write(copy.path().join("health.db-wal"), &log[..cut]).unwrap();
        if sqlx::query("select 1 from health_audit")
            .execute(&pool(&copy.file(), 1).await)
            .await
            .is_ok()
        {
            let kept = read_copy(&copy.file()).await;
            assert_eq!(kept, (0..kept.len()).collect::<Vec<_>>(), "cut at {cut} of {}", log.len());
            cuts_lost_something += usize::from(kept.len() <= number);
        }
    }
    assert!(cuts_lost_something > 20, "only {cuts_lost_something} cuts were inside a write");
}

/// A back-up made by `VACUUM INTO` while others write opens and goes on, leases and all.
#[tokio::test]
async fn a_backup_made_in_the_middle_of_writing_goes_on() {
    let folder = Folder::new();
    let store = folder.store().await;
    store.install_id().await.unwrap();
    let writing = store.clone();
    let writer = tokio::spawn(async move {
        for number in 0..200 {
            check(&writing, HostId::generate(), "a").await.unwrap();
            writing.append_audit(numbered(number)).await.unwrap();
        }
    });
    let copy = folder.path().join("backup.db");
    // Not before something is there to be copied.
    while store.backlog().await.unwrap().due < 20 {
        tokio::task::yield_now().await;
    }
    sqlx::query("vacuum into ?")
        .bind(copy.to_str())
        .execute(&pool(&folder.file(), 1).await)
        .await
        .unwrap();
    writer.await.unwrap();
    let copy = open(&copy).await;
    let due = copy.backlog().await.unwrap().due;
    assert!((20..=200).contains(&due), "{due}");
    let request = ClaimRequest::new(WorkerId::generate(), 1_000, LEASE);
    let claimed = copy.claim_hosts(request).await.unwrap().hosts;
    assert_eq!(u64::try_from(claimed.len()).unwrap(), due);
    assert!(claimed.iter().all(|held| held.checks.len() == 1), "a host without its check");
    assert_eq!(copy.install_id().await.unwrap(), store.install_id().await.unwrap());
}

/// What another process writes on the same file is seen, and the store's own writes are not taken
/// for another's.
#[tokio::test]
async fn f61_another_process_on_the_file_shows_as_a_resync() {
    let folder = Folder::new();
    let (ours, theirs) = (folder.store().await, open(&folder.file()).await);
    let mut feed = ours.subscribe().await.unwrap();
    let host = HostId::generate();
    let own = check(&ours, host, "a").await.unwrap();
    let soon = Duration::from_secs(30);
    let next = tokio::time::timeout(soon, feed.next()).await.unwrap();
    assert_eq!(next, Some(StoreEvent::of_change(host, own.id)));
    check(&theirs, host, "b").await.unwrap();
    let next = tokio::time::timeout(soon, feed.next()).await.unwrap();
    assert_eq!(next, Some(StoreEvent::Resync));
    assert_eq!(ours.checks_of(&[host]).await.unwrap().len(), 2);
}

/// A reader of the feed that is busy elsewhere holds up nobody, not even where it was left in the
/// middle of looking for other processes' writes.
#[tokio::test]
async fn a_feed_that_is_left_lying_holds_up_no_write() {
    let folder = Folder::new();
    let store = folder.store().await;
    let mut feed = store.subscribe().await.unwrap();
    // Past the next look, which is begun and never followed to its end.
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(1_500) {
        assert!(futures_util::poll!(pin!(feed.next())).is_pending());
        let write = store.append_audit(entry(AuditAction::KeyRegistered));
        let written = tokio::time::timeout(Duration::from_secs(20), write).await;
        written.expect("a write waits for a reader of the feed").unwrap();
    }
}
