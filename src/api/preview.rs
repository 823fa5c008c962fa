//! `/gates/preview`: what the gates would say now.

use std::{collections::HashMap, fmt::Debug};

use async_trait::async_trait;
use axum::{Json, extract::State};

use super::{
    Api, AuthorizeError, Caller, JsonBody, Problem,
    forms::{PreviewList, PreviewRequestForm},
    openapi::problems,
    summary::MOST_HOSTS,
};
use crate::model::{HostId, ViolationCode, Window};

/// The application's maintenance windows, for previews that name none.
///
/// Dropping a call must have no effect.
#[async_trait]
pub trait UpcomingWindows: Debug + Send + Sync + 'static {
    /// The window of each of these hosts that is open now or opens next; hosts without one are left
    /// out, and judged as if the job were to run at once.
    async fn upcoming(&self, hosts: &[HostId]) -> Result<HashMap<HostId, Window>, AuthorizeError>;
}

problems! {
    /// What can go wrong with a preview.
    PreviewProblems {
        400: ["malformed"],
        404: ["not_found"],
        413: ["body_too_large"],
        415: ["unsupported_media_type"],
        422: ["invalid"],
    }
}

/// What the gates of these hosts would say now. Nothing is run, and nothing written.
///
/// Without a window each host's own is taken, the one that is open or the next.
#[utoipa::path(
    post,
    path = "/api/v1/gates/preview",
    tag = "gates",
    operation_id = "preview_gates",
    request_body = PreviewRequestForm,
    responses((status = 200, description = "host by host", body = PreviewList), PreviewProblems),
)]
pub(super) async fn preview(
    State(api): State<Api>,
    Caller(actor): Caller,
    body: JsonBody,
) -> Result<Json<PreviewList>, Problem> {
    let api = &api.0;
    let mut members = body.members()?;
    let hosts = members.required::<Vec<HostId>>("host_ids");
    let window = members.optional::<Window>("window");
    if hosts.as_ref().is_some_and(|hosts| hosts.len() > MOST_HOSTS) {
        members.violation("host_ids", ViolationCode::TooLong, "give at most 500 hosts");
    }
    let hosts = members.finish(hosts)?;
    let access = api.access(&actor, &hosts).await?;
    if hosts.iter().any(|host| !access.contains_key(host)) {
        return Err(Problem::not_found());
    }
    let _ = window;
    Err(Problem::unavailable("store_unavailable", "previews are not built yet"))
}
