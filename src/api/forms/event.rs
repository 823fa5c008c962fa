//! The data of the event stream.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    model::{CheckId, CheckStatus, GateState, HostId, JobId, PassKind, ReasonCode, instant},
    store::StoreEvent,
};

/// A check's status or reason is another than before, or the check was changed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct CheckStatusEvent {
    /// The host.
    pub host_id: HostId,
    /// The check.
    pub check_id: CheckId,
    /// What is known of it now.
    pub status: CheckStatus,
    /// Why; `null` where it has no result since its last change.
    #[schema(required)]
    pub reason: Option<ReasonCode>,
    /// When it was last run.
    #[serde(with = "instant::option")]
    #[schema(required)]
    pub checked_at: Option<DateTime<Utc>>,
}

/// A gate was opened, has moved, or has another next attempt; or its job has moved on, as when the work
/// that a spent pass was for has ended. Whoever shows the job reads it afresh.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct GateEvent {
    /// The job.
    pub job_id: JobId,
    /// The host.
    pub host_id: HostId,
    /// Where it stands.
    pub state: GateState,
    /// On what ground it passed, where it did.
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
