//! `AuditLog` over SQLite.

use std::time::Duration;

use async_trait::async_trait;
use chrono::DateTime;
use futures_util::{FutureExt, TryFutureExt};
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::{
    SqliteStore,
    record::{hosts_list, instant},
    write::Write,
};
use crate::{
    model::{AuditEntry, AuditId, AuditRecord, HostId},
    store::{AuditFilter, AuditLog, PruneOutcome, StoreError, sql::read_audit},
};

impl SqliteStore {
    /// Writes an audit record in the application's own transaction, so that a change of its tables and the
    /// record are committed together. The store calls its hook, as for every record. Begin the transaction
    /// with `BEGIN IMMEDIATE`. It stays open: nothing is written until the application commits it.
    ///
    /// # Errors
    /// Fails like [`AuditLog::append_audit`]. Roll the transaction back then.
    pub async fn append_audit_in(
        &self,
        connection: &mut SqliteConnection,
        entry: &AuditEntry,
    ) -> Result<AuditRecord, StoreError> {
        Ok(Write::new(&self.inner, connection).audit(entry.clone()).await?)
    }
}

#[async_trait]
impl AuditLog for SqliteStore {
    async fn append_audit(&self, entry: AuditEntry) -> Result<AuditRecord, StoreError> {
        self.write(move |write| write.audit(entry).boxed()).await
    }

    async fn prune_audit(
        &self,
        keep: Duration,
        batch: u32,
        force: bool,
    ) -> Result<PruneOutcome, StoreError> {
        self.write(move |write| write.prune_audit(keep, batch, force).boxed()).await
    }

    async fn audit_page(
        &self,
        filter: &AuditFilter,
        before: Option<AuditId>,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        let hosts = filter.hosts.as_deref().map(hosts_list);
        let rows = self
            .read(move |connection| page(connection, hosts, before, limit).err_into().boxed())
            .await?;
        let read = |(id, at, host, record): AuditRow| {
            let at = instant(at).unwrap_or(DateTime::UNIX_EPOCH);
            read_audit(AuditId::from_uuid(id), at, host.map(HostId::from_uuid), &record)
        };
        Ok(rows.into_iter().map(read).collect())
    }
}

/// Id, instant, host and record.
type AuditRow = (Uuid, i64, Option<Uuid>, String);

async fn page(
    connection: &mut SqliteConnection,
    hosts: Option<String>,
    before: Option<AuditId>,
    limit: u32,
) -> Result<Vec<AuditRow>, sqlx::Error> {
    let before: Option<i64> = match before {
        None => Some(i64::MAX),
        Some(id) => {
            sqlx::query_scalar("select number from health_audit where id = ?")
                .bind(id.as_uuid())
                .fetch_optional(&mut *connection)
                .await?
        }
    };
    let Some(before) = before else { return Ok(Vec::new()) };
    let query = match hosts {
        None => sqlx::query_as(
            "select id, at, host_id, record from health_audit where number < ?1 order by number desc limit ?2",
        )
        .bind(before)
        .bind(limit),
        Some(hosts) => sqlx::query_as(
            "select id, at, host_id, record from health_audit where number < ?1 \
             and host_id in (select unhex(value) from json_each(?3)) order by number desc limit ?2",
        )
        .bind(before)
        .bind(limit)
        .bind(hosts),
    };
    query.fetch_all(connection).await
}
