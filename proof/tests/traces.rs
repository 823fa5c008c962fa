//! Real histories: worker processes on a real Postgres, killed at random instants, and what the database wrote down
//! about them, replayed in the account of the search.
//!
//! `HEALTHGATE_LONG=1` asks for 10 minutes in place of 12 seconds, and `HEALTHGATE_SEED` for a seed.

use std::{
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use healthgate::{
    CancellationToken,
    checks::{CheckOutcome, HostRun, HostRunner},
    clock::SystemClock,
    directory::StaticDirectory,
    gate::{Gate, GatePolicy, GateRunner, GateRunnerConfig, RequestedWindows, StoredChecks},
    model::*,
    store::{
        CheckStore, CheckUpdate, FirstRun, GateStore, RolloutStore, SecretChange, Spend, StoreBase,
        postgres::{PgStore, pool_options, session_options},
    },
    testing::fixtures,
};
use healthgate_proof::{Change, mix, replay_trace};
use healthgate_testkit::Postgres;
use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

const DATABASE: &str = "HEALTHGATE_TRACE_DATABASE";
const HOSTS: u128 = 5;
/// The rollout over all hosts.
const FLEET: u128 = 1;

/// Writes down each changed row, with the transaction that changed it.
const TRACE: &str = "create table trace (number bigint generated always as identity, \
         transaction xid8 not null default pg_current_xact_id(), at timestamptz not null, \
         changed text not null, old jsonb, new jsonb); \
     create function trace() returns trigger language plpgsql as $$ begin \
         insert into trace (at, changed, old, new) values (clock_timestamp(), tg_argv[0], \
             case when tg_op <> 'INSERT' then to_jsonb(old) end, \
             case when tg_op <> 'DELETE' then to_jsonb(new) end); \
         return null; end $$;";
const TABLES: [&str; 7] = [
    "host_health_checks",
    "host_health_check_results",
    "health_states",
    "health_gate_leases",
    "health_gates",
    "health_changes",
    "health_rollouts",
];

fn policy() -> GatePolicy {
    GatePolicy {
        retry: Duration::from_secs(1),
        timeout: Duration::from_secs(1),
        max_age: Duration::from_secs(3),
        pass_ttl: Duration::from_secs(2),
        spread: Duration::ZERO,
        ..GatePolicy::default()
    }
}

/// Numbers that a seed draws.
#[derive(Debug)]
struct Draw(AtomicU64);

impl Draw {
    fn below(&self, bound: u64) -> u64 {
        let step = self.0.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
        mix(step) % bound
    }

    async fn pause(&self, from: u64, to: u64) {
        tokio::time::sleep(Duration::from_millis(from + self.below(to - from))).await;
    }
}

/// Checks fail for some seconds now and then, and answers take up to 0.3 s.
#[derive(Debug)]
struct Weather;

#[async_trait]
impl HostRunner for Weather {
    async fn run_host(&self, run: HostRun) -> Vec<CheckOutcome> {
        let agents = &run.agents;
        let outcome = |check: HealthCheck| async move {
            let moment = Utc::now().timestamp().unsigned_abs() / 2;
            let drawn = mix(check.id.as_uuid().as_u64_pair().1 ^ moment);
            tokio::time::sleep(Duration::from_millis(drawn / 16 % 300)).await;
            let failing = drawn.is_multiple_of(4);
            let reason = if failing { ReasonCode::ServiceUnhealthy } else { ReasonCode::Ok };
            CheckOutcome {
                check_id: check.id,
                revision: check.revision,
                reason,
                detail: Detail::new("seen"),
                latency: Duration::from_millis(1),
                endpoint: agents.get(&check.asked_host()).cloned().flatten(),
            }
        };
        join_all(run.checks.into_iter().map(outcome)).await
    }
}

fn health(store: &Arc<PgStore>) -> Arc<StoredChecks> {
    let directory = StaticDirectory::new();
    for host in 1..=HOSTS {
        directory.insert(fixtures::host(host), Some(fixtures::agent(8_443)), &[]);
    }
    Arc::new(StoredChecks::new(
        store.clone(),
        Arc::new(Weather),
        Arc::new(directory),
        policy().timeout,
    ))
}

async fn open(url: &str) -> Arc<PgStore> {
    let options = session_options(url.parse().expect("a URL"));
    Arc::new(PgStore::new(pool_options(6).connect_with(options).await.expect("connected")))
}

/// The body of a worker process, until it is killed; nothing where this is none.
#[tokio::test]
#[ignore = "a worker process, started by the test"]
async fn worker() {
    let Ok(url) = std::env::var(DATABASE) else { return };
    let store = open(&url).await;
    let config = GateRunnerConfig {
        tick: Duration::from_millis(100),
        source_timeout: Duration::from_millis(500),
        lease: Duration::from_secs(2),
        ..GateRunnerConfig::default()
    };
    let (health, windows) = (health(&store), Arc::new(RequestedWindows));
    let clock = Arc::new(SystemClock);
    let gates = GateRunner::new(store, health, windows, clock, policy(), config).expect("sound");
    gates.run(CancellationToken::new()).await;
}

fn start_worker(url: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("a program"));
    command.args(["--exact", "worker", "--ignored", "--test-threads", "1"]).env(DATABASE, url);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started")
}

/// Kills and starts workers until it is told to stop. Returns how many it killed.
async fn kill_workers(url: &str, stop: CancellationToken, draw: &Draw) -> u32 {
    let mut workers = [start_worker(url), start_worker(url)];
    let mut killed = 0;
    while stop.run_until_cancelled(draw.pause(300, 3_500)).await.is_some() {
        let victim = &mut workers[usize::try_from(draw.below(2)).expect("small")];
        victim.kill().expect("killed");
        victim.wait().expect("gone");
        killed += 1;
        *victim = start_worker(url);
    }
    for mut worker in workers {
        worker.kill().expect("killed");
        worker.wait().expect("gone");
    }
    killed
}

/// Edits, disables and enables checks.
async fn edit_checks(store: &PgStore, until: Instant, draw: &Draw) {
    while Instant::now() < until {
        draw.pause(300, 1_500).await;
        let host = fixtures::host(u128::from(draw.below(u64::try_from(HOSTS).expect("few"))) + 1);
        let checks = store.checks_of(&[host]).await.expect("read");
        let index = usize::try_from(draw.below(checks.len() as u64)).expect("small");
        let mut definition = checks[index].definition.clone();
        definition.enabled = draw.below(5) > 0;
        let update = CheckUpdate {
            id: checks[index].id,
            host_id: host,
            expected_revision: checks[index].revision,
            definition,
            secret: SecretChange::Keep,
            first_run: FirstRun::AtOnce,
        };
        let entry = fixtures::audit(AuditAction::HealthCheckUpdated);
        store.update_check(update, entry).await.expect("updated");
    }
}

/// One host's executor: the rollout first, then jobs of its own.
async fn execute(
    store: Arc<PgStore>,
    host: HostId,
    mut window: Window,
    until: Instant,
    draw: &Draw,
) {
    let clock = Arc::new(SystemClock);
    let (windows, health) = (Arc::new(RequestedWindows), health(&store));
    let gate = Gate::new(store.clone(), health, windows, clock, policy()).expect("sound");
    let mut job = fixtures::job(FLEET);
    while Instant::now() < until {
        store.open_gate(GateRequest::new(job, host, window)).await.expect("opened");
        follow(&gate, &store, job, host, draw).await;
        job = JobId::generate();
        let length = TimeDelta::seconds(2 + i64::try_from(draw.below(7)).expect("small"));
        window = Window::lasting(store.now().await.expect("the time"), length).expect("a window");
    }
}

/// Follows a gate to its end, and changes the host where it lets.
async fn follow(gate: &Gate, store: &PgStore, job: JobId, host: HostId, draw: &Draw) {
    let (mut cancels, mut overrides) = (draw.below(8) == 0, draw.below(6) == 0);
    loop {
        draw.pause(30, 120).await;
        let record = store.gate(job, host).await.expect("read").expect("it is open");
        if record.state.is_terminal() {
            return;
        }
        let entry = |action| fixtures::audit(action).with_gate(job, host);
        if std::mem::take(&mut overrides) {
            let checks = store.checks_of(&[host]).await.expect("read");
            let named = |check: &HealthCheck| OverriddenCheck {
                check_id: check.id,
                revision: check.revision,
            };
            let (now, end) = (Utc::now(), record.window.closes_at());
            let checks = checks.iter().map(named).collect();
            let given = GateOverride::new(checks, "a known fault", end, "ada", now, end);
            if let Ok(given) = given {
                let entry = entry(AuditAction::GateOverridden);
                // The gate may have ended meanwhile.
                let _ = store.set_override(job, host, Some(given), entry).await;
            }
        }
        // A cancellation is of this host's gate; the rollout has others.
        if job != fixtures::job(FLEET) && draw.below(12) == 0 && std::mem::take(&mut cancels) {
            let _ = store.request_cancel(job, host, entry(AuditAction::GateCancelled)).await;
        }
        let Some(pass) = record.pass.filter(|_| record.state == GateState::Passed) else {
            continue;
        };
        if draw.below(4) == 0 {
            draw.pause(200, 2_500).await;
        }
        if let Spend::Spent(_) = gate.spend(&pass).await.expect("answered") {
            draw.pause(20, 500).await;
            let verify = VerifyPolicy {
                settle: Duration::from_millis(draw.below(800)),
                soak: Duration::from_millis(draw.below(800)),
                deadline: Duration::from_secs(3),
            };
            let end = match draw.below(6) {
                0 => ChangeEnd::Failed,
                1..=3 => ChangeEnd::Done,
                _ => ChangeEnd::Verify(verify),
            };
            store.end_host_change(pass.id, end).await.expect("ended");
            return;
        }
    }
}

async fn prepare(store: &PgStore) {
    store.migrate().await.expect("migrated");
    sqlx::raw_sql(TRACE).execute(store.pool()).await.expect("made");
    for table in TABLES {
        let trigger = format!(
            "create trigger trace after insert or update or delete on {table} \
             for each row execute function trace('{table}')"
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(trigger)).execute(store.pool()).await.expect("made");
    }
    for number in 1..=HOSTS {
        for name in ["sshd", "nginx"].into_iter().take(1 + usize::from(number % 2 == 0)) {
            let insert = fixtures::service_check(CheckId::generate(), fixtures::host(number), name);
            let entry = fixtures::audit(AuditAction::HealthCheckCreated);
            store.insert_check(insert, entry).await.expect("inserted");
        }
    }
    let stage = |hosts| RolloutStage { up_to: Amount::Hosts(hosts), soak: Duration::from_secs(1) };
    let rollout = RolloutPolicy {
        stages: vec![stage(1), stage(3)],
        max_in_flight: Amount::Hosts(2),
        failure_budget: Amount::Percent(100),
    };
    let hosts = u32::try_from(HOSTS).expect("few");
    store.open_rollout(fixtures::job(FLEET), hosts, rollout).await.expect("opened");
}

/// A row's table, the time of its change, and what it was and is.
type Row = (String, DateTime<Utc>, Option<Value>, Option<Value>);

/// What the database wrote down, in the order of the commits.
async fn traced(pool: &PgPool) -> Vec<Change> {
    let mut patient = pool.begin().await.expect("begun");
    sqlx::raw_sql("set local statement_timeout = 0").execute(&mut *patient).await.expect("set");
    let rows: Vec<Row> = sqlx::query_as(
        "select changed, at, old, new from trace \
         order by pg_xact_commit_timestamp(transaction::xid), number",
    )
    .fetch_all(&mut *patient)
    .await
    .expect("read");
    rows.into_iter().map(|(table, at, old, new)| Change { table, at, old, new }).collect()
}

fn state(row: Option<&Value>) -> Option<&str> {
    row?.get("state")?.as_str()
}

fn is_spending(change: &Change) -> bool {
    change.table == "health_gates"
        && state(change.new.as_ref()) == Some("spent")
        && state(change.old.as_ref()) != Some("spent")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn histories_of_killed_workers_keep_the_rules_of_the_account() {
    let long = std::env::var_os("HEALTHGATE_LONG").is_some_and(|value| value == "1");
    let length = Duration::from_secs(if long { 600 } else { 12 });
    let asked = std::env::var("HEALTHGATE_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = asked.unwrap_or_else(|| Uuid::now_v7().as_u64_pair().1);
    println!("seed {seed}");
    let draw = Draw(AtomicU64::new(seed));
    let server = Postgres::builder().with_setting("track_commit_timestamp", "on").start();
    let server = server.expect("a server");
    let url = server.url(&server.create_database().expect("a database"));
    let store = open(&url).await;
    prepare(&store).await;
    let until = Instant::now() + length;
    let opens_at = store.now().await.expect("the time");
    let window = Window::lasting(opens_at, TimeDelta::seconds(14)).expect("a window");
    let executors =
        (1..=HOSTS).map(|host| execute(store.clone(), fixtures::host(host), window, until, &draw));
    let stop = CancellationToken::new();
    let work = async {
        tokio::join!(join_all(executors), edit_checks(&store, until, &draw));
        stop.cancel();
    };
    let (killed, ()) = tokio::join!(kill_workers(&url, stop.clone(), &draw), work);
    let changes = traced(store.pool()).await;
    let seen =
        replay_trace(policy(), &changes).unwrap_or_else(|fault| panic!("seed {seed}: {fault}"));
    println!("{} rows, {killed} workers killed, {seen:?}", changes.len());
    assert!(killed >= 3 && seen.takeovers >= 1, "seed {seed}: nobody took over: {seen:?}");
    assert!(seen.passes >= 8 && seen.spent >= 4, "seed {seed}: few passes: {seen:?}");
    assert!(seen.verdicts >= 1 && seen.stages >= 1, "seed {seed}: no rollout: {seen:?}");

    // The account is no rubber stamp: histories that break a rule are refused.
    let others = |change: &&Change| change.table != "host_health_check_results";
    let unproven: Vec<Change> = changes.iter().filter(others).cloned().collect();
    let fault = replay_trace(policy(), &unproven).expect_err("no run was healthy");
    assert!(fault.contains("G2: no run of the present revision"), "{fault}");
    let twice: Vec<Change> = changes
        .iter()
        .flat_map(|change| {
            std::iter::repeat_n(change.clone(), 1 + usize::from(is_spending(change)))
        })
        .collect();
    let fault = replay_trace(policy(), &twice).expect_err("a pass was spent twice");
    assert!(fault.contains("G17"), "{fault}");
    let others = |change: &&Change| change.table != "health_changes";
    let unreported: Vec<Change> = changes.iter().filter(others).cloned().collect();
    let fault = replay_trace(policy(), &unreported).expect_err("no change has ended");
    assert!(fault.contains("G27") || fault.contains("R1"), "{fault}");
}
