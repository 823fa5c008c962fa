//! Stores a gate's attempt as JSON next to its number.

use chrono::{DateTime, Utc};
use serde_json::Value;
use tracing::error;

use super::{from_json, unreadable::member, unreadable_words};
use crate::model::{Attempt, AttemptOutcome, GateId};

/// Returns the attempt of these columns. An unreadable attempt keeps its number and every readable part
/// (F221). Without a start it gets that of the gate's window.
pub(in crate::store) fn read_attempt(
    gate: GateId,
    number: i32,
    opens_at: DateTime<Utc>,
    record: &str,
) -> Attempt {
    from_json("attempt", record).unwrap_or_else(|error| {
        let words = unreadable_words(&error);
        error!(%gate, number, error = words, "the stored record of an attempt cannot be read");
        let members: Value = serde_json::from_str(record).unwrap_or_default();
        Attempt {
            number: u32::try_from(number).unwrap_or_default(),
            started_at: member(&members, "started_at").unwrap_or(opens_at),
            finished_at: member(&members, "finished_at"),
            outcome: AttemptOutcome::Unreadable,
            checks: member(&members, "checks").unwrap_or_default(),
        }
    })
}
