//! What an application does with a rollout: opens it, reads it, and lets it go on.

use super::handle::{Gate, GateError};
use crate::{
    model::{
        Actor, AuditAction, AuditEntry, GateOverride, JobId, Rollout, RolloutPolicy, RolloutStatus,
        Violations,
    },
    store::StoreError,
};

impl Gate {
    /// Opens the rollout of a job over `hosts` hosts, or answers with the one there is. From then on the
    /// job's gates pass stage by stage, and its passes are spent within the rollout's limits (R1 to R4).
    ///
    /// Open it before the job's first gate. Report the end of every change, by [`finished`](Self::finished),
    /// [`failed`](Self::failed) or [`verify`](Self::verify): a host keeps its slot until then.
    ///
    /// # Errors
    /// [`GateError::Invalid`] where the policy makes no sense.
    pub async fn open_rollout(
        &self,
        job: JobId,
        hosts: u32,
        policy: RolloutPolicy,
    ) -> Result<Rollout, GateError> {
        policy.validate()?;
        Ok(self.store.open_rollout(job, hosts, policy).await?)
    }

    /// The rollout of a job, and what has become of its hosts. `None` where it has none.
    ///
    /// # Errors
    /// The store's.
    pub async fn rollout(&self, job: JobId) -> Result<Option<RolloutStatus>, StoreError> {
        Ok(self.store.rollouts(&[job]).await?.pop())
    }

    /// Lets a halted rollout go on: what has failed so far does not count any more (R2). Whether `actor`
    /// may do so is for the application to ask; the record names them.
    ///
    /// # Errors
    /// [`GateError::Invalid`] where the reason is too short or too long, as that of an override;
    /// [`StoreError::NotFound`]; [`StoreError::InvalidState`] where it is not halted.
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
