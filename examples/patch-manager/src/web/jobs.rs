//! `/jobs`: patching hosts, each held back by its gate.

use std::collections::{HashMap, HashSet};

use axum::{
    Json,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, TimeDelta, Utc};
use healthgate::{
    api::{
        Caller, Id, JsonBody, Page, Problem,
        forms::{GateForm, RecheckForm, WindowForm},
    },
    directory::HostDirectory as _,
    gate::recurrence::current_or_next,
    model::{
        Actor, Attempt, AuditAction, AuditEntry, GateId, GateRecord, GateState, HostId, JobId,
        Role, ViolationCode, Window, instant,
    },
    store::StoreError,
};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    Web,
    problems::{CommonProblems, ListProblems, SubjectProblems, WriteProblems},
};
use crate::{
    database::{JobHostRow, JobKind, JobRow, JobStatus, NewJob, Stage, WindowChoice},
    directory::sees_all,
};

/// A job.
#[derive(Serialize, ToSchema)]
#[schema(as = Job)]
pub(super) struct JobForm {
    id: JobId,
    kind: JobKind,
    status: JobStatus,
    created_by: String,
    #[serde(with = "instant")]
    created_at: DateTime<Utc>,
    /// The window that it was given, or from which to which instant it waits at most; `null` where each
    /// host's maintenance window counts.
    #[schema(required)]
    window: Option<WindowForm>,
    /// It was to run at once.
    immediate: bool,
    /// Its gates report and do not block.
    report_only: bool,
    #[serde(with = "instant::option")]
    #[schema(required)]
    cancelled_at: Option<DateTime<Utc>>,
    /// How many hosts it has, of those that the caller may see.
    host_count: usize,
    /// How many of them are in which status.
    counts: HashMap<HostJobStatus, usize>,
    /// Its hosts, by name; in a list, left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    hosts: Option<Vec<JobHostForm>>,
}

/// Where a job stands on one host.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum HostJobStatus {
    /// Its gate is not open yet: a worker takes it up, or another job holds the host.
    Queued,
    /// Its gate waits for the window to open.
    WaitingForWindow,
    /// Its gate waits for healthy checks.
    WaitingHealthCheck,
    /// It is being patched.
    Patching,
    /// It was patched.
    Succeeded,
    /// It was not patched, or the patch failed.
    Failed,
    /// The job was cancelled before it was patched.
    Cancelled,
}

/// A job on one host.
#[derive(Serialize, ToSchema)]
#[schema(as = JobHost)]
struct JobHostForm {
    host_id: HostId,
    host_name: String,
    status: HostJobStatus,
    /// Where it stands, for people; while its gate waits it names what is failing.
    detail: String,
    #[serde(with = "instant::option")]
    #[schema(required)]
    started_at: Option<DateTime<Utc>>,
    #[serde(with = "instant::option")]
    #[schema(required)]
    finished_at: Option<DateTime<Utc>>,
    /// Its gate with the last attempt; `null` before it is opened.
    #[schema(required)]
    gate: Option<GateForm>,
    /// What the checks said after the patch, against what they said before.
    #[schema(required)]
    recheck: Option<RecheckForm>,
}

/// A page of jobs.
#[derive(Serialize, ToSchema)]
pub(super) struct JobList {
    jobs: Vec<JobForm>,
    /// Ask with it for the next page; `null` at the end.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// What a job is made from. Of `window` and `immediate` one at most; without either each host's
/// current or next maintenance window counts.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct JobRequest {
    /// 1 to 1,000 hosts that the caller may see.
    #[schema(min_items = 1, max_items = 1000)]
    host_ids: Vec<HostId>,
    /// `opens_at` may lie in the past, `closes_at` must not.
    window: Option<WindowForm>,
    /// Run at once, and wait for health for a bounded time.
    immediate: Option<bool>,
    /// Let the gates report and not block.
    report_only: Option<bool>,
    /// `patch` (the default), or `rollback`, which is not held back by what it is to mend.
    kind: Option<JobKind>,
}

/// Jobs with a host that the caller may see, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/jobs",
    tag = "application",
    operation_id = "list_jobs",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 200, 50 by default", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "the `next_cursor` of the page before"),
    ),
    responses((status = 200, description = "a page of jobs", body = JobList), ListProblems, CommonProblems),
)]
pub(super) async fn list(
    State(web): State<Web>,
    Caller(actor): Caller,
    page: Page,
) -> Result<Json<JobList>, Problem> {
    let database = &web.0.app.database;
    let shared_with = (!sees_all(actor.role)).then_some(actor.name.as_str());
    let before = page.position::<Uuid>()?;
    let mut jobs = database.jobs(shared_with, before, i64::from(page.limit()) + 1).await?;
    let more = jobs.len() > page.limit() as usize;
    jobs.truncate(page.limit() as usize);
    let next_cursor = jobs.last().filter(|_| more).map(|job| Page::cursor(job.id));
    let ids: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
    let hosts = web.seen_hosts_of(&actor, &ids).await?;
    let mut by_job: HashMap<JobId, Vec<JobHostRow>> = HashMap::new();
    for host in hosts {
        by_job.entry(host.job_id).or_default().push(host);
    }
    let now = Utc::now();
    let form = |job: JobRow| {
        let hosts = by_job.remove(&job.id).unwrap_or_default();
        let statuses: Vec<_> = hosts.iter().map(|host| stored_status(host, now)).collect();
        job_form(&job, &statuses, None)
    };
    Ok(Json(JobList { jobs: jobs.into_iter().map(form).collect(), next_cursor }))
}

/// A job with its hosts and their gates.
#[utoipa::path(
    get,
    path = "/api/v1/jobs/{job_id}",
    tag = "application",
    operation_id = "read_job",
    params(("job_id" = JobId, Path, description = "the job")),
    responses((status = 200, description = "the job", body = JobForm), SubjectProblems, CommonProblems),
)]
pub(super) async fn read(
    State(web): State<Web>,
    Caller(actor): Caller,
    Id(job_id): Id<JobId>,
) -> Result<Json<JobForm>, Problem> {
    web.job_form(&actor, job_id).await.map(Json)
}

/// Makes a job: one gate for each host, each with its own window.
#[utoipa::path(
    post,
    path = "/api/v1/jobs",
    tag = "application",
    operation_id = "create_job",
    request_body = JobRequest,
    responses((status = 201, description = "the job", body = JobForm), WriteProblems, CommonProblems),
)]
pub(super) async fn create(
    State(web): State<Web>,
    Caller(actor): Caller,
    body: JsonBody,
) -> Result<Response, Problem> {
    let job_id = JobId::generate();
    let entry = AuditEntry {
        job_id: Some(job_id),
        ..AuditEntry::allowed(actor.clone(), AuditAction::JobCreated)
    };
    let now = web.0.app.store.now().await?;
    let asked = Asked::read(body, &web, now);
    let hosts = asked.as_ref().map_or(&[][..], |asked| asked.hosts.as_slice());
    web.visible(&actor, hosts).await?;
    if actor.role == Role::Reporter {
        let host_id = hosts.first().copied();
        web.refuse(AuditEntry { job_id: None, host_id, ..entry.clone() }).await?;
    }
    let asked = asked?;
    let hosts = web.windows_of(&asked, now).await?;
    web.0.app.store.append_audit(entry).await?;
    let job = NewJob {
        id: job_id,
        kind: asked.kind,
        created_by: actor.name.clone(),
        created_at: now,
        window: asked.window,
        report_only: asked.report_only,
        hosts,
    };
    web.0.app.database.insert_job(job).await?;
    web.0.app.job_wake.notify_one();
    let form = web.job_form(&actor, job_id).await?;
    let mut response = (StatusCode::CREATED, Json(form)).into_response();
    if let Ok(location) = HeaderValue::from_str(&format!("/api/v1/jobs/{job_id}")) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// Cancels a job. Hosts that are being patched are patched to the end; the others end at once.
#[utoipa::path(
    post,
    path = "/api/v1/jobs/{job_id}/cancel",
    tag = "application",
    operation_id = "cancel_job",
    params(("job_id" = JobId, Path, description = "the job")),
    responses((status = 200, description = "the job", body = JobForm), WriteProblems, CommonProblems),
)]
pub(super) async fn cancel(
    State(web): State<Web>,
    Caller(actor): Caller,
    Id(job_id): Id<JobId>,
) -> Result<Json<JobForm>, Problem> {
    let database = &web.0.app.database;
    let all = database.hosts_of_jobs(&[job_id]).await?;
    let seen = web.seen_hosts_of(&actor, &[job_id]).await?;
    if seen.is_empty() {
        return Err(Problem::not_found());
    }
    let entry = AuditEntry {
        job_id: Some(job_id),
        ..AuditEntry::allowed(actor.clone(), AuditAction::JobCancelled)
    };
    if actor.role == Role::Reporter || seen.len() < all.len() {
        web.refuse(entry.clone()).await?;
    }
    if all.iter().all(|host| is_over(host.stage)) {
        let detail = "the job has ended: there is nothing left to cancel";
        return Err(Problem::conflict("invalid_state", detail));
    }
    web.0.app.store.append_audit(entry.clone()).await?;
    // From here on no pass of this job is spent: the hook asks for this mark in its transaction.
    database.cancel_job(job_id, &actor.name).await?;
    for host in database.hosts_of_jobs(&[job_id]).await? {
        if host.stage != Stage::Waiting {
            continue;
        }
        let audit = AuditEntry::allowed(actor.clone(), AuditAction::GateCancelled)
            .on_gate(job_id, host.host_id);
        match web.0.app.store.request_cancel(job_id, host.host_id, audit).await {
            Ok(gate) if gate.state == GateState::Failed => {
                let detail = &gate.detail;
                database.end_job_host(&host, Stage::Waiting, Stage::Failed, detail).await?;
            }
            Ok(gate) if gate.state == GateState::Spent => {}
            Ok(_) | Err(StoreError::NotFound) => {
                let detail = "the job was cancelled";
                database.end_job_host(&host, Stage::Waiting, Stage::Cancelled, detail).await?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    web.0.app.job_wake.notify_one();
    web.job_form(&actor, job_id).await.map(Json)
}

/// What somebody asks for.
struct Asked {
    hosts: Vec<HostId>,
    window: WindowChoice,
    report_only: bool,
    kind: JobKind,
}

/// The most hosts of one job.
const MOST_HOSTS: usize = 1_000;

impl Asked {
    fn read(body: JsonBody, web: &Web, now: DateTime<Utc>) -> Result<Self, Problem> {
        let mut members = body.members()?;
        let hosts = members.required::<Vec<HostId>>("host_ids");
        let window = members.optional::<Window>("window");
        let immediate = members.optional::<bool>("immediate").unwrap_or(false);
        let report_only = members.optional::<bool>("report_only").unwrap_or(false);
        let kind = members.optional::<String>("kind");
        let kind = match kind.as_deref().map(JobKind::parse) {
            None => JobKind::Patch,
            Some(Some(kind)) => kind,
            Some(None) => {
                let message = "give patch or rollback";
                members.violation("kind", ViolationCode::UnknownValue, message);
                JobKind::Patch
            }
        };
        let hosts = hosts.map(|hosts| {
            let mut seen = HashSet::new();
            hosts.into_iter().filter(|host| seen.insert(*host)).collect::<Vec<_>>()
        });
        match hosts.as_ref().map(Vec::len) {
            Some(0) => {
                members.violation("host_ids", ViolationCode::Required, "name at least one host");
            }
            Some(count) if count > MOST_HOSTS => {
                let message = "name at most 1,000 hosts";
                members.violation("host_ids", ViolationCode::TooLong, message);
            }
            _ => {}
        }
        if window.is_some_and(|window| window.closes_at() <= now) {
            let message = "let it close in the future";
            members.violation("window.closes_at", ViolationCode::OutOfRange, message);
        }
        if window.is_some() && immediate {
            let message = "give a window, or run it at once";
            members.violation("immediate", ViolationCode::NotAllowed, message);
        }
        let hosts = members.finish(hosts)?;
        let window = match window {
            Some(window) => WindowChoice::Explicit(window),
            None if immediate => {
                let most = TimeDelta::from_std(web.0.app.figures.immediate_max_wait);
                let window = Window::lasting(now, most.unwrap_or(Window::MAXIMUM_LENGTH));
                WindowChoice::Immediate(window.map_err(|error| Problem::internal().because(error))?)
            }
            None => WindowChoice::Maintenance,
        };
        Ok(Self { hosts, window, report_only, kind })
    }
}

/// The status of a host from its row alone, for lists.
fn stored_status(host: &JobHostRow, now: DateTime<Utc>) -> HostJobStatus {
    match host.stage {
        Stage::Queued => HostJobStatus::Queued,
        Stage::Waiting if now < host.window.opens_at() => HostJobStatus::WaitingForWindow,
        Stage::Waiting => HostJobStatus::WaitingHealthCheck,
        Stage::Patching => HostJobStatus::Patching,
        Stage::Succeeded => HostJobStatus::Succeeded,
        Stage::Failed => HostJobStatus::Failed,
        Stage::Cancelled => HostJobStatus::Cancelled,
    }
}

/// The status of a host with its gate: what the gate knows counts at once, whether or not the job
/// executor has seen it yet.
fn status(host: &JobHostRow, gate: Option<&GateRecord>, now: DateTime<Utc>) -> HostJobStatus {
    match (host.stage, gate.map(|gate| gate.state)) {
        (Stage::Waiting, Some(GateState::Failed)) => HostJobStatus::Failed,
        (Stage::Waiting, Some(GateState::Cancelled)) => HostJobStatus::Cancelled,
        (Stage::Waiting, Some(GateState::Spent)) => HostJobStatus::Patching,
        (Stage::Waiting, Some(GateState::Waiting)) => {
            let opens_at = gate.map_or(host.window.opens_at(), |gate| gate.window.opens_at());
            if now < opens_at {
                HostJobStatus::WaitingForWindow
            } else {
                HostJobStatus::WaitingHealthCheck
            }
        }
        _ => stored_status(host, now),
    }
}

const fn is_over(stage: Stage) -> bool {
    matches!(stage, Stage::Succeeded | Stage::Failed | Stage::Cancelled)
}

fn job_form(job: &JobRow, statuses: &[HostJobStatus], hosts: Option<Vec<JobHostForm>>) -> JobForm {
    let stage = |status: &HostJobStatus| match status {
        HostJobStatus::Queued => (Stage::Queued, false),
        HostJobStatus::WaitingForWindow => (Stage::Waiting, false),
        HostJobStatus::WaitingHealthCheck => (Stage::Waiting, true),
        HostJobStatus::Patching => (Stage::Patching, true),
        HostJobStatus::Succeeded => (Stage::Succeeded, true),
        HostJobStatus::Failed => (Stage::Failed, true),
        HostJobStatus::Cancelled => (Stage::Cancelled, true),
    };
    let window = match job.window {
        WindowChoice::Explicit(window) | WindowChoice::Immediate(window) => {
            Some(WindowForm::from(window))
        }
        WindowChoice::Maintenance => None,
    };
    let mut counts = HashMap::new();
    for status in statuses {
        *counts.entry(*status).or_default() += 1;
    }
    JobForm {
        id: job.id,
        kind: job.kind,
        status: JobStatus::of(statuses.iter().map(stage)),
        created_by: job.created_by.clone(),
        created_at: job.created_at,
        window,
        immediate: matches!(job.window, WindowChoice::Immediate(_)),
        report_only: job.report_only,
        cancelled_at: job.cancelled_at,
        host_count: statuses.len(),
        counts,
        hosts,
    }
}

impl Web {
    /// The hosts of these jobs that the caller may see. An administrator sees those that are gone as
    /// well.
    async fn seen_hosts_of(
        &self,
        actor: &Actor,
        jobs: &[JobId],
    ) -> Result<Vec<JobHostRow>, Problem> {
        let mut hosts = self.0.app.database.hosts_of_jobs(jobs).await?;
        if !sees_all(actor.role) {
            let ids: Vec<HostId> = hosts.iter().map(|host| host.host_id).collect();
            let visible = self.0.app.directory.visible_to(actor, &ids).await?;
            hosts.retain(|host| visible.contains(&host.host_id));
        }
        Ok(hosts)
    }

    async fn job_form(&self, actor: &Actor, id: JobId) -> Result<JobForm, Problem> {
        let jobs = self.0.app.database.jobs_by_id(&[id]).await?;
        let job = jobs.into_iter().next().ok_or_else(Problem::not_found)?;
        let hosts = self.seen_hosts_of(actor, &[id]).await?;
        if hosts.is_empty() {
            return Err(Problem::not_found());
        }
        let store = &self.0.app.store;
        let gates = store.gates_of(id).await?;
        let ids: Vec<GateId> = gates.iter().map(|gate| gate.id).collect();
        let attempts = if ids.is_empty() { Vec::new() } else { store.attempts_of(&ids).await? };
        // Of each gate's attempts, which come by number, the last one stays.
        let mut last: HashMap<GateId, Attempt> = attempts.into_iter().collect();
        let mut gates: HashMap<HostId, GateRecord> =
            gates.into_iter().map(|gate| (gate.host_id, gate)).collect();
        let now = store.now().await?;
        let mut statuses = Vec::with_capacity(hosts.len());
        let form = |host: JobHostRow| {
            let gate = gates.remove(&host.host_id);
            let status = status(&host, gate.as_ref(), now);
            statuses.push(status);
            let told_by_gate = host.stage == Stage::Waiting;
            let detail = match &gate {
                Some(gate) if told_by_gate => gate.detail.clone(),
                _ => host.detail,
            };
            JobHostForm {
                host_id: host.host_id,
                host_name: host.host_name,
                status,
                detail,
                started_at: host.started_at,
                finished_at: host.finished_at,
                gate: gate.map(|gate| {
                    let attempts = last.remove(&gate.id).into_iter().collect();
                    GateForm::new(gate, attempts)
                }),
                recheck: host.recheck.map(RecheckForm::from),
            }
        };
        let hosts: Vec<JobHostForm> = hosts.into_iter().map(form).collect();
        Ok(job_form(&job, &statuses, Some(hosts)))
    }

    /// Each asked host with its name and its window.
    async fn windows_of(
        &self,
        asked: &Asked,
        now: DateTime<Utc>,
    ) -> Result<Vec<(HostId, String, Window)>, Problem> {
        let database = &self.0.app.database;
        let mut names = database.hosts(&asked.hosts).await?;
        let named = |id: &HostId| names.remove(id).map(|host| (*id, host.name));
        let hosts: Vec<(HostId, String)> = asked.hosts.iter().filter_map(named).collect();
        let given = match asked.window {
            WindowChoice::Explicit(window) | WindowChoice::Immediate(window) => Some(window),
            WindowChoice::Maintenance => None,
        };
        if let Some(window) = given {
            return Ok(hosts.into_iter().map(|(id, name)| (id, name, window)).collect());
        }
        let recurrences = database.recurrences_of(&asked.hosts).await?;
        let (mut found, mut without) = (Vec::new(), Vec::new());
        for (id, name) in hosts {
            let window =
                recurrences.get(&id).and_then(|recurrences| current_or_next(recurrences, now));
            match window {
                Some(window) => found.push((id, name, window)),
                None => without.push(name),
            }
        }
        if without.is_empty() {
            return Ok(found);
        }
        without.truncate(20);
        let message = format!(
            "no maintenance window: {}; give them one, give `window`, or run the job at once",
            without.join(", ")
        );
        Err(Problem::invalid_field("host_ids", ViolationCode::Required, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_what_its_hosts_make_of_it() {
        use JobStatus::{Cancelled, Failed, Queued, Running, Succeeded};
        let of = |stages: &[(Stage, bool)]| JobStatus::of(stages.iter().copied());
        assert_eq!(of(&[(Stage::Queued, false), (Stage::Waiting, false)]), Queued);
        assert_eq!(of(&[(Stage::Queued, false), (Stage::Waiting, true)]), Running);
        assert_eq!(of(&[(Stage::Queued, false), (Stage::Failed, true)]), Running);
        assert_eq!(of(&[(Stage::Succeeded, true), (Stage::Patching, true)]), Running);
        assert_eq!(of(&[(Stage::Succeeded, true), (Stage::Failed, true)]), Failed);
        assert_eq!(of(&[(Stage::Cancelled, true), (Stage::Failed, true)]), Failed);
        assert_eq!(of(&[(Stage::Cancelled, true), (Stage::Succeeded, true)]), Cancelled);
        assert_eq!(of(&[(Stage::Succeeded, true)]), Succeeded);
    }
}
