//! Maintenance windows.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use healthgate::{
    gate::recurrence::{Recurrence, RecurrenceSpec},
    model::{AuditEntry, HostId},
};
use sqlx::{FromRow, QueryBuilder};
use uuid::Uuid;

use super::{
    Database, DatabaseError, IDS_AT_ONCE, Right, in_transaction, instant, micros, still_holds,
    with_pool,
};

/// A maintenance window of some hosts.
#[derive(Clone, Debug)]
pub(crate) struct WindowRow {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) recurrence: Recurrence,
    pub(crate) enabled: bool,
    pub(crate) host_ids: Vec<HostId>,
    pub(crate) revision: i64,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

#[derive(FromRow)]
struct Stored {
    id: Uuid,
    name: String,
    recurrence: String,
    enabled: i64,
    revision: i64,
    created_at: i64,
    updated_at: i64,
}

const COLUMNS: &str = "SELECT w.id, w.name, w.recurrence, w.enabled, w.revision, w.created_at, \
    w.updated_at FROM maintenance_windows w";

/// The hosts of a window.
const LINKED: &str = "SELECT host_id FROM window_hosts WHERE window_id = $1";

fn recurrence(text: &str) -> Result<Recurrence, DatabaseError> {
    serde_json::from_str(text).map_err(|_| DatabaseError::Corrupt { what: "maintenance window" })
}

fn text(recurrence: Recurrence) -> Result<String, DatabaseError> {
    serde_json::to_string(&RecurrenceSpec::from(recurrence))
        .map_err(|_| DatabaseError::Corrupt { what: "maintenance window" })
}

impl Database {
    /// Returns a page of windows, newest first. With `shared_with`, only windows with a host in a group of
    /// that user.
    pub(crate) async fn windows(
        &self,
        shared_with: Option<&str>,
        before: Option<Uuid>,
        limit: i64,
    ) -> Result<Vec<WindowRow>, DatabaseError> {
        let stored: Vec<Stored> = with_pool!(self, pool => {
            let mut query = QueryBuilder::new(COLUMNS);
            query.push(" WHERE 1 = 1");
            if let Some(user) = shared_with {
                query.push(
                    " AND EXISTS (SELECT 1 FROM window_hosts h JOIN host_groups g \
                     ON g.host_id = h.host_id JOIN user_groups u ON u.group_name = g.group_name \
                     WHERE h.window_id = w.id AND u.user_name = ",
                ).push_bind(user).push(")");
            }
            if let Some(before) = before {
                query.push(" AND w.id < ").push_bind(before);
            }
            query.push(" ORDER BY w.id DESC LIMIT ").push_bind(limit);
            query.build_query_as().fetch_all(pool).await
        })?;
        self.with_hosts(stored).await
    }

    /// Returns one window.
    pub(crate) async fn window(&self, id: Uuid) -> Result<Option<WindowRow>, DatabaseError> {
        let stored: Option<Stored> = with_pool!(self, pool => {
            let mut query = QueryBuilder::new(COLUMNS);
            query.push(" WHERE w.id = ").push_bind(id);
            query.build_query_as().fetch_optional(pool).await
        })?;
        Ok(self.with_hosts(stored.into_iter().collect()).await?.pop())
    }

    /// Returns the enabled windows of each of these hosts.
    pub(crate) async fn recurrences_of(
        &self,
        ids: &[HostId],
    ) -> Result<HashMap<HostId, Vec<Recurrence>>, DatabaseError> {
        let mut found: HashMap<HostId, Vec<Recurrence>> = HashMap::new();
        for ids in ids.chunks(IDS_AT_ONCE) {
            let stored: Vec<(Uuid, String)> = with_pool!(self, pool => {
                let mut query = QueryBuilder::new(
                    "SELECT h.host_id, w.recurrence FROM window_hosts h \
                     JOIN maintenance_windows w ON w.id = h.window_id \
                     WHERE w.enabled = 1 AND h.host_id IN (",
                );
                let mut list = query.separated(", ");
                for id in ids {
                    list.push_bind(id.as_uuid());
                }
                query.push(")");
                query.build_query_as().fetch_all(pool).await
            })?;
            for (host, stored) in stored {
                found.entry(HostId::from_uuid(host)).or_default().push(recurrence(&stored)?);
            }
        }
        Ok(found)
    }

    /// Inserts a window, or updates the one with the same id at the previous revision.
    ///
    /// Writes its audit record in the same transaction. The actor must still have the right to its hosts,
    /// including the previous ones. Returns `false`, and records nothing, if someone else has changed or
    /// deleted the window meanwhile.
    pub(crate) async fn write_window(
        &self,
        window: WindowRow,
        audit: AuditEntry,
    ) -> Result<bool, DatabaseError> {
        const WRITE: &str = "INSERT INTO maintenance_windows \
            (id, name, recurrence, enabled, revision, created_at, updated_at) \
            VALUES ($1, $2, $3, $4, $5, $6, $7)";
        const CHANGE: &str = "UPDATE maintenance_windows \
            SET name = $2, recurrence = $3, enabled = $4, revision = $5, updated_at = $6 \
            WHERE id = $1 AND revision = $5 - 1";
        const LEAVE: &str = "DELETE FROM window_hosts WHERE window_id = $1";
        const JOIN: &str = "INSERT INTO window_hosts (window_id, host_id) VALUES ($1, $2) \
            ON CONFLICT DO NOTHING";
        let recurrence = text(window.recurrence)?;
        in_transaction!(self, connection, log => {
            let before: Vec<Uuid> =
                sqlx::query_scalar(LINKED).bind(window.id).fetch_all(&mut *connection).await?;
            let before = before.into_iter().map(HostId::from_uuid);
            let right = Right::of(&audit.actor, window.host_ids.iter().copied().chain(before));
            if !still_holds!(connection, &right)? {
                return Err(DatabaseError::RightLost);
            }
            let (created, updated) = (micros(window.created_at), micros(window.updated_at));
            let written = if window.revision == 1 {
                sqlx::query(WRITE)
                    .bind(window.id)
                    .bind(&window.name)
                    .bind(&recurrence)
                    .bind(i64::from(window.enabled))
                    .bind(window.revision)
                    .bind(created)
                    .bind(updated)
                    .execute(&mut *connection)
                    .await?
                    .rows_affected()
            } else {
                sqlx::query(CHANGE)
                    .bind(window.id)
                    .bind(&window.name)
                    .bind(&recurrence)
                    .bind(i64::from(window.enabled))
                    .bind(window.revision)
                    .bind(updated)
                    .execute(&mut *connection)
                    .await?
                    .rows_affected()
            };
            if written > 0 {
                log().append_audit_in(&mut *connection, &audit).await?;
                sqlx::query(LEAVE).bind(window.id).execute(&mut *connection).await?;
                for host in &window.host_ids {
                    let query = sqlx::query(JOIN).bind(window.id).bind(host.as_uuid());
                    query.execute(&mut *connection).await?;
                }
            }
            written > 0
        })
    }

    /// Deletes a window and records it, in one transaction. The actor must still have the right to its
    /// hosts. Returns `false` if the window does not exist.
    pub(crate) async fn delete_window(
        &self,
        id: Uuid,
        audit: AuditEntry,
    ) -> Result<bool, DatabaseError> {
        const DELETE: &str = "DELETE FROM maintenance_windows WHERE id = $1";
        in_transaction!(self, connection, log => {
            let hosts: Vec<Uuid> =
                sqlx::query_scalar(LINKED).bind(id).fetch_all(&mut *connection).await?;
            let right = Right::of(&audit.actor, hosts.into_iter().map(HostId::from_uuid));
            if !still_holds!(connection, &right)? {
                return Err(DatabaseError::RightLost);
            }
            let deleted = sqlx::query(DELETE).bind(id).execute(&mut *connection).await?;
            if deleted.rows_affected() > 0 {
                log().append_audit_in(&mut *connection, &audit).await?;
            }
            deleted.rows_affected() > 0
        })
    }

    async fn with_hosts(&self, stored: Vec<Stored>) -> Result<Vec<WindowRow>, DatabaseError> {
        if stored.is_empty() {
            return Ok(Vec::new());
        }
        let links: Vec<(Uuid, Uuid)> = with_pool!(self, pool => {
            let mut query =
                QueryBuilder::new("SELECT window_id, host_id FROM window_hosts WHERE window_id IN (");
            let mut list = query.separated(", ");
            for window in &stored {
                list.push_bind(window.id);
            }
            query.push(") ORDER BY host_id");
            query.build_query_as().fetch_all(pool).await
        })?;
        let mut hosts: HashMap<Uuid, Vec<HostId>> = HashMap::new();
        for (window, host) in links {
            hosts.entry(window).or_default().push(HostId::from_uuid(host));
        }
        let row = |stored: Stored| {
            Ok(WindowRow {
                id: stored.id,
                name: stored.name,
                recurrence: recurrence(&stored.recurrence)?,
                enabled: stored.enabled != 0,
                host_ids: hosts.remove(&stored.id).unwrap_or_default(),
                revision: stored.revision,
                created_at: instant(stored.created_at)?,
                updated_at: instant(stored.updated_at)?,
            })
        };
        stored.into_iter().map(row).collect()
    }
}
