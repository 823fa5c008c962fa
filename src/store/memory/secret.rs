//! `SecretStore` in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::MemoryStore;
use crate::{
    crypto::{Canary, InstallId, key_id_of},
    model::{AuditEntry, CheckId, HealthCheck, SealedSecret},
    store::{KeyUse, SealedRow, SecretStore, StoreError},
};

#[async_trait]
impl SecretStore for MemoryStore {
    async fn install_id(&self) -> Result<InstallId, StoreError> {
        let mut state = self.lock();
        if let Some(install_id) = state.install_id {
            return Ok(install_id);
        }
        let install_id = InstallId::generate().map_err(StoreError::unavailable)?;
        state.install_id = Some(install_id);
        Ok(install_id)
    }

    async fn canaries(&self) -> Result<Vec<Canary>, StoreError> {
        Ok(self.lock().canaries.clone())
    }

    async fn insert_canary(
        &self,
        canary: Canary,
        known: &[Canary],
        audit: AuditEntry,
    ) -> Result<bool, StoreError> {
        let mut state = self.lock();
        if state.canaries != known {
            return Ok(false);
        }
        let record = self.audit(audit)?;
        state.canaries.push(canary);
        state.audit.push(record);
        Ok(true)
    }

    async fn sealed_page(
        &self,
        after: Option<CheckId>,
        limit: u32,
    ) -> Result<Vec<SealedRow>, StoreError> {
        let state = self.lock();
        let mut rows: Vec<&HealthCheck> = state
            .checks
            .values()
            .flatten()
            .filter(|check| check.has_password() && after.is_none_or(|after| check.id > after))
            .collect();
        rows.sort_unstable_by_key(|check| check.id);
        let row = |check: &HealthCheck| {
            Some(SealedRow { secret: check.secret.clone()?, check: check.clone() })
        };
        Ok(rows.into_iter().take(limit as usize).filter_map(row).collect())
    }

    async fn replace_secret(
        &self,
        check: CheckId,
        old: &SealedSecret,
        new: SealedSecret,
        audit: AuditEntry,
    ) -> Result<bool, StoreError> {
        let mut state = self.lock();
        let still =
            |stored: &&mut HealthCheck| stored.id == check && stored.secret.as_ref() == Some(old);
        let Some(stored) = state.checks.values_mut().flatten().find(still) else {
            return Ok(false);
        };
        let record = self.audit(audit)?;
        stored.secret = Some(new);
        state.audit.push(record);
        Ok(true)
    }

    async fn key_uses(&self) -> Result<Vec<KeyUse>, StoreError> {
        let state = self.lock();
        let mut uses: BTreeMap<_, u64> = BTreeMap::new();
        for secret in state.checks.values().flatten().filter_map(|check| check.secret.as_ref()) {
            *uses.entry(key_id_of(secret)).or_default() += 1;
        }
        Ok(uses.into_iter().map(|(key_id, secrets)| KeyUse { key_id, secrets }).collect())
    }
}
