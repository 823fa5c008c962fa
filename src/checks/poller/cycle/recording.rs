//! Buffers the outcomes of runs until they are written.

use std::{collections::HashSet, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use tracing::{debug, error, warn};

use super::Cycle;
use crate::{
    checks::{
        host_run::{CheckOutcome, results},
        poller::{
            bounded_run::longest_run,
            config::PollerConfig,
            lease::{ClaimTime, ClaimedHost},
        },
        schedule,
    },
    clock::delta,
    model::{CheckId, CheckResult, HostId, ReasonCode, ResultSource},
    store::{Completed, HostCompletion, HostRelease, StoreError},
};

/// The maximum size of a batch of results, as a multiple of the usual size.
const MOST_BATCHES: usize = 16;

/// The minimum number of attempts to write results to a failing store within a lease. A back-off longer
/// than the lease would lose results that the store could still accept.
const TRIES_IN_A_LEASE: u32 = 12;

/// A host whose results wait to be written.
#[derive(Clone, Debug)]
pub(super) struct Finished {
    host_id: HostId,
    token: i64,
    config_seq: i64,
    at: ClaimTime,
    results: Vec<CheckResult>,
    /// When they were finished, by the monotonic clock.
    finished: Duration,
    end: RunEnd,
    /// When the host is due for its own slot, if this run was not that slot.
    due_at: Option<DateTime<Utc>>,
    /// Whether some of its checks wait for their turn at a busy agent.
    unfinished: bool,
}

/// Facts about a run in addition to its results.
#[derive(Clone, Default, Debug)]
pub(super) struct RunEnd {
    /// The checks whose targets refused the connection.
    pub(super) refused: HashSet<CheckId>,
    /// Whether the run could connect.
    pub(super) reached: Option<bool>,
    /// Whether the host was quarantined instead of run.
    pub(super) quarantined: bool,
}

impl Finished {
    /// Returns the number of results.
    pub(super) fn count(&self) -> usize {
        self.results.len()
    }

    /// Returns the record to release the host without results.
    pub(super) fn release(&self) -> HostRelease {
        HostRelease::new(self.host_id, self.token)
    }

    /// Returns when the host is due next, at `now` by the store's clock.
    fn next_due_at(&self, config: &PollerConfig, now: DateTime<Utc>) -> DateTime<Utc> {
        let regular = schedule::next_slot(self.host_id, config.interval, now);
        let is_failing = |result: &CheckResult| {
            let unasked = result.reason == ReasonCode::NotRunCapacity;
            !result.healthy() && !result.observer_fault && !unasked
        };
        let failing = self.results.iter().any(is_failing);
        let next = match config.unhealthy_interval.filter(|_| failing) {
            Some(shorter) => regular.min(schedule::next_slot(self.host_id, shorter, now)),
            None => regular,
        };
        self.due_at.map_or(next, |due_at| next.min(due_at))
    }
}

impl Cycle<'_> {
    /// Buffers the outcome of a host until it is written.
    pub(super) fn finish(
        &mut self,
        held: &ClaimedHost,
        started: Duration,
        outcomes: Vec<CheckOutcome>,
        end: RunEnd,
    ) {
        let started = held.at.started(started);
        let results = results(held.claim.host_id, outcomes, started, ResultSource::Poll);
        let finished = self.poller.clock.monotonic();
        if self.first_finished.is_none() {
            self.first_finished = Some(finished);
        }
        self.finished.push_back(Finished {
            host_id: held.claim.host_id,
            token: held.claim.token,
            config_seq: held.claim.config_seq,
            at: held.at,
            results,
            finished,
            end,
            due_at: held.by_name.then_some(held.claim.due_at),
            unfinished: self.lanes.holds(held.claim.host_id)
                || self.called.contains_key(&held.claim.host_id),
        });
    }

    pub(super) fn flush_due(&self) -> Option<Duration> {
        let first = self.first_finished?;
        let due = if self.finished.len() >= self.poller.config.flush_hosts.min(self.batch) {
            Duration::ZERO
        } else {
            first + self.poller.config.flush_after
        };
        Some(due.max(self.next_flush))
    }

    pub(super) fn start_flush(&mut self) {
        self.give_up_unwritten(self.poller.clock.monotonic());
        let config = &self.poller.config;
        let count = self.finished.len().min(self.batch);
        let mut batch: Vec<Finished> = self.finished.drain(..count).collect();
        self.flushing_since = batch.iter().map(|finished| finished.finished).min();
        // The fault may have been detected after these runs.
        for Finished { results, end, .. } in &mut batch {
            for result in results.iter_mut().filter(|one| !end.refused.contains(&one.check_id)) {
                result.observer_fault |= self.observer.flags(result.reason);
            }
        }
        let now = self.poller.clock.monotonic();
        self.first_finished = (!self.finished.is_empty()).then_some(now);
        let completions = batch
            .iter()
            .map(|finished| HostCompletion {
                host_id: finished.host_id,
                token: finished.token,
                config_seq: finished.config_seq,
                next_due_at: finished.next_due_at(config, finished.at.store_at(now)),
                not_before: finished
                    .end
                    .quarantined
                    .then(|| finished.at.store_at(now) + delta(config.quarantine)),
                unfinished: finished.unfinished,
                results: finished.results.clone(),
                reached: finished.end.reached,
            })
            .collect();
        let (store, worker) = (Arc::clone(&self.poller.store), self.poller.worker);
        self.flushing =
            Some(async move { (batch, store.complete_hosts(worker, completions).await) }.boxed());
    }

    /// Returns unwritten results to the buffer.
    fn keep(&mut self, batch: Vec<Finished>, now: Duration) {
        self.first_finished = Some(now);
        for finished in batch.into_iter().rev() {
            self.finished.push_front(finished);
        }
    }

    /// Returns whether the oldest unwritten result has waited so long that results of a newly claimed host
    /// might come too late (F153).
    pub(super) fn is_behind(&self) -> bool {
        let config = &self.poller.config;
        let oldest = self.finished.front().map(|finished| finished.finished);
        let oldest = [oldest, self.flushing_since].into_iter().flatten().min();
        let spare = (config.lease() / 2).saturating_sub(longest_run(config.timeout));
        let waited = |since| self.poller.clock.monotonic().saturating_sub(since);
        oldest.is_some_and(|since| waited(since) >= config.flush_after + spare / 2)
    }

    /// Releases hosts whose results cannot be written before the lease ends, if the next attempt is at
    /// `next`. An expired lease would count against the host (F147), and would delay the hosts that are in
    /// time.
    fn give_up_unwritten(&mut self, next: Duration) {
        let lease = self.poller.config.lease();
        let late = |finished: &Finished| finished.at.ends_soon(next, lease);
        if !self.finished.iter().any(late) {
            return;
        }
        let (late, kept): (Vec<_>, Vec<_>) = self.finished.drain(..).partition(late);
        self.finished = kept.into();
        warn!(hosts = late.len(), "results dropped: they could not be written under their leases");
        for finished in late {
            self.poller.stats.lease_lost();
            self.hand_back(finished.release());
        }
    }

    pub(super) fn on_flush(
        &mut self,
        (batch, outcome): (Vec<Finished>, Result<Completed, StoreError>),
    ) {
        let now = self.poller.clock.monotonic();
        let config = &self.poller.config;
        self.flushing_since = None;
        match outcome {
            Ok(completed) => {
                self.recovered();
                // Larger batches while more than one batch waits, because a slow store has a cost per
                // batch.
                let behind = self.finished.len() >= self.batch;
                let most = config.flush_hosts * MOST_BATCHES;
                self.batch = if behind { (self.batch * 2).min(most) } else { config.flush_hosts };
                self.poller.stats.completed(batch.len(), &completed);
                batch.iter().for_each(|finished| self.cleared(finished.release()));
                for host in completed.fenced {
                    debug!(%host, "results refused: the lease was lost");
                }
            }
            Err(error) if error.may_pass() => {
                let pause = self.failed("record results", &error);
                self.next_flush = now + pause.min(config.lease() / TRIES_IN_A_LEASE);
                self.batch = self.poller.config.flush_hosts;
                self.keep(batch, now);
                self.give_up_unwritten(self.next_flush);
                while self.finished.len() > self.poller.config.buffered_hosts
                    && let Some(lost) = self.finished.pop_front()
                {
                    self.hand_back(lost.release());
                    self.poller.stats.overflowed(lost.results.len());
                }
            }
            Err(error) if batch.len() > 1 => {
                // One host's results may be unwritable: find it by bisection.
                self.batch = batch.len() / 2;
                self.failed("record results", &error);
                self.next_flush = now;
                self.keep(batch, now);
            }
            Err(error) => {
                // A repeated write would fail again, and so may an immediate second run.
                error!(%error, hosts = batch.len(), "results cannot be recorded");
                self.next_flush = now + self.failed("record results", &error);
                for finished in batch {
                    let until = finished.at.store_at(now) + delta(self.poller.config.interval);
                    self.hand_back(finished.release().with_not_before(until));
                }
            }
        }
    }
}
