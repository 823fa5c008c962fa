//! The changes that an application's hook sees before the store commits them.

use crate::model::{AuditRecord, GateRecord, HealthCheck};

/// A change that is about to be committed, for a hook.
#[derive(Debug)]
#[non_exhaustive]
pub enum Change<'a> {
    /// A check was created or updated.
    CheckWritten(&'a HealthCheck),
    /// A check was deleted.
    CheckDeleted(&'a HealthCheck),
    /// An audit record was written, alone or together with its change.
    Audited(&'a AuditRecord),
    /// A pass was spent. The application updates its own job row here.
    PassSpent(&'a GateRecord),
}
