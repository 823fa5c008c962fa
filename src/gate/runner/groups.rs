//! The availability groups of the hosts of a runner's gates. Each look lets only as many gates pass as the
//! groups have places (R3, R7).

use std::collections::{BTreeSet, HashMap};

use super::held::HeldGate;
use crate::{
    model::{GateId, GroupStatus, Hold, HostId},
    store::{JobStore, StoreError},
};

/// The free places of these gates' groups in this look.
#[derive(Default)]
pub(super) struct GroupPlaces {
    groups: Vec<(GroupStatus, BTreeSet<HostId>)>,
    of: HashMap<HostId, Vec<usize>>,
}

impl GroupPlaces {
    /// Reads the groups of these gates' hosts. Members with a pass or a running attempt are about to be
    /// changed, so they take a place.
    ///
    /// # Errors
    /// Fails if the store fails.
    pub(super) async fn read(
        store: &dyn JobStore,
        held: &HashMap<GateId, HeldGate>,
        due: &[GateId],
    ) -> Result<Self, StoreError> {
        let trying = held.values().filter(|held| held.running.is_some());
        let trying: BTreeSet<HostId> = trying.map(|held| held.record.host_id).collect();
        let mut asked = trying.clone();
        asked.extend(due.iter().filter_map(|id| held.get(id)).map(|held| held.record.host_id));
        let mut places = Self::default();
        if asked.is_empty() {
            return Ok(places);
        }
        let asked: Vec<HostId> = asked.into_iter().collect();
        for status in store.groups_of(&asked).await? {
            for member in &status.members {
                places.of.entry(*member).or_default().push(places.groups.len());
            }
            let mut taken = &status.unavailable | &status.passed;
            taken.extend(trying.intersection(&status.members));
            places.groups.push((status, taken));
        }
        Ok(places)
    }

    /// Returns the hold of a host; `None` if each of its groups has a place for it.
    pub(super) fn hold(&self, host: HostId) -> Option<Hold> {
        let groups = self.of.get(&host)?.iter().filter_map(|index| self.groups.get(*index));
        groups.filter_map(|(status, taken)| status.hold(host, taken)).next()
    }

    /// Takes a place for a host in each of its groups.
    pub(super) fn take(&mut self, host: HostId) {
        for index in self.of.get(&host).into_iter().flatten() {
            if let Some((_, taken)) = self.groups.get_mut(*index) {
                taken.insert(host);
            }
        }
    }
}
