//! What is kept, and what several traits do to it.

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

/// All that is kept.
#[derive(Clone, Default)]
pub(super) struct World {
    /// In the order of their making.
    pub(super) checks: Vec<HealthCheck>,
    pub(super) schedule: BTreeMap<HostId, Due>,
    /// The highest token of a schedule row that is gone: new rows begin with it, so that whoever
    /// claimed the host before stays fenced.
    pub(super) retired_token: i64,
    /// By check and time, so that a result which comes twice is kept once.
    pub(super) results: BTreeMap<(CheckId, Instant), CheckResult>,
    pub(super) states: BTreeMap<CheckId, CheckState>,
    /// In the order of their opening.
    pub(super) gates: Vec<GateRow>,
    /// In the order of their beginning.
    pub(super) host_changes: Vec<HostChange>,
    pub(super) rollouts: BTreeMap<JobId, Rollout>,
    pub(super) groups: Vec<AvailabilityGroup>,
    /// How often the verification of each change was claimed.
    pub(super) verification_tokens: BTreeMap<PassId, i64>,
    /// When the lease of each worker ends that holds gates.
    pub(super) gate_leases: BTreeMap<WorkerId, Instant>,
    pub(super) audit: Vec<AuditRecord>,
    pub(super) clock: KeptClock,
    pub(super) install_id: Option<InstallId>,
    pub(super) canaries: Vec<Canary>,
    /// What is to be told once the change is kept.
    pub(super) events: Vec<StoreEvent>,
}

/// When a host is due, and who has it.
#[derive(Clone)]
pub(super) struct Due {
    pub(super) at: Instant,
    pub(super) config_seq: i64,
    pub(super) lost_leases: u32,
    /// Out of the queue from the first instant until the second.
    pub(super) parked: Option<(Instant, Instant)>,
    /// When its checks ran last, and since when they find it unreachable.
    pub(super) tried: Option<(Instant, Option<Instant>)>,
    pub(super) lease: Lease,
}

impl Due {
    /// A parking that begins in the future was made before the clock was put back.
    pub(super) fn is_parked(&self, now: Instant) -> bool {
        self.parked.is_some_and(|(from, until)| from <= now && now < until)
    }
}

#[derive(Clone)]
pub(super) struct GateRow {
    pub(super) record: GateRecord,
    pub(super) attempts: Vec<Attempt>,
    /// Who holds it, for as long as that worker's lease lasts.
    pub(super) owner: Option<WorkerId>,
    pub(super) token: i64,
    /// Changes by others than the holder, and how many of them the holder has seen.
    pub(super) changes: i64,
    pub(super) seen: i64,
}

impl GateRow {
    /// The gate as its holder sees it.
    pub(super) fn leased(&self) -> LeasedGate {
        LeasedGate { record: self.record.clone(), token: self.token, changes: self.changes }
    }
}

/// Who holds a host until when. The token only ever grows, also past the lease's end.
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

    /// Whether this worker has had it and has not given it back.
    pub(super) fn is_of(&self, worker: WorkerId) -> bool {
        self.holder.is_some_and(|(owner, _)| owner == worker)
    }

    /// The fence: owner, token and time together.
    pub(super) fn holds(&self, worker: WorkerId, token: i64, now: Instant) -> bool {
        token == self.token
            && self.holder.is_some_and(|(owner, until)| owner == worker && now < until)
    }
}
pub(super) fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}

/// The instant so long from this one, or the last there is.
pub(super) fn later(instant: Instant, by: Duration) -> Instant {
    instant.checked_add_signed(delta(by)).unwrap_or(Instant::MAX_UTC)
}

pub(super) fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

impl World {
    /// The clock with its epoch.
    pub(super) fn time(&self, now: Instant) -> StoreTime {
        StoreTime::new(self.clock.epoch, now)
    }

    /// Every claim looks whether the clock went back while nobody watched.
    pub(super) fn epoch_at_claim(&mut self, now: Instant) -> ClockEpoch {
        let next = self.clock.at_claim(now).unwrap_or(self.clock);
        self.keep_clock(next, now)
    }

    /// Where an epoch begins, what a clock that was ahead has dated is put back.
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

    /// A check is found by host and id together.
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

    /// After every write of a host's checks: the row is there while one is enabled. A deletion has no
    /// first run, and leaves the due time.
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
        // The due time of a run under way, or of a parked host, is used up.
        let used_up = row.at <= now && (!row.lease.is_free(now) || row.is_parked(now));
        row.at = match first_run {
            None => row.at,
            Some(FirstRun::After(_)) if !used_up => at.min(row.at),
            Some(_) => at,
        };
        // A lease on it stays: the sequence number tells that the run is of old checks.
        (row.config_seq, row.lost_leases) = (row.config_seq + 1, 0);
        row.parked = None;
    }

    pub(super) fn forget_check(&mut self, id: CheckId) {
        self.checks.retain(|check| check.id != id);
        self.results.retain(|(check, _), _| *check != id);
        self.states.remove(&id);
    }

    /// Records results, and answers how many were dropped since they are of no check as it is now.
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
        // The newest generation: gates are kept in the order of their opening.
        self.gates.iter_mut().rev().find(wanted)
    }

    pub(super) fn newest_change(&self, host: HostId) -> Option<&HostChange> {
        self.host_changes.iter().rev().find(|change| change.host_id == host)
    }

    /// The change that began when this pass was spent.
    pub(super) fn change_on(&mut self, pass: PassId) -> Option<&mut HostChange> {
        self.host_changes.iter_mut().find(|change| change.pass_id == pass)
    }

    /// The gate whose newest pass this is.
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

    /// Begins a worker's lease on its gates, or extends it. What it held under one that has ended is
    /// free.
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

    /// The fence: the gate, if this worker holds it under this token.
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

    /// The gates that a claim would take, by their place.
    pub(super) fn unclaimed_gates(&self, now: Instant) -> Vec<usize> {
        let free = |row: &GateRow| row.owner.is_none_or(|owner| !self.has_gate_lease(owner, now));
        let rows = self.gates.iter().enumerate();
        rows.filter(|(_, row)| transition::needs_worker(&row.record, now) && free(row))
            .map(|(place, _)| place)
            .collect()
    }
}
