//! What a gate asks: windows, and the health of hosts. Both are asked for many gates at once.

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

/// Says which window a job has on a host, at every step.
///
/// Contract:
/// - Answer from the current state: a shortened window, a cancelled job and a deleted host must show at the
///   next call.
/// - Return one answer for each gate, in order. [`WindowAnswer::Unknown`] blocks only that gate, an error
///   blocks all of them (G32). A gate still ends when its last known window closes.
/// - Answer within a few seconds: a runner drops a call after
///   [`source_timeout`](super::GateRunnerConfig::source_timeout), and a panic counts as an error.
/// - Dropping a call must have no effect.
#[async_trait]
pub trait WindowSource: Debug + Send + Sync + 'static {
    /// Returns the window of each of these gates.
    async fn windows(&self, gates: &[&GateRecord]) -> Result<Vec<WindowAnswer>, SourceError>;
}

/// Returns the window from the request of the gate, for applications whose windows never change.
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestedWindows;

#[async_trait]
impl WindowSource for RequestedWindows {
    async fn windows(&self, gates: &[&GateRecord]) -> Result<Vec<WindowAnswer>, SourceError> {
        Ok(gates.iter().map(|gate| WindowAnswer::Open(gate.window)).collect())
    }
}

/// The requirements of a host, and what is known about them.
#[derive(Clone, Debug, Default)]
pub struct HostHealth {
    /// The checks of the host, disabled ones too.
    pub requirements: Vec<Requirement>,
    /// Results of their runs. A result of a check that is not required has no effect (G7).
    pub results: Vec<CheckResult>,
    /// When each check last changed to the status of its newest result, for the text of a failure.
    pub since: Vec<(CheckId, DateTime<Utc>)>,
    /// How long stored runs have been healthy, if known.
    pub streaks: Vec<Streak>,
    /// The application's conditions.
    pub conditions: Vec<Condition>,
    /// The checks that ask another host, with that host. They prove nothing while a job changes it (G35).
    pub asks: Vec<(CheckId, HostId)>,
    /// The host no longer exists.
    pub host_gone: bool,
    /// Why the health of this host is unknown. It blocks only this host's gate (F160).
    pub unknown: Option<Detail>,
}

impl HostHealth {
    /// Creates the answer for a host whose health is unknown.
    #[must_use]
    pub fn unknown(why: impl AsRef<str>) -> Self {
        Self { unknown: Some(Detail::new(why)), ..Self::default() }
    }

    /// Adds what is unknown as a condition, so that it blocks and is shown like any other.
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
    /// The store's clock at the start: every result's `checked_at`.
    pub started_at: DateTime<Utc>,
    /// Its epoch: every result's `epoch`.
    pub epoch: ClockEpoch,
    /// The time after which the run is abandoned.
    pub time: Duration,
}

/// Says how healthy hosts are, by the library's checks or by signals of your own.
///
/// Contract:
/// - `health` answers for each gate, in order, from stored data; it runs nothing.
///   [`HostHealth::unknown`] blocks only that gate, an error blocks all of them (G32).
/// - Answer within a few seconds: a runner drops a call after
///   [`source_timeout`](super::GateRunnerConfig::source_timeout), and a panic counts as an error.
/// - `run` runs checks now and answers with their results, all with the given `checked_at` and
///   `epoch`. A check
///   that gave no answer is left out, or has the reason for it.
/// - Dropping a run closes what it opened; it stores nothing.
#[async_trait]
pub trait HealthSource: Debug + Send + Sync + 'static {
    /// What is known of the hosts of these gates.
    async fn health(&self, gates: &[&GateRecord]) -> Result<Vec<HostHealth>, SourceError>;

    /// Runs checks of one host now.
    async fn run(&self, run: LiveRun) -> Vec<CheckResult>;

    /// Runs checks of one host now and hands each result over by the time the run ends or is dropped,
    /// so that an attempt that is cut keeps what has answered (F142). Gates call this.
    ///
    /// By default it hands over what [`run`](Self::run) answers, at its end. A source around another
    /// one passes this call on, too.
    async fn collect(&self, run: LiveRun, results: &ResultCollector) {
        results.record(self.run(run).await);
    }

    /// Returns the total time of one check, where the source knows it. A gate whose policy has another
    /// one is refused.
    fn check_timeout(&self) -> Option<Duration> {
        None
    }
}

/// What has come out of a live run so far. Cloning gives another handle on the same results.
#[derive(Clone, Debug, Default)]
pub struct ResultCollector(Arc<Mutex<Vec<CheckResult>>>);

impl ResultCollector {
    /// Keeps results.
    pub fn record(&self, results: impl IntoIterator<Item = CheckResult>) {
        self.lock().extend(results);
    }

    /// Takes what is there.
    #[must_use]
    pub fn take(&self) -> Vec<CheckResult> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<CheckResult>> {
        // Nothing of ours under this lock panics.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs checks now, for no longer than the run's time. A run that is cut keeps what has answered (F142).
pub(super) async fn run_bounded(
    source: &dyn HealthSource,
    clock: &dyn Clock,
    run: LiveRun,
) -> Vec<CheckResult> {
    let results = ResultCollector::default();
    let (host, time) = (run.host_id, run.time);
    if let Err(cut) = bounded(clock, time, source.collect(run, &results)).await {
        warn!(%host, %cut, "a run of a host's checks was cut");
    }
    results.take()
}

/// A source cannot tell now.
#[derive(Debug, Error)]
#[error("the source of {what} has no answer now")]
pub struct SourceError {
    what: &'static str,
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl SourceError {
    /// The error with what caused it.
    pub fn new(
        what: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { what, source: source.into() }
    }
}

/// Asks a source about `gates` gates, for at most `time`. A panic, a hanging call and a missing answer
/// are errors (F141).
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
