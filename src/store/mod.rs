//! Traits of the stores that keep checks, results, gates and the audit log, and the in-memory store.
//!
//! Choose [`MemoryStore`], `sqlite::SqliteStore` or `postgres::PgStore`. Share it in an
//! [`Arc`](std::sync::Arc) with the poller and the gates, and read what you display from it:
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//! use healthgate::{clock::SystemClock, model::*, store::*};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), StoreError> {
//! let store: Arc<dyn Store> = Arc::new(MemoryStore::new(Arc::new(SystemClock)));
//! let host = HostId::generate();
//!
//! let stale_after = Duration::from_secs(600);
//! let checks = store.views(&[host], stale_after).await?; // each check with its status and newest result
//! assert!(checks.is_empty());
//!
//! let events = store.subscribe().await?; // a stream of changes, from any process
//! # drop(events);
//! # Ok(())
//! # }
//! ```
//!
//! [`Store`] is a set of small traits, and [`JobStore`] the part of it that gates need. They are dyn-safe and
//! have no transactions: whatever must happen together is one call. To write a store of your own, implement them, use the rules in [`transition`], and run the
//! conformance suite (feature `conformance`), which tests each sentence of the contracts.
//!
//! # Contract of every store
//!
//! - Each call is atomic. A call that returns an error has no effect, except for
//!   [`StoreError::Unavailable`]: its outcome is unknown, and repeating the call is harmless.
//! - Dropping a call's future may lose its answer, but never leaves half of its effect.
//! - Each answer that contains the store's clock also contains its epoch. A claim that finds the clock
//!   behind the high-water mark begins the next epoch ([`KeptClock`]).
//! - Every instant that a lease, a due time, a window or a pass depends on comes from the store's own clock
//!   ([`StoreBase::now`]).

mod audit;
mod base;
mod change;
mod check;
mod clock;
#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
mod feed;
mod gate;
mod group;
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

#[cfg(feature = "testing")]
pub use self::check::MockCheckStore;
pub use self::{
    audit::{AuditFilter, AuditLog},
    base::StoreBase,
    change::Change,
    check::{CheckInsert, CheckStore, CheckUpdate, FirstRun, SecretChange},
    clock::KeptClock,
    error::{Refusal, StoreError},
    feed::{Feed, StoreEvent, Subscription},
    gate::{
        AttemptWrite, GateClaims, GateExtension, GateStep, GateStore, GateTransition, GateWatch,
        LeasedGate, Spend, SpendRefusal,
    },
    group::GroupStore,
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

/// Combines the traits that [`Gate`](crate::gate::Gate) and [`GateRunner`](crate::gate::GateRunner) use. An
/// application with its own [`HealthSource`](crate::gate::HealthSource) needs neither checks nor a poll queue.
///
/// Every type with these traits implements it.
pub trait JobStore:
    StoreBase + GateStore + RolloutStore + GroupStore + VerificationStore + AuditLog
{
}

impl<S> JobStore for S where
    S: StoreBase + GateStore + RolloutStore + GroupStore + VerificationStore + AuditLog
{
}

/// Combines all traits of a store. Every type with these traits implements it.
pub trait Store: JobStore + CheckStore + ResultStore + PollQueue + SecretStore {}

impl<S> Store for S where S: JobStore + CheckStore + ResultStore + PollQueue + SecretStore {}
