//! Detects that the store's clock went back.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::delta;
use crate::model::{ClockEpoch, StoreTime};

/// A clock that is behind by more than this has gone back (F01).
const TOLERANCE: TimeDelta = TimeDelta::seconds(5);
/// A sound clock loses at most one part in this many against the monotonic one.
const DRIFT: i32 = 1_000;

/// Compares a store's clock with the monotonic clock of this process to detect that it went back, so that
/// the worker can let the store begin a new epoch (F168).
///
/// A step forward needs no new epoch: it only makes earlier results look older than they are.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct EpochWatch {
    /// The epoch of the newest reading, the earliest possible instant of the store's clock at the monotonic
    /// clock's origin, and the time of that knowledge.
    known: Option<(ClockEpoch, DateTime<Utc>, Duration)>,
    /// The ended epoch that was not reported to the store yet.
    ended: Option<ClockEpoch>,
}

impl EpochWatch {
    /// Takes a reading of the store's clock between two readings of the monotonic clock. Only the bracket is
    /// certain, so a slow answer is no step.
    pub(crate) fn observe(&mut self, read: StoreTime, asked: Duration, answered: Duration) {
        let origin = |monotonic| read.at - delta(monotonic);
        let (earliest, latest) = (origin(answered), origin(asked.min(answered)));
        let known = self.known.filter(|(epoch, ..)| *epoch == read.epoch);
        let Some((epoch, before, known_at)) = known else {
            // Another worker has begun this epoch, so nothing is known about it yet.
            self.ended = None;
            self.known = Some((read.epoch, earliest, answered));
            return;
        };
        let before = before - delta(answered.saturating_sub(known_at)) / DRIFT;
        let went_back = latest < before - TOLERANCE;
        self.ended = self.ended.or(went_back.then_some(epoch));
        let earliest = if went_back { earliest } else { earliest.max(before) };
        self.known = Some((epoch, earliest, answered));
    }

    /// Returns the ended epoch to report to the store.
    pub(crate) const fn ended(&self) -> Option<ClockEpoch> {
        self.ended
    }

    /// Notes the new epoch from the store's answer.
    pub(crate) fn told(&mut self, present: ClockEpoch) {
        self.ended = None;
        if let Some((epoch, ..)) = &mut self.known {
            *epoch = present;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reading(epoch: i64, millis: i64) -> StoreTime {
        let start = DateTime::from_timestamp(1_800_000_000, 0).expect("in range");
        StoreTime::new(ClockEpoch::new(epoch), start + TimeDelta::milliseconds(millis))
    }

    proptest! {
        /// With one reading each second, answered late and read at any moment in between, by a slightly slow
        /// clock: only a step back ends the epoch, at the first prompt answer after it.
        #[test]
        fn f168_only_a_step_back_ends_an_epoch(
            delays in proptest::collection::vec((0_u64..20_000, 0_u64..=100), 2..60),
            steps in proptest::collection::vec(-20_000_i64..20_000, 60),
            at in 0_usize..60,
        ) {
            let mut watch = EpochWatch::default();
            let (mut asked, mut offset, mut back) = (0_u64, 0_i64, false);
            for (index, (delay, share)) in delays.iter().enumerate() {
                if index == at {
                    offset = steps[index];
                    back = index > 0 && offset < -5_000;
                }
                let read = asked + delay * share / 100;
                let slow = read / 5_000;
                let shown = i64::try_from(read - slow).expect("short") + offset;
                let answered = Duration::from_millis(asked + delay);
                watch.observe(reading(0, shown), Duration::from_millis(asked), answered);
                prop_assert!(watch.ended().is_none() || back, "no step, or a step forward");
                asked += delay + 1_000;
            }
            if back && at < delays.len() {
                let prompt = Duration::from_millis(asked);
                let shown = i64::try_from(asked - asked / 5_000).expect("short") + offset;
                watch.observe(reading(0, shown), prompt, prompt);
                let seen_prompt = delays[..at].iter().any(|(delay, _)| *delay < 100);
                // Earlier slow answers and long drift may hide a small step.
                if seen_prompt && offset < -9_000 {
                    prop_assert_eq!(watch.ended(), Some(ClockEpoch::new(0)));
                }
            }
        }
    }

    #[test]
    fn f168_who_sees_a_step_that_another_worker_told_tells_nothing() {
        let mut watch = EpochWatch::default();
        let second = Duration::from_secs;
        watch.observe(reading(3, 0), second(0), second(0));
        watch.observe(reading(4, -3_600_000), second(1), second(1));
        assert_eq!(watch.ended(), None, "the epoch has begun");
        watch.observe(reading(4, -7_200_000), second(2), second(2));
        assert_eq!(watch.ended(), Some(ClockEpoch::new(4)), "this step is another one");
        watch.observe(reading(4, -7_199_000), second(3), second(3));
        assert_eq!(watch.ended(), Some(ClockEpoch::new(4)), "until the store has been told");
        watch.told(ClockEpoch::new(5));
        watch.observe(reading(5, -7_198_000), second(4), second(4));
        assert_eq!(watch.ended(), None);
    }
}
