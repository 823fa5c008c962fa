//! The rules that a definition can break, and their messages.

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeDelta, Utc, WeekdaySet};

use super::{Recurrence, is_whole_minute};

/// The error of an invalid definition: every rule that it breaks, at least one, in the order of the members.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the recurrence is invalid: {}", joined(violations))]
#[non_exhaustive]
pub struct RecurrenceError {
    pub(super) violations: Vec<RecurrenceViolation>,
}

/// One broken rule, with the member of [`super::RecurrenceSpec`] that breaks it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecurrenceViolation {
    /// The kind of recurrence requires this member.
    #[error("{field} is required")]
    Missing {
        /// The member.
        field: &'static str,
    },
    /// The member has no meaning for this kind of recurrence.
    #[error("{field} does not belong to the recurrence {recurrence:?}")]
    NotApplicable {
        /// The member.
        field: &'static str,
        /// The kind.
        recurrence: &'static str,
    },
    /// The two members exclude each other.
    #[error("{field} cannot be combined with {other}")]
    Conflicting {
        /// The member.
        field: &'static str,
        /// The other one.
        other: &'static str,
    },
    /// The value is none of the known names.
    #[error("{field} has no value {value:?}")]
    Unknown {
        /// The member.
        field: &'static str,
        /// The given value, cut to 64 characters.
        value: String,
    },
    /// The text has the wrong form.
    #[error("{field} must be {expected}")]
    Malformed {
        /// The member.
        field: &'static str,
        /// The expected form.
        expected: &'static str,
    },
    /// The value has the right form but is too small, too large or too precise.
    #[error("{field} must be {allowed}")]
    OutOfRange {
        /// The member.
        field: &'static str,
        /// The allowed values.
        allowed: &'static str,
    },
}

impl RecurrenceError {
    /// Returns the broken rules, at least one.
    #[must_use]
    pub fn violations(&self) -> &[RecurrenceViolation] {
        &self.violations
    }

    /// Fails with the violations, if there are any.
    pub(super) fn unless_empty(violations: Vec<RecurrenceViolation>) -> Result<(), Self> {
        if violations.is_empty() { Ok(()) } else { Err(Self { violations }) }
    }
}

impl RecurrenceViolation {
    /// Returns the name of the member that breaks the rule, as in [`super::RecurrenceSpec`].
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            Self::Missing { field }
            | Self::NotApplicable { field, .. }
            | Self::Conflicting { field, .. }
            | Self::Unknown { field, .. }
            | Self::Malformed { field, .. }
            | Self::OutOfRange { field, .. } => field,
        }
    }

    /// Returns a stable name of the rule for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "missing",
            Self::NotApplicable { .. } => "not_applicable",
            Self::Conflicting { .. } => "conflicting",
            Self::Unknown { .. } => "unknown",
            Self::Malformed { .. } => "malformed",
            Self::OutOfRange { .. } => "out_of_range",
        }
    }

    /// Creates the violation of an unknown name, with only the beginning of that name.
    pub(super) fn unknown(field: &'static str, value: &str) -> Self {
        Self::Unknown { field, value: value.chars().take(64).collect() }
    }
}

/// Requires at least one weekday.
pub(super) fn check_weekdays(weekdays: WeekdaySet, violations: &mut Vec<RecurrenceViolation>) {
    require(!weekdays.is_empty(), "weekdays", "at least one weekday", violations);
}

/// Requires a day that some month has.
pub(super) fn check_day_of_month(day: i64, violations: &mut Vec<RecurrenceViolation>) {
    require((1..=31).contains(&day), "day_of_month", "1 to 31", violations);
}

/// Requires a position that the weekday has in some month, and an offset of at most 31 days.
pub(super) fn check_nth_weekday(
    nth: i64,
    offset_days: i64,
    violations: &mut Vec<RecurrenceViolation>,
) {
    let allowed = "the 1st to 5th from either end, moved by at most 31 days";
    let counted = (1..=5).contains(&nth.saturating_abs());
    let moved = (-31..=31).contains(&offset_days);
    require(counted && moved, "nth_weekday", allowed, violations);
}

/// Requires a whole minute.
pub(super) fn check_start_time(time: NaiveTime, violations: &mut Vec<RecurrenceViolation>) {
    require(is_whole_minute(time), "start_time", "a whole minute", violations);
}

/// Requires a year that the calendar covers.
pub(super) fn check_first_date(date: NaiveDate, violations: &mut Vec<RecurrenceViolation>) {
    require(is_covered(date.year()), "first_date", COVERED, violations);
}

/// Requires a year that the calendar covers.
pub(super) fn check_starts_at(instant: DateTime<Utc>, violations: &mut Vec<RecurrenceViolation>) {
    require(is_covered(instant.year()), "starts_at", COVERED, violations);
}

/// Requires one minute to 7 days, in whole minutes.
pub(super) fn check_duration(duration: TimeDelta, violations: &mut Vec<RecurrenceViolation>) {
    let bounds = Recurrence::MINIMUM_DURATION..=Recurrence::MAXIMUM_DURATION;
    let is_whole = TimeDelta::try_minutes(duration.num_minutes()) == Some(duration);
    require(
        bounds.contains(&duration) && is_whole,
        "duration_minutes",
        "1 to 10080 whole minutes",
        violations,
    );
}

/// The years that the calendar covers.
const COVERED: &str = "in the years 1970 to 9000";

fn is_covered(year: i32) -> bool {
    (1970..=9000).contains(&year)
}

fn require(
    holds: bool,
    field: &'static str,
    allowed: &'static str,
    violations: &mut Vec<RecurrenceViolation>,
) {
    if !holds {
        violations.push(RecurrenceViolation::OutOfRange { field, allowed });
    }
}

fn joined(violations: &[RecurrenceViolation]) -> String {
    let sentences: Vec<String> = violations.iter().map(ToString::to_string).collect();
    sentences.join("; ")
}
