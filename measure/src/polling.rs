//! The whole poller of the library over a database, and how late its runs begin.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use healthgate::{
    CancellationToken,
    checks::{
        CheckOutcome, CheckRunner, HostRun, HostRunner, OutcomeCollector, Poller, PollerConfig,
        PollerStats, schedule::next_slot,
    },
    clock::SystemClock,
    model::HostId,
};
use tokio::time::Instant;

use crate::{
    Outcome, cpu,
    database::{Database, Fleet},
};

/// A runner that notes when each run begins.
#[derive(Debug)]
pub(crate) struct Noting {
    runner: Arc<CheckRunner>,
    begun: Mutex<Vec<(HostId, DateTime<Utc>)>>,
}

impl Noting {
    pub(crate) fn new(runner: Arc<CheckRunner>) -> Arc<Self> {
        Arc::new(Self { runner, begun: Mutex::default() })
    }

    /// Takes the runs so far.
    pub(crate) fn take(&self) -> Vec<(HostId, DateTime<Utc>)> {
        std::mem::take(&mut self.begun.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note(&self, host: HostId) {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner).push((host, Utc::now()));
    }
}

#[async_trait]
impl HostRunner for Noting {
    async fn run_host(&self, run: HostRun) -> Vec<CheckOutcome> {
        self.note(run.host_id);
        self.runner.run_host(run).await
    }

    async fn collect_host(&self, run: HostRun, outcomes: &OutcomeCollector) {
        self.note(run.host_id);
        self.runner.collect_host(run, outcomes).await;
    }
}

/// Returns how many seconds after its slot each run began. A run that is late by more than an interval
/// counts from a later slot, so a fleet that falls behind shows in the number of runs besides.
pub(crate) fn lateness(
    runs: &[(HostId, DateTime<Utc>)],
    interval: Duration,
    only: Option<&HashSet<HostId>>,
) -> Vec<f64> {
    let late = |(host, begun): &(HostId, DateTime<Utc>)| {
        let next = next_slot(*host, interval, *begun);
        let left = (next - *begun).to_std().unwrap_or_default();
        interval.saturating_sub(left).as_secs_f64()
    };
    runs.iter().filter(|(host, _)| only.is_none_or(|only| only.contains(host))).map(late).collect()
}

/// A configuration for a fleet whose hosts share addresses.
pub(crate) fn config(interval: Duration) -> PollerConfig {
    PollerConfig {
        interval,
        timeout: crate::fleet::TIMEOUT.min(interval),
        // In a real fleet every agent has an address of its own.
        max_runs_per_agent: 1_000_000,
        ..PollerConfig::default()
    }
}

/// What a stretch of polling cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stretch {
    pub(crate) checks: u64,
    pub(crate) seconds: f64,
    pub(crate) worker: Duration,
    pub(crate) database: Duration,
    /// The bytes of write-ahead log.
    pub(crate) wal: u64,
    /// The resident memory of the worker at the end, in bytes.
    pub(crate) memory: u64,
    pub(crate) stats: PollerStats,
}

impl Stretch {
    /// Returns the checks a second.
    pub(crate) fn rate(&self) -> f64 {
        self.checks as f64 / self.seconds
    }

    /// Returns the worker's processor time for a check, in microseconds.
    pub(crate) fn worker_micros(&self) -> f64 {
        self.worker.as_secs_f64() * 1e6 / self.checks.max(1) as f64
    }

    /// Returns the database's processor time for a check, in microseconds.
    pub(crate) fn database_micros(&self) -> f64 {
        self.database.as_secs_f64() * 1e6 / self.checks.max(1) as f64
    }

    /// Returns the share of one core that the worker needed.
    pub(crate) fn worker_cores(&self) -> f64 {
        self.worker.as_secs_f64() / self.seconds
    }

    /// Returns the share of one core that the database needed.
    pub(crate) fn database_cores(&self) -> f64 {
        self.database.as_secs_f64() / self.seconds
    }

    /// Returns the worker's memory in MiB.
    pub(crate) fn mebibytes(&self) -> f64 {
        self.memory as f64 / 1024.0 / 1024.0
    }
}

/// Until when a stretch lasts.
#[derive(Clone, Copy)]
pub(crate) enum Until {
    /// For this duration, after another one to warm up.
    Time { warm: Duration, length: Duration },
    /// Until this number of hosts are complete, from the start.
    Hosts(u64),
}

/// Polls a fleet and measures a stretch of it. The runs that `runner` holds afterwards are those of the
/// stretch.
pub(crate) async fn poll(
    database: &Database,
    fleet: &Fleet,
    runner: &Arc<Noting>,
    config: PollerConfig,
    until: Until,
) -> Outcome<Stretch> {
    let (store, directory) = (database.store.clone(), fleet.directory.clone());
    let poller = Poller::new(store, runner.clone(), directory, Arc::new(SystemClock), config)?;
    let stop = CancellationToken::new();
    let measured = async {
        if let Until::Time { warm, .. } = until {
            tokio::time::sleep(warm).await;
        }
        runner.take();
        let wal = database.wal().await?;
        let (stats, started) = (poller.stats(), Instant::now());
        let (worker, server) = (cpu::own(), database.cpu()?);
        match until {
            Until::Time { length, .. } => tokio::time::sleep(length).await,
            Until::Hosts(hosts) => {
                while poller.stats().hosts_completed < hosts {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
        let stretch = Stretch {
            checks: poller.stats().checks_run - stats.checks_run,
            seconds: started.elapsed().as_secs_f64(),
            worker: cpu::own() - worker,
            database: database.cpu()? - server,
            // While the poller still holds what it needs.
            memory: cpu::resident(std::process::id())?,
            wal: database.wal().await? - wal,
            stats: poller.stats(),
        };
        Ok::<_, Box<dyn std::error::Error>>((stretch, runner.take()))
    };
    let (measured, ()) = tokio::join!(
        async {
            let measured = measured.await;
            stop.cancel();
            measured
        },
        poller.run(stop.clone())
    );
    let (stretch, runs) = measured?;
    *runner.begun.lock().unwrap_or_else(PoisonError::into_inner) = runs;
    Ok(stretch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_as_late_as_the_time_since_its_slot() {
        let (host, other) = (HostId::generate(), HostId::generate());
        let interval = Duration::from_secs(60);
        let slot = next_slot(host, interval, Utc::now());
        let begun = slot + chrono::TimeDelta::milliseconds(1_500);
        let late =
            lateness(&[(host, begun), (other, begun)], interval, Some(&HashSet::from([host])));
        assert_eq!(late.len(), 1);
        assert!((late[0] - 1.5).abs() < 0.001, "{late:?}");
    }
}
