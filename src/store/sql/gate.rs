//! Stores a gate's record next to the columns that statements use.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::FromRow;
use tracing::error;
use uuid::Uuid;

use super::{from_json, from_word, unreadable_words};
use crate::{
    model::{
        ClockEpoch, EndReason, GateId, GateRecord, GateRequest, GateState, HostId, JobId,
        StoreTime, Window, instant,
    },
    store::StoreError,
};

const GATE: &str = "gate";

/// The columns of a gate, except for its instants: each database has its own type for these.
#[derive(FromRow, Debug)]
pub(in crate::store) struct GateColumns {
    id: Uuid,
    job_id: Uuid,
    host_id: Uuid,
    generation: i32,
    exempt: bool,
    state: String,
    cancel_requested: bool,
    record: String,
}

/// The instants of a gate's columns.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct GateTimes {
    pub(in crate::store) opens_at: DateTime<Utc>,
    pub(in crate::store) closes_at: DateTime<Utc>,
    pub(in crate::store) ended_at: Option<DateTime<Utc>>,
}

/// A stored gate.
#[derive(Debug)]
pub(in crate::store) struct StoredGate {
    pub(in crate::store) record: GateRecord,
    /// If `false`, the record was rebuilt from the columns. No worker decides on such a gate, and the next
    /// claim ends it.
    pub(in crate::store) readable: bool,
}

/// Refuses a change that would make an unreadable gate look readable.
pub(in crate::store) const fn sound(readable: bool) -> Result<(), StoreError> {
    match readable {
        true => Ok(()),
        false => Err(StoreError::InvalidState { state: "the gate's record cannot be read" }),
    }
}

/// Returns the valid window nearest to two instants of an unreadable row.
fn nearest_window(opens_at: DateTime<Utc>, closes_at: DateTime<Utc>) -> Window {
    let last = DateTime::from_timestamp(253_402_300_798, 0).unwrap_or_default();
    let opens_at = instant::truncate(opens_at.clamp(DateTime::UNIX_EPOCH, last));
    let soonest = opens_at + TimeDelta::microseconds(1);
    let closes_at = instant::truncate(closes_at).max(soonest);
    let latest = (opens_at + Window::MAXIMUM_LENGTH).min(last + TimeDelta::seconds(1));
    Window::new(opens_at, closes_at.min(latest))
        .expect("its ends are in order, and a week apart at most")
}

impl GateColumns {
    /// Returns the gate of these columns. This never fails (F221).
    pub(in crate::store) fn gate(&self, times: GateTimes) -> StoredGate {
        match from_json(GATE, &self.record) {
            Ok(record) => StoredGate { record, readable: true },
            Err(error) => {
                let words = unreadable_words(&error);
                error!(gate = %self.id, host = %self.host_id, error = words,
                       "the stored record of a gate cannot be read");
                StoredGate { record: self.made_of_columns(times, words), readable: false }
            }
        }
    }

    fn made_of_columns(&self, times: GateTimes, detail: String) -> GateRecord {
        let window = nearest_window(times.opens_at, times.closes_at);
        let request = GateRequest {
            exempt: self.exempt,
            ..GateRequest::new(
                JobId::from_uuid(self.job_id),
                HostId::from_uuid(self.host_id),
                window,
            )
        };
        let opened = StoreTime::new(ClockEpoch::default(), window.opens_at());
        let state = from_word(GATE, &self.state).unwrap_or(GateState::Failed);
        GateRecord {
            generation: u32::try_from(self.generation).unwrap_or(1),
            state,
            cancel_requested: self.cancel_requested,
            end_reason: (state == GateState::Failed).then_some(EndReason::RecordUnreadable),
            ended_at: times.ended_at,
            detail,
            ..GateRecord::open(GateId::from_uuid(self.id), &request, opened)
        }
    }
}
