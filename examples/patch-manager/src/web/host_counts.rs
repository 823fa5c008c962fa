//! `/host-counts`: how many hosts there are of each status.

use axum::{Json, extract::State};
use healthgate::{
    api::{Caller, Problem},
    model::{HostId, HostStatus},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::Web;
use crate::{database::HostQuery, directory::sees_all};

/// How many hosts there are of each status.
#[derive(Serialize, ToSchema, Default)]
pub(super) struct HostCounts {
    total: usize,
    healthy: usize,
    unhealthy: usize,
    unknown: usize,
    none: usize,
}

/// How many hosts the caller sees, by what their checks say.
#[utoipa::path(
    get,
    path = "/api/v1/host-counts",
    tag = "application",
    operation_id = "count_hosts",
    responses((status = 200, description = "the counts", body = HostCounts), Problem),
)]
pub(super) async fn read(
    State(web): State<Web>,
    Caller(actor): Caller,
) -> Result<Json<HostCounts>, Problem> {
    let shared_with = (!sees_all(actor.role)).then_some(actor.name.as_str());
    let names = web.0.summaries.names(HostQuery { shared_with, text: None }).await?;
    let ids: Vec<HostId> = names.iter().map(|(id, _)| *id).collect();
    let known = web.0.summaries.of_many(&ids).await?;
    let mut counts = HostCounts { total: ids.len(), ..HostCounts::default() };
    for id in &ids {
        match known.get(id).map_or(HostStatus::None, |summary| summary.status) {
            HostStatus::Healthy => counts.healthy += 1,
            HostStatus::Unhealthy => counts.unhealthy += 1,
            HostStatus::Unknown => counts.unknown += 1,
            HostStatus::None => counts.none += 1,
        }
    }
    Ok(Json(counts))
}
