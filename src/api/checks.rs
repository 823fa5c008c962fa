//! `/hosts/{host_id}/health-checks`: the checks of a host.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::TimeDelta;

use super::{
    Api, Caller, Id, Ids, JsonBody, Problem,
    access::Write,
    etag::{self, IfMatch},
    forms::{CheckChangeForm, CheckForm, CheckList, NewCheckForm},
    openapi::problems,
    state::Parts,
};
use crate::{
    checks::ManageError,
    model::{
        AuditAction, CheckChange, CheckId, CheckView, HealthCheck, HostId, NewCheck, StoreTime,
    },
    store::StoreError,
};

problems! {
    /// The problems of reading a host's checks.
    ReadProblems {
        404: ["not_found"],
    }
}

problems! {
    /// The problems of creating a check.
    CreateProblems {
        400: ["malformed"],
        403: ["forbidden"],
        404: ["not_found"],
        409: ["limit_reached"],
        408: ["body_too_slow"],
        413: ["body_too_large"],
        415: ["unsupported_media_type"],
        422: ["invalid"],
        503: ["secrets_unavailable"],
    }
}

problems! {
    /// The problems of changing a check.
    ChangeProblems {
        400: ["malformed"],
        403: ["forbidden"],
        404: ["not_found"],
        409: ["password_required", "conflict"],
        412: ["revision_mismatch"],
        408: ["body_too_slow"],
        413: ["body_too_large"],
        415: ["unsupported_media_type"],
        422: ["invalid"],
        503: ["secrets_unavailable"],
    }
}

problems! {
    /// The problems of deleting a check.
    DeleteProblems {
        403: ["forbidden"],
        404: ["not_found"],
        409: ["conflict"],
        412: ["revision_mismatch"],
    }
}

/// Lists all checks of a host with their current status.
#[utoipa::path(
    get,
    path = "/api/v1/hosts/{host_id}/health-checks",
    tag = "checks",
    operation_id = "list_health_checks",
    params(("host_id" = HostId, Path, description = "the host")),
    responses((status = 200, description = "its checks", body = CheckList), ReadProblems),
)]
pub(super) async fn list(
    State(api): State<Api>,
    Caller(actor): Caller,
    Id(host_id): Id<HostId>,
) -> Result<Json<CheckList>, Problem> {
    let api = &api.0;
    api.may_read(&actor, host_id).await?;
    let views = api.store.views(&[host_id], api.stale_after).await?;
    let checks: Vec<CheckForm> = views.into_iter().map(CheckForm::from).collect();
    Ok(Json(CheckList { total: checks.len(), checks }))
}

/// Creates a check.
///
/// It runs immediately, unless its author has spent the minute's budget of tests and changes. Its first run
/// then waits for the budget's next slot.
#[utoipa::path(
    post,
    path = "/api/v1/hosts/{host_id}/health-checks",
    tag = "checks",
    operation_id = "create_health_check",
    params(("host_id" = HostId, Path, description = "the host")),
    request_body = NewCheckForm,
    responses(
        (
            status = 201,
            description = "the check",
            body = CheckForm,
            headers(
                ("Location" = String, description = "its path"),
                ("ETag" = String, description = "its revision in quotes"),
            ),
        ),
        CreateProblems,
    ),
)]
pub(super) async fn create(
    State(api): State<Api>,
    Caller(actor): Caller,
    Id(host_id): Id<HostId>,
    body: JsonBody,
) -> Result<Response, Problem> {
    let api = &api.0;
    let write = Write::checks(AuditAction::HealthCheckCreated, host_id, None);
    api.may_write(&actor, &write).await?;
    let new = NewCheck::from_json(body.value().await?)?;
    let check = match api.checks.create(&actor, host_id, new).await {
        Ok(check) => check,
        Err(error) => return Err(api.write_problem(&actor, &write, error).await),
    };
    let path = format!("/api/v1/hosts/{host_id}/health-checks/{}", check.id);
    let mut response = (StatusCode::CREATED, with_etag(unseen(check))).into_response();
    if let Ok(path) = HeaderValue::try_from(path) {
        response.headers_mut().insert(header::LOCATION, path);
    }
    Ok(response)
}

/// Returns one check of a host.
#[utoipa::path(
    get,
    path = "/api/v1/hosts/{host_id}/health-checks/{check_id}",
    tag = "checks",
    operation_id = "read_health_check",
    params(
        ("host_id" = HostId, Path, description = "the host"),
        ("check_id" = CheckId, Path, description = "the check"),
    ),
    responses(
        (
            status = 200,
            description = "the check",
            body = CheckForm,
            headers(("ETag" = String, description = "its revision in quotes")),
        ),
        ReadProblems,
    ),
)]
pub(super) async fn read(
    State(api): State<Api>,
    Caller(actor): Caller,
    Ids(host_id, check_id): Ids<HostId, CheckId>,
) -> Result<Response, Problem> {
    let api = &api.0;
    api.may_read(&actor, host_id).await?;
    let view = api.view(host_id, check_id).await?.ok_or_else(Problem::not_found)?;
    Ok(with_etag(view))
}

/// Changes a check.
///
/// With `If-Match` the change only applies to that revision. A new origin of the URL, or newly ignored
/// certificate errors, require the password again if one is stored. The changed check runs immediately,
/// unless its author has spent the minute's budget of tests and changes. Its first run then waits for the
/// budget's next slot.
#[utoipa::path(
    put,
    path = "/api/v1/hosts/{host_id}/health-checks/{check_id}",
    tag = "checks",
    operation_id = "change_health_check",
    params(
        ("host_id" = HostId, Path, description = "the host"),
        ("check_id" = CheckId, Path, description = "the check"),
        ("If-Match" = Option<String>, Header, description = "the revision that the change is based on"),
    ),
    request_body = CheckChangeForm,
    responses(
        (
            status = 200,
            description = "the changed check",
            body = CheckForm,
            headers(("ETag" = String, description = "its revision in quotes")),
        ),
        ChangeProblems,
    ),
)]
pub(super) async fn change(
    State(api): State<Api>,
    Caller(actor): Caller,
    Ids(host_id, check_id): Ids<HostId, CheckId>,
    headers: HeaderMap,
    body: JsonBody,
) -> Result<Response, Problem> {
    let api = &api.0;
    let write = Write::checks(AuditAction::HealthCheckUpdated, host_id, Some(check_id));
    api.may_write(&actor, &write).await?;
    let change = CheckChange::from_json(body.value().await?);
    let expected = api.expected(host_id, check_id, &headers).await?;
    let changed = api.checks.change(&actor, host_id, check_id, &change, expected).await;
    let check = match changed {
        Ok(check) => check,
        Err(error) => return Err(api.changed_problem(&actor, &write, expected, error).await),
    };
    let view = api.view(host_id, check_id).await?;
    Ok(with_etag(view.unwrap_or_else(|| unseen(check))))
}

/// Deletes a check with its history.
#[utoipa::path(
    delete,
    path = "/api/v1/hosts/{host_id}/health-checks/{check_id}",
    tag = "checks",
    operation_id = "delete_health_check",
    params(
        ("host_id" = HostId, Path, description = "the host"),
        ("check_id" = CheckId, Path, description = "the check"),
        ("If-Match" = Option<String>, Header, description = "the revision to delete"),
    ),
    responses((status = 204, description = "the check is deleted"), DeleteProblems),
)]
pub(super) async fn delete(
    State(api): State<Api>,
    Caller(actor): Caller,
    Ids(host_id, check_id): Ids<HostId, CheckId>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let api = &api.0;
    let write = Write::checks(AuditAction::HealthCheckDeleted, host_id, Some(check_id));
    api.may_write(&actor, &write).await?;
    let expected = api.expected(host_id, check_id, &headers).await?;
    match api.checks.delete(&actor, host_id, check_id, expected).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(error) => Err(api.changed_problem(&actor, &write, expected, error).await),
    }
}

impl Parts {
    async fn view(&self, host: HostId, check: CheckId) -> Result<Option<CheckView>, Problem> {
        let views = self.store.views(&[host], self.stale_after).await?;
        Ok(views.into_iter().find(|view| view.check.id == check))
    }

    /// Returns the revision that the request requires, or `None` for any.
    async fn expected(
        &self,
        host: HostId,
        check: CheckId,
        headers: &HeaderMap,
    ) -> Result<Option<i64>, Problem> {
        let IfMatch::These(revisions) = IfMatch::of(headers) else { return Ok(None) };
        if let [revision] = revisions[..] {
            return Ok(Some(revision));
        }
        let stored = self.store.check(host, check).await?.ok_or_else(Problem::not_found)?;
        if revisions.contains(&stored.revision) {
            Ok(Some(stored.revision))
        } else {
            Err(Problem::revision_mismatch(stored.revision))
        }
    }

    async fn changed_problem(
        &self,
        actor: &crate::model::Actor,
        write: &Write,
        expected: Option<i64>,
        error: ManageError,
    ) -> Problem {
        match error {
            ManageError::Store(StoreError::Conflict { current }) if expected.is_some() => {
                Problem::revision_mismatch(current)
            }
            error => self.write_problem(actor, write, error).await,
        }
    }
}

/// Returns the view of a check that was just written: it has no result.
fn unseen(check: HealthCheck) -> CheckView {
    let now = StoreTime::new(check.updated_epoch, check.updated_at);
    CheckView::at(check, None, now, TimeDelta::zero())
}

fn with_etag(view: CheckView) -> Response {
    let etag = etag::of(view.check.revision);
    let mut response = Json(CheckForm::from(view)).into_response();
    if let Some(etag) = etag {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response
}
