//! Freezes: nothing starts in one, and what waited for its end starts after it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use healthgate::{
    clock::Clock,
    gate::{
        Freeze, FreezeSource, Freezes, HealthSource, SourceError, WithConditions,
        recurrence::{Recurrence, RecurrenceSpec},
    },
    model::{
        EvidenceReason, GateRecord, GateRequest, GateState, HostId, JobId, Outlook, PassKind,
        Window,
    },
    store::{GateStore, Spend, SpendRefusal},
};
use proptest::{
    prelude::{Rng, RngExt as _},
    test_runner::{RngAlgorithm, TestRng},
};
use tokio_util::sync::CancellationToken;

use crate::world::{MINUTE, World};

/// A runner has looked at its gates once more.
const LOOK: Duration = Duration::from_secs(3);

/// Freezes by host, which a test changes; `None` cannot be read.
#[derive(Debug)]
pub(crate) struct Scripted(Mutex<Option<HashMap<HostId, Vec<Arc<Freeze>>>>>);

impl Default for Scripted {
    fn default() -> Self {
        Self(Mutex::new(Some(HashMap::new())))
    }
}

impl Scripted {
    pub(crate) fn set(&self, host: HostId, freezes: impl IntoIterator<Item = Freeze>) {
        let mut all = self.0.lock().unwrap();
        let freezes = freezes.into_iter().map(Arc::new).collect();
        all.get_or_insert_default().insert(host, freezes);
    }
}

#[async_trait]
impl FreezeSource for Scripted {
    async fn freezes(&self, gates: &[&GateRecord]) -> Result<Vec<Vec<Arc<Freeze>>>, SourceError> {
        let all = self.0.lock().unwrap();
        let all = all.as_ref().ok_or_else(|| SourceError::new("freezes", "scripted"))?;
        Ok(gates.iter().map(|gate| all.get(&gate.host_id).cloned().unwrap_or_default()).collect())
    }
}

pub(crate) fn frozen(world: &World) -> (Arc<Scripted>, Arc<dyn HealthSource>) {
    let freezes = Arc::new(Scripted::default());
    let conditions = Arc::new(Freezes::new(freezes.clone(), world.store.clone()));
    (freezes, Arc::new(WithConditions::new(world.health(), conditions)))
}

fn between(from: DateTime<Utc>, until: DateTime<Utc>) -> Freeze {
    Freeze::between("year end", from, until).unwrap()
}

fn daily(start: DateTime<Utc>, minutes: i64) -> Recurrence {
    let spec = RecurrenceSpec {
        recurrence: Some("daily".to_owned()),
        time_zone: Some("UTC".to_owned()),
        start_time: Some(start.format("%H:%M").to_string()),
        first_date: Some("2026-01-01".to_owned()),
        duration_minutes: Some(minutes),
        ..RecurrenceSpec::default()
    };
    spec.resolve().unwrap()
}

type Span = (DateTime<Utc>, DateTime<Utc>);

/// A host of the random worlds: its window, the spans in which nothing may start, and how long its
/// executor takes to spend a pass.
struct Plan {
    window: Window,
    frozen: Vec<Span>,
    delay: TimeDelta,
}

impl Plan {
    fn is_frozen(&self, at: DateTime<Utc>) -> bool {
        self.frozen.iter().any(|(from, until)| *from <= at && at < *until)
    }

    /// The first stretch of the window, of at least so many seconds, that is free of freezes: its start.
    fn free_from(&self, seconds: i64) -> Option<DateTime<Utc>> {
        let mut at = self.window.opens_at();
        let last = self.window.closes_at() - TimeDelta::seconds(seconds);
        while at <= last {
            let mut second = (0..=seconds).map(|second| at + TimeDelta::seconds(second));
            match second.rfind(|at| self.is_frozen(*at)) {
                None => return Some(at),
                Some(frozen) => at = frozen + TimeDelta::seconds(1),
            }
        }
        None
    }
}

/// Makes up a host's freezes and window around the next 40 minutes, all on whole seconds.
fn plan(rng: &mut impl Rng, now: DateTime<Utc>) -> (Plan, Vec<Freeze>) {
    let after = |seconds: i64| now + TimeDelta::seconds(seconds);
    let opens = rng.random_range(0..600_i64);
    let window = Window::new(after(opens), after(opens + rng.random_range(60..1_800_i64))).unwrap();
    let (mut frozen, mut freezes) = (Vec::new(), Vec::new());
    for number in 0..rng.random_range(0..4) {
        let name = format!("freeze {number}");
        let (from, until, freeze) = if rng.random_bool(0.3) {
            let minutes = rng.random_range(1..10_i64);
            // The scene starts at a full hour, so that minutes are whole.
            let from = after(60 * rng.random_range(0..35_i64));
            let freeze = Freeze::recurring(name, [daily(from, minutes)]);
            (from, from + TimeDelta::minutes(minutes), freeze)
        } else {
            let from = after(rng.random_range(-300..2_000_i64));
            let until = from + TimeDelta::seconds(rng.random_range(1..900_i64));
            (from, until, Freeze::between(name, from, until).unwrap())
        };
        frozen.push((from, until));
        freezes.push(freeze);
    }
    let delay =
        TimeDelta::seconds(if rng.random_bool(0.5) { 0 } else { rng.random_range(1..50_i64) });
    (Plan { window, frozen, delay }, freezes)
}

/// Random freezes and windows: no pass is spent in a freeze, whoever spends it and however late; and a
/// host whose window has enough time free of freezes is patched in it.
#[test]
fn f275_nothing_starts_in_a_freeze_and_everything_that_can_starts_after_it() {
    let mut waited = 0;
    for seed in 0..4_u8 {
        let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
        let world = World::new();
        let (freezes, health) = frozen(&world);
        let (runner, gate) = (world.gates_on(health.clone()), world.gate_on(health));
        let job = JobId::generate();
        world.play(runner.run(CancellationToken::new()), async {
            let mut plans = BTreeMap::new();
            for number in 1..=30 {
                let host = world.host(number);
                world.check(host, "a").await;
                let (plan, of_host) = plan(&mut rng, world.now());
                freezes.set(host, of_host);
                gate.open(GateRequest::new(job, host, plan.window)).await.unwrap();
                plans.insert(host, plan);
            }
            let (mut seen, mut spent) = (HashMap::new(), HashMap::new());
            let over = world.now() + TimeDelta::minutes(42);
            while world.now() < over {
                for record in world.memory.gates_of(job).await.unwrap() {
                    let (host, plan) = (record.host_id, &plans[&record.host_id]);
                    let Some(pass) = record.pass.filter(|_| record.state == GateState::Passed)
                    else {
                        continue;
                    };
                    let since = *seen.entry(pass.id).or_insert(world.now());
                    if world.now() - since < plan.delay {
                        continue;
                    }
                    // Through the library, or by the store alone.
                    let step = match number_of(host) % 2 {
                        0 => gate.spend(&pass).await.unwrap(),
                        _ => world.memory.spend_pass(pass.id).await.unwrap(),
                    };
                    if matches!(step, Spend::Spent(_)) {
                        let now = world.now();
                        assert!(!plan.is_frozen(now), "seed {seed}: {host} in a freeze, {now}");
                        spent.insert(host, now);
                    }
                }
                world.clock.sleep(Duration::from_secs(1)).await;
            }
            for (host, plan) in &plans {
                // Two looks, the executor's delay and its own look.
                let needed = plan.delay.num_seconds() + 15;
                let Some(free_from) = plan.free_from(needed) else { continue };
                let latest = free_from + TimeDelta::seconds(needed);
                let at = spent.get(host);
                let what = format!("seed {seed}: {host} spent at {at:?}, and not by {latest}");
                assert!(at.is_some_and(|at| *at <= latest), "{what}");
                waited += usize::from(free_from > plan.window.opens_at());
            }
        });
    }
    assert!(waited >= 15, "only {waited} hosts had to wait for the end of a freeze");
}

fn number_of(host: HostId) -> u128 {
    host.as_uuid().as_u128()
}

/// A pass is valid until the next freeze, so that not even the store alone lets it be spent in one. A
/// freeze that is made after the pass was given refuses it.
#[test]
fn f276_a_pass_from_before_a_freeze_is_not_spent_in_it() {
    let mut world = World::new();
    world.policy.pass_ttl = MINUTE * 20;
    let (freezes, health) = frozen(&world);
    let (runner, gate) = (world.gates_on(health.clone()), world.gate_on(health));
    world.play(runner.run(CancellationToken::new()), async {
        let (known, late) = (world.host(1), world.host(2));
        let in_minutes = |minutes| world.now() + TimeDelta::minutes(minutes);
        let (from, until) = (in_minutes(5), in_minutes(9));
        freezes.set(known, [between(from, until)]);
        let request = world.request(known, MINUTE * 30);
        let pass = gate.wait(request.clone()).await.unwrap().pass.unwrap();
        assert_eq!(pass.valid_until, from, "no longer than that");
        world.clock.sleep((from - world.now()).to_std().unwrap()).await;
        let expired = Spend::Refused(SpendRefusal::Expired);
        assert_eq!(world.memory.spend_pass(pass.id).await.unwrap(), expired, "by the store");
        assert_eq!(gate.spend(&pass).await.unwrap(), expired);
        world.clock.sleep(LOOK).await;
        let record = world.record(&request).await;
        assert_eq!(record.state, GateState::Waiting);
        let words = format!("frozen until {} by \"year end\"", until.format("%Y-%m-%dT%H:%M:%SZ"));
        assert!(record.detail.contains(&words), "{}", record.detail);
        let again = gate.wait(request).await.unwrap().pass.unwrap();
        assert!(again.granted_at >= until && again.granted_at - until < TimeDelta::seconds(5));
        assert!(matches!(gate.spend(&again).await.unwrap(), Spend::Spent(_)));

        let request = world.request(late, MINUTE * 30);
        let pass = gate.wait(request.clone()).await.unwrap().pass.unwrap();
        let until = in_minutes(4);
        freezes.set(late, [between(world.now(), until)]);
        let outdated = Spend::Refused(SpendRefusal::Outdated);
        assert_eq!(gate.spend(&pass).await.unwrap(), outdated, "asked again in the spending");
        let again = gate.wait(request).await.unwrap().pass.unwrap();
        assert!(again.granted_at >= until && again.granted_at - until < TimeDelta::seconds(5));
    });
}

/// Where freezes cannot be read, nothing starts, and the gate says why.
#[test]
fn f277_freezes_that_cannot_be_read_hold_every_host() {
    let world = World::new();
    let (freezes, health) = frozen(&world);
    let (runner, gate) = (world.gates_on(health.clone()), world.gate_on(health));
    world.play(runner.run(CancellationToken::new()), async {
        let host = world.host(1);
        let request = world.request(host, MINUTE * 30);
        let pass = gate.wait(request.clone()).await.unwrap().pass.unwrap();
        *freezes.0.lock().unwrap() = None;
        assert!(gate.spend(&pass).await.is_err(), "not without an answer");
        let exempt = world.request(world.host(2), MINUTE * 30).with_exemption();
        gate.open(exempt.clone()).await.unwrap();
        assert!(gate.preview(&[(host, request.window)]).await.is_err());
        world.clock.sleep(MINUTE * 2).await;
        for request in [&request, &exempt] {
            let record = world.record(request).await;
            assert_eq!(record.state, GateState::Waiting);
            assert!(record.detail.contains("freezes"), "{}", record.detail);
        }
        *freezes.0.lock().unwrap() = Some(HashMap::new());
        for request in [request, exempt] {
            assert_eq!(gate.wait(request).await.unwrap().state, GateState::Passed);
        }
    });
}

/// A rollback goes ahead in a freeze that does not hold it, and its pass outlasts the start of one.
#[test]
fn f278_an_exempt_job_passes_in_a_freeze_unless_the_freeze_holds_it() {
    let world = World::new();
    let (freezes, health) = frozen(&world);
    let (runner, gate) = (world.gates_on(health.clone()), world.gate_on(health));
    world.play(runner.run(CancellationToken::new()), async {
        let (now, later) = (world.now(), world.now() + TimeDelta::seconds(30));
        let until = now + TimeDelta::minutes(4);
        let [spared, soon, held] = [1, 2, 3].map(|number| world.host(number));
        freezes.set(spared, [between(now, until)]);
        freezes.set(soon, [between(later, until)]);
        freezes.set(held, [between(now, until).with_exempt_held()]);
        let job = |host| world.request(host, MINUTE * 30).with_exemption();
        let pass = gate.wait(job(spared)).await.unwrap().pass.unwrap();
        assert!(matches!(gate.spend(&pass).await.unwrap(), Spend::Spent(_)));
        let pass = gate.wait(job(soon)).await.unwrap().pass.unwrap();
        assert!(pass.valid_until > later);
        world.clock.sleep(Duration::from_secs(40)).await;
        assert!(matches!(gate.spend(&pass).await.unwrap(), Spend::Spent(_)));
        let pass = gate.wait(job(held)).await.unwrap().pass.unwrap();
        assert_eq!(pass.kind, PassKind::Exempt);
        assert!(pass.granted_at >= until);
    });
}

/// Previews and dry runs say that a host is frozen. After a patch, a freeze that has begun meanwhile is
/// no worse health.
#[test]
fn f275_previews_and_dry_runs_say_what_is_frozen_and_a_recheck_does_not_mind() {
    let world = World::new();
    let (freezes, health) = frozen(&world);
    let (runner, gate) = (world.gates_on(health.clone()), world.gate_on(health));
    world.play(runner.run(CancellationToken::new()), async {
        let host = world.host(1);
        world.check(host, "a").await;
        let request = world.request(host, MINUTE * 30);
        let patched = gate.wait(request.clone()).await.unwrap().pass.unwrap();
        assert!(matches!(gate.spend(&patched).await.unwrap(), Spend::Spent(_)));
        gate.finished(patched.id).await.unwrap();
        let now = world.now();
        let ahead = now + TimeDelta::minutes(20);
        let past = between(now - TimeDelta::minutes(9), now - TimeDelta::minutes(1));
        let other = Freeze::between("later", ahead, ahead + TimeDelta::minutes(1)).unwrap();
        freezes.set(host, [past, between(now, ahead), other]);
        let preview = gate.preview(&[(host, request.window)]).await.unwrap().remove(0);
        let dry = gate.dry_run(JobId::generate(), host, request.window).await.unwrap();
        for said in [preview, dry] {
            assert_eq!(said.decision, Outlook::Wait);
            let frozen = said.blocking.iter().filter(|one| one.check_id.is_none());
            let frozen: Vec<_> = frozen.map(|one| (one.name.as_str(), &one.reason)).collect();
            let reason = EvidenceReason::Condition("frozen".to_owned());
            assert_eq!(frozen, [("freeze \"year end\"", &reason)], "the active one alone");
        }
        let recheck = gate.recheck(request.job_id, host).await.unwrap();
        assert!(!recheck.is_worse(), "{recheck:?}");
    });
}
