//! How a host stands after its change.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::model::{HostChange, VerificationState, VerifiedCheck, instant};

/// The comparison of a host after its change with the pass that allowed the change.
///
/// No route of this API returns it: an application shows it with its jobs. The document describes it for
/// the clients of both.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = Verification)]
pub struct VerificationForm {
    /// Whether it is running, or how it ended.
    pub state: VerificationState,
    /// The current situation in one line.
    pub detail: String,
    /// When the change ended and the verification began.
    #[serde(with = "instant::option")]
    #[schema(required)]
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended. `null` while it is running.
    #[serde(with = "instant::option")]
    #[schema(required)]
    pub ended_at: Option<DateTime<Utc>>,
    /// When the newest run of the checks started. `null` before the first run.
    #[serde(with = "instant::option")]
    #[schema(required)]
    pub checked_at: Option<DateTime<Utc>>,
    /// The number of runs of the checks.
    pub runs: u32,
    /// The number of seconds after the change in which failures did not count.
    pub settle_secs: u64,
    /// The number of seconds for which the checks had to stay healthy.
    pub soak_secs: u64,
    /// The maximum number of seconds from the change to the verdict.
    pub deadline_secs: u64,
    /// Each check of the host, followed by the pass's checks that no longer exist.
    pub checks: Vec<VerifiedCheck>,
}

impl VerificationForm {
    /// Returns the verification of a change, if one was requested.
    #[must_use]
    pub fn of(change: HostChange) -> Option<Self> {
        let verification = change.verification?;
        Some(Self {
            state: verification.state,
            detail: verification.detail,
            started_at: change.ended_at,
            ended_at: verification.ended_at,
            checked_at: verification.last_run_at,
            runs: verification.runs,
            settle_secs: verification.policy.settle.as_secs(),
            soak_secs: verification.policy.soak.as_secs(),
            deadline_secs: verification.policy.deadline.as_secs(),
            checks: verification.checks,
        })
    }
}
