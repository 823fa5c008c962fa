//! Stores an audit record as JSON next to its columns.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{from_json, unreadable::member, unreadable_words};
use crate::model::{AuditAction, AuditId, AuditOutcome, AuditRecord, HostId, Role};

/// Returns the record of these columns, or a record that names the unreadable part (F221).
pub(in crate::store) fn read_audit(
    id: AuditId,
    at: DateTime<Utc>,
    host_id: Option<HostId>,
    record: &str,
) -> AuditRecord {
    from_json("audit record", record).unwrap_or_else(|error| {
        let members: Value = serde_json::from_str(record).unwrap_or_default();
        AuditRecord {
            id,
            at,
            actor: member(&members, "actor").unwrap_or_default(),
            role: member(&members, "role").unwrap_or(Role::System),
            action: member(&members, "action").unwrap_or(AuditAction::RecordUnreadable),
            outcome: member(&members, "outcome").unwrap_or(AuditOutcome::Allowed),
            host_id,
            check_id: member(&members, "check_id"),
            job_id: member(&members, "job_id"),
            changes: member(&members, "changes").unwrap_or_default(),
            reason: Some(unreadable_words(&error)),
            request_id: member(&members, "request_id"),
        }
    })
}
