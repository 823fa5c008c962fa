//! The decision of a rollout held against R1 and R2, said once more in the plainest way.

use std::time::Duration;

use chrono::TimeDelta;
use healthgate::{
    gate::rollout::{RolloutAction, RolloutInput, decide, no_slot},
    model::{
        Amount, Hold, HoldCause, JobId, Rollout, RolloutCounts, RolloutPolicy, RolloutStage,
        RolloutState, RolloutStep,
    },
    store::{SpendRefusal, transition},
};
use proptest::prelude::*;
use uuid::Uuid;

use crate::decide::{
    properties::config,
    scene::{SECOND, at},
};

#[derive(Clone, Debug)]
struct Case {
    now: i64,
    suspect: bool,
    rollout: Rollout,
    counts: RolloutCounts,
}

fn amount() -> impl Strategy<Value = Amount> {
    prop_oneof![(0_u32..14).prop_map(Amount::Hosts), (0_u32..=100).prop_map(Amount::Percent)]
}

/// An instant in seconds, mostly close to the end of a soak that began at 0.
fn time() -> impl Strategy<Value = i64> {
    let border = proptest::sample::select(vec![0_i64, 60, 600]);
    (border, -1_i64..=1, proptest::option::weighted(0.2, -400_i64..400))
        .prop_map(|(border, beside, far)| border + far.unwrap_or(beside))
}

prop_compose! {
    fn case()(
        hosts in 0_u32..12,
        stages in proptest::collection::vec(
            (amount(), proptest::sample::select(vec![0_u64, 60, 600])), 0..5,
        ),
        (max_in_flight, failure_budget) in (amount(), amount()),
        (stage, forgiven) in (0_u32..7, 0_u32..3),
        halted in proptest::bool::weighted(0.05),
        // Spent as far as the stage, the job, or anything.
        (how, any, in_flight, failed, passed) in (0..3, 0_u32..13, 0_u32..4, 0_u32..4, 0_u32..4),
        quiet in proptest::bool::weighted(0.6),
        last_end in proptest::option::weighted(0.7, -1_i64..=1),
        (now, opened_at, suspect) in (time(), -1_i64..=1, proptest::bool::weighted(0.1)),
    ) -> Case {
        let stages = stages.into_iter().map(|(up_to, soak)| {
            RolloutStage { up_to, soak: Duration::from_secs(soak) }
        });
        let policy = RolloutPolicy { stages: stages.collect(), max_in_flight, failure_budget };
        let job = JobId::from_uuid(Uuid::from_u128(7));
        let mut rollout = Rollout::open(job, hosts, policy, at(opened_at * SECOND));
        rollout.stage = stage.min(u32::try_from(rollout.policy.stages.len()).unwrap());
        rollout.forgiven = forgiven;
        rollout.halted = halted.then(|| "two hosts burn".to_owned());
        let spent = match how {
            0 => most(&rollout, rollout.stage),
            1 => hosts,
            _ => any,
        };
        let quiet = if quiet { 0 } else { 1 };
        let counts = RolloutCounts {
            spent,
            in_flight: in_flight * quiet,
            failed,
            passed: passed * quiet,
            last_end: last_end.map(|seconds| at(seconds * SECOND)),
        };
        Case { now, suspect, rollout, counts }
    }
}

/// An amount in hosts: percentages are rounded up.
fn share(amount: Amount, hosts: u32) -> u32 {
    match amount {
        Amount::Hosts(count) => count,
        Amount::Percent(percent) => {
            (0..=hosts.max(1) * 2).find(|count| count * 100 >= percent * hosts).unwrap()
        }
    }
}

/// How many hosts may be changed by the end of a stage: the largest share up to it, and all after the last one.
fn most(rollout: &Rollout, stage: u32) -> u32 {
    let mut most = 0;
    for number in 0..=stage {
        let Some(stage) = rollout.policy.stages.get(number as usize) else { return rollout.hosts };
        most = most.max(share(stage.up_to, rollout.hosts));
    }
    most.min(rollout.hosts)
}

impl Case {
    fn decide(&self) -> RolloutAction {
        decide(&RolloutInput {
            now: at(self.now * SECOND),
            clock_suspect: self.suspect,
            rollout: &self.rollout,
            counts: &self.counts,
        })
    }

    /// How many failures count, and how many may.
    fn failures(&self) -> (u32, u32) {
        let counted = self.counts.failed.saturating_sub(self.rollout.forgiven);
        (counted, share(self.rollout.policy.failure_budget, self.rollout.hosts))
    }

    fn places(&self) -> u32 {
        share(self.rollout.policy.max_in_flight, self.rollout.hosts).max(1)
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn r1_r2_r3_a_rollout_does_what_its_stages_places_and_budget_say(case in case()) {
        let Case { rollout, counts, .. } = &case;
        let admitted = most(rollout, rollout.stage);
        prop_assert_eq!(rollout.admitted(), admitted);
        prop_assert_eq!(rollout.max_in_flight(), case.places());
        let (failed, budget) = case.failures();
        let action = case.decide();
        if rollout.halted.is_some() {
            let detail = "the rollout is halted: two hosts burn".to_owned();
            let hold = Hold { cause: HoldCause::Budget, detail, until: None };
            prop_assert_eq!(action, RolloutAction::Hold(hold));
        } else if failed > budget {
            let RolloutAction::Step(RolloutStep::Halt { reason }) = action else {
                panic!("{action:?} although {failed} of {budget} failed");
            };
            let who = if failed == 1 { "1 host ".to_owned() } else { format!("{failed} hosts ") };
            prop_assert!(reason.starts_with(&who), "{}", reason);
            prop_assert!(reason.ends_with(&format!("budget is {budget}")), "{}", reason);
        } else if counts.spent < admitted {
            // Given passes will take a place and one of the stage's hosts.
            let left = i64::from(admitted - counts.spent);
            let places = i64::from(case.places()) - i64::from(counts.in_flight);
            let free = left.min(places) - i64::from(counts.passed);
            match u32::try_from(free) {
                Ok(free) if free > 0 => prop_assert_eq!(action, RolloutAction::Go { free }),
                _ => prop_assert_eq!(action, RolloutAction::Hold(no_slot(rollout, counts))),
            }
        } else if admitted == rollout.hosts || counts.in_flight > 0 || case.suspect {
            let RolloutAction::Hold(Hold { cause: HoldCause::Stage, until: None, detail }) = action
            else {
                panic!("{action:?} although the stage is not over");
            };
            let word = if admitted == rollout.hosts {
                "every host of the job".to_owned()
            } else if counts.in_flight == 1 {
                "waits for 1 host to finish".to_owned()
            } else if counts.in_flight > 1 {
                format!("waits for {} hosts to finish", counts.in_flight)
            } else {
                "not trusted".to_owned()
            };
            prop_assert!(detail.contains(&word), "{}", detail);
        } else {
            // Stages after the last one have every host, so this one is of the policy.
            let soak = rollout.policy.stages[rollout.stage as usize].soak;
            let since = counts.last_end.unwrap_or(rollout.opened_at);
            let over = since + TimeDelta::from_std(soak).unwrap();
            if at(case.now * SECOND) < over {
                let RolloutAction::Hold(hold) = action else { panic!("{action:?} before {over}") };
                prop_assert_eq!((hold.cause, hold.until), (HoldCause::Stage, Some(over)));
            } else {
                // A stage that adds no host is left out.
                let last = u32::try_from(rollout.policy.stages.len()).unwrap();
                let stage = (rollout.stage + 1..last)
                    .find(|stage| most(rollout, *stage) > admitted)
                    .unwrap_or(last);
                prop_assert_eq!(action, RolloutAction::Step(RolloutStep::Advance { stage }));
            }
        }
    }

    /// R1, R2, R4: what the decision lets go on is spent, and what it holds is not, except that passes
    /// given before keep their places.
    #[test]
    fn r1_r4_a_pass_is_spent_only_where_the_decision_has_a_place(case in case()) {
        let Case { rollout, counts, .. } = &case;
        let (failed, budget) = case.failures();
        let refusal = transition::admit(rollout, counts);
        let halted = rollout.halted.is_some() || failed > budget;
        let full = counts.spent >= most(rollout, rollout.stage) || counts.in_flight >= case.places();
        prop_assert_eq!(refusal, match (halted, full) {
            (true, _) => Some(SpendRefusal::Halted),
            (false, true) => Some(SpendRefusal::NoSlot),
            (false, false) => None,
        });
        if let RolloutAction::Go { .. } = case.decide() {
            prop_assert_eq!(refusal, None);
        }
        let done = counts.spent >= rollout.hosts && counts.in_flight == 0;
        prop_assert_eq!(rollout.state(counts), match (halted, done) {
            (true, _) => RolloutState::Halted,
            (false, true) => RolloutState::Done,
            (false, false) => RolloutState::Running,
        });
    }

    /// Every step leads on: decided again and again, a quiet rollout ends with every host, once.
    #[test]
    fn r1_a_rollout_without_failures_comes_to_its_end(case in case()) {
        let mut case = case;
        (case.rollout.halted, case.suspect, case.counts.failed) = (None, false, 0);
        (case.counts.spent, case.counts.in_flight, case.counts.passed) = (0, 0, 0);
        case.rollout.stage = 0;
        for _ in 0..100 {
            match case.decide() {
                RolloutAction::Go { free } => {
                    let after = case.counts.spent + free;
                    prop_assert!(free <= case.places() && after <= case.rollout.admitted());
                    case.counts.spent = after;
                    case.counts.last_end = Some(at(case.now * SECOND));
                }
                RolloutAction::Step(step) => {
                    let (stage, revision) = (case.rollout.stage, case.rollout.revision);
                    transition::settle_rollout(&mut case.rollout, step);
                    prop_assert!(case.rollout.stage > stage);
                    prop_assert_eq!(case.rollout.revision, revision + 1);
                }
                RolloutAction::Hold(Hold { until: Some(until), .. }) => {
                    prop_assert!(until > at(case.now * SECOND));
                    case.now = (until - at(0)).num_seconds();
                }
                RolloutAction::Hold(hold) => {
                    prop_assert_eq!(hold.cause, HoldCause::Stage);
                    break;
                }
            }
        }
        prop_assert_eq!(case.counts.spent, case.rollout.hosts);
        prop_assert_eq!(case.rollout.state(&case.counts), RolloutState::Done);
    }

    /// R2: a halt stays, whatever its counts become, and says why.
    #[test]
    fn r2_a_halt_is_noted_with_its_reason_and_stays(case in case()) {
        let RolloutAction::Step(RolloutStep::Halt { reason }) = case.decide() else { return Ok(()) };
        let mut after = case.clone();
        transition::settle_rollout(&mut after.rollout, RolloutStep::Halt { reason: reason.clone() });
        prop_assert_eq!(after.rollout.halted.as_ref(), Some(&reason));
        prop_assert_eq!(after.rollout.revision, case.rollout.revision + 1);
        prop_assert_eq!(after.rollout.stage, case.rollout.stage);
        after.counts.failed = 0;
        let RolloutAction::Hold(hold) = after.decide() else { panic!("it goes on") };
        prop_assert_eq!(hold.cause, HoldCause::Budget);
        prop_assert!(hold.detail.ends_with(&reason));
        prop_assert_eq!(
            transition::admit(&after.rollout, &after.counts), Some(SpendRefusal::Halted));
    }

    /// R2: a resumed rollout forgets its failures, and the next ones count again.
    #[test]
    fn r2_only_a_halted_rollout_is_resumed_and_only_later_failures_count_then(case in case()) {
        let Case { rollout, counts, .. } = &case;
        let status = healthgate::model::RolloutStatus { rollout: rollout.clone(), counts: *counts };
        let resumed = transition::resume_rollout(&status);
        let halted = rollout.is_halted(counts);
        prop_assert_eq!(resumed.is_ok(), halted);
        let Ok(resumed) = resumed else { return Ok(()) };
        prop_assert_eq!(resumed.revision, rollout.revision + 1);
        prop_assert_eq!((resumed.stage, &resumed.policy), (rollout.stage, &rollout.policy));
        prop_assert!(!resumed.is_halted(counts));
        let (_, budget) = case.failures();
        for more in 0..3 {
            let counts = RolloutCounts { failed: counts.failed + budget + more, ..*counts };
            prop_assert_eq!(resumed.is_halted(&counts), more > 0);
        }
    }
}

#[test]
fn a_rollout_says_in_words_what_it_waits_for() {
    let stage = |up_to, soak| RolloutStage { up_to, soak: Duration::from_secs(soak) };
    let policy = RolloutPolicy {
        stages: vec![stage(Amount::Hosts(1), 60), stage(Amount::Percent(50), 0)],
        max_in_flight: Amount::Hosts(2),
        failure_budget: Amount::Hosts(0),
    };
    let job = JobId::from_uuid(Uuid::from_u128(7));
    let mut case = Case {
        now: 0,
        suspect: false,
        rollout: Rollout::open(job, 10, policy, at(0)),
        counts: RolloutCounts::default(),
    };
    let held = |case: &Case| match case.decide() {
        RolloutAction::Hold(hold) => hold.detail,
        other => panic!("{other:?}"),
    };
    case.counts.passed = 1;
    let slot = "stage 1 of 2: 1 of at most 2 changes in flight, 0 of 1 hosts of the stage started";
    assert_eq!(held(&case), slot);
    case.counts = RolloutCounts { spent: 1, in_flight: 1, ..RolloutCounts::default() };
    assert_eq!(held(&case), "stage 1 of 2 waits for 1 host to finish");
    case.counts.in_flight = 0;
    assert_eq!(held(&case), "stage 1 of 2 is being watched until 2027-01-15T08:01:00Z");
    case.suspect = true;
    assert_eq!(held(&case), "stage 1 of 2 is over, and the clock is not trusted yet");
    (case.suspect, case.rollout.stage) = (false, 1);
    case.counts = RolloutCounts { spent: 4, in_flight: 2, passed: 1, ..RolloutCounts::default() };
    let slot = "stage 2 of 2: 3 of at most 2 changes in flight, 4 of 5 hosts of the stage started";
    assert_eq!(held(&case), slot);
    case.counts.spent = 5;
    assert_eq!(held(&case), "stage 2 of 2 waits for 2 hosts to finish");
    case.rollout.stage = 2;
    let slot = "the rest of the hosts: 3 of at most 2 changes in flight, 5 of 10 hosts of the stage started";
    assert_eq!(held(&case), slot);
    case.counts.spent = 10;
    assert_eq!(held(&case), "every host of the job has been changed");
}
