//! The stored data, and the operations that several traits share.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use healthgate::{
    crypto::{Canary, InstallId},
    model::{
        Attempt, AuditRecord, AvailabilityGroup, CheckId, CheckResult, CheckState, CheckView,
        ClockEpoch, Damping, GateId, GateRecord, HealthCheck, HostChange, HostId, JobId, PassId,
        Rollout, StoreTime, WorkerId,
    },
    store::{FirstRun, KeptClock, LeasedGate, StoreError, StoreEvent, transition},
};

pub(super) type Instant = DateTime<Utc>;

/// All stored data.
#[derive(Clone, Default)]
pub(super) struct World {
    /// Ordered by creation.
    pub(super) checks: Vec<HealthCheck>,
    pub(super) schedule: BTreeMap<HostId, Due>,
    /// The highest token of any deleted schedule row. New rows start from it, so that a worker with an
    /// earlier claim stays fenced.
    pub(super) retired_token: i64,
    /// Keyed by check and time, so that a repeated result is stored once.
    pub(super) results: BTreeMap<(CheckId, Instant), CheckResult>,
    pub(super) states: BTreeMap<CheckId, CheckState>,
    /// Ordered by opening.
    pub(super) gates: Vec<GateRow>,
    /// Ordered by beginning.
    pub(super) host_changes: Vec<HostChange>,
    pub(super) rollouts: BTreeMap<JobId, Rollout>,
    pub(super) groups: Vec<AvailabilityGroup>,
    /// The number of claims of each verification.
    pub(super) verification_tokens: BTreeMap<PassId, i64>,
    /// When the gate lease of each worker ends.
    pub(super) gate_leases: BTreeMap<WorkerId, Instant>,
    pub(super) audit: Vec<AuditRecord>,
    pub(super) clock: KeptClock,
    pub(super) install_id: Option<InstallId>,
    pub(super) canaries: Vec<Canary>,
    /// The events to publish after the change is stored.
    pub(super) events: Vec<StoreEvent>,
}

/// When a host is due, and which worker holds it.
#[derive(Clone)]
pub(super) struct Due {
    pub(super) at: Instant,
    pub(super) config_seq: i64,
    pub(super) lost_leases: u32,
    /// Parked from the first instant until the second.
    pub(super) parked: Option<(Instant, Instant)>,
    /// When its checks last ran, and since when it is unreachable.
    pub(super) tried: Option<(Instant, Option<Instant>)>,
    pub(super) lease: Lease,
}

impl Due {
    /// Returns whether it is parked. A parking that begins in the future predates a step back of the clock.
    pub(super) fn is_parked(&self, now: Instant) -> bool {
        self.parked.is_some_and(|(from, until)| from <= now && now < until)
    }
}

#[derive(Clone)]
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
    /// Returns the gate for its holder.
    pub(super) fn leased(&self) -> LeasedGate {
        LeasedGate { record: self.record.clone(), token: self.token, changes: self.changes }
    }
}

/// The holder of a host and the lease's end. The token only grows, even after the lease's end.
#[derive(Clone, Default)]
pub(super) struct Lease {
    pub(super) holder: Option<(WorkerId, Instant)>,
    pub(super) token: i64,
}

impl Lease {
    pub(super) fn is_free(&self, now: Instant) -> bool {
        self.holder.is_none_or(|(_, until)| until <= now)
    }

    pub(super) fn take(&mut self, worker: WorkerId, until: Instant) -> i64 {
        self.holder = Some((worker, until));
        self.token += 1;
        self.token
    }

    /// Returns whether this worker has taken it and not given it back.
    pub(super) fn is_of(&self, worker: WorkerId) -> bool {
        self.holder.is_some_and(|(owner, _)| owner == worker)
    }

    /// Checks the fence: owner, token and time together.
    pub(super) fn holds(&self, worker: WorkerId, token: i64, now: Instant) -> bool {
        token == self.token
            && self.holder.is_some_and(|(owner, until)| owner == worker && now < until)
    }
}
pub(super) fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}

/// Returns the instant this much later, or the last possible instant.
pub(super) fn later(instant: Instant, by: Duration) -> Instant {
    instant.checked_add_signed(delta(by)).unwrap_or(Instant::MAX_UTC)
}

pub(super) fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

impl World {
    /// Returns the clock with its epoch.
    pub(super) fn time(&self, now: Instant) -> StoreTime {
        StoreTime::new(self.clock.epoch, now)
    }

    /// Returns the epoch of a claim, after checking whether the clock stepped back while no worker watched.
    pub(super) fn epoch_at_claim(&mut self, now: Instant) -> ClockEpoch {
        let next = self.clock.at_claim(now).unwrap_or(self.clock);
        self.keep_clock(next, now)
    }

    /// Corrects the dates that a clock ahead has left, when an epoch begins.
    pub(super) fn keep_clock(&mut self, clock: KeptClock, now: Instant) -> ClockEpoch {
        if self.clock.epoch != clock.epoch {
            self.host_changes.iter_mut().for_each(|change| change.put_back(now));
            let longest = now + TimeDelta::seconds(60);
            self.gate_leases.values_mut().for_each(|until| *until = longest.min(*until));
        }
        self.clock = clock;
        clock.epoch
    }

    pub(super) fn checks_of(&self, host: HostId) -> impl Iterator<Item = &HealthCheck> {
        self.checks.iter().filter(move |check| check.host_id == host)
    }

    /// Looks a check up by host and id together.
    pub(super) fn place(&self, host: HostId, id: CheckId) -> Result<usize, StoreError> {
        let wanted = |check: &HealthCheck| check.id == id && check.host_id == host;
        self.checks.iter().position(wanted).ok_or(StoreError::NotFound)
    }

    pub(super) fn views(
        &self,
        host: HostId,
        now: Instant,
        stale_after: Duration,
    ) -> Vec<CheckView> {
        let view = |check: &HealthCheck| {
            let (state, now) = (self.states.get(&check.id), self.time(now));
            CheckView::at(check.clone(), state, now, delta(stale_after))
        };
        self.checks_of(host).map(view).collect()
    }

    /// Updates the schedule row after every write of a host's checks. The row exists while a check is
    /// enabled. A deletion has no first run, and does not change the due time.
    pub(super) fn reschedule(&mut self, host: HostId, now: Instant, first_run: Option<FirstRun>) {
        if !self.checks_of(host).any(|check| check.definition.enabled) {
            if let Some(row) = self.schedule.remove(&host) {
                self.retired_token = self.retired_token.max(row.lease.token);
            }
            return;
        }
        let lease = Lease { holder: None, token: self.retired_token };
        let at = now + delta(first_run.unwrap_or_default().wait());
        let fresh = Due { at, config_seq: 0, lost_leases: 0, parked: None, tried: None, lease };
        let row = self.schedule.entry(host).or_insert(fresh);
        // The due time of a running or parked host is used up.
        let used_up = row.at <= now && (!row.lease.is_free(now) || row.is_parked(now));
        row.at = match first_run {
            None => row.at,
            Some(FirstRun::After(_)) if !used_up => at.min(row.at),
            Some(_) => at,
        };
        // A lease stays: the sequence number shows that its run is of old checks.
        (row.config_seq, row.lost_leases) = (row.config_seq + 1, 0);
        row.parked = None;
    }

    pub(super) fn forget_check(&mut self, id: CheckId) {
        self.checks.retain(|check| check.id != id);
        self.results.retain(|(check, _), _| *check != id);
        self.states.remove(&id);
    }

    /// Records results, and returns how many were dropped because their check is gone or changed.
    pub(super) fn record(&mut self, host: HostId, results: Vec<CheckResult>, now: Instant) -> u64 {
        let mut dropped = 0;
        for result in results {
            let counts = result.host_id == host
                && self.checks_of(host).any(|check| {
                    check.id == result.check_id
                        && check.revision == result.revision
                        && check.definition.enabled
                });
            if !counts {
                dropped += 1;
                continue;
            }
            let before = self.states.get(&result.check_id);
            let state = CheckState::after(before, &result, now, Damping::default());
            self.events.extend(StoreEvent::of_state(before, &state));
            self.states.insert(result.check_id, state);
            let key = (result.check_id, result.checked_at);
            let kept = self.results.entry(key).or_insert_with(|| result.clone());
            if result.outranks(kept) {
                *kept = result;
            }
        }
        dropped
    }

    pub(super) fn gate_of(&mut self, job: JobId, host: HostId) -> Option<&mut GateRow> {
        let wanted = |row: &&mut GateRow| row.record.job_id == job && row.record.host_id == host;
        // The newest generation comes last, because gates are ordered by their opening.
        self.gates.iter_mut().rev().find(wanted)
    }

    pub(super) fn newest_change(&self, host: HostId) -> Option<&HostChange> {
        self.host_changes.iter().rev().find(|change| change.host_id == host)
    }

    /// Returns the change that began when this pass was spent.
    pub(super) fn change_on(&mut self, pass: PassId) -> Option<&mut HostChange> {
        self.host_changes.iter_mut().find(|change| change.pass_id == pass)
    }

    /// Returns the gate whose newest pass has this id.
    pub(super) fn gate_of_pass(&mut self, pass: PassId) -> Option<&mut GateRow> {
        let newest = |row: &GateRow| row.record.pass.as_ref().map(|pass| pass.id);
        self.gates.iter_mut().find(|row| newest(row) == Some(pass))
    }

    pub(super) fn gate(&mut self, id: GateId) -> Option<&mut GateRow> {
        self.gates.iter_mut().find(|row| row.record.id == id)
    }

    pub(super) fn add_gate(&mut self, record: GateRecord) -> GateRecord {
        self.events.push(StoreEvent::of_gate(&record));
        let row = GateRow {
            record: record.clone(),
            attempts: Vec::new(),
            owner: None,
            token: 0,
            changes: 0,
            seen: 0,
        };
        self.gates.push(row);
        record
    }

    /// Begins or extends a worker's gate lease. A worker whose lease had ended loses its gates.
    pub(super) fn extend_gate_lease(&mut self, worker: WorkerId, now: Instant, until: Instant) {
        if !self.has_gate_lease(worker, now) {
            let held = self.gates.iter_mut().filter(|row| row.owner == Some(worker));
            held.for_each(|row| row.owner = None);
        }
        self.gate_leases.insert(worker, until);
    }

    pub(super) fn has_gate_lease(&self, worker: WorkerId, now: Instant) -> bool {
        self.gate_leases.get(&worker).is_some_and(|until| now < *until)
    }

    /// Checks the fence, and returns the gate if this worker holds it under this token.
    pub(super) fn held_gate(
        &mut self,
        id: GateId,
        worker: WorkerId,
        token: i64,
        now: Instant,
    ) -> Option<&mut GateRow> {
        let leased = self.has_gate_lease(worker, now);
        self.gate(id).filter(|row| leased && (row.owner, row.token) == (Some(worker), token))
    }

    /// Returns the positions of the gates that a claim would take.
    pub(super) fn unclaimed_gates(&self, now: Instant) -> Vec<usize> {
        let free = |row: &GateRow| row.owner.is_none_or(|owner| !self.has_gate_lease(owner, now));
        let rows = self.gates.iter().enumerate();
        rows.filter(|(_, row)| transition::needs_worker(&row.record, now) && free(row))
            .map(|(place, _)| place)
            .collect()
    }
}
