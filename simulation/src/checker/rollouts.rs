//! Checks rollouts: no limit is exceeded, no stage begins early, and no halt is forgotten (R1, R2).

use std::{collections::BTreeMap, time::Duration};

use chrono::TimeDelta;
use healthgate::model::{
    ChangeOutcome, GateRecord, HostChange, JobId, PassId, Rollout, RolloutStep,
};

use super::{Checker, Named};
use crate::history::Event;

/// How long an unreported change certainly counts as running by the store's clock, allowing for differences
/// of its readings.
const UNREPORTED: Duration = Duration::from_secs(29 * 60);

/// The maximum time between a reading of the store's clock and its use.
const READING: Duration = Duration::from_secs(1);

/// One change of a host, as far as it is certain.
#[derive(Debug)]
struct Member {
    began: Duration,
    reported: bool,
    over: Option<(Duration, ChangeOutcome)>,
}

/// The known state of one job's rollout. In doubt, the checker decides in its favour.
#[derive(Debug)]
pub(super) struct RolloutAccount {
    rollout: Rollout,
    members: BTreeMap<PassId, Member>,
    forgiven: usize,
}

impl RolloutAccount {
    fn failed(&self) -> usize {
        let failed = |member: &&Member| matches!(member.over, Some((_, ChangeOutcome::Failed)));
        self.members.values().filter(failed).count()
    }

    fn is_over_budget(&self) -> bool {
        let budget = usize::try_from(self.rollout.failure_budget()).unwrap_or(usize::MAX);
        self.failed() > budget.saturating_add(self.forgiven)
    }
}

impl Checker {
    pub(crate) fn rollout_opened(&mut self, rollout: &Rollout) {
        let account =
            RolloutAccount { rollout: rollout.clone(), members: BTreeMap::new(), forgiven: 0 };
        self.rollouts.entry(rollout.job_id).or_insert(account);
    }

    pub(crate) fn rollout_resumed(&mut self, job: JobId) {
        self.count(Event::RolloutResumed);
        if let Some(account) = self.rollouts.get_mut(&job) {
            account.forgiven = account.failed();
        }
    }

    pub(crate) fn rollout_stepped(&mut self, job: JobId, step: &RolloutStep) {
        let at = self.at();
        let Some(account) = self.rollouts.get(&job) else { return };
        match step {
            RolloutStep::Halt { .. } => self.count(Event::RolloutHalted),
            RolloutStep::Advance { stage } => {
                let rollout = &account.rollout;
                let soak =
                    rollout.policy.stages.get(rollout.stage as usize).map(|stage| stage.soak);
                let last = account.members.values().filter_map(|member| Some(member.over?.0)).max();
                let going_on = self.in_flight(account);
                let early = last.is_some_and(|last| {
                    self.stepped_since(last) == TimeDelta::zero()
                        && at + READING < last + soak.unwrap_or_default()
                });
                let few = account.members.len() < rollout.admitted() as usize;
                if going_on > 0 || early || few || account.is_over_budget() {
                    let what = format!("job {job}: {going_on} under way, early {early}, few {few}");
                    self.broken("R1: a stage begins when the last one is over", what);
                }
                let stage = *stage;
                self.count(Event::StageBegan);
                if let Some(account) = self.rollouts.get_mut(&job) {
                    account.rollout.stage = stage;
                }
            }
        }
    }

    /// Records a spent pass, and checks that its rollout had a slot.
    pub(super) fn rollout_spent(&mut self, gate: &GateRecord) {
        let at = self.at();
        let Some(pass) = gate.pass.as_ref().map(|pass| pass.id) else { return };
        let Some(account) = self.rollouts.get(&gate.job_id).filter(|_| !gate.exempt) else {
            return;
        };
        let name = Named(gate.job_id, gate.host_id).to_string();
        let (going_on, spent) = (self.in_flight(account), account.members.len());
        let (most, admitted) = (account.rollout.max_in_flight(), account.rollout.admitted());
        let over_budget = account.is_over_budget();
        if going_on >= most as usize {
            self.broken("R1: no more are under way than may be", format!("{name}: {going_on}"));
        }
        if spent >= admitted as usize {
            self.broken("R1: no more are changed than the stage has", format!("{name}: {spent}"));
        }
        if over_budget {
            self.broken("R2: a halted rollout lets nobody go", name);
        }
        if let Some(account) = self.rollouts.get_mut(&gate.job_id) {
            account.members.insert(pass, Member { began: at, reported: false, over: None });
        }
    }

    /// Returns how many changes are certainly running.
    fn in_flight(&self, account: &RolloutAccount) -> usize {
        let going_on = |member: &&Member| {
            let even = self.stepped_since(member.began) == TimeDelta::zero();
            let new = even && self.at() < member.began + UNREPORTED;
            member.over.is_none() && (member.reported || new)
        };
        account.members.values().filter(going_on).count()
    }

    /// Records that the application reported the end of a change, or that its verification ended.
    pub(super) fn rollout_member_over(
        &mut self,
        change: &HostChange,
        outcome: Option<ChangeOutcome>,
    ) {
        let at = self.at();
        let account = self.rollouts.get_mut(&change.job_id);
        let Some(member) = account.and_then(|account| account.members.get_mut(&change.pass_id))
        else {
            return;
        };
        member.reported = true;
        if let Some(outcome) = outcome {
            member.over.get_or_insert((at, outcome));
        }
    }
}
