//! Prunes ended gates and audit records in small steps, each a short transaction.

use std::time::Duration;

use super::{
    error::OperationError,
    record::{count, micros},
    write::Write,
};
use crate::{clock::delta, model::HostChange, store::PruneOutcome};

impl Write<'_> {
    pub(super) async fn prune_gates(
        &mut self,
        keep: Duration,
        batch: u32,
        force: bool,
    ) -> Result<PruneOutcome, OperationError> {
        let Some(cut) = self.now.checked_sub_signed(delta(keep)).map(micros) else {
            return Ok(PruneOutcome::Done { deleted: 0 });
        };
        let begun = micros(self.now - HostChange::LONGEST);
        let found: Vec<i64> = sqlx::query_scalar(
            "select number from health_gates g where ended_at < ? and not exists \
             (select 1 from health_changes where gate_id = g.id and (verify_at is not null \
              or state = 'running' and started_at > ?)) and not exists \
             (select 1 from health_rollouts r join health_gates o on o.job_id = r.job_id \
              where r.job_id = g.job_id and o.state in ('waiting', 'passed')) order by ended_at limit ?",
        )
        .bind(cut)
        .bind(begun)
        .bind(i64::from(batch) + 1)
        .fetch_all(&mut *self.connection)
        .await?;
        let total = "select count(*), count(*) filter (where ended_at < ?) from health_gates";
        if let Some(suspicious) = self.suspicious(found.len(), force, total, cut).await? {
            return Ok(suspicious);
        }
        let more = found.len() > batch as usize;
        let old = found.into_iter().take(batch as usize);
        let numbers = serde_json::Value::from_iter(old).to_string();
        sqlx::query(
            "delete from health_changes where gate_id in (select id from health_gates \
             where number in (select value from json_each(?)))",
        )
        .bind(&numbers)
        .execute(&mut *self.connection)
        .await?;
        let deleted = sqlx::query(
            "delete from health_gates where number in (select value from json_each(?))",
        )
        .bind(&numbers)
        .execute(&mut *self.connection)
        .await?
        .rows_affected();
        // Includes rollouts of jobs that never had a gate.
        sqlx::query(
            "delete from health_rollouts where opened_at < ? \
             and not exists (select 1 from health_gates g where g.job_id = health_rollouts.job_id)",
        )
        .bind(cut)
        .execute(&mut *self.connection)
        .await?;
        Ok(PruneOutcome::of_step(deleted, more))
    }

    pub(super) async fn prune_audit(
        &mut self,
        keep: Duration,
        batch: u32,
        force: bool,
    ) -> Result<PruneOutcome, OperationError> {
        let Some(cut) = self.now.checked_sub_signed(delta(keep)).map(micros) else {
            return Ok(PruneOutcome::Done { deleted: 0 });
        };
        let found: Vec<i64> = sqlx::query_scalar(
            "select number from health_audit where at < ? order by at, number limit ?",
        )
        .bind(cut)
        .bind(i64::from(batch) + 1)
        .fetch_all(&mut *self.connection)
        .await?;
        let total = "select count(*), count(*) filter (where at < ?) from health_audit";
        if let Some(suspicious) = self.suspicious(found.len(), force, total, cut).await? {
            return Ok(suspicious);
        }
        let more = found.len() > batch as usize;
        let old = found.into_iter().take(batch as usize);
        let deleted = sqlx::query(
            "delete from health_audit where number in (select value from json_each(?))",
        )
        .bind(serde_json::Value::from_iter(old).to_string())
        .execute(&mut *self.connection)
        .await?
        .rows_affected();
        Ok(PruneOutcome::of_step(deleted, more))
    }

    /// Returns whether pruning would delete something although the clock jumped ahead (F49). Counts only in
    /// that case.
    async fn suspicious(
        &mut self,
        found: usize,
        force: bool,
        counts: &'static str,
        cut: i64,
    ) -> Result<Option<PruneOutcome>, OperationError> {
        if !self.holds_pruning() || force || found == 0 {
            return Ok(None);
        }
        let (total, expired): (i64, i64) =
            sqlx::query_as(counts).bind(cut).fetch_one(&mut *self.connection).await?;
        Ok(Some(PruneOutcome::Suspicious { expired: count(expired), total: count(total) }))
    }
}
