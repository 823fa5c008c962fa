//! `RolloutStore` in memory.

use async_trait::async_trait;

use super::MemoryStore;
use crate::{
    model::{AuditEntry, JobId, Rollout, RolloutPolicy, RolloutStatus, RolloutStep},
    store::{RolloutStore, StoreError, transition},
};

#[async_trait]
impl RolloutStore for MemoryStore {
    async fn open_rollout(
        &self,
        job: JobId,
        hosts: u32,
        policy: RolloutPolicy,
    ) -> Result<Rollout, StoreError> {
        let mut state = self.lock();
        let rollout = Rollout::open(job, hosts, policy, self.time());
        Ok(state.rollouts.entry(job).or_insert(rollout).clone())
    }

    async fn rollouts(&self, jobs: &[JobId]) -> Result<Vec<RolloutStatus>, StoreError> {
        let state = self.lock();
        let now = self.time();
        Ok(jobs.iter().filter_map(|job| state.rollout_of(*job, now)).collect())
    }

    async fn settle_rollout(
        &self,
        job: JobId,
        seen: i64,
        step: RolloutStep,
    ) -> Result<bool, StoreError> {
        let mut state = self.lock();
        let rollout = state.rollouts.get_mut(&job).filter(|rollout| rollout.revision == seen);
        let Some(rollout) = rollout else { return Ok(false) };
        transition::settle_rollout(rollout, step);
        Ok(true)
    }

    async fn resume_rollout(&self, job: JobId, audit: AuditEntry) -> Result<Rollout, StoreError> {
        let mut state = self.lock();
        let status = state.rollout_of(job, self.time()).ok_or(StoreError::NotFound)?;
        let resumed = transition::resume_rollout(&status)?;
        let entry = self.audit(audit)?;
        state.audit.push(entry);
        state.rollouts.insert(job, resumed.clone());
        Ok(resumed)
    }
}
