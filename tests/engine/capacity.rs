//! Polling and gates that share one total of checks in flight.

use std::time::Duration;

use healthgate::{
    checks::{Capacity, PollerConfig},
    clock::Clock,
    gate::GatePolicy,
    model::{EndReason, EvidenceReason, GateRequest, GateState, JobId, ReasonCode},
    store::GateStore,
};
use tokio_util::sync::CancellationToken;

use crate::world::{MINUTE, Script, World};

const TIMEOUT: Duration = Duration::from_secs(10);

/// F37, H15: a poller whose dead hosts fill every place lets a gate have its share as soon as they
/// end, and never takes the gates' share while one waits.
#[test]
fn f37_gates_go_before_polling() {
    let world = World::new();
    let capacity = Capacity::new(16);
    let gates = world.gates().with_capacity(capacity.clone());
    let poller =
        world.poller(PollerConfig { interval: Duration::from_secs(20), ..PollerConfig::default() });
    let poller = poller.with_capacity(capacity.clone());
    let stop = CancellationToken::new();
    let both = async {
        tokio::join!(gates.run(stop.clone()), poller.run(stop.clone()));
    };
    world.play(both, async {
        // Far more dead hosts than there are places.
        for number in 100..300 {
            let check = world.check(world.host(number), "dead").await;
            world.script_as(&check, Script::Answer(ReasonCode::TimeoutHead, TIMEOUT));
        }
        world.clock.sleep(MINUTE).await;
        assert_eq!(capacity.in_use().polls, 16, "polling has all of it while no gate waits");
        let window = world.window(Duration::ZERO, MINUTE * 30);
        let mut requests = Vec::new();
        for number in 1..=6 {
            let host = world.host(number);
            for name in ["a", "b"] {
                let check = world.check(host, name).await;
                world.script_as(&check, Script::Answer(ReasonCode::Ok, Duration::from_secs(5)));
            }
            requests.push(GateRequest::new(JobId::generate(), host, window));
            world.memory.open_gate(requests.last().unwrap().clone()).await.unwrap();
        }
        let mut most_gates = 0;
        for _ in 0..80 {
            world.clock.sleep(Duration::from_millis(250)).await;
            let used = capacity.in_use();
            assert!(used.polls + used.gates <= 16, "{used:?}");
            assert!(used.gates <= 12, "{used:?}");
            most_gates = most_gates.max(used.gates);
        }
        assert_eq!(most_gates, 12, "all six attempts at once, as soon as polls have ended");
        for request in requests {
            let record = world.record(&request).await;
            assert!(record.pass.is_some(), "{}", record.detail);
        }
        world.clock.sleep(TIMEOUT).await;
        assert_eq!(capacity.in_use().polls, 16, "and then polling has it again");
    });
}

/// F38: a gate whose checks could never be run for want of room says so, and is not called unhealthy;
/// one that was looked at and is unhealthy is.
#[test]
fn f38_a_gate_that_found_no_room_says_so() {
    let world = World::new();
    let capacity = Capacity::split(1, 1);
    let gates = world.gates().with_capacity(capacity.clone());
    world.play(gates.run(CancellationToken::new()), async {
        let window = world.window(Duration::ZERO, MINUTE * 10);
        let (first, second) = (world.host(1), world.host(2));
        let unhealthy = world.check(first, "a").await;
        world.script(&unhealthy, ReasonCode::Status);
        world.check(second, "b").await;
        let looked_at = GateRequest::new(JobId::generate(), first, window);
        let opened = world.gate().open(looked_at.clone()).await.unwrap();
        world.clock.sleep(Duration::from_secs(3)).await;
        assert_eq!(world.record(&looked_at).await.attempts, 1);
        // From here on somebody else has all the room.
        let taken = capacity.admit_gate(1).unwrap();
        let starved = GateRequest::new(JobId::generate(), second, window);
        world.gate().open(starved.clone()).await.unwrap();
        world.clock.sleep(MINUTE).await;
        let record = world.record(&starved).await;
        assert_eq!((record.state, record.attempts), (GateState::Waiting, 0));
        assert!(record.detail.contains("waiting for room to run checks"), "{}", record.detail);
        let reason = EvidenceReason::Code(ReasonCode::NotRunCapacity);
        assert_eq!(record.evidence[0].reason, reason);
        assert_eq!(capacity.in_use().gates_waiting, 1);
        assert!(gates.stats().out_of_room > 1);
        let calls = world.store.calls();
        world.clock.sleep(Duration::from_secs(20)).await;
        assert!(world.store.calls() - calls <= 70, "what does not change is not written again");

        let ended = world.gate().wait(starved.clone()).await.unwrap();
        assert_eq!(
            (ended.state, ended.end_reason),
            (GateState::Failed, Some(EndReason::NotRunCapacity))
        );
        assert!(ended.detail.contains("no capacity"), "{}", ended.detail);
        assert!(ended.detail.contains("b: not_run_capacity (never ran)"), "{}", ended.detail);
        let unhealthy = world.gate().wait(looked_at).await.unwrap();
        assert_eq!(unhealthy.id, opened.id);
        assert_eq!(
            unhealthy.end_reason,
            Some(EndReason::NotRunCapacity),
            "its result is stale by now"
        );
        drop(taken);
    });
}

/// F38: a gate that was seen unhealthy until shortly before its end ends for that.
#[test]
fn f38_a_gate_that_is_freshly_unhealthy_ends_for_that() {
    let mut world = World::new();
    world.policy = GatePolicy { retry: MINUTE, spread: Duration::ZERO, ..GatePolicy::default() };
    let host = world.host(1);
    let capacity = Capacity::split(1, 1);
    let gates = world.gates().with_capacity(capacity.clone());
    world.play(gates.run(CancellationToken::new()), async {
        let check = world.check(host, "a").await;
        world.script(&check, ReasonCode::Status);
        let request = world.request(host, MINUTE * 3);
        world.gate().open(request.clone()).await.unwrap();
        world.clock.sleep(Duration::from_secs(3)).await;
        let taken = capacity.admit_gate(1).unwrap();
        let record = world.gate().wait(request).await.unwrap();
        assert_eq!((record.attempts, record.end_reason), (1, Some(EndReason::WindowClosed)));
        drop(taken);
    });
}

/// H15: attempts are admitted with the earliest close first, and one that needs more places than are
/// free is not overtaken.
#[test]
fn h15_the_earliest_close_is_admitted_first_and_not_overtaken() {
    let world = World::new();
    let capacity = Capacity::split(3, 3);
    let gates = world.gates().with_capacity(capacity.clone());
    world.play(gates.run(CancellationToken::new()), async {
        let mut requests = Vec::new();
        // The later it is opened, the earlier it closes; the earliest of all has three checks.
        for (number, checks) in [(1, 1), (2, 1), (3, 1), (4, 1), (5, 3)] {
            let host = world.host(number);
            for index in 0..checks {
                let check = world.check(host, &format!("c{index}")).await;
                world.script_as(&check, Script::Answer(ReasonCode::Ok, Duration::from_secs(4)));
            }
            let minutes = 60 - u32::try_from(number).unwrap();
            let request = GateRequest::new(
                JobId::generate(),
                host,
                world.window(Duration::ZERO, MINUTE * minutes),
            );
            world.memory.open_gate(request.clone()).await.unwrap();
            requests.push(request);
        }
        world.clock.sleep(MINUTE).await;
        let ran: Vec<_> = world.ran().iter().map(|ran| ran.host).collect();
        let hosts: Vec<_> = [5, 4, 3, 2, 1].map(|number| world.host(number)).to_vec();
        assert_eq!((ran[0], ran.last()), (hosts[0], hosts.last()));
        for request in requests {
            assert!(world.record(&request).await.pass.is_some());
        }
    });
}
