//! The rollouts of the jobs of a runner's gates. Each look advances them, and lets only as many gates pass as
//! they have places (R1 to R3).

use std::collections::{BTreeMap, HashMap, HashSet};

use tracing::{info, warn};

use super::held::HeldGate;
use crate::{
    gate::rollout::{RolloutAction, RolloutInput, decide, no_slot},
    model::{GateId, Hold, JobId, RolloutCounts, RolloutStatus, RolloutStep, StoreTime},
    store::{JobStore, StoreError, transition},
};

/// The number of gates of one job that may pass in this look.
struct Ration {
    free: u32,
    /// The hold of the other gates.
    hold: Hold,
}

/// The number of gates that may pass in this look, for each job with a rollout.
#[derive(Default)]
pub(super) struct Rations(HashMap<JobId, Ration>);

impl Rations {
    /// Reads and advances the rollouts of these gates' jobs, and counts the gates that may pass.
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
        let asked = due.iter().filter_map(|id| held.get(id));
        let asked = asked.filter(|held| held.in_rollout != Some(false) && !held.record.exempt);
        let jobs: HashSet<JobId> = asked.map(|held| held.record.job_id).collect();
        if jobs.is_empty() {
            return Ok(Self::default());
        }
        let asked: Vec<JobId> = jobs.iter().copied().collect();
        let found = store.rollouts(&asked).await?;
        let known: HashSet<JobId> = found.iter().map(|status| status.rollout.job_id).collect();
        let mut trying: BTreeMap<JobId, u32> = BTreeMap::new();
        for held in held.values_mut() {
            let job = held.record.job_id;
            if jobs.contains(&job) {
                held.in_rollout = Some(known.contains(&job));
            }
            if held.running.is_some() {
                *trying.entry(job).or_default() += 1;
            }
        }
        let mut rations = HashMap::new();
        for status in found {
            let job = status.rollout.job_id;
            let ration = take_forward(store, status, now, suspect).await?;
            let trying = trying.get(&job).copied().unwrap_or(0);
            rations.insert(job, Ration { free: ration.free.saturating_sub(trying), ..ration });
        }
        Ok(Self(rations))
    }

    /// Returns the hold of all gates of this gate's job; `None` if some may pass.
    pub(super) fn hold(&self, held: &HeldGate) -> Option<Hold> {
        let ration = self.of(held)?;
        (ration.free == 0).then(|| ration.hold.clone())
    }

    /// Takes a place for a gate that passes now.
    pub(super) fn take(&mut self, held: &HeldGate) {
        let ration = self.0.get_mut(&held.record.job_id).filter(|_| !held.record.exempt);
        if let Some(ration) = ration {
            ration.free = ration.free.saturating_sub(1);
        }
    }

    fn of(&self, held: &HeldGate) -> Option<&Ration> {
        self.0.get(&held.record.job_id).filter(|_| !held.record.exempt)
    }
}

/// Advances a rollout until it admits hosts or holds them.
async fn take_forward(
    store: &dyn JobStore,
    status: RolloutStatus,
    now: StoreTime,
    suspect: bool,
) -> Result<Ration, StoreError> {
    let RolloutStatus { mut rollout, counts } = status;
    loop {
        let input = RolloutInput {
            now: now.at,
            clock_suspect: suspect,
            rollout: &rollout,
            counts: &counts,
        };
        let step = match decide(&input) {
            RolloutAction::Go { free } => {
                return Ok(Ration { free, hold: no_slot(&rollout, &counts) });
            }
            RolloutAction::Hold(hold) => return Ok(Ration { free: 0, hold }),
            RolloutAction::Step(step) => step,
        };
        let job = rollout.job_id;
        if !store.settle_rollout(job, rollout.revision, step.clone()).await? {
            // Another worker was first: the next look reads its result.
            return Ok(Ration { free: 0, hold: no_slot(&rollout, &counts) });
        }
        tell(job, &step, &counts);
        transition::settle_rollout(&mut rollout, step);
    }
}

fn tell(job: JobId, step: &RolloutStep, counts: &RolloutCounts) {
    match step {
        RolloutStep::Advance { stage } => {
            info!(%job, stage = stage + 1, spent = counts.spent, "the next stage of a rollout begins");
        }
        RolloutStep::Halt { reason } => warn!(%job, reason, "a rollout is halted"),
    }
}
