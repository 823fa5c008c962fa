//! Rollouts of random fleets: no limit is ever exceeded, and in the end no host is left that could have been
//! changed (R1 to R4).

use std::{collections::HashMap, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{FutureExt, future::join};
use healthgate::{
    clock::Clock,
    gate::GateError,
    model::{
        Amount, GateRecord, GateRequest, GateState, HoldCause, HostId, JobId, PassId, ReasonCode,
        RolloutPolicy, RolloutStage, RolloutState, RolloutStatus, VerifyPolicy,
    },
    store::{GateStore, RolloutStore, Spend},
};
use proptest::prelude::*;
use tokio_util::sync::CancellationToken;

use crate::{
    vocabulary::ada,
    world::{MINUTE, World, cases},
};

const SECOND: Duration = Duration::from_secs(1);

/// What becomes of a host once its pass is spent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    /// Its checks never let it pass.
    Blocked,
    Done,
    Verified,
    Failed,
}

/// A job over hosts with a fate each, and patches that last so many seconds.
#[derive(Clone, Debug)]
struct Fleet {
    fates: Vec<Fate>,
    lasts: Vec<u32>,
    policy: RolloutPolicy,
    /// How often somebody lets the halted rollout go on.
    resumes: u32,
}

fn amount() -> impl Strategy<Value = Amount> {
    prop_oneof![(1_u32..6).prop_map(Amount::Hosts), (1_u32..=100).prop_map(Amount::Percent)]
}

fn fleet() -> impl Strategy<Value = Fleet> {
    use Fate::{Blocked, Done, Failed, Verified};
    let fate =
        prop_oneof![1 => Just(Blocked), 4 => Just(Done), 4 => Just(Verified), 2 => Just(Failed)];
    let stage = (amount(), 0_u64..400);
    let stage =
        stage.prop_map(|(up_to, soak)| RolloutStage { up_to, soak: Duration::from_secs(soak) });
    let budget =
        prop_oneof![(0_u32..3).prop_map(Amount::Hosts), (0_u32..60).prop_map(Amount::Percent)];
    let policy = (proptest::collection::vec(stage, 0..4), amount(), budget).prop_map(
        |(stages, max_in_flight, failure_budget)| RolloutPolicy {
            stages,
            max_in_flight,
            failure_budget,
        },
    );
    let hosts = proptest::collection::vec((fate, 1_u32..200), 1..9);
    (hosts, policy, 0_u32..3).prop_map(|(hosts, policy, resumes)| {
        let (fates, lasts) = hosts.into_iter().unzip();
        Fleet { fates, lasts, policy, resumes }
    })
}

struct Scene<'a> {
    world: &'a World,
    fleet: Fleet,
    job: JobId,
    fates: HashMap<HostId, (Fate, u32)>,
}

impl<'a> Scene<'a> {
    async fn begin(world: &'a World, fleet: Fleet) -> Self {
        let job = JobId::generate();
        let count = u32::try_from(fleet.fates.len()).unwrap();
        world.gate().open_rollout(job, count, fleet.policy.clone()).await.unwrap();
        let mut fates = HashMap::new();
        for (number, (fate, lasts)) in (1..).zip(fleet.fates.iter().zip(&fleet.lasts)) {
            let host = world.host(number);
            if *fate == Fate::Blocked {
                let check = world.check(host, "nginx").await;
                world.script(&check, ReasonCode::ServiceUnhealthy);
            }
            fates.insert(host, (*fate, *lasts));
            let request = GateRequest { job_id: job, ..world.request(host, MINUTE * 60 * 20) };
            world.gate().open(request).await.unwrap();
        }
        Self { world, fleet, job, fates }
    }

    async fn status(&self) -> RolloutStatus {
        self.world.memory.rollouts(&[self.job]).await.unwrap().remove(0)
    }

    async fn gates(&self) -> Vec<GateRecord> {
        self.world.memory.gates_of(self.job).await.unwrap()
    }

    /// Spends every pass that is there and reports every patch that is over, until nothing moves.
    async fn roll_out(&self) -> RolloutStatus {
        let gate = self.world.gate();
        let mut running: Vec<(DateTime<Utc>, PassId, Fate)> = Vec::new();
        let (mut quiet, mut resumes, mut failed_at_once) = (0, self.fleet.resumes, 0);
        // Longer than every soak and every retry.
        while quiet < 30 * 60 {
            quiet += 1;
            let now = self.world.now();
            for record in
                self.gates().await.into_iter().filter(|gate| gate.state == GateState::Passed)
            {
                let before = self.status().await;
                let Spend::Spent(_) = gate.spend(record.pass.as_ref().unwrap()).await.unwrap()
                else {
                    continue;
                };
                quiet = 0;
                let (rollout, counts) = (&before.rollout, &before.counts);
                assert_ne!(before.state(), RolloutState::Halted, "R2: {before:?}");
                assert!(counts.spent < rollout.admitted(), "R1: {before:?}");
                assert!(counts.in_flight < rollout.max_in_flight(), "R1: {before:?}");
                let (fate, lasts) = self.fates[&record.host_id];
                assert_ne!(fate, Fate::Blocked, "an unhealthy host was let go");
                let ends = now + TimeDelta::seconds(lasts.into());
                running.push((ends, record.pass.unwrap().id, fate));
            }
            let (over, still): (Vec<_>, Vec<_>) = running.into_iter().partition(|one| one.0 <= now);
            running = still;
            for (_, pass, fate) in over {
                quiet = 0;
                match fate {
                    Fate::Failed => drop(gate.failed(pass).await.unwrap()),
                    Fate::Verified => {
                        let policy =
                            VerifyPolicy { settle: SECOND * 20, ..VerifyPolicy::default() };
                        gate.verify(pass, policy).await.unwrap();
                    }
                    Fate::Done | Fate::Blocked => drop(gate.finished(pass).await.unwrap()),
                }
            }
            let status = self.status().await;
            if status.state() == RolloutState::Halted && running.is_empty() {
                let hurt = status.rollout.used(&status.counts);
                failed_at_once = failed_at_once.max(hurt);
                let most = status.rollout.failure_budget() + status.rollout.max_in_flight();
                assert!(hurt <= most, "R2: {hurt} of at most {most}: {status:?}");
                if resumes > 0 && quiet > 300 {
                    (resumes, quiet) = (resumes - 1, 0);
                    gate.resume_rollout(self.job, "it was the mirror", ada()).await.unwrap();
                }
            }
            self.world.clock.sleep(SECOND).await;
        }
        self.status().await
    }

    /// What has to be so once nothing moves any more.
    async fn settled(&self, status: &RolloutStatus) {
        let gates = self.gates().await;
        let waiting: Vec<_> =
            gates.iter().filter(|gate| gate.state == GateState::Waiting).collect();
        let fate = |gate: &GateRecord| self.fates[&gate.host_id].0;
        if status.state() == RolloutState::Halted {
            let held = waiting.iter().all(|gate| gate.hold == Some(HoldCause::Budget));
            assert!(held, "R3: {waiting:?}");
            assert!(waiting.iter().all(|gate| gate.detail.contains("halted")), "{waiting:?}");
            return;
        }
        let left = waiting.iter().find(|gate| fate(gate) != Fate::Blocked);
        // Blocked hosts may keep a stage from being used up: then it is not over.
        let full = status.counts.spent >= status.rollout.admitted();
        assert!(left.is_none() || full, "R4: {left:?}, {status:?}");
        assert!(left.is_none(), "R1: a stage that is over is followed: {status:?}");
        assert_eq!(status.counts.in_flight, 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(200), failure_persistence: None, ..ProptestConfig::default() })]

    /// Two runners take a rollout forward: within its limits, and to its end.
    #[test]
    fn r1_r2_r3_r4_a_rollout_keeps_its_limits_and_comes_to_its_end(fleet in fleet()) {
        let world = World::new();
        let runners = join(
            async { world.gates().run(CancellationToken::new()).await },
            async { world.gates().run(CancellationToken::new()).await },
        );
        world.play(runners.map(|_| ()), async {
            let scene = Scene::begin(&world, fleet).await;
            let status = scene.roll_out().await;
            scene.settled(&status).await;
        });
    }
}

fn canary() -> RolloutPolicy {
    RolloutPolicy {
        stages: vec![RolloutStage { up_to: Amount::Hosts(1), soak: MINUTE * 5 }],
        max_in_flight: Amount::Percent(50),
        failure_budget: Amount::Hosts(0),
    }
}

/// A patch that breaks every host breaks one, and a gate that is held says what it waits for.
#[test]
fn r2_a_bad_patch_hurts_the_first_stage_alone() {
    let world = World::new();
    world.play(world.gates().run(CancellationToken::new()), async {
        let fates = vec![Fate::Failed; 8];
        let fleet = Fleet { fates, lasts: vec![30; 8], policy: canary(), resumes: 0 };
        let scene = Scene::begin(&world, fleet).await;
        let status = scene.roll_out().await;
        assert_eq!((status.counts.spent, status.counts.failed), (1, 1));
        assert_eq!(
            status.rollout.halted.as_deref(),
            Some("1 host failed or stayed unverified; the budget is 0")
        );
        scene.settled(&status).await;
    });
}

/// While a stage is being watched the others are held, run nothing, and make no attempt.
#[test]
fn r3_a_gate_that_is_held_runs_nothing() {
    let world = World::new();
    world.play(world.gates().run(CancellationToken::new()), async {
        let fates = vec![Fate::Done; 4];
        let fleet = Fleet { fates, lasts: vec![30; 4], policy: canary(), resumes: 0 };
        for number in 1..=4 {
            world.check(world.host(number), "nginx").await;
        }
        let scene = Scene::begin(&world, fleet).await;
        let gate = world.gate();
        let first = loop {
            world.clock.sleep(SECOND).await;
            let gates = scene.gates().await;
            let passed = gates
                .into_iter()
                .find_map(|gate| gate.pass.filter(|_| gate.state == GateState::Passed));
            if let Some(pass) = passed {
                break pass;
            }
        };
        assert!(matches!(gate.spend(&first).await.unwrap(), Spend::Spent(_)));
        gate.finished(first.id).await.unwrap();
        world.clock.sleep(MINUTE * 4).await;
        for record in
            scene.gates().await.into_iter().filter(|gate| gate.state == GateState::Waiting)
        {
            assert_eq!(record.hold, Some(HoldCause::Stage));
            assert!(
                record.detail.contains("stage 1 of 1 is being watched until"),
                "{}",
                record.detail
            );
        }
        assert!(world.ran().iter().all(|ran| ran.host == first.host_id), "the others run nothing");
        world.clock.sleep(MINUTE * 2).await;
        assert_eq!(scene.status().await.rollout.stage, 1);
    });
}

/// Figures that make no sense are refused, and an unknown rollout cannot be resumed.
#[test]
fn figures_of_a_rollout_are_refused() {
    let world = World::new();
    world.play(world.gates().run(CancellationToken::new()), async {
        let gate = world.gate();
        let policy = RolloutPolicy { max_in_flight: Amount::Hosts(0), ..canary() };
        let refused = gate.open_rollout(JobId::generate(), 4, policy).await;
        assert!(matches!(refused, Err(GateError::Invalid(_))), "{refused:?}");
        let job = JobId::generate();
        gate.open_rollout(job, 4, canary()).await.unwrap();
        let short = gate.resume_rollout(job, "short", ada()).await;
        assert!(matches!(short, Err(GateError::Invalid(_))), "{short:?}");
        let running = gate.resume_rollout(job, "there is nothing to resume", ada()).await;
        assert!(matches!(running, Err(GateError::Store(_))), "{running:?}");
        assert!(gate.rollout(JobId::generate()).await.unwrap().is_none());
    });
}
