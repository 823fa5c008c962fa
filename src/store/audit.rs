//! The audit log.

use std::{fmt::Debug, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{PruneOutcome, StoreError};
use crate::model::{AuditAction, AuditEntry, AuditId, AuditOutcome, AuditRecord, HostId};

/// Selects the audit records that meet all of its conditions. The default selects every record.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AuditFilter {
    /// Only records of these hosts. `None` selects all records, including those without a host.
    pub hosts: Option<Vec<HostId>>,
    /// Only those of the actor of exactly this name.
    pub actor: Option<String>,
    /// Only those of one of these actions.
    pub actions: Option<Vec<AuditAction>>,
    /// Only those of this outcome.
    pub outcome: Option<AuditOutcome>,
    /// Only those written at this instant or later.
    pub from: Option<DateTime<Utc>>,
    /// Only those written before this instant.
    pub until: Option<DateTime<Utc>>,
}

impl AuditFilter {
    /// Returns whether a record meets all conditions. A store that filters in its own way must agree with this.
    #[must_use]
    pub fn matches(&self, record: &AuditRecord) -> bool {
        let of_host =
            |hosts: &Vec<HostId>| record.host_id.is_some_and(|host| hosts.contains(&host));
        self.hosts.as_ref().is_none_or(of_host)
            && self.actor.as_ref().is_none_or(|actor| *actor == record.actor)
            && self.actions.as_ref().is_none_or(|actions| actions.contains(&record.action))
            && self.outcome.is_none_or(|outcome| outcome == record.outcome)
            && self.from.is_none_or(|from| from <= record.at)
            && self.until.is_none_or(|until| record.at < until)
    }
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
