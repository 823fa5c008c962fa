//! First runs of changed checks: whoever comes to one first, they wait for their slots (F255).

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use healthgate::{
    checks::{
        CheckManager, CheckOutcome, HostRun, HostRunner, OutcomeCollector, Poller, PollerConfig,
        RegisteredKeys, RunBudget,
    },
    clock::Clock,
    crypto::{Key, KeyRing},
    gate::StoredChecks,
    model::{
        Actor, AuditAction, CheckChange, GateRequest, GateState, HealthCheck, HostId, JobId,
        NewCheck, PassKind, ReasonCode, Role,
    },
    store::{CheckInsert, CheckStore, FirstRun, GateStore},
};
use proptest::prelude::*;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::world::{MINUTE, ScriptedRunner, World, entry};

const PER_MINUTE: u32 = 3;
const SLOT: Duration = Duration::from_secs(20);
const HOSTS: usize = 2;

/// Notes which services are asked about.
#[derive(Debug)]
struct Noting {
    runner: Arc<ScriptedRunner>,
    asked: Mutex<BTreeSet<String>>,
}

#[async_trait]
impl HostRunner for Noting {
    async fn run_host(&self, run: HostRun) -> Vec<CheckOutcome> {
        let outcomes = OutcomeCollector::default();
        self.collect_host(run, &outcomes).await;
        outcomes.take()
    }

    async fn collect_host(&self, run: HostRun, outcomes: &OutcomeCollector) {
        let services = run.checks.iter().filter_map(service);
        self.asked.lock().unwrap().extend(services);
        self.runner.collect_host(run, outcomes).await;
    }
}

fn service(check: &HealthCheck) -> Option<String> {
    check.definition.service().map(|service| service.service_name.to_string())
}

/// What somebody does to one of the hosts.
#[derive(Clone, Copy, Debug)]
enum Move {
    Edit,
    OffAndOn,
    MakeAndDelete,
    Start,
    Cancel,
    DryRun,
    Recheck,
    Test,
    Wait(u64),
}

fn moves() -> impl Strategy<Value = Vec<(usize, Move)>> {
    let one = prop_oneof![
        6 => Just(Move::Edit),
        1 => Just(Move::OffAndOn),
        1 => Just(Move::MakeAndDelete),
        4 => Just(Move::Start),
        3 => Just(Move::Cancel),
        3 => Just(Move::DryRun),
        1 => Just(Move::Recheck),
        1 => Just(Move::Test),
        4 => (1_u64..2_000).prop_map(Move::Wait),
    ];
    prop::collection::vec((0..HOSTS, one), 60..120)
}

/// Somebody with the right to edit, test and patch hosts.
struct Attacker<'a> {
    world: &'a World,
    checks: CheckManager,
    budget: RunBudget,
    health: Arc<StoredChecks>,
    actor: Actor,
    hosts: Vec<HealthCheck>,
    jobs: Vec<Option<GateRequest>>,
    named: u32,
}

impl Attacker<'_> {
    fn name(&mut self) -> String {
        self.named += 1;
        format!("service-{}", self.named)
    }

    async fn change(&self, check: &HealthCheck, body: serde_json::Value) {
        let change = CheckChange::from_json(body);
        let changed = self.checks.change(&self.actor, check.host_id, check.id, &change, None).await;
        changed.expect("no edit is refused");
    }

    async fn play(&mut self, host: usize, what: Move) {
        let (check, world) = (self.hosts[host].clone(), self.world);
        let host_id = check.host_id;
        let gate = world.gate_on(self.health.clone());
        match what {
            Move::Edit => {
                let body = json!({"service_name": self.name()});
                self.change(&check, body).await;
            }
            Move::OffAndOn => {
                self.change(&check, json!({"enabled": false})).await;
                self.change(&check, json!({"enabled": true})).await;
            }
            Move::MakeAndDelete => {
                let body =
                    json!({"name": "x", "check_type": "service", "service_name": self.name()});
                let new = NewCheck::from_json(body).unwrap();
                let made = self.checks.create(&self.actor, host_id, new).await.unwrap();
                self.checks.delete(&self.actor, host_id, made.id, None).await.unwrap();
            }
            Move::Start => {
                let request = world.request(host_id, MINUTE * 90);
                if gate.open(request.clone()).await.is_ok() {
                    self.jobs[host] = Some(request);
                }
            }
            Move::Cancel => {
                let Some(GateRequest { job_id, .. }) = self.jobs[host] else { return };
                let audit = entry(AuditAction::GateCancelled).with_gate(job_id, host_id);
                let _ = world.memory.request_cancel(job_id, host_id, audit).await;
            }
            Move::DryRun => {
                if self.budget.start_runs(&self.actor.name, &[host_id]).is_ok() {
                    let window = world.window(Duration::ZERO, MINUTE * 30);
                    gate.dry_run(JobId::generate(), host_id, window).await.unwrap();
                }
            }
            Move::Recheck => {
                let Some(GateRequest { job_id, .. }) = self.jobs[host] else { return };
                let _ = gate.recheck(job_id, host_id).await;
            }
            Move::Test => {
                let change = CheckChange::from_json(json!({"service_name": self.name()}));
                if let Ok(_running) = self.budget.start_test(&self.actor.name, host_id) {
                    let (id, change) = (check.id, Some(&change));
                    self.checks.test(&self.actor, host_id, id, change).await.unwrap();
                }
            }
            Move::Wait(milliseconds) => {
                world.clock.sleep(Duration::from_millis(milliseconds)).await;
            }
        }
    }
}

/// F255: in whatever order somebody edits and tests checks, starts and cancels jobs and tries dry runs:
/// no more of their definitions are asked than their budget has room for, beside one for each host and
/// round of the poller. The newest of each host is asked in the end, and no gate passes without it.
#[test]
fn f255_no_order_of_edits_jobs_and_tests_is_a_scanner() {
    proptest!(ProptestConfig::with_cases(60), |(moves in moves(), healthy in any::<bool>())| {
        let world = World::new();
        let runner = Arc::new(Noting { runner: world.runner.clone(), asked: Mutex::default() });
        let (store, clock) = (world.store.clone(), Arc::new(world.clock.clone()));
        let health = StoredChecks::new(
            store.clone(), runner.clone(), world.directory.clone(), world.policy.timeout,
        );
        let health = Arc::new(health);
        let config = PollerConfig::default();
        let interval = config.interval;
        let poller = Poller::new(
            store.clone(), runner.clone(), world.directory.clone(), clock.clone(), config,
        ).unwrap();
        let gates = world.gates_on(health.clone());
        let budget = RunBudget::per_minute(clock, PER_MINUTE, 0).with_longest_wait(interval);
        let keys = RegisteredKeys::assume(Arc::new(KeyRing::new(Key::generate().unwrap())));
        let checks = CheckManager::new(store, keys, world.directory.clone(), runner.clone())
            .with_run_budget(budget.clone());
        let background = async {
            tokio::join!(poller.run(CancellationToken::new()), gates.run(CancellationToken::new()));
        };
        world.play(background, async {
            let mut hosts = Vec::new();
            for number in 1..=HOSTS {
                let check = world.check(world.host(number as u128), "sshd").await;
                if !healthy {
                    world.script(&check, ReasonCode::ServiceUnhealthy);
                }
                hosts.push(check);
            }
            let actor = Actor::new("oscar", Role::Operator);
            let jobs = vec![None; HOSTS];
            let mut attacker =
                Attacker { world: &world, checks, budget, health, actor, hosts, jobs, named: 0 };
            let started = world.clock.monotonic();
            for (host, what) in &moves {
                attacker.play(*host, *what).await;
                world.clock.sleep(Duration::from_millis(50)).await;
            }
            let elapsed = world.clock.monotonic() - started;
            let asked = runner.asked.lock().unwrap().len();
            let rounds = HOSTS * (1 + elapsed.div_duration_f32(interval) as usize);
            let slots = PER_MINUTE as usize + elapsed.div_duration_f32(SLOT) as usize;
            assert!(asked <= rounds + slots + 1, "{asked} of {rounds} + {slots}: {moves:?}");
            world.clock.sleep(interval + MINUTE).await;
            for check in &attacker.hosts {
                let newest = world.memory.check(check.host_id, check.id).await.unwrap().unwrap();
                let asked = runner.asked.lock().unwrap().contains(&service(&newest).unwrap());
                assert!(asked, "the newest definition never ran: {moves:?}");
            }
            for request in attacker.jobs.iter().flatten() {
                let record = world.record(request).await;
                if let Some(pass) = record.pass {
                    assert_eq!(pass.kind, PassKind::Healthy);
                    assert!(healthy && pass.evidence.iter().all(|one| one.healthy));
                }
            }
        });
    });
}

async fn check_later(world: &World, host: HostId, wait: Duration) -> HealthCheck {
    let body = json!({"name": "later", "check_type": "service", "service_name": "later"});
    let insert = CheckInsert {
        id: healthgate::model::CheckId::generate(),
        host_id: host,
        definition: NewCheck::from_json(body).unwrap().definition,
        secret: None,
        limit: 5,
        first_run: FirstRun::After(wait),
    };
    world.memory.insert_check(insert, entry(AuditAction::HealthCheckCreated)).await.unwrap()
}

/// F255: a gate waits with a changed check until its slot has come, or until a poller has had time for a
/// host that is late. Then it runs the check itself, without any poller, and holds up no other host.
#[test]
fn f255_a_gate_waits_for_the_slot_of_a_changed_check_and_no_longer() {
    for (late, wait) in [(false, MINUTE * 2), (true, MINUTE / 2)] {
        let world = World::new();
        let (host, other) = (world.host(1), world.host(2));
        world.play(world.gates().run(CancellationToken::new()), async {
            world.check(other, "a").await;
            if late {
                // Due since then, so that the change reserves no slot.
                world.check(host, "a").await;
                world.clock.sleep(MINUTE).await;
            }
            let (check, changed) =
                (check_later(&world, host, MINUTE * 2).await, world.clock.monotonic());
            let gate = world.gate();
            let unchanged = gate.wait(world.request(other, MINUTE * 90)).await.unwrap();
            assert_eq!(unchanged.state, GateState::Passed);
            assert!(world.clock.monotonic() < changed + wait, "it has nothing to wait for");
            let record = gate.wait(world.request(host, MINUTE * 90)).await.unwrap();
            assert_eq!(record.state, GateState::Passed, "late: {late}");
            let ran = world.ran();
            let first = ran.iter().find(|run| run.checks.contains(&check.id)).unwrap();
            assert!(first.at >= changed + wait, "late: {late}: {first:?}");
            assert!(first.at < changed + wait + world.policy.retry, "late: {late}: {first:?}");
            let pass = record.pass.unwrap();
            assert!(pass.evidence.iter().any(|one| one.check_id == Some(check.id) && one.healthy));
        });
    }
}
