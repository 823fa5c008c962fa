//! Recurring windows in every zone of the database against a naive calendar written differently (F05, F06, G20).

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeDelta, Utc, Weekday, WeekdaySet};
use healthgate::gate::recurrence::{self, LocalStart, NthWeekday, Pattern, Recurrence, Transition};
use healthgate::model::{TimeZoneName, Window};
use proptest::prelude::*;

const MICROSECOND: TimeDelta = TimeDelta::microseconds(1);

fn offset_at(zone: TimeZoneName, second: i64) -> i64 {
    let utc = DateTime::from_timestamp(second, 0).expect("in range");
    i64::from(zone.offset_at(utc).local_minus_utc())
}

/// The stretches of constant offset around an instant: begin, end, offset, in seconds.
///
/// Found by asking for the offset of instants only, never for that of a local time.
fn stretches(zone: TimeZoneName, from: i64, until: i64) -> Vec<(i64, i64, i64)> {
    let mut found = Vec::new();
    let (mut begin, mut offset) = (from, offset_at(zone, from));
    let mut second = from;
    while second < until {
        let next = second + 3 * 3_600;
        if offset_at(zone, next) != offset {
            let (mut old, mut new) = (second, next);
            while new - old > 1 {
                let middle = old.midpoint(new);
                if offset_at(zone, middle) == offset {
                    old = middle;
                } else {
                    new = middle;
                }
            }
            found.push((begin, new, offset));
            (begin, offset) = (new, offset_at(zone, new));
        }
        second = next;
    }
    found.push((begin, until, offset));
    found
}

/// The first instant at which the local clock shows `local` or more.
fn first_reaching(stretches: &[(i64, i64, i64)], local: i64) -> i64 {
    stretches
        .iter()
        .map(|(begin, end, offset)| ((*begin).max(local - offset), *end))
        .find(|(instant, end)| instant < end)
        .expect("the stretches reach far enough")
        .0
}

fn last_day_of_month(date: NaiveDate) -> u32 {
    let (year, month) =
        if date.month() == 12 { (date.year() + 1, 1) } else { (date.year(), date.month() + 1) };
    NaiveDate::from_ymd_opt(year, month, 1)
        .and_then(|first| first.pred_opt())
        .expect("in range")
        .day()
}

/// Every occurrence of a definition whose local day lies within `around` of the instant.
fn naive_occurrences(
    recurrence: &Recurrence,
    asked: DateTime<Utc>,
) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
    let pattern = recurrence.pattern();
    let start = match pattern {
        Pattern::Once { starts_at, .. } => {
            return vec![(starts_at, starts_at + recurrence.duration())];
        }
        Pattern::Daily { start }
        | Pattern::Weekly { start, .. }
        | Pattern::Monthly { start, .. }
        | Pattern::MonthlyWeekday { start, .. } => start,
    };
    let is_chosen = |date: NaiveDate| match pattern {
        Pattern::Once { .. } | Pattern::Daily { .. } => true,
        Pattern::Weekly { weekdays, .. } => weekdays.contains(date.weekday()),
        Pattern::Monthly { day, .. } => {
            let day = u32::from(day);
            date.day() == day || (date.day() < day && date.day() == last_day_of_month(date))
        }
        Pattern::MonthlyWeekday { day, .. } => {
            let counted = date - TimeDelta::days(i64::from(day.offset_days));
            let mut month: Vec<u32> = (1..=last_day_of_month(counted))
                .filter(|other| {
                    counted.with_day(*other).is_some_and(|other| other.weekday() == day.weekday)
                })
                .collect();
            if day.nth < 0 {
                month.reverse();
            }
            month.get(usize::from(day.nth.unsigned_abs()) - 1) == Some(&counted.day())
        }
    };
    let first = asked.date_naive() - Days::new(BEFORE);
    let begin = asked.timestamp() - (BEFORE as i64 + 3) * 86_400;
    let stretches = stretches(start.time_zone, begin, begin + (BEFORE + AFTER + 6) as i64 * 86_400);
    first
        .iter_days()
        .take((BEFORE + AFTER) as usize)
        .filter(|date| *date >= start.first_date && is_chosen(*date))
        .map(|date| {
            let local = date.and_time(start.start_time).and_utc().timestamp();
            let opens =
                DateTime::from_timestamp(first_reaching(&stretches, local), 0).expect("in range");
            (opens, opens + recurrence.duration())
        })
        .collect()
}

/// Days that the naive calendar looks at before and after the instant.
const BEFORE: u64 = 30;
const AFTER: u64 = 75;

/// All windows in sight, merged and uncut.
fn naive_runs(set: &[Recurrence], asked: DateTime<Utc>) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
    let mut all: Vec<_> =
        set.iter().flat_map(|recurrence| naive_occurrences(recurrence, asked)).collect();
    all.sort_unstable();
    let mut runs: Vec<(DateTime<Utc>, DateTime<Utc>)> = Vec::new();
    for (opens, closes) in all {
        match runs.last_mut() {
            Some(last) if opens <= last.1 => last.1 = last.1.max(closes),
            _ => runs.push((opens, closes)),
        }
    }
    runs
}

fn cut(
    run: (DateTime<Utc>, DateTime<Utc>),
    asked: DateTime<Utc>,
) -> (DateTime<Utc>, DateTime<Utc>) {
    let closes = run.1.min(asked + TimeDelta::days(7));
    (run.0.max(closes - TimeDelta::days(7)), closes)
}

fn ends(window: Window) -> (DateTime<Utc>, DateTime<Utc>) {
    (window.opens_at(), window.closes_at())
}

/// An instant, half of the time within two days of a change of the zone's clocks.
fn instant(zone: TimeZoneName) -> impl Strategy<Value = DateTime<Utc>> {
    (100_000_000_i64..2_100_000_000, 0_u32..1_000_000, any::<bool>(), -172_800_i64..172_800)
        .prop_map(move |(second, microsecond, near_change, distance)| {
            let offset = offset_at(zone, second);
            let change = (1..200)
                .map(|day| second + day * 86_400)
                .find(|later| offset_at(zone, *later) != offset);
            let second = match change {
                Some(change) if near_change => change + distance,
                _ => second,
            };
            DateTime::from_timestamp(second, microsecond * 1_000).expect("in range")
        })
}

fn definition(zone: TimeZoneName, asked: DateTime<Utc>) -> impl Strategy<Value = Recurrence> {
    let minutes = prop_oneof![
        3 => 1_i64..600,
        1 => Just(1_440_i64),
        1 => prop::sample::select(vec![1_i64, 60, 1_380, 1_439, 1_441, 1_500, 10_080]),
        1 => 1_i64..=10_080,
    ];
    let counted = (0_u8..7, 1_i8..=5, any::<bool>(), prop_oneof![Just(0_i8), -31_i8..=31])
        .prop_map(|(weekday, nth, from_end, offset_days)| NthWeekday {
            nth: if from_end { -nth } else { nth },
            weekday: Weekday::try_from(weekday).expect("below 7"),
            offset_days,
        });
    let numbers = (0_u8..10, 1_u8..128, 1_u8..=31, 0_u32..1_440, -20_i64..400, -10_000_i64..30_000);
    (numbers, minutes, counted).prop_map(
        move |((kind, weekday_bits, day, minute, days_ago, once_in), minutes, counted)| {
            let start = LocalStart {
                time_zone: zone,
                start_time: NaiveTime::from_num_seconds_from_midnight_opt(minute * 60, 0)
                    .expect("valid"),
                first_date: (asked - TimeDelta::days(days_ago)).date_naive(),
            };
            let weekdays: WeekdaySet = (0..7_u8)
                .filter(|bit| weekday_bits & (1 << bit) != 0)
                .map(|bit| Weekday::try_from(bit).expect("below 7"))
                .collect();
            let pattern = match kind {
                0 => Pattern::Once {
                    starts_at: asked + TimeDelta::minutes(once_in),
                    time_zone: zone,
                },
                1..=3 => Pattern::Daily { start },
                4..=5 => Pattern::Weekly { weekdays, start },
                6..=7 => {
                    Pattern::Monthly { day: if kind == 6 { day } else { 29 + day % 3 }, start }
                }
                _ => Pattern::MonthlyWeekday { day: counted, start },
            };
            Recurrence::new(pattern, TimeDelta::minutes(minutes)).expect("possible")
        },
    )
}

fn zone() -> impl Strategy<Value = TimeZoneName> {
    const HARD: [&str; 13] = [
        "Europe/Berlin",
        "America/New_York",
        "Australia/Sydney",
        "America/Santiago",
        "Australia/Lord_Howe",
        "America/Havana",
        "Africa/Cairo",
        "America/Asuncion",
        "Africa/Casablanca",
        "Antarctica/Troll",
        "Asia/Gaza",
        "America/Scoresbysund",
        "America/St_Johns",
    ];
    let hard = HARD.map(|name| name.parse().expect("a zone")).to_vec();
    let all: Vec<TimeZoneName> = TimeZoneName::all().collect();
    prop_oneof![prop::sample::select(all), prop::sample::select(hard)]
}

fn span_of_a_zone() -> impl Strategy<Value = (TimeZoneName, DateTime<Utc>, i64)> {
    zone().prop_flat_map(|zone| (Just(zone), instant(zone), -3_600_i64..60_000_000))
}

fn asked_of_one() -> impl Strategy<Value = (Recurrence, DateTime<Utc>)> {
    zone().prop_flat_map(|zone| {
        instant(zone).prop_flat_map(move |asked| (definition(zone, asked), Just(asked)))
    })
}

fn asked_of_set() -> impl Strategy<Value = (Vec<Recurrence>, DateTime<Utc>)> {
    (zone(), zone()).prop_flat_map(|(one, other)| {
        instant(one).prop_flat_map(move |asked| {
            let member = prop_oneof![definition(one, asked), definition(other, asked)];
            (prop::collection::vec(member, 1..4), Just(asked))
        })
    })
}

/// What holds for every answer, whatever the definitions.
fn check_answers(set: &[Recurrence], asked: DateTime<Utc>) -> Result<(), TestCaseError> {
    let open = recurrence::open_at(set, asked);
    let next = recurrence::next_after(set, asked);
    prop_assert_eq!(open, recurrence::open_at(set, asked));
    prop_assert_eq!(next, recurrence::next_after(set, asked));
    prop_assert_eq!(recurrence::current_or_next(set, asked), open.or(next));
    if let Some(open) = open {
        prop_assert!(open.contains(asked) && open.length() <= Window::MAXIMUM_LENGTH);
        prop_assert!(open.closes_at() - asked <= Window::MAXIMUM_LENGTH);
        for inside in [open.opens_at(), open.closes_at() - MICROSECOND] {
            prop_assert!(
                recurrence::open_at(set, inside).is_some_and(|seen| seen.contains(inside))
            );
        }
        if open.length() < Window::MAXIMUM_LENGTH {
            prop_assert_eq!(recurrence::open_at(set, open.opens_at() - MICROSECOND), None);
            prop_assert_eq!(recurrence::open_at(set, open.closes_at()), None);
        }
    }
    if let Some(next) = next {
        prop_assert!(next.opens_at() > asked && next.length() <= Window::MAXIMUM_LENGTH);
        let before = next.opens_at() - MICROSECOND;
        prop_assert_eq!(recurrence::open_at(set, before), None);
        prop_assert_eq!(recurrence::next_after(set, before), Some(next));
        prop_assert_eq!(recurrence::open_at(set, next.opens_at()), Some(next));
    }
    Ok(())
}

/// The answers equal those of the naive calendar, as far as it sees.
fn check_against_naive(set: &[Recurrence], asked: DateTime<Utc>) -> Result<(), TestCaseError> {
    let runs = naive_runs(set, asked);
    let open = runs.iter().find(|(opens, closes)| *opens <= asked && asked < *closes);
    prop_assert_eq!(recurrence::open_at(set, asked).map(ends), open.map(|run| cut(*run, asked)));
    // The naive calendar ends somewhere: an opening is only believed well before that.
    let horizon = asked + TimeDelta::days(AFTER as i64 - 12);
    if let Some(run) =
        runs.iter().find(|(opens, _)| *opens > asked).filter(|(opens, _)| *opens < horizon)
    {
        prop_assert_eq!(recurrence::next_after(set, asked).map(ends), Some(cut(*run, run.0)));
    } else if let Some(next) = recurrence::next_after(set, asked) {
        prop_assert!(next.opens_at() >= horizon);
    }
    let transition = recurrence::next_transition(set, asked);
    match open {
        Some((_, closes)) if *closes < horizon => {
            prop_assert_eq!(transition, Some(Transition { at: *closes, opens: false }));
        }
        Some(_) => prop_assert!(transition.is_none_or(|next| next.at >= horizon && !next.opens)),
        None => {
            let next = recurrence::next_after(set, asked);
            let opening = next.map(|next| Transition { at: next.opens_at(), opens: true });
            prop_assert_eq!(transition, opening);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// F199: who shows local times by the offsets of a span shows what the zone's clocks show.
    #[test]
    fn f199_the_offsets_of_a_span_are_those_of_each_instant(
        (zone, from, length) in span_of_a_zone(),
        parts in prop::collection::vec(0_i64..1_000, 8),
    ) {
        let until = from + TimeDelta::seconds(length);
        let offsets = zone.utc_offsets(from, until);
        prop_assert_eq!(offsets[0].from, from);
        prop_assert!(offsets.is_sorted_by(|one, next| one.from < next.from));
        prop_assert!(offsets.iter().skip(1).all(|offset| offset.from < until));
        let at_changes = offsets.iter().flat_map(|offset| [offset.from - MICROSECOND, offset.from]);
        let within = parts.iter().map(|part| from + TimeDelta::seconds(length * part / 1_000));
        for asked in at_changes.chain(within).filter(|asked| (from..until).contains(asked)) {
            let shown = offsets.iter().rfind(|offset| offset.from <= asked).expect("the first");
            prop_assert_eq!(shown.seconds, zone.offset_at(asked).local_minus_utc());
        }
    }

    #[test]
    fn f05_f06_one_definition_answers_as_the_naive_calendar((recurrence, asked) in asked_of_one()) {
        let set = [recurrence];
        check_answers(&set, asked)?;
        check_against_naive(&set, asked)?;
        prop_assert_eq!(recurrence.open_at(asked), recurrence::open_at(&set, asked));
        prop_assert_eq!(recurrence.next_after(asked), recurrence::next_after(&set, asked));
        let text = serde_json::to_string(&recurrence).expect("serialises");
        prop_assert_eq!(serde_json::from_str::<Recurrence>(&text).expect("reads"), recurrence);
    }

    /// F05: where occurrences lie too far apart to meet, each lasts exactly its elapsed duration.
    #[test]
    fn f05_an_unmerged_window_lasts_its_duration((recurrence, asked) in asked_of_one()) {
        let lonely = match recurrence.pattern() {
            Pattern::Weekly { start, .. } | Pattern::Daily { start } | Pattern::Monthly { start, .. } =>
                Pattern::Monthly { day: 15, start },
            alone @ (Pattern::Once { .. } | Pattern::MonthlyWeekday { .. }) => alone,
        };
        let lonely = Recurrence::new(lonely, recurrence.duration()).expect("possible");
        if let Some(window) = lonely.current_or_next(asked) {
            prop_assert_eq!(window.length(), recurrence.duration());
        }
    }

    #[test]
    fn f05_f06_several_definitions_merge_as_in_the_naive_calendar((set, asked) in asked_of_set()) {
        check_answers(&set, asked)?;
        check_against_naive(&set, asked)?;
        let mut reversed = set.clone();
        reversed.reverse();
        prop_assert_eq!(recurrence::open_at(&set, asked), recurrence::open_at(&reversed, asked));
        prop_assert_eq!(recurrence::next_after(&set, asked), recurrence::next_after(&reversed, asked));
    }

    /// F164: a job that asks for its window again and again keeps the one that has opened, however
    /// often and whenever it asks; one without an end does not move on with it.
    #[test]
    fn f164_a_followed_window_never_slides(
        (set, asked) in asked_of_set(),
        endless in any::<bool>(),
        steps in prop::collection::vec(0_i64..3 * 86_400, 1..8),
    ) {
        let mut set = set;
        if endless {
            let start = LocalStart {
                time_zone: TimeZoneName::UTC,
                start_time: NaiveTime::MIN,
                first_date: NaiveDate::from_ymd_opt(1971, 1, 1).expect("a date"),
            };
            let always = Recurrence::new(Pattern::Daily { start }, TimeDelta::days(1));
            set.push(always.expect("possible"));
        }
        let (mut now, mut known) = (asked, recurrence::current_or_next(&set, asked));
        for step in steps {
            let Some(given) = known else { break };
            now += TimeDelta::seconds(step);
            let found = recurrence::follow(&set, given, now);
            if now >= given.opens_at() {
                prop_assert_eq!(found.map(ends), Some(ends(given)), "asked at {}", now);
            }
            known = found;
        }
    }
}
