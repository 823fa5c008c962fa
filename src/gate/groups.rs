//! Setting availability groups and reading their status.

use super::handle::{Gate, GateError};
use crate::{
    model::{AvailabilityGroup, GroupStatus, HostId},
    store::StoreError,
};

impl Gate {
    /// Replaces all availability groups with these.
    ///
    /// From then on, the store refuses to spend a member's pass while the allowed number of other members is
    /// down or under change. This applies to every job (R7).
    ///
    /// Call it at start, and whenever limits or members change. A [`Poller`](crate::checks::Poller), or
    /// another runner, must run the checks of members: a member with old results counts as down.
    ///
    /// # Errors
    /// [`GateError::Invalid`] if a group is invalid, or if two groups have the same name.
    pub async fn set_groups(&self, groups: Vec<AvailabilityGroup>) -> Result<(), GateError> {
        AvailabilityGroup::validate(&groups)?;
        self.store.put_groups(groups).await?;
        self.nudge();
        Ok(())
    }

    /// Returns the current status of these hosts' availability groups, ordered by name.
    ///
    /// # Errors
    /// Fails if the store fails.
    pub async fn groups_of(&self, hosts: &[HostId]) -> Result<Vec<GroupStatus>, StoreError> {
        self.store.groups_of(hosts).await
    }
}
