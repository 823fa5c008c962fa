//! A store, a clock, hosts and a runner whose answers are scripted.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use healthgate::{
    checks::{CheckOutcome, HostRun, HostRunner, OutcomeCollector, Poller, PollerConfig},
    clock::{Clock, ManualClock},
    directory::StaticDirectory,
    gate::{
        Gate, GatePolicy, GateRunner, GateRunnerConfig, HealthSource, SourceError, StoredChecks,
        WindowSource, decide::WindowAnswer,
    },
    model::{
        Actor, AgentEndpoint, Attempt, AuditAction, AuditEntry, CheckChange, CheckId, Damping,
        Detail, GateRecord, GateRequest, HealthCheck, HostId, JobId, NewCheck, ReasonCode, Window,
    },
    store::{CheckInsert, CheckStore, CheckUpdate, FirstRun, GateStore, MemoryStore, SecretChange},
    testing::FaultyStore,
};
use serde_json::json;
use uuid::Uuid;

pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// How many worlds a property draws: so many, or as many as `PROPTEST_CASES` asks for.
pub(crate) fn cases(every_day: u32) -> u32 {
    let asked = std::env::var("PROPTEST_CASES").ok();
    asked.and_then(|cases| cases.parse().ok()).unwrap_or(every_day)
}

/// How a scripted check answers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Script {
    /// With this reason, after so long.
    Answer(ReasonCode, Duration),
    /// With a connection that the target refuses.
    Refuse,
    /// By a panic.
    Panic,
    /// Never.
    Hang,
}

/// One run that took place.
#[derive(Clone, Debug)]
pub(crate) struct Ran {
    pub(crate) host: HostId,
    pub(crate) checks: Vec<CheckId>,
    pub(crate) at: Duration,
}

#[derive(Debug)]
pub(crate) struct ScriptedRunner {
    clock: ManualClock,
    scripts: Mutex<HashMap<CheckId, Script>>,
    ran: Mutex<Vec<Ran>>,
    in_flight: Mutex<HashMap<String, usize>>,
    peaks: Mutex<HashMap<String, usize>>,
}

#[async_trait]
impl HostRunner for ScriptedRunner {
    async fn run_host(&self, run: HostRun) -> Vec<CheckOutcome> {
        let outcomes = OutcomeCollector::default();
        self.collect_host(run, &outcomes).await;
        outcomes.take()
    }

    async fn collect_host(&self, run: HostRun, outcomes: &OutcomeCollector) {
        let asked = |check: &HealthCheck| {
            check.definition.service()?;
            run.agents.get(&check.asked_host()).cloned().flatten()
        };
        let checks = run.checks.iter().map(|check| check.id).collect();
        let at = self.clock.monotonic();
        let ran = Ran { host: run.host_id, checks, at };
        self.ran.lock().unwrap().push(ran);
        let agents: BTreeSet<String> =
            run.checks.iter().filter_map(asked).map(|agent| agent.to_string()).collect();
        let _asking = Asking::new(self, agents);
        let scripts: Vec<_> = {
            let scripts = self.scripts.lock().unwrap();
            run.checks.iter().map(|check| (check, scripts.get(&check.id).copied())).collect()
        };
        let each = scripts.into_iter().map(|(check, script)| async move {
            let (reason, takes) = match script {
                None => (ReasonCode::Ok, Duration::from_millis(10)),
                Some(Script::Answer(reason, takes)) => (reason, takes),
                Some(Script::Refuse) => {
                    outcomes.refused(check.id);
                    (ReasonCode::Connect, Duration::from_millis(10))
                }
                Some(Script::Panic) => panic!("scripted"),
                Some(Script::Hang) => std::future::pending().await,
            };
            self.clock.sleep(takes).await;
            outcomes.record(CheckOutcome {
                check_id: check.id,
                revision: check.revision,
                reason,
                detail: Detail::new(format!("scripted {reason}")),
                latency: takes,
                endpoint: asked(check),
            });
        });
        futures_util::future::join_all(each).await;
    }
}

/// Counts a run at the agents that it asks, for as long as it lasts.
struct Asking<'a> {
    runner: &'a ScriptedRunner,
    agents: BTreeSet<String>,
}

impl<'a> Asking<'a> {
    fn new(runner: &'a ScriptedRunner, agents: BTreeSet<String>) -> Self {
        for agent in &agents {
            let mut in_flight = runner.in_flight.lock().unwrap();
            let now = in_flight.entry(agent.clone()).or_default();
            *now += 1;
            let mut peaks = runner.peaks.lock().unwrap();
            let peak = peaks.entry(agent.clone()).or_default();
            *peak = (*peak).max(*now);
        }
        Self { runner, agents }
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        for agent in &self.agents {
            *self.runner.in_flight.lock().unwrap().get_mut(agent).unwrap() -= 1;
        }
    }
}

/// Windows that a test can change while gates wait.
#[derive(Debug, Default)]
pub(crate) struct ScriptedWindows(Mutex<HashMap<(JobId, HostId), WindowAnswer>>);

impl ScriptedWindows {
    pub(crate) fn set(&self, job: JobId, host: HostId, answer: WindowAnswer) {
        self.0.lock().unwrap().insert((job, host), answer);
    }
}

#[async_trait]
impl WindowSource for ScriptedWindows {
    async fn windows(&self, gates: &[&GateRecord]) -> Result<Vec<WindowAnswer>, SourceError> {
        let answers = self.0.lock().unwrap();
        let answer = |gate: &&GateRecord| {
            answers
                .get(&(gate.job_id, gate.host_id))
                .copied()
                .unwrap_or(WindowAnswer::Open(gate.window))
        };
        Ok(gates.iter().map(answer).collect())
    }
}

pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) memory: MemoryStore,
    pub(crate) store: Arc<FaultyStore>,
    pub(crate) runner: Arc<ScriptedRunner>,
    pub(crate) directory: Arc<StaticDirectory>,
    pub(crate) windows: Arc<ScriptedWindows>,
    pub(crate) policy: GatePolicy,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::damped(Damping::default())
    }

    /// A world whose store turns a status only after so many results.
    pub(crate) fn damped(damping: Damping) -> Self {
        let start = Utc.with_ymd_and_hms(2026, 11, 24, 2, 0, 0).single().unwrap();
        let clock = ManualClock::new(start);
        let memory = MemoryStore::new(Arc::new(clock.clone())).with_damping(damping);
        Self {
            store: Arc::new(
                FaultyStore::new(Arc::new(memory.clone())).with_clock(Arc::new(clock.clone())),
            ),
            memory,
            runner: Arc::new(ScriptedRunner {
                clock: clock.clone(),
                scripts: Mutex::default(),
                ran: Mutex::default(),
                in_flight: Mutex::default(),
                peaks: Mutex::default(),
            }),
            clock,
            directory: Arc::new(StaticDirectory::new()),
            windows: Arc::default(),
            // Gate ids are random, and a spread by them would make every run another.
            policy: GatePolicy { spread: Duration::ZERO, ..GatePolicy::default() },
        }
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// A host with an agent of its own. Ids are made from a number, so that every run is the same.
    pub(crate) fn host(&self, number: u128) -> HostId {
        let host = HostId::from_uuid(Uuid::from_u128(number));
        self.move_host(host, u16::try_from(1_000 + number % 60_000).unwrap());
        host
    }

    pub(crate) fn move_host(&self, host: HostId, port: u16) {
        let endpoint = AgentEndpoint::new("10.0.0.1", port, None).unwrap();
        self.directory.insert(host, Some(endpoint), &[]);
    }

    /// Adds a service check to a host.
    pub(crate) async fn check(&self, host: HostId, name: &str) -> HealthCheck {
        self.check_of(host, name, None).await
    }

    /// Adds a service check that asks the agent of another host.
    pub(crate) async fn check_of(
        &self,
        host: HostId,
        name: &str,
        target: Option<HostId>,
    ) -> HealthCheck {
        let body = json!({"name": name, "check_type": "service", "service_name": name,
                          "target_host_id": target});
        let insert = CheckInsert {
            id: CheckId::generate(),
            host_id: host,
            definition: NewCheck::from_json(body).unwrap().definition,
            secret: None,
            limit: 5,
            first_run: FirstRun::AtOnce,
        };
        self.memory.insert_check(insert, entry(AuditAction::HealthCheckCreated)).await.unwrap()
    }

    pub(crate) async fn edit(&self, check: &HealthCheck, change: serde_json::Value) -> HealthCheck {
        let current = self.memory.check(check.host_id, check.id).await.unwrap().unwrap();
        let update = CheckUpdate {
            id: check.id,
            host_id: check.host_id,
            expected_revision: current.revision,
            definition: CheckChange::from_json(change).apply(&current).unwrap().definition,
            secret: SecretChange::Keep,
            first_run: FirstRun::AtOnce,
        };
        let audit = entry(AuditAction::HealthCheckUpdated).with_check(check.host_id, check.id);
        self.memory.update_check(update, audit).await.unwrap()
    }

    pub(crate) fn script(&self, check: &HealthCheck, reason: ReasonCode) {
        self.script_as(check, Script::Answer(reason, Duration::from_millis(10)));
    }

    pub(crate) fn script_as(&self, check: &HealthCheck, script: Script) {
        self.runner.scripts.lock().unwrap().insert(check.id, script);
    }

    pub(crate) fn ran(&self) -> Vec<Ran> {
        self.runner.ran.lock().unwrap().clone()
    }

    pub(crate) fn peaks(&self) -> HashMap<String, usize> {
        self.runner.peaks.lock().unwrap().clone()
    }

    pub(crate) fn poller(&self, config: PollerConfig) -> Poller {
        Poller::new(
            self.store.clone(),
            self.runner.clone(),
            self.directory.clone(),
            Arc::new(self.clock.clone()),
            config,
        )
        .unwrap()
    }

    pub(crate) fn health(&self) -> Arc<StoredChecks> {
        let (store, runner) = (self.store.clone(), self.runner.clone());
        Arc::new(StoredChecks::new(store, runner, self.directory.clone(), self.policy.timeout))
    }

    pub(crate) fn gates(&self) -> GateRunner {
        self.gates_on(self.health())
    }

    pub(crate) fn gates_on(&self, health: Arc<dyn HealthSource>) -> GateRunner {
        self.gates_with(health, self.windows.clone())
    }

    pub(crate) fn gates_with(
        &self,
        health: Arc<dyn HealthSource>,
        windows: Arc<dyn WindowSource>,
    ) -> GateRunner {
        GateRunner::new(
            self.store.clone(),
            health,
            windows,
            Arc::new(self.clock.clone()),
            self.policy.clone(),
            GateRunnerConfig::default(),
        )
        .unwrap()
    }

    pub(crate) fn gate(&self) -> Gate {
        self.gate_on(self.health())
    }

    pub(crate) fn gate_on(&self, health: Arc<dyn HealthSource>) -> Gate {
        self.gate_with(health, self.windows.clone())
    }

    pub(crate) fn gate_with(
        &self,
        health: Arc<dyn HealthSource>,
        windows: Arc<dyn WindowSource>,
    ) -> Gate {
        let store = self.store.clone();
        Gate::new(store, health, windows, Arc::new(self.clock.clone()), self.policy.clone())
            .unwrap()
    }

    /// A window that opens after `opens` and is open for `lasts`.
    pub(crate) fn window(&self, opens: Duration, lasts: Duration) -> Window {
        let opens_at = self.now() + TimeDelta::from_std(opens).unwrap();
        Window::new(opens_at, opens_at + TimeDelta::from_std(lasts).unwrap()).unwrap()
    }

    pub(crate) fn request(&self, host: HostId, lasts: Duration) -> GateRequest {
        GateRequest::new(JobId::generate(), host, self.window(Duration::ZERO, lasts))
    }

    pub(crate) async fn record(&self, request: &GateRequest) -> GateRecord {
        self.memory.gate(request.job_id, request.host_id).await.unwrap().unwrap()
    }

    pub(crate) async fn attempts(&self, record: &GateRecord) -> Vec<Attempt> {
        let attempts = self.memory.attempts_of(&[record.id]).await.unwrap();
        attempts.into_iter().map(|(_, attempt)| attempt).collect()
    }

    /// Runs `background` for as long as `story` takes.
    pub(crate) fn play<T>(
        &self,
        background: impl Future<Output = ()>,
        story: impl Future<Output = T>,
    ) -> T {
        self.clock.drive(async {
            let story = std::pin::pin!(story);
            let background = std::pin::pin!(background);
            match futures_util::future::select(story, background).await {
                futures_util::future::Either::Left((told, _)) => told,
                futures_util::future::Either::Right((_, story)) => story.await,
            }
        })
    }
}

pub(crate) fn entry(action: AuditAction) -> AuditEntry {
    AuditEntry::allowed(Actor::new("ada", healthgate::model::Role::Admin), action)
}
