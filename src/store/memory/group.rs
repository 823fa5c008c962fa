//! `GroupStore` in memory.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::{MemoryStore, state::State};
use crate::{
    model::{AvailabilityGroup, GateState, GroupStatus, HostId, StoreTime, is_unavailable},
    store::{GroupStore, StoreError},
};

impl State {
    /// Returns the groups that any of these hosts belongs to, ordered by name.
    pub(super) fn groups_of(&self, hosts: &[HostId], now: StoreTime) -> Vec<GroupStatus> {
        let asked: BTreeSet<HostId> = hosts.iter().copied().collect();
        let concerned = self.groups.values().filter(|group| !group.members.is_disjoint(&asked));
        let status = |group: &AvailabilityGroup| GroupStatus {
            name: group.name.clone(),
            max_unavailable: group.max_unavailable,
            members: &group.members & &asked,
            unavailable: members(group, |host| {
                let views = self.views(host, now, group.stale_after);
                is_unavailable(&views, self.newest_change_of(host), now.at)
            }),
            passed: members(group, |host| {
                let ids = [false, true].map(|exempt| self.unfinished.get(&(host, exempt)));
                let mut gates = ids.into_iter().flatten().filter_map(|id| self.gates.get(id));
                gates.any(|row| row.record.state == GateState::Passed)
            }),
        };
        concerned.map(status).collect()
    }
}

fn members(group: &AvailabilityGroup, chosen: impl Fn(HostId) -> bool) -> BTreeSet<HostId> {
    group.members.iter().copied().filter(|host| chosen(*host)).collect()
}

#[async_trait]
impl GroupStore for MemoryStore {
    async fn put_groups(&self, groups: Vec<AvailabilityGroup>) -> Result<(), StoreError> {
        let groups = groups.into_iter().map(|group| (group.name.clone(), group));
        self.lock().groups = groups.collect();
        Ok(())
    }

    async fn groups_of(&self, hosts: &[HostId]) -> Result<Vec<GroupStatus>, StoreError> {
        let state = self.lock();
        Ok(state.groups_of(hosts, self.time_in(&state)))
    }
}
