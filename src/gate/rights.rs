//! The right of an override's author (G26, F40).

use std::fmt::Debug;

use async_trait::async_trait;

use super::source::SourceError;
use crate::model::GateRecord;

/// Decides whether the author of an override still has the right to give it.
///
/// The gate runner asks at every look, for all waiting gates with an override at once. A refused override has
/// no effect; the runner audits the refusal and notes it on the gate once. The override counts again if its
/// author regains the right before it expires.
///
/// Contract:
/// - Answer for each gate, in order, from the current rights. The record's
///   [`exception`](GateRecord::exception) names the actor.
/// - An error means "unknown": the override does not count at this look.
/// - Dropping a call has no effect.
#[async_trait]
pub trait OverrideRights: Debug + Send + Sync + 'static {
    /// Returns whether the override of each of these gates counts.
    async fn may_override(&self, gates: &[&GateRecord]) -> Result<Vec<bool>, SourceError>;
}

/// Lets every override count until it expires.
///
/// Use it in an application whose rights do not change, or that removes overrides itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct AllowOverrides;

#[async_trait]
impl OverrideRights for AllowOverrides {
    async fn may_override(&self, gates: &[&GateRecord]) -> Result<Vec<bool>, SourceError> {
        Ok(vec![true; gates.len()])
    }
}
