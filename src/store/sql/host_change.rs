//! Changes of hosts. Their verification has its own columns.

use chrono::{DateTime, Utc};

use super::{from_json, readable, to_word};
use crate::{
    model::{HostChange, Verification},
    store::StoreError,
};

/// Returns the change with its verification, built from the verification's record, its next due time while
/// it runs, and when the host's next change superseded it. An unreadable record is an ended verification
/// (F221).
pub(in crate::store) fn with_verification(
    mut change: HostChange,
    record: Option<&str>,
    next_at: Option<DateTime<Utc>>,
    superseded_at: Option<DateTime<Utc>>,
) -> HostChange {
    change.verification = record.map(|record| {
        let read = readable(from_json("verification", record));
        let mut verification: Verification = read.unwrap_or_else(Verification::unreadable);
        if let Some(at) = superseded_at {
            verification.supersede(at);
        }
        verification.next_at = next_at.filter(|_| verification.is_running());
        verification
    });
    change
}

/// Returns the word for the outcome of a change's verification, or null while it runs.
pub(in crate::store) fn outcome_word(
    verification: &Verification,
) -> Result<Option<String>, StoreError> {
    verification.outcome().map(|outcome| to_word("verification", &outcome)).transpose()
}
