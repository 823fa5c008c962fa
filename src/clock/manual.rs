//! A clock that tests control.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::{Clock, delta};
use crate::model::instant;

/// A clock for tests and simulations. It moves only on request, and wakes its own sleepers.
///
/// Clones share the same clock.
///
/// ```
/// # use std::time::Duration;
/// # use chrono::{TimeZone, Utc};
/// # use healthgate::clock::{Clock, ManualClock};
/// let clock = ManualClock::new(Utc.with_ymd_and_hms(2026, 11, 24, 2, 0, 0).unwrap());
/// let slept = clock.drive(async {
///     let before = clock.now();
///     clock.sleep(Duration::from_secs(3600)).await; // no waiting
///     clock.now() - before
/// });
/// assert_eq!(slept.num_seconds(), 3600);
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    wall: DateTime<Utc>,
    monotonic: Duration,
    next_sleeper: u64,
    /// The sleepers by deadline, then in the order of their calls, so that waking is deterministic.
    sleepers: BTreeMap<(Duration, u64), Waker>,
}

impl ManualClock {
    /// Creates a clock at this wall instant.
    #[must_use]
    pub fn new(wall: DateTime<Utc>) -> Self {
        Self {
            inner: Arc::new(Mutex::new(Inner {
                wall: instant::truncate(wall),
                monotonic: Duration::ZERO,
                next_sleeper: 0,
                sleepers: BTreeMap::new(),
            })),
        }
    }

    /// Advances both clocks, and wakes every sleeper whose deadline has passed.
    pub fn advance(&self, by: Duration) {
        let woken = {
            let mut inner = self.lock();
            inner.monotonic += by;
            inner.wall += delta(by);
            let after = (inner.monotonic + Duration::from_nanos(1), 0);
            let later = inner.sleepers.split_off(&after);
            std::mem::replace(&mut inner.sleepers, later)
        };
        woken.into_values().for_each(Waker::wake);
    }

    /// Steps only the wall clock, as a time correction does. Sleepers are not affected.
    pub fn step_wall(&self, by: TimeDelta) {
        self.lock().wall += by;
    }

    /// Returns the time until the next sleeper wakes, or `None` if nobody sleeps.
    #[must_use]
    pub fn next_wake(&self) -> Option<Duration> {
        let inner = self.lock();
        let (deadline, _) = *inner.sleepers.keys().next()?;
        Some(deadline.saturating_sub(inner.monotonic))
    }

    /// Returns the number of sleepers.
    #[must_use]
    pub fn sleepers(&self) -> usize {
        self.lock().sleepers.len()
    }

    /// Runs a future to completion on this thread. Whenever it cannot make progress, the clock moves to
    /// the next sleeper's deadline.
    ///
    /// The future must wait only for this clock and for itself.
    ///
    /// # Panics
    /// Panics if the future waits while nobody sleeps, because it would wait forever.
    pub fn drive<F: Future>(&self, future: F) -> F::Output {
        self.drive_until(future, |_| {})
    }

    /// Works like [`drive`](Self::drive), and calls `on_idle` each time before the clock moves.
    ///
    /// # Panics
    /// Panics as [`drive`](Self::drive) does.
    pub fn drive_until<F: Future>(&self, future: F, mut on_idle: impl FnMut(&Self)) -> F::Output {
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        let waker = Waker::from(Arc::clone(&woken));
        let mut future = pin!(future);
        loop {
            while woken.0.swap(false, Ordering::AcqRel) {
                if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker))
                {
                    return output;
                }
            }
            on_idle(self);
            if woken.0.load(Ordering::Acquire) {
                continue;
            }
            let step =
                self.next_wake().expect("the driven future waits for something that cannot happen");
            self.advance(step);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A poisoned lock is safe to use: no code under it panics half way.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        instant::truncate(self.lock().wall)
    }

    fn monotonic(&self) -> Duration {
        self.lock().monotonic
    }

    async fn sleep(&self, duration: Duration) {
        let deadline = self.lock().monotonic + duration;
        Sleep { clock: self.clone(), deadline, key: None }.await;
    }
}

struct Sleep {
    clock: ManualClock,
    deadline: Duration,
    key: Option<(Duration, u64)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let clock = self.clock.clone();
        let mut inner = clock.lock();
        if inner.monotonic >= self.deadline {
            return Poll::Ready(());
        }
        let key = self.key.unwrap_or_else(|| {
            inner.next_sleeper += 1;
            (self.deadline, inner.next_sleeper)
        });
        inner.sleepers.insert(key, context.waker().clone());
        self.key = Some(key);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.clock.lock().sleepers.remove(&key);
        }
    }
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;
    use futures_util::future::{join, select};

    use super::*;
    use crate::clock::sleep_until;

    fn clock() -> ManualClock {
        ManualClock::new(Utc.with_ymd_and_hms(2026, 11, 24, 2, 0, 0).single().expect("a date"))
    }

    #[test]
    fn sleepers_wake_in_the_order_of_their_deadlines() {
        let clock = clock();
        let order = Mutex::new(Vec::new());
        clock.drive(async {
            let nap = |seconds| {
                let (clock, order) = (&clock, &order);
                async move {
                    clock.sleep(Duration::from_secs(seconds)).await;
                    order.lock().expect("unpoisoned").push((seconds, clock.monotonic()));
                }
            };
            join(join(nap(30), nap(10)), nap(20)).await;
        });
        let expected = [10, 20, 30].map(|seconds| (seconds, Duration::from_secs(seconds)));
        assert_eq!(order.into_inner().expect("unpoisoned"), expected);
        assert_eq!(clock.sleepers(), 0);
    }

    #[test]
    fn a_dropped_sleeper_leaves_nothing_behind() {
        let clock = clock();
        clock.drive(async {
            let short = pin!(clock.sleep(Duration::from_secs(1)));
            let long = pin!(clock.sleep(Duration::from_secs(100)));
            select(short, long).await;
        });
        assert_eq!((clock.sleepers(), clock.monotonic()), (0, Duration::from_secs(1)));
    }

    #[test]
    fn f01_a_step_of_the_wall_clock_is_seen_within_five_seconds_of_waiting() {
        let clock = clock();
        let end = clock.now() + TimeDelta::hours(1);
        let mut stepped = false;
        clock.drive_until(sleep_until(&clock, end), |clock| {
            if !std::mem::replace(&mut stepped, true) {
                clock.step_wall(TimeDelta::minutes(59));
            }
        });
        assert_eq!(clock.now(), end);
        assert_eq!(clock.monotonic(), Duration::from_secs(60));
    }
}
