//! The data of the event stream.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    model::{CheckId, CheckStatus, GateState, HostId, JobId, PassKind, ReasonCode, instant},
    store::StoreEvent,
};

/// A check's status or reason has changed, or the check itself was changed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct CheckStatusEvent {
    /// The host.
    pub host_id: HostId,
    /// The check.
    pub check_id: CheckId,
    /// The new status.
    pub status: CheckStatus,
    /// The reason. `null` if the check has no result since its last change.
    #[schema(required)]
    pub reason: Option<ReasonCode>,
    /// When the check last ran.
    #[serde(with = "instant::option")]
    #[schema(required)]
    pub checked_at: Option<DateTime<Utc>>,
}

/// A gate was opened, changed its state, or has a new next attempt, or its job has progressed, for example
/// because the patch ended. Clients that show the job reload it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct GateEvent {
    /// The job.
    pub job_id: JobId,
    /// The host.
    pub host_id: HostId,
    /// The gate's state.
    pub state: GateState,
    /// Why the gate passed, if it did.
    #[schema(required)]
    pub kind: Option<PassKind>,
    /// When its next attempt is due.
    #[serde(with = "instant::option")]
    #[schema(required)]
    pub next_attempt_at: Option<DateTime<Utc>>,
}

/// The data of an event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(untagged)]
pub enum EventForm {
    /// `event: check_status`
    CheckStatus(CheckStatusEvent),
    /// `event: gate`
    Gate(GateEvent),
    /// `event: resync`
    Resync {},
}

impl EventForm {
    /// Returns an event's name, and its data as one line of JSON.
    #[must_use]
    pub fn of(event: &StoreEvent) -> (&'static str, String) {
        let (name, form) = match event {
            StoreEvent::CheckStatus { host_id, check_id, status, reason, checked_at } => {
                let (host_id, check_id, status) = (*host_id, *check_id, *status);
                let (reason, checked_at) = (*reason, *checked_at);
                let form = CheckStatusEvent { host_id, check_id, status, reason, checked_at };
                ("check_status", Self::CheckStatus(form))
            }
            StoreEvent::Gate { job_id, host_id, state, kind, next_attempt_at } => {
                let (job_id, host_id, state) = (*job_id, *host_id, *state);
                let (kind, next_attempt_at) = (*kind, *next_attempt_at);
                let form = GateEvent { job_id, host_id, state, kind, next_attempt_at };
                ("gate", Self::Gate(form))
            }
            StoreEvent::Resync => ("resync", Self::Resync {}),
        };
        (name, serde_json::to_string(&form).unwrap_or_else(|_| "{}".to_owned()))
    }
}
