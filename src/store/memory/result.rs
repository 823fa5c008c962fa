//! `ResultStore` in memory.

use std::{ops::Bound, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{MemoryStore, state::State};
use crate::{
    clock::delta,
    model::{CheckId, CheckState, CheckView, HostId, HostSummary, StoreTime},
    store::{HistoryPage, PruneOutcome, ResultStore, StoreError},
};

impl State {
    pub(super) fn views(
        &self,
        host: HostId,
        now: StoreTime,
        stale_after: Duration,
    ) -> Vec<CheckView> {
        let checks = self.checks.get(&host).map(Vec::as_slice).unwrap_or_default();
        checks
            .iter()
            .map(|check| {
                let state = self.states.get(&check.id);
                CheckView::at(check.clone(), state, now, delta(stale_after))
            })
            .collect()
    }
}

#[async_trait]
impl ResultStore for MemoryStore {
    async fn states(&self, hosts: &[HostId]) -> Result<Vec<CheckState>, StoreError> {
        let state = self.lock();
        let checks = hosts.iter().filter_map(|host| state.checks.get(host)).flatten();
        Ok(checks.filter_map(|check| state.states.get(&check.id)).cloned().collect())
    }

    async fn views(
        &self,
        hosts: &[HostId],
        stale_after: Duration,
    ) -> Result<Vec<CheckView>, StoreError> {
        let state = self.lock();
        let now = self.time_in(&state);
        Ok(hosts.iter().flat_map(|host| state.views(*host, now, stale_after)).collect())
    }

    async fn summaries(
        &self,
        hosts: &[HostId],
        stale_after: Duration,
    ) -> Result<Vec<HostSummary>, StoreError> {
        let state = self.lock();
        let now = self.time_in(&state);
        let summary = |host: &HostId| HostSummary::of(*host, &state.views(*host, now, stale_after));
        Ok(hosts.iter().map(summary).collect())
    }

    async fn history(
        &self,
        host_id: HostId,
        check_id: CheckId,
        before: Option<DateTime<Utc>>,
        limit: u32,
    ) -> Result<HistoryPage, StoreError> {
        let state = self.lock();
        state.check(host_id, check_id).ok_or(StoreError::NotFound)?;
        let Some(history) = state.history.get(&check_id) else {
            return Ok(HistoryPage { results: Vec::new(), next_before: None });
        };
        let upper = before.map_or(Bound::Unbounded, Bound::Excluded);
        let mut older = history.range((Bound::Unbounded, upper)).rev().map(|(_, result)| result);
        let results: Vec<_> = older.by_ref().take(limit as usize).cloned().collect();
        let next_before = older.next().and_then(|_| results.last()).map(|last| last.checked_at);
        Ok(HistoryPage { results, next_before })
    }

    async fn prune_results(
        &self,
        keep: Duration,
        batch: u32,
        force: bool,
    ) -> Result<PruneOutcome, StoreError> {
        let mut state = self.lock();
        let now = self.time();
        // A clock that ran ahead dated results further ahead than the retention time.
        let oldest = now.checked_sub_signed(delta(keep)).unwrap_or(DateTime::<Utc>::MIN_UTC);
        let latest = now.checked_add_signed(delta(keep)).unwrap_or(DateTime::<Utc>::MAX_UTC);
        let newest = |state: &State, check: &CheckId, checked_at: &DateTime<Utc>| {
            state.states.get(check).is_some_and(|state| state.latest.checked_at == *checked_at)
        };
        let expired: Vec<_> = state
            .ages
            .iter()
            .take_while(|(checked_at, _)| *checked_at < oldest)
            .chain(state.ages.iter().rev().take_while(|(checked_at, _)| *checked_at > latest))
            .filter(|(checked_at, check)| !newest(&state, check, checked_at))
            .copied()
            .collect();
        let total = state.ages.len();
        let outcome =
            PruneOutcome::of(expired.len(), total, batch, self.holds_pruning(now) && !force);
        if matches!(outcome, PruneOutcome::Suspicious { .. }) {
            return Ok(outcome);
        }
        let deleted = expired.len().min(batch as usize);
        for (checked_at, check) in &expired[..deleted] {
            state.ages.remove(&(*checked_at, *check));
            if let Some(history) = state.history.get_mut(check) {
                history.remove(checked_at);
            }
        }
        Ok(outcome)
    }
}
