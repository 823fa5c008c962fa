//! `RolloutStore` over SQLite.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::FutureExt;
use sqlx::{FromRow, SqliteConnection};
use uuid::Uuid;

use crate::{
    model::{
        AuditEntry, HostChange, JobId, Rollout, RolloutCounts, RolloutPolicy, RolloutStatus,
        RolloutStep,
    },
    store::{
        RolloutStore, StoreError,
        sql::{RolloutColumns, host_count, to_json},
        sqlite::{
            SqliteStore,
            error::OperationError,
            record::{id_list, instant, micros},
            write::{Write, read_time},
        },
        transition,
    },
};

const ROLLOUT: &str = "rollout";

#[async_trait]
impl RolloutStore for SqliteStore {
    async fn open_rollout(
        &self,
        job: JobId,
        hosts: u32,
        policy: RolloutPolicy,
    ) -> Result<Rollout, StoreError> {
        self.write(move |write| write.open_rollout(job, hosts, policy).boxed()).await
    }

    async fn rollouts(&self, jobs: &[JobId]) -> Result<Vec<RolloutStatus>, StoreError> {
        let jobs = id_list(jobs.iter().map(JobId::as_uuid));
        let clock = Arc::clone(&self.inner.clock);
        self.read(move |connection| {
            async move {
                let now = read_time(connection, clock.as_ref()).await?.at;
                statuses(connection, &jobs, micros(now)).await
            }
            .boxed()
        })
        .await
    }

    async fn settle_rollout(
        &self,
        job: JobId,
        seen: i64,
        step: RolloutStep,
    ) -> Result<bool, StoreError> {
        self.write(move |write| write.settle_rollout(job, seen, step).boxed()).await
    }

    async fn resume_rollout(&self, job: JobId, audit: AuditEntry) -> Result<Rollout, StoreError> {
        self.write(move |write| write.resume_rollout(job, audit).boxed()).await
    }
}

#[derive(FromRow, Debug)]
struct RolloutRow {
    job_id: Uuid,
    hosts: i64,
    policy: String,
    stage: i64,
    forgiven: i64,
    halted: Option<String>,
    revision: i64,
    opened_at: i64,
}

#[derive(FromRow, Debug)]
struct CountsRow {
    spent: i64,
    in_flight: i64,
    failed: i64,
    passed: i64,
    last_end: Option<i64>,
}

/// Returns the rollouts of these jobs, with the counts of their hosts at `now`.
async fn statuses(
    connection: &mut SqliteConnection,
    jobs: &str,
    now: i64,
) -> Result<Vec<RolloutStatus>, OperationError> {
    let rows: Vec<RolloutRow> = sqlx::query_as(
        "select r.* from json_each(?) wanted join health_rollouts r on r.job_id = unhex(wanted.value)",
    )
    .bind(jobs)
    .fetch_all(&mut *connection)
    .await?;
    let mut statuses = Vec::with_capacity(rows.len());
    for row in rows {
        statuses.push(status(connection, row, now).await?);
    }
    Ok(statuses)
}

/// Returns a rollout with the counts of its hosts at `now`.
async fn status(
    connection: &mut SqliteConnection,
    row: RolloutRow,
    now: i64,
) -> Result<RolloutStatus, OperationError> {
    let longest = HostChange::LONGEST.num_microseconds().unwrap_or(i64::MAX);
    // A change is in flight until its verification has ended. A change that is not in flight and did not
    // succeed has failed.
    let counts: CountsRow = sqlx::query_as(
        "select count(*) as spent, count(*) filter (where goes_on) as in_flight, \
         count(*) filter (where not goes_on and outcome is not 'succeeded') as failed, \
         (select count(*) from health_gates g where g.job_id = ?1 and g.state = 'passed') as passed, \
         max(coalesce(judged_at, ended_at, started_at + ?2)) filter (where not goes_on) as last_end \
         from (select *, outcome is null and (verify_at is not null \
                   or state = 'running' and started_at + ?2 > ?3) as goes_on \
               from health_changes where job_id = ?1)",
    )
    .bind(row.job_id)
    .bind(longest)
    .bind(now)
    .fetch_one(connection)
    .await?;
    let columns = RolloutColumns {
        job_id: JobId::from_uuid(row.job_id),
        hosts: host_count(row.hosts),
        stage: host_count(row.stage),
        forgiven: host_count(row.forgiven),
        halted: row.halted,
        revision: row.revision,
        opened_at: instant(row.opened_at)?,
    };
    let counts = RolloutCounts {
        spent: host_count(counts.spent),
        in_flight: host_count(counts.in_flight),
        failed: host_count(counts.failed),
        passed: host_count(counts.passed),
        last_end: counts.last_end.map(instant).transpose()?,
    };
    Ok(RolloutStatus { rollout: columns.with_policy(&row.policy), counts })
}

impl Write<'_> {
    /// Returns the rollout of a job with the counts of its hosts.
    pub(super) async fn rollout(
        &mut self,
        job: JobId,
    ) -> Result<Option<RolloutStatus>, OperationError> {
        let (job, now) = (id_list([job.as_uuid()]), self.now_micros());
        Ok(statuses(self.connection, &job, now).await?.pop())
    }

    async fn open_rollout(
        &mut self,
        job: JobId,
        hosts: u32,
        policy: RolloutPolicy,
    ) -> Result<Rollout, OperationError> {
        if let Some(found) = self.rollout(job).await? {
            return Ok(found.rollout);
        }
        let rollout = Rollout::open(job, hosts, policy, self.now);
        sqlx::query(
            "insert into health_rollouts (job_id, hosts, policy, opened_at) values (?, ?, ?, ?)",
        )
        .bind(job.as_uuid())
        .bind(i64::from(hosts))
        .bind(to_json(ROLLOUT, &rollout.policy)?)
        .bind(micros(rollout.opened_at))
        .execute(&mut *self.connection)
        .await?;
        Ok(rollout)
    }

    async fn settle_rollout(
        &mut self,
        job: JobId,
        seen: i64,
        step: RolloutStep,
    ) -> Result<bool, OperationError> {
        let found = self.rollout(job).await?;
        let Some(mut rollout) =
            found.map(|status| status.rollout).filter(|found| found.revision == seen)
        else {
            return Ok(false);
        };
        transition::settle_rollout(&mut rollout, step);
        self.save_rollout(&rollout).await?;
        Ok(true)
    }

    async fn resume_rollout(
        &mut self,
        job: JobId,
        audit: AuditEntry,
    ) -> Result<Rollout, OperationError> {
        let status = self.rollout(job).await?.ok_or(StoreError::NotFound)?;
        let resumed = transition::resume_rollout(&status)?;
        self.save_rollout(&resumed).await?;
        self.audit(audit).await?;
        Ok(resumed)
    }

    async fn save_rollout(&mut self, rollout: &Rollout) -> Result<(), OperationError> {
        sqlx::query(
            "update health_rollouts set stage = ?, forgiven = ?, halted = ?, revision = ? \
             where job_id = ?",
        )
        .bind(i64::from(rollout.stage))
        .bind(i64::from(rollout.forgiven))
        .bind(rollout.halted.as_deref())
        .bind(rollout.revision)
        .bind(rollout.job_id.as_uuid())
        .execute(&mut *self.connection)
        .await?;
        Ok(())
    }
}
