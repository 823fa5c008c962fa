//! The front door: one timing and one policy for checks, poller and gates.

use std::{sync::Arc, time::Duration};

use healthgate::{
    BuildError, Healthgate, HealthgateBuilder, Policy, Timing,
    checks::{Capacity, ManageError},
    clock::Clock,
    crypto::{Key, KeyRing},
    gate::{Admission, ConditionSource, HealthSource, Signal, SourceError, decide::Condition},
    model::{Actor, GateRecord, GateState, HostId, NewCheck, ReasonCode},
    store::{ResultStore, SecretStore, Spend},
};
use proptest::prelude::*;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use crate::world::{MINUTE, Script, World};

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A front door on the world's clock, store, hosts and scripted runner.
fn front(world: &World) -> HealthgateBuilder {
    Healthgate::builder(world.store.clone(), world.directory.clone())
        .clock(Arc::new(world.clock.clone()))
        .runner(world.runner.clone())
        .windows(world.windows.clone())
        .policy(Policy { spread: Duration::ZERO, ..Policy::default() })
}

/// The field that is refused, after which nothing was asked of the store.
fn refused(builder: impl FnOnce(HealthgateBuilder) -> HealthgateBuilder) -> Option<&'static str> {
    let world = World::new();
    let calls = world.store.calls();
    let built = world.clock.drive(builder(front(&world)).build());
    match built {
        Ok(_) => None,
        Err(BuildError::Config(error)) => {
            assert_eq!(world.store.calls(), calls, "figures are judged first");
            Some(error.field)
        }
        Err(other) => panic!("{other:?}"),
    }
}

/// Figures that are out of their bounds or do not agree are refused, under the name that the caller
/// gave them.
#[test]
fn f290_figures_that_do_not_agree_are_refused_before_anything_is_asked() {
    let good = Timing::default;
    let zero = Duration::ZERO;
    for (field, timing) in [
        ("interval", Timing { interval: zero, ..good() }),
        ("interval", Timing { interval: DAY * 7, retention: DAY * 9, ..good() }),
        ("timeout", Timing { timeout: zero, ..good() }),
        ("timeout", Timing { timeout: SECOND * 61, ..good() }),
        ("timeout", Timing { interval: SECOND * 9, ..good() }),
        ("unhealthy_interval", Timing { unhealthy_interval: Some(SECOND * 9), ..good() }),
        ("unhealthy_interval", Timing { unhealthy_interval: Some(MINUTE * 6), ..good() }),
        ("retry", Timing { retry: zero, ..good() }),
        ("retry", Timing { retry: DAY * 8, ..good() }),
        ("tick", Timing { tick: zero, ..good() }),
        ("tick", Timing { tick: SECOND * 3, ..good() }),
        ("retention", Timing { retention: MINUTE, ..good() }),
        ("gate_retention", Timing { gate_retention: Some(MINUTE), ..good() }),
        ("audit_retention", Timing { audit_retention: Some(MINUTE), ..good() }),
    ] {
        assert_eq!(timing.validate().err().map(|error| error.field), Some(field), "{timing:?}");
        assert_eq!(refused(|front| front.timing(timing.clone())), Some(field), "{timing:?}");
    }
    for (field, policy) in [
        ("pass_ttl", Policy { pass_ttl: zero, ..Policy::default() }),
        ("closing_margin", Policy { closing_margin: DAY * 7, ..Policy::default() }),
        ("healthy_after", Policy { healthy_after: 0, ..Policy::default() }),
        ("spread", Policy { spread: DAY * 8, ..Policy::default() }),
    ] {
        assert_eq!(refused(|front| front.policy(policy.clone())), Some(field), "{policy:?}");
    }
    assert_eq!(refused(|front| front.capacity(Capacity::split(0, 0))), Some("capacity"));
    assert_eq!(refused(|front| front), None);
    let short = Timing { interval: SECOND, timeout: SECOND, retry: SECOND, ..good() };
    assert_eq!(refused(|front| front.timing(short)), None);
}

/// A duration around the bounds of the figures.
fn around() -> impl Strategy<Value = Duration> {
    let days = (0_u64..10).prop_map(|days| DAY * u32::try_from(days).unwrap());
    prop_oneof![
        Just(Duration::ZERO),
        Just(Duration::MAX),
        (1_u64..120_000).prop_map(Duration::from_millis),
        (1_u64..7_200).prop_map(Duration::from_secs),
        days,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever times are given, they are refused by a name that the caller gave, or everything is built
    /// and works to these times.
    #[test]
    fn f290_any_timing_is_refused_by_name_or_agrees_everywhere(
        times in prop::array::uniform5(around()),
        unhealthy in prop::option::of(around()),
        retentions in prop::array::uniform2(prop::option::of(around())),
    ) {
        let [interval, timeout, retry, tick, retention] = times;
        let timing = Timing {
            interval,
            unhealthy_interval: unhealthy,
            timeout,
            retry,
            tick,
            retention,
            gate_retention: retentions[0],
            audit_retention: retentions[1],
            ..Timing::default()
        };
        let names = ["interval", "unhealthy_interval", "timeout", "retry", "tick", "retention",
            "gate_retention", "audit_retention"];
        let field = refused(|front| front.timing(timing.clone()));
        prop_assert!(field.is_none_or(|field| names.contains(&field)), "{:?}", field);
        prop_assert_eq!(field, timing.validate().err().map(|error| error.field));
        let agree = timeout <= interval && unhealthy.is_none_or(|it| it >= timeout && it <= interval);
        prop_assert!(field.is_some() || agree);
    }
}

/// H15, F37: poller and gates of one front door share one capacity, and the gates go first.
#[test]
fn h15_poller_and_gates_of_a_front_door_share_one_capacity() {
    let world = World::new();
    let capacity = Capacity::new(8);
    let timing = Timing { interval: SECOND * 20, timeout: SECOND * 10, ..Timing::default() };
    let builder = front(&world).capacity(capacity.clone()).timing(timing);
    let healthgate = world.clock.drive(builder.build()).unwrap();
    world.play(healthgate.run(CancellationToken::new()), async {
        for number in 100..200 {
            let check = world.check(world.host(number), "dead").await;
            world.script_as(&check, Script::Answer(ReasonCode::TimeoutHead, SECOND * 10));
        }
        world.clock.sleep(MINUTE).await;
        assert_eq!(capacity.in_use().polls, 8, "polling has all of it while no gate waits");
        let mut requests = Vec::new();
        for number in 1..=6 {
            let host = world.host(number);
            let check = world.check(host, "a").await;
            world.script_as(&check, Script::Answer(ReasonCode::Ok, SECOND * 5));
            requests.push(world.request(host, MINUTE * 10));
            healthgate.gate().open(requests[requests.len() - 1].clone()).await.unwrap();
        }
        let mut most = 0;
        for _ in 0..80 {
            world.clock.sleep(Duration::from_millis(250)).await;
            let used = capacity.in_use();
            assert!(used.polls + used.gates <= 8 && used.gates <= 6, "{used:?}");
            most = most.max(used.gates);
        }
        assert_eq!(most, 6, "the gates have their whole share as soon as polls have ended");
        for request in requests {
            assert!(world.record(&request).await.pass.is_some());
        }
    });
}

/// Poller, gates and tests of checks work to one timeout and one interval, and a new check is run at once.
#[test]
fn one_timing_reaches_every_part() {
    let world = World::new();
    let timing =
        Timing { interval: MINUTE, timeout: SECOND * 3, retry: SECOND * 20, ..Timing::default() };
    let healthgate = world.clock.drive(front(&world).timing(timing).build()).unwrap();
    assert_eq!(healthgate.stale_after(), MINUTE * 2);
    world.play(healthgate.run(CancellationToken::new()), async {
        let host = world.host(1);
        world.clock.sleep(SECOND * 10).await;
        assert!(healthgate.health().is_live(MINUTE));
        let check = NewCheck::service("a", "a").build().unwrap();
        let check = healthgate.checks().create(&Actor::system(), host, check).await.unwrap();
        world.clock.sleep(SECOND * 2).await;
        assert_eq!(world.ran().len(), 1, "the change wakes the poller");
        world.script(&check, ReasonCode::Status);
        let begun = world.clock.monotonic();
        world.clock.sleep(MINUTE * 5).await;
        let ran = world.ran().iter().filter(|ran| ran.at > begun).count();
        assert!((4..=6).contains(&ran), "every minute: {ran}");
        let before = world.ran().len();
        let request = world.request(host, MINUTE);
        assert!(matches!(healthgate.gate().admit(request).await.unwrap(), Admission::Held(_)));
        assert!(world.ran().len() - before >= 3, "every 20 s while a gate waits");
    });
}

#[derive(Debug)]
struct Paused(HostId);

#[async_trait::async_trait]
impl ConditionSource for Paused {
    async fn conditions(&self, gates: &[&GateRecord]) -> Result<Vec<Vec<Condition>>, SourceError> {
        let condition = |gate: &&GateRecord| {
            let paused = Condition::unmet("not paused", "paused", "ada paused it");
            vec![if gate.host_id == self.0 { paused } else { Condition::met("not paused") }]
        };
        Ok(gates.iter().map(condition).collect())
    }
}

/// Conditions hold gates back, and several sources of them add up.
#[test]
fn conditions_add_up() {
    let world = World::new();
    let hosts = [1, 2, 3].map(|number| world.host(number));
    let builder =
        front(&world).conditions(Arc::new(Paused(hosts[0]))).conditions(Arc::new(Paused(hosts[1])));
    let healthgate = world.clock.drive(builder.build()).unwrap();
    world.play(healthgate.run(CancellationToken::new()), async {
        for (host, goes) in hosts.into_iter().zip([false, false, true]) {
            let request = world.request(host, MINUTE);
            let admission = healthgate.gate().admit(request).await.unwrap();
            assert_eq!(admission.may_go_ahead(), goes, "{}", admission.record().detail);
        }
    });
}

/// F78: a process without keys, or with other keys, does not start on an installation that has sealed
/// passwords; with its keys it starts as often as it likes.
#[test]
fn f78_a_front_door_starts_with_the_keys_of_its_installation_alone() {
    let world = World::new();
    let store = Arc::new(world.memory.clone());
    let build = |keys: Option<&[u8; 32]>| {
        let mut builder = Healthgate::builder(store.clone(), world.directory.clone())
            .runner(world.runner.clone())
            .clock(Arc::new(world.clock.clone()));
        if let Some(bytes) = keys {
            builder = builder.keys(KeyRing::new(Key::from_bytes(Zeroizing::new(*bytes))));
        }
        world.clock.drive(builder.build())
    };
    let password =
        || NewCheck::http("a", "https://a.example/").basic_auth("u", "p").build().unwrap();
    let host = world.host(1);
    let create = |healthgate: &Healthgate| {
        world.clock.drive(healthgate.checks().create(&Actor::system(), host, password()))
    };
    let without = build(None).unwrap();
    assert!(matches!(create(&without), Err(ManageError::Seal(_))), "nothing seals it");
    let first = build(Some(&[7; 32])).unwrap();
    assert_eq!(world.clock.drive(store.canaries()).unwrap().len(), 1);
    assert!(create(&first).unwrap().has_password());
    assert!(build(Some(&[7; 32])).is_ok());
    assert!(matches!(build(Some(&[8; 32])), Err(BuildError::Keys(ManageError::KeyMismatch(_)))));
    assert!(matches!(build(None), Err(BuildError::KeysMissing)));
}

/// Gates that ask a source of the application poll nothing, and need neither keys nor a runner.
#[test]
fn a_source_of_the_application_takes_the_place_of_the_checks() {
    let world = World::new();
    let source: Arc<dyn HealthSource> = world.health();
    let builder = front(&world).health_source(source);
    let healthgate = world.clock.drive(builder.build()).unwrap();
    assert!(healthgate.poller().is_none() && healthgate.health().poller.is_none());
    world.play(healthgate.run(CancellationToken::new()), async {
        let host = world.host(1);
        world.check(host, "a").await;
        world.clock.sleep(MINUTE * 10).await;
        assert!(world.ran().is_empty(), "nothing is polled");
        let admission = healthgate.gate().admit(world.request(host, MINUTE)).await.unwrap();
        assert!(admission.may_go_ahead(), "{}", admission.record().detail);
    });
    let other = Timing { timeout: SECOND * 20, ..Timing::default() };
    let refused = refused(|front| front.timing(other).health_source(world.health()));
    assert_eq!(refused, Some("timeout"), "its checks take another time");
}

/// What runs beside the work stops when the work is done, and gives its leases back.
#[test]
fn the_front_door_runs_while_the_work_does() {
    let world = World::new();
    let healthgate = world.clock.drive(front(&world).build()).unwrap();
    let done = world.clock.drive(healthgate.run_while(async {
        let host = world.host(1);
        world.check(host, "a").await;
        world.clock.sleep(MINUTE).await;
        assert!(healthgate.health().is_live(MINUTE));
        assert_eq!(world.memory.states(&[host]).await.unwrap().len(), 1);
        "done"
    }));
    assert_eq!(done, "done");
    let health = healthgate.health();
    assert!(!health.gates.running && health.poller.is_some_and(|poller| !poller.running));
}

/// Of many calls for one job and host exactly one goes ahead, also where passes run out and are refused
/// meanwhile; the others learn that it went ahead.
#[test]
fn f21_of_many_calls_to_admit_exactly_one_goes_ahead() {
    for seed in 0..40_u64 {
        let world = World::new();
        let healthgate = world.clock.drive(front(&world).build()).unwrap();
        let host = world.host(1);
        let request = world.request(host, MINUTE * 30);
        let calls = 2 + seed % 5;
        let answers = world.play(healthgate.run(CancellationToken::new()), async {
            let check = world.check(host, "a").await;
            let admit = async |number: u64| {
                world.clock.sleep(Duration::from_millis(number * seed * 37 % 4_000)).await;
                healthgate.gate().admit(request.clone()).await.unwrap()
            };
            // Something makes the pass outdated about when it is spent.
            let meddle = async {
                for _ in 0..seed % 4 {
                    world.clock.sleep(Duration::from_millis(seed * 53 % 1_500)).await;
                    world.edit(&check, serde_json::json!({"name": format!("a{seed}")})).await;
                }
            };
            let all = futures_util::future::join_all((0..calls).map(admit));
            futures_util::future::join(all, meddle).await.0
        });
        let ahead = answers.iter().filter(|answer| answer.may_go_ahead()).count();
        let after = answers.iter().filter(|it| matches!(it, Admission::WentAhead(_))).count();
        assert_eq!((ahead, after), (1, answers.len() - 1), "seed {seed}: {answers:?}");
        assert!(answers.iter().all(|it| it.record().state == GateState::Spent), "seed {seed}");
    }
}

/// A gate that has ended is an answer, also to a request that asks for another try.
#[test]
fn admit_answers_held_with_the_end_and_tries_again_if_asked_to() {
    let world = World::new();
    let healthgate = world.clock.drive(front(&world).build()).unwrap();
    world.play(healthgate.run(CancellationToken::new()), async {
        let host = world.host(1);
        let check = world.check(host, "a").await;
        world.script(&check, ReasonCode::Status);
        let request = world.request(host, MINUTE);
        for _ in 0..2 {
            let held = healthgate.gate().admit(request.clone()).await.unwrap();
            assert!(
                matches!(&held, Admission::Held(it) if it.state == GateState::Failed),
                "{held:?}"
            );
        }
        world.script(&check, ReasonCode::Ok);
        let mut again = world.request(host, MINUTE * 10).with_retry();
        again.job_id = request.job_id;
        assert!(healthgate.gate().admit(again.clone()).await.unwrap().may_go_ahead());
        // Its pass was spent: there is nothing to try again.
        let after = healthgate.gate().admit(again).await.unwrap();
        assert!(matches!(after, Admission::WentAhead(_)), "{after:?}");
    });
}

/// The program at the root of the documentation, on real sockets.
#[cfg(feature = "http")]
#[tokio::test]
async fn the_first_program_gates_a_host_on_an_http_check() {
    use healthgate::{
        checks::{DestinationPolicy, HttpClientConfig},
        directory::StaticDirectory,
        model::{AgentEndpoint, GateRequest, JobId},
        store::MemoryStore,
    };
    use healthgate_testkit::{WebScript, WebTarget};

    let target = WebTarget::builder()
        .with_path("/good", WebScript::ok("status: ok"))
        .with_path("/bad", WebScript::ok("status: down"))
        .start()
        .await
        .unwrap();
    let hosts = Arc::new(StaticDirectory::new());
    let destinations =
        DestinationPolicy { allowed: vec!["127.0.0.0/8".parse().unwrap()], ..Default::default() };
    let healthgate = Healthgate::builder(Arc::new(MemoryStore::default()), hosts.clone())
        .http(HttpClientConfig { destinations, ..Default::default() })
        .timing(Timing { tick: Duration::from_millis(50), ..Timing::default() })
        .build()
        .await
        .unwrap();
    let web = |path| NewCheck::http("website", target.url(path)).expecting("ok").build().unwrap();
    let ssh = NewCheck::service("ssh", "sshd").build().unwrap();
    for (check, longest, goes) in
        [(web("/good"), MINUTE, true), (web("/bad"), SECOND * 2, false), (ssh, SECOND * 2, false)]
    {
        let host = hosts.add(Some(AgentEndpoint::new("127.0.0.1", 1, None).unwrap()), &[]);
        healthgate.checks().create(&Actor::system(), host, check).await.unwrap();
        let now = healthgate.store().now().await.unwrap();
        let request = GateRequest::immediate(JobId::generate(), host, now, longest).unwrap();
        let admission = healthgate.run_while(healthgate.gate().admit(request)).await.unwrap();
        assert_eq!(admission.may_go_ahead(), goes, "{}", admission.record().detail);
        let words = &admission.record().detail;
        // No agents were given.
        assert_eq!(words.contains("target_missing"), words.contains("ssh"), "{words}");
    }
}

/// A signal holds gates back as a source of health and as a condition: by its own words, where it hangs,
/// and where it panics; each host for itself.
#[test]
fn f141_a_signal_that_says_no_hangs_or_panics_holds_its_own_host_back() {
    let lag = |world: &World| {
        let clock = world.clock.clone();
        let good = world.host(4);
        Signal::new("lag below 5 s", move |host: HostId| {
            let clock = clock.clone();
            assert!(host != HostId::from_uuid(uuid::Uuid::from_u128(3)), "scripted");
            async move {
                match host.as_uuid().as_u128() {
                    1 => Err("7 s behind"),
                    2 => std::future::pending().await,
                    _ if host == good => {
                        clock.sleep(Duration::from_millis(5)).await;
                        Ok(())
                    }
                    _ => Err("unknown host"),
                }
            }
        })
        .with_clock(Arc::new(world.clock.clone()))
    };
    for as_condition in [false, true] {
        let world = World::new();
        let signal = Arc::new(lag(&world));
        let builder = front(&world);
        let builder =
            if as_condition { builder.conditions(signal) } else { builder.health_source(signal) };
        let healthgate = world.clock.drive(builder.build()).unwrap();
        world.play(healthgate.run(CancellationToken::new()), async {
            let expected =
                [(1, "7 s behind"), (2, "no answer within"), (3, "the call panicked"), (4, "")];
            for (number, words) in expected {
                let request = world.request(world.host(number), MINUTE);
                let admission = healthgate.gate().admit(request).await.unwrap();
                let record = admission.record();
                assert_eq!(admission.may_go_ahead(), words.is_empty(), "{}", record.detail);
                assert!(record.detail.contains(words), "{words}: {}", record.detail);
                let named = record.evidence.iter().any(|it| it.name.as_str() == "lag below 5 s");
                assert!(named || as_condition, "{record:?}");
            }
        });
    }
}

/// A pass that one process gave on a signal is spent by another one, which made the signal itself.
#[test]
fn a_signal_is_the_same_in_every_process() {
    let world = World::new();
    let build = || {
        let signal = Signal::new("fine", async |_| Ok::<(), String>(()))
            .with_clock(Arc::new(world.clock.clone()));
        world.clock.drive(front(&world).health_source(Arc::new(signal)).build()).unwrap()
    };
    let (giver, spender) = (build(), build());
    world.play(giver.run_gates(CancellationToken::new()), async {
        let request = world.request(world.host(1), MINUTE);
        let pass = giver.gate().wait(request).await.unwrap().pass.unwrap();
        assert!(matches!(spender.gate().spend(&pass).await.unwrap(), Spend::Spent(_)));
    });
}
