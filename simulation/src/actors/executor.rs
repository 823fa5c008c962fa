//! The application's executor: waits for a pass, spends it, and patches. Some executors try forbidden
//! calls.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use healthgate::{
    gate::{Gate, GateError, StoredChecks, decide::WindowAnswer},
    model::{GateId, GatePass, GateRecord, GateRequest, GateState, PassKind, VerifyPolicy},
    store::{GateStore, Spend, StoreError},
    testing::fixtures,
};

use crate::{
    checker::EyesId,
    history::Event,
    rng::Rng,
    sources::Conditioned,
    targets::Network,
    world::{World, around},
};

/// What an executor does with a pass.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Manner {
    AtOnce,
    InAWhile,
    AroundExpiry,
    AroundClose,
}

/// Follows a separate job on one host.
pub(crate) async fn execute(world: World, request: GateRequest, rng: Rng) {
    execute_as(world, request, false, rng).await;
}

/// Follows one host of a rollout. Some patches fail.
pub(crate) async fn execute_in_fleet(world: World, request: GateRequest, rng: Rng) {
    execute_as(world, request, true, rng).await;
}

async fn execute_as(world: World, request: GateRequest, fleet: bool, mut rng: Rng) {
    let (store, eyes) = world.store(&world.store_clock);
    let clock = Arc::new(world.store_clock.clone());
    let network = Network::default();
    let sight = Arc::new(world.sight(&world.store_clock, eyes, false, &network));
    let policy = world.settings.policy.clone();
    let checks = StoredChecks::new(store.clone(), sight.clone(), sight.clone(), policy.timeout);
    let health = Conditioned { checks, sight: sight.clone() };
    let gate = Gate::new(store.clone(), Arc::new(health), sight, clock, policy)
        .expect("a valid policy")
        .with_poll_interval(Duration::from_secs(15));
    if let Some(record) = open(&world, &gate, &request, &mut rng).await {
        let executor = Executor { world: world.clone(), gate, store, eyes, request, fleet };
        executor.follow(record, &mut rng).await;
    }
    world.checker().close(eyes);
}

/// Opens the gate, with as many attempts as that takes.
async fn open(
    world: &World,
    gate: &Gate,
    request: &GateRequest,
    rng: &mut Rng,
) -> Option<GateRecord> {
    if rng.chance(200) {
        return gate.wait(request.clone()).await.ok();
    }
    loop {
        match gate.open(request.clone()).await {
            Ok(record) => {
                world.checker().count(Event::GateOpened);
                return Some(record);
            }
            Err(GateError::Store(StoreError::GateBusy { .. })) => {
                world.checker().count(Event::GateBusy);
                if world.now() >= request.window.closes_at() {
                    return None;
                }
            }
            Err(_) => {}
        }
        world.sleep(rng.seconds(5, 60)).await;
    }
}

struct Executor<S> {
    world: World,
    gate: Gate,
    store: Arc<S>,
    eyes: EyesId,
    request: GateRequest,
    /// Whether the job is a rollout.
    fleet: bool,
}

impl<S: GateStore> Executor<S> {
    /// Follows the gate to its end.
    async fn follow(&self, mut record: GateRecord, rng: &mut Rng) {
        let mut older: Option<GatePass> = None;
        while !record.state.is_terminal() {
            if record.state == GateState::Passed
                && let Some(pass) = record.pass.clone()
            {
                if let Some(older) = older.as_ref().filter(|older| older.id != pass.id) {
                    self.misuse(older, Event::OldPass).await;
                }
                if self.use_pass(&pass, rng).await {
                    self.world.sleep(rng.seconds(5, 240)).await;
                    // Unless this executor dies before it can report the end.
                    if !rng.chance(50) {
                        self.report(&pass, rng).await;
                    }
                    return;
                }
                older = Some(pass);
            }
            self.world.sleep(rng.seconds(1, 25)).await;
            let (job, host) = (self.request.job_id, self.request.host_id);
            if let Ok(Some(newest)) = self.store.gate(job, host).await {
                record = newest;
            }
        }
    }

    /// Reports the end of the patch. Most hosts are verified.
    async fn report(&self, pass: &GatePass, rng: &mut Rng) {
        if self.fleet && rng.chance(150) {
            self.world.checker().count(Event::PatchFailed);
            let _ = self.gate.failed(pass.id).await;
            return;
        }
        if rng.chance(300) {
            let _ = self.gate.finished(pass.id).await;
            return;
        }
        let policy = VerifyPolicy {
            settle: Duration::from_secs(*rng.pick(&[0, 60, 180])),
            soak: Duration::from_secs(*rng.pick(&[0, 0, 45, 120])),
            deadline: Duration::from_secs(*rng.pick(&[330, 900])),
        };
        let _ = self.gate.verify(pass.id, policy).await;
    }

    /// Spends a pass and patches. Returns whether it did.
    async fn use_pass(&self, pass: &GatePass, rng: &mut Rng) -> bool {
        let manner = *rng.pick(&[
            Manner::AtOnce,
            Manner::AtOnce,
            Manner::InAWhile,
            Manner::AroundExpiry,
            Manner::AroundClose,
        ]);
        match manner {
            Manner::AtOnce => {}
            Manner::InAWhile => self.world.sleep(rng.seconds(0, 70)).await,
            Manner::AroundExpiry => {
                self.world.checker().count(Event::SpentLate);
                self.world.sleep_until(around(pass.valid_until, rng)).await;
            }
            Manner::AroundClose => {
                let end = self
                    .world
                    .settings
                    .policy
                    .end_of(self.request.window, self.request.window_kind);
                if end - self.world.now() < TimeDelta::minutes(6) {
                    self.world.checker().count(Event::SpentAtClose);
                    self.world.sleep_until(around(end, rng)).await;
                }
            }
        }
        if rng.chance(60) {
            let forged = GatePass {
                gate_id: GateId::generate(),
                kind: PassKind::NoChecks,
                valid_until: pass.valid_until + TimeDelta::hours(9),
                token: pass.token + 1,
                evidence: Vec::new(),
                ..pass.clone()
            };
            self.world.sleep_until(pass.valid_until).await;
            self.world.checker().tries(self.eyes, pass, Event::ForgedPass);
            // The stored pass counts. Clocks of world and store differ slightly.
            if let Ok(Spend::Spent(record)) = self.gate.spend(&forged).await
                && let Some(stored) = &record.pass
            {
                self.world.checker().dispatched(stored);
                return true;
            }
        }
        if rng.chance(40) {
            // Only the store can refuse a caller that looks at no clock.
            self.world.sleep_until(pass.valid_until).await;
            if self.misuse(pass, Event::ExpiredPass).await {
                return true;
            }
        }
        if rng.chance(60) {
            // What the store knows by itself has to be enough, also if another job changes the host meanwhile.
            if rng.chance(400) {
                self.change_beside(rng.fork());
            }
            self.world.sleep(rng.seconds(0, 240)).await;
            return self.misuse(pass, Event::SpentBlindly).await;
        }
        if rng.chance(60) {
            // Someone cancels while the executor already has the pass.
            let audit = fixtures::audit(healthgate::model::AuditAction::GateCancelled);
            let (job, host) = (self.request.job_id, self.request.host_id);
            self.world.checker().tries(self.eyes, pass, Event::CancelRequested);
            let _ = self.store.request_cancel(job, host, audit.with_gate(job, host)).await;
        }
        match self.gate.spend(pass).await {
            Ok(Spend::Spent(_)) => {
                self.world.checker().dispatched(pass);
                if rng.chance(150) {
                    self.misuse(pass, Event::SpentTwice).await;
                }
                true
            }
            // The effect is unknown: without an answer nothing is patched.
            Ok(Spend::Refused(_)) | Err(_) => false,
        }
    }

    /// Has another job change the host as soon as it can. It is exempt, so it does not wait for this one.
    fn change_beside(&self, rng: Rng) {
        let job = fixtures::job(u128::from(self.world.number()));
        let request = GateRequest { job_id: job, exempt: true, ..self.request.clone() };
        self.world.set_window(job, request.host_id, WindowAnswer::Open(request.window));
        self.world.checker().count(Event::ChangedBeside);
        self.world.orders.spawn(execute(self.world.clone(), request, rng));
    }

    /// Tries a pass that may not work, bypassing the gate and its windows. Patches if it works, and returns
    /// whether it did.
    async fn misuse(&self, pass: &GatePass, event: Event) -> bool {
        self.world.checker().tries(self.eyes, pass, event);
        let spent = matches!(self.store.spend_pass(pass.id).await, Ok(Spend::Spent(_)));
        if spent {
            self.world.checker().dispatched(pass);
        }
        spent
    }
}
