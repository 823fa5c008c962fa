//! How old results leave: in small steps, each a short transaction.

use std::time::Duration;

use super::{
    error::translate,
    record::{count, micros},
    write::Write,
};
use crate::{
    clock::delta,
    store::{PruneOutcome, StoreError},
};

const MICROS_PER_HOUR: i64 = 3_600_000_000;

impl Write<'_> {
    pub(super) async fn prune(
        &mut self,
        keep: Duration,
        batch: u32,
        force: bool,
    ) -> Result<PruneOutcome, StoreError> {
        let Some(cut) = self.now.checked_sub_signed(delta(keep)).map(micros) else {
            return Ok(PruneOutcome::Done { deleted: 0 });
        };
        // Reads one entry of the index by age for each result that goes, and one for each check
        // whose newest result is older than the cut.
        let found: i64 = sqlx::query_scalar(
            "select count(*) from (select 1 from host_health_check_results r where checked_at < ?1 \
             and not exists (select 1 from health_states s \
             where s.check_number = r.check_number and s.checked_at = r.checked_at) limit ?2)",
        )
        .bind(cut)
        .bind(i64::from(batch) + 1)
        .fetch_one(&mut *self.connection)
        .await
        .map_err(translate)?;
        let more = found > i64::from(batch);
        if more && !force {
            let (expired, total) = self.expired(cut).await?;
            if let Some(suspicious) = PruneOutcome::suspicion(count(expired), count(total)) {
                return Ok(suspicious);
            }
        }
        let deleted = sqlx::query(
            "delete from host_health_check_results where (check_number, checked_at) in \
             (select check_number, checked_at from host_health_check_results r \
             where checked_at < ?1 and not exists (select 1 from health_states s \
             where s.check_number = r.check_number and s.checked_at = r.checked_at) \
             order by checked_at limit ?2)",
        )
        .bind(cut)
        .bind(batch)
        .execute(&mut *self.connection)
        .await
        .map_err(translate)?
        .rows_affected();
        Ok(PruneOutcome::of_step(deleted, more))
    }

    /// How many results are older than the cut and not the newest of their check, and how many
    /// there are in all: from the counts by hour, and the rows of one hour.
    async fn expired(&mut self, cut: i64) -> Result<(i64, i64), StoreError> {
        let hour = cut / MICROS_PER_HOUR;
        sqlx::query_as(
            "select (select coalesce(sum(results), 0) from health_result_hours where hour < ?1) \
             + (select count(*) from host_health_check_results \
                where checked_at >= ?2 and checked_at < ?3) \
             - (select count(*) from health_states where checked_at < ?3), \
             (select coalesce(sum(results), 0) from health_result_hours)",
        )
        .bind(hour)
        .bind(hour * MICROS_PER_HOUR)
        .bind(cut)
        .fetch_one(&mut *self.connection)
        .await
        .map_err(translate)
    }
}
