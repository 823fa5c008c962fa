//! Finds partitions of old results, and drops one per step.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use sqlx::{AssertSqlSafe, Connection, FromRow};
use tokio::time::timeout;

use super::{
    PgStore,
    error::OperationError,
    poll::later,
    store::{Inner, finish},
    write::Write,
};
use crate::{
    clock::delta,
    store::{PruneOutcome, StoreError},
};

/// Partitions up to this size are counted row by row. For larger ones the planner's estimate is used.
const COUNTED_BYTES: i64 = 16 * 1024 * 1024;
/// Longer than the range of future days whose empty partitions are created ahead.
const MADE_AHEAD: Duration = Duration::from_secs(8 * 24 * 3600);

/// Marks a partition that is being dropped. A later step that finds the mark continues.
const LEAVES: &str = "healthgate: these results are too old and are being dropped";

/// A partition of results, or one that is detached and not dropped yet.
#[derive(Clone, FromRow, Debug)]
struct Partition {
    /// The quoted name, with its schema.
    name: String,
    /// The parent table. `None` once it is detached.
    parent: Option<String>,
    /// The end of its time range.
    until: Option<DateTime<Utc>>,
    /// The start of its time range. `None` for an adopted table.
    since: Option<DateTime<Utc>>,
    bytes: i64,
    estimate: f32,
    /// Whether this session's role may detach it.
    owned: bool,
    /// Whether another object depends on it.
    held: bool,
    /// Whether a detach has begun.
    pending: bool,
}

/// The outcome of dropping an old partition.
enum Dropped {
    Gone,
    /// Another session is reading it.
    Busy,
    /// It cannot be dropped, for this reason.
    Held(String),
}

/// The next action of a pruning step.
enum Plan {
    Ended(PruneOutcome),
    /// Drop one of these partitions, with their numbers of results to delete.
    Drop(Vec<(Partition, u64)>),
}

impl PgStore {
    /// Creates the partitions of the coming days, and drops the oldest partition whose results are all
    /// older than `keep` or dated too far ahead. Skips partitions that cannot be dropped (F223).
    pub(super) async fn prune(
        &self,
        keep: Duration,
        force: bool,
    ) -> Result<PruneOutcome, StoreError> {
        let plan = self.write(move |write| write.plan_pruning(keep, force).boxed()).await?;
        let old = match plan {
            Plan::Ended(outcome) => return Ok(outcome),
            Plan::Drop(old) => old,
        };
        for (place, (partition, goes)) in old.iter().enumerate() {
            match self.drop_partition(partition).await? {
                Dropped::Gone => return Ok(PruneOutcome::of_step(*goes, place + 1 < old.len())),
                // The next round tries again.
                Dropped::Busy => break,
                Dropped::Held(_) => {}
            }
        }
        Ok(PruneOutcome::Done { deleted: 0 })
    }

    /// Drops a partition without blocking the readers and writers of the others for long (F225).
    async fn drop_partition(&self, partition: &Partition) -> Result<Dropped, StoreError> {
        let dropped = match partition {
            Partition { held: true, .. } => {
                Dropped::Held("another object depends on it".to_owned())
            }
            Partition { owned: true, .. } => {
                let (inner, partition) = (Arc::clone(&self.inner), partition.clone());
                finish(tokio::spawn(async move { Ok(inner.detach_and_drop(&partition).await?) }))
                    .await?
            }
            _ => {
                let name = partition.name.clone();
                self.write(move |write| write.drop_by_function(name.clone()).boxed()).await?
            }
        };
        match &dropped {
            Dropped::Gone => {}
            Dropped::Busy => {
                tracing::debug!(
                    partition = partition.name,
                    "a partition of old results is in use and will be dropped later"
                );
            }
            Dropped::Held(reason) => tracing::warn!(
                partition = partition.name,
                reason,
                "a partition of old results cannot be dropped: remove the objects that depend on it"
            ),
        }
        Ok(dropped)
    }
}

impl Write<'_> {
    async fn plan_pruning(&mut self, keep: Duration, force: bool) -> Result<Plan, OperationError> {
        sqlx::query(
            "select pg_advisory_xact_lock(hashtextextended('health_prune ' || current_schema(), 0))",
        )
        .execute(&mut *self.connection)
        .await?;
        sqlx::query(
            "select health_make_partitions(today - 1, today + 7) \
             from (select (now() at time zone 'UTC')::date as today) days",
        )
        .execute(&mut *self.connection)
        .await?;
        let now = self.now().await?;
        let cut = now - delta(keep);
        // A clock that ran ahead dated results further ahead than the retention time.
        let latest = later(now, keep.max(MADE_AHEAD));
        let partitions = self.partitions().await?;
        let is_old = |partition: &Partition| {
            partition.until.is_some_and(|until| until <= cut)
                || partition.since.is_some_and(|since| since > latest)
        };
        if !partitions.iter().any(is_old) {
            return Ok(Plan::Ended(PruneOutcome::Done { deleted: 0 }));
        }
        let (mut expired, mut total, mut old) = (0, 0, Vec::new());
        for partition in partitions {
            let results = self.count(&partition, false).await?;
            total += results;
            if is_old(&partition) {
                let goes = self.count(&partition, true).await?.min(results);
                expired += goes;
                old.push((partition, goes));
            }
        }
        if self.holds_pruning(now) && !force && expired > 0 {
            return Ok(Plan::Ended(PruneOutcome::Suspicious { expired, total }));
        }
        // While one partition is half detached, no other can be detached.
        old.sort_by_key(|(partition, _)| !partition.pending && partition.parent.is_some());
        Ok(Plan::Drop(old))
    }

    /// Drops a partition in this transaction if its lock is free. A role that owns no table can do this.
    async fn drop_by_function(&mut self, partition: String) -> Result<Dropped, OperationError> {
        let mut savepoint = self.connection.begin().await?;
        let dropped = sqlx::query_scalar("select health_drop_partition($1)")
            .bind(partition)
            .fetch_one(&mut *savepoint)
            .await;
        match dropped {
            Ok(is_gone) => {
                savepoint.commit().await?;
                Ok(if is_gone { Dropped::Gone } else { Dropped::Busy })
            }
            Err(failed) => {
                savepoint.rollback().await?;
                refused(failed)
            }
        }
    }

    /// Returns the partitions, oldest first.
    async fn partitions(&mut self) -> Result<Vec<Partition>, sqlx::Error> {
        sqlx::query_as(
            "select format('%I.%I', n.nspname, c.relname) as name, \
             (select format('%I.%I', pn.nspname, p.relname) from pg_class p join pg_namespace pn \
             on pn.oid = p.relnamespace where p.oid = i.inhparent) as parent, coalesce(pg_table_size(c.oid), 0) as bytes, \
             c.reltuples as estimate, pg_has_role(c.relowner, 'usage') as owned, \
             coalesce(i.inhdetachpending, false) as pending, \
             exists (select from pg_depend d where d.deptype = 'n' \
                     and (d.refclassid = 'pg_class'::regclass and d.refobjid = c.oid \
                          or d.refclassid = 'pg_type'::regclass and d.refobjid = c.reltype) \
                     and not (d.classid = 'pg_constraint'::regclass and d.objid in ( \
                         select own.oid from pg_constraint own where own.conrelid = c.oid))) as held, \
             case when c.relname ~ '_[0-9]{8}$' then (to_date(right(c.relname, 8), 'YYYYMMDD') + 1) \
                  ::timestamp at time zone 'UTC' \
             else (select adopted_before from health_installation) end as until, \
             case when c.relname ~ '_[0-9]{8}$' then to_date(right(c.relname, 8), 'YYYYMMDD') \
                  ::timestamp at time zone 'UTC' end as since \
             from pg_class c join pg_namespace n on n.oid = c.relnamespace \
             left join pg_inherits i on i.inhrelid = c.oid \
             and i.inhparent = 'host_health_check_results'::regclass \
             where c.relkind = 'r' and (i.inhparent is not null or n.nspname = current_schema() \
                 and c.relname like 'host\\_health\\_check\\_results\\_%' \
                 and obj_description(c.oid, 'pg_class') = $1) \
             order by until",
        )
        .bind(LEAVES)
        .fetch_all(&mut *self.connection)
        .await
    }

    /// Returns the number of results in a partition, optionally without the newest result of each check.
    async fn count(
        &mut self,
        partition: &Partition,
        but_newest: bool,
    ) -> Result<u64, OperationError> {
        if partition.bytes > COUNTED_BYTES && partition.estimate >= 0.0 {
            // A whole number of rows, far below what a float of this size holds exactly.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            return Ok(partition.estimate as u64);
        }
        let newest = if but_newest {
            "and not exists (select from health_states s where s.check_id = r.check_id \
             and s.checked_at = r.checked_at)"
        } else {
            ""
        };
        // A role with only DML privileges cannot read a partition by its name, and a detached one only has
        // its name.
        let hidden = partition.pending || partition.parent.is_none();
        let from = match partition.owned && hidden {
            true => partition.name.as_str(),
            false => "host_health_check_results",
        };
        // The names come from the catalogue, already quoted.
        let count = format!(
            "select count(*) from {from} r where checked_at >= coalesce($1, '-infinity') \
             and checked_at < coalesce($2, 'infinity') {newest}"
        );
        let count: i64 = sqlx::query_scalar(AssertSqlSafe(count))
            .bind(partition.since)
            .bind(partition.until)
            .fetch_one(&mut *self.connection)
            .await?;
        Ok(u64::try_from(count).unwrap_or(0))
    }
}

impl Inner {
    /// Detaches a partition concurrently with its readers, and drops it. Runs outside a transaction, and
    /// continues an interrupted call. Other sessions do not queue behind this while it waits for a reader.
    async fn detach_and_drop(&self, partition: &Partition) -> Result<Dropped, OperationError> {
        let mut connection = self.own_connection().await?;
        let name = &partition.name;
        // The names come from the catalogue, already quoted.
        let mut statements = vec!["set lock_timeout = '100ms'".to_owned()];
        if let Some(parent) = &partition.parent {
            let how = if partition.pending { "finalize" } else { "concurrently" };
            statements.push(format!("comment on table {name} is '{LEAVES}'"));
            statements.push(format!("alter table {parent} detach partition {name} {how}"));
        }
        statements.push(format!("drop table {name}"));
        let work = async {
            for statement in statements {
                sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await?;
            }
            Ok(())
        };
        let done = timeout(self.bound, work).await;
        // The settings end with the session. The partition is dropped, even if closing the connection
        // fails.
        let _ = timeout(self.bound, connection.close()).await;
        match done {
            Ok(Ok(())) => Ok(Dropped::Gone),
            Ok(Err(failed)) => refused(failed),
            Err(_) => Ok(Dropped::Busy),
        }
    }
}

/// Returns the outcome of a refused drop.
fn refused(failed: sqlx::Error) -> Result<Dropped, OperationError> {
    let code = failed.as_database_error().and_then(sqlx::error::DatabaseError::code);
    match code.as_deref() {
        // A lock was not free, or another worker is dropping or has dropped it.
        Some("55P03" | "57014" | "40P01" | "55000" | "42P01") => Ok(Dropped::Busy),
        // Another object depends on it, or another role owns it.
        Some("2BP01" | "42501" | "42809") => Ok(Dropped::Held(failed.to_string())),
        _ => Err(failed.into()),
    }
}
