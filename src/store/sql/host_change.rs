//! Changes of hosts: their verification stands beside them, in columns of its own.

use chrono::{DateTime, Utc};

use super::{from_json, readable, to_word};
use crate::{
    model::{HostChange, Verification},
    store::StoreError,
};

/// The change with its verification: the record, when it is due next for as long as it runs, and when the
/// next change of the host ended it. A record that cannot be read is a verification that is over (F221).
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

/// The word for how a change came out by its verification; null while that goes on.
pub(in crate::store) fn outcome_word(
    verification: &Verification,
) -> Result<Option<String>, StoreError> {
    verification.outcome().map(|outcome| to_word("verification", &outcome)).transpose()
}
