//! What every part of the library asks a store: its clock, and its stream of events.

use std::fmt::Debug;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{StoreError, StoreEvent, Subscription};
use crate::model::{ClockEpoch, StoreTime};

/// The clock and the events of a store.
#[async_trait]
pub trait StoreBase: Debug + Send + Sync + 'static {
    /// Returns the store's clock, cut to microseconds, with its epoch.
    async fn read_clock(&self) -> Result<StoreTime, StoreError>;

    /// Begins a new epoch of the store's clock if `seen` is still the current one, and returns the current
    /// epoch. Several workers that saw the clock step back thereby begin one epoch (F168).
    async fn begin_epoch(&self, seen: ClockEpoch) -> Result<ClockEpoch, StoreError>;

    /// Returns the store's clock without its epoch.
    async fn now(&self) -> Result<DateTime<Utc>, StoreError> {
        Ok(self.read_clock().await?.at)
    }

    /// Returns whether written data outlives the process (F62).
    fn is_durable(&self) -> bool;

    /// Subscribes to changes of checks and gates from now on, also by other processes on the same database. The
    /// stream is lossy, and reports losses ([`StoreEvent::Resync`]).
    async fn subscribe(&self) -> Result<Subscription, StoreError>;

    /// Sends an event to every subscriber about a change that only the application knows, such as the end of a
    /// patch, so that clients read the gate's job again. Nothing is stored.
    async fn announce(&self, event: StoreEvent) -> Result<(), StoreError>;
}
