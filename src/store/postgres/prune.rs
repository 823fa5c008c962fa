//! Partitions of results: made ahead, and dropped when all that they hold is too old.

use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::{AssertSqlSafe, Connection, FromRow};

use super::{
    PgStore,
    error::{lacks_partition, translate},
    poll::later,
    store::Inner,
    write::Write,
};
use crate::{
    clock::delta,
    store::{PruneOutcome, StoreError},
};

/// The results of partitions up to this size are counted one by one; of larger ones the
/// planner's estimate does.
const COUNTED_BYTES: i64 = 16 * 1024 * 1024;
/// Longer than the coming days whose partitions are made, which are empty.
const MADE_AHEAD: Duration = Duration::from_secs(8 * 24 * 3600);
/// So many days are remembered as having a partition.
const MOST_DAYS: usize = 1_000;

#[derive(FromRow, Debug)]
struct Partition {
    name: String,
    /// Where its results end.
    until: Option<DateTime<Utc>>,
    /// Where they begin; `None` for an adopted table.
    since: Option<DateTime<Utc>>,
    bytes: i64,
    estimate: f32,
}

/// What became of a partition that is too old.
enum Dropped {
    Gone,
    /// Somebody reads it now.
    Busy,
    /// It cannot go.
    Held,
}

impl PgStore {
    /// Runs a write that records results of these instants, with their days' partitions made before.
    /// A partition that somebody has dropped meanwhile is made again.
    pub(super) async fn recording<T, I, W>(
        &self,
        instants: impl Fn() -> I,
        write: impl Fn() -> W,
    ) -> Result<T, StoreError>
    where
        I: Iterator<Item = DateTime<Utc>>,
        W: Future<Output = Result<T, StoreError>>,
    {
        self.make_partitions(instants().map(|instant| instant.date_naive())).await?;
        match write().await {
            Err(error) if lacks_partition(&error) => {
                self.inner.forget_days();
                self.make_partitions(instants().map(|instant| instant.date_naive())).await?;
                write().await
            }
            done => done,
        }
    }

    async fn make_partitions(
        &self,
        days: impl Iterator<Item = NaiveDate>,
    ) -> Result<(), StoreError> {
        let missing = self.inner.unknown_days(days);
        if missing.is_empty() {
            return Ok(());
        }
        let wanted = missing.clone();
        self.write(move |write| {
            let wanted = wanted.clone();
            Box::pin(async move { write.make_partitions(wanted).await })
        })
        .await?;
        self.inner.remember_days(missing);
        Ok(())
    }
}

impl Inner {
    fn known_days(&self) -> std::sync::MutexGuard<'_, std::collections::BTreeSet<NaiveDate>> {
        self.days.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn unknown_days(&self, days: impl Iterator<Item = NaiveDate>) -> Vec<NaiveDate> {
        let known = self.known_days();
        let mut unknown: Vec<NaiveDate> = days.filter(|day| !known.contains(day)).collect();
        unknown.sort_unstable();
        unknown.dedup();
        unknown
    }

    fn remember_days(&self, days: Vec<NaiveDate>) {
        let mut known = self.known_days();
        if known.len() > MOST_DAYS {
            known.clear();
        }
        known.extend(days);
    }

    fn forget_days(&self) {
        self.known_days().clear();
    }
}

impl Write<'_> {
    async fn make_partitions(&mut self, days: Vec<NaiveDate>) -> Result<(), StoreError> {
        sqlx::query("select health_make_partitions(day, day) from unnest($1::date[]) day")
            .bind(days)
            .execute(&mut *self.connection)
            .await
            .map_err(translate)?;
        Ok(())
    }

    /// Makes the partitions of the coming days, and drops the oldest one of those whose results are all
    /// older than `keep`, or dated further ahead. One that cannot be dropped is left out (F223).
    pub(super) async fn prune_results(
        &mut self,
        keep: Duration,
        force: bool,
    ) -> Result<PruneOutcome, StoreError> {
        sqlx::query("select pg_advisory_xact_lock(hashtextextended('health_prune', 0))")
            .execute(&mut *self.connection)
            .await
            .map_err(translate)?;
        sqlx::query(
            "select health_make_partitions(today - 1, today + 7) \
             from (select (now() at time zone 'UTC')::date as today) days",
        )
        .execute(&mut *self.connection)
        .await
        .map_err(translate)?;
        let now = self.now().await?;
        let cut = now - delta(keep);
        // What is dated further ahead than results are kept was dated by a clock that was ahead.
        let latest = later(now, keep.max(MADE_AHEAD));
        let partitions = self.partitions().await?;
        let is_old = |partition: &Partition| {
            partition.until.is_some_and(|until| until <= cut)
                || partition.since.is_some_and(|since| since > latest)
        };
        if !partitions.iter().any(is_old) {
            return Ok(PruneOutcome::Done { deleted: 0 });
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
            return Ok(PruneOutcome::Suspicious { expired, total });
        }
        self.drop_oldest(&old).await
    }

    /// Drops the oldest of these partitions that can be dropped: one, so that the lock is short.
    async fn drop_oldest(&mut self, old: &[(Partition, u64)]) -> Result<PruneOutcome, StoreError> {
        for (place, (partition, goes)) in old.iter().enumerate() {
            match self.drop_partition(partition).await? {
                Dropped::Gone => {
                    return Ok(PruneOutcome::of_step(*goes, place + 1 < old.len()));
                }
                // Whoever waits for a lock holds up all who come after.
                Dropped::Busy => break,
                Dropped::Held => {}
            }
        }
        Ok(PruneOutcome::Done { deleted: 0 })
    }

    async fn drop_partition(&mut self, partition: &Partition) -> Result<Dropped, StoreError> {
        let mut savepoint = self.connection.begin().await.map_err(translate)?;
        // The name was read from the catalogue, and quoted there.
        let drop = format!("set local lock_timeout = '100ms'; drop table {}", partition.name);
        let dropped = sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut *savepoint).await;
        let Err(failed) = dropped else {
            savepoint.commit().await.map_err(translate)?;
            return Ok(Dropped::Gone);
        };
        savepoint.rollback().await.map_err(translate)?;
        let code = failed.as_database_error().and_then(sqlx::error::DatabaseError::code);
        match code.as_deref() {
            Some("55P03") => {
                tracing::debug!(partition = partition.name, "is in use: it is dropped later");
                Ok(Dropped::Busy)
            }
            // Something depends on it, or it belongs to somebody else.
            Some("2BP01" | "42501" | "42809") => {
                tracing::warn!(
                    partition = partition.name,
                    error = %failed,
                    "a partition of old results cannot be dropped and is left: remove what depends on it"
                );
                Ok(Dropped::Held)
            }
            _ => Err(translate(failed)),
        }
    }

    /// The partitions, the oldest first.
    async fn partitions(&mut self) -> Result<Vec<Partition>, StoreError> {
        sqlx::query_as(
            "select c.oid::regclass::text as name, pg_table_size(c.oid) as bytes, \
             c.reltuples as estimate, \
             case when c.relname ~ '_[0-9]{8}$' then (to_date(right(c.relname, 8), 'YYYYMMDD') + 1) \
                  ::timestamp at time zone 'UTC' \
             else (select adopted_before from health_installation) end as until, \
             case when c.relname ~ '_[0-9]{8}$' then to_date(right(c.relname, 8), 'YYYYMMDD') \
                  ::timestamp at time zone 'UTC' end as since \
             from pg_inherits i join pg_class c on c.oid = i.inhrelid \
             where i.inhparent = 'host_health_check_results'::regclass order by until",
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(translate)
    }

    /// How many results a partition has; without the newest of each check where these are not to be
    /// counted.
    async fn count(&mut self, partition: &Partition, but_newest: bool) -> Result<u64, StoreError> {
        if partition.bytes > COUNTED_BYTES && partition.estimate >= 0.0 {
            // A whole number of rows, far below what a float of this size holds exactly.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            return Ok(partition.estimate as u64);
        }
        let newest = if but_newest {
            "where not exists (select from health_states s where s.check_id = r.check_id \
             and s.checked_at = r.checked_at)"
        } else {
            ""
        };
        let count = format!("select count(*) from {} r {newest}", partition.name);
        let count: i64 = sqlx::query_scalar(AssertSqlSafe(count))
            .fetch_one(&mut *self.connection)
            .await
            .map_err(translate)?;
        Ok(u64::try_from(count).unwrap_or(0))
    }
}
