//! Damped statuses, shorter intervals, and hosts that kill workers.

use std::{collections::HashMap, time::Duration};

use chrono::TimeDelta;
use healthgate::{
    checks::PollerConfig,
    clock::Clock,
    model::{CheckStatus, Damping, HostId, ReasonCode, WorkerId},
    store::{ClaimRequest, PollQueue, ResultStore},
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::world::{MINUTE, Script, World};

const INTERVAL: Duration = Duration::from_secs(300);

/// A status turns only after so many results in a row, and the history shows each of them.
#[test]
fn a_damped_status_turns_late_while_the_poller_runs() {
    let world = World::damped(Damping { unhealthy_after: 3, healthy_after: 2 });
    let poller = world.poller(PollerConfig::default());
    let host = world.host(1);
    world.play(poller.run(CancellationToken::new()), async {
        let check = world.check(host, "a").await;
        world.clock.sleep(INTERVAL).await;
        let mut statuses = Vec::new();
        for reason in [ReasonCode::Status, ReasonCode::Ok] {
            world.script(&check, reason);
            for _ in 0..4 {
                world.clock.sleep(INTERVAL).await;
                let view = world.memory.views(&[host], INTERVAL * 2).await.unwrap().remove(0);
                assert_eq!(view.last_result.unwrap().reason, reason, "the newest result is shown");
                statuses.push(view.status);
            }
        }
        use CheckStatus::{Healthy, Unhealthy};
        assert_eq!(
            statuses,
            [Healthy, Healthy, Unhealthy, Unhealthy, Unhealthy, Healthy, Healthy, Healthy]
        );
    });
}

/// A host with a failing check runs more often, and as usual again once all are healthy.
#[test]
fn a_host_runs_at_the_shorter_interval_while_a_check_of_it_fails() {
    let world = World::new();
    let config = PollerConfig { unhealthy_interval: Some(MINUTE), ..PollerConfig::default() };
    let poller = world.poller(config);
    let (failing, fine) = (world.host(1), world.host(2));
    world.play(poller.run(CancellationToken::new()), async {
        let check = world.check(failing, "a").await;
        world.check(failing, "b").await;
        world.check(fine, "a").await;
        world.clock.sleep(INTERVAL * 2).await;
        let runs = async |lasts: Duration| {
            let before = world.ran().len();
            world.clock.sleep(lasts).await;
            let ran = world.ran().split_off(before);
            let count = |host| ran.iter().filter(|run| run.host == host).count();
            (count(failing), count(fine))
        };
        assert_eq!(runs(INTERVAL * 2).await, (2, 2));
        world.script(&check, ReasonCode::ServiceUnhealthy);
        world.clock.sleep(INTERVAL).await;
        assert_eq!(runs(INTERVAL * 2).await, (10, 2), "every minute, on slots of its own");
        world.script(&check, ReasonCode::Ok);
        world.clock.sleep(INTERVAL).await;
        assert_eq!(runs(INTERVAL * 2).await, (2, 2));
    });
}

/// Runs pollers one after another, each of which dies as soon as it runs the poisoned host's checks,
/// until one lives through two minutes. Answers with how many died.
pub(crate) fn workers_lost_to(world: &World, poisoned: HostId) -> usize {
    for died in 0..20 {
        let poller = world.poller(PollerConfig::default());
        let before = world.ran().len();
        let survived = world.play(poller.run(CancellationToken::new()), async {
            for _ in 0..1_200 {
                world.clock.sleep(Duration::from_millis(100)).await;
                if world.ran().iter().skip(before).any(|run| run.host == poisoned) {
                    return false;
                }
            }
            true
        });
        if survived {
            return died;
        }
    }
    panic!("the host kills worker after worker");
}

/// F68: a host that kills each worker is not run any more after three of them, and those that were
/// claimed together with it are.
#[test]
fn f68_a_host_that_kills_its_workers_is_quarantined_and_its_neighbours_are_not() {
    let world = World::new();
    let (poisoned, hosts) = (world.host(7), (1..=12).map(|number| world.host(number)));
    let hosts: Vec<HostId> = hosts.collect();
    let mut checks = HashMap::new();
    world.clock.drive(async {
        for host in &hosts {
            let check = world.check(*host, "a").await;
            world.script_as(&check, Script::Answer(ReasonCode::Ok, Duration::from_secs(1)));
            checks.insert(*host, check);
        }
    });
    assert_eq!(workers_lost_to(&world, poisoned), 3);

    let poller = world.poller(PollerConfig::default());
    world.play(poller.run(CancellationToken::new()), async {
        let views = world.memory.views(&hosts, INTERVAL * 2).await.unwrap();
        for view in &views {
            let result = view.last_result.as_ref().unwrap();
            if view.check.host_id == poisoned {
                assert_eq!(
                    (result.reason, view.status),
                    (ReasonCode::Internal, CheckStatus::Unknown)
                );
                assert!(
                    result.detail.as_str().contains("quarantined: 3 workers"),
                    "{}",
                    result.detail
                );
            } else {
                assert_eq!(view.status, CheckStatus::Healthy, "{}", view.check.host_id);
            }
        }
        let runs = || world.ran().iter().filter(|run| run.host == poisoned).count();
        let before = runs();
        world.clock.sleep(MINUTE * 50).await;
        assert_eq!(runs(), before, "it is left alone for an hour");
        world.edit(&checks[&poisoned], json!({"name": "mended"})).await;
        world.clock.sleep(Duration::from_secs(5)).await;
        assert_eq!(runs(), before + 1, "a change of its checks ends the quarantine");
        let view = world.memory.views(&[poisoned], INTERVAL * 2).await.unwrap().remove(0);
        assert_eq!(view.status, CheckStatus::Healthy);
    });
}

/// F68: without a change it is tried again after its time.
#[test]
fn f68_a_quarantine_ends_by_itself() {
    let world = World::new();
    let poisoned = world.host(1);
    world.clock.drive(async { world.check(poisoned, "a").await });
    assert_eq!(workers_lost_to(&world, poisoned), 3);
    let poller = world.poller(PollerConfig::default());
    world.play(poller.run(CancellationToken::new()), async {
        let before = world.ran().len();
        world.clock.sleep(MINUTE * 50).await;
        assert_eq!(world.ran().len(), before);
        world.clock.sleep(MINUTE * 20).await;
        assert!(world.ran().len() > before);
    });
}

/// F68: hosts that wait for their turn at a busy agent wait under no lease, and lose none.
#[test]
fn f68_a_queue_that_is_too_long_makes_nobody_suspect() {
    let world = World::new();
    let poller = world.poller(PollerConfig::default());
    let target = world.host(1);
    world.play(poller.run(CancellationToken::new()), async {
        for number in 2..=60 {
            let check = world.check_of(world.host(number), "shared", Some(target)).await;
            let takes = Duration::from_secs(8);
            world.script_as(&check, Script::Answer(ReasonCode::Ok, takes));
        }
        world.clock.sleep(MINUTE * 10).await;
    });
    assert_eq!(poller.stats().leases_lost, 0);
    world.clock.drive(async {
        world.clock.sleep(INTERVAL * 2).await;
        let request = ClaimRequest::new(WorkerId::generate(), 100, Duration::from_secs(60));
        let claims = world.memory.claim_hosts(request).await.unwrap();
        assert_eq!(claims.hosts.len(), 59);
        // The poller died with a block of them; nobody lost more than that one lease.
        assert!(claims.hosts.iter().all(|host| host.lost_leases <= 1));
    });
}

/// F49: where most results would go at once, since the store's clock has jumped, none goes, and people
/// can tell.
#[test]
fn f49_pruning_pauses_where_most_results_would_go_at_once() {
    let world = World::new();
    let poller = world.poller(PollerConfig::default());
    let hosts: Vec<HostId> = (1..=200).map(|number| world.host(number)).collect();
    world.play(poller.run(CancellationToken::new()), async {
        let mut checks = Vec::new();
        for host in &hosts {
            checks.push(world.check(*host, "a").await);
        }
        world.clock.sleep(INTERVAL * 40).await;
        world.clock.step_wall(TimeDelta::days(5));
        world.clock.sleep(MINUTE * 10).await;
        assert_eq!(poller.stats().results_pruned, 0);
        world.clock.step_wall(TimeDelta::days(-5));
        world.clock.sleep(MINUTE * 10).await;
        let check = &checks[0];
        let page = world.memory.history(check.host_id, check.id, None, 100).await.unwrap();
        // What was dated further ahead than results are kept is gone, and nothing else (F136).
        assert!(page.results.iter().skip(1).all(|result| result.checked_at <= world.now()));
        assert!(page.results.len() >= 40, "{}", page.results.len());
    });
}

/// F09: a time that comes twice, or goes back by a second, never takes a state back, and makes no
/// second result of one instant.
#[test]
fn f09_a_repeated_second_takes_no_state_back() {
    let world = World::new();
    let interval = Duration::from_secs(10);
    let poller = world.poller(PollerConfig { interval, ..PollerConfig::default() });
    let host = world.host(1);
    world.play(poller.run(CancellationToken::new()), async {
        let check = world.check(host, "a").await;
        world.clock.sleep(interval * 2).await;
        let mut newest = world.memory.states(&[host]).await.unwrap()[0].latest.checked_at;
        for round in 0..60 {
            world.script(&check, if round % 2 == 0 { ReasonCode::Status } else { ReasonCode::Ok });
            world.clock.step_wall(TimeDelta::seconds(-1));
            world.clock.sleep(interval).await;
            let state = world.memory.states(&[host]).await.unwrap().remove(0);
            assert!(state.latest.checked_at >= newest, "round {round}");
            newest = state.latest.checked_at;
        }
        assert!(world.ran().len() >= 50);
        let page = world.memory.history(host, check.id, None, 1_000).await.unwrap();
        let times: Vec<_> = page.results.iter().map(|result| result.checked_at).collect();
        assert!(times.is_sorted_by(|newer, older| newer > older), "each instant once");
    });
}
