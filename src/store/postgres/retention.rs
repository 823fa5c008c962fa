//! Prunes ended gates and audit records in small steps, each a short transaction.

use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{error::OperationError, write::Write};
use crate::{clock::delta, model::HostChange, store::PruneOutcome};

impl Write<'_> {
    pub(super) async fn prune_gates(
        &mut self,
        keep: Duration,
        batch: u32,
        force: bool,
    ) -> Result<PruneOutcome, OperationError> {
        let now = self.now().await?;
        let Some(cut) = now.checked_sub_signed(delta(keep)) else {
            return Ok(PruneOutcome::Done { deleted: 0 });
        };
        let mut old: Vec<Uuid> = sqlx::query_scalar(
            "select id from health_gates g where ended_at < $1 and not exists \
             (select from health_changes where gate_id = g.id and (verify_at is not null \
              or state = 'running' and started_at > $2)) and not exists \
             (select from health_rollouts r join health_gates o on o.job_id = r.job_id \
              where r.job_id = g.job_id and o.state in ('waiting', 'passed')) order by ended_at limit $3 for update skip locked",
        )
        .bind(cut)
        .bind(now - HostChange::LONGEST)
        .bind(i64::from(batch) + 1)
        .fetch_all(&mut *self.connection)
        .await?;
        let counts = "select count(*), count(*) filter (where ended_at < $1) from health_gates";
        if let Some(suspicious) = self.suspicious(old.len(), force, counts, (now, cut)).await? {
            return Ok(suspicious);
        }
        let more = old.len() > batch as usize;
        old.truncate(batch as usize);
        sqlx::query("delete from health_changes where gate_id = any($1)")
            .bind(&old)
            .execute(&mut *self.connection)
            .await?;
        let deleted = sqlx::query("delete from health_gates where id = any($1)")
            .bind(old)
            .execute(&mut *self.connection)
            .await?
            .rows_affected();
        // Includes rollouts of jobs that never had a gate.
        sqlx::query(
            "delete from health_rollouts r where opened_at < $1 \
             and not exists (select from health_gates g where g.job_id = r.job_id)",
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
        let now = self.now().await?;
        let Some(cut) = now.checked_sub_signed(delta(keep)) else {
            return Ok(PruneOutcome::Done { deleted: 0 });
        };
        let mut old: Vec<i64> = sqlx::query_scalar(
            "select number from health_audit where at < $1 order by at, number limit $2 \
             for update skip locked",
        )
        .bind(cut)
        .bind(i64::from(batch) + 1)
        .fetch_all(&mut *self.connection)
        .await?;
        let counts = "select count(*), count(*) filter (where at < $1) from health_audit";
        if let Some(suspicious) = self.suspicious(old.len(), force, counts, (now, cut)).await? {
            return Ok(suspicious);
        }
        let more = old.len() > batch as usize;
        old.truncate(batch as usize);
        let deleted = sqlx::query("delete from health_audit where number = any($1)")
            .bind(old)
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
        (now, cut): (DateTime<Utc>, DateTime<Utc>),
    ) -> Result<Option<PruneOutcome>, OperationError> {
        if !self.holds_pruning(now) || force || found == 0 {
            return Ok(None);
        }
        let (total, expired): (i64, i64) =
            sqlx::query_as(counts).bind(cut).fetch_one(&mut *self.connection).await?;
        let count = |number: i64| u64::try_from(number).unwrap_or(0);
        Ok(Some(PruneOutcome::Suspicious { expired: count(expired), total: count(total) }))
    }
}
