//! The audit log.

use std::{fmt::Debug, time::Duration};

use async_trait::async_trait;

use super::{PruneOutcome, StoreError};
use crate::model::{AuditEntry, AuditId, AuditRecord, HostId};

/// Selects audit records.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AuditFilter {
    /// Only records of these hosts. `None` selects all records, including those without a host.
    pub hosts: Option<Vec<HostId>>,
}

/// Stores the audit log. Most calls write their own records; this trait adds records without a change, such
/// as those of a test or a refused attempt.
///
/// Contract:
/// - Records never change, are deleted by age only, and are ordered by the time they were written.
/// - The store sets id and time.
#[async_trait]
pub trait AuditLog: Debug + Send + Sync + 'static {
    /// Appends a record.
    async fn append_audit(&self, entry: AuditEntry) -> Result<AuditRecord, StoreError>;

    /// Deletes up to `batch` records that are older than `keep`. After the store's clock has jumped ahead
    /// it deletes nothing and returns [`PruneOutcome::Suspicious`], unless `force` is set.
    async fn prune_audit(
        &self,
        keep: Duration,
        batch: u32,
        force: bool,
    ) -> Result<PruneOutcome, StoreError>;

    /// Returns up to `limit` records, newest first. With `before`, returns only older ones.
    async fn audit_page(
        &self,
        filter: &AuditFilter,
        before: Option<AuditId>,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError>;
}
