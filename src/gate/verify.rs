//! The verdict on a changed host: a pure function that compares its checks with those before the change.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};

use super::{decide::Requirement, recheck::compare, report};
use crate::{
    clock::delta,
    model::{
        CheckId, CheckResult, Evidence, EvidenceReason, GatePass, HostChange, ReasonCode,
        RecheckChange, Rechecked, StoreTime, Verification, VerificationState, VerifiedCheck,
        VerifyPolicy, instant,
    },
};

/// The input of the verdict on a changed host.
#[derive(Clone, Copy, Debug)]
pub struct VerifyInput<'a> {
    /// The store's clock, with its epoch.
    pub now: StoreTime,
    /// Whether the clock has stepped and is not trusted yet. There is no verdict while it is suspect (V5).
    pub clock_suspect: bool,
    /// The pass that allowed the change.
    pub pass: &'a GatePass,
    /// The change; it has ended.
    pub change: &'a HostChange,
    /// The verification so far.
    pub verification: &'a Verification,
    /// The checks of the host, including disabled ones, as they were read for this decision.
    pub requirements: &'a [Requirement],
    /// The checks that ask a host while another job changes it. Their results prove nothing.
    pub disturbed: &'a HashSet<CheckId>,
    /// Whether the host no longer exists.
    pub host_gone: bool,
    /// The reason why the health of this host is unknown, if it is.
    pub unknown: Option<&'a str>,
}

/// The next action of a verification.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum VerifyAction {
    /// Wait.
    Wait {
        /// The time of the next look, by the store's clock.
        until: DateTime<Utc>,
    },
    /// Run these checks now, by index into the requirements.
    Run(Vec<usize>),
    /// End with a verdict.
    End {
        /// The verdict.
        state: VerificationState,
        /// The reason, in one line for people.
        detail: String,
    },
}

/// Decides the next action of a verification.
///
/// - V1: no run starts before the settling time is over.
/// - V2: `verified` requires that every check that counts is healthy in the newest run, and in every run for
///   at least the soak before it.
/// - V3: only a run that started at or after the deadline gives `regressed` or `unverified`.
/// - V6: a host is not verified if a check that counts was changed, disabled or deleted since the pass.
#[must_use]
pub fn decide(input: &VerifyInput<'_>) -> VerifyAction {
    let VerifyInput { now, verification, .. } = *input;
    let policy = verification.policy;
    let begin = input.change.ends_at().min(now.at);
    let deadline = begin + delta(policy.deadline);
    let end = |state, detail: String| VerifyAction::End { state, detail };
    if input.clock_suspect {
        return VerifyAction::Wait { until: now.at + SUSPECT };
    }
    if input.host_gone {
        return end(VerificationState::Unverified, "the host no longer exists".to_owned());
    }
    if let Some(why) = input.unknown {
        if now.at >= deadline {
            return end(VerificationState::Unverified, format!("its health is unknown: {why}"));
        }
        return VerifyAction::Wait { until: (now.at + INTERVAL).min(deadline) };
    }
    let enabled: Vec<usize> =
        (0..input.requirements.len()).filter(|index| input.requirements[*index].enabled).collect();
    let counted = Counted::of(input);
    if enabled.is_empty() && counted.lost.is_empty() {
        return end(VerificationState::NoChecks, "the host has no enabled check".to_owned());
    }
    let settled = begin + delta(policy.settle);
    if now.at < settled {
        return VerifyAction::Wait { until: settled };
    }
    // The time of a run in another epoch cannot be compared: the run does not count.
    let last_run = verification.last_run_at.filter(|_| verification.epoch == now.epoch);
    let last_run = last_run.filter(|at| *at >= settled && *at <= now.at);
    let Some(last_run) = last_run else { return VerifyAction::Run(enabled) };
    if counted.are_verified(input, last_run) {
        return end(VerificationState::Verified, verified_detail(verification));
    }
    if last_run >= deadline {
        return counted.verdict(input, &policy);
    }
    let due = (last_run + INTERVAL).min(deadline);
    if now.at < due { VerifyAction::Wait { until: due } } else { VerifyAction::Run(enabled) }
}

/// Adds the results of a run to the verification. A check without an answer counts as not observed, and so
/// does a check that asks a host while another job changes it.
pub fn absorb(
    input: &VerifyInput<'_>,
    started: StoreTime,
    results: &[CheckResult],
) -> Verification {
    let before = input.verification;
    let counted = Counted::of(input);
    let enabled = input.requirements.iter().filter(|check| check.enabled);
    let now: Vec<Evidence> = enabled.map(|check| seen(input, check, results)).collect();
    let was: Vec<Evidence> =
        input.pass.evidence.iter().filter(|entry| entry.check_id.is_some()).cloned().collect();
    let same_epoch = before.epoch == started.epoch;
    // After a gap between runs, nobody knows that a check stayed healthy.
    let watched = before.last_run_at.is_some_and(|at| started.at - at <= INTERVAL * 3);
    let checks = compare(&was, now).into_iter().map(|seen| {
        let counted = seen.check_id.is_some_and(|id| counted.all.contains(&id));
        let older = before.checks.iter().find(|older| older.seen.check_id == seen.check_id);
        let says = |entry: &Option<Evidence>| {
            entry.as_ref().map(|entry| (entry.healthy, entry.reason.clone()))
        };
        let goes_on = |older: &&VerifiedCheck| {
            same_epoch
                && says(&older.seen.now) == says(&seen.now)
                && (watched || !older.is_healthy())
        };
        let since = match older.filter(goes_on) {
            Some(older) => older.since,
            None => seen.now.as_ref().map(|_| started.at),
        };
        VerifiedCheck { seen, counted, since }
    });
    let mut checks: Vec<VerifiedCheck> = checks.collect();
    for older in before.checks.iter().filter(|older| older.counted) {
        match checks.iter_mut().find(|check| check.seen.check_id == older.seen.check_id) {
            Some(check) => check.counted = true,
            None => {
                let change = RecheckChange::Gone;
                let seen = Rechecked { now: None, change, ..older.seen.clone() };
                checks.push(VerifiedCheck { seen, counted: true, since: None });
            }
        }
    }
    Verification {
        last_run_at: Some(started.at),
        epoch: started.epoch,
        runs: before.runs.saturating_add(1),
        detail: waiting_detail(&checks),
        checks,
        ..before.clone()
    }
}

/// The delay of a look while the clock is not trusted.
const SUSPECT: TimeDelta = TimeDelta::seconds(5);
const INTERVAL: TimeDelta = TimeDelta::seconds(VerifyPolicy::INTERVAL.as_secs().cast_signed());

/// Returns the evidence of the newest run on a check.
fn seen(input: &VerifyInput<'_>, check: &Requirement, results: &[CheckResult]) -> Evidence {
    let mut entry = report::live(check.check_id, check.name.as_str(), results);
    if input.disturbed.contains(&check.check_id) {
        entry.healthy = false;
        entry.observed = false;
        entry.reason = EvidenceReason::Code(ReasonCode::HostDisturbed);
    }
    entry
}

/// The checks on which the verdict depends.
struct Counted {
    /// The checks that have not changed since the pass was given.
    all: HashSet<CheckId>,
    /// The names of those that were changed, disabled or deleted since the pass was given.
    lost: Vec<String>,
}

impl Counted {
    /// Returns the checks that were healthy when the pass was given or, if none was, all enabled ones.
    fn of(input: &VerifyInput<'_>) -> Self {
        let healthy = input.pass.evidence.iter().filter(|entry| entry.healthy);
        let healthy = healthy.filter_map(|entry| Some((entry.check_id?, entry)));
        let (mut all, mut lost) = (HashSet::new(), Vec::new());
        let mut any = false;
        for (id, entry) in healthy {
            any = true;
            let current = input.requirements.iter().find(|check| check.check_id == id);
            let proven = entry.checked_at.map(|at| StoreTime::new(input.pass.epoch, at));
            let is_current = current.is_some_and(|check| {
                check.enabled && proven.is_some_and(|proven| check.changed() <= proven)
            });
            if is_current {
                all.insert(id);
            } else {
                lost.push(entry.name.clone());
            }
        }
        if !any {
            let enabled = input.requirements.iter().filter(|check| check.enabled);
            all = enabled.map(|check| check.check_id).collect();
            // A check that a run has counted still counts after it was disabled or deleted.
            let ran = input.verification.checks.iter().filter(|check| check.counted);
            let is_gone =
                |check: &&VerifiedCheck| check.seen.check_id.is_some_and(|id| !all.contains(&id));
            lost.extend(ran.filter(is_gone).map(|check| check.seen.name.clone()));
        }
        Self { all, lost }
    }

    /// Returns whether all of them have been healthy for the soak, up to the run that started at `last_run`.
    fn are_verified(&self, input: &VerifyInput<'_>, last_run: DateTime<Utc>) -> bool {
        let soak = delta(input.verification.policy.soak);
        let run = StoreTime::new(input.now.epoch, last_run);
        let was_run_as_it_is = |id: &CheckId| {
            let check = input.requirements.iter().find(|check| check.check_id == *id);
            check.is_some_and(|check| check.changed() <= run)
        };
        let soaked = |id: &CheckId| {
            let check = known(input.verification, *id).filter(|_| was_run_as_it_is(id));
            check.is_some_and(|check| {
                check.is_healthy() && check.since.is_some_and(|since| since + soak <= last_run)
            })
        };
        self.lost.is_empty() && !self.all.is_empty() && self.all.iter().all(soaked)
    }

    /// Returns the verdict at the deadline on a host that is not verified.
    fn verdict(&self, input: &VerifyInput<'_>, policy: &VerifyPolicy) -> VerifyAction {
        let checks = &input.verification.checks;
        let counted =
            |check: &&VerifiedCheck| check.seen.check_id.is_some_and(|id| self.all.contains(&id));
        let failing: Vec<String> = checks
            .iter()
            .filter(counted)
            .filter(|check| check.is_seen_failing())
            .map(in_words)
            .collect();
        if !failing.is_empty() {
            let detail = format!("failing since the change: {}", failing.join("; "));
            return VerifyAction::End { state: VerificationState::Regressed, detail };
        }
        let unseen = checks.iter().filter(counted).filter(|check| !check.is_healthy());
        let unseen: Vec<String> = unseen.map(in_words).collect();
        let detail = if !self.lost.is_empty() {
            format!("changed since the pass was given: {}", self.lost.join(", "))
        } else if !unseen.is_empty() {
            format!("not observed: {}", unseen.join("; "))
        } else {
            let soak = policy.soak.as_secs();
            format!("healthy, but not for {soak} s before the deadline")
        };
        VerifyAction::End { state: VerificationState::Unverified, detail }
    }
}

fn known(verification: &Verification, id: CheckId) -> Option<&VerifiedCheck> {
    verification.checks.iter().find(|check| check.seen.check_id == Some(id))
}

/// Describes a check that does not pass, with its reason and since when.
fn in_words(check: &VerifiedCheck) -> String {
    let reason = check.seen.now.as_ref().map_or("not required any more", |now| now.reason.as_str());
    let since = check.since.map(|since| format!(" since {}", instant::in_words(&since)));
    format!("{} ({reason}{})", check.seen.name, since.unwrap_or_default())
}

fn verified_detail(verification: &Verification) -> String {
    let of = |change| {
        let checks = verification.checks.iter().filter(move |check| check.seen.change == change);
        checks.map(|check| check.seen.name.as_str()).collect::<Vec<_>>()
    };
    let (mended, failing) = (of(RecheckChange::Mended), of(RecheckChange::StillFailing));
    let told = [("recovered", mended), ("failing as before", failing)];
    let told = told.into_iter().filter(|(_, names)| !names.is_empty());
    let told = told.map(|(what, names)| format!("; {what}: {}", names.join(", ")));
    std::iter::once("healthy after the change".to_owned()).chain(told).collect()
}

fn waiting_detail(checks: &[VerifiedCheck]) -> String {
    let failing = checks.iter().filter(|check| check.counted && !check.is_healthy());
    let failing: Vec<String> = failing.map(in_words).collect();
    if failing.is_empty() {
        "its checks are healthy since the change, and must stay healthy".to_owned()
    } else {
        format!("not healthy since the change: {}", failing.join("; "))
    }
}
