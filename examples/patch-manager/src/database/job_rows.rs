//! Stored jobs and their hosts.

use chrono::{DateTime, Utc};
use healthgate::model::{HostId, JobId, PassId, VerifyPolicy, Window, WindowKind};
use serde::Serialize;
use sqlx::FromRow;
use uuid::Uuid;

use super::{DatabaseError, instant};

/// The window of a job on its hosts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum WindowChoice {
    /// This window.
    Explicit(Window),
    /// From the job's creation on, for a bounded wait.
    Immediate(Window),
    /// Each host's current or next maintenance window.
    Maintenance,
}

impl WindowChoice {
    /// Returns the kind of window, for failure messages.
    pub(crate) const fn kind(self) -> WindowKind {
        match self {
            Self::Explicit(_) | Self::Maintenance => WindowKind::Maintenance,
            Self::Immediate(_) => WindowKind::Immediate,
        }
    }
}

/// The purpose of a job.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum JobKind {
    /// Patches the hosts. Unhealthy checks hold it back.
    Patch,
    /// Rolls a patch back. Failing checks do not hold it back, because it repairs them.
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

/// A job to create.
#[derive(Clone, Debug)]
pub(crate) struct NewJob {
    pub(crate) id: JobId,
    pub(crate) name: Option<String>,
    pub(crate) kind: JobKind,
    pub(crate) created_by: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) window: WindowChoice,
    pub(crate) report_only: bool,
    pub(crate) dry_run: bool,
    /// Why the job bypasses the gate.
    pub(crate) reason: Option<String>,
    /// How long its hosts are verified after their patch.
    pub(crate) verify: VerifyPolicy,
    /// Each host with its name and its current window.
    pub(crate) hosts: Vec<(HostId, String, Window)>,
}

/// A job.
#[derive(Clone, Debug)]
pub(crate) struct JobRow {
    pub(crate) id: JobId,
    pub(crate) name: Option<String>,
    pub(crate) kind: JobKind,
    pub(crate) created_by: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) window: WindowChoice,
    pub(crate) report_only: bool,
    /// Whether it patches nothing: the checks run once, and each host reports what would have happened.
    pub(crate) dry_run: bool,
    /// Why the job bypasses the gate.
    pub(crate) reason: Option<String>,
    /// How long its hosts are verified after their patch. `None` uses the configuration.
    pub(crate) verify: Option<VerifyPolicy>,
    pub(crate) cancelled_at: Option<DateTime<Utc>>,
}

/// The stored stage of a job's host. The gate of a waiting host knows what it waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stage {
    Queued,
    Waiting,
    Patching,
    Verifying,
    Succeeded,
    Failed,
    Unverified,
    Cancelled,
}

impl Stage {
    const ALL: [Self; 8] = [
        Self::Queued,
        Self::Waiting,
        Self::Patching,
        Self::Verifying,
        Self::Succeeded,
        Self::Failed,
        Self::Unverified,
        Self::Cancelled,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Waiting => "waiting",
            Self::Patching => "patching",
            Self::Verifying => "verifying",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Unverified => "unverified",
            Self::Cancelled => "cancelled",
        }
    }

    fn parse(text: &str) -> Result<Self, DatabaseError> {
        let found = Self::ALL.into_iter().find(|stage| stage.as_str() == text);
        found.ok_or(DatabaseError::Corrupt { what: "job" })
    }
}

/// The status of a job.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum JobStatus {
    /// No host has begun, because their windows are not open yet.
    Queued,
    /// At least one host is in progress.
    Running,
    /// Every host was patched and verified.
    Succeeded,
    /// All hosts have ended, and at least one failed or could not be verified.
    Failed,
    /// All hosts have ended, none failed, and at least one was cancelled.
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
}

#[derive(FromRow)]
pub(super) struct StoredJob {
    id: Uuid,
    name: Option<String>,
    kind: String,
    created_by: String,
    created_at: i64,
    window_kind: String,
    opens_at: Option<i64>,
    closes_at: Option<i64>,
    report_only: i64,
    dry_run: i64,
    reason: Option<String>,
    verify: Option<String>,
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
}

pub(super) const JOB: &str = "SELECT j.id, j.name, j.kind, j.created_by, j.created_at, j.window_kind, j.opens_at, \
    j.closes_at, j.report_only, j.dry_run, j.reason, j.verify, j.cancelled_at FROM jobs j";
pub(super) const HOST: &str = "SELECT job_id, host_id, host_name, status, detail, opens_at, closes_at, pass_id, \
    started_at, finished_at FROM job_hosts";

const CORRUPT: DatabaseError = DatabaseError::Corrupt { what: "job" };

fn window(opens_at: i64, closes_at: i64) -> Result<Window, DatabaseError> {
    Window::new(instant(opens_at)?, instant(closes_at)?).map_err(|_| CORRUPT)
}

impl StoredJob {
    pub(super) fn row(self) -> Result<JobRow, DatabaseError> {
        let given = self.opens_at.zip(self.closes_at).map(|(opens, closes)| window(opens, closes));
        let window = match (self.window_kind.as_str(), given) {
            ("explicit", Some(window)) => WindowChoice::Explicit(window?),
            ("immediate", Some(window)) => WindowChoice::Immediate(window?),
            ("maintenance", None) => WindowChoice::Maintenance,
            _ => return Err(CORRUPT),
        };
        Ok(JobRow {
            id: JobId::from_uuid(self.id),
            name: self.name,
            kind: JobKind::parse(&self.kind).ok_or(CORRUPT)?,
            created_by: self.created_by,
            created_at: instant(self.created_at)?,
            window,
            report_only: self.report_only != 0,
            dry_run: self.dry_run != 0,
            reason: self.reason,
            verify: self.verify.and_then(|text| serde_json::from_str(&text).ok()),
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
        })
    }
}

impl JobStatus {
    /// Returns whether all of its hosts have ended.
    pub(crate) const fn is_over(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }

    /// Returns the status of a job from its hosts: their stages, and whether their windows have opened.
    pub(crate) fn of(hosts: impl IntoIterator<Item = (Stage, bool)>) -> Self {
        let (mut begun, mut ended, mut all) = (0, 0, 0);
        let (mut failed, mut cancelled) = (false, false);
        for (stage, open) in hosts {
            all += 1;
            match stage {
                Stage::Queued => {}
                Stage::Waiting => begun += u32::from(open),
                Stage::Patching | Stage::Verifying => begun += 1,
                Stage::Succeeded | Stage::Failed | Stage::Unverified | Stage::Cancelled => {
                    (begun, ended) = (begun + 1, ended + 1);
                    failed |= matches!(stage, Stage::Failed | Stage::Unverified);
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
