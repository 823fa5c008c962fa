//! Sources that hang, panic, fail, or cannot tell of one host.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use healthgate::{
    checks::Nudge,
    clock::Clock,
    gate::{
        ConditionSource, GateError, GateRunner, HealthSource, HostHealth, LiveRun, OverrideRights,
        SourceError, WindowSource, WithConditions,
        decide::{Condition, WindowAnswer},
    },
    model::{
        CheckResult, Detail, EndReason, EvidenceReason, GateRecord, GateState, HostId, ReasonCode,
    },
    store::{GateStore, Spend},
    testing::{Fault, FaultRule},
};
use tokio_util::sync::CancellationToken;

use crate::world::{MINUTE, World};

/// What ails a source.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Trouble {
    Fails,
    Hangs,
    Panics,
}

const TROUBLES: [Trouble; 3] = [Trouble::Fails, Trouble::Hangs, Trouble::Panics];

/// Which of the sources.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    Windows,
    Health,
    Conditions,
}

const PARTS: [Part; 3] = [Part::Windows, Part::Health, Part::Conditions];

/// All sources in one, over those of the world.
#[derive(Debug)]
struct Troubled {
    health: Arc<dyn HealthSource>,
    windows: Arc<dyn WindowSource>,
    trouble: Mutex<Option<(Part, Trouble)>>,
    /// Hosts of which one part cannot tell.
    unknown: Mutex<HashSet<(u8, HostId)>>,
    asked: Mutex<[u32; 3]>,
}

impl Troubled {
    fn new(world: &World) -> Arc<Self> {
        Arc::new(Self {
            health: world.health(),
            windows: world.windows.clone(),
            trouble: Mutex::default(),
            unknown: Mutex::default(),
            asked: Mutex::default(),
        })
    }

    fn set(&self, trouble: Option<(Part, Trouble)>) {
        *self.trouble.lock().unwrap() = trouble;
    }

    fn hide(&self, part: Part, host: HostId) {
        self.unknown.lock().unwrap().insert((part as u8, host));
    }

    fn is_hidden(&self, part: Part, host: HostId) -> bool {
        self.unknown.lock().unwrap().contains(&(part as u8, host))
    }

    async fn meet(&self, part: Part) -> Result<(), SourceError> {
        self.asked.lock().unwrap()[part as usize] += 1;
        let trouble = *self.trouble.lock().unwrap();
        match trouble.filter(|(ails, _)| *ails == part) {
            None => Ok(()),
            Some((_, Trouble::Fails)) => Err(SourceError::new("scripted", "scripted")),
            Some((_, Trouble::Hangs)) => std::future::pending().await,
            Some((_, Trouble::Panics)) => panic!("scripted"),
        }
    }
}

#[async_trait]
impl WindowSource for Troubled {
    async fn windows(&self, gates: &[&GateRecord]) -> Result<Vec<WindowAnswer>, SourceError> {
        self.meet(Part::Windows).await?;
        let mut answers = self.windows.windows(gates).await?;
        for (answer, gate) in answers.iter_mut().zip(gates) {
            if self.is_hidden(Part::Windows, gate.host_id) {
                *answer = WindowAnswer::Unknown;
            }
        }
        Ok(answers)
    }
}

#[async_trait]
impl HealthSource for Troubled {
    async fn health(&self, gates: &[&GateRecord]) -> Result<Vec<HostHealth>, SourceError> {
        self.meet(Part::Health).await?;
        let mut answers = self.health.health(gates).await?;
        for (answer, gate) in answers.iter_mut().zip(gates) {
            if self.is_hidden(Part::Health, gate.host_id) {
                *answer = HostHealth::unknown("its agent's address is being moved");
            }
        }
        Ok(answers)
    }

    async fn run(&self, run: LiveRun) -> Vec<CheckResult> {
        self.health.run(run).await
    }
}

#[async_trait]
impl ConditionSource for Troubled {
    async fn conditions(&self, gates: &[&GateRecord]) -> Result<Vec<Vec<Condition>>, SourceError> {
        self.meet(Part::Conditions).await?;
        let conditions = |gate: &&GateRecord| match self.is_hidden(Part::Conditions, gate.host_id) {
            true => vec![Condition::unknown("packages", "the database is locked")],
            false => Vec::new(),
        };
        Ok(gates.iter().map(conditions).collect())
    }
}

#[async_trait]
impl OverrideRights for Troubled {
    async fn may_override(&self, gates: &[&GateRecord]) -> Result<Vec<bool>, SourceError> {
        Ok(vec![true; gates.len()])
    }
}

fn gates(world: &World, sources: &Arc<Troubled>) -> GateRunner {
    let health = Arc::new(WithConditions::new(sources.clone(), sources.clone()));
    world.gates_with(health, sources.clone()).with_override_rights(sources.clone())
}

/// Whatever source hangs, fails or panics, and whenever it begins to: a gate ends within 5 s of its
/// close by the window that is known, its failing check is named, and the runner stops when told to.
#[test]
fn f141_g33_a_troubled_source_holds_up_neither_the_end_nor_the_stop() {
    for part in PARTS {
        for trouble in TROUBLES {
            for begins in [30, 170, 179, 181] {
                let world = World::new();
                let (host, sources) = (world.host(1), Troubled::new(&world));
                let (runner, stop) = (gates(&world, &sources), CancellationToken::new());
                world.clock.drive(async {
                    let check = world.check(host, "a").await;
                    world.script(&check, ReasonCode::Status);
                    let request = world.request(host, MINUTE * 3);
                    world.gate().open(request.clone()).await.unwrap();
                    let story = async {
                        world.clock.sleep(Duration::from_secs(begins)).await;
                        sources.set(Some((part, trouble)));
                        world.clock.sleep(MINUTE * 3 - Duration::from_secs(begins.min(180))).await;
                        world.clock.sleep(Duration::from_secs(5)).await;
                        let record = world.record(&request).await;
                        let case = format!("{part:?} {trouble:?} {begins}: {}", record.detail);
                        assert_eq!(record.state, GateState::Failed, "{case}");
                        assert_eq!(record.end_reason, Some(EndReason::WindowClosed), "{case}");
                        assert!(record.detail.contains("a: status"), "{case}");
                        // Something to ask for while it is told to stop.
                        let other = world.request(world.host(2), MINUTE * 30);
                        world.gate().open(other).await.unwrap();
                        world.clock.sleep(Duration::from_secs(4)).await;
                        stop.cancel();
                        world.clock.monotonic()
                    };
                    let ((), ordered) = tokio::join!(runner.run(stop.clone()), story);
                    let stopped = world.clock.monotonic() - ordered;
                    assert!(stopped <= Duration::from_secs(1), "{part:?} {trouble:?}: {stopped:?}");
                });
            }
        }
    }
}

/// A gate goes on when its source does, and nothing was decided meanwhile.
#[test]
fn f141_a_gate_goes_on_once_its_source_answers_again() {
    for part in PARTS {
        for trouble in TROUBLES {
            let world = World::new();
            let (host, sources) = (world.host(1), Troubled::new(&world));
            let runner = gates(&world, &sources);
            world.play(runner.run(CancellationToken::new()), async {
                world.check(host, "a").await;
                sources.set(Some((part, trouble)));
                let request = world.request(host, MINUTE * 30);
                world.gate().open(request.clone()).await.unwrap();
                world.clock.sleep(MINUTE * 5).await;
                let record = world.record(&request).await;
                assert_eq!((record.state, record.attempts), (GateState::Waiting, 0));
                assert!(record.detail.contains("unknown"), "{part:?}: {}", record.detail);
                assert!(!runner.health().is_live(MINUTE));
                sources.set(None);
                world.clock.sleep(MINUTE).await;
                assert!(world.record(&request).await.pass.is_some(), "{part:?} {trouble:?}");
            });
        }
    }
}

/// A store that hangs does not keep the runner from stopping either.
#[test]
fn f141_a_hanging_store_does_not_hold_up_the_stop() {
    let world = World::new();
    let (runner, stop) = (world.gates(), CancellationToken::new());
    world.clock.drive(async {
        let story = async {
            world.clock.sleep(Duration::from_secs(10)).await;
            world.store.fail(Fault::Delay(MINUTE * 60));
            world.clock.sleep(Duration::from_secs(10)).await;
            stop.cancel();
            world.clock.monotonic()
        };
        let ((), ordered) = tokio::join!(runner.run(stop.clone()), story);
        let stopped = world.clock.monotonic() - ordered;
        assert!(stopped <= MINUTE, "{stopped:?}");
    });
}

/// The calls of an application's own are bounded and contained, too.
#[test]
fn f141_no_call_of_a_gate_waits_for_ever() {
    for part in [Part::Windows, Part::Health] {
        for trouble in TROUBLES {
            let world = World::new();
            let (host, sources) = (world.host(1), Troubled::new(&world));
            let gate = world.gate_with(sources.clone(), sources.clone());
            world.play(gates(&world, &sources).run(CancellationToken::new()), async {
                world.check(host, "a").await;
                let request = world.request(host, MINUTE * 30);
                let passed = gate.wait(request.clone()).await.unwrap();
                let pass = passed.pass.clone().unwrap();
                sources.set(Some((part, trouble)));
                let asked_at = world.clock.monotonic();
                let spent = gate.spend(&pass).await;
                assert!(matches!(spent, Err(GateError::Source(_))), "{part:?} {trouble:?}");
                if part == Part::Health {
                    let preview = gate.preview(&[(host, request.window)]).await;
                    assert!(matches!(preview, Err(GateError::Source(_))), "{trouble:?}");
                    let recheck = gate.recheck(request.job_id, host).await;
                    assert!(matches!(recheck, Err(GateError::Source(_))), "{trouble:?}");
                }
                let took = world.clock.monotonic() - asked_at;
                assert!(took <= Duration::from_secs(15), "{took:?}");
                sources.set(None);
                assert!(matches!(gate.spend(&pass).await.unwrap(), Spend::Spent(_)));
            });
        }
    }
}

/// What cannot be told of one host blocks its gate alone, and says so.
#[test]
fn f160_what_is_unknown_of_one_host_blocks_that_host_alone() {
    for part in PARTS {
        let world = World::new();
        let (hidden, seen) = (world.host(1), world.host(2));
        let sources = Troubled::new(&world);
        sources.hide(part, hidden);
        let runner = gates(&world, &sources);
        world.play(runner.run(CancellationToken::new()), async {
            let mut requests = Vec::new();
            for host in [hidden, seen] {
                world.check(host, "a").await;
                let request = world.request(host, MINUTE * 3);
                world.gate().open(request.clone()).await.unwrap();
                requests.push(request);
            }
            world.clock.sleep(MINUTE).await;
            assert!(world.record(&requests[1]).await.pass.is_some(), "{part:?}");
            let record = world.record(&requests[0]).await;
            assert_eq!(record.state, GateState::Waiting, "{part:?}");
            let unknown = EvidenceReason::Condition("unknown".to_owned());
            let entry = record.evidence.iter().find(|entry| entry.reason == unknown).unwrap();
            assert!(!entry.healthy, "{part:?}");
            assert!(runner.health().is_live(MINUTE), "the source answers: {part:?}");
            world.clock.sleep(MINUTE * 2 + Duration::from_secs(5)).await;
            let record = world.record(&requests[0]).await;
            assert_eq!(record.end_reason, Some(EndReason::WindowClosed), "{part:?}");
            assert!(record.detail.contains("unknown"), "{part:?}: {}", record.detail);
        });
    }
}

/// The back-off of a failing source outranks any number of nudges.
#[test]
fn f150_nudges_do_not_ask_a_failing_source_again_and_again() {
    for part in [Part::Windows, Part::Health] {
        for trouble in [Trouble::Fails, Trouble::Panics] {
            let world = World::new();
            let sources = Troubled::new(&world);
            let runner = gates(&world, &sources);
            let nudge: Nudge = runner.nudge_handle();
            world.play(runner.run(CancellationToken::new()), async {
                let host = world.host(1);
                world.check(host, "a").await;
                sources.set(Some((part, trouble)));
                world.gate().open(world.request(host, MINUTE * 60)).await.unwrap();
                world.clock.sleep(MINUTE * 2).await;
                let before = sources.asked.lock().unwrap()[part as usize];
                for _ in 0..600 {
                    nudge.nudge();
                    world.clock.sleep(Duration::from_millis(100)).await;
                }
                let failing = sources.asked.lock().unwrap()[part as usize] - before;
                assert!(failing <= 6, "{part:?} was asked {failing} times in a minute");
            });
        }
    }
}

/// The back-off after a failure of the store outranks nudges, and attempts that end, as well.
#[test]
fn f150_nudges_do_not_ask_a_failing_store_again_and_again() {
    let world = World::new();
    let runner = world.gates();
    let nudge = runner.nudge_handle();
    world.play(runner.run(CancellationToken::new()), async {
        let host = world.host(1);
        world.check(host, "a").await;
        world.gate().open(world.request(host, MINUTE * 60)).await.unwrap();
        world.store.inject(FaultRule::new(Fault::Before));
        world.clock.sleep(MINUTE * 2).await;
        let before = world.store.calls();
        for _ in 0..600 {
            nudge.nudge();
            world.clock.sleep(Duration::from_millis(100)).await;
        }
        let calls = world.store.calls() - before;
        assert!(calls <= 8, "{calls} calls in a minute");
    });
}

/// A job that waits for a host that another job holds goes on waiting while the source of windows
/// fails, and gets the host afterwards.
#[test]
fn f150_a_failing_source_does_not_end_the_wait_of_a_busy_job() {
    for trouble in TROUBLES {
        let world = World::new();
        let (host, sources) = (world.host(1), Troubled::new(&world));
        let gate = world.gate_with(sources.clone(), sources.clone());
        world.play(gates(&world, &sources).run(CancellationToken::new()), async {
            let check = world.check(host, "a").await;
            world.script(&check, ReasonCode::Status);
            world.gate().open(world.request(host, MINUTE * 10)).await.unwrap();
            let second = world.request(host, MINUTE * 60);
            let story = async {
                world.clock.sleep(MINUTE * 2).await;
                sources.set(Some((Part::Windows, trouble)));
                world.clock.sleep(MINUTE * 5).await;
                sources.set(None);
                world.script(&check, ReasonCode::Ok);
            };
            let first = async {
                // The first job's pass is not its own business here: it is left to run out.
                world.clock.sleep(MINUTE * 12).await;
            };
            let (waited, (), ()) = tokio::join!(gate.wait(second.clone()), story, first);
            assert!(waited.unwrap().pass.is_some(), "{trouble:?}");
            assert!(world.memory.gate(second.job_id, host).await.unwrap().is_some());
        });
    }
}

/// A text of a condition is cleaned where it enters.
#[test]
fn f144_the_texts_of_a_condition_hold_no_control_character() {
    let condition = Condition::unknown("pack\0ages\u{202E}", "lock\0ed");
    let texts = [condition.name.to_string(), condition.reason.to_string()];
    assert!(texts.iter().all(|text| !text.chars().any(char::is_control)), "{texts:?}");
    assert_eq!(condition.detail, Detail::new("lock\u{FFFD}ed"));
}
