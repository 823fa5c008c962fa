//! Opening, reading and resuming a rollout.

use super::handle::{Gate, GateError};
use crate::{
    model::{
        Actor, AuditAction, AuditEntry, GateOverride, JobId, Rollout, RolloutPolicy, RolloutStatus,
        Violations,
    },
    store::StoreError,
};

impl Gate {
    /// Opens the rollout of a job over `hosts` hosts, or returns the existing one.
    ///
    /// From then on, the job's gates pass stage by stage, and the store spends their passes only within the
    /// rollout's limits (R1 to R4).
    ///
    /// Open it before the job's first gate. Report the end of every change with
    /// [`finished`](Self::finished), [`failed`](Self::failed) or [`verify`](Self::verify): a host keeps its
    /// place until then.
    ///
    /// # Errors
    /// [`GateError::Invalid`] if the policy is invalid. Also fails if the store fails.
    pub async fn open_rollout(
        &self,
        job: JobId,
        hosts: u32,
        policy: RolloutPolicy,
    ) -> Result<Rollout, GateError> {
        policy.validate()?;
        Ok(self.store.open_rollout(job, hosts, policy).await?)
    }

    /// Returns the rollout of a job with its counts; `None` if the job has no rollout.
    ///
    /// # Errors
    /// Fails if the store fails.
    pub async fn rollout(&self, job: JobId) -> Result<Option<RolloutStatus>, StoreError> {
        Ok(self.store.rollouts(&[job]).await?.pop())
    }

    /// Resumes a halted rollout: changes that have failed so far no longer count (R2).
    ///
    /// Authorize `actor` before the call. The audit record names them.
    ///
    /// # Errors
    /// [`GateError::Invalid`] if the reason is not 10 to 500 characters long, as for an override;
    /// [`StoreError::NotFound`] if the job has no rollout; [`StoreError::InvalidState`] if the rollout is
    /// not halted.
    pub async fn resume_rollout(
        &self,
        job: JobId,
        reason: &str,
        actor: Actor,
    ) -> Result<Rollout, GateError> {
        if let Some((code, message)) = GateOverride::fault_of_reason(reason) {
            return Err(Violations::one("reason", code, message).into());
        }
        let audit = AuditEntry {
            job_id: Some(job),
            reason: Some(reason.to_owned()),
            ..AuditEntry::allowed(actor, AuditAction::RolloutResumed)
        };
        let rollout = self.store.resume_rollout(job, audit).await?;
        self.nudge();
        Ok(rollout)
    }
}
