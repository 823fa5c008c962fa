//! The time of one gate, as its runner measures it.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    clock::{ClockReading, delta},
    model::GateRecord,
};

/// The time of one gate: the store's clock until that clock steps back. From then on, the time advances with
/// the monotonic clock, so a step back never lengthens a window (G21).
#[derive(Debug, Default)]
pub(super) struct GateClock {
    /// A lower bound of the gate's time at the origin of the monotonic clock.
    origin: Option<DateTime<Utc>>,
    /// The lead of the gate's time over the store's clock at the last reading.
    ahead: TimeDelta,
    clearings: u32,
}

/// The maximum drift of the clock: the gate's time follows it, while a larger change is a step.
const DRIFT: TimeDelta = TimeDelta::milliseconds(100);

impl GateClock {
    /// Returns the gate's time at a reading of the store's clock. An untrusted reading has no lasting effect.
    pub(super) fn read(
        &mut self,
        record: &GateRecord,
        ClockReading { wall: now, asked_at, answered_at }: ClockReading,
        trusted: bool,
    ) -> DateTime<Utc> {
        if self.clearings != record.offset_clearings {
            *self = Self { clearings: record.offset_clearings, ..Self::default() };
        }
        // The clock was read at some instant between the question and the answer, so a slow answer is no step.
        // Within these bounds, the gate's time keeps its lead over the clock (F171).
        let (line, latest) = match self.origin {
            None => (record.gate_time(now), record.gate_time(now)),
            Some(origin) => (origin + delta(asked_at), origin + delta(answered_at)),
        };
        let time = (now + self.ahead).min(latest).max(line).max(now);
        self.ahead = time - now;
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

        /// For all steps of the clock and all delays of its answers: the gate's time never goes back, never falls
        /// behind the true elapsed time, and follows a sound clock exactly.
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

        /// For all delays of the answers: after a step back of the clock, the gate's lead over the clock equals the
        /// step at every reading.
        #[test]
        fn f171_a_slow_answer_holds_back_no_gates_time(
            step in 100_i64..7_200_000,
            suspect in any::<bool>(),
            readings in proptest::collection::vec((1_i64..60_000, 0_i64..20_000, 0_i64..=100), 1..40),
        ) {
            let start = Utc.with_ymd_and_hms(2026, 11, 24, 2, 0, 0).single().expect("a date");
            let milliseconds = |count: i64| start + TimeDelta::milliseconds(count);
            let monotonic = |count: i64| Duration::from_millis(count.unsigned_abs());
            let window = Window::lasting(start, TimeDelta::days(1)).expect("a window");
            let request = GateRequest::new(JobId::generate(), HostId::generate(), window);
            let opened = StoreTime::new(ClockEpoch::default(), start);
            let record = GateRecord::open(GateId::generate(), &request, opened);
            let mut clock = GateClock::default();
            let prompt = |at, step| ClockReading::instant(milliseconds(at - step), monotonic(at));
            clock.read(&record, prompt(0, 0), true);
            prop_assert_eq!(clock.read(&record, prompt(1, step), !suspect), milliseconds(1));
            let mut time = 1;
            for (pause, takes, part) in readings {
                let asked_at = time + pause;
                time = asked_at + takes;
                let read_at = asked_at + takes * part / 100;
                let reading = ClockReading {
                    wall: milliseconds(read_at - step),
                    asked_at: monotonic(asked_at),
                    answered_at: monotonic(time),
                };
                prop_assert_eq!(clock.read(&record, reading, true), milliseconds(read_at));
            }
        }
    }
}
