//! The REST API: routes to mount into your axum application, with their OpenAPI document.
//!
//! ```
//! # use axum::{Router, middleware::from_fn};
//! # use healthgate::api::{Api, envelope, fallback, routes};
//! # fn mount(api: &Api) -> Router {
//! let (router, document) = routes(api).split_for_parts();
//! # let _ = document;
//! router.fallback(fallback).layer(from_fn(envelope))
//! # }
//! ```
//!
//! **The application provides** a store, [`CheckManager`](crate::checks::CheckManager), a
//! [`Gate`](crate::gate::Gate), a directory of hosts, and an [`Authorizer`] such as [`RolesAndGroups`]. It
//! also authenticates: its middleware inserts an [`Actor`](crate::model::Actor) with the user's name and
//! current role into the request's extensions. The API answers 401 to a request without one. The routes
//! bind no socket and spawn no task. One future, [`Api::run`], feeds the event streams.
//!
//! **Your own routes** can share one document: start with `OpenApiRouter::with_openapi(…)`,
//! `merge(routes(&api))`, and answer errors with [`Problem`]. To follow the library's rules, read bodies
//! with [`JsonBody`] and [`Members`], queries with [`Page`] and [`Query`], and path ids with [`Id`] and
//! [`Ids`].
//!
//! **Rights** are checked with every request. A host that the caller may not see is answered like one that
//! does not exist: 404. A refused write on an existing host is audited.
//!
//! **Order of answers**: 401 first, then 404 and 403, then problems of the body (408, 413, 415, 400, 422),
//! then 412 and 409.

mod access;
mod audit;
mod audit_export;
mod authorize;
mod body;
mod checks;
mod copy_checks;
mod errors;
mod etag;
mod events;
mod explain;
pub mod forms;
mod gates;
mod openapi;
mod overrides;
mod preview;
mod problem;
mod query;
mod refusals;
mod request;
mod results;
mod state;
mod summary;
mod test_check;

use axum::{Router, extract::DefaultBodyLimit, middleware::from_fn};
use utoipa::OpenApi as _;
use utoipa_axum::{router::OpenApiRouter, routes as operation};

pub use self::{
    authorize::{AuditScope, AuthorizeError, Authorizer, HostAccess, JobDirectory, RolesAndGroups},
    body::{BODY_LIMIT, FromMember, HOSTS_BODY_LIMIT, JsonBody, Members, read_object},
    events::EventHub,
    preview::UpcomingWindows,
    problem::{ErrorMember, FieldProblem, Problem, ProblemBody},
    query::{Page, Query},
    request::{Caller, Id, Ids, REQUEST_ID_HEADER, RequestId, envelope},
    state::{Api, ApiBuilder},
};

/// Returns all routes of the library, each with its full path under `/api/v1`, and their part of the
/// OpenAPI document.
///
/// The routes include their own body limit, [`envelope`], and 405 answers. The application answers unknown
/// paths: see [`fallback`].
#[must_use]
pub fn routes<S: Clone + Send + Sync + 'static>(api: &Api) -> OpenApiRouter<S> {
    let (router, document) = operations().with_state(api.clone()).split_for_parts();
    let router: Router<S> = router
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(from_fn(envelope));
    OpenApiRouter::with_openapi(document).merge(router.into())
}

/// Returns the OpenAPI document of the library's routes alone (OpenAPI 3.1).
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    operations().into_openapi()
}

fn operations() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(openapi::Document::openapi())
        .routes(operation!(checks::list, checks::create))
        .routes(operation!(checks::read, checks::change, checks::delete))
        .routes(operation!(test_check::test_unsaved))
        .routes(operation!(copy_checks::copy))
        .routes(operation!(test_check::test))
        .routes(operation!(results::results))
        .routes(operation!(summary::summary))
        .merge(named_hosts())
        .routes(operation!(explain::explain))
        .routes(operation!(gates::gates))
        .routes(operation!(overrides::set, overrides::remove))
        .routes(operation!(audit::audit))
        .routes(operation!(audit_export::export))
        .routes(operation!(events::events))
}

/// Returns the operations whose bodies name many hosts.
fn named_hosts() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(operation!(preview::preview))
        .layer(DefaultBodyLimit::max(HOSTS_BODY_LIMIT))
}

/// Answers a path that does not exist, for [`Router::fallback`].
pub async fn fallback() -> Problem {
    std::future::ready(Problem::not_found()).await
}

async fn method_not_allowed() -> Problem {
    std::future::ready(Problem::method_not_allowed()).await
}
