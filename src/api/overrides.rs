//! `/jobs/{job_id}/hosts/{host_id}/override`: overrides of named failing checks.

use axum::{Json, extract::State, http::StatusCode};
use chrono::{DateTime, Utc};

use super::{
    Api, Caller, Ids, JsonBody, Problem,
    access::Write,
    forms::{GateForm, OverrideRequestForm},
    openapi::problems,
    state::Parts,
};
use crate::{
    gate::{GateError, OverrideRequest},
    model::{Actor, AuditAction, CheckId, HostId, JobId, ViolationCode},
};

problems! {
    /// The problems of setting an override.
    OverrideProblems {
        400: ["malformed"],
        403: ["forbidden"],
        404: ["not_found"],
        409: ["invalid_state"],
        408: ["body_too_slow"],
        413: ["body_too_large"],
        415: ["unsupported_media_type"],
        422: ["invalid"],
    }
}

problems! {
    /// The problems of revoking an override.
    RemoveProblems {
        403: ["forbidden"],
        404: ["not_found"],
        409: ["invalid_state"],
    }
}

/// The maximum number of checks in one override.
const MOST_CHECKS: usize = 100;

/// Allows named checks to fail for one job on one host, until an expiry.
#[utoipa::path(
    post,
    path = "/api/v1/jobs/{job_id}/hosts/{host_id}/override",
    tag = "gates",
    operation_id = "override_gate",
    params(
        ("job_id" = JobId, Path, description = "the job"),
        ("host_id" = HostId, Path, description = "the host"),
    ),
    request_body = OverrideRequestForm,
    responses((status = 200, description = "the gate", body = GateForm), OverrideProblems),
)]
pub(super) async fn set(
    State(api): State<Api>,
    Caller(actor): Caller,
    Ids(job_id, host_id): Ids<JobId, HostId>,
    body: JsonBody,
) -> Result<Json<GateForm>, Problem> {
    let api = &api.0;
    let write = Write::gate(AuditAction::GateOverridden, job_id, host_id);
    api.may_write(&actor, &write).await?;
    let mut members = body.members().await?;
    let check_ids = members.required::<Vec<CheckId>>("check_ids");
    if check_ids.as_ref().is_some_and(|ids| ids.len() > MOST_CHECKS) {
        members.violation("check_ids", ViolationCode::TooLong, "give at most 100 checks");
    }
    let reason = members.required::<String>("reason");
    let expires_at = members.required::<DateTime<Utc>>("expires_at");
    let ((check_ids, reason), expires_at) =
        members.finish(check_ids.zip(reason).zip(expires_at))?;
    let request = OverrideRequest { job_id, host_id, check_ids, reason, expires_at };
    let record = match api.gate.override_checks(request, actor.clone()).await {
        Ok(record) => record,
        Err(error) => return Err(api.gate_problem(&actor, &write, error).await),
    };
    let forms = api.gate_forms(vec![record]).await?;
    forms.into_iter().next().map(Json).ok_or_else(Problem::internal)
}

/// Revokes an override. Does nothing if there is none.
#[utoipa::path(
    delete,
    path = "/api/v1/jobs/{job_id}/hosts/{host_id}/override",
    tag = "gates",
    operation_id = "remove_override",
    params(
        ("job_id" = JobId, Path, description = "the job"),
        ("host_id" = HostId, Path, description = "the host"),
    ),
    responses((status = 204, description = "there is no override"), RemoveProblems),
)]
pub(super) async fn remove(
    State(api): State<Api>,
    Caller(actor): Caller,
    Ids(job_id, host_id): Ids<JobId, HostId>,
) -> Result<StatusCode, Problem> {
    let api = &api.0;
    let write = Write::gate(AuditAction::GateOverrideRemoved, job_id, host_id);
    api.may_write(&actor, &write).await?;
    match api.gate.remove_override(job_id, host_id, actor.clone()).await {
        Ok(_) => Ok(StatusCode::NO_CONTENT),
        Err(error) => Err(api.gate_problem(&actor, &write, error).await),
    }
}

impl Parts {
    async fn gate_problem(&self, actor: &Actor, write: &Write, error: GateError) -> Problem {
        match error {
            GateError::Store(error) => self.write_problem(actor, write, error.into()).await,
            error => error.into(),
        }
    }
}
