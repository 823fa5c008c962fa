//! `AuditLog` over Postgres.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{PgStore, error::translate, row::host_ids, write::Write};
use crate::{
    model::{AuditEntry, AuditId, AuditRecord, HostId},
    store::{AuditFilter, AuditLog, PruneOutcome, StoreError, sql::read_audit},
};

impl PgStore {
    /// Writes an audit record in a transaction of the application's own, so that a change of its tables
    /// and the record of it are one. The store's hook is asked, as with every record. The transaction
    /// stays open: nothing has happened until the application commits it.
    ///
    /// # Errors
    /// As [`AuditLog::append_audit`]; the transaction is to be rolled back then.
    pub async fn append_audit_in(
        &self,
        connection: &mut PgConnection,
        entry: &AuditEntry,
    ) -> Result<AuditRecord, StoreError> {
        let Some(schema) = &self.inner.schema else {
            return Write::new(&self.inner, connection).audit(entry).await;
        };
        let path: String = sqlx::query_scalar("select current_setting('search_path')")
            .fetch_one(&mut *connection)
            .await
            .map_err(translate)?;
        search_in(connection, &format!("{schema}, {path}")).await?;
        let record = Write::new(&self.inner, connection).audit(entry).await?;
        search_in(connection, &path).await?;
        Ok(record)
    }
}

/// Lets the rest of the transaction look for tables there.
async fn search_in(connection: &mut PgConnection, path: &str) -> Result<(), StoreError> {
    sqlx::query("select set_config('search_path', $1, true)")
        .bind(path)
        .execute(connection)
        .await
        .map_err(translate)?;
    Ok(())
}

#[async_trait]
impl AuditLog for PgStore {
    async fn append_audit(&self, entry: AuditEntry) -> Result<AuditRecord, StoreError> {
        let entry = Arc::new(entry);
        self.write(move |write| {
            let entry = Arc::clone(&entry);
            async move { write.audit(&entry).await }.boxed()
        })
        .await
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
        let hosts = filter.hosts.as_deref().map(host_ids);
        let rows: Vec<(Uuid, DateTime<Utc>, Option<Uuid>, String)> = self
            .read(move |connection| {
                // After a record that is not known comes nothing.
                sqlx::query_as(
                    "select id, at, host_id, record::text from health_audit \
                     where ($1::uuid[] is null or host_id = any($1)) \
                     and ($2::uuid is null or number < (select number from health_audit where id = $2)) \
                     order by number desc limit $3",
                )
                .bind(hosts.clone())
                .bind(before.map(|before| before.as_uuid()))
                .bind(i64::from(limit))
                .fetch_all(connection)
                .map(|rows| rows.map_err(translate))
                .boxed()
            })
            .await?;
        let read = |(id, at, host, record): (Uuid, _, Option<Uuid>, String)| {
            read_audit(AuditId::from_uuid(id), at, host.map(HostId::from_uuid), &record)
        };
        Ok(rows.into_iter().map(read).collect())
    }
}
