//! `PollQueue` in memory.

use std::{ops::Bound, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{
    MemoryStore,
    state::{Parking, ScheduleRow, Sighting},
};
use crate::{
    clock::delta,
    model::{HostId, WorkerId},
    store::{
        Backlog, ClaimRequest, Claims, Completed, HostClaim, HostCompletion, HostRelease,
        PollQueue, Reach, ReachQuery, StoreError,
    },
};

/// Sorts after every host that is due at the same instant.
const LAST_HOST: HostId = HostId::from_uuid(Uuid::max());

fn later(instant: DateTime<Utc>, by: Duration) -> DateTime<Utc> {
    instant.checked_add_signed(delta(by)).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

fn earlier(instant: DateTime<Utc>, by: Duration) -> DateTime<Utc> {
    instant.checked_sub_signed(delta(by)).unwrap_or(DateTime::<Utc>::MIN_UTC)
}

#[async_trait]
impl PollQueue for MemoryStore {
    async fn claim_hosts(&self, request: ClaimRequest) -> Result<Claims, StoreError> {
        let mut state = self.lock();
        let now = self.time();
        let epoch = state.epoch_at_claim(now);
        self.holds_pruning(now);
        let far = later(now, request.interval);
        let far_lease = later(far, request.lease);
        let is_free = |host: &HostId| {
            state
                .schedule
                .get(host)
                .is_some_and(|row| row.lease.is_free(now) || row.lease.ends_after(far_lease))
        };
        let is_waiting = |(_, host): &&(DateTime<Utc>, HostId)| {
            is_free(host) && state.schedule.get(host).is_some_and(|row| !row.is_parked(now))
        };
        let claimed: Vec<HostId> = match &request.named {
            Some(named) => named.iter().filter(|host| is_free(host)).copied().collect(),
            None => {
                let due = state.due.iter().take_while(|(due_at, _)| *due_at <= now);
                let too_far = (Bound::Excluded((far, LAST_HOST)), Bound::Unbounded);
                due.chain(state.due.range(too_far))
                    .filter(is_waiting)
                    .take(request.limit as usize)
                    .map(|(_, host)| *host)
                    .collect()
            }
        };
        let mut hosts = Vec::with_capacity(claimed.len());
        for host_id in claimed {
            let checks = state.checks.get(&host_id).map(Vec::as_slice).unwrap_or_default();
            let checks = checks.iter().filter(|check| check.definition.enabled).cloned().collect();
            let Some(row) = state.schedule.get_mut(&host_id) else { continue };
            if row.lease.is_taken() && !row.lease.is_of(request.worker) {
                row.lost_leases += 1;
            }
            row.parked = None;
            let token = row.lease.take(request.worker, now + delta(request.lease));
            let (due_at, config_seq, lost_leases) = (row.due_at, row.config_seq, row.lost_leases);
            hosts.push(HostClaim { host_id, token, config_seq, lost_leases, due_at, checks });
        }
        Ok(Claims { now, epoch, hosts })
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
            if !done.unfinished {
                row.lost_leases = 0;
            }
            if let Some(reached) = done.reached {
                row.sighting = Some(Sighting::after(row.sighting, reached, now));
            }
            // A change during the run is not lost: its due time stays (L5).
            let unchanged = row.config_seq == done.config_seq;
            let parking = done.not_before.map(|until| Parking { from: now, until });
            row.parked = parking.filter(|_| unchanged);
            if unchanged {
                state.set_due(done.host_id, done.next_due_at);
            }
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
                && row.lease.was_held(worker, host.token)
            {
                row.lease.end();
                row.parked = host.not_before.map(|until| Parking { from: now, until });
            }
        }
        Ok(())
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        let state = self.lock();
        let now = self.time();
        let mut backlog = Backlog { due: 0, oldest_due_at: None };
        for (due_at, host) in state.due.iter().take_while(|(due_at, _)| *due_at <= now) {
            let waits = |row: &ScheduleRow| row.lease.is_free(now) && !row.is_parked(now);
            if state.schedule.get(host).is_some_and(waits) {
                backlog.due += 1;
                backlog.oldest_due_at.get_or_insert(*due_at);
            }
        }
        Ok(backlog)
    }

    async fn reach(&self, query: ReachQuery) -> Result<Reach, StoreError> {
        let state = self.lock();
        let now = self.time();
        let (tried, turned) = (earlier(now, query.within), earlier(now, query.turned_within));
        let mut reach = Reach::default();
        for sighting in state.schedule.values().filter_map(|row| row.sighting) {
            if sighting.tried_at <= tried || sighting.tried_at > now {
                continue;
            }
            reach.ran += 1;
            if sighting.unreachable_since.is_none_or(|since| since > turned) {
                reach.hosts += 1;
                reach.unreachable += u64::from(sighting.unreachable_since.is_some());
            }
        }
        Ok(reach)
    }

    async fn due_at(&self, host_id: HostId) -> Result<Option<DateTime<Utc>>, StoreError> {
        Ok(self.lock().schedule.get(&host_id).map(|row| row.due_at))
    }
}
