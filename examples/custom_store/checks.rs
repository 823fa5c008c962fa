//! Checks and their results.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use healthgate::{
    model::{AuditEntry, CheckId, CheckState, CheckView, HealthCheck, HostId, HostSummary},
    store::{
        CheckInsert, CheckStore, CheckUpdate, HistoryPage, PruneOutcome, ResultStore, SecretChange,
        StoreError, StoreEvent,
    },
};

use super::{
    CustomStore,
    world::{Instant, World, delta},
};

#[async_trait]
impl CheckStore for CustomStore {
    async fn insert_check(
        &self,
        insert: CheckInsert,
        audit: AuditEntry,
    ) -> Result<HealthCheck, StoreError> {
        self.write(|world, now| {
            if world.checks_of(insert.host_id).count() >= insert.limit as usize {
                return Err(StoreError::LimitReached { limit: insert.limit });
            }
            let check = HealthCheck {
                id: insert.id,
                host_id: insert.host_id,
                definition: insert.definition,
                secret: insert.secret,
                created_at: now,
                updated_at: now,
                updated_epoch: world.clock.epoch,
                revision: 1,
            };
            world.checks.push(check.clone());
            world.reschedule(check.host_id, now, Some(insert.first_run));
            world.events.push(StoreEvent::of_change(check.host_id, check.id));
            self.audit(world, now, audit)?;
            Ok(check)
        })
    }

    async fn update_check(
        &self,
        update: CheckUpdate,
        audit: AuditEntry,
    ) -> Result<HealthCheck, StoreError> {
        self.write(|world, now| {
            let place = world.place(update.host_id, update.id)?;
            let time = world.time(now);
            let check = &mut world.checks[place];
            if check.revision != update.expected_revision {
                return Err(StoreError::Conflict { current: check.revision });
            }
            check.definition = update.definition;
            check.revision += 1;
            // Always later than before, even if the clock has not advanced or has stepped back.
            (check.updated_at, check.updated_epoch) = (check.next_update(time), time.epoch);
            match update.secret {
                SecretChange::Keep => {}
                SecretChange::Remove => check.secret = None,
                SecretChange::Replace(secret) => check.secret = Some(secret),
            }
            let check = check.clone();
            world.reschedule(check.host_id, now, Some(update.first_run));
            world.events.push(StoreEvent::of_change(check.host_id, check.id));
            self.audit(world, now, audit)?;
            Ok(check)
        })
    }

    async fn delete_check(
        &self,
        host_id: HostId,
        id: CheckId,
        expected_revision: Option<i64>,
        audit: AuditEntry,
    ) -> Result<(), StoreError> {
        self.write(|world, now| {
            let current = world.checks[world.place(host_id, id)?].revision;
            if expected_revision.is_some_and(|expected| expected != current) {
                return Err(StoreError::Conflict { current });
            }
            world.forget_check(id);
            world.reschedule(host_id, now, None);
            self.audit(world, now, audit)?;
            Ok(())
        })
    }

    async fn check(&self, host_id: HostId, id: CheckId) -> Result<Option<HealthCheck>, StoreError> {
        let found = |world: &World| Some(world.checks[world.place(host_id, id).ok()?].clone());
        Ok(self.read(|world, _| found(world)))
    }

    async fn checks_of(&self, hosts: &[HostId]) -> Result<Vec<HealthCheck>, StoreError> {
        Ok(self.read(|world, _| {
            hosts.iter().flat_map(|host| world.checks_of(*host)).cloned().collect()
        }))
    }

    async fn forget_host(&self, host_id: HostId) -> Result<(), StoreError> {
        self.write(|world, now| {
            let checks: Vec<_> = world.checks_of(host_id).map(|check| check.id).collect();
            checks.into_iter().for_each(|id| world.forget_check(id));
            world.reschedule(host_id, now, None);
            Ok(())
        })
    }
}

#[async_trait]
impl ResultStore for CustomStore {
    async fn states(&self, hosts: &[HostId]) -> Result<Vec<CheckState>, StoreError> {
        Ok(self.read(|world, _| {
            let checks = hosts.iter().flat_map(|host| world.checks_of(*host));
            checks.filter_map(|check| world.states.get(&check.id)).cloned().collect()
        }))
    }

    async fn views(
        &self,
        hosts: &[HostId],
        stale_after: Duration,
    ) -> Result<Vec<CheckView>, StoreError> {
        Ok(self.read(|world, now| {
            hosts.iter().flat_map(|host| world.views(*host, now, stale_after)).collect()
        }))
    }

    async fn summaries(
        &self,
        hosts: &[HostId],
        stale_after: Duration,
    ) -> Result<Vec<HostSummary>, StoreError> {
        Ok(self.read(|world, now| {
            let of = |host: &HostId| HostSummary::of(*host, &world.views(*host, now, stale_after));
            hosts.iter().map(of).collect()
        }))
    }

    async fn history(
        &self,
        host_id: HostId,
        check_id: CheckId,
        before: Option<DateTime<Utc>>,
        limit: u32,
    ) -> Result<HistoryPage, StoreError> {
        self.read(|world, _| {
            world.place(host_id, check_id)?;
            let end = before.unwrap_or(Instant::MAX_UTC);
            let range = world.results.range((check_id, Instant::MIN_UTC)..(check_id, end));
            let mut older = range.rev().map(|(_, result)| result.clone());
            let results: Vec<_> = older.by_ref().take(limit as usize).collect();
            let next_before = older.next().and_then(|_| Some(results.last()?.checked_at));
            Ok(HistoryPage { results, next_before })
        })
    }

    async fn prune_results(
        &self,
        keep: Duration,
        batch: u32,
        force: bool,
    ) -> Result<PruneOutcome, StoreError> {
        self.write(|world, now| {
            // A clock that ran ahead dated results further ahead than the retention time.
            let kept = (now - delta(keep))..=(now + delta(keep));
            let newest = |check: &CheckId| world.states.get(check).map(|s| s.latest.checked_at);
            let old = |(check, at): &&(CheckId, Instant)| {
                !kept.contains(at) && newest(check) != Some(*at)
            };
            let mut expired: Vec<_> = world.results.keys().filter(old).copied().collect();
            expired.sort_unstable_by_key(|(_, at)| *at);
            let outcome = PruneOutcome::of(
                expired.len(),
                world.results.len(),
                batch,
                self.holds_pruning(now) && !force,
            );
            if !matches!(outcome, PruneOutcome::Suspicious { .. }) {
                expired.truncate(batch as usize);
                expired.iter().for_each(|key| drop(world.results.remove(key)));
            }
            Ok(outcome)
        })
    }
}
