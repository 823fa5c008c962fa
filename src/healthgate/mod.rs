//! The entry point: checks, poller and gates over one store, with one timing and one policy.

#[cfg(feature = "api")]
mod api;
mod builder;
#[cfg(not(feature = "http"))]
#[path = "no_connections.rs"]
mod connections;
#[cfg(feature = "http")]
mod connections;
mod policy;
mod timing;

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

pub use self::{
    builder::{BuildError, HealthgateBuilder},
    policy::Policy,
    timing::Timing,
};
use crate::{
    checks::{CheckManager, Poller, PollerHealth},
    clock::Clock,
    directory::HostDirectory,
    gate::{Gate, GateHealth, GateRunner},
    store::Store,
};

/// Combines the checks, the poller and the gates of one process, with settings that agree.
///
/// Any number of processes may share one store. [`run`](Self::run) polls and serves gates;
/// [`run_poller`](Self::run_poller) and [`run_gates`](Self::run_gates) each do one of the two. They spawn no
/// task.
///
/// If you need another arrangement, such as a store for each part, build the parts yourself:
/// [`CheckManager`], [`Poller`], [`GateRunner`] and [`Gate`] are public.
///
/// ```
/// # use std::{sync::Arc, time::Duration};
/// use healthgate::{Healthgate, Timing, directory::StaticDirectory, store::MemoryStore};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), healthgate::BuildError> {
/// let (store, hosts) = (Arc::new(MemoryStore::default()), Arc::new(StaticDirectory::new()));
/// let healthgate = Healthgate::builder(store, hosts)
///     .timing(Timing { interval: Duration::from_secs(60), ..Timing::default() })
///     .build()
///     .await?;
/// assert_eq!(healthgate.stale_after(), Duration::from_secs(120));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Healthgate {
    store: Arc<dyn Store>,
    hosts: Arc<dyn HostDirectory>,
    clock: Arc<dyn Clock>,
    checks: CheckManager,
    gate: Gate,
    gates: GateRunner,
    /// `None` if the gates ask a source of the application.
    poller: Option<Poller>,
    stale_after: Duration,
}

impl Healthgate {
    /// Creates a builder over a store and the application's hosts.
    pub fn builder(store: Arc<dyn Store>, hosts: Arc<dyn HostDirectory>) -> HealthgateBuilder {
        HealthgateBuilder::new(store, hosts)
    }

    /// Returns the manager that creates, changes and tests checks. A change wakes the poller of this process.
    #[must_use]
    pub const fn checks(&self) -> &CheckManager {
        &self.checks
    }

    /// Returns the gate, which a job asks before it touches a host. Start with [`Gate::admit`].
    #[must_use]
    pub const fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Polls and serves gates until `shutdown` is cancelled. It then lets running checks end within the
    /// grace period, writes their results, and hands back its leases.
    ///
    /// An error of the store or of a source does not end the loop: gates keep waiting. Dropping the future
    /// stops the work at once; leases expire, and another process takes over.
    pub async fn run(&self, shutdown: CancellationToken) {
        tokio::join!(self.run_poller(shutdown.clone()), self.run_gates(shutdown));
    }

    /// Polls and serves gates until `work` completes, then stops as [`run`](Self::run) does and returns the
    /// output of `work`.
    pub async fn run_while<T>(&self, work: impl Future<Output = T>) -> T {
        let shutdown = CancellationToken::new();
        let stop = shutdown.clone().drop_guard();
        let working = async {
            let output = work.await;
            drop(stop);
            output
        };
        tokio::join!(working, self.run(shutdown)).0
    }

    /// Runs the poller alone, as [`Poller::run`] does. Returns at once if the gates ask a
    /// [source of the application](HealthgateBuilder::health_source), because there is nothing to poll.
    pub async fn run_poller(&self, shutdown: CancellationToken) {
        if let Some(poller) = &self.poller {
            poller.run(shutdown).await;
        }
    }

    /// Runs the gates alone, as [`GateRunner::run`] does.
    pub async fn run_gates(&self, shutdown: CancellationToken) {
        self.gates.run(shutdown).await;
    }

    /// Returns the health of the poller and the gates. It never blocks, so a health endpoint may call it.
    #[must_use]
    pub fn health(&self) -> HealthReport {
        let poller = self.poller.as_ref().map(Poller::health);
        HealthReport { poller, gates: self.gates.health() }
    }

    /// Returns the store.
    #[must_use]
    pub const fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Returns the application's hosts.
    #[must_use]
    pub const fn hosts(&self) -> &Arc<dyn HostDirectory> {
        &self.hosts
    }

    /// Returns the clock.
    #[must_use]
    pub const fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Returns the poller; `None` if the gates ask a
    /// [source of the application](HealthgateBuilder::health_source).
    #[must_use]
    pub const fn poller(&self) -> Option<&Poller> {
        self.poller.as_ref()
    }

    /// Returns the gate runner.
    #[must_use]
    pub const fn gate_runner(&self) -> &GateRunner {
        &self.gates
    }

    /// Returns the age beyond which a result is stale: two intervals.
    ///
    /// Pass it to [`ResultStore::views`](crate::store::ResultStore::views) and
    /// [`summaries`](crate::store::ResultStore::summaries).
    #[must_use]
    pub const fn stale_after(&self) -> Duration {
        self.stale_after
    }
}

/// The health of the poller and the gates, as returned by [`Healthgate::health`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct HealthReport {
    /// The health of the poller; `None` if there is no poller.
    pub poller: Option<PollerHealth>,
    /// The health of the gate runner.
    pub gates: GateHealth,
}

impl HealthReport {
    /// Returns whether poller and gates are running and have both worked within the given time.
    ///
    /// One minute is a sensible bound. If the process runs only one of them, ask that one instead.
    #[must_use]
    pub fn is_live(&self, within: Duration) -> bool {
        self.poller.is_none_or(|poller| poller.is_live(within)) && self.gates.is_live(within)
    }
}
