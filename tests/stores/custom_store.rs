//! The conformance suite on a store that is written outside the library: `examples/custom_store`.

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
    store::{Refusal, Store, conformance::Fixture},
};

// The suite has no use for its `main`.
#[allow(dead_code)]
#[path = "../../examples/custom_store/main.rs"]
mod example;

struct Custom {
    clock: ManualClock,
    store: Arc<example::CustomStore>,
    failing: Arc<AtomicBool>,
}

impl Custom {
    fn fresh() -> Self {
        let (clock, failing) = (ManualClock::new(Utc::now()), Arc::new(AtomicBool::new(false)));
        let told = failing.clone();
        let sink = Box::new(move |_: &_| {
            if told.load(Ordering::Relaxed) {
                Err(Refusal::Failed("told to fail".into()))
            } else {
                Ok(())
            }
        });
        let store = Arc::new(example::CustomStore::new(Arc::new(clock.clone()), sink));
        Self { clock, store, failing }
    }
}

#[async_trait]
impl Fixture for Custom {
    fn store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    async fn elapse(&self, duration: Duration) {
        self.clock.advance(duration);
    }

    async fn leap(&self, by: Duration) -> bool {
        self.clock.step_wall(chrono::TimeDelta::from_std(by).expect("short"));
        true
    }

    fn fail_audit(&self, failing: bool) {
        self.failing.store(failing, Ordering::Relaxed);
    }
}

mod suite {
    use super::Custom;

    healthgate::conformance_tests!(Custom::fresh());
}
