//! Whether an override still counts (G26, F40).

use std::fmt::Debug;

use async_trait::async_trait;

use super::source::SourceError;
use crate::model::GateRecord;

/// Says whether whoever gave an override still has the right to.
///
/// Asked at every look, for all waiting gates with an override at once. A refused override lets
/// nothing pass; it is audited and noted on its gate once, and counts again should the right come
/// back before it expires.
///
/// Contract:
/// - Answer for each gate, in their order, from the rights that hold now. The record's
///   [`exception`](GateRecord::exception) names the actor.
/// - An error means "cannot tell": the override does not count at this look.
/// - Dropping a call must have no effect.
#[async_trait]
pub trait OverrideRights: Debug + Send + Sync + 'static {
    /// Whether the overrides of these gates count.
    async fn may_override(&self, gates: &[&GateRecord]) -> Result<Vec<bool>, SourceError>;
}

/// Every override counts until it expires: for applications where rights do not change, or that take
/// overrides back themselves.
#[derive(Clone, Copy, Debug, Default)]
pub struct AllowOverrides;

#[async_trait]
impl OverrideRights for AllowOverrides {
    async fn may_override(&self, gates: &[&GateRecord]) -> Result<Vec<bool>, SourceError> {
        Ok(vec![true; gates.len()])
    }
}
