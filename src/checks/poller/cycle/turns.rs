//! Claims hosts by name: those whose turn at a busy agent has come, and suspects.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::FutureExt;

use super::Cycle;
use crate::{
    checks::poller::{
        lanes::Turn,
        lease::{Claimed, FailedClaim, claim},
    },
    model::HostId,
    store::ClaimRequest,
};

impl Cycle<'_> {
    /// Claims the hosts whose turn has come. Together they take at most half of the capacity, so that any
    /// number of busy agents leaves room for everything else (F135).
    pub(super) fn serve_lanes(&mut self) {
        let poller = self.poller;
        let now = poller.clock.monotonic();
        if self.calling.is_some() || now < self.next_call || self.is_behind() {
            return;
        }
        let suspect = self.next_suspect();
        let (places, limit) = (poller.capacity.in_use().total, poller.capacity.agents());
        let share = (places / 2).max(1).saturating_sub(self.lane_checks);
        let room = share.min(poller.capacity.poll_room());
        let (held, alone) = (&self.held, self.suspect.is_some());
        let turns = self.lanes.serve(
            room,
            |waiting| {
                now >= waiting.not_before
                    && !held.contains_key(&waiting.host)
                    && !(waiting.suspect && alone)
            },
            |agent| limit.admit_poll(agent),
        );
        if turns.is_empty() && suspect.is_none() {
            return;
        }
        for turn in &turns {
            self.lane_checks += turn.waiting.checks;
            self.called.entry(turn.waiting.host).or_default().push(turn.agent.clone());
        }
        let hosts: Vec<HostId> = self.called.keys().copied().chain(suspect).collect();
        let most = u32::try_from(hosts.len()).unwrap_or(u32::MAX);
        let request = ClaimRequest::new(poller.worker, most, poller.config.lease())
            .with_interval(poller.config.interval)
            .with_named(hosts);
        let (store, directory) = (Arc::clone(&poller.store), Arc::clone(&poller.directory));
        let clock = Arc::clone(&poller.clock);
        self.calling = Some(claim(store, directory, clock, request, self.watch, turns).boxed());
    }

    /// Returns the next suspect, if no suspect is running and all others are released.
    fn next_suspect(&mut self) -> Option<HostId> {
        let idle = self.suspect.is_none() && self.releasing.is_none() && self.unwanted.is_empty();
        if !idle || self.suspects.front().is_some_and(|host| self.held.contains_key(host)) {
            return None;
        }
        self.suspect = self.suspects.pop_front();
        self.suspect
    }

    pub(super) fn on_called(&mut self, claimed: Result<Claimed, FailedClaim>) {
        let now = self.poller.clock.monotonic();
        self.called.clear();
        let (hosts, turns) = match claimed {
            Ok(Claimed { hosts, turns, watch, .. }) => {
                self.watch = watch;
                self.recovered();
                self.poller.stats.claimed(hosts.len());
                (hosts, turns)
            }
            Err(FailedClaim { error, turns }) => {
                self.next_call = now + self.failed("claim hosts by name", error.as_ref());
                (Vec::new(), turns)
            }
        };
        let failed = now < self.next_call;
        let mut turns_of: BTreeMap<HostId, Vec<Turn>> = BTreeMap::new();
        for turn in turns {
            turns_of.entry(turn.waiting.host).or_default().push(turn);
        }
        let called = self.suspect.filter(|host| !self.held.contains_key(host));
        for mut held in hosts {
            held.turns = turns_of.remove(&held.claim.host_id).unwrap_or_default();
            held.by_name = !held.turns.is_empty();
            self.take(held);
        }
        if let Some(host) = called.filter(|host| !self.held.contains_key(host)) {
            self.suspect = None;
            if failed {
                self.suspects.push_front(host);
            }
        }
        // A host that is not free is run by another worker, which has its own lanes, unless this worker
        // holds it for its other checks.
        for (host, turns) in turns_of {
            if failed || self.held.contains_key(&host) || self.claiming.is_some() {
                self.put_back(turns);
            } else {
                self.forget(turns);
            }
        }
    }

    /// Drops turns.
    pub(super) fn forget(&mut self, turns: Vec<Turn>) {
        for turn in turns {
            self.lane_checks -= turn.waiting.checks;
        }
    }

    /// Returns hosts to their places in their lanes.
    pub(super) fn put_back(&mut self, turns: Vec<Turn>) {
        let again = self.poller.clock.monotonic() + self.poller.config.tick;
        for turn in turns {
            self.lane_checks -= turn.waiting.checks;
            self.lanes.put_back(turn, again);
        }
    }
}
