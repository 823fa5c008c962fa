//! Holds pruning back after a store's clock jumped ahead.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};

use crate::clock::delta;

/// A clock that gains more than this on the monotonic one between two readings has jumped.
const LEAP: TimeDelta = TimeDelta::hours(1);
/// Pruning waits this long after a jump, so that an operator can correct the clock.
const REST: Duration = Duration::from_secs(24 * 3600);

/// Detects that a store's clock jumped ahead while this process watched it. Records that look old may then
/// not be old (F49).
///
/// Only a jump counts: after a long downtime, or in a newly adopted table, pruning deletes any number of
/// old records (F222). A store takes a reading with each claim and each step of pruning.
#[derive(Debug, Default)]
pub struct PruneGuard(Mutex<Readings>);

#[derive(Clone, Copy, Debug, Default)]
struct Readings {
    /// The monotonic clock, and the store's clock at the same moment.
    last: Option<(Duration, DateTime<Utc>)>,
    leapt_at: Option<Duration>,
}

impl PruneGuard {
    /// Creates a guard without a reading. The guard trusts the first reading.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a reading of the store's clock and returns whether pruning has to wait. Pruning waits for a
    /// day after a jump of more than an hour, unless the clock is set back earlier.
    pub fn holds(&self, monotonic: Duration, wall: DateTime<Utc>) -> bool {
        // Nothing under this lock panics.
        let mut readings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((before, shown)) = readings.last {
            let gained = (wall - shown) - delta(monotonic.saturating_sub(before));
            if gained > LEAP {
                readings.leapt_at = Some(monotonic);
            } else if gained < -LEAP {
                readings.leapt_at = None;
            }
        }
        readings.last = Some((monotonic, wall));
        readings.leapt_at.is_some_and(|leapt_at| monotonic.saturating_sub(leapt_at) < REST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    #[test]
    fn f222_only_a_leap_of_the_clock_holds_pruning_back() {
        let start = DateTime::from_timestamp(1_000_000, 0).expect("in range");
        let at = |elapsed: Duration, ahead: TimeDelta| start + delta(elapsed) + ahead;
        let (guard, none) = (PruneGuard::new(), TimeDelta::zero());
        let week = TimeDelta::days(7);
        assert!(!guard.holds(Duration::ZERO, at(Duration::ZERO, none)), "the first is believed");
        assert!(!guard.holds(5 * DAY, at(5 * DAY, none)), "nobody looked for five days");
        assert!(!guard.holds(6 * DAY, at(6 * DAY, TimeDelta::minutes(59))), "within the tolerance");
        assert!(guard.holds(6 * DAY, at(6 * DAY, week)), "it leapt");
        assert!(guard.holds(7 * DAY - Duration::from_secs(1), at(7 * DAY, week)), "for a day");
        assert!(!guard.holds(7 * DAY, at(7 * DAY, week)), "nobody put it back");
        assert!(guard.holds(7 * DAY, at(7 * DAY, week * 2)));
        assert!(!guard.holds(7 * DAY, at(7 * DAY, none)), "it was put back");
    }
}
