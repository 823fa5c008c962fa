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
//! [`Store`] is a set of small traits. They are dyn-safe, and callers handle no transactions: whatever must
//! happen together is one call. To write your own store, implement the traits with the rules in
//! [`transition`], and run the conformance suite (feature `conformance`), which tests each sentence of the
//! contracts.
//! # Contract of every store
//!
//! - Each call is atomic. A call that returns an error has no effect, except for
//!   [`StoreError::Unavailable`]: its outcome is unknown, and repeating the call is harmless.
//! - Dropping a call's future may lose its answer, but never leaves half of its effect.
//! - Each answer that contains the store's clock also contains its epoch. A claim that finds the clock
//!   behind the high-water mark begins the next epoch ([`KeptClock`]).
//! - Every instant that a lease, a due time, a window or a pass depends on comes from the store's own clock
//!   ([`Store::now`]).

mod audit;
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

/// Combines all traits of a store.
#[async_trait]
pub trait Store:
    CheckStore
    + ResultStore
    + PollQueue
    + GateStore
    + RolloutStore
    + GroupStore
    + VerificationStore
    + AuditLog
    + SecretStore
{
    /// Returns the store's clock, truncated to microseconds, with its epoch.
    async fn read_clock(&self) -> Result<StoreTime, StoreError>;

    /// Begins a new epoch of the store's clock if `seen` is still the current one, and returns the current
    /// epoch. Several workers that see the same step back thus begin one epoch together (F168).
    async fn begin_epoch(&self, seen: ClockEpoch) -> Result<ClockEpoch, StoreError>;

    /// Returns the store's clock without its epoch.
    async fn now(&self) -> Result<DateTime<Utc>, StoreError> {
        Ok(self.read_clock().await?.at)
    }

    /// Returns whether written data survives the process (F62).
    fn is_durable(&self) -> bool;

    /// Subscribes to changes of checks and gates from now on, including changes by other processes on the
    /// same database. The stream is lossy, and reports losses with [`StoreEvent::Resync`].
    async fn subscribe(&self) -> Result<Subscription, StoreError>;

    /// Sends an event to every subscriber and stores nothing. Applications announce changes that only they
    /// know, such as the end of a patch, so that clients reload the gate's job.
    async fn announce(&self, event: StoreEvent) -> Result<(), StoreError>;
}
