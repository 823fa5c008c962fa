//! What came out of runs, until it is written.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use tracing::{debug, error};

use super::Cycle;
use crate::{
    checks::{
        host_run::{CheckOutcome, results},
        poller::{
            config::PollerConfig,
            lease::{ClaimTime, ClaimedHost},
        },
        schedule,
    },
    clock::delta,
    model::{CheckResult, HostId, ResultSource},
    store::{Completed, HostCompletion, HostRelease, StoreError},
};

/// A host whose results wait to be written.
#[derive(Clone, Debug)]
pub(super) struct Finished {
    host_id: HostId,
    token: i64,
    config_seq: i64,
    at: ClaimTime,
    results: Vec<CheckResult>,
    /// It was not run, and is not for a while.
    quarantined: bool,
}

impl Finished {
    /// How many results it has.
    pub(super) fn count(&self) -> usize {
        self.results.len()
    }

    /// The host to be handed back unrecorded.
    pub(super) fn release(&self) -> HostRelease {
        HostRelease { host_id: self.host_id, token: self.token }
    }

    /// When the host is due next, at `now` by the store's clock.
    fn next_due_at(&self, config: &PollerConfig, now: DateTime<Utc>) -> DateTime<Utc> {
        if self.quarantined {
            return now + delta(config.quarantine);
        }
        let regular = schedule::next_slot(self.host_id, config.interval, now);
        let failing = self.results.iter().any(|result| !result.healthy() && !result.observer_fault);
        match config.unhealthy_interval.filter(|_| failing) {
            Some(shorter) => regular.min(schedule::next_slot(self.host_id, shorter, now)),
            None => regular,
        }
    }
}

impl Cycle<'_> {
    /// Keeps what came out of a host until it is written.
    pub(super) fn finish(
        &mut self,
        held: &ClaimedHost,
        started: Duration,
        outcomes: Vec<CheckOutcome>,
        quarantined: bool,
    ) {
        let checked_at = held.at.store_at(started);
        let results = results(held.claim.host_id, outcomes, checked_at, ResultSource::Poll);
        if self.first_finished.is_none() {
            self.first_finished = Some(self.poller.clock.monotonic());
        }
        self.finished.push_back(Finished {
            host_id: held.claim.host_id,
            token: held.claim.token,
            config_seq: held.claim.config_seq,
            at: held.at,
            results,
            quarantined,
        });
    }

    pub(super) fn flush_due(&self) -> Option<Duration> {
        let first = self.first_finished?;
        let due = if self.finished.len() >= self.poller.config.flush_hosts {
            Duration::ZERO
        } else {
            first + self.poller.config.flush_after
        };
        Some(due.max(self.next_flush))
    }

    pub(super) fn start_flush(&mut self) {
        let config = &self.poller.config;
        let count = self.finished.len().min(config.flush_hosts);
        let mut batch: Vec<Finished> = self.finished.drain(..count).collect();
        // The fault may have shown itself since they ran.
        for result in batch.iter_mut().flat_map(|finished| &mut finished.results) {
            result.observer_fault |= self.observer.flags(result.reason);
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
                results: finished.results.clone(),
            })
            .collect();
        let (store, worker) = (Arc::clone(&self.poller.store), self.poller.worker);
        self.flushing =
            Some(async move { (batch, store.complete_hosts(worker, completions).await) }.boxed());
    }

    pub(super) fn on_flush(
        &mut self,
        (batch, outcome): (Vec<Finished>, Result<Completed, StoreError>),
    ) {
        let now = self.poller.clock.monotonic();
        match outcome {
            Ok(completed) => {
                self.recovered();
                self.poller.stats.completed(batch.len(), &completed);
                batch.iter().for_each(|finished| self.cleared(finished.host_id));
                for host in completed.fenced {
                    debug!(%host, "results refused: the lease was lost");
                }
            }
            Err(error @ StoreError::Unavailable { .. }) => {
                self.next_flush = now + self.failed("record results", &error);
                self.first_finished = Some(now);
                for finished in batch.into_iter().rev() {
                    self.finished.push_front(finished);
                }
                while self.finished.len() > self.poller.config.buffered_hosts
                    && let Some(lost) = self.finished.pop_front()
                {
                    self.cleared(lost.host_id);
                    self.poller.stats.overflowed(lost.results.len());
                }
            }
            Err(error) => {
                // Writing it again would fail again: the leases expire, and the hosts are run anew.
                error!(%error, hosts = batch.len(), "results cannot be recorded");
                batch.iter().for_each(|finished| self.cleared(finished.host_id));
                self.next_flush = now + self.failed("record results", &error);
            }
        }
    }
}
