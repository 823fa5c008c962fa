//! The poller: claims hosts that are due, runs their checks, records what came out.

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

/// Runs every enabled check at its time, together with any number of other pollers on one store.
///
/// [`Poller::run`] is one future: nothing is spawned. To use more cores, run several pollers.
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

/// Tells a poller or a gate runner in the same process that there is something to do now; those in
/// other processes see it at their next tick.
#[derive(Clone, Debug, Default)]
pub struct Nudge(Arc<Notify>);

impl Nudge {
    /// Lets the poller look at once.
    pub fn nudge(&self) {
        self.0.notify_one();
    }

    /// Waits for the next nudge, or for one that came while nobody waited.
    pub(crate) async fn notified(&self) {
        self.0.notified().await;
    }
}

impl Poller {
    /// A poller over a store, a runner, the application's hosts and a clock.
    ///
    /// # Errors
    /// A figure of the configuration that is out of its bounds.
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

    /// Takes its places from a total that others share, such as the gate runner of the same process,
    /// whose attempts go first (H15). Then `max_concurrent_checks` and `max_runs_per_agent` have no
    /// effect.
    #[must_use]
    pub fn with_capacity(self, capacity: Capacity) -> Self {
        Self { capacity, ..self }
    }

    /// Asks the application whether the network works before unreachable hosts are taken for a fault of
    /// the manager's own, and lets its answer end that fault.
    #[must_use]
    pub fn with_probe(self, probe: Arc<dyn ObserverProbe>) -> Self {
        Self { probe: Some(probe), ..self }
    }

    /// A handle that makes this poller look for due hosts at once.
    #[must_use]
    pub fn nudge_handle(&self) -> Nudge {
        self.nudge.clone()
    }

    /// What the poller has done so far.
    #[must_use]
    pub fn stats(&self) -> PollerStats {
        self.stats.snapshot()
    }

    /// Whether the poller is alive and well, for the application's own health endpoint.
    #[must_use]
    pub fn health(&self) -> PollerHealth {
        self.health.read(self.clock.as_ref())
    }

    /// Polls until `shutdown` is cancelled; then stops claiming, lets runs finish within the grace
    /// period, writes what it has and hands back its leases.
    ///
    /// Errors of the store end nothing: the poller backs off and goes on. Dropping the future stops
    /// at once; its leases expire and another worker takes the hosts over.
    pub async fn run(&self, shutdown: CancellationToken) {
        let span = info_span!("poller", worker = %self.worker);
        self.poll(shutdown).instrument(span).await;
    }

    async fn poll(&self, shutdown: CancellationToken) {
        let _running = PollerAlive::new(&self.health);
        if !self.store.is_durable() {
            warn!("polling on a store that does not outlive this process");
        }
        Cycle::new(self).run(shutdown).await;
    }
}
