//! `/jobs/{job_id}/hosts/{host_id}/override`: letting named failing checks pass.

use axum::{Json, extract::State, http::StatusCode};
use chrono::{DateTime, Utc};

use super::{
    Api, Caller, Ids, JsonBody, Problem,
    access::Write,
    forms::{GateForm, OverrideRequestForm},
    openapi::problems,
};
use crate::model::{AuditAction, CheckId, HostId, JobId};

problems! {
    /// What can go wrong with an override.
    OverrideProblems {
        400: ["malformed"],
        403: ["forbidden"],
        404: ["not_found"],
        409: ["invalid_state"],
        413: ["body_too_large"],
        415: ["unsupported_media_type"],
        422: ["invalid"],
    }
}

problems! {
    /// What can go wrong with taking an override back.
    RemoveProblems {
        403: ["forbidden"],
        404: ["not_found"],
        409: ["invalid_state"],
    }
}

/// Lets named checks fail for one job on one host, until an expiry.
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
    let mut members = body.members()?;
    let check_ids = members.required::<Vec<CheckId>>("check_ids");
    let reason = members.required::<String>("reason");
    let expires_at = members.required::<DateTime<Utc>>("expires_at");
    let request = members.finish(check_ids.zip(reason).zip(expires_at))?;
    let _ = request;
    Err(Problem::unavailable("store_unavailable", "overrides are not built yet"))
}

/// Takes an override back. Where there is none, nothing happens.
#[utoipa::path(
    delete,
    path = "/api/v1/jobs/{job_id}/hosts/{host_id}/override",
    tag = "gates",
    operation_id = "remove_override",
    params(
        ("job_id" = JobId, Path, description = "the job"),
        ("host_id" = HostId, Path, description = "the host"),
    ),
    responses((status = 204, description = "there is none any more"), RemoveProblems),
)]
pub(super) async fn remove(
    State(api): State<Api>,
    Caller(actor): Caller,
    Ids(job_id, host_id): Ids<JobId, HostId>,
) -> Result<StatusCode, Problem> {
    let api = &api.0;
    let write = Write::gate(AuditAction::GateOverrideRemoved, job_id, host_id);
    api.may_write(&actor, &write).await?;
    Err(Problem::unavailable("store_unavailable", "overrides are not built yet"))
}
