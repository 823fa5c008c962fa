//! `/gates/preview`: current decisions of the gates.

use std::{
    collections::{HashMap, HashSet},
    fmt::Debug,
};

use async_trait::async_trait;
use axum::{Json, extract::State};
use chrono::TimeDelta;

use super::{
    Api, AuthorizeError, Caller, JsonBody, Problem,
    forms::{PreviewForm, PreviewList, PreviewRequestForm},
    openapi::problems,
    state::Parts,
};
use crate::{
    gate::HostPreview,
    model::{HostId, ViolationCode, Window},
};

/// Provides the application's maintenance windows, for previews that name none.
///
/// Dropping a call must have no effect.
#[async_trait]
pub trait UpcomingWindows: Debug + Send + Sync + 'static {
    /// Returns each host's open or next window. A host without a window is left out, and the preview judges
    /// it in a one-hour window that starts now.
    async fn upcoming(&self, hosts: &[HostId]) -> Result<HashMap<HostId, Window>, AuthorizeError>;
}

/// The maximum number of hosts in a preview.
const MOST_HOSTS: usize = 10_000;

/// The length of the window for a host without one: the window of a job that runs immediately.
const AT_ONCE: TimeDelta = TimeDelta::hours(1);

problems! {
    /// The problems of a preview.
    PreviewProblems {
        400: ["malformed"],
        404: ["not_found"],
        408: ["body_too_slow"],
        413: ["body_too_large"],
        415: ["unsupported_media_type"],
        422: ["invalid"],
    }
}

/// Returns what the gates of these hosts would decide now, without running or writing anything.
///
/// Without a window, each host is judged in its own open or next window.
#[utoipa::path(
    post,
    path = "/api/v1/gates/preview",
    tag = "gates",
    operation_id = "preview_gates",
    request_body = PreviewRequestForm,
    responses((status = 200, description = "the decision for each host", body = PreviewList), PreviewProblems),
)]
pub(super) async fn preview(
    State(api): State<Api>,
    Caller(actor): Caller,
    body: JsonBody,
) -> Result<Json<PreviewList>, Problem> {
    let api = &api.0;
    let mut members = body.members().await?;
    let hosts = members.required::<Vec<HostId>>("host_ids");
    let window = members.optional::<Window>("window");
    if hosts.as_ref().is_some_and(|hosts| hosts.len() > MOST_HOSTS) {
        members.violation("host_ids", ViolationCode::TooLong, "give at most 10,000 hosts");
    }
    let hosts = unique(members.finish(hosts)?);
    let access = api.access(&actor, &hosts).await?;
    if hosts.iter().any(|host| !access.contains_key(host)) {
        return Err(Problem::not_found());
    }
    let windows = api.preview_windows(&hosts, window).await?;
    let previews = api.gate.preview(&windows).await?;
    let form = |(preview, (_, window)): (HostPreview, &(HostId, Window))| {
        PreviewForm::new(preview, *window)
    };
    Ok(Json(PreviewList { hosts: previews.into_iter().zip(&windows).map(form).collect() }))
}

/// Returns the hosts in the requested order without duplicates, so that repetitions do not enlarge the
/// answer (F180).
fn unique(mut hosts: Vec<HostId>) -> Vec<HostId> {
    let mut seen = HashSet::new();
    hosts.retain(|host| seen.insert(*host));
    hosts
}

impl Parts {
    /// Returns each host with the window to judge it in.
    async fn preview_windows(
        &self,
        hosts: &[HostId],
        window: Option<Window>,
    ) -> Result<Vec<(HostId, Window)>, Problem> {
        if let Some(window) = window {
            return Ok(hosts.iter().map(|host| (*host, window)).collect());
        }
        let now = self.store.now().await?;
        let at_once = Window::lasting(now, AT_ONCE)
            .map_err(|error| Problem::internal().with_source(error))?;
        let own = match &self.windows {
            Some(windows) => windows.upcoming(hosts).await?,
            None => HashMap::new(),
        };
        let window = |host: &HostId| own.get(host).copied().unwrap_or(at_once);
        Ok(hosts.iter().map(|host| (*host, window(host))).collect())
    }
}
