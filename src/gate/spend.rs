//! Spending a pass: the last decision before a job touches a host (G17).

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};
use tracing::debug;

use super::{
    decide::{Condition, Requirement, Times, WindowAnswer},
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
    /// Spends a pass. Patch only after [`Spend::Spent`].
    ///
    /// It reads window, checks, conditions and the override's rights once more, and then spends the pass in
    /// one conditional write (G17). It trusts only the id of the given pass. Gate, evidence and validity come
    /// from the store, and all copies of a pass together are spent once (G36).
    ///
    /// It runs no check. A pass is [`SpendRefusal::Outdated`] if a check was added or changed since, if a
    /// newer result of a check fails, or if a condition is no longer met. It is also outdated if it needs an
    /// override that has expired, was removed, or whose author has lost the right, and if the window now
    /// closes, a freeze begins or that override ends before the pass does. A check under a valid override may
    /// fail. The application's hook can refuse later changes, in the same transaction.
    ///
    /// # Errors
    /// Fails if window, health or rights cannot be read, or if the store cannot be written: do not patch. If
    /// the answer of the write was lost, repeat the call. [`SpendRefusal::AlreadySpent`] then means that the
    /// write took effect; compare the pass's id with that of the dispatch.
    pub async fn spend(&self, pass: &GatePass) -> Result<Spend, GateError> {
        let Some(record) = self.store.gate_of_pass(pass.id).await? else {
            return Ok(Spend::Refused(SpendRefusal::Superseded));
        };
        // Distinguish a pass that was spent before from one that is only too late.
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
        // The gate's own time judges the close; the clock judges the opening (G21).
        let gate_time = record.gate_time(now).max(self.seen.time_of(&record, self.clock.as_ref()));
        let refusal = match window {
            // The store checks this again, in case the other pass is spent after this read.
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
                let end = self.policy.end_of(window, record.window_kind);
                let look = LastLook { record, health, end, may_override, times, epoch };
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
                    // Another host of its job or groups may take its place, or its evidence is outdated.
                    self.take_back(pass).await;
                }
                Ok(spend)
            }
        }
    }

    /// Makes the gate of a refused pass wait again at once (F154). A failure is harmless: the pass then
    /// expires.
    async fn take_back(&self, pass: &GatePass) {
        match self.store.return_pass(pass.id).await {
            Ok(()) => self.nudge(),
            Err(error) => {
                debug!(gate = %pass.gate_id, %error, "a refused pass could not be taken back");
            }
        }
    }

    /// Returns whether the author of the gate's override still has the right to give it (G26).
    async fn may_override(&self, record: &GateRecord) -> Result<bool, SourceError> {
        if record.exception.is_none() {
            return Ok(false);
        }
        let answers = self.rights_of(&[record]).await?;
        Ok(answers == [true])
    }
}

impl Gate {
    /// Reports that the change allowed by a spent pass has ended. It may be repeated.
    ///
    /// Until then, for at most [`HostChange::LONGEST`], no other gate that asks this host passes, and no other
    /// pass of the host can be spent. Afterwards only runs that started after the end count. Report a failed
    /// change with [`failed`](Self::failed).
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the pass was not spent.
    pub async fn finished(&self, pass: PassId) -> Result<HostChange, StoreError> {
        self.end_change(pass, ChangeEnd::Done).await
    }

    /// Reports that the change allowed by a spent pass has ended and failed. It may be repeated.
    ///
    /// A rollout counts the change as failed.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the pass was not spent.
    pub async fn failed(&self, pass: PassId) -> Result<HostChange, StoreError> {
        self.end_change(pass, ChangeEnd::Failed).await
    }

    /// Reports the end of a change, as [`finished`](Self::finished) does, and requests the verification of
    /// the host.
    ///
    /// A [`GateRunner`](super::GateRunner) then runs the host's checks until they are as healthy as they were
    /// when the pass was given, or until the deadline. The store keeps the verification, so it survives every
    /// process. [`wait_verified`](Self::wait_verified) waits for its end, and
    /// [`changes_of`](crate::store::VerificationStore::changes_of) returns its present
    /// [state](HostChange::verification). A change that has ended before does not change.
    ///
    /// Call it only if the change has succeeded: a healthy host does not show that a failed change was good.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the pass was not spent; [`GateError::Invalid`] if the policy is out of
    /// bounds.
    pub async fn verify(
        &self,
        pass: PassId,
        policy: VerifyPolicy,
    ) -> Result<HostChange, GateError> {
        policy.validate()?;
        Ok(self.end_change(pass, ChangeEnd::Verify(policy)).await?)
    }

    /// Ends a change and announces it to the readers of its job.
    async fn end_change(&self, pass: PassId, end: ChangeEnd) -> Result<HostChange, StoreError> {
        let change = self.store.end_host_change(pass, end).await?;
        self.nudge();
        // The end is written even if it cannot be announced.
        if let Ok(Some(gate)) = self.store.gate_of_pass(pass).await
            && let Err(error) = self.store.announce(StoreEvent::of_gate(&gate)).await
        {
            debug!(gate = %gate.id, %error, "the end of a change cannot be announced");
        }
        Ok(change)
    }
}

/// The state that was read for the spending of a pass.
struct LastLook<'a> {
    record: &'a GateRecord,
    health: &'a HostHealth,
    /// The end of the gate in its present window.
    end: DateTime<Utc>,
    may_override: bool,
    times: Times,
    epoch: ClockEpoch,
}

impl LastLook<'_> {
    /// Returns whether the pass no longer holds, or will cease to before it runs out.
    ///
    /// The write may come long after this look, and the store then asks for the pass's own end alone. That end
    /// was set when the pass was given: since then a window may close sooner, a freeze may have been planned,
    /// or an override shortened (F296).
    fn is_outdated(&self, pass: &GatePass) -> bool {
        let valid_until = pass.valid_until + self.record.clock_offset();
        if valid_until > self.end {
            return true;
        }
        let exempt = match pass.kind {
            PassKind::ReportOnly => return false,
            PassKind::Exempt => true,
            PassKind::Healthy | PassKind::NoChecks | PassKind::Overridden => false,
        };
        let blocks = |condition: &Condition| {
            let coming = condition.will_hold(exempt, self.times);
            condition.holds(exempt, self.times) || coming.is_some_and(|from| from < valid_until)
        };
        if self.health.host_gone || self.health.conditions.iter().any(blocks) {
            return true;
        }
        let fails = |check: &Requirement| {
            check.enabled && !self.is_proven(check, pass) && !self.is_overridden(check, valid_until)
        };
        !exempt && self.health.requirements.iter().any(fails)
    }

    /// Returns whether the check is healthy by the pass's evidence, and by every result since.
    fn is_proven(&self, check: &Requirement, pass: &GatePass) -> bool {
        let own = |entry: &&Evidence| entry.check_id == Some(check.check_id);
        let Some(entry) = pass.evidence.iter().find(own) else { return false };
        // Evidence of another epoch proves nothing (F168), nor does a run that started before the check's
        // last change (G5).
        let proven = entry.checked_at.map(|at| StoreTime::new(pass.epoch, at));
        let current = |at: &StoreTime| pass.epoch == self.epoch && *at >= check.changed();
        let Some(proven) = proven.filter(current) else { return false };
        // Results of other revisions alone show that the check was changed since, even where the clock does
        // not: a run can start at the instant of the change, or the clock be set back by little (G5).
        let mut of_check = self
            .health
            .results
            .iter()
            .filter(|result| result.check_id == check.check_id)
            .peekable();
        let is_changed =
            of_check.peek().is_some() && of_check.all(|result| result.revision != check.revision);
        let fails_since = self.health.results.iter().any(|result| {
            (result.check_id, result.revision) == (check.check_id, check.revision)
                && result.started() >= proven
                && !result.healthy()
        });
        entry.healthy && !is_changed && !fails_since
    }

    /// Returns whether an override lets the check fail in its revision, now and until then (G26).
    fn is_overridden(&self, check: &Requirement, until: DateTime<Utc>) -> bool {
        self.may_override
            && self.record.exception.as_ref().is_some_and(|exception| {
                let named = (check.check_id, check.revision);
                self.times.gate < exception.expires_at
                    && until <= exception.expires_at
                    && exception.checks.iter().any(|one| (one.check_id, one.revision) == named)
            })
    }
}

/// When this process first saw each pass, by the monotonic clock. A step of the store's clock does not
/// prolong a pass that was seen before the step (G21).
#[derive(Debug, Default)]
pub(super) struct SeenPasses(Mutex<HashMap<PassId, Duration>>);

/// The maximum lifetime of a pass, after which it is forgotten.
const REMEMBERED: Duration = Duration::from_secs(86_400);

impl SeenPasses {
    /// Notes the pass of a gate that has passed.
    pub(super) fn note(&self, record: &GateRecord, clock: &dyn Clock) {
        if record.state == GateState::Passed {
            self.time_of(record, clock);
        }
    }

    /// Returns a lower bound of the gate's time now, from the time since its pass was first seen.
    fn time_of(&self, record: &GateRecord, clock: &dyn Clock) -> DateTime<Utc> {
        let Some(pass) = &record.pass else { return record.high_water };
        let now = clock.monotonic();
        // A poisoned lock is safe to use: no code under it panics half way.
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|_, first| now.saturating_sub(*first) < REMEMBERED);
        let first = *seen.entry(pass.id).or_insert(now);
        record.high_water + delta(now.saturating_sub(first))
    }
}
