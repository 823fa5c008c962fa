//! Hosts that share agents, suspects, and stores that are slow: nobody waits for another's fault.

use std::{collections::HashMap, time::Duration};

use chrono::TimeDelta;
use healthgate::{
    checks::{Capacity, PollerConfig, run_bound},
    clock::Clock,
    gate::GatePolicy,
    model::{CheckStatus, GateRequest, HealthCheck, HostId, JobId, ReasonCode, WorkerId},
    store::{ClaimRequest, GateStore, PollQueue, ResultStore},
    testing::{Fault, FaultRule, Operation},
};
use proptest::prelude::*;
use tokio_util::sync::CancellationToken;

use crate::world::{MINUTE, Script, World};

const INTERVAL: Duration = Duration::from_secs(300);

/// How much later than its slot a run may start: a tick, and what is recorded before it.
const LATE: Duration = Duration::from_secs(5);

fn answers(reason: ReasonCode, seconds: u64) -> Script {
    Script::Answer(reason, Duration::from_secs(seconds))
}

/// Hosts with a check of their own each and one that asks a shared agent, which answers like this.
async fn sharing(world: &World, hosts: u128, script: Script) -> Vec<[HealthCheck; 2]> {
    let target = world.host(50_000);
    let mut checks = Vec::new();
    for number in 1..=hosts {
        let host = world.host(number);
        let own = world.check(host, "own").await;
        let shared = world.check_of(host, "shared", Some(target)).await;
        world.script_as(&shared, script);
        checks.push([own, shared]);
    }
    checks
}

/// The longest time between two runs of each check, and from its last run until now.
fn longest_gaps(world: &World) -> HashMap<healthgate::model::CheckId, Duration> {
    let mut last: HashMap<_, Duration> = HashMap::new();
    let mut gaps: HashMap<_, Duration> = HashMap::new();
    let now = world.clock.monotonic();
    for run in world.ran() {
        for check in run.checks {
            let before = last.insert(check, run.at).unwrap_or(run.at);
            let gap = gaps.entry(check).or_default();
            *gap = (*gap).max(run.at - before);
        }
    }
    for (check, at) in last {
        let gap = gaps.entry(check).or_default();
        *gap = (*gap).max(now - at);
    }
    gaps
}

/// F134: hosts whose second check asks a shared agent that never answers, or answers slowly, have
/// their own checks recorded in time, and the others get their turn.
#[test]
fn f134_a_slow_agent_costs_the_checks_that_ask_it_alone() {
    let dead = answers(ReasonCode::TimeoutConnect, 10);
    let slow = answers(ReasonCode::Ok, 8);
    for (hosts, script, shared_status) in
        [(55, dead, CheckStatus::Unhealthy), (80, slow, CheckStatus::Healthy)]
    {
        let world = World::new();
        let poller = world.poller(PollerConfig::default());
        world.play(poller.run(CancellationToken::new()), async {
            let checks = sharing(&world, hosts, script).await;
            let ids: Vec<HostId> = checks.iter().map(|[own, _]| own.host_id).collect();
            world.clock.sleep(INTERVAL * 2 + MINUTE).await;
            for minute in 0..30 {
                world.clock.sleep(MINUTE).await;
                let views = world.memory.views(&ids, INTERVAL * 2).await.unwrap();
                for view in views {
                    let shared = view.check.definition.target_host_id().is_some();
                    let expected = if shared { shared_status } else { CheckStatus::Healthy };
                    let name = &view.check.definition.name;
                    assert_eq!(view.status, expected, "minute {minute}, {hosts} hosts: {name}");
                }
            }
            let gaps = longest_gaps(&world);
            for [own, shared] in &checks {
                // Its slot may come while the other check has its turn.
                let longest = INTERVAL + run_bound(Duration::from_secs(10)) + LATE;
                assert!(gaps[&own.id] <= longest, "own: {:?}", gaps[&own.id]);
                assert!(gaps[&shared.id] <= INTERVAL * 2, "shared: {:?}", gaps[&shared.id]);
            }
        });
        let stats = poller.stats();
        assert_eq!((stats.leases_lost, stats.fenced), (0, 0));
        assert!(world.peaks().values().all(|peak| *peak <= 2), "{:?}", world.peaks());
    }
}

/// F134: checks that cannot be asked in time say so.
#[test]
fn f134_a_check_that_waits_too_long_for_its_turn_says_so() {
    let world = World::new();
    let poller = world.poller(PollerConfig::default());
    world.play(poller.run(CancellationToken::new()), async {
        let checks = sharing(&world, 300, answers(ReasonCode::TimeoutHead, 10)).await;
        let ids: Vec<HostId> = checks.iter().map(|[own, _]| own.host_id).collect();
        world.clock.sleep(INTERVAL * 4).await;
        let states = world.memory.states(&ids).await.unwrap();
        let shared = |id| checks.iter().any(|[_, shared]| shared.id == id);
        let waiting: Vec<_> = states
            .iter()
            .map(|state| &state.latest)
            .filter(|latest| shared(latest.check_id))
            .filter(|latest| latest.reason == ReasonCode::NotRunCapacity)
            .collect();
        assert!(waiting.len() > 50, "{}", waiting.len());
        let detail = waiting[0].detail.as_str();
        assert!(detail.contains("hosts wait for it"), "{detail}");
        // Each has its turn, in the order of coming.
        world.clock.sleep(INTERVAL * 7).await;
        let ran = world.ran();
        let asked = |id| ran.iter().filter(|run| run.checks.contains(&id)).count();
        let turns: Vec<usize> = checks.iter().map(|[_, shared]| asked(shared.id)).collect();
        assert!(turns.iter().all(|turns| (1..=4).contains(turns)), "{turns:?}");
    });
}

/// F135: 850 hosts on one dead agent among 2,000. Prints how late the others are.
#[test]
fn f135_a_dead_agent_of_many_hosts_makes_no_other_host_late() {
    let world = World::new();
    let poller = world.poller(PollerConfig::default());
    let mut lates = world.play(poller.run(CancellationToken::new()), async {
        let target = world.host(50_000);
        let mut others = Vec::new();
        for number in 1..=2_000 {
            let host = world.host(number);
            if number <= 850 {
                let check = world.check_of(host, "shared", Some(target)).await;
                world.script_as(&check, answers(ReasonCode::TimeoutConnect, 10));
            } else {
                others.push(world.check(host, "own").await);
            }
        }
        world.clock.sleep(INTERVAL).await;
        let (skip, from) = (world.ran().len(), world.now());
        let monotonic = world.clock.monotonic();
        world.clock.sleep(INTERVAL * 6).await;
        let mut runs: HashMap<HostId, Vec<Duration>> = HashMap::new();
        for run in world.ran().split_off(skip) {
            runs.entry(run.host).or_default().push(run.at);
        }
        let mut lates = Vec::new();
        for check in &others {
            let host = check.host_id;
            let slot = healthgate::checks::schedule::next_slot(host, INTERVAL, from) - from;
            let slot = monotonic + slot.to_std().unwrap();
            // The run of the slot before may come just after the count begins.
            let runs: Vec<Duration> =
                runs[&host].iter().copied().filter(|at| *at >= slot).collect();
            assert!((5..=6).contains(&runs.len()), "{host}: {}", runs.len());
            for (index, at) in (0..).zip(runs) {
                lates.push(at - (slot + INTERVAL * index));
            }
        }
        lates
    });
    lates.sort_unstable();
    let at = |percent: usize| lates[(lates.len() - 1) * percent / 100];
    println!("lateness: p50 {:?}, p99 {:?}, max {:?}", at(50), at(99), at(100));
    assert!(at(100) <= LATE, "{:?}", at(100));
    assert_eq!(poller.stats().leases_lost, 0);
}

/// F135: hosts that two dead workers held run one at a time, and nobody else waits for them.
#[test]
fn f135_suspects_hold_up_nobody_else() {
    for script in [answers(ReasonCode::Ok, 0), answers(ReasonCode::TimeoutConnect, 10)] {
        let world = World::new();
        let poller = world.poller(PollerConfig::default());
        let mut checks = Vec::new();
        world.clock.drive(async {
            for number in 1..=300 {
                let check = world.check(world.host(number), "a").await;
                world.script_as(&check, script);
            }
            for _ in 0..2 {
                let request =
                    ClaimRequest::new(WorkerId::generate(), 1_000, PollerConfig::default().lease());
                assert_eq!(world.memory.claim_hosts(request).await.unwrap().hosts.len(), 300);
                world.clock.sleep(Duration::from_secs(61)).await;
            }
            for number in 301..=400 {
                checks.push(world.check(world.host(number), "a").await);
            }
        });
        let calls = world.store.calls();
        world.play(poller.run(CancellationToken::new()), world.clock.sleep(MINUTE * 30));
        let gaps = longest_gaps(&world);
        let ran = world.ran();
        let started = ran[0].at;
        for check in &checks {
            let first = ran.iter().find(|run| run.host == check.host_id).unwrap().at;
            assert!(first - started <= LATE, "first run after {:?}", first - started);
            assert!(gaps[&check.id] <= INTERVAL + LATE, "{:?}", gaps[&check.id]);
        }
        let calls = world.store.calls() - calls;
        assert!(calls < 30 * 60 * 5, "no loop of claims and releases: {calls} calls");
        let suspects = ran.iter().filter(|run| run.host <= world.host(300)).count();
        assert!(suspects > 100, "they have their turns: {suspects}");
        assert_eq!(poller.stats().quarantined, 0);
    }
}

/// F136: the store's clock jumps ahead by 6 h for 10 min and is put right: no host waits longer than
/// an interval. The same where the interval was shortened at a restart.
#[test]
fn f136_nothing_that_was_due_too_far_ahead_is_waited_for() {
    let world = World::new();
    let slow = PollerConfig { interval: Duration::from_secs(6 * 3600), ..PollerConfig::default() };
    let poller = world.poller(slow);
    let hosts: Vec<HostId> = (1..=50).map(|number| world.host(number)).collect();
    world.play(poller.run(CancellationToken::new()), async {
        for host in &hosts {
            world.check(*host, "a").await;
        }
        world.clock.sleep(MINUTE).await;
    });
    let poller = world.poller(PollerConfig { interval: MINUTE, ..PollerConfig::default() });
    world.play(poller.run(CancellationToken::new()), async {
        let runs = async |lasts: Duration| {
            let before = world.ran().len();
            world.clock.sleep(lasts).await;
            let ran = world.ran().split_off(before);
            let count = |host: &HostId| ran.iter().filter(|run| run.host == *host).count();
            hosts.iter().map(count).min().unwrap()
        };
        assert!(runs(MINUTE + LATE).await >= 1, "the interval was shortened");
        world.clock.step_wall(TimeDelta::hours(6));
        assert!(runs(MINUTE * 10).await >= 9);
        world.clock.step_wall(TimeDelta::hours(-6));
        assert!(runs(MINUTE + LATE).await >= 1, "the clock was put right");
        assert!(runs(MINUTE * 10).await >= 9);
    });
}

/// F147: results cannot be written for 3 min while claims work. No host is suspected for it, here or
/// by another worker.
#[test]
fn f147_a_worker_that_cannot_write_makes_nobody_suspect() {
    let world = World::new();
    let config = PollerConfig { interval: MINUTE, ..PollerConfig::default() };
    let pollers = [world.poller(config.clone()), world.poller(config)];
    let both = async {
        let stop = CancellationToken::new();
        tokio::join!(pollers[0].run(stop.clone()), pollers[1].run(stop));
    };
    let hosts: Vec<HostId> = (1..=40).map(|number| world.host(number)).collect();
    world.play(both, async {
        for host in &hosts {
            world.check(*host, "a").await;
        }
        world.clock.sleep(MINUTE * 2).await;
        for _ in 0..3 {
            let rule = FaultRule::new(Fault::Before);
            world.store.inject(rule.with_operations([Operation::CompleteHosts]));
            world.clock.sleep(MINUTE * 3).await;
            world.store.heal();
            world.clock.sleep(Duration::from_secs(45)).await;
        }
        world.clock.sleep(MINUTE * 3).await;
        let views = world.memory.views(&hosts, MINUTE * 2).await.unwrap();
        let odd: Vec<_> = views.iter().filter(|view| view.status != CheckStatus::Healthy).collect();
        assert!(odd.is_empty(), "{odd:#?}");
    });
    assert_eq!(pollers.map(|poller| poller.stats().quarantined), [0, 0]);
    world.clock.drive(async {
        world.clock.sleep(MINUTE * 2).await;
        let request = ClaimRequest::new(WorkerId::generate(), 100, MINUTE);
        let claims = world.memory.claim_hosts(request).await.unwrap();
        assert!(claims.hosts.iter().all(|host| host.lost_leases <= 1), "the last workers' leases");
    });
}

/// F153: a store that takes 2 s for each batch of results loses none of them: claiming keeps pace.
#[test]
fn f153_a_slow_store_costs_no_results() {
    let world = World::new();
    let config = PollerConfig { flush_hosts: 10, interval: MINUTE, ..PollerConfig::default() };
    let poller = world.poller(config);
    world.store.inject(
        FaultRule::new(Fault::Delay(Duration::from_secs(2)))
            .with_operations([Operation::CompleteHosts]),
    );
    world.play(poller.run(CancellationToken::new()), async {
        for number in 1..=1_500 {
            world.check(world.host(number), "a").await;
        }
        world.clock.sleep(MINUTE * 10).await;
    });
    let stats = poller.stats();
    assert_eq!((stats.fenced, stats.leases_lost, stats.overflowed), (0, 0, 0));
    assert!(stats.hosts_completed >= 1_500 * 8, "{}", stats.hosts_completed);
}

/// F142: a run that is cut keeps what has answered, in polling and in an attempt of a gate.
#[test]
fn f142_a_run_that_is_cut_keeps_what_has_answered() {
    let mut world = World::new();
    world.policy = GatePolicy { retry: MINUTE, spread: Duration::ZERO, ..GatePolicy::default() };
    let (poller, gates) = (world.poller(PollerConfig::default()), world.gates());
    let host = world.host(1);
    let mut checks = Vec::new();
    world.clock.drive(async {
        for name in ["a", "b", "c", "d", "e"] {
            checks.push(world.check(host, name).await);
        }
    });
    let hanging = &checks[3..];
    hanging.iter().for_each(|check| world.script_as(check, Script::Hang));
    let reasons = async || {
        let states = world.memory.states(&[host]).await.unwrap();
        let reason = |check: &HealthCheck| {
            states.iter().find(|state| state.latest.check_id == check.id).unwrap().latest.reason
        };
        checks.iter().map(reason).collect::<Vec<_>>()
    };
    use ReasonCode::{Internal, Ok};
    world.play(poller.run(CancellationToken::new()), async {
        world.clock.sleep(Duration::from_secs(20)).await;
        assert_eq!(reasons().await, [Ok, Ok, Ok, Internal, Internal]);
    });
    world.play(gates.run(CancellationToken::new()), async {
        world.clock.sleep(INTERVAL * 2).await;
        let before = world.memory.states(&[host]).await.unwrap()[0].latest.checked_at;
        let request = world.request(host, MINUTE * 30);
        world.gate().open(request.clone()).await.unwrap();
        world.clock.sleep(Duration::from_secs(30)).await;
        let record = world.record(&request).await;
        let attempts = world.attempts(&record).await;
        let evidence = &attempts[0].checks;
        assert_eq!(evidence.iter().filter(|evidence| evidence.healthy).count(), 3, "{evidence:?}");
        let after = world.memory.states(&[host]).await.unwrap()[0].latest.checked_at;
        assert!(after > before, "and they are recorded");
    });
}

/// F165: polling and gates together ask no agent more often at the same time than is allowed, and
/// gates go first.
#[test]
fn f165_the_limit_of_an_agent_holds_over_polling_and_gates() {
    let world = World::new();
    let capacity = Capacity::new(64);
    let poller = world.poller(PollerConfig::default()).with_capacity(capacity.clone());
    let gates = world.gates().with_capacity(capacity);
    let both = async {
        let stop = CancellationToken::new();
        tokio::join!(gates.run(stop.clone()), poller.run(stop));
    };
    world.play(both, async {
        let checks = sharing(&world, 100, answers(ReasonCode::Ok, 8)).await;
        let healthy = world.check(world.host(900), "own").await;
        world.clock.sleep(MINUTE).await;
        let mut requests = Vec::new();
        for [_, shared] in checks.iter().take(8) {
            let window = world.window(Duration::ZERO, MINUTE * 30);
            requests.push(GateRequest::new(JobId::generate(), shared.host_id, window));
        }
        let unrelated = world.request(healthy.host_id, MINUTE * 40);
        requests.push(unrelated.clone());
        for request in &requests {
            world.memory.open_gate(request.clone()).await.unwrap();
        }
        world.clock.sleep(Duration::from_secs(5)).await;
        assert!(world.record(&unrelated).await.pass.is_some(), "a busy agent is not its own");
        world.clock.sleep(MINUTE).await;
        for request in &requests {
            assert!(world.record(request).await.pass.is_some(), "gates go before polling");
        }
        world.clock.sleep(MINUTE * 5).await;
    });
    assert!(world.peaks().values().all(|peak| *peak <= 2), "{:?}", world.peaks());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    /// F134, F135: whatever shared agents there are and however they answer, every check that asks
    /// none of them runs once in each interval, no agent is asked too often at once, and no lease is
    /// lost.
    #[test]
    fn f135_nobody_waits_for_anothers_agent(
        agents in proptest::collection::vec((0_u8..3, 1_u64..12), 1..6),
        hosts in proptest::collection::vec(proptest::collection::vec(0_usize..9, 1..5), 1..250),
        places in 24_usize..200,
    ) {
        let world = World::new();
        let config = PollerConfig { max_concurrent_checks: places, ..PollerConfig::default() };
        let poller = world.poller(config);
        let mut own = Vec::new();
        world.play(poller.run(CancellationToken::new()), async {
            for (number, checks) in (1..).zip(&hosts) {
                let host = world.host(number);
                for (index, agent) in checks.iter().enumerate() {
                    let name = format!("c{index}");
                    let Some((kind, seconds)) = agents.get(*agent) else {
                        own.push(world.check(host, &name).await);
                        continue;
                    };
                    let target = world.host(50_000 + u128::try_from(*agent).unwrap());
                    let check = world.check_of(host, &name, Some(target)).await;
                    world.script_as(&check, match kind {
                        0 => answers(ReasonCode::Ok, (*seconds).min(9)),
                        1 => answers(ReasonCode::TimeoutConnect, 10),
                        _ => Script::Hang,
                    });
                }
            }
            world.clock.sleep(INTERVAL * 5).await;
        });
        let gaps = longest_gaps(&world);
        for check in &own {
            let gap = gaps.get(&check.id).copied();
            // Places are short where all of them ask dead agents: a run's time may come on top.
            let longest = INTERVAL + LATE + Duration::from_secs(32);
            prop_assert!(gap.is_some_and(|gap| gap <= longest), "{:?}", gap);
        }
        prop_assert!(world.peaks().values().all(|peak| *peak <= 2), "{:?}", world.peaks());
        let stats = poller.stats();
        prop_assert_eq!((stats.leases_lost, stats.fenced, stats.quarantined), (0, 0, 0));
    }
}
