//! Hosts that the application deletes, many with one statement, beside all that workers and editors do (F229).

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use healthgate::{
    model::{AuditAction, CheckId, HealthCheck, HostId, ReasonCode, WorkerId},
    store::{
        CheckStore, ClaimRequest, Claims, HostCompletion, HostRelease, PollQueue, ResultStore,
        postgres::PgStore,
    },
    testing::fixtures::{audit, result, service_check},
};
use sqlx::{PgPool, Row};
use uuid::Uuid;

use crate::postgres::support::{LEASE, Random, database, long, make_check, pool, record, touch};

impl Random {
    fn shuffle<T>(&mut self, values: &mut [T]) {
        for place in (1..values.len()).rev() {
            let other = self.below(u64::try_from(place + 1).expect("few"));
            values.swap(place, usize::try_from(other).expect("few"));
        }
    }

    /// Lets others go first, for a while.
    async fn pause(turns: u64) {
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
    }
}

/// Five hosts of two checks each, in the order in which they are entered.
async fn enter(pool: &PgPool, store: &PgStore) -> (Vec<HostId>, Vec<HealthCheck>) {
    let hosts: Vec<HostId> = (0..5).map(|_| HostId::from_uuid(Uuid::new_v4())).collect();
    let ids: Vec<Uuid> = hosts.iter().map(HostId::as_uuid).collect();
    for statement in [
        "insert into hosts select unnest($1::uuid[])",
        "insert into host_health_checks (host_id, name, check_type, service_name) \
         select host, name, 'service', name from unnest($1::uuid[]) host, unnest(array['a', 'b']) name",
        "insert into health_schedule (host_id, next_due) select unnest($1::uuid[]), now()",
    ] {
        sqlx::query(statement).bind(&ids).execute(pool).await.expect("entered");
    }
    let checks = store.checks_of(&hosts).await.expect("read");
    (hosts, checks)
}

/// One round: a statement deletes four of five hosts, while a worker ends runs of all of them or hands them back, and
/// editors change, remove and add checks.
async fn round(seed: u64, pool: &PgPool, store: &PgStore) {
    let mut random = Random(seed);
    let (mut hosts, mut checks) = enter(pool, store).await;
    random.shuffle(&mut checks);
    let worker = WorkerId::generate();
    let request = ClaimRequest::new(worker, 9, LEASE).with_named(hosts.clone());
    let claims: Claims = store.claim_hosts(request).await.expect("claimed");
    let pauses: Vec<u64> = (0..5).map(|_| random.below(40)).collect();
    let hands_back = random.below(3) == 0;
    random.shuffle(&mut hosts);
    let going: Vec<Uuid> = hosts.iter().skip(1).map(HostId::as_uuid).collect();

    let delete = async {
        Random::pause(pauses[0]).await;
        sqlx::query("delete from hosts where id = any($1)").bind(&going).execute(pool).await
    };
    let end_runs = async {
        Random::pause(pauses[1]).await;
        if hands_back {
            let back =
                claims.hosts.iter().map(|claim| HostRelease::new(claim.host_id, claim.token));
            return store.release_hosts(worker, back.collect()).await;
        }
        let batch = claims.hosts.iter().map(|claim| {
            let of = |check| result(check, ReasonCode::Ok, claims.now);
            HostCompletion::new(claim, claims.now, claim.checks.iter().map(of).collect())
        });
        store.complete_hosts(worker, batch.collect()).await.map(drop)
    };
    let edit = async {
        Random::pause(pauses[2]).await;
        let entry = audit(AuditAction::HealthCheckUpdated);
        store.update_check(touch(&checks[0]), entry).await.map(drop)
    };
    let remove = async {
        Random::pause(pauses[3]).await;
        let entry = audit(AuditAction::HealthCheckDeleted);
        store.delete_check(checks[1].host_id, checks[1].id, None, entry).await
    };
    let add = async {
        Random::pause(pauses[4]).await;
        let check = service_check(CheckId::generate(), checks[2].host_id, "c");
        store.insert_check(check, audit(AuditAction::HealthCheckCreated)).await.map(drop)
    };
    let (deleted, ..) = tokio::join!(delete, end_runs, edit, remove, add);
    let deleted = deleted.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    assert_eq!(deleted.rows_affected(), 4, "seed {seed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f229_one_statement_deletes_many_hosts_without_a_deadlock() {
    let (server, database) = database();
    // A deadlock is found at once, and costs the test little time.
    let quick = format!("alter database {database} set deadlock_timeout = '10ms'");
    server.sql("postgres", &quick).expect("set");
    let pool = pool(server, &database, 24).await;
    sqlx::query("create table hosts (id uuid primary key)").execute(&pool).await.expect("made");
    let store = PgStore::new(pool.clone());
    store.migrate().await.expect("migrated");
    let (rounds, most) = match long() {
        true => (10_000, Duration::MAX),
        false => (2_000, Duration::from_secs(6)),
    };
    let first = Uuid::new_v4().as_u64_pair().0 >> 16;
    let (begun, mut done) = (Instant::now(), 0);
    while done < rounds && (done < 100 || begun.elapsed() < most) {
        join_all((done..done + 4).map(|number| round(first + number, &pool, &store))).await;
        done += 4;
    }
    println!("{done} interleavings from seed {first} on");
    let deadlocks = "select deadlocks from pg_stat_database where datname = current_database()";
    let deadlocks: i64 = sqlx::query_scalar(deadlocks).fetch_one(&pool).await.expect("read");
    assert_eq!(deadlocks, 0, "from seed {first} on");
    // What is left of the hosts goes with the next claims.
    sqlx::query("delete from hosts").execute(&pool).await.expect("deleted");
    sqlx::query("update health_schedule set next_due = now(), lease_until = null, owner = null")
        .execute(&pool)
        .await
        .expect("due");
    let left = || async {
        let all = sqlx::query(
            "select (select count(*) from health_schedule), \
                               (select count(*) from health_states), \
                               (select count(*) from host_health_check_results)",
        );
        let row = all.fetch_one(&pool).await.expect("read");
        (row.get::<i64, _>(0), row.get::<i64, _>(1), row.get::<i64, _>(2))
    };
    while left().await.0 > 0 {
        let request = ClaimRequest::new(WorkerId::generate(), 100, LEASE);
        let claims = store.claim_hosts(request).await.expect("claimed");
        assert!(claims.hosts.is_empty(), "no host is left: {claims:?}");
    }
    assert_eq!(left().await, (0, 0, 0), "states and results went with their checks");
}

/// A host that was deleted is claimed no more, and others are claimed in its place.
#[tokio::test]
async fn f229_a_claim_passes_over_deleted_hosts() {
    let (server, database) = database();
    let pool = pool(server, &database, 4).await;
    sqlx::query("create table hosts (id uuid primary key)").execute(&pool).await.expect("made");
    let store = PgStore::new(pool.clone());
    store.migrate().await.expect("migrated");
    let (hosts, _) = enter(&pool, &store).await;
    let now = claims_now(&store).await;
    record(&store, ReasonCode::Ok, now).await;
    sqlx::query("update health_schedule set next_due = now()").execute(&pool).await.expect("due");
    let gone: Vec<Uuid> = hosts.iter().take(3).map(HostId::as_uuid).collect();
    sqlx::query("delete from hosts where id = any($1)")
        .bind(gone)
        .execute(&pool)
        .await
        .expect("deleted");
    let claims = store
        .claim_hosts(ClaimRequest::new(WorkerId::generate(), 2, LEASE))
        .await
        .expect("claimed");
    let mut claimed: Vec<HostId> = claims.hosts.iter().map(|claim| claim.host_id).collect();
    claimed.sort_unstable();
    let mut left = hosts[3..].to_vec();
    left.sort_unstable();
    assert_eq!(claimed, left);
    // It can come back.
    sqlx::query("insert into hosts values ($1)")
        .bind(hosts[0].as_uuid())
        .execute(&pool)
        .await
        .expect("entered");
    let check = make_check(&store, hosts[0], "back").await;
    let claims = store
        .claim_hosts(ClaimRequest::new(WorkerId::generate(), 2, LEASE))
        .await
        .expect("claimed");
    assert_eq!(claims.hosts.iter().map(|claim| claim.checks[0].id).collect::<Vec<_>>(), [check.id]);
}

async fn claims_now(store: &PgStore) -> chrono::DateTime<chrono::Utc> {
    healthgate::store::StoreBase::now(store).await.expect("the time")
}

/// A check that is locked while a batch is recorded, and stays after all, is not left out of its host's summary.
#[tokio::test]
async fn f229_a_deletion_that_is_undone_leaves_no_check_out_of_the_summary() {
    let store = crate::postgres::support::store().await;
    let host = HostId::generate();
    make_check(&store, host, "sshd").await;
    let bad = make_check(&store, host, "nginx").await;
    let now = claims_now(&store).await;
    record(&store, ReasonCode::ServiceUnhealthy, now).await;
    sqlx::query("update health_schedule set next_due = now()")
        .execute(store.pool())
        .await
        .expect("due");
    let mut deleting = store.pool().begin().await.expect("begun");
    sqlx::query("delete from host_health_checks where id = $1")
        .bind(bad.id.as_uuid())
        .execute(&mut *deleting)
        .await
        .expect("deleted");
    record(&store, ReasonCode::Ok, claims_now(&store).await).await;
    deleting.rollback().await.expect("undone");
    let summary =
        store.summaries(&[host], Duration::from_secs(3600)).await.expect("read").remove(0);
    assert_eq!((summary.healthy, summary.unhealthy), (1, 1), "{summary:?}");
}
