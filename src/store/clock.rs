//! The part of its clock that a store persists, to notice a step back while no worker watched.

use chrono::{DateTime, TimeDelta, Utc};

use crate::model::ClockEpoch;

/// A clock that is behind its high-water mark by more than this stepped back. A worker's guard has the same
/// tolerance (F01).
const TOLERANCE: TimeDelta = TimeDelta::seconds(5);
/// The minimum advance before the high-water mark is written again, so that most claims write nothing.
const LAG: TimeDelta = TimeDelta::seconds(10);

/// The maximum remaining duration of a worker's gate lease after an epoch begins, unless the worker extends
/// it. The clock that dated the lease may have been ahead by any time, and the worker may be gone (F173).
pub(super) const LONGEST_LEFT: TimeDelta = TimeDelta::seconds(60);

/// The epoch of a store's clock and its high-water mark, persisted by every store.
///
/// Only a step back begins an epoch. After a step forward everything looks older than it is, which is safe.
/// After a step back, earlier results would look newer than later ones.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct KeptClock {
    /// The current epoch.
    pub epoch: ClockEpoch,
    /// Approximately the latest instant that the clock has shown in this epoch. `None` before the first
    /// claim.
    pub high_water: Option<DateTime<Utc>>,
}

impl KeptClock {
    /// Returns what a claim at `now` has to write, or `None` if it has nothing to write.
    #[must_use]
    pub fn at_claim(self, now: DateTime<Utc>) -> Option<Self> {
        match self.high_water {
            Some(high_water) if now < high_water - TOLERANCE => Some(self.begin(self.epoch, now)),
            Some(high_water) if now < high_water + LAG => None,
            _ => Some(Self { high_water: Some(now), ..self }),
        }
    }

    /// Returns the clock after a worker has seen the epoch `seen` end.
    #[must_use]
    pub fn begin(self, seen: ClockEpoch, now: DateTime<Utc>) -> Self {
        if self.epoch == seen { Self { epoch: seen.next(), high_water: Some(now) } } else { self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f168_a_clock_behind_its_mark_begins_an_epoch_and_a_running_one_writes_rarely() {
        let start = DateTime::from_timestamp(1_000_000, 0).expect("in range");
        let at = |second| start + TimeDelta::seconds(second);
        let mut clock = KeptClock::default();
        let mut writes = 0;
        for second in 0..100 {
            if let Some(next) = clock.at_claim(at(second)) {
                (clock, writes) = (next, writes + 1);
            }
        }
        assert_eq!((clock.epoch.number(), writes), (0, 10));
        assert_eq!(clock.at_claim(at(86)), None, "within the tolerance");
        let back = clock.at_claim(at(-20)).expect("it went back");
        assert_eq!(back, KeptClock { epoch: ClockEpoch::new(1), high_water: Some(at(-20)) });
        assert_eq!(back.begin(ClockEpoch::new(0), at(0)), back, "who saw it late begins nothing");
    }
}
