//! What a hook of the application's is shown before a change is committed.

use crate::model::{AuditRecord, GateRecord, HealthCheck};

/// What is about to become visible, for a hook.
#[derive(Debug)]
#[non_exhaustive]
pub enum Change<'a> {
    /// A check was made or changed.
    CheckWritten(&'a HealthCheck),
    /// A check was deleted.
    CheckDeleted(&'a HealthCheck),
    /// An audit record was written, alone or with the change that it is of.
    Audited(&'a AuditRecord),
    /// A pass was spent: the place for an application to move its own job row.
    PassSpent(&'a GateRecord),
}
