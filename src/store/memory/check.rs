//! `CheckStore` in memory.

use async_trait::async_trait;

use super::MemoryStore;
use crate::{
    model::{AuditEntry, CheckId, HealthCheck, HostId},
    store::{Change, CheckInsert, CheckStore, CheckUpdate, SecretChange, StoreError, StoreEvent},
};

#[async_trait]
impl CheckStore for MemoryStore {
    async fn insert_check(
        &self,
        insert: CheckInsert,
        audit: AuditEntry,
    ) -> Result<HealthCheck, StoreError> {
        let mut state = self.lock();
        let present = state.checks.get(&insert.host_id).map_or(0, Vec::len);
        if present >= insert.limit as usize {
            return Err(StoreError::LimitReached { limit: insert.limit });
        }
        let now = self.time();
        let check = HealthCheck {
            id: insert.id,
            host_id: insert.host_id,
            definition: insert.definition,
            secret: insert.secret,
            created_at: now,
            updated_at: now,
            updated_epoch: state.clock.epoch,
            revision: 1,
        };
        self.ask(&Change::CheckWritten(&check))?;
        let record = self.audit(audit)?;
        state.checks.entry(check.host_id).or_default().push(check.clone());
        state.reschedule(check.host_id, now, Some(insert.first_run));
        state.audit.push(record);
        self.feed.publish(StoreEvent::of_change(check.host_id, check.id));
        Ok(check)
    }

    async fn update_check(
        &self,
        update: CheckUpdate,
        audit: AuditEntry,
    ) -> Result<HealthCheck, StoreError> {
        let mut state = self.lock();
        let before = state.check(update.host_id, update.id).ok_or(StoreError::NotFound)?;
        if before.revision != update.expected_revision {
            return Err(StoreError::Conflict { current: before.revision });
        }
        let now = self.time();
        let check = HealthCheck {
            definition: update.definition,
            secret: match update.secret {
                SecretChange::Keep => before.secret.clone(),
                SecretChange::Remove => None,
                SecretChange::Replace(secret) => Some(secret),
            },
            updated_at: before.next_update(self.time_in(&state)),
            updated_epoch: state.clock.epoch,
            revision: before.revision + 1,
            ..before.clone()
        };
        self.ask(&Change::CheckWritten(&check))?;
        let record = self.audit(audit)?;
        let checks = state.checks.entry(check.host_id).or_default();
        if let Some(stored) = checks.iter_mut().find(|stored| stored.id == check.id) {
            stored.clone_from(&check);
        }
        state.reschedule(check.host_id, now, Some(update.first_run));
        state.audit.push(record);
        self.feed.publish(StoreEvent::of_change(check.host_id, check.id));
        Ok(check)
    }

    async fn delete_check(
        &self,
        host_id: HostId,
        id: CheckId,
        expected_revision: Option<i64>,
        audit: AuditEntry,
    ) -> Result<(), StoreError> {
        let mut state = self.lock();
        let check = state.check(host_id, id).ok_or(StoreError::NotFound)?;
        if expected_revision.is_some_and(|expected| expected != check.revision) {
            return Err(StoreError::Conflict { current: check.revision });
        }
        self.ask(&Change::CheckDeleted(check))?;
        let record = self.audit(audit)?;
        if let Some(checks) = state.checks.get_mut(&host_id) {
            checks.retain(|check| check.id != id);
        }
        state.forget_results(id);
        state.reschedule(host_id, self.time(), None);
        state.audit.push(record);
        Ok(())
    }

    async fn check(&self, host_id: HostId, id: CheckId) -> Result<Option<HealthCheck>, StoreError> {
        Ok(self.lock().check(host_id, id).cloned())
    }

    async fn checks_of(&self, hosts: &[HostId]) -> Result<Vec<HealthCheck>, StoreError> {
        let state = self.lock();
        Ok(hosts.iter().filter_map(|host| state.checks.get(host)).flatten().cloned().collect())
    }

    async fn forget_host(&self, host_id: HostId) -> Result<(), StoreError> {
        let mut state = self.lock();
        for check in state.checks.remove(&host_id).unwrap_or_default() {
            state.forget_results(check.id);
        }
        state.unschedule(host_id);
        Ok(())
    }
}
