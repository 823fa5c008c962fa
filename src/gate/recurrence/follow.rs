//! The window of a gate while its calendar changes.

use chrono::{DateTime, Utc};

use super::{Recurrence, current_or_next};
use crate::model::Window;

/// Returns the window at `now` of a job that was given the window `known`; `None` if it was withdrawn.
///
/// Use it in a [`WindowSource`](crate::gate::WindowSource) over calendars. Pass
/// [`GateRecord::window`](crate::model::GateRecord::window) as `known`.
///
/// Until the window opens, the job follows the calendar to wherever its next window moves. From then on, the
/// job keeps that occurrence: the calendar can shorten, extend or move it, but the job never continues in
/// the next one. A window without an end, such as 24 hours every day, therefore ends 7 days after it
/// opened for this job, instead of moving with every look (F164).
///
/// ```
/// use chrono::{DateTime, TimeDelta, Utc};
/// use healthgate::gate::recurrence::{Recurrence, RecurrenceSpec, current_or_next, follow};
///
/// let always: Recurrence = RecurrenceSpec {
///     recurrence: Some("daily".to_owned()),
///     time_zone: Some("UTC".to_owned()),
///     start_time: Some("00:00".to_owned()),
///     first_date: Some("2026-01-01".to_owned()),
///     duration_minutes: Some(1_440),
///     ..RecurrenceSpec::default()
/// }
/// .resolve()?;
/// let opened: DateTime<Utc> = "2026-11-24T02:00:00Z".parse().unwrap();
/// let known = current_or_next(&[always], opened).unwrap();
/// let later = follow(&[always], known, opened + TimeDelta::days(6)).unwrap();
/// assert_eq!(later.closes_at(), opened + TimeDelta::days(7));
/// # Ok::<(), healthgate::gate::recurrence::RecurrenceError>(())
/// ```
#[must_use]
pub fn follow(recurrences: &[Recurrence], known: Window, now: DateTime<Utc>) -> Option<Window> {
    if now < known.opens_at() {
        return current_or_next(recurrences, now);
    }
    let found = current_or_next(recurrences, known.opens_at())?;
    (found.opens_at() < known.closes_at()).then_some(found)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::gate::recurrence::RecurrenceSpec;

    fn daily(start: &str, minutes: i64) -> Recurrence {
        let spec = RecurrenceSpec {
            recurrence: Some("daily".to_owned()),
            time_zone: Some("UTC".to_owned()),
            start_time: Some(start.to_owned()),
            first_date: Some("2026-01-01".to_owned()),
            duration_minutes: Some(minutes),
            ..RecurrenceSpec::default()
        };
        spec.resolve().expect("valid")
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("an instant")
    }

    #[test]
    fn an_open_gate_keeps_to_its_occurrence_and_never_rolls_over() {
        let (opens, closes) = (at("2026-03-01T22:00:00Z"), at("2026-03-02T02:00:00Z"));
        let known = Window::new(opens, closes).expect("valid");
        let night = opens + TimeDelta::hours(1);
        let moved = |recurrences: &[Recurrence], now| {
            follow(recurrences, known, now).map(|window| (window.opens_at(), window.closes_at()))
        };
        assert_eq!(moved(&[daily("22:00", 240)], night), Some((opens, closes)));
        assert_eq!(
            moved(&[daily("22:00", 30)], night),
            Some((opens, opens + TimeDelta::minutes(30))),
            "shortened: it is over"
        );
        assert_eq!(
            moved(&[daily("23:30", 60)], night),
            Some((at("2026-03-01T23:30:00Z"), at("2026-03-02T00:30:00Z"))),
            "moved within the night"
        );
        assert_eq!(moved(&[daily("09:00", 60)], night), None, "moved to another time: withdrawn");
        assert_eq!(moved(&[], night), None, "deleted: withdrawn");
        let after = closes + TimeDelta::minutes(1);
        assert_eq!(
            moved(&[daily("22:00", 240)], after),
            Some((opens, closes)),
            "over, not tomorrow"
        );
    }

    #[test]
    fn a_gate_whose_window_lies_ahead_follows_it() {
        let now = at("2026-03-01T12:00:00Z");
        let known =
            Window::lasting(at("2026-03-01T22:00:00Z"), TimeDelta::hours(4)).expect("valid");
        let found = follow(&[daily("09:00", 60)], known, now).expect("the next one");
        assert_eq!(found.opens_at(), at("2026-03-02T09:00:00Z"));
        assert_eq!(follow(&[], known, now), None);
    }
}
