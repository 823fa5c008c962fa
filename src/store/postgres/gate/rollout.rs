//! `RolloutStore` over Postgres.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use crate::{
    model::{AuditEntry, JobId, Rollout, RolloutCounts, RolloutPolicy, RolloutStatus, RolloutStep},
    store::{
        RolloutStore, StoreError,
        postgres::{PgStore, error::OperationError, write::Write},
        sql::{RolloutColumns, host_count, to_json},
        transition,
    },
};

const ROLLOUT: &str = "rollout";

#[async_trait]
impl RolloutStore for PgStore {
    async fn open_rollout(
        &self,
        job: JobId,
        hosts: u32,
        policy: RolloutPolicy,
    ) -> Result<Rollout, StoreError> {
        let policy = Arc::new(policy);
        self.write(move |write| {
            let policy = Arc::clone(&policy);
            async move { write.open_rollout(job, hosts, &policy).await }.boxed()
        })
        .await
    }

    async fn rollouts(&self, jobs: &[JobId]) -> Result<Vec<RolloutStatus>, StoreError> {
        let jobs: Vec<Uuid> = jobs.iter().map(JobId::as_uuid).collect();
        self.read(move |connection| statuses(connection, jobs.clone()).boxed()).await
    }

    async fn settle_rollout(
        &self,
        job: JobId,
        seen: i64,
        step: RolloutStep,
    ) -> Result<bool, StoreError> {
        let step = Arc::new(step);
        self.write(move |write| {
            let step = Arc::clone(&step);
            async move { write.settle_rollout(job, seen, &step).await }.boxed()
        })
        .await
    }

    async fn resume_rollout(&self, job: JobId, audit: AuditEntry) -> Result<Rollout, StoreError> {
        let audit = Arc::new(audit);
        self.write(move |write| {
            let audit = Arc::clone(&audit);
            async move { write.resume_rollout(job, &audit).await }.boxed()
        })
        .await
    }
}

#[derive(FromRow, Debug)]
struct RolloutRow {
    job_id: Uuid,
    hosts: i32,
    policy: String,
    stage: i32,
    forgiven: i32,
    halted: Option<String>,
    revision: i64,
    opened_at: DateTime<Utc>,
    spent: i32,
    in_flight: i32,
    failed: i32,
    passed: i32,
    last_end: Option<DateTime<Utc>>,
}

impl RolloutRow {
    fn into_status(self) -> RolloutStatus {
        let count = |number: i32| host_count(i64::from(number));
        let columns = RolloutColumns {
            job_id: JobId::from_uuid(self.job_id),
            hosts: count(self.hosts),
            stage: count(self.stage),
            forgiven: count(self.forgiven),
            halted: self.halted,
            revision: self.revision,
            opened_at: self.opened_at,
        };
        let counts = RolloutCounts {
            spent: count(self.spent),
            in_flight: count(self.in_flight),
            failed: count(self.failed),
            passed: count(self.passed),
            last_end: self.last_end,
        };
        RolloutStatus { rollout: columns.with_policy(&self.policy), counts }
    }
}

async fn statuses(
    connection: &mut PgConnection,
    jobs: Vec<Uuid>,
) -> Result<Vec<RolloutStatus>, OperationError> {
    let rows: Vec<RolloutRow> = sqlx::query_as(
        "select r.job_id, r.hosts, r.policy::text as policy, r.stage, r.forgiven, r.halted, r.revision, \
         r.opened_at, c.spent, c.in_flight, c.failed, c.passed, c.last_end from health_rollouts r \
         cross join lateral health_rollout_counts(r.job_id, clock_timestamp()) c where r.job_id = any($1)",
    )
    .bind(jobs)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(RolloutRow::into_status).collect())
}

/// Converts a number of hosts to its column's type.
fn column(hosts: u32) -> i32 {
    i32::try_from(hosts).unwrap_or(i32::MAX)
}

impl Write<'_> {
    async fn open_rollout(
        &mut self,
        job: JobId,
        hosts: u32,
        policy: &RolloutPolicy,
    ) -> Result<Rollout, OperationError> {
        let rollout = Rollout::open(job, hosts, policy.clone(), self.now().await?);
        sqlx::query(
            "insert into health_rollouts \
             (job_id, hosts, policy, admitted, max_in_flight, failure_budget, opened_at) \
             values ($1, $2, $3::jsonb, $4, $5, $6, $7) on conflict do nothing",
        )
        .bind(job.as_uuid())
        .bind(column(hosts))
        .bind(to_json(ROLLOUT, policy)?)
        .bind(column(rollout.admitted()))
        .bind(column(rollout.max_in_flight()))
        .bind(column(rollout.failure_budget()))
        .bind(rollout.opened_at)
        .execute(&mut *self.connection)
        .await?;
        Ok(self.locked_rollout(job).await?.rollout)
    }

    /// Locks and returns the rollout. The lock comes first, so that its counts include every earlier
    /// spending.
    async fn locked_rollout(&mut self, job: JobId) -> Result<RolloutStatus, OperationError> {
        sqlx::query("select from health_rollouts where job_id = $1 for update")
            .bind(job.as_uuid())
            .execute(&mut *self.connection)
            .await?;
        let found = statuses(self.connection, vec![job.as_uuid()]).await?.pop();
        Ok(found.ok_or(StoreError::NotFound)?)
    }

    async fn settle_rollout(
        &mut self,
        job: JobId,
        seen: i64,
        step: &RolloutStep,
    ) -> Result<bool, OperationError> {
        let mut rollout = match self.locked_rollout(job).await {
            Ok(status) if status.rollout.revision == seen => status.rollout,
            Ok(_) | Err(OperationError::Store(StoreError::NotFound)) => return Ok(false),
            Err(error) => return Err(error),
        };
        transition::settle_rollout(&mut rollout, step.clone());
        self.save_rollout(&rollout).await?;
        Ok(true)
    }

    async fn resume_rollout(
        &mut self,
        job: JobId,
        audit: &AuditEntry,
    ) -> Result<Rollout, OperationError> {
        let status = self.locked_rollout(job).await?;
        let resumed = transition::resume_rollout(&status)?;
        self.save_rollout(&resumed).await?;
        self.audit(audit).await?;
        Ok(resumed)
    }

    async fn save_rollout(&mut self, rollout: &Rollout) -> Result<(), OperationError> {
        sqlx::query(
            "update health_rollouts set stage = $2, admitted = $3, forgiven = $4, halted = $5, revision = $6 \
             where job_id = $1",
        )
        .bind(rollout.job_id.as_uuid())
        .bind(column(rollout.stage))
        .bind(column(rollout.admitted()))
        .bind(column(rollout.forgiven))
        .bind(rollout.halted.as_deref())
        .bind(rollout.revision)
        .execute(&mut *self.connection)
        .await?;
        Ok(())
    }
}
