//! A poller whose own network fails, and fleets that only look as if it did.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::join_all;
use healthgate::{
    checks::{ObserverProbe, Poller, PollerConfig},
    clock::Clock,
    model::{CheckResult, CheckStatus, GateState, HealthCheck, HostId, ReasonCode},
    store::ResultStore,
};
use proptest::{prelude::*, sample::select};
use tokio_util::sync::CancellationToken;
use tracing::Level;

use crate::{
    log::Log,
    world::{MINUTE, Script, World},
};

const INTERVAL: Duration = Duration::from_secs(300);

/// A fleet of hosts with one check each, all of which have been healthy for two intervals.
struct Fleet {
    world: World,
    checks: Vec<HealthCheck>,
}

impl Fleet {
    fn new(hosts: u128) -> Self {
        let world = World::new();
        let checks = world.clock.drive(async {
            let mut checks = Vec::new();
            for number in 1..=hosts {
                checks.push(world.check(world.host(number), "a").await);
            }
            checks
        });
        Self { world, checks }
    }

    /// Tells a story while a poller runs; it begins when every host has been seen healthy.
    fn play<T>(&self, poller: &Poller, story: impl Future<Output = T>) -> T {
        self.world.play(poller.run(CancellationToken::new()), async {
            self.world.clock.sleep(INTERVAL * 2).await;
            story.await
        })
    }

    /// The same with several pollers on one store.
    fn play_all<T>(&self, pollers: &[Poller], story: impl Future<Output = T>) -> T {
        let runs = pollers.iter().map(|poller| poller.run(CancellationToken::new()));
        self.world.play(async { drop(join_all(runs).await) }, async {
            self.world.clock.sleep(INTERVAL * 4).await;
            story.await
        })
    }

    fn all(&self, reason: ReasonCode) {
        self.checks.iter().for_each(|check| self.world.script(check, reason));
    }

    /// How many checks are healthy, unhealthy, and unknown.
    async fn statuses(&self) -> [usize; 3] {
        let hosts: Vec<HostId> = self.checks.iter().map(|check| check.host_id).collect();
        let views = self.world.memory.views(&hosts, INTERVAL * 2).await.unwrap();
        [CheckStatus::Healthy, CheckStatus::Unhealthy, CheckStatus::Unknown]
            .map(|status| views.iter().filter(|view| view.status == status).count())
    }
}

/// F46: results are flagged, people are told once, gates stay blocked, and it ends by itself.
#[test]
fn f46_most_hosts_turning_unreachable_at_once_is_an_observer_fault() {
    let fleet = Fleet::new(200);
    let world = &fleet.world;
    let (poller, gates) = (world.poller(PollerConfig::default()), world.gates());
    let (told, log) = Log::of(Level::INFO, || {
        fleet.play(&poller, async {
            fleet.all(ReasonCode::Connect);
            world.clock.sleep(MINUTE).await;
            assert!(poller.stats().observer_fault);
            world.clock.sleep(INTERVAL).await;
            let [healthy, unhealthy, unknown] = fleet.statuses().await;
            assert_eq!((healthy, unhealthy), (0, 0), "each has run since, and none is blamed");
            assert_eq!(unknown, 200);
            let states = world.memory.states(&[fleet.checks[0].host_id]).await.unwrap();
            assert!(states[0].latest.observer_fault);
            assert_eq!(states[0].latest.reason, ReasonCode::Connect, "the reason stays");

            let request = world.request(fleet.checks[0].host_id, MINUTE * 30);
            let outside = CancellationToken::new();
            let waited = async {
                world.gate().open(request.clone()).await.unwrap();
                world.clock.sleep(MINUTE * 6).await;
                assert_eq!(world.record(&request).await.state, GateState::Waiting);
                fleet.all(ReasonCode::Ok);
                world.clock.sleep(INTERVAL + MINUTE).await;
                assert_eq!(world.record(&request).await.state, GateState::Passed);
            };
            tokio::select! { () = waited => {}, () = gates.run(outside) => {} }
            assert!(!poller.stats().observer_fault);
            fleet.statuses().await
        })
    });
    assert_eq!(told, [200, 0, 0]);
    assert_eq!(log.times("observer fault: most hosts became unreachable"), 1);
    assert_eq!(log.times("observer fault over"), 1);
}

/// F46: results that waited to be written when the fault showed itself are flagged too.
#[test]
fn f46_buffered_results_are_flagged_when_the_fault_shows() {
    let fleet = Fleet::new(200);
    let config = PollerConfig { flush_after: Duration::from_secs(14), ..PollerConfig::default() };
    let poller = fleet.world.poller(config);
    fleet.play(&poller, async {
        fleet.all(ReasonCode::TimeoutConnect);
        fleet.world.clock.sleep(MINUTE).await;
        let [healthy, unhealthy, unknown] = fleet.statuses().await;
        assert!(healthy > 120 && unknown > 20 && unhealthy < 16, "{unhealthy} {unknown}");
    });
}

/// Hosts that answer badly, few hosts, a part of the hosts, hosts that die one by one, and hosts that
/// have been dead for long are no fault of the observer.
#[test]
fn f46_hosts_that_fail_by_themselves_are_no_observer_fault() {
    let quiet = |fleet: &Fleet, story: &dyn Fn(usize)| {
        let world = &fleet.world;
        let poller = world.poller(PollerConfig::default());
        fleet.play(&poller, async {
            for step in 0..20 {
                story(step);
                world.clock.sleep(INTERVAL).await;
                assert!(!poller.stats().observer_fault, "step {step}");
            }
            assert_eq!(fleet.statuses().await[2], 0, "nothing is unknown");
        });
    };
    let fleet = Fleet::new(200);
    quiet(&fleet, &|_| fleet.all(ReasonCode::Status));
    let few = Fleet::new(9);
    quiet(&few, &|_| few.all(ReasonCode::Connect));
    let fleet = Fleet::new(200);
    quiet(&fleet, &|_| {
        fleet.checks[..120].iter().for_each(|check| fleet.world.script(check, ReasonCode::Connect));
    });
    let fleet = Fleet::new(200);
    quiet(&fleet, &|step| {
        let dying = &fleet.checks[step * 10..(step + 1) * 10];
        dying.iter().for_each(|check| fleet.world.script(check, ReasonCode::Connect));
    });
    // All of them are dead now, for this poller and for one that starts anew.
    quiet(&fleet, &|_| {});
}

/// F194: what this machine has no resources for is its own fault, in every result.
#[test]
fn f194_what_this_machine_ran_out_of_is_flagged_as_its_own() {
    let fleet = Fleet::new(2);
    let world = &fleet.world;
    let (poller, gates) = (world.poller(PollerConfig::default()), world.gates());
    fleet.play(&poller, async {
        fleet.all(ReasonCode::NoResources);
        let live = world.request(fleet.checks[0].host_id, MINUTE * 30);
        world.gate().open(live.clone()).await.unwrap();
        tokio::select! {
            () = gates.run(CancellationToken::new()) => {}
            () = world.clock.sleep(INTERVAL * 2) => {}
        }
        assert_eq!(fleet.statuses().await, [0, 0, 2]);
        let host = fleet.checks[0].host_id;
        let history = world.memory.history(host, fleet.checks[0].id, None, 100).await.unwrap();
        let ours = |one: &CheckResult| one.reason == ReasonCode::NoResources;
        assert!(history.results.iter().any(ours));
        for result in &history.results {
            assert_eq!(result.observer_fault, ours(result), "{result:?}");
        }
        assert_eq!(world.record(&live).await.state, GateState::Waiting);
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 0, ..ProptestConfig::default() })]

    /// F162: a fleet of 10 to 60 hosts and one to four workers that share one network. All results of an
    /// outage are flagged in the end, whatever the numbers; hosts that refuse connections, and a part of the
    /// hosts, are no outage.
    #[test]
    fn f162_workers_with_few_hosts_each_see_that_their_network_is_down(
        hosts in 10_u128..=60,
        workers in 1..=4,
        reason in select(vec![ReasonCode::TimeoutConnect, ReasonCode::Dns, ReasonCode::Connect]),
    ) {
        let fleet = Fleet::new(hosts);
        let world = &fleet.world;
        let pollers: Vec<Poller> =
            (0..workers).map(|_| world.poller(PollerConfig::default())).collect();
        let faults = || pollers.iter().filter(|one| one.stats().observer_fault).count();
        let all = fleet.checks.len();
        fleet.play_all(&pollers, async {
            fleet.checks.iter().for_each(|check| world.script_as(check, Script::Refuse));
            world.clock.sleep(INTERVAL * 3).await;
            assert_eq!(faults(), 0, "what is refused came over a network that works");
            assert_eq!(fleet.statuses().await, [0, all, 0], "nothing is flagged");
            fleet.all(ReasonCode::Ok);
            world.clock.sleep(INTERVAL * 2).await;

            let part = all * 2 / 3;
            fleet.checks[..part].iter().for_each(|check| world.script(check, reason));
            world.clock.sleep(INTERVAL * 3).await;
            assert_eq!(faults(), 0, "{part} of {all} are dead");
            fleet.all(ReasonCode::Ok);
            world.clock.sleep(INTERVAL * 2).await;

            fleet.all(reason);
            world.clock.sleep(INTERVAL * 3 / 2).await;
            assert!(faults() > 0, "the network is down");
            world.clock.sleep(INTERVAL * 2).await;
            assert_eq!(fleet.statuses().await, [0, 0, all], "no host is blamed");
            fleet.all(ReasonCode::Ok);
            world.clock.sleep(INTERVAL * 3 / 2).await;
            assert_eq!(faults(), 0, "it is over");
            assert_eq!(fleet.statuses().await, [all, 0, 0]);
        });
    }
}

#[derive(Debug, Default)]
struct Probe {
    works: AtomicBool,
    asked: AtomicU32,
}

#[async_trait]
impl ObserverProbe for Probe {
    async fn network_works(&self) -> bool {
        self.asked.fetch_add(1, Relaxed);
        self.works.load(Relaxed)
    }
}

/// F46: the application's probe decides where there is one, at the beginning and at the end.
#[test]
fn f46_the_applications_probe_confirms_a_fault_and_ends_it() {
    let fleet = Fleet::new(200);
    let world = &fleet.world;
    let probe = Arc::new(Probe { works: AtomicBool::new(true), ..Probe::default() });
    let poller = world.poller(PollerConfig::default()).with_probe(probe.clone());
    fleet.play(&poller, async {
        assert_eq!(probe.asked.load(Relaxed), 0, "nobody asks while all is well");
        fleet.all(ReasonCode::Connect);
        world.clock.sleep(INTERVAL).await;
        assert!(!poller.stats().observer_fault, "the network works: it is the hosts");
        assert!(fleet.statuses().await[1] > 150);
        assert!((1..=40).contains(&probe.asked.load(Relaxed)), "it is asked now and then");

        fleet.all(ReasonCode::Ok);
        world.clock.sleep(INTERVAL * 2).await;
        fleet.all(ReasonCode::Dns);
        probe.works.store(false, Relaxed);
        world.clock.sleep(MINUTE * 2).await;
        assert!(poller.stats().observer_fault);
        probe.works.store(true, Relaxed);
        world.clock.sleep(Duration::from_secs(15)).await;
        assert!(!poller.stats().observer_fault, "the probe ends it before a host has run again");
    });
}
