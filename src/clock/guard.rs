//! Detects steps of a wall clock by comparing it with the monotonic clock.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::delta;

/// A wall clock that deviates from the monotonic clock by more than this has stepped (F01).
const TOLERANCE: TimeDelta = TimeDelta::seconds(5);
/// The number of consecutive readings that must agree before the clock is trusted again.
const AGREEING: u32 = 3;
/// The minimum time between two of these readings.
const APART: Duration = Duration::from_secs(10);
/// A reading is prompt if its bracket is at most this wide.
const PROMPT: TimeDelta = TimeDelta::milliseconds(100);
/// A sound clock gains or loses at most one part in this many.
const DRIFT: i32 = 1_000;

/// One reading of a wall clock, bracketed by the monotonic clock.
///
/// A store may read its clock seconds after the question, and its answer may arrive seconds later. Only the
/// bracket is certain, so a slow answer never counts as a step (F146).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClockReading {
    /// The instant of the wall clock.
    pub wall: DateTime<Utc>,
    /// The monotonic clock before the question.
    pub asked_at: Duration,
    /// The monotonic clock after the answer.
    pub answered_at: Duration,
}

impl ClockReading {
    /// Creates a reading of a clock that answers without delay.
    #[must_use]
    pub const fn instant(wall: DateTime<Utc>, monotonic: Duration) -> Self {
        Self { wall, asked_at: monotonic, answered_at: monotonic }
    }

    /// Returns the wall instant of the monotonic clock's origin, according to this reading.
    fn origin(&self) -> Span {
        Span {
            earliest: self.wall - delta(self.answered_at),
            latest: self.wall - delta(self.asked_at.min(self.answered_at)),
        }
    }
}

/// The bounds of the wall instant of the monotonic clock's origin. They move only when the wall clock steps.
#[derive(Clone, Copy, Debug)]
struct Span {
    earliest: DateTime<Utc>,
    latest: DateTime<Utc>,
}

impl Span {
    fn widened(self, by: TimeDelta) -> Self {
        Self { earliest: self.earliest - by, latest: self.latest + by }
    }

    /// Returns the distance between two spans; zero if they overlap.
    fn distance(self, other: Self) -> TimeDelta {
        let gap = (self.earliest - other.latest).max(other.earliest - self.latest);
        gap.max(TimeDelta::zero())
    }

    /// Returns the part of `other` that agrees best with `self`. A slow reading that disagrees has no effect,
    /// because it must not hide a step that the next prompt one would show.
    fn narrowed_by(self, other: Self) -> Self {
        let is_slow = other.latest - other.earliest > PROMPT;
        if is_slow && self.distance(other) > TimeDelta::zero() {
            return self;
        }
        Self {
            earliest: self.earliest.clamp(other.earliest, other.latest),
            latest: self.latest.clamp(other.earliest, other.latest),
        }
    }
}

/// Compares a wall clock with the monotonic one to detect its steps.
///
/// A step that a slow reading may hide is detected at the next prompt one.
#[derive(Clone, Debug, Default)]
pub struct ClockGuard {
    /// The origin, and the time of its last confirmation.
    known: Option<(Span, Duration)>,
    /// While the clock is suspect: the number of agreeing readings, and the time of the last one.
    doubt: Option<(u32, Duration)>,
}

/// Whether the clock can be trusted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ClockTrust {
    /// The clock runs evenly.
    Trusted,
    /// The clock has stepped: no gate may pass, fail or start an attempt by it.
    Suspect,
    /// The clock has run evenly for long enough after a step to be trusted again. The time of a gate that is
    /// ahead of it advances by elapsed time (G21).
    Recovered,
}

impl ClockGuard {
    /// Creates a guard without a reading. It trusts the first reading.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a reading and returns whether the clock can be trusted.
    pub fn observe(&mut self, reading: &ClockReading) -> ClockTrust {
        let (origin, read_at) = (reading.origin(), reading.answered_at);
        let Some((known, confirmed_at)) = self.known else {
            self.known = Some((origin, read_at));
            return ClockTrust::Trusted;
        };
        let known = known.widened(delta(read_at.saturating_sub(confirmed_at)) / DRIFT);
        if known.distance(origin) > TOLERANCE {
            self.known = Some((origin, read_at));
            self.doubt = Some((0, read_at));
            return ClockTrust::Suspect;
        }
        self.known = Some((known.narrowed_by(origin), read_at));
        let Some((agreed, since)) = &mut self.doubt else { return ClockTrust::Trusted };
        if read_at.saturating_sub(*since) >= APART {
            *agreed += 1;
            *since = read_at;
        }
        if *agreed < AGREEING {
            return ClockTrust::Suspect;
        }
        self.doubt = None;
        ClockTrust::Recovered
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;
    use proptest::prelude::*;

    use super::*;

    /// Feeds one reading per second. The wall clock deviates by `offset` of that second.
    fn trusts(seconds: i64, offset: impl Fn(i64) -> i64) -> Vec<ClockTrust> {
        let start = Utc.with_ymd_and_hms(2026, 11, 24, 2, 0, 0).single().expect("a date");
        let mut guard = ClockGuard::new();
        (0..seconds)
            .map(|second| {
                let wall = start + TimeDelta::seconds(second + offset(second));
                let monotonic = Duration::from_secs(second.unsigned_abs());
                guard.observe(&ClockReading::instant(wall, monotonic))
            })
            .collect()
    }

    #[test]
    fn f01_a_jump_either_way_is_suspect_until_three_readings_ten_seconds_apart_agree() {
        for jump in [3_600, -3_600, 6, -6] {
            let trusts = trusts(60, |second| if second < 10 { 0 } else { jump });
            assert!(trusts[..10].iter().all(|trust| *trust == ClockTrust::Trusted), "{jump}");
            assert!(trusts[10..40].iter().all(|trust| *trust == ClockTrust::Suspect), "{jump}");
            assert_eq!(trusts[40], ClockTrust::Recovered, "{jump}");
            assert!(trusts[41..].iter().all(|trust| *trust == ClockTrust::Trusted), "{jump}");
        }
    }

    #[test]
    fn f03_steps_of_a_second_are_not_suspect() {
        let trusts = trusts(600, |second| (second / 60) % 2);
        assert!(trusts.iter().all(|trust| *trust == ClockTrust::Trusted));
    }

    #[test]
    fn f01_a_second_jump_begins_the_doubt_anew() {
        let trusts = trusts(90, |second| if (10..30).contains(&second) { 3_600 } else { 0 });
        assert!(trusts[10..60].iter().all(|trust| *trust == ClockTrust::Suspect));
        assert_eq!(trusts[60], ClockTrust::Recovered);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

        /// For all delays of answers and all moments of reading: an even clock is never suspect, and a step after a
        /// prompt reading is detected by the next prompt one at the latest. The smallest step is the tolerance plus
        /// the drift of 40 slow readings.
        #[test]
        fn f146_a_slow_answer_is_no_step_and_hides_none(
            readings in proptest::collection::vec(
                (1_u64..30_000, prop_oneof![Just(0_u64), 1_u64..20_000], 0_u64..=100), 1..40,
            ),
            step in proptest::option::of((0_usize..40, prop_oneof![-90_000_i64..-7_300, 7_300_i64..90_000])),
        ) {
            let start = Utc.with_ymd_and_hms(2026, 11, 24, 2, 0, 0).single().expect("a date");
            let mut guard = ClockGuard::new();
            let (mut time, mut offset, mut seen) = (0, 0, false);
            let (mut stepped, mut prompt) = (false, false);
            for (index, (pause, takes, part)) in readings.into_iter().enumerate() {
                let asked_at = time + pause;
                if let Some((_, by)) = step.filter(|(at, _)| *at == index && prompt) {
                    (offset, stepped) = (by, true);
                }
                prompt |= takes == 0;
                let read_at = i64::try_from(asked_at + takes * part / 100).expect("it is small");
                time = asked_at + takes;
                let trust = guard.observe(&ClockReading {
                    wall: start + TimeDelta::milliseconds(read_at + offset),
                    asked_at: Duration::from_millis(asked_at),
                    answered_at: Duration::from_millis(time),
                });
                seen |= trust == ClockTrust::Suspect;
                prop_assert!(stepped || !seen, "a slow answer was taken for a step");
                if stepped && takes == 0 {
                    prop_assert!(seen, "a step was hidden");
                }
            }
        }
    }
}
