//! The in-memory store: for tests, examples, and services that persist nothing.

mod audit;
mod check;
mod gate;
mod gate_state;
mod group;
mod poll;
mod result;
mod rollout;
mod secret;
mod state;
mod verification;

use std::{
    fmt::Debug,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use self::state::State;
use super::{Change, Feed, PruneGuard, Refusal, StoreBase, StoreError, StoreEvent, Subscription};
use crate::{
    clock::{Clock, SystemClock},
    model::{AuditEntry, AuditId, AuditRecord, ClockEpoch, Damping, StoreTime},
};

/// Implements all store traits behind one lock, with the application's clock.
///
/// Nothing survives the process. A clone is another handle to the same store.
#[derive(Clone, Debug)]
pub struct MemoryStore {
    clock: Arc<dyn Clock>,
    state: Arc<Mutex<State>>,
    hook: Option<Arc<dyn MemoryHook>>,
    damping: Damping,
    feed: Feed,
    pruning: Arc<PruneGuard>,
}

/// The application's part of a change, in the same step. If the hook refuses, the change does not happen.
///
/// The store calls the hook under its lock: do not call the store from it, and do not block.
pub trait MemoryHook: Debug + Send + Sync + 'static {
    /// Runs before a change becomes visible.
    ///
    /// # Errors
    /// Returns why the change must not happen.
    fn before_commit(&self, change: &Change<'_>) -> Result<(), Refusal>;
}

impl Default for MemoryStore {
    /// Creates an empty store on the system clock.
    fn default() -> Self {
        Self::new(Arc::new(SystemClock))
    }
}

impl MemoryStore {
    /// Creates an empty store.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let (hook, damping) = (None, Damping::default());
        let (state, pruning) = (Arc::default(), Arc::default());
        Self { clock, state, hook, damping, feed: Feed::new(), pruning }
    }

    /// Sets the damping of statuses.
    #[must_use]
    pub fn with_damping(self, damping: Damping) -> Self {
        Self { damping, ..self }
    }

    /// Sets the application's hook.
    #[must_use]
    pub fn with_hook(self, hook: Arc<dyn MemoryHook>) -> Self {
        Self { hook: Some(hook), ..self }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code under this lock panics halfway through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn time(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Takes a reading of the clock, and returns whether pruning waits because the clock jumped ahead.
    fn holds_pruning(&self, now: DateTime<Utc>) -> bool {
        self.pruning.holds(self.clock.monotonic(), now)
    }

    /// Returns the clock with its epoch.
    fn time_in(&self, state: &State) -> StoreTime {
        StoreTime::new(state.clock.epoch, self.time())
    }

    /// Calls the hook with a change.
    fn ask(&self, change: &Change<'_>) -> Result<(), StoreError> {
        match &self.hook {
            Some(hook) => hook.before_commit(change).map_err(StoreError::Refused),
            None => Ok(()),
        }
    }

    /// Creates the record of an entry, after the hook has accepted it.
    fn audit(&self, entry: AuditEntry) -> Result<AuditRecord, StoreError> {
        let record = AuditRecord::new(AuditId::generate(), self.time(), entry);
        self.ask(&Change::Audited(&record))?;
        Ok(record)
    }
}

#[async_trait]
impl StoreBase for MemoryStore {
    async fn read_clock(&self) -> Result<StoreTime, StoreError> {
        Ok(self.time_in(&self.lock()))
    }

    async fn begin_epoch(&self, seen: ClockEpoch) -> Result<ClockEpoch, StoreError> {
        let mut state = self.lock();
        let now = self.time();
        let next = state.clock.begin(seen, now);
        Ok(state.keep_clock(next, now))
    }

    fn is_durable(&self) -> bool {
        false
    }

    async fn subscribe(&self) -> Result<Subscription, StoreError> {
        Ok(self.feed.subscribe())
    }

    async fn announce(&self, event: StoreEvent) -> Result<(), StoreError> {
        self.feed.publish(event);
        Ok(())
    }
}
