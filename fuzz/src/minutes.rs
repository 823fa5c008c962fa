//! An oracle: a calendar of single minutes, each open or not.

use chrono::{DateTime, Datelike as _, Days, NaiveDate, TimeDelta, Utc};
use healthgate::{
    gate::recurrence::{Pattern, Recurrence},
    model::TimeZoneName,
};

/// How many days before the instant and after it are looked at.
const BEFORE: u32 = 16;
const AFTER: u32 = 48;
/// Occurrences that start earlier than this many days before do not reach into what is looked at.
const REACH: u32 = 10;
const SECONDS: i64 = 86_400;

/// The minutes around an instant.
pub(crate) struct Minutes {
    begin: i64,
    is_open: Vec<bool>,
}

type Ends = (DateTime<Utc>, DateTime<Utc>);

impl Minutes {
    /// Marks every occurrence. `None` where one does not start with a minute.
    pub(crate) fn around(asked: DateTime<Utc>, definitions: &[Recurrence]) -> Option<Self> {
        let minute = asked.timestamp() / 60;
        let begin = minute - i64::from(BEFORE) * 1_440;
        let length = usize::try_from((BEFORE + AFTER) * 1_440).ok()?;
        let mut minutes = Self { begin, is_open: vec![false; length] };
        for definition in definitions {
            for start in starts(definition, asked) {
                if start % 60 != 0 {
                    return None;
                }
                minutes.mark(start / 60, definition.duration().num_minutes());
            }
        }
        Some(minutes)
    }

    fn mark(&mut self, start: i64, length: i64) {
        let end = i64::try_from(self.is_open.len()).unwrap_or(0);
        let (from, to) = (start - self.begin, start - self.begin + length);
        for index in from.max(0)..to.min(end) {
            self.is_open[usize::try_from(index).unwrap_or(0)] = true;
        }
    }

    /// The end of what is looked at.
    pub(crate) fn end(&self) -> DateTime<Utc> {
        self.instant(self.is_open.len())
    }

    fn instant(&self, index: usize) -> DateTime<Utc> {
        let minute = self.begin + i64::try_from(index).unwrap_or(0);
        DateTime::from_timestamp(minute * 60, 0).expect("an instant of these centuries")
    }

    fn index(&self, instant: DateTime<Utc>) -> usize {
        usize::try_from(instant.timestamp() / 60 - self.begin).expect("an instant looked at")
    }

    /// The window open at an instant: cut to end at most 7 days after it, and then to be at most 7 days long.
    pub(crate) fn open_at(&self, asked: DateTime<Utc>) -> Option<Ends> {
        let at = self.index(asked);
        if !self.is_open[at] {
            return None;
        }
        let first = (0..at).rev().find(|index| !self.is_open[*index]).map_or(0, |index| index + 1);
        let end = (at..self.is_open.len()).find(|index| !self.is_open[*index]);
        let end = self.instant(end.unwrap_or(self.is_open.len()));
        let closes = end.min(asked + TimeDelta::days(7));
        Some((self.instant(first).max(closes - TimeDelta::days(7)), closes))
    }

    /// The first minute after an instant that is another than its own, and whether it is open.
    pub(crate) fn next_change(&self, asked: DateTime<Utc>) -> Option<(DateTime<Utc>, bool)> {
        let at = self.index(asked);
        let is_open = self.is_open[at];
        let other = (at..self.is_open.len()).find(|index| self.is_open[*index] != is_open)?;
        Some((self.instant(other), !is_open))
    }

    /// The first minute after an instant that is open after a closed one.
    pub(crate) fn next_opening(&self, asked: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self.next_change(asked)? {
            (opening, true) => Some(opening),
            (closing, false) => self.next_change(closing).map(|(opening, _)| opening),
        }
    }
}

/// Every start near an instant, in seconds.
fn starts(definition: &Recurrence, asked: DateTime<Utc>) -> Vec<i64> {
    let pattern = definition.pattern();
    let start = match pattern {
        Pattern::Once { starts_at, .. } => return vec![starts_at.timestamp()],
        Pattern::Daily { start }
        | Pattern::Weekly { start, .. }
        | Pattern::Monthly { start, .. }
        | Pattern::MonthlyWeekday { start, .. } => start,
    };
    let first = asked.date_naive() - Days::new(u64::from(BEFORE + REACH));
    let days = BEFORE + REACH + AFTER + 3;
    let from = asked.timestamp() - i64::from(BEFORE + REACH + 3) * SECONDS;
    let stretches = stretches(start.time_zone, from, from + i64::from(days + 6) * SECONDS);
    let days = first.iter_days().take(usize::try_from(days).unwrap_or(0));
    days.filter(|day| *day >= start.first_date && is_chosen(pattern, *day))
        .map(|day| {
            let shown = day.and_time(start.start_time).and_utc().timestamp();
            // The first second at which the clock shows this time or, where it skips it, a later one.
            let reached = |(begin, end, offset): &(i64, i64, i64)| {
                let second = (*begin).max(shown - offset);
                (second < *end).then_some(second)
            };
            stretches.iter().find_map(reached).expect("the stretches reach far enough")
        })
        .collect()
}

/// Stretches in which a zone's clocks do not change: begin, end and offset in seconds.
fn stretches(zone: TimeZoneName, from: i64, until: i64) -> Vec<(i64, i64, i64)> {
    let offset = |second: i64| {
        let instant = DateTime::from_timestamp(second, 0).expect("an instant of these centuries");
        i64::from(zone.offset_at(instant).local_minus_utc())
    };
    let mut found: Vec<(i64, i64, i64)> = vec![(from, from, offset(from))];
    let mut second = from;
    while second < until {
        let next = second + 6 * 3_600;
        let known = found[found.len() - 1].2;
        if offset(next) != known {
            let (mut before, mut after) = (second, next);
            while after - before > 1 {
                let middle = before.midpoint(after);
                if offset(middle) == known { before = middle } else { after = middle }
            }
            let last = found.len() - 1;
            found[last].1 = after;
            found.push((after, after, offset(after)));
        }
        second = next;
    }
    let last = found.len() - 1;
    found[last].1 = second;
    found
}

/// Whether an occurrence belongs to a day, by listing the days of its month.
fn is_chosen(pattern: Pattern, day: NaiveDate) -> bool {
    let days_of_month = |day: NaiveDate| {
        let first = day.with_day(1).expect("a first day");
        first
            .iter_days()
            .take_while(move |other| other.month() == first.month())
            .collect::<Vec<_>>()
    };
    match pattern {
        Pattern::Once { .. } => false,
        Pattern::Daily { .. } => true,
        Pattern::Weekly { weekdays, .. } => weekdays.contains(day.weekday()),
        Pattern::Monthly { day: wanted, .. } => {
            let days = days_of_month(day);
            let last = days[days.len() - 1];
            let chosen = days.iter().find(|other| other.day() == u32::from(wanted));
            *chosen.unwrap_or(&last) == day
        }
        Pattern::MonthlyWeekday { day: wanted, .. } => {
            let counted = day - TimeDelta::days(i64::from(wanted.offset_days));
            let mut days = days_of_month(counted);
            days.retain(|other| other.weekday() == wanted.weekday);
            if wanted.nth < 0 {
                days.reverse();
            }
            days.get(usize::from(wanted.nth.unsigned_abs()) - 1) == Some(&counted)
        }
    }
}
