//! Availability groups: how many of their members may be unavailable (R7, R8).

use std::fmt::Debug;

use async_trait::async_trait;

use super::StoreError;
use crate::model::{AvailabilityGroup, GroupStatus, HostId};

/// Availability groups.
///
/// Contract:
/// - [`spend_pass`](super::GateStore::spend_pass) asks
///   [`transition::admit_to_groups`](super::transition::admit_to_groups) in the step that spends, after
///   the rollout, with every group of the host locked in the order of their names, so that two spendings
///   of one group follow each other. No gate is spared, exempt ones neither.
/// - Which members are unavailable is judged by [`is_unavailable`](crate::model::is_unavailable), from what
///   the store holds at that instant.
#[async_trait]
pub trait GroupStore: Debug + Send + Sync + 'static {
    /// Replaces all groups and their members by these, in one step.
    async fn put_groups(&self, groups: Vec<AvailabilityGroup>) -> Result<(), StoreError>;

    /// The groups that any of these hosts belongs to, as they stand now, by name.
    async fn groups_of(&self, hosts: &[HostId]) -> Result<Vec<GroupStatus>, StoreError>;
}
