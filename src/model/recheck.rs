//! The comparison of a check before and after a change of its host.

use serde::{Deserialize, Serialize};

use super::{gate::Evidence, ids::CheckId};

/// A check or condition before and after the change.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct Rechecked {
    /// The check; `None` for a condition that the application defines.
    #[cfg_attr(feature = "api", schema(required))]
    pub check_id: Option<CheckId>,
    /// The name: the present one if the check still exists.
    pub name: String,
    /// The evidence when the pass was given; `None` if it was not required then.
    #[cfg_attr(feature = "api", schema(required))]
    pub was: Option<Evidence>,
    /// The present evidence; `None` if it is no longer required.
    #[cfg_attr(feature = "api", schema(required))]
    pub now: Option<Evidence>,
    /// The comparison of the two.
    pub change: RecheckChange,
}

/// The change of a check between two runs.
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
