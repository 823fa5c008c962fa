//! The audit log.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::model::{
    AuditAction, AuditId, AuditOutcome, AuditRecord, CheckId, HostId, JobId, Role, instant,
};

/// Who did what, and when.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = AuditRecord)]
pub struct AuditRecordForm {
    /// Identity.
    pub id: AuditId,
    /// When.
    #[serde(with = "instant")]
    pub at: DateTime<Utc>,
    /// Who.
    pub actor: String,
    /// Their role at the time.
    pub role: Role,
    /// What.
    pub action: AuditAction,
    /// Whether it was done, or refused for lack of a right.
    pub outcome: AuditOutcome,
    /// On which host.
    #[schema(required)]
    pub host_id: Option<HostId>,
    /// On which check.
    #[schema(required)]
    pub check_id: Option<CheckId>,
    /// For which job.
    #[schema(required)]
    pub job_id: Option<JobId>,
    /// The changed fields; of a refusal, its `count`.
    pub changes: Vec<ChangeForm>,
    /// The reason that the actor gave.
    #[schema(required)]
    pub reason: Option<String>,
    /// The request that it happened in.
    #[schema(required)]
    pub request_id: Option<String>,
}

/// One changed field. A secret is never shown: its texts are `set`, `changed` or `cleared`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = FieldChange)]
pub struct ChangeForm {
    /// The member's name.
    pub field: String,
    /// What it was.
    #[schema(required)]
    pub before: Option<String>,
    /// What it became.
    #[schema(required)]
    pub after: Option<String>,
}

impl From<AuditRecord> for AuditRecordForm {
    fn from(record: AuditRecord) -> Self {
        let change = |change: crate::model::FieldChange| ChangeForm {
            field: change.field,
            before: change.before,
            after: change.after,
        };
        Self {
            id: record.id,
            at: record.at,
            actor: record.actor,
            role: record.role,
            action: record.action,
            outcome: record.outcome,
            host_id: record.host_id,
            check_id: record.check_id,
            job_id: record.job_id,
            changes: record.changes.into_iter().map(change).collect(),
            reason: record.reason,
            request_id: record.request_id,
        }
    }
}

/// A part of the audit log, newest first.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AuditRecordList)]
pub struct AuditList {
    /// The records. There may be fewer than asked for before the end: go on with `next_cursor`.
    pub records: Vec<AuditRecordForm>,
    /// Where to go on; `null` at the end.
    #[schema(required)]
    pub next_cursor: Option<String>,
}
