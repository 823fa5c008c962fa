//! What a poller and a runner of gates say of their own health, and clocks that are apart.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use healthgate::{
    checks::{Poller, PollerConfig},
    clock::{Clock, ManualClock},
    gate::{GateRunner, GateRunnerConfig},
    model::{GateState, ReasonCode},
    store::ResultStore,
    testing::Fault,
};
use tokio_util::sync::CancellationToken;

use crate::world::{MINUTE, World};

const INTERVAL: Duration = Duration::from_secs(300);

#[test]
fn a_poller_says_that_it_is_alive_degraded_or_gone() {
    let world = World::new();
    let poller = world.poller(PollerConfig::default());
    assert!(!poller.health().running);
    assert_eq!(poller.health().last_cycle_at, None);
    world.play(poller.run(CancellationToken::new()), async {
        world.check(world.host(1), "a").await;
        world.clock.sleep(MINUTE).await;
        let health = poller.health();
        assert!(health.is_live(Duration::from_secs(2)) && !health.is_degraded());
        assert_eq!(health.backlog.map(|backlog| backlog.due), Some(0));
        assert!(world.now() - health.last_cycle_at.unwrap() <= TimeDelta::seconds(1));

        world.store.fail(Fault::Before);
        world.clock.sleep(MINUTE * 2).await;
        let health = poller.health();
        assert!(health.is_degraded() && !health.is_live(MINUTE), "{health:?}");
        assert!(health.last_cycle_age.unwrap() >= MINUTE, "{health:?}");
        world.store.heal();
        world.clock.sleep(MINUTE).await;
        assert!(poller.health().is_live(MINUTE) && !poller.health().is_degraded());
    });
    assert!(!poller.health().is_live(MINUTE), "its future was dropped");
}

#[test]
fn a_runner_of_gates_says_that_it_is_alive_failing_or_gone() {
    let world = World::new();
    let gates = world.gates();
    assert!(!gates.health().is_live(MINUTE));
    world.play(gates.run(CancellationToken::new()), async {
        let check = world.check(world.host(1), "a").await;
        world.script(&check, ReasonCode::Status);
        world.gate().open(world.request(world.host(1), MINUTE * 30)).await.unwrap();
        world.clock.sleep(MINUTE).await;
        let health = gates.health();
        assert!(health.is_live(Duration::from_secs(5)) && !health.failing, "{health:?}");
        assert_eq!(health.gates_held, 1);
        world.store.fail(Fault::Before);
        world.clock.sleep(MINUTE * 2).await;
        let health = gates.health();
        assert!(health.failing && !health.is_live(MINUTE), "{health:?}");
        world.store.heal();
        world.clock.sleep(MINUTE).await;
        assert!(gates.health().is_live(MINUTE));
    });
    assert!(!gates.health().running);
}

/// A worker's clock that is wrong by a fixed time.
#[derive(Debug)]
struct Wrong(ManualClock, TimeDelta);

#[async_trait]
impl Clock for Wrong {
    fn now(&self) -> DateTime<Utc> {
        self.0.now() + self.1
    }

    fn monotonic(&self) -> Duration {
        self.0.monotonic()
    }

    async fn sleep(&self, duration: Duration) {
        self.0.sleep(duration).await;
    }
}

/// F04: whatever a worker's clock shows, the store's decides what is due, when a result was made, and
/// when a window closes; the worker knows how far it is off.
#[test]
fn f04_a_worker_ten_minutes_off_works_by_the_stores_clock() {
    for off in [TimeDelta::minutes(10), TimeDelta::minutes(-10)] {
        let world = World::new();
        let clock = Arc::new(Wrong(world.clock.clone(), off));
        let poller = Poller::new(
            world.store.clone(),
            world.runner.clone(),
            world.directory.clone(),
            clock.clone(),
            PollerConfig::default(),
        );
        let gates = GateRunner::new(
            world.store.clone(),
            world.health(),
            world.windows.clone(),
            clock,
            world.policy.clone(),
            GateRunnerConfig::default(),
        );
        let (poller, gates) = (poller.unwrap(), gates.unwrap());
        let stop = CancellationToken::new();
        let both = async {
            tokio::join!(poller.run(stop.clone()), gates.run(stop.clone()));
        };
        world.play(both, async {
            let (fine, failing) = (world.host(1), world.host(2));
            world.check(fine, "a").await;
            let bad = world.check(failing, "a").await;
            world.script(&bad, ReasonCode::Status);
            world.clock.sleep(Duration::from_secs(2)).await;
            assert_eq!(world.ran().len(), 2, "due by the store's clock");
            let state = world.memory.states(&[fine]).await.unwrap().remove(0);
            assert!(world.now() - state.latest.checked_at <= TimeDelta::seconds(2));
            assert_eq!(poller.health().clock_offset, off);

            let passes = world.request(fine, MINUTE * 20);
            let fails = world.request(failing, MINUTE * 20);
            world.gate().open(passes.clone()).await.unwrap();
            world.gate().open(fails.clone()).await.unwrap();
            world.clock.sleep(Duration::from_secs(30)).await;
            let record = world.record(&passes).await;
            assert_eq!(record.state, GateState::Passed);
            world.gate().spend(&record.pass.unwrap()).await.unwrap();
            world.clock.sleep(MINUTE * 19 - Duration::from_secs(30)).await;
            assert_eq!(world.record(&passes).await.state, GateState::Spent);
            assert_eq!(gates.health().clock_offset, off);
            assert_eq!(world.record(&fails).await.state, GateState::Waiting, "not closed yet");
            world.clock.sleep(MINUTE + Duration::from_secs(5)).await;
            assert_eq!(world.record(&fails).await.state, GateState::Failed);
            assert_eq!(poller.stats().leases_lost + poller.stats().fenced, 0);
            let runs = world.ran().iter().filter(|run| run.host == fine).count();
            assert!((4..=7).contains(&runs), "one an interval: {runs} in 20 min of {INTERVAL:?}");
        });
    }
}
