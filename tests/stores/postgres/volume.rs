//! Many workers and many claims.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use healthgate::{
    model::{HostId, WorkerId},
    store::{ClaimRequest, PollQueue, StoreBase, postgres::PgStore},
};

use crate::postgres::support::{LEASE, claim, completion, database, long, pool};

/// Hosts with one check each, and their schedule, made by the database itself.
pub(crate) async fn make_hosts(store: &PgStore, hosts: i64) {
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
        "insert into host_health_checks (host_id, name, check_type, service_name) \
         select gen_random_uuid(), 'sshd', 'service', 'sshd' from generate_series(1, {hosts}); \
         insert into health_schedule (host_id, next_due) \
         select host_id, now() from host_health_checks; analyze"
    )))
    .execute(store.pool())
    .await
    .expect("made");
}

/// F67: eight workers claim a great many times, and no two hold one host at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f67_eight_workers_claim_without_a_double() {
    let (hosts, wanted) = if long() { (20_000, 1_000_000) } else { (5_000, 100_000) };
    let (server, database) = database();
    let store = PgStore::new(pool(server, &database, 10).await);
    store.migrate().await.expect("migrated");
    make_hosts(&store, hosts).await;
    let held: Arc<Mutex<HashMap<HostId, WorkerId>>> = Arc::default();
    let counted = Arc::new(AtomicU64::new(0));
    let workers = (0..8).map(|_| {
        let (store, held, counted) = (store.clone(), held.clone(), counted.clone());
        tokio::spawn(async move {
            let worker = WorkerId::generate();
            let (mut doubles, mut tokens) = (0, Vec::new());
            while counted.load(Ordering::Relaxed) < wanted {
                let request = ClaimRequest::new(worker, 200, LEASE);
                let claims = store.claim_hosts(request).await.expect("claimed");
                {
                    let mut held = held.lock().expect("no panic");
                    for claim in &claims.hosts {
                        doubles += usize::from(held.insert(claim.host_id, worker).is_some());
                        tokens.push(claim.token);
                    }
                }
                let number = u64::try_from(claims.hosts.len()).expect("few");
                counted.fetch_add(number, Ordering::Relaxed);
                let batch = claims.hosts.iter().map(|claim| {
                    let mut done = completion(claim, claims.now, claims.now);
                    done.results.clear();
                    done
                });
                let batch: Vec<_> = batch.collect();
                // Free for others only from the completion on.
                {
                    let mut held = held.lock().expect("no panic");
                    for done in &batch {
                        held.remove(&done.host_id);
                    }
                }
                let done = store.complete_hosts(worker, batch).await.expect("completed");
                assert!(done.fenced.is_empty());
            }
            (doubles, tokens)
        })
    });
    let (mut doubles, mut tokens) = (0, Vec::new());
    for worker in join_all(workers).await {
        let (of_worker, seen) = worker.expect("no panic");
        doubles += of_worker;
        tokens.extend(seen);
    }
    let claims = tokens.len();
    tokens.sort_unstable();
    tokens.dedup();
    assert_eq!((doubles, tokens.len()), (0, claims), "no token was given twice");
    assert!(u64::try_from(claims).expect("few") >= wanted);
}

/// F65: a write of hours ago is refused, also after the host was claimed very often since.
#[tokio::test]
async fn f65_a_zombie_is_refused_after_many_claims() {
    let store = crate::postgres::support::store().await;
    let host = HostId::generate();
    crate::postgres::support::make_check(&store, host, "sshd").await;
    let zombie = WorkerId::generate();
    let request = ClaimRequest::new(zombie, 1, Duration::from_millis(1));
    let old = store.claim_hosts(request).await.expect("claimed").hosts.remove(0);
    tokio::time::sleep(Duration::from_millis(5)).await;
    for _ in 0..if long() { 1_000 } else { 100 } {
        let worker = WorkerId::generate();
        let held = claim(&store, worker, 1).await.remove(0);
        assert!(held.token > old.token);
        let now = store.now().await.expect("the time");
        store.complete_hosts(worker, vec![completion(&held, now, now)]).await.expect("completed");
    }
    let results = "select count(*) from host_health_check_results";
    let before: i64 = sqlx::query_scalar(results).fetch_one(store.pool()).await.expect("read");
    let now = store.now().await.expect("the time");
    let late =
        store.complete_hosts(zombie, vec![completion(&old, now, now)]).await.expect("answered");
    assert_eq!(late.fenced, [host]);
    let after: i64 = sqlx::query_scalar(results).fetch_one(store.pool()).await.expect("read");
    assert_eq!(before, after);
}
