//! The audit log.

use serde::Serialize;
use utoipa::ToSchema;

use crate::model::AuditRecord;

/// A page of the audit log, newest first.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AuditRecordList)]
pub struct AuditList {
    /// The records. A page before the last may have fewer than requested: continue with `next_cursor`.
    pub records: Vec<AuditRecord>,
    /// The cursor of the next page. `null` on the last page.
    #[schema(required)]
    pub next_cursor: Option<String>,
}
