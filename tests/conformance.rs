//! The conformance suite on the store in memory.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use chrono::Utc;
use healthgate::{
    clock::ManualClock,
    store::{Change, MemoryHook, MemoryStore, Refusal, Store, conformance::Fixture},
};

#[derive(Debug, Default)]
struct AuditSwitch(AtomicBool);

impl MemoryHook for AuditSwitch {
    fn before_commit(&self, change: &Change<'_>) -> Result<(), Refusal> {
        match change {
            Change::Audited(_) if self.0.load(Ordering::Relaxed) => {
                Err(Refusal::Failed("told to fail".into()))
            }
            _ => Ok(()),
        }
    }
}

struct Memory {
    clock: ManualClock,
    store: Arc<MemoryStore>,
    switch: Arc<AuditSwitch>,
}

impl Memory {
    fn fresh() -> Self {
        let (clock, switch) = (ManualClock::new(Utc::now()), Arc::new(AuditSwitch::default()));
        let store = MemoryStore::new(Arc::new(clock.clone())).with_hook(switch.clone());
        Self { clock, store: Arc::new(store), switch }
    }
}

#[async_trait]
impl Fixture for Memory {
    fn store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    async fn elapse(&self, duration: Duration) {
        self.clock.advance(duration);
    }

    fn fail_audit(&self, failing: bool) {
        self.switch.0.store(failing, Ordering::Relaxed);
    }
}

mod memory {
    use super::Memory;

    healthgate::conformance_tests!(Memory::fresh());
}
