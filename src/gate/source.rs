//! The sources that a gate asks: windows and the health of hosts, each for many gates at once.

use std::{
    fmt::Debug,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use thiserror::Error;
use tracing::warn;

use super::decide::{Condition, Requirement, Streak, WindowAnswer};
use crate::{
    clock::{Clock, bounded},
    model::{CheckId, CheckResult, ClockEpoch, Detail, GateRecord, HostId, JobId},
};

/// Supplies the window of a job on a host. A gate asks at every step.
///
/// Contract:
/// - Answer from the current state: a shortened window, a cancelled job and a deleted host must appear in the
///   next answer.
/// - Return one answer for each gate, in order. [`WindowAnswer::Unknown`] blocks only that gate; an error
///   blocks all of them (G32). A gate still ends when its last known window closes.
/// - Answer within a few seconds: a runner drops a call after
///   [`source_timeout`](super::GateRunnerConfig::source_timeout), and a panic counts as an error.
/// - Dropping a call has no effect.
#[async_trait]
pub trait WindowSource: Debug + Send + Sync + 'static {
    /// Returns the window of each of these gates.
    async fn windows(&self, gates: &[&GateRecord]) -> Result<Vec<WindowAnswer>, SourceError>;
}

/// Answers with the window of the gate's request, for applications whose windows never change.
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestedWindows;

#[async_trait]
impl WindowSource for RequestedWindows {
    async fn windows(&self, gates: &[&GateRecord]) -> Result<Vec<WindowAnswer>, SourceError> {
        Ok(gates.iter().map(|gate| WindowAnswer::Open(gate.window)).collect())
    }
}

/// The requirements of a host and their known results.
#[derive(Clone, Debug, Default)]
pub struct HostHealth {
    /// The checks of the host, including disabled ones.
    pub requirements: Vec<Requirement>,
    /// The results of their runs. A result of a check that is not required has no effect (G7).
    pub results: Vec<CheckResult>,
    /// For each check, the time since which it has had the status of its newest result. Failures name it.
    pub since: Vec<(CheckId, DateTime<Utc>)>,
    /// The number of consecutive healthy stored runs of each check, if known.
    pub streaks: Vec<Streak>,
    /// The application's conditions.
    pub conditions: Vec<Condition>,
    /// The checks that ask another host, with that host. They prove nothing while a job changes it (G35).
    pub asks: Vec<(CheckId, HostId)>,
    /// Whether the host no longer exists.
    pub host_gone: bool,
    /// The reason why the health of this host is unknown, if it is. It blocks only this host's gate (F160).
    pub unknown: Option<Detail>,
}

impl HostHealth {
    /// Creates the answer for a host whose health is unknown.
    #[must_use]
    pub fn unknown(why: impl AsRef<str>) -> Self {
        Self { unknown: Some(Detail::new(why)), ..Self::default() }
    }

    /// Turns unknown health into an unmet condition, so that it blocks and is shown like one.
    pub(super) fn block_unknown(&mut self) {
        if let Some(why) = &self.unknown {
            self.conditions.push(Condition::unknown("health of the host", why.as_str()));
        }
    }
}

/// The checks of a host that a gate wants to run now.
#[derive(Clone, Debug)]
pub struct LiveRun {
    /// The job.
    pub job_id: JobId,
    /// The host.
    pub host_id: HostId,
    /// The checks.
    pub checks: Vec<CheckId>,
    /// The start by the store's clock, used as every result's `checked_at`.
    pub started_at: DateTime<Utc>,
    /// The epoch of that clock, used as every result's `epoch`.
    pub epoch: ClockEpoch,
    /// The duration after which the run is abandoned.
    pub time: Duration,
}

/// Supplies the health of hosts, from the library's checks or from your own signals.
///
/// Contract:
/// - `health` answers for each gate, in order, from stored data. It runs no check.
///   [`HostHealth::unknown`] blocks only that gate; an error blocks all of them (G32).
/// - Answer within a few seconds: a runner drops a call after
///   [`source_timeout`](super::GateRunnerConfig::source_timeout), and a panic counts as an error.
/// - `run` runs checks now and returns their results, all with the given `checked_at` and `epoch`. Omit a
///   check that gave no answer, or return a result with the reason.
/// - Dropping a run closes its connections. A run stores nothing.
#[async_trait]
pub trait HealthSource: Debug + Send + Sync + 'static {
    /// Returns the health of each gate's host.
    async fn health(&self, gates: &[&GateRecord]) -> Result<Vec<HostHealth>, SourceError>;

    /// Runs checks of one host now and returns their results.
    async fn run(&self, run: LiveRun) -> Vec<CheckResult>;

    /// Runs checks of one host now and records their results.
    ///
    /// Gates call this method. It records every result before the run ends or is dropped, so that an attempt
    /// that is cut short keeps the answers it has (F142).
    ///
    /// The default calls [`run`](Self::run) and records its results at the end. A source that wraps another
    /// one must forward this call, too.
    async fn collect(&self, run: LiveRun, results: &ResultCollector) {
        results.record(self.run(run).await);
    }

    /// Returns the deadline for one run of a check, if the source knows it. A gate policy with another
    /// `timeout` is refused.
    fn check_timeout(&self) -> Option<Duration> {
        None
    }
}

/// Collects the results of a live run. Clones share the same results.
#[derive(Clone, Debug, Default)]
pub struct ResultCollector(Arc<Mutex<Vec<CheckResult>>>);

impl ResultCollector {
    /// Adds results.
    pub fn record(&self, results: impl IntoIterator<Item = CheckResult>) {
        self.lock().extend(results);
    }

    /// Removes and returns the results so far.
    #[must_use]
    pub fn take(&self) -> Vec<CheckResult> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<CheckResult>> {
        // A poisoned lock is safe to use: no code under it panics half way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs checks now, within the run's time. A run that is cut short keeps the answers it has (F142).
pub(super) async fn run_bounded(
    source: &dyn HealthSource,
    clock: &dyn Clock,
    run: LiveRun,
) -> Vec<CheckResult> {
    let results = ResultCollector::default();
    let (host, time) = (run.host_id, run.time);
    if let Err(cut) = bounded(clock, time, source.collect(run, &results)).await {
        warn!(%host, %cut, "a run of a host's checks was cut short");
    }
    results.take()
}

/// The error of a source that cannot answer now.
#[derive(Debug, Error)]
#[error("the source of {what} has no answer now")]
pub struct SourceError {
    what: &'static str,
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl SourceError {
    /// Creates the error from the name of the source's data and the cause.
    pub fn new(
        what: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { what, source: source.into() }
    }
}

/// Asks a source about `gates` gates, for at most `time`. A panic, a late answer and a missing answer are
/// errors (F141).
pub(super) async fn ask<T>(
    clock: &dyn Clock,
    time: Duration,
    what: &'static str,
    gates: usize,
    call: impl Future<Output = Result<Vec<T>, SourceError>> + Send,
) -> Result<Vec<T>, SourceError> {
    let answers = bounded(clock, time, call).await.map_err(|cut| SourceError::new(what, cut))??;
    if answers.len() != gates {
        return Err(SourceError::new(what, "it did not answer for every gate"));
    }
    Ok(answers)
}
