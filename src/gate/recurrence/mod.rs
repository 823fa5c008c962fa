//! Recurring maintenance windows: a pure calendar that is asked about an instant.
//!
//! Answers depend on the definitions, the instant and the time-zone data in use ([`TimeZoneData`]) alone: neither a
//! clock nor the time zone of the process is read. Each call does a bounded amount of work.
//!
//! [`TimeZoneData`]: crate::model::TimeZoneData
//!
//! The rules: an occurrence belongs to the local day on which it starts, and may reach into the next days. Its length
//! is elapsed time, so a change of the clocks inside it moves its local end. A local start that does not exist moves to
//! the first instant that does; one that exists twice is the first. A monthly day that the month does not have is its
//! last day; a month without a fifth weekday has no occurrence on it. Nothing starts before the first date. Occurrences that touch or overlap are one window.

mod error;
mod follow;
mod merge;
mod nth_weekday;
mod spec;

use chrono::{
    DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeDelta, Timelike, Utc, WeekdaySet,
};
use serde::{Deserialize, Serialize};

pub use error::{RecurrenceError, RecurrenceViolation};
pub use follow::follow;
pub use merge::{Transition, current_or_next, next_after, next_transition, open_at};
pub use nth_weekday::NthWeekday;
pub use spec::{NthWeekdaySpec, RecurrenceSpec};

use crate::model::{TimeZoneName, Window, instant};

/// One definition of maintenance windows, known to be possible.
///
/// Serialised as [`RecurrenceSpec`], and read through it, so what is stored is checked again when it is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "RecurrenceSpec", into = "RecurrenceSpec")]
pub struct Recurrence {
    pattern: Pattern,
    duration: TimeDelta,
}

/// When the occurrences of a [`Recurrence`] start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// One occurrence.
    Once {
        /// Its start.
        starts_at: DateTime<Utc>,
        /// The zone in which to show it; it moves nothing.
        time_zone: TimeZoneName,
    },
    /// One on every local day.
    Daily {
        /// When it starts.
        start: LocalStart,
    },
    /// One on each of the chosen weekdays.
    Weekly {
        /// The local days on which an occurrence starts, at least one.
        weekdays: WeekdaySet,
        /// When it starts.
        start: LocalStart,
    },
    /// One in every month.
    Monthly {
        /// 1 to 31; a shorter month has it on its last day.
        day: u8,
        /// When it starts.
        start: LocalStart,
    },
    /// One in every month that has the weekday so often.
    MonthlyWeekday {
        /// The local day on which an occurrence starts.
        day: NthWeekday,
        /// When it starts.
        start: LocalStart,
    },
}

/// The local time at which the occurrences of a repeated definition start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LocalStart {
    /// The zone whose calendar and clocks count.
    pub time_zone: TimeZoneName,
    /// The time of day, in whole minutes.
    pub start_time: NaiveTime,
    /// No occurrence belongs to an earlier local day. Years 1970 to 9000.
    pub first_date: NaiveDate,
}

impl Recurrence {
    /// The shortest occurrence: one minute.
    pub const MINIMUM_DURATION: TimeDelta = TimeDelta::minutes(1);
    /// The longest occurrence: as long as a window may be, 7 days.
    pub const MAXIMUM_DURATION: TimeDelta = Window::MAXIMUM_LENGTH;

    /// A definition whose occurrences each last `duration` of elapsed time.
    ///
    /// # Errors
    /// Every rule that is broken: a duration that is not 1 to 10,080 whole minutes, no weekday, a day outside 1 to 31,
    /// a weekday counted outside 1 to 5 and -1 to -5 or moved by more than 31 days, a start time with seconds, a first date or single start outside the years 1970 to 9000.
    pub fn new(pattern: Pattern, duration: TimeDelta) -> Result<Self, RecurrenceError> {
        let mut violations = Vec::new();
        let pattern = match pattern {
            Pattern::Once { starts_at, time_zone } => {
                error::check_starts_at(starts_at, &mut violations);
                Pattern::Once { starts_at: instant::truncate(starts_at), time_zone }
            }
            repeated => repeated,
        };
        if let Pattern::Weekly { weekdays, .. } = pattern {
            error::check_weekdays(weekdays, &mut violations);
        }
        if let Pattern::Monthly { day, .. } = pattern {
            error::check_day_of_month(i64::from(day), &mut violations);
        }
        if let Pattern::MonthlyWeekday { day, .. } = pattern {
            error::check_nth_weekday(
                i64::from(day.nth),
                i64::from(day.offset_days),
                &mut violations,
            );
        }
        if let Some(start) = pattern.start() {
            error::check_start_time(start.start_time, &mut violations);
            error::check_first_date(start.first_date, &mut violations);
        }
        error::check_duration(duration, &mut violations);
        RecurrenceError::unless_empty(violations).map(|()| Self { pattern, duration })
    }

    /// When the occurrences start.
    #[must_use]
    pub fn pattern(&self) -> Pattern {
        self.pattern
    }

    /// The elapsed time that each occurrence lasts.
    #[must_use]
    pub fn duration(&self) -> TimeDelta {
        self.duration
    }

    /// The zone of the calendar, or of the display for [`Pattern::Once`].
    #[must_use]
    pub fn time_zone(&self) -> TimeZoneName {
        match self.pattern {
            Pattern::Once { time_zone, .. } => time_zone,
            Pattern::Daily { start }
            | Pattern::Weekly { start, .. }
            | Pattern::Monthly { start, .. }
            | Pattern::MonthlyWeekday { start, .. } => start.time_zone,
        }
    }

    /// The window of this definition that is open at the instant; see the function [`open_at`].
    #[must_use]
    pub fn open_at(&self, instant: DateTime<Utc>) -> Option<Window> {
        open_at(std::slice::from_ref(self), instant)
    }

    /// The next window of this definition that opens after the instant; see the function [`next_after`].
    #[must_use]
    pub fn next_after(&self, instant: DateTime<Utc>) -> Option<Window> {
        next_after(std::slice::from_ref(self), instant)
    }

    /// When this definition opens or closes next; see the function [`next_transition`].
    #[must_use]
    pub fn next_transition(&self, instant: DateTime<Utc>) -> Option<Transition> {
        next_transition(std::slice::from_ref(self), instant)
    }

    /// The window open at the instant, or else the next one.
    #[must_use]
    pub fn current_or_next(&self, instant: DateTime<Utc>) -> Option<Window> {
        current_or_next(std::slice::from_ref(self), instant)
    }

    /// The starts from `from` to `until`, both inside, in order. `until - from` bounds the work.
    fn starts_between(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> Vec<DateTime<Utc>> {
        self.starts_from(from, until).take_while(|start| *start <= until).collect()
    }

    /// The first start after the instant, however far off the first date is.
    fn first_start_after(&self, instant: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let from = match self.pattern.start() {
            Some(start) => instant.max(start.first_date.and_time(NaiveTime::MIN).and_utc()),
            None => instant,
        };
        // No two starts of a definition lie further apart than four months, and none before its first date.
        self.starts_from(instant, from.checked_add_signed(SEARCH_AHEAD)?)
            .find(|start| *start > instant)
    }

    /// The starts not before `from` that belong to local days up to that of `until`, in order. Later days never start
    /// earlier: where the clocks skip, two days may share a start.
    fn starts_from(
        &self,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Box<dyn Iterator<Item = DateTime<Utc>>> {
        let Some(start) = self.pattern.start() else {
            let Pattern::Once { starts_at, .. } = self.pattern else {
                return Box::new(std::iter::empty());
            };
            return Box::new(std::iter::once(starts_at).filter(move |start| *start >= from));
        };
        // The neighbouring days are looked at as well: a skipped or repeated hour may cross midnight.
        let local_date = |instant: &DateTime<Utc>| start.time_zone.date_at(*instant);
        let first = (local_date(&from) - SLACK).max(start.first_date);
        let last = local_date(&until) + SLACK;
        let pattern = self.pattern;
        Box::new(
            first
                .iter_days()
                .take_while(move |date| *date <= last)
                .filter(move |date| pattern.falls_on(*date))
                .filter_map(move |date| start.instant_on(date))
                .filter(move |start| *start >= from),
        )
    }
}

/// Longer than the longest distance between two starts of one definition, with room for skipped days.
const SEARCH_AHEAD: TimeDelta = TimeDelta::days(130);

/// Local days looked at beyond either end of a stretch of time.
const SLACK: Days = Days::new(2);

impl Pattern {
    /// The local start, which [`Pattern::Once`] does not have.
    fn start(&self) -> Option<LocalStart> {
        match self {
            Self::Once { .. } => None,
            Self::Daily { start }
            | Self::Weekly { start, .. }
            | Self::Monthly { start, .. }
            | Self::MonthlyWeekday { start, .. } => Some(*start),
        }
    }

    /// Whether an occurrence belongs to this local day, the first date aside.
    fn falls_on(&self, date: NaiveDate) -> bool {
        match self {
            Self::Once { .. } => false,
            Self::Daily { .. } => true,
            Self::Weekly { weekdays, .. } => weekdays.contains(date.weekday()),
            Self::Monthly { day, .. } => {
                date.day() == u32::from((*day).min(date.num_days_in_month()))
            }
            Self::MonthlyWeekday { day, .. } => day.falls_on(date),
        }
    }
}

impl LocalStart {
    /// The first instant at which the local clock shows the start time of that day or, where it skips that time, the
    /// instant of the skip.
    fn instant_on(&self, date: NaiveDate) -> Option<DateTime<Utc>> {
        self.time_zone.first_instant_of(date.and_time(self.start_time))
    }
}

/// Whether the time is a whole minute (and no leap second).
fn is_whole_minute(time: NaiveTime) -> bool {
    time.second() == 0 && time.nanosecond() == 0
}
