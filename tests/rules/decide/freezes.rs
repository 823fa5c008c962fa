//! Conditions that count for a time: what the decision makes of freezes (G37).

use chrono::{DateTime, TimeDelta, Utc};
use healthgate::{
    gate::{
        Freeze, FreezeError, FreezePeriod,
        decide::{Action, Condition, WaitReason, WindowAnswer},
        recurrence::{Recurrence, RecurrenceSpec, open_at},
    },
    model::PassKind,
};
use proptest::prelude::*;

use crate::decide::{
    properties::{config, passes},
    scene::{SECOND, Scene, at, scene},
};

/// From and until, as seconds after now, and whether exempt jobs are spared.
type Span = (Option<i64>, Option<i64>, bool);

fn spans() -> impl Strategy<Value = Vec<Span>> {
    let bound = || {
        let near = prop_oneof![3 => -2_i64..=2, 2 => -90_i64..=90, 1 => -7_000_i64..=7_000];
        proptest::option::weighted(0.9, near)
    };
    proptest::collection::vec((bound(), bound(), any::<bool>()), 0..4)
}

/// A scene in whose open window nothing but its conditions decides.
fn decided_by(mut scene: Scene, spans: &[Span], exempt: bool) -> Scene {
    (scene.suspect, scene.in_flight) = (false, false);
    (scene.gate.cancel_requested, scene.gate.report_only) = (false, false);
    scene.gate.exempt = exempt;
    scene.gate.exception = None;
    scene.requirements.clear();
    scene.answer = WindowAnswer::Open(scene.gate.window);
    let now = scene.now;
    let instant = |seconds: i64| now + TimeDelta::seconds(seconds);
    let condition = |(number, (from, until, spares_exempt)): (usize, &Span)| Condition {
        from: from.map(instant),
        until: until.map(instant),
        spares_exempt: *spares_exempt,
        ..Condition::unmet(format!("freeze {number}"), "frozen", "")
    };
    scene.conditions = spans.iter().enumerate().map(condition).collect();
    scene
}

/// The rule, said once more: it starts by the gate's time and ends by the clock.
fn holds(scene: &Scene, one: &Condition) -> bool {
    let started = one.from.is_none_or(|from| scene.effective() >= from);
    let over = one.until.is_some_and(|until| scene.now >= until);
    started && !over && !(scene.gate.exempt && one.spares_exempt)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn g37_f275_nothing_passes_in_a_freeze_and_no_pass_reaches_into_one(
        scene in scene(), spans in spans(), exempt in any::<bool>(),
    ) {
        let scene = decided_by(scene, &spans, exempt);
        if !scene.is_open() {
            return Ok(());
        }
        let holding: Vec<&Condition> =
            scene.conditions.iter().filter(|one| holds(&scene, one)).collect();
        let offset = scene.offset();
        match scene.decide().action {
            Action::Pass { valid_until, kind } => {
                prop_assert!(holding.is_empty(), "{:?}", holding);
                prop_assert_eq!(kind == PassKind::Exempt, exempt);
                prop_assert!(valid_until > scene.now);
                for one in &scene.conditions {
                    let spared = exempt && one.spares_exempt;
                    let ahead = one.from.filter(|from| *from > scene.effective() && !spared);
                    prop_assert!(ahead.is_none_or(|from| valid_until + offset <= from));
                }
            }
            Action::Wait { next_at, why: WaitReason::Condition } => {
                prop_assert!(!holding.is_empty());
                prop_assert!(next_at > scene.now && next_at + offset <= scene.end());
                let retry = TimeDelta::from_std(scene.policy.retry).unwrap();
                prop_assert!(next_at <= scene.now + retry);
                prop_assert!(holding.iter().all(|one| one.until.is_none_or(|end| next_at <= end)));
                // Nothing but the end of a period makes it look before the retry.
                let ends = |one: &&Condition| one.until == Some(next_at);
                let early = next_at < scene.now + retry && next_at + offset < scene.end();
                prop_assert!(!early || holding.iter().any(ends));
            }
            other => prop_assert!(false, "{:?}", other),
        }
    }

    /// A gate that only reports is held back by nothing, and its pass is as long as ever.
    #[test]
    fn g37_a_gate_that_only_reports_is_not_held_by_a_freeze(scene in scene(), spans in spans()) {
        let mut scene = decided_by(scene, &spans, false);
        scene.gate.report_only = true;
        if !scene.is_open() {
            return Ok(());
        }
        let frozen = scene.decide().action;
        scene.conditions.clear();
        prop_assert_eq!(passes(&scene), Some(PassKind::ReportOnly));
        prop_assert_eq!(frozen, scene.decide().action);
    }

    /// At the very instant at which the last period ends, the gate passes.
    #[test]
    fn g37_a_gate_passes_as_soon_as_every_freeze_is_over(
        scene in scene(), spans in spans(), exempt in any::<bool>(),
    ) {
        let mut scene = decided_by(scene, &spans, exempt);
        scene.conditions.retain(|one| one.until.is_some());
        let last = scene.conditions.iter().filter_map(|one| one.until).max();
        scene.now = scene.now.max(last.unwrap_or(scene.now));
        if !scene.is_open() {
            return Ok(());
        }
        prop_assert!(passes(&scene).is_some());
    }
}

fn daily(start: &str, minutes: i64) -> Recurrence {
    let spec = RecurrenceSpec {
        recurrence: Some("daily".to_owned()),
        time_zone: Some("Europe/Berlin".to_owned()),
        start_time: Some(start.to_owned()),
        first_date: Some("2026-01-01".to_owned()),
        duration_minutes: Some(minutes),
        ..RecurrenceSpec::default()
    };
    spec.resolve().unwrap()
}

/// What the conditions of a freeze hold back at the instant.
fn is_frozen(freeze: &Freeze, read: DateTime<Utc>, instant: DateTime<Utc>) -> bool {
    let counts = |one: &Condition| {
        one.from.is_none_or(|from| from <= instant) && one.until.is_none_or(|end| instant < end)
    };
    freeze.conditions(read).iter().any(counts)
}

#[test]
fn f275_a_freeze_is_active_from_its_start_to_its_end() {
    assert_eq!(Freeze::between("never", at(0), at(0)), Err(FreezeError::Empty));
    assert_eq!(Freeze::between("never", at(1), at(0)), Err(FreezeError::Empty));
    let freeze = Freeze::between("year end", at(0), at(SECOND)).unwrap();
    let period = FreezePeriod { starts_at: at(0), ends_at: Some(at(SECOND)) };
    for (micros, active) in [(-1, false), (0, true), (SECOND - 1, true), (SECOND, false)] {
        assert_eq!(freeze.active_at(at(micros)), Some(period).filter(|_| active), "{micros}");
        assert_eq!(freeze.next_after(at(micros)), Some(period).filter(|_| micros < 0));
        // Read before it starts, it counts from its start on.
        assert_eq!(is_frozen(&freeze, at(-5 * SECOND), at(micros)), active);
    }
    let [condition] = &freeze.conditions(at(0))[..] else { panic!("one") };
    assert_eq!(condition.name.as_str(), "freeze \"year end\"");
    assert_eq!(condition.detail.as_str(), "frozen until 2027-01-15T08:00:01Z by \"year end\"");
    assert!(condition.spares_exempt && !condition.met);
    assert!(!freeze.with_exempt_held().conditions(at(0))[0].spares_exempt);
}

#[test]
fn f275_a_freeze_that_recurs_is_active_where_its_definitions_are_open() {
    let nights = [daily("22:00", 480), daily("04:00", 300), daily("13:00", 30)];
    let freeze = Freeze::recurring("nights", nights);
    // Two nights with the end of daylight saving between them.
    let start: DateTime<Utc> = "2026-10-24T12:00:00Z".parse().unwrap();
    for minute in 0..2 * 24 * 60 {
        let instant = start + TimeDelta::minutes(minute);
        let open = open_at(&nights, instant);
        let active = freeze.active_at(instant);
        assert_eq!(active.is_some(), open.is_some(), "{instant}");
        let end = active.and_then(|period| period.ends_at);
        assert_eq!(end, open.map(|window| window.closes_at()));
        assert_eq!(is_frozen(&freeze, instant - TimeDelta::seconds(5), instant), open.is_some());
        assert!(freeze.next_after(instant).is_some_and(|next| next.starts_at > instant));
    }
    let always = Freeze::recurring("always", [daily("00:00", 1_500)]);
    let active = always.active_at(start).unwrap();
    assert_eq!((active.ends_at, always.next_after(start)), (None, None));
    assert!(always.conditions(start)[0].detail.as_str().contains("until it is lifted"));
    let never = Freeze::recurring("never", []);
    assert!(never.conditions(start).is_empty());
}
