//! Checks verifications: a verdict rests on true runs, and comes when it may (V1 to V4).

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use healthgate::{
    model::{ChangeOutcome, CheckId, HostChange, HostId, VerificationState},
    store::VerificationStep,
};

use super::{Checker, EyesId, Named};
use crate::history::Event;

/// The maximum time between a reading of the store's clock and its use.
const READING: TimeDelta = TimeDelta::seconds(1);

/// The runs of one verification.
#[derive(Debug)]
pub(super) struct VerificationAccount {
    change: HostChange,
    began: Duration,
    /// The start of each run of a check by the store's clock, and whether it was healthy.
    runs: BTreeMap<CheckId, Vec<(DateTime<Utc>, bool)>>,
    over: bool,
}

impl Checker {
    /// Records the reported end of a change whose host is to be verified.
    pub(super) fn verification_began(&mut self, change: &HostChange) {
        if !change.is_being_verified() || self.verifications.contains_key(&change.pass_id) {
            return;
        }
        let account = VerificationAccount {
            change: change.clone(),
            began: self.at(),
            runs: BTreeMap::new(),
            over: false,
        };
        self.verifications.insert(change.pass_id, account);
    }

    /// Returns whether the verification of a host's change is running.
    pub(super) fn is_being_verified(&self, host: HostId) -> bool {
        let mut accounts = self.verifications.values();
        accounts.any(|account| account.change.host_id == host && !account.over)
    }

    /// Records that the next pass of a host was spent.
    pub(super) fn verification_gave_way(&mut self, change: &HostChange) {
        let of_host = self.verifications.values_mut();
        let mut overtaken = Vec::new();
        for account in of_host.filter(|account| account.change.host_id == change.host_id) {
            if !std::mem::replace(&mut account.over, true) {
                overtaken.push(account.change.clone());
            }
        }
        for earlier in overtaken {
            self.count(Event::VerificationOvertaken);
            self.rollout_member_over(&earlier, Some(ChangeOutcome::Failed));
        }
    }

    /// Records a step of a verification.
    pub(crate) fn verification_settled(&mut self, eyes: EyesId, step: &VerificationStep) {
        self.record(eyes, &step.results);
        let Some(mut account) = self.verifications.remove(&step.pass_id) else { return };
        let name = Named(account.change.job_id, account.change.host_id).to_string();
        let policy = step.verification.policy;
        let delta = |duration| TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX);
        let begin = account.change.ends_at();
        if account.over {
            self.broken("V4: an end is for ever", name.clone());
        }
        // Dates are comparable if no clock was stepped in between.
        let even = self.stepped_since(account.began) == TimeDelta::zero();
        for result in &step.results {
            let started = result.checked_at;
            if even && started < begin + delta(policy.settle) - READING {
                self.broken(
                    "V1: nothing runs while a host settles",
                    format!("{name}: at {started}"),
                );
            }
            account.runs.entry(result.check_id).or_default().push((started, result.healthy()));
        }
        let state = step.verification.state;
        if state == VerificationState::Verified {
            let counted = step.verification.checks.iter().filter(|check| check.counted);
            for check in counted.filter_map(|check| check.seen.check_id) {
                let runs = account.runs.get(&check).map(Vec::as_slice).unwrap_or_default();
                let healthy = runs.iter().rev().take_while(|(_, healthy)| *healthy);
                let healthy: Vec<DateTime<Utc>> = healthy.map(|(started, _)| *started).collect();
                let proven = match (healthy.last(), healthy.first()) {
                    (Some(first), Some(last)) => !even || *last - *first >= delta(policy.soak),
                    _ => false,
                };
                if !proven {
                    let what = format!("{name}, check {check}: {runs:?}");
                    self.broken("V2: verified is what was seen healthy for the soak", what);
                }
            }
        }
        let bad = matches!(state, VerificationState::Regressed | VerificationState::Unverified);
        let gone = self.hosts.get(&account.change.host_id).is_some_and(|host| host.is.is_none());
        let waited = self.at().saturating_sub(account.began);
        if bad && even && !gone && waited + Duration::from_secs(2) < policy.deadline {
            let what = format!("{name}: {state:?} after {waited:?}");
            self.broken("V3: nothing bad is said before the deadline", what);
        }
        match state {
            VerificationState::Verified => self.count(Event::HostVerified),
            VerificationState::Regressed => self.count(Event::HostRegressed),
            VerificationState::Unverified => self.count(Event::HostUnverified),
            VerificationState::Verifying | VerificationState::NoChecks => {}
        }
        account.over = state != VerificationState::Verifying;
        self.rollout_member_over(&account.change, step.verification.outcome());
        self.verifications.insert(step.pass_id, account);
    }
}
