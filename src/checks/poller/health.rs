//! Whether a poller is alive, for the application's own health endpoint.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};

use crate::{clock::Clock, store::Backlog};

/// The state of a poller, from its own memory. Reading it never waits, so it is safe to call from a health
/// endpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct PollerHealth {
    /// Whether [`Poller::run`](super::Poller::run) is running.
    pub running: bool,
    /// When the store last accepted a claim or results, by this machine's clock. `None` before the first
    /// time.
    pub last_cycle_at: Option<DateTime<Utc>>,
    /// The age of that instant, by the monotonic clock.
    pub last_cycle_age: Option<Duration>,
    /// The due and unclaimed hosts of the whole store, updated about every 15 s.
    pub backlog: Option<Backlog>,
    /// Whether the last call of the store or the directory failed, so that the poller backs off.
    pub store_failing: bool,
    /// Whether most hosts are unreachable, probably because of this machine.
    pub observer_fault: bool,
    /// The number of hosts in quarantine because their checks killed several workers in a row (F68).
    pub quarantined_hosts: usize,
    /// How far this machine's clock is ahead of the store's, at the last claim (F04).
    pub clock_offset: TimeDelta,
}

impl PollerHealth {
    /// Returns whether the poller runs and completed a cycle within this time. One minute is a sensible
    /// bound: it covers a few ticks and the longest back-off of 30 s.
    #[must_use]
    pub fn is_live(&self, within: Duration) -> bool {
        self.running && self.last_cycle_age.is_some_and(|age| age <= within)
    }

    /// Returns whether the poller runs although the store or apparently the network fails.
    #[must_use]
    pub const fn is_degraded(&self) -> bool {
        self.store_failing || self.observer_fault
    }
}

/// A running poller's notes about itself.
#[derive(Debug, Default)]
pub(super) struct HealthCell(Mutex<PollerNotes>);

#[derive(Debug, Default)]
pub(super) struct PollerNotes {
    pub(super) running: bool,
    pub(super) last_cycle: Option<(Duration, DateTime<Utc>)>,
    pub(super) backlog: Option<Backlog>,
    pub(super) store_failing: bool,
    pub(super) observer_fault: bool,
    pub(super) quarantined_hosts: usize,
    pub(super) clock_offset: TimeDelta,
}

impl HealthCell {
    pub(super) fn note(&self) -> MutexGuard<'_, PollerNotes> {
        // Nothing here panics halfway.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn read(&self, clock: &dyn Clock) -> PollerHealth {
        let noted = self.note();
        let age = |(at, _)| clock.monotonic().saturating_sub(at);
        PollerHealth {
            running: noted.running,
            last_cycle_at: noted.last_cycle.map(|(_, at)| at),
            last_cycle_age: noted.last_cycle.map(age),
            backlog: noted.backlog,
            store_failing: noted.store_failing,
            observer_fault: noted.observer_fault,
            quarantined_hosts: noted.quarantined_hosts,
            clock_offset: noted.clock_offset,
        }
    }
}

/// Marks the poller as running while this is alive, however its future ends.
#[derive(Debug)]
pub(super) struct PollerAlive<'a>(&'a HealthCell);

impl<'a> PollerAlive<'a> {
    pub(super) fn new(cell: &'a HealthCell) -> Self {
        cell.note().running = true;
        Self(cell)
    }
}

impl Drop for PollerAlive<'_> {
    fn drop(&mut self) {
        self.0.note().running = false;
    }
}
