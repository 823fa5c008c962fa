//! `PollQueue` in memory.

use async_trait::async_trait;

use super::MemoryStore;
use crate::{
    clock::delta,
    model::WorkerId,
    store::{
        Backlog, ClaimRequest, Claims, Completed, HostClaim, HostCompletion, HostRelease,
        PollQueue, StoreError,
    },
};

#[async_trait]
impl PollQueue for MemoryStore {
    async fn claim_hosts(&self, request: ClaimRequest) -> Result<Claims, StoreError> {
        let mut state = self.lock();
        let now = self.time();
        let due: Vec<_> = state
            .due
            .iter()
            .take_while(|(due_at, _)| *due_at <= now)
            .filter(|(_, host)| state.schedule.get(host).is_some_and(|row| row.lease.is_free(now)))
            .take(request.limit as usize)
            .copied()
            .collect();
        let mut hosts = Vec::with_capacity(due.len());
        for (due_at, host_id) in due {
            let checks = state.checks.get(&host_id).map(Vec::as_slice).unwrap_or_default();
            let checks = checks.iter().filter(|check| check.definition.enabled).cloned().collect();
            let Some(row) = state.schedule.get_mut(&host_id) else { continue };
            if row.lease.is_taken() {
                row.lost_leases += 1;
            }
            let token = row.lease.take(request.worker, now + delta(request.lease));
            let (config_seq, lost_leases) = (row.config_seq, row.lost_leases);
            hosts.push(HostClaim { host_id, token, config_seq, lost_leases, due_at, checks });
        }
        Ok(Claims { now, hosts })
    }

    async fn complete_hosts(
        &self,
        worker: WorkerId,
        batch: Vec<HostCompletion>,
    ) -> Result<Completed, StoreError> {
        let mut state = self.lock();
        let now = self.time();
        let mut completed = Completed::default();
        for done in batch {
            let held = state
                .schedule
                .get_mut(&done.host_id)
                .filter(|row| row.lease.holds(worker, done.token, now));
            let Some(row) = held else {
                completed.fenced.push(done.host_id);
                continue;
            };
            row.lease.end();
            row.lost_leases = 0;
            // A change during the run is not lost: the host is due at once (L5).
            let unchanged = row.config_seq == done.config_seq;
            state.set_due(done.host_id, if unchanged { done.next_due_at } else { now });
            completed.dropped +=
                state.record(done.host_id, done.results, now, self.damping, &self.feed);
        }
        Ok(completed)
    }

    async fn release_hosts(
        &self,
        worker: WorkerId,
        hosts: Vec<HostRelease>,
    ) -> Result<(), StoreError> {
        let mut state = self.lock();
        let now = self.time();
        for host in hosts {
            if let Some(row) = state.schedule.get_mut(&host.host_id)
                && row.lease.holds(worker, host.token, now)
            {
                row.lease.end();
            }
        }
        Ok(())
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        let state = self.lock();
        let now = self.time();
        let mut backlog = Backlog { due: 0, oldest_due_at: None };
        for (due_at, host) in state.due.iter().take_while(|(due_at, _)| *due_at <= now) {
            if state.schedule.get(host).is_some_and(|row| row.lease.is_free(now)) {
                backlog.due += 1;
                backlog.oldest_due_at.get_or_insert(*due_at);
            }
        }
        Ok(backlog)
    }
}
