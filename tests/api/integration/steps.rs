//! The guide's steps, tried on one database: adopt, mount, poll, gate, patch.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    sync::{Arc, Mutex},
    time::Duration,
};

use aes_gcm::{Aes256Gcm, KeyInit, aead::Aead};
use async_trait::async_trait;
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode},
};
use chrono::{DateTime, TimeDelta, Utc};
use healthgate::{
    gate::{GateError, recurrence::open_at},
    model::{Actor, GateRecord, GateRequest, GateState, HostId, JobId, PassKind, Window},
    store::{GateStore, Refusal, ResultStore, Spend, StoreError},
};
use healthgate_testkit::{
    Agent, Authority, MANAGER_CHECK_TABLES, Postgres, ServiceScript, WebScript, WebTarget,
};
use serde_json::{Value, json};
use sqlx::PgPool;
use tempfile::TempDir;
use tokio_util::sync::{CancellationToken, DropGuard};
use tower::ServiceExt;
use uuid::Uuid;

use crate::integration::{
    executor::{Patcher, cancel},
    hook::row_hash,
    legacy::{ROWS, TABLES},
    manager::Manager,
    windows::{WindowRow, recurrence},
};

const KEY: [u8; 32] = [7; 32];

/// The manager on its own database, with an agent that answers for all hosts.
struct Site {
    manager: Arc<Manager>,
    agent: Agent,
    website: WebTarget,
    patcher: Arc<Recorder>,
    _key: TempDir,
    stop: CancellationToken,
    _stopping: DropGuard,
}

/// Remembers which hosts were patched, and in what state the job's row was meanwhile.
#[derive(Debug)]
struct Recorder {
    pool: PgPool,
    patched: Mutex<Vec<(JobId, HostId, String)>>,
}

#[async_trait]
impl Patcher for Recorder {
    async fn patch(&self, gate: &GateRecord) -> Result<(), String> {
        let status = status(&self.pool, gate.job_id, gate.host_id).await;
        self.patched.lock().unwrap().push((gate.job_id, gate.host_id, status));
        Ok(())
    }
}

impl Recorder {
    fn statuses(&self, job: JobId) -> Vec<String> {
        let patched = self.patched.lock().unwrap();
        patched.iter().filter(|one| one.0 == job).map(|one| one.2.clone()).collect()
    }
}

fn host(number: u128) -> HostId {
    HostId::from_uuid(Uuid::from_u128(number))
}

impl Site {
    /// A manager whose database is adopted, and whose worker runs.
    async fn adopted() -> Self {
        let site = Self::without_worker().await;
        let (worker, patcher) = (site.manager.clone(), site.patcher.clone());
        let stop = site.stop.clone();
        tokio::spawn(async move { worker.work(patcher, stop).await.unwrap() });
        site
    }

    async fn without_worker() -> Self {
        let authority = Authority::new("manager");
        let agent = Agent::builder(&authority).with_default_service(ServiceScript::Healthy);
        let agent = agent.start().await.unwrap();
        let website =
            WebTarget::builder().with_path("/", WebScript::basic_auth("u", "old", "fine"));
        let website = website.start().await.unwrap();

        let (server, key) = (Postgres::shared(), TempDir::new().unwrap());
        let database = server.create_database().unwrap();
        let rows = ROWS.replace("$PORT", &agent.addr().port().to_string());
        server.sql(&database, &format!("{TABLES}{MANAGER_CHECK_TABLES}{rows}")).unwrap();
        let url = server.url(&database);
        old_password(&url, &website.url("/")).await;
        let key_file = key.path().join("health-check.key");
        fs::write(&key_file, KEY).unwrap();
        fs::set_permissions(&key_file, fs::Permissions::from_mode(0o600)).unwrap();

        let manager = Arc::new(Manager::new(&url, &key_file, &authority).await.unwrap());
        let patched = Mutex::default();
        let patcher = Arc::new(Recorder { pool: manager.pool.clone(), patched });
        let stop = CancellationToken::new();
        let _stopping = stop.clone().drop_guard();
        Self { manager, agent, website, patcher, _key: key, stop, _stopping }
    }

    async fn count(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query).fetch_one(&self.manager.pool).await.unwrap()
    }

    async fn until(&self, query: &'static str, holds: impl Fn(i64) -> bool) {
        let reached = async {
            while !holds(self.count(query).await) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), reached).await.expect(query);
    }

    /// A maintenance window of a host, and a queued job on it.
    async fn job_in_window(
        &self,
        number: u128,
        recurrence: &str,
        open: DateTime<Utc>,
        minutes: i32,
    ) -> JobId {
        sqlx::query(
            "insert into maintenance_windows (host_id, recurrence, start_at, duration_minutes) \
             values ($1, $2, $3, $4)",
        )
        .bind(host(number).as_uuid())
        .bind(recurrence)
        .bind(open)
        .bind(minutes)
        .execute(&self.manager.pool)
        .await
        .unwrap();
        let job = JobId::generate();
        // Job and hosts in one transaction, so that no worker finds a job without hosts.
        let mut transaction = self.manager.pool.begin().await.unwrap();
        for insert in [
            "insert into patch_jobs (id) select $1 where $2::uuid is not null",
            "insert into patch_job_hosts (job_id, host_id) values ($1, $2)",
        ] {
            let insert = sqlx::query(insert).bind(job.as_uuid()).bind(host(number).as_uuid());
            insert.execute(&mut *transaction).await.unwrap();
        }
        transaction.commit().await.unwrap();
        job
    }

    async fn reach(&self, job: JobId, number: u128, wanted: &str) {
        let reached = async {
            while status(&self.manager.pool, job, host(number)).await != wanted {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        if tokio::time::timeout(Duration::from_secs(20), reached).await.is_err() {
            let gate = self.manager.store.gate(job, host(number)).await;
            panic!("host {number} does not reach {wanted}: {gate:?}");
        }
    }
}

async fn status(pool: &PgPool, job: JobId, host: HostId) -> String {
    let query = "select status::text from patch_job_hosts where job_id = $1 and host_id = $2";
    let query = sqlx::query_scalar(query).bind(job.as_uuid()).bind(host.as_uuid());
    query.fetch_one(pool).await.unwrap()
}

/// An HTTP check of host 5 with a password as the manager sealed it: AES-256-GCM, bound to nothing.
async fn old_password(url: &str, website: &str) {
    let pool = PgPool::connect(url).await.unwrap();
    let nonce = [9; 12];
    let sealed = Aes256Gcm::new(&KEY.into()).encrypt(&nonce.into(), b"old".as_slice()).unwrap();
    sqlx::query(
        "insert into host_health_checks (host_id, name, check_type, url, expected_body, \
         basic_auth_user, basic_auth_pass_encrypted, basic_auth_pass_nonce) \
         values ($1, 'web', 'http', $2, 'fine', 'u', $3, $4)",
    )
    .bind(host(5).as_uuid())
    .bind(website)
    .bind(sealed)
    .bind(nonce.as_slice())
    .execute(&pool)
    .await
    .unwrap();
    pool.close().await;
}

async fn ask(
    web: &Router,
    user: &str,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> (StatusCode, Value) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {user}"))
        .header("content-type", "application/json");
    let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
    let response = web.clone().oneshot(request.body(body).unwrap()).await.unwrap();
    let status = response.status();
    let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap_or_default())
}

/// Steps 2 and 5: nothing is lost, the target stays, and old passwords go on.
#[tokio::test]
async fn the_tables_are_adopted_and_an_old_password_opens_and_is_bound() {
    let site = Site::adopted().await;
    assert_eq!(site.count("select count(*) from host_health_checks").await, 5);
    let old = "select count(*) from host_health_check_results where detail like 'made %'";
    assert_eq!(site.count(old).await, 2_000);
    let target = "select count(*) from host_health_checks where target_host_id is not null";
    assert_eq!(site.count(target).await, 1);

    // The poller takes the host up, and the website gets the old password.
    let due = "update health_schedule set next_due = now()";
    sqlx::query(due).execute(&site.manager.pool).await.unwrap();
    let polled = async {
        loop {
            let states = site.manager.store.states(&[host(5)]).await.unwrap();
            if let Some(state) = states.first() {
                break state.latest.clone();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let result = tokio::time::timeout(Duration::from_secs(20), polled).await.unwrap();
    assert!(result.healthy(), "{result:?}");
    assert!(
        site.website.requests().iter().any(|request| request.header("authorization").is_some())
    );

    let unbound = "select count(*) from host_health_checks \
                   where basic_auth_pass_nonce is not null and secret_format = 0";
    assert_eq!(site.count(unbound).await, 1);
    let report = site.manager.checks.rotate_keys(&Actor::system()).await.unwrap();
    assert_eq!((report.rewritten, report.bound, report.left), (1, 1, 0));
    assert_eq!(site.count(unbound).await, 0);
}

#[derive(sqlx::FromRow)]
struct ChainRow {
    action: String,
    username: Option<String>,
    details: String,
    prev_hash: Vec<u8>,
    row_hash: Vec<u8>,
}

/// Steps 3, 4 and 8: rights by role and group, and the audit chain in the same transaction.
#[tokio::test]
async fn the_api_keeps_to_roles_and_groups_and_writes_the_managers_chain() {
    let site = Site::adopted().await;
    let (web, _api) = site.manager.web();
    let checks = |number: u128| format!("/api/v1/hosts/{}/health-checks", host(number));
    let ssh = || Some(json!({"name": "ssh", "check_type": "service", "service_name": "sshd"}));

    let (status, made) = ask(&web, "olga", "POST", &checks(1), ssh()).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    assert_eq!(ask(&web, "oleg", "GET", &checks(1), None).await.0, StatusCode::NOT_FOUND);
    assert_eq!(ask(&web, "oleg", "POST", &checks(1), ssh()).await.0, StatusCode::NOT_FOUND);
    assert_eq!(ask(&web, "rita", "POST", &checks(1), ssh()).await.0, StatusCode::FORBIDDEN);
    assert_eq!(ask(&web, "oleg", "GET", &checks(5), None).await.0, StatusCode::OK, "in no group");
    assert_eq!(ask(&web, "nobody", "GET", &checks(1), None).await.0, StatusCode::UNAUTHORIZED);

    let query = "select action, username, details, prev_hash, row_hash from audit_log order by id";
    let rows: Vec<ChainRow> = sqlx::query_as(query).fetch_all(&site.manager.pool).await.unwrap();
    let mut previous = Vec::new();
    for row in &rows {
        assert_eq!(row.prev_hash, previous);
        assert_eq!(row.row_hash, row_hash(&row.prev_hash, &row.details));
        previous.clone_from(&row.row_hash);
    }
    let created = |row: &&ChainRow| {
        row.action == "health_check_created" && row.username.as_deref() == Some("olga")
    };
    assert_eq!(rows.iter().filter(created).count(), 1);

    // Where the chain cannot be written, the change does not happen.
    let away = "alter table audit_log rename to audit_log_away";
    sqlx::query(away).execute(&site.manager.pool).await.unwrap();
    let (status, _) = ask(&web, "olga", "POST", &checks(2), ssh()).await;
    assert!(status.is_server_error(), "{status}");
    assert_eq!(site.count("select count(*) from host_health_checks where name = 'ssh'").await, 1);
}

/// Step 7: a job waits for health, goes ahead within its window alone, and can be cancelled.
#[tokio::test]
async fn jobs_wait_at_their_gates_and_patch_within_their_windows_alone() {
    let site = Site::adopted().await;
    let half_an_hour_ago = Utc::now() - TimeDelta::minutes(30);
    for number in [1, 3, 4] {
        site.agent.set(&format!("host-{number}"), ServiceScript::Failed);
    }

    // Open from half an hour ago to a minute before that tomorrow: over midnight.
    let waiting = site.job_in_window(1, "daily", half_an_hour_ago, 1_439).await;
    let cancelled = site.job_in_window(3, "daily", half_an_hour_ago, 1_439).await;
    // Closes in five seconds.
    let closing = Utc::now() - TimeDelta::seconds(55);
    let late = site.job_in_window(4, "once", closing, 1).await;
    // Its window opens tomorrow.
    let early = site.job_in_window(2, "once", Utc::now() + TimeDelta::days(1), 60).await;

    site.reach(waiting, 1, "waiting_health_check").await;
    site.reach(cancelled, 3, "waiting_health_check").await;
    cancel(&site.manager.pool, cancelled).await.unwrap();
    site.reach(cancelled, 3, "cancelled").await;

    // The words of the failing check stand where the manager's pages look for them.
    let error = "select count(*) from patch_job_hosts where last_error like '%service%'";
    site.until(error, |rows| rows > 0).await;
    site.agent.set("host-1", ServiceScript::Healthy);
    site.reach(waiting, 1, "succeeded").await;
    assert_eq!(site.patcher.statuses(waiting), ["running"], "moved with the pass, and once");

    site.reach(late, 4, "failed").await;
    // Healthy again, and too late: neither these nor the cancelled one are patched.
    site.agent.set("host-3", ServiceScript::Healthy);
    site.agent.set("host-4", ServiceScript::Healthy);
    let unfinished = "select count(*) from health_gates where state in ('waiting', 'passed')";
    site.until(unfinished, |gates| gates == 0).await;
    site.reach(early, 2, "queued").await;
    for job in [late, cancelled, early] {
        assert!(site.patcher.statuses(job).is_empty());
    }
}

/// Step 7: a rollback is not held back by what it is to mend, and waits for its window all the same.
#[tokio::test]
async fn a_rollback_passes_an_unhealthy_host_within_its_window() {
    let site = Site::adopted().await;
    site.agent.set("host-1", ServiceScript::Failed);
    site.agent.set("host-2", ServiceScript::Failed);
    // Made before any of the jobs, so that each has its kind from the beginning.
    let kind = "alter table patch_jobs alter column kind set default 'rollback'";
    sqlx::query(kind).execute(&site.manager.pool).await.unwrap();
    let later = site.job_in_window(2, "once", Utc::now() + TimeDelta::days(1), 60).await;
    let now = site.job_in_window(1, "once", Utc::now() - TimeDelta::minutes(1), 60).await;
    site.until("select count(*) from health_gates where state = 'spent'", |spent| spent == 1).await;
    site.until("select count(*) from patch_job_hosts where status = 'queued'", |rows| rows == 1)
        .await;
    assert_eq!(site.patcher.statuses(now), ["running"]);
    let gate = site.manager.store.gate(now, host(1)).await.unwrap().unwrap();
    assert_eq!(gate.pass.map(|pass| pass.kind), Some(PassKind::Exempt));
    assert!(site.patcher.statuses(later).is_empty());
}

/// Step 7: a row that something else has moved meanwhile is not patched a second time.
#[tokio::test]
async fn a_pass_is_not_spent_where_the_row_is_not_waiting_any_more() {
    let site = Site::without_worker().await;
    let job = site.job_in_window(1, "once", Utc::now() - TimeDelta::minutes(1), 60).await;
    let window = Window::lasting(Utc::now() - TimeDelta::minutes(1), TimeDelta::minutes(60));
    let gate = site.manager.gate();
    let gates = site.manager.gates().unwrap();
    let stop = site.stop.clone();
    tokio::spawn(async move { gates.run(stop).await });
    let waiting = gate.wait(GateRequest::new(job, host(1), window.unwrap()));
    let passed = tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap().unwrap();
    let pass = passed.pass.expect(&passed.detail);

    let move_to = async |status: &str| {
        sqlx::query("update patch_job_hosts set status = $1::job_status where job_id = $2")
            .bind(status)
            .bind(job.as_uuid())
            .execute(&site.manager.pool)
            .await
            .unwrap();
    };
    move_to("running").await;
    let refused = gate.spend(&pass).await;
    let moved = matches!(refused, Err(GateError::Store(StoreError::Refused(Refusal::StateMoved))));
    assert!(moved, "{refused:?}");
    let record = site.manager.store.gate(job, host(1)).await.unwrap().unwrap();
    assert_eq!(record.state, GateState::Passed, "nothing of it was written");

    move_to("waiting_health_check").await;
    let spent = gate.spend(&pass).await;
    assert!(matches!(spent, Ok(Spend::Spent(_))), "{spent:?}");
    assert_eq!(status(&site.manager.pool, job, host(1)).await, "running");
}

/// The mapping of rows that the manager's own comparison of times got wrong.
#[test]
fn windows_open_over_midnight_and_not_before_their_first_day() {
    let row = |kind: &str, day| WindowRow {
        id: Uuid::nil(),
        host_id: Uuid::nil(),
        recurrence: kind.to_owned(),
        start_at: "2026-03-06T22:00:30Z".parse().unwrap(),
        duration_minutes: 240,
        recurrence_day: day,
    };
    let open = |row: &WindowRow, at: &str| {
        open_at(&[recurrence(row).unwrap()], at.parse().unwrap()).is_some()
    };
    let daily = row("daily", None);
    assert!(open(&daily, "2026-03-08T01:59:00Z"));
    assert!(!open(&daily, "2026-03-08T02:00:00Z"));
    assert!(!open(&daily, "2026-03-05T23:00:00Z"), "before its first day");
    let sundays = row("weekly", Some(0));
    assert!(open(&sundays, "2026-03-08T23:00:00Z"));
    assert!(open(&sundays, "2026-03-09T01:00:00Z"), "Sunday night goes on");
    assert!(!open(&sundays, "2026-03-07T23:00:00Z"));
    assert!(open(&row("monthly", Some(31)), "2026-04-30T23:00:00Z"), "the last day of April");
    assert!(recurrence(&row("monthly", Some(0))).is_none(), "no possible day: it never opens");
}
