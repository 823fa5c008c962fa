//! The worker: polls checks, runs gates, and advances jobs.

mod dry_run;
mod executor;
mod patch;

use std::{sync::Arc, time::Duration};

use healthgate::{
    ConfigError,
    checks::{Capacity, Poller, PollerConfig},
    gate::{GateRunner, GateRunnerConfig},
};
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use self::executor::Executor;
pub(crate) use self::patch::{Patcher, SimulatedPatcher};
use crate::{app::App, audit::keep_chain, database::Database, sources::Administrators};

/// The parts of a worker.
pub(crate) struct Worker {
    pub(crate) poller: Arc<Poller>,
    pub(crate) gates: Arc<GateRunner>,
    executor: Executor,
    database: Database,
    audit_retention: Option<Duration>,
}

/// The error of a setting that the library rejects.
#[derive(Debug, Error)]
#[error("the worker's configuration is invalid")]
pub(crate) struct WorkerError(#[from] ConfigError);

impl Worker {
    /// Creates the worker of an application.
    ///
    /// # Errors
    /// Fails if the library rejects a setting.
    pub(crate) fn new(app: &App, patcher: Arc<dyn Patcher>) -> Result<Self, WorkerError> {
        let figures = &app.figures;
        let poller = PollerConfig {
            interval: figures.poll_interval,
            timeout: figures.check_timeout,
            // An interval of 1 s is allowed, however long a check takes.
            allow_missed_slots: true,
            max_concurrent_checks: figures.max_concurrent_checks,
            retention: figures.retention,
            gate_retention: figures.gate_retention,
            audit_retention: figures.audit_retention,
            ..PollerConfig::default()
        };
        app.policy.validate_with_poller(&poller)?;
        // A dead worker's gates are taken over after a lease. The tick is shorter than the time limit for
        // noticing a shortened window (5 s).
        let tick = (figures.gate_retry / 4).clamp(ms(250), ms(1_000));
        let gates = GateRunnerConfig {
            tick,
            lease: ms(15_000),
            // A lease has time for four calls of a source.
            source_timeout: ms(3_000),
            max_concurrent_checks: figures.max_concurrent_checks,
            ..GateRunnerConfig::default()
        };
        let capacity = Capacity::new(figures.max_concurrent_checks);
        let poller = Poller::new(
            app.workers.store.clone(),
            app.runner.clone(),
            app.directory.clone(),
            app.clock.clone(),
            poller,
        )?
        .with_capacity(capacity.clone());
        let gates = GateRunner::new(
            app.workers.store.clone(),
            app.health.clone(),
            app.windows.clone(),
            app.clock.clone(),
            app.policy.clone(),
            gates,
        )?
        .with_capacity(capacity)
        .with_override_rights(Arc::new(Administrators::new(app.workers.database.clone())));
        let gate = app.gate().with_nudge(gates.nudge_handle());
        let executor = Executor::new(app, gate, patcher);
        Ok(Self {
            poller: Arc::new(poller),
            gates: Arc::new(gates),
            executor,
            database: app.workers.database.clone(),
            audit_retention: figures.audit_retention,
        })
    }

    /// Works until `shutdown` is cancelled. Then lets running work end within seconds, and releases the
    /// rest.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let (poller, stop) = (self.poller, shutdown.clone());
        let polling = tokio::spawn(async move { poller.run(stop).await });
        let (gates, stop) = (self.gates, shutdown.clone());
        let gating = tokio::spawn(async move { gates.run(stop).await });
        let chaining = keep_chain(self.database, self.audit_retention, shutdown.clone());
        let chaining = tokio::spawn(chaining);
        let executor = self.executor;
        let executing = tokio::spawn(async move { executor.run(shutdown).await });
        for part in [polling, gating, executing, chaining] {
            if let Err(error) = part.await {
                tracing::error!(%error, "a part of the worker ended early");
            }
        }
    }
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
