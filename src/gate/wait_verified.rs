//! Waiting for the end of a host's verification.

use chrono::{DateTime, Utc};

use super::handle::{Gate, GateError, Unattended};
use crate::{
    model::{HostChange, PassId, VerifyPolicy},
    store::StoreError,
};

impl Gate {
    /// Reports the end of a change, as [`verify`](Self::verify) does, and waits for the end of the host's
    /// verification. Its [`state`](crate::model::Verification::state) is the verdict.
    ///
    /// A change whose end was reported before without a verification is returned at once. Dropping the call
    /// only stops the waiting: the verification continues, and the same call finds it again.
    ///
    /// # Errors
    /// Those of [`verify`](Self::verify). [`GateError::Unattended`] if no runner looks at the host for the
    /// [patience](Self::with_patience) after a look was due. [`StoreError::Unavailable`] if the store is
    /// unavailable for that long after the end was reported. [`StoreError::NotFound`] if the change was pruned
    /// in the meantime.
    pub async fn wait_verified(
        &self,
        pass: PassId,
        policy: VerifyPolicy,
    ) -> Result<HostChange, GateError> {
        let mut change = self.verify(pass, policy).await?;
        let mut watch = Unattended::of_change(self, &change);
        while change.is_being_verified() {
            self.clock.sleep(self.look_every).await;
            match self.look_again(&change).await {
                Ok((newer, overdue_since)) => {
                    change = newer;
                    watch.judge(overdue_since)?;
                }
                Err(error) if error.may_pass() => watch.unreachable(error)?,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(change)
    }

    /// Reads the change again, and returns since when its next look is overdue.
    async fn look_again(
        &self,
        change: &HostChange,
    ) -> Result<(HostChange, Option<DateTime<Utc>>), StoreError> {
        let is_same = |one: &HostChange| one.pass_id == change.pass_id;
        let newest = self.store.host_changes(&[change.host_id]).await?.into_iter().find(is_same);
        let change = match newest {
            Some(change) => change,
            // The next change of the host has begun.
            None => {
                let changes = self.store.changes_of(change.job_id).await?;
                changes.into_iter().find(is_same).ok_or(StoreError::NotFound)?
            }
        };
        let now = self.store.now().await?;
        let due_at = change.verification.as_ref().and_then(|running| running.next_at);
        Ok((change, due_at.filter(|due_at| *due_at < now)))
    }
}
