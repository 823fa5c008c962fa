//! Recurring maintenance windows: a pure calendar that answers for an instant.
//!
//! Answers depend only on the definitions, the instant and the time-zone data in use ([`TimeZoneData`]). The calendar
//! reads neither a clock nor the time zone of the process. Each call does a bounded amount of work.
//!
//! [`TimeZoneData`]: crate::model::TimeZoneData
//!
//! # Rules
//!
//! - An occurrence belongs to the local day on which it starts, and may extend into the next days.
//! - Its length is elapsed time, so a daylight-saving change during it moves its local end.
//! - A local start that does not exist moves to the first instant after the gap. If a local start exists twice, the
//!   first one counts.
//! - A monthly day that the month does not have becomes its last day. A month without a fifth weekday has no
//!   occurrence on it.
//! - Nothing starts before the first date.
//! - Occurrences that touch or overlap form one window.

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

/// A valid definition of maintenance windows.
///
/// Its serialised form is [`RecurrenceSpec`]. Deserialisation validates it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "RecurrenceSpec", into = "RecurrenceSpec")]
pub struct Recurrence {
    pattern: Pattern,
    duration: TimeDelta,
}

/// The days and times at which the occurrences of a [`Recurrence`] start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// One occurrence.
    Once {
        /// The start.
        starts_at: DateTime<Utc>,
        /// The zone in which to show the window. It does not move the window.
        time_zone: TimeZoneName,
    },
    /// One occurrence on every local day.
    Daily {
        /// The local start.
        start: LocalStart,
    },
    /// One occurrence on each of the chosen weekdays.
    Weekly {
        /// The local days on which an occurrence starts, at least one.
        weekdays: WeekdaySet,
        /// The local start.
        start: LocalStart,
    },
    /// One occurrence in every month.
    Monthly {
        /// The day, 1 to 31. In a shorter month it is the last day.
        day: u8,
        /// The local start.
        start: LocalStart,
    },
    /// One occurrence in every month that has the counted weekday.
    MonthlyWeekday {
        /// The local day on which an occurrence starts.
        day: NthWeekday,
        /// The local start.
        start: LocalStart,
    },
}

/// The local time at which the occurrences of a repeated definition start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LocalStart {
    /// The zone of the calendar and the time of day.
    pub time_zone: TimeZoneName,
    /// The time of day, in whole minutes.
    pub start_time: NaiveTime,
    /// The first local day that can have an occurrence, in the years 1970 to 9000.
    pub first_date: NaiveDate,
}

impl Recurrence {
    /// The minimum duration of an occurrence: one minute.
    pub const MINIMUM_DURATION: TimeDelta = TimeDelta::minutes(1);
    /// The maximum duration of an occurrence, which is that of a window: 7 days.
    pub const MAXIMUM_DURATION: TimeDelta = Window::MAXIMUM_LENGTH;

    /// Creates a definition whose occurrences each last `duration` of elapsed time.
    ///
    /// # Errors
    /// Names every broken rule:
    /// - the duration is not 1 to 10,080 whole minutes;
    /// - there is no weekday, or the day is outside 1 to 31;
    /// - the position of a weekday is outside 1 to 5 and -1 to -5, or its offset exceeds 31 days;
    /// - the start time has seconds;
    /// - the first date or single start is outside the years 1970 to 9000.
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

    /// Returns the pattern of the starts.
    #[must_use]
    pub fn pattern(&self) -> Pattern {
        self.pattern
    }

    /// Returns the duration of each occurrence, in elapsed time.
    #[must_use]
    pub fn duration(&self) -> TimeDelta {
        self.duration
    }

    /// Returns the zone of the calendar or, for [`Pattern::Once`], of the display.
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

    /// Returns the window of this definition that is open at the instant; see the function [`open_at`].
    #[must_use]
    pub fn open_at(&self, instant: DateTime<Utc>) -> Option<Window> {
        open_at(std::slice::from_ref(self), instant)
    }

    /// Returns the next window of this definition that opens after the instant; see the function [`next_after`].
    #[must_use]
    pub fn next_after(&self, instant: DateTime<Utc>) -> Option<Window> {
        next_after(std::slice::from_ref(self), instant)
    }

    /// Returns the next opening or close of this definition; see the function [`next_transition`].
    #[must_use]
    pub fn next_transition(&self, instant: DateTime<Utc>) -> Option<Transition> {
        next_transition(std::slice::from_ref(self), instant)
    }

    /// Returns the window that is open at the instant or, if there is none, the next one.
    #[must_use]
    pub fn current_or_next(&self, instant: DateTime<Utc>) -> Option<Window> {
        current_or_next(std::slice::from_ref(self), instant)
    }

    /// Returns the starts from `from` to `until`, both inclusive, in order. `until - from` bounds the work.
    fn starts_between(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> Vec<DateTime<Utc>> {
        self.starts_from(from, until).take_while(|start| *start <= until).collect()
    }

    /// Returns the first start after the instant, no matter how distant the first date is.
    fn first_start_after(&self, instant: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let from = match self.pattern.start() {
            Some(start) => instant.max(start.first_date.and_time(NaiveTime::MIN).and_utc()),
            None => instant,
        };
        // Starts of a definition are at most four months apart, and none is before its first date.
        self.starts_from(instant, from.checked_add_signed(SEARCH_AHEAD)?)
            .find(|start| *start > instant)
    }

    /// Returns the starts at or after `from` on local days up to that of `until`, in order.
    ///
    /// Later days never start earlier, but two days may share a start if the local clock skips.
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
        // Include the neighbouring days: a skipped or repeated hour may cross midnight.
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

/// Exceeds the maximum distance between two starts of one definition, with room for skipped days.
const SEARCH_AHEAD: TimeDelta = TimeDelta::days(130);

/// The local days that a search adds at either end of a range.
const SLACK: Days = Days::new(2);

impl Pattern {
    /// Returns the local start; `None` for [`Pattern::Once`].
    fn start(&self) -> Option<LocalStart> {
        match self {
            Self::Once { .. } => None,
            Self::Daily { start }
            | Self::Weekly { start, .. }
            | Self::Monthly { start, .. }
            | Self::MonthlyWeekday { start, .. } => Some(*start),
        }
    }

    /// Returns whether an occurrence belongs to this local day, regardless of the first date.
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
    /// Returns the first instant at which the local clock shows the start time of that day or, if the clock skips
    /// that time, the instant of the skip.
    fn instant_on(&self, date: NaiveDate) -> Option<DateTime<Utc>> {
        self.time_zone.first_instant_of(date.and_time(self.start_time))
    }
}

/// Returns whether the time is a whole minute (and no leap second).
fn is_whole_minute(time: NaiveTime) -> bool {
    time.second() == 0 && time.nanosecond() == 0
}
