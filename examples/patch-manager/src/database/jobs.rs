//! Jobs and their hosts. Every change of a job's host is one statement that is conditional on the previous
//! state, so that of two workers, or of a worker and a cancellation, one wins.

use healthgate::model::{AuditEntry, HostId, JobId};
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::{
    Database, DatabaseError, Right, in_transaction,
    job_rows::{HOST, JOB, JobHostRow, JobRow, NewJob, StoredHost, StoredJob, WindowChoice},
    micros, still_holds, with_pool,
};

/// The number of hosts that one statement inserts.
const HOSTS_AT_ONCE: usize = 500;

impl Database {
    /// Inserts a job with its hosts and its audit records, in one transaction, if the actor still has the
    /// right to it.
    pub(crate) async fn insert_job(
        &self,
        job: NewJob,
        right: Right,
        records: Vec<AuditEntry>,
    ) -> Result<(), DatabaseError> {
        const ENTER: &str = "INSERT INTO jobs \
            (id, created_by, created_at, window_kind, opens_at, closes_at, report_only, kind, \
             name, dry_run, reason, verify) \
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
        const ENTER_HOSTS: &str = "INSERT INTO job_hosts \
            (job_id, host_id, host_name, opens_at, closes_at, status, detail, retry_at) ";
        let verify = serde_json::to_string(&job.verify);
        let verify = verify.map_err(|_| DatabaseError::Corrupt { what: "job" })?;
        let (kind, given) = match job.window {
            WindowChoice::Explicit(window) => ("explicit", Some(window)),
            WindowChoice::Immediate(window) => ("immediate", Some(window)),
            WindowChoice::Maintenance => ("maintenance", None),
        };
        in_transaction!(self, connection, log => {
            if !still_holds!(connection, &right)? {
                return Err(DatabaseError::RightLost);
            }
            for record in &records {
                log().append_audit_in(&mut *connection, record).await?;
            }
            sqlx::query(ENTER)
                .bind(job.id.as_uuid())
                .bind(&job.created_by)
                .bind(micros(job.created_at))
                .bind(kind)
                .bind(given.map(|window| micros(window.opens_at())))
                .bind(given.map(|window| micros(window.closes_at())))
                .bind(i64::from(job.report_only))
                .bind(job.kind.as_str())
                .bind(&job.name)
                .bind(i64::from(job.dry_run))
                .bind(&job.reason)
                .bind(&verify)
                .execute(&mut *connection)
                .await?;
            for hosts in job.hosts.chunks(HOSTS_AT_ONCE) {
                let mut query = QueryBuilder::new(ENTER_HOSTS);
                query.push_values(hosts, |mut row, (host, name, window)| {
                    row.push_bind(job.id.as_uuid()).push_bind(host.as_uuid()).push_bind(name);
                    row.push_bind(micros(window.opens_at())).push_bind(micros(window.closes_at()));
                    row.push("'queued'").push("''").push("0");
                });
                query.build().execute(&mut *connection).await?;
            }
        })
    }

    /// Returns a page of jobs, newest first. With `shared_with`, only jobs with a host in a group of that
    /// user.
    pub(crate) async fn jobs(
        &self,
        shared_with: Option<&str>,
        before: Option<Uuid>,
        limit: i64,
    ) -> Result<Vec<JobRow>, DatabaseError> {
        let stored: Vec<StoredJob> = with_pool!(self, pool => {
            let mut query = QueryBuilder::new(JOB);
            query.push(" WHERE 1 = 1");
            if let Some(user) = shared_with {
                query.push(
                    " AND EXISTS (SELECT 1 FROM job_hosts h JOIN host_groups g \
                     ON g.host_id = h.host_id JOIN user_groups u ON u.group_name = g.group_name \
                     WHERE h.job_id = j.id AND u.user_name = ",
                ).push_bind(user).push(")");
            }
            if let Some(before) = before {
                query.push(" AND j.id < ").push_bind(before);
            }
            query.push(" ORDER BY j.id DESC LIMIT ").push_bind(limit);
            query.build_query_as().fetch_all(pool).await
        })?;
        stored.into_iter().map(StoredJob::row).collect()
    }

    /// Returns those of these jobs that exist.
    pub(crate) async fn jobs_by_id(&self, ids: &[JobId]) -> Result<Vec<JobRow>, DatabaseError> {
        let mut jobs = Vec::with_capacity(ids.len());
        for ids in ids.chunks(super::IDS_AT_ONCE) {
            let stored: Vec<StoredJob> = with_pool!(self, pool => {
                let mut query = QueryBuilder::new(JOB);
                query.push(" WHERE j.id IN (");
                let mut list = query.separated(", ");
                for id in ids {
                    list.push_bind(id.as_uuid());
                }
                query.push(")");
                query.build_query_as().fetch_all(pool).await
            })?;
            for job in stored {
                jobs.push(job.row()?);
            }
        }
        Ok(jobs)
    }

    /// Returns the hosts of these jobs, ordered by job and name.
    pub(crate) async fn hosts_of_jobs(
        &self,
        ids: &[JobId],
    ) -> Result<Vec<JobHostRow>, DatabaseError> {
        let mut hosts = Vec::new();
        for ids in ids.chunks(super::IDS_AT_ONCE) {
            let stored: Vec<StoredHost> = with_pool!(self, pool => {
                let mut query = QueryBuilder::new(HOST);
                query.push(" WHERE job_id IN (");
                let mut list = query.separated(", ");
                for id in ids {
                    list.push_bind(id.as_uuid());
                }
                query.push(") ORDER BY job_id, host_name, host_id");
                query.build_query_as().fetch_all(pool).await
            })?;
            for host in stored {
                hosts.push(host.row()?);
            }
        }
        Ok(hosts)
    }

    /// The jobs that have not ended on a host, newest first, at most `limit`.
    pub(crate) async fn unfinished_jobs_of(
        &self,
        host: HostId,
        limit: i64,
    ) -> Result<Vec<JobHostRow>, DatabaseError> {
        let stored: Vec<StoredHost> = with_pool!(self, pool => {
            let mut query = QueryBuilder::new(HOST);
            query.push(" WHERE host_id = ").push_bind(host.as_uuid());
            query.push(" AND status IN ('queued', 'waiting', 'patching', 'verifying')");
            query.push(" ORDER BY job_id DESC LIMIT ").push_bind(limit);
            query.build_query_as().fetch_all(pool).await
        })?;
        stored.into_iter().map(StoredHost::row).collect()
    }

    /// Whether a host of a job, which was not before, has been cancelled.
    pub(crate) async fn is_cancelled(&self, host: &JobHostRow) -> Result<bool, DatabaseError> {
        const STATUS: &str = "SELECT status FROM job_hosts WHERE job_id = $1 AND host_id = $2";
        let (job, host) = (host.job_id.as_uuid(), host.host_id.as_uuid());
        let status: Option<String> = with_pool!(self, pool => {
            sqlx::query_scalar(STATUS).bind(job).bind(host).fetch_optional(pool).await
        })?;
        Ok(status.as_deref() == Some("cancelled"))
    }

    /// Ends a host of a job that has no gate yet, and records it in the same transaction; `false` where the
    /// host is not queued any more. The right to it must still hold.
    pub(crate) async fn cancel_queued_host(
        &self,
        host: &JobHostRow,
        audit: AuditEntry,
    ) -> Result<bool, DatabaseError> {
        const END: &str = "UPDATE job_hosts SET status = 'cancelled', finished_at = $1, \
            detail = 'this host was cancelled' \
            WHERE job_id = $2 AND host_id = $3 AND status = 'queued'";
        let right = Right::of(&audit.actor, [host.host_id]);
        let now = micros(self.now().await?);
        let (job, host) = (host.job_id.as_uuid(), host.host_id.as_uuid());
        in_transaction!(self, connection, log => {
            if !still_holds!(connection, &right)? {
                return Err(DatabaseError::RightLost);
            }
            let ended = sqlx::query(END).bind(now).bind(job).bind(host);
            let ended = ended.execute(&mut *connection).await?.rows_affected();
            if ended > 0 {
                log().append_audit_in(&mut *connection, &audit).await?;
            }
            ended > 0
        })
    }

    /// Marks a job as cancelled and writes the record in the same transaction. Hosts that have not begun
    /// end immediately. The actor must still have the right to all of its hosts. Returns `false`, and
    /// records nothing, if the job was already cancelled.
    pub(crate) async fn cancel_job(
        &self,
        id: JobId,
        audit: AuditEntry,
    ) -> Result<bool, DatabaseError> {
        const MARK: &str = "UPDATE jobs SET cancelled_at = $1, cancelled_by = $2 \
            WHERE id = $3 AND cancelled_at IS NULL";
        const END: &str = "UPDATE job_hosts SET status = 'cancelled', finished_at = $1, \
            detail = 'the job was cancelled' WHERE job_id = $2 AND status = 'queued'";
        const HOSTS: &str = "SELECT host_id FROM job_hosts WHERE job_id = $1";
        let (now, id) = (micros(self.now().await?), id.as_uuid());
        in_transaction!(self, connection, log => {
            let hosts: Vec<Uuid> =
                sqlx::query_scalar(HOSTS).bind(id).fetch_all(&mut *connection).await?;
            let right = Right::of(&audit.actor, hosts.into_iter().map(HostId::from_uuid));
            if !still_holds!(connection, &right)? {
                return Err(DatabaseError::RightLost);
            }
            let marked = sqlx::query(MARK).bind(now).bind(&audit.actor.name).bind(id);
            let marked = marked.execute(&mut *connection).await?.rows_affected();
            if marked > 0 {
                log().append_audit_in(&mut *connection, &audit).await?;
            }
            sqlx::query(END).bind(now).bind(id).execute(&mut *connection).await?;
            marked > 0
        })
    }
}
