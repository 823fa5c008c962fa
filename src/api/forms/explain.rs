//! Why a job's hosts wait.

use serde::Serialize;
use utoipa::ToSchema;

use crate::gate::explain::ExplanationGroup;

/// The hosts of a job that wait, by what they wait for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct ExplanationList {
    /// The largest first.
    pub groups: Vec<ExplanationGroup>,
    /// How many hosts wait.
    pub total: usize,
}
