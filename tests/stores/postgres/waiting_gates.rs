//! What waiting gates cost in Postgres: statements, write-ahead log and row updates (F156).
//!
//! `HEALTHGATE_GATES` and `HEALTHGATE_SECONDS` ask for more than the short form, and the figures are
//! printed.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::TimeDelta;
use futures_util::future::join_all;
use healthgate::{
    checks::{CheckOutcome, HostRun, HostRunner},
    clock::SystemClock,
    directory::StaticDirectory,
    gate::{GatePolicy, GateRunner, GateRunnerConfig, RequestedWindows, StoredChecks},
    model::{AgentEndpoint, Detail, GateRequest, HostId, JobId, ReasonCode, Window},
    store::{GateStore, StoreBase, postgres::PgStore},
};
use healthgate_testkit::Postgres;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use super::support::{make_check, pool, until};

/// Every check fails at once.
#[derive(Debug)]
struct Failing;

#[async_trait]
impl HostRunner for Failing {
    async fn run_host(&self, run: HostRun) -> Vec<CheckOutcome> {
        let outcome = |check: &healthgate::model::HealthCheck| CheckOutcome {
            check_id: check.id,
            revision: check.revision,
            reason: ReasonCode::ServiceUnhealthy,
            detail: Detail::new("not running"),
            latency: Duration::from_millis(1),
            endpoint: None,
        };
        run.checks.iter().map(outcome).collect()
    }
}

fn asked(variable: &str, short: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(short)
}

/// Opens gates on hosts with one check each.
async fn open(store: &PgStore, gates: u64, directory: &StaticDirectory, window: Window) {
    for block in (0..gates).collect::<Vec<_>>().chunks(50) {
        let opened = block.iter().map(|_| async {
            let host = HostId::generate();
            let agent = AgentEndpoint::new("10.0.0.1", 8_443, None).expect("an endpoint");
            directory.insert(host, Some(agent), &[]);
            make_check(store, host, "nginx").await;
            let request = GateRequest::new(JobId::generate(), host, window);
            store.open_gate(request).await.expect("opened");
        });
        join_all(opened).await;
    }
}

fn runner(store: &PgStore, directory: StaticDirectory, retry: Duration) -> GateRunner {
    let policy = GatePolicy { retry, spread: Duration::ZERO, ..GatePolicy::default() };
    let directory = Arc::new(directory);
    let (store, timeout) = (Arc::new(store.clone()), policy.timeout);
    let health = StoredChecks::new(store.clone(), Arc::new(Failing), directory, timeout);
    let (windows, clock) = (Arc::new(RequestedWindows), Arc::new(SystemClock));
    let config = GateRunnerConfig::default();
    GateRunner::new(store, Arc::new(health), windows, clock, policy, config).expect("sound figures")
}

async fn figures(pool: &PgPool) -> (i64, i64) {
    // `begin` and `commit` count, and so do the statements of the application's sources.
    sqlx::query_as(
        "select (select sum(calls)::bigint from pg_stat_statements s join pg_database d \
         on d.oid = s.dbid where d.datname = current_database()), \
         (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint",
    )
    .fetch_one(pool)
    .await
    .expect("read")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f156_gates_that_open_in_days_cost_few_statements_and_no_log() {
    let (gates, seconds) = (asked("HEALTHGATE_GATES", 500), asked("HEALTHGATE_SECONDS", 8));
    let server = Postgres::builder()
        .with_setting("shared_preload_libraries", "pg_stat_statements")
        .with_setting("autovacuum", "off")
        .start()
        .expect("a server");
    let database = server.create_database().expect("a database");
    server.sql(&database, "create extension pg_stat_statements").expect("made");
    let pool = pool(&server, &database, 8).await;
    let store = PgStore::new(pool.clone());
    store.migrate().await.expect("migrated");
    let opens = store.now().await.expect("the time") + TimeDelta::days(5);
    let window = Window::new(opens, opens + TimeDelta::hours(4)).expect("a window");
    let directory = StaticDirectory::new();
    open(&store, gates, &directory, window).await;
    let (gate_runner, stop) =
        (runner(&store, directory, Duration::from_secs(300)), CancellationToken::new());
    let measured = async {
        until(
            &pool,
            "select count(*) = 0 from health_gates where owner is null or record ->> 'detail' = ''",
        )
        .await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        let before = figures(&pool).await;
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let after = figures(&pool).await;
        stop.cancel();
        (after.0 - before.0, after.1 - before.1)
    };
    let ((), (statements, log)) = tokio::join!(gate_runner.run(stop.clone()), measured);
    let hour = |figure: i64| figure * 3_600 / i64::try_from(seconds).expect("short");
    println!(
        "{gates} gates for {seconds} s: {statements} statements and {log} bytes of log; \
         an hour: {} statements, {} kB",
        hour(statements),
        hour(log) / 1_024
    );
    let seconds = i64::try_from(seconds).expect("short");
    // A look at all of them and an extension of the lease may fall into a short measurement.
    assert!(statements <= seconds + 15, "{statements} statements in {seconds} s");
    assert!(log <= 1_048_576 * seconds / 60 + 65_536, "{log} bytes of log in {seconds} s");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f156_an_attempt_costs_few_row_updates() {
    let gates = asked("HEALTHGATE_GATES", 40).min(400);
    let server = Postgres::shared();
    let database = server.create_database().expect("a database");
    let pool = pool(server, &database, 8).await;
    let store = PgStore::new(pool.clone());
    store.migrate().await.expect("migrated");
    let count = "create sequence row_updates; \
         create function count_update() returns trigger language plpgsql as $$ \
         begin perform nextval('row_updates'); return null; end $$; \
         do $$ declare t text; begin \
         foreach t in array array['health_gates', 'health_gate_attempts', 'health_gate_leases', \
                                  'health_states', 'health_schedule'] loop \
         execute format('create trigger counted after update on %I for each row \
                         execute function count_update()', t); \
         end loop; end $$";
    server.sql(&database, count).expect("made");
    let now = store.now().await.expect("the time");
    let window = Window::new(now, now + TimeDelta::hours(4)).expect("a window");
    let directory = StaticDirectory::new();
    open(&store, gates, &directory, window).await;
    let runner = runner(&store, directory, Duration::from_secs(3));
    let stop = CancellationToken::new();
    let figures = async || -> (i64, i64) {
        let counted = "select (select count(*) from health_gate_attempts where outcome = 'finished'), \
                       (select last_value from row_updates)";
        sqlx::query_as(counted).fetch_one(&pool).await.expect("read")
    };
    let measured = async {
        let once =
            "select count(*) > 0 and bool_and((record ->> 'attempts')::int >= 1) from health_gates";
        until(&pool, once).await;
        let before = figures().await;
        let often = "select bool_and((record ->> 'attempts')::int >= 4) from health_gates";
        until(&pool, often).await;
        let after = figures().await;
        stop.cancel();
        (after.0 - before.0, after.1 - before.1)
    };
    let ((), (attempts, updates)) = tokio::join!(runner.run(stop.clone()), measured);
    println!("{gates} gates: {updates} row updates for {attempts} attempts of one check");
    // Start and verdict of the attempt, and the state of its check and of its host; attempts that are
    // under way at either end of the measurement are some more.
    let slack = i64::try_from(gates).expect("few") * 3;
    assert!(updates <= attempts * 4 + slack, "{updates} row updates for {attempts} attempts");
}
