//! `/jobs`: patches of hosts, each held back by its gate.

mod asked;
mod bulk;
mod form;
mod of_host;

use std::collections::{HashMap, HashSet};

use axum::{
    Json,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use healthgate::{
    api::{
        Caller, Id, Ids, JsonBody, Page, Problem,
        forms::{GateForm, VerificationForm},
    },
    directory::HostDirectory as _,
    gate::GateError,
    model::{
        Actor, Attempt, AuditAction, AuditEntry, GateId, GateRecord, GateState, HostChange, HostId,
        JobId, Role,
    },
    store::{Refusal, StoreError},
};
use uuid::Uuid;

use self::{
    asked::{Asked, JobRequest, ResumeRequest, may_go_around},
    form::{HostJobStatus, JobForm, JobHostForm, JobList, job_form, status, stored_status},
};
pub(super) use self::{
    bulk::{__path_cancel_hosts, __path_override_hosts, cancel_hosts, override_hosts},
    of_host::{__path_of_host, of_host},
};
use super::{Web, refusals::in_time};
use crate::{
    announce,
    database::{JobHostRow, JobRow, NewJob, Right, Stage},
    directory::sees_all,
};

/// The number of jobs in a list whose hosts are read at the same time.
const JOBS_AT_ONCE: usize = 8;

/// Lists jobs with a host that the caller may see, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/jobs",
    tag = "application",
    operation_id = "list_jobs",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 200, 50 by default", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "the `next_cursor` of the previous page"),
    ),
    responses((status = 200, description = "a page of jobs", body = JobList), Problem),
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
    let now = web.0.app.store.now().await?;
    let mut forms = Vec::with_capacity(jobs.len());
    // A few jobs at a time: each may have a thousand hosts, and only their counts are kept.
    for jobs in jobs.chunks(JOBS_AT_ONCE) {
        let ids: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
        let mut by_job: HashMap<JobId, Vec<_>> = HashMap::new();
        for host in web.seen_hosts_of(&actor, &ids).await? {
            by_job.entry(host.job_id).or_default().push(stored_status(&host, now));
        }
        let rollouts = web.0.app.store.rollouts(&ids).await?;
        let form = |job: &JobRow| {
            let rollout = rollouts.iter().find(|status| status.rollout.job_id == job.id);
            job_form(job, &by_job.remove(&job.id).unwrap_or_default(), None, rollout)
        };
        forms.extend(jobs.iter().map(form));
    }
    Ok(Json(JobList { jobs: forms, next_cursor }))
}

/// Returns a job with its hosts and their gates.
#[utoipa::path(
    get,
    path = "/api/v1/jobs/{job_id}",
    tag = "application",
    operation_id = "read_job",
    params(("job_id" = JobId, Path, description = "the job")),
    responses((status = 200, description = "the job", body = JobForm), Problem),
)]
pub(super) async fn read(
    State(web): State<Web>,
    Caller(actor): Caller,
    Id(job_id): Id<JobId>,
) -> Result<Json<JobForm>, Problem> {
    web.job_form(&actor, job_id).await.map(Json)
}

/// Returns a job on one host, with at most the newest 200 attempts of its gate.
#[utoipa::path(
    get,
    path = "/api/v1/jobs/{job_id}/hosts/{host_id}",
    tag = "application",
    operation_id = "read_job_host",
    params(
        ("job_id" = JobId, Path, description = "the job"),
        ("host_id" = HostId, Path, description = "the host"),
    ),
    responses((status = 200, description = "the job on this host", body = JobHostForm), Problem),
)]
pub(super) async fn read_host(
    State(web): State<Web>,
    Caller(actor): Caller,
    Ids(job_id, host_id): Ids<JobId, HostId>,
) -> Result<Json<JobHostForm>, Problem> {
    let mut hosts = web.0.app.database.hosts_of_jobs(&[job_id]).await?;
    hosts.retain(|host| host.host_id == host_id);
    let hosts = web.those_seen(&actor, hosts).await?;
    let forms = web.job_host_forms(job_id, hosts, ATTEMPTS_OF_A_HOST).await?;
    forms.into_iter().next().map(Json).ok_or_else(Problem::not_found)
}

/// Creates a job with one gate for each host, each with its own window.
#[utoipa::path(
    post,
    path = "/api/v1/jobs",
    tag = "application",
    operation_id = "create_job",
    request_body = JobRequest,
    responses((status = 201, description = "the job", body = JobForm), Problem),
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
    let asked = in_time(actor.role, Asked::read(body, &actor, &web, now)).await;
    let hosts = asked.as_ref().map_or(&[][..], |asked| asked.hosts.as_slice());
    web.may_name(hosts, &AuditEntry { job_id: None, ..entry.clone() }).await?;
    let goes_around = asked.as_ref().is_ok_and(Asked::goes_around);
    if actor.role == Role::Reporter || (goes_around && !may_go_around(actor.role)) {
        let host_id = hosts.first().copied();
        let changes = asked.as_ref().map(Asked::flags).unwrap_or_default();
        return Err(web.refused(AuditEntry { job_id: None, host_id, changes, ..entry }));
    }
    let asked = asked?;
    // The audit log lists each host whose gate does not hold it back, with the reason.
    let reason = asked.reason.clone().filter(|_| goes_around);
    let entry = AuditEntry { changes: asked.flags(), reason: reason.clone(), ..entry };
    let of_host = |host: &HostId| AuditEntry { host_id: Some(*host), ..entry.clone() };
    let records: Vec<AuditEntry> = match goes_around {
        false => vec![entry.clone()],
        true => asked.hosts.iter().map(of_host).collect(),
    };
    let hosts = web.windows_of(&asked, now).await?;
    if asked.dry_run {
        // It asks every host immediately, like a test.
        web.0.api.run_budget().start_runs(&actor.name, &asked.hosts)?;
    }
    let job = NewJob {
        id: job_id,
        name: asked.name,
        kind: asked.kind,
        created_by: actor.name.clone(),
        created_at: now,
        window: asked.window,
        report_only: asked.report_only,
        dry_run: asked.dry_run,
        reason,
        verify: asked.verify,
        hosts,
    };
    // Opened before the job exists: its gates must not pass without the rollout. If the job is then
    // refused, its rollout is pruned by age.
    if let Some(policy) = asked.rollout {
        let count = u32::try_from(job.hosts.len()).unwrap_or(u32::MAX);
        web.0.app.store.open_rollout(job_id, count, policy).await?;
    }
    let right = Right::of(&actor, asked.hosts.iter().copied());
    if let Err(error) = web.0.app.database.insert_job(job, right, records).await {
        let entry = AuditEntry { job_id: None, ..entry };
        return Err(web.write_problem(error, &asked.hosts, entry).await);
    }
    web.0.app.job_wake.notify_one();
    let form = web.job_form(&actor, job_id).await?;
    let mut response = (StatusCode::CREATED, Json(form)).into_response();
    if let Ok(location) = HeaderValue::from_str(&format!("/api/v1/jobs/{job_id}")) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// Cancels a job. Hosts that are being patched are finished. The others end immediately.
#[utoipa::path(
    post,
    path = "/api/v1/jobs/{job_id}/cancel",
    tag = "application",
    operation_id = "cancel_job",
    params(("job_id" = JobId, Path, description = "the job")),
    responses((status = 200, description = "the job", body = JobForm), Problem),
)]
pub(super) async fn cancel(
    State(web): State<Web>,
    Caller(actor): Caller,
    Id(job_id): Id<JobId>,
) -> Result<Json<JobForm>, Problem> {
    let database = &web.0.app.database;
    let entry = AuditEntry {
        job_id: Some(job_id),
        ..AuditEntry::allowed(actor.clone(), AuditAction::JobCancelled)
    };
    let (all, seen) = web.hosts_to_change(job_id, &entry).await?;
    if actor.role == Role::Reporter || seen < all.len() {
        return Err(web.refused(entry));
    }
    if all.iter().all(|host| is_over(host.stage)) {
        let detail = "the job has ended: there is nothing left to cancel";
        return Err(Problem::conflict("invalid_state", detail));
    }
    // From now on no pass of this job is spent: the hook checks this mark in its transaction.
    if let Err(error) = database.cancel_job(job_id, entry.clone()).await {
        let hosts: Vec<HostId> = all.iter().map(|host| host.host_id).collect();
        return Err(web.write_problem(error, &hosts, entry).await);
    }
    for host in &database.hosts_of_jobs(&[job_id]).await? {
        if host.stage != Stage::Waiting {
            continue;
        }
        let audit = AuditEntry::allowed(actor.clone(), AuditAction::GateCancelled)
            .with_gate(job_id, host.host_id);
        match web.0.app.store.request_cancel(job_id, host.host_id, audit).await {
            Ok(gate) if gate.state == GateState::Failed => {
                let detail = &gate.detail;
                database.end_job_host(host, Stage::Waiting, Stage::Failed, detail).await?;
            }
            Ok(gate) if gate.state == GateState::Spent => {}
            // The right was lost on the way; the job is cancelled, and a worker ends its hosts.
            Err(StoreError::Refused(Refusal::Forbidden)) => {}
            Ok(_) | Err(StoreError::NotFound) => {
                let detail = "the job was cancelled";
                database.end_job_host(host, Stage::Waiting, Stage::Cancelled, detail).await?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    web.0.app.job_wake.notify_one();
    let was_over = |host: &JobHostRow| {
        all.iter().any(|before| before.host_id == host.host_id && is_over(before.stage))
    };
    for host in database.hosts_of_jobs(&[job_id]).await? {
        if is_over(host.stage) && !was_over(&host) {
            announce::row(&*web.0.app.store, &host, host.stage, None).await;
        }
    }
    web.job_form(&actor, job_id).await.map(Json)
}

/// Resumes a halted rollout. For administrators, with a reason.
#[utoipa::path(
    post,
    path = "/api/v1/jobs/{job_id}/resume",
    tag = "application",
    operation_id = "resume_rollout",
    params(("job_id" = JobId, Path, description = "the job")),
    request_body = ResumeRequest,
    responses((status = 200, description = "the job", body = JobForm), Problem),
)]
pub(super) async fn resume(
    State(web): State<Web>,
    Caller(actor): Caller,
    Id(job_id): Id<JobId>,
    body: JsonBody,
) -> Result<Json<JobForm>, Problem> {
    let entry = AuditEntry {
        job_id: Some(job_id),
        ..AuditEntry::allowed(actor.clone(), AuditAction::RolloutResumed)
    };
    let (hosts, _) = web.hosts_to_change(job_id, &entry).await?;
    if actor.role != Role::Admin {
        return Err(web.refused(entry));
    }
    let reason = ResumeRequest::read(body).await?;
    if hosts.iter().all(|host| is_over(host.stage)) {
        return Err(Problem::conflict("invalid_state", "the job has ended"));
    }
    match web.0.app.gate().resume_rollout(job_id, &reason, actor.clone()).await {
        Ok(_) => {}
        Err(GateError::Store(StoreError::NotFound | StoreError::InvalidState { .. })) => {
            return Err(Problem::conflict("invalid_state", "the job has no halted rollout"));
        }
        Err(GateError::Store(StoreError::Refused(Refusal::Forbidden))) => {
            return Err(web.refused(entry));
        }
        Err(error) => return Err(error.into()),
    }
    web.0.app.job_wake.notify_one();
    if let Some(host) = hosts.iter().find(|host| host.stage == Stage::Waiting) {
        announce::row(&*web.0.app.store, host, host.stage, None).await;
    }
    web.job_form(&actor, job_id).await.map(Json)
}

impl Web {
    /// Returns the hosts of these jobs that the caller may see. Administrators also see deleted ones.
    async fn seen_hosts_of(
        &self,
        actor: &Actor,
        jobs: &[JobId],
    ) -> Result<Vec<JobHostRow>, Problem> {
        let hosts = self.0.app.database.hosts_of_jobs(jobs).await?;
        self.those_seen(actor, hosts).await
    }

    /// Returns all hosts of a job that the caller wants to change, and how many of them they may see. If
    /// they see none, the job is not found, and noted with `entry` if it exists.
    async fn hosts_to_change(
        &self,
        job: JobId,
        entry: &AuditEntry,
    ) -> Result<(Vec<JobHostRow>, usize), Problem> {
        let all = self.0.app.database.hosts_of_jobs(&[job]).await?;
        let seen = self.those_seen(&entry.actor, all.clone()).await?.len();
        if seen > 0 {
            return Ok((all, seen));
        }
        if !all.is_empty() {
            self.note(entry.clone());
        }
        Err(Problem::not_found())
    }

    async fn those_seen(
        &self,
        actor: &Actor,
        mut hosts: Vec<JobHostRow>,
    ) -> Result<Vec<JobHostRow>, Problem> {
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
        let hosts = self.job_host_forms(id, hosts, 1).await?;
        let statuses: Vec<HostJobStatus> = hosts.iter().map(|host| host.status).collect();
        let rollout = self.0.app.store.rollouts(&[id]).await?.pop();
        Ok(job_form(&job, &statuses, Some(hosts), rollout.as_ref()))
    }

    /// Returns these hosts of a job with their gates, each with its newest attempts.
    async fn job_host_forms(
        &self,
        job: JobId,
        hosts: Vec<JobHostRow>,
        attempts: u32,
    ) -> Result<Vec<JobHostForm>, Problem> {
        let store = &self.0.app.store;
        let asked: HashSet<HostId> = hosts.iter().map(|host| host.host_id).collect();
        let mut gates = store.gates_of(job).await?;
        gates.retain(|gate| asked.contains(&gate.host_id));
        let ids: Vec<GateId> = gates.iter().map(|gate| gate.id).collect();
        let mut newest: HashMap<GateId, Vec<Attempt>> = HashMap::new();
        if !ids.is_empty() {
            for (gate, attempt) in store.newest_attempts_of(&ids, attempts).await? {
                newest.entry(gate).or_default().push(attempt);
            }
        }
        let mut gates: HashMap<HostId, GateRecord> =
            gates.into_iter().map(|gate| (gate.host_id, gate)).collect();
        let changes = store.changes_of(job).await?;
        let mut changes: HashMap<HostId, HostChange> =
            changes.into_iter().map(|change| (change.host_id, change)).collect();
        let holders = self.holders_of(job, &hosts).await?;
        let now = store.now().await?;
        let form = |host: JobHostRow| {
            let gate = gates.remove(&host.host_id);
            let change = changes.remove(&host.host_id);
            let verification = change.and_then(VerificationForm::of);
            let detail = match (host.stage, &gate, &verification) {
                (Stage::Waiting, Some(gate), _) => gate.detail.clone(),
                (Stage::Verifying, _, Some(verification)) => verification.detail.clone(),
                _ => host.detail.clone(),
            };
            JobHostForm {
                host_id: host.host_id,
                status: status(&host, gate.as_ref(), now),
                host_name: host.host_name,
                detail,
                started_at: host.started_at,
                finished_at: host.finished_at,
                gate: gate.map(|gate| {
                    let attempts = newest.remove(&gate.id).unwrap_or_default();
                    GateForm::new(gate, attempts)
                }),
                verification,
                blocked_by: holders.get(&host.host_id).copied(),
            }
        };
        Ok(hosts.into_iter().map(form).collect())
    }

    /// Returns the other jobs whose gates hold the queued ones among these hosts.
    async fn holders_of(
        &self,
        job: JobId,
        hosts: &[JobHostRow],
    ) -> Result<HashMap<HostId, JobId>, Problem> {
        let queued = hosts.iter().filter(|host| host.stage == Stage::Queued);
        let queued: Vec<HostId> = queued.map(|host| host.host_id).collect();
        if queued.is_empty() {
            return Ok(HashMap::new());
        }
        let holders = self.0.app.store.holders_of(&queued).await?;
        let others = holders.into_iter().filter(|gate| !gate.exempt && gate.job_id != job);
        Ok(others.map(|gate| (gate.host_id, gate.job_id)).collect())
    }
}

/// The maximum number of attempts shown per gate: the newest ones.
const ATTEMPTS_OF_A_HOST: u32 = 200;

const fn is_over(stage: Stage) -> bool {
    matches!(stage, Stage::Succeeded | Stage::Failed | Stage::Unverified | Stage::Cancelled)
}
