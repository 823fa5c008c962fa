//! The time of one gate, as its runner knows it.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    clock::{ClockReading, delta},
    model::GateRecord,
};

/// The time of one gate: the store's clock, until that steps back. From then on it runs on by the
/// monotonic clock, so that a step back never lengthens a window (G21).
#[derive(Debug, Default)]
pub(super) struct GateClock {
    /// What the gate's time was at the origin of the monotonic clock, at least.
    origin: Option<DateTime<Utc>>,
    clearings: u32,
}

/// Less than this is drift, which the gate's time follows, and no step.
const DRIFT: TimeDelta = TimeDelta::milliseconds(100);

impl GateClock {
    /// Returns the gate's time at a reading of the store's clock. One that is not trusted moves nothing
    /// for good.
    pub(super) fn read(
        &mut self,
        record: &GateRecord,
        ClockReading { wall: now, asked_at, answered_at }: ClockReading,
        trusted: bool,
    ) -> DateTime<Utc> {
        if self.clearings != record.offset_clearings {
            (self.origin, self.clearings) = (None, record.offset_clearings);
        }
        // The clock was read between the question and the answer, so that a slow answer is no step.
        let line = self.origin.map_or_else(|| record.gate_time(now), |it| it + delta(asked_at));
        let time = line.max(now);
        if trusted {
            let drifts = line - now < DRIFT && delta(answered_at.saturating_sub(asked_at)) < DRIFT;
            let seen = if self.origin.is_none() { time } else { now } - delta(answered_at);
            let known = self.origin.filter(|_| !drifts);
            self.origin = Some(known.map_or(seen, |origin| origin.max(seen)));
        }
        time
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::TimeZone;
    use proptest::prelude::*;

    use super::*;
    use crate::model::{ClockEpoch, GateId, GateRequest, HostId, JobId, StoreTime, Window};

    proptest! {
        #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever steps the clock makes and however slow its answers are: the gate's time never goes
        /// back, never falls behind the time that has truly passed, and follows a sound clock exactly.
        #[test]
        fn f155_the_time_of_a_gate_runs_on_by_elapsed_time(
            readings in proptest::collection::vec(
                (1_i64..60_000, 0_i64..8_000, 0_i64..=100, proptest::option::weighted(0.2, -7_200_000_i64..7_200_000)),
                1..40,
            ),
        ) {
            let start = Utc.with_ymd_and_hms(2026, 11, 24, 2, 0, 0).single().expect("a date");
            let milliseconds = |count: i64| start + TimeDelta::milliseconds(count);
            let monotonic = |count: i64| Duration::from_millis(count.unsigned_abs());
            let window = Window::lasting(start, TimeDelta::days(1)).expect("a window");
            let request = GateRequest::new(JobId::generate(), HostId::generate(), window);
            let opened = StoreTime::new(ClockEpoch::default(), start);
            let record = GateRecord::open(GateId::generate(), &request, opened);
            let mut clock = GateClock::default();
            let first = clock.read(&record, ClockReading::instant(start, Duration::ZERO), true);
            prop_assert_eq!(first, start);
            let (mut time, mut offset, mut last, mut stepped) = (0, 0, first, false);
            for (pause, takes, part, step) in readings {
                let asked_at = time + pause;
                time = asked_at + takes;
                offset += step.unwrap_or_default();
                stepped |= step.is_some();
                let now = milliseconds(asked_at + takes * part / 100 + offset);
                let reading = ClockReading {
                    wall: now,
                    asked_at: monotonic(asked_at),
                    answered_at: monotonic(time),
                };
                let read = clock.read(&record, reading, true);
                prop_assert!(read >= last && read >= now);
                // Steps of less than a tenth of a second pass for drift.
                prop_assert!(read >= milliseconds(asked_at) - DRIFT * 40);
                if !stepped {
                    prop_assert_eq!(read, now, "a slow answer is no step");
                }
                last = read;
            }
        }
    }
}
