//! The clock of a model: it shows few instants, and moves from one to the next when it is told to.

use std::{
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use healthgate::{clock::Clock, testing::fixtures};

/// A clock that shows the store's time and the monotonic time of every process.
#[derive(Clone, Default)]
pub(crate) struct ModelClock(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    elapsed: Duration,
    next: u64,
    sleepers: Vec<Sleeper>,
}

struct Sleeper {
    id: u64,
    until: Duration,
    waker: Waker,
}

impl std::fmt::Debug for ModelClock {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ModelClock")
    }
}

impl ModelClock {
    /// Returns the time since the model began.
    pub(crate) fn elapsed(&self) -> Duration {
        self.lock().elapsed
    }

    /// Returns the first instant at which somebody wakes.
    pub(crate) fn next_wake(&self) -> Option<Duration> {
        self.lock().sleepers.iter().map(|sleeper| sleeper.until).min()
    }

    /// Moves to an instant, and wakes whoever slept until then.
    pub(crate) fn move_to(&self, instant: Duration) {
        let woken: Vec<Waker> = {
            let mut inner = self.lock();
            inner.elapsed = instant;
            let due = inner.sleepers.iter().filter(|sleeper| sleeper.until <= instant);
            due.map(|sleeper| sleeper.waker.clone()).collect()
        };
        woken.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a sleeper off the list, whether it has woken or was dropped.
struct Asleep<'a> {
    clock: &'a ModelClock,
    id: u64,
}

impl Drop for Asleep<'_> {
    fn drop(&mut self) {
        self.clock.lock().sleepers.retain(|sleeper| sleeper.id != self.id);
    }
}

#[async_trait]
impl Clock for ModelClock {
    fn now(&self) -> DateTime<Utc> {
        fixtures::start() + TimeDelta::from_std(self.elapsed()).unwrap_or_default()
    }

    fn monotonic(&self) -> Duration {
        self.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        let (id, until) = {
            let mut inner = self.lock();
            inner.next += 1;
            (inner.next, inner.elapsed.saturating_add(duration))
        };
        let _asleep = Asleep { clock: self, id };
        poll_fn(|context| {
            let mut inner = self.lock();
            inner.sleepers.retain(|sleeper| sleeper.id != id);
            if inner.elapsed >= until {
                return Poll::Ready(());
            }
            inner.sleepers.push(Sleeper { id, until, waker: context.waker().clone() });
            Poll::Pending
        })
        .await;
    }
}
