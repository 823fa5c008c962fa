//! Calls of the application's code, with a time limit and protected against panics.

use std::{future::Future, panic::AssertUnwindSafe, pin::pin, time::Duration};

use futures_util::{
    FutureExt,
    future::{Either, select},
};
use thiserror::Error;

use super::Clock;

/// The reason why a bounded call gave no output.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub(crate) enum Cut {
    /// The call was dropped at its time limit.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    /// The call panicked.
    #[error("the call panicked")]
    Panicked,
}

/// Returns the output of a call of the application's code, which may hang or panic (F141).
///
/// The time limit has no effect on a call that blocks its thread.
pub(crate) async fn bounded<T>(
    clock: &dyn Clock,
    time: Duration,
    call: impl Future<Output = T> + Send,
) -> Result<T, Cut> {
    // Unwind safety: nothing of a call that panicked is used again.
    let call = pin!(AssertUnwindSafe(call).catch_unwind());
    match select(call, clock.sleep(time)).await {
        Either::Left((Ok(output), _)) => Ok(output),
        Either::Left((Err(_), _)) => Err(Cut::Panicked),
        Either::Right(_) => Err(Cut::TimedOut(time)),
    }
}

#[cfg(test)]
mod tests {
    use chrono::{TimeZone, Utc};

    use super::*;
    use crate::clock::ManualClock;

    #[test]
    fn f141_a_call_that_hangs_or_panics_is_cut() {
        let start = Utc.with_ymd_and_hms(2026, 11, 24, 2, 0, 0).single().expect("a date");
        let (clock, time) = (ManualClock::new(start), Duration::from_secs(3));
        clock.drive(async {
            assert_eq!(bounded(&clock, time, async { 7 }).await, Ok(7));
            let hangs = bounded(&clock, time, std::future::pending::<()>()).await;
            assert_eq!(hangs, Err(Cut::TimedOut(time)));
            assert_eq!(clock.monotonic(), time);
            let panics = bounded(&clock, time, async { assert_eq!(1, 2, "scripted") }).await;
            assert_eq!(panics, Err(Cut::Panicked));
        });
    }
}
