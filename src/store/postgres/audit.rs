//! `AuditLog` over Postgres.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::FutureExt;

use super::{PgStore, error::translate, record::host_ids};
use crate::{
    model::{AuditEntry, AuditId, AuditRecord},
    store::{AuditFilter, AuditLog, StoreError, sql::from_json},
};

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

    async fn audit_page(
        &self,
        filter: &AuditFilter,
        before: Option<AuditId>,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        let hosts = filter.hosts.as_deref().map(host_ids);
        let records: Vec<String> = self
            .read(move |connection| {
                // After a record that is not known comes nothing.
                sqlx::query_scalar(
                    "select record::text from health_audit \
                     where ($1::uuid[] is null or host_id = any($1)) \
                     and ($2::uuid is null or number < (select number from health_audit where id = $2)) \
                     order by number desc limit $3",
                )
                .bind(hosts)
                .bind(before.map(|before| before.as_uuid()))
                .bind(i64::from(limit))
                .fetch_all(connection)
                .map(|rows| rows.map_err(translate))
                .boxed()
            })
            .await?;
        records.iter().map(|record| from_json("audit record", record)).collect()
    }
}
