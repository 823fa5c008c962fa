//! The same checks again, after the patch.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    gate::{Recheck, Rechecked},
    model::{HostId, JobId, instant},
};

/// What the checks of a host said after the patch, against the pass on which it was patched.
///
/// No route of this API answers with it: an application keeps it with its jobs and shows it in their
/// form. The document describes it for the clients of both.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = Recheck)]
pub struct RecheckForm {
    /// The job.
    pub job_id: JobId,
    /// The host.
    pub host_id: HostId,
    /// When the checks were run.
    #[serde(with = "instant")]
    pub checked_at: DateTime<Utc>,
    /// Each check and condition of the host, and then those of the pass that are no more.
    pub checks: Vec<Rechecked>,
    /// Whether anything fails that did not fail before.
    pub is_worse: bool,
}

impl From<Recheck> for RecheckForm {
    fn from(recheck: Recheck) -> Self {
        Self {
            job_id: recheck.job_id,
            host_id: recheck.host_id,
            checked_at: recheck.checked_at,
            is_worse: recheck.is_worse(),
            checks: recheck.checks,
        }
    }
}
