//! `/groups`: how many members of each group may be unavailable, and how many are.

use std::collections::{BTreeMap, BTreeSet};

use axum::{Extension, Json, extract::State};
use healthgate::{
    api::{Caller, Problem},
    model::{GroupStatus, HostId},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::Web;
use crate::{config::ConfiguredGroup, database::User, directory::sees_all};

/// A configured group.
#[derive(Serialize, ToSchema)]
#[schema(as = Group)]
struct GroupForm {
    name: String,
    /// The number of hosts in the group.
    hosts: usize,
    /// The maximum number of members that may be down or under change. `null` for any number.
    #[schema(required)]
    max_unavailable: Option<u32>,
    /// The number of members that are down or under change now. `null` if the group has no limit.
    #[schema(required)]
    unavailable: Option<usize>,
}

/// Groups in the order of the configuration.
#[derive(Serialize, ToSchema)]
#[schema(as = GroupList)]
pub(super) struct GroupListForm {
    groups: Vec<GroupForm>,
}

/// Lists the groups that the caller may see, with their limits.
#[utoipa::path(
    get,
    path = "/api/v1/groups",
    tag = "application",
    operation_id = "list_groups",
    responses((status = 200, description = "the groups", body = GroupListForm), Problem),
)]
pub(super) async fn list(
    State(web): State<Web>,
    Caller(actor): Caller,
    user: Option<Extension<User>>,
) -> Result<Json<GroupListForm>, Problem> {
    let app = &web.0.app;
    let own = user.map(|Extension(user)| user.groups).unwrap_or_default();
    let members = app.database.members_of_groups().await?;
    // Any member identifies its group.
    let first = members.values().filter_map(|hosts| hosts.first().copied());
    let first: Vec<HostId> = first.collect();
    let found = app.gate().groups_of(&first).await?;
    let found: BTreeMap<&str, &GroupStatus> =
        found.iter().map(|status| (status.name.as_str(), status)).collect();
    let seen = |group: &&ConfiguredGroup| sees_all(actor.role) || own.contains(&group.name);
    let form = |group: &ConfiguredGroup| {
        let status = found.get(group.name.as_str());
        GroupForm {
            name: group.name.clone(),
            hosts: members.get(&group.name).map_or(0, BTreeSet::len),
            max_unavailable: group.max_unavailable,
            unavailable: group
                .max_unavailable
                .map(|_| status.map_or(0, |status| status.unavailable.len())),
        }
    };
    let groups = app.groups.iter().filter(seen).map(form).collect();
    Ok(Json(GroupListForm { groups }))
}
