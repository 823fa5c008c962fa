//! Availability groups limit how many of their members may be unavailable.

use std::collections::BTreeSet;

use async_trait::async_trait;
use healthgate::{
    model::{AvailabilityGroup, GateState, GroupStatus, HostId, is_unavailable},
    store::{GroupStore, StoreError},
};

use super::{
    CustomStore,
    world::{Instant, World},
};

#[async_trait]
impl GroupStore for CustomStore {
    async fn put_groups(&self, mut groups: Vec<AvailabilityGroup>) -> Result<(), StoreError> {
        groups.sort_by(|one, other| one.name.cmp(&other.name));
        self.write(|world, _| {
            world.groups = groups;
            Ok(())
        })
    }

    async fn groups_of(&self, hosts: &[HostId]) -> Result<Vec<GroupStatus>, StoreError> {
        Ok(self.read(|world, now| world.groups_of(hosts, now)))
    }
}

impl World {
    /// Returns the groups that any of these hosts belongs to, ordered by name.
    pub(super) fn groups_of(&self, hosts: &[HostId], now: Instant) -> Vec<GroupStatus> {
        let asked: BTreeSet<HostId> = hosts.iter().copied().collect();
        let status = |group: &AvailabilityGroup| GroupStatus {
            name: group.name.clone(),
            max_unavailable: group.max_unavailable,
            members: &group.members & &asked,
            unavailable: members(group, |host| {
                let views = self.views(host, now, group.stale_after);
                is_unavailable(&views, self.newest_change(host), now)
            }),
            passed: members(group, |host| {
                let mut gates = self.gates.iter().map(|row| &row.record);
                gates.any(|gate| gate.host_id == host && gate.state == GateState::Passed)
            }),
        };
        let concerned = self.groups.iter().filter(|group| !group.members.is_disjoint(&asked));
        concerned.map(status).collect()
    }
}

fn members(group: &AvailabilityGroup, chosen: impl Fn(HostId) -> bool) -> BTreeSet<HostId> {
    group.members.iter().copied().filter(|host| chosen(*host)).collect()
}
