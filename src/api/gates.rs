//! `/jobs/{job_id}/gates`: what holds a job back, host by host.

use std::collections::HashMap;

use axum::{Json, extract::State};

use super::{
    Api, Caller, Id, Problem,
    forms::{GateForm, GateList},
    openapi::problems,
    state::Parts,
};
use crate::model::{Attempt, GateId, GateRecord, HostId, JobId};

problems! {
    /// What can go wrong with reading a job's gates.
    GateProblems {
        404: ["not_found"],
    }
}

/// Every gate of a job with its attempts, override and pass.
///
/// Only those of hosts that the caller may see; where there are none, the job is unknown.
#[utoipa::path(
    get,
    path = "/api/v1/jobs/{job_id}/gates",
    tag = "gates",
    operation_id = "list_gates",
    params(("job_id" = JobId, Path, description = "the job")),
    responses((status = 200, description = "its gates", body = GateList), GateProblems),
)]
pub(super) async fn gates(
    State(api): State<Api>,
    Caller(actor): Caller,
    Id(job_id): Id<JobId>,
) -> Result<Json<GateList>, Problem> {
    let api = &api.0;
    let mut records = api.store.gates_of(job_id).await?;
    let hosts: Vec<HostId> = records.iter().map(|record| record.host_id).collect();
    let access = api.access(&actor, &hosts).await?;
    records.retain(|record| access.contains_key(&record.host_id));
    if records.is_empty() {
        let known = match &api.jobs {
            Some(jobs) => jobs.is_visible(&actor, job_id).await?,
            None => false,
        };
        if !known {
            return Err(Problem::not_found());
        }
    }
    Ok(Json(GateList { gates: api.gate_forms(records).await? }))
}

impl Parts {
    /// These gates with their attempts.
    pub(super) async fn gate_forms(
        &self,
        records: Vec<GateRecord>,
    ) -> Result<Vec<GateForm>, Problem> {
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<GateId> = records.iter().map(|record| record.id).collect();
        let mut attempts: HashMap<GateId, Vec<Attempt>> = HashMap::new();
        for (gate, attempt) in self.store.attempts_of(&ids).await? {
            attempts.entry(gate).or_default().push(attempt);
        }
        let form = |record: GateRecord| {
            let attempts = attempts.remove(&record.id).unwrap_or_default();
            GateForm::new(record, attempts)
        };
        Ok(records.into_iter().map(form).collect())
    }
}
