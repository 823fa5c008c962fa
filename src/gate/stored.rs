//! The health source over the library's own checks.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use tracing::warn;

use super::{
    decide::{Requirement, Streak},
    source::{HealthSource, HostHealth, LiveRun, ResultCollector, SourceError},
};
use crate::{
    checks::{HostRun, HostRunner, OutcomeCollector, RanBy, ran, readable, results},
    directory::{HostDirectory, HostInfo},
    model::{
        CheckId, CheckResult, CheckState, GateRecord, HealthCheck, HostId, Label, ResultSource,
        StoreTime,
    },
    store::{FirstRun, Store, StoreError},
};

/// The health source over the checks of a store. It runs checks with a [`HostRunner`].
#[derive(Debug)]
pub struct StoredChecks {
    store: Arc<dyn Store>,
    runner: Arc<dyn HostRunner>,
    directory: Arc<dyn HostDirectory>,
    timeout: Duration,
}

impl StoredChecks {
    /// Creates a source over the checks of a store. `timeout` is the deadline for one run of a check, the
    /// same as the poller's.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        runner: Arc<dyn HostRunner>,
        directory: Arc<dyn HostDirectory>,
        timeout: Duration,
    ) -> Self {
        Self { store, runner, directory, timeout }
    }

    /// Leaves out changed checks whose first run must wait for its slot, whoever runs them (F255). Without a
    /// result they block the gate.
    async fn admitted(
        &self,
        run: &LiveRun,
        mut checks: Vec<HealthCheck>,
    ) -> Result<Vec<HealthCheck>, StoreError> {
        let now = StoreTime::new(run.epoch, run.started_at);
        if !checks.iter().any(|check| may_wait(check, now)) {
            return Ok(checks);
        }
        let states = self.store.states(&[run.host_id]).await?;
        let has_run = |check: &HealthCheck| {
            let of_check = |CheckState { latest, .. }: &&CheckState| latest.check_id == check.id;
            let latest = states.iter().find(of_check).map(|state| state.latest.revision);
            latest == Some(check.revision)
        };
        let is_new = |check: &HealthCheck| may_wait(check, now) && !has_run(check);
        if !checks.iter().any(is_new) {
            return Ok(checks);
        }
        // Read after the checks: a slot that is read too late is only later than theirs.
        let Some(due_at) = self.store.due_at(run.host_id).await? else { return Ok(checks) };
        checks.retain(|check| !is_new(check) || slot(check, due_at) <= now.at);
        Ok(checks)
    }

    async fn known(
        &self,
        hosts: impl IntoIterator<Item = HostId>,
    ) -> Result<HashMap<HostId, HostInfo>, SourceError> {
        let ids: HashSet<HostId> = hosts.into_iter().collect();
        let ids: Vec<HostId> = ids.into_iter().collect();
        self.directory.hosts(&ids).await.map_err(|error| SourceError::new("hosts", error))
    }
}

#[async_trait]
impl HealthSource for StoredChecks {
    async fn health(&self, gates: &[&GateRecord]) -> Result<Vec<HostHealth>, SourceError> {
        let failed = |error| SourceError::new("checks", error);
        let hosts: Vec<HostId> = gates.iter().map(|gate| gate.host_id).collect();
        // A store answers once for each mention of a host (F180).
        let once: HashSet<HostId> = hosts.iter().copied().collect();
        let once: Vec<HostId> = once.into_iter().collect();
        let checks = self.store.checks_of(&once).await.map_err(failed)?;
        let states = self.store.states(&once).await.map_err(failed)?;
        let asked = checks.iter().map(HealthCheck::asked_host);
        let known = self.known(hosts.iter().copied().chain(asked)).await?;
        // Healthy results from before a check became unreadable do not count (F221).
        let unreadable: HashSet<CheckId> = checks
            .iter()
            .filter(|check| check.definition.unreadable().is_some())
            .map(|check| check.id)
            .collect();
        let states = states.into_iter().filter(|CheckState { latest, .. }| {
            !latest.healthy() || !unreadable.contains(&latest.check_id)
        });
        let checks = by_host(checks, |check| check.host_id);
        let states = by_host(states.collect(), |state: &CheckState| state.latest.host_id);
        Ok(hosts
            .iter()
            .map(|host| {
                let states = states.get(host).map(Vec::as_slice).unwrap_or_default();
                HostHealth {
                    requirements: checks
                        .get(host)
                        .into_iter()
                        .flatten()
                        .map(|check| requirement(check, &known))
                        .collect(),
                    results: states.iter().map(|state| state.latest.clone()).collect(),
                    since: states
                        .iter()
                        .map(|state| (state.latest.check_id, state.since))
                        .collect(),
                    streaks: states.iter().filter_map(streak).collect(),
                    conditions: Vec::new(),
                    asks: checks.get(host).into_iter().flatten().filter_map(asks).collect(),
                    host_gone: !known.contains_key(host),
                    unknown: None,
                }
            })
            .collect())
    }

    async fn run(&self, run: LiveRun) -> Vec<CheckResult> {
        let results = ResultCollector::default();
        self.collect(run, &results).await;
        results.take()
    }

    async fn collect(&self, run: LiveRun, results: &ResultCollector) {
        let checks = match self.store.checks_of(&[run.host_id]).await {
            Ok(checks) => checks,
            Err(error) => {
                warn!(host = %run.host_id, %error, "an attempt cannot read its checks");
                return;
            }
        };
        let checks: Vec<HealthCheck> =
            checks.into_iter().filter(|check| run.checks.contains(&check.id)).collect();
        let checks = match self.admitted(&run, checks).await {
            Ok(checks) => checks,
            Err(error) => {
                warn!(host = %run.host_id, %error, "an attempt cannot read the slots of its checks");
                return;
            }
        };
        let agents = match self.known(checks.iter().map(HealthCheck::asked_host)).await {
            Ok(known) => known.into_iter().map(|(host, info)| (host, info.agent)).collect(),
            Err(error) => {
                warn!(host = %run.host_id, %error, "an attempt cannot read its hosts");
                return;
            }
        };
        let (host_id, timeout) = (run.host_id, self.timeout.min(run.time));
        let outcomes = OutcomeCollector::default();
        let readable = readable(checks.clone(), &outcomes);
        let host_run = HostRun { host_id, checks: readable, agents, timeout };
        let handover = Handover {
            outcomes,
            checks,
            started: StoreTime::new(run.epoch, run.started_at),
            results,
        };
        self.runner.collect_host(host_run, &handover.outcomes).await;
    }

    fn check_timeout(&self) -> Option<Duration> {
        Some(self.timeout)
    }
}

/// Records the answers of a live run when it ends or is cut short.
struct Handover<'a> {
    outcomes: OutcomeCollector,
    checks: Vec<HealthCheck>,
    started: StoreTime,
    results: &'a ResultCollector,
}

impl Drop for Handover<'_> {
    fn drop(&mut self) {
        let Some(host) = self.checks.first().map(|check| check.host_id) else { return };
        let outcomes = self.outcomes.take();
        ran(RanBy::Gate, &self.checks, &outcomes);
        self.results.record(results(host, outcomes, self.started, ResultSource::Gate));
    }
}

/// Returns whether the first run of a check may still have to wait. A time of another epoch says nothing.
fn may_wait(check: &HealthCheck, now: StoreTime) -> bool {
    check.updated_epoch == now.epoch && check.updated_at + FirstRun::LONGEST > now.at
}

/// Returns when the first run of a changed check may start. A host that was due before the change is left to
/// the poller for a while: the change has reserved no slot of its own.
fn slot(check: &HealthCheck, due_at: DateTime<Utc>) -> DateTime<Utc> {
    if due_at + SAME_INSTANT >= check.updated_at { due_at } else { check.updated_at + LATE }
}

/// The tolerance between a change and the due time that it sets: each may read the clock by itself.
const SAME_INSTANT: TimeDelta = TimeDelta::milliseconds(1);
/// How long an overdue host is left to the poller.
const LATE: TimeDelta = TimeDelta::seconds(30);

/// Returns the other host that an enabled check asks, with the check.
fn asks(check: &HealthCheck) -> Option<(CheckId, HostId)> {
    let asked = check.asked_host();
    (check.definition.enabled && asked != check.host_id).then_some((check.id, asked))
}

fn requirement(check: &HealthCheck, known: &HashMap<HostId, HostInfo>) -> Requirement {
    let endpoint =
        check.definition.service().and_then(|_| known.get(&check.asked_host())?.agent.clone());
    Requirement {
        check_id: check.id,
        name: Label::new(&*check.definition.name),
        revision: check.revision,
        enabled: check.definition.enabled,
        changed_at: check.updated_at,
        changed_epoch: check.updated_epoch,
        endpoint,
    }
}

/// Returns the consecutive healthy runs of a check, including recorded runs of the gate.
fn streak(state: &CheckState) -> Option<Streak> {
    let CheckState { latest, in_a_row, .. } = state;
    let (check_id, newest) = (latest.check_id, latest.started());
    latest.healthy().then_some(Streak { check_id, newest, runs: *in_a_row, disturbed: false })
}

fn by_host<T>(items: Vec<T>, host: impl Fn(&T) -> HostId) -> HashMap<HostId, Vec<T>> {
    let mut grouped: HashMap<HostId, Vec<T>> = HashMap::new();
    for item in items {
        grouped.entry(host(&item)).or_default().push(item);
    }
    grouped
}
