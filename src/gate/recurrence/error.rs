//! The rules a definition can break, and what is said about them.

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeDelta, Utc, WeekdaySet};

use super::{Recurrence, is_whole_minute};

/// A definition was refused: every rule that it breaks, at least one, in the order of the members.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the recurrence is refused: {}", joined(violations))]
#[non_exhaustive]
pub struct RecurrenceError {
    pub(super) violations: Vec<RecurrenceViolation>,
}

/// One broken rule, with the member of [`super::RecurrenceSpec`] that breaks it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecurrenceViolation {
    /// The kind of recurrence needs this member.
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
    /// Of two members that say the same thing in two ways, one must be left out.
    #[error("{field} cannot be combined with {other}")]
    Conflicting {
        /// The member.
        field: &'static str,
        /// The other one.
        other: &'static str,
    },
    /// A name from a fixed set was expected.
    #[error("{field} has no value {value:?}")]
    Unknown {
        /// The member.
        field: &'static str,
        /// What was given, at most 64 characters of it.
        value: String,
    },
    /// Text of the wrong form.
    #[error("{field} must be {expected}")]
    Malformed {
        /// The member.
        field: &'static str,
        /// The form.
        expected: &'static str,
    },
    /// A value of the right form that is too small, too large or too fine.
    #[error("{field} must be {allowed}")]
    OutOfRange {
        /// The member.
        field: &'static str,
        /// What is allowed.
        allowed: &'static str,
    },
}

impl RecurrenceError {
    /// The broken rules, at least one.
    #[must_use]
    pub fn violations(&self) -> &[RecurrenceViolation] {
        &self.violations
    }

    /// An error if there is anything to say.
    pub(super) fn unless_empty(violations: Vec<RecurrenceViolation>) -> Result<(), Self> {
        if violations.is_empty() { Ok(()) } else { Err(Self { violations }) }
    }
}

impl RecurrenceViolation {
    /// The member that breaks the rule, as [`super::RecurrenceSpec`] calls it.
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

    /// A stable name of the rule for programs.
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

    /// An unknown name, of which only the beginning is repeated.
    pub(super) fn unknown(field: &'static str, value: &str) -> Self {
        Self::Unknown { field, value: value.chars().take(64).collect() }
    }
}

/// At least one weekday.
pub(super) fn check_weekdays(weekdays: WeekdaySet, violations: &mut Vec<RecurrenceViolation>) {
    require(!weekdays.is_empty(), "weekdays", "at least one weekday", violations);
}

/// A day that some month has.
pub(super) fn check_day_of_month(day: i64, violations: &mut Vec<RecurrenceViolation>) {
    require((1..=31).contains(&day), "day_of_month", "1 to 31", violations);
}

/// A weekday that some month has so often, and a day near it.
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

/// Whole minutes.
pub(super) fn check_start_time(time: NaiveTime, violations: &mut Vec<RecurrenceViolation>) {
    require(is_whole_minute(time), "start_time", "a whole minute", violations);
}

/// A year the calendar covers.
pub(super) fn check_first_date(date: NaiveDate, violations: &mut Vec<RecurrenceViolation>) {
    require(is_covered(date.year()), "first_date", COVERED, violations);
}

/// A year the calendar covers.
pub(super) fn check_starts_at(instant: DateTime<Utc>, violations: &mut Vec<RecurrenceViolation>) {
    require(is_covered(instant.year()), "starts_at", COVERED, violations);
}

/// One minute to 7 days, in whole minutes.
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

/// The years in which definitions may lie.
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
