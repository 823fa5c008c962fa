//! The comparison of a check before and after a change of its host.

use serde::{Deserialize, Serialize};

use super::{gate::Evidence, ids::CheckId};

/// One check or condition before and after.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct Rechecked {
    /// The check; `None` for a condition that the application defines.
    #[cfg_attr(feature = "api", schema(required))]
    pub check_id: Option<CheckId>,
    /// The name, as it is now where it still exists.
    pub name: String,
    /// What was known when the pass was given; `None` where it was not required then.
    #[cfg_attr(feature = "api", schema(required))]
    pub was: Option<Evidence>,
    /// What came out now; `None` where it is not required any more.
    #[cfg_attr(feature = "api", schema(required))]
    pub now: Option<Evidence>,
    /// What that makes.
    pub change: RecheckChange,
}

/// What became of a check.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RecheckChange {
    /// Healthy before and now.
    Same,
    /// Healthy before, failing now.
    Broke,
    /// Failing before (with an override, or a gate that did not block), healthy now.
    Mended,
    /// Failing before and now, not necessarily for the same reason.
    StillFailing,
    /// Unknown when the pass was given: it was not required, or had not run.
    New,
    /// No longer required: deleted or disabled.
    Gone,
}
