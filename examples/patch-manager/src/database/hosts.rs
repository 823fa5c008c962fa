//! Hosts.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use healthgate::model::{AgentEndpoint, AuditEntry, HostId};
use sqlx::{FromRow, QueryBuilder};
use uuid::Uuid;

use super::{
    Database, DatabaseError, IDS_AT_ONCE, Right, access::role_name, in_transaction, instant,
    micros, still_holds, with_pool,
};

/// A host.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct HostRow {
    id: Uuid,
    pub(crate) name: String,
    pub(crate) address: String,
    agent_port: i64,
    pub(crate) agent_identity: Option<String>,
    pub(crate) paused_reason: Option<String>,
    pub(crate) paused_by: Option<String>,
    paused_at: Option<i64>,
}

impl HostRow {
    pub(crate) const fn id(&self) -> HostId {
        HostId::from_uuid(self.id)
    }

    pub(crate) fn agent_port(&self) -> u16 {
        u16::try_from(self.agent_port).unwrap_or_default()
    }

    /// Returns the agent's endpoint, or `None` if the row contains no valid one.
    pub(crate) fn agent(&self) -> Option<AgentEndpoint> {
        AgentEndpoint::new(self.address.clone(), self.agent_port(), self.agent_identity.clone())
            .ok()
    }

    pub(crate) fn paused_at(&self) -> Option<DateTime<Utc>> {
        self.paused_at.and_then(|at| instant(at).ok())
    }
}

/// Selects hosts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostQuery<'a> {
    /// Only hosts in a group of this user.
    pub(crate) shared_with: Option<&'a str>,
    /// Only hosts whose name or address contains this text.
    pub(crate) text: Option<&'a str>,
    /// Only members of this group.
    pub(crate) group: Option<&'a str>,
}

/// A position in the list of hosts by name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostPage<'a> {
    /// Continues after the host with this name and id.
    pub(crate) after: Option<(&'a str, Uuid)>,
    /// The maximum number of hosts.
    pub(crate) limit: i64,
}

const COLUMNS: &str = "SELECT h.id, h.name, h.address, h.agent_port, h.agent_identity, \
    h.paused_reason, h.paused_by, h.paused_at FROM hosts h";

/// Appends the conditions of a query.
macro_rules! matching {
    ($query:ident, $wanted:expr) => {
        $query.push(" WHERE 1 = 1");
        if let Some(user) = $wanted.shared_with {
            $query
                .push(
                    " AND EXISTS (SELECT 1 FROM host_groups g JOIN user_groups u \
                     ON u.group_name = g.group_name WHERE g.host_id = h.id AND u.user_name = ",
                )
                .push_bind(user)
                .push(")");
        }
        if let Some(group) = $wanted.group {
            $query
                .push(
                    " AND EXISTS (SELECT 1 FROM host_groups m WHERE m.host_id = h.id \
                     AND m.group_name = ",
                )
                .push_bind(group)
                .push(")");
        }
        if let Some(text) = $wanted.text {
            let pattern = like(text);
            $query
                .push(" AND (LOWER(h.name) LIKE ")
                .push_bind(pattern.clone())
                .push(" ESCAPE '!' OR LOWER(h.address) LIKE ")
                .push_bind(pattern)
                .push(" ESCAPE '!')");
        }
    };
}

/// Returns a pattern that matches the text anywhere.
fn like(text: &str) -> String {
    let mut pattern = String::from("%");
    for character in text.to_lowercase().chars() {
        if matches!(character, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

impl Database {
    /// Returns a page of a query's hosts, ordered by name.
    pub(crate) async fn hosts_by_name(
        &self,
        wanted: HostQuery<'_>,
        page: HostPage<'_>,
    ) -> Result<Vec<HostRow>, DatabaseError> {
        let hosts = with_pool!(self, pool => {
            let mut query = QueryBuilder::new(COLUMNS);
            matching!(query, wanted);
            if let Some((name, id)) = page.after {
                query.push(" AND (h.name, h.id) > (").push_bind(name).push(", ").push_bind(id);
                query.push(")");
            }
            query.push(" ORDER BY h.name, h.id LIMIT ").push_bind(page.limit);
            query.build_query_as().fetch_all(pool).await
        })?;
        Ok(hosts)
    }

    /// Returns the ids and names of all hosts of a query, in no order. Lists that are ordered by data from
    /// another store are built from these.
    pub(crate) async fn host_names(
        &self,
        wanted: HostQuery<'_>,
    ) -> Result<Vec<(HostId, String)>, DatabaseError> {
        let names: Vec<(Uuid, String)> = with_pool!(self, pool => {
            let mut query = QueryBuilder::new("SELECT h.id, h.name FROM hosts h");
            matching!(query, wanted);
            query.build_query_as().fetch_all(pool).await
        })?;
        Ok(names.into_iter().map(|(id, name)| (HostId::from_uuid(id), name)).collect())
    }

    /// Returns those of these hosts that exist.
    pub(crate) async fn hosts(
        &self,
        ids: &[HostId],
    ) -> Result<HashMap<HostId, HostRow>, DatabaseError> {
        let mut found = HashMap::with_capacity(ids.len());
        for ids in ids.chunks(IDS_AT_ONCE) {
            let hosts: Vec<HostRow> = with_pool!(self, pool => {
                let mut query = QueryBuilder::new(COLUMNS);
                query.push(" WHERE h.id IN (");
                let mut list = query.separated(", ");
                for id in ids {
                    list.push_bind(id.as_uuid());
                }
                query.push(")");
                query.build_query_as().fetch_all(pool).await
            })?;
            found.extend(hosts.into_iter().map(|host| (host.id(), host)));
        }
        Ok(found)
    }

    /// Pauses a host for the record's reason or, with `None`, resumes it, and writes the record in the same
    /// transaction. The actor must still have the right to the host. Returns `false` if the host does not
    /// exist, or if an administrator paused it and the actor is not an administrator.
    pub(crate) async fn pause_host(
        &self,
        id: HostId,
        reason: Option<String>,
        audit: AuditEntry,
    ) -> Result<bool, DatabaseError> {
        const PAUSE: &str = "UPDATE hosts SET paused_reason = $1, paused_by = $2, paused_at = $3, \
            paused_by_role = $4 \
            WHERE id = $5 AND ($6 = 'admin' OR paused_by_role IS NULL OR paused_by_role <> 'admin')";
        let role = role_name(audit.actor.role);
        let at = match reason {
            Some(_) => Some(micros(self.now().await?)),
            None => None,
        };
        let right = Right::of(&audit.actor, [id]);
        in_transaction!(self, connection, log => {
            if !still_holds!(connection, &right)? {
                return Err(DatabaseError::RightLost);
            }
            let by = reason.as_ref().map(|_| audit.actor.name.as_str());
            let by_role = reason.as_ref().map(|_| role);
            let query = sqlx::query(PAUSE).bind(&reason).bind(by).bind(at).bind(by_role);
            let query = query.bind(id.as_uuid()).bind(role);
            let paused = query.execute(&mut *connection).await?.rows_affected();
            if paused > 0 {
                log().append_audit_in(&mut *connection, &audit).await?;
            }
            paused > 0
        })
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_searched_for_is_text_and_no_pattern() {
        assert_eq!(super::like("We_b%!"), "%we!_b!%!!%");
    }
}
