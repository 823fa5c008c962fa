//! Where checks, results, gates and the audit log are kept: the traits, and the store in memory.
//!
//! One set of small traits, dyn-safe and free of transactions: whatever must happen together is one
//! call. The conformance suite (feature `conformance`) shows each sentence of their contracts.
//!
//! Every store also keeps to these rules:
//! - Each call is atomic: after an error nothing of it has happened, save for
//!   [`StoreError::Unavailable`], where it is unknown; repeating a call is harmless then.
//! - Dropping a call may abandon its answer, never half of its effect.
//! - Every answer with the store's clock names its epoch. A claim that finds the clock behind the
//!   high-water mark begins the next one ([`KeptClock`]).
//! - Every instant that a lease, a due time, a window or a pass depends on comes from the store's
//!   own clock ([`Store::now`]).

mod audit;
mod change;
mod check;
mod clock;
#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
mod feed;
mod gate;
mod memory;
mod poll;
#[cfg(feature = "postgres")]
pub mod postgres;
mod prune_guard;
mod result;
mod rollout;
mod secret;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod sql;
#[cfg(feature = "sqlite")]
pub mod sqlite;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) mod sqlx_parts;
pub mod transition;
mod verification;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::model::{ClockEpoch, StoreTime};

#[cfg(feature = "testing")]
pub use self::check::MockCheckStore;
pub use self::{
    audit::{AuditFilter, AuditLog},
    change::Change,
    check::{CheckInsert, CheckStore, CheckUpdate, FirstRun, SecretChange},
    clock::KeptClock,
    error::{Refusal, StoreError},
    feed::{Feed, StoreEvent, Subscription},
    gate::{
        AttemptWrite, GateClaims, GateExtension, GateStep, GateStore, GateTransition, GateWatch,
        LeasedGate, Spend, SpendRefusal,
    },
    memory::{MemoryHook, MemoryStore},
    poll::{
        Backlog, ClaimRequest, Claims, Completed, HostClaim, HostCompletion, HostRelease,
        PollQueue, Reach, ReachQuery,
    },
    prune_guard::PruneGuard,
    result::{HistoryPage, PruneOutcome, ResultStore},
    rollout::RolloutStore,
    secret::{KeyUse, SealedRow, SecretStore},
    verification::{VerificationClaim, VerificationClaims, VerificationStep, VerificationStore},
};

/// All of a store's abilities.
#[async_trait]
pub trait Store:
    CheckStore
    + ResultStore
    + PollQueue
    + GateStore
    + RolloutStore
    + VerificationStore
    + AuditLog
    + SecretStore
{
    /// Returns the store's clock, cut to microseconds, with its epoch.
    async fn read_clock(&self) -> Result<StoreTime, StoreError>;

    /// Begins a new epoch of the store's clock, where `seen` is still the present one, and returns the
    /// present one: several workers that saw the clock go back begin one epoch together (F168).
    async fn begin_epoch(&self, seen: ClockEpoch) -> Result<ClockEpoch, StoreError>;

    /// Returns the store's clock without its epoch.
    async fn now(&self) -> Result<DateTime<Utc>, StoreError> {
        Ok(self.read_clock().await?.at)
    }

    /// Whether what is written outlives the process (F62).
    fn is_durable(&self) -> bool;

    /// Changes of checks and gates from here on, whoever makes them; in a database that several
    /// processes share, theirs too. It is lossy, and says so ([`StoreEvent::Resync`]).
    async fn subscribe(&self) -> Result<Subscription, StoreError>;

    /// Tells every subscriber of a change that the application knows of, such as the end of the work
    /// that a spent pass was for: whoever shows the gate's job reads it afresh. Nothing is stored.
    async fn announce(&self, event: StoreEvent) -> Result<(), StoreError>;
}
