//! Whether the wall clock can be believed.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::clock::delta;

/// Two readings whose wall and monotonic distances differ by more than this are suspect (F01).
const TOLERANCE: TimeDelta = TimeDelta::seconds(5);
/// So many readings in a row must agree before the clock is believed again …
const AGREEING: u32 = 3;
/// … each so long after the one before.
const APART: Duration = Duration::from_secs(10);

/// Compares the wall clock with the monotonic one and tells when it has stepped.
#[derive(Clone, Debug, Default)]
pub struct ClockGuard {
    last: Option<(DateTime<Utc>, Duration)>,
    /// While suspect: how many readings have agreed, and when the last one of them was taken.
    doubt: Option<(u32, Duration)>,
}

/// What a reading says of the clock.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ClockTrust {
    /// It runs as it should.
    Trusted,
    /// It has stepped: nothing is to pass, fail or start by it.
    Suspect,
    /// It has run evenly for long enough after a step to be believed again. A high-water mark that
    /// lies ahead of it was set by a wrong reading and may be lowered now, and only now (G21).
    Recovered,
}

impl ClockGuard {
    /// A guard without a reading yet. The first one is believed.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a reading of both clocks.
    pub fn observe(&mut self, wall: DateTime<Utc>, monotonic: Duration) -> ClockTrust {
        let Some((last_wall, last_monotonic)) = self.last.replace((wall, monotonic)) else {
            return ClockTrust::Trusted;
        };
        let elapsed = delta(monotonic.saturating_sub(last_monotonic));
        if ((wall - last_wall) - elapsed).abs() > TOLERANCE {
            self.doubt = Some((0, monotonic));
            return ClockTrust::Suspect;
        }
        let Some((agreed, since)) = &mut self.doubt else { return ClockTrust::Trusted };
        if monotonic.saturating_sub(*since) >= APART {
            *agreed += 1;
            *since = monotonic;
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

    use super::*;

    /// Feeds one reading a second; the wall clock is off by what `offset` says at that second.
    fn trusts(seconds: i64, offset: impl Fn(i64) -> i64) -> Vec<ClockTrust> {
        let start = Utc.with_ymd_and_hms(2026, 11, 24, 2, 0, 0).single().expect("a date");
        let mut guard = ClockGuard::new();
        (0..seconds)
            .map(|second| {
                let wall = start + TimeDelta::seconds(second + offset(second));
                guard.observe(wall, Duration::from_secs(second.unsigned_abs()))
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
}
