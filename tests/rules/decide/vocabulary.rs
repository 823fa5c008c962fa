//! What the decision makes of conditions, stored runs in a row, want of room, and gates that report.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use healthgate::{
    gate::decide::{Action, Condition, Streak, Verdict, WaitReason, WindowAnswer},
    model::{Detail, EndReason, Outlook, PassKind, ReasonCode, WouldHave},
};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use crate::decide::{
    properties::{config, passes, plain},
    scene::{SECOND, Scene, at, requirement, result, scene},
};

fn condition(number: usize, met: bool) -> Condition {
    let reason = if met { "fine" } else { "paused" };
    Condition {
        name: format!("condition {number}").into(),
        met,
        reason: reason.into(),
        detail: Detail::default(),
        spares_exempt: number % 2 == 1,
        from: None,
        until: None,
    }
}

prop_compose! {
    /// A scene with conditions, streaks, a figure for runs in a row, and perhaps no room.
    fn wide()(
        scene in scene(),
        conditions in proptest::collection::vec(proptest::bool::weighted(0.8), 0..3),
        streaks in proptest::collection::vec(
            (0_u8..6, any::<prop::sample::Index>(), 1_u32..5, proptest::bool::weighted(0.2)), 0..6,
        ),
        healthy_after in 1_u32..4,
        no_room in any::<bool>(),
        live_only in proptest::bool::weighted(0.2),
    ) -> Scene {
        let mut scene = scene;
        scene.conditions = conditions.iter().enumerate().map(|(index, met)| condition(index, *met)).collect();
        scene.streaks = streaks
            .into_iter()
            .filter_map(|(off, pick, runs, disturbed)| {
                // Mostly of a run that is there, and sometimes of another moment.
                let count = scene.observations.len();
                let run = scene.observations.get((count > 0).then(|| pick.index(count))?)?;
                let mut newest = run.started();
                newest.at += TimeDelta::microseconds(i64::from(off == 0));
                Some(Streak { check_id: run.check_id, newest, runs, disturbed })
            })
            .collect();
        scene.policy.healthy_after = healthy_after;
        scene.policy.live_only = live_only;
        scene.no_room = no_room;
        scene
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn g01_order_and_duplicates_of_conditions_and_streaks_do_not_matter(scene in wide()) {
        let mut other = scene.clone();
        other.conditions.reverse();
        other.streaks.extend(scene.streaks.clone());
        other.streaks.reverse();
        prop_assert_eq!(scene.decide(), other.decide());
    }

    /// G3: a condition that does not hold blocks like a failing check, whatever else is so; one
    /// that holds changes nothing.
    #[test]
    fn g03_a_condition_only_ever_blocks(scene in wide()) {
        let mut without = scene.clone();
        without.conditions.clear();
        let mut unmet = scene.clone();
        unmet.conditions.push(condition(9, false));
        let mut met = scene.clone();
        met.conditions.push(condition(9, true));
        prop_assert_eq!(scene.decide(), met.decide());
        if scene.is_plain() {
            prop_assert_eq!(passes(&unmet), None);
            if scene.conditions.iter().all(|condition| condition.met) {
                prop_assert_eq!(passes(&scene), passes(&without));
            } else {
                prop_assert_eq!(passes(&scene), None);
            }
            let open = scene.is_open();
            let waits = matches!(unmet.decide().action, Action::Wait { why: WaitReason::Condition, .. });
            let all_met = unmet.decide().verdicts.iter().all(Verdict::is_satisfied);
            prop_assert_eq!(waits, open && all_met && !scene.in_flight);
        }
    }

    /// G2, G3: a streak helps only a check whose newest result counts and is healthy and is the
    /// run that the streak ends with; without a streak the runs themselves have to be there.
    #[test]
    fn g03_a_streak_stands_for_older_runs_and_for_nothing_else(scene in wide()) {
        let mut without = scene.clone();
        without.streaks.clear();
        let (with, bare) = (scene.decide(), without.decide());
        for (one, two) in with.verdicts.iter().zip(&bare.verdicts) {
            let requirement = &scene.requirements[one.index];
            if two.met && !one.met {
                // The runs at hand look like a row, and what is stored knows of a failure between them.
                let newest = scene.observations[two.observation.unwrap()].started();
                let short = |streak: &Streak| {
                    (streak.check_id, streak.newest) == (requirement.check_id, newest)
                        && streak.runs < scene.policy.healthy_after
                };
                prop_assert!(scene.streaks.iter().any(short), "a streak hinders where it is short alone");
            }
            if one.met {
                let newest = &scene.observations[one.observation.unwrap()];
                prop_assert!(newest.healthy() && newest.revision == requirement.revision);
            }
            if one.met && !two.met {
                prop_assert!(scene.policy.healthy_after > 1);
                prop_assert!(!scene.policy.live_only && scene.gate.void_before.is_none());
                let newest = scene.observations[one.observation.unwrap()].started();
                let own = scene.streaks.iter().filter(|streak| {
                    streak.check_id == requirement.check_id && streak.newest == newest
                });
                let own: Vec<&Streak> = own.collect();
                prop_assert!(!own.is_empty());
                let whole =
                    |streak: &&Streak| !streak.disturbed && streak.runs >= scene.policy.healthy_after;
                prop_assert!(own.iter().all(whole));
            }
        }
    }

    /// F38: want of room changes words and the reason of an end, never what passes, starts or is tried.
    #[test]
    fn f38_want_of_room_changes_words_and_never_an_outcome(scene in wide()) {
        let (mut room, mut none) = (scene.clone(), scene.clone());
        (room.no_room, none.no_room) = (false, true);
        let (one, two) = (room.decide(), none.decide());
        match (&one.action, &two.action) {
            (Action::Fail { reason: before }, Action::Fail { reason }) => {
                prop_assert_eq!(*before, EndReason::WindowClosed);
                let failing: Vec<_> = one.verdicts.iter().filter(|verdict| !verdict.is_satisfied()).collect();
                let unseen = |reason| matches!(reason, ReasonCode::NoResult | ReasonCode::Stale
                    | ReasonCode::NotRunCapacity);
                let all_unseen = !failing.is_empty() && failing.iter().all(|one| unseen(one.reason))
                    && scene.conditions_allow();
                prop_assert_eq!(*reason == EndReason::NotRunCapacity, all_unseen);
            }
            (before, after) => prop_assert_eq!(before, after),
        }
        for (before, after) in one.verdicts.iter().zip(&two.verdicts) {
            prop_assert_eq!((before.met, before.overridden), (after.met, after.overridden));
            let unseen = matches!(before.reason, ReasonCode::NoResult | ReasonCode::Stale);
            prop_assert_eq!(after.reason, if unseen { ReasonCode::NotRunCapacity } else { before.reason });
        }
    }

    /// G34: what a reporting gate would have done is what a blocking one does.
    #[test]
    fn g34_what_a_reporting_gate_would_have_done_is_what_a_blocking_one_does(scene in wide()) {
        let mut reporting = scene.clone();
        (reporting.gate.report_only, reporting.gate.exempt) = (true, false);
        let mut blocking = reporting.clone();
        blocking.gate.report_only = false;
        let (reported, blocked) = (reporting.decide(), blocking.decide());
        match reported.action {
            Action::Pass { kind, .. } => {
                prop_assert_eq!(kind, PassKind::ReportOnly);
                prop_assert_eq!(reported.would_have, Some(blocked.action.outlook()));
            }
            _ => {
                prop_assert_eq!(reported.would_have, None);
                // It fails and waits alike, and leaves time to proceed after its attempt.
                let kind = std::mem::discriminant::<Action>;
                prop_assert_eq!(kind(&reported.action), kind(&blocked.action));
            }
        }
        prop_assert_eq!(blocked.would_have, None);
        reporting.gate.exempt = true;
        prop_assert_eq!(reporting.decide().would_have, None, "an exempt gate is not judged");
    }

    /// G20: the decision knows instants alone. Moved as a whole to another time, a scene decides alike.
    #[test]
    fn g20_a_scene_moved_in_time_decides_the_same(scene in scene(), hours in -20_000_i64..20_000) {
        let by = TimeDelta::hours(hours);
        let moved = scene.moved(by);
        let (one, two) = (scene.decide(), moved.decide());
        prop_assert_eq!(&one.verdicts, &two.verdicts);
        prop_assert_eq!(one.gate_time + by, two.gate_time);
        let back = match two.action {
            Action::Wait { next_at, why } => Action::Wait { next_at: next_at - by, why },
            Action::Hold { until } => Action::Hold { until: until - by },
            Action::Pass { kind, valid_until } => Action::Pass { kind, valid_until: valid_until - by },
            Action::Start { number, deadline, run } => Action::Start { number, deadline: deadline - by, run },
            other => other,
        };
        prop_assert_eq!(one.action, back);
    }
}

/// Every outlook, exhaustively over states of the checks and of the window.
#[test]
fn an_outlook_says_what_comes_of_it() {
    let hour = 3_600 * SECOND;
    let (ok, bad) = (Some(ReasonCode::Ok), Some(ReasonCode::Status));
    let healthy = (Outlook::Proceed, Some(PassKind::Healthy));
    let (wait, fail) = ((Outlook::Wait, None), (Outlook::Fail, None));
    for (now, seen, expected) in [
        (-1, ok, wait),
        (0, ok, healthy),
        (hour - 1, ok, healthy),
        (hour, ok, fail),
        (0, bad, wait),
        (hour - 1, bad, wait),
        (hour, bad, fail),
        (0, None, wait),
        (hour, None, fail),
    ] {
        let mut scene = plain(0);
        scene.now = at(now);
        scene.observations = seen.into_iter().map(|reason| result(0, reason, scene.now)).collect();
        let WouldHave { decision, kind } = scene.decide().action.outlook();
        assert_eq!((decision, kind), expected, "{now} {seen:?}");
        for gone in [WindowAnswer::Withdrawn, WindowAnswer::JobCancelled, WindowAnswer::HostGone] {
            scene.answer = gone;
            assert_eq!(scene.decide().action.outlook().decision, Outlook::Fail);
        }
    }
}

/// Exhaustive over two checks' newest results, with and without a condition, where room was wanted.
#[test]
fn f38_exhaustive_ends_of_two_checks_that_found_no_room() {
    let kinds = [
        None,
        Some((ReasonCode::Ok, 1)),
        Some((ReasonCode::Status, 1)),
        Some((ReasonCode::Ok, 400)),
        Some((ReasonCode::Status, 400)),
    ];
    let mut counts = [0; 2];
    for first in kinds {
        for second in kinds {
            for met in [true, false] {
                let mut scene = plain(3_600);
                scene.no_room = true;
                scene.requirements = vec![requirement(0), requirement(1)];
                scene.conditions = vec![condition(0, met)];
                scene.observations = [(0, first), (1, second)]
                    .into_iter()
                    .filter_map(|(number, kind)| {
                        let (reason, ago) = kind?;
                        Some(result(number, reason, at((3_600 - ago) * SECOND)))
                    })
                    .collect();
                let counts_unhealthy = |kind| kind == Some((ReasonCode::Status, 1));
                let unseen = |kind| !matches!(kind, Some((_, 1)));
                let starved = met
                    && !counts_unhealthy(first)
                    && !counts_unhealthy(second)
                    && (unseen(first) || unseen(second));
                let reason =
                    if starved { EndReason::NotRunCapacity } else { EndReason::WindowClosed };
                assert_eq!(
                    scene.decide().action,
                    Action::Fail { reason },
                    "{first:?} {second:?} {met}"
                );
                counts[usize::from(starved)] += 1;
            }
        }
    }
    assert!(counts.iter().all(|count| *count > 10), "{counts:?}");
}

/// The generator reaches what it is aimed at.
#[test]
fn wide_scenes_reach_conditions_streaks_and_want_of_room() {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut seen = BTreeMap::new();
    for _ in 0..20_000 {
        let scene = wide().new_tree(&mut runner).unwrap().current();
        let mut bare = scene.clone();
        bare.streaks.clear();
        let decision = scene.decide();
        let mut note =
            |what: &'static str, so: bool| *seen.entry(what).or_insert(0) += u32::from(so);
        let waits = matches!(decision.action, Action::Wait { why: WaitReason::Condition, .. });
        note("waits for a condition", waits);
        let starved = Action::Fail { reason: EndReason::NotRunCapacity };
        note("ends for want of room", decision.action == starved);
        let mut helped = decision.verdicts.iter().zip(bare.decide().verdicts);
        note("a check is met by a streak", helped.any(|(one, two)| one.met && !two.met));
        let streak_missing = scene.policy.healthy_after > 1
            && decision.verdicts.iter().any(|one| {
                !one.met && one.observation.is_some_and(|index| scene.observations[index].healthy())
            });
        note("lacks runs in a row", streak_missing);
        note("would have proceeded", decision.would_have.is_some_and(|would| would.kind.is_some()));
        note("would have waited", decision.would_have.is_some_and(|would| would.kind.is_none()));
    }
    assert!(seen.values().all(|count| *count >= 20), "{seen:?}");
}
