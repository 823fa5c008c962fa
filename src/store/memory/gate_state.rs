//! Gates in the memory store.

use chrono::{DateTime, Utc};

use super::state::{GateRow, State};
use crate::{
    model::{
        Damping, GateId, GateRecord, GateRequest, GateState, HostChange, HostId, JobId, PassId,
        RolloutCounts, RolloutStatus,
    },
    store::{Feed, GateStep, GateTransition, StoreEvent, transition},
};

impl State {
    pub(super) fn gate_row(&self, job: JobId, host: HostId) -> Option<&GateRow> {
        self.gates.get(self.gate_of.get(&(job, host))?)
    }

    /// Returns the generation that a request opens, or the existing gate that answers it.
    pub(super) fn generation_for(&self, request: &GateRequest) -> Result<u32, Box<GateRecord>> {
        let own = self.gate_row(request.job_id, request.host_id).map(|row| &row.record);
        match (transition::next_generation(own, request), own) {
            (None, Some(own)) => Err(Box::new(own.clone())),
            (generation, _) => Ok(generation.unwrap_or(1)),
        }
    }

    /// Returns all gates of a job, ordered by their opening.
    pub(super) fn all_gates_of(&self, job: JobId) -> impl Iterator<Item = &GateRecord> {
        let ids = self.gates_of.get(&job).map(Vec::as_slice).unwrap_or_default();
        ids.iter().filter_map(|id| self.gates.get(id)).map(|row| &row.record)
    }

    pub(super) fn forget_gate(&mut self, id: GateId) {
        let Some(GateRow { record, .. }) = self.gates.remove(&id) else { return };
        if let Some(gates) = self.gates_of.get_mut(&record.job_id) {
            gates.retain(|other| *other != id);
            if gates.is_empty() {
                self.gates_of.remove(&record.job_id);
            }
        }
        if self.gate_of.get(&(record.job_id, record.host_id)) == Some(&id) {
            self.gate_of.remove(&(record.job_id, record.host_id));
        }
        if let Some(pass) = record.pass {
            self.gate_of_pass.remove(&pass.id);
            self.host_changes.remove(&pass.id);
            self.verification_tokens.remove(&pass.id);
            if self.newest_change.get(&record.host_id) == Some(&pass.id) {
                self.newest_change.remove(&record.host_id);
            }
        }
    }

    /// Returns the rollout of a job with the counts of its hosts.
    pub(super) fn rollout_of(&self, job: JobId, now: DateTime<Utc>) -> Option<RolloutStatus> {
        let rollout = self.rollouts.get(&job)?.clone();
        let passed = self.all_gates_of(job).filter(|gate| gate.state == GateState::Passed).count();
        let passed = u32::try_from(passed).unwrap_or(u32::MAX);
        let changes = self.host_changes.values().filter(|change| change.job_id == job);
        Some(RolloutStatus { rollout, counts: RolloutCounts::of(changes, passed, now) })
    }

    /// Returns whether a job has a rollout and an unfinished gate.
    pub(super) fn rolls_out(&self, job: JobId) -> bool {
        self.rollouts.contains_key(&job)
            && self.all_gates_of(job).any(|gate| !gate.state.is_terminal())
    }

    pub(super) fn newest_change_of(&self, host: HostId) -> Option<&HostChange> {
        self.host_changes.get(self.newest_change.get(&host)?)
    }

    /// Returns the gate whose newest pass has this id.
    pub(super) fn row_of_pass(&self, pass: PassId) -> Option<&GateRow> {
        self.gates.get(self.gate_of_pass.get(&pass)?)
    }

    pub(super) fn add_gate(&mut self, record: GateRecord) {
        let (id, job, host) = (record.id, record.job_id, record.host_id);
        if !record.state.is_terminal() {
            self.unfinished.insert((host, record.exempt), id);
        }
        self.gate_of.insert((job, host), id);
        self.gates_of.entry(job).or_default().push(id);
        self.gates.insert(id, GateRow::new(record));
    }

    /// Returns the gates that a claim would take.
    pub(super) fn waiting_for_worker(&self, now: DateTime<Utc>) -> impl Iterator<Item = &GateRow> {
        let unfinished = self.unfinished.values().filter_map(|id| self.gates.get(id));
        unfinished
            .filter(move |row| transition::needs_worker(&row.record, now) && self.is_free(row, now))
    }

    /// Writes a step, after its fence and transition were checked.
    pub(super) fn apply(
        &mut self,
        step: GateStep,
        now: DateTime<Utc>,
        damping: Damping,
        feed: &Feed,
    ) {
        let Some(row) = self.gates.get_mut(&step.gate_id) else { return };
        row.seen = row.seen.max(step.seen);
        let older = row.record.pass.as_ref().map(|pass| pass.id);
        if transition::apply(&mut row.record, &step, now) {
            row.owner = None;
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
        if let Some(GateTransition::Pass(pass)) = &step.transition {
            if let Some(older) = older {
                self.gate_of_pass.remove(&older);
            }
            self.gate_of_pass.insert(pass.id, step.gate_id);
        }
        let (host, exempt) = (row.record.host_id, row.record.exempt);
        let ended = row.record.state.is_terminal();
        feed.publish(StoreEvent::of_gate(&row.record));
        if ended {
            self.unfinished.remove(&(host, exempt));
        }
        self.record(host, step.results, now, damping, feed);
    }
}
