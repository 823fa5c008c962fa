//! Faults, and the calls that they affect.

use std::{fmt, time::Duration};

use super::Operation;

/// The fault of one call.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Fault {
    /// The call fails without effect, as when the store is down.
    Before,
    /// The call takes effect but its answer is lost, as when a connection breaks after a commit.
    After,
    /// The call takes effect after this time, as on a slow server. If the caller is dropped before that, it has no
    /// effect.
    Delay(Duration),
    /// The call takes effect at once and answers after this time. If the caller is dropped before that, the effect
    /// stays.
    DelayAnswer(Duration),
    /// A writing call fails without effect, as on a standby. Reads work (F54).
    ReadOnly,
    /// A writing call fails without effect, as on a full disk. Reads work (F53).
    Full,
}

impl Fault {
    /// Returns whether the fault can affect this operation.
    #[must_use]
    pub const fn applies_to(self, operation: Operation) -> bool {
        match self {
            Self::ReadOnly | Self::Full => operation.writes(),
            Self::Before | Self::After | Self::Delay(_) | Self::DelayAnswer(_) => true,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Before => formatter.write_str("scripted outage"),
            Self::After => formatter.write_str("scripted loss of the answer"),
            Self::Delay(duration) => write!(formatter, "scripted delay of {duration:?}"),
            Self::DelayAnswer(duration) => write!(formatter, "answer held for {duration:?}"),
            Self::ReadOnly => formatter.write_str("scripted read-only store"),
            Self::Full => formatter.write_str("scripted full disk"),
        }
    }
}

/// A fault and the calls that it affects. By default it affects every call.
///
/// ```
/// # use healthgate::testing::{Fault, FaultRule, Operation};
/// // The answer to the third write of results is lost.
/// let rule = FaultRule::new(Fault::After).with_operations([Operation::CompleteHosts]).with_nth(3);
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FaultRule {
    fault: Fault,
    operations: Option<Vec<Operation>>,
    calls: Calls,
    seen: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Calls {
    Every,
    Nth(u64),
    From(u64),
}

impl FaultRule {
    /// Creates a rule that applies the fault to every call.
    #[must_use]
    pub const fn new(fault: Fault) -> Self {
        Self { fault, operations: None, calls: Calls::Every, seen: 0 }
    }

    /// Limits the rule to these operations.
    #[must_use]
    pub fn with_operations(self, operations: impl IntoIterator<Item = Operation>) -> Self {
        Self { operations: Some(operations.into_iter().collect()), ..self }
    }

    /// Limits the rule to the `n`th call, counted from 1 over the rule's operations since it was injected.
    #[must_use]
    pub fn with_nth(self, n: u64) -> Self {
        Self { calls: Calls::Nth(n), ..self }
    }

    /// Limits the rule to the `n`th call and all later ones.
    #[must_use]
    pub fn with_first(self, n: u64) -> Self {
        Self { calls: Calls::From(n), ..self }
    }

    /// Counts a call and returns its fault, if any.
    pub(super) fn meet(&mut self, operation: Operation) -> Option<Fault> {
        let named = self.operations.as_ref().is_none_or(|named| named.contains(&operation));
        if !named || !self.fault.applies_to(operation) {
            return None;
        }
        self.seen += 1;
        let hit = match self.calls {
            Calls::Every => true,
            Calls::Nth(n) => self.seen == n,
            Calls::From(n) => self.seen >= n,
        };
        hit.then_some(self.fault)
    }
}
