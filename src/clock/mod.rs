//! Time from one source: wall instants, a monotonic reading, and sleeping.

mod manual;

use std::{
    fmt::Debug,
    sync::OnceLock,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

pub use manual::ManualClock;

use crate::model::instant;

/// The longest sleep between two looks at the wall clock, so that a step of it is seen.
const WALL_CHECK: Duration = Duration::from_secs(5);

/// A source of time.
///
/// Contract:
/// - `now` may step either way, as wall clocks do; cut it to microseconds.
/// - `monotonic` never goes back.
/// - `sleep` is measured by `monotonic`. Dropping it has no effect.
#[cfg_attr(feature = "testing", mockall::automock)]
#[async_trait]
pub trait Clock: Debug + Send + Sync + 'static {
    /// The wall instant.
    fn now(&self) -> DateTime<Utc>;

    /// Time since an arbitrary, fixed origin.
    fn monotonic(&self) -> Duration;

    /// Waits for a duration to pass.
    async fn sleep(&self, duration: Duration);
}

/// Waits until the wall clock shows `instant`, looking again at least every 5 s, so that a clock
/// that steps while waiting neither lengthens the wait nor ends it early.
pub async fn sleep_until(clock: &dyn Clock, instant: DateTime<Utc>) {
    loop {
        let left = (instant - clock.now()).to_std().unwrap_or_default();
        if left.is_zero() {
            return;
        }
        clock.sleep(left.min(WALL_CHECK)).await;
    }
}

/// A duration as chrono has it; the longest where it does not fit.
pub(crate) fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}

/// The system's clock, sleeping by tokio's timer.
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
