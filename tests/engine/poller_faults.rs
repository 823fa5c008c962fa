//! What a poller does when something goes wrong.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use chrono::TimeDelta;
use healthgate::{
    checks::{Poller, PollerConfig},
    clock::Clock,
    directory::{DirectoryError, HostDirectory, HostInfo, StaticDirectory},
    model::{Actor, CheckStatus, HostId, ReasonCode, WorkerId},
    store::{ClaimRequest, PollQueue, ResultStore},
    testing::Fault,
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::world::{MINUTE, Script, World};

const INTERVAL: Duration = Duration::from_secs(300);

/// F45: a panic fails the checks of its run, and nothing else.
#[test]
fn f45_a_panic_in_a_run_is_internal_and_the_loop_lives() {
    let world = World::new();
    let poller = world.poller(PollerConfig::default());
    let (bad, good) = (world.host(1), world.host(2));
    world.play(poller.run(CancellationToken::new()), async {
        let check = world.check(bad, "panics").await;
        world.script_as(&check, Script::Panic);
        world.check(good, "fine").await;
        world.clock.sleep(INTERVAL * 3).await;
        let views = world.memory.views(&[bad, good], INTERVAL * 2).await.unwrap();
        assert_eq!(views[0].last_result.as_ref().unwrap().reason, ReasonCode::Internal);
        assert_eq!(views[0].status, CheckStatus::Unknown);
        assert_eq!(views[1].status, CheckStatus::Healthy);
        assert!(world.ran().iter().filter(|run| run.host == good).count() >= 3);
    });
}

/// A runner that breaks its contract and never answers costs its own checks alone.
#[test]
fn a_run_that_never_ends_is_cut_at_its_bound() {
    let world = World::new();
    let poller = world.poller(PollerConfig::default());
    let host = world.host(1);
    world.play(poller.run(CancellationToken::new()), async {
        let check = world.check(host, "hangs").await;
        world.script_as(&check, Script::Hang);
        world.clock.sleep(Duration::from_secs(20)).await;
        let states = world.memory.states(&[host]).await.unwrap();
        assert_eq!(states[0].latest.reason, ReasonCode::Internal);
    });
    assert_eq!(poller.stats().checks_in_flight, 0);
}

/// F07, F08: results of a run over which the machine was suspended are dropped.
#[test]
fn f07_a_suspended_machine_drops_what_it_was_running() {
    let world = World::new();
    let poller = world.poller(PollerConfig::default());
    let host = world.host(1);
    world.play(poller.run(CancellationToken::new()), async {
        let check = world.check(host, "a").await;
        world.script_as(&check, Script::Answer(ReasonCode::Ok, Duration::from_secs(5)));
        world.clock.sleep(Duration::from_secs(2)).await;
        assert_eq!(world.ran().len(), 1);
        // Monotonic time stands still while a machine sleeps, and the wall clock does not.
        world.clock.step_wall(TimeDelta::hours(3));
        world.clock.sleep(Duration::from_millis(3_500)).await;
        assert!(world.memory.states(&[host]).await.unwrap().is_empty(), "nothing is recorded");
        assert_eq!(poller.stats().leases_lost, 1);
        world.clock.sleep(Duration::from_secs(30)).await;
        assert_eq!(world.ran().len(), 2, "it runs once more, and no burst makes up for the gap");
        assert_eq!(world.memory.states(&[host]).await.unwrap().len(), 1);
    });
}

/// F64, F65: a worker whose lease was taken over writes nothing.
#[test]
fn f64_a_late_result_of_a_lost_lease_is_refused() {
    let world = World::new();
    // The second worker's claims are made by hand.
    let config = PollerConfig { flush_after: Duration::from_secs(10), ..PollerConfig::default() };
    let poller = world.poller(config);
    let host = world.host(1);
    world.play(poller.run(CancellationToken::new()), async {
        world.check(host, "a").await;
        world.clock.sleep(Duration::from_secs(2)).await;
        assert_eq!(poller.stats().hosts_buffered, 1, "it ran and waits to be written");
        // The store's clock runs ahead over the end of the lease, and another worker takes the host.
        world.clock.step_wall(TimeDelta::minutes(2));
        let lease = Duration::from_secs(60);
        let request = ClaimRequest::new(WorkerId::generate(), 1, lease);
        let claims = world.memory.claim_hosts(request).await.unwrap();
        assert_eq!(claims.hosts.len(), 1);
        world.clock.sleep(Duration::from_secs(15)).await;
        assert!(world.memory.states(&[host]).await.unwrap().is_empty());
        assert_eq!(poller.stats().fenced, 1);
    });
}

/// F66: what a dead worker held is taken over when its lease ends.
#[test]
fn f66_hosts_of_a_dead_worker_are_taken_over_within_lease_and_tick() {
    let world = World::new();
    let dead = world.poller(PollerConfig::default());
    world.play(dead.run(CancellationToken::new()), async {
        for number in 1..=100 {
            let check = world.check(world.host(number), "a").await;
            world.script_as(&check, Script::Answer(ReasonCode::Ok, Duration::from_secs(9)));
        }
        world.clock.sleep(Duration::from_secs(3)).await;
    });
    let died = world.clock.monotonic();
    assert_eq!(world.ran().len(), 100, "it had them all under way");
    let heir = world.poller(PollerConfig::default());
    world.play(heir.run(CancellationToken::new()), async {
        world.clock.sleep(Duration::from_secs(65)).await;
        let taken = world.ran().split_off(100);
        assert_eq!(taken.len(), 100);
        let lease = PollerConfig::default().lease();
        assert!(taken.iter().all(|run| run.at - died <= lease + Duration::from_secs(5)));
    });
}

/// F69: a result of an old revision is dropped, and the changed check runs at once.
#[test]
fn f69_a_check_that_is_changed_while_it_runs_is_run_again() {
    let world = World::new();
    let poller = world.poller(PollerConfig::default());
    let host = world.host(1);
    world.play(poller.run(CancellationToken::new()), async {
        let check = world.check(host, "a").await;
        world.script_as(&check, Script::Answer(ReasonCode::Ok, Duration::from_secs(4)));
        world.clock.sleep(Duration::from_secs(2)).await;
        let changed = world.edit(&check, json!({"name": "b"})).await;
        world.clock.sleep(Duration::from_secs(15)).await;
        let states = world.memory.states(&[host]).await.unwrap();
        assert_eq!(states[0].latest.revision, changed.revision);
        assert_eq!((world.ran().len(), poller.stats().results_dropped), (2, 1));
    });
}

/// F70: a result of a check that was deleted meanwhile vanishes without a trace.
#[test]
fn f70_a_check_that_is_deleted_while_it_runs_leaves_nothing() {
    use healthgate::{model::AuditAction, store::CheckStore};
    let world = World::new();
    let poller = world.poller(PollerConfig::default());
    let host = world.host(1);
    world.play(poller.run(CancellationToken::new()), async {
        let check = world.check(host, "a").await;
        world.check(host, "b").await;
        world.script_as(&check, Script::Answer(ReasonCode::Ok, Duration::from_secs(4)));
        world.clock.sleep(Duration::from_secs(2)).await;
        let audit = crate::world::entry(AuditAction::HealthCheckDeleted);
        world.memory.delete_check(host, check.id, None, audit).await.unwrap();
        world.clock.sleep(Duration::from_secs(15)).await;
        let states = world.memory.states(&[host]).await.unwrap();
        assert_eq!(states.len(), 1);
        assert_ne!(states[0].latest.check_id, check.id);
    });
}

/// F48: told to stop, the poller lets runs end, writes them and hands the rest back.
#[test]
fn f48_a_graceful_stop_writes_what_ended_and_hands_back_the_rest() {
    let world = World::new();
    let poller = world.poller(PollerConfig::default());
    let stop = CancellationToken::new();
    let (quick, slow) = (world.host(1), world.host(2));
    world.clock.drive(async {
        let quick_check = world.check(quick, "quick").await;
        let slow_check = world.check(slow, "slow").await;
        world.script_as(&quick_check, Script::Answer(ReasonCode::Ok, Duration::from_secs(5)));
        world.script_as(&slow_check, Script::Hang);
        let order = async {
            world.clock.sleep(Duration::from_secs(2)).await;
            stop.cancel();
            world.check(world.host(3), "late").await;
            world.clock.monotonic()
        };
        let ((), told) = tokio::join!(poller.run(stop.clone()), order);
        let took = world.clock.monotonic() - told;
        assert!(took <= Duration::from_secs(12), "{took:?}");
        assert_eq!(world.ran().len(), 2, "nothing is claimed after the order");
        assert_eq!(world.memory.states(&[quick]).await.unwrap().len(), 1);
        let request = ClaimRequest::new(WorkerId::generate(), 10, Duration::from_secs(60));
        let claims = world.memory.claim_hosts(request).await.unwrap();
        let hosts: Vec<_> = claims.hosts.iter().map(|claim| claim.host_id).collect();
        assert!(hosts.contains(&slow), "its lease was handed back: {hosts:?}");
        assert!(!hosts.contains(&quick), "it is not due");
    });
}

/// An outage of the store stops nothing for good, and buffered results are written after.
#[test]
fn f54_an_outage_of_the_store_is_waited_out_and_results_are_kept_meanwhile() {
    let world = World::new();
    let poller = world.poller(PollerConfig::default());
    let host = world.host(1);
    world.play(poller.run(CancellationToken::new()), async {
        let check = world.check(host, "a").await;
        world.script_as(&check, Script::Answer(ReasonCode::Ok, Duration::from_secs(3)));
        world.clock.sleep(Duration::from_secs(2)).await;
        world.store.fail(Fault::Before);
        world.clock.sleep(Duration::from_secs(20)).await;
        assert!(world.memory.states(&[host]).await.unwrap().is_empty());
        assert_eq!(poller.stats().hosts_buffered, 1);
        world.store.heal();
        world.clock.sleep(Duration::from_secs(30)).await;
        assert_eq!(world.memory.states(&[host]).await.unwrap().len(), 1);
        assert_eq!((world.ran().len(), poller.stats().fenced), (1, 0), "it is not run again");

        world.store.fail(Fault::Before);
        world.clock.sleep(MINUTE * 30).await;
        let errors = poller.stats().store_errors;
        assert!((60..400).contains(&errors), "it backs off: {errors}");
        world.store.heal();
        let before = world.ran().len();
        world.clock.sleep(INTERVAL).await;
        let runs = world.ran().len() - before;
        assert!((1..=2).contains(&runs), "missed slots are not made up for: {runs}");
    });
}

/// However long the store was away, results are written once it is back while their lease lasts: no
/// back-off outlasts it. Each world has a worker, and so a spread of its pauses, of its own.
#[test]
fn f54_no_back_off_outlasts_the_lease_of_results() {
    let outages = (1..=40).chain((1..=80).map(|tenths| 20 + tenths / 4));
    for outage in outages.map(Duration::from_secs) {
        let world = World::new();
        let poller = world.poller(PollerConfig::default());
        let host = world.host(1);
        world.play(poller.run(CancellationToken::new()), async {
            let check = world.check(host, "a").await;
            world.script_as(&check, Script::Answer(ReasonCode::Ok, Duration::from_secs(3)));
            world.clock.sleep(Duration::from_secs(2)).await;
            world.store.fail(Fault::Before);
            world.clock.sleep(outage).await;
            world.store.heal();
            world.clock.sleep(Duration::from_secs(6)).await;
            let states = world.memory.states(&[host]).await.unwrap();
            assert_eq!((states.len(), world.ran().len()), (1, 1), "after {outage:?}");
        });
    }
}

/// F51: a completion whose answer was lost is repeated without harm.
#[test]
fn f51_a_commit_of_unknown_outcome_is_repeated_and_recorded_once() {
    let world = World::new();
    let poller = world.poller(PollerConfig::default());
    let host = world.host(1);
    world.play(poller.run(CancellationToken::new()), async {
        let check = world.check(host, "a").await;
        world.script_as(&check, Script::Answer(ReasonCode::Ok, Duration::from_secs(3)));
        world.clock.sleep(Duration::from_secs(2)).await;
        world.store.fail(Fault::After);
        world.clock.sleep(Duration::from_secs(10)).await;
        world.store.heal();
        world.clock.sleep(Duration::from_secs(40)).await;
        let page = world.memory.history(host, check.id, None, 10).await.unwrap();
        assert_eq!(page.results.len(), 1);
    });
}

/// F02: a wall clock that steps back brings no second run in a slot.
#[test]
fn f02_a_clock_that_steps_back_brings_no_duplicate() {
    let world = World::new();
    let poller = world.poller(PollerConfig::default());
    let host = world.host(1);
    world.play(poller.run(CancellationToken::new()), async {
        world.check(host, "a").await;
        world.clock.sleep(INTERVAL * 2).await;
        let before = world.ran().len();
        world.clock.step_wall(TimeDelta::minutes(-2));
        world.clock.sleep(MINUTE * 2).await;
        assert!(world.ran().len() - before <= 1);
        let states = world.memory.states(&[host]).await.unwrap();
        assert!(states[0].latest.latency_ms < 1_000);
    });
}

/// F01: a wall clock that jumps ahead skips slots and brings no burst.
#[test]
fn f01_a_clock_that_jumps_ahead_brings_no_burst() {
    let world = World::new();
    let poller = world.poller(PollerConfig::default());
    world.play(poller.run(CancellationToken::new()), async {
        for number in 1..=50 {
            world.check(world.host(number), "a").await;
        }
        world.clock.sleep(INTERVAL * 2).await;
        let before = world.ran().len();
        world.clock.step_wall(TimeDelta::hours(1));
        world.clock.sleep(INTERVAL).await;
        let runs = world.ran().len() - before;
        assert!(
            (50..=100).contains(&runs),
            "one for the slot that is due, one for the next: {runs}"
        );
    });
}

/// F62: the store in memory says that it outlives nothing, and leases and gates on it work like any
/// other's.
#[test]
fn f62_the_store_in_memory_says_what_it_is() {
    use healthgate::store::StoreBase;
    assert!(!World::new().memory.is_durable());
}

/// Hosts of an application whose directory hangs or panics when it is told to.
#[derive(Debug)]
struct TroubledDirectory {
    inner: Arc<StaticDirectory>,
    panics: bool,
    ails: AtomicBool,
}

#[async_trait]
impl HostDirectory for TroubledDirectory {
    async fn hosts(&self, ids: &[HostId]) -> Result<HashMap<HostId, HostInfo>, DirectoryError> {
        match (self.ails.load(Ordering::Relaxed), self.panics) {
            (false, _) => self.inner.hosts(ids).await,
            (true, false) => std::future::pending().await,
            (true, true) => panic!("scripted"),
        }
    }

    async fn visible_to(
        &self,
        actor: &Actor,
        ids: &[HostId],
    ) -> Result<HashSet<HostId>, DirectoryError> {
        self.inner.visible_to(actor, ids).await
    }
}

/// A directory that hangs or panics fails claims, and the poller goes on when it answers again.
#[test]
fn f141_a_directory_that_hangs_or_panics_ends_no_polling() {
    for panics in [false, true] {
        let world = World::new();
        let (inner, ails) = (world.directory.clone(), AtomicBool::new(false));
        let directory = Arc::new(TroubledDirectory { inner, panics, ails });
        let poller = Poller::new(
            world.store.clone(),
            world.runner.clone(),
            directory.clone(),
            Arc::new(world.clock.clone()),
            PollerConfig::default(),
        )
        .unwrap();
        let stop = CancellationToken::new();
        world.clock.drive(async {
            let story = async {
                let host = world.host(1);
                world.check(host, "a").await;
                world.clock.sleep(INTERVAL).await;
                let before = world.ran().len();
                assert!(before > 0);
                directory.ails.store(true, Ordering::Relaxed);
                world.clock.sleep(INTERVAL * 3).await;
                directory.ails.store(false, Ordering::Relaxed);
                world.clock.sleep(INTERVAL * 2).await;
                assert!(world.ran().len() > before, "panics: {panics}");
                stop.cancel();
            };
            tokio::join!(poller.run(stop.clone()), story);
        });
    }
}
