//! What a store keeps of its clock, to notice that it went back while nobody watched.

use chrono::{DateTime, TimeDelta, Utc};

use crate::model::ClockEpoch;

/// A clock that is behind its high-water mark by more than this went back, as for a worker's guard
/// (F01).
const TOLERANCE: TimeDelta = TimeDelta::seconds(5);
/// The high-water mark is written again only after this long, so that a claim costs no write.
const LAG: TimeDelta = TimeDelta::seconds(10);

/// A worker's lease on its gates ends at most this long after the beginning of an epoch, unless it is extended:
/// the clock that dated it may have been ahead by any time, and the worker may be gone (F173).
pub(super) const LONGEST_LEFT: TimeDelta = TimeDelta::seconds(60);

/// The epoch of a store's clock and its high-water mark, as every store keeps them.
///
/// Only a step back begins an epoch. After a step forward everything looks older than it is, which is
/// safe; after a step back, what was seen before would look newer than what comes.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct KeptClock {
    /// The present epoch.
    pub epoch: ClockEpoch,
    /// About the latest instant that the clock has shown in this epoch; `None` before the first claim.
    pub high_water: Option<DateTime<Utc>>,
}

impl KeptClock {
    /// Returns what a claim at `now` has to write; `None` where it has to write nothing.
    #[must_use]
    pub fn at_claim(self, now: DateTime<Utc>) -> Option<Self> {
        match self.high_water {
            Some(high_water) if now < high_water - TOLERANCE => Some(self.begin(self.epoch, now)),
            Some(high_water) if now < high_water + LAG => None,
            _ => Some(Self { high_water: Some(now), ..self }),
        }
    }

    /// Returns the clock after somebody saw the epoch `seen` end.
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
