//! Definitions of recurring windows as they are sent, stored and refused (F10).

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc, Weekday, WeekdaySet};
use healthgate::gate::recurrence::{
    LocalStart, NthWeekday, Pattern, Recurrence, RecurrenceSpec, RecurrenceViolation,
};
use healthgate::model::TimeZoneName;

fn at(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).expect("a valid instant").to_utc()
}

fn start(zone: &str, time: &str, first_date: &str) -> LocalStart {
    LocalStart {
        time_zone: zone.parse().expect("a known zone"),
        start_time: NaiveTime::parse_from_str(time, "%H:%M").expect("a valid time"),
        first_date: first_date.parse().expect("a valid date"),
    }
}

fn build(pattern: Pattern, minutes: i64) -> Recurrence {
    Recurrence::new(pattern, TimeDelta::minutes(minutes)).expect("a possible definition")
}

fn daily(zone: &str, time: &str, minutes: i64) -> Recurrence {
    build(Pattern::Daily { start: start(zone, time, "2010-01-01") }, minutes)
}

fn weekly(zone: &str, weekdays: &[Weekday], time: &str, minutes: i64) -> Recurrence {
    let weekdays: WeekdaySet = weekdays.iter().copied().collect();
    build(Pattern::Weekly { weekdays, start: start(zone, time, "2010-01-01") }, minutes)
}

fn monthly(zone: &str, day: u8, time: &str, minutes: i64) -> Recurrence {
    build(Pattern::Monthly { day, start: start(zone, time, "2010-01-01") }, minutes)
}

fn refused(json: &str) -> Vec<String> {
    let spec: RecurrenceSpec = serde_json::from_str(json).expect("readable");
    let error = spec.resolve().expect_err(json);
    error
        .violations()
        .iter()
        .map(|violation| format!("{} {}", violation.field(), violation.code()))
        .collect()
}

#[test]
fn f10_an_impossible_definition_is_refused_with_every_broken_rule() {
    assert_eq!(refused("{}"), ["recurrence missing", "duration_minutes missing"]);
    assert_eq!(
        refused(r#"{"recurrence":"yearly","duration_minutes":0}"#),
        ["recurrence unknown", "duration_minutes out_of_range"]
    );
    assert_eq!(
        refused(
            r#"{"recurrence":"weekly","weekdays":[],"time_zone":"Mars/Base","start_time":"24:00","first_date":"2026-02-30","duration_minutes":10081}"#
        ),
        [
            "weekdays out_of_range",
            "time_zone unknown",
            "start_time malformed",
            "first_date malformed",
            "duration_minutes out_of_range"
        ]
    );
    assert_eq!(
        refused(
            r#"{"recurrence":"monthly","day_of_month":32,"weekdays":["mon"],"starts_at":"2026-01-01T00:00:00Z","time_zone":"UTC","start_time":"9:05","first_date":"1969-12-31","duration_minutes":-1}"#
        ),
        [
            "weekdays not_applicable",
            "starts_at not_applicable",
            "day_of_month out_of_range",
            "start_time malformed",
            "first_date out_of_range",
            "duration_minutes out_of_range"
        ]
    );
    assert_eq!(
        refused(
            r#"{"recurrence":"once","start_time":"09:00","starts_at":"tomorrow","duration_minutes":9223372036854775807}"#
        ),
        ["start_time not_applicable", "starts_at malformed", "duration_minutes out_of_range"]
    );
    assert_eq!(
        refused(r#"{"recurrence":"daily","duration_minutes":60}"#),
        ["time_zone missing", "start_time missing", "first_date missing"]
    );
    assert_eq!(
        refused(
            r#"{"recurrence":"weekly","weekdays":["Mon"],"time_zone":"UTC","start_time":"09:00","first_date":"2026-01-01","duration_minutes":60}"#
        ),
        ["weekdays unknown"]
    );
    let monthly = |members: &str| {
        refused(&format!(
            r#"{{"recurrence":"monthly","time_zone":"UTC","start_time":"09:00","first_date":"2026-01-01","duration_minutes":60{members}}}"#
        ))
    };
    assert_eq!(monthly(""), ["day_of_month missing"]);
    assert_eq!(
        monthly(r#","day_of_month":1,"nth_weekday":{"nth":1,"weekday":"mon"}"#),
        ["nth_weekday conflicting"]
    );
    for (nth, weekday, offset_days, expected) in [
        (0, "mon", 0, "nth_weekday out_of_range"),
        (6, "mon", 0, "nth_weekday out_of_range"),
        (i64::MIN, "mon", 0, "nth_weekday out_of_range"),
        (-1, "mon", 32, "nth_weekday out_of_range"),
        (-1, "mon", -128, "nth_weekday out_of_range"),
        (2, "Tuesday", 2, "nth_weekday unknown"),
    ] {
        let member = format!(
            r#","nth_weekday":{{"nth":{nth},"weekday":"{weekday}","offset_days":{offset_days}}}"#
        );
        assert_eq!(monthly(&member), [expected], "{member}");
    }
    assert_eq!(
        refused(
            r#"{"recurrence":"daily","nth_weekday":{"nth":1,"weekday":"mon"},"time_zone":"UTC","start_time":"09:00","first_date":"2026-01-01","duration_minutes":60}"#
        ),
        ["nth_weekday not_applicable"]
    );
    let typed = Recurrence::new(
        Pattern::Weekly {
            weekdays: WeekdaySet::EMPTY,
            start: LocalStart {
                time_zone: TimeZoneName::UTC,
                start_time: NaiveTime::from_hms_opt(1, 2, 3).expect("valid"),
                first_date: NaiveDate::MAX,
            },
        },
        TimeDelta::seconds(90),
    );
    let fields: Vec<&str> = typed
        .expect_err("impossible")
        .violations()
        .iter()
        .map(RecurrenceViolation::field)
        .collect();
    assert_eq!(fields, ["weekdays", "start_time", "first_date", "duration_minutes"]);
    assert!(Recurrence::new(daily("UTC", "00:00", 1).pattern(), TimeDelta::MAX).is_err());
}

#[test]
fn a_definition_survives_text_and_takes_its_first_date_from_its_own_zone() {
    for recurrence in [
        daily("America/Argentina/Buenos_Aires", "00:00", 1),
        weekly("Europe/Berlin", &[Weekday::Sun, Weekday::Mon], "23:59", 10_080),
        monthly("Pacific/Apia", 31, "12:30", 60),
        build(
            Pattern::MonthlyWeekday {
                day: NthWeekday { nth: -1, weekday: Weekday::Fri, offset_days: -3 },
                start: start("Asia/Tokyo", "03:00", "2026-01-01"),
            },
            60,
        ),
        build(
            Pattern::Once {
                starts_at: at("2026-06-01T12:00:00.123456Z"),
                time_zone: "Asia/Kolkata".parse().expect("a zone"),
            },
            60,
        ),
    ] {
        let text = serde_json::to_string(&recurrence).expect("serialises");
        assert_eq!(serde_json::from_str::<Recurrence>(&text).expect("reads"), recurrence, "{text}");
    }
    let error =
        serde_json::from_str::<Recurrence>(r#"{"recurrence":"daily"}"#).expect_err("incomplete");
    assert!(
        error.to_string().contains("start_time is required; first_date is required"),
        "{error}"
    );

    let json = r#"{"recurrence":"weekly","weekdays":["sun","mon"],"time_zone":"Pacific/Auckland","start_time":"09:00","duration_minutes":60,"name":"other members are the caller's"}"#;
    let spec: RecurrenceSpec = serde_json::from_str(json).expect("readable");
    let spec = spec.with_first_date_from(at("2026-06-01T13:00:00Z"));
    assert_eq!(spec.first_date.as_deref(), Some("2026-06-02"));
    let written = serde_json::to_string(&spec.resolve().expect("possible")).expect("serialises");
    assert_eq!(
        written,
        r#"{"recurrence":"weekly","weekdays":["mon","sun"],"time_zone":"Pacific/Auckland","start_time":"09:00","first_date":"2026-06-02","duration_minutes":60}"#
    );

    // An unknown zone is the only thing that is wrong.
    let json = r#"{"recurrence":"daily","time_zone":"Mars/Olympus","start_time":"09:00","duration_minutes":60}"#;
    let spec: RecurrenceSpec = serde_json::from_str(json).expect("readable");
    let spec = spec.with_first_date_from(at("2026-06-01T13:00:00Z"));
    let error = spec.resolve().expect_err("no such zone").to_string();
    assert!(error.contains("time_zone") && !error.contains("first_date"), "{error}");
}
