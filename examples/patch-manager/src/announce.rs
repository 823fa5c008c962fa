//! Announces changes of a job's host as events of its gate (`event: gate`), even if the gate itself has not
//! changed: the patch has ended, the host ended without a gate, or it is queued behind another job. Clients
//! then reload the job.

use chrono::{DateTime, Utc};
use healthgate::{
    model::{GateRecord, GateState},
    store::{Store, StoreEvent},
};
use tracing::debug;

use crate::database::{JobHostRow, Stage};

/// Announces a host with a gate, in the gate's current state.
pub(crate) async fn again(store: &dyn Store, gate: &GateRecord) {
    tell(store, StoreEvent::of_gate(gate)).await;
}

/// Announces a host in the state of its row, with or without a gate. `retry_at` is the next attempt for a
/// queued host.
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

/// Sends an event. The change is already committed, so a failure here undoes nothing.
async fn tell(store: &dyn Store, event: StoreEvent) {
    if let Err(error) = store.announce(event).await {
        debug!(%error, "a change of a job cannot be announced");
    }
}
