//! What the store in Postgres costs, at a table of many results, against reads by primary key that are
//! measured in the same run (B7, B8, B11, B13 of `docs/benchmarks.md`).
//!
//! `scripts/bench-postgres [RESULTS]` runs it; 2,000,000 results unless told otherwise. It prints a table in
//! Markdown.

use std::{
    error::Error,
    fs,
    time::{Duration, Instant},
};

use chrono::{TimeDelta, Utc};
use futures_util::future::join_all;
use healthgate::{
    model::{CheckId, CheckResult, ClockEpoch, Detail, HostId, ReasonCode, ResultSource, WorkerId},
    store::{
        CheckStore, ClaimRequest, Claims, HostCompletion, PollQueue, PruneOutcome, ResultStore,
        postgres::{PgStore, pool_options},
    },
};
use healthgate_testkit::Postgres;
use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;

const HOSTS: i64 = 100_000;
/// The hosts that have results from before; each has five checks, like all.
const BUSY_HOSTS: i64 = 10_000;
const LEASE: Duration = Duration::from_secs(60);
const FRESH: Duration = Duration::from_secs(600);

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let results = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(2_000_000);
    tokio::runtime::Runtime::new()?.block_on(run(results))
}

async fn run(results: i64) -> Outcome<()> {
    let server = Postgres::builder()
        .with_setting("shared_buffers", "1GB")
        .with_setting("max_wal_size", "8GB")
        .with_setting("work_mem", "64MB")
        // As in production: a commit is one that the disk has.
        .with_setting("fsync", "on")
        .with_setting("full_page_writes", "on")
        .start()?;
    let database = server.create_database()?;
    let pool = pool_options(8).connect(&server.url(&database)).await?;
    let store = PgStore::new(pool.clone());
    store.migrate().await?;
    let started = Instant::now();
    fill(&pool, results).await?;
    let size: String = sqlx::query_scalar(
        "select pg_size_pretty(sum(pg_total_relation_size(inhrelid))) from pg_inherits \
         where inhparent = 'host_health_check_results'::regclass",
    )
    .fetch_one(&pool)
    .await?;
    println!(
        "{HOSTS} hosts with 5 checks, {results} results in 5 days ({size}), made in {:.0?}; \
         load {}\n",
        started.elapsed(),
        load()
    );
    row("#", "what", "figure", "ratio", "wanted");
    println!("| --- | --- | --- | --- | --- |");
    reading(&store).await?;
    recording(&server.url(&database)).await?;
    pruning(&store).await?;
    claiming(&store).await?;
    println!("\nload at the end {}", load());
    Ok(())
}

/// How busy the machine is: the averages of 1, 5 and 15 minutes.
fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// Hosts, checks, states and schedules, and results spread over the last five days.
async fn fill(pool: &PgPool, results: i64) -> Outcome<()> {
    let each = results / (BUSY_HOSTS * 5);
    let sql = format!(
        "insert into host_health_checks (host_id, name, check_type, service_name) \
         select host, 'sshd', 'service', 'sshd' from \
         (select gen_random_uuid() as host from generate_series(1, {HOSTS})) hosts, \
         generate_series(1, 5) order by host; \
         insert into health_schedule (host_id, next_due) \
         select distinct host_id, now() from host_health_checks; \
         insert into health_states select id, host_id, 1, 'ok', 'active/running, enabled', 12, \
         now() - interval '1 minute', 'poll', false, null, 'healthy', now() - interval '1 day', 9 \
         from host_health_checks order by host_id; \
         update health_schedule set total = 5, seen = 5, first_checked_at = now() - interval '1 minute', \
         last_checked_at = now() - interval '1 minute', healthy = 5, unhealthy = 0; \
         select health_make_partitions((now() at time zone 'UTC')::date - 5, \
         (now() at time zone 'UTC')::date + 7); \
         set session_replication_role = replica; \
         create temp table busy as select id from host_health_checks where host_id in \
         (select distinct host_id from host_health_checks limit {BUSY_HOSTS}); \
         insert into host_health_check_results (check_id, healthy, detail, latency_ms, checked_at, \
         reason) select id, true, 'active/running, enabled', 12, \
         now() - interval '2 minutes' - n * (interval '115 hours' / {each}), 'ok' \
         from generate_series(1, {each}) n, busy; \
         set session_replication_role = origin; \
         vacuum analyze"
    );
    // One connection, since one of the statements makes a table of its session's own.
    let mut connection = pool.acquire().await?;
    for statement in sql.split("; ") {
        let statement = AssertSqlSafe(statement.to_owned());
        sqlx::raw_sql(statement).execute(&mut *connection).await?;
    }
    connection.close().await?;
    Ok(())
}

/// The median time of a call, of so many.
async fn median<T>(times: usize, mut call: impl AsyncFnMut() -> Outcome<T>) -> Outcome<Duration> {
    let mut taken = Vec::with_capacity(times);
    for _ in 0..times {
        let started = Instant::now();
        call().await?;
        taken.push(started.elapsed());
    }
    taken.sort_unstable();
    Ok(taken[times / 2])
}

/// A row of a table in Markdown: its number in `docs/benchmarks.md`, what, its figure, its ratio, what is wanted.
fn row(number: &str, what: &str, figure: &str, ratio: &str, wanted: &str) {
    println!("| {number:<3} | {what:<68} | {figure:>12} | {ratio:>8} | {wanted:<12} |");
}

fn line(number: &str, what: &str, taken: Duration, unit: Duration, wanted: &str) {
    let ratio = taken.as_secs_f64() / unit.as_secs_f64();
    let ratio = if ratio < 10.0 { format!("{ratio:.2}x") } else { format!("{ratio:.0}x") };
    row(number, what, &format!("{taken:.3?}"), &ratio, wanted);
}

async fn reading(store: &PgStore) -> Outcome<()> {
    let rows: Vec<(Uuid, Uuid)> = sqlx::query_as(
        "select distinct on (host_id) host_id, id from host_health_checks order by host_id limit 10000",
    )
    .fetch_all(store.pool())
    .await?;
    let hosts: Vec<HostId> = rows.iter().map(|(host, _)| HostId::from_uuid(*host)).collect();
    let (host, check) = (hosts[0], CheckId::from_uuid(rows[0].1));
    let by_key = median(2_000, async || Ok(store.check(host, check).await?)).await?;
    line("", "a read by primary key, through the store", by_key, by_key, "");
    let page = median(300, async || Ok(store.views(&hosts[..50], FRESH).await?)).await?;
    line("B8", "host list: 50 hosts with all 250 checks and results", page, by_key, "at most 10x");
    let list = median(300, async || Ok(store.summaries(&hosts[..50], FRESH).await?)).await?;
    line("B8", "the same as one indicator for each host", list, by_key, "at most 10x");
    let summary = median(20, async || Ok(store.summaries(&hosts, FRESH).await?)).await?;
    line("B8", "summary of 10,000 hosts", summary, by_key, "at most 400x");
    // As after a change of every host's checks: nothing is kept, all is counted from the states.
    let voided = "update health_schedule set total = null";
    sqlx::raw_sql(voided).execute(store.pool()).await?;
    sqlx::raw_sql("vacuum analyze health_schedule").execute(store.pool()).await?;
    let counted = median(20, async || Ok(store.summaries(&hosts, FRESH).await?)).await?;
    line("", "the same, every host's checks changed since its last run", counted, by_key, "");
    let busy: (Uuid, Uuid) = sqlx::query_as(
        "select c.host_id, c.id from host_health_checks c join host_health_check_results r \
         on r.check_id = c.id limit 1",
    )
    .fetch_one(store.pool())
    .await?;
    let (host, check) = (HostId::from_uuid(busy.0), CheckId::from_uuid(busy.1));
    let before = Some(Utc::now() - TimeDelta::days(2));
    let history = median(300, async || Ok(store.history(host, check, before, 100).await?)).await?;
    line("", "history, a page of 100 in the middle", history, by_key, "");
    Ok(())
}

fn passed(check_id: CheckId, host_id: HostId, at: chrono::DateTime<Utc>) -> CheckResult {
    CheckResult {
        check_id,
        host_id,
        revision: 1,
        reason: ReasonCode::Ok,
        detail: Detail::new("active/running, enabled"),
        latency_ms: 12,
        checked_at: at,
        epoch: ClockEpoch::default(),
        source: ResultSource::Poll,
        observer_fault: false,
        endpoint: None,
    }
}

fn batch(claims: &Claims) -> Vec<HostCompletion> {
    let done = |claim: &healthgate::store::HostClaim| {
        HostCompletion::new(
            claim,
            claims.now + TimeDelta::hours(1),
            claim.checks.iter().map(|check| passed(check.id, check.host_id, claims.now)).collect(),
        )
    };
    claims.hosts.iter().map(done).collect()
}

/// The processor time that a server process has used, user and system, to the nanosecond.
fn used(process: i32) -> Outcome<Duration> {
    let text = fs::read_to_string(format!("/proc/{process}/schedstat"))?;
    let spent = text.split_whitespace().next().unwrap_or_default();
    Ok(Duration::from_nanos(spent.parse()?))
}

/// One connection, so that one server process does all the work.
struct Recorder {
    pool: PgPool,
    store: PgStore,
    process: i32,
    checks: Vec<Uuid>,
}

impl Recorder {
    async fn connect(url: &str) -> Outcome<Self> {
        let pool = pool_options(1).connect(url).await?;
        let process = sqlx::query_scalar("select pg_backend_pid()").fetch_one(&pool).await?;
        let checks = sqlx::query_scalar("select id from host_health_checks order by id limit 1000")
            .fetch_all(&pool)
            .await?;
        Ok(Self { store: PgStore::new(pool.clone()), pool, process, checks })
    }

    /// The server's processor time for a result, of so many batches of 1,000.
    async fn batched(&self, batches: u32) -> Outcome<Duration> {
        let (worker, mut spent, mut results) = (WorkerId::generate(), Duration::ZERO, 0);
        for _ in 0..batches {
            let request = ClaimRequest::new(worker, 200, LEASE);
            let batch = batch(&self.store.claim_hosts(request).await?);
            results += batch.iter().map(|done| done.results.len()).sum::<usize>();
            let before = used(self.process)?;
            self.store.complete_hosts(worker, batch).await?;
            spent += used(self.process)? - before;
        }
        Ok(spent / u32::try_from(results)?)
    }

    /// The same for a result that is inserted by a statement of its own, without its state.
    async fn single(&self) -> Outcome<Duration> {
        let before = used(self.process)?;
        for check in &self.checks {
            sqlx::query(
                "insert into host_health_check_results (check_id, healthy, detail, latency_ms, \
                 reason) values ($1, true, 'active/running, enabled', 12, 'ok')",
            )
            .bind(check)
            .execute(&self.pool)
            .await?;
        }
        Ok((used(self.process)? - before) / u32::try_from(self.checks.len())?)
    }
}

async fn recording(url: &str) -> Outcome<()> {
    let recorder = Recorder::connect(url).await?;
    // Both wait for the disk, as is the default; then neither does.
    for (what, commit) in [("", "on"), (", disk not waited for", "off")] {
        let set = AssertSqlSafe(format!("set synchronous_commit = {commit}"));
        sqlx::raw_sql(set).execute(&recorder.pool).await?;
        let (mut batched, mut single) = (Vec::new(), Vec::new());
        for _ in 0..7 {
            batched.push(recorder.batched(14).await?);
            single.push(recorder.single().await?);
        }
        batched.sort_unstable();
        single.sort_unstable();
        let (batched, single) = (batched[3], single[3]);
        line("", &format!("CPU of a result by a statement of its own{what}"), single, single, "");
        let what = format!("CPU of a result by batches, its state included{what}");
        line("B7", &what, batched, single, "at most 0.3x");
    }
    Ok(())
}

async fn pruning(store: &PgStore) -> Outcome<()> {
    let worker = WorkerId::generate();
    let mut taken = Vec::new();
    for _ in 0..20 {
        let request = ClaimRequest::new(worker, 200, LEASE);
        let batch = batch(&store.claim_hosts(request).await?);
        let started = Instant::now();
        store.complete_hosts(worker, batch).await?;
        taken.push(started.elapsed());
    }
    taken.sort_unstable();
    let batch = taken[10];
    line("", "recording a batch of 1,000", batch, batch, "");
    let started = Instant::now();
    let pruned = store.prune_results(Duration::from_secs(3 * 24 * 3600), 5_000, false).await?;
    let taken = started.elapsed();
    let (PruneOutcome::More { deleted } | PruneOutcome::Done { deleted }) = pruned else {
        return Err(format!("{pruned:?}").into());
    };
    let what = format!("pruning a day, of {deleted} results");
    line("B11", &what, taken, batch, "at most 20x");
    Ok(())
}

async fn claiming(store: &PgStore) -> Outcome<()> {
    let mut alone = None;
    for workers in [1, 2, 4] {
        let free = "update health_schedule set owner = null, lease_until = null, \
                    next_due = now() - random() * interval '5 minutes'";
        sqlx::raw_sql(free).execute(store.pool()).await?;
        sqlx::raw_sql("vacuum analyze health_schedule").execute(store.pool()).await?;
        let started = Instant::now();
        let claims = join_all((0..workers).map(|_| claim_all(store))).await;
        let taken = started.elapsed();
        let mut hosts = Vec::new();
        for claimed in claims {
            hosts.extend(claimed?);
        }
        let claimed = hosts.len();
        hosts.sort_unstable();
        hosts.dedup();
        let rate = claimed as f64 / taken.as_secs_f64();
        let against = rate / *alone.get_or_insert(rate);
        let doubles = claimed - hosts.len();
        let what = format!(
            "claiming and completing {claimed} hosts, {workers} workers, {doubles} doubles"
        );
        let (figure, ratio) = (format!("{rate:.0} /s"), format!("{against:.2}x"));
        row("B13", &what, &figure, &ratio, "at least 1x");
    }
    Ok(())
}

async fn claim_all(store: &PgStore) -> Outcome<Vec<HostId>> {
    let (worker, mut hosts) = (WorkerId::generate(), Vec::new());
    loop {
        // No lease ends here, however slow the machine is.
        let request = ClaimRequest::new(worker, 200, Duration::from_secs(3_600));
        let claims = store.claim_hosts(request).await?;
        if claims.hosts.is_empty() {
            return Ok(hosts);
        }
        hosts.extend(claims.hosts.iter().map(|claim| claim.host_id));
        // As in life, what has been claimed is soon due later, and not skipped by every other claim.
        let mut batch = batch(&claims);
        batch.iter_mut().for_each(|done| done.results.clear());
        store.complete_hosts(worker, batch).await?;
    }
}
