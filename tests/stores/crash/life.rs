//! The life of an installation: what a worker does from its start to its end, from wherever the one
//! before it has come to.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use healthgate::{
    checks::{CheckManager, Poller, PollerConfig, register_keys},
    clock::Clock,
    crypto::{Key, KeyRing},
    directory::StaticDirectory,
    gate::{Gate, GatePolicy, GateRunner, GateRunnerConfig, RequestedWindows, StoredChecks},
    model::{
        Actor, Amount, AuditAction, AvailabilityGroup, ChangeEnd, CheckChange, EndReason,
        GateOverride, GateRecord, GateRequest, GateState, HealthCheck, HostId, JobId, NewCheck,
        OverriddenCheck, PassId, ReasonCode, Role, RolloutPolicy, RolloutStep, VerifyPolicy,
        Window, WorkerId,
    },
    store::{ClaimRequest, HostRelease, Spend, Store, StoreError, StoreEvent},
    testing::{Answer, FaultyStore, ScriptedRunner, fixtures},
};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use crate::crash::{
    place::{Place, clock_of_worker, point_of_worker},
    point::{Point, Trigger},
};

/// Each with a check that answers.
pub(crate) const HEALTHY: HostId = fixtures::host(1);
/// Its check fails, and an administrator lets it pass.
pub(crate) const FAILING: HostId = fixtures::host(2);
/// Its job is cancelled before its window opens.
pub(crate) const CANCELLED: HostId = fixtures::host(3);
/// It is forgotten in the end.
pub(crate) const FORGOTTEN: HostId = fixtures::host(4);
/// All that stay.
pub(crate) const HOSTS: [HostId; 3] = [HEALTHY, FAILING, CANCELLED];

const MOMENT: Duration = Duration::from_millis(5);
const LEASE: Duration = Duration::from_secs(60);
/// At once, so that a life that is cut goes on in the next one.
const VERIFY: VerifyPolicy = VerifyPolicy {
    settle: Duration::ZERO,
    soak: Duration::ZERO,
    deadline: Duration::from_secs(600),
};

/// The job whose rollout is halted and resumed.
pub(crate) const HALTED_JOB: u128 = 5;

/// It holds nobody back.
pub(crate) fn group() -> AvailabilityGroup {
    AvailabilityGroup {
        name: "all".to_owned(),
        max_unavailable: 3,
        stale_after: LEASE,
        members: HOSTS.into(),
    }
}

fn one_by_one() -> RolloutPolicy {
    RolloutPolicy {
        stages: Vec::new(),
        max_in_flight: Amount::Hosts(1),
        failure_budget: Amount::Hosts(0),
    }
}

pub(crate) fn key(byte: u8) -> Key {
    Key::from_bytes(Zeroizing::new([byte; Key::BYTES]))
}

/// The body of a worker process; nothing where this is none.
#[test]
#[ignore = "a worker process, started by the tests of `kill`"]
fn worker() {
    let Some(place) = Place::of_worker() else { return };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.unwrap().block_on(live(&place));
}

struct Life<'a> {
    place: &'a Place,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    runner: Arc<ScriptedRunner>,
    directory: Arc<StaticDirectory>,
    admin: Actor,
    began_at: DateTime<Utc>,
}

async fn live(place: &Place) {
    let clock: Arc<dyn Clock> = Arc::new(clock_of_worker());
    let trigger = Arc::new(Trigger::new(point_of_worker()));
    let opened = place.database.open(clock.clone(), trigger.clone()).await;
    let observed = FaultyStore::new(opened.store.clone()).with_observer(move |moment, call| {
        trigger.happens(&Point::of_call(moment, call));
    });
    let runner = Arc::new(ScriptedRunner::new(clock.clone()));
    runner.answer_host(FAILING, Answer::new(ReasonCode::Connect));
    let directory = Arc::new(StaticDirectory::new());
    for host in [HEALTHY, FAILING, CANCELLED, FORGOTTEN] {
        directory.insert(host, None, &["all"]);
    }
    let admin = Actor::new("ada", Role::Admin);
    // Windows stay where the first worker has put them.
    let began =
        place.logged().iter().find_map(|line| Some(line.strip_prefix("began ")?.to_owned()));
    let began_at = match began {
        Some(instant) => DateTime::parse_from_rfc3339(&instant).unwrap().to_utc(),
        None => {
            let now = clock.now();
            place.log(&format!("began {}", now.to_rfc3339()));
            now
        }
    };
    let store_seen: Arc<dyn Store> = Arc::new(observed);
    let life = Life { place, store: store_seen, clock, runner, directory, admin, began_at };
    life.configure().await;
    life.poll().await;
    life.run_jobs().await;
    life.rotate().await;
    life.tidy_up().await;
    opened.close().await;
    place.log("ended");
}

impl Life<'_> {
    async fn checks(&self, ring: KeyRing) -> CheckManager {
        let keys = register_keys(self.store.as_ref(), ring, &self.admin).await.unwrap();
        let (directory, runner) = (self.directory.clone(), self.runner.clone());
        CheckManager::new(self.store.clone(), keys, directory, runner)
    }

    /// The check of this name, made where it is not there.
    async fn ensure(&self, checks: &CheckManager, host: HostId, name: &str) -> HealthCheck {
        let stored = self.store.checks_of(&[host]).await.unwrap();
        if let Some(check) = stored.into_iter().find(|check| *check.definition.name == *name) {
            return check;
        }
        let new = NewCheck::from_json(json!({
            "name": name, "check_type": "http", "url": "http://a.example/", "expected_body": "",
            "basic_auth_user": "u", "basic_auth_pass": "a password of ours",
        }));
        let check = checks.create(&self.admin, host, new.unwrap()).await.unwrap();
        self.place.log(&format!("made {}", check.id));
        check
    }

    async fn configure(&self) {
        let seen = self.store.read_clock().await.unwrap().epoch;
        self.store.begin_epoch(seen).await.unwrap();
        let checks = self.checks(KeyRing::new(key(1))).await;
        for host in [HEALTHY, FAILING, CANCELLED, FORGOTTEN] {
            self.ensure(&checks, host, "web").await;
        }
        let mail = self.store.checks_of(&[HEALTHY]).await.unwrap();
        if !mail.iter().any(|check| *check.definition.name == *"mail, renamed") {
            let mail = self.ensure(&checks, HEALTHY, "mail").await;
            let change = CheckChange::from_json(json!({"name": "mail, renamed"}));
            checks.change(&self.admin, HEALTHY, mail.id, &change, None).await.unwrap();
        }
        if !self.place.logged().iter().any(|line| line == "deleted") {
            let doomed = self.ensure(&checks, HEALTHY, "doomed").await;
            checks.delete(&self.admin, HEALTHY, doomed.id, None).await.unwrap();
            self.place.log("deleted");
        }
    }

    /// Polls until every check has a result.
    async fn poll(&self) {
        let config = PollerConfig {
            tick: Duration::from_millis(10),
            flush_after: MOMENT,
            flush_hosts: 1,
            prune_every: Duration::from_secs(1),
            ..PollerConfig::default()
        };
        let (store, directory) = (self.store.clone(), self.directory.clone());
        let poller =
            Poller::new(store, self.runner.clone(), directory, self.clock.clone(), config).unwrap();
        let stop = CancellationToken::new();
        let all_have_a_result = async {
            loop {
                let checks = self.store.checks_of(&HOSTS).await.unwrap().len();
                if self.store.states(&HOSTS).await.unwrap().len() == checks {
                    break;
                }
                tokio::time::sleep(MOMENT).await;
            }
            stop.cancel();
        };
        tokio::join!(poller.run(stop.clone()), all_have_a_result);
        let day = Duration::from_secs(24 * 3600);
        self.store.prune_results(day * 4, 100, false).await.unwrap();
        self.store.prune_gates(day * 90, 100, false).await.unwrap();
        self.store.prune_audit(day * 400, 100, false).await.unwrap();
    }

    fn request(&self, job: u128, host: HostId, opens_in: TimeDelta) -> GateRequest {
        let opens_at = self.began_at + opens_in;
        let window = Window::lasting(opens_at, TimeDelta::hours(2)).unwrap();
        GateRequest::new(fixtures::job(job), host, window)
    }

    async fn run_jobs(&self) {
        let policy = GatePolicy {
            retry: Duration::from_secs(2),
            spread: Duration::ZERO,
            // What the poller saw does not do: each gate runs its own attempts.
            live_only: true,
            ..GatePolicy::default()
        };
        let (store, windows) = (self.store.clone(), Arc::new(RequestedWindows));
        let (runner, directory) = (self.runner.clone(), self.directory.clone());
        let health = Arc::new(StoredChecks::new(store, runner, directory, policy.timeout));
        let tick = Duration::from_millis(10);
        let config = GateRunnerConfig { tick, ..GateRunnerConfig::default() };
        let (store, clock) = (self.store.clone(), self.clock.clone());
        let gates = || {
            let (store, health) = (store.clone(), health.clone());
            let (windows, clock) = (windows.clone(), clock.clone());
            GateRunner::new(store, health, windows, clock, policy.clone(), config.clone()).unwrap()
        };
        let gate = Gate::new(
            store.clone(),
            health.clone(),
            windows.clone(),
            clock.clone(),
            policy.clone(),
        )
        .unwrap()
        .with_poll_interval(MOMENT);
        let later = self.request(3, CANCELLED, TimeDelta::hours(1));
        gate.open(later.clone()).await.unwrap();
        let (job, entry) = (later.job_id, fixtures::audit(AuditAction::GateClockCleared));
        match store.clear_clock_offset(job, CANCELLED, entry.with_gate(job, CANCELLED)).await {
            // A worker before this one has seen it end.
            Ok(_) | Err(StoreError::InvalidState { .. }) => {}
            Err(error) => panic!("{error:?}"),
        }
        let ended = self.request(4, FORGOTTEN, TimeDelta::zero());
        let no_room = EndReason::NotRunCapacity;
        store.open_ended_gate(ended, no_room, "no room".to_owned()).await.unwrap();

        let healthy = self.request(1, HEALTHY, TimeDelta::zero());
        store.open_rollout(healthy.job_id, 1, one_by_one()).await.unwrap();
        self.halt_and_resume().await;
        store.put_groups(vec![group()]).await.unwrap();

        // A gate that still waits is handed back when the first runner stops.
        let (first, stop) = (gates(), CancellationToken::new());
        let jobs = async {
            self.job(&gate, healthy, false).await;
            let failing = self.request(2, FAILING, TimeDelta::zero());
            gate.open(failing.clone()).await.unwrap();
            self.let_pass(&failing).await;
            self.job(&gate, failing, true).await;
            stop.cancel();
        };
        tokio::join!(first.run(stop.clone()), jobs);
        let entry = fixtures::audit(AuditAction::GateCancelled).with_gate(later.job_id, CANCELLED);
        store.request_cancel(later.job_id, CANCELLED, entry).await.unwrap();
        let (second, stop) = (gates(), CancellationToken::new());
        let cancelled = async {
            while gate.wait(later.clone()).await.unwrap().state != GateState::Cancelled {}
            stop.cancel();
        };
        tokio::join!(second.run(stop.clone()), cancelled);
    }

    /// Waits for the gate and goes ahead, at most once for ever; if it hesitates, it first gives a pass
    /// back.
    async fn job(&self, gate: &Gate, request: GateRequest, mut hesitates: bool) {
        loop {
            let record: GateRecord = gate.wait(request.clone()).await.unwrap();
            let Some(pass) = record.pass else { return };
            if record.state == GateState::Spent {
                // Nothing more is known of it than that it went ahead: it is over now.
                self.end(request.job_id, request.host_id, pass.id).await;
            }
            if record.state != GateState::Passed {
                return;
            }
            if std::mem::take(&mut hesitates) {
                self.store.return_pass(pass.id).await.unwrap();
                continue;
            }
            match self.store.spend_pass(pass.id).await.unwrap() {
                Spend::Spent(spent) => {
                    self.place.log(&format!("dispatched {}", record.job_id));
                    self.store.announce(StoreEvent::of_gate(&spent)).await.unwrap();
                    self.end(request.job_id, request.host_id, pass.id).await;
                    return;
                }
                Spend::Refused(_) => tokio::time::sleep(MOMENT).await,
            }
        }
    }

    /// Reports the end of a change. The healthy host is verified.
    async fn end(&self, job: JobId, host: HostId, pass: PassId) {
        let end = if host == HEALTHY { ChangeEnd::Verify(VERIFY) } else { ChangeEnd::Done };
        let mut change = self.store.end_host_change(pass, end).await.unwrap();
        while change.is_being_verified() {
            tokio::time::sleep(MOMENT).await;
            change = self.store.changes_of(job).await.unwrap().remove(0);
        }
    }

    /// Takes a rollout without hosts through a halt, wherever the worker before has left it.
    async fn halt_and_resume(&self) {
        let job = fixtures::job(HALTED_JOB);
        let rollout = self.store.open_rollout(job, 2, one_by_one()).await.unwrap();
        if rollout.revision == 0 {
            let halt = RolloutStep::Halt { reason: "2 hosts failed".to_owned() };
            assert!(self.store.settle_rollout(job, 0, halt).await.unwrap());
        }
        let entry = fixtures::audit(AuditAction::RolloutResumed);
        match self.store.resume_rollout(job, entry).await {
            // A worker before this one has resumed it.
            Ok(_) | Err(StoreError::InvalidState { .. }) => {}
            Err(error) => panic!("{error:?}"),
        }
    }

    async fn let_pass(&self, request: &GateRequest) {
        let checks = self.store.checks_of(&[FAILING]).await.unwrap();
        let overridden =
            |check: &HealthCheck| OverriddenCheck { check_id: check.id, revision: check.revision };
        let exception = GateOverride::new(
            checks.iter().map(overridden).collect(),
            "known, and harmless for this",
            request.window.closes_at(),
            "ada",
            self.clock.now(),
            request.window.closes_at(),
        );
        let (job, host) = (request.job_id, request.host_id);
        let entry = fixtures::audit(AuditAction::GateOverridden).with_gate(job, host);
        match self.store.set_override(job, host, Some(exception.unwrap()), entry).await {
            // A worker before this one has seen it pass.
            Ok(_) | Err(StoreError::InvalidState { .. }) => {}
            Err(error) => panic!("{error:?}"),
        }
    }

    async fn rotate(&self) {
        let ring = KeyRing::new(key(2)).with_decrypt_only(key(1));
        let report = self.checks(ring).await.rotate_keys(&self.admin).await.unwrap();
        assert_eq!((report.overtaken, report.unreadable.len()), (0, 0));
    }

    async fn tidy_up(&self) {
        let worker = WorkerId::generate();
        let request = ClaimRequest::new(worker, 100, LEASE);
        let claims = self.store.claim_hosts(request).await.unwrap().hosts;
        let hosts = claims.iter().map(|held| HostRelease::new(held.host_id, held.token));
        self.store.release_hosts(worker, hosts.collect()).await.unwrap();
        self.store.forget_host(FORGOTTEN).await.unwrap();
        self.store.append_audit(fixtures::audit(AuditAction::HealthCheckTested)).await.unwrap();
    }
}
