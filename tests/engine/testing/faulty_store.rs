//! The store that fails when it is told to: with nothing told it is a store like any other, and each
//! fault does what its documentation says.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use chrono::{TimeZone, Utc};
use healthgate::{
    clock::{Clock, ManualClock},
    model::{Actor, AuditAction, AuditEntry, Role},
    store::{
        AuditFilter, AuditLog, Change, MemoryHook, MemoryStore, PollQueue, Refusal, Store,
        StoreBase, StoreError, conformance::Fixture,
    },
    testing::{Fault, FaultRule, FaultyStore, Operation},
};

struct World {
    clock: ManualClock,
    memory: MemoryStore,
    store: Arc<FaultyStore>,
}

impl World {
    fn new() -> Self {
        let start = Utc.with_ymd_and_hms(2026, 11, 24, 2, 0, 0).single().expect("a date");
        let clock = ManualClock::new(start);
        let memory = MemoryStore::new(Arc::new(clock.clone()));
        let store = FaultyStore::new(Arc::new(memory.clone())).with_clock(Arc::new(clock.clone()));
        Self { clock, memory, store: Arc::new(store) }
    }

    /// Writes through the faulty store, and tells whether it was answered and what is stored then.
    async fn write(&self) -> (bool, usize) {
        let actor = Actor::new("ada", Role::Admin);
        let entry = AuditEntry::allowed(actor, AuditAction::HealthCheckTested);
        let answered = match self.store.append_audit(entry).await {
            Ok(_) => true,
            Err(StoreError::Unavailable { .. }) => false,
            Err(error) => panic!("{error}"),
        };
        (answered, self.stored().await)
    }

    async fn stored(&self) -> usize {
        self.memory.audit_page(&AuditFilter::default(), None, 100).await.expect("memory").len()
    }
}

#[test]
fn a_fault_before_leaves_no_effect_and_one_after_leaves_the_effect() {
    let world = World::new();
    world.clock.drive(async {
        world.store.fail(Fault::Before);
        assert_eq!(world.write().await, (false, 0));
        world.store.fail(Fault::After);
        assert_eq!(world.write().await, (false, 1));
        world.store.heal();
        assert_eq!(world.write().await, (true, 2));
        assert_eq!((world.store.calls(), world.store.faults()), (3, 2));
        assert_eq!(world.store.calls_of(Operation::AppendAudit), 3);
    });
}

#[test]
fn a_rule_counts_only_the_calls_that_it_is_about() {
    let world = World::new();
    world.clock.drive(async {
        world.store.inject(
            FaultRule::new(Fault::Before).with_operations([Operation::AppendAudit]).with_nth(2),
        );
        world.store.inject(
            FaultRule::new(Fault::After).with_operations([Operation::AppendAudit]).with_first(4),
        );
        let mut answered = Vec::new();
        for _ in 0..5 {
            assert!(world.store.now().await.is_ok());
            answered.push(world.write().await);
        }
        assert_eq!(answered, [(true, 1), (false, 1), (true, 2), (false, 3), (false, 4)]);
    });
}

/// F53, F54: where nothing can be written, reading goes on.
#[test]
fn f53_f54_a_full_or_read_only_store_refuses_writes_alone() {
    for fault in [Fault::Full, Fault::ReadOnly] {
        let world = World::new();
        world.clock.drive(async {
            world.store.fail(fault);
            assert_eq!(world.write().await, (false, 0));
            assert!(world.store.now().await.is_ok() && world.store.backlog().await.is_ok());
        });
    }
}

#[test]
fn delays_last_by_the_given_clock_and_a_caller_that_goes_away_finds_them_as_described() {
    let (delay, patience) = (Duration::from_secs(5), Duration::from_secs(1));
    for (fault, left_behind) in [(Fault::Delay(delay), 0), (Fault::DelayAnswer(delay), 1)] {
        let world = World::new();
        world.clock.drive(async {
            world.store.fail(fault);
            let write = std::pin::pin!(world.write());
            let patience = std::pin::pin!(world.clock.sleep(patience));
            futures_util::future::select(write, patience).await;
            assert_eq!(world.stored().await, left_behind, "{fault}");

            let before = world.clock.monotonic();
            assert_eq!(world.write().await, (true, left_behind + 1));
            assert_eq!(world.clock.monotonic() - before, delay);
        });
    }
}

#[test]
fn a_plan_goes_before_the_rules() {
    let World { clock, memory, .. } = World::new();
    let mut calls = 0;
    let store = FaultyStore::new(Arc::new(memory)).with_plan(move |_| {
        calls += 1;
        (calls == 1).then_some(Fault::Before)
    });
    clock.drive(async {
        assert!(store.now().await.is_err());
        assert!(store.now().await.is_ok());
        store.fail(Fault::Before);
        assert!(store.now().await.is_err());
    });
}

#[test]
fn operations_are_named_as_their_methods() {
    let source = include_str!("../../../src/testing/faulty_store/decorate.rs");
    for operation in Operation::ALL {
        let method = format!("async fn {operation}(");
        assert!(source.contains(&method), "{operation} is no method");
        assert!(
            source.contains(&format!("Operation::{operation:?},")),
            "{operation:?} is not used"
        );
    }
    assert_eq!(source.matches("async fn ").count(), Operation::ALL.len());
}

struct Decorated {
    world: World,
    switch: Arc<Switch>,
}

#[derive(Debug, Default)]
struct Switch(AtomicBool);

impl MemoryHook for Switch {
    fn before_commit(&self, change: &Change<'_>) -> Result<(), Refusal> {
        let failing = self.0.load(Ordering::Relaxed);
        match change {
            Change::Audited(_) if failing => Err(Refusal::Failed("told to fail".into())),
            _ => Ok(()),
        }
    }
}

impl Decorated {
    fn fresh() -> Self {
        let (mut world, switch) = (World::new(), Arc::new(Switch::default()));
        world.memory = world.memory.with_hook(switch.clone());
        world.store = Arc::new(FaultyStore::new(Arc::new(world.memory.clone())));
        Self { world, switch }
    }
}

#[async_trait]
impl Fixture for Decorated {
    fn store(&self) -> Arc<dyn Store> {
        self.world.store.clone()
    }

    async fn elapse(&self, duration: Duration) {
        self.world.clock.advance(duration);
    }

    fn fail_audit(&self, failing: bool) {
        self.switch.0.store(failing, Ordering::Relaxed);
    }
}

mod conformance {
    use super::Decorated;

    healthgate::conformance_tests!(Decorated::fresh());
}
