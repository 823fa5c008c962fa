//! The gates that may pass in this look, by the free places of rollouts and groups (R3).

use std::collections::HashMap;

use super::{groups::GroupPlaces, held::HeldGate, rollouts::Rations};
use crate::{
    model::{GateId, Hold, StoreTime},
    store::{JobStore, StoreError},
};

/// The free places of the jobs' rollouts and the hosts' groups in this look.
pub(super) struct Places {
    rollouts: Rations,
    groups: GroupPlaces,
}

impl Places {
    /// Reads the rollouts and groups of these gates, and advances the rollouts.
    ///
    /// # Errors
    /// Fails if the store fails.
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

    /// Returns the hold of this gate; `None` if it may pass.
    pub(super) fn hold(&self, held: &HeldGate) -> Option<Hold> {
        self.rollouts.hold(held).or_else(|| self.groups.hold(held.record.host_id))
    }

    /// Takes a place for a gate that would pass now. Returns its hold if there is no place.
    pub(super) fn take(&mut self, held: &HeldGate) -> Option<Hold> {
        let hold = self.hold(held);
        if hold.is_none() {
            self.rollouts.take(held);
            self.groups.take(held.record.host_id);
        }
        hold
    }
}
