//! Checks availability groups: no more members than allowed are down or under change when a pass is spent
//! (R7, R8).

use std::collections::BTreeSet;

use healthgate::model::{AvailabilityGroup, GateRecord, HostId};

use super::{Checker, Named};
use crate::history::Event;

impl Checker {
    pub(crate) fn groups_were_put(&mut self, groups: Vec<AvailabilityGroup>) {
        self.count(Event::GroupsChanged);
        self.groups = groups;
    }

    /// Returns the groups of a host.
    pub(crate) fn groups_with(&self, host: HostId) -> Vec<AvailabilityGroup> {
        let own = self.groups.iter().filter(|group| group.members.contains(&host));
        own.cloned().collect()
    }

    /// Checks a spent pass against the host's groups, given the members whose checks failed.
    pub(crate) fn group_had_a_place(
        &mut self,
        gate: &GateRecord,
        group: &AvailabilityGroup,
        down: &BTreeSet<HostId>,
    ) {
        let others = group.members.iter().filter(|host| **host != gate.host_id);
        let unavailable = others.filter(|host| down.contains(host) || self.is_changing(**host));
        let unavailable = unavailable.count();
        if unavailable >= group.max_unavailable as usize {
            let name = Named(gate.job_id, gate.host_id);
            let most = group.max_unavailable;
            let what = format!("{name}: {unavailable} of {most} of {} are", group.name);
            self.broken("R7: no more of a group are unavailable than may be", what);
        }
    }

    /// Returns whether a host is certainly being changed or verified.
    fn is_changing(&self, host: HostId) -> bool {
        let running = self.changes.get(&host).is_some_and(|account| account.is_running(self.now()));
        running || self.is_being_verified(host)
    }
}
