//! The audit log.

use serde::Serialize;
use utoipa::ToSchema;

use crate::model::AuditRecord;

/// A part of the audit log, newest first.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AuditRecordList)]
pub struct AuditList {
    /// The records. There may be fewer than asked for before the end: go on with `next_cursor`.
    pub records: Vec<AuditRecord>,
    /// Where to go on; `null` at the end.
    #[schema(required)]
    pub next_cursor: Option<String>,
}
