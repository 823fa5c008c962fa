//! What somebody asks a gate for.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{
    ids::{HostId, JobId},
    window::{Window, WindowError},
};

/// What somebody asks a gate for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GateRequest {
    /// For this job.
    pub job_id: JobId,
    /// On this host.
    pub host_id: HostId,
    /// The window as it is known when the gate is opened.
    pub window: Window,
    /// What the window is, for the words of a failure.
    pub window_kind: WindowKind,
    /// Record what the gate would have done, and proceed. Fixed when the gate is opened (G34).
    pub report_only: bool,
    /// This kind of job is not held back by checks.
    pub exempt: bool,
    /// Open the next generation of the job's gate on this host, if the newest one ended without a pass
    /// that was spent.
    pub retry: bool,
}

impl GateRequest {
    /// A gate with a maintenance window that blocks on unhealthy checks.
    #[must_use]
    pub const fn new(job_id: JobId, host_id: HostId, window: Window) -> Self {
        Self {
            job_id,
            host_id,
            window,
            window_kind: WindowKind::Maintenance,
            report_only: false,
            exempt: false,
            retry: false,
        }
    }

    /// A gate of a job without a maintenance window: it waits from `now` for at most `max_wait`, and
    /// its failure does not speak of a window. Take `now` from the store's clock.
    ///
    /// # Errors
    /// [`WindowError`] where the wait is shorter than a microsecond or longer than 7 days.
    pub fn immediate(
        job_id: JobId,
        host_id: HostId,
        now: DateTime<Utc>,
        max_wait: Duration,
    ) -> Result<Self, WindowError> {
        let max_wait = TimeDelta::from_std(max_wait).unwrap_or(TimeDelta::MAX);
        let window = Window::lasting(now, max_wait)?;
        Ok(Self { window_kind: WindowKind::Immediate, ..Self::new(job_id, host_id, window) })
    }

    /// The same for a kind of job that must not be held back by what it is to mend, such as a
    /// rollback: it passes as soon as its window is open, recorded as `exempt`. Which
    /// kinds these are is the application's policy.
    #[must_use]
    pub const fn with_exemption(mut self) -> Self {
        self.exempt = true;
        self
    }

    /// The same for a host that is tried again under the same job: if the job's newest gate on it has
    /// failed or was cancelled, the next generation opens, and the old one stays as it is. Without this
    /// the answer is the old end.
    #[must_use]
    pub const fn with_retry(mut self) -> Self {
        self.retry = true;
        self
    }

    /// The same for a gate that records what it would have done and proceeds.
    #[must_use]
    pub const fn with_report_only(mut self) -> Self {
        self.report_only = true;
        self
    }
}

/// What bounds a gate's wait.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum WindowKind {
    /// A maintenance window.
    Maintenance,
    /// The longest wait of a job that was to run at once.
    Immediate,
}
