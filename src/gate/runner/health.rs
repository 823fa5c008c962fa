//! The liveness of a gate runner, for the application's health endpoint.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};

use crate::clock::Clock;

/// The health of a gate runner, from its own memory. Reading it never blocks, so a health endpoint may do it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct GateHealth {
    /// Whether [`GateRunner::run`](super::GateRunner::run) is running.
    pub running: bool,
    /// The time of the last successful look at all gates, by this machine's clock.
    pub last_look_at: Option<DateTime<Utc>>,
    /// The age of that look, unaffected by steps of the clock.
    pub last_look_age: Option<Duration>,
    /// Whether the last look failed because of the store or a source. Every gate keeps waiting.
    pub failing: bool,
    /// The number of gates held now.
    pub gates_held: usize,
    /// The lead of this machine's clock over the store's (F04).
    pub clock_offset: TimeDelta,
}

impl GateHealth {
    /// Returns whether the runner is running and has looked at its gates within the given time.
    ///
    /// One minute is a sensible bound: a few ticks plus the maximum back-off of 30 s.
    #[must_use]
    pub fn is_live(&self, within: Duration) -> bool {
        self.running && self.last_look_age.is_some_and(|age| age <= within)
    }
}

/// The notes that a runner keeps of its own health.
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
        // A poisoned lock is safe to use: no code under it panics half way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a successful look.
    pub(super) fn looked(&self, clock: &dyn Clock) {
        let mut noted = self.note();
        noted.last_look = Some((clock.monotonic(), clock.now()));
        noted.failing = false;
    }

    pub(super) fn look_failed(&self) {
        self.note().failing = true;
    }

    /// Marks the runner as running until the returned guard is dropped, however its future ends.
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

/// The guard of a running runner.
#[derive(Debug)]
pub(super) struct RunnerAlive<'a>(&'a HealthCell);

impl Drop for RunnerAlive<'_> {
    fn drop(&mut self) {
        self.0.note().running = false;
    }
}
