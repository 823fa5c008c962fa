//! What an application does with availability groups: sets them, and reads how they stand.

use super::handle::{Gate, GateError};
use crate::{
    model::{AvailabilityGroup, GroupStatus, HostId},
    store::StoreError,
};

impl Gate {
    /// Replaces all availability groups by these. From then on no pass of a member is spent while as many
    /// of the others as allowed are down or under change, whichever job the pass is of (R7).
    ///
    /// Call it at start, and whenever limits or members change. Members with checks need somebody who runs
    /// these, such as a [`Poller`](crate::checks::Poller): a member whose results are old counts as down.
    ///
    /// # Errors
    /// [`GateError::Invalid`] where a group makes no sense, or two have one name.
    pub async fn set_groups(&self, groups: Vec<AvailabilityGroup>) -> Result<(), GateError> {
        AvailabilityGroup::validate(&groups)?;
        self.store.put_groups(groups).await?;
        self.nudge();
        Ok(())
    }

    /// The availability groups of these hosts, as they stand now, by name.
    ///
    /// # Errors
    /// The store's.
    pub async fn groups_of(&self, hosts: &[HostId]) -> Result<Vec<GroupStatus>, StoreError> {
        self.store.groups_of(hosts).await
    }
}
