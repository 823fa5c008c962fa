//! A world that can be taken from one state to the next.

use std::{
    fmt::Debug,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use healthgate::{
    clock::Clock,
    gate::{Gate, GateRunner, GateRunnerConfig},
    model::*,
    store::*,
    testing::{SeededIds, fixtures},
};
use tokio_util::sync::CancellationToken;

use crate::{
    clock::ModelClock,
    configuration::{Configuration, End, Event, Sight},
    digest::{Order, digest, mix},
    ledger::{KnownRollout, Ledger, delta},
    shared::{Shared, now},
    store::TurnStore,
    turns::{Label, Outcome, TaskId, Turns},
};

/// A step of a world.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Action {
    /// Time passes, until the next instant at which something can happen.
    Advance,
    /// A task does what it waits for.
    Go(TaskId, u8, Label, Outcome),
    /// A worker is killed, and another one starts in its place.
    Crash(u8),
    /// An executor begins to spend the pass of its gate.
    Spend(u8),
    /// A poller begins to run a host.
    Poll(u8),
    /// The change on a gate's pass ends in one of the ways of the configuration.
    End(u8, u8),
    /// An event of the configuration.
    Happens(u8),
}

/// A world under way.
pub(crate) struct World<'a> {
    configuration: &'a Configuration,
    shared: Shared,
    checks: Vec<(HostId, CheckId)>,
    workers: Vec<Worker>,
    executors: Vec<Running>,
    pollers: Vec<Running>,
    /// The events that have happened, by bit.
    happened: u32,
    crashes: u8,
    faults: u8,
    stalls: u8,
    before: Vec<GateRecord>,
    /// What was seen in the newest step alone.
    transient: u32,
}

struct Worker {
    task: Task,
    lives: u8,
    started_at: Duration,
}

/// A task that is begun now and then.
#[derive(Default)]
struct Running {
    task: Option<Task>,
    tries: u8,
}

struct Task {
    id: TaskId,
    future: Pin<Box<dyn Future<Output = String> + Send>>,
    woken: Arc<Woken>,
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Task {
    fn new(id: TaskId, future: impl Future<Output = String> + Send + 'static) -> Self {
        Self { id, future: Box::pin(future), woken: Arc::new(Woken(AtomicBool::new(true))) }
    }

    /// Goes on as far as it can without a turn or time. Returns what came of it, once it is over.
    fn go(&mut self, shared: &Shared) -> Option<String> {
        let waker = Waker::from(Arc::clone(&self.woken));
        while self.woken.0.swap(false, Ordering::Relaxed) {
            let turns = &shared.turns;
            // Ids hang on what the task has seen, so that equal states have equal ids.
            let _ids = SeededIds::new(mix(turns.history(self.id)));
            turns.saw(self.id, &format!("{:?}", shared.clock.elapsed()));
            if let Poll::Ready(output) = self.future.as_mut().poll(&mut Context::from_waker(&waker))
            {
                return Some(output);
            }
        }
        None
    }
}

/// The longest that a gate's end may take a live worker: G33.
const END_PATIENCE: TimeDelta = TimeDelta::seconds(5);
const LEASE: Duration = Duration::from_secs(20);
const TICK: Duration = Duration::from_secs(5);
/// How long a poller's lease lasts, and how soon the host is due again.
const POLL: Duration = Duration::from_secs(10);

impl<'a> World<'a> {
    /// Creates the world at its beginning, with its gates open.
    pub(crate) fn new(configuration: &'a Configuration) -> Self {
        let clock = ModelClock::default();
        let turns = Turns::new(&configuration.stops, configuration.probes_wait);
        let ledger = Ledger::new(configuration.policy.clone(), clock.now());
        let shared = Shared::new(clock, turns, ledger);
        let checks = {
            let _ids = SeededIds::new(1);
            furnish(configuration, &shared)
        };
        let mut world = Self {
            configuration,
            shared,
            checks,
            workers: Vec::new(),
            executors: configuration.executors.iter().map(|_| Running::default()).collect(),
            pollers: (0..configuration.pollers).map(|_| Running::default()).collect(),
            happened: 0,
            crashes: 0,
            faults: 0,
            stalls: 0,
            before: Vec::new(),
            transient: 0,
        };
        for number in 0..configuration.workers {
            let worker = world.worker(number, 0);
            world.workers.push(worker);
        }
        world.before = world.records();
        world.go();
        world
    }

    fn worker(&self, number: u8, lives: u8) -> Worker {
        let id = TaskId::Worker(number);
        let name = 100 + u64::from(number) * 50 + u64::from(lives);
        self.shared.turns.begin(id, name);
        let policy = self.configuration.policy.clone();
        let sources = self.shared.sources(id, policy.timeout);
        let store = Arc::new(TurnStore::new(&self.shared, id));
        let clock = Arc::new(self.shared.clock.clone());
        let config = GateRunnerConfig {
            tick: TICK,
            max_gates: self.configuration.most_held,
            lease: LEASE,
            source_timeout: Duration::from_secs(5),
            ..GateRunnerConfig::default()
        };
        let _ids = SeededIds::new(name);
        let runner =
            GateRunner::new(store, sources.clone(), sources.clone(), clock, policy, config)
                .expect("figures that agree")
                .with_override_rights(sources);
        let task = Task::new(id, async move {
            runner.run(CancellationToken::new()).await;
            "stopped".to_owned()
        });
        Worker { task, lives, started_at: self.shared.clock.elapsed() }
    }

    /// Takes a step.
    pub(crate) fn take(&mut self, action: Action) {
        self.transient = 0;
        match action {
            Action::Advance => self.advance(),
            Action::Go(task, index, _, outcome) => {
                self.faults += u8::from(outcome != Outcome::Answered);
                if outcome == Outcome::AnswerLost {
                    self.transient |= Sight::Lost.bit();
                }
                self.shared.turns.grant(task, index.into(), outcome);
            }
            Action::Crash(number) => self.crash(number),
            Action::Spend(number) => self.spend(number),
            Action::Poll(number) => self.poll(number),
            Action::End(gate, way) => self.end(gate, way),
            Action::Happens(event) => self.happens(event),
        }
        self.go();
        self.hold();
    }

    fn advance(&mut self) {
        self.stalls += u8::from(self.shared.turns.is_anybody_waiting());
        let Some(instant) = self.next_instant() else { return };
        self.shared.clock.move_to(instant);
        self.shared.ledger().now = self.shared.clock.now();
    }

    fn next_instant(&self) -> Option<Duration> {
        let elapsed = self.shared.clock.elapsed();
        let later = self.configuration.instants.iter().copied().filter(|at| *at > elapsed);
        let wake = self.shared.clock.next_wake().filter(|at| *at > elapsed);
        later.chain(wake).min().filter(|at| *at <= self.configuration.horizon)
    }

    fn crash(&mut self, number: u8) {
        self.crashes += 1;
        let at = usize::from(number);
        let lives = self.workers[at].lives + 1;
        self.shared.ledger().task_ended(TaskId::Worker(number));
        // The old one is dropped first.
        self.workers[at].task.future = Box::pin(std::future::pending());
        self.workers[at] = self.worker(number, lives);
    }

    fn spend(&mut self, number: u8) {
        let id = TaskId::Executor(number);
        let plan = self.configuration.executors[usize::from(number)];
        let Some(pass) = self.record(plan.gate).pass else { return };
        let tries = self.executors[usize::from(number)].tries + 1;
        self.shared.turns.begin(id, u64::from(tries));
        self.shared.turns.saw(id, &format!("{:?}", pass.id));
        let policy = self.configuration.policy.clone();
        let sources = self.shared.sources(id, policy.timeout);
        let store = Arc::new(TurnStore::new(&self.shared, id));
        let clock = Arc::new(self.shared.clock.clone());
        let gate = Gate::new(store, sources.clone(), sources.clone(), clock, policy)
            .expect("figures that agree")
            .with_override_rights(sources);
        let task = Task::new(id, async move {
            match gate.spend(&pass).await {
                Ok(Spend::Spent(_)) => "spent".to_owned(),
                Ok(Spend::Refused(why)) => format!("refused: {why:?}"),
                Err(_) => "unknown".to_owned(),
            }
        });
        self.executors[usize::from(number)] = Running { task: Some(task), tries };
    }

    fn poll(&mut self, number: u8) {
        let id = TaskId::Poller(number);
        self.shared.turns.begin(id, 0);
        let store = TurnStore::new(&self.shared, id);
        let shared = self.shared.clone();
        let worker = {
            let _ids = SeededIds::new(500 + u64::from(number));
            WorkerId::generate()
        };
        let host = fixtures::host(1);
        let task = Task::new(id, async move {
            let request = ClaimRequest::new(worker, 1, POLL).with_named(vec![host]);
            let Ok(claims) = store.claim_hosts(request).await else { return "unknown".to_owned() };
            let Some(claim) = claims.hosts.first() else { return "nothing".to_owned() };
            let result = |check: &HealthCheck| {
                let reason = shared.answer_of(check.id);
                shared.ledger().ran(check.id, check.revision, claims.now, reason);
                let asked = check.definition.service().map(|_| fixtures::agent(1));
                let result = fixtures::result(check, reason, claims.now);
                CheckResult { endpoint: asked, latency_ms: 0, ..result }
            };
            let results = claim.checks.iter().map(result).collect();
            let done = HostCompletion::new(claim, claims.now + delta(POLL), results);
            match store.complete_hosts(worker, vec![done]).await {
                Ok(completed) => format!("{completed:?}"),
                Err(_) => "unknown".to_owned(),
            }
        });
        self.pollers[usize::from(number)] = Running { task: Some(task), tries: 1 };
    }

    fn end(&self, gate: u8, way: u8) {
        let Some(pass) = self.record(gate).pass else { return };
        let end = match self.configuration.ends[usize::from(way)] {
            End::Done => ChangeEnd::Done,
            End::Failed => ChangeEnd::Failed,
            End::Verify(policy) => ChangeEnd::Verify(policy),
        };
        now(self.shared.memory.end_host_change(pass.id, end)).expect("a change that began");
        self.shared.ledger().change_ended(pass.id, end);
    }

    fn happens(&mut self, number: u8) {
        self.happened |= 1 << number;
        let _ids = SeededIds::new(1_000 + u64::from(number));
        let event = self.configuration.events[usize::from(number)];
        match event {
            Event::Turn(check, reason) => {
                let (_, id) = self.checks[usize::from(check)];
                self.shared.targets().insert(id, reason);
            }
            Event::Edit(check) => self.change(check, None),
            Event::Disable(check) => self.change(check, Some(false)),
            Event::Enable(check) => self.change(check, Some(true)),
            Event::Delete(check) => {
                let (host, id) = self.checks[usize::from(check)];
                let audit = fixtures::audit(AuditAction::HealthCheckDeleted);
                if now(self.shared.memory.delete_check(host, id, None, audit)).is_ok() {
                    self.shared.ledger().check_deleted(id);
                }
            }
            Event::Cancel(gate) => {
                let record = self.record(gate);
                let audit = fixtures::audit(AuditAction::GateCancelled);
                let (job, host) = (record.job_id, record.host_id);
                let record = now(self.shared.memory.request_cancel(job, host, audit));
                // Of a cancellation and a spending exactly one wins.
                if record.is_ok_and(|record| record.cancel_requested) {
                    self.shared.ledger().cancelled.push(job);
                }
            }
            Event::Close(job, second) => self.reschedule(job, None, Some(second)),
            Event::Open(job, second) => self.reschedule(job, Some(second), None),
            Event::Withdraw(job) => {
                self.shared.ledger().windows.insert(fixtures::job(job.into()), None);
            }
            Event::Override(gate, second) => self.give_override(gate, second),
            Event::TakeBack(gate) => {
                let record = self.record(gate);
                let audit = fixtures::audit(AuditAction::GateOverrideRemoved);
                let (job, host) = (record.job_id, record.host_id);
                if now(self.shared.memory.set_override(job, host, None, audit)).is_ok() {
                    self.shared.ledger().overrides.remove(&host);
                }
            }
            Event::LoseRight => self.shared.ledger().right = false,
            Event::Resume => {
                let audit = fixtures::audit(AuditAction::RolloutResumed);
                if now(self.shared.memory.resume_rollout(fixtures::job(1), audit)).is_ok() {
                    self.shared.ledger().rollout_resumed();
                }
            }
        }
    }

    fn change(&self, check: u8, enabled: Option<bool>) {
        let (host, id) = self.checks[usize::from(check)];
        let Ok(Some(current)) = now(self.shared.memory.check(host, id)) else { return };
        let enabled = enabled.unwrap_or(current.definition.enabled);
        let update = CheckUpdate {
            id,
            host_id: host,
            expected_revision: current.revision,
            definition: CheckDefinition { enabled, ..current.definition },
            secret: SecretChange::Keep,
            first_run: FirstRun::AtOnce,
        };
        let audit = fixtures::audit(AuditAction::HealthCheckUpdated);
        let changed = now(self.shared.memory.update_check(update, audit));
        self.shared.ledger().check_written(&changed.expect("the revision was just read"));
    }

    fn reschedule(&self, job: u8, opens: Option<u64>, closes: Option<u64>) {
        let job = fixtures::job(job.into());
        let mut ledger = self.shared.ledger();
        let Some(Some(window)) = ledger.windows.get(&job).copied() else { return };
        let opens = opens.map_or(window.opens_at(), instant);
        let closes = closes.map_or(window.closes_at(), instant);
        let window = Window::new(opens, closes).expect("an opening before its close");
        ledger.windows.insert(job, Some(window));
        let now = ledger.now;
        ledger.moved.insert(job, now);
    }

    fn give_override(&self, gate: u8, second: u64) {
        let record = self.record(gate);
        let host = record.host_id;
        let checks = now(self.shared.memory.checks_of(&[host])).unwrap_or_default();
        let checks = checks
            .iter()
            .map(|check| OverriddenCheck { check_id: check.id, revision: check.revision });
        let (created_at, end) = (self.shared.clock.now(), record.window.closes_at());
        let given = GateOverride::new(
            checks.collect(),
            "the model lets it pass",
            instant(second),
            "ada",
            created_at,
            end,
        );
        let Ok(given) = given else { return };
        let audit = fixtures::audit(AuditAction::GateOverridden);
        let set = self.shared.memory.set_override(record.job_id, host, Some(given.clone()), audit);
        if now(set).is_ok() {
            self.shared.ledger().overrides.insert(host, given);
        }
    }

    /// Lets everybody go on who can.
    fn go(&mut self) {
        for worker in &mut self.workers {
            let _ = worker.task.go(&self.shared);
        }
        for running in self.executors.iter_mut().chain(&mut self.pollers) {
            let Some(task) = &mut running.task else { continue };
            if let Some(output) = task.go(&self.shared) {
                if output.starts_with("refused") {
                    self.transient |= Sight::Refusal.bit();
                }
                self.shared.turns.end(task.id, &output);
                self.shared.ledger().task_ended(task.id);
                running.task = None;
            }
        }
    }

    fn record(&self, gate: u8) -> GateRecord {
        let plan = self.configuration.gates[usize::from(gate)];
        let (job, host) =
            (fixtures::job(plan.job.into()), fixtures::host(u128::from(plan.host) + 1));
        now(self.shared.memory.gate(job, host)).ok().flatten().expect("an open gate")
    }

    fn records(&self) -> Vec<GateRecord> {
        (0..self.configuration.gates.len()).map(|gate| self.record(as_byte(gate))).collect()
    }

    /// Holds what has become of the gates against the rules.
    fn hold(&mut self) {
        let records = self.records();
        let mut ledger = self.shared.ledger();
        for (before, record) in self.before.iter().zip(&records) {
            if before.state.is_terminal() && before != record {
                ledger.broken("G18", "a gate that had ended was changed");
            }
            if record.high_water < before.high_water {
                ledger.broken("G21", "the time of a gate went back");
            }
            if (before.state, record.state) == (GateState::Passed, GateState::Waiting) {
                ledger.pass_voided(record.id);
            }
        }
        let calm = !self.shared.turns.is_anybody_waiting();
        // Whoever was killed, held up or cut off has time until its lease is over.
        let undisturbed = self.crashes + self.faults + self.stalls == 0;
        let patience = if undisturbed { END_PATIENCE } else { END_PATIENCE + delta(LEASE + TICK) };
        for record in records.iter().filter(|record| !record.state.is_terminal()) {
            let window = ledger.windows.get(&record.job_id).copied().flatten();
            let closes_at = window.unwrap_or(record.window).closes_at();
            let moved_at = ledger.moved.get(&record.job_id).copied().unwrap_or(closes_at);
            let worked = self.workers.iter().any(|worker| {
                instant_of(worker.started_at) + END_PATIENCE + delta(LEASE + TICK) <= ledger.now
                    || undisturbed
            });
            if calm && worked && ledger.now >= closes_at.max(moved_at) + patience {
                ledger.broken("G33", "a gate did not end with its window");
            }
            if calm && undisturbed && is_forgotten(self.configuration, record, ledger.now) {
                ledger.broken("G14", "an attempt was due and was not made");
            }
        }
        drop(ledger);
        self.before = records;
    }

    /// What can happen next.
    pub(crate) fn actions(&self) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.shared.ledger().violation.is_some() {
            return actions;
        }
        let configuration = self.configuration;
        let waiting = self.shared.turns.is_anybody_waiting();
        let tasks = self.workers.iter().map(|worker| worker.task.id);
        let others = self.executors.iter().chain(&self.pollers);
        let others = others.filter_map(|running| Some(running.task.as_ref()?.id));
        for task in tasks.chain(others) {
            for (index, label) in self.shared.turns.waiting(task).into_iter().enumerate() {
                let index = as_byte(index);
                actions.push(Action::Go(task, index, label, Outcome::Answered));
                if self.faults < configuration.faults
                    && let Label::Call(operation) = label
                {
                    actions.push(Action::Go(task, index, label, Outcome::Failed));
                    if operation.writes() {
                        actions.push(Action::Go(task, index, label, Outcome::AnswerLost));
                    }
                }
            }
        }
        let over = self.is_over();
        if !over
            && (!waiting || self.stalls < configuration.stalls)
            && self.next_instant().is_some()
        {
            actions.push(Action::Advance);
        }
        if over {
            return actions;
        }
        if self.crashes < configuration.crashes {
            actions.extend((0..configuration.workers).map(Action::Crash));
        }
        for (number, running) in self.executors.iter().enumerate() {
            let plan = configuration.executors[number];
            let idle = running.task.is_none() && running.tries < plan.tries;
            if idle && self.before[usize::from(plan.gate)].pass.is_some() {
                actions.push(Action::Spend(as_byte(number)));
            }
        }
        for (number, running) in self.pollers.iter().enumerate() {
            if running.task.is_none() && running.tries == 0 {
                actions.push(Action::Poll(as_byte(number)));
            }
        }
        for (gate, record) in self.before.iter().enumerate() {
            if self.is_changing(record) {
                let ways = 0..as_byte(configuration.ends.len());
                actions.extend(ways.map(|way| Action::End(as_byte(gate), way)));
            }
        }
        if self.happened.count_ones() < u32::from(configuration.most_events) {
            let left = (0..as_byte(configuration.events.len()))
                .filter(|event| self.happened & (1 << event) == 0);
            actions.extend(left.filter(|event| self.can_happen(*event)).map(Action::Happens));
        }
        actions
    }

    /// Leaves out what would change nothing.
    fn can_happen(&self, event: u8) -> bool {
        let of = |gate: u8| &self.before[usize::from(gate)];
        let ledger = self.shared.ledger();
        let enabled = |check: u8| {
            let (_, id) = self.checks[usize::from(check)];
            ledger.checks.get(&id).map(|check| check.enabled)
        };
        match self.configuration.events[usize::from(event)] {
            Event::Turn(check, reason) => {
                self.shared.answer_of(self.checks[usize::from(check)].1) != reason
            }
            Event::Edit(check) | Event::Delete(check) => enabled(check).is_some(),
            Event::Disable(check) => enabled(check) == Some(true),
            Event::Enable(check) => enabled(check) == Some(false),
            Event::Cancel(gate) => !of(gate).state.is_terminal(),
            Event::Override(gate, second) => {
                of(gate).state == GateState::Waiting && ledger.now < instant(second)
            }
            Event::TakeBack(gate) => of(gate).exception.is_some() && !of(gate).state.is_terminal(),
            Event::LoseRight => !ledger.overrides.is_empty(),
            Event::Resume => self.is_halted(),
            Event::Close(..) | Event::Open(..) | Event::Withdraw(_) => true,
        }
    }

    fn is_changing(&self, record: &GateRecord) -> bool {
        let ledger = self.shared.ledger();
        let pass = record.pass.as_ref().filter(|_| record.state == GateState::Spent);
        pass.is_some_and(|pass| {
            ledger.changes.iter().any(|change| change.pass.id == pass.id && change.is_running())
        })
    }

    /// Returns whether nothing can happen any more that a rule speaks of.
    fn is_over(&self) -> bool {
        let ended = self.before.iter().all(|record| record.state.is_terminal());
        let executors = self.executors.iter().zip(&self.configuration.executors);
        let spending = executors.into_iter().any(|(running, plan)| {
            running.task.is_some() || (running.tries < plan.tries && plan.tries > 1)
        });
        let polling =
            self.pollers.iter().any(|running| running.task.is_some() || running.tries == 0);
        let changing = !self.configuration.ends.is_empty()
            && self.before.iter().any(|record| self.is_changing(record));
        ended && !spending && !polling && !changing && !self.shared.ledger().is_verifying()
    }

    fn rollout(&self) -> Option<RolloutStatus> {
        self.configuration.rollout.as_ref()?;
        now(self.shared.memory.rollouts(&[fixtures::job(1)])).ok()?.pop()
    }

    fn is_halted(&self) -> bool {
        self.rollout().is_some_and(|status| status.rollout.is_halted(&status.counts))
    }

    /// What can be seen now.
    pub(crate) fn sights(&self) -> u32 {
        let ledger = self.shared.ledger();
        let mut seen = self.transient;
        let mut see = |sight: Sight, is_seen: bool| {
            seen |= if is_seen { sight.bit() } else { 0 };
        };
        for record in &self.before {
            see(Sight::Pass, record.state == GateState::Passed);
            see(Sight::Spent, record.state == GateState::Spent);
            see(Sight::Failure, record.state == GateState::Failed);
            see(Sight::Cancellation, record.state == GateState::Cancelled);
            see(Sight::Renewal, record.state == GateState::Waiting && record.pass.is_some());
            let ill = |entry: &Evidence| entry.observed && !entry.healthy;
            see(Sight::Ill, record.evidence.iter().any(ill));
            let kind = record.pass.as_ref().map(|pass| pass.kind);
            see(Sight::Overridden, kind == Some(PassKind::Overridden));
            see(Sight::Held, record.hold.is_some());
        }
        see(Sight::Fenced, ledger.fenced);
        see(Sight::Verified, ledger.has_verdict(VerificationState::Verified));
        see(Sight::Regressed, ledger.has_verdict(VerificationState::Regressed));
        see(Sight::Unverified, ledger.has_verdict(VerificationState::Unverified));
        drop(ledger);
        see(Sight::Halt, self.is_halted());
        see(Sight::LaterStage, self.rollout().is_some_and(|status| status.rollout.stage > 0));
        seen
    }

    /// The first rule that is broken.
    pub(crate) fn violation(&self) -> Option<String> {
        self.shared.ledger().violation.clone()
    }

    /// A number for everything that the future of this world hangs on.
    pub(crate) fn digest(&self) -> u64 {
        let store = format!("{:?}", self.shared.memory);
        let ledger = format!("{:?}", self.shared.ledger());
        let mut number = digest(&state_of(&store), Order::Matters);
        let mut add = |part: u64| number = mix(number.rotate_left(11) ^ part);
        add(digest(&ledger, Order::Matters));
        add(digest(&format!("{:?}", self.shared.targets()), Order::Matters));
        add(u64::try_from(self.shared.clock.elapsed().as_micros()).unwrap_or(u64::MAX));
        add(u64::from(self.happened));
        for worker in &self.workers {
            self.add_task(&worker.task, &mut add);
            add(u64::from(worker.lives));
            add(worker.started_at.as_secs());
        }
        for running in self.executors.iter().chain(&self.pollers) {
            add(u64::from(running.tries));
            if let Some(task) = &running.task {
                self.add_task(task, &mut add);
            }
        }
        add(u64::from_be_bytes([self.crashes, self.faults, self.stalls, 0, 0, 0, 0, 0]));
        number
    }

    fn add_task(&self, task: &Task, add: &mut dyn FnMut(u64)) {
        add(self.shared.turns.history(task.id));
        add(digest(&format!("{:?}", self.shared.turns.waiting(task.id)), Order::Matters));
    }

    /// Where the world stands, for people.
    pub(crate) fn describe(&self) -> String {
        let gate = |record: &GateRecord| format!("{:?}", record.state);
        let gates: Vec<String> = self.before.iter().map(gate).collect();
        format!("{:>6.2} s  {}", self.shared.clock.elapsed().as_secs_f64(), gates.join(", "))
    }
}

/// Runs the checks of all hosts once, as a poller does.
fn polled(shared: &Shared, hosts: &[HostId]) {
    let worker = WorkerId::generate();
    let request = ClaimRequest::new(worker, 8, POLL).with_named(hosts.to_vec());
    let claims = now(shared.memory.claim_hosts(request)).expect("hosts that nobody runs");
    let mut done = Vec::new();
    for claim in &claims.hosts {
        let result = |check: &HealthCheck| {
            shared.ledger().ran(check.id, check.revision, claims.now, ReasonCode::Ok);
            let port = u16::try_from(claim.host_id.as_uuid().as_u128()).unwrap_or(1);
            let endpoint = check.definition.service().map(|_| fixtures::agent(port));
            let result = fixtures::result(check, ReasonCode::Ok, claims.now);
            CheckResult { endpoint, latency_ms: 0, ..result }
        };
        let results = claim.checks.iter().map(result).collect();
        done.push(HostCompletion::new(claim, claims.now + delta(POLL), results));
    }
    now(shared.memory.complete_hosts(worker, done)).expect("a lease that was just taken");
}

/// The part of a store in memory that its future hangs on: without its clock, hook and feed, and without
/// the audit log and the history of results, which no decision reads.
fn state_of(store: &str) -> String {
    let begin = store.find("data: State {").map_or(0, |at| at + "data: ".len());
    let end = store.rfind("poisoned").unwrap_or(store.len());
    let mut state = store.get(begin..end).unwrap_or(store).to_owned();
    for field in ["history: {", "ages: {", "audit: ["] {
        if let Some(at) = state.find(field) {
            let inside = at + field.len();
            let length = end_of_bracket(&state[inside..]);
            state.replace_range(inside..inside + length, "");
        }
    }
    state
}

/// The length of what stands before the bracket that closes.
fn end_of_bracket(text: &str) -> usize {
    let (mut depth, mut quoted, mut escaped) = (0_u32, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'{' | b'[' | b'(' => depth += 1,
            b'}' | b']' | b')' if depth == 0 => return at,
            b'}' | b']' | b')' => depth -= 1,
            _ => {}
        }
    }
    0
}

/// Returns whether a gate has not made an attempt that was due, although it could.
fn is_forgotten(configuration: &Configuration, record: &GateRecord, now: DateTime<Utc>) -> bool {
    let policy = &configuration.policy;
    let waits = record.state == GateState::Waiting && record.hold.is_none() && !record.exempt;
    let failing = record.evidence.iter().any(|entry| entry.check_id.is_some() && !entry.healthy);
    let Some(last) = record.last_attempt_at.filter(|_| waits && failing) else { return false };
    let due = last + delta(policy.retry);
    let fits = due + delta(policy.budget()) <= record.window.closes_at();
    fits && now >= due + delta(TICK) && record.window.contains(now)
}

fn as_byte(number: usize) -> u8 {
    u8::try_from(number).expect("a small world")
}

/// The instant so many seconds after the beginning.
fn instant(second: u64) -> DateTime<Utc> {
    instant_of(Duration::from_secs(second))
}

fn instant_of(elapsed: Duration) -> DateTime<Utc> {
    fixtures::start() + delta(elapsed)
}

/// Makes hosts, checks, gates, rollout and group. Returns the checks.
fn furnish(configuration: &Configuration, shared: &Shared) -> Vec<(HostId, CheckId)> {
    let mut checks = Vec::new();
    let audit = || fixtures::audit(AuditAction::HealthCheckCreated);
    let mut hosts = Vec::new();
    for (number, count) in (1_u16..).zip(&configuration.hosts) {
        let host = fixtures::host(number.into());
        shared.directory.insert(host, Some(fixtures::agent(number)), &[]);
        for index in 0..*count {
            let id = fixtures::check(u128::from(number) * 10 + u128::from(index));
            let insert = match index {
                0 => fixtures::service_check(id, host, "nginx"),
                _ => fixtures::http_check(id, host, "shop", "https://shop.example/"),
            };
            let check = now(shared.memory.insert_check(insert, audit())).expect("a new check");
            shared.ledger().check_written(&check);
            checks.push((host, id));
        }
        hosts.push(host);
    }
    if configuration.polled {
        polled(shared, &hosts);
    }
    for (check, reason) in &configuration.targets {
        shared.targets().insert(checks[usize::from(*check)].1, *reason);
    }
    let (opens, closes) = configuration.window;
    let window = Window::new(instant(opens), instant(closes)).expect("a window");
    for plan in &configuration.gates {
        let job = fixtures::job(plan.job.into());
        let request = GateRequest::new(job, hosts[usize::from(plan.host)], window);
        let request = if plan.exempt { request.with_exemption() } else { request };
        now(shared.memory.open_gate(request)).expect("a host without a gate");
        shared.ledger().windows.insert(job, Some(window));
    }
    if let Some(policy) = &configuration.rollout {
        let (job, count) = (fixtures::job(1), u32::try_from(hosts.len()).unwrap_or(u32::MAX));
        let opened = shared.memory.open_rollout(job, count, policy.clone());
        now(opened).expect("a new rollout");
        let policy = policy.clone();
        shared.ledger().rollout =
            Some(KnownRollout { job, hosts: count, policy, stage: 0, forgiven: 0 });
    }
    if let Some(max_unavailable) = configuration.group {
        let group = AvailabilityGroup {
            name: "all".to_owned(),
            max_unavailable,
            stale_after: Duration::from_secs(20),
            members: hosts.into_iter().collect(),
        };
        now(shared.memory.put_groups(vec![group.clone()])).expect("a group");
        shared.ledger().group = Some(group);
    }
    checks
}
