//! The library's own health checks as what a gate asks.

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

/// The checks of a store, run live by a runner.
#[derive(Debug)]
pub struct StoredChecks {
    store: Arc<dyn Store>,
    runner: Arc<dyn HostRunner>,
    directory: Arc<dyn HostDirectory>,
    timeout: Duration,
}

impl StoredChecks {
    /// Creates a source over the checks of a store. `timeout` is the total time of one check, the same as the
    /// poller's.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        runner: Arc<dyn HostRunner>,
        directory: Arc<dyn HostDirectory>,
        timeout: Duration,
    ) -> Self {
        Self { store, runner, directory, timeout }
    }

    /// Leaves out the changed checks that no run has seen yet and whose first run has to wait for its
    /// slot, whoever runs them (F255). Without a result they hold a gate back.
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
        // After the checks: a slot that is read too late is only later than theirs.
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
        // A store answers once for each time that a host is named (F180).
        let once: HashSet<HostId> = hosts.iter().copied().collect();
        let once: Vec<HostId> = once.into_iter().collect();
        let checks = self.store.checks_of(&once).await.map_err(failed)?;
        let states = self.store.states(&once).await.map_err(failed)?;
        let asked = checks.iter().map(HealthCheck::asked_host);
        let known = self.known(hosts.iter().copied().chain(asked)).await?;
        // What a check said before somebody made it unreadable does not count for it (F221).
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
                warn!(host = %run.host_id, %error, "an attempt cannot read what has run");
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

/// Hands over what has answered when a live run ends, also when it is cut.
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

/// Whether the first run of a check may have to wait still. A time of another epoch says nothing.
fn may_wait(check: &HealthCheck, now: StoreTime) -> bool {
    check.updated_epoch == now.epoch && check.updated_at + FirstRun::LONGEST > now.at
}

/// When a changed check may run that no run has seen yet. A host that was due before the change is the
/// poller's to run, for a while: the change has reserved no slot of its own.
fn slot(check: &HealthCheck, due_at: DateTime<Utc>) -> DateTime<Utc> {
    if due_at + SAME_INSTANT >= check.updated_at { due_at } else { check.updated_at + LATE }
}

/// A change and the due time that it sets may be read from the clock one after the other.
const SAME_INSTANT: TimeDelta = TimeDelta::milliseconds(1);
/// How long a poller is left a host that is late.
const LATE: TimeDelta = TimeDelta::seconds(30);

/// The other host that an enabled check asks.
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

/// How long a check's runs have been healthy; the gate's own are among them, once they are recorded.
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
