//! The trait that runs a host's checks, for the poller, gates and tests by hand.

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
    /// The agents of the hosts that are asked. A host that is missing here no longer exists.
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
    /// How it came out.
    pub reason: ReasonCode,
    /// A sentence for people.
    pub detail: Detail,
    /// How long it took.
    pub latency: Duration,
    /// The agent that was asked.
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

    /// Runs these checks now and hands each outcome over as soon as it is there, so that whoever cuts
    /// the run keeps what has answered (F142). Poller and gates call this.
    ///
    /// By default it hands over what [`run_host`](Self::run_host) answers, at its end. A runner
    /// around another one passes this call on, too.
    async fn collect_host(&self, run: HostRun, outcomes: &OutcomeCollector) {
        for outcome in self.run_host(run).await {
            outcomes.record(outcome);
        }
    }

    /// Runs these checks for a person who tries them out. The outcomes are those of
    /// [`run_host`](Self::run_host), and their details may say more.
    ///
    /// By default it is [`run_host`](Self::run_host). A runner around another one passes this call on,
    /// too.
    async fn test_host(&self, run: HostRun) -> Vec<CheckOutcome> {
        self.run_host(run).await
    }
}

/// What has come out of a run so far. Cloning gives another handle on the same outcomes.
#[derive(Clone, Debug, Default)]
pub struct OutcomeCollector(Arc<Mutex<Collected>>);

#[derive(Debug, Default)]
struct Collected {
    outcomes: Vec<CheckOutcome>,
    refused: HashSet<CheckId>,
}

impl OutcomeCollector {
    /// Keeps an outcome. The first one of a check counts.
    pub fn record(&self, outcome: CheckOutcome) {
        let outcomes = &mut self.lock().outcomes;
        if outcomes.iter().all(|known| known.check_id != outcome.check_id) {
            outcomes.push(outcome);
        }
    }

    /// Notes that a check's target refused or reset the connection. The check fails as it would without
    /// a connection; but a packet came back, so the network in between works (F46).
    pub fn refused(&self, check: CheckId) {
        self.lock().refused.insert(check);
    }

    /// Takes what is there.
    #[must_use]
    pub fn take(&self) -> Vec<CheckOutcome> {
        std::mem::take(&mut self.lock().outcomes)
    }

    /// Takes the checks whose targets refused the connection.
    #[must_use]
    pub fn take_refused(&self) -> HashSet<CheckId> {
        std::mem::take(&mut self.lock().refused)
    }

    /// Takes what is there, and an outcome with this reason for each of the checks that has none.
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

/// B: the longest that a host's run may take, from the total time of a check.
#[must_use]
pub fn run_bound(timeout: Duration) -> Duration {
    timeout.saturating_add(run_head_start(timeout))
}

/// How long checks that share a connection may follow each other before the rest go on alone, so
/// that the last of them still has its full time within [`run_bound`].
#[must_use]
pub fn run_head_start(timeout: Duration) -> Duration {
    Duration::from_secs(5).min(timeout / 2)
}

/// The results of a host's run that started then.
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
        // The poller flags more: what its own network keeps from it.
        observer_fault: outcome.reason == ReasonCode::NoResources,
        endpoint: outcome.endpoint,
    };
    outcomes.into_iter().map(result).collect()
}

/// Records the outcome of the checks that cannot be read, and returns the others: no runner is asked
/// to run what nobody understands (F221).
pub(crate) fn readable(checks: Vec<HealthCheck>, outcomes: &OutcomeCollector) -> Vec<HealthCheck> {
    let (unreadable, readable): (Vec<_>, Vec<_>) =
        checks.into_iter().partition(|check| check.definition.unreadable().is_some());
    unreadable.iter().filter_map(unreadable_outcome).for_each(|outcome| outcomes.record(outcome));
    readable
}

/// The outcome of a check that cannot be read; `None` where it can.
pub(super) fn unreadable_outcome(check: &HealthCheck) -> Option<CheckOutcome> {
    let sentence = check.definition.unreadable()?.sentence();
    let reason = ReasonCode::CheckUnreadable;
    unanswered(std::slice::from_ref(check), reason, &sentence).pop()
}

/// The outcome of checks whose run gave no answer.
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
