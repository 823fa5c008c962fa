//! A host from its claim to the end of its run.

use std::{collections::VecDeque, sync::Arc};

use futures_util::FutureExt;
use tracing::{debug, error, warn};

use super::Cycle;
use crate::{
    checks::{
        poller::{
            bounded_run::{FinishedRun, run},
            lease::{ClaimError, Claimed, ClaimedHost, claim},
            quarantine::{self, Standing},
        },
        run_metrics::{RanBy, ran},
    },
    model::HostId,
    observe::POLL_LAG,
    store::ClaimRequest,
};

/// The usual most of a host's checks, for guessing how many hosts there is room for.
const CHECKS_PER_HOST: usize = 5;

impl Cycle<'_> {
    /// How many hosts may be claimed: as many as could run if each had the usual most of checks.
    pub(super) fn capacity(&self) -> usize {
        let config = &self.poller.config;
        if self.queued.len() >= config.max_concurrent_checks
            || self.finished.len() >= config.buffered_hosts
        {
            return 0;
        }
        self.poller.capacity.poll_room().div_ceil(CHECKS_PER_HOST)
    }

    pub(super) fn start_claim(&mut self) {
        let poller = self.poller;
        let limit = u32::try_from(self.capacity()).unwrap_or(u32::MAX);
        let request = ClaimRequest {
            worker: poller.worker,
            limit: limit.min(poller.config.claim_block),
            lease: poller.config.lease(),
        };
        let (store, directory) = (Arc::clone(&poller.store), Arc::clone(&poller.directory));
        let clock = Arc::clone(&poller.clock);
        self.claiming = Some(claim(store, directory, clock, request).boxed());
    }

    pub(super) fn on_claim(&mut self, claimed: Result<Claimed, ClaimError>) {
        let now = self.poller.clock.monotonic();
        match claimed {
            Ok(Claimed { hosts, full, clocks: [before, store, after] }) => {
                let offset = self.offset.note(before, store, after);
                self.poller.health.note().clock_offset = offset;
                self.recovered();
                self.poller.stats.claimed(hosts.len());
                hosts.into_iter().for_each(|host| self.take(host));
                let again = full && self.unwanted.is_empty();
                self.next_claim = if again { now } else { now + self.poller.config.tick };
            }
            Err(error) => {
                self.next_claim = now + self.failed("claim hosts", error.as_ref());
            }
        }
    }

    /// Takes a claimed host, unless its lost leases speak against it (F68).
    fn take(&mut self, held: ClaimedHost) {
        let (poller, host) = (self.poller, held.claim.host_id);
        self.quarantined.remove(&host);
        match Standing::of(&held.claim, &poller.config) {
            Standing::Sound => self.queued.push_back(held),
            Standing::Suspect if self.suspect.is_none() => {
                self.suspect = Some(host);
                self.queued.push_back(held);
            }
            Standing::Suspect => self.unwanted.push(held.release()),
            Standing::Quarantined => {
                error!(%host, lost_leases = held.claim.lost_leases, pause = ?poller.config.quarantine,
                       "quarantined: worker after worker was lost while it ran this host's checks");
                poller.stats.quarantined();
                let outcomes = quarantine::outcomes(&held.claim, &poller.config);
                let now = poller.clock.monotonic();
                self.quarantined.insert(host, now + poller.config.quarantine);
                self.finish(&held, now, outcomes, true);
            }
        }
    }

    /// Whether a host has to wait until those beside it are handed back.
    fn waits_alone(&self, host: HostId) -> bool {
        self.suspect == Some(host) && (self.releasing.is_some() || !self.unwanted.is_empty())
    }

    /// Gives a host up whose lease is too old to be relied on. It is handed back as far as that still
    /// goes: a lease that merely expires would speak against the host.
    fn give_up(&mut self, held: &ClaimedHost) {
        self.poller.stats.lease_lost();
        self.unwanted.push(held.release());
        self.cleared(held.claim.host_id);
    }

    /// Notes that a host's lease has ended, so that another suspect may run.
    pub(super) fn cleared(&mut self, host: HostId) {
        self.suspect = self.suspect.filter(|suspect| *suspect != host);
    }

    /// Starts the queued hosts that find a place at their agents.
    pub(super) fn start_queued(&mut self) {
        let config = &self.poller.config;
        let mut waiting = VecDeque::new();
        while let Some(held) = self.queued.pop_front() {
            if !held.at.trusted(self.poller.clock.as_ref(), config.lease()) {
                // Another worker may have it soon; running it now would be for nothing.
                debug!(host = %held.claim.host_id, "lease too old to start");
                self.give_up(&held);
                continue;
            }
            let asked = held.agents_asked();
            let free = !self.waits_alone(held.claim.host_id)
                && asked.iter().all(|agent| {
                    self.agents.get(agent).is_none_or(|runs| *runs < config.max_runs_per_agent)
                });
            let checks = held.claim.checks.len();
            let permit = free.then(|| self.poller.capacity.admit_poll(checks)).flatten();
            if let Some(permit) = permit {
                for agent in asked {
                    *self.agents.entry(agent).or_default() += 1;
                }
                self.checks_in_flight += checks;
                let started_at = held.at.store_at(self.poller.clock.monotonic());
                let lag = (started_at - held.claim.due_at).as_seconds_f64();
                POLL_LAG.record(lag.max(0.0), &[]);
                self.in_flight.insert(held.claim.host_id, (held.release(), permit));
                let (runner, clock) =
                    (Arc::clone(&self.poller.runner), Arc::clone(&self.poller.clock));
                self.runs.push(run(runner, clock, held, config.timeout).boxed());
            } else {
                waiting.push_back(held);
            }
        }
        self.queued = waiting;
    }

    pub(super) fn on_run(&mut self, ended: FinishedRun) {
        let FinishedRun { held, started, outcomes } = ended;
        self.checks_in_flight -= held.claim.checks.len();
        self.in_flight.remove(&held.claim.host_id);
        for agent in held.agents_asked() {
            if let Some(runs) = self.agents.get_mut(&agent) {
                *runs -= 1;
                if *runs == 0 {
                    self.agents.remove(&agent);
                }
            }
        }
        let (poller, host) = (self.poller, held.claim.host_id);
        if !held.at.trusted(poller.clock.as_ref(), poller.config.lease()) {
            warn!(%host, "results dropped: the run outlived the trust in its lease");
            self.give_up(&held);
            return;
        }
        if let Some(rule) = poller.config.observer {
            self.observer.note(rule, poller.clock.monotonic(), host, &outcomes);
        }
        poller.stats.ran(outcomes.len());
        ran(RanBy::Poll, &held.claim.checks, &outcomes);
        self.finish(&held, started, outcomes, false);
    }
}
