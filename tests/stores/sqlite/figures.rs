//! How fast the file is; a program to read, not a test that fails:
//! `cargo test --release --features sqlite,testing --test stores sqlite::figures -- --ignored --nocapture`

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use healthgate::{
    model::{HostId, ReasonCode, WorkerId},
    store::{
        ClaimRequest, HostClaim, HostCompletion, PollQueue, ResultStore, StoreBase,
        sqlite::SqliteStore,
    },
    testing::fixtures,
};
use uuid::Uuid;

use crate::sqlite::support::{Folder, LEASE, pool};

const HOSTS: usize = 10_000;
const CHECKS: usize = 5;

/// All hosts with their checks, due now.
const SEED: &str = "
    with recursive n(i) as (select 0 union all select i + 1 from n where i < 49999)
    insert into host_health_checks (id, host_id, name, check_type, url, expected_body, created_at,
        updated_at, revision)
    select randomblob(16), unhex(printf('%032x', i / 5)), 'check ' || i, 'http',
        'http://a.example/', '', 1, 1, 1 from n;
    insert into health_schedule (host_id, due_at, config_seq, lost_leases, token)
    select distinct host_id, 1, 1, 0, 0 from host_health_checks;
";

async fn claim(store: &SqliteStore, worker: WorkerId, limit: u32) -> Vec<HostClaim> {
    let request = ClaimRequest::new(worker, limit, LEASE * 60);
    store.claim_hosts(request).await.unwrap().hosts
}

async fn complete(store: &SqliteStore, worker: WorkerId, claims: &[HostClaim]) {
    let now = store.now().await.unwrap();
    let done = |held: &HostClaim| {
        HostCompletion::new(
            held,
            now + TimeDelta::hours(1),
            held.checks.iter().map(|check| fixtures::result(check, ReasonCode::Ok, now)).collect(),
        )
    };
    let completed = store.complete_hosts(worker, claims.iter().map(done).collect()).await.unwrap();
    assert_eq!((completed.fenced.len(), completed.dropped), (0, 0));
}

fn per_second(count: usize, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

#[tokio::test]
#[ignore = "measures"]
async fn figures() {
    let folder = Folder::new();
    let store = folder.store().await;
    sqlx::raw_sql(SEED).execute(&pool(&folder.file(), 1).await).await.unwrap();
    let worker = WorkerId::generate();

    let started = Instant::now();
    let mut claims = Vec::new();
    while claims.len() < HOSTS {
        claims.extend(claim(&store, worker, 200).await);
    }
    let rate = per_second(HOSTS, started.elapsed());
    println!("claims, 200 hosts with 5 checks a block: {rate:.0} hosts/s");

    let (single, batched) = claims.split_at(200);
    let started = Instant::now();
    for held in single {
        complete(&store, worker, std::slice::from_ref(held)).await;
    }
    let rate = per_second(single.len(), started.elapsed());
    println!("results, one host a call: {rate:.0} calls/s, {:.0} results/s", rate * CHECKS as f64);
    let started = Instant::now();
    for block in batched.chunks(200) {
        complete(&store, worker, block).await;
    }
    let rate = per_second(batched.len() * CHECKS, started.elapsed());
    println!("results, 200 hosts a call: {rate:.0} results/s");

    for count in [1, 50, HOSTS] {
        let hosts: Vec<HostId> =
            (0..count).map(|host| HostId::from_uuid(Uuid::from_u128(host as u128))).collect();
        let mut laps = Vec::new();
        for _ in 0..11 {
            let started = Instant::now();
            assert_eq!(store.views(&hosts, LEASE).await.unwrap().len(), count * CHECKS);
            laps.push(started.elapsed());
        }
        laps.sort();
        println!("latest state of {count} hosts with 5 checks: {:?} (median of 11)", laps[5]);
        let started = Instant::now();
        assert_eq!(store.summaries(&hosts, LEASE).await.unwrap().len(), count);
        println!("summaries of {count} hosts: {:?}", started.elapsed());
    }
}
