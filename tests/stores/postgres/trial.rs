//! An adoption as an administrator does it on a Friday (`scripts/adopt-trial`): a database that a manager has lived in
//! for years, beside three writers, and what came of it in words. Here in its short form.

use std::{
    fmt::Write as _,
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
use healthgate_testkit::MANAGER_CHECK_TABLES;
use sqlx::{AssertSqlSafe, PgPool};
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::postgres::support::{database, long, pool, record};

/// The manager's tables beside those of checks.
const MANAGER: &str = "
    create type host_health as enum ('pending', 'healthy', 'degraded', 'unreachable');
    create table hosts (
        id uuid primary key default gen_random_uuid(), fqdn text not null, ip_address inet not null,
        display_name text, os_name text, agent_version text, health_status host_health not null default 'pending',
        last_health_at timestamptz, agent_port integer not null default 12443,
        consecutive_failures integer not null default 0, pending_reboot boolean not null default false,
        package_db_clean boolean not null default true, reboot_paused boolean not null default false,
        unique (fqdn, ip_address));
    create table groups (id uuid primary key default gen_random_uuid(), name text not null unique);
    create table host_groups (host_id uuid references hosts (id) on delete cascade,
        group_id uuid references groups (id) on delete cascade, primary key (host_id, group_id));
    create table maintenance_windows (id uuid primary key default gen_random_uuid(),
        host_id uuid not null references hosts (id) on delete cascade, label text, recurrence text,
        start_at timestamptz, duration_minutes integer default 60, enabled boolean default true);";

/// What its administrators have added over the years.
const ADDED: &str = "
    create table failures (check_id uuid, at timestamptz);
    create function note_failure() returns trigger language plpgsql as
        $$ begin if not new.healthy then insert into failures values (new.check_id, new.checked_at); end if;
           return null; end $$;
    create trigger notes after insert on host_health_check_results for each row execute function note_failure();
    create index results_by_health on host_health_check_results (healthy) where not healthy;
    create publication results_out for table host_health_check_results;
    do $$ begin create role trial_reader; exception when duplicate_object then null; end $$;
    grant select on host_health_check_results, host_health_checks to trial_reader;";

const VIEW: &str = "create view failing as select h.fqdn, c.name, r.checked_at, r.detail
    from host_health_check_results r join host_health_checks c on c.id = r.check_id
    join hosts h on h.id = c.host_id where not r.healthy";

/// Rows that the manager let in, or that somebody entered by hand.
const ODD: &str = "
    update host_health_checks set url = 'http://admin:secret@10.0.0.1/' where name = 'odd 1';
    update host_health_checks set url = 'ftp://files.example/' where name = 'odd 2';
    update host_health_checks set service_name = '../../etc' where name = 'odd 3';
    update host_health_checks set basic_auth_user = 'u', basic_auth_pass_encrypted = '\\x0102' where name = 'odd 4';
    update host_health_checks set ignore_cert_errors = null where name = 'web';
    insert into host_health_check_results (check_id, healthy, detail, latency_ms, checked_at)
    select id, true, null, -5, day from (select id from host_health_checks where name = 'ssh' limit 3) c,
        unnest(array['2099-01-01', 'infinity', '-infinity']::timestamptz[]) day;
    insert into host_health_check_results (check_id, healthy, checked_at)
    select check_id, healthy, checked_at from host_health_check_results
    where isfinite(checked_at) and checked_at < now() limit 1;";

async fn run(pool: &PgPool, statements: impl Into<String>) {
    sqlx::raw_sql(AssertSqlSafe(statements.into())).execute(pool).await.expect("executed");
}

async fn number(pool: &PgPool, query: &'static str) -> i64 {
    sqlx::query_scalar(query).fetch_one(pool).await.expect("read")
}

/// Fills the manager's tables: five checks a host, four days of results.
async fn fill(pool: &PgPool, hosts: u32, rounds: u32) {
    run(
        pool,
        format!(
            "insert into hosts (fqdn, ip_address) \
             select 'host-' || n || '.example', ('10.0.0.0'::inet + n) from generate_series(1, {hosts}) n; \
             insert into host_health_checks (host_id, name, check_type, service_name, created_at, updated_at) \
             select id, name, 'service', name, now() - interval '1 year', now() - interval '1 year' \
             from hosts, unnest(array['ssh', 'cron', 'odd 3']) name; \
             insert into host_health_checks (host_id, name, check_type, url, expected_body, created_at, updated_at) \
             select id, name, 'http', 'http://' || fqdn || '/', 'fine', now() - interval '1 year', \
             now() - interval '1 year' from hosts, unnest(array['web', 'odd 1']) name; \
             update host_health_checks set name = 'odd 2' where name = 'odd 1' and id > '80000000-0000-0000-0000-000000000000'; \
             update host_health_checks set name = 'odd 4' where name = 'web' and id > 'c0000000-0000-0000-0000-000000000000'; \
             insert into host_health_check_results (check_id, healthy, detail, latency_ms, checked_at) \
             select c.id, n % 7 <> 0, 'made ' || n, n, now() - n * interval '4 days' / {rounds} \
             from host_health_checks c, generate_series(1, {rounds}) n; {ODD} analyze"
        ),
    )
    .await;
}

/// A writer of the old manager: how often it wrote, and the longest that one write took.
struct Writer {
    what: &'static str,
    statement: &'static str,
}

const WRITERS: [Writer; 3] = [
    Writer {
        what: "results of all checks of a host",
        statement: "insert into host_health_check_results (check_id, healthy, checked_at) \
                    select id, true, clock_timestamp() from host_health_checks \
                    where host_id = (select id from hosts order by id limit 1)",
    },
    Writer {
        what: "an edit, then a result",
        statement: "begin; update host_health_checks set updated_at = updated_at where host_id = \
                    (select id from hosts order by id limit 1 offset 1) and name = 'ssh'; \
                    insert into host_health_check_results (check_id, healthy, checked_at) \
                    select id, true, clock_timestamp() from host_health_checks where host_id = \
                    (select id from hosts order by id limit 1 offset 1) and name = 'ssh'; commit",
    },
    Writer {
        what: "a host that comes and goes",
        statement: "begin; insert into hosts (fqdn, ip_address) values ('passing.example', '10.9.9.9'); \
                    insert into host_health_checks (host_id, name, check_type, service_name) \
                    select id, 'ssh', 'service', 'ssh' from hosts where fqdn = 'passing.example'; \
                    delete from hosts where fqdn = 'passing.example'; commit",
    },
];

type Written = (&'static str, u64, Duration);

fn write_beside(
    pool: &PgPool,
    stop: &Arc<AtomicBool>,
    written: &Arc<AtomicU64>,
) -> Vec<JoinHandle<Written>> {
    let start = |writer: &Writer| {
        let (pool, stop, written) = (pool.clone(), Arc::clone(stop), Arc::clone(written));
        let (what, statement) = (writer.what, writer.statement);
        tokio::spawn(async move {
            let mut connection = pool.acquire().await.expect("connected");
            let (mut writes, mut longest) = (0, Duration::ZERO);
            while !stop.load(Ordering::Relaxed) {
                let since = Instant::now();
                sqlx::raw_sql(statement).execute(&mut *connection).await.expect("it goes on");
                (writes, longest) = (writes + 1, longest.max(since.elapsed()));
                written.fetch_add(1, Ordering::Relaxed);
            }
            (what, writes, longest)
        })
    };
    WRITERS.iter().map(start).collect()
}

async fn until(written: &AtomicU64, wanted: u64) {
    while written.load(Ordering::Relaxed) < wanted {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f223_adopt_trial() {
    let (hosts, rounds) = if long() { (500, 1_152) } else { (40, 60) };
    let mut report = String::new();
    let (server, database) = database();
    let pool = pool(server, &database, 8).await;
    run(&pool, format!("{MANAGER}{MANAGER_CHECK_TABLES}{ADDED}{VIEW}")).await;
    fill(&pool, hosts, rounds).await;
    let store = PgStore::new(pool.clone());
    let results = "select count(*) from host_health_check_results";
    let (before, tables) =
        (number(&pool, results).await, number(&pool, "select count(*) from pg_class").await);
    let checks = number(&pool, "select count(*) from host_health_checks").await;
    writeln!(report, "{hosts} hosts, {checks} checks, {before} results").expect("written");

    // What hangs on the table is named before anything changes.
    let refused = store.migrate().await;
    let Err(MigrateError::Obstacles { obstacles }) = &refused else { panic!("{refused:?}") };
    assert!(obstacles.contains("the view failing"), "{obstacles}");
    assert_eq!(number(&pool, "select count(*) from pg_class").await, tables, "nothing has changed");
    let reason = refused.expect_err("refused");
    writeln!(report, "refused at first: {reason}").expect("written");
    run(&pool, "drop view failing").await;

    let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let writers = write_beside(&pool, &stop, &written);
    until(&written, 30).await;
    let since = Instant::now();
    let done = store.migrate().await.expect("migrated");
    writeln!(report, "adopted in {:?}", since.elapsed()).expect("written");
    run(&pool, VIEW).await;
    until(&written, written.load(Ordering::Relaxed) + 30).await;
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        let (what, writes, longest) = writer.await.expect("no writer died");
        writeln!(report, "beside it: {what}: {writes} times, the longest took {longest:?}")
            .expect("written");
    }
    let deadlocks = "select deadlocks from pg_stat_database where datname = current_database()";
    assert_eq!(number(&pool, deadlocks).await, 0);

    // What was kept.
    assert_eq!(done.put_aside, 9, "three instants, three checks");
    let made = "select count(*) from host_health_check_results where checked_at < now() \
                and (detail like 'made %' or detail is null and latency_ms is null)";
    assert!(number(&pool, made).await >= before - 9);
    writeln!(
        report,
        "kept: all {} results; {} more lie in host_health_check_results_put_aside",
        before - 9,
        done.put_aside
    )
    .expect("written");
    for (what, holds) in [
        (
            "the reader's rights",
            "select has_table_privilege('trial_reader', 'host_health_check_results', 'select')::int::bigint",
        ),
        (
            "the trigger",
            "select count(*) from pg_trigger where tgname = 'notes' and tgrelid = 'host_health_check_results'::regclass",
        ),
        ("the index", "select (to_regclass('results_by_health') is not null)::int::bigint"),
        (
            "the publication",
            "select count(*) from pg_publication_rel where prrelid = 'host_health_check_results'::regclass",
        ),
    ] {
        assert_eq!(number(&pool, holds).await, 1, "{what}");
        writeln!(report, "kept: {what}").expect("written");
    }

    // What is odd is told, and stands in nobody's way.
    let ids: Vec<Uuid> =
        sqlx::query_scalar("select id from hosts").fetch_all(&pool).await.expect("read");
    let ids: Vec<HostId> = ids.into_iter().map(HostId::from_uuid).collect();
    let all = store.checks_of(&ids).await.expect("read");
    assert_eq!(i64::try_from(all.len()).expect("few"), checks);
    let odd: Vec<_> = all.iter().filter(|check| check.definition.unreadable().is_some()).collect();
    assert!(!odd.is_empty());
    writeln!(
        report,
        "{} checks cannot be run as they are, such as {:?}: {:?}",
        odd.len(),
        &*odd[0].definition.name,
        odd[0].definition.unreadable()
    )
    .expect("written");
    let views = store.views(&ids, Duration::from_secs(30 * 24 * 3600)).await.expect("read");
    let sound = views.iter().filter(|view| view.check.definition.unreadable().is_none());
    let unknown = sound.filter(|view| view.status == CheckStatus::Unknown).count();
    assert_eq!(unknown, 0, "the newest result of each check is shown");
    writeln!(report, "shown at once: the newest result of each of {} checks", views.len())
        .expect("written");

    // It polls, and prunes.
    run(&pool, "update health_schedule set next_due = now()").await;
    record(&store, ReasonCode::Ok, store.now().await.expect("the time")).await;
    assert!(number(&pool, "select count(*) from failing").await > 0, "the view sees both");
    let pruned = store.prune_results(Duration::from_secs(4 * 24 * 3600), 5_000, false).await;
    assert_eq!(pruned.expect("pruned"), PruneOutcome::Done { deleted: 0 });
    println!("{report}");
}
