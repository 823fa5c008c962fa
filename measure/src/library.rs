//! The library's runner as a candidate: as fast as it can, or at a given rate.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use healthgate::checks::{CheckRunner, HostRun};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::{
    Outcome, cpu,
    fleet::{self, endpoint, http_run, service_run},
    target::Target,
    turns::Candidate,
};

/// What a run asks for.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// One HTTP check.
    Http,
    /// This number of service checks of one host.
    Service(usize),
}

impl Kind {
    /// Returns a run's number of checks.
    pub(crate) fn checks(self) -> usize {
        match self {
            Self::Http => 1,
            Self::Service(checks) => checks,
        }
    }

    /// Returns this number of runs, at targets round robin.
    pub(crate) fn runs(self, target: &Target, number: usize) -> Outcome<Vec<HostRun>> {
        let run = |index| match self {
            Self::Http => http_run(target.url(index)),
            Self::Service(checks) => service_run(endpoint(target.agent(index))?, checks),
        };
        (0..number).map(run).collect()
    }

    fn name(self) -> String {
        match self {
            Self::Http => "healthgate, http".to_owned(),
            Self::Service(1) => "healthgate, one service check".to_owned(),
            Self::Service(checks) => format!("healthgate, {checks} service checks of a host"),
        }
    }
}

/// Runs as many checks as the processor allows.
pub(crate) struct Library {
    runner: Arc<CheckRunner>,
    kind: Kind,
    runs: Vec<HostRun>,
    in_flight: usize,
}

impl Library {
    pub(crate) fn new(target: &Target, kind: Kind, runs: usize, in_flight: usize) -> Outcome<Self> {
        let runner = fleet::runner(&target.authority, &target.client)?;
        Ok(Self { runner, kind, runs: kind.runs(target, runs)?, in_flight })
    }
}

#[async_trait(?Send)]
impl Candidate for Library {
    fn name(&self) -> String {
        self.kind.name()
    }

    async fn round(&mut self) -> Outcome<Duration> {
        let before = cpu::own();
        // The poller also gets every run's checks anew, from its claim.
        let runs = self.runs.iter().cloned();
        let done = fleet::run_all(self.runner.as_ref(), runs, self.in_flight).await?;
        Ok((cpu::own() - before) / u32::try_from(done)?)
    }
}

/// Starts runs at a steady rate for some seconds, like HAProxy.
pub(crate) struct Paced {
    inner: Library,
    per_second: usize,
    seconds: usize,
}

/// How often a paced candidate starts runs.
const BEAT: Duration = Duration::from_millis(10);

impl Paced {
    /// `per_second` counts checks.
    pub(crate) fn new(
        target: &Target,
        kind: Kind,
        per_second: usize,
        seconds: usize,
    ) -> Outcome<Self> {
        let runs = per_second * seconds / kind.checks();
        Ok(Self { inner: Library::new(target, kind, runs, usize::MAX)?, per_second, seconds })
    }
}

#[async_trait(?Send)]
impl Candidate for Paced {
    fn name(&self) -> String {
        format!("{} at {} checks/s", self.inner.name(), self.per_second)
    }

    async fn round(&mut self) -> Outcome<Duration> {
        let (before, started) = (cpu::own(), Instant::now());
        let length = Duration::from_secs(u64::try_from(self.seconds)?);
        let mut beats = interval(BEAT);
        beats.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut waiting = self.inner.runs.iter().cloned();
        let (mut begun, mut done) = (0, 0);
        let mut running = FuturesUnordered::new();
        loop {
            tokio::select! {
                Some(checks) = running.next(), if !running.is_empty() => done += checks?,
                _ = beats.tick(), if begun < self.inner.runs.len() => {
                    let part = started.elapsed().as_secs_f64() / length.as_secs_f64();
                    let due = (self.inner.runs.len() as f64 * part.min(1.0)).ceil() as usize;
                    for run in waiting.by_ref().take(due - begun) {
                        running.push(fleet::run_all(self.inner.runner.as_ref(), [run], 1).boxed_local());
                    }
                    begun = due;
                }
                else => break,
            }
        }
        Ok((cpu::own() - before) / u32::try_from(done)?)
    }
}
