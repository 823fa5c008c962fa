//! `AuditLog` in memory.

use std::time::Duration;

use async_trait::async_trait;

use super::MemoryStore;
use crate::{
    clock::delta,
    model::{AuditEntry, AuditId, AuditRecord},
    store::{AuditFilter, AuditLog, PruneOutcome, StoreError},
};

#[async_trait]
impl AuditLog for MemoryStore {
    async fn append_audit(&self, entry: AuditEntry) -> Result<AuditRecord, StoreError> {
        let mut state = self.lock();
        let record = self.audit(entry)?;
        state.audit.push(record.clone());
        Ok(record)
    }

    async fn prune_audit(
        &self,
        keep: Duration,
        batch: u32,
        force: bool,
    ) -> Result<PruneOutcome, StoreError> {
        let mut state = self.lock();
        let now = self.time();
        let (cut, held) = (now - delta(keep), self.holds_pruning(now) && !force);
        let expired = state.audit.iter().take_while(|record| record.at < cut).count();
        let outcome = PruneOutcome::of(expired, state.audit.len(), batch, held);
        if !matches!(outcome, PruneOutcome::Suspicious { .. }) {
            state.audit.drain(..expired.min(batch as usize));
        }
        Ok(outcome)
    }

    async fn audit_page(
        &self,
        filter: &AuditFilter,
        before: Option<AuditId>,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        let state = self.lock();
        let wanted = |record: &&AuditRecord| filter.matches(record);
        let end = before
            .and_then(|before| state.audit.iter().position(|record| record.id == before))
            .unwrap_or(if before.is_some() { 0 } else { state.audit.len() });
        let older = state.audit[..end].iter().rev();
        Ok(older.filter(wanted).take(limit as usize).cloned().collect())
    }
}
