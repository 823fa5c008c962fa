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

/// Says, at every step, which window a job has on a host.
///
/// Contract:
/// - Answer from what holds now: a shortened window, a cancelled job and a deleted host must show at
///   the next call.
/// - Give one answer for each gate, in their order. [`WindowAnswer::Unknown`] blocks that gate alone,
///   an error blocks all of them (G32). Either way a gate still ends when its last known window closes.
/// - Answer within a few seconds: a runner drops a call after
///   [`source_timeout`](super::GateRunnerConfig::source_timeout), and a panic counts as an error.
/// - Dropping a call must have no effect.
#[async_trait]
pub trait WindowSource: Debug + Send + Sync + 'static {
    /// The windows of these gates.
    async fn windows(&self, gates: &[&GateRecord]) -> Result<Vec<WindowAnswer>, SourceError>;
}

/// The window that was given when the gate was opened, for applications whose windows never change.
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestedWindows;

#[async_trait]
impl WindowSource for RequestedWindows {
    async fn windows(&self, gates: &[&GateRecord]) -> Result<Vec<WindowAnswer>, SourceError> {
        Ok(gates.iter().map(|gate| WindowAnswer::Open(gate.window)).collect())
    }
}

/// What must hold for a host, and what is known of it.
#[derive(Clone, Debug, Default)]
pub struct HostHealth {
    /// The checks of the host, disabled ones too.
    pub requirements: Vec<Requirement>,
    /// Results of their runs; one that is not listed in the requirements has no effect (G7).
    pub results: Vec<CheckResult>,
    /// When each check last turned to what its newest result says, for the words of a failure.
    pub since: Vec<(CheckId, DateTime<Utc>)>,
    /// How long stored runs have been healthy, where that is known.
    pub streaks: Vec<Streak>,
    /// The application's conditions.
    pub conditions: Vec<Condition>,
    /// The checks that ask another host, with that host: while it is being changed by a job they prove
    /// nothing (G35).
    pub asks: Vec<(CheckId, HostId)>,
    /// The host does not exist any more.
    pub host_gone: bool,
    /// Why nothing can be told of this host now. It blocks this host's gate and no other (F160).
    pub unknown: Option<Detail>,
}

impl HostHealth {
    /// Creates the answer for a host of which nothing can be told now.
    #[must_use]
    pub fn unknown(why: impl AsRef<str>) -> Self {
        Self { unknown: Some(Detail::new(why)), ..Self::default() }
    }

    /// Adds what cannot be told as a condition, so that it blocks and is shown like any other one.
    pub(super) fn block_unknown(&mut self) {
        if let Some(why) = &self.unknown {
            self.conditions.push(Condition::unknown("health of the host", why.as_str()));
        }
    }
}

/// Which checks of a host a gate wants run now.
#[derive(Clone, Debug)]
pub struct LiveRun {
    /// For this job.
    pub job_id: JobId,
    /// On this host.
    pub host_id: HostId,
    /// These checks.
    pub checks: Vec<CheckId>,
    /// The store's clock at the start: every result's `checked_at`.
    pub started_at: DateTime<Utc>,
    /// Its epoch: every result's `epoch`.
    pub epoch: ClockEpoch,
    /// The run is abandoned after this time.
    pub time: Duration,
}

/// Says how healthy hosts are: the library's own checks, or any signals of an application's.
///
/// Contract:
/// - `health` answers for each gate, in their order, from what is stored; it runs nothing.
///   [`HostHealth::unknown`] blocks that gate alone, an error blocks all of them (G32).
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
#[error("the source of {what} cannot tell now")]
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
