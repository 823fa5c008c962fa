//! `/jobs/{job_id}/explain`: why a job's hosts wait.

use std::collections::HashSet;

use axum::{Json, extract::State};

use super::{Api, Caller, Id, Problem, forms::ExplanationList, openapi::problems};
use crate::{
    gate::explain::group,
    model::{HostId, JobId},
};

problems! {
    /// The problems of explaining a job.
    ExplainProblems {
        404: ["not_found"],
    }
}

/// Explains what the hosts of a job wait for, what clears each cause, and who can clear it.
///
/// The largest group comes first. Only hosts that the caller may see are counted and named. If there are
/// none, the job is unknown. Hosts that are being changed or have ended are in no group. Ask again on each
/// `gate` event of the job: a worker sends one when a host waits for something else.
#[utoipa::path(
    get,
    path = "/api/v1/jobs/{job_id}/explain",
    tag = "gates",
    operation_id = "explain_job",
    params(("job_id" = JobId, Path, description = "the job")),
    responses((status = 200, description = "groups of hosts", body = ExplanationList), ExplainProblems),
)]
pub(super) async fn explain(
    State(api): State<Api>,
    Caller(actor): Caller,
    Id(job_id): Id<JobId>,
) -> Result<Json<ExplanationList>, Problem> {
    let api = &api.0;
    let mut gates = api.store.gates_of(job_id).await?;
    let mut queued = match &api.jobs {
        Some(jobs) => jobs.queued_hosts(job_id).await?,
        None => Vec::new(),
    };
    let hosts: HashSet<HostId> =
        gates.iter().map(|gate| gate.host_id).chain(queued.iter().copied()).collect();
    let hosts: Vec<HostId> = hosts.into_iter().collect();
    let access = api.access(&actor, &hosts).await?;
    gates.retain(|gate| access.contains_key(&gate.host_id));
    queued.retain(|host| access.contains_key(host));
    if gates.is_empty() && queued.is_empty() {
        let known = match &api.jobs {
            Some(jobs) => jobs.is_visible(&actor, job_id).await?,
            None => false,
        };
        if !known {
            return Err(Problem::not_found());
        }
    }
    let explained = api.gate.explain(job_id, &gates, &queued).await?;
    let total = explained.len();
    Ok(Json(ExplanationList { groups: group(explained), total }))
}
