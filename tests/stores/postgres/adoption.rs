//! Adopting a database that people have lived in, beside those who write in it: what is kept, how long they wait, and
//! what is refused.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use healthgate::{
    model::{CheckStatus, HostId, ReasonCode},
    store::{
        CheckStore, PruneOutcome, ResultStore, StoreBase,
        postgres::{MigrateError, PgStore},
    },
};
use sqlx::{AssertSqlSafe, PgPool};

use crate::postgres::{
    migration::{DATA, plan},
    support::{database, pool, record},
};

/// What people have added: rights, a trigger, an index, a publication, and results of clocks that were wrong.
const LIVED_IN: &str = "
    create table counted (results bigint not null); insert into counted values (0);
    create function count_result() returns trigger language plpgsql as
        $$ begin update counted set results = results + 1; return null; end $$;
    create trigger counts after insert on host_health_check_results
        for each row execute function count_result();
    create trigger asleep before update on host_health_check_results
        for each row execute function suppress_redundant_updates_trigger();
    alter table host_health_check_results disable trigger asleep;
    create index results_by_health on host_health_check_results (healthy) where not healthy;
    create publication results_out for table host_health_check_results;
    do $$ begin create role reporting_reader; exception when duplicate_object then null; end $$;
    grant select on host_health_check_results to reporting_reader;
    grant update (detail) on host_health_check_results to reporting_reader with grant option;
    insert into host_health_check_results (check_id, healthy, detail, checked_at)
    select id, true, 'made ' || day, day from host_health_checks,
        unnest(array['2099-01-01', 'infinity', '-infinity']::timestamptz[]) day";

async fn run(pool: &PgPool, statement: impl Into<String>) {
    sqlx::raw_sql(AssertSqlSafe(statement.into())).execute(pool).await.expect("executed");
}

async fn number(pool: &PgPool, query: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(query.to_owned())).fetch_one(pool).await.expect("read")
}

async fn lived_in() -> (PgStore, PgPool) {
    let (server, database) = database();
    let pool = pool(server, &database, 8).await;
    run(&pool, format!("{}{DATA}{LIVED_IN}", plan())).await;
    (PgStore::new(pool.clone()), pool)
}

#[tokio::test]
async fn f223_what_hangs_on_an_adopted_table_goes_over() {
    let (store, pool) = lived_in().await;
    store.migrate().await.expect("migrated");
    for (what, query) in [
        (
            "a right",
            "select has_table_privilege('reporting_reader', 'host_health_check_results', 'select')::int::bigint",
        ),
        (
            "a right to a column",
            "select has_column_privilege('reporting_reader', 'host_health_check_results', \
          'detail', 'update with grant option')::int::bigint",
        ),
        ("an index", "select (to_regclass('results_by_health') is not null)::int::bigint"),
        (
            "a publication",
            "select count(*) from pg_publication_rel \
          where prrelid = 'host_health_check_results'::regclass",
        ),
        (
            "a sleeping trigger",
            "select count(*) from pg_trigger where tgname = 'asleep' and tgenabled = 'D' \
          and tgrelid = 'host_health_check_results'::regclass",
        ),
    ] {
        assert_eq!(number(&pool, query).await, 1, "{what}");
    }
    let before = number(&pool, "select results from counted").await;
    let now = store.now().await.expect("the time");
    run(&pool, "update health_schedule set next_due = now()").await;
    record(&store, ReasonCode::Ok, now).await;
    let after = number(&pool, "select results from counted").await;
    assert_eq!(after - before, 2, "the trigger sees new results");
}

#[tokio::test]
async fn f223_what_cannot_go_over_is_named_and_refused_before_anything_changes() {
    for (obstacle, named) in [
        ("create view recent as select * from host_health_check_results", "recent"),
        (
            "create materialized view recent as select count(*) from host_health_check_results",
            "recent",
        ),
        ("create table notes (result uuid references host_health_check_results (id))", "notes"),
        ("create unique index once on host_health_check_results (check_id, latency_ms)", "once"),
        ("alter table host_health_check_results enable row level security", "row security"),
    ] {
        let (server, database) = database();
        let pool = pool(server, &database, 2).await;
        run(&pool, format!("{}{obstacle}", plan())).await;
        let before = number(&pool, "select count(*) from pg_class").await;
        let refused = PgStore::new(pool.clone()).migrate().await;
        let Err(MigrateError::Obstacles { obstacles }) = refused else { panic!("{refused:?}") };
        assert!(obstacles.contains(named), "{obstacles}");
        assert_eq!(number(&pool, "select count(*) from pg_class").await, before, "{obstacle}");
    }
}

#[tokio::test]
async fn f227_results_from_the_future_are_put_aside_and_days_begin_today() {
    let (store, pool) = lived_in().await;
    let report = store.migrate().await.expect("migrated");
    assert_eq!(report.put_aside, 6);
    assert_eq!(
        store.migrate().await.expect("again").put_aside,
        6,
        "they are named until they are gone"
    );
    assert_eq!(number(&pool, "select count(*) from host_health_check_results").await, 2_001);
    let kept = "select count(*) from host_health_check_results_put_aside where result ->> 'checked_at' in \
                ('infinity', '-infinity') or result ->> 'checked_at' like '2099-01-01%'";
    assert_eq!(number(&pool, kept).await, 6, "whole rows");
    let ahead =
        "select count(*) from pg_inherits where inhparent = 'host_health_check_results'::regclass";
    assert!(number(&pool, ahead).await > 5, "partitions are made");
    let now = store.now().await.expect("the time");
    run(&pool, "update health_schedule set next_due = now()").await;
    record(&store, ReasonCode::Ok, now).await;
    let host: uuid::Uuid = sqlx::query_scalar("select host_id from host_health_checks limit 1")
        .fetch_one(&pool)
        .await
        .expect("read");
    let host = HostId::from_uuid(host);
    let check = store.checks_of(&[host]).await.expect("read").remove(0);
    assert_eq!(store.history(host, check.id, None, 5).await.expect("read").results.len(), 5);
    let pruned = store.prune_results(Duration::from_secs(4 * 24 * 3600), 5_000, false).await;
    assert_eq!(
        pruned.expect("pruned"),
        PruneOutcome::Done { deleted: 0 },
        "nothing is too old yet"
    );
}

/// F246: nothing is unknown until its first run; what was edited since its newest result is.
#[tokio::test]
async fn f246_adopted_checks_show_their_newest_result() {
    let (store, pool) = lived_in().await;
    run(
        &pool,
        "update host_health_checks set created_at = now() - interval '30 days', \
                updated_at = now() - interval '30 days'",
    )
    .await;
    let hosts: Vec<uuid::Uuid> =
        sqlx::query_scalar("select host_id from host_health_checks order by name")
            .fetch_all(&pool)
            .await
            .expect("read");
    let hosts: Vec<HostId> = hosts.into_iter().map(HostId::from_uuid).collect();
    run(
        &pool,
        "update host_health_checks set updated_at = now() where name = 'web'; \
                insert into host_health_check_results (check_id, healthy, detail, checked_at) \
                select id, false, 'inactive', now() - interval '1 minute' from host_health_checks",
    )
    .await;
    store.migrate().await.expect("migrated");
    let views = store.views(&hosts, Duration::from_secs(3600)).await.expect("read");
    let seen: Vec<_> =
        views.iter().map(|view| (&*view.check.definition.name, view.status)).collect();
    assert_eq!(seen, [("ssh", CheckStatus::Unhealthy), ("web", CheckStatus::Unknown)]);
    let states = store.states(&hosts).await.expect("read");
    assert_eq!(states[0].latest.reason, ReasonCode::ServiceUnhealthy);
    assert_eq!(states[0].latest.detail.as_str(), "inactive");
    let late = store.views(&hosts, Duration::from_secs(1)).await.expect("read");
    assert!(late.iter().all(|view| view.status == CheckStatus::Unknown), "a result ages as ever");
    // The first run takes its place.
    run(&pool, "update health_schedule set next_due = now()").await;
    record(&store, ReasonCode::Ok, store.now().await.expect("the time")).await;
    let views = store.views(&hosts, Duration::from_secs(3600)).await.expect("read");
    assert!(views.iter().all(|view| view.status == CheckStatus::Healthy), "{views:?}");
}

/// F246: a day is made while somebody is editing a check, and before they have done.
#[tokio::test]
async fn f246_making_a_day_locks_no_writer_of_checks() {
    let (server, database) = database();
    let options: sqlx::postgres::PgConnectOptions = server.url(&database).parse().expect("a URL");
    let hasty = sqlx::postgres::PgPoolOptions::new()
        .connect_with(options.options([("lock_timeout", "500ms")]));
    let store = PgStore::new(hasty.await.expect("connected"));
    store.migrate().await.expect("migrated");
    let host = HostId::generate();
    let (one, other) = (HostId::generate(), HostId::generate());
    crate::postgres::support::make_check(&store, one, "sshd").await;
    crate::postgres::support::make_check(&store, other, "sshd").await;
    let mut editing = store.pool().begin().await.expect("begun");
    for statement in [
        "update host_health_checks set updated_at = now() where host_id = $1",
        "insert into host_health_checks (host_id, name, check_type, service_name) \
         values ($1, 'cron', 'service', 'cron')",
    ] {
        let host = if statement.starts_with("insert") { host } else { one };
        sqlx::query(statement).bind(host.as_uuid()).execute(&mut *editing).await.expect("edited");
    }
    let day = store.now().await.expect("the time") - chrono::TimeDelta::days(9);
    record(&store, ReasonCode::Ok, day).await;
    let keep = Duration::from_secs(4 * 24 * 3600);
    store.prune_results(keep, 5_000, false).await.expect("dropped");
    editing.commit().await.expect("edited");
}

/// F228: three writers of the old application go on while their tables are adopted, and none of them dies.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f228_writers_beside_an_adoption_never_die_of_a_deadlock() {
    let (store, pool) = lived_in().await;
    // The writers must not wait for each other in different orders: then they would deadlock without us. Once the
    // key is there, two results of one check in one microsecond wait for each other, so each writer has its own.
    run(&pool, "drop trigger counts on host_health_check_results").await;
    let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let result = |writer: u8| {
        format!(
            "insert into host_health_check_results (check_id, healthy, checked_at) select id, true, \
             date_bin('3 microseconds', clock_timestamp(), 'epoch') + {writer} * interval '1 microsecond' \
             from host_health_checks"
        )
    };
    let edit = |set: &str| format!("update host_health_checks set {set} where name = 'web'");
    let statements = [
        result(0),
        format!("begin; {}; {}; commit", edit("updated_at = now()"), result(1)),
        format!("begin; {}; {}; commit", result(2), edit("enabled = enabled")),
    ];
    let writers = statements.map(|statement| {
        let (pool, stop, written) = (pool.clone(), Arc::clone(&stop), Arc::clone(&written));
        tokio::spawn(async move {
            let mut longest = Duration::ZERO;
            let mut connection = pool.acquire().await.expect("connected");
            while !stop.load(Ordering::Relaxed) {
                let since = Instant::now();
                let statement = AssertSqlSafe(statement.clone());
                sqlx::raw_sql(statement).execute(&mut *connection).await.expect("written");
                longest = longest.max(since.elapsed());
                written.fetch_add(1, Ordering::Relaxed);
            }
            longest
        })
    });
    while written.load(Ordering::Relaxed) < 30 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let report = store.migrate().await.expect("migrated");
    let until = written.load(Ordering::Relaxed) + 30;
    while written.load(Ordering::Relaxed) < until {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stop.store(true, Ordering::Relaxed);
    let mut longest = Duration::ZERO;
    for writer in writers {
        longest = longest.max(writer.await.expect("no writer died"));
    }
    let deadlocks = "select deadlocks from pg_stat_database where datname = current_database()";
    assert_eq!(number(&pool, deadlocks).await, 0);
    println!(
        "kept 2,001 results and {} that lie aside; {} writes beside it, the longest took {longest:?}",
        report.put_aside,
        written.load(Ordering::Relaxed)
    );
}

/// F229: hosts that the application deletes, one with each statement, beside those who record results and edit checks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f229_deleting_hosts_meets_no_deadlock() {
    use healthgate::{
        model::{AuditAction, CheckId, WorkerId},
        store::{CheckInsert, ClaimRequest, HostCompletion, PollQueue},
        testing::fixtures::{audit, result, service_check},
    };
    let rounds: u32 = std::env::var("HEALTHGATE_INTERLEAVINGS")
        .ok()
        .and_then(|rounds| rounds.parse().ok())
        .unwrap_or(120);
    let (server, database) = database();
    let pool = pool(server, &database, 8).await;
    run(&pool, "create table hosts (id uuid primary key)").await;
    let store = PgStore::new(pool.clone());
    store.migrate().await.expect("migrated");
    for _ in 0..rounds {
        let hosts: Vec<HostId> = (0..3).map(|_| HostId::generate()).collect();
        let mut checks = Vec::new();
        for host in &hosts {
            run(&pool, format!("insert into hosts values ('{host}')")).await;
            for name in ["a", "b"] {
                let insert: CheckInsert = service_check(CheckId::generate(), *host, name);
                let entry = audit(AuditAction::HealthCheckCreated);
                checks.push(store.insert_check(insert, entry).await.expect("inserted"));
            }
        }
        let worker = WorkerId::generate();
        let request =
            ClaimRequest::new(worker, 9, Duration::from_secs(60)).with_named(hosts.clone());
        let claims = store.claim_hosts(request).await.expect("claimed");
        let complete = async {
            let batch = claims.hosts.iter().map(|claim| {
                let results =
                    claim.checks.iter().map(|check| result(check, ReasonCode::Ok, claims.now));
                HostCompletion::new(claim, claims.now, results.collect())
            });
            store.complete_hosts(worker, batch.collect()).await.map(drop)
        };
        let delete = async {
            for host in hosts.iter().rev() {
                let delete = format!("delete from hosts where id = '{host}'");
                sqlx::raw_sql(AssertSqlSafe(delete)).execute(&pool).await?;
            }
            Ok::<(), sqlx::Error>(())
        };
        let edit = async {
            let check = &checks[0];
            let update = crate::postgres::support::touch(check);
            store.update_check(update, audit(AuditAction::HealthCheckUpdated)).await.map(drop)
        };
        let remove = async {
            let check = &checks[3];
            let entry = audit(AuditAction::HealthCheckDeleted);
            store.delete_check(check.host_id, check.id, None, entry).await
        };
        let (_, deleted, _, _) = tokio::join!(complete, delete, edit, remove);
        deleted.expect("the application is no victim");
    }
    let deadlocks = "select deadlocks from pg_stat_database where datname = current_database()";
    assert_eq!(number(&pool, deadlocks).await, 0);
}
