//! Spending a pass: the last look before a host is touched (G17).

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};
use tracing::debug;

use super::{
    decide::{Requirement, Times, WindowAnswer},
    disturbance::Disturbances,
    handle::{Gate, GateError},
    source::{HostHealth, SourceError},
};
use crate::{
    clock::{Clock, delta},
    model::{
        ChangeEnd, ClockEpoch, Evidence, GatePass, GateRecord, GateState, HostChange, PassId,
        PassKind, StoreTime, VerifyPolicy,
    },
    store::{Spend, SpendRefusal, StoreError, StoreEvent},
};

impl Gate {
    /// Spends a pass. Of the pass that is given only its id is believed: gate, evidence and validity are
    /// those that the store holds, and all copies of a pass are spent once (G36).
    ///
    /// It reads window, checks, conditions and the right to the override once more, then takes the one
    /// conditional step (G17). Patch only after [`Spend::Spent`].
    ///
    /// No check is run. A pass is [`SpendRefusal::Outdated`] if a check was added or changed since, if a newer
    /// result of a check fails, if a condition is no longer met, or if it needs an override that has expired,
    /// was revoked, or whose author has lost the right. A check under a valid override may fail. The
    /// application's hook can refuse later changes, in the same transaction.
    ///
    /// # Errors
    /// Fails if window, health or rights cannot be read, or the store cannot be written: do not patch. If the
    /// answer of the last step was lost, repeat the call: [`SpendRefusal::AlreadySpent`] means that it took
    /// effect. Compare the pass's id with that of the dispatch.
    pub async fn spend(&self, pass: &GatePass) -> Result<Spend, GateError> {
        let Some(record) = self.store.gate_of_pass(pass.id).await? else {
            return Ok(Spend::Refused(SpendRefusal::Superseded));
        };
        // A pass that was spent before is told apart from one that is merely too late.
        let Some(stored) = record.pass.as_ref().filter(|_| record.state != GateState::Spent) else {
            return Ok(self.store.spend_pass(pass.id).await?);
        };
        let host = record.host_id;
        let may_override = self.may_override(&record).await?;
        let mut health = self.health_of(&record).await?;
        let asked = std::iter::once((host, &health));
        let disturbances = Disturbances::read(self.store.as_ref(), asked).await?;
        let window = self.window_of(&record).await?;
        let time = self.store.read_clock().await?;
        let StoreTime { at: now, epoch } = time;
        disturbances.apply(host, &mut health, time);
        // The close is judged by the gate's own time, the opening by the clock (G21).
        let gate_time = record.gate_time(now).max(self.seen.time_of(&record, self.clock.as_ref()));
        let refusal = match window {
            // The store says so too, should the other spending be later than this look.
            WindowAnswer::Open(_) if disturbances.is_changing(host, now) => {
                Some(SpendRefusal::HostBusy)
            }
            WindowAnswer::Open(window)
                if window.opens_at() <= now
                    && gate_time < self.policy.end_of(window, record.window_kind)
                    && gate_time < stored.valid_until + record.clock_offset() =>
            {
                let (record, health) = (&record, &health);
                let times = Times { clock: now, gate: gate_time };
                let look = LastLook { record, health, may_override, times, epoch };
                look.is_outdated(stored).then_some(SpendRefusal::Outdated)
            }
            WindowAnswer::JobCancelled => Some(SpendRefusal::Cancelled),
            WindowAnswer::Unknown => {
                return Err(SourceError::new("windows", "unknown for this gate").into());
            }
            _ => Some(SpendRefusal::Expired),
        };
        match refusal {
            Some(refusal) => {
                self.take_back(pass).await;
                Ok(Spend::Refused(refusal))
            }
            None => {
                let spend = self.store.spend_pass(pass.id).await?;
                if let Spend::Refused(
                    SpendRefusal::NoSlot
                    | SpendRefusal::Halted
                    | SpendRefusal::GroupAtLimit
                    | SpendRefusal::Outdated,
                ) = spend
                {
                    // Others of its job or of its groups may have its place, and what it rests on may have
                    // changed since this look.
                    self.take_back(pass).await;
                }
                Ok(spend)
            }
        }
    }

    /// Makes the gate of a refused pass wait again at once (F154). A failure is harmless: then the pass
    /// runs out.
    async fn take_back(&self, pass: &GatePass) {
        match self.store.return_pass(pass.id).await {
            Ok(()) => self.nudge(),
            Err(error) => {
                debug!(gate = %pass.gate_id, %error, "a refused pass could not be taken back");
            }
        }
    }

    /// Returns whether whoever gave the gate's override still has the right to (G26).
    async fn may_override(&self, record: &GateRecord) -> Result<bool, SourceError> {
        if record.exception.is_none() {
            return Ok(false);
        }
        let answers = self.rights_of(&[record]).await?;
        Ok(answers == [true])
    }
}

impl Gate {
    /// Reports the end of what a spent pass allowed: the host is not being changed any more.
    ///
    /// Until then, and for [`HostChange::LONGEST`] at most, no other gate passes that asks this host, nor
    /// is another of its passes spent; afterwards only runs that started after the end count. Report a
    /// change that has failed by [`failed`](Self::failed). Harmless to repeat.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where the pass was not spent.
    pub async fn finished(&self, pass: PassId) -> Result<HostChange, StoreError> {
        self.end_change(pass, ChangeEnd::Done).await
    }

    /// Reports that what a spent pass allowed has failed: the host is not being changed any more, and a
    /// rollout counts the change as failed. Harmless to repeat.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where the pass was not spent.
    pub async fn failed(&self, pass: PassId) -> Result<HostChange, StoreError> {
        self.end_change(pass, ChangeEnd::Failed).await
    }

    /// Reports the end as [`finished`](Self::finished) does, and has the host verified: a
    /// [`GateRunner`](super::GateRunner) runs its checks until they are as healthy as they were when the
    /// pass was given, or the deadline is over. The change's
    /// [`verification`](HostChange::verification) tells how far that has come; await its end by
    /// [`wait_verified`](Self::wait_verified), or read it by
    /// [`changes_of`](crate::store::VerificationStore::changes_of). It survives every process. A change
    /// that had ended before stays as it is.
    ///
    /// Call it where the change has succeeded: whether a host is healthy after a change that failed says
    /// nothing of the change.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where the pass was not spent; [`GateError::Invalid`] where the figures are
    /// out of their bounds.
    pub async fn verify(
        &self,
        pass: PassId,
        policy: VerifyPolicy,
    ) -> Result<HostChange, GateError> {
        policy.validate()?;
        Ok(self.end_change(pass, ChangeEnd::Verify(policy)).await?)
    }

    /// Ends a change, and tells whoever shows its job.
    async fn end_change(&self, pass: PassId, end: ChangeEnd) -> Result<HostChange, StoreError> {
        let change = self.store.end_host_change(pass, end).await?;
        self.nudge();
        // The end is written, whether or not anybody can be told.
        if let Ok(Some(gate)) = self.store.gate_of_pass(pass).await
            && let Err(error) = self.store.announce(StoreEvent::of_gate(&gate)).await
        {
            debug!(gate = %gate.id, %error, "the end of a change cannot be announced");
        }
        Ok(change)
    }
}

/// What is known of a gate when its pass is spent.
struct LastLook<'a> {
    record: &'a GateRecord,
    health: &'a HostHealth,
    may_override: bool,
    times: Times,
    epoch: ClockEpoch,
}

impl LastLook<'_> {
    /// Returns whether what the pass was given on does not hold any more.
    fn is_outdated(&self, pass: &GatePass) -> bool {
        let exempt = match pass.kind {
            PassKind::ReportOnly => return false,
            PassKind::Exempt => true,
            PassKind::Healthy | PassKind::NoChecks | PassKind::Overridden => false,
        };
        let mut conditions = self.health.conditions.iter();
        if self.health.host_gone || conditions.any(|condition| condition.holds(exempt, self.times))
        {
            return true;
        }
        let mut enabled = self.health.requirements.iter().filter(|check| check.enabled);
        !exempt && enabled.any(|check| !self.is_proven(check, pass) && !self.is_overridden(check))
    }

    /// Returns whether the check is healthy by the pass's evidence, and by every result since.
    fn is_proven(&self, check: &Requirement, pass: &GatePass) -> bool {
        let own = |entry: &&Evidence| entry.check_id == Some(check.check_id);
        let Some(entry) = pass.evidence.iter().find(own) else { return false };
        // What was proven in another epoch proves nothing now (F168), and the run that proved it must not
        // have started before the check was changed (G5).
        let proven = entry.checked_at.map(|at| StoreTime::new(pass.epoch, at));
        let current = |at: &StoreTime| pass.epoch == self.epoch && *at >= check.changed();
        let Some(proven) = proven.filter(current) else { return false };
        let fails_since = self.health.results.iter().any(|result| {
            (result.check_id, result.revision) == (check.check_id, check.revision)
                && result.started() >= proven
                && !result.healthy()
        });
        entry.healthy && !fails_since
    }

    /// Returns whether a valid override lets the check fail in its revision (G26).
    fn is_overridden(&self, check: &Requirement) -> bool {
        self.may_override
            && self.record.exception.as_ref().is_some_and(|exception| {
                let named = (check.check_id, check.revision);
                self.times.gate < exception.expires_at
                    && exception.checks.iter().any(|one| (one.check_id, one.revision) == named)
            })
    }
}

/// When this process first saw the passes of gates, by the monotonic clock: a step of the store's clock
/// does not prolong a pass that was seen before it (G21).
#[derive(Debug, Default)]
pub(super) struct SeenPasses(Mutex<HashMap<PassId, Duration>>);

/// Passes are valid for at most this long, so that an older one needs no remembering.
const REMEMBERED: Duration = Duration::from_secs(86_400);

impl SeenPasses {
    /// Notes the pass of a gate that has passed.
    pub(super) fn note(&self, record: &GateRecord, clock: &dyn Clock) {
        if record.state == GateState::Passed {
            self.time_of(record, clock);
        }
    }

    /// Returns the gate's time now, at least, by the time that has passed since its pass was first seen.
    fn time_of(&self, record: &GateRecord, clock: &dyn Clock) -> DateTime<Utc> {
        let Some(pass) = &record.pass else { return record.high_water };
        let now = clock.monotonic();
        // Nothing in here can panic half way.
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|_, first| now.saturating_sub(*first) < REMEMBERED);
        let first = *seen.entry(pass.id).or_insert(now);
        record.high_water + delta(now.saturating_sub(first))
    }
}
