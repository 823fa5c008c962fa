//! How long a call waits for its turn, and how long it may take (F230).

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use healthgate::{
    model::{AuditAction, HostId},
    store::{
        AuditFilter, AuditLog, Change, CheckStore, Refusal, StoreError,
        sqlite::{SqliteOptions, SqliteStore, SqliteTxHook},
    },
    testing::fixtures::audit,
};
use sqlx::SqliteConnection;
use tokio::sync::{Notify, Semaphore};

use crate::sqlite::support::{Folder, insert};

/// Holds up the changes that it is asked about while it is shut.
#[derive(Debug)]
struct Gatekeeper {
    shut: AtomicBool,
    entered: Notify,
    opened: Semaphore,
}

#[async_trait]
impl SqliteTxHook for Gatekeeper {
    async fn before_commit(&self, _: &mut SqliteConnection, _: &Change<'_>) -> Result<(), Refusal> {
        if self.shut.load(Ordering::Relaxed) {
            self.entered.notify_one();
            let _opened = self.opened.acquire().await;
        }
        Ok(())
    }
}

async fn shut_store(folder: &Folder, patience: Duration) -> (SqliteStore, Arc<Gatekeeper>) {
    let hook = Arc::new(Gatekeeper {
        shut: AtomicBool::new(true),
        entered: Notify::new(),
        opened: Semaphore::new(0),
    });
    let options = SqliteOptions { busy_timeout: patience, ..SqliteOptions::new(folder.file()) };
    let store = SqliteStore::open_with(&options).await.unwrap().with_hook(hook.clone());
    store.migrate().await.unwrap();
    (store, hook)
}

#[tokio::test]
async fn f230_a_writer_waits_for_its_turn_as_long_as_was_promised() {
    let folder = Folder::new();
    let (store, hook) = shut_store(&folder, Duration::from_millis(300)).await;
    let first = tokio::spawn({
        let store = store.clone();
        async move { store.append_audit(audit(AuditAction::GateCancelled)).await }
    });
    hook.entered.notified().await;
    // Whoever comes now waits for it, and not for as long as it takes.
    let since = Instant::now();
    let waiting = (0..5).map(|_| {
        let store = store.clone();
        async move {
            let check = insert(HostId::generate(), "a");
            store.insert_check(check, audit(AuditAction::HealthCheckCreated)).await
        }
    });
    for done in futures_util::future::join_all(waiting).await {
        let error = done.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    }
    assert!(since.elapsed() >= Duration::from_millis(300));
    assert!(!first.is_finished(), "the hook is still at work");
    assert!(store.audit_page(&AuditFilter::default(), None, 9).await.unwrap().is_empty());
    hook.shut.store(false, Ordering::Relaxed);
    hook.opened.close();
    first.await.unwrap().unwrap();
    let check = insert(HostId::generate(), "a");
    store.insert_check(check, audit(AuditAction::HealthCheckCreated)).await.unwrap();
    let page = store.audit_page(&AuditFilter::default(), None, 9).await.unwrap();
    assert_eq!(page.len(), 2, "those that waited in vain have left nothing");
}

#[tokio::test]
async fn f230_a_hook_that_hangs_is_undone_and_gives_its_turn_back() {
    let folder = Folder::new();
    let (store, hook) = shut_store(&folder, Duration::from_secs(20)).await;
    let store = store.with_operation_timeout(Duration::from_millis(300));
    let error = store.append_audit(audit(AuditAction::GateCancelled)).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    hook.shut.store(false, Ordering::Relaxed);
    let store = store.with_operation_timeout(Duration::from_secs(30));
    store.append_audit(audit(AuditAction::GateCancelled)).await.unwrap();
    assert_eq!(store.audit_page(&AuditFilter::default(), None, 9).await.unwrap().len(), 1);
}
