//! The questions of a look to its sources, and the back-off of a failing source.

use std::{future::Future, time::Duration};

use tracing::{debug, info, warn};

use super::{
    GateRunner,
    held::{Answered, Read, Right},
};
use crate::{
    checks::schedule,
    clock::Clock,
    gate::{
        decide::{Condition, WindowAnswer},
        source::{HostHealth, SourceError, ask},
    },
    model::{Detail, GateId, GateRecord},
};

/// The sources of a runner, with their failures.
#[derive(Debug)]
pub(super) struct Sources {
    windows: Source,
    health: Source,
    rights: Source,
}

/// The answers of the sources about the gates of one look.
pub(super) struct Answers {
    /// One answer for each gate, in order.
    pub(super) read: Vec<Read>,
    /// The answers about overrides, only for gates with an override.
    pub(super) rights: Vec<(GateId, Answered)>,
}

impl Sources {
    pub(super) const fn new() -> Self {
        Self {
            windows: Source::new("windows"),
            health: Source::new("health"),
            rights: Source::new("rights"),
        }
    }

    /// Returns whether a source failed at the last look.
    pub(super) const fn are_failing(&self) -> bool {
        self.windows.failures > 0 || self.health.failures > 0 || self.rights.failures > 0
    }

    /// Asks all sources concurrently about these gates, for at most `time`. A failing source blocks whatever
    /// depends on it. Only an `urgent` look ignores its back-off.
    pub(super) async fn read(
        &mut self,
        runner: &GateRunner,
        gates: &[&GateRecord],
        time: Duration,
        urgent: bool,
    ) -> Answers {
        let Self { windows, health, rights } = self;
        let overridden: Vec<&GateRecord> =
            gates.iter().filter(|gate| gate.exception.is_some()).copied().collect();
        let rights = async {
            match overridden.is_empty() {
                true => Ok(Vec::new()),
                false => {
                    let call = runner.rights.may_override(&overridden);
                    rights.ask(runner, time, urgent, overridden.len(), call).await
                }
            }
        };
        let (windows, health, rights) = futures_util::join!(
            windows.ask(runner, time, urgent, gates.len(), runner.windows.windows(gates)),
            health.ask(runner, time, urgent, gates.len(), runner.health.health(gates)),
            rights,
        );
        let mut windows = windows.map(Vec::into_iter);
        let mut health = health.map(Vec::into_iter);
        let read = gates.iter().map(|_| {
            let window = match &mut windows {
                Ok(windows) => windows.next().unwrap_or(WindowAnswer::Unknown),
                Err(_) => WindowAnswer::Unknown,
            };
            let mut health = match &mut health {
                Ok(health) => health.next().unwrap_or_default(),
                Err(why) => HostHealth::unknown(why),
            };
            if window == WindowAnswer::Unknown {
                let why =
                    windows.as_ref().err().map_or("the source has no answer now", String::as_str);
                health.conditions.push(Condition::unknown("maintenance window", why));
            }
            health.block_unknown();
            Read { window, health, right: Right::None, hold: None }
        });
        let read = read.collect();
        let mut rights = rights.ok().map(Vec::into_iter);
        let answered = overridden.iter().filter_map(|gate| {
            let answer = rights.as_mut().and_then(Iterator::next);
            Some((gate.id, (gate.exception.as_ref()?.created_at, answer)))
        });
        Answers { read, rights: answered.collect() }
    }
}

/// One source.
#[derive(Debug)]
struct Source {
    what: &'static str,
    /// The number of consecutive failures.
    failures: u32,
    /// The end of the back-off, by the monotonic clock.
    not_before: Duration,
    /// The reason for its last failure.
    why: String,
}

impl Source {
    const fn new(what: &'static str) -> Self {
        Self { what, failures: 0, not_before: Duration::ZERO, why: String::new() }
    }

    /// Asks the source, unless it is in back-off. The error is a sentence for people.
    async fn ask<T>(
        &mut self,
        runner: &GateRunner,
        time: Duration,
        urgent: bool,
        gates: usize,
        call: impl Future<Output = Result<Vec<T>, SourceError>> + Send,
    ) -> Result<Vec<T>, String> {
        let clock: &dyn Clock = runner.clock.as_ref();
        if clock.monotonic() < self.not_before && !urgent {
            return Err(self.why.clone());
        }
        match ask(clock, time, self.what, gates, call).await {
            Ok(answers) => {
                if std::mem::take(&mut self.failures) > 0 {
                    info!(source = self.what, "a source of gates answers again");
                }
                self.not_before = Duration::ZERO;
                Ok(answers)
            }
            Err(error) => {
                self.failures = self.failures.saturating_add(1);
                let wait = schedule::backoff(self.failures, runner.worker.as_uuid());
                self.not_before = clock.monotonic() + wait;
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                // Warn once, not at every look.
                if self.failures == 1 {
                    warn!(%error, cause, "a source of gates fails: its gates wait");
                } else {
                    debug!(%error, cause, failures = self.failures, "a source still fails");
                }
                // The cause may hold details that only the application's logs should show.
                self.why = Detail::new(error.to_string()).to_string();
                Err(self.why.clone())
            }
        }
    }
}
