//! Gates in a store under random sequences of calls, by workers of which some are too late.

use std::{collections::HashMap, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use healthgate::{
    clock::ManualClock,
    model::{
        Actor, AuditAction, AuditEntry, ClockEpoch, EndReason, GateId, GatePass, GateRecord,
        GateRequest, GateState, HostId, JobId, PassId, PassKind, Window, WorkerId,
    },
    store::{
        GateExtension, GateStep, GateStore, GateTransition, LeasedGate, MemoryStore, Spend,
        StoreError,
    },
};
use proptest::prelude::*;
use uuid::Uuid;

const LEASE: Duration = Duration::from_secs(60);

#[derive(Clone, Debug)]
enum Call {
    Open { job: u8, host: u8 },
    Claim { worker: usize },
    Renew { worker: usize },
    Pass { worker: usize, held: usize },
    TakeBack { worker: usize, held: usize },
    End { worker: usize, held: usize, cancelled: bool },
    Spend { pass: usize },
    Cancel { job: u8, host: u8 },
    Wait { seconds: u64 },
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        3 => (0_u8..3, 0_u8..2).prop_map(|(job, host)| Call::Open { job, host }),
        4 => (0_usize..2).prop_map(|worker| Call::Claim { worker }),
        1 => (0_usize..2).prop_map(|worker| Call::Renew { worker }),
        4 => (0_usize..2, 0_usize..4).prop_map(|(worker, held)| Call::Pass { worker, held }),
        1 => (0_usize..2, 0_usize..4).prop_map(|(worker, held)| Call::TakeBack { worker, held }),
        1 => (0_usize..2, 0_usize..4, any::<bool>())
            .prop_map(|(worker, held, cancelled)| Call::End { worker, held, cancelled }),
        4 => (0_usize..6).prop_map(|pass| Call::Spend { pass }),
        1 => (0_u8..3, 0_u8..2).prop_map(|(job, host)| Call::Cancel { job, host }),
        2 => proptest::sample::select(vec![1_u64, 29, 30, 31, 59, 60, 61])
            .prop_map(|seconds| Call::Wait { seconds }),
    ]
}

/// What the calls so far have brought, kept as a reader of the contract would.
struct Model {
    store: MemoryStore,
    now: DateTime<Utc>,
    workers: [WorkerId; 2],
    /// Everything that a worker ever claimed, forgotten never: some of it is too late.
    held: [Vec<LeasedGate>; 2],
    /// Of each gate: the newest owner, unless it is free again, and the newest token.
    holders: HashMap<GateId, (Option<WorkerId>, i64)>,
    /// When each worker's lease ends.
    leases: HashMap<WorkerId, DateTime<Utc>>,
    passes: Vec<GatePass>,
    spent: HashMap<GateId, PassId>,
    ended: HashMap<GateId, GateRecord>,
}

fn job(number: u8) -> JobId {
    JobId::from_uuid(Uuid::from_u128(u128::from(number) + 1))
}

fn host(number: u8) -> HostId {
    HostId::from_uuid(Uuid::from_u128(u128::from(number) + 100))
}

fn step(held: &LeasedGate, transition: GateTransition) -> GateStep {
    GateStep {
        gate_id: held.record.id,
        token: held.token,
        seen: held.changes,
        window: held.record.window,
        high_water: held.record.high_water,
        clock_offset_us: held.record.clock_offset_us,
        offset_clearings: held.record.offset_clearings,
        hold: None,
        void_before: None,
        next_attempt_at: None,
        evidence: None,
        notes: Vec::new(),
        detail: None,
        attempt: None,
        results: Vec::new(),
        transition: Some(transition),
    }
}

impl Model {
    async fn all(&self) -> Vec<GateRecord> {
        let mut gates = Vec::new();
        for number in 0..3 {
            gates.extend(self.store.gates_of(job(number)).await.unwrap());
        }
        gates
    }

    fn has_lease(&self, worker: WorkerId) -> bool {
        self.leases.get(&worker).is_some_and(|until| self.now < *until)
    }

    async fn settle(&mut self, worker: usize, index: usize, transition: GateTransition) {
        let Some(held) = self.held[worker].get(index).cloned() else { return };
        let id = held.record.id;
        let before =
            self.store.gate(held.record.job_id, held.record.host_id).await.unwrap().unwrap();
        let own = self.workers[worker];
        let fence_holds = self.holders[&id] == (Some(own), held.token) && self.has_lease(own);
        let leads = match (&transition, before.state) {
            (GateTransition::Renew, state) => state == GateState::Passed,
            (_, GateState::Waiting) | (GateTransition::End(_), GateState::Passed) => true,
            _ => false,
        };
        let ends_lease = !matches!(transition, GateTransition::Renew);
        let pass = match &transition {
            GateTransition::Pass(pass) => Some(pass.clone()),
            _ => None,
        };
        let steps = vec![step(&held, transition)];
        let fenced = self.store.settle_gates(self.workers[worker], steps).await.unwrap();
        let after =
            self.store.gate(held.record.job_id, held.record.host_id).await.unwrap().unwrap();
        if fence_holds && leads {
            assert!(fenced.is_empty());
            if ends_lease {
                self.holders.get_mut(&id).unwrap().0 = None;
            }
            self.passes.extend(pass);
        } else {
            assert_eq!(fenced, [id], "G29");
            assert_eq!(before, after, "G29: a fenced step writes nothing");
        }
    }

    async fn apply(&mut self, clock: &ManualClock, call: Call) {
        match call {
            Call::Open { job: number, host: on } => {
                let window = Window::new(self.now, self.now + TimeDelta::hours(1)).unwrap();
                let request = GateRequest::new(job(number), host(on), window);
                let known = self.store.gate(job(number), host(on)).await.unwrap();
                let opened = self.store.open_gate(request).await;
                match (known, opened) {
                    (Some(known), Ok(opened)) => assert_eq!(known, opened, "G27"),
                    (None, Ok(opened)) => assert_eq!(opened.state, GateState::Waiting),
                    (None, Err(StoreError::GateBusy { .. })) => {}
                    (_, Err(error)) => panic!("{error}"),
                }
            }
            Call::Claim { worker } => {
                let id = self.workers[worker];
                let claims = self.store.claim_gates(id, 10, LEASE).await.unwrap();
                if !self.has_lease(id) {
                    let held = self.holders.values_mut().filter(|(owner, _)| *owner == Some(id));
                    held.for_each(|(owner, _)| *owner = None);
                }
                self.leases.insert(id, self.now + TimeDelta::from_std(LEASE).unwrap());
                for gate in claims.gates {
                    assert!(!gate.record.state.is_terminal());
                    let before = self.holders.get(&gate.record.id);
                    assert!(before.is_none_or(|(owner, token)| {
                        *token < gate.token && owner.is_none_or(|owner| !self.has_lease(owner))
                    }));
                    self.holders.insert(gate.record.id, (Some(id), gate.token));
                    self.held[worker].insert(0, gate);
                }
            }
            Call::Renew { worker } => {
                let id = self.workers[worker];
                let gates: Vec<_> = self.held[worker].iter().map(|held| held.record.id).collect();
                let extension = GateExtension { gates: &gates, lease: LEASE };
                let watch = self.store.watch_gates(id, Some(extension)).await.unwrap();
                assert_eq!(watch.leased, self.has_lease(id));
                if watch.leased {
                    self.leases.insert(id, self.now + TimeDelta::from_std(LEASE).unwrap());
                }
            }
            Call::Pass { worker, held } => {
                let Some(gate) = self.held[worker].get(held) else { return };
                let pass = GatePass {
                    id: PassId::generate(),
                    gate_id: gate.record.id,
                    job_id: gate.record.job_id,
                    host_id: gate.record.host_id,
                    kind: PassKind::Healthy,
                    granted_at: self.now,
                    valid_until: self.now + TimeDelta::seconds(30),
                    owner: self.workers[worker],
                    token: gate.token,
                    epoch: ClockEpoch::default(),
                    evidence: Vec::new(),
                    would_have: None,
                };
                self.settle(worker, held, GateTransition::Pass(pass)).await;
            }
            Call::TakeBack { worker, held } => {
                self.settle(worker, held, GateTransition::Renew).await;
            }
            Call::End { worker, held, cancelled } => {
                let reason =
                    if cancelled { EndReason::JobCancelled } else { EndReason::WindowClosed };
                self.settle(worker, held, GateTransition::End(reason)).await;
            }
            Call::Spend { pass } => {
                let Some(pass) = self.passes.iter().rev().nth(pass).cloned() else { return };
                let before = self.store.gate(pass.job_id, pass.host_id).await.unwrap().unwrap();
                if let Spend::Spent(_) = self.store.spend_pass(pass.id).await.unwrap() {
                    assert!(self.now < pass.valid_until, "G16");
                    assert!(!before.cancel_requested, "G25");
                    assert_eq!(before.state, GateState::Passed);
                    assert_eq!(before.pass.map(|newest| newest.id), Some(pass.id));
                    let earlier = self.spent.insert(pass.gate_id, pass.id);
                    assert_eq!(earlier, None, "G17: at most one success for ever");
                }
            }
            Call::Cancel { job: number, host: on } => {
                let audit = AuditEntry::allowed(Actor::system(), AuditAction::GateCancelled);
                let cancelled = self.store.request_cancel(job(number), host(on), audit).await;
                if let Ok(record) = cancelled {
                    let spent = self.spent.contains_key(&record.id);
                    assert!(!(spent && record.cancel_requested), "G25: one winner");
                }
            }
            Call::Wait { seconds } => {
                clock.advance(Duration::from_secs(seconds));
                self.now += TimeDelta::seconds(i64::try_from(seconds).unwrap());
            }
        }
        let all = self.all().await;
        for on in 0..2 {
            let unfinished = all
                .iter()
                .filter(|gate| gate.host_id == host(on) && !gate.state.is_terminal())
                .count();
            assert!(unfinished <= 1, "G27");
        }
        for gate in all.into_iter().filter(|gate| gate.state.is_terminal()) {
            let known = self.ended.entry(gate.id).or_insert_with(|| gate.clone());
            assert_eq!(*known, gate, "G18");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// G16, G17, G18, G25, G27, G29 over every sequence of calls.
    #[test]
    fn g17_g27_g29_gates_keep_their_promises_whoever_calls_in_whatever_order(
        calls in proptest::collection::vec(call(), 1..40),
    ) {
        let start = DateTime::from_timestamp_micros(1_800_000_000_000_000).unwrap();
        let clock = ManualClock::new(start);
        let mut model = Model {
            store: MemoryStore::new(Arc::new(clock.clone())),
            now: start,
            workers: [WorkerId::generate(), WorkerId::generate()],
            held: [Vec::new(), Vec::new()],
            holders: HashMap::new(),
            leases: HashMap::new(),
            passes: Vec::new(),
            spent: HashMap::new(),
            ended: HashMap::new(),
        };
        clock.drive(async {
            for call in calls {
                model.apply(&clock, call).await;
            }
        });
    }
}
