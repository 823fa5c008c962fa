//! `AuditLog` over Postgres.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::{FutureExt, TryFutureExt};
use uuid::Uuid;

use super::{PgStore, row::host_ids};
use crate::{
    model::{AuditEntry, AuditId, AuditRecord, HostId},
    store::{
        AuditFilter, AuditLog, PruneOutcome, StoreError,
        sql::{AuditWords, read_audit},
    },
};

/// What a filter asks besides the hosts.
macro_rules! wanted {
    () => {
        "and ($4::text is null or record->>'actor' = $4) \
         and ($5::text[] is null or record->>'action' = any($5)) \
         and ($6::text is null or record->>'outcome' = $6) \
         and ($7::timestamptz is null or at >= $7) \
         and ($8::timestamptz is null or at < $8) "
    };
}

const AUDIT_OF_ALL: &str = concat!(
    "select id, at, host_id, record::text from health_audit \
     where ($1::uuid is null or number < (select number from health_audit where id = $1)) \
     and $3::uuid[] is null ",
    wanted!(),
    "order by number desc limit $2"
);

const AUDIT_OF_HOSTS: &str = concat!(
    "select a.id, a.at, a.host_id, a.record::text \
     from (select distinct unnest($3::uuid[])) wanted (host) cross join lateral ( \
         select * from health_audit where host_id = wanted.host \
         and ($1::uuid is null or number < (select number from health_audit where id = $1)) ",
    wanted!(),
    "order by number desc limit $2) a \
     order by a.number desc limit $2"
);

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
        let AuditWords { actor, actions, outcome } = AuditWords::of(filter)?;
        let (from, until) = (filter.from, filter.until);
        let rows: Vec<(Uuid, DateTime<Utc>, Option<Uuid>, String)> = self
            .read(move |connection| {
                // No record is older than an unknown one. The index returns the newest records of each
                // host.
                let statement = match hosts {
                    None => AUDIT_OF_ALL,
                    Some(_) => AUDIT_OF_HOSTS,
                };
                sqlx::query_as(statement)
                    .bind(before.map(|before| before.as_uuid()))
                    .bind(i64::from(limit))
                    .bind(hosts.clone())
                    .bind(actor.clone())
                    .bind(actions.clone())
                    .bind(outcome.clone())
                    .bind(from)
                    .bind(until)
                    .fetch_all(connection)
                    .err_into()
                    .boxed()
            })
            .await?;
        let read = |(id, at, host, record): (Uuid, _, Option<Uuid>, String)| {
            read_audit(AuditId::from_uuid(id), at, host.map(HostId::from_uuid), &record)
        };
        Ok(rows.into_iter().map(read).collect())
    }
}
