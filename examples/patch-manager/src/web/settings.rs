//! `/settings`: the figures of the configuration that clients go by.

use axum::{Json, extract::State};
use healthgate::api::{Caller, Problem};
use serde::Serialize;
use utoipa::ToSchema;

use super::Web;

/// The configured settings that clients need to show waits, ages and histories.
#[derive(Serialize, ToSchema)]
#[schema(as = Settings)]
pub(super) struct SettingsForm {
    /// The time between two runs of a check.
    health_check_poll_interval_secs: u64,
    /// The maximum duration of a run.
    health_check_timeout_secs: u64,
    /// How long results are kept.
    health_check_retention_days: u64,
    /// The time between two attempts of a gate.
    gate_retry_interval_secs: u64,
    /// The maximum wait of an immediate job.
    immediate_max_wait_secs: u64,
}

const DAY: u64 = 24 * 60 * 60;

/// Returns the configured settings.
#[utoipa::path(
    get,
    path = "/api/v1/settings",
    tag = "application",
    operation_id = "read_settings",
    responses((status = 200, description = "the settings", body = SettingsForm), Problem),
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
