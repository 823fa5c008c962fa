//! Gates. `healthgate::store::transition` decides how a step, a claim or a spending changes a gate.

use std::time::Duration;

use async_trait::async_trait;
use healthgate::{
    model::{
        Attempt, AttemptOutcome, AuditEntry, ChangeEnd, EndReason, GateId, GateOverride,
        GateRecord, GateRequest, HostChange, HostId, JobId, PassId, WorkerId,
    },
    store::{
        GateClaims, GateExtension, GateStep, GateStore, GateWatch, PruneOutcome, Spend,
        SpendRefusal, StoreError, StoreEvent, transition,
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
            let own = world.gate_of(request.job_id, request.host_id).map(|row| row.record.clone());
            let generation = match (transition::next_generation(own.as_ref(), &request), own) {
                (None, Some(own)) => return Ok(own),
                (generation, _) => generation.unwrap_or(1),
            };
            let mut records = world.gates.iter().map(|row| &row.record);
            let holds = |gate: &&GateRecord| {
                (gate.host_id, gate.exempt) == (request.host_id, request.exempt)
                    && !gate.state.is_terminal()
            };
            if let Some(holder) = records.find(holds) {
                return Err(StoreError::GateBusy { holder: holder.id });
            }
            let record = GateRecord::open(GateId::generate(), &request, world.time(now));
            Ok(world.add_gate(GateRecord { generation, ..record }))
        })
    }

    async fn open_ended_gate(
        &self,
        request: GateRequest,
        reason: EndReason,
        detail: String,
    ) -> Result<GateRecord, StoreError> {
        self.write(|world, now| {
            let own = world.gate_of(request.job_id, request.host_id).map(|row| row.record.clone());
            let generation = match (transition::next_generation(own.as_ref(), &request), own) {
                (None, Some(own)) => return Ok(own),
                (generation, _) => generation.unwrap_or(1),
            };
            let time = world.time(now);
            let mut record = GateRecord::open(GateId::generate(), &request, time);
            record.generation = generation;
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
            let of_job = |record: &&GateRecord| record.job_id == job;
            let records: Vec<_> =
                world.gates.iter().map(|row| &row.record).filter(of_job).collect();
            let newest = |record: &&&GateRecord| {
                let same = records.iter().filter(|other| other.host_id == record.host_id);
                same.map(|other| other.generation).max() == Some(record.generation)
            };
            records.iter().filter(newest).map(|record| (*record).clone()).collect()
        }))
    }

    async fn generations_of(
        &self,
        job: JobId,
        host: HostId,
    ) -> Result<Vec<GateRecord>, StoreError> {
        Ok(self.read(|world, _| {
            let records = world.gates.iter().map(|row| &row.record);
            let wanted = |record: &&GateRecord| (record.job_id, record.host_id) == (job, host);
            records.filter(wanted).cloned().collect()
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
            world.extend_gate_lease(worker, now, now + delta(lease));
            let mut places = world.unclaimed_gates(now);
            places.sort_by_key(|place| transition::claim_order(&world.gates[*place].record, now));
            let mut gates = Vec::new();
            for place in places.into_iter().take(limit as usize) {
                let row = &mut world.gates[place];
                row.owner = Some(worker);
                row.token += 1;
                row.seen = row.changes;
                // The worker that ran this attempt has lost the gate.
                for attempt in &mut row.attempts {
                    if attempt.outcome == AttemptOutcome::Running {
                        attempt.outcome = AttemptOutcome::Interrupted;
                        attempt.finished_at = Some(now);
                    }
                }
                gates.push(row.leased());
            }
            self.holds_pruning(now);
            Ok(GateClaims { now, epoch: world.epoch_at_claim(now), gates })
        })
    }

    async fn watch_gates(
        &self,
        worker: WorkerId,
        extend: Option<GateExtension<'_>>,
    ) -> Result<GateWatch, StoreError> {
        self.write(|world, now| {
            let leased = world.has_gate_lease(worker, now);
            if let Some(extension) = extend.filter(|_| leased) {
                world.extend_gate_lease(worker, now, now + delta(extension.lease));
                let unknown = |row: &&mut GateRow| {
                    row.owner == Some(worker) && !extension.gates.contains(&row.record.id)
                };
                world.gates.iter_mut().filter(unknown).for_each(|row| row.owner = None);
            }
            let held = world.gates.iter().filter(|row| leased && row.owner == Some(worker));
            let changed = held.filter(|row| row.changes != row.seen).map(GateRow::leased).collect();
            let opening = |place: usize| world.gates[place].record.window.opens_at();
            let unclaimed = world.unclaimed_gates(now).into_iter().map(opening).min();
            Ok(GateWatch { now, epoch: world.clock.epoch, leased, changed, unclaimed })
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
                let held = world.held_gate(step.gate_id, worker, step.token, now);
                let allowed = |row: &&mut GateRow| transition::leads(&step, row.record.state);
                let Some(row) = held.filter(allowed) else {
                    fenced.push(step.gate_id);
                    continue;
                };
                row.seen = row.seen.max(step.seen);
                if transition::apply(&mut row.record, &step, now) {
                    row.owner = None;
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
                if let Some(row) = world.held_gate(id, worker, token, now) {
                    row.owner = None;
                }
            }
            Ok(())
        })
    }

    async fn gate_of_pass(&self, pass: PassId) -> Result<Option<GateRecord>, StoreError> {
        self.write(|world, _| Ok(world.gate_of_pass(pass).map(|row| row.record.clone())))
    }

    async fn spend_pass(&self, pass: PassId) -> Result<Spend, StoreError> {
        self.write(|world, now| {
            let Some(row) = world.gate_of_pass(pass) else {
                return Ok(Spend::Refused(SpendRefusal::Superseded));
            };
            if let Some(why) = transition::refusal(&row.record, row.token, pass, now) {
                return Ok(Spend::Refused(why));
            }
            let (job, host, exempt) = (row.record.job_id, row.record.host_id, row.record.exempt);
            if let Some(status) = world.rollout_of(job, now).filter(|_| !exempt)
                && let Some(why) = transition::admit(&status.rollout, &status.counts)
            {
                return Ok(Spend::Refused(why));
            }
            let groups = world.groups_of(&[host], now);
            if let Some(why) = transition::admit_to_groups(&groups, host) {
                return Ok(Spend::Refused(why));
            }
            let newest = world.newest_change(host).cloned();
            let Some(row) = world.gate_of_pass(pass) else { return Err(StoreError::NotFound) };
            if let Some(why) = transition::admit_after_change(&row.record, newest.as_ref(), now) {
                return Ok(Spend::Refused(why));
            }
            transition::spend(&mut row.record, now);
            row.owner = None;
            let record = row.record.clone();
            for earlier in world.host_changes.iter_mut().filter(|change| change.host_id == host) {
                earlier.give_way(now);
            }
            world.host_changes.extend(HostChange::begin(&record, now));
            world.events.push(StoreEvent::of_gate(&record));
            Ok(Spend::Spent(Box::new(record)))
        })
    }

    async fn prune_gates(
        &self,
        keep: Duration,
        batch: u32,
        force: bool,
    ) -> Result<PruneOutcome, StoreError> {
        self.write(|world, now| {
            let running = |row: &GateRow| {
                let pass = row.record.pass.as_ref().map(|pass| pass.id);
                let mut changes = world.host_changes.iter();
                changes.any(|change| {
                    let goes_on = change.is_running(now) || change.is_being_verified();
                    Some(change.pass_id) == pass && goes_on
                })
            };
            let old = |row: &&GateRow| {
                row.record.ended_at.is_some_and(|ended| ended < now - delta(keep))
                    && !running(row)
                    && !world.rolls_out(row.record.job_id)
            };
            let mut old: Vec<GateId> =
                world.gates.iter().filter(old).map(|row| row.record.id).collect();
            let outcome = PruneOutcome::of(
                old.len(),
                world.gates.len(),
                batch,
                self.holds_pruning(now) && !force,
            );
            if !matches!(outcome, PruneOutcome::Suspicious { .. }) {
                old.truncate(batch as usize);
                world.gates.retain(|row| !old.contains(&row.record.id));
                world.host_changes.retain(|change| !old.contains(&change.gate_id));
                let gates = &world.gates;
                let has_gates = |job: &JobId| gates.iter().any(|row| row.record.job_id == *job);
                let cut = now - delta(keep);
                world.rollouts.retain(|job, rollout| rollout.opened_at >= cut || has_gates(job));
            }
            Ok(outcome)
        })
    }

    async fn end_host_change(
        &self,
        pass: PassId,
        end: ChangeEnd,
    ) -> Result<HostChange, StoreError> {
        self.write(|world, now| {
            let change = world.change_on(pass).ok_or(StoreError::NotFound)?;
            change.end(now, end);
            Ok(change.clone())
        })
    }

    async fn host_changes(&self, hosts: &[HostId]) -> Result<Vec<HostChange>, StoreError> {
        Ok(self.read(|world, _| {
            hosts.iter().filter_map(|host| world.newest_change(*host).cloned()).collect()
        }))
    }

    async fn return_pass(&self, pass: PassId) -> Result<(), StoreError> {
        self.write(|world, now| {
            let now = world.time(now);
            if let Some(row) = world.gate_of_pass(pass)
                && transition::take_back(&mut row.record, pass, now)
            {
                row.changes += 1;
                let event = StoreEvent::of_gate(&row.record);
                world.events.push(event);
            }
            Ok(())
        })
    }

    async fn request_cancel(
        &self,
        job: JobId,
        host: HostId,
        audit: AuditEntry,
    ) -> Result<GateRecord, StoreError> {
        self.write(|world, now| {
            let row = world.gate_of(job, host).ok_or(StoreError::NotFound)?;
            if row.record.state.is_terminal() || row.record.cancel_requested {
                return Ok(row.record.clone());
            }
            row.record.cancel_requested = true;
            row.changes += 1;
            let record = row.record.clone();
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
            let row = world.gate_of(job, host).ok_or(StoreError::NotFound)?;
            if !transition::takes_override(&row.record, exception.as_ref()) {
                return Err(StoreError::InvalidState { state: "the gate is not waiting" });
            }
            row.record.exception = exception;
            row.changes += 1;
            let record = row.record.clone();
            world.events.push(StoreEvent::of_gate(&record));
            self.audit(world, now, audit)?;
            Ok(record)
        })
    }

    async fn clear_clock_offset(
        &self,
        job: JobId,
        host: HostId,
        audit: AuditEntry,
    ) -> Result<GateRecord, StoreError> {
        self.write(|world, now| {
            let row = world.gate_of(job, host).ok_or(StoreError::NotFound)?;
            if !transition::clear_clock_offset(&mut row.record, now)? {
                return Ok(row.record.clone());
            }
            row.changes += 1;
            let record = row.record.clone();
            world.events.push(StoreEvent::of_gate(&record));
            self.audit(world, now, audit)?;
            Ok(record)
        })
    }
}
