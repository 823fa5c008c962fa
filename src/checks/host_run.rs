//! The trait that runs a host's checks, for the poller, gates and manual tests.

use std::{
    collections::{HashMap, HashSet},
    fmt::Debug,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;

use crate::model::{
    AgentEndpoint, CheckId, CheckResult, Detail, HealthCheck, HostId, ReasonCode, ResultSource,
    StoreTime,
};

/// One run of a host: some or all of its checks, at once.
#[derive(Clone, Debug)]
pub struct HostRun {
    /// The host.
    pub host_id: HostId,
    /// The checks to run.
    pub checks: Vec<HealthCheck>,
    /// The agents of the hosts to ask. A host that is missing here no longer exists.
    pub agents: HashMap<HostId, Option<AgentEndpoint>>,
    /// The total time of each check.
    pub timeout: Duration,
}

/// The outcome of one check's run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CheckOutcome {
    /// The check.
    pub check_id: CheckId,
    /// The revision that ran.
    pub revision: i64,
    /// The reason.
    pub reason: ReasonCode,
    /// A sentence for people.
    pub detail: Detail,
    /// The duration of the run.
    pub latency: Duration,
    /// The agent that was asked, if any.
    pub endpoint: Option<AgentEndpoint>,
}

/// Runs the checks of a host.
///
/// Contract:
/// - Returns an outcome for every check, in any order, within [`run_bound`] of the timeout.
/// - A fault of one check fails only that check.
/// - Stores nothing. Dropping a run closes its connections.
#[async_trait]
pub trait HostRunner: Debug + Send + Sync + 'static {
    /// Runs these checks now.
    async fn run_host(&self, run: HostRun) -> Vec<CheckOutcome>;

    /// Runs these checks now and records each outcome as soon as it is available, so that a caller that
    /// cancels the run keeps the finished outcomes (F142). The poller and gates call this.
    ///
    /// The default implementation records the outcomes of [`run_host`](Self::run_host) at its end. A runner
    /// that wraps another one should also forward this call.
    async fn collect_host(&self, run: HostRun, outcomes: &OutcomeCollector) {
        for outcome in self.run_host(run).await {
            outcomes.record(outcome);
        }
    }

    /// Runs these checks for a person who tests them. The outcomes are those of
    /// [`run_host`](Self::run_host), with possibly more detail.
    ///
    /// The default implementation calls [`run_host`](Self::run_host). A runner that wraps another one
    /// should also forward this call.
    async fn test_host(&self, run: HostRun) -> Vec<CheckOutcome> {
        self.run_host(run).await
    }
}

/// The outcomes of a run so far. A clone is another handle to the same outcomes.
#[derive(Clone, Debug, Default)]
pub struct OutcomeCollector(Arc<Mutex<Collected>>);

#[derive(Debug, Default)]
struct Collected {
    outcomes: Vec<CheckOutcome>,
    refused: HashSet<CheckId>,
}

impl OutcomeCollector {
    /// Records an outcome. The first outcome of a check counts.
    pub fn record(&self, outcome: CheckOutcome) {
        let outcomes = &mut self.lock().outcomes;
        if outcomes.iter().all(|known| known.check_id != outcome.check_id) {
            outcomes.push(outcome);
        }
    }

    /// Records that a check's target refused or reset the connection. The check fails as without a
    /// connection, but the answer proves that the network in between works (F46).
    pub fn refused(&self, check: CheckId) {
        self.lock().refused.insert(check);
    }

    /// Takes the outcomes so far.
    #[must_use]
    pub fn take(&self) -> Vec<CheckOutcome> {
        std::mem::take(&mut self.lock().outcomes)
    }

    /// Takes the checks whose targets refused the connection.
    #[must_use]
    pub fn take_refused(&self) -> HashSet<CheckId> {
        std::mem::take(&mut self.lock().refused)
    }

    /// Takes the outcomes so far, and adds one with this reason for each check without an outcome.
    pub(crate) fn take_all(
        &self,
        checks: &[HealthCheck],
        reason: ReasonCode,
        detail: &str,
    ) -> Vec<CheckOutcome> {
        let mut outcomes = self.take();
        let known: HashSet<CheckId> = outcomes.iter().map(|outcome| outcome.check_id).collect();
        let missing = checks.iter().filter(|check| !known.contains(&check.id));
        let missing: Vec<HealthCheck> = missing.cloned().collect();
        outcomes.extend(unanswered(&missing, reason, detail));
        outcomes
    }

    fn lock(&self) -> MutexGuard<'_, Collected> {
        // Nothing under this lock panics.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns B, the maximum duration of a host's run, from the time limit of a check.
#[must_use]
pub fn run_bound(timeout: Duration) -> Duration {
    timeout.saturating_add(run_head_start(timeout))
}

/// Returns how long checks on a shared connection may run one after another before the rest get their own
/// connections, so that the last one still has its full time within [`run_bound`].
#[must_use]
pub fn run_head_start(timeout: Duration) -> Duration {
    Duration::from_secs(5).min(timeout / 2)
}

/// Returns the results of a host's run that started at this time.
pub(crate) fn results(
    host_id: HostId,
    outcomes: Vec<CheckOutcome>,
    started: StoreTime,
    source: ResultSource,
) -> Vec<CheckResult> {
    let result = |outcome: CheckOutcome| CheckResult {
        check_id: outcome.check_id,
        host_id,
        revision: outcome.revision,
        reason: outcome.reason,
        detail: outcome.detail,
        latency_ms: u32::try_from(outcome.latency.as_millis()).unwrap_or(u32::MAX),
        checked_at: started.at,
        epoch: started.epoch,
        source,
        // The poller also flags results that its own network may have caused.
        observer_fault: outcome.reason == ReasonCode::NoResources,
        endpoint: outcome.endpoint,
    };
    outcomes.into_iter().map(result).collect()
}

/// Records the outcome of unreadable checks, and returns the others: no runner runs a check that cannot be
/// read (F221).
pub(crate) fn readable(checks: Vec<HealthCheck>, outcomes: &OutcomeCollector) -> Vec<HealthCheck> {
    let (unreadable, readable): (Vec<_>, Vec<_>) =
        checks.into_iter().partition(|check| check.definition.unreadable().is_some());
    unreadable.iter().filter_map(unreadable_outcome).for_each(|outcome| outcomes.record(outcome));
    readable
}

/// Returns the outcome of an unreadable check, or `None` if the check is readable.
pub(super) fn unreadable_outcome(check: &HealthCheck) -> Option<CheckOutcome> {
    let sentence = check.definition.unreadable()?.sentence();
    let reason = ReasonCode::CheckUnreadable;
    unanswered(std::slice::from_ref(check), reason, &sentence).pop()
}

/// Returns the outcomes of checks whose run gave no answer.
pub(crate) fn unanswered(
    checks: &[HealthCheck],
    reason: ReasonCode,
    detail: &str,
) -> Vec<CheckOutcome> {
    let outcome = |check: &HealthCheck| CheckOutcome {
        check_id: check.id,
        revision: check.revision,
        reason,
        detail: Detail::new(detail),
        latency: Duration::ZERO,
        endpoint: None,
    };
    checks.iter().map(outcome).collect()
}
