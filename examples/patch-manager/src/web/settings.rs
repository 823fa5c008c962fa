//! `/settings`: the figures of the configuration that clients go by.

use axum::{Json, extract::State};
use healthgate::api::{Caller, Problem};
use serde::Serialize;
use utoipa::ToSchema;

use super::Web;

/// Figures of the configuration, for whoever shows a wait, an age or a past.
#[derive(Serialize, ToSchema)]
#[schema(as = Settings)]
pub(super) struct SettingsForm {
    /// How far apart two runs of a check are.
    health_check_poll_interval_secs: u64,
    /// The longest that a run takes.
    health_check_timeout_secs: u64,
    /// How long results are kept.
    health_check_retention_days: u64,
    /// How far apart two attempts of a gate are.
    gate_retry_interval_secs: u64,
    /// The longest wait of a job that is to run at once.
    immediate_max_wait_secs: u64,
}

const DAY: u64 = 24 * 60 * 60;

/// What is configured.
#[utoipa::path(
    get,
    path = "/api/v1/settings",
    tag = "application",
    operation_id = "read_settings",
    responses((status = 200, description = "the figures", body = SettingsForm), Problem),
)]
pub(super) async fn read(
    State(web): State<Web>,
    Caller(_): Caller,
) -> Result<Json<SettingsForm>, Problem> {
    let figures = &web.0.app.figures;
    Ok(Json(SettingsForm {
        health_check_poll_interval_secs: figures.poll_interval.as_secs(),
        health_check_timeout_secs: figures.check_timeout.as_secs(),
        health_check_retention_days: figures.retention.as_secs() / DAY,
        gate_retry_interval_secs: figures.gate_retry.as_secs(),
        immediate_max_wait_secs: figures.immediate_max_wait.as_secs(),
    }))
}
