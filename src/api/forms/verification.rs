//! How a host stands after its change.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::model::{HostChange, VerificationState, VerifiedCheck, instant};

/// How a host stands since its change, against the pass on which it was changed.
///
/// No route of this API answers with it: an application shows it with its jobs. The document describes
/// it for the clients of both.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = Verification)]
pub struct VerificationForm {
    /// Whether it goes on, or how it ended.
    pub state: VerificationState,
    /// Where it stands, in one line.
    pub detail: String,
    /// When the change ended, and the verification began.
    #[serde(with = "instant::option")]
    #[schema(required)]
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended; `null` while it goes on.
    #[serde(with = "instant::option")]
    #[schema(required)]
    pub ended_at: Option<DateTime<Utc>>,
    /// When the newest run of the checks started; `null` before.
    #[serde(with = "instant::option")]
    #[schema(required)]
    pub checked_at: Option<DateTime<Utc>>,
    /// How often the checks were run.
    pub runs: u32,
    /// For so many seconds after the change nothing counted against the host.
    pub settle_secs: u64,
    /// So many seconds the checks had to stay healthy.
    pub soak_secs: u64,
    /// It ended so many seconds after the change at the latest.
    pub deadline_secs: u64,
    /// Each check of the host, and then those of the pass that are no more.
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
