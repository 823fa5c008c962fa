//! The job executor's steps. Each is one statement that is conditional on the previous state, so that of
//! two workers, or of a worker and a cancellation, one wins.

use chrono::{DateTime, TimeDelta, Utc};
use healthgate::model::{GateRecord, PassId, Window, WorkerId};
use sqlx::{Executor, IntoArguments, QueryBuilder};

use super::{
    Database, DatabaseError,
    job_rows::{HOST, JobHostRow, Stage, StoredHost},
    micros, with_pool, with_writer,
};

/// How long a worker holds a host that it patches without renewing.
pub(crate) const PATCH_LEASE: TimeDelta = TimeDelta::seconds(30);

/// The step that belongs to a spent pass: it moves the host to patching, in the transaction that spends the
/// pass.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PatchStart {
    job_id: uuid::Uuid,
    host_id: uuid::Uuid,
    pass_id: Option<PassId>,
    worker: uuid::Uuid,
    now: i64,
    lease_until: i64,
}

impl PatchStart {
    /// Creates the step of a spent pass, dated by the database's clock. By a worker's own, the patch could seem to lie
    /// outside its window, or to be abandoned.
    pub(crate) fn of(spent: &GateRecord, worker: WorkerId) -> Self {
        let now = spent.ended_at.unwrap_or(spent.high_water);
        Self {
            job_id: spent.job_id.as_uuid(),
            host_id: spent.host_id.as_uuid(),
            pass_id: spent.pass.as_ref().map(|pass| pass.id),
            worker: worker.as_uuid(),
            now: micros(now),
            lease_until: micros(now + PATCH_LEASE),
        }
    }

    /// Takes the step. Returns `false` if the host no longer waits, or its job is cancelled.
    ///
    /// # Errors
    /// Fails if the database fails.
    pub(crate) async fn take<'c, D, E>(self, connection: E) -> Result<bool, sqlx::Error>
    where
        D: sqlx::Database,
        E: Executor<'c, Database = D>,
        D::Arguments: IntoArguments<D>,
        for<'q> i64: sqlx::Encode<'q, D> + sqlx::Type<D>,
        for<'q> uuid::Uuid: sqlx::Encode<'q, D> + sqlx::Type<D>,
        for<'q> Option<uuid::Uuid>: sqlx::Encode<'q, D> + sqlx::Type<D>,
        Rows: From<D::QueryResult>,
    {
        const START: &str = "UPDATE job_hosts SET status = 'patching', detail = '', pass_id = $1, \
            worker = $2, started_at = $3, lease_until = $4 \
            WHERE job_id = $5 AND host_id = $6 AND status = 'waiting' \
            AND EXISTS (SELECT 1 FROM jobs WHERE id = $5 AND cancelled_at IS NULL)";
        let taken = sqlx::query(START)
            .bind(self.pass_id.map(|id| id.as_uuid()))
            .bind(self.worker)
            .bind(self.now)
            .bind(self.lease_until)
            .bind(self.job_id)
            .bind(self.host_id)
            .execute(connection)
            .await?;
        Ok(Rows::from(taken).0 > 0)
    }
}

/// The number of rows that a statement changed, in either database.
pub(crate) struct Rows(u64);

impl From<sqlx::sqlite::SqliteQueryResult> for Rows {
    fn from(result: sqlx::sqlite::SqliteQueryResult) -> Self {
        Self(result.rows_affected())
    }
}

impl From<sqlx::postgres::PgQueryResult> for Rows {
    fn from(result: sqlx::postgres::PgQueryResult) -> Self {
        Self(result.rows_affected())
    }
}

impl Database {
    /// Returns hosts in this stage that are due, earliest close first.
    pub(crate) async fn due_job_hosts(
        &self,
        stage: Stage,
        now: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<JobHostRow>, DatabaseError> {
        let stored: Vec<StoredHost> = with_pool!(self, pool => {
            let mut query = QueryBuilder::new(HOST);
            query.push(" WHERE status = ").push_bind(stage.as_str());
            query.push(" AND retry_at <= ").push_bind(micros(now));
            query.push(" ORDER BY closes_at, job_id, host_id LIMIT ").push_bind(limit);
            query.build_query_as().fetch_all(pool).await
        })?;
        stored.into_iter().map(StoredHost::row).collect()
    }

    /// Returns hosts whose patch has lost its worker.
    pub(crate) async fn abandoned_patches(
        &self,
        now: DateTime<Utc>,
    ) -> Result<Vec<JobHostRow>, DatabaseError> {
        let stored: Vec<StoredHost> = with_pool!(self, pool => {
            let mut query = QueryBuilder::new(HOST);
            query.push(" WHERE status = 'patching' AND lease_until < ").push_bind(micros(now));
            query.push(" ORDER BY lease_until LIMIT 100");
            query.build_query_as().fetch_all(pool).await
        })?;
        stored.into_iter().map(StoredHost::row).collect()
    }

    /// Records that a host's gate was opened with this window. Returns `false` if the host is no longer
    /// queued.
    pub(crate) async fn begin_waiting(
        &self,
        host: &JobHostRow,
        window: Window,
    ) -> Result<bool, DatabaseError> {
        const BEGIN: &str = "UPDATE job_hosts SET status = 'waiting', detail = '', retry_at = 0, \
            opens_at = $1, closes_at = $2 WHERE job_id = $3 AND host_id = $4 AND status = 'queued' \
            AND EXISTS (SELECT 1 FROM jobs WHERE id = $3 AND cancelled_at IS NULL)";
        let changed = with_writer!(self, pool => {
            sqlx::query(BEGIN)
                .bind(micros(window.opens_at()))
                .bind(micros(window.closes_at()))
                .bind(host.job_id.as_uuid())
                .bind(host.host_id.as_uuid())
                .execute(pool)
                .await?
                .rows_affected()
        });
        Ok(changed > 0)
    }

    /// Records that a waiting host has a new window.
    pub(crate) async fn note_window(
        &self,
        host: &JobHostRow,
        window: Window,
    ) -> Result<(), DatabaseError> {
        const NOTE: &str = "UPDATE job_hosts SET opens_at = $1, closes_at = $2 \
            WHERE job_id = $3 AND host_id = $4 AND status = 'waiting'";
        with_writer!(self, pool => {
            sqlx::query(NOTE)
                .bind(micros(window.opens_at()))
                .bind(micros(window.closes_at()))
                .bind(host.job_id.as_uuid())
                .bind(host.host_id.as_uuid())
                .execute(pool)
                .await?
                .rows_affected()
        });
        Ok(())
    }

    /// Records why a queued host's gate cannot be opened now, and when to try again.
    pub(crate) async fn retry_later(
        &self,
        host: &JobHostRow,
        detail: &str,
        at: DateTime<Utc>,
    ) -> Result<(), DatabaseError> {
        const LATER: &str = "UPDATE job_hosts SET detail = $1, retry_at = $2 \
            WHERE job_id = $3 AND host_id = $4 AND status = 'queued'";
        with_writer!(self, pool => {
            sqlx::query(LATER)
                .bind(detail)
                .bind(micros(at))
                .bind(host.job_id.as_uuid())
                .bind(host.host_id.as_uuid())
                .execute(pool)
                .await?
                .rows_affected()
        });
        Ok(())
    }

    /// Ends a host in the stage `from`. Returns `false` if it is in another stage.
    pub(crate) async fn end_job_host(
        &self,
        host: &JobHostRow,
        from: Stage,
        to: Stage,
        detail: &str,
    ) -> Result<bool, DatabaseError> {
        const END: &str = "UPDATE job_hosts SET status = $1, detail = $2, finished_at = $3 \
            WHERE job_id = $4 AND host_id = $5 AND status = $6";
        let finished_at = micros(self.now().await?);
        let changed = with_writer!(self, pool => {
            sqlx::query(END)
                .bind(to.as_str())
                .bind(detail)
                .bind(finished_at)
                .bind(host.job_id.as_uuid())
                .bind(host.host_id.as_uuid())
                .bind(from.as_str())
                .execute(pool)
                .await?
                .rows_affected()
        });
        Ok(changed > 0)
    }

    /// Takes over the patch of a host whose worker died. Returns `false` if another worker has.
    pub(crate) async fn take_over_patch(
        &self,
        host: &JobHostRow,
        worker: WorkerId,
        now: DateTime<Utc>,
    ) -> Result<bool, DatabaseError> {
        const TAKE: &str = "UPDATE job_hosts SET worker = $1, lease_until = $2 WHERE job_id = $3 \
            AND host_id = $4 AND status = 'patching' AND lease_until < $5";
        let changed = with_writer!(self, pool => {
            sqlx::query(TAKE)
                .bind(worker.as_uuid())
                .bind(micros(now + PATCH_LEASE))
                .bind(host.job_id.as_uuid())
                .bind(host.host_id.as_uuid())
                .bind(micros(now))
                .execute(pool)
                .await?
                .rows_affected()
        });
        Ok(changed > 0)
    }

    /// Renews the hold on every host that this worker patches.
    pub(crate) async fn renew_patches(
        &self,
        worker: WorkerId,
        now: DateTime<Utc>,
    ) -> Result<(), DatabaseError> {
        const RENEW: &str =
            "UPDATE job_hosts SET lease_until = $1 WHERE status = 'patching' AND worker = $2";
        with_writer!(self, pool => {
            sqlx::query(RENEW)
                .bind(micros(now + PATCH_LEASE))
                .bind(worker.as_uuid())
                .execute(pool)
                .await?
                .rows_affected()
        });
        Ok(())
    }

    /// Ends the patch of a host, which then is verified or has ended. Returns `false` if this worker no
    /// longer holds it.
    pub(crate) async fn end_patch(
        &self,
        host: &JobHostRow,
        worker: WorkerId,
        to: Stage,
        detail: &str,
    ) -> Result<bool, DatabaseError> {
        const END: &str = "UPDATE job_hosts SET status = $1, detail = $2, finished_at = $3 \
            WHERE job_id = $4 AND host_id = $5 AND status = 'patching' AND worker = $6";
        let finished_at = match to {
            Stage::Verifying => None,
            _ => Some(micros(self.now().await?)),
        };
        let changed = with_writer!(self, pool => {
            sqlx::query(END)
                .bind(to.as_str())
                .bind(detail)
                .bind(finished_at)
                .bind(host.job_id.as_uuid())
                .bind(host.host_id.as_uuid())
                .bind(worker.as_uuid())
                .execute(pool)
                .await?
                .rows_affected()
        });
        Ok(changed > 0)
    }
}
