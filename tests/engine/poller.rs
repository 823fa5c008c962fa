//! What a poller does when nothing goes wrong.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use chrono::TimeDelta;
use healthgate::{
    checks::{PollerConfig, schedule},
    clock::Clock,
    model::{CheckStatus, ReasonCode, ResultSource},
    store::{PollQueue, ResultStore},
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::world::{MINUTE, Script, World};

const INTERVAL: Duration = Duration::from_secs(300);

#[test]
fn every_host_runs_once_in_each_interval_on_its_own_slot() {
    let world = World::new();
    let poller = world.poller(PollerConfig::default());
    let hosts: Vec<_> = (1..=60).map(|number| world.host(number)).collect();
    world.play(poller.run(CancellationToken::new()), async {
        for host in &hosts {
            world.check(*host, "a").await;
            world.check(*host, "b").await;
        }
        // The first run comes at once; from then on every host keeps to its slot.
        world.clock.sleep(INTERVAL).await;
        let (before, settled) = (world.ran().len(), world.now());
        let monotonic = world.clock.monotonic();
        world.clock.sleep(INTERVAL * 10).await;
        let ran = world.ran().split_off(before);
        let mut runs: HashMap<_, Vec<Duration>> = HashMap::new();
        for run in &ran {
            assert_eq!(run.checks.len(), 2, "a host's checks run together");
            runs.entry(run.host).or_default().push(run.at);
        }
        for host in &hosts {
            let first = schedule::next_slot(*host, INTERVAL, settled) - settled;
            let first = monotonic + first.to_std().unwrap();
            let runs = &runs[host];
            assert_eq!(runs.len(), 10, "{host}");
            for (index, at) in runs.iter().enumerate() {
                let slot = first + INTERVAL * u32::try_from(index).unwrap();
                let late = at.checked_sub(slot).expect("never before its slot");
                assert!(late <= Duration::from_secs(1), "{late:?} late");
            }
        }
    });
    let stats = poller.stats();
    assert_eq!((stats.fenced, stats.leases_lost, stats.store_errors), (0, 0, 0));
}

#[test]
fn results_states_and_status_are_recorded_with_the_time_of_the_runs_start() {
    let world = World::new();
    let poller = world.poller(PollerConfig::default());
    let host = world.host(1);
    world.play(poller.run(CancellationToken::new()), async {
        let (good, bad) = (world.check(host, "good").await, world.check(host, "bad").await);
        let took = Duration::from_secs(3);
        world.script_as(&bad, Script::Answer(ReasonCode::ServiceUnhealthy, took));
        world.clock.sleep(MINUTE).await;
        let views = world.memory.views(&[host], INTERVAL * 2).await.unwrap();
        let status = |id| views.iter().find(|view| view.check.id == id).unwrap();
        assert_eq!(status(good.id).status, CheckStatus::Healthy);
        assert_eq!(status(bad.id).status, CheckStatus::Unhealthy);
        let result = status(bad.id).last_result.clone().unwrap();
        let ran_at = world.ran()[0].at;
        assert_eq!(result.checked_at, world.now() - TimeDelta::from_std(MINUTE - ran_at).unwrap());
        assert_eq!((result.latency_ms, result.source), (3_000, ResultSource::Poll));
        assert_eq!(world.ran().len(), 1);
    });
}

#[test]
fn a_new_or_changed_check_runs_at_once_and_a_disabled_one_stops() {
    let world = World::new();
    let poller = world.poller(PollerConfig::default());
    let nudge = poller.nudge_handle();
    let host = world.host(1);
    world.play(poller.run(CancellationToken::new()), async {
        world.clock.sleep(Duration::from_millis(2_500)).await;
        let check = world.check(host, "a").await;
        let made = world.clock.monotonic();
        nudge.nudge();
        world.clock.sleep(Duration::from_millis(10)).await;
        assert_eq!(world.ran()[0].at, made, "a nudge runs it at once");

        world.clock.sleep(MINUTE).await;
        world.edit(&check, json!({"service_name": "b"})).await;
        let edited = world.clock.monotonic();
        world.clock.sleep(Duration::from_secs(2)).await;
        let after = world.ran()[1].at - edited;
        assert!(after <= Duration::from_secs(1), "without a nudge at the next tick: {after:?}");

        world.edit(&check, json!({"enabled": false})).await;
        world.clock.sleep(INTERVAL * 3).await;
        assert_eq!(world.ran().len(), 2, "a disabled check does not run");
        world.edit(&check, json!({"enabled": true})).await;
        world.clock.sleep(Duration::from_secs(2)).await;
        assert_eq!(world.ran().len(), 3);
    });
}

/// F42: hosts that never answer do not delay those that do.
#[test]
fn f42_two_thousand_dead_hosts_do_not_delay_the_others() {
    let world = World::new();
    let poller = world.poller(PollerConfig::default());
    world.play(poller.run(CancellationToken::new()), async {
        let mut healthy = Vec::new();
        for number in 1..=4_000 {
            let host = world.host(number);
            let check = world.check(host, "a").await;
            if number % 2 == 0 {
                let timeout = Duration::from_secs(10);
                world.script_as(&check, Script::Answer(ReasonCode::TimeoutConnect, timeout));
            } else {
                healthy.push(host);
            }
        }
        // After the first rush each host has its slot.
        world.clock.sleep(INTERVAL * 2).await;
        let before = world.ran().len();
        let (settled, monotonic) = (world.now(), world.clock.monotonic());
        world.clock.sleep(INTERVAL).await;
        let ran = world.ran().split_off(before);
        let mut late: Vec<Duration> = healthy
            .iter()
            .map(|host| {
                let slot = schedule::next_slot(*host, INTERVAL, settled) - settled;
                let at = ran.iter().find(|run| run.host == *host).expect("it ran").at;
                at.saturating_sub(monotonic + slot.to_std().unwrap())
            })
            .collect();
        late.sort();
        assert!(late[late.len() * 99 / 100] <= Duration::from_secs(10), "{:?}", late.last());
    });
}

/// F43: however many hosts ask one agent, only so many runs of them are under way.
#[test]
fn f43_one_agent_is_asked_by_a_bounded_number_of_hosts_at_a_time() {
    let world = World::new();
    let poller = world.poller(PollerConfig::default());
    let target = world.host(1);
    world.play(poller.run(CancellationToken::new()), async {
        for number in 2..=40 {
            let check = world.check_of(world.host(number), "shared", Some(target)).await;
            let takes = Duration::from_secs(1);
            world.script_as(&check, Script::Answer(ReasonCode::Ok, takes));
        }
        let alone = world.check(world.host(50), "alone").await;
        world.clock.sleep(Duration::from_secs(1)).await;
        assert!(world.ran().iter().any(|run| run.checks == [alone.id]), "others are not held up");
        world.clock.sleep(MINUTE).await;
        let ran: HashSet<_> = world.ran().iter().map(|run| run.host).collect();
        assert_eq!(ran.len(), 40, "each has run");
    });
    let peaks = world.peaks();
    assert_eq!(peaks["10.0.0.1:1001"], 2, "{peaks:?}");
}

/// F44: a run that takes longer than the interval is not overlapped by the next one.
#[test]
fn f44_a_check_never_overlaps_itself_and_missed_slots_are_skipped() {
    let world = World::new();
    let config = PollerConfig {
        interval: Duration::from_secs(5),
        allow_missed_slots: true,
        ..PollerConfig::default()
    };
    let poller = world.poller(config);
    let host = world.host(1);
    world.play(poller.run(CancellationToken::new()), async {
        let check = world.check(host, "slow").await;
        let takes = Duration::from_secs(8);
        world.script_as(&check, Script::Answer(ReasonCode::Ok, takes));
        world.clock.sleep(MINUTE * 2).await;
        let ran = world.ran();
        assert!(ran.windows(2).all(|pair| pair[1].at >= pair[0].at + takes));
        assert!((10..=13).contains(&ran.len()), "every other slot: {}", ran.len());
    });
    assert_eq!(world.peaks()["10.0.0.1:1001"], 1);
}

#[test]
fn old_results_go_and_the_newest_of_a_check_stays() {
    let world = World::new();
    let poller = world.poller(PollerConfig::default());
    let host = world.host(1);
    let (kept, quiet) = world.play(poller.run(CancellationToken::new()), async {
        let (kept, quiet) = (world.check(host, "kept").await, world.check(host, "quiet").await);
        world.clock.sleep(MINUTE).await;
        let quiet = world.edit(&quiet, json!({"enabled": false})).await;
        world.clock.sleep(Duration::from_secs(5 * 24 * 3600)).await;
        (kept, quiet)
    });
    world.clock.drive(async {
        let page = world.memory.history(host, kept.id, None, 5_000).await.unwrap();
        let four_days = 4 * 24 * 12;
        assert!(
            (four_days..=four_days + 2).contains(&page.results.len()),
            "{}",
            page.results.len()
        );
        let page = world.memory.history(host, quiet.id, None, 10).await.unwrap();
        assert_eq!(page.results.len(), 1, "the newest stays for as long as the check");
    });
}

/// Two pollers share the work: nothing runs twice in an interval, nothing is left out.
#[test]
fn f67_two_pollers_never_run_a_host_twice_in_an_interval() {
    let world = World::new();
    let (first, second) =
        (world.poller(PollerConfig::default()), world.poller(PollerConfig::default()));
    let stop = CancellationToken::new();
    let both = async {
        tokio::join!(first.run(stop.clone()), second.run(stop.clone()));
    };
    world.play(both, async {
        for number in 1..=300 {
            world.check(world.host(number), "a").await;
        }
        world.clock.sleep(INTERVAL).await;
        let before = world.ran().len();
        world.clock.sleep(INTERVAL * 4).await;
        let mut runs: HashMap<_, u32> = HashMap::new();
        for run in world.ran().split_off(before) {
            *runs.entry(run.host).or_default() += 1;
        }
        assert_eq!(runs.len(), 300);
        assert!(runs.values().all(|count| *count == 4));
    });
    assert!(first.stats().checks_run > 0 && second.stats().checks_run > 0);
    assert_eq!(first.stats().fenced + second.stats().fenced, 0);
}

/// F41: after a restart nothing is due but what is due anyway.
#[test]
fn f41_a_restart_brings_no_burst() {
    let world = World::new();
    let poller = world.poller(PollerConfig::default());
    world.play(poller.run(CancellationToken::new()), async {
        for number in 1..=1_000 {
            world.check(world.host(number), "a").await;
        }
        world.clock.sleep(INTERVAL * 2).await;
    });
    let before = world.ran().len();
    let poller = world.poller(PollerConfig::default());
    world.play(poller.run(CancellationToken::new()), async {
        let restarted = world.clock.monotonic();
        world.clock.sleep(INTERVAL).await;
        let ran = world.ran().split_off(before);
        let mut counts = [0_u32; 10];
        for run in &ran {
            counts[usize::try_from((run.at - restarted).as_secs() / 30).unwrap().min(9)] += 1;
        }
        assert_eq!(ran.len(), 1_000);
        assert!(counts.iter().all(|count| *count <= 140), "{counts:?}");
    });
}

#[test]
fn the_backlog_shows_what_is_due() {
    let world = World::new();
    world.clock.drive(async {
        world.check(world.host(1), "a").await;
        world.clock.sleep(MINUTE).await;
        let backlog = world.memory.backlog().await.unwrap();
        let since = world.now() - TimeDelta::seconds(60);
        assert_eq!((backlog.due, backlog.oldest_due_at), (1, Some(since)));
    });
}
