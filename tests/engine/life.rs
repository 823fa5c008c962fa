//! Whole lives of gates under the real runner, with health that turns and workers that die anywhere.

use std::{collections::VecDeque, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use healthgate::{
    clock::Clock,
    model::{
        AttemptOutcome, EndReason, GatePass, GateRecord, GateRequest, GateState, HealthCheck,
        ReasonCode,
    },
    store::Spend,
};
use proptest::prelude::*;
use tokio_util::sync::CancellationToken;

use crate::world::{Script, World};

/// The lease of a dead worker, and the longest that a gate may be left after its end (G33).
const LEASE: Duration = Duration::from_secs(60);
const PROMPT: TimeDelta = TimeDelta::seconds(5);

#[derive(Clone, Debug)]
struct Life {
    opens: u64,
    lasts: u64,
    retry: u64,
    /// How long each check takes, in milliseconds; the first so many exist.
    takes: Vec<u64>,
    /// When, which check, whether it is healthy from then on.
    turns: Vec<(u64, usize, bool)>,
    /// After so many milliseconds of life the worker dies, and the next one starts so many later.
    crashes: Vec<(u64, u64)>,
}

prop_compose! {
    fn life()(
        opens in prop_oneof![2 => Just(0_u64), 1 => 0_u64..40],
        lasts in 5_u64..240,
        retry in 5_u64..100,
        takes in proptest::collection::vec(prop_oneof![3 => Just(10_u64), 1 => Just(4_000), 1 => Just(11_000)], 0..3),
        turns in proptest::collection::vec((0_u64..250, 0_usize..3, proptest::bool::weighted(0.7)), 0..5),
        crashes in proptest::collection::vec((0_u64..120_000, prop_oneof![Just(0_u64), 1_u64..90_000]), 0..4),
    ) -> Life {
        let mut turns = turns;
        turns.sort_unstable();
        Life { opens, lasts, retry, takes, turns, crashes }
    }
}

/// What a life came to.
struct Story {
    record: GateRecord,
    end: DateTime<Utc>,
    spent: Vec<(DateTime<Utc>, GatePass)>,
    /// When the last worker started and when the one before it died.
    last_start: DateTime<Utc>,
    last_crash: Option<DateTime<Utc>>,
    /// Of each check: since when it answers what.
    truth: Vec<Vec<(DateTime<Utc>, bool)>>,
    checks: Vec<HealthCheck>,
}

struct Stage {
    world: World,
    request: GateRequest,
    checks: Vec<HealthCheck>,
    takes: Vec<u64>,
    turns: VecDeque<(u64, usize, bool)>,
    truth: Vec<Vec<(DateTime<Utc>, bool)>>,
    spent: Vec<(DateTime<Utc>, GatePass)>,
}

impl Stage {
    fn turn(&mut self, check: usize, healthy: bool) {
        if let Some(one) = self.checks.get(check) {
            let reason = if healthy { ReasonCode::Ok } else { ReasonCode::Status };
            let takes = Duration::from_millis(self.takes[check]);
            self.world.script_as(one, Script::Answer(reason, takes));
            self.truth[check].push((self.world.now(), healthy));
        }
    }

    /// What the application does meanwhile, until `end` by the monotonic clock: the checks' services
    /// turn, and its job looks for the pass every second.
    async fn go_on(&mut self, end: Duration) {
        let gate = self.world.gate();
        loop {
            let now = self.world.clock.monotonic();
            while let Some((at, check, healthy)) = self.turns.front().copied()
                && Duration::from_secs(at) <= now
            {
                self.turns.pop_front();
                self.turn(check, healthy);
            }
            let record = self.world.record(&self.request).await;
            if record.state == GateState::Passed
                && let Some(pass) = record.pass
                && let Spend::Spent(_) = gate.spend(&pass).await.unwrap()
            {
                self.spent.push((self.world.now(), pass));
            }
            if now >= end {
                return;
            }
            self.world.clock.sleep(Duration::from_secs(1).min(end - now)).await;
        }
    }
}

fn play(life: &Life, crashes: bool) -> Story {
    let mut world = World::new();
    world.policy.retry = Duration::from_secs(life.retry);
    let host = world.host(1);
    let checks: Vec<HealthCheck> = world.clock.drive(async {
        let mut checks = Vec::new();
        for index in 0..life.takes.len() {
            checks.push(world.check(host, &format!("check{index}")).await);
        }
        checks
    });
    let request = world.request(host, Duration::from_secs(life.lasts));
    let (opens, lasts) = (Duration::from_secs(life.opens), Duration::from_secs(life.lasts));
    let request = GateRequest { window: world.window(opens, lasts), ..request };
    world.clock.drive(world.gate().open(request.clone())).unwrap();
    let end = request.window.closes_at();
    let mut stage = Stage {
        truth: vec![Vec::new(); checks.len()],
        takes: life.takes.clone(),
        turns: life.turns.clone().into(),
        spent: Vec::new(),
        world,
        request,
        checks,
    };
    for check in 0..stage.checks.len() {
        stage.turn(check, false);
    }
    let (mut last_start, mut last_crash) = (stage.world.now(), None);
    for (alive, dead) in life.crashes.iter().filter(|_| crashes) {
        let clock = stage.world.clock.clone();
        let until = clock.monotonic() + Duration::from_millis(*alive);
        let runner = stage.world.gates();
        clock.drive(async {
            tokio::select! {
                () = stage.go_on(until) => {}
                () = runner.run(CancellationToken::new()) => {}
            }
        });
        last_crash = Some(clock.now());
        clock.advance(Duration::from_millis(*dead));
        last_start = clock.now();
    }
    let clock = stage.world.clock.clone();
    let rest = (end - clock.now()).to_std().unwrap_or_default() + LEASE + Duration::from_secs(10);
    let until = clock.monotonic() + rest;
    let runner = stage.world.gates();
    let record = clock.drive(async {
        tokio::select! {
            () = stage.go_on(until) => {}
            () = runner.run(CancellationToken::new()) => {}
        }
        stage.world.record(&stage.request).await
    });
    let attempts = clock.drive(stage.world.attempts(&record));
    // G28: what was started is recorded, counted from 1 without a gap, and a cut one is told apart.
    let numbers: Vec<u32> = attempts.iter().map(|attempt| attempt.number).collect();
    assert_eq!(numbers, (1..=record.attempts).collect::<Vec<_>>(), "G28");
    assert!(attempts.iter().all(|one| one.outcome != AttemptOutcome::Running), "G28");
    let min_gap = TimeDelta::from_std(stage.world.policy.min_gap()).unwrap();
    for pair in attempts.windows(2) {
        assert!(pair[1].started_at - pair[0].started_at >= min_gap, "G14, G22");
    }
    for attempt in &attempts {
        let opens_at = stage.request.window.opens_at();
        assert!(opens_at <= attempt.started_at && attempt.started_at < end, "G10");
    }
    let Stage { spent, truth, checks, .. } = stage;
    Story { record, end, spent, last_start, last_crash, truth, checks }
}

/// What must hold of every life, whoever died in it.
fn judge(story: &Story) {
    let Story { record, end, spent, .. } = story;
    assert!(spent.len() <= 1, "G17, F23: at most one dispatch for ever");
    match record.state {
        GateState::Spent => {
            let (at, pass) = &spent[0];
            assert!(record.window.opens_at() <= *at && at < end && *at < pass.valid_until);
            // G2, G28: no pass without proof that was true when it was taken.
            assert_eq!(pass.evidence.len(), story.checks.len());
            for (check, truth) in story.checks.iter().zip(&story.truth) {
                let proof =
                    pass.evidence.iter().find(|one| one.check_id == Some(check.id)).unwrap();
                let seen_at = proof.checked_at.unwrap();
                // A run in the very instant of a turn may have seen either side of it.
                let before = truth.iter().rev().find(|(since, _)| *since < seen_at);
                let mut said =
                    before.into_iter().chain(truth.iter().filter(|(at, _)| *at == seen_at));
                assert!(proof.healthy && said.any(|(_, healthy)| *healthy), "G2: {proof:?}");
            }
        }
        GateState::Failed => {
            assert!(spent.is_empty());
            // A pass that nobody lived to spend is told apart (F148).
            let not_spent = record.end_reason == Some(EndReason::PassNotSpent);
            assert!(not_spent || record.end_reason == Some(EndReason::WindowClosed));
            assert!(!not_spent || record.pass.is_some(), "F148");
            // G33: at once where a worker lives, else as soon as the next one can have the gate.
            let lease_over =
                story.last_crash.map(|crash| crash + TimeDelta::from_std(LEASE).unwrap());
            let soonest = (*end).max(lease_over.map_or(*end, |over| over.max(story.last_start)));
            let ended_at = record.ended_at.unwrap();
            assert!(*end <= ended_at && ended_at <= soonest + PROMPT, "G33: {}", ended_at - end);
            // G30: every check stands in the evidence, and every failing one in the words.
            assert_eq!(record.evidence.len(), story.checks.len(), "G30");
            assert!(record.detail.len() <= GateRecord::MAXIMUM_DETAIL, "G30");
            for entry in record.evidence.iter().filter(|entry| !entry.healthy) {
                let words = format!("{}: {}", entry.name, entry.reason);
                assert!(record.detail.contains(&words), "G30: {} lacks {words}", record.detail);
            }
            let never_ran =
                record.evidence.iter().filter(|one| !one.healthy && one.checked_at.is_none());
            let told = record.detail.matches("(never ran)").count();
            assert_eq!(told, never_ran.count(), "G30: {}", record.detail);
        }
        state => panic!("the gate is left {state:?}: {}", record.detail),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// G28, G30, G33: wherever its workers die, a gate ends as it would have without that, or without a
    /// pass, or with one that rests on proof of its own; in time; and says of each check what is known.
    #[test]
    fn g28_g30_g33_a_gate_ends_in_time_and_safely_wherever_its_workers_die(life in life()) {
        let story = play(&life, true);
        judge(&story);
        if !life.crashes.is_empty() {
            let calm = play(&life, false);
            judge(&calm);
            // What can never pass does not pass since a worker died, nor the other way round.
            let never_healthy = |story: &Story| {
                story.truth.iter().any(|turns| turns.iter().all(|(_, healthy)| !healthy))
            };
            if never_healthy(&story) {
                prop_assert_eq!(calm.record.state, GateState::Failed);
                prop_assert_eq!(story.record.state, GateState::Failed);
            }
            if life.takes.is_empty() && calm.record.state == GateState::Spent {
                prop_assert_eq!(calm.spent[0].1.kind, healthgate::model::PassKind::NoChecks);
            }
        }
    }
}
