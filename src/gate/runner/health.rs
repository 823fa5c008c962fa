//! Whether a runner of gates is alive, for the application's own health endpoint.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};

use crate::clock::Clock;

/// How a runner of gates is doing, as far as it knows without asking anybody: safe to call from a
/// health endpoint, since it waits for nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct GateHealth {
    /// Whether [`GateRunner::run`](super::GateRunner::run) is under way.
    pub running: bool,
    /// When it last looked at all its gates without a failure, by this machine's clock.
    pub last_look_at: Option<DateTime<Utc>>,
    /// How long ago that was, unmoved by steps of the clock.
    pub last_look_age: Option<Duration>,
    /// Whether the last look failed, for the store or a source: every gate keeps waiting.
    pub failing: bool,
    /// Gates held now.
    pub gates_held: usize,
    /// How far this machine's clock is ahead of the store's (F04).
    pub clock_offset: TimeDelta,
}

impl GateHealth {
    /// Whether the runner works and has looked at its gates within so long. A few ticks and the
    /// longest back-off of 30 s make a sensible bound: a minute.
    #[must_use]
    pub fn is_live(&self, within: Duration) -> bool {
        self.running && self.last_look_age.is_some_and(|age| age <= within)
    }
}

/// What a running runner notes of itself.
#[derive(Debug, Default)]
pub(super) struct HealthCell(Mutex<RunnerNotes>);

#[derive(Debug, Default)]
pub(super) struct RunnerNotes {
    running: bool,
    last_look: Option<(Duration, DateTime<Utc>)>,
    failing: bool,
    pub(super) clock_offset: TimeDelta,
}

impl HealthCell {
    pub(super) fn note(&self) -> MutexGuard<'_, RunnerNotes> {
        // Nothing in here can panic half way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a look that went well.
    pub(super) fn looked(&self, clock: &dyn Clock) {
        let mut noted = self.note();
        noted.last_look = Some((clock.monotonic(), clock.now()));
        noted.failing = false;
    }

    pub(super) fn look_failed(&self) {
        self.note().failing = true;
    }

    /// Says that the runner works for as long as the answer lives, however its future ends.
    pub(super) fn running(&self) -> RunnerAlive<'_> {
        self.note().running = true;
        RunnerAlive(self)
    }

    pub(super) fn read(&self, clock: &dyn Clock, gates_held: usize) -> GateHealth {
        let noted = self.note();
        GateHealth {
            running: noted.running,
            last_look_at: noted.last_look.map(|(_, at)| at),
            last_look_age: noted.last_look.map(|(at, _)| clock.monotonic().saturating_sub(at)),
            failing: noted.failing,
            gates_held,
            clock_offset: noted.clock_offset,
        }
    }
}

/// A runner at work.
#[derive(Debug)]
pub(super) struct RunnerAlive<'a>(&'a HealthCell);

impl Drop for RunnerAlive<'_> {
    fn drop(&mut self) {
        self.0.note().running = false;
    }
}
