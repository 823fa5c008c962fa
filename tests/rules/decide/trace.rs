//! A gate played forward through what can happen to it, and its history held against the invariants
//! that speak of more than one decision.

use chrono::{DateTime, TimeDelta, Utc};
use healthgate::{
    gate::{
        GatePolicy,
        decide::{Action, GateInput, WindowAnswer, decide},
    },
    model::{GateRecord, GateState, ReasonCode, Window},
};
use proptest::prelude::*;

use crate::decide::{
    config,
    scene::{EPOCH, SECOND, at, gate, requirement, result},
};

/// Something that happens from outside, so many seconds after the window first opened.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// The check answers healthy from now on, or not.
    Health(bool),
    /// The window closes at this second instead.
    Close(i64),
    /// The worker does nothing for so many seconds.
    Gap(i64),
    /// The check is edited.
    Edit,
    /// The clock steps back by so many seconds, and is believed again at once.
    Back(i64),
}

/// What a played gate did.
#[derive(Debug, Default)]
struct History {
    starts: Vec<DateTime<Utc>>,
    passed_at: Option<DateTime<Utc>>,
    failed_at: Option<DateTime<Utc>>,
    closes: Vec<(DateTime<Utc>, DateTime<Utc>)>,
}

/// How long an attempt takes.
const ATTEMPT: i64 = 4 * SECOND;

/// Plays a gate in steps of a second until it passes, fails, or five hours are over.
fn play(length: i64, healthy: bool, events: &[(i64, Event)], policy: &GatePolicy) -> History {
    let mut window = Window::new(at(0), at(length * SECOND)).unwrap();
    let mut record: GateRecord = gate(window);
    let mut history = History::default();
    history.closes.push((at(0), window.closes_at()));
    let (mut healthy, mut dirty, mut check) = (healthy, false, requirement(0));
    let mut running: Option<(DateTime<Utc>, DateTime<Utc>, bool)> = None;
    let mut back = TimeDelta::zero();
    let mut results = Vec::new();
    let mut asleep_until = -1;
    for second in 0..5 * 3_600 {
        let now = at(second * SECOND);
        for (_, event) in events.iter().filter(|(when, _)| *when == second) {
            match event {
                Event::Health(health) => healthy = *health,
                Event::Close(close) => {
                    window = Window::new(at(0), at(close * SECOND)).unwrap();
                    history.closes.push((now, window.closes_at()));
                }
                Event::Back(seconds) => back += TimeDelta::seconds(*seconds),
                Event::Gap(seconds) => asleep_until = second + seconds,
                Event::Edit => {
                    check.revision += 1;
                    check.changed_at = now - back;
                    dirty = true;
                }
            }
        }
        if second < asleep_until {
            continue;
        }
        if let Some((started, checked_at, healthy)) = running
            && now >= started + TimeDelta::microseconds(ATTEMPT)
        {
            let reason = if healthy { ReasonCode::Ok } else { ReasonCode::Status };
            let mut seen = result(0, reason, checked_at);
            seen.latency_ms = u32::try_from(ATTEMPT / 1_000).unwrap();
            seen.revision = check.revision;
            results.push(seen);
            running = None;
        }
        let decision = decide(&GateInput {
            now: now - back,
            epoch: EPOCH,
            gate_time: now,
            clock_suspect: false,
            gate: &record,
            in_flight: running.is_some(),
            no_room: false,
            dirty,
            window: WindowAnswer::Open(window),
            requirements: std::slice::from_ref(&check),
            observations: &results,
            streaks: &[],
            conditions: &[],
            hold: None,
            override_allowed: false,
            policy,
        });
        assert!(decision.gate_time >= record.high_water, "G21");
        record.high_water = decision.gate_time;
        record.window = window;
        match decision.action {
            Action::Start { number, .. } => {
                assert_eq!(number, record.attempts + 1);
                assert!(now < window.closes_at(), "G10");
                record.attempts = number;
                record.last_attempt_at = Some(now);
                history.starts.push(now);
                running = Some((now, now - back, healthy));
                dirty = false;
            }
            Action::Pass { .. } => {
                assert!(now < window.closes_at(), "G10");
                history.passed_at = Some(now);
                return history;
            }
            Action::Fail { .. } => {
                history.failed_at = Some(now);
                record.state = GateState::Failed;
                return history;
            }
            Action::Wait { next_at, .. } => {
                let next_at = next_at + back;
                assert!(
                    next_at > now || next_at == policy.end_of(window, record.window_kind),
                    "G12"
                );
            }
            other => panic!("{other:?}"),
        }
    }
    history
}

fn policy(retry: u64) -> GatePolicy {
    let retry = std::time::Duration::from_secs(retry);
    GatePolicy { retry, ..GatePolicy::default() }
}

fn gaps(history: &History) -> impl Iterator<Item = TimeDelta> {
    history.starts.windows(2).map(|pair| pair[1] - pair[0])
}

proptest! {
    #![proptest_config(config())]

    /// G12, G13: without anything from outside the attempts are as many as the window allows, and the
    /// last one is placed so that it can finish.
    #[test]
    fn g12_g13_attempts_are_bounded_and_the_last_one_has_its_time(
        length in 20_i64..2_000, retry in 20_u64..400,
    ) {
        let policy = policy(retry);
        let history = play(length, false, &[], &policy);
        let end = at(length * SECOND);
        let most = 2 + (length + 1) / i64::try_from(retry).unwrap();
        prop_assert!(i64::try_from(history.starts.len()).unwrap() <= most);
        let last = *history.starts.last().unwrap();
        let budget = TimeDelta::from_std(policy.budget()).unwrap();
        prop_assert!(last <= end - TimeDelta::seconds(2));
        // The last one lies where it has just its time, or as near to it as the gap allows.
        let slack = TimeDelta::from_std(policy.min_gap()).unwrap() + TimeDelta::seconds(31);
        prop_assert!(end - last <= budget + slack, "{:?}", end - last);
        prop_assert_eq!(history.failed_at, Some(end));
    }

    /// G14, G22: whatever calls for attempts, and after however long a gap, they keep their distance
    /// and nothing is made up for.
    #[test]
    fn g14_g22_attempts_keep_their_distance_whatever_happens(
        length in 60_i64..2_000,
        retry in 20_u64..400,
        events in proptest::collection::vec((0_i64..2_000, prop_oneof![
            Just(Event::Edit), (1_i64..900).prop_map(Event::Gap)]), 0..6),
    ) {
        let policy = policy(retry);
        let history = play(length, false, &events, &policy);
        let min_gap = TimeDelta::from_std(policy.min_gap()).unwrap();
        prop_assert!(gaps(&history).all(|gap| gap >= min_gap), "{history:?}");
    }

    /// F155: however often the clock steps back, the gate ends when its window truly closes, its
    /// attempts keep their distance, and a host that recovers in time passes.
    #[test]
    fn f155_steps_back_do_not_move_the_end(
        length in 400_i64..2_000,
        retry in 20_u64..200,
        steps in proptest::collection::vec((1_i64..2_000, 1_i64..4_000), 1..4),
        recovers in proptest::option::of(0_i64..2_000),
    ) {
        let mut events: Vec<_> =
            steps.iter().map(|(when, by)| (*when, Event::Back(*by))).collect();
        events.extend(recovers.map(|when| (when, Event::Health(true))));
        let policy = policy(retry);
        let history = play(length, false, &events, &policy);
        let min_gap = TimeDelta::from_std(policy.min_gap()).unwrap();
        prop_assert!(gaps(&history).all(|gap| gap >= min_gap), "{history:?}");
        match history.passed_at {
            Some(passed) => prop_assert!(passed < at(length * SECOND)),
            None => prop_assert_eq!(history.failed_at, Some(at(length * SECOND))),
        }
    }

    /// G19: what the window is now counts: nothing starts or passes after its end, whatever it was.
    #[test]
    fn g19_shortened_and_extended_windows_count_at_once(
        length in 60_i64..2_000,
        closes in proptest::collection::vec((1_i64..2_000, 1_i64..3_000), 1..4),
        recovers in 0_i64..3_000,
    ) {
        let mut events: Vec<_> =
            closes.iter().map(|(when, close)| (*when, Event::Close(*close))).collect();
        events.sort_by_key(|(when, _)| *when);
        events.push((recovers, Event::Health(true)));
        let history = play(length, false, &events, &policy(100));
        let close_at = |instant: DateTime<Utc>| {
            let known = history.closes.iter().rev().find(|(since, _)| *since <= instant);
            known.unwrap().1
        };
        for start in &history.starts {
            prop_assert!(*start < close_at(*start));
        }
        if let Some(passed) = history.passed_at {
            prop_assert!(passed < close_at(passed));
        }
        if let Some(failed) = history.failed_at {
            // At the very step at which the close that was known then is reached.
            prop_assert!(failed >= close_at(failed));
            let step = TimeDelta::seconds(1);
            prop_assert!(failed - step < close_at(failed - step), "not later than it could be");
        }
    }

    /// G31: a host that is healthy for long enough before the end passes.
    #[test]
    fn g31_a_host_that_recovers_in_time_passes(
        beyond in 2_i64..2_000, retry in 30_u64..400, recovers in 0_i64..3_000,
    ) {
        let policy = policy(retry);
        let budget = policy.budget();
        let soonest = i64::try_from((policy.retry + budget).as_secs()).unwrap();
        let length = recovers + soonest + beyond;
        let history = play(length, false, &[(recovers, Event::Health(true))], &policy);
        let passed = history.passed_at.expect("it passes");
        let bound = at(recovers * SECOND) + TimeDelta::seconds(soonest + 2).max(TimeDelta::seconds(50));
        prop_assert!(passed <= bound, "{:?}", passed - at(recovers * SECOND));
    }

    /// G31: a recovery as late as the last attempt is still seen.
    #[test]
    fn g31_a_recovery_before_the_last_attempt_is_seen(length in 400_i64..3_000, retry in 60_u64..400) {
        let policy = policy(retry);
        let never = play(length, false, &[], &policy);
        let last = *never.starts.last().unwrap();
        let second = (last - at(0)).num_seconds();
        let history = play(length, false, &[(second, Event::Health(true))], &policy);
        // Only where the gap to the attempt before pushed it so late can its answer come too late.
        let room = length - second > ATTEMPT / SECOND;
        prop_assert_eq!(history.passed_at.is_some(), room, "last {} of {}", second, length);
    }
}
