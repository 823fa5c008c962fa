//! What all tasks of a model share: the store, the clock, the turns, the account, and the sources that
//! stand for the application.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use healthgate::{
    checks::{CheckOutcome, HostRun, HostRunner},
    directory::StaticDirectory,
    gate::{
        HealthSource, HostHealth, LiveRun, OverrideRights, ResultCollector, SourceError,
        StoredChecks, WindowSource, decide::WindowAnswer,
    },
    model::*,
    store::*,
};

use crate::{
    clock::ModelClock,
    ledger::Ledger,
    store::TurnStore,
    turns::{Label, Outcome, TaskId, Turns},
};

/// What all tasks of a model share.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) memory: MemoryStore,
    pub(crate) clock: ModelClock,
    pub(crate) turns: Turns,
    pub(crate) directory: Arc<StaticDirectory>,
    /// How the targets of the checks answer; healthy where nothing is said.
    targets: Arc<Mutex<BTreeMap<CheckId, ReasonCode>>>,
    ledger: Arc<Mutex<Ledger>>,
}

impl Shared {
    pub(crate) fn new(clock: ModelClock, turns: Turns, ledger: Ledger) -> Self {
        Self {
            memory: MemoryStore::new(Arc::new(clock.clone())),
            clock,
            turns,
            directory: Arc::default(),
            targets: Arc::default(),
            ledger: Arc::new(Mutex::new(ledger)),
        }
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn targets(&self) -> MutexGuard<'_, BTreeMap<CheckId, ReasonCode>> {
        self.targets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn answer_of(&self, check: CheckId) -> ReasonCode {
        self.targets().get(&check).copied().unwrap_or(ReasonCode::Ok)
    }

    /// The results that are stored of these hosts.
    pub(crate) fn stored(&self, hosts: &[HostId]) -> Vec<CheckState> {
        now(self.memory.states(hosts)).unwrap_or_default()
    }

    pub(crate) fn settled_gates(
        &self,
        task: TaskId,
        worker: WorkerId,
        steps: &[GateStep],
        fenced: &[GateId],
    ) {
        let mut ledger = self.ledger();
        ledger.fenced |= !fenced.is_empty();
        for step in steps.iter().filter(|step| !fenced.contains(&step.gate_id)) {
            ledger.gate_settled(task, worker, step);
        }
    }

    pub(crate) fn spent(&self, task: TaskId, record: &GateRecord) {
        let members = self.ledger().group.as_ref().map(|group| group.members.clone());
        let members: Vec<HostId> = members.into_iter().flatten().collect();
        let stored = self.stored(&members);
        self.ledger().spent(task, record, &stored);
    }

    pub(crate) fn completed_hosts(
        &self,
        worker: WorkerId,
        batch: &[HostCompletion],
        completed: &Completed,
    ) {
        for done in batch.iter().filter(|done| !completed.fenced.contains(&done.host_id)) {
            let due_at = now(self.memory.due_at(done.host_id)).unwrap_or_default();
            self.ledger().completed_host(worker, done, due_at);
        }
    }

    /// The application, as a task sees it.
    pub(crate) fn sources(&self, task: TaskId, timeout: Duration) -> Arc<Sources> {
        let store = Arc::new(TurnStore::new(self, task));
        let started = Arc::new(Mutex::new(None));
        let targets =
            Arc::new(Targets { shared: self.clone(), task, started: Arc::clone(&started) });
        let checks = StoredChecks::new(store, targets, self.directory.clone(), timeout);
        Arc::new(Sources { shared: self.clone(), task, checks, started })
    }
}

/// The output of a call that the store in memory answers at once.
pub(crate) fn now<T>(call: impl Future<Output = T>) -> T {
    call.now_or_never().expect("the store in memory answers at once")
}

/// When the run of checks under way has started, by the store's clock.
type Started = Arc<Mutex<Option<DateTime<Utc>>>>;

/// The sources of gates.
#[derive(Debug)]
pub(crate) struct Sources {
    shared: Shared,
    task: TaskId,
    checks: StoredChecks,
    started: Started,
}

#[async_trait]
impl HealthSource for Sources {
    async fn health(&self, gates: &[&GateRecord]) -> Result<Vec<HostHealth>, SourceError> {
        let health = self.checks.health(gates).await?;
        let hosts: Vec<HostId> = gates.iter().map(|gate| gate.host_id).collect();
        let stored = self.shared.stored(&hosts);
        self.shared.ledger().viewed(self.task, &stored);
        Ok(health)
    }

    async fn run(&self, run: LiveRun) -> Vec<CheckResult> {
        let results = ResultCollector::default();
        self.collect(run, &results).await;
        results.take()
    }

    async fn collect(&self, run: LiveRun, results: &ResultCollector) {
        self.shared.ledger().run_starts(run.host_id, run.started_at);
        *self.started.lock().unwrap_or_else(PoisonError::into_inner) = Some(run.started_at);
        self.checks.collect(run, results).await;
    }

    fn check_timeout(&self) -> Option<Duration> {
        self.checks.check_timeout()
    }
}

#[async_trait]
impl WindowSource for Sources {
    async fn windows(&self, gates: &[&GateRecord]) -> Result<Vec<WindowAnswer>, SourceError> {
        let answers: Vec<WindowAnswer> = {
            let mut ledger = self.shared.ledger();
            ledger.viewed_windows(self.task);
            let answer = |gate: &&GateRecord| match ledger.windows.get(&gate.job_id) {
                Some(Some(window)) => WindowAnswer::Open(*window),
                _ => WindowAnswer::Withdrawn,
            };
            gates.iter().map(answer).collect()
        };
        self.shared.turns.saw(self.task, &format!("{answers:?}"));
        Ok(answers)
    }
}

#[async_trait]
impl OverrideRights for Sources {
    async fn may_override(&self, gates: &[&GateRecord]) -> Result<Vec<bool>, SourceError> {
        let right = self.shared.ledger().right;
        self.shared.turns.saw(self.task, if right { "may" } else { "may not" });
        Ok(vec![right; gates.len()])
    }
}

/// The targets of the checks.
#[derive(Debug)]
struct Targets {
    shared: Shared,
    task: TaskId,
    started: Started,
}

#[async_trait]
impl HostRunner for Targets {
    async fn run_host(&self, run: HostRun) -> Vec<CheckOutcome> {
        let started = self.started.lock().unwrap_or_else(PoisonError::into_inner).take();
        let started = started.unwrap_or_else(|| self.shared.ledger().now);
        let outcome = self.shared.turns.turn(self.task, Label::Probe).await;
        let answer = |check: &HealthCheck| {
            let reason = match outcome {
                Outcome::Answered => self.shared.answer_of(check.id),
                Outcome::AnswerLost | Outcome::Failed => ReasonCode::Connect,
            };
            self.shared.ledger().ran(check.id, check.revision, started, reason);
            let asked = check.definition.service().and_then(|_| run.agents.get(&check.host_id));
            CheckOutcome {
                check_id: check.id,
                revision: check.revision,
                reason,
                detail: Detail::default(),
                latency: Duration::ZERO,
                endpoint: asked.cloned().flatten(),
            }
        };
        let outcomes: Vec<CheckOutcome> = run.checks.iter().map(answer).collect();
        self.shared.turns.saw(self.task, &format!("{outcomes:?}"));
        outcomes
    }
}
