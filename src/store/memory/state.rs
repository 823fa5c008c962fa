//! The data of the memory store.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};

use crate::{
    clock::delta,
    crypto::{Canary, InstallId},
    model::{
        Attempt, AuditRecord, AvailabilityGroup, CheckId, CheckResult, CheckState, ClockEpoch,
        Damping, GateId, GateRecord, HealthCheck, HostChange, HostId, JobId, PassId, Rollout,
        WorkerId,
    },
    store::{Feed, FirstRun, KeptClock, LeasedGate, StoreEvent, clock::LONGEST_LEFT},
};

#[derive(Debug, Default)]
pub(super) struct State {
    /// The checks of each host, ordered by creation.
    pub(super) checks: HashMap<HostId, Vec<HealthCheck>>,
    pub(super) schedule: HashMap<HostId, ScheduleRow>,
    /// The highest token of any deleted row. New rows start from it, so that a worker with a claim of an
    /// earlier row stays fenced.
    pub(super) retired_token: i64,
    /// The scheduled hosts by due time, for claims.
    pub(super) due: BTreeSet<(DateTime<Utc>, HostId)>,
    pub(super) history: HashMap<CheckId, BTreeMap<DateTime<Utc>, CheckResult>>,
    /// The time of each result, for pruning.
    pub(super) ages: BTreeSet<(DateTime<Utc>, CheckId)>,
    pub(super) states: HashMap<CheckId, CheckState>,
    pub(super) gates: HashMap<GateId, GateRow>,
    pub(super) gate_of: HashMap<(JobId, HostId), GateId>,
    pub(super) gates_of: HashMap<JobId, Vec<GateId>>,
    /// The unfinished gates by host and exemption: at most one gate each.
    pub(super) unfinished: HashMap<(HostId, bool), GateId>,
    pub(super) host_changes: HashMap<PassId, HostChange>,
    pub(super) rollouts: HashMap<JobId, Rollout>,
    /// The availability groups by name.
    pub(super) groups: BTreeMap<String, AvailabilityGroup>,
    /// The newest token of each verification.
    pub(super) verification_tokens: HashMap<PassId, i64>,
    /// The newest change of each host.
    pub(super) newest_change: HashMap<HostId, PassId>,
    /// The gate of each pass that is its gate's newest one.
    pub(super) gate_of_pass: HashMap<PassId, GateId>,
    /// When the gate lease of each worker ends.
    pub(super) gate_leases: HashMap<WorkerId, DateTime<Utc>>,
    pub(super) audit: Vec<AuditRecord>,
    pub(super) clock: KeptClock,
    pub(super) install_id: Option<InstallId>,
    pub(super) canaries: Vec<Canary>,
}

/// When a host is due, and which worker holds it.
#[derive(Debug)]
pub(super) struct ScheduleRow {
    pub(super) due_at: DateTime<Utc>,
    pub(super) config_seq: i64,
    pub(super) lost_leases: u32,
    pub(super) parked: Option<Parking>,
    pub(super) sighting: Option<Sighting>,
    pub(super) lease: Lease,
}

/// Whether the host's newest telling run could connect to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sighting {
    pub(super) tried_at: DateTime<Utc>,
    /// When it became unreachable; long ago if it was never reachable.
    pub(super) unreachable_since: Option<DateTime<Utc>>,
}

impl Sighting {
    pub(super) fn after(before: Option<Self>, reached: bool, now: DateTime<Utc>) -> Self {
        let unreachable_since = match before {
            _ if reached => None,
            None => Some(DateTime::<Utc>::UNIX_EPOCH),
            Some(before) => before.unreachable_since.or(Some(now)),
        };
        Self { tried_at: now, unreachable_since }
    }
}

/// Keeps a host out of the queue between two instants.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parking {
    pub(super) from: DateTime<Utc>,
    pub(super) until: DateTime<Utc>,
}

impl ScheduleRow {
    /// Returns whether the host is parked. A parking that begins in the future predates a step back of the
    /// clock.
    pub(super) fn is_parked(&self, now: DateTime<Utc>) -> bool {
        self.parked.is_some_and(|parked| parked.from <= now && now < parked.until)
    }
}

#[derive(Debug)]
pub(super) struct GateRow {
    pub(super) record: GateRecord,
    pub(super) attempts: Vec<Attempt>,
    /// The holder, while that worker's lease is valid.
    pub(super) owner: Option<WorkerId>,
    pub(super) token: i64,
    /// Changes by others than the holder, and the number of them that the holder has seen.
    pub(super) changes: i64,
    pub(super) seen: i64,
}

impl GateRow {
    pub(super) const fn new(record: GateRecord) -> Self {
        Self { record, attempts: Vec::new(), owner: None, token: 0, changes: 0, seen: 0 }
    }

    /// Gives the gate to a worker, under a new token.
    pub(super) fn take(&mut self, worker: WorkerId) -> LeasedGate {
        self.owner = Some(worker);
        self.token += 1;
        self.seen = self.changes;
        self.leased()
    }

    /// Returns the gate for its holder.
    pub(super) fn leased(&self) -> LeasedGate {
        LeasedGate { record: self.record.clone(), token: self.token, changes: self.changes }
    }
}

/// Owner, fencing token and end of a lease (L1).
#[derive(Debug, Default)]
pub(super) struct Lease {
    owner: Option<WorkerId>,
    token: i64,
    until: Option<DateTime<Utc>>,
}

impl Lease {
    /// Returns whether a worker has taken it and not given it back.
    pub(super) const fn is_taken(&self) -> bool {
        self.owner.is_some()
    }

    pub(super) fn is_free(&self, now: DateTime<Utc>) -> bool {
        self.until.is_none_or(|until| until <= now)
    }

    /// Returns whether it ends later than any lease that a correct clock has dated.
    pub(super) fn ends_after(&self, instant: DateTime<Utc>) -> bool {
        self.until.is_some_and(|until| until > instant)
    }

    /// Returns whether this worker has taken it and not given it back.
    pub(super) fn is_of(&self, worker: WorkerId) -> bool {
        self.owner == Some(worker)
    }

    /// Returns whether this worker was the last holder, under this token.
    pub(super) fn was_held(&self, worker: WorkerId, token: i64) -> bool {
        self.is_of(worker) && self.token == token
    }

    /// Gives the lease to a worker, under a new token.
    pub(super) fn take(&mut self, worker: WorkerId, until: DateTime<Utc>) -> i64 {
        self.owner = Some(worker);
        self.token += 1;
        self.until = Some(until);
        self.token
    }

    /// Returns whether this worker holds it under this token, and it has not ended.
    pub(super) fn holds(&self, worker: WorkerId, token: i64, now: DateTime<Utc>) -> bool {
        self.owner == Some(worker)
            && self.token == token
            && self.until.is_some_and(|until| now < until)
    }

    /// Ends the lease. The token stays, so that the former holder stays fenced.
    pub(super) fn end(&mut self) {
        self.owner = None;
        self.until = None;
    }
}

impl State {
    /// Returns the epoch of a claim at `now`.
    pub(super) fn epoch_at_claim(&mut self, now: DateTime<Utc>) -> ClockEpoch {
        let next = self.clock.at_claim(now).unwrap_or(self.clock);
        self.keep_clock(next, now)
    }

    /// Stores the clock and returns the epoch. If a new epoch begins, also corrects the dates that a clock
    /// ahead has left (F173).
    pub(super) fn keep_clock(&mut self, clock: KeptClock, now: DateTime<Utc>) -> ClockEpoch {
        let before = std::mem::replace(&mut self.clock, clock);
        if before.epoch != clock.epoch {
            self.host_changes.values_mut().for_each(|change| change.put_back(now));
            let longest = now + LONGEST_LEFT;
            self.gate_leases.values_mut().for_each(|until| *until = longest.min(*until));
        }
        clock.epoch
    }

    /// Returns whether the worker's gate lease is valid.
    pub(super) fn has_gate_lease(&self, worker: WorkerId, now: DateTime<Utc>) -> bool {
        self.gate_leases.get(&worker).is_some_and(|until| now < *until)
    }

    /// Begins or extends the worker's lease. A worker whose lease had ended loses its gates.
    pub(super) fn extend_gate_lease(
        &mut self,
        worker: WorkerId,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) {
        if !self.has_gate_lease(worker, now) {
            let held = self.gates.values_mut().filter(|row| row.owner == Some(worker));
            held.for_each(|row| row.owner = None);
            self.gate_leases.retain(|_, until| now < *until);
        }
        self.gate_leases.insert(worker, until);
    }

    /// Returns whether no worker holds this gate.
    pub(super) fn is_free(&self, row: &GateRow, now: DateTime<Utc>) -> bool {
        row.owner.is_none_or(|owner| !self.has_gate_lease(owner, now))
    }

    /// Returns the gate if this worker holds it under this token (L10).
    pub(super) fn held_gate(
        &mut self,
        id: GateId,
        worker: WorkerId,
        token: i64,
        now: DateTime<Utc>,
    ) -> Option<&mut GateRow> {
        let leased = self.has_gate_lease(worker, now);
        let held = |row: &&mut GateRow| leased && (row.owner, row.token) == (Some(worker), token);
        self.gates.get_mut(&id).filter(held)
    }

    pub(super) fn check(&self, host: HostId, id: CheckId) -> Option<&HealthCheck> {
        self.checks.get(&host)?.iter().find(|check| check.id == id)
    }

    /// Updates the schedule row of a host whose checks have changed. `None` leaves its due time.
    pub(super) fn reschedule(
        &mut self,
        host: HostId,
        now: DateTime<Utc>,
        first_run: Option<FirstRun>,
    ) {
        let due_at = now + delta(first_run.unwrap_or_default().wait());
        let enabled = self
            .checks
            .get(&host)
            .is_some_and(|checks| checks.iter().any(|check| check.definition.enabled));
        match (enabled, self.schedule.get_mut(&host)) {
            (true, Some(row)) => {
                let used_up = row.due_at <= now && (!row.lease.is_free(now) || row.is_parked(now));
                let due_at = match first_run {
                    None => row.due_at,
                    Some(FirstRun::After(_)) if !used_up => due_at.min(row.due_at),
                    Some(_) => due_at,
                };
                row.config_seq += 1;
                row.lost_leases = 0;
                row.parked = None;
                self.set_due(host, due_at);
            }
            (true, None) => {
                let lease = Lease { token: self.retired_token, ..Lease::default() };
                let row = ScheduleRow {
                    due_at,
                    config_seq: 1,
                    lost_leases: 0,
                    parked: None,
                    sighting: None,
                    lease,
                };
                self.schedule.insert(host, row);
                self.due.insert((due_at, host));
            }
            (false, Some(_)) => self.unschedule(host),
            (false, None) => {}
        }
    }

    pub(super) fn unschedule(&mut self, host: HostId) {
        if let Some(row) = self.schedule.remove(&host) {
            self.retired_token = self.retired_token.max(row.lease.token);
            self.due.remove(&(row.due_at, host));
        }
    }

    pub(super) fn set_due(&mut self, host: HostId, due_at: DateTime<Utc>) {
        if let Some(row) = self.schedule.get_mut(&host) {
            let before = std::mem::replace(&mut row.due_at, due_at);
            self.due.remove(&(before, host));
            self.due.insert((due_at, host));
        }
    }

    /// Records results by the rules of `ResultStore`, and returns how many were dropped.
    pub(super) fn record(
        &mut self,
        host: HostId,
        results: Vec<CheckResult>,
        now: DateTime<Utc>,
        damping: Damping,
        feed: &Feed,
    ) -> u64 {
        let mut dropped = 0;
        for result in results {
            let counts = self
                .check(host, result.check_id)
                .is_some_and(|check| check.revision == result.revision && check.definition.enabled);
            if !counts || result.host_id != host {
                dropped += 1;
                continue;
            }
            let before = self.states.get(&result.check_id);
            let state = CheckState::after(before, &result, now, damping);
            if let Some(event) = StoreEvent::of_state(before, &state) {
                feed.publish(event);
            }
            self.states.insert(result.check_id, state);
            self.ages.insert((result.checked_at, result.check_id));
            let history = self.history.entry(result.check_id).or_default();
            let kept = history.entry(result.checked_at).or_insert_with(|| result.clone());
            if result.outranks(kept) {
                *kept = result;
            }
        }
        dropped
    }

    /// Deletes a check's results and state.
    pub(super) fn forget_results(&mut self, check: CheckId) {
        self.states.remove(&check);
        for checked_at in self.history.remove(&check).unwrap_or_default().into_keys() {
            self.ages.remove(&(checked_at, check));
        }
    }
}
