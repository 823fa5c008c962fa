//! Users, and the hosts that they may see.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use healthgate::model::{HostId, Role};
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::{Database, DatabaseError, IDS_AT_ONCE, with_pool};

/// A user's current record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) groups: Vec<String>,
}

/// Returns the stored name of a role.
pub(super) const fn role_name(role: Role) -> &'static str {
    match role {
        Role::Admin => "admin",
        Role::Operator => "operator",
        Role::Reporter | Role::System => "reporter",
    }
}

pub(crate) fn role(name: &str) -> Result<Role, DatabaseError> {
    match name {
        "admin" => Ok(Role::Admin),
        "operator" => Ok(Role::Operator),
        "reporter" => Ok(Role::Reporter),
        _ => Err(DatabaseError::Corrupt { what: "role" }),
    }
}

impl Database {
    /// Returns the user of this name, if they can sign in.
    pub(crate) async fn user(&self, name: &str) -> Result<Option<User>, DatabaseError> {
        const USER: &str = "SELECT name, role FROM users WHERE name = $1 AND locked_at IS NULL";
        let found: Option<(String, String)> = with_pool!(self, pool => {
            sqlx::query_as(USER).bind(name).fetch_optional(pool).await
        })?;
        let Some((name, stored)) = found else { return Ok(None) };
        let groups = self.groups_of_user(&name).await?;
        Ok(Some(User { name, role: role(&stored)?, groups }))
    }

    pub(super) async fn groups_of_user(&self, name: &str) -> Result<Vec<String>, DatabaseError> {
        const GROUPS: &str =
            "SELECT group_name FROM user_groups WHERE user_name = $1 ORDER BY group_name";
        let groups = with_pool!(self, pool => {
            sqlx::query_scalar(GROUPS).bind(name).fetch_all(pool).await
        })?;
        Ok(groups)
    }

    /// Returns those of these hosts that share a group with this user.
    pub(crate) async fn hosts_shared_with(
        &self,
        user: &str,
        ids: &[HostId],
    ) -> Result<HashSet<HostId>, DatabaseError> {
        let mut shared = HashSet::new();
        for ids in ids.chunks(IDS_AT_ONCE) {
            let found: Vec<Uuid> = with_pool!(self, pool => {
                let mut query = QueryBuilder::new(
                    "SELECT DISTINCT h.host_id FROM host_groups h \
                     JOIN user_groups u ON u.group_name = h.group_name WHERE u.user_name = ",
                );
                query.push_bind(user).push(" AND h.host_id IN (");
                let mut list = query.separated(", ");
                for id in ids {
                    list.push_bind(id.as_uuid());
                }
                query.push(")");
                query.build_query_scalar().fetch_all(pool).await
            })?;
            shared.extend(found.into_iter().map(HostId::from_uuid));
        }
        Ok(shared)
    }

    /// Returns the hosts of each group that has any, by the group's name.
    pub(crate) async fn members_of_groups(
        &self,
    ) -> Result<BTreeMap<String, BTreeSet<HostId>>, DatabaseError> {
        let rows: Vec<(String, Uuid)> = with_pool!(self, pool => {
            sqlx::query_as("SELECT group_name, host_id FROM host_groups").fetch_all(pool).await
        })?;
        let mut members: BTreeMap<String, BTreeSet<HostId>> = BTreeMap::new();
        for (group, host) in rows {
            members.entry(group).or_default().insert(HostId::from_uuid(host));
        }
        Ok(members)
    }

    /// Returns the groups of each of these hosts.
    pub(crate) async fn groups_of_hosts(
        &self,
        ids: &[HostId],
    ) -> Result<HashMap<HostId, Vec<String>>, DatabaseError> {
        let mut groups: HashMap<HostId, Vec<String>> = HashMap::new();
        for ids in ids.chunks(IDS_AT_ONCE) {
            let found: Vec<(Uuid, String)> = with_pool!(self, pool => {
                let mut query =
                    QueryBuilder::new("SELECT host_id, group_name FROM host_groups WHERE host_id IN (");
                let mut list = query.separated(", ");
                for id in ids {
                    list.push_bind(id.as_uuid());
                }
                query.push(") ORDER BY host_id, group_name");
                query.build_query_as().fetch_all(pool).await
            })?;
            for (host, group) in found {
                groups.entry(HostId::from_uuid(host)).or_default().push(group);
            }
        }
        Ok(groups)
    }
}
