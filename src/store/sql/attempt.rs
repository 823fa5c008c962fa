//! A gate's attempt as JSON beside its number.

use chrono::{DateTime, Utc};
use serde_json::Value;
use tracing::error;

use super::{from_json, unreadable::member, unreadable_words};
use crate::model::{Attempt, AttemptOutcome, GateId};

/// The attempt of these columns. One that cannot be read keeps its number and what else can be told of it (F221). Its
/// start is that of the gate's window where it has none.
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
