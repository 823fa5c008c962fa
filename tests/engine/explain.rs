//! Why the hosts of a job wait, by what store and sources say.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chrono::TimeDelta;
use futures_util::FutureExt;
use healthgate::{
    clock::Clock,
    gate::{
        Gate, WithConditions,
        explain::{Cause, Explanation, Who},
    },
    model::{
        Amount, AvailabilityGroup, GateRecord, GateRequest, GateState, HostId, JobId, PassId,
        ReasonCode, RolloutPolicy, RolloutStage, VerifyPolicy,
    },
    store::{GateStore, Spend, StoreBase, StoreEvent, Subscription},
};
use tokio_util::sync::CancellationToken;

use crate::{
    vocabulary::{Conditions, ada},
    world::{MINUTE, World},
};

/// Each host of a job says what it waits for, from the queue to its verification.
#[test]
fn a_job_is_explained_from_its_queue_to_its_verifications() {
    let world = World::new();
    let conditions = Arc::new(Conditions::default());
    let health = Arc::new(WithConditions::new(world.health(), conditions.clone()));
    let (runner, gate) = (world.gates_on(health.clone()), world.gate_on(health));
    let (job, other) = (JobId::generate(), JobId::generate());
    world.play(runner.run(CancellationToken::new()), async {
        let [ill, paused, early, well, patched, queued] =
            [1, 2, 3, 4, 5, 6].map(|number| world.host(number));
        let check = world.check(ill, "web").await;
        world.script(&check, ReasonCode::Status);
        world.check(patched, "web").await;
        conditions.set(paused, "not paused", false);
        let (open, later) =
            (world.window(Duration::ZERO, MINUTE * 30), world.window(MINUTE * 10, MINUTE * 30));
        for host in [ill, paused, well, patched] {
            gate.open(GateRequest::new(job, host, open)).await.unwrap();
        }
        gate.open(GateRequest::new(job, early, later)).await.unwrap();
        gate.open(GateRequest::new(other, queued, open)).await.unwrap();
        let pass = gate.wait(GateRequest::new(job, patched, open)).await.unwrap().pass.unwrap();
        assert!(matches!(gate.spend(&pass).await.unwrap(), Spend::Spent(_)));
        // Who has read the job's gates before they were opened is not told that the job holds itself up.
        let read_before = gate.explain(job, &[], &[ill]).await.unwrap();
        assert_eq!(read_before[0].1.cause, Cause::Capacity, "{read_before:?}");
        let explained = async |host: HostId| {
            let gates = world.memory.gates_of(job).await.unwrap();
            let all = gate.explain(job, &gates, &[queued, well]).await.unwrap();
            let own: Vec<Explanation> =
                all.into_iter().filter(|(id, _)| *id == host).map(|(_, one)| one).collect();
            assert!(own.len() <= 1, "{own:?}");
            own.into_iter().next()
        };
        assert_eq!(explained(patched).await, None, "it is being changed");
        gate.verify(pass.id, VerifyPolicy::default()).await.unwrap();
        let expected = [
            (ill, Cause::Checks, Who::Operator),
            (paused, Cause::Condition, Who::Operator),
            (early, Cause::Window, Who::Time),
            (well, Cause::PassGiven, Who::Worker),
            (patched, Cause::Verifying, Who::Time),
            (queued, Cause::Busy, Who::OtherJob),
        ];
        for (host, cause, who) in expected {
            let one = explained(host).await.unwrap();
            assert_eq!((one.cause, one.who), (cause, who), "{one:?}");
        }
        assert_eq!(explained(early).await.unwrap().earliest_pass_at, Some(later.opens_at()));
        world.clock.sleep(MINUTE * 20).await;
        assert_eq!(explained(patched).await, None, "it is verified");
    });
}

/// A full group is the cause, for exempt gates as well, until the change of its member is over.
#[test]
fn a_full_group_is_the_cause() {
    let world = World::new();
    world.play(world.gates().run(CancellationToken::new()), async {
        let (gate, window) = (world.gate(), world.window(Duration::ZERO, MINUTE * 30));
        let [first, second, third] = [1, 2, 3].map(|number| world.host(number));
        let group = AvailabilityGroup {
            name: "web".to_owned(),
            max_unavailable: 1,
            stale_after: MINUTE * 10,
            members: [first, second, third].into(),
        };
        gate.set_groups(vec![group]).await.unwrap();
        let (job, other) = (JobId::generate(), JobId::generate());
        let pass = gate.wait(GateRequest::new(other, first, window)).await.unwrap().pass.unwrap();
        assert!(matches!(gate.spend(&pass).await.unwrap(), Spend::Spent(_)));
        gate.open(GateRequest::new(job, second, window)).await.unwrap();
        let exempt = GateRequest { exempt: true, ..GateRequest::new(job, third, window) };
        gate.open(exempt).await.unwrap();
        world.clock.sleep(MINUTE).await;
        let client = Client::of(&world, job).await;
        assert_eq!(client.told().await, [(Cause::Group, Who::Operator); 2]);
        gate.finished(pass.id).await.unwrap();
        world.clock.sleep(MINUTE).await;
        let causes: Vec<Cause> = client.told().await.into_iter().map(|told| told.0).collect();
        assert!(causes.contains(&Cause::PassGiven), "one of them may go: {causes:?}");
    });
}

/// Ten thousand hosts cost as many calls as one.
#[test]
fn ten_thousand_hosts_are_explained_in_as_many_calls_as_one() {
    let world = World::new();
    world.clock.drive(async {
        let gate = world.gate();
        let mut calls = Vec::new();
        for (first, count) in [(1, 1), (100, 10_000)] {
            let job = JobId::generate();
            let window = world.window(Duration::ZERO, MINUTE * 30);
            let hosts = (first..first + count).map(|number| world.host(number));
            let requests: Vec<_> = hosts.map(|host| GateRequest::new(job, host, window)).collect();
            gate.open_all(&requests).await.unwrap();
            world.check(requests[0].host_id, "web").await;
            let gates = world.memory.gates_of(job).await.unwrap();
            let before = world.store.calls();
            let all = gate.explain(job, &gates, &[]).await.unwrap();
            calls.push(world.store.calls() - before);
            assert_eq!(all.len(), usize::try_from(count).unwrap());
            let now = world.now();
            assert!(all.iter().all(|(_, one)| one.earliest_pass_at == Some(now)));
        }
        assert_eq!(calls[0], calls[1]);
    });
}

/// A client that shows what a job's hosts wait for, and asks anew only when the live events say so.
struct Client<'a> {
    world: &'a World,
    gate: Gate,
    job: JobId,
    events: Subscription,
    shown: BTreeMap<HostId, Cause>,
    stale: u32,
}

impl<'a> Client<'a> {
    async fn of(world: &'a World, job: JobId) -> Self {
        let events = world.memory.subscribe().await.unwrap();
        Self { world, gate: world.gate(), job, events, shown: BTreeMap::new(), stale: 0 }
    }

    async fn gates(&self) -> Vec<GateRecord> {
        self.world.memory.gates_of(self.job).await.unwrap()
    }

    async fn explained(&self) -> BTreeMap<HostId, Explanation> {
        let gates = self.gates().await;
        self.gate.explain(self.job, &gates, &[]).await.unwrap().into_iter().collect()
    }

    /// What each host waits for, the first host first.
    async fn told(&self) -> Vec<(Cause, Who)> {
        self.explained().await.into_values().map(|one| (one.cause, one.who)).collect()
    }

    /// Lets time pass. What is shown is never out of date for longer than a look takes.
    async fn wait(&mut self, seconds: u32) {
        for _ in 0..seconds {
            self.world.clock.sleep(Duration::from_secs(1)).await;
            let mut told = false;
            while let Some(Some(event)) = self.events.next().now_or_never() {
                told |= matches!(event, StoreEvent::Gate { job_id, .. } if job_id == self.job);
            }
            let explained = self.explained().await.into_iter();
            let now: BTreeMap<_, _> = explained.map(|(host, one)| (host, one.cause)).collect();
            self.stale = if told || now == self.shown { 0 } else { self.stale + 1 };
            assert!(self.stale <= 3, "shown: {:?}, but: {now:?}", self.shown);
            if told {
                self.shown = now;
            }
        }
    }

    /// Spends every pass that is there.
    async fn spend(&self) -> Vec<PassId> {
        let mut spent = Vec::new();
        for gate in self.gates().await {
            if let (GateState::Passed, Some(pass)) = (gate.state, gate.pass) {
                assert!(matches!(self.gate.spend(&pass).await.unwrap(), Spend::Spent(_)));
                spent.push(pass.id);
            }
        }
        spent
    }
}

/// A job of five hosts in stages says at each step what its hosts wait for, and its live events tell
/// whoever shows that when to ask again.
#[test]
fn a_rollout_is_explained_by_its_stage_its_places_and_its_budget() {
    let world = World::new();
    world.play(world.gates().run(CancellationToken::new()), async {
        let job = JobId::generate();
        let soak = Duration::from_secs(120);
        let policy = RolloutPolicy {
            stages: vec![RolloutStage { up_to: Amount::Hosts(1), soak }],
            max_in_flight: Amount::Hosts(2),
            failure_budget: Amount::Hosts(0),
        };
        let mut client = Client::of(&world, job).await;
        let gate = world.gate();
        gate.open_rollout(job, 5, policy).await.unwrap();
        for number in 1..=5 {
            let host = world.host(number);
            world.check(host, "web").await;
            let request = world.request(host, MINUTE * 60);
            gate.open(GateRequest { job_id: job, ..request }).await.unwrap();
        }
        let counted = |told: &[(Cause, Who)], wanted: (Cause, Who)| {
            told.iter().filter(|one| **one == wanted).count()
        };
        let (stage, time) = ((Cause::Stage, Who::Worker), (Cause::Stage, Who::Time));
        let (passed, halted) =
            ((Cause::PassGiven, Who::Worker), (Cause::Budget, Who::Administrator));
        client.wait(20).await;
        let told = client.told().await;
        assert_eq!((counted(&told, passed), counted(&told, stage)), (1, 4), "{told:?}");
        let canary = client.spend().await;
        client.wait(10).await;
        assert_eq!(client.told().await, vec![stage; 4]);
        let verify = VerifyPolicy { settle: Duration::from_secs(20), ..VerifyPolicy::default() };
        gate.verify(canary[0], verify).await.unwrap();
        client.wait(10).await;
        let told = client.told().await;
        let verifying = (Cause::Verifying, Who::Time);
        assert_eq!((counted(&told, verifying), counted(&told, stage)), (1, 4), "{told:?}");
        client.wait(30).await;
        let told = client.explained().await;
        let earliest = told.values().next().unwrap().earliest_pass_at.unwrap();
        assert!(earliest > world.now() && earliest < world.now() + TimeDelta::seconds(120));
        assert_eq!(client.told().await, vec![time; 4], "{told:?}");
        // The stage is over then, and not before.
        client.wait(u32::try_from((earliest - world.now()).num_seconds()).unwrap() - 1).await;
        assert_eq!(client.told().await, vec![time; 4]);
        client.wait(15).await;
        let told = client.told().await;
        assert_eq!((counted(&told, passed), counted(&told, stage)), (2, 2), "{told:?}");
        let spent = client.spend().await;
        gate.failed(spent[0]).await.unwrap();
        // It is told at once, whether or not a worker has noted it.
        assert_eq!(client.told().await, vec![halted; 2]);
        client.wait(20).await;
        let told = client.explained().await;
        assert!(told.values().all(|one| one.cause == Cause::Budget), "{told:?}");
        assert!(told.values().all(|one| one.detail.as_str().contains("1 host failed")), "{told:?}");
        gate.resume_rollout(job, "the mirror was down", ada()).await.unwrap();
        client.wait(20).await;
        let told = client.told().await;
        assert_eq!((counted(&told, passed), counted(&told, stage)), (1, 1), "{told:?}");
        gate.finished(spent[1]).await.unwrap();
        client.wait(20).await;
        assert_eq!(client.told().await, vec![passed; 2]);
        client.spend().await;
        client.wait(5).await;
        assert_eq!(client.told().await, Vec::new());
    });
}
