//! Recurring windows: their definitions as JSON, and their answers against a calendar of single minutes (F05, F06).

use chrono::{
    DateTime, Datelike as _, Days, NaiveDate, NaiveTime, TimeDelta, Utc, Weekday, WeekdaySet,
};
use healthgate::{
    gate::recurrence::{
        self, LocalStart, NthWeekday, Pattern, Recurrence, RecurrenceSpec, Transition,
    },
    model::{TimeZoneName, Window},
};

use crate::{input::Input, minutes::Minutes};

/// Reads a definition, or asks a calendar, by the first byte.
///
/// Input of a calendar: the day that it is about and the minute that is asked about, a second, then the definitions.
/// Of a definition: four bytes that are an instant, and JSON.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    if input.is_set() { definition(&mut input) } else { calendar(&mut input) }
}

/// Zones whose clocks do something special, and some plain ones.
const ZONES: [&str; 16] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Kwajalein",
    "America/St_Johns",
    "Africa/Casablanca",
    "Asia/Gaza",
    "Antarctica/Troll",
    "America/Sao_Paulo",
    "America/Scoresbysund",
    "Europe/Dublin",
    "Asia/Tehran",
    "America/Santiago",
];

fn calendar(input: &mut Input<'_>) {
    // Offsets have been whole minutes since 1973.
    let first = NaiveDate::from_ymd_opt(1973, 2, 1).expect("a date");
    let day = first + Days::new(u64::from(input.word()) % 46_000);
    let minute = i64::from(input.word()) % (40 * 1_440);
    let asked = day.and_time(NaiveTime::MIN).and_utc() + TimeDelta::minutes(minute);
    let asked = asked + TimeDelta::seconds(i64::from(input.byte()) % 60);
    let count = 1 + input.byte() % 3;
    let definitions: Vec<Recurrence> = (0..count).map(|_| recurrence(input, day)).collect();
    let Some(minutes) = Minutes::around(asked, &definitions) else { return };
    let ends = |window: Window| (window.opens_at(), window.closes_at());

    let open = recurrence::open_at(&definitions, asked).map(ends);
    assert_eq!(open, minutes.open_at(asked), "open at {asked}: {definitions:?}");
    let transition = recurrence::next_transition(&definitions, asked);
    match minutes.next_change(asked) {
        Some((at, opens)) => {
            assert_eq!(
                transition,
                Some(Transition { at, opens }),
                "after {asked}: {definitions:?}"
            );
        }
        None => assert!(transition.is_none_or(|transition| transition.at >= minutes.end())),
    }
    let next = recurrence::next_after(&definitions, asked);
    match minutes.next_opening(asked) {
        Some(opening) if opening + Window::MAXIMUM_LENGTH < minutes.end() => {
            let expected = minutes.open_at(opening);
            assert_eq!(next.map(ends), expected, "next after {asked}: {definitions:?}");
        }
        Some(opening) => assert_eq!(next.map(|window| window.opens_at()), Some(opening)),
        None => assert!(next.is_none_or(|window| window.opens_at() >= minutes.end())),
    }
    // A job that waits for this window keeps to it while it is open.
    if let Some(next) = next {
        let later = next.opens_at() + (next.closes_at() - next.opens_at()) / 2;
        let followed = recurrence::follow(&definitions, next, later).map(ends);
        assert_eq!(followed, Some(ends(next)), "at {later}: {definitions:?}");
    }
    let always_one = recurrence::current_or_next(&definitions, asked).map(ends);
    assert_eq!(always_one, open.or(next.map(ends)));
}

fn recurrence(input: &mut Input<'_>, day: NaiveDate) -> Recurrence {
    let kind = input.byte();
    let time_zone: TimeZoneName = input.one_of(&ZONES).parse().expect("a zone");
    let minute = u32::from(input.word()) % 1_440;
    let start_time = NaiveTime::from_hms_opt(minute / 60, minute % 60, 0).expect("a time");
    let duration = TimeDelta::minutes(1 + i64::from(input.word()) % 10_080);
    let early = Days::new(20);
    let first_date = day - early + Days::new(u64::from(input.byte() % 40));
    let start = LocalStart { time_zone, start_time, first_date };
    let choice = input.byte();
    let weekday = Weekday::try_from(choice % 7).expect("a weekday");
    let pattern = match kind % 5 {
        0 => {
            let starts_at = first_date.and_time(start_time).and_utc();
            Pattern::Once { starts_at, time_zone }
        }
        1 => Pattern::Daily { start },
        2 => {
            let mut weekdays = WeekdaySet::single(weekday);
            for bit in 0..7 {
                if choice >> bit & 1 == 1 {
                    weekdays.insert(Weekday::try_from(bit).expect("a weekday"));
                }
            }
            Pattern::Weekly { weekdays, start }
        }
        3 => Pattern::Monthly { day: 1 + choice % 31, start },
        _ => {
            let nth = input.one_of(&[1, 2, 3, 4, 5, -1, -2, -3, -4, -5]);
            let offset_days = i8::try_from(i16::from(input.byte() % 63) - 31).expect("a few days");
            Pattern::MonthlyWeekday { day: NthWeekday { nth, weekday, offset_days }, start }
        }
    };
    Recurrence::new(pattern, duration).expect("a possible definition")
}

fn definition(input: &mut Input<'_>) {
    let second = i64::from(i32::from_be_bytes(input.array())) * i64::from(input.byte());
    let asked = DateTime::from_timestamp(second, 0).unwrap_or_default();
    let Ok(spec) = serde_json::from_slice::<RecurrenceSpec>(input.rest()) else { return };
    let spec = spec.with_first_date_from(asked);
    let read = match spec.resolve() {
        Ok(read) => read,
        Err(error) => {
            assert!(!error.violations().is_empty() && !error.to_string().is_empty());
            return;
        }
    };
    assert!((1..=10_080).contains(&read.duration().num_minutes()));
    let kind = spec.recurrence.as_deref();
    match read.pattern() {
        Pattern::Once { starts_at, .. } => {
            assert!(kind == Some("once") && (1970..=9000).contains(&starts_at.year()));
        }
        Pattern::Daily { .. } => assert_eq!(kind, Some("daily")),
        Pattern::Weekly { weekdays, .. } => {
            assert!(kind == Some("weekly") && !weekdays.is_empty());
        }
        Pattern::Monthly { day, .. } => {
            assert_eq!((kind, Some(i64::from(day))), (Some("monthly"), spec.day_of_month));
        }
        Pattern::MonthlyWeekday { day, .. } => {
            let named = spec.nth_weekday.as_ref().map(|day| day.nth);
            assert_eq!((kind, Some(i64::from(day.nth))), (Some("monthly"), named));
        }
    }
    let text = serde_json::to_string(&read).expect("serialises");
    assert_eq!(serde_json::from_str::<Recurrence>(&text).ok(), Some(read), "{text}");
    assert_eq!(RecurrenceSpec::from(read).resolve(), Ok(read), "{text}");
    let extremes = [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC];
    for asked in extremes.into_iter().chain([asked]) {
        asked_about(&read, asked);
    }
}

/// Whatever is asked about, an answer is about that.
fn asked_about(recurrence: &Recurrence, asked: DateTime<Utc>) {
    let open = recurrence.open_at(asked);
    assert!(open.is_none_or(|open| open.opens_at() <= asked && asked < open.closes_at()));
    let next = recurrence.next_after(asked);
    assert!(next.is_none_or(|next| next.opens_at() > asked));
    let transition = recurrence.next_transition(asked);
    assert!(transition.is_none_or(|change| change.at > asked && change.opens == open.is_none()));
    if open.is_none() {
        assert_eq!(transition.map(|change| change.at), next.map(|next| next.opens_at()));
    }
}
