//! A worker process: a poller, a runner of gates, or both, on one machine.

use std::{cell::RefCell, rc::Rc, sync::Arc, time::Duration};

use futures_util::future::join;
use healthgate::{
    checks::{Poller, PollerConfig},
    gate::{GateRunner, GateRunnerConfig, StoredChecks},
};
use tokio_util::sync::CancellationToken;

use crate::{clock::MachineClock, history::Event, scheduler::TaskId, world::World};

/// How long a host that three workers have died with is not run.
pub(crate) const QUARANTINE: Duration = Duration::from_secs(600);

/// What a worker does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    Polls,
    Gates,
    Both,
}

/// A machine on which a worker lives, one life after another.
#[derive(Clone)]
pub(crate) struct Machine {
    world: World,
    name: u64,
    role: Role,
    clock: MachineClock,
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
        Self { world: world.clone(), name, role, clock, life: Rc::default() }
    }

    pub(crate) fn clock(&self) -> &MachineClock {
        &self.clock
    }

    fn note(&self, event: Event) {
        self.world.checker().note(event, format_args!("worker {}", self.name));
    }

    /// Starts a new life, unless one is under way.
    pub(crate) fn start(&self) {
        if self.life.borrow().is_some() {
            return;
        }
        self.note(Event::WorkerStarted);
        let shutdown = CancellationToken::new();
        let task = self.world.orders.spawn(self.clone().live(shutdown.clone()));
        *self.life.borrow_mut() = Some(Life { task, shutdown });
    }

    async fn live(self, shutdown: CancellationToken) {
        let polls = async {
            if self.role != Role::Gates {
                self.polls(shutdown.clone()).await;
            }
        };
        let gates = async {
            if self.role != Role::Polls {
                self.gates(shutdown.clone()).await;
            }
        };
        join(polls, gates).await;
    }

    async fn polls(&self, shutdown: CancellationToken) {
        let (store, eyes) = self.world.store(&self.clock);
        let sight = Arc::new(self.world.sight(&self.clock, eyes, true));
        let config = PollerConfig {
            interval: self.world.settings.interval,
            timeout: self.world.settings.policy.timeout,
            tick: self.world.settings.poll_tick,
            prune_every: Duration::from_secs(3_600),
            unhealthy_interval: self.world.settings.unhealthy_interval,
            quarantine: QUARANTINE,
            ..PollerConfig::default()
        };
        let clock = Arc::new(self.clock.clone());
        let poller = Poller::new(store, sight.clone(), sight, clock, config);
        poller.expect("a valid configuration").run(shutdown).await;
        self.world.checker().close(eyes);
    }

    async fn gates(&self, shutdown: CancellationToken) {
        let (store, eyes) = self.world.store(&self.clock);
        let sight = Arc::new(self.world.sight(&self.clock, eyes, false));
        let policy = self.world.settings.policy.clone();
        let health = StoredChecks::new(store.clone(), sight.clone(), sight.clone(), policy.timeout);
        let config =
            GateRunnerConfig { tick: self.world.settings.gate_tick, ..GateRunnerConfig::default() };
        let (clock, rights) = (Arc::new(self.clock.clone()), sight.clone());
        let runner = GateRunner::new(store, Arc::new(health), sight, clock, policy, config);
        let runner = runner.expect("a valid configuration").with_override_rights(rights);
        runner.run(shutdown).await;
        self.world.checker().close(eyes);
    }

    /// Ends this life at once, as `kill -9` does.
    pub(crate) fn kill(&self) {
        if let Some(life) = self.life.borrow_mut().take() {
            self.note(Event::WorkerKilled);
            self.world.orders.kill(life.task);
        }
    }

    /// Asks this life to end. The next one may begin while it hands back what it holds.
    pub(crate) fn stop(&self) {
        if let Some(life) = self.life.borrow_mut().take() {
            self.note(Event::WorkerStopped);
            life.shutdown.cancel();
        }
    }

    /// Lets the process stand still for a while: as under SIGSTOP, or with its whole machine, whose
    /// monotonic clock then stands still too.
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
