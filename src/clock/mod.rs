//! The source of time: wall clock, monotonic clock, and sleeping.

mod bounded;
mod epoch_watch;
mod guard;
mod manual;

use std::{
    fmt::Debug,
    sync::OnceLock,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

pub(crate) use self::bounded::bounded;
pub use self::{
    guard::{ClockGuard, ClockReading, ClockTrust},
    manual::ManualClock,
};

pub(crate) use self::epoch_watch::EpochWatch;
use crate::model::instant;

/// The maximum sleep between two readings of the wall clock, so that a step is noticed.
const WALL_CHECK: Duration = Duration::from_secs(5);

/// A source of time.
///
/// Contract:
/// - `now` may step forward or back, as wall clocks do. It is truncated to microseconds.
/// - `monotonic` never goes back.
/// - `sleep` is measured by `monotonic`. Dropping it has no effect.
#[cfg_attr(feature = "testing", mockall::automock)]
#[async_trait]
pub trait Clock: Debug + Send + Sync + 'static {
    /// Returns the instant of the wall clock.
    fn now(&self) -> DateTime<Utc>;

    /// Returns the time since an arbitrary, fixed origin.
    fn monotonic(&self) -> Duration;

    /// Waits for a duration to pass.
    async fn sleep(&self, duration: Duration);
}

/// Waits until the wall clock shows `instant`. It reads the clock at least every 5 s, so that a step neither
/// lengthens the wait nor ends it early.
pub async fn sleep_until(clock: &dyn Clock, instant: DateTime<Utc>) {
    loop {
        let left = (instant - clock.now()).to_std().unwrap_or_default();
        if left.is_zero() {
            return;
        }
        clock.sleep(left.min(WALL_CHECK)).await;
    }
}

/// Converts a duration for chrono, saturating.
pub(crate) fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}

/// The system's clock. It sleeps with tokio's timer.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        instant::truncate(Utc::now())
    }

    fn monotonic(&self) -> Duration {
        static ORIGIN: OnceLock<Instant> = OnceLock::new();
        ORIGIN.get_or_init(Instant::now).elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}
