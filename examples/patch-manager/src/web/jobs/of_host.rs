//! `/hosts/{host_id}/jobs`: which jobs wait for a host or work on it.

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use healthgate::{
    api::{Caller, Id, Problem},
    model::{HostId, JobId, instant},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::form::{HostJobStatus, status};
use crate::{database::JobKind, web::Web};

/// The most jobs that are told of one host.
const MOST_JOBS: i64 = 50;

/// A job that has not ended on a host.
#[derive(Serialize, ToSchema)]
#[schema(as = HostJob)]
pub(in crate::web) struct HostJobForm {
    id: JobId,
    #[schema(required)]
    name: Option<String>,
    kind: JobKind,
    /// Where it stands on this host.
    status: HostJobStatus,
    /// The same for people; while its gate waits it names what is failing.
    detail: String,
    created_by: String,
    #[serde(with = "instant")]
    created_at: DateTime<Utc>,
    /// When its window on this host opens.
    #[serde(with = "instant")]
    opens_at: DateTime<Utc>,
    /// When that window closes.
    #[serde(with = "instant")]
    closes_at: DateTime<Utc>,
}

/// Jobs that have not ended on a host.
#[derive(Serialize, ToSchema)]
pub(in crate::web) struct HostJobList {
    jobs: Vec<HostJobForm>,
}

/// The jobs that wait for a host or work on it, newest first, 50 at most.
#[utoipa::path(
    get,
    path = "/api/v1/hosts/{host_id}/jobs",
    tag = "application",
    operation_id = "list_jobs_of_host",
    params(("host_id" = HostId, Path, description = "the host")),
    responses((status = 200, description = "its jobs", body = HostJobList), Problem),
)]
pub(in crate::web) async fn of_host(
    State(web): State<Web>,
    Caller(actor): Caller,
    Id(host_id): Id<HostId>,
) -> Result<Json<HostJobList>, Problem> {
    web.visible(&actor, &[host_id]).await?;
    let app = &web.0.app;
    let rows = app.database.unfinished_jobs_of(host_id, MOST_JOBS).await?;
    let ids: Vec<JobId> = rows.iter().map(|row| row.job_id).collect();
    let jobs = app.database.jobs_by_id(&ids).await?;
    let now = app.store.now().await?;
    let mut forms = Vec::with_capacity(rows.len());
    for row in rows {
        let Some(job) = jobs.iter().find(|job| job.id == row.job_id) else { continue };
        let gate = app.store.gate(row.job_id, host_id).await?;
        forms.push(HostJobForm {
            id: row.job_id,
            name: job.name.clone(),
            kind: job.kind,
            status: status(&row, gate.as_ref(), now),
            created_by: job.created_by.clone(),
            created_at: job.created_at,
            opens_at: row.window.opens_at(),
            closes_at: row.window.closes_at(),
            detail: gate.map_or(row.detail, |gate| gate.detail),
        });
    }
    Ok(Json(HostJobList { jobs: forms }))
}
