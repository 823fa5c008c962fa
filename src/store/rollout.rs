//! Rollouts: how many of a job's hosts may be changed (R1 to R6).

use std::fmt::Debug;

use async_trait::async_trait;

use super::StoreError;
use crate::model::{AuditEntry, JobId, Rollout, RolloutPolicy, RolloutStatus, RolloutStep};

/// Rollouts.
///
/// Contract:
/// - A job has at most one. Open it before the job's first gate.
/// - [`spend_pass`](super::GateStore::spend_pass) asks
///   [`transition::admit`](super::transition::admit) in the step that spends, with the rollout locked, so
///   that two spendings of one job follow each other. Exempt gates are not asked.
/// - A step counts only where the rollout is as it was read, by its
///   [`revision`](Rollout::revision).
/// - The gates and changes of a job stay for as long as its rollout has an unfinished gate. A rollout
///   leaves by age with [`prune_gates`](super::GateStore::prune_gates), after the last gate of its job.
#[async_trait]
pub trait RolloutStore: Debug + Send + Sync + 'static {
    /// Opens the rollout of a job over `hosts` hosts, or answers with the one there is.
    async fn open_rollout(
        &self,
        job: JobId,
        hosts: u32,
        policy: RolloutPolicy,
    ) -> Result<Rollout, StoreError>;

    /// The rollouts of these jobs, and what has become of their hosts, in no order. Jobs without one are
    /// left out.
    async fn rollouts(&self, jobs: &[JobId]) -> Result<Vec<RolloutStatus>, StoreError>;

    /// Takes a step where the rollout is still of the revision `seen`. Answers whether it was.
    async fn settle_rollout(
        &self,
        job: JobId,
        seen: i64,
        step: RolloutStep,
    ) -> Result<bool, StoreError>;

    /// Lets a halted rollout go on: what has failed so far does not count any more.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::InvalidState`] where it is not halted.
    async fn resume_rollout(&self, job: JobId, audit: AuditEntry) -> Result<Rollout, StoreError>;
}
