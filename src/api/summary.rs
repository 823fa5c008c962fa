//! `/health-checks/summary`: many hosts at once.

use axum::{Json, extract::State};

use super::{Api, Caller, Problem, Query, forms::SummaryList, openapi::problems};
use crate::model::{HostId, ViolationCode};

/// The maximum number of hosts in one request.
pub(super) const MOST_HOSTS: usize = 500;

problems! {
    /// The problems of reading summaries.
    SummaryProblems {
        422: ["invalid"],
    }
}

/// Returns how many checks of each of these hosts are healthy, unhealthy and unknown.
#[utoipa::path(
    get,
    path = "/api/v1/health-checks/summary",
    tag = "checks",
    operation_id = "summarise_hosts",
    params((
        "host_ids" = Vec<HostId>, Query, explode = false,
        description = "1 to 500 hosts; hosts that the caller may not see are left out",
    )),
    responses((status = 200, description = "the summaries", body = SummaryList), SummaryProblems),
)]
pub(super) async fn summary(
    State(api): State<Api>,
    Caller(actor): Caller,
    query: Query,
) -> Result<Json<SummaryList>, Problem> {
    let api = &api.0;
    let mut hosts = query.host_ids("host_ids", MOST_HOSTS)?;
    if query.first("host_ids").is_none() {
        let message = "give the ids of 1 to 500 hosts, separated by commas";
        return Err(Problem::invalid_field("host_ids", ViolationCode::Required, message));
    }
    let access = api.access(&actor, &hosts).await?;
    hosts.retain(|host| access.contains_key(host));
    let summaries = api.store.summaries(&hosts, api.stale_after).await?;
    Ok(Json(SummaryList { hosts: summaries }))
}
