//! Spending a pass: the last look before a host is touched (G17).

use tracing::debug;

use super::{
    decide::WindowAnswer,
    disturbance::Disturbances,
    handle::{Gate, GateError},
    source::{HostHealth, SourceError},
};
use crate::{
    model::{
        Evidence, GatePass, GateRecord, GateState, HostChange, OverriddenCheck, PassId, PassKind,
    },
    store::{Spend, SpendRefusal, StoreError},
};

impl Gate {
    /// Spends a pass. Of the pass that is given only its id is believed: gate, evidence and validity are
    /// those that the store holds, and all copies of a pass are spent once (G36).
    ///
    /// It asks for window, checks and conditions once more, then takes the one conditional
    /// step (G17). Go ahead with [`Spend::Spent`] alone.
    ///
    /// The checks are asked since one may have been added or changed between the look that gave the
    /// pass and its writing: such a pass is [`SpendRefusal::Outdated`], and so is one whose
    /// conditions do not hold any more. Nothing is run; that a check has failed since is for the
    /// pass's short validity to bound. What happens between this look and the step itself is for the
    /// application's hook to refuse, in the same transaction.
    ///
    /// # Errors
    /// Where window or health cannot be read, or the store cannot be written: do not go ahead. Where
    /// the answer of the last step was lost, the same call tells by
    /// [`SpendRefusal::AlreadySpent`] that it had taken effect; compare the pass's id with that of the
    /// dispatch.
    pub async fn spend(&self, pass: &GatePass) -> Result<Spend, GateError> {
        let Some(record) = self.store.gate_of_pass(pass.id).await? else {
            return Ok(Spend::Refused(SpendRefusal::Superseded));
        };
        // A pass that was spent before is told apart from one that is merely too late.
        let Some(pass) = record.pass.as_ref().filter(|_| record.state != GateState::Spent) else {
            return Ok(self.store.spend_pass(pass.id).await?);
        };
        let host = record.host_id;
        let mut health = self.health_of(&record).await?;
        let asked = std::iter::once((host, &health));
        let disturbances = Disturbances::read(self.store.as_ref(), asked).await?;
        let window = self.window_of(&record).await?;
        let now = self.store.now().await?;
        disturbances.apply(host, &mut health, now);
        let refusal = match window {
            // The store says so too, should the other spending be later than this look.
            WindowAnswer::Open(_) if disturbances.is_changing(host, now) => {
                Some(SpendRefusal::HostBusy)
            }
            WindowAnswer::Open(window)
                if window.opens_at() <= now && now < self.policy.end_of(window) =>
            {
                outdated(&record, pass, &health).then_some(SpendRefusal::Outdated)
            }
            WindowAnswer::JobCancelled => Some(SpendRefusal::Cancelled),
            WindowAnswer::Unknown => {
                return Err(SourceError::new("windows", "it cannot tell of this gate").into());
            }
            _ => Some(SpendRefusal::Expired),
        };
        match refusal {
            Some(refusal) => {
                self.take_back(pass).await;
                Ok(Spend::Refused(refusal))
            }
            None => Ok(self.store.spend_pass(pass.id).await?),
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
}

impl Gate {
    /// Reports the end of what a spent pass allowed: the host is not being changed any more.
    ///
    /// Until then, and for [`HostChange::LONGEST`] at most, no other gate passes that asks this host, nor
    /// is another of its passes spent; afterwards only runs that started after the end count. Report the
    /// end also where the change has failed. Harmless to repeat.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where the pass was not spent.
    pub async fn finished(&self, pass: PassId) -> Result<HostChange, StoreError> {
        let change = self.store.end_host_change(pass).await?;
        self.nudge();
        Ok(change)
    }
}

/// Whether a pass tells of other checks than those there are.
fn outdated(record: &GateRecord, pass: &GatePass, health: &HostHealth) -> bool {
    if matches!(pass.kind, PassKind::Exempt | PassKind::ReportOnly) {
        return false;
    }
    let enabled = health.requirements.iter().filter(|check| check.enabled);
    let mut enabled = enabled.map(|check| {
        let own = |entry: &&Evidence| entry.check_id == Some(check.check_id);
        (check, pass.evidence.iter().find(own))
    });
    let unproven = enabled.any(|(check, evidence)| match evidence {
        None => true,
        // The run that proved it started before the change (G5).
        Some(entry) if entry.healthy => {
            entry.checked_at.is_none_or(|checked_at| checked_at < check.changed_at)
        }
        // It passed by an override, which names a revision (G26).
        Some(_) => record.exception.as_ref().is_none_or(|exception| {
            let named = |one: &OverriddenCheck| {
                (one.check_id, one.revision) == (check.check_id, check.revision)
            };
            !exception.checks.iter().any(named)
        }),
    });
    unproven || health.conditions.iter().any(|condition| !condition.met) || health.host_gone
}
