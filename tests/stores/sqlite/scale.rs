//! That lists do not slow down as the tables grow: by SQLite's own count of steps, not by time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use healthgate::{
    model::{HostId, WorkerId},
    store::{
        CheckStore, ClaimRequest, PollQueue, ResultStore,
        sqlite::{SqliteOptions, SqliteStore},
    },
};
use sqlx::{SqlitePool, sqlite::SqlitePoolOptions};
use uuid::Uuid;

use crate::sqlite::support::{Folder, LEASE};

/// Pools whose connections count the instructions of SQLite's virtual machine.
async fn counted(folder: &Folder, steps: &Arc<AtomicU64>) -> SqlitePool {
    let steps = steps.clone();
    SqlitePoolOptions::new()
        .max_connections(1)
        .after_connect(move |connection, _| {
            let steps = steps.clone();
            Box::pin(async move {
                let count = move || {
                    steps.fetch_add(1, Ordering::Relaxed);
                    true
                };
                connection.lock_handle().await?.set_progress_handler(1, count);
                Ok(())
            })
        })
        .connect_with(SqliteOptions::new(folder.file()).connect_options().create_if_missing(true))
        .await
        .unwrap()
}

/// So many hosts with a check each, its state, and four days of its history in 20 results.
const SEED: &str = "
    with recursive n(i) as (select 1 union all select i + 1 from n where i < ?1)
    insert into host_health_checks (id, host_id, name, check_type, url, expected_body, created_at,
        updated_at, revision)
    select randomblob(16), unhex(printf('%032x', i)), 'check ' || i, 'http', 'http://a.example/', '',
        ?2, ?2, 1 from n;
";
const SEED_HISTORY: &str = "
    with recursive n(i) as (select 1 union all select i + 1 from n where i < 20)
    insert into host_health_check_results
    select number, ?1 - i * 17280000000, 1, 'ok', '', 5, 'poll', 0, null, 0
    from host_health_checks, n;
";
const SEED_STATES: &str = "
    insert into health_states
    select number, 'healthy', ?1, 1, 1, 'ok', '', 5, ?1 - 17280000000, 'poll', 0, null, 0
    from host_health_checks;
";
const SEED_SCHEDULE: &str = "
    insert into health_schedule (host_id, due_at, config_seq, lost_leases, token)
    select host_id, ?1, 1, 0, 0 from host_health_checks;
";

struct Sized {
    store: SqliteStore,
    steps: Arc<AtomicU64>,
    _folder: Folder,
}

impl Sized {
    async fn new(hosts: i64) -> Self {
        let (folder, steps) = (Folder::new(), Arc::new(AtomicU64::new(0)));
        let pool = counted(&folder, &steps).await;
        let store = SqliteStore::from_pools(pool.clone(), pool.clone());
        store.migrate().await.unwrap();
        let now = chrono::Utc::now().timestamp_micros();
        sqlx::query(SEED).bind(hosts).bind(now).execute(&pool).await.unwrap();
        for statement in [SEED_HISTORY, SEED_STATES, SEED_SCHEDULE] {
            sqlx::query(statement).bind(now).execute(&pool).await.unwrap();
        }
        Self { store, steps, _folder: folder }
    }

    /// The steps of each operation on a page of 50 hosts.
    async fn measure(&self) -> Vec<(&'static str, u64)> {
        let hosts: Vec<HostId> =
            (1..=50).map(|number| HostId::from_uuid(Uuid::from_u128(number))).collect();
        let store = &self.store;
        let check = store.checks_of(&hosts[..1]).await.unwrap().remove(0);
        let mut measured = Vec::new();
        let mut lap = |name| measured.push((name, self.steps.swap(0, Ordering::Relaxed)));
        lap("before");
        assert_eq!(store.views(&hosts, LEASE).await.unwrap().len(), 50);
        lap("a page of 50 hosts");
        assert_eq!(store.summaries(&hosts, LEASE).await.unwrap().len(), 50);
        lap("summaries of 50 hosts");
        let page = store.history(check.host_id, check.id, None, 10).await.unwrap();
        assert_eq!(page.results.len(), 10);
        lap("a page of history");
        let request = ClaimRequest::new(WorkerId::generate(), 50, LEASE);
        assert_eq!(store.claim_hosts(request).await.unwrap().hosts.len(), 50);
        lap("a claim of 50 hosts");
        let keep = Duration::from_secs(30 * 24 * 3600);
        store.prune_results(keep, 5_000, false).await.unwrap();
        lap("pruning what is not there");
        measured.remove(0);
        measured
    }
}

#[tokio::test]
async fn a_page_costs_the_same_with_a_hundred_hosts_and_with_ten_thousand() {
    let (small, large) = (Sized::new(100).await, Sized::new(10_000).await);
    for ((name, few), (_, many)) in small.measure().await.into_iter().zip(large.measure().await) {
        println!("{name}: {few} steps with 100 hosts, {many} with 10,000");
        assert!(
            few > 0 && many <= few * 2,
            "{name}: {few} steps with 100 hosts, {many} with 10,000"
        );
    }
}
