//! Merges touching and overlapping occurrences of several definitions into windows.

use chrono::{DateTime, Datelike, TimeDelta, Utc};

use super::Recurrence;
use crate::model::{TimeZoneName, Window, instant};

/// Returns the window that is open at the instant over all definitions, with touching and overlapping occurrences
/// merged.
///
/// A merged window closes at most 7 days after the given instant, so the end of an endless one (24 hours every day)
/// moves with that instant. The window opens when its first occurrence starts, but at most 7 days before its close,
/// because a [`Window`] is no longer than that. An endless one therefore opens at the given instant. For an instant
/// outside the years 1969 to 9001 the answer is `None`. The window has the time zone of its first occurrence.
#[must_use]
pub fn open_at(recurrences: &[Recurrence], instant: DateTime<Utc>) -> Option<Window> {
    let instant = instant::truncate(instant);
    let run = run_covering(recurrences, instant)?;
    let closes_at = run.end.min(instant + Window::MAXIMUM_LENGTH);
    let opens_at = run.start.max(closes_at - Window::MAXIMUM_LENGTH);
    Window::new(opens_at, closes_at).ok().map(|window| window.with_time_zone(run.time_zone))
}

/// Returns the next window that opens after the instant over all definitions, as [`open_at`] returns it when it opens.
///
/// A window that is open at the instant does not count, nor does an occurrence that prolongs it. The search follows
/// such a window for at least 400 days; if it lasts longer, the answer is `None`.
#[must_use]
pub fn next_after(recurrences: &[Recurrence], instant: DateTime<Utc>) -> Option<Window> {
    let closed_at = closed_from(recurrences, instant::truncate(instant))?;
    // Nothing is open at this instant, so the earliest following start is an opening.
    let opening = recurrences
        .iter()
        .filter_map(|recurrence| recurrence.first_start_after(closed_at))
        .min()?;
    open_at(recurrences, opening)
}

/// Returns the window that is open at the instant or, if there is none, the next one that opens.
#[must_use]
pub fn current_or_next(recurrences: &[Recurrence], instant: DateTime<Utc>) -> Option<Window> {
    open_at(recurrences, instant).or_else(|| next_after(recurrences, instant))
}

/// An opening or a close.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Transition {
    /// The instant of the transition.
    pub at: DateTime<Utc>,
    /// Whether a window opens (`true`) or closes.
    pub opens: bool,
}

/// Returns the close of the window that is open at the instant or, if there is none, the next opening.
///
/// The search follows an open window as far as [`next_after`] does.
#[must_use]
pub fn next_transition(recurrences: &[Recurrence], instant: DateTime<Utc>) -> Option<Transition> {
    let instant = instant::truncate(instant);
    let closed_at = closed_from(recurrences, instant)?;
    if closed_at > instant {
        return Some(Transition { at: closed_at, opens: false });
    }
    let window = next_after(recurrences, instant)?;
    Some(Transition { at: window.opens_at(), opens: true })
}

/// Returns the first instant at or after the given one at which nothing is open.
fn closed_from(recurrences: &[Recurrence], instant: DateTime<Utc>) -> Option<DateTime<Utc>> {
    if !is_in_calendar(instant) {
        return None;
    }
    let mut closed_at = instant;
    let mut steps = FOLLOWED_STEPS;
    while let Some(run) = run_covering(recurrences, closed_at) {
        steps -= 1;
        if steps == 0 {
            return None;
        }
        closed_at = run.end;
    }
    Some(closed_at)
}

/// The maximum number of steps. Each one follows a run for more than 7 days, or to its end.
const FOLLOWED_STEPS: u32 = 60;

/// A stretch in which at least one occurrence is open at every instant.
struct Run {
    start: DateTime<Utc>,
    end: DateTime<Utc>,
    /// The zone of its first occurrence.
    time_zone: TimeZoneName,
}

/// Returns the run that covers the instant, searched from 7 days before it to 7 days after it.
///
/// An end within that range is exact. Otherwise the run reaches at least to the border of the range.
fn run_covering(recurrences: &[Recurrence], instant: DateTime<Utc>) -> Option<Run> {
    if !is_in_calendar(instant) || !recurrences.iter().any(|recurrence| covers(recurrence, instant))
    {
        return None;
    }
    let mut occurrences: Vec<(DateTime<Utc>, DateTime<Utc>, TimeZoneName)> = recurrences
        .iter()
        .flat_map(|recurrence| {
            let from = instant - SEEN_EITHER_WAY - recurrence.duration();
            let starts = recurrence.starts_between(from, instant + SEEN_EITHER_WAY);
            let zone = recurrence.time_zone();
            starts.into_iter().map(move |start| (start, start + recurrence.duration(), zone))
        })
        .collect();
    occurrences.sort_by_key(|(start, end, _)| (*start, *end));
    let mut run: Option<Run> = None;
    for (start, end, time_zone) in occurrences {
        match &mut run {
            Some(run) if start <= run.end => run.end = run.end.max(end),
            Some(run) if instant < run.end => break,
            _ => run = Some(Run { start, end, time_zone }),
        }
    }
    run.filter(|run| run.start <= instant && instant < run.end)
}

/// The range of the search in each direction.
const SEEN_EITHER_WAY: TimeDelta = Window::MAXIMUM_LENGTH;

/// Returns whether an occurrence of this one definition is open at the instant.
fn covers(recurrence: &Recurrence, instant: DateTime<Utc>) -> bool {
    recurrence
        .starts_between(instant - recurrence.duration(), instant)
        .into_iter()
        .any(|start| instant < start + recurrence.duration())
}

/// Returns whether date arithmetic is safe at the instant. Definitions lie in the years 1970 to 9000, so nothing is
/// open far outside of them.
fn is_in_calendar(instant: DateTime<Utc>) -> bool {
    (1969..=9001).contains(&instant.year())
}
