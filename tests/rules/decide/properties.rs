//! Each invariant as a property over scenes, or as an exhaustive run.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use healthgate::{
    gate::decide::{Action, Condition, Verdict, WaitReason, WindowAnswer},
    model::{
        CheckId, EndReason, GateId, GatePass, GateState, PassId, PassKind, ReasonCode, Window,
        WindowKind, WorkerId,
    },
};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};

use crate::decide::scene::{EPOCH, SECOND, Scene, at, gate, requirement, result, scene};

/// Ten thousand cases, or what `PROPTEST_CASES` says.
pub(crate) fn config() -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    let cases = asked.unwrap_or(10_000);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

pub(crate) fn passes(scene: &Scene) -> Option<PassKind> {
    match scene.decide().action {
        Action::Pass { kind, .. } => Some(kind),
        _ => None,
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn g01_order_and_duplicates_of_the_input_do_not_matter(scene in scene(), seed in any::<u64>()) {
        let mut other = scene.clone();
        other.observations.extend(scene.observations.clone());
        let mut step = usize::try_from(seed % 7).unwrap();
        for index in 0..other.observations.len() {
            step = (step * 31 + 7) % other.observations.len();
            other.observations.swap(index, step);
        }
        let (one, two) = (scene.decide(), other.decide());
        prop_assert_eq!(&one.action, &two.action);
        for (a, b) in one.verdicts.iter().zip(&two.verdicts) {
            prop_assert_eq!((a.index, a.met, a.reason), (b.index, b.met, b.reason));
        }
        prop_assert_eq!(one, scene.decide());
    }

    /// G2, G4 to G9, G23, G24: a gate that nothing else decides passes exactly where each enabled
    /// check's newest result counts and is healthy, or is overridden.
    #[test]
    fn g02_a_pass_needs_fresh_proof_for_every_enabled_check_and_nothing_else(scene in scene()) {
        let open = scene.is_open();
        let proven = |one: &&_| scene.may_pass(one) || scene.overridden(one);
        let expected = scene.enabled().iter().all(proven);
        if scene.is_plain() && open {
            let kind = passes(&scene);
            prop_assert_eq!(kind.is_some(), expected);
            let all_proven = scene.enabled().iter().all(|one| scene.may_pass(one));
            if let Some(kind) = kind {
                prop_assert_eq!(kind == PassKind::NoChecks, scene.enabled().is_empty());
                prop_assert_eq!(kind == PassKind::Overridden, !all_proven);
            }
        } else if scene.is_plain() {
            prop_assert_eq!(passes(&scene), None);
        }
    }

    #[test]
    fn g03_less_proof_never_makes_a_pass(scene in scene(), pick in any::<prop::sample::Index>(), how in 0..3) {
        let mut worse = scene.clone();
        let healthy: Vec<usize> = (0..scene.observations.len())
            .filter(|index| scene.observations[*index].healthy())
            .collect();
        match how {
            0 if !healthy.is_empty() => {
                let index = healthy[pick.index(healthy.len())];
                worse.observations[index].reason = ReasonCode::TimeoutBody;
            }
            1 if !healthy.is_empty() => {
                let index = healthy[pick.index(healthy.len())];
                let removed = worse.observations.remove(index);
                // Only the one result of a check: beside others it may be what hides a better one.
                if worse.observations.iter().any(|one| one.check_id == removed.check_id) {
                    worse.observations.insert(index, removed);
                }
            }
            _ => worse.requirements.push(requirement(9)),
        }
        if passes(&scene).is_none() {
            prop_assert_eq!(passes(&worse), None);
        }
    }

    #[test]
    fn g04_what_is_not_healthy_keeps_its_own_reason(reason in proptest::sample::select(ReasonCode::ALL)) {
        let mut scene = plain(60);
        scene.observations = vec![result(0, reason, scene.now)];
        let decision = scene.decide();
        prop_assert_eq!(decision.verdicts[0].reason, reason);
        prop_assert_eq!(passes(&scene).is_some(), reason == ReasonCode::Ok);
    }

    #[test]
    fn g05_a_result_counts_from_its_end_until_it_is_too_old(age in -1_i64..320 * SECOND, border in 0..4) {
        let age = match border { 0 => 310 * SECOND, 1 => 310 * SECOND + 1, 2 => -1, _ => age };
        let mut scene = plain(1_800);
        scene.observations = vec![result(0, ReasonCode::Ok, at(1_800 * SECOND - age))];
        prop_assert_eq!(passes(&scene).is_some(), (0..=310 * SECOND).contains(&age));
    }

    #[test]
    fn g06_of_two_that_tell_of_one_run_the_worse_one_counts(reason in proptest::sample::select(ReasonCode::ALL), first in any::<bool>()) {
        let mut scene = plain(60);
        scene.observations = vec![result(0, ReasonCode::Ok, scene.now), result(0, reason, scene.now)];
        if first {
            scene.observations.reverse();
        }
        prop_assert_eq!(passes(&scene).is_some(), reason == ReasonCode::Ok);
    }

    #[test]
    fn g07_results_of_unknown_or_disabled_checks_change_nothing(scene in scene(), reason in proptest::sample::select(ReasonCode::ALL)) {
        let mut other = scene.clone();
        let mut foreign = result(200, reason, scene.now);
        foreign.check_id = CheckId::generate();
        other.observations.insert(0, foreign);
        for disabled in scene.requirements.iter().filter(|one| !one.enabled) {
            let mut own = result(0, reason, scene.now);
            own.check_id = disabled.check_id;
            other.observations.push(own);
        }
        prop_assert_eq!(scene.decide().action, other.decide().action);
    }

    #[test]
    fn g08_every_enabled_check_is_judged_however_many(count in 0_u8..12, missing in 0_u8..12) {
        let mut scene = plain(60);
        scene.requirements = (0..count).map(requirement).collect();
        scene.observations =
            (0..count).filter(|number| *number != missing)
                .map(|number| result(number, ReasonCode::Ok, scene.now)).collect();
        prop_assert_eq!(scene.decide().verdicts.len(), usize::from(count));
        prop_assert_eq!(passes(&scene).is_some(), missing >= count);
    }

    /// G9, G10, G11, G15, G16: what holds of every pass, start and end.
    #[test]
    fn g10_g11_g15_g16_the_window_bounds_everything(scene in scene()) {
        let (now, end, offset) = (scene.effective(), scene.end(), scene.offset());
        let decision = scene.decide();
        prop_assert_eq!((decision.gate_time, decision.clock_offset), (now, offset));
        let open = scene.is_open();
        match decision.action {
            Action::Pass { kind, valid_until } => {
                prop_assert!(open);
                let ttl = TimeDelta::from_std(scene.policy.pass_ttl).unwrap();
                let mut longest = (now + ttl).min(end);
                if kind == PassKind::Overridden {
                    // F139: it does not outlive the override that it needs.
                    longest = longest.min(scene.gate.exception.as_ref().unwrap().expires_at);
                }
                prop_assert_eq!(valid_until, longest - offset);
                prop_assert!(valid_until > scene.now);
                if kind == PassKind::Healthy {
                    prop_assert!(!decision.verdicts.is_empty());
                    for verdict in &decision.verdicts {
                        let proof = &scene.observations[verdict.observation.unwrap()];
                        prop_assert!(proof.finished_at() < end);
                    }
                }
            }
            Action::Start { deadline, ref run, .. } => {
                prop_assert!(open && deadline <= end - offset && deadline > scene.now && !run.is_empty());
                prop_assert!(now <= end - TimeDelta::seconds(2));
                for index in run {
                    prop_assert!(!scene.may_pass(&scene.requirements[*index]));
                }
            }
            Action::Wait { next_at, .. } => prop_assert!(next_at > scene.now || next_at == end - offset),
            Action::Fail { reason } => {
                prop_assert_eq!(reason, EndReason::WindowClosed);
                prop_assert!(now >= end);
            }
            _ => {}
        }
        let decides_by_time = !scene.suspect && !scene.gate.cancel_requested
            && matches!(scene.answer, WindowAnswer::Open(_));
        if decides_by_time && now >= end {
            prop_assert_eq!(decision.action, Action::Fail { reason: EndReason::WindowClosed });
        }
    }

    #[test]
    fn g16_a_pass_that_was_not_spent_in_time_is_taken_back(scene in scene(), left in -1_i64..=1) {
        let mut scene = scene;
        scene.gate.state = GateState::Passed;
        let valid_until = (scene.effective() + TimeDelta::microseconds(left)).min(scene.end());
        scene.gate.pass = Some(given(&scene, valid_until));
        let decision = scene.decide();
        let goes_on = matches!(decision.action, Action::Pass { .. } | Action::Start { .. });
        prop_assert!(!goes_on);
        if scene.is_plain() && scene.effective() < scene.end() {
            prop_assert_eq!(decision.action == Action::Renew, scene.effective() >= valid_until);
        }
    }

    #[test]
    fn g18_an_end_is_an_end_whatever_comes(scene in scene(), state in 0_usize..3) {
        let mut scene = scene;
        scene.gate.state = [GateState::Spent, GateState::Failed, GateState::Cancelled][state];
        prop_assert_eq!(scene.decide().action, Action::Ended);
    }

    /// G21: a reading that is not believed decides nothing but what needs no clock.
    #[test]
    fn g21_a_clock_that_is_not_believed_decides_nothing(scene in scene()) {
        let mut scene = scene;
        scene.suspect = true;
        let action = scene.decide().action;
        let held = matches!(action, Action::Hold { .. } | Action::Abort { .. });
        prop_assert!(held, "{:?}", action);
    }

    /// G21, F155: a clock that steps back takes no end away, and what it lets through ends with the
    /// window all the same.
    #[test]
    fn f155_a_step_back_never_lengthens_a_window(scene in scene(), back in 0_i64..10_000, held in any::<bool>()) {
        let mut later = scene.clone();
        later.now = scene.now - TimeDelta::seconds(back);
        // The runner that held it knows its time; another one has the record alone.
        match held {
            true => later.gate_time = scene.effective(),
            false => later.gate.high_water = scene.effective(),
        }
        let decision = later.decide();
        prop_assert_eq!(decision.gate_time, scene.effective());
        let (before, after) = (scene.decide().action, decision.action);
        let ends = |action: &Action| matches!(action, Action::Fail { .. });
        prop_assert_eq!(ends(&before), ends(&after));
        let room = later.end() - later.offset();
        match after {
            Action::Pass { valid_until, .. } => prop_assert!(later.is_open() && valid_until <= room),
            Action::Start { deadline, .. } => prop_assert!(later.is_open() && deadline <= room),
            _ => {}
        }
    }

    /// G25: a cancellation, a gone host and a withdrawn window end whatever is not ended.
    #[test]
    fn g25_a_cancellation_wins_over_everything_that_is_not_spent(scene in scene(), how in 0..4) {
        let mut scene = scene;
        scene.gate.cancel_requested = how == 0;
        let expected = match how {
            0 => EndReason::JobCancelled,
            1 => { scene.answer = WindowAnswer::JobCancelled; EndReason::JobCancelled }
            2 => { scene.answer = WindowAnswer::HostGone; EndReason::HostDeleted }
            _ => { scene.answer = WindowAnswer::Withdrawn; EndReason::WindowWithdrawn }
        };
        prop_assert_eq!(scene.decide().action, Action::Abort { reason: expected });
    }

    /// G26: an override satisfies the named check in the named revision, and nothing else.
    #[test]
    fn g26_an_override_never_opens_window_or_clock_and_names_what_it_covers(scene in scene()) {
        let mut without = scene.clone();
        without.gate.exception = None;
        let (one, two) = (scene.decide(), without.decide());
        if one.action != two.action {
            // Where it makes a difference there is a named check that it satisfies.
            prop_assert!(one.verdicts.iter().any(|verdict| verdict.overridden));
            prop_assert!(scene.is_plain() || scene.gate.report_only);
        }
        for verdict in &one.verdicts {
            let requirement = &scene.requirements[verdict.index];
            prop_assert_eq!(verdict.overridden, !verdict.met && scene.overridden(requirement));
        }
        // F40: without the right to it there is none.
        let mut revoked = scene.clone();
        revoked.override_allowed = false;
        prop_assert_eq!(revoked.decide().action, two.action);
    }

    #[test]
    fn g32_what_cannot_be_read_never_passes(scene in scene()) {
        let mut scene = scene;
        scene.observations.clear();
        scene.gate.exception = None;
        scene.requirements.push(requirement(7));
        if scene.is_plain() {
            prop_assert_eq!(passes(&scene), None);
        }
    }

    #[test]
    fn g34_report_only_computes_the_same_and_never_blocks(scene in scene()) {
        let mut reporting = scene.clone();
        reporting.gate.report_only = true;
        reporting.gate.exempt = false;
        let mut blocking = reporting.clone();
        blocking.gate.report_only = false;
        let (reported, blocked) = (reporting.decide(), blocking.decide());
        prop_assert_eq!(reported.satisfied, blocked.satisfied);
        prop_assert_eq!(&reported.verdicts, &blocked.verdicts);
        let (now, offset) = (scene.effective(), scene.offset());
        let latest = scene.end() - TimeDelta::seconds(10);
        let attempted = !scene.in_flight && scene.gate.last_attempt_at.is_some_and(|last| {
            scene.void_before().is_none_or(|void_before| last - offset >= void_before)
        });
        let proceeds = passes(&reporting) == Some(PassKind::ReportOnly);
        match (&reported.action, &blocked.action) {
            (_, Action::Fail { .. } | Action::Abort { .. } | Action::Hold { .. } | Action::Ended
                | Action::Wait { why: WaitReason::NotOpen, .. }) => {
                prop_assert_eq!(&reported.action, &blocked.action);
            }
            (_, Action::Pass { .. } | Action::Wait { why: WaitReason::Condition, .. }) => {
                prop_assert!(proceeds);
            }
            // F161: it runs what a gate that blocks would run, once, and then proceeds.
            (Action::Start { run, number, deadline }, Action::Start { run: blocked, number: next, .. }) => {
                prop_assert_eq!((run, number), (blocked, next));
                prop_assert!(*deadline <= latest - offset && !attempted);
            }
            (Action::Wait { why, next_at }, Action::Wait { why: blocked, .. }) => {
                prop_assert!(why == blocked && *next_at <= latest - offset && !attempted);
            }
            (reported, _) => prop_assert!(proceeds, "{:?}", reported),
        }
        if !scene.suspect && !scene.gate.cancel_requested
            && matches!(scene.answer, WindowAnswer::Open(_)) && scene.is_open() && (now >= latest || attempted) {
            prop_assert!(proceeds, "it never blocks");
        }
    }

    /// F140: an exempt job is held back by conditions, and by nothing else in its open window.
    #[test]
    fn f140_conditions_hold_exempt_jobs_unless_they_say_otherwise(scene in scene(), met in any::<bool>(), spares in any::<bool>()) {
        let mut scene = scene;
        (scene.gate.exempt, scene.gate.report_only) = (true, false);
        scene.conditions.push(Condition { met, spares_exempt: spares, ..Condition::met("one") });
        let open = scene.is_open();
        let decides = !scene.suspect && !scene.gate.cancel_requested
            && matches!(scene.answer, WindowAnswer::Open(_));
        let expected = decides && open && scene.conditions_allow();
        prop_assert_eq!(passes(&scene), expected.then_some(PassKind::Exempt));
        if decides && open && !expected {
            let waits = matches!(scene.decide().action, Action::Wait { why: WaitReason::Condition, .. });
            prop_assert!(waits);
        }
    }

    /// F148: a gate whose pass nobody spent says so at its end, unless its checks failed since.
    #[test]
    fn f148_an_end_after_a_pass_says_whether_it_was_spent(scene in scene(), passed in any::<bool>()) {
        let mut scene = scene;
        scene.now = scene.now.max(scene.end());
        let valid_until = scene.end();
        scene.gate.pass = Some(given(&scene, valid_until));
        if passed {
            scene.gate.state = GateState::Passed;
        }
        if let Action::Fail { reason } = scene.decide().action {
            let unseen = |verdict: &Verdict| matches!(verdict.reason,
                ReasonCode::NoResult | ReasonCode::Stale | ReasonCode::NotRunCapacity);
            let failing = |verdict: &&Verdict| !verdict.is_satisfied();
            let decision = scene.decide();
            let all_unseen = decision.verdicts.iter().filter(failing).all(unseen);
            let expected = match passed || all_unseen && scene.conditions_allow() {
                true => EndReason::PassNotSpent,
                false => EndReason::WindowClosed,
            };
            prop_assert_eq!(reason, expected);
        }
    }
}

/// A pass that the scene's gate has given.
pub(crate) fn given(scene: &Scene, valid_until: DateTime<Utc>) -> GatePass {
    GatePass {
        id: PassId::generate(),
        gate_id: GateId::generate(),
        job_id: scene.gate.job_id,
        host_id: scene.gate.host_id,
        kind: PassKind::Healthy,
        granted_at: scene.now,
        valid_until,
        owner: WorkerId::generate(),
        token: 1,
        epoch: EPOCH,
        evidence: Vec::new(),
        would_have: None,
    }
}

/// A plain gate with one check, so many seconds into a window of an hour.
pub(crate) fn plain(seconds: i64) -> Scene {
    let window = Window::new(at(0), at(3_600 * SECOND)).unwrap();
    Scene {
        now: at(seconds * SECOND),
        gate_time: at(-10_000 * SECOND),
        suspect: false,
        gate: gate(window),
        in_flight: false,
        no_room: false,
        dirty: false,
        answer: WindowAnswer::Open(window),
        requirements: vec![requirement(0)],
        observations: Vec::new(),
        streaks: Vec::new(),
        conditions: Vec::new(),
        hold: None,
        override_allowed: true,
        policy: healthgate::gate::GatePolicy::default(),
    }
}

/// F39: with a figure for it, so many newest runs in a row must be healthy.
#[test]
fn f39_a_check_that_flaps_passes_after_so_many_healthy_runs() {
    let mut scene = plain(600);
    scene.policy.healthy_after = 3;
    let run = |ago: i64, reason| result(0, reason, at((600 - ago) * SECOND));
    let (ok, bad) = (ReasonCode::Ok, ReasonCode::Status);
    for (runs, expected) in [
        (vec![run(1, ok)], false),
        (vec![run(1, ok), run(2, ok)], false),
        (vec![run(1, ok), run(2, ok), run(3, ok)], true),
        (vec![run(1, ok), run(2, bad), run(3, ok), run(4, ok)], false),
        (vec![run(1, ok), run(1, ok), run(1, ok)], false),
        (vec![run(1, ok), run(2, ok), run(3, bad), run(3, ok)], false),
        (vec![run(1, bad), run(2, ok), run(3, ok), run(4, ok)], false),
        (vec![run(1, ok), run(400, ok), run(500, ok)], true),
    ] {
        scene.observations = runs.clone();
        assert_eq!(passes(&scene).is_some(), expected, "{runs:?}");
    }
}

/// Every combination of two checks with two results each out of a list of kinds, at every border of
/// the window, against the plain rule.
#[test]
fn g02_exhaustive_two_checks_at_every_border() {
    let kinds = |now: i64| {
        let one = move |number, reason, ago| Some(result(number, reason, at(now - ago)));
        move |number: u8| {
            let mut other_revision = result(number, ReasonCode::Ok, at(now - SECOND));
            other_revision.revision = 2;
            let mut elsewhere = result(number, ReasonCode::Ok, at(now - SECOND));
            elsewhere.endpoint = crate::decide::scene::endpoint(2);
            [
                None,
                one(number, ReasonCode::Ok, SECOND),
                one(number, ReasonCode::Status, SECOND),
                one(number, ReasonCode::Ok, 310 * SECOND),
                one(number, ReasonCode::Ok, 310 * SECOND + 1),
                one(number, ReasonCode::Ok, -1),
                one(number, ReasonCode::Internal, 2 * SECOND),
                Some(other_revision),
                Some(elsewhere),
            ]
        }
    };
    let mut passed = 0_u32;
    for now in [-1, 0, 1, 1_800 * SECOND, 3_600 * SECOND - 1, 3_600 * SECOND, 3_600 * SECOND + 1] {
        let (first, second) = (kinds(now)(0), kinds(now)(1));
        for a in &first {
            for b in &first {
                for c in &second {
                    for d in &second {
                        let mut scene = plain(0);
                        scene.now = at(now);
                        scene.requirements = vec![requirement(0), requirement(1)];
                        scene.observations = [a, b, c, d].into_iter().flatten().cloned().collect();
                        let open = (0..3_600 * SECOND).contains(&now);
                        let proven = scene.requirements.iter().all(|one| scene.may_pass(one));
                        assert_eq!(passes(&scene).is_some(), open && proven, "{scene:?}");
                        passed += u32::from(open && proven);
                    }
                }
            }
        }
    }
    assert!(passed > 100);
}

/// The generator reaches what it is aimed at.
#[test]
fn scenes_reach_every_action_and_every_border() {
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        proptest::test_runner::TestRng::deterministic_rng(
            proptest::test_runner::RngAlgorithm::ChaCha,
        ),
    );
    let mut seen = BTreeSet::new();
    for _ in 0..20_000 {
        let scene = scene().new_tree(&mut runner).unwrap().current();
        let decision = scene.decide();
        if let Action::Pass { kind: PassKind::Overridden, valid_until } = decision.action
            && scene.gate.exception.as_ref().is_some_and(|one| one.expires_at == valid_until)
        {
            seen.insert("a pass that ends with its override".to_owned());
        }
        if scene.gate.window_kind == WindowKind::Immediate
            && !scene.policy.closing_margin.is_zero()
            && matches!(decision.action, Action::Pass { .. } | Action::Start { .. })
            && scene.gate.window.closes_at() - scene.effective() <= TimeDelta::seconds(10)
        {
            seen.insert("immediate within the margin".to_owned());
        }
        seen.insert(match decision.action {
            Action::Start { .. } => "start".to_owned(),
            Action::Wait { why, .. } => format!("wait {why:?}"),
            Action::Hold { .. } => "hold".to_owned(),
            Action::Pass { kind, .. } => format!("pass {kind:?}"),
            Action::Fail { .. } => "fail".to_owned(),
            Action::Abort { reason } => format!("abort {reason:?}"),
            Action::Renew | Action::Ended => unreachable!("a scene waits"),
        });
        let (now, end) = (scene.effective(), scene.end());
        let micro = TimeDelta::microseconds(1);
        for (border, name) in [(scene.gate.window.opens_at(), "start"), (end, "end")] {
            for (instant, side) in
                [(border - micro, "before"), (border, "at"), (border + micro, "after")]
            {
                if now == instant {
                    seen.insert(format!("{side} {name}"));
                }
            }
        }
        if scene.offset() >= TimeDelta::seconds(60) {
            seen.insert("time ahead of the clock".to_owned());
        }
        let contradicts = scene.observations.iter().any(|one| {
            scene.observations.iter().any(|two| {
                (one.check_id, one.checked_at) == (two.check_id, two.checked_at)
                    && one.healthy()
                    && !two.healthy()
            })
        });
        if contradicts {
            seen.insert("contradicting duplicates".to_owned());
        }
    }
    for wanted in [
        "start",
        "wait NotOpen",
        "wait InFlight",
        "wait NextAttempt",
        "wait End",
        "hold",
        "fail",
        "pass Healthy",
        "pass NoChecks",
        "pass Overridden",
        "pass Exempt",
        "pass ReportOnly",
        "abort JobCancelled",
        "abort HostDeleted",
        "abort WindowWithdrawn",
        "before start",
        "at start",
        "after start",
        "before end",
        "at end",
        "after end",
        "contradicting duplicates",
        "wait Condition",
        "time ahead of the clock",
        "a pass that ends with its override",
        "immediate within the margin",
    ] {
        assert!(seen.contains(wanted), "{wanted} not in {seen:?}");
    }
}
