//! Stores an audit record as JSON next to its columns.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{from_json, to_word, unreadable::member, unreadable_words};
use crate::{
    model::{AuditAction, AuditId, AuditOutcome, AuditRecord, HostId, Role},
    store::{AuditFilter, StoreError},
};

/// What a filter asks of the JSON, in the words that stand there.
#[derive(Clone, Debug)]
pub(in crate::store) struct AuditWords {
    pub(in crate::store) actor: Option<String>,
    pub(in crate::store) actions: Option<Vec<String>>,
    pub(in crate::store) outcome: Option<String>,
}

impl AuditWords {
    pub(in crate::store) fn of(filter: &AuditFilter) -> Result<Self, StoreError> {
        let actions = filter
            .actions
            .as_ref()
            .map(|actions| actions.iter().map(|action| to_word("audit action", action)).collect());
        let outcome = filter.outcome.map(|outcome| to_word("audit outcome", &outcome));
        Ok(Self {
            actor: filter.actor.clone(),
            actions: actions.transpose()?,
            outcome: outcome.transpose()?,
        })
    }
}

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
