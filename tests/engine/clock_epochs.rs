//! The store's clock goes back while pollers and gates are at work (F136, F168).

use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::join3;
use healthgate::{
    checks::PollerConfig,
    clock::Clock,
    model::{CheckStatus, ClockEpoch, GateState, HostChange, HostId, ReasonCode, WorkerId},
    store::{ClaimRequest, GateStore, PollQueue, ResultStore, Spend, StoreBase},
    testing::{Fault, FaultRule, Operation},
};
use tokio_util::sync::CancellationToken;

use crate::world::{MINUTE, World};

const FRESH: Duration = Duration::from_secs(600);

async fn epoch(world: &World) -> i64 {
    world.memory.read_clock().await.unwrap().epoch.number()
}

async fn statuses(world: &World, hosts: &[HostId]) -> Vec<CheckStatus> {
    let views = world.memory.views(hosts, FRESH).await.unwrap();
    views.into_iter().map(|view| view.status).collect()
}

/// The clock is 6 h ahead for 10 min. What broke meanwhile is not shown healthy after the correction, and a
/// gate passes on what it has seen since, though its host's check was edited by the clock that was ahead.
#[test]
fn f136_nothing_that_was_dated_ahead_outlives_the_correction() {
    let world = World::new();
    let (sound, broken) = (world.host(1), world.host(2));
    let stop = CancellationToken::new();
    let poller = world.poller(PollerConfig::default());
    let runner = world.gates();
    let background = async {
        futures_util::future::join(poller.run(stop.clone()), runner.run(stop.clone())).await;
    };
    world.play(background, async {
        let check = world.check(sound, "a").await;
        let breaks = world.check(broken, "b").await;
        world.clock.sleep(MINUTE * 6).await;
        assert_eq!(statuses(&world, &[sound, broken]).await, [CheckStatus::Healthy; 2]);
        world.clock.step_wall(TimeDelta::hours(6));
        world.clock.sleep(MINUTE * 9).await;
        assert_eq!(statuses(&world, &[sound, broken]).await, [CheckStatus::Healthy; 2]);
        world.edit(&check, serde_json::json!({"name": "edited"})).await;
        world.clock.sleep(MINUTE).await;
        world.script(&breaks, ReasonCode::ServiceUnhealthy);
        world.clock.step_wall(TimeDelta::hours(-6));
        let corrected = world.now();
        world.clock.sleep(Duration::from_secs(3)).await;
        assert!(!statuses(&world, &[broken]).await.contains(&CheckStatus::Healthy));
        assert_eq!(epoch(&world).await, 1, "the step forward began none");
        let passes = world.request(sound, MINUTE * 60);
        let waits = world.request(broken, MINUTE * 60);
        world.memory.open_gate(waits.clone()).await.unwrap();
        let passed = world.gate().wait(passes).await.unwrap();
        let pass = passed.pass.unwrap();
        assert!(pass.evidence.iter().all(|one| one.checked_at.unwrap() >= corrected));
        assert_eq!(pass.epoch, ClockEpoch::new(1));
        assert!(world.now() - corrected < TimeDelta::minutes(2), "it did not wait for hours");
        world.clock.sleep(MINUTE).await;
        assert_eq!(world.record(&waits).await.state, GateState::Waiting);
        assert_eq!(statuses(&world, &[broken]).await, [CheckStatus::Unhealthy]);
    });
}

/// Jobs change hosts while the clock is 6 h ahead, one of them to its end, and a worker that holds a gate dies.
/// After the correction none of that lasts for hours.
#[test]
fn f173_changes_and_leases_from_a_clock_that_was_ahead_end_with_it() {
    let world = World::new();
    let (ended, running, third) = (world.host(1), world.host(2), world.host(3));
    let (gate, runner) = (world.gate(), world.gates());
    let left = world.request(third, MINUTE * 12 * 60);
    let failing = world.play(runner.run(CancellationToken::new()), async {
        for host in [ended, running] {
            world.check(host, "a").await;
        }
        let failing = world.check(third, "a").await;
        world.script(&failing, ReasonCode::Status);
        gate.open(left.clone()).await.unwrap();
        world.clock.sleep(MINUTE).await;
        world.clock.step_wall(TimeDelta::hours(6));
        for host in [ended, running] {
            let record = gate.wait(world.request(host, MINUTE * 60)).await.unwrap();
            let pass = record.pass.unwrap();
            assert!(matches!(gate.spend(&pass).await.unwrap(), Spend::Spent(_)));
            if host == ended {
                gate.finished(pass.id).await.unwrap();
            }
        }
        failing
    });
    world.clock.step_wall(TimeDelta::hours(-6));
    world.play(world.gates().run(CancellationToken::new()), async {
        let corrected = world.now();
        world.script(&failing, ReasonCode::Ok);
        let record = gate.wait(world.request(ended, MINUTE * 60)).await.unwrap();
        assert_eq!(record.state, GateState::Passed, "{}", record.detail);
        assert!(world.now() - corrected < TimeDelta::minutes(3), "its change is over");
        let record = gate.wait(world.request(running, MINUTE * 60)).await.unwrap();
        assert_eq!(record.state, GateState::Passed, "{}", record.detail);
        let waited = world.now() - corrected;
        assert!(
            waited >= HostChange::LONGEST && waited < HostChange::LONGEST + TimeDelta::minutes(7)
        );
        let record = world.record(&left).await;
        assert!(record.pass.is_some(), "somebody looks after it: {}", record.detail);
    });
}

/// Two pollers and a runner of gates see one step, and begin one epoch.
#[test]
fn f168_all_who_see_a_step_begin_one_epoch() {
    let world = World::new();
    let host = world.host(1);
    let stop = CancellationToken::new();
    let (one, two) = (world.poller(PollerConfig::default()), world.poller(PollerConfig::default()));
    let gates = world.gates();
    let background = async {
        join3(one.run(stop.clone()), two.run(stop.clone()), gates.run(stop.clone())).await;
    };
    world.play(background, async {
        world.check(host, "a").await;
        world.clock.sleep(MINUTE * 2).await;
        for (step, expected) in [(90, 0), (-90, 1), (-6, 2), (-4, 2), (3_600, 2), (-3_600, 3)] {
            world.clock.step_wall(TimeDelta::seconds(step));
            world.clock.sleep(MINUTE).await;
            assert_eq!(epoch(&world).await, expected, "{step}");
        }
    });
}

/// A store that cannot be told of a step is told again, and a gate does not pass before it was.
#[test]
fn f168_a_step_that_could_not_be_told_is_told_again() {
    let world = World::new();
    let host = world.host(1);
    world.play(world.gates().run(CancellationToken::new()), async {
        world.check(host, "a").await;
        // Before the first claim the store has no mark of its own: the runner alone sees this step.
        world.clock.sleep(Duration::from_secs(8)).await;
        let rule = FaultRule::new(Fault::Before).with_operations([Operation::BeginEpoch]);
        world.store.inject(rule);
        world.clock.step_wall(TimeDelta::seconds(-7));
        let request = world.request(host, MINUTE * 60);
        world.memory.open_gate(request.clone()).await.unwrap();
        world.clock.sleep(MINUTE * 5).await;
        assert_eq!(epoch(&world).await, 0);
        assert_eq!(world.record(&request).await.state, GateState::Waiting);
        world.store.heal();
        let record = world.gate().wait(request).await.unwrap();
        let seen = (epoch(&world).await, record.state);
        assert_eq!(seen, (1, GateState::Passed), "{}", record.detail);
        assert_eq!(record.pass.unwrap().epoch, ClockEpoch::new(1));
    });
}

/// A step back that no worker saw is seen by the store at the next claim.
#[test]
fn f168_the_store_sees_a_step_while_no_worker_runs() {
    let world = World::new();
    let host = world.host(1);
    world.play(std::future::pending(), async {
        world.check(host, "a").await;
        let (worker, lease) = (WorkerId::generate(), MINUTE);
        let request = ClaimRequest::new(worker, 1, lease);
        assert_eq!(world.memory.claim_hosts(request.clone()).await.unwrap().epoch.number(), 0);
        world.clock.step_wall(TimeDelta::hours(-1));
        assert_eq!(world.memory.claim_hosts(request).await.unwrap().epoch.number(), 1);
        world.clock.step_wall(TimeDelta::hours(-1));
        let gates = world.memory.claim_gates(worker, 1, lease).await.unwrap();
        assert_eq!((gates.epoch.number(), epoch(&world).await), (2, 2));
    });
}
