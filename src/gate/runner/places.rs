//! Who may go in this look: what the rollouts and the groups have left (R3).

use std::collections::HashMap;

use super::{groups::GroupPlaces, held::HeldGate, rollouts::Rations};
use crate::{
    model::{GateId, Hold, StoreTime},
    store::{JobStore, StoreError},
};

/// What the rollouts of the jobs and the groups of the hosts have left in this look.
pub(super) struct Places {
    rollouts: Rations,
    groups: GroupPlaces,
}

impl Places {
    /// Reads what concerns these gates, and takes the rollouts forward.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn read(
        store: &dyn JobStore,
        held: &mut HashMap<GateId, HeldGate>,
        due: &[GateId],
        now: StoreTime,
        suspect: bool,
    ) -> Result<Self, StoreError> {
        let rollouts = Rations::read(store, held, due, now, suspect).await?;
        Ok(Self { rollouts, groups: GroupPlaces::read(store, held, due).await? })
    }

    /// What keeps this gate from going; `None` where it may.
    pub(super) fn hold(&self, held: &HeldGate) -> Option<Hold> {
        self.rollouts.hold(held).or_else(|| self.groups.hold(held.record.host_id))
    }

    /// Takes a place for a gate that would go now; answers with what it waits for where there is none.
    pub(super) fn take(&mut self, held: &HeldGate) -> Option<Hold> {
        let hold = self.hold(held);
        if hold.is_none() {
            self.rollouts.take(held);
            self.groups.take(held.record.host_id);
        }
        hold
    }
}
