//! Handles a host from its claim to the end of its run.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use futures_util::FutureExt;
use tracing::{debug, error, warn};

use super::{Cycle, InFlight, recording::RunEnd};
use crate::{
    checks::{
        agent_limit::{AgentKey, AgentPermit},
        host_run::{CheckOutcome, unanswered},
        poller::{
            bounded_run::{FinishedRun, longest_run, run},
            lanes::Waiting,
            lease::{Claimed, ClaimedHost, FailedClaim, claim},
            observer::Sighting,
            quarantine::{self, Standing},
        },
        run_metrics::{RanBy, ran},
    },
    model::{HealthCheck, HostId, ReasonCode},
    observe::POLL_LAG,
    store::{ClaimRequest, HostRelease},
};

/// The usual maximum number of a host's checks, to estimate how many hosts fit.
const CHECKS_PER_HOST: usize = 5;

/// The plan of a host's run.
#[derive(Default)]
struct Plan {
    /// The checks that run now.
    run: Vec<HealthCheck>,
    /// The slots at the agents that these checks ask.
    permits: Vec<AgentPermit>,
    /// The outcomes to record for checks that have waited too long for their turn.
    unasked: Vec<CheckOutcome>,
}

impl Cycle<'_> {
    /// Returns how many hosts may be claimed: as many as could run with the usual maximum of checks.
    pub(super) fn capacity(&self) -> usize {
        if self.finished.len() >= self.poller.config.buffered_hosts || self.is_behind() {
            return 0;
        }
        let room = self.poller.capacity.poll_room().div_ceil(CHECKS_PER_HOST);
        room.saturating_sub(self.queued.len())
    }

    pub(super) fn start_claim(&mut self) {
        let poller = self.poller;
        let limit = u32::try_from(self.capacity()).unwrap_or(u32::MAX);
        let limit = limit.min(poller.config.claim_block);
        let request = ClaimRequest::new(poller.worker, limit, poller.config.lease())
            .with_interval(poller.config.interval);
        let (store, directory) = (Arc::clone(&poller.store), Arc::clone(&poller.directory));
        let clock = Arc::clone(&poller.clock);
        self.claiming =
            Some(claim(store, directory, clock, request, self.watch, Vec::new()).boxed());
    }

    pub(super) fn on_claim(&mut self, claimed: Result<Claimed, FailedClaim>) {
        let now = self.poller.clock.monotonic();
        match claimed {
            Ok(Claimed { hosts, full, clocks: [before, store, after], watch, .. }) => {
                self.watch = watch;
                let offset = self.offset.note(before, store, after);
                self.poller.health.note().clock_offset = offset;
                self.recovered();
                self.poller.stats.claimed(hosts.len());
                hosts.into_iter().for_each(|host| self.take(host));
                let again = full && self.unwanted.is_empty();
                self.next_claim = if again { now } else { now + self.poller.config.tick };
            }
            Err(FailedClaim { error, .. }) => {
                self.next_claim = now + self.failed("claim hosts", error.as_ref());
            }
        }
    }

    /// Accepts a claimed host, unless its lost leases forbid it (F68).
    pub(super) fn take(&mut self, held: ClaimedHost) {
        let (poller, host) = (self.poller, held.claim.host_id);
        if self.in_flight.contains_key(&host) {
            self.decline(held);
            return;
        }
        if self.held.insert(host, held.claim.token).is_some() {
            self.drop_queued(host);
        }
        self.quarantined.remove(&host);
        match Standing::of(&held.claim, &poller.config) {
            Standing::Sound => self.queued.push_back(held),
            Standing::Suspect if self.suspect.is_none_or(|suspect| suspect == host) => {
                self.suspect = Some(host);
                self.suspects.retain(|waiting| *waiting != host);
                self.queued.push_back(held);
            }
            Standing::Suspect => {
                // It will be claimed by name for its turn. Its due time moves meanwhile, or it would be
                // claimed again immediately (F135). If this worker dies, the host is soon due again.
                let now = poller.clock.monotonic();
                self.hand_back(held.release_for(poller.config.lease(), now));
                if held.turns.is_empty() && !self.suspects.contains(&host) {
                    self.suspects.push_back(host);
                }
                self.put_back(held.turns);
            }
            Standing::Quarantined => {
                error!(%host, lost_leases = held.claim.lost_leases, pause = ?poller.config.quarantine,
                       "host quarantined: consecutive workers were lost while running its checks");
                poller.stats.quarantined();
                let outcomes = quarantine::outcomes(&held.claim, &poller.config);
                let now = poller.clock.monotonic();
                self.quarantined.insert(host, now + poller.config.quarantine);
                let end = RunEnd { quarantined: true, ..RunEnd::default() };
                self.finish(&held, now, outcomes, end);
                self.forget(held.turns);
            }
        }
    }

    /// Hands back a host whose run goes on. The store gave its lease anew because it had ended by the store's
    /// clock, which had jumped, so that the run's results will be refused. A second run beside it would ask
    /// the targets twice and take places that are not counted (F295).
    fn decline(&mut self, held: ClaimedHost) {
        let poller = self.poller;
        debug!(host = %held.claim.host_id, "claimed anew while it runs");
        let now = poller.clock.monotonic();
        self.unwanted.push(held.release_for(longest_run(poller.config.timeout), now));
        self.put_back(held.turns);
    }

    /// Drops a claimed host that has not started, since it was claimed anew (F295).
    fn drop_queued(&mut self, host: HostId) {
        let is_old = |queued: &ClaimedHost| queued.claim.host_id == host;
        if let Some(old) = self.queued.iter().position(is_old)
            && let Some(old) = self.queued.remove(old)
        {
            self.put_back(old.turns);
        }
    }

    /// Returns whether a host has to wait until the other suspects are released.
    fn waits_alone(&self, host: HostId) -> bool {
        self.suspect == Some(host) && (self.releasing.is_some() || !self.unwanted.is_empty())
    }

    /// Gives up a host whose lease is too old to be trusted. Releases the host if that still works, because
    /// an expired lease would count against it.
    fn give_up(&mut self, held: ClaimedHost) {
        self.poller.stats.lease_lost();
        self.hand_back(held.release());
        self.put_back(held.turns);
    }

    /// Gives a lease back to the store.
    pub(super) fn hand_back(&mut self, lease: HostRelease) {
        self.unwanted.push(lease);
        self.cleared(lease);
    }

    /// Notes that a host's lease has ended, so that the host, and another suspect, may be claimed by name.
    /// Does nothing if the host was claimed anew since.
    pub(super) fn cleared(&mut self, lease: HostRelease) {
        if self.held.get(&lease.host_id) == Some(&lease.token) {
            self.held.remove(&lease.host_id);
            self.suspect = self.suspect.filter(|suspect| *suspect != lease.host_id);
        }
    }

    /// Starts queued hosts in order while there is capacity. A host starts only if its run can end while
    /// the lease is trusted (F134).
    pub(super) fn start_queued(&mut self) {
        let config = &self.poller.config;
        let mut waiting = VecDeque::new();
        let mut room = true;
        while let Some(held) = self.queued.pop_front() {
            let longest = longest_run(config.timeout);
            if !held.at.has_time_for(longest, self.poller.clock.as_ref(), config.lease()) {
                debug!(host = %held.claim.host_id, "lease too old to start");
                self.give_up(held);
            } else if !room || self.waits_alone(held.claim.host_id) {
                waiting.push_back(held);
            } else if let Some(held) = self.start(held) {
                room = false;
                waiting.push_back(held);
            }
        }
        self.queued = waiting;
    }

    /// Starts a host's run, or returns the host if there is no capacity for its checks.
    fn start(&mut self, mut held: ClaimedHost) -> Option<ClaimedHost> {
        let (poller, host) = (self.poller, held.claim.host_id);
        let Some(mut permit) = poller.capacity.admit_poll(held.claim.checks.len()) else {
            return Some(held);
        };
        let now = poller.clock.monotonic();
        let plan =
            if held.by_name { self.plan_turns(&mut held) } else { self.plan_slot(&held, now) };
        let checks = plan.run.len();
        permit.keep(checks);
        held.unasked = plan.unasked;
        if !held.by_name {
            let lag = (held.at.store_at(now) - held.claim.due_at).as_seconds_f64();
            POLL_LAG.record(lag.max(0.0), &[]);
        }
        if plan.run.is_empty() {
            if held.by_name {
                // No check of the host asks that agent any more, or another worker has asked it meanwhile.
                self.hand_back(held.release());
            } else {
                let unasked = std::mem::take(&mut held.unasked);
                self.finish(&held, now, unasked, RunEnd::default());
            }
            return None;
        }
        self.checks_in_flight += checks;
        let lane_checks = if held.by_name { checks } else { 0 };
        self.lane_checks += lane_checks;
        let in_flight = InFlight {
            release: held.release(),
            checks,
            lane_checks,
            _permit: permit,
            _agents: plan.permits,
        };
        self.in_flight.insert(host, in_flight);
        let (runner, clock) = (Arc::clone(&poller.runner), Arc::clone(&poller.clock));
        self.runs.push(run(runner, clock, held, plan.run, poller.config.timeout).boxed());
        None
    }

    /// Plans the checks of a host claimed by name: those whose turn has come.
    fn plan_turns(&mut self, held: &mut ClaimedHost) -> Plan {
        let mut plan = Plan::default();
        for turn in std::mem::take(&mut held.turns) {
            self.lane_checks -= turn.waiting.checks;
            let is_due = |check: &&HealthCheck| {
                held.agent_of(check).as_ref() == Some(&turn.agent)
                    && !held.ran_since(check, turn.waiting.since_at)
            };
            let before = plan.run.len();
            plan.run.extend(held.claim.checks.iter().filter(is_due).cloned());
            if plan.run.len() > before {
                plan.permits.push(turn.permit);
            }
        }
        plan
    }

    /// Plans the checks of a due host, except those that ask a busy agent. These wait for their turn in its
    /// lane, and delay nothing else (F134).
    fn plan_slot(&mut self, held: &ClaimedHost, now: Duration) -> Plan {
        let host = held.claim.host_id;
        let mut plan = Plan::default();
        let mut by_agent: BTreeMap<AgentKey, Vec<HealthCheck>> = BTreeMap::new();
        for check in &held.claim.checks {
            match held.agent_of(check) {
                Some(agent) => by_agent.entry(agent).or_default().push(check.clone()),
                None => plan.run.push(check.clone()),
            }
        }
        for (agent, checks) in by_agent {
            let is_called = self.called.get(&host).is_some_and(|agents| agents.contains(&agent));
            if let Some(since) = self.lanes.since(&agent, host) {
                plan.unasked.extend(self.unasked(&agent, &checks, now.saturating_sub(since)));
            } else if is_called {
                // Its turn has come, and the claim by name is in progress.
            } else if self.lanes.len_at(&agent) == 0
                && let Some(permit) = self.poller.capacity.agents().admit_poll(&agent)
            {
                plan.permits.push(permit);
                plan.run.extend(checks);
            } else {
                let waiting = Waiting {
                    host,
                    checks: checks.len(),
                    suspect: self.suspect == Some(host),
                    since: now,
                    since_at: held.at.store_at(now),
                    not_before: now,
                };
                self.lanes.push(agent, waiting);
            }
        }
        plan
    }

    /// Returns the outcomes to record for checks that have waited for an agent. Returns none while the
    /// result of their last turn still counts.
    fn unasked(
        &self,
        agent: &AgentKey,
        checks: &[HealthCheck],
        waited: Duration,
    ) -> Vec<CheckOutcome> {
        if waited < self.poller.config.interval * 3 / 2 {
            return Vec::new();
        }
        let detail = format!(
            "not asked for {} min: the agent at {agent} has more to answer than it can, {} hosts \
             wait for it; see why it is slow, or let fewer hosts ask it",
            waited.as_secs() / 60,
            self.lanes.len_at(agent),
        );
        unanswered(checks, ReasonCode::NotRunCapacity, &detail)
    }

    pub(super) fn on_run(&mut self, ended: FinishedRun) {
        let FinishedRun { mut held, started, mut outcomes, refused } = ended;
        let (poller, host) = (self.poller, held.claim.host_id);
        if let Some(ended) = self.in_flight.remove(&host) {
            self.checks_in_flight -= ended.checks;
            self.lane_checks -= ended.lane_checks;
        }
        if !held.at.trusted(poller.clock.as_ref(), poller.config.lease()) {
            warn!(%host, "results dropped: the run outlived the trust in its lease");
            self.give_up(held);
            return;
        }
        // A turn at a busy agent tells only about that agent.
        let tells = !held.by_name;
        let sighting =
            tells.then(|| Sighting::of(&held.claim.checks, &outcomes, &refused)).flatten();
        if let Some(rule) = poller.config.observer {
            self.observer.note(rule, poller.clock.monotonic(), host, sighting);
        }
        poller.stats.ran(outcomes.len());
        ran(RanBy::Poll, &held.claim.checks, &outcomes);
        outcomes.append(&mut held.unasked);
        let reached = sighting.map(|sighting| sighting.reached);
        let end = RunEnd { refused, reached, quarantined: false };
        self.finish(&held, started, outcomes, end);
    }
}
