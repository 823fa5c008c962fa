//! `GateStore` in memory.

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use async_trait::async_trait;

use super::{
    MemoryStore,
    state::{GateRow, State},
};
use crate::{
    clock::delta,
    model::{
        Attempt, AttemptOutcome, AuditEntry, ChangeEnd, EndReason, GateId, GateOverride,
        GateRecord, GateRequest, HostChange, HostId, JobId, PassId, WorkerId,
    },
    store::{
        Change, GateClaims, GateExtension, GateStep, GateStore, GateWatch, PruneOutcome, Spend,
        SpendRefusal, StoreError, StoreEvent, transition,
    },
};

#[async_trait]
impl GateStore for MemoryStore {
    async fn open_gate(&self, request: GateRequest) -> Result<GateRecord, StoreError> {
        let mut state = self.lock();
        let generation = match state.generation_for(&request) {
            Ok(generation) => generation,
            Err(own) => return Ok(*own),
        };
        if let Some(holder) = state.unfinished.get(&(request.host_id, request.exempt)) {
            return Err(StoreError::GateBusy { holder: *holder });
        }
        let record = GateRecord {
            generation,
            ..GateRecord::open(GateId::generate(), &request, self.time_in(&state))
        };
        state.add_gate(record.clone());
        self.feed.publish(StoreEvent::of_gate(&record));
        Ok(record)
    }

    async fn open_ended_gate(
        &self,
        request: GateRequest,
        reason: EndReason,
        detail: String,
    ) -> Result<GateRecord, StoreError> {
        let mut state = self.lock();
        let generation = match state.generation_for(&request) {
            Ok(generation) => generation,
            Err(own) => return Ok(*own),
        };
        let now = self.time_in(&state);
        let mut record = GateRecord::open(GateId::generate(), &request, now);
        record.generation = generation;
        record.detail = detail;
        transition::end(&mut record, reason, now.at);
        state.add_gate(record.clone());
        self.feed.publish(StoreEvent::of_gate(&record));
        Ok(record)
    }

    async fn gate(&self, job: JobId, host: HostId) -> Result<Option<GateRecord>, StoreError> {
        Ok(self.lock().gate_row(job, host).map(|row| row.record.clone()))
    }

    async fn gates_of(&self, job: JobId) -> Result<Vec<GateRecord>, StoreError> {
        let state = self.lock();
        let gates = state.all_gates_of(job);
        let newest = |gate: &&GateRecord| state.gate_of.get(&(job, gate.host_id)) == Some(&gate.id);
        Ok(gates.filter(newest).cloned().collect())
    }

    async fn generations_of(
        &self,
        job: JobId,
        host: HostId,
    ) -> Result<Vec<GateRecord>, StoreError> {
        let state = self.lock();
        Ok(state.all_gates_of(job).filter(|gate| gate.host_id == host).cloned().collect())
    }

    async fn holders_of(&self, hosts: &[HostId]) -> Result<Vec<GateRecord>, StoreError> {
        let state = self.lock();
        let holders = hosts.iter().flat_map(|host| [(*host, false), (*host, true)]);
        let holders = holders.filter_map(|holder| state.unfinished.get(&holder));
        let records = holders.filter_map(|id| Some(state.gates.get(id)?.record.clone()));
        let by_id: BTreeMap<_, _> = records.map(|record| (record.id, record)).collect();
        Ok(by_id.into_values().collect())
    }

    async fn attempts_of(&self, gates: &[GateId]) -> Result<Vec<(GateId, Attempt)>, StoreError> {
        let state = self.lock();
        let attempts = |id: &GateId| {
            let attempts = state.gates.get(id).map(|row| row.attempts.clone());
            let id = *id;
            attempts.unwrap_or_default().into_iter().map(move |attempt| (id, attempt))
        };
        Ok(gates.iter().flat_map(attempts).collect())
    }

    async fn claim_gates(
        &self,
        worker: WorkerId,
        limit: u32,
        lease: Duration,
    ) -> Result<GateClaims, StoreError> {
        let mut state = self.lock();
        let now = self.time();
        state.extend_gate_lease(worker, now, now + delta(lease));
        let epoch = state.epoch_at_claim(now);
        self.holds_pruning(now);
        let mut wanted: Vec<_> = state
            .waiting_for_worker(now)
            .map(|row| (transition::claim_order(&row.record, now), row.record.id))
            .collect();
        wanted.sort_unstable();
        let mut gates = Vec::new();
        for (_, id) in wanted.into_iter().take(limit as usize) {
            let Some(row) = state.gates.get_mut(&id) else { continue };
            let running = row
                .attempts
                .iter_mut()
                .filter(|attempt| attempt.outcome == AttemptOutcome::Running);
            for attempt in running {
                attempt.outcome = AttemptOutcome::Interrupted;
                attempt.finished_at = Some(now);
            }
            gates.push(row.take(worker));
        }
        Ok(GateClaims { now, epoch, gates })
    }

    async fn watch_gates(
        &self,
        worker: WorkerId,
        extend: Option<GateExtension<'_>>,
    ) -> Result<GateWatch, StoreError> {
        let mut state = self.lock();
        let now = self.time();
        let leased = state.has_gate_lease(worker, now);
        if let Some(extension) = extend.filter(|_| leased) {
            state.extend_gate_lease(worker, now, now + delta(extension.lease));
            let known: HashSet<GateId> = extension.gates.iter().copied().collect();
            let State { unfinished, gates, .. } = &mut *state;
            for id in unfinished.values().filter(|id| !known.contains(id)) {
                if let Some(row) = gates.get_mut(id).filter(|row| row.owner == Some(worker)) {
                    row.owner = None;
                }
            }
        }
        let held = state.unfinished.values().filter_map(|id| state.gates.get(id));
        let changed = held
            .filter(|row| leased && row.owner == Some(worker) && row.changes != row.seen)
            .map(GateRow::leased);
        let mut changed: Vec<_> = changed.collect();
        // Sorted, because a hash map's order differs from run to run.
        changed.sort_unstable_by_key(|gate| gate.record.id);
        let openings = state.waiting_for_worker(now).map(|row| row.record.window.opens_at());
        let unclaimed = openings.min();
        Ok(GateWatch { now, epoch: state.clock.epoch, leased, changed, unclaimed })
    }

    async fn settle_gates(
        &self,
        worker: WorkerId,
        steps: Vec<GateStep>,
    ) -> Result<Vec<GateId>, StoreError> {
        let mut state = self.lock();
        let now = self.time();
        let mut fenced = Vec::new();
        for step in steps {
            let allowed = state
                .held_gate(step.gate_id, worker, step.token, now)
                .is_some_and(|row| transition::leads(&step, row.record.state));
            if allowed {
                state.apply(step, now, self.damping, &self.feed);
            } else {
                fenced.push(step.gate_id);
            }
        }
        Ok(fenced)
    }

    async fn release_gates(
        &self,
        worker: WorkerId,
        gates: &[(GateId, i64)],
    ) -> Result<(), StoreError> {
        let mut state = self.lock();
        let now = self.time();
        for (id, token) in gates {
            if let Some(row) = state.held_gate(*id, worker, *token, now) {
                row.owner = None;
            }
        }
        Ok(())
    }

    async fn gate_of_pass(&self, pass: PassId) -> Result<Option<GateRecord>, StoreError> {
        Ok(self.lock().row_of_pass(pass).map(|row| row.record.clone()))
    }

    async fn spend_pass(&self, pass: PassId) -> Result<Spend, StoreError> {
        let mut state = self.lock();
        let now = self.time();
        let refused = |refusal| Ok(Spend::Refused(refusal));
        let id = state.row_of_pass(pass).map(|row| row.record.id);
        let Some(row) = id.and_then(|id| state.gates.get(&id)) else {
            return refused(SpendRefusal::Superseded);
        };
        if let Some(refusal) = transition::refusal(&row.record, row.token, pass, now) {
            return refused(refusal);
        }
        let mut spent = row.record.clone();
        if let Some(status) = state.rollout_of(spent.job_id, now).filter(|_| !spent.exempt)
            && let Some(refusal) = transition::admit(&status.rollout, &status.counts)
        {
            return refused(refusal);
        }
        let groups = state.groups_of(&[spent.host_id], self.time_in(&state));
        if let Some(refusal) = transition::admit_to_groups(&groups, spent.host_id) {
            return refused(refusal);
        }
        let newest = state.newest_change_of(spent.host_id);
        if let Some(refusal) = transition::admit_after_change(&spent, newest, now) {
            return refused(refusal);
        }
        transition::spend(&mut spent, now);
        self.ask(&Change::PassSpent(&spent))?;
        if let Some(change) = HostChange::begin(&spent, now) {
            if let Some(earlier) = state.newest_change.insert(change.host_id, change.pass_id)
                && let Some(earlier) = state.host_changes.get_mut(&earlier)
            {
                earlier.give_way(now);
            }
            state.host_changes.insert(change.pass_id, change);
        }
        if let Some(row) = state.gates.get_mut(&spent.id) {
            row.record = spent.clone();
            row.owner = None;
        }
        state.unfinished.remove(&(spent.host_id, spent.exempt));
        self.feed.publish(StoreEvent::of_gate(&spent));
        Ok(Spend::Spent(Box::new(spent)))
    }

    async fn prune_gates(
        &self,
        keep: Duration,
        batch: u32,
        force: bool,
    ) -> Result<PruneOutcome, StoreError> {
        let mut state = self.lock();
        let now = self.time();
        let cut = now - delta(keep);
        let running = |record: &GateRecord| {
            let change = record.pass.as_ref().and_then(|pass| state.host_changes.get(&pass.id));
            change.is_some_and(|change| change.is_running(now) || change.is_being_verified())
        };
        let records = state.gates.values().map(|row| &row.record);
        let mut expired: Vec<_> = records
            .filter(|record| !running(record) && !state.rolls_out(record.job_id))
            .filter_map(|record| Some((record.ended_at.filter(|ended| *ended < cut)?, record.id)))
            .collect();
        expired.sort_unstable();
        let (found, total) = (expired.len(), state.gates.len());
        let outcome = PruneOutcome::of(found, total, batch, self.holds_pruning(now) && !force);
        if !matches!(outcome, PruneOutcome::Suspicious { .. }) {
            expired.truncate(batch as usize);
            expired.into_iter().for_each(|(_, id)| state.forget_gate(id));
            let State { rollouts, gates_of, .. } = &mut *state;
            rollouts.retain(|job, rollout| rollout.opened_at >= cut || gates_of.contains_key(job));
        }
        Ok(outcome)
    }

    async fn end_host_change(
        &self,
        pass: PassId,
        end: ChangeEnd,
    ) -> Result<HostChange, StoreError> {
        let mut state = self.lock();
        let now = self.time();
        let change = state.host_changes.get_mut(&pass).ok_or(StoreError::NotFound)?;
        change.end(now, end);
        Ok(change.clone())
    }

    async fn host_changes(&self, hosts: &[HostId]) -> Result<Vec<HostChange>, StoreError> {
        let state = self.lock();
        Ok(hosts.iter().filter_map(|host| state.newest_change_of(*host).cloned()).collect())
    }

    async fn return_pass(&self, pass: PassId) -> Result<(), StoreError> {
        let mut state = self.lock();
        let now = self.time_in(&state);
        let id = state.row_of_pass(pass).map(|row| row.record.id);
        if let Some(row) = id.and_then(|id| state.gates.get_mut(&id))
            && transition::take_back(&mut row.record, pass, now)
        {
            row.changes += 1;
            self.feed.publish(StoreEvent::of_gate(&row.record));
        }
        Ok(())
    }

    async fn request_cancel(
        &self,
        job: JobId,
        host: HostId,
        audit: AuditEntry,
    ) -> Result<GateRecord, StoreError> {
        let mut state = self.lock();
        let row = state.gate_row(job, host).ok_or(StoreError::NotFound)?;
        if row.record.state.is_terminal() || row.record.cancel_requested {
            return Ok(row.record.clone());
        }
        let id = row.record.id;
        let entry = self.audit(audit)?;
        state.audit.push(entry);
        let row = state.gates.get_mut(&id).ok_or(StoreError::NotFound)?;
        row.record.cancel_requested = true;
        row.changes += 1;
        self.feed.publish(StoreEvent::of_gate(&row.record));
        Ok(row.record.clone())
    }

    async fn set_override(
        &self,
        job: JobId,
        host: HostId,
        exception: Option<GateOverride>,
        audit: AuditEntry,
    ) -> Result<GateRecord, StoreError> {
        let mut state = self.lock();
        let row = state.gate_row(job, host).ok_or(StoreError::NotFound)?;
        if !transition::takes_override(&row.record, exception.as_ref()) {
            return Err(StoreError::InvalidState { state: "the gate is not waiting" });
        }
        let id = row.record.id;
        let entry = self.audit(audit)?;
        state.audit.push(entry);
        let row = state.gates.get_mut(&id).ok_or(StoreError::NotFound)?;
        row.record.exception = exception;
        row.changes += 1;
        self.feed.publish(StoreEvent::of_gate(&row.record));
        Ok(row.record.clone())
    }

    async fn clear_clock_offset(
        &self,
        job: JobId,
        host: HostId,
        audit: AuditEntry,
    ) -> Result<GateRecord, StoreError> {
        let mut state = self.lock();
        let row = state.gate_row(job, host).ok_or(StoreError::NotFound)?;
        let mut record = row.record.clone();
        if !transition::clear_clock_offset(&mut record, self.time())? {
            return Ok(record);
        }
        let entry = self.audit(audit)?;
        state.audit.push(entry);
        let row = state.gates.get_mut(&record.id).ok_or(StoreError::NotFound)?;
        row.record = record;
        row.changes += 1;
        self.feed.publish(StoreEvent::of_gate(&row.record));
        Ok(row.record.clone())
    }
}
