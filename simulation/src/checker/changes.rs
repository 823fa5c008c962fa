//! Checks changes of hosts: one at a time, and nothing passes on results from before their end (G27, G35).

use std::time::Duration;

use chrono::{DateTime, Utc};
use healthgate::model::{Evidence, GateRecord, HealthCheck, HostChange, HostId, PassKind};

use super::{Check, Checker, EyesId, Named, runs::Enabled};

/// The maximum duration of a look and the step that follows it.
const LONGEST_STEP: Duration = Duration::from_secs(60);

/// The newest change of a host.
#[derive(Debug)]
pub(super) struct ChangeAccount {
    change: HostChange,
    began: Duration,
    ended: Option<Duration>,
    /// The end until which it counts as running by the store's clock, even if its dates are corrected.
    runs_until: DateTime<Utc>,
}

impl ChangeAccount {
    fn over(&self) -> Duration {
        let longest = HostChange::LONGEST.to_std().unwrap_or_default();
        self.ended.unwrap_or(self.began + longest).min(self.began + longest)
    }

    pub(super) fn is_running(&self, now: DateTime<Utc>) -> bool {
        self.change.is_running(now) && now < self.runs_until
    }
}

impl Checker {
    /// Records a spent pass, which begins a change.
    pub(super) fn host_change_began(
        &mut self,
        eyes: EyesId,
        gate: &GateRecord,
        now: DateTime<Utc>,
    ) {
        let (at, host) = (self.at(), gate.host_id);
        let name = Named(gate.job_id, host);
        if self.changes.get(&host).is_some_and(|account| account.is_running(now)) {
            self.broken("G27: one change of a host at a time", name.to_string());
        }
        let look = self.eyes.get(&eyes).and_then(|eyes| eyes.looks.get(&host));
        let asked = look.into_iter().flat_map(|look| &look.checks);
        let asked = asked.filter(|check| check.enabled()).map(HealthCheck::asked_host);
        let disturbed = asked.filter_map(|asked| self.changes.get(&asked)).any(|account| {
            account.change.host_id != host
                && account.is_running(now)
                && at.saturating_sub(account.began) > LONGEST_STEP
        });
        if disturbed && !gate.exempt && !gate.report_only {
            self.broken("G35: nothing is spent on a host that is changed", name.to_string());
        }
        if let Some(older) = self.run_before_change(gate) {
            let what = format!("{name}: {older}");
            self.broken("G35: nothing is spent on checks from before a change", what);
        }
        if let Some(change) = HostChange::begin(gate, now) {
            self.verification_gave_way(&change);
            self.rollout_spent(gate);
            let runs_until = change.ends_at();
            self.changes.insert(host, ChangeAccount { change, began: at, ended: None, runs_until });
        }
    }

    /// Returns a run that the gate's pass rests on and that truly started before the last change of the host ended,
    /// unless the store's clock was set back since, so that dates do not tell.
    fn run_before_change(&self, gate: &GateRecord) -> Option<Check> {
        let over = self.change_over(gate.host_id);
        let pass = gate.pass.as_ref()?;
        if !matches!(pass.kind, PassKind::Healthy | PassKind::Overridden) {
            return None;
        }
        let started = |entry: &Evidence| {
            let (check, at) = (entry.check_id?, entry.checked_at?);
            let recorded = &self.checks.get(&check)?.recorded;
            let found = recorded.iter().find(|one| one.result.checked_at == at)?;
            Some((check, found.started))
        };
        let mut runs = pass.evidence.iter().filter(|entry| entry.healthy).filter_map(started);
        let older = runs.find(|(_, started)| *started < over && !self.set_back_since(*started));
        older.map(|(check, _)| Check(check))
    }

    /// Records a correction of the store's clock. A later step ahead can end a change that counts from now.
    pub(super) fn put_back_changes(&mut self, now: DateTime<Utc>) {
        for account in self.changes.values_mut() {
            account.runs_until = account.runs_until.min(now + HostChange::LONGEST);
        }
    }

    /// Records the end of a change, as an executor reported it.
    pub(crate) fn host_change_ended(&mut self, change: &HostChange) {
        let at = self.at();
        if let Some(account) = self.changes.get_mut(&change.host_id)
            && account.change.pass_id == change.pass_id
        {
            account.change = change.clone();
            account.ended.get_or_insert(at);
        }
        self.verification_began(change);
        self.rollout_member_over(change, change.outcome);
    }

    /// Returns when the end of a host's newest change was reported, or zero if it was not.
    pub(super) fn change_over(&self, host: HostId) -> Duration {
        self.changes.get(&host).and_then(|account| account.ended).unwrap_or_default()
    }

    /// Returns when the newest change of a host ended or will end.
    pub(super) fn undisturbed_since(&self, host: HostId) -> Duration {
        let Some(account) = self.changes.get(&host) else { return Duration::ZERO };
        // After a correction of the clock, the end can be in the future.
        let ago = (self.now() - account.change.ends_at()).to_std().unwrap_or_default();
        account.over().max(self.at().saturating_sub(ago))
    }
}
