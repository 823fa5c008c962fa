//! A store whose calls fail on demand, before or after they take effect.

mod decorate;
mod operation;
mod rule;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

pub use self::{
    operation::Operation,
    rule::{Fault, FaultRule},
};
use crate::{
    clock::{Clock, SystemClock},
    store::{Store, StoreError},
};

/// A [`Store`] that wraps another one and makes its calls fail or take longer on demand.
///
/// The first rule that applies to a call decides. A plan ([`with_plan`](Self::with_plan)) takes precedence
/// over all rules. Failed calls return [`StoreError::Unavailable`]. By the store's contract, the caller then
/// does not know whether the call took effect; this store tests how it handles that.
///
/// To fail every single call of a piece of code in turn, until a run meets no more fault:
///
/// ```
/// # use std::sync::Arc;
/// # use chrono::{TimeZone, Utc};
/// # use healthgate::{clock::*, store::*, testing::{Fault, FaultRule, FaultyStore}};
/// # let clock = ManualClock::new(Utc.with_ymd_and_hms(2026, 11, 24, 2, 0, 0).unwrap());
/// # clock.clone().drive(async {
/// for n in 1.. {
///     let store = FaultyStore::new(Arc::new(MemoryStore::new(Arc::new(clock.clone()))));
///     store.inject(FaultRule::new(Fault::After).with_nth(n));
///     let answer = store.backlog().await; // the code under test
///     if store.faults() == 0 {
///         break;
///     }
///     assert!(matches!(answer, Err(StoreError::Unavailable { .. })));
/// }
/// # });
/// ```
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    script: Mutex<Script>,
    observer: Option<Observer>,
}

/// The moment before or after a call's effect.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Moment {
    /// The call has not reached the store yet.
    Before,
    /// The store has answered, but the caller has no answer yet.
    After,
}

type Observer = Box<dyn Fn(Moment, Operation) + Send + Sync>;

/// Decides on each call. `None` leaves the call to the rules.
type Plan = Box<dyn FnMut(Operation) -> Option<Fault> + Send>;

#[derive(Default)]
struct Script {
    plan: Option<Plan>,
    rules: Vec<FaultRule>,
    calls: BTreeMap<Operation, u64>,
    faults: u64,
}

impl FaultyStore {
    /// Creates a store that forwards every call, until a rule is injected.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner, clock: Arc::new(SystemClock), script: Mutex::default(), observer: None }
    }

    /// Sets the clock for delays. The default is the system's clock.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Sets a plan, which decides on every call before the rules do. A simulation draws its faults there.
    #[must_use]
    pub fn with_plan(self, plan: impl FnMut(Operation) -> Option<Fault> + Send + 'static) -> Self {
        self.script().plan = Some(Box::new(plan));
        self
    }

    /// Sets an observer, which is called just before and just after every call that reaches the store. A test
    /// can kill its own process there.
    #[must_use]
    pub fn with_observer(
        self,
        observer: impl Fn(Moment, Operation) + Send + Sync + 'static,
    ) -> Self {
        Self { observer: Some(Box::new(observer)), ..self }
    }

    /// Adds a rule.
    pub fn inject(&self, rule: FaultRule) {
        self.script().rules.push(rule);
    }

    /// Applies this fault to every call from now on, instead of all rules so far.
    pub fn fail(&self, fault: Fault) {
        self.script().rules = vec![FaultRule::new(fault)];
    }

    /// Removes all rules, but not the plan.
    pub fn heal(&self) {
        self.script().rules.clear();
    }

    /// Returns the number of calls, including failed ones.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.script().calls.values().sum()
    }

    /// Returns the number of calls of one operation, including failed ones.
    #[must_use]
    pub fn calls_of(&self, operation: Operation) -> u64 {
        self.script().calls.get(&operation).copied().unwrap_or_default()
    }

    /// Returns the number of calls that met a fault.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.script().faults
    }

    /// Makes one call, with its fault if there is one.
    async fn call<T>(
        &self,
        operation: Operation,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let call = async {
            self.observe(Moment::Before, operation);
            let answer = call.await;
            self.observe(Moment::After, operation);
            answer
        };
        let Some(fault) = self.script().meet(operation) else { return call.await };
        match fault {
            Fault::Before | Fault::ReadOnly | Fault::Full => {
                Err(StoreError::unavailable(fault.to_string()))
            }
            Fault::After => {
                // Losing a refusal changes nothing: the call had no effect.
                let _ = call.await;
                Err(StoreError::unavailable(fault.to_string()))
            }
            Fault::Delay(duration) => {
                self.clock.sleep(duration).await;
                call.await
            }
            Fault::DelayAnswer(duration) => {
                let answer = call.await;
                self.clock.sleep(duration).await;
                answer
            }
        }
    }

    fn observe(&self, moment: Moment, operation: Operation) {
        if let Some(observer) = &self.observer {
            observer(moment, operation);
        }
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        // A poisoned lock is safe to use: a plan that panics leaves nothing half done.
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Script {
    /// Counts a call and returns its fault, if any. Every rule counts the call.
    fn meet(&mut self, operation: Operation) -> Option<Fault> {
        *self.calls.entry(operation).or_default() += 1;
        let planned = self.plan.as_mut().and_then(|plan| plan(operation));
        let planned = planned.filter(|fault| fault.applies_to(operation));
        let ruled = self.rules.iter_mut().fold(None, |first, rule| {
            let fault = rule.meet(operation);
            first.or(fault)
        });
        let fault = planned.or(ruled);
        self.faults += u64::from(fault.is_some());
        fault
    }
}

impl fmt::Debug for FaultyStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let script = self.script();
        formatter
            .debug_struct("FaultyStore")
            .field("inner", &self.inner)
            .field("rules", &script.rules)
            .field("faults", &script.faults)
            .finish_non_exhaustive()
    }
}
