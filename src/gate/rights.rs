//! Whether an override still counts (G26, F40).

use std::fmt::Debug;

use async_trait::async_trait;

use super::source::SourceError;
use crate::model::GateRecord;

/// Says whether the author of an override still has the right to give it.
///
/// The gate runner asks at every look, for all waiting gates with an override at once. A refused override has
/// no effect. The refusal is audited and noted on the gate once, and the override counts again if its author
/// regains the right before it expires.
///
/// Contract:
/// - Answer for each gate, in their order, from the rights that hold now. The record's
///   [`exception`](GateRecord::exception) names the actor.
/// - An error means "cannot tell": the override does not count at this look.
/// - Dropping a call must have no effect.
#[async_trait]
pub trait OverrideRights: Debug + Send + Sync + 'static {
    /// Returns whether the override of each of these gates counts.
    async fn may_override(&self, gates: &[&GateRecord]) -> Result<Vec<bool>, SourceError>;
}

/// Lets every override count until it expires: for applications whose rights do not change, or that revoke
/// overrides themselves.
#[derive(Clone, Copy, Debug, Default)]
pub struct AllowOverrides;

#[async_trait]
impl OverrideRights for AllowOverrides {
    async fn may_override(&self, gates: &[&GateRecord]) -> Result<Vec<bool>, SourceError> {
        Ok(vec![true; gates.len()])
    }
}
