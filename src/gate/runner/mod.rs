//! The runner of gates: claims the waiting ones in blocks and takes each one step at a time.

mod agenda;
mod attempt;
mod changes;
mod config;
mod gates;
mod health;
mod held;
mod lease;
mod look;
mod notice;
mod overrides;
mod settle;
mod sources;
mod stats;
mod time;
mod turns;

use std::{future::Future, pin::pin, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, info, info_span, warn};

use self::{
    attempt::{Attempt, EndedAttempt},
    gates::Gates,
    health::HealthCell,
    stats::StatsCell,
};
pub use self::{
    config::{GateRunnerConfig, GateRunnerConfigError},
    health::GateHealth,
    stats::GateStats,
};
use super::{
    policy::GatePolicy,
    rights::{AllowOverrides, OverrideRights},
    source::{HealthSource, WindowSource},
};
use crate::{
    checks::{Capacity, Nudge, schedule},
    clock::{Clock, bounded},
    model::{TimeZoneData, WorkerId},
    observe::{GATE_CHECKS_IN_FLIGHT, Level, TIME_ZONE_DATA},
    store::Store,
};

/// Takes every waiting gate of a store forward, together with any number of other runners.
///
/// [`GateRunner::run`] is one future: nothing is spawned, and a waiting gate costs no future of its
/// own. Each tick reads windows, checks and states of all gates at once, so that its number of store
/// calls does not grow with them.
#[derive(Debug)]
pub struct GateRunner {
    store: Arc<dyn Store>,
    health: Arc<dyn HealthSource>,
    windows: Arc<dyn WindowSource>,
    clock: Arc<dyn Clock>,
    policy: GatePolicy,
    config: GateRunnerConfig,
    worker: WorkerId,
    nudge: Nudge,
    rights: Arc<dyn OverrideRights>,
    capacity: Capacity,
    stats: Arc<StatsCell>,
    cell: Arc<HealthCell>,
}

impl GateRunner {
    /// A runner over a store, what gates ask, and a clock.
    ///
    /// # Errors
    /// A figure of the configuration or of the policy that is out of its bounds, or that does not agree
    /// with the others.
    pub fn new(
        store: Arc<dyn Store>,
        health: Arc<dyn HealthSource>,
        windows: Arc<dyn WindowSource>,
        clock: Arc<dyn Clock>,
        policy: GatePolicy,
        config: GateRunnerConfig,
    ) -> Result<Self, GateRunnerConfigError> {
        config.validate()?;
        policy.validate()?;
        policy.validate_with_source(health.check_timeout())?;
        let (most, rights) = (config.max_concurrent_checks, Arc::new(AllowOverrides));
        Ok(Self {
            store,
            health,
            windows,
            clock,
            policy,
            config,
            worker: WorkerId::generate(),
            nudge: Nudge::default(),
            rights,
            capacity: Capacity::split(most, most),
            stats: Arc::default(),
            cell: Arc::default(),
        })
    }

    /// Takes its places from a total that others share, such as the poller of the same process, whose
    /// runs keep out of the gates' share while an attempt waits for room (H15). Then
    /// `max_concurrent_checks` has no effect.
    #[must_use]
    pub fn with_capacity(self, capacity: Capacity) -> Self {
        Self { capacity, ..self }
    }

    /// Asks at every look whether whoever gave an override still may (G26). Without it every override
    /// counts until it expires.
    #[must_use]
    pub fn with_override_rights(self, rights: Arc<dyn OverrideRights>) -> Self {
        Self { rights, ..self }
    }

    /// What the runner has done so far.
    #[must_use]
    pub fn stats(&self) -> GateStats {
        self.stats.snapshot()
    }

    /// Whether the runner is alive and well, for the application's own health endpoint.
    #[must_use]
    pub fn health(&self) -> GateHealth {
        self.cell.read(self.clock.as_ref(), self.stats().gates_held)
    }

    /// A handle that makes this runner look at its gates at once.
    #[must_use]
    pub fn nudge_handle(&self) -> Nudge {
        self.nudge.clone()
    }

    /// Runs gates until `shutdown` is cancelled; then starts nothing more, lets attempts end within
    /// the grace period, and hands its gates back, so that another worker resumes them at once.
    ///
    /// Errors of the store or of a source end nothing: every gate keeps waiting, and nothing passes
    /// (G32). Dropping the future stops at once, and an attempt that was running counts as interrupted
    /// (G28). A task of the runtime then hands the gates back; without one, or if the process is gone, they
    /// are free when the lease ends.
    pub async fn run(&self, shutdown: CancellationToken) {
        let span = info_span!("gates", worker = %self.worker);
        self.look_after_gates(shutdown).instrument(span).await;
    }

    async fn look_after_gates(&self, shutdown: CancellationToken) {
        let _running = self.cell.running();
        TIME_ZONE_DATA.set(1.0, &[("version", TimeZoneData::in_use().version())]);
        if !self.store.is_durable() {
            warn!("running gates on a store that does not outlive this process");
        }
        let mut gates = Gates::new(self, shutdown.clone());
        let mut attempts = FuturesUnordered::new();
        let mut failures = 0_u32;
        while !shutdown.is_cancelled() {
            let pass = meanwhile(gates.pass(), &mut attempts);
            let Some((passed, ended)) = self.unless_stopped(&shutdown, pass).await else { break };
            gates.over(ended);
            let wait = match passed {
                Ok(pass) => {
                    if gates.is_blind() {
                        self.stats.look_failed();
                        self.cell.look_failed();
                    } else {
                        self.cell.looked(self.clock.as_ref());
                    }
                    if std::mem::take(&mut failures) > 0 {
                        info!("gates go on");
                    }
                    attempts.extend(pass.starts.into_iter().map(|attempt| self.start(attempt)));
                    pass.wait.max(self.moment())
                }
                Err(error) => {
                    self.stats.look_failed();
                    self.cell.look_failed();
                    failures = failures.saturating_add(1);
                    let source = error.source().map(tracing::field::display);
                    if failures == 1 {
                        warn!(%error, source, "gates cannot go on: they keep waiting");
                    } else {
                        debug!(%error, source, failures, "gates cannot go on");
                    }
                    schedule::backoff(failures, self.worker.as_uuid())
                }
            };
            let look_at = self.clock.monotonic() + wait;
            loop {
                // After a failure nothing calls for a look before the back-off is over (F150).
                let calm = failures == 0;
                if calm && gates.has_ended_attempts() {
                    self.gather(&mut gates, &mut attempts).await;
                    break;
                }
                let left = look_at.saturating_sub(self.clock.monotonic());
                tokio::select! {
                    biased;
                    () = shutdown.cancelled() => break,
                    Some(ended) = attempts.next(), if !attempts.is_empty() => gates.over(vec![ended]),
                    () = self.nudge.notified(), if calm => {
                        gates.nudged();
                        break;
                    }
                    () = self.clock.sleep(left) => break,
                }
            }
        }
        self.stop(gates, attempts).await;
    }

    /// Returns the output of `work`, unless it goes on for longer than the grace period after the order
    /// to stop: a store that hangs does not keep the runner from stopping (F141).
    async fn unless_stopped<T>(
        &self,
        shutdown: &CancellationToken,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let late = async {
            shutdown.cancelled().await;
            self.clock.sleep(self.config.grace).await;
        };
        tokio::select! {
            biased;
            output = work => Some(output),
            () = late => None,
        }
    }

    /// Lets a few more attempts end before all gates are looked at for the first of them: where many
    /// windows open at once there would be a look for each.
    async fn gather<A: Future<Output = EndedAttempt> + Send>(
        &self,
        gates: &mut Gates<'_>,
        attempts: &mut FuturesUnordered<A>,
    ) {
        gates.over(meanwhile(self.clock.sleep(self.moment()), attempts).await.1);
    }

    /// How long what falls due is gathered before all gates are looked at.
    fn moment(&self) -> Duration {
        GATHER.min(self.config.tick / 20)
    }

    fn start(&self, attempt: Attempt) -> impl Future<Output = EndedAttempt> + Send + use<> {
        let span = info_span!("gate_attempt", gate = %attempt.gate_id, job = %attempt.run.job_id,
                              host = %attempt.run.host_id, attempt = attempt.number);
        let (health, clock) = (Arc::clone(&self.health), Arc::clone(&self.clock));
        let mut in_flight = Level::new(GATE_CHECKS_IN_FLIGHT);
        let running = async move {
            in_flight.set(attempt.run.checks.len());
            attempt.run(health, clock).await
        };
        running.instrument(span)
    }

    async fn stop(
        &self,
        mut gates: Gates<'_>,
        mut attempts: FuturesUnordered<impl Future<Output = EndedAttempt> + Send>,
    ) {
        let mut over = self.clock.sleep(self.config.grace);
        while !attempts.is_empty() {
            tokio::select! {
                biased;
                () = &mut over => break,
                Some(ended) = attempts.next() => gates.over(vec![ended]),
            }
        }
        let handed_back = bounded(self.clock.as_ref(), self.config.grace, gates.hand_back()).await;
        if let Err(error) = handed_back {
            warn!(%error, "gates cannot be handed back: their leases expire");
        }
        info!("gates stopped");
    }
}

/// How long what falls due is gathered before all gates are looked at, at most.
const GATHER: Duration = Duration::from_millis(100);

/// Runs `pass` to its end and lets attempts go on meanwhile.
async fn meanwhile<T, A: Future<Output = EndedAttempt> + Send>(
    pass: impl Future<Output = T>,
    attempts: &mut FuturesUnordered<A>,
) -> (T, Vec<EndedAttempt>) {
    let mut ended = Vec::new();
    let mut pass = pin!(pass);
    loop {
        tokio::select! {
            biased;
            output = &mut pass => return (output, ended),
            Some(attempt) = attempts.next(), if !attempts.is_empty() => ended.push(attempt),
        }
    }
}

/// What came of one pass over all gates.
struct Pass {
    starts: Vec<Attempt>,
    wait: Duration,
}
