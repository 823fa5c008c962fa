//! Background work: counters, the backlog, detection of observer faults, and pruning.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use futures_util::FutureExt;
use tracing::error;

use super::{Cycle, recording::Finished};
use crate::{
    checks::poller::{PollerConfig, observer::ObserverProbe},
    clock::{Clock, bounded},
    observe::{POLL_BACKLOG, POLL_BACKLOG_AGE, PRUNE_PAUSED},
    store::{Backlog, HostRelease, PruneOutcome, Reach, Store, StoreError},
};

/// The interval at which the backlog is read, for monitoring.
const BACKLOG_EVERY: Duration = Duration::from_secs(15);

/// The time limit for the application's probe.
const PROBE_TIME: Duration = Duration::from_secs(10);

/// Returns the answer of the application's probe. A probe that hangs or panics does not confirm that the
/// network works.
async fn ask(probe: Arc<dyn ObserverProbe>, clock: Arc<dyn Clock>) -> bool {
    bounded(clock.as_ref(), PROBE_TIME, probe.network_works()).await.unwrap_or(false)
}

/// How long records are kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Retention {
    results: Duration,
    gates: Option<Duration>,
    audit: Option<Duration>,
}

impl Retention {
    pub(super) const fn of(config: &PollerConfig) -> Self {
        let PollerConfig { retention, gate_retention, audit_retention, .. } = config;
        Self { results: *retention, gates: *gate_retention, audit: *audit_retention }
    }
}

/// Runs one step of pruning: a batch of results, then one of gates and one of audit records. Deletes
/// nothing if the store's clock seems to have jumped.
pub(super) async fn prune(
    store: Arc<dyn Store>,
    retention: Retention,
) -> Result<PruneOutcome, StoreError> {
    let results = store.prune_results(retention.results, PRUNE_BATCH, false).await?;
    let mut outcomes = vec![results];
    if let (false, Some(keep)) = (is_suspicious(&results), retention.gates) {
        outcomes.push(store.prune_gates(keep, PRUNE_RECORDS, false).await?);
    }
    if let (false, Some(keep)) = (outcomes.iter().any(is_suspicious), retention.audit) {
        outcomes.push(store.prune_audit(keep, PRUNE_RECORDS, false).await?);
    }
    let deleted = match results {
        PruneOutcome::Done { deleted } | PruneOutcome::More { deleted } => deleted,
        PruneOutcome::Suspicious { .. } => 0,
    };
    let more = outcomes.iter().any(|outcome| matches!(outcome, PruneOutcome::More { .. }));
    let suspicious = outcomes.into_iter().find(is_suspicious);
    Ok(match suspicious {
        Some(suspicious) => suspicious,
        None if more => PruneOutcome::More { deleted },
        None => PruneOutcome::Done { deleted },
    })
}

const fn is_suspicious(outcome: &PruneOutcome) -> bool {
    matches!(outcome, PruneOutcome::Suspicious { .. })
}

/// The maximum number of results that one step of pruning deletes (L12).
const PRUNE_BATCH: u32 = 5_000;
/// The maximum number of gates, and of audit records, that one step deletes.
const PRUNE_RECORDS: u32 = 500;

impl Cycle<'_> {
    /// Updates the counters.
    pub(super) fn show(&mut self, now: Duration) {
        self.quarantined.retain(|_, until| *until > now);
        let quarantined = self.quarantined.len();
        let fault = self.observer.fault();
        self.levels.in_flight.set(self.checks_in_flight);
        self.levels.buffered.set(self.finished.iter().map(Finished::count).sum());
        self.levels.waiting.set(self.lanes.hosts());
        self.levels.quarantined.set(quarantined);
        self.levels.observer_fault.set(usize::from(fault));
        self.poller.stats.observer_fault(fault);
        self.poller.stats.gauge(self.checks_in_flight, self.finished.len());
        let mut noted = self.poller.health.note();
        noted.quarantined_hosts = quarantined;
        noted.observer_fault = fault;
    }

    pub(super) fn on_backlog(&mut self, outcome: &Result<Backlog, StoreError>) {
        let clock = self.poller.clock.as_ref();
        self.next_backlog = clock.monotonic() + BACKLOG_EVERY;
        match outcome {
            Ok(backlog) => {
                let now = clock.now() - self.poller.health.note().clock_offset;
                let age = backlog.oldest_due_at.map_or(TimeDelta::zero(), |due_at| now - due_at);
                let hosts = u32::try_from(backlog.due).unwrap_or(u32::MAX);
                POLL_BACKLOG.set(f64::from(hosts), &[]);
                POLL_BACKLOG_AGE.set(age.as_seconds_f64().max(0.0), &[]);
                self.poller.health.note().backlog = Some(*backlog);
            }
            Err(error) => {
                self.failed("look at the backlog", error);
            }
        }
    }

    /// Checks whether this machine's network is at fault.
    pub(super) fn watch_observer(&mut self, now: Duration) {
        let Some(rule) = self.poller.config.observer else { return };
        if self.reaching.is_none()
            && let Some(query) = self.observer.question(rule, now)
        {
            let store = Arc::clone(&self.poller.store);
            self.reaching = Some(async move { store.reach(query).await }.boxed());
        }
        match &self.poller.probe {
            None => self.observer.judge(rule, now, None),
            Some(_) if self.probing.is_some() => {}
            Some(probe) if self.observer.wants_probe(rule, now) => {
                let (probe, clock) = (Arc::clone(probe), Arc::clone(&self.poller.clock));
                self.probing = Some(ask(probe, clock).boxed());
            }
            Some(_) => {}
        }
    }

    pub(super) fn on_probe(&mut self, network_works: bool) {
        if let Some(rule) = self.poller.config.observer {
            self.observer.judge(rule, self.poller.clock.monotonic(), Some(network_works));
        }
    }

    pub(super) fn on_reach(&mut self, outcome: Result<Reach, StoreError>) {
        match outcome {
            Ok(reach) => self.observer.answered(self.poller.clock.monotonic(), reach),
            Err(error) => {
                self.failed("ask which hosts were reached", &error);
            }
        }
    }

    /// Hosts that could not be released are released later, even after their leases have ended. This shows
    /// that the worker is alive (F147).
    pub(super) fn on_release(
        &mut self,
        (mut hosts, outcome): (Vec<HostRelease>, Result<(), StoreError>),
    ) {
        if let Err(error) = outcome {
            // Hosts are released in the last sixth of a lease, so there is time for a second attempt.
            let pause = self.failed("hand hosts back", &error).min(self.poller.config.lease() / 6);
            self.next_release = self.poller.clock.monotonic() + pause;
            hosts.append(&mut self.unwanted);
            hosts.truncate(self.poller.config.buffered_hosts);
            self.unwanted = hosts;
        }
    }

    pub(super) fn on_prune(&mut self, outcome: &Result<PruneOutcome, StoreError>) {
        let now = self.poller.clock.monotonic();
        let paused = matches!(outcome, Ok(PruneOutcome::Suspicious { .. }));
        PRUNE_PAUSED.set(f64::from(u8::from(paused)), &[]);
        let pause = match outcome {
            Ok(PruneOutcome::More { deleted }) => {
                self.poller.stats.pruned(*deleted);
                Duration::ZERO
            }
            Ok(PruneOutcome::Done { deleted }) => {
                self.poller.stats.pruned(*deleted);
                self.poller.config.prune_every
            }
            Ok(PruneOutcome::Suspicious { expired, total }) => {
                error!(
                    expired,
                    total,
                    "pruning is paused because the store's clock jumped ahead: check the clock"
                );
                self.poller.config.prune_every
            }
            Err(error) => self.failed("prune results", error).max(self.poller.config.prune_every),
        };
        self.next_prune = now + pause;
    }
}
