//! Why a job's hosts wait.

use serde::Serialize;
use utoipa::ToSchema;

use crate::gate::explain::ExplanationGroup;

/// The waiting hosts of a job, grouped by what they wait for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct ExplanationList {
    /// The groups, largest first.
    pub groups: Vec<ExplanationGroup>,
    /// The number of waiting hosts.
    pub total: usize,
}
