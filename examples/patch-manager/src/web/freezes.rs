//! `/freezes`: when nothing starts.

use axum::{Extension, Json, extract::State};
use chrono::{DateTime, Utc};
use healthgate::{
    api::{Caller, Problem},
    model::instant,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::Web;
use crate::{database::User, directory::sees_all};

/// A current or future freeze.
#[derive(Serialize, ToSchema)]
#[schema(as = Freeze)]
struct FreezeForm {
    name: String,
    /// The groups whose hosts it holds back and that the caller may see. Empty for all hosts.
    groups: Vec<String>,
    #[serde(with = "instant")]
    starts_at: DateTime<Utc>,
    #[serde(with = "instant")]
    ends_at: DateTime<Utc>,
    /// Whether it also holds back rollbacks.
    holds_exempt: bool,
    /// Whether it is active now.
    active: bool,
}

/// Freezes, ordered by their start.
#[derive(Serialize, ToSchema)]
#[schema(as = FreezeList)]
pub(super) struct FreezeListForm {
    freezes: Vec<FreezeForm>,
}

/// Lists the current and future freezes of hosts that the caller may see.
#[utoipa::path(
    get,
    path = "/api/v1/freezes",
    tag = "application",
    operation_id = "list_freezes",
    responses((status = 200, description = "the freezes", body = FreezeListForm), Problem),
)]
pub(super) async fn list(
    State(web): State<Web>,
    Caller(actor): Caller,
    user: Option<Extension<User>>,
) -> Result<Json<FreezeListForm>, Problem> {
    let now = web.0.app.store.now().await?;
    let own = user.map(|Extension(user)| user.groups).unwrap_or_default();
    let seen = |group: &&String| sees_all(actor.role) || own.contains(group);
    let mut freezes: Vec<FreezeForm> = Vec::new();
    for one in web.0.app.freezes.iter().filter(|one| now < one.ends_at) {
        let groups: Vec<String> = one.groups.iter().filter(seen).cloned().collect();
        if groups.is_empty() && !one.groups.is_empty() {
            continue;
        }
        freezes.push(FreezeForm {
            name: one.freeze.name().to_owned(),
            groups,
            starts_at: one.starts_at,
            ends_at: one.ends_at,
            holds_exempt: one.freeze.holds_exempt(),
            active: one.freeze.active_at(now).is_some(),
        });
    }
    freezes.sort_by_key(|one| one.starts_at);
    Ok(Json(FreezeListForm { freezes }))
}
