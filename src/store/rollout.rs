//! Rollouts limit how many of a job's hosts may be changed at once (R1 to R6).

use std::fmt::Debug;

use async_trait::async_trait;

use super::StoreError;
use crate::model::{AuditEntry, JobId, Rollout, RolloutPolicy, RolloutStatus, RolloutStep};

/// Stores rollouts.
///
/// Contract:
/// - A job has at most one rollout. Open it before the job's first gate.
/// - [`spend_pass`](super::GateStore::spend_pass) calls [`transition::admit`](super::transition::admit) in
///   the spending step, with the rollout locked, so that spendings of one job are serialized. Exempt gates
///   skip this.
/// - A step counts only if the rollout still has the [`revision`](Rollout::revision) that was read.
/// - The gates and changes of a job stay while its rollout has an unfinished gate.
///   [`prune_gates`](super::GateStore::prune_gates) deletes a rollout by age, after the last gate of its
///   job.
#[async_trait]
pub trait RolloutStore: Debug + Send + Sync + 'static {
    /// Opens the rollout of a job over `hosts` hosts, or returns the existing one.
    async fn open_rollout(
        &self,
        job: JobId,
        hosts: u32,
        policy: RolloutPolicy,
    ) -> Result<Rollout, StoreError>;

    /// Returns the rollouts of these jobs with the counts of their hosts, in no order. Jobs without a
    /// rollout are left out.
    async fn rollouts(&self, jobs: &[JobId]) -> Result<Vec<RolloutStatus>, StoreError>;

    /// Applies a step if the rollout still has the revision `seen`. Returns whether it had.
    async fn settle_rollout(
        &self,
        job: JobId,
        seen: i64,
        step: RolloutStep,
    ) -> Result<bool, StoreError>;

    /// Resumes a halted rollout. Earlier failures no longer count.
    ///
    /// # Errors
    /// Fails with [`StoreError::NotFound`], or with [`StoreError::InvalidState`] if the rollout is not
    /// halted.
    async fn resume_rollout(&self, job: JobId, audit: AuditEntry) -> Result<Rollout, StoreError>;
}
