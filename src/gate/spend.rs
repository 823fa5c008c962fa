//! Spending a pass: the last look before a host is touched (G17).

use super::{
    decide::WindowAnswer,
    handle::{Gate, GateError},
    source::HostHealth,
};
use crate::{
    model::{Evidence, GatePass, GateRecord, GateState, OverriddenCheck, PassKind},
    store::{Spend, SpendRefusal},
};

impl Gate {
    /// Spends a pass: asks for window, checks and conditions once more, then takes the one conditional
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
        let Some(record) = self.store.gate(pass.job_id, pass.host_id).await? else {
            return Ok(Spend::Refused(SpendRefusal::Superseded));
        };
        // A pass that was spent before is told apart from one that is merely too late.
        if record.state == GateState::Spent {
            return Ok(self.store.spend_pass(pass).await?);
        }
        let health = self.health_of(&record).await?;
        let window = self.window_of(&record).await?;
        let now = self.store.now().await?;
        let refusal = match window {
            WindowAnswer::Open(window)
                if window.opens_at() <= now && now < self.policy.end_of(window) =>
            {
                outdated(&record, pass, &health).then_some(SpendRefusal::Outdated)
            }
            WindowAnswer::JobCancelled => Some(SpendRefusal::Cancelled),
            _ => Some(SpendRefusal::Expired),
        };
        match refusal {
            Some(refusal) => Ok(Spend::Refused(refusal)),
            None => Ok(self.store.spend_pass(pass).await?),
        }
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
