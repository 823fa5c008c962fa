//! Jobs and their hosts. Every change of a job's host is one statement that says from which state it
//! leads, so that of two workers, or of a worker and a cancellation, one wins.

use chrono::{DateTime, Utc};
use healthgate::{
    gate::Recheck,
    model::{HostId, JobId, PassId, Window, WindowKind},
};
use serde::Serialize;
use sqlx::{FromRow, QueryBuilder};
use uuid::Uuid;

use super::{Database, DatabaseError, in_transaction, instant, micros, with_pool};

/// Which window a job has on its hosts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum WindowChoice {
    /// This one.
    Explicit(Window),
    /// From the job's making on, for a bounded wait.
    Immediate(Window),
    /// Each host's current or next maintenance window.
    Maintenance,
}

impl WindowChoice {
    /// What bounds the wait, for the words of a failure.
    pub(crate) const fn kind(self) -> WindowKind {
        match self {
            Self::Explicit(_) | Self::Maintenance => WindowKind::Maintenance,
            Self::Immediate(_) => WindowKind::Immediate,
        }
    }
}

/// What a job does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum JobKind {
    /// It patches; unhealthy checks hold it back.
    Patch,
    /// It takes a patch back; it is not held back by what it is to mend.
    Rollback,
}

impl JobKind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Patch => "patch",
            Self::Rollback => "rollback",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Patch, Self::Rollback].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// A job to be made.
#[derive(Clone, Debug)]
pub(crate) struct NewJob {
    pub(crate) id: JobId,
    pub(crate) kind: JobKind,
    pub(crate) created_by: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) window: WindowChoice,
    pub(crate) report_only: bool,
    /// Each host, with its name and its window as it is now.
    pub(crate) hosts: Vec<(HostId, String, Window)>,
}

/// A job.
#[derive(Clone, Debug)]
pub(crate) struct JobRow {
    pub(crate) id: JobId,
    pub(crate) kind: JobKind,
    pub(crate) created_by: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) window: WindowChoice,
    pub(crate) report_only: bool,
    pub(crate) cancelled_at: Option<DateTime<Utc>>,
}

/// Where a job's host stands, as it is stored. Of those that wait, their gate knows what for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stage {
    Queued,
    Waiting,
    Patching,
    Succeeded,
    Failed,
    Cancelled,
}

impl Stage {
    const ALL: [Self; 6] = [
        Self::Queued,
        Self::Waiting,
        Self::Patching,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Waiting => "waiting",
            Self::Patching => "patching",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    fn parse(text: &str) -> Result<Self, DatabaseError> {
        let found = Self::ALL.into_iter().find(|stage| stage.as_str() == text);
        found.ok_or(DatabaseError::Corrupt { what: "job" })
    }
}

/// Where a job stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum JobStatus {
    /// None of its hosts has begun: their windows are not open yet.
    Queued,
    /// At least one host is under way.
    Running,
    /// Every host was patched.
    Succeeded,
    /// All have ended, and at least one failed.
    Failed,
    /// All have ended, none failed, and at least one was cancelled.
    Cancelled,
}

/// A job on one host.
#[derive(Clone, Debug)]
pub(crate) struct JobHostRow {
    pub(crate) job_id: JobId,
    pub(crate) host_id: HostId,
    pub(crate) host_name: String,
    pub(crate) stage: Stage,
    pub(crate) detail: String,
    pub(crate) window: Window,
    pub(crate) pass_id: Option<PassId>,
    pub(crate) started_at: Option<DateTime<Utc>>,
    pub(crate) finished_at: Option<DateTime<Utc>>,
    /// What the checks said after the patch, as JSON.
    pub(crate) recheck: Option<Recheck>,
}

#[derive(FromRow)]
struct StoredJob {
    id: Uuid,
    kind: String,
    created_by: String,
    created_at: i64,
    window_kind: String,
    opens_at: Option<i64>,
    closes_at: Option<i64>,
    report_only: i64,
    cancelled_at: Option<i64>,
}

#[derive(FromRow)]
pub(super) struct StoredHost {
    job_id: Uuid,
    host_id: Uuid,
    host_name: String,
    status: String,
    detail: String,
    opens_at: i64,
    closes_at: i64,
    pass_id: Option<Uuid>,
    started_at: Option<i64>,
    finished_at: Option<i64>,
    recheck: Option<String>,
}

const JOB: &str = "SELECT j.id, j.kind, j.created_by, j.created_at, j.window_kind, j.opens_at, j.closes_at, \
    j.report_only, j.cancelled_at FROM jobs j";
pub(super) const HOST: &str = "SELECT job_id, host_id, host_name, status, detail, opens_at, closes_at, pass_id, \
    started_at, finished_at, recheck FROM job_hosts";

const CORRUPT: DatabaseError = DatabaseError::Corrupt { what: "job" };

fn window(opens_at: i64, closes_at: i64) -> Result<Window, DatabaseError> {
    Window::new(instant(opens_at)?, instant(closes_at)?).map_err(|_| CORRUPT)
}

impl StoredJob {
    fn row(self) -> Result<JobRow, DatabaseError> {
        let given = self.opens_at.zip(self.closes_at).map(|(opens, closes)| window(opens, closes));
        let window = match (self.window_kind.as_str(), given) {
            ("explicit", Some(window)) => WindowChoice::Explicit(window?),
            ("immediate", Some(window)) => WindowChoice::Immediate(window?),
            ("maintenance", None) => WindowChoice::Maintenance,
            _ => return Err(CORRUPT),
        };
        Ok(JobRow {
            id: JobId::from_uuid(self.id),
            kind: JobKind::parse(&self.kind).ok_or(CORRUPT)?,
            created_by: self.created_by,
            created_at: instant(self.created_at)?,
            window,
            report_only: self.report_only != 0,
            cancelled_at: self.cancelled_at.map(instant).transpose()?,
        })
    }
}

impl StoredHost {
    pub(super) fn row(self) -> Result<JobHostRow, DatabaseError> {
        Ok(JobHostRow {
            job_id: JobId::from_uuid(self.job_id),
            host_id: HostId::from_uuid(self.host_id),
            host_name: self.host_name,
            stage: Stage::parse(&self.status)?,
            detail: self.detail,
            window: window(self.opens_at, self.closes_at)?,
            pass_id: self.pass_id.map(PassId::from_uuid),
            started_at: self.started_at.map(instant).transpose()?,
            finished_at: self.finished_at.map(instant).transpose()?,
            recheck: self.recheck.and_then(|text| serde_json::from_str(&text).ok()),
        })
    }
}

impl JobStatus {
    /// The status of a job from its hosts: their stages, and whether their windows have opened.
    pub(crate) fn of(hosts: impl IntoIterator<Item = (Stage, bool)>) -> Self {
        let (mut begun, mut ended, mut all) = (0, 0, 0);
        let (mut failed, mut cancelled) = (false, false);
        for (stage, open) in hosts {
            all += 1;
            match stage {
                Stage::Queued => {}
                Stage::Waiting => begun += u32::from(open),
                Stage::Patching => begun += 1,
                Stage::Succeeded | Stage::Failed | Stage::Cancelled => {
                    (begun, ended) = (begun + 1, ended + 1);
                    failed |= stage == Stage::Failed;
                    cancelled |= stage == Stage::Cancelled;
                }
            }
        }
        match (begun, ended == all) {
            (0, _) => Self::Queued,
            (_, false) => Self::Running,
            _ if failed => Self::Failed,
            _ if cancelled => Self::Cancelled,
            _ => Self::Succeeded,
        }
    }
}

impl Database {
    /// Enters a job with its hosts, in one transaction.
    pub(crate) async fn insert_job(&self, job: NewJob) -> Result<(), DatabaseError> {
        const ENTER: &str = "INSERT INTO jobs \
            (id, created_by, created_at, window_kind, opens_at, closes_at, report_only, kind) \
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        const ENTER_HOST: &str = "INSERT INTO job_hosts \
            (job_id, host_id, host_name, status, detail, opens_at, closes_at, retry_at) \
            VALUES ($1, $2, $3, 'queued', '', $4, $5, 0)";
        let (kind, given) = match job.window {
            WindowChoice::Explicit(window) => ("explicit", Some(window)),
            WindowChoice::Immediate(window) => ("immediate", Some(window)),
            WindowChoice::Maintenance => ("maintenance", None),
        };
        in_transaction!(self, connection => {
            sqlx::query(ENTER)
                .bind(job.id.as_uuid())
                .bind(&job.created_by)
                .bind(micros(job.created_at))
                .bind(kind)
                .bind(given.map(|window| micros(window.opens_at())))
                .bind(given.map(|window| micros(window.closes_at())))
                .bind(i64::from(job.report_only))
                .bind(job.kind.as_str())
                .execute(&mut *connection)
                .await?;
            for (host, name, window) in &job.hosts {
                sqlx::query(ENTER_HOST)
                    .bind(job.id.as_uuid())
                    .bind(host.as_uuid())
                    .bind(name)
                    .bind(micros(window.opens_at()))
                    .bind(micros(window.closes_at()))
                    .execute(&mut *connection)
                    .await?;
            }
        })
    }

    /// Jobs, newest first, a page at a time; only those with a host in a group of `shared_with`,
    /// where a user is given.
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

    /// These jobs, those that exist.
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

    /// The hosts of these jobs, by job and name.
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

    /// Marks a job as cancelled; hosts that have not begun end at once. `false` where it was
    /// cancelled before.
    pub(crate) async fn cancel_job(&self, id: JobId, by: &str) -> Result<bool, DatabaseError> {
        const MARK: &str = "UPDATE jobs SET cancelled_at = $1, cancelled_by = $2 \
            WHERE id = $3 AND cancelled_at IS NULL";
        const END: &str = "UPDATE job_hosts SET status = 'cancelled', finished_at = $1, \
            detail = 'the job was cancelled' WHERE job_id = $2 AND status = 'queued'";
        let (now, id, by) = (micros(Utc::now()), id.as_uuid(), by.to_owned());
        in_transaction!(self, connection => {
            let marked = sqlx::query(MARK).bind(now).bind(&by).bind(id);
            let marked = marked.execute(&mut *connection).await?.rows_affected();
            sqlx::query(END).bind(now).bind(id).execute(&mut *connection).await?;
            marked > 0
        })
    }
}
