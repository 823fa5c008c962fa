//! A worker process on one machine: a poller, a gate runner, or both.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use futures_util::future::join;
use healthgate::{
    checks::{Capacity, Poller, PollerConfig},
    gate::{GateRunner, GateRunnerConfig, StoredChecks},
};
use tokio_util::sync::CancellationToken;

use crate::{
    clock::MachineClock, history::Event, scheduler::TaskId, sources::Conditioned, targets::Network,
    world::World,
};

/// How long a host is not run after three workers have died with it.
pub(crate) const QUARANTINE: Duration = Duration::from_secs(600);

/// What a worker runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    Polls,
    Gates,
    Both,
}

/// A machine that runs one life of a worker after another.
#[derive(Clone)]
pub(crate) struct Machine {
    world: World,
    name: u64,
    role: Role,
    clock: MachineClock,
    network: Network,
    life: Rc<RefCell<Option<Life>>>,
}

#[derive(Clone)]
struct Life {
    task: TaskId,
    shutdown: CancellationToken,
}

impl Machine {
    pub(crate) fn new(world: &World, name: u64, role: Role) -> Self {
        let clock = MachineClock::new(world.clock.clone());
        let network = Network::default();
        Self { world: world.clone(), name, role, clock, network, life: Rc::default() }
    }

    pub(crate) fn clock(&self) -> &MachineClock {
        &self.clock
    }

    pub(crate) fn network(&self) -> &Network {
        &self.network
    }

    fn note(&self, event: Event) {
        self.world.checker().note(event, format_args!("worker {}", self.name));
    }

    /// Starts a new life, unless one is running.
    pub(crate) fn start(&self) {
        if self.life.borrow().is_some() {
            return;
        }
        self.note(Event::WorkerStarted);
        let shutdown = CancellationToken::new();
        let told = Rc::new(Cell::new(None));
        let life = self.clone().live(shutdown.clone(), Rc::clone(&told));
        let task = self.world.orders.spawn(life);
        told.set(Some(task));
        *self.life.borrow_mut() = Some(Life { task, shutdown });
    }

    async fn live(self, shutdown: CancellationToken, task: Rc<Cell<Option<TaskId>>>) {
        let settings = &self.world.settings;
        let shared =
            (self.role == Role::Both && settings.shared).then(|| Capacity::new(settings.places));
        let polls = async {
            if self.role != Role::Gates {
                self.polls(shutdown.clone(), shared.clone()).await;
            }
        };
        let gates = async {
            if self.role != Role::Polls {
                self.gates(shutdown.clone(), shared.clone()).await;
            }
        };
        join(polls, gates).await;
        if let Some(task) = task.get() {
            self.world.checker().stopping.remove(&task);
        }
    }

    async fn polls(&self, shutdown: CancellationToken, shared: Option<Capacity>) {
        let (store, eyes) = self.world.store(&self.clock);
        let sight = Arc::new(self.world.sight(&self.clock, eyes, true, &self.network));
        let interval = self.world.checker().settings.interval;
        let shorter = self.world.settings.unhealthy_interval;
        let config = PollerConfig {
            interval,
            max_concurrent_checks: self.world.settings.places,
            max_runs_per_agent: self.world.settings.runs_per_agent,
            timeout: self.world.settings.policy.timeout,
            tick: self.world.settings.poll_tick,
            prune_every: Duration::from_secs(3_600),
            unhealthy_interval: shorter.map(|shorter| shorter.min(interval)),
            quarantine: QUARANTINE,
            observer: Some(self.world.settings.observer),
            ..PollerConfig::default()
        };
        let clock = Arc::new(self.clock.clone());
        let poller = Poller::new(store, sight.clone(), sight, clock, config);
        let mut poller = poller.expect("a valid configuration");
        if let Some(shared) = shared {
            poller = poller.with_capacity(shared);
        }
        poller.run(shutdown).await;
        self.world.checker().close(eyes);
    }

    async fn gates(&self, shutdown: CancellationToken, shared: Option<Capacity>) {
        let (store, eyes) = self.world.store(&self.clock);
        let sight = Arc::new(self.world.sight(&self.clock, eyes, false, &self.network));
        let policy = self.world.settings.policy.clone();
        let checks = StoredChecks::new(store.clone(), sight.clone(), sight.clone(), policy.timeout);
        let health = Conditioned { checks, sight: sight.clone() };
        let config = GateRunnerConfig {
            tick: self.world.settings.gate_tick,
            max_concurrent_checks: self.world.settings.places,
            ..GateRunnerConfig::default()
        };
        let (clock, rights) = (Arc::new(self.clock.clone()), sight.clone());
        let runner = GateRunner::new(store, Arc::new(health), sight, clock, policy, config);
        let mut runner = runner.expect("a valid configuration").with_override_rights(rights);
        if let Some(shared) = shared {
            runner = runner.with_capacity(shared);
        }
        runner.run(shutdown).await;
        self.world.checker().close(eyes);
    }

    /// Ends this life immediately, like `kill -9`.
    pub(crate) fn kill(&self) {
        if let Some(life) = self.life.borrow_mut().take() {
            self.note(Event::WorkerKilled);
            self.world.orders.kill(life.task);
        }
    }

    /// Asks this life to end. The next one may begin while it releases its hosts and gates.
    pub(crate) fn stop(&self) {
        if let Some(life) = self.life.borrow_mut().take() {
            self.note(Event::WorkerStopped);
            let at = self.world.at();
            self.world.checker().stopping.insert(life.task, at);
            life.shutdown.cancel();
        }
    }

    /// Freezes the process for a while, as under SIGSTOP, or suspends its whole machine, which also stops
    /// the monotonic clock.
    pub(crate) async fn pause(&self, duration: Duration, suspended: bool) {
        let Some(life) = self.life.borrow().clone() else { return };
        self.note(if suspended { Event::WorkerSuspended } else { Event::WorkerPaused });
        self.world.orders.freeze(life.task);
        self.world.sleep(duration).await;
        if suspended {
            self.clock.suspended(duration);
        }
        self.world.orders.thaw(life.task);
    }
}
