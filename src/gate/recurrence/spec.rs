//! The raw form of a definition, as it is sent and stored.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc, Weekday, WeekdaySet};
use serde::{Deserialize, Serialize};

use super::{
    LocalStart, NthWeekday, Pattern, Recurrence, RecurrenceError, RecurrenceViolation, error,
};
use crate::model::{TimeZoneName, instant};

/// The raw form of a definition. A member that is absent or null is `None`.
///
/// Deserialisation refuses only wrong JSON types; [`RecurrenceSpec::resolve`] names every broken rule at once. It
/// ignores unknown members, so that the form can be flattened into a larger body.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct RecurrenceSpec {
    /// `once`, `daily`, `weekly` or `monthly`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recurrence: Option<String>,
    /// For `weekly`: at least one of `mon`, `tue`, `wed`, `thu`, `fri`, `sat`, `sun`. Otherwise none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weekdays: Option<Vec<String>>,
    /// For `monthly`: 1 to 31. An alternative to `nth_weekday`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub day_of_month: Option<i64>,
    /// For `monthly`: a counted weekday. An alternative to `day_of_month`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nth_weekday: Option<NthWeekdaySpec>,
    /// An IANA name. For `once` it is optional and only for display.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// For all but `once`: the local time `HH:MM`, 00:00 to 23:59.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<String>,
    /// For `once`: an RFC 3339 instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<String>,
    /// For all but `once`: the first local day with an occurrence, `YYYY-MM-DD`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_date: Option<String>,
    /// The duration: 1 to 10,080 minutes of elapsed time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_minutes: Option<i64>,
}

/// The raw form of [`NthWeekday`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "api", schema(as = NthWeekday))]
pub struct NthWeekdaySpec {
    /// The position: 1 to 5, or -1 to -5 from the end of the month.
    pub nth: i64,
    /// `mon` to `sun`.
    pub weekday: String,
    /// The offset from that weekday in days, -31 to 31; 0 if absent.
    #[serde(default)]
    pub offset_days: i64,
}

impl RecurrenceSpec {
    /// Sets a missing first date to the local day of `now`, in UTC if the zone is unknown. It does nothing for
    /// a recurrence without a first date.
    #[must_use]
    pub fn with_first_date_from(mut self, now: DateTime<Utc>) -> Self {
        // `resolve` refuses an unknown zone; the first date needs no error of its own.
        let zone = self
            .time_zone
            .as_deref()
            .and_then(|name| name.parse().ok())
            .unwrap_or(TimeZoneName::UTC);
        let is_repeated =
            matches!(self.recurrence.as_deref(), Some("daily" | "weekly" | "monthly"));
        if self.first_date.is_none() && is_repeated {
            let today = zone.date_at(now);
            self.first_date = Some(today.format("%Y-%m-%d").to_string());
        }
        self
    }

    /// Validates the members and returns the definition.
    ///
    /// # Errors
    /// Names every broken rule with its member: missing, unknown, malformed, out of range, or without meaning for the
    /// kind of recurrence.
    pub fn resolve(&self) -> Result<Recurrence, RecurrenceError> {
        let mut reader = Reader { violations: Vec::new() };
        let pattern = reader.pattern(self);
        let duration = reader.duration(self.duration_minutes);
        RecurrenceError::unless_empty(reader.violations)?;
        match (pattern, duration) {
            (Some(pattern), Some(duration)) => Recurrence::new(pattern, duration),
            // Unreachable, because every `None` above leaves a violation. Refuse rather than panic.
            _ => Err(RecurrenceError { violations: vec![missing("recurrence")] }),
        }
    }
}

impl TryFrom<RecurrenceSpec> for Recurrence {
    type Error = RecurrenceError;

    fn try_from(spec: RecurrenceSpec) -> Result<Self, RecurrenceError> {
        spec.resolve()
    }
}

impl From<Recurrence> for RecurrenceSpec {
    fn from(recurrence: Recurrence) -> Self {
        let mut spec = Self {
            time_zone: Some(recurrence.time_zone().to_string()),
            duration_minutes: Some(recurrence.duration().num_minutes()),
            ..Self::default()
        };
        let kind = match recurrence.pattern() {
            Pattern::Once { starts_at, .. } => {
                spec.starts_at = Some(instant::to_text(&starts_at));
                "once"
            }
            Pattern::Daily { .. } => "daily",
            Pattern::Weekly { weekdays, .. } => {
                let chosen = WEEKDAYS.iter().filter(|(_, weekday)| weekdays.contains(*weekday));
                spec.weekdays = Some(chosen.map(|(name, _)| (*name).to_owned()).collect());
                "weekly"
            }
            Pattern::Monthly { day, .. } => {
                spec.day_of_month = Some(i64::from(day));
                "monthly"
            }
            Pattern::MonthlyWeekday { day, .. } => {
                spec.nth_weekday = Some(NthWeekdaySpec {
                    nth: i64::from(day.nth),
                    weekday: weekday_name(day.weekday).to_owned(),
                    offset_days: i64::from(day.offset_days),
                });
                "monthly"
            }
        };
        spec.recurrence = Some(kind.to_owned());
        if let Some(start) = recurrence.pattern().start() {
            spec.start_time = Some(start.start_time.format("%H:%M").to_string());
            spec.first_date = Some(start.first_date.format("%Y-%m-%d").to_string());
        }
        spec
    }
}

/// The names of the weekdays, in the order of serialisation.
const WEEKDAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Mon),
    ("tue", Weekday::Tue),
    ("wed", Weekday::Wed),
    ("thu", Weekday::Thu),
    ("fri", Weekday::Fri),
    ("sat", Weekday::Sat),
    ("sun", Weekday::Sun),
];

fn weekday_name(weekday: Weekday) -> &'static str {
    WEEKDAYS.iter().find(|(_, known)| *known == weekday).map_or("", |(name, _)| name)
}

/// Reads the members one by one. Whenever it returns `None`, it has noted the violation.
struct Reader {
    violations: Vec<RecurrenceViolation>,
}

impl Reader {
    fn pattern(&mut self, spec: &RecurrenceSpec) -> Option<Pattern> {
        let kind = match spec.recurrence.as_deref() {
            Some("once") => "once",
            Some("daily") => "daily",
            Some("weekly") => "weekly",
            Some("monthly") => "monthly",
            Some(other) => {
                self.violations.push(RecurrenceViolation::unknown("recurrence", other));
                return None;
            }
            None => {
                self.violations.push(missing("recurrence"));
                return None;
            }
        };
        // For the other kinds, an empty list counts as absent.
        let has_weekdays = spec.weekdays.as_ref().is_some_and(|weekdays| !weekdays.is_empty());
        self.refuse_unless(kind == "weekly", has_weekdays, "weekdays", kind);
        self.refuse_unless(kind == "monthly", spec.day_of_month.is_some(), "day_of_month", kind);
        self.refuse_unless(kind == "monthly", spec.nth_weekday.is_some(), "nth_weekday", kind);
        self.refuse_unless(kind != "once", spec.start_time.is_some(), "start_time", kind);
        self.refuse_unless(kind == "once", spec.starts_at.is_some(), "starts_at", kind);
        self.refuse_unless(kind != "once", spec.first_date.is_some(), "first_date", kind);
        if kind == "once" {
            let time_zone = match &spec.time_zone {
                Some(_) => self.time_zone(spec),
                None => Some(TimeZoneName::UTC),
            };
            let starts_at = self.starts_at(spec);
            return Some(Pattern::Once { starts_at: starts_at?, time_zone: time_zone? });
        }
        let weekdays = if kind == "weekly" { self.weekdays(spec) } else { None };
        if kind == "monthly"
            && let Some(day) = &spec.nth_weekday
        {
            if spec.day_of_month.is_some() {
                let (field, other) = ("nth_weekday", "day_of_month");
                self.violations.push(RecurrenceViolation::Conflicting { field, other });
            }
            let day = self.nth_weekday(day);
            let start = self.start(spec);
            return Some(Pattern::MonthlyWeekday { day: day?, start: start? });
        }
        let day = if kind == "monthly" { self.day_of_month(spec) } else { None };
        let start = self.start(spec);
        match kind {
            "weekly" => Some(Pattern::Weekly { weekdays: weekdays?, start: start? }),
            "monthly" => Some(Pattern::Monthly { day: day?, start: start? }),
            _ => Some(Pattern::Daily { start: start? }),
        }
    }

    fn refuse_unless(
        &mut self,
        applies: bool,
        given: bool,
        field: &'static str,
        recurrence: &'static str,
    ) {
        if given && !applies {
            self.violations.push(RecurrenceViolation::NotApplicable { field, recurrence });
        }
    }

    /// Returns the value, or `None` after noting that it is missing.
    fn given<'a, T>(&mut self, value: Option<&'a T>, field: &'static str) -> Option<&'a T> {
        if value.is_none() {
            self.violations.push(missing(field));
        }
        value
    }

    fn malformed<T>(&mut self, field: &'static str, expected: &'static str) -> Option<T> {
        self.violations.push(RecurrenceViolation::Malformed { field, expected });
        None
    }

    fn start(&mut self, spec: &RecurrenceSpec) -> Option<LocalStart> {
        let time_zone = self.time_zone(spec);
        let start_time = self.start_time(spec);
        let first_date = self.first_date(spec);
        Some(LocalStart { time_zone: time_zone?, start_time: start_time?, first_date: first_date? })
    }

    fn weekdays(&mut self, spec: &RecurrenceSpec) -> Option<WeekdaySet> {
        let names = self.given(spec.weekdays.as_ref(), "weekdays")?;
        let mut chosen = WeekdaySet::EMPTY;
        for name in names {
            chosen.insert(self.weekday(name, "weekdays")?);
        }
        error::check_weekdays(chosen, &mut self.violations);
        Some(chosen)
    }

    fn day_of_month(&mut self, spec: &RecurrenceSpec) -> Option<u8> {
        let day = *self.given(spec.day_of_month.as_ref(), "day_of_month")?;
        error::check_day_of_month(day, &mut self.violations);
        u8::try_from(day).ok()
    }

    fn weekday(&mut self, name: &str, field: &'static str) -> Option<Weekday> {
        let found = WEEKDAYS.iter().find(|(known, _)| *known == name);
        if found.is_none() {
            self.violations.push(RecurrenceViolation::unknown(field, name));
        }
        found.map(|(_, weekday)| *weekday)
    }

    fn nth_weekday(&mut self, day: &NthWeekdaySpec) -> Option<NthWeekday> {
        let weekday = self.weekday(&day.weekday, "nth_weekday");
        error::check_nth_weekday(day.nth, day.offset_days, &mut self.violations);
        let small = |number: i64| i8::try_from(number).ok();
        let (nth, offset_days) = (small(day.nth)?, small(day.offset_days)?);
        Some(NthWeekday { nth, weekday: weekday?, offset_days })
    }

    fn time_zone(&mut self, spec: &RecurrenceSpec) -> Option<TimeZoneName> {
        let name = self.given(spec.time_zone.as_ref(), "time_zone")?;
        let zone = name.parse().ok();
        if zone.is_none() {
            self.violations.push(RecurrenceViolation::unknown("time_zone", name));
        }
        zone
    }

    fn start_time(&mut self, spec: &RecurrenceSpec) -> Option<NaiveTime> {
        let text = self.given(spec.start_time.as_ref(), "start_time")?;
        let time = has_form(text, b"00:00")
            .then(|| NaiveTime::parse_from_str(text, "%H:%M").ok())
            .flatten();
        time.or_else(|| self.malformed("start_time", "HH:MM from 00:00 to 23:59"))
    }

    fn first_date(&mut self, spec: &RecurrenceSpec) -> Option<NaiveDate> {
        let text = self.given(spec.first_date.as_ref(), "first_date")?;
        let date = has_form(text, b"0000-00-00")
            .then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok())
            .flatten();
        let date =
            date.or_else(|| self.malformed("first_date", "an existing day as YYYY-MM-DD"))?;
        error::check_first_date(date, &mut self.violations);
        Some(date)
    }

    fn starts_at(&mut self, spec: &RecurrenceSpec) -> Option<DateTime<Utc>> {
        let text = self.given(spec.starts_at.as_ref(), "starts_at")?;
        let Ok(starts_at) = instant::parse(text) else {
            return self.malformed("starts_at", "an RFC 3339 instant");
        };
        error::check_starts_at(starts_at, &mut self.violations);
        Some(starts_at)
    }

    fn duration(&mut self, minutes: Option<i64>) -> Option<TimeDelta> {
        let minutes = *self.given(minutes.as_ref(), "duration_minutes")?;
        // A value that overflows a duration is also too long for a window.
        let duration = TimeDelta::try_minutes(minutes).unwrap_or(TimeDelta::MAX);
        error::check_duration(duration, &mut self.violations);
        Some(duration)
    }
}

fn missing(field: &'static str) -> RecurrenceViolation {
    RecurrenceViolation::Missing { field }
}

/// Returns whether the text has a digit at each zero of the form, and the form's own character elsewhere.
fn has_form(text: &str, form: &[u8]) -> bool {
    let fits = |(given, wanted): (u8, &u8)| {
        if *wanted == b'0' { given.is_ascii_digit() } else { given == *wanted }
    };
    text.len() == form.len() && text.bytes().zip(form).all(fits)
}
