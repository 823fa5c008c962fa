//! Records the true runs at the targets, and checks which results may be stored.

use std::{collections::VecDeque, fmt, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use healthgate::model::{AgentEndpoint, CheckId, CheckResult, HealthCheck, HostId, ReasonCode};

use super::{Check, Checker, EyesId, Since};
use crate::history::Event;

/// One true run of a check.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) revision: i64,
    /// Its reason, if it runs to its end.
    pub(crate) reason: ReasonCode,
    pub(crate) endpoint: Option<AgentEndpoint>,
    pub(crate) started: Duration,
    pub(crate) started_store: DateTime<Utc>,
    pub(crate) eyes: EyesId,
    pub(crate) ended: bool,
}

/// A result that the store must have stored.
#[derive(Clone, Debug)]
pub(super) struct Recorded {
    pub(super) result: CheckResult,
    /// Its position in the order of all events.
    pub(super) order: u64,
    /// When its run truly started.
    pub(super) started: Duration,
}

#[derive(Debug)]
pub(super) struct CheckAccount {
    pub(super) check: HealthCheck,
    pub(super) changed: Duration,
    pub(super) deleted: bool,
    /// The newest revision that a worker has started to run.
    pub(super) asked: Option<i64>,
    pub(super) runs: VecDeque<Run>,
    pub(super) recorded: VecDeque<Recorded>,
    /// When its last result was recorded, whatever the reason.
    pub(super) recorded_at: Duration,
    /// Whether its target answers quickly and is healthy.
    pub(super) good: Since<bool>,
}

impl CheckAccount {
    /// Returns when the check got this revision, or the beginning of the world if it has another one by
    /// now.
    pub(super) fn changed_at(&self, revision: i64) -> Duration {
        if self.check.revision == revision { self.changed } else { Duration::ZERO }
    }
}

/// The number of runs and results kept for each check.
const REMEMBERED: usize = 40;

/// The maximum lag of a worker's estimate of the store's time: the longest simulated delay of a claim's
/// answer, and a margin.
const LAG: TimeDelta = TimeDelta::seconds(60);

impl Checker {
    pub(crate) fn check_written(&mut self, check: &HealthCheck) {
        let at = self.at();
        match self.checks.get_mut(&check.id) {
            Some(account) => {
                account.check = check.clone();
                account.changed = at;
            }
            None => {
                let account = CheckAccount {
                    check: check.clone(),
                    changed: at,
                    deleted: false,
                    asked: None,
                    runs: VecDeque::new(),
                    recorded: VecDeque::new(),
                    recorded_at: at,
                    good: Since { is: true, since: at },
                };
                self.checks.insert(check.id, account);
            }
        }
        self.host_changed(check.host_id);
    }

    pub(crate) fn check_deleted(&mut self, host: HostId, check: CheckId) {
        let at = self.at();
        if let Some(account) = self.checks.get_mut(&check) {
            account.deleted = true;
            account.changed = at;
        }
        self.host_changed(host);
    }

    /// Sets whether a check's target answers well from now on.
    pub(crate) fn target_is(&mut self, check: CheckId, good: bool) {
        let at = self.at();
        if let Some(account) = self.checks.get_mut(&check)
            && account.good.is != good
        {
            account.good = Since { is: good, since: at };
        }
    }

    /// Records that a worker starts to run a check.
    pub(crate) fn asked(&mut self, check: &HealthCheck) {
        if let Some(account) = self.checks.get_mut(&check.id) {
            account.asked = account.asked.max(Some(check.revision));
        }
    }

    pub(crate) fn run_started(&mut self, check: CheckId, run: Run) {
        if let Some(account) = self.checks.get_mut(&check) {
            if account.runs.len() >= REMEMBERED {
                account.runs.pop_front();
            }
            account.runs.push_back(run);
        }
    }

    pub(crate) fn run_ended(&mut self, check: CheckId, eyes: EyesId, started: Duration) {
        if let Some(account) = self.checks.get_mut(&check) {
            let ended = account.runs.iter_mut().rev();
            for run in ended.filter(|run| run.eyes == eyes && run.started == started) {
                run.ended = true;
            }
        }
    }

    /// Records results that were written under a valid fence. Skips those that the store must drop. Each of
    /// the others must match a run that took place.
    pub(super) fn record(&mut self, eyes: EyesId, results: &[CheckResult]) {
        let (at, now) = (self.at(), self.now());
        for result in results {
            if let Some(account) = self.checks.get_mut(&result.check_id) {
                account.recorded_at = at;
            }
            if result.observer_fault {
                self.count(Event::ObserverFault);
            }
            let Some(account) = self.checks.get(&result.check_id) else { continue };
            let current = !account.deleted
                && account.check.enabled()
                && account.check.revision == result.revision;
            if !current {
                continue;
            }
            let tells_of = |run: &&Run| {
                run.eyes == eyes
                    && run.revision == result.revision
                    && (run.started_store - result.checked_at).abs()
                        <= LAG + self.stepped_since(run.started.saturating_sub(CLAIM_AGE))
            };
            if result.healthy() {
                let told = account.runs.iter().rev().find(|run| {
                    tells_of(run)
                        && run.ended
                        && run.reason == ReasonCode::Ok
                        && run.endpoint == result.endpoint
                });
                let Some(run) = told else {
                    let what =
                        format!("{} is recorded healthy without a run", Check(result.check_id));
                    self.broken("no result without a run", what);
                    return;
                };
                let ahead = result.checked_at - run.started_store;
                let started = run.started;
                if ahead > self.stepped_since(started.saturating_sub(CLAIM_AGE)) {
                    let what = format!("{} is dated {ahead} after its run", Check(result.check_id));
                    self.broken("results are never younger than their run", what);
                    return;
                }
                self.remember(result, started);
            } else {
                let started =
                    account.runs.iter().rev().find(tells_of).map_or(at, |run| run.started);
                self.remember(result, started);
            }
            if result.checked_at > now + self.stepped_since(at.saturating_sub(CLAIM_AGE * 10)) {
                let what = format!("{} has a result from the future", Check(result.check_id));
                self.broken("F30", what);
            }
        }
    }

    fn remember(&mut self, result: &CheckResult, started: Duration) {
        let order = self.next();
        let now = self.now();
        let Some(account) = self.checks.get_mut(&result.check_id) else { return };
        // A result dated by a clock that ran ahead gives way to any other result.
        if result.checked_at <= now {
            account.recorded.retain(|kept| kept.result.checked_at <= now);
        }
        // Of two results of the same run, the worse one stays.
        let same = |kept: &&mut Recorded| {
            (kept.started, kept.result.checked_at) == (started, result.checked_at)
        };
        if let Some(kept) = account.recorded.iter_mut().find(same) {
            if kept.result.healthy() && !result.healthy() {
                *kept = Recorded { result: result.clone(), order, started };
            }
            return;
        }
        if account.recorded.len() >= REMEMBERED {
            account.recorded.pop_front();
        }
        account.recorded.push_back(Recorded { result: result.clone(), order, started });
    }
}

/// The maximum time between a claim and the start of its run.
const CLAIM_AGE: Duration = Duration::from_secs(180);

/// What the simulation asks of a check.
pub(crate) trait Enabled {
    fn enabled(&self) -> bool;
}

impl Enabled for HealthCheck {
    fn enabled(&self) -> bool {
        self.definition.enabled
    }
}

/// Displays results.
pub(super) struct Found<'a>(pub(super) &'a [CheckResult]);

impl fmt::Display for Found<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for result in self.0 {
            let check = result.check_id.as_uuid().as_u128();
            write!(formatter, "[check {check} {} at {}]", result.reason, result.checked_at.time())?;
        }
        Ok(())
    }
}
