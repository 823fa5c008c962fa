//! `/me`: who the caller is.

use axum::{Extension, Json};
use healthgate::{api::Problem, model::Role};
use serde::Serialize;
use utoipa::ToSchema;

use crate::database::User;

/// The caller, with their current role and groups.
#[derive(Serialize, ToSchema)]
#[schema(as = Me)]
pub(super) struct MeForm {
    /// The name.
    name: String,
    /// The role.
    role: Role,
    /// The groups whose hosts they see.
    groups: Vec<String>,
}

/// Returns the caller.
#[utoipa::path(
    get,
    path = "/api/v1/me",
    tag = "application",
    responses((status = 200, description = "the caller", body = MeForm), Problem),
)]
pub(super) async fn me(user: Option<Extension<User>>) -> Result<Json<MeForm>, Problem> {
    let Some(Extension(user)) = user else { return Err(Problem::unauthenticated()) };
    Ok(Json(MeForm { name: user.name, role: user.role, groups: user.groups }))
}
