//! The database goes away, is slow, full, read-only, or busy with others.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::future::{FutureExt, join_all};
use healthgate::{
    model::{AuditAction, HostId, WorkerId},
    store::{
        AuditLog, Change, CheckStore, ClaimRequest, PollQueue, Refusal, ResultStore, StoreBase,
        StoreEvent,
        postgres::{PgFault, PgStore, PgTxHook, pool_options, session_options},
    },
    testing::fixtures::audit,
};
use healthgate_testkit::{Postgres, Proxy, SmallDisk, Stop};
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};

use crate::postgres::support::{
    LEASE, claim, completion, database, fault, long, make_check, pool, store, touch, until,
};

/// F51: a batch whose commit's outcome is unknown is sent again, and is there once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f51_a_crash_in_mid_transaction_loses_and_doubles_nothing() {
    let server = Arc::new(Postgres::builder().start().expect("started"));
    let database = server.create_database().expect("made");
    let store = PgStore::new(pool(&server, &database, 4).await);
    store.migrate().await.expect("migrated");
    let mut hosts = Vec::new();
    for _ in 0..20 {
        let host = HostId::generate();
        make_check(&store, host, "sshd").await;
        hosts.push(host);
    }
    let rounds = if long() { 50 } else { 12 };
    for round in 0..rounds {
        let worker = WorkerId::generate();
        let claims = claim(&store, worker, 1_000).await;
        assert_eq!(claims.len(), hosts.len(), "none is lost");
        let now = store.now().await.expect("the time");
        let batch: Vec<_> = claims.iter().map(|claim| completion(claim, now, now)).collect();
        let crashed = {
            let server = Arc::clone(&server);
            let crash = move || {
                std::thread::sleep(Duration::from_micros(500 * (round % 12)));
                server.restart(Stop::Crash)
            };
            tokio::task::spawn_blocking(crash)
        };
        // In the middle of whatever comes: again until it is answered.
        while store.complete_hosts(worker, batch.clone()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        crashed.await.expect("no panic").expect("restarted");
        while store.now().await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let expected =
            i64::try_from(hosts.len()).expect("few") * i64::try_from(round + 1).expect("few");
        let stored: i64 = sqlx::query_scalar("select count(*) from host_health_check_results")
            .fetch_one(store.pool())
            .await
            .expect("read");
        assert_eq!(stored, expected, "each result once, after crash {round}");
    }
}

/// The feed says that something was missed, and goes on after a restart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f51_a_feed_tells_of_a_gap_and_goes_on() {
    let server = Postgres::builder().start().expect("started");
    let database = server.create_database().expect("made");
    let store = PgStore::new(pool(&server, &database, 4).await);
    store.migrate().await.expect("migrated");
    let mut feed = store.subscribe().await.expect("subscribed");
    tokio::task::block_in_place(|| server.restart(Stop::Crash)).expect("restarted");
    let next = tokio::time::timeout(Duration::from_secs(20), feed.next()).await.expect("told");
    assert_eq!(next, Some(StoreEvent::Resync));
    while store.now().await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let host = HostId::generate();
    let heard = async {
        loop {
            // Until it listens again, what is told is lost: that is what the next `Resync` says.
            make_check(&store, host, "sshd").await;
            let again = tokio::time::timeout(Duration::from_millis(500), feed.next()).await;
            if again.is_ok_and(|event| event.is_some_and(|event| event.host_id() == Some(host))) {
                return;
            }
            store.forget_host(host).await.expect("forgotten");
        }
    };
    tokio::time::timeout(Duration::from_secs(30), heard).await.expect("it hears again");
}

/// F185: a proxy that forwards no more, and closes nothing, is noticed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f185_a_feed_on_a_silent_connection_tells_of_a_gap_and_goes_on() {
    let (server, database) = database();
    let direct = PgStore::new(pool(server, &database, 2).await);
    direct.migrate().await.expect("migrated");
    let proxy = Proxy::to(server.port()).await.expect("bound");
    let options = PgConnectOptions::new().host("127.0.0.1").port(proxy.port()).username("postgres");
    let options = session_options(options.database(&database));
    let store = PgStore::new(pool_options(4).connect_with(options).await.expect("connected"));
    let mut feed = store.subscribe().await.expect("subscribed");
    let first = HostId::generate();
    make_check(&direct, first, "sshd").await;
    let heard = tokio::time::timeout(Duration::from_secs(20), feed.next()).await.expect("told");
    assert_eq!(heard.and_then(|event| event.host_id()), Some(first));
    proxy.fall_silent(true);
    let since = std::time::Instant::now();
    make_check(&direct, HostId::generate(), "sshd").await;
    let next = tokio::time::timeout(Duration::from_secs(60), feed.next()).await.expect("told");
    assert_eq!(next, Some(StoreEvent::Resync));
    println!("told after {:?}", since.elapsed());
    proxy.fall_silent(false);
    // It listens again, says so, and hears what happens from then on.
    let next = tokio::time::timeout(Duration::from_secs(60), feed.next()).await.expect("told");
    assert_eq!(next, Some(StoreEvent::Resync));
    let second = HostId::generate();
    make_check(&direct, second, "sshd").await;
    let heard = tokio::time::timeout(Duration::from_secs(20), feed.next()).await.expect("told");
    assert_eq!(heard.and_then(|event| event.host_id()), Some(second));
}

/// F53: what cannot be written fails as such, and goes on without a restart once there is room.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f53_a_full_disk_is_told_and_got_over() {
    let Ok(disk) = SmallDisk::mount(160 * 1024) else {
        eprintln!("skipped: a small file system cannot be mounted here");
        return;
    };
    let server = Postgres::builder()
        .with_directory(disk.path())
        .with_setting("autovacuum", "off")
        .with_setting("max_wal_size", "48MB")
        .with_setting("wal_recycle", "off")
        .start()
        .expect("started");
    let database = server.create_database().expect("made");
    let store = PgStore::new(pool(&server, &database, 2).await);
    store.migrate().await.expect("migrated");
    let host = HostId::generate();
    let check = make_check(&store, host, "sshd").await;
    // Nothing is left but what the log has taken already.
    disk.fill().expect("filled");
    let entry = || {
        let mut entry = audit(AuditAction::HealthCheckTested);
        entry.reason = Some("x".repeat(400));
        entry
    };
    let mut failed = None;
    for _ in 0..20_000 {
        if let Err(error) = store.append_audit(entry()).await {
            failed = Some(error);
            break;
        }
    }
    let failed = failed.expect("the disk is full");
    assert_eq!(PgFault::of(&failed), Some(PgFault::DiskFull), "{failed:?}");
    assert_eq!(store.check(host, check.id).await.expect("reading goes on"), Some(check.clone()));
    disk.free().expect("freed");
    let entry = audit(AuditAction::HealthCheckUpdated);
    store.update_check(touch(&check), entry).await.expect("writing goes on");
    drop(store);
    drop(server);
}

/// F54.
#[tokio::test]
async fn f54_a_read_only_database_is_told_and_claims_nothing() {
    let (server, database) = database();
    let store = PgStore::new(pool(server, &database, 4).await);
    store.migrate().await.expect("migrated");
    let host = HostId::generate();
    make_check(&store, host, "sshd").await;
    let read_only = format!("alter database {database} set default_transaction_read_only = on");
    server.sql("postgres", &read_only).expect("set");
    let standby = PgStore::new(pool(server, &database, 4).await);
    let request = ClaimRequest::new(WorkerId::generate(), 10, LEASE);
    assert_eq!(fault(standby.claim_hosts(request.clone()).await), PgFault::ReadOnly);
    let entry = audit(AuditAction::HealthCheckTested);
    assert_eq!(fault(standby.append_audit(entry).await), PgFault::ReadOnly);
    assert_eq!(standby.checks_of(&[host]).await.expect("read").len(), 1);
    assert_eq!(store.claim_hosts(request).await.expect("claimed").hosts.len(), 1);
}

/// F55: a database behind a slow network is given up in time, and the connection with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f55_answers_that_take_five_seconds_are_given_up() {
    let (server, database) = database();
    PgStore::new(pool(server, &database, 1).await).migrate().await.expect("migrated");
    let proxy = Proxy::to(server.port()).await.expect("bound");
    let options = PgConnectOptions::new().host("127.0.0.1").port(proxy.port()).username("postgres");
    let options = session_options(options.database(&database));
    let pool = pool_options(4).connect_with(options).await.expect("connected");
    let store = PgStore::new(pool).with_operation_timeout(Duration::from_millis(500));
    let host = HostId::generate();
    make_check(&store, host, "sshd").await;
    proxy.delay(Duration::from_secs(5));
    let request = ClaimRequest::new(WorkerId::generate(), 10, LEASE);
    let claimed = store.claim_hosts(request.clone()).await;
    assert!(matches!(fault(claimed), PgFault::TooSlow | PgFault::PoolExhausted));
    proxy.delay(Duration::ZERO);
    while store.now().await.is_err() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let left = "select count(*) = 0 from pg_stat_activity \
                where datname = current_database() and state like 'idle in transaction%'";
    until(store.pool(), left).await;
    let claims = store.claim_hosts(request).await.expect("claimed").hosts;
    assert_eq!(claims.len(), 1, "what was given up was not done");
}

/// F55, L11: a lock that somebody else holds bounds an operation by the session's own timeout.
#[tokio::test]
async fn f55_a_lock_is_not_waited_for_for_ever() {
    let (server, database) = database();
    let patient = PgStore::new(pool(server, &database, 2).await);
    patient.migrate().await.expect("migrated");
    let options: PgConnectOptions = server.url(&database).parse().expect("a URL");
    let options = session_options(options).options([("lock_timeout", "100ms")]);
    let store = PgStore::new(pool_options(2).connect_with(options).await.expect("connected"));
    let check = make_check(&patient, HostId::generate(), "sshd").await;
    let mut other = patient.pool().acquire().await.expect("a connection");
    let mut held = other.begin().await.expect("begun");
    sqlx::query("lock table host_health_checks").execute(&mut *held).await.expect("locked");
    let entry = audit(AuditAction::HealthCheckUpdated);
    assert_eq!(fault(store.update_check(touch(&check), entry).await), PgFault::Locked);
    held.rollback().await.expect("rolled back");
    let entry = audit(AuditAction::HealthCheckUpdated);
    store.update_check(touch(&check), entry).await.expect("now it goes");
}

/// F56.
#[tokio::test]
async fn f56_an_exhausted_pool_refuses_and_does_not_hang() {
    let (server, database) = database();
    let options = pool_options(1).acquire_timeout(Duration::from_millis(200));
    let pool = options.connect(&server.url(&database)).await.expect("connected");
    let store = PgStore::new(pool);
    store.migrate().await.expect("migrated");
    let held = store.pool().acquire().await.expect("the only one");
    assert_eq!(fault(store.now().await), PgFault::PoolExhausted);
    drop(held);
    store.now().await.expect("it goes on");
}

/// F57: calls dropped at every await leave no connection in a transaction, and nothing half done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f57_a_thousand_dropped_calls_leave_no_open_transaction() {
    let store = store().await;
    let host = HostId::generate();
    let check = make_check(&store, host, "sshd").await;
    let (hosts, tested) = ([host], || audit(AuditAction::HealthCheckTested));
    for number in 0..1_000_u32 {
        let request = ClaimRequest::new(WorkerId::generate(), 1, LEASE);
        let entry = audit(AuditAction::HealthCheckUpdated);
        let mut call = match number % 4 {
            0 => store.claim_hosts(request).map(|done| done.map(drop)).boxed(),
            1 => store.update_check(touch(&check), entry).map(|done| done.map(drop)).boxed(),
            2 => store.append_audit(tested()).map(|done| done.map(drop)).boxed(),
            _ => store.views(&hosts, LEASE).map(|done| done.map(drop)).boxed(),
        };
        // As far as the first await, the second, the third, ...
        for _ in 0..number / 4 % 25 {
            if (&mut call).now_or_never().is_some() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(call);
    }
    let quiet = "select count(*) = 0 from pg_stat_activity where datname = current_database() \
                 and pid <> pg_backend_pid() and state <> 'idle'";
    until(store.pool(), quiet).await;
    let calls = (0..32).map(|_| store.append_audit(tested()));
    for written in join_all(calls).await {
        written.expect("every connection is sound");
    }
    // Each edit was of revision 1: one took effect, with its record, and no other left a trace.
    let (revision, records): (i64, i64) = sqlx::query_as(
        "select revision, (select count(*) from health_audit \
         where record ->> 'action' = 'health_check_updated') from host_health_checks",
    )
    .fetch_one(store.pool())
    .await
    .expect("read");
    assert_eq!((revision, records), (2, 1));
}

/// Locks two rows of the application's in the order that the check's name says.
#[derive(Debug)]
struct TwoLocks;

#[async_trait]
impl PgTxHook for TwoLocks {
    async fn before_commit(
        &self,
        connection: &mut PgConnection,
        change: &Change<'_>,
    ) -> Result<(), Refusal> {
        let Change::CheckWritten(check) = change else { return Ok(()) };
        for letter in check.definition.name.chars() {
            let lock = "select name, pg_sleep(0.03) from locked where name = $1 for update";
            let locked = sqlx::query(lock).bind(letter.to_string()).execute(&mut *connection).await;
            locked.map_err(|error| Refusal::Failed(error.into()))?;
        }
        Ok(())
    }
}

/// F58: a deadlock, here between hooks of the application's, costs a repetition and no error.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f58_a_deadlock_is_repeated() {
    let (server, database) = database();
    server
        .sql(
            &database,
            "create table locked (name text primary key); insert into locked values ('a'), ('b')",
        )
        .expect("made");
    server
        .sql("postgres", &format!("alter database {database} set deadlock_timeout = '20ms'"))
        .expect("set");
    let store = PgStore::new(pool(server, &database, 8).await).with_hook(Arc::new(TwoLocks));
    store.migrate().await.expect("migrated");
    for _ in 0..5 {
        let (one, other) = (HostId::generate(), HostId::generate());
        tokio::join!(make_check(&store, one, "ab"), make_check(&store, other, "ba"));
    }
    // The server counts when a session has been idle for a moment.
    let deadlocks = "select deadlocks > 0 from pg_stat_database where datname = current_database()";
    until(store.pool(), deadlocks).await;
    let made: i64 = sqlx::query_scalar("select count(*) from host_health_checks")
        .fetch_one(store.pool())
        .await
        .expect("read");
    assert_eq!(made, 10);
}
