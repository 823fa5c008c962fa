//! The clock of one machine in the simulated world.

use std::{
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use healthgate::clock::{Clock, ManualClock};

/// A machine's clock. The wall clock can be wrong, and the monotonic one stops while the machine is
/// suspended.
#[derive(Clone, Debug)]
pub(crate) struct MachineClock {
    world: ManualClock,
    skew: Arc<Mutex<Skew>>,
}

#[derive(Debug, Default)]
struct Skew {
    wall: TimeDelta,
    lost: Duration,
}

impl MachineClock {
    pub(crate) fn new(world: ManualClock) -> Self {
        Self { world, skew: Arc::default() }
    }

    /// Steps the wall clock.
    pub(crate) fn step(&self, by: TimeDelta) {
        self.skew().wall += by;
    }

    /// Records that the machine was suspended for this duration.
    pub(crate) fn suspended(&self, duration: Duration) {
        self.skew().lost += duration;
    }

    fn skew(&self) -> MutexGuard<'_, Skew> {
        self.skew.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Yields once.
async fn yield_now() {
    let mut given = false;
    poll_fn(|context| {
        if std::mem::replace(&mut given, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[async_trait]
impl Clock for MachineClock {
    fn now(&self) -> DateTime<Utc> {
        self.world.now() + self.skew().wall
    }

    fn monotonic(&self) -> Duration {
        self.world.monotonic().saturating_sub(self.skew().lost)
    }

    async fn sleep(&self, duration: Duration) {
        let end = self.monotonic() + duration;
        // Other tasks run even if there is nothing to wait for, and the scheduler counts the turn.
        yield_now().await;
        loop {
            let left = end.saturating_sub(self.monotonic());
            if left.is_zero() {
                return;
            }
            self.world.sleep(left).await;
        }
    }
}
