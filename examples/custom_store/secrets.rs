//! The audit log, keys and sealed passwords.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use healthgate::{
    crypto::{Canary, InstallId, key_id_of},
    model::{AuditEntry, AuditId, AuditRecord, CheckId, HealthCheck, SealedSecret},
    store::{AuditFilter, AuditLog, KeyUse, PruneOutcome, SealedRow, SecretStore, StoreError},
};

use super::{CustomStore, world::delta};

#[async_trait]
impl AuditLog for CustomStore {
    async fn append_audit(&self, entry: AuditEntry) -> Result<AuditRecord, StoreError> {
        self.write(|world, now| self.audit(world, now, entry))
    }

    async fn prune_audit(
        &self,
        keep: Duration,
        batch: u32,
        force: bool,
    ) -> Result<PruneOutcome, StoreError> {
        self.write(|world, now| {
            let old = |record: &&AuditRecord| record.at < now - delta(keep);
            let expired = world.audit.iter().take_while(old).count();
            let outcome = PruneOutcome::of(
                expired,
                world.audit.len(),
                batch,
                self.holds_pruning(now) && !force,
            );
            if !matches!(outcome, PruneOutcome::Suspicious { .. }) {
                world.audit.drain(..expired.min(batch as usize));
            }
            Ok(outcome)
        })
    }

    async fn audit_page(
        &self,
        filter: &AuditFilter,
        before: Option<AuditId>,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        Ok(self.read(|world, _| {
            let place = |id| world.audit.iter().position(|record| record.id == id).unwrap_or(0);
            let older = &world.audit[..before.map_or(world.audit.len(), place)];
            let wanted = |record: &&AuditRecord| filter.matches(record);
            older.iter().rev().filter(wanted).take(limit as usize).cloned().collect()
        }))
    }
}

#[async_trait]
impl SecretStore for CustomStore {
    async fn install_id(&self) -> Result<InstallId, StoreError> {
        self.write(|world, _| {
            let id = world.install_id.map_or_else(InstallId::generate, Ok);
            let id = id.map_err(StoreError::unavailable)?;
            world.install_id = Some(id);
            Ok(id)
        })
    }

    async fn canaries(&self) -> Result<Vec<Canary>, StoreError> {
        Ok(self.read(|world, _| world.canaries.clone()))
    }

    async fn insert_canary(
        &self,
        canary: Canary,
        known: &[Canary],
        audit: AuditEntry,
    ) -> Result<bool, StoreError> {
        self.write(|world, now| {
            if world.canaries != known {
                return Ok(false);
            }
            world.canaries.push(canary);
            self.audit(world, now, audit)?;
            Ok(true)
        })
    }

    async fn sealed_page(
        &self,
        after: Option<CheckId>,
        limit: u32,
    ) -> Result<Vec<SealedRow>, StoreError> {
        Ok(self.read(|world, _| {
            let later = world.checks.iter().filter(|check| Some(check.id) > after);
            let row = |check: &HealthCheck| {
                Some(SealedRow { secret: check.secret.clone()?, check: check.clone() })
            };
            let mut rows: Vec<_> = later.filter_map(row).collect();
            rows.sort_unstable_by_key(|row| row.check.id);
            rows.truncate(limit as usize);
            rows
        }))
    }

    async fn replace_secret(
        &self,
        check: CheckId,
        old: &SealedSecret,
        new: SealedSecret,
        audit: AuditEntry,
    ) -> Result<bool, StoreError> {
        self.write(|world, now| {
            let still = |c: &&mut HealthCheck| c.id == check && c.secret.as_ref() == Some(old);
            let Some(stored) = world.checks.iter_mut().find(still) else { return Ok(false) };
            stored.secret = Some(new);
            self.audit(world, now, audit)?;
            Ok(true)
        })
    }

    async fn key_uses(&self) -> Result<Vec<KeyUse>, StoreError> {
        Ok(self.read(|world, _| {
            let mut uses: BTreeMap<_, u64> = BTreeMap::new();
            for secret in world.checks.iter().filter_map(|check| check.secret.as_ref()) {
                *uses.entry(key_id_of(secret)).or_default() += 1;
            }
            uses.into_iter().map(|(key_id, secrets)| KeyUse { key_id, secrets }).collect()
        }))
    }
}
