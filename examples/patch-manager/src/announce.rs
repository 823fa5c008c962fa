//! Where a job's host stands is told as an event of its gate (`event: gate`), also where the gate itself
//! has not moved: its patch has ended, it ended before it had a gate, it is queued behind another job.
//! Whoever shows the job then reads it afresh.

use chrono::{DateTime, Utc};
use healthgate::{
    model::{GateRecord, GateState},
    store::{Store, StoreEvent},
};
use tracing::debug;

use crate::database::{JobHostRow, Stage};

/// Tells of a host that has a gate: once more, and as that stands.
pub(crate) async fn again(store: &dyn Store, gate: &GateRecord) {
    tell(store, StoreEvent::of_gate(gate)).await;
}

/// Tells of a host as its row says, with or without a gate; `retry_at` is when a queued one is tried
/// again.
pub(crate) async fn row(
    store: &dyn Store,
    host: &JobHostRow,
    stage: Stage,
    retry_at: Option<DateTime<Utc>>,
) {
    let state = match stage {
        Stage::Queued | Stage::Waiting => GateState::Waiting,
        Stage::Patching | Stage::Verifying | Stage::Succeeded | Stage::Unverified => {
            GateState::Spent
        }
        Stage::Failed => GateState::Failed,
        Stage::Cancelled => GateState::Cancelled,
    };
    let event = StoreEvent::Gate {
        job_id: host.job_id,
        host_id: host.host_id,
        state,
        kind: None,
        next_attempt_at: retry_at,
    };
    tell(store, event).await;
}

/// What is told is written already: that nobody can be told now undoes nothing.
async fn tell(store: &dyn Store, event: StoreEvent) {
    if let Err(error) = store.announce(event).await {
        debug!(%error, "a change of a job cannot be announced");
    }
}
