//! The request of a gate.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{
    ids::{HostId, JobId},
    window::{Window, WindowError},
};

/// A request to open a gate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GateRequest {
    /// The job.
    pub job_id: JobId,
    /// The host.
    pub host_id: HostId,
    /// The window at the time of opening the gate.
    pub window: Window,
    /// The kind of the window, for the text of a failure.
    pub window_kind: WindowKind,
    /// Whether the gate only records what it would have done, and proceeds. Fixed when the gate is opened (G34).
    pub report_only: bool,
    /// Whether checks do not block this kind of job.
    pub exempt: bool,
    /// Whether to open the next generation of the job's gate on this host, if the newest one ended without a
    /// spent pass.
    pub retry: bool,
}

impl GateRequest {
    /// Creates a request for a gate that blocks on unhealthy checks, in a maintenance window.
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

    /// Creates a request for a job without a maintenance window.
    ///
    /// The gate waits from `now` for at most `max_wait`. Take `now` from the store's clock.
    ///
    /// # Errors
    /// [`WindowError`] if the wait is shorter than a microsecond or longer than 7 days.
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

    /// Exempts the job from checks. Use it for jobs that repair a host, such as a rollback.
    ///
    /// The gate passes as soon as its window is open, recorded as `exempt`. The application decides which kinds
    /// of jobs are exempt.
    #[must_use]
    pub const fn with_exemption(mut self) -> Self {
        self.exempt = true;
        self
    }

    /// Tries a host again under the same job.
    ///
    /// If the job's newest gate on the host has failed or was cancelled, the next generation opens, and the old
    /// one does not change. Without this setting, the answer is the ended gate.
    #[must_use]
    pub const fn with_retry(mut self) -> Self {
        self.retry = true;
        self
    }

    /// Makes the gate report-only: it records what it would have done and proceeds.
    #[must_use]
    pub const fn with_report_only(mut self) -> Self {
        self.report_only = true;
        self
    }
}

/// What limits a gate's wait.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum WindowKind {
    /// A maintenance window.
    Maintenance,
    /// The maximum wait of an immediate job.
    Immediate,
}
