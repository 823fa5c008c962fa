//! The audit log.

use std::{fmt::Debug, time::Duration};

use async_trait::async_trait;

use super::{PruneOutcome, StoreError};
use crate::model::{AuditEntry, AuditId, AuditRecord, HostId};

/// Which records are wanted.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AuditFilter {
    /// Only those of these hosts; `None` for all records, those without a host included.
    pub hosts: Option<Vec<HostId>>,
}

/// The audit log. Most records are written by the calls they belong to; this adds those that stand
/// alone, such as a test or a refused attempt.
///
/// Contract:
/// - Records are never changed, leave by age alone, and are ordered by the time of their writing.
/// - The store sets id and time.
#[async_trait]
pub trait AuditLog: Debug + Send + Sync + 'static {
    /// Adds a record.
    async fn append_audit(&self, entry: AuditEntry) -> Result<AuditRecord, StoreError>;

    /// Deletes up to `batch` records that are older than `keep`. After the store's clock has leapt ahead it
    /// deletes none and says so, unless `force` is given.
    async fn prune_audit(
        &self,
        keep: Duration,
        batch: u32,
        force: bool,
    ) -> Result<PruneOutcome, StoreError>;

    /// Up to `limit` records, newest first, older than `before` where it is given.
    async fn audit_page(
        &self,
        filter: &AuditFilter,
        before: Option<AuditId>,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError>;
}
