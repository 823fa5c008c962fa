//! The poller: claims due hosts, runs their checks, and records the results.

mod bounded_run;
mod config;
mod cycle;
mod health;
mod lanes;
mod lease;
mod observer;
mod quarantine;
mod stats;

use std::sync::Arc;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, info_span, warn};

pub use self::{
    config::PollerConfig,
    health::PollerHealth,
    observer::{ObserverProbe, ObserverRule},
    stats::PollerStats,
};
use self::{
    cycle::Cycle,
    health::{HealthCell, PollerAlive},
    stats::StatsCell,
};
use super::{capacity::Capacity, host_run::HostRunner};
use crate::{ConfigError, clock::Clock, directory::HostDirectory, model::WorkerId, store::Store};

/// Runs every enabled check at its time. Any number of pollers share one store.
///
/// [`Poller::run`] is a single future and spawns nothing. To use more cores, run several pollers.
#[derive(Debug)]
pub struct Poller {
    store: Arc<dyn Store>,
    runner: Arc<dyn HostRunner>,
    directory: Arc<dyn HostDirectory>,
    clock: Arc<dyn Clock>,
    config: PollerConfig,
    worker: WorkerId,
    nudge: Nudge,
    probe: Option<Arc<dyn ObserverProbe>>,
    stats: Arc<StatsCell>,
    health: Arc<HealthCell>,
    capacity: Capacity,
}

/// Wakes a poller or a gate runner in the same process because there is new work. Those in other processes
/// see it at their next tick.
#[derive(Clone, Debug, Default)]
pub struct Nudge(Arc<Notify>);

impl Nudge {
    /// Wakes the poller immediately.
    pub fn nudge(&self) {
        self.0.notify_one();
    }

    /// Waits for the next nudge, or returns at once if one came since the last wait.
    pub(crate) async fn notified(&self) {
        self.0.notified().await;
    }
}

impl Poller {
    /// Creates a poller over a store, a runner, the application's hosts and a clock.
    ///
    /// # Errors
    /// Returns the first field of the configuration that is out of its bounds.
    pub fn new(
        store: Arc<dyn Store>,
        runner: Arc<dyn HostRunner>,
        directory: Arc<dyn HostDirectory>,
        clock: Arc<dyn Clock>,
        config: PollerConfig,
    ) -> Result<Self, ConfigError> {
        config.validate()?;
        let capacity = Capacity::split(config.max_concurrent_checks, 0)
            .with_runs_per_agent(config.max_runs_per_agent);
        Ok(Self {
            store,
            runner,
            directory,
            clock,
            config,
            worker: WorkerId::generate(),
            nudge: Nudge::default(),
            probe: None,
            stats: Arc::default(),
            health: Arc::default(),
            capacity,
        })
    }

    /// Shares a capacity with others, such as the gate runner of the same process, whose attempts go first
    /// (H15). `max_concurrent_checks` and `max_runs_per_agent` then have no effect.
    #[must_use]
    pub fn with_capacity(self, capacity: Capacity) -> Self {
        Self { capacity, ..self }
    }

    /// Sets the application's probe. The poller asks it whether the network works before it attributes
    /// unreachable hosts to the manager, and to end that fault.
    #[must_use]
    pub fn with_probe(self, probe: Arc<dyn ObserverProbe>) -> Self {
        Self { probe: Some(probe), ..self }
    }

    /// Returns a handle that makes this poller look for due hosts immediately.
    #[must_use]
    pub fn nudge_handle(&self) -> Nudge {
        self.nudge.clone()
    }

    /// Returns what the poller has done so far.
    #[must_use]
    pub fn stats(&self) -> PollerStats {
        self.stats.snapshot()
    }

    /// Returns the poller's state, for the application's health endpoint.
    #[must_use]
    pub fn health(&self) -> PollerHealth {
        self.health.read(self.clock.as_ref())
    }

    /// Polls until `shutdown` is cancelled. Then it stops claiming, lets runs finish within the grace
    /// period, writes the remaining results, and releases its leases.
    ///
    /// Errors of the store do not end it: the poller backs off and retries. Dropping the future stops
    /// immediately. Its leases then expire, and another worker takes the hosts over.
    pub async fn run(&self, shutdown: CancellationToken) {
        let span = info_span!("poller", worker = %self.worker);
        self.poll(shutdown).instrument(span).await;
    }

    async fn poll(&self, shutdown: CancellationToken) {
        let _running = PollerAlive::new(&self.health);
        if !self.store.is_durable() {
            warn!("polling on a store that does not survive this process");
        }
        Cycle::new(self).run(shutdown).await;
    }
}
