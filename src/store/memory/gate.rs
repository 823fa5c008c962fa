//! `GateStore` in memory.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{
    MemoryStore,
    state::{GateRow, Lease, State},
};
use crate::{
    clock::delta,
    model::{
        Attempt, AttemptOutcome, AuditEntry, Damping, EndReason, GateId, GateOverride, GatePass,
        GateRecord, GateRequest, GateState, HostId, JobId, WorkerId,
    },
    store::{
        Change, Feed, GateClaims, GateStep, GateStore, LeasedGate, Spend, SpendRefusal, StoreError,
        StoreEvent, transition,
    },
};

impl State {
    fn gate_row(&self, job: JobId, host: HostId) -> Option<&GateRow> {
        self.gates.get(self.gate_of.get(&(job, host))?)
    }

    fn add_gate(&mut self, record: GateRecord) {
        let (id, job, host) = (record.id, record.job_id, record.host_id);
        if !record.state.is_terminal() {
            self.unfinished.insert(host, id);
        }
        self.gate_of.insert((job, host), id);
        self.gates_of.entry(job).or_default().push(id);
        self.gates.insert(id, GateRow { record, attempts: Vec::new(), lease: Lease::default() });
    }

    /// Writes a step whose fence and transition have been judged.
    fn apply(&mut self, step: GateStep, now: DateTime<Utc>, damping: Damping, feed: &Feed) {
        let Some(row) = self.gates.get_mut(&step.gate_id) else { return };
        if transition::apply(&mut row.record, &step, now) {
            row.lease.end();
        }
        if let Some(write) = &step.attempt {
            let number = write.number();
            let stored = row.attempts.iter().position(|attempt| attempt.number == number);
            let before = stored.map(|index| row.attempts[index].clone());
            match (stored, transition::write_attempt(before, write)) {
                (Some(index), Some(attempt)) => row.attempts[index] = attempt,
                (None, Some(attempt)) => row.attempts.push(attempt),
                (_, None) => {}
            }
        }
        let (host, ended) = (row.record.host_id, row.record.state.is_terminal());
        feed.publish(StoreEvent::of_gate(&row.record));
        if ended {
            self.unfinished.remove(&host);
        }
        self.record(host, step.results, now, damping, feed);
    }
}

#[async_trait]
impl GateStore for MemoryStore {
    async fn open_gate(&self, request: GateRequest) -> Result<GateRecord, StoreError> {
        let mut state = self.lock();
        if let Some(row) = state.gate_row(request.job_id, request.host_id) {
            return Ok(row.record.clone());
        }
        if let Some(holder) = state.unfinished.get(&request.host_id) {
            return Err(StoreError::GateBusy { holder: *holder });
        }
        let record = GateRecord::open(GateId::generate(), &request, self.time());
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
        if let Some(row) = state.gate_row(request.job_id, request.host_id) {
            return Ok(row.record.clone());
        }
        let now = self.time();
        let mut record = GateRecord::open(GateId::generate(), &request, now);
        record.detail = detail;
        transition::end(&mut record, reason, now);
        state.add_gate(record.clone());
        self.feed.publish(StoreEvent::of_gate(&record));
        Ok(record)
    }

    async fn gate(&self, job: JobId, host: HostId) -> Result<Option<GateRecord>, StoreError> {
        Ok(self.lock().gate_row(job, host).map(|row| row.record.clone()))
    }

    async fn gates_of(&self, job: JobId) -> Result<Vec<GateRecord>, StoreError> {
        let state = self.lock();
        let ids = state.gates_of.get(&job).map(Vec::as_slice).unwrap_or_default();
        Ok(ids.iter().filter_map(|id| Some(state.gates.get(id)?.record.clone())).collect())
    }

    async fn holders_of(&self, hosts: &[HostId]) -> Result<Vec<GateRecord>, StoreError> {
        let state = self.lock();
        let holders = hosts.iter().filter_map(|host| state.unfinished.get(host));
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
        let mut wanted: Vec<_> = state
            .unfinished
            .values()
            .filter_map(|id| state.gates.get(id))
            .filter(|row| transition::needs_worker(&row.record, now) && row.lease.is_free(now))
            .map(|row| (row.record.window.closes_at(), row.record.id))
            .collect();
        wanted.sort_unstable();
        let mut gates = Vec::new();
        for (_, id) in wanted.into_iter().take(limit as usize) {
            let Some(row) = state.gates.get_mut(&id) else { continue };
            let token = row.lease.take(worker, now + delta(lease));
            let running = row
                .attempts
                .iter_mut()
                .filter(|attempt| attempt.outcome == AttemptOutcome::Running);
            for attempt in running {
                attempt.outcome = AttemptOutcome::Interrupted;
                attempt.finished_at = Some(now);
            }
            gates.push(LeasedGate { record: row.record.clone(), token });
        }
        Ok(GateClaims { now, gates })
    }

    async fn renew_gates(
        &self,
        worker: WorkerId,
        gates: &[(GateId, i64)],
        lease: Duration,
    ) -> Result<GateClaims, StoreError> {
        let mut state = self.lock();
        let now = self.time();
        let mut renewed = Vec::with_capacity(gates.len());
        for (id, token) in gates {
            if let Some(row) = state.gates.get_mut(id)
                && row.lease.holds(worker, *token, now)
            {
                row.lease.renew(now + delta(lease));
                renewed.push(LeasedGate { record: row.record.clone(), token: *token });
            }
        }
        Ok(GateClaims { now, gates: renewed })
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
            let allowed = state.gates.get(&step.gate_id).is_some_and(|row| {
                row.lease.holds(worker, step.token, now)
                    && transition::leads(&step, row.record.state)
            });
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
            if let Some(row) = state.gates.get_mut(id)
                && row.lease.holds(worker, *token, now)
            {
                row.lease.end();
            }
        }
        Ok(())
    }

    async fn spend_pass(&self, pass: &GatePass) -> Result<Spend, StoreError> {
        let mut state = self.lock();
        let now = self.time();
        let refused = |refusal| Ok(Spend::Refused(refusal));
        let Some(row) = state.gates.get_mut(&pass.gate_id) else {
            return refused(SpendRefusal::Superseded);
        };
        if let Some(refusal) = transition::refusal(&row.record, row.lease.token(), pass, now) {
            return refused(refusal);
        }
        let mut spent = row.record.clone();
        transition::spend(&mut spent, now);
        self.ask(&Change::PassSpent(&spent))?;
        row.record = spent.clone();
        row.lease.end();
        state.unfinished.remove(&spent.host_id);
        self.feed.publish(StoreEvent::of_gate(&spent));
        Ok(Spend::Spent(Box::new(spent)))
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
        if row.record.state != GateState::Waiting {
            return Err(StoreError::InvalidState { state: "the gate does not wait" });
        }
        let id = row.record.id;
        let entry = self.audit(audit)?;
        state.audit.push(entry);
        let row = state.gates.get_mut(&id).ok_or(StoreError::NotFound)?;
        row.record.exception = exception;
        self.feed.publish(StoreEvent::of_gate(&row.record));
        Ok(row.record.clone())
    }
}
