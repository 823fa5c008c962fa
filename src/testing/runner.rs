//! A scripted check runner.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::future::{join_all, pending};

use super::script::{Answer, Saying, Timeline};
use crate::{
    checks::{CheckOutcome, HostRun, HostRunner, OutcomeCollector},
    clock::Clock,
    model::{CheckId, Detail, HealthCheck, HostId, ReasonCode},
};

/// A [`HostRunner`] with scripted answers, by check or host and by time. Without a script, every check is
/// healthy after 10 ms.
///
/// The checks of a run start together, and the run lasts as long as the slowest of them, by the given clock.
/// With a [`ManualClock`](crate::clock::ManualClock) that takes no real time.
///
/// ```
/// # use std::{sync::Arc, time::Duration};
/// # use healthgate::{model::*, testing::{fixtures, Answer, ScriptedRunner}};
/// let clock = Arc::new(fixtures::clock());
/// let runner = ScriptedRunner::new(clock);
/// runner.answer_host(fixtures::host(1), Answer::new(ReasonCode::Connect));
/// # let check = CheckId::generate();
/// runner.answer_from(check, fixtures::start() + chrono::TimeDelta::minutes(7),
///     Answer::healthy().with_delay(Duration::from_secs(8)));
/// ```
#[derive(Debug)]
pub struct ScriptedRunner {
    clock: Arc<dyn Clock>,
    script: Mutex<Script>,
}

#[derive(Debug, Default)]
struct Script {
    checks: HashMap<CheckId, Timeline>,
    hosts: HashMap<HostId, Timeline>,
    runs: Vec<RunRecord>,
}

/// A run that was started.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunRecord {
    /// The host.
    pub host_id: HostId,
    /// The checks, in the given order.
    pub checks: Vec<CheckId>,
    /// The start, by the wall clock.
    pub at: DateTime<Utc>,
    /// The start, by the monotonic clock.
    pub monotonic: Duration,
}

impl ScriptedRunner {
    /// Creates a runner whose answers are all healthy.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, script: Mutex::default() }
    }

    /// Scripts the answer of a check from now on.
    pub fn answer(&self, check: CheckId, answer: Answer) {
        self.answer_from(check, self.clock.now(), answer);
    }

    /// Scripts the answer of a check from an instant on, until the next scripted answer. A run gives the answer
    /// that is valid at its start.
    pub fn answer_from(&self, check: CheckId, from: DateTime<Utc>, answer: Answer) {
        self.script().checks.entry(check).or_default().set(from, answer);
    }

    /// Scripts the answer, from now on, of a host's checks without a script of their own.
    pub fn answer_host(&self, host: HostId, answer: Answer) {
        let now = self.clock.now();
        self.script().hosts.entry(host).or_default().set(now, answer);
    }

    /// Returns the runs so far, in the order of their start.
    #[must_use]
    pub fn runs(&self) -> Vec<RunRecord> {
        self.script().runs.clone()
    }

    fn answer_of(&self, check: &HealthCheck) -> Answer {
        let (now, script) = (self.clock.now(), self.script());
        let of_check = script.checks.get(&check.id).and_then(|timeline| timeline.at(now));
        let of_host = || script.hosts.get(&check.host_id).and_then(|timeline| timeline.at(now));
        of_check.or_else(of_host).unwrap_or_else(Answer::healthy)
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        // A poisoned lock is safe to use: no code under it panics.
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl HostRunner for ScriptedRunner {
    async fn run_host(&self, run: HostRun) -> Vec<CheckOutcome> {
        let outcomes = OutcomeCollector::default();
        self.collect_host(run, &outcomes).await;
        outcomes.take()
    }

    async fn collect_host(&self, run: HostRun, outcomes: &OutcomeCollector) {
        self.script().runs.push(RunRecord {
            host_id: run.host_id,
            checks: run.checks.iter().map(|check| check.id).collect(),
            at: self.clock.now(),
            monotonic: self.clock.monotonic(),
        });
        let answers = run.checks.iter().map(|check| {
            let written = self.answer_of(check);
            let answer = written.within(run.timeout);
            let run = &run;
            async move {
                let Some((reason, latency)) = answer else { return pending().await };
                self.clock.sleep(latency).await;
                if written.saying == Saying::Refused {
                    outcomes.refused(check.id);
                }
                outcomes.record(outcome(run, check, reason, latency));
            }
        });
        join_all(answers).await;
    }
}

fn outcome(
    run: &HostRun,
    check: &HealthCheck,
    reason: ReasonCode,
    latency: Duration,
) -> CheckOutcome {
    let asked = check.definition.service().and_then(|_| run.agents.get(&check.asked_host()));
    CheckOutcome {
        check_id: check.id,
        revision: check.revision,
        reason,
        detail: Detail::new(format!("scripted: {reason}")),
        latency,
        endpoint: asked.cloned().flatten(),
    }
}
