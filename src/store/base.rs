//! What every part of the library asks a store: its clock, and its stream of events.

use std::fmt::Debug;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{StoreError, StoreEvent, Subscription};
use crate::model::{ClockEpoch, StoreTime};

/// The clock and the events of a store.
#[async_trait]
pub trait StoreBase: Debug + Send + Sync + 'static {
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
