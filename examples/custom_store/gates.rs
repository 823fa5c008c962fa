//! Gates. What a step, a claim or a spending makes of one is said by `healthgate::store::transition`.

use std::time::Duration;

use async_trait::async_trait;
use healthgate::{
    model::{
        Attempt, AttemptOutcome, AuditEntry, EndReason, GateId, GateOverride, GatePass, GateRecord,
        GateRequest, GateState, HostId, JobId, WorkerId,
    },
    store::{
        GateClaims, GateStep, GateStore, LeasedGate, Spend, SpendRefusal, StoreError, StoreEvent,
        transition,
    },
};

use super::{
    CustomStore,
    world::{GateRow, delta},
};

#[async_trait]
impl GateStore for CustomStore {
    async fn open_gate(&self, request: GateRequest) -> Result<GateRecord, StoreError> {
        self.write(|world, now| {
            if let Some(row) = world.gate_of(request.job_id, request.host_id) {
                return Ok(row.record.clone());
            }
            let mut records = world.gates.iter().map(|row| &row.record);
            let holds =
                |gate: &&GateRecord| gate.host_id == request.host_id && !gate.state.is_terminal();
            if let Some(holder) = records.find(holds) {
                return Err(StoreError::GateBusy { holder: holder.id });
            }
            Ok(world.add_gate(GateRecord::open(GateId::generate(), &request, now)))
        })
    }

    async fn open_ended_gate(
        &self,
        request: GateRequest,
        reason: EndReason,
        detail: String,
    ) -> Result<GateRecord, StoreError> {
        self.write(|world, now| {
            if let Some(row) = world.gate_of(request.job_id, request.host_id) {
                return Ok(row.record.clone());
            }
            let mut record = GateRecord::open(GateId::generate(), &request, now);
            record.detail = detail;
            transition::end(&mut record, reason, now);
            Ok(world.add_gate(record))
        })
    }

    async fn gate(&self, job: JobId, host: HostId) -> Result<Option<GateRecord>, StoreError> {
        self.write(|world, _| Ok(world.gate_of(job, host).map(|row| row.record.clone())))
    }

    async fn gates_of(&self, job: JobId) -> Result<Vec<GateRecord>, StoreError> {
        Ok(self.read(|world, _| {
            let records = world.gates.iter().map(|row| &row.record);
            records.filter(|record| record.job_id == job).cloned().collect()
        }))
    }

    async fn holders_of(&self, hosts: &[HostId]) -> Result<Vec<GateRecord>, StoreError> {
        Ok(self.read(|world, _| {
            let records = world.gates.iter().map(|row| &row.record);
            let holds =
                |gate: &&GateRecord| hosts.contains(&gate.host_id) && !gate.state.is_terminal();
            records.filter(holds).cloned().collect()
        }))
    }

    async fn attempts_of(&self, gates: &[GateId]) -> Result<Vec<(GateId, Attempt)>, StoreError> {
        Ok(self.read(|world, _| {
            let rows =
                gates.iter().filter_map(|id| world.gates.iter().find(|r| r.record.id == *id));
            let of = |row: &GateRow| {
                let id = row.record.id;
                row.attempts.clone().into_iter().map(move |attempt| (id, attempt))
            };
            rows.flat_map(of).collect()
        }))
    }

    async fn claim_gates(
        &self,
        worker: WorkerId,
        limit: u32,
        lease: Duration,
    ) -> Result<GateClaims, StoreError> {
        self.write(|world, now| {
            let waits = |row: &&mut GateRow| {
                transition::needs_worker(&row.record, now) && row.lease.is_free(now)
            };
            let mut rows: Vec<_> = world.gates.iter_mut().filter(waits).collect();
            rows.sort_unstable_by_key(|row| (row.record.window.closes_at(), row.record.id));
            let mut gates = Vec::new();
            for row in rows.into_iter().take(limit as usize) {
                let token = row.lease.take(worker, now + delta(lease));
                // Whoever ran this attempt has lost the gate.
                for attempt in &mut row.attempts {
                    if attempt.outcome == AttemptOutcome::Running {
                        attempt.outcome = AttemptOutcome::Interrupted;
                        attempt.finished_at = Some(now);
                    }
                }
                gates.push(LeasedGate { record: row.record.clone(), token });
            }
            Ok(GateClaims { now, gates })
        })
    }

    async fn renew_gates(
        &self,
        worker: WorkerId,
        gates: &[(GateId, i64)],
        lease: Duration,
    ) -> Result<GateClaims, StoreError> {
        self.write(|world, now| {
            let mut renewed = Vec::new();
            for &(id, token) in gates {
                let row = world.gate(id).filter(|row| row.lease.holds(worker, token, now));
                let Some(row) = row else { continue };
                row.lease.holder = Some((worker, now + delta(lease)));
                renewed.push(LeasedGate { record: row.record.clone(), token });
            }
            Ok(GateClaims { now, gates: renewed })
        })
    }

    async fn settle_gates(
        &self,
        worker: WorkerId,
        steps: Vec<GateStep>,
    ) -> Result<Vec<GateId>, StoreError> {
        self.write(|world, now| {
            let mut fenced = Vec::new();
            for step in steps {
                let allowed = |row: &&mut GateRow| {
                    row.lease.holds(worker, step.token, now)
                        && transition::leads(&step, row.record.state)
                };
                let Some(row) = world.gate(step.gate_id).filter(allowed) else {
                    fenced.push(step.gate_id);
                    continue;
                };
                if transition::apply(&mut row.record, &step, now) {
                    row.lease.holder = None;
                }
                if let Some(write) = &step.attempt {
                    let same = |attempt: &Attempt| attempt.number == write.number();
                    let stored = row.attempts.iter().position(same);
                    let stored = stored.map(|place| row.attempts.remove(place));
                    row.attempts.extend(transition::write_attempt(stored, write));
                    row.attempts.sort_by_key(|attempt| attempt.number);
                }
                let (host, event) = (row.record.host_id, StoreEvent::of_gate(&row.record));
                world.events.push(event);
                world.record(host, step.results, now);
            }
            Ok(fenced)
        })
    }

    async fn release_gates(
        &self,
        worker: WorkerId,
        gates: &[(GateId, i64)],
    ) -> Result<(), StoreError> {
        self.write(|world, now| {
            for &(id, token) in gates {
                let row = world.gate(id).filter(|row| row.lease.holds(worker, token, now));
                if let Some(row) = row {
                    row.lease.holder = None;
                }
            }
            Ok(())
        })
    }

    async fn spend_pass(&self, pass: &GatePass) -> Result<Spend, StoreError> {
        self.write(|world, now| {
            let Some(row) = world.gate(pass.gate_id) else {
                return Ok(Spend::Refused(SpendRefusal::Superseded));
            };
            if let Some(why) = transition::refusal(&row.record, row.lease.token, pass, now) {
                return Ok(Spend::Refused(why));
            }
            transition::spend(&mut row.record, now);
            row.lease.holder = None;
            let record = row.record.clone();
            world.events.push(StoreEvent::of_gate(&record));
            Ok(Spend::Spent(Box::new(record)))
        })
    }

    async fn request_cancel(
        &self,
        job: JobId,
        host: HostId,
        audit: AuditEntry,
    ) -> Result<GateRecord, StoreError> {
        self.write(|world, now| {
            let record = &mut world.gate_of(job, host).ok_or(StoreError::NotFound)?.record;
            if record.state.is_terminal() || record.cancel_requested {
                return Ok(record.clone());
            }
            record.cancel_requested = true;
            let record = record.clone();
            world.events.push(StoreEvent::of_gate(&record));
            self.audit(world, now, audit)?;
            Ok(record)
        })
    }

    async fn set_override(
        &self,
        job: JobId,
        host: HostId,
        exception: Option<GateOverride>,
        audit: AuditEntry,
    ) -> Result<GateRecord, StoreError> {
        self.write(|world, now| {
            let record = &mut world.gate_of(job, host).ok_or(StoreError::NotFound)?.record;
            if record.state != GateState::Waiting {
                return Err(StoreError::InvalidState { state: "the gate does not wait" });
            }
            record.exception = exception;
            let record = record.clone();
            world.events.push(StoreEvent::of_gate(&record));
            self.audit(world, now, audit)?;
            Ok(record)
        })
    }
}
