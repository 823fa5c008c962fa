//! Rollouts: the stages in which a job patches its hosts.

use async_trait::async_trait;
use healthgate::{
    model::{
        AuditEntry, GateState, JobId, Rollout, RolloutCounts, RolloutPolicy, RolloutStatus,
        RolloutStep,
    },
    store::{RolloutStore, StoreError, transition},
};

use super::{
    CustomStore,
    world::{Instant, World},
};

#[async_trait]
impl RolloutStore for CustomStore {
    async fn open_rollout(
        &self,
        job: JobId,
        hosts: u32,
        policy: RolloutPolicy,
    ) -> Result<Rollout, StoreError> {
        self.write(|world, now| {
            let rollout = Rollout::open(job, hosts, policy, now);
            Ok(world.rollouts.entry(job).or_insert(rollout).clone())
        })
    }

    async fn rollouts(&self, jobs: &[JobId]) -> Result<Vec<RolloutStatus>, StoreError> {
        Ok(self
            .read(|world, now| jobs.iter().filter_map(|job| world.rollout_of(*job, now)).collect()))
    }

    async fn settle_rollout(
        &self,
        job: JobId,
        seen: i64,
        step: RolloutStep,
    ) -> Result<bool, StoreError> {
        self.write(|world, _| {
            let rollout = world.rollouts.get_mut(&job).filter(|rollout| rollout.revision == seen);
            let Some(rollout) = rollout else { return Ok(false) };
            transition::settle_rollout(rollout, step);
            Ok(true)
        })
    }

    async fn resume_rollout(&self, job: JobId, audit: AuditEntry) -> Result<Rollout, StoreError> {
        self.write(|world, now| {
            let status = world.rollout_of(job, now).ok_or(StoreError::NotFound)?;
            let resumed = transition::resume_rollout(&status)?;
            world.rollouts.insert(job, resumed.clone());
            self.audit(world, now, audit)?;
            Ok(resumed)
        })
    }
}

impl World {
    /// Returns the rollout of a job with the counts of its hosts.
    pub(super) fn rollout_of(&self, job: JobId, now: Instant) -> Option<RolloutStatus> {
        let rollout = self.rollouts.get(&job)?.clone();
        let of_job = self.gates.iter().filter(|row| row.record.job_id == job);
        let passed = of_job.filter(|row| row.record.state == GateState::Passed).count();
        let passed = u32::try_from(passed).unwrap_or(u32::MAX);
        let changes = self.host_changes.iter().filter(|change| change.job_id == job);
        Some(RolloutStatus { rollout, counts: RolloutCounts::of(changes, passed, now) })
    }

    /// Returns whether a job has a rollout and an unfinished gate.
    pub(super) fn rolls_out(&self, job: JobId) -> bool {
        let mut gates = self.gates.iter().filter(|row| row.record.job_id == job);
        self.rollouts.contains_key(&job) && gates.any(|row| !row.record.state.is_terminal())
    }
}
