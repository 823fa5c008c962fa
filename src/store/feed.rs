//! The change feed: events for live displays.

use std::{fmt, pin::Pin};

use chrono::{DateTime, Utc};
use futures_util::{Stream, StreamExt, stream};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::{self, error::RecvError};

use crate::model::{
    CheckId, CheckState, CheckStatus, GateRecord, GateState, HostId, JobId, PassKind, ReasonCode,
    instant,
};

/// A change of a check's status or of a gate.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum StoreEvent {
    /// A check's status or reason has changed, or the check itself was changed.
    CheckStatus {
        /// The host.
        host_id: HostId,
        /// The check.
        check_id: CheckId,
        /// The new status.
        status: CheckStatus,
        /// The reason. `None` if the check has no result since its last change.
        reason: Option<ReasonCode>,
        /// When the check last ran.
        #[serde(with = "instant::option")]
        checked_at: Option<DateTime<Utc>>,
    },
    /// A gate was opened, changed its state, or has a new next attempt, or the application announced
    /// progress of the gate's job.
    Gate {
        /// The job.
        job_id: JobId,
        /// The host.
        host_id: HostId,
        /// The gate's state.
        state: GateState,
        /// Why the gate passed, if it did.
        kind: Option<PassKind>,
        /// When its next attempt is due.
        #[serde(with = "instant::option")]
        next_attempt_at: Option<DateTime<Utc>>,
    },
    /// The reader missed events: reload what you display.
    Resync,
}

impl StoreEvent {
    /// Creates the event of a gate's current state.
    #[must_use]
    pub fn of_gate(record: &GateRecord) -> Self {
        Self::Gate {
            job_id: record.job_id,
            host_id: record.host_id,
            state: record.state,
            kind: record.pass.as_ref().map(|pass| pass.kind),
            next_attempt_at: record.next_attempt_at,
        }
    }

    /// Creates the event of a check's new state, or returns `None` if neither status nor reason has
    /// changed.
    #[must_use]
    pub fn of_state(before: Option<&CheckState>, now: &CheckState) -> Option<Self> {
        let said = |state: &CheckState| (state.status, state.latest.reason, state.latest.revision);
        (before.map(said) != Some(said(now))).then_some(Self::CheckStatus {
            host_id: now.latest.host_id,
            check_id: now.latest.check_id,
            status: now.status,
            reason: Some(now.latest.reason),
            checked_at: Some(now.latest.checked_at),
        })
    }

    /// Creates the event of a check that was created or changed: its status is unknown.
    #[must_use]
    pub const fn of_change(host_id: HostId, check_id: CheckId) -> Self {
        let status = CheckStatus::Unknown;
        Self::CheckStatus { host_id, check_id, status, reason: None, checked_at: None }
    }

    /// Returns the event's host, or `None` for [`StoreEvent::Resync`].
    #[must_use]
    pub const fn host_id(&self) -> Option<HostId> {
        match self {
            Self::CheckStatus { host_id, .. } | Self::Gate { host_id, .. } => Some(*host_id),
            Self::Resync => None,
        }
    }
}

/// A stream of changes. It is lossy by design: a reader that is too slow, or loses the connection to the
/// database, receives [`StoreEvent::Resync`] instead of the missed events and must reload.
pub struct Subscription(Pin<Box<dyn Stream<Item = StoreEvent> + Send>>);

impl Subscription {
    /// Creates a subscription from a stream. The stream should never end.
    #[must_use]
    pub fn new(events: impl Stream<Item = StoreEvent> + Send + 'static) -> Self {
        Self(Box::pin(events))
    }

    /// Returns the next change, or `None` if the store is closed. Dropping the future loses no event.
    pub async fn next(&mut self) -> Option<StoreEvent> {
        self.0.next().await
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Subscription")
    }
}

/// A feed within one process. A clone is another handle to the same feed.
#[derive(Clone, Debug)]
pub struct Feed(broadcast::Sender<StoreEvent>);

/// The number of events buffered for a slow reader.
const BUFFERED: usize = 1_024;

impl Feed {
    /// Creates a feed without readers.
    #[must_use]
    pub fn new() -> Self {
        Self(broadcast::Sender::new(BUFFERED))
    }

    /// Sends an event to every reader.
    pub fn publish(&self, event: StoreEvent) {
        let _ = self.0.send(event);
    }

    /// Subscribes to the events that are published from now on.
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        let events = stream::unfold(self.0.subscribe(), |mut receiver| async move {
            match receiver.recv().await {
                Ok(event) => Some((event, receiver)),
                Err(RecvError::Lagged(_)) => Some((StoreEvent::Resync, receiver)),
                Err(RecvError::Closed) => None,
            }
        });
        Subscription::new(events)
    }
}

impl Default for Feed {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_slow_reader_is_told_to_read_afresh() {
        let feed = Feed::new();
        let mut reader = feed.subscribe();
        let check = |number: u128| StoreEvent::CheckStatus {
            host_id: HostId::from_uuid(uuid::Uuid::from_u128(number)),
            check_id: CheckId::generate(),
            status: CheckStatus::Healthy,
            reason: Some(ReasonCode::Ok),
            checked_at: None,
        };
        let many: Vec<StoreEvent> = (0..2_000).map(check).collect();
        many.iter().cloned().for_each(|event| feed.publish(event));
        assert_eq!(reader.next().await, Some(StoreEvent::Resync));
        let next = reader.next().await.expect("the feed is open");
        assert!(many.contains(&next) && next != many[0]);
    }
}
