//! `…/test`: manual runs of a check.

use axum::{Json, extract::State};

use super::{
    Api, Caller, Id, Ids, JsonBody, Problem,
    access::Write,
    forms::{CheckChangeForm, NewCheckForm, ResultForm},
    openapi::problems,
};
use crate::model::{AuditAction, CheckChange, CheckId, HostId, NewCheck};

problems! {
    /// The problems of testing a check.
    TestProblems {
        400: ["malformed"],
        403: ["forbidden"],
        404: ["not_found"],
        409: ["password_required"],
        408: ["body_too_slow"],
        413: ["body_too_large"],
        415: ["unsupported_media_type"],
        422: ["invalid"],
        429: ["rate_limited", "test_running"],
        503: ["secrets_unavailable"],
    }
}

problems! {
    /// The problems of testing a definition that is not stored.
    TestUnsavedProblems {
        400: ["malformed"],
        403: ["forbidden"],
        404: ["not_found"],
        408: ["body_too_slow"],
        413: ["body_too_large"],
        415: ["unsupported_media_type"],
        422: ["invalid"],
        429: ["rate_limited", "test_running"],
        503: ["secrets_unavailable"],
    }
}

/// Runs a check now, and returns the result without storing it.
///
/// A body changes the stored check for this run, by the rules of a change.
#[utoipa::path(
    post,
    path = "/api/v1/hosts/{host_id}/health-checks/{check_id}/test",
    tag = "checks",
    operation_id = "test_health_check",
    params(
        ("host_id" = HostId, Path, description = "the host"),
        ("check_id" = CheckId, Path, description = "the check"),
    ),
    request_body = Option<CheckChangeForm>,
    responses((status = 200, description = "the result", body = ResultForm), TestProblems),
)]
pub(super) async fn test(
    State(api): State<Api>,
    Caller(actor): Caller,
    Ids(host_id, check_id): Ids<HostId, CheckId>,
    body: JsonBody,
) -> Result<Json<ResultForm>, Problem> {
    let api = &api.0;
    let write = Write::checks(AuditAction::HealthCheckTested, host_id, Some(check_id));
    api.may_write(&actor, &write).await?;
    let change = body.optional().await?.map(CheckChange::from_json);
    let _running = api.budget.start_test(&actor.name, host_id)?;
    match api.checks.test(&actor, host_id, check_id, change.as_ref()).await {
        Ok(result) => Ok(Json(ResultForm::from(&result))),
        Err(error) => Err(api.write_problem(&actor, &write, error).await),
    }
}

/// Runs a definition that is not stored.
#[utoipa::path(
    post,
    path = "/api/v1/hosts/{host_id}/health-checks/test",
    tag = "checks",
    operation_id = "test_new_health_check",
    params(("host_id" = HostId, Path, description = "the host")),
    request_body = NewCheckForm,
    responses(
        (status = 200, description = "the result", body = ResultForm),
        TestUnsavedProblems,
    ),
)]
pub(super) async fn test_unsaved(
    State(api): State<Api>,
    Caller(actor): Caller,
    Id(host_id): Id<HostId>,
    body: JsonBody,
) -> Result<Json<ResultForm>, Problem> {
    let api = &api.0;
    let write = Write::checks(AuditAction::HealthCheckTested, host_id, None);
    api.may_write(&actor, &write).await?;
    let new = NewCheck::from_json(body.value().await?)?;
    let _running = api.budget.start_test(&actor.name, host_id)?;
    match api.checks.test_unsaved(&actor, host_id, new).await {
        Ok(result) => Ok(Json(ResultForm::from(&result))),
        Err(error) => Err(api.write_problem(&actor, &write, error).await),
    }
}
