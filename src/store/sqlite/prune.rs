//! Prunes old results in small steps, each a short transaction.

use std::time::Duration;

use super::{
    error::OperationError,
    record::{count, micros},
    write::Write,
};
use crate::{clock::delta, store::PruneOutcome};

const MICROS_PER_HOUR: i64 = 3_600_000_000;

/// Selects results that are older than `?1` or dated after `?3`, and not the newest of their check. It
/// reads two ranges of the index by age, because with `or` SQLite would scan the whole table.
macro_rules! expired {
    () => {
        " from (select check_number, checked_at from host_health_check_results where checked_at < ?1 \
         union all \
         select check_number, checked_at from host_health_check_results where checked_at > ?3) r \
         where not exists (select 1 from health_states s \
         where s.check_number = r.check_number and s.checked_at = r.checked_at)"
    };
}

impl Write<'_> {
    pub(super) async fn prune(
        &mut self,
        keep: Duration,
        batch: u32,
        force: bool,
    ) -> Result<PruneOutcome, OperationError> {
        let Some(cut) = self.now.checked_sub_signed(delta(keep)).map(micros) else {
            return Ok(PruneOutcome::Done { deleted: 0 });
        };
        // A clock that ran ahead dated results further ahead than the retention time.
        let latest = self.now.checked_add_signed(delta(keep)).map_or(i64::MAX, micros);
        // Reads one index entry for each deleted result, and one for each check whose newest result is
        // older than the cut.
        let found: i64 = sqlx::query_scalar(concat!(
            "select count(*) from (select 1 ",
            expired!(),
            " limit ?2)"
        ))
        .bind(cut)
        .bind(i64::from(batch) + 1)
        .bind(latest)
        .fetch_one(&mut *self.connection)
        .await?;
        let more = found > i64::from(batch);
        if self.holds_pruning() && !force && found > 0 {
            let (expired, total) = self.expired(cut, latest).await?;
            return Ok(PruneOutcome::Suspicious { expired: count(expired), total: count(total) });
        }
        let deleted = sqlx::query(concat!(
            "delete from host_health_check_results where (check_number, checked_at) in \
                 (select check_number, checked_at ",
            expired!(),
            " limit ?2)",
        ))
        .bind(cut)
        .bind(batch)
        .bind(latest)
        .execute(&mut *self.connection)
        .await?
        .rows_affected();
        Ok(PruneOutcome::of_step(deleted, more))
    }

    /// Counts the results that are older than the cut or dated after `latest` and not the newest of their
    /// check, and all results. Uses the hourly counts, and scans the rows of one hour.
    async fn expired(&mut self, cut: i64, latest: i64) -> Result<(i64, i64), sqlx::Error> {
        let hour = cut / MICROS_PER_HOUR;
        sqlx::query_as(
            "select (select coalesce(sum(results), 0) from health_result_hours where hour < ?1) \
             + (select count(*) from host_health_check_results \
                where checked_at >= ?2 and checked_at < ?3) \
             + (select count(*) from host_health_check_results where checked_at > ?4) \
             - (select count(*) from health_states where checked_at < ?3 or checked_at > ?4), \
             (select coalesce(sum(results), 0) from health_result_hours)",
        )
        .bind(hour)
        .bind(hour * MICROS_PER_HOUR)
        .bind(cut)
        .bind(latest)
        .fetch_one(&mut *self.connection)
        .await
    }
}
