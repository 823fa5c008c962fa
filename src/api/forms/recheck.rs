//! The same checks again, after the patch.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::EvidenceForm;
use crate::{
    gate::{Recheck, RecheckChange, Rechecked},
    model::{CheckId, HostId, JobId, instant},
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
    pub checks: Vec<RecheckedForm>,
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
            checks: recheck.checks.into_iter().map(RecheckedForm::from).collect(),
        }
    }
}

/// One check or condition before the patch and after it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = Rechecked)]
pub struct RecheckedForm {
    /// The check; `null` for a condition of the application's own.
    #[schema(required)]
    pub check_id: Option<CheckId>,
    /// The name, as it is after the patch where it still exists.
    pub name: String,
    /// What was known when the pass was given; `null` where it was not required then.
    #[schema(required)]
    pub was: Option<EvidenceForm>,
    /// What came out after the patch; `null` where it is not required any more.
    #[schema(required)]
    pub now: Option<EvidenceForm>,
    /// What that makes.
    pub change: RecheckChange,
}

impl From<Rechecked> for RecheckedForm {
    fn from(one: Rechecked) -> Self {
        Self {
            check_id: one.check_id,
            name: one.name,
            was: one.was.map(EvidenceForm::from),
            now: one.now.map(EvidenceForm::from),
            change: one.change,
        }
    }
}
