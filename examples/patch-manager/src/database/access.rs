//! Users, their tokens, and which hosts they may see.

use std::collections::{HashMap, HashSet};

use healthgate::model::{HostId, Role};
use sha2::{Digest, Sha256};
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::{Database, DatabaseError, IDS_AT_ONCE, micros, with_pool, with_writer};

/// A user, as the database knows them now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) groups: Vec<String>,
}

/// The form in which tokens are stored and compared: SHA-256, in lower-case hexadecimal. Tokens are
/// long and random, so that nothing slower is needed.
pub(crate) fn token_hash(token: &str) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(token.as_bytes()) {
        use std::fmt::Write as _;
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// A bearer token: 32 random bytes as hexadecimal text.
///
/// # Errors
/// Where there is no randomness.
pub(crate) fn new_token() -> Result<String, getrandom::Error> {
    use std::fmt::Write as _;
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    let mut token = String::with_capacity(64);
    for byte in bytes {
        let _ = write!(token, "{byte:02x}");
    }
    Ok(token)
}

/// A role as it is stored.
pub(super) const fn role_name(role: Role) -> &'static str {
    match role {
        Role::Admin => "admin",
        Role::Operator => "operator",
        Role::Reporter | Role::System => "reporter",
    }
}

fn role(name: &str) -> Result<Role, DatabaseError> {
    match name {
        "admin" => Ok(Role::Admin),
        "operator" => Ok(Role::Operator),
        "reporter" => Ok(Role::Reporter),
        _ => Err(DatabaseError::Corrupt { what: "role" }),
    }
}

impl Database {
    /// The user whose token has this hash.
    pub(crate) async fn user_by_token(&self, hash: &str) -> Result<Option<User>, DatabaseError> {
        const USER: &str = "SELECT u.name, u.role FROM tokens t JOIN users u ON u.name = t.user_name \
            WHERE t.token_sha256 = $1";
        let found: Option<(String, String)> = with_pool!(self, pool => {
            sqlx::query_as(USER).bind(hash).fetch_optional(pool).await
        })?;
        let Some((name, stored)) = found else { return Ok(None) };
        let groups = self.groups_of_user(&name).await?;
        Ok(Some(User { name, role: role(&stored)?, groups }))
    }

    /// The user of this name.
    pub(crate) async fn user(&self, name: &str) -> Result<Option<User>, DatabaseError> {
        const USER: &str = "SELECT name, role FROM users WHERE name = $1";
        let found: Option<(String, String)> = with_pool!(self, pool => {
            sqlx::query_as(USER).bind(name).fetch_optional(pool).await
        })?;
        let Some((name, stored)) = found else { return Ok(None) };
        let groups = self.groups_of_user(&name).await?;
        Ok(Some(User { name, role: role(&stored)?, groups }))
    }

    async fn groups_of_user(&self, name: &str) -> Result<Vec<String>, DatabaseError> {
        const GROUPS: &str =
            "SELECT group_name FROM user_groups WHERE user_name = $1 ORDER BY group_name";
        let groups = with_pool!(self, pool => {
            sqlx::query_scalar(GROUPS).bind(name).fetch_all(pool).await
        })?;
        Ok(groups)
    }

    /// Adds a token to those of a user; `false` where there is no such user.
    pub(crate) async fn add_token(&self, user: &str, hash: &str) -> Result<bool, DatabaseError> {
        const ADD: &str = "INSERT INTO tokens (token_sha256, user_name, source, created_at) \
            SELECT $1, name, 'issued', $2 FROM users WHERE name = $3";
        let now = micros(chrono::Utc::now());
        let added = with_writer!(self, pool => {
            let added = sqlx::query(ADD).bind(hash).bind(now).bind(user).execute(pool).await?;
            added.rows_affected()
        });
        Ok(added > 0)
    }

    /// Those of these hosts that are in a group of the user of this name.
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

    /// The groups of each of these hosts.
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
