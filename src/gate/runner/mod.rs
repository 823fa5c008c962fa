//! The gate runner: claims waiting gates in blocks and takes each one step at a time.

mod agenda;
mod attempt;
mod changes;
mod config;
mod gates;
mod groups;
mod health;
mod held;
mod lease;
mod look;
mod notice;
mod overrides;
mod places;
mod rollouts;
mod settle;
mod sources;
mod stats;
mod time;
mod turns;
mod verify;

use std::{future::Future, pin::pin, sync::Arc, time::Duration};

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, info, info_span, warn};

use self::{
    attempt::{Attempt, EndedAttempt},
    gates::Gates,
    health::HealthCell,
    stats::StatsCell,
    verify::{Look, Verifications},
};
pub use self::{config::GateRunnerConfig, health::GateHealth, stats::GateStats};
use super::{
    policy::GatePolicy,
    rights::{AllowOverrides, OverrideRights},
    source::{HealthSource, WindowSource},
};
use crate::{
    ConfigError,
    checks::{Capacity, Nudge, schedule},
    clock::{Clock, bounded},
    model::{TimeZoneData, WorkerId},
    observe::{GATE_CHECKS_IN_FLIGHT, Level, TIME_ZONE_DATA},
    store::JobStore,
};

/// Serves every waiting gate of a store, together with any number of other runners.
///
/// [`GateRunner::run`] is one future: it spawns no task, and a waiting gate needs no future of its own. Each
/// tick reads the windows, checks and states of all gates at once, so its number of store calls does not
/// depend on the number of gates.
#[derive(Debug)]
pub struct GateRunner {
    store: Arc<dyn JobStore>,
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
    /// Creates a runner over a store, the sources of the gates, and a clock.
    ///
    /// # Errors
    /// Fails if a value of the configuration or policy is out of bounds or contradicts another one.
    /// with the others.
    pub fn new(
        store: Arc<dyn JobStore>,
        health: Arc<dyn HealthSource>,
        windows: Arc<dyn WindowSource>,
        clock: Arc<dyn Clock>,
        policy: GatePolicy,
        config: GateRunnerConfig,
    ) -> Result<Self, ConfigError> {
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

    /// Returns the statistics of the runner.
    #[must_use]
    pub fn stats(&self) -> GateStats {
        self.stats.snapshot()
    }

    /// Returns the health of the runner, for the application's health endpoint.
    #[must_use]
    pub fn health(&self) -> GateHealth {
        self.cell.read(self.clock.as_ref(), self.stats().gates_held)
    }

    /// Returns a handle that makes this runner look at its gates at once.
    #[must_use]
    pub fn nudge_handle(&self) -> Nudge {
        self.nudge.clone()
    }

    /// Serves gates until `shutdown` is cancelled.
    ///
    /// It then starts no more attempts, lets running ones end within the grace period, and hands its gates
    /// back, so that another worker resumes them at once.
    ///
    /// An error of the store or of a source does not end the loop: every gate keeps waiting, and none passes
    /// (G32). Dropping the future stops the work at once, and a running attempt counts as interrupted (G28). A
    /// task of the runtime then hands the gates back. Without a runtime, or after a crash, the gates are free
    /// when the lease ends.
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
        let mut verifications = Verifications::default();
        let mut work: FuturesUnordered<Work> = FuturesUnordered::new();
        let mut failures = 0_u32;
        while !shutdown.is_cancelled() {
            let pass = meanwhile(gates.pass(), &mut work);
            let Some((passed, ended)) = self.unless_stopped(&shutdown, pass).await else { break };
            self.note(ended, &mut gates, &mut verifications);
            let wait = match passed {
                Ok(pass) => {
                    let claim = verifications.claim(self, gates.suspect);
                    let claim = meanwhile(claim, &mut work);
                    let Some((looks, ended)) = self.unless_stopped(&shutdown, claim).await else {
                        break;
                    };
                    self.note(ended, &mut gates, &mut verifications);
                    work.extend(looks.into_iter().map(|look| self.look(look)));
                    if gates.is_blind() {
                        self.stats.look_failed();
                        self.cell.look_failed();
                    } else {
                        self.cell.looked(self.clock.as_ref());
                    }
                    if std::mem::take(&mut failures) > 0 {
                        info!("gates are served again");
                    }
                    work.extend(pass.starts.into_iter().map(|attempt| self.start(attempt)));
                    let asked_next = verifications.asked_next();
                    let left = asked_next.saturating_sub(self.clock.monotonic());
                    pass.wait.min(left).max(self.moment())
                }
                Err(error) => {
                    self.stats.look_failed();
                    self.cell.look_failed();
                    failures = failures.saturating_add(1);
                    let source = error.source().map(tracing::field::display);
                    if failures == 1 {
                        warn!(%error, source, "gates cannot be served: they keep waiting");
                    } else {
                        debug!(%error, source, failures, "gates cannot be served");
                    }
                    schedule::backoff(failures, self.worker.as_uuid())
                }
            };
            let look_at = self.clock.monotonic() + wait;
            loop {
                // After a failure, nothing triggers a look before the back-off is over (F150).
                let calm = failures == 0;
                if calm && gates.has_ended_attempts() {
                    // Gather further ended attempts: if many windows open at once, each would cause
                    // a look.
                    let (_, ended) = meanwhile(self.clock.sleep(self.moment()), &mut work).await;
                    self.note(ended, &mut gates, &mut verifications);
                    break;
                }
                let left = look_at.saturating_sub(self.clock.monotonic());
                tokio::select! {
                    biased;
                    () = shutdown.cancelled() => break,
                    Some(done) = work.next(), if !work.is_empty() => {
                        self.note(vec![done], &mut gates, &mut verifications);
                    }
                    () = self.nudge.notified(), if calm => {
                        gates.nudged();
                        verifications.nudged();
                        break;
                    }
                    () = self.clock.sleep(left) => break,
                }
            }
        }
        self.stop(gates, work).await;
    }

    /// Returns the output of `work`, unless it takes longer than the grace period after the shutdown: a hanging
    /// store does not keep the runner from stopping (F141).
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

    fn note(&self, done: Vec<Done>, gates: &mut Gates<'_>, verifications: &mut Verifications) {
        let monotonic = self.clock.monotonic();
        for done in done {
            match done {
                Done::Attempt(ended) => gates.over(vec![ended]),
                Done::Look { due_in } => verifications.over(monotonic, due_in),
            }
        }
    }

    /// Returns the time for which due gates are gathered before a look at all gates.
    fn moment(&self) -> Duration {
        GATHER.min(self.config.tick / 20)
    }

    fn look(&self, look: Look) -> Work {
        let span = info_span!("verification", job = %look.job(), host = %look.host());
        let looking = async move { Done::Look { due_in: look.run().await } };
        looking.instrument(span).boxed()
    }

    fn start(&self, attempt: Attempt) -> Work {
        let span = info_span!("gate_attempt", gate = %attempt.gate_id, job = %attempt.run.job_id,
                              host = %attempt.run.host_id, attempt = attempt.number);
        let (health, clock) = (Arc::clone(&self.health), Arc::clone(&self.clock));
        let mut in_flight = Level::new(GATE_CHECKS_IN_FLIGHT);
        let running = async move {
            in_flight.set(attempt.run.checks.len());
            Done::Attempt(attempt.run(health, clock).await)
        };
        running.instrument(span).boxed()
    }

    async fn stop(&self, mut gates: Gates<'_>, mut work: FuturesUnordered<Work>) {
        let mut over = self.clock.sleep(self.config.grace);
        while !work.is_empty() {
            tokio::select! {
                biased;
                () = &mut over => break,
                Some(done) = work.next() => {
                    if let Done::Attempt(ended) = done {
                        gates.over(vec![ended]);
                    }
                }
            }
        }
        let handed_back = bounded(self.clock.as_ref(), self.config.grace, gates.hand_back()).await;
        if let Err(error) = handed_back {
            warn!(%error, "gates cannot be handed back: their leases expire");
        }
        info!("gates stopped");
    }
}

/// The maximum time for which due gates are gathered before a look at all gates.
const GATHER: Duration = Duration::from_millis(100);

/// Work that runs concurrently with the looks at gates.
type Work = BoxFuture<'static, Done>;

/// The result of such work.
enum Done {
    /// An attempt of a gate has ended.
    Attempt(EndedAttempt),
    /// A changed host was looked at.
    Look {
        /// The time until it is due again, if known.
        due_in: Option<Duration>,
    },
}

/// Runs `pass` to its end while other work continues.
async fn meanwhile<T>(
    pass: impl Future<Output = T>,
    work: &mut FuturesUnordered<Work>,
) -> (T, Vec<Done>) {
    let mut ended = Vec::new();
    let mut pass = pin!(pass);
    loop {
        tokio::select! {
            biased;
            output = &mut pass => return (output, ended),
            Some(done) = work.next(), if !work.is_empty() => ended.push(done),
        }
    }
}

/// The result of one pass over all gates.
struct Pass {
    starts: Vec<Attempt>,
    wait: Duration,
}
