//! `AuditLog` over SQLite.

use std::time::Duration;

use async_trait::async_trait;
use chrono::DateTime;
use futures_util::{FutureExt, TryFutureExt};
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};
use uuid::Uuid;

use super::{
    SqliteStore,
    record::{hosts_list, instant, micros},
    write::Write,
};
use crate::{
    model::{AuditEntry, AuditId, AuditRecord, HostId},
    store::{
        AuditFilter, AuditLog, PruneOutcome, StoreError,
        sql::{AuditWords, read_audit},
    },
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
        let wanted = Wanted::of(filter)?;
        let rows = self
            .read(move |connection| page(connection, wanted, before, limit).err_into().boxed())
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

/// A filter in the words of the database.
struct Wanted {
    hosts: Option<String>,
    words: AuditWords,
    from: Option<i64>,
    until: Option<i64>,
}

impl Wanted {
    fn of(filter: &AuditFilter) -> Result<Self, StoreError> {
        Ok(Self {
            hosts: filter.hosts.as_deref().map(hosts_list),
            words: AuditWords::of(filter)?,
            from: filter.from.map(micros),
            until: filter.until.map(micros),
        })
    }

    fn add_to(self, query: &mut QueryBuilder<Sqlite>) {
        // Text that is no JSON would fail the whole page (F221).
        const MEMBER: &str = " and case when json_valid(record) then record ->> ";
        let Self { hosts, words: AuditWords { actor, actions, outcome }, from, until } = self;
        if let Some(hosts) = hosts {
            query.push(" and host_id in (select unhex(value) from json_each(").push_bind(hosts);
            query.push("))");
        }
        if let Some(actor) = actor {
            query.push(MEMBER).push("'actor' end = ").push_bind(actor);
        }
        if let Some(actions) = actions {
            query.push(MEMBER).push("'action' end in (select value from json_each(");
            query.push_bind(serde_json::Value::from(actions).to_string()).push("))");
        }
        if let Some(outcome) = outcome {
            query.push(MEMBER).push("'outcome' end = ").push_bind(outcome);
        }
        if let Some(from) = from {
            query.push(" and at >= ").push_bind(from);
        }
        if let Some(until) = until {
            query.push(" and at < ").push_bind(until);
        }
    }
}

async fn page(
    connection: &mut SqliteConnection,
    wanted: Wanted,
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
    let mut query =
        QueryBuilder::new("select id, at, host_id, record from health_audit where number < ");
    query.push_bind(before);
    wanted.add_to(&mut query);
    query.push(" order by number desc limit ").push_bind(limit);
    query.build_query_as().fetch_all(connection).await
}
