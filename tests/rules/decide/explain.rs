//! What an explanation says has to change lets the gate pass, and nothing less does (G38).

use chrono::{DateTime, TimeDelta, Utc};
use healthgate::{
    gate::{
        NoChecks,
        decide::{Action, Condition, Streak, WindowAnswer},
        explain::{Cause, Change, Explanation, ExplanationGroup, Who, explain, group},
    },
    model::{Detail, GateState, Hold, HoldCause, HostId, ReasonCode},
};
use proptest::prelude::*;

use crate::decide::{
    properties::{config, given, passes, plain},
    scene::{EPOCH, SECOND, Scene, at, requirement, result, scene},
};

/// From, until (as seconds after now), whether it is met, and whether it spares exempt jobs.
type Spell = (Option<i64>, Option<i64>, bool, bool);

/// A limit of a rollout or a group, and for how many seconds it holds where that is known.
fn hold() -> impl Strategy<Value = (HoldCause, Option<i64>)> {
    use HoldCause::{Budget, Group, Slot, Stage};
    (proptest::sample::select(vec![Stage, Slot, Budget, Group]), proptest::option::of(1_i64..600))
}

prop_compose! {
    /// A scene with conditions that count for a time, limits that hold it, windows that cannot be
    /// read, hosts without checks, runs in a row, and passes.
    fn wide()(
        scene in scene(),
        spells in proptest::collection::vec((
            proptest::option::of(-50_i64..400),
            proptest::option::of(-50_i64..600),
            proptest::bool::weighted(0.3),
            any::<bool>(),
        ), 0..4),
        unknown in proptest::bool::weighted(0.05),
        unchecked in proptest::bool::weighted(0.1),
        block in any::<bool>(),
        in_a_row in 1_u32..4,
        pass in proptest::option::weighted(0.1, -5_i64..60),
        hold in proptest::option::weighted(0.4, hold()),
    ) -> Scene {
        let mut scene = scene;
        let now = scene.now;
        let instant = |seconds: i64| now + TimeDelta::seconds(seconds);
        let condition = |(number, (from, until, met, spares_exempt)): (usize, &Spell)| Condition {
            from: from.map(instant),
            until: until.map(instant),
            met: *met,
            spares_exempt: *spares_exempt,
            ..Condition::unmet(format!("condition {number}"), "unmet", "")
        };
        scene.conditions = spells.iter().enumerate().map(condition).collect();
        if unknown {
            scene.answer = WindowAnswer::Unknown;
        }
        if unchecked {
            scene.requirements.clear();
        }
        if block {
            scene.policy.no_checks = NoChecks::Block;
        }
        if scene.gate.void_before.is_none() {
            scene.policy.healthy_after = in_a_row;
        }
        // Nothing is dated in the future, or of an epoch that has not begun: no run could count then.
        scene.gate.void_before = scene.gate.void_before.map(|at| at.min(now));
        scene.gate.void_epoch = scene.gate.void_epoch.min(EPOCH);
        for check in &mut scene.requirements {
            check.changed_epoch = check.changed_epoch.min(EPOCH);
        }
        scene.hold = hold.map(|(cause, seconds)| Hold {
            cause,
            detail: "held".to_owned(),
            until: seconds.map(instant),
        });
        if let Some(seconds) = pass {
            scene.gate.pass = Some(given(&scene, instant(seconds)));
            scene.gate.state = GateState::Passed;
        }
        scene
    }
}

fn explained(scene: &Scene) -> Option<Explanation> {
    scene.with(explain)
}

/// Makes a change to the world, by what the words of the change say.
fn change(scene: &mut Scene, change: &Change) {
    match change {
        Change::Until(instant) => move_to(scene, *instant),
        Change::ClockTrusted => scene.suspect = false,
        Change::WindowKnown => scene.answer = WindowAnswer::Open(scene.gate.window),
        Change::AttemptEnded => scene.in_flight = false,
        Change::Admitted => scene.hold = None,
        Change::Met(indexes) => {
            indexes.iter().for_each(|index| scene.conditions[*index].met = true);
        }
        Change::CheckEnabled => {
            let (check, run) = (requirement(99), result(99, ReasonCode::Ok, scene.now));
            let (runs, newest) = (scene.policy.healthy_after, run.started());
            scene.streaks.push(Streak { check_id: check.check_id, newest, runs, disturbed: false });
            scene.observations.push(run);
            scene.requirements.push(check);
        }
        Change::Healthy(indexes) => {
            for index in indexes {
                let check = scene.requirements[*index].clone();
                scene.observations.retain(|one| one.check_id != check.check_id);
                let mut run = result(0, ReasonCode::Ok, scene.now);
                (run.check_id, run.revision) = (check.check_id, check.revision);
                run.endpoint = check.endpoint.clone();
                let (runs, newest) = (scene.policy.healthy_after, run.started());
                scene.streaks.push(Streak {
                    check_id: check.check_id,
                    newest,
                    runs,
                    disturbed: false,
                });
                scene.observations.push(run);
            }
            scene.no_room = false;
        }
    }
}

fn move_to(scene: &mut Scene, instant: DateTime<Utc>) {
    let waited = instant - scene.now;
    scene.gate_time = scene.effective() + waited;
    scene.now = instant;
    scene.hold = scene.hold.take().filter(|hold| hold.until.is_none_or(|until| instant < until));
}

/// The scene with every change made but those that `but` leaves out.
fn changed(scene: &Scene, changes: &[Change], but: impl Fn(usize, &Change) -> bool) -> Scene {
    let mut scene = scene.clone();
    for (index, one) in changes.iter().enumerate() {
        if !but(index, one) {
            change(&mut scene, one);
        }
    }
    scene
}

/// The scene as the next look finds it, once a pass has run out.
fn renewed(mut scene: Scene) -> Scene {
    if scene.decide().action == Action::Renew {
        scene.gate.state = GateState::Waiting;
        scene.gate.void_before = Some(scene.now);
        scene.gate.void_epoch = EPOCH;
        scene.policy.healthy_after = 1;
    }
    scene
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn g38_what_an_explanation_says_lets_the_gate_pass_and_nothing_less(scene in wide()) {
        let scene = renewed(scene);
        let Some(Explanation { cause, changes, earliest_pass_at, who, .. }) = explained(&scene) else {
            let waits = matches!(scene.decide().action,
                Action::Wait { .. } | Action::Start { .. } | Action::Hold { .. });
            prop_assert!(!waits, "it waits, and is not explained: {:?}", scene.decide().action);
            return Ok(());
        };
        if cause == Cause::PassGiven {
            prop_assert_eq!((who, earliest_pass_at), (Who::Worker, Some(scene.now)));
            prop_assert!(scene.gate.state == GateState::Passed);
            return Ok(());
        }
        prop_assert_eq!(passes(&scene), None);
        let after = renewed(changed(&scene, &changes, |_, _| false));
        let Some(earliest) = earliest_pass_at else {
            prop_assert_eq!(passes(&after), None, "it can pass after all");
            return Ok(());
        };
        prop_assert_eq!(after.now, earliest);
        prop_assert!(passes(&after).is_some(), "{:?} after {:?}", after.decide().action, changes);
        // Each of the changes is needed …
        for (index, one) in changes.iter().enumerate() {
            let is_time = |one: &Change| matches!(one, Change::Until(_));
            let less = changed(&scene, &changes, |other, two| {
                other == index || (is_time(one) && is_time(two))
            });
            prop_assert_eq!(passes(&less), None, "without {:?}", one);
        }
        // … and it does not pass a microsecond earlier.
        if earliest > scene.now {
            let mut early = changed(&scene, &changes, |_, one| matches!(one, Change::Until(_)));
            move_to(&mut early, earliest - TimeDelta::microseconds(1));
            if let Some(Change::Healthy(_)) = changes.last() {
                change(&mut early, &changes[changes.len() - 1]);
            }
            prop_assert_eq!(passes(&early), None);
        }
    }
}

#[test]
fn an_explanation_names_the_checks_and_who_can_mend_them() {
    let mut scene = plain(60);
    scene.observations = vec![result(0, ReasonCode::Status, scene.now)];
    let one = explained(&scene).unwrap();
    assert_eq!((one.cause, one.who), (Cause::Checks, Who::Operator));
    assert_eq!(one.detail.as_str(), "check 0: status");
    assert_eq!(one.earliest_pass_at, Some(scene.now));
    scene.observations.clear();
    scene.no_room = true;
    let one = explained(&scene).unwrap();
    assert_eq!((one.cause, one.who), (Cause::Capacity, Who::Administrator));
    let mut early = plain(-30);
    early.conditions = vec![Condition::unmet("not paused", "paused", "by ada")];
    let one = explained(&early).unwrap();
    assert_eq!((one.cause, one.who, one.changes.len()), (Cause::Window, Who::Time, 3));
    assert_eq!(one.earliest_pass_at, Some(at(0)));
    move_to(&mut early, at(SECOND));
    let one = explained(&early).unwrap();
    assert_eq!((one.cause, one.detail.as_str()), (Cause::Condition, "not paused: by ada"));
    let disturbed = Condition::unmet("host change", ReasonCode::HostDisturbed.as_str(), "");
    early.conditions = vec![disturbed.with_until(at(600 * SECOND))];
    let one = explained(&early).unwrap();
    assert_eq!((one.cause, one.who), (Cause::Busy, Who::OtherJob));
    for (cause, until, expected, who) in [
        (HoldCause::Stage, Some(60), Cause::Stage, Who::Time),
        (HoldCause::Stage, None, Cause::Stage, Who::Worker),
        (HoldCause::Slot, None, Cause::Stage, Who::Worker),
        (HoldCause::Budget, None, Cause::Budget, Who::Administrator),
        (HoldCause::Group, None, Cause::Group, Who::Operator),
    ] {
        let until = until.map(|seconds: i64| early.now + TimeDelta::seconds(seconds));
        early.hold = Some(Hold { cause, detail: "held".to_owned(), until });
        let one = explained(&early).unwrap();
        assert_eq!((one.cause, one.who, one.detail.as_str()), (expected, who, "held"));
    }
    early.suspect = true;
    assert_eq!(explained(&early).unwrap().cause, Cause::Clock);
}

/// However many hosts and sentences there are, the groups count every host once and stay few.
#[test]
fn groups_count_every_host_once_and_name_the_first_of_them() {
    let host = |number: usize| HostId::from_uuid(uuid::Uuid::from_u128(number as u128));
    let one = |number: usize| {
        let rare = number.is_multiple_of(10);
        let mut one = explained(&plain(60)).unwrap();
        if rare {
            one.detail = Detail::new(format!("check {number}: status"));
        }
        one.earliest_pass_at = (!rare).then(|| at(i64::try_from(number).unwrap() * SECOND));
        (host(number), one)
    };
    let groups = group((1..=10_000).map(one));
    assert_eq!(groups.iter().map(|group| group.count).sum::<usize>(), 10_000);
    assert_eq!(groups.len(), ExplanationGroup::MOST_GROUPS + 1);
    let first = &groups[0];
    assert_eq!((first.count, first.host_ids.len()), (9_000, ExplanationGroup::MOST_HOSTS));
    assert_eq!((first.host_ids[0], first.earliest_pass_at), (host(1), Some(at(SECOND))));
    let rest = &groups[ExplanationGroup::MOST_GROUPS];
    assert_eq!((rest.count, rest.host_ids.len()), (901, ExplanationGroup::MOST_HOSTS));
    assert_eq!(rest.earliest_pass_at, None);
}
