//! The queue of due hosts.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use healthgate::{
    model::{HostId, WorkerId},
    store::{
        Backlog, ClaimRequest, Claims, Completed, HostClaim, HostCompletion, HostRelease,
        PollQueue, Reach, ReachQuery, StoreError,
    },
};

use super::{
    CustomStore,
    world::{Due, count, delta, later},
};

#[async_trait]
impl PollQueue for CustomStore {
    async fn claim_hosts(&self, request: ClaimRequest) -> Result<Claims, StoreError> {
        self.write(|world, now| {
            // A due time further ahead was written before the clock was set back.
            let far = later(now, request.interval);
            let far_lease = later(far, request.lease);
            let is_free = |row: &Due| {
                row.lease.is_free(now)
                    || row.lease.holder.is_some_and(|(_, until)| until > far_lease)
            };
            let is_due = |row: &Due| (row.at <= now || row.at > far) && !row.is_parked(now);
            let is_wanted = |host: &HostId, row: &Due| match &request.named {
                Some(named) => named.contains(host),
                None => is_due(row),
            };
            let rows = world.schedule.iter();
            let rows = rows.filter(|(host, row)| is_free(row) && is_wanted(host, row));
            let mut wanted: Vec<_> = rows.map(|(host, row)| (row.at, *host)).collect();
            wanted.sort_unstable();
            let mut hosts = Vec::new();
            for (due_at, host_id) in wanted.into_iter().take(request.limit as usize) {
                let enabled = world.checks_of(host_id).filter(|check| check.definition.enabled);
                let checks = enabled.cloned().collect();
                let Some(row) = world.schedule.get_mut(&host_id) else { continue };
                // No one released the last lease: its worker crashed, unless it is the claiming worker
                // itself.
                let died = row.lease.holder.is_some() && !row.lease.is_of(request.worker);
                row.lost_leases += u32::from(died);
                row.parked = None;
                let token = row.lease.take(request.worker, now + delta(request.lease));
                let (config_seq, lost_leases) = (row.config_seq, row.lost_leases);
                hosts.push(HostClaim { host_id, token, config_seq, lost_leases, due_at, checks });
            }
            self.holds_pruning(now);
            Ok(Claims { now, epoch: world.epoch_at_claim(now), hosts })
        })
    }

    async fn complete_hosts(
        &self,
        worker: WorkerId,
        batch: Vec<HostCompletion>,
    ) -> Result<Completed, StoreError> {
        self.write(|world, now| {
            let mut completed = Completed::default();
            for done in batch {
                let row = world.schedule.get_mut(&done.host_id);
                let Some(row) = row.filter(|row| row.lease.holds(worker, done.token, now)) else {
                    completed.fenced.push(done.host_id);
                    continue;
                };
                row.lease.holder = None;
                if !done.unfinished {
                    row.lost_leases = 0;
                }
                // A change during the run is not lost: its due time stays.
                let unchanged = row.config_seq == done.config_seq;
                row.at = if unchanged { done.next_due_at } else { row.at };
                if let Some(reached) = done.reached {
                    let never = DateTime::<Utc>::UNIX_EPOCH;
                    let since = row.tried.map_or(Some(never), |(_, since)| since.or(Some(now)));
                    row.tried = Some((now, since.filter(|_| !reached)));
                }
                row.parked = done.not_before.filter(|_| unchanged).map(|until| (now, until));
                completed.dropped += world.record(done.host_id, done.results, now);
            }
            Ok(completed)
        })
    }

    async fn release_hosts(
        &self,
        worker: WorkerId,
        hosts: Vec<HostRelease>,
    ) -> Result<(), StoreError> {
        self.write(|world, now| {
            for host in hosts {
                let row = world.schedule.get_mut(&host.host_id);
                let held =
                    |row: &&mut Due| row.lease.is_of(worker) && row.lease.token == host.token;
                if let Some(row) = row.filter(held) {
                    row.lease.holder = None;
                    row.parked = host.not_before.map(|until| (now, until));
                }
            }
            Ok(())
        })
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        Ok(self.read(|world, now| {
            let waits = |row: &&Due| row.at <= now && row.lease.is_free(now) && !row.is_parked(now);
            let due: Vec<_> = world.schedule.values().filter(waits).map(|row| row.at).collect();
            Backlog { due: count(due.len()), oldest_due_at: due.into_iter().min() }
        }))
    }

    async fn reach(&self, query: ReachQuery) -> Result<Reach, StoreError> {
        Ok(self.read(|world, now| {
            let (tried, turned) = (now - query.within, now - query.turned_within);
            let mut reach = Reach::default();
            for (at, since) in world.schedule.values().filter_map(|row| row.tried) {
                if at > tried && at <= now {
                    let counts = since.is_none_or(|since| since > turned);
                    reach.ran += 1;
                    reach.hosts += u64::from(counts);
                    reach.unreachable += u64::from(counts && since.is_some());
                }
            }
            reach
        }))
    }

    async fn due_at(&self, host_id: HostId) -> Result<Option<DateTime<Utc>>, StoreError> {
        Ok(self.read(|world, _| world.schedule.get(&host_id).map(|row| row.at)))
    }
}
