//! Availability groups limit how many of their members may be unavailable (R7, R8).

use std::fmt::Debug;

use async_trait::async_trait;

use super::StoreError;
use crate::model::{AvailabilityGroup, GroupStatus, HostId};

/// Stores availability groups.
///
/// Contract:
/// - [`spend_pass`](super::GateStore::spend_pass) calls
///   [`transition::admit_to_groups`](super::transition::admit_to_groups) in the spending step, after the
///   rollout. It first locks every group of the host in the order of their names, so that spendings in one
///   group are serialized. No gate is spared, not even an exempt one.
/// - [`is_unavailable`](crate::model::is_unavailable) decides which members are unavailable, from the
///   store's data at that instant.
#[async_trait]
pub trait GroupStore: Debug + Send + Sync + 'static {
    /// Replaces all groups and their members with these, in one step.
    async fn put_groups(&self, groups: Vec<AvailabilityGroup>) -> Result<(), StoreError>;

    /// Returns the current status of each group that any of these hosts belongs to, ordered by name.
    async fn groups_of(&self, hosts: &[HostId]) -> Result<Vec<GroupStatus>, StoreError>;
}
