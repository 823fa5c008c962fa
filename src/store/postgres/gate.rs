//! `GateStore` over Postgres: a gate's record is JSON beside the columns that conditions ask for.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::{PgStore, error::translate, poll::later, row::host_ids, write::Write};
use crate::{
    model::{
        Attempt, AuditEntry, EndReason, GateId, GateOverride, GatePass, GateRecord, GateRequest,
        GateState, HostId, JobId, WorkerId, instant,
    },
    store::{
        AttemptWrite, Change, GateClaims, GateStep, GateStore, LeasedGate, Spend, SpendRefusal,
        StoreError, StoreEvent,
        sql::{from_json, to_json, to_word},
        transition,
    },
};

const GATE: &str = "gate";
const ATTEMPT: &str = "attempt";

/// A gate as it is stored.
#[derive(FromRow, Debug)]
struct GateRow {
    token: i64,
    owner: Option<Uuid>,
    lease_until: Option<DateTime<Utc>>,
    record: String,
}

/// A gate under a lock.
#[derive(Debug)]
struct HeldGate {
    record: GateRecord,
    token: i64,
    owner: Option<Uuid>,
    lease_until: Option<DateTime<Utc>>,
    changed: bool,
}

impl GateRow {
    fn open(self) -> Result<HeldGate, StoreError> {
        let record = from_json(GATE, &self.record)?;
        let (token, owner, lease_until) = (self.token, self.owner, self.lease_until);
        Ok(HeldGate { record, token, owner, lease_until, changed: false })
    }
}

impl HeldGate {
    /// Whether this worker has it under this token, and the lease has not ended (L9, L10).
    fn is_held(&self, worker: WorkerId, token: i64, now: DateTime<Utc>) -> bool {
        self.owner == Some(worker.as_uuid())
            && self.token == token
            && self.lease_until.is_some_and(|until| now < until)
    }

    fn end_lease(&mut self) {
        (self.owner, self.lease_until) = (None, None);
        self.changed = true;
    }
}

async fn find(
    connection: &mut PgConnection,
    job: JobId,
    host: HostId,
) -> Result<Option<GateRecord>, StoreError> {
    let record: Option<String> = sqlx::query_scalar(
        "select record::text from health_gates where job_id = $1 and host_id = $2",
    )
    .bind(job.as_uuid())
    .bind(host.as_uuid())
    .fetch_optional(connection)
    .await
    .map_err(translate)?;
    record.map(|record| from_json(GATE, &record)).transpose()
}

async fn attempts(
    connection: &mut PgConnection,
    gates: &[Uuid],
) -> Result<Vec<(GateId, Attempt)>, StoreError> {
    let rows: Vec<(Uuid, String)> = sqlx::query_as(
        "select gate_id, record::text from health_gate_attempts where gate_id = any($1) \
         order by array_position($1, gate_id), attempt",
    )
    .bind(gates)
    .fetch_all(connection)
    .await
    .map_err(translate)?;
    let attempt =
        |(id, record): (Uuid, String)| Ok((GateId::from_uuid(id), from_json(ATTEMPT, &record)?));
    rows.into_iter().map(attempt).collect()
}

impl Write<'_> {
    /// Enters a gate, or answers with what is in its way: the job's own gate, or the host's holder.
    async fn enter_gate(&mut self, record: GateRecord) -> Result<GateRecord, StoreError> {
        loop {
            let entered = sqlx::query(
                "insert into health_gates (id, job_id, host_id, state, opened_at, closes_at, \
                 cancel_requested, record) values ($1, $2, $3, $4, $5, $6, false, $7::jsonb) \
                 on conflict do nothing",
            )
            .bind(record.id.as_uuid())
            .bind(record.job_id.as_uuid())
            .bind(record.host_id.as_uuid())
            .bind(to_word(GATE, &record.state)?)
            .bind(record.opened_at)
            .bind(record.window.closes_at())
            .bind(to_json(GATE, &record)?)
            .execute(&mut *self.connection)
            .await
            .map_err(translate)?;
            if entered.rows_affected() == 1 {
                self.tell(StoreEvent::of_gate(&record));
                return Ok(record);
            }
            if let Some(own) = find(self.connection, record.job_id, record.host_id).await? {
                return Ok(own);
            }
            let holder: Option<Uuid> = sqlx::query_scalar(
                "select id from health_gates where host_id = $1 and state in ('waiting', 'passed')",
            )
            .bind(record.host_id.as_uuid())
            .fetch_optional(&mut *self.connection)
            .await
            .map_err(translate)?;
            // Without a holder it has just ended: the host is free now.
            if let Some(holder) = holder {
                return Err(StoreError::GateBusy { holder: GateId::from_uuid(holder) });
            }
        }
    }

    async fn open_gate(&mut self, request: &GateRequest) -> Result<GateRecord, StoreError> {
        if let Some(own) = find(self.connection, request.job_id, request.host_id).await? {
            return Ok(own);
        }
        let now = self.now().await?;
        self.enter_gate(GateRecord::open(GateId::generate(), request, now)).await
    }

    async fn open_ended_gate(
        &mut self,
        request: &GateRequest,
        reason: EndReason,
        detail: &str,
    ) -> Result<GateRecord, StoreError> {
        if let Some(own) = find(self.connection, request.job_id, request.host_id).await? {
            return Ok(own);
        }
        let now = self.now().await?;
        let mut record = GateRecord::open(GateId::generate(), request, now);
        detail.clone_into(&mut record.detail);
        transition::end(&mut record, reason, now);
        self.enter_gate(record).await
    }

    /// These gates, locked in one order.
    async fn lock_gates(
        &mut self,
        gates: impl Iterator<Item = GateId>,
    ) -> Result<HashMap<GateId, HeldGate>, StoreError> {
        let rows: Vec<GateRow> = sqlx::query_as(
            "select token, owner, lease_until, record::text as record from health_gates \
             where id = any($1) order by id for update",
        )
        .bind(gates.map(|gate| gate.as_uuid()).collect::<Vec<_>>())
        .fetch_all(&mut *self.connection)
        .await
        .map_err(translate)?;
        let open = |row: GateRow| row.open().map(|gate| (gate.record.id, gate));
        rows.into_iter().map(open).collect()
    }

    /// Writes changed gates, and tells of them.
    async fn save_gates<'g>(
        &mut self,
        gates: impl Iterator<Item = &'g HeldGate> + Send,
    ) -> Result<(), StoreError> {
        let (mut ids, mut states, mut closes, mut passes) = (vec![], vec![], vec![], vec![]);
        let (mut cancels, mut owners, mut leases, mut records) = (vec![], vec![], vec![], vec![]);
        for gate in gates.filter(|gate| gate.changed) {
            let record = &gate.record;
            ids.push(record.id.as_uuid());
            states.push(to_word(GATE, &record.state)?);
            closes.push(record.window.closes_at());
            passes.push(record.pass.as_ref().map(|pass| pass.valid_until));
            cancels.push(record.cancel_requested);
            owners.push(gate.owner);
            leases.push(gate.lease_until);
            records.push(to_json(GATE, record)?);
            self.tell(StoreEvent::of_gate(record));
        }
        if ids.is_empty() {
            return Ok(());
        }
        sqlx::query(
            "update health_gates g set state = n.state, closes_at = n.closes_at, \
             pass_valid_until = n.pass_valid_until, cancel_requested = n.cancel_requested, \
             owner = n.owner, lease_until = n.lease_until, record = n.record::jsonb \
             from unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::bool[], \
             $6::uuid[], $7::timestamptz[], $8::text[]) as n (id, state, closes_at, \
             pass_valid_until, cancel_requested, owner, lease_until, record) where g.id = n.id",
        )
        .bind(ids)
        .bind(states)
        .bind(closes)
        .bind(passes)
        .bind(cancels)
        .bind(owners)
        .bind(leases)
        .bind(records)
        .execute(&mut *self.connection)
        .await
        .map_err(translate)?;
        Ok(())
    }

    async fn claim_gates(
        &mut self,
        worker: WorkerId,
        limit: u32,
        lease: Duration,
    ) -> Result<GateClaims, StoreError> {
        let now = self.now_under_known_schema().await?;
        let rows: Vec<GateRow> = sqlx::query_as(
            "with due as materialized ( \
                 select id from health_gates where state in ('waiting', 'passed') \
                 and (state = 'waiting' or cancel_requested or pass_valid_until is null \
                      or pass_valid_until <= $1) \
                 and (lease_until is null or lease_until <= $1) \
                 order by closes_at, id limit $2 for update skip locked) \
             update health_gates g set owner = $3, token = nextval('health_tokens'), \
             lease_until = $4 from due where g.id = due.id \
             returning g.token, g.owner, g.lease_until, g.record::text as record",
        )
        .bind(now)
        .bind(i64::from(limit))
        .bind(worker.as_uuid())
        .bind(later(now, lease))
        .fetch_all(&mut *self.connection)
        .await
        .map_err(translate)?;
        let leased = |row: GateRow| {
            row.open().map(|gate| LeasedGate { record: gate.record, token: gate.token })
        };
        let mut gates = rows.into_iter().map(leased).collect::<Result<Vec<_>, _>>()?;
        gates.sort_unstable_by_key(|gate| (gate.record.window.closes_at(), gate.record.id));
        if !gates.is_empty() {
            sqlx::query(
                "update health_gate_attempts set outcome = 'interrupted', record = record \
                 || jsonb_build_object('outcome', 'interrupted', 'finished_at', $1::text) \
                 where outcome = 'running' and gate_id = any($2)",
            )
            .bind(instant::to_text(&now))
            .bind(gates.iter().map(|gate| gate.record.id.as_uuid()).collect::<Vec<_>>())
            .execute(&mut *self.connection)
            .await
            .map_err(translate)?;
        }
        Ok(GateClaims { now, gates })
    }

    async fn renew_gates(
        &mut self,
        worker: WorkerId,
        gates: &[(GateId, i64)],
        lease: Duration,
    ) -> Result<GateClaims, StoreError> {
        let mut held = self.lock_gates(gates.iter().map(|(id, _)| *id)).await?;
        let now = self.now().await?;
        let mut renewed = Vec::with_capacity(gates.len());
        for (id, token) in gates {
            if held.get(id).is_some_and(|gate| gate.is_held(worker, *token, now))
                && let Some(gate) = held.remove(id)
            {
                renewed.push(LeasedGate { record: gate.record, token: *token });
            }
        }
        sqlx::query("update health_gates set lease_until = $1 where id = any($2)")
            .bind(later(now, lease))
            .bind(renewed.iter().map(|gate| gate.record.id.as_uuid()).collect::<Vec<_>>())
            .execute(&mut *self.connection)
            .await
            .map_err(translate)?;
        Ok(GateClaims { now, gates: renewed })
    }

    async fn settle_gates(
        &mut self,
        worker: WorkerId,
        steps: &[GateStep],
    ) -> Result<Vec<GateId>, StoreError> {
        let mut gates = self.lock_gates(steps.iter().map(|step| step.gate_id)).await?;
        let now = self.now().await?;
        let (mut fenced, mut results, mut writes) = (Vec::new(), Vec::new(), Vec::new());
        for step in steps {
            let held = gates.get_mut(&step.gate_id).filter(|gate| {
                gate.is_held(worker, step.token, now) && transition::leads(step, gate.record.state)
            });
            let Some(gate) = held else {
                fenced.push(step.gate_id);
                continue;
            };
            gate.changed = true;
            if transition::apply(&mut gate.record, step, now) {
                gate.end_lease();
            }
            writes.extend(step.attempt.as_ref().map(|write| (step.gate_id, write)));
            let host = gate.record.host_id;
            results.extend(step.results.iter().map(|result| (host, result)));
        }
        self.save_gates(gates.values()).await?;
        self.write_attempts(&writes).await?;
        let hosts = self.lock_schedules(results.iter().map(|(host, _)| *host)).await?;
        let recorded = self.record(&hosts, &results).await?;
        self.keep_summaries(&recorded.counts).await?;
        Ok(fenced)
    }

    async fn write_attempts(
        &mut self,
        writes: &[(GateId, &AttemptWrite)],
    ) -> Result<(), StoreError> {
        let ended = writes.iter().filter(|(_, write)| matches!(write, AttemptWrite::End { .. }));
        let ended: Vec<Uuid> = ended.map(|(gate, _)| gate.as_uuid()).collect();
        let mut stored: BTreeMap<(GateId, u32), Attempt> = BTreeMap::new();
        if !ended.is_empty() {
            let rows = attempts(self.connection, &ended).await?;
            stored
                .extend(rows.into_iter().map(|(gate, attempt)| ((gate, attempt.number), attempt)));
        }
        let mut written: BTreeMap<(GateId, u32), Attempt> = BTreeMap::new();
        for (gate, write) in writes {
            let key = (*gate, write.number());
            let before = written.remove(&key).or_else(|| stored.remove(&key));
            written.extend(transition::write_attempt(before, write).map(|attempt| (key, attempt)));
        }
        if written.is_empty() {
            return Ok(());
        }
        let (mut gates, mut numbers, mut outcomes, mut records) = (vec![], vec![], vec![], vec![]);
        for ((gate, number), attempt) in &written {
            gates.push(gate.as_uuid());
            numbers.push(i32::try_from(*number).unwrap_or(i32::MAX));
            outcomes.push(to_word(ATTEMPT, &attempt.outcome)?);
            records.push(to_json(ATTEMPT, attempt)?);
        }
        sqlx::query(
            "insert into health_gate_attempts (gate_id, attempt, outcome, record) \
             select gate_id, attempt, outcome, record::jsonb \
             from unnest($1::uuid[], $2::int[], $3::text[], $4::text[]) \
                  as n (gate_id, attempt, outcome, record) \
             on conflict (gate_id, attempt) \
             do update set outcome = excluded.outcome, record = excluded.record",
        )
        .bind(gates)
        .bind(numbers)
        .bind(outcomes)
        .bind(records)
        .execute(&mut *self.connection)
        .await
        .map_err(translate)?;
        Ok(())
    }

    async fn release_gates(
        &mut self,
        worker: WorkerId,
        gates: &[(GateId, i64)],
    ) -> Result<(), StoreError> {
        sqlx::query(
            "update health_gates g set owner = null, lease_until = null \
             from unnest($1::uuid[], $2::bigint[]) as handed (id, token) \
             where g.id = handed.id and g.token = handed.token and g.owner = $3 \
             and g.lease_until > clock_timestamp()",
        )
        .bind(gates.iter().map(|(id, _)| id.as_uuid()).collect::<Vec<_>>())
        .bind(gates.iter().map(|(_, token)| *token).collect::<Vec<_>>())
        .bind(worker.as_uuid())
        .execute(&mut *self.connection)
        .await
        .map_err(translate)?;
        Ok(())
    }

    async fn spend_pass(&mut self, pass: &GatePass) -> Result<Spend, StoreError> {
        let mut gates = self.lock_gates(std::iter::once(pass.gate_id)).await?;
        let Some(gate) = gates.get_mut(&pass.gate_id) else {
            return Ok(Spend::Refused(SpendRefusal::Superseded));
        };
        let now = self.now().await?;
        if let Some(refusal) = transition::refusal(&gate.record, gate.token, pass, now) {
            return Ok(Spend::Refused(refusal));
        }
        transition::spend(&mut gate.record, now);
        gate.end_lease();
        self.save_gates(gates.values()).await?;
        let Some(gate) = gates.remove(&pass.gate_id) else {
            return Err(StoreError::NotFound);
        };
        self.ask(&Change::PassSpent(&gate.record)).await?;
        Ok(Spend::Spent(Box::new(gate.record)))
    }

    /// The gate of a job on a host, locked.
    async fn lock_gate(&mut self, job: JobId, host: HostId) -> Result<HeldGate, StoreError> {
        let row: Option<GateRow> = sqlx::query_as(
            "select token, owner, lease_until, record::text as record from health_gates \
             where job_id = $1 and host_id = $2 for update",
        )
        .bind(job.as_uuid())
        .bind(host.as_uuid())
        .fetch_optional(&mut *self.connection)
        .await
        .map_err(translate)?;
        row.ok_or(StoreError::NotFound)?.open()
    }

    async fn request_cancel(
        &mut self,
        job: JobId,
        host: HostId,
        audit: &AuditEntry,
    ) -> Result<GateRecord, StoreError> {
        let mut gate = self.lock_gate(job, host).await?;
        if gate.record.state.is_terminal() || gate.record.cancel_requested {
            return Ok(gate.record);
        }
        gate.record.cancel_requested = true;
        gate.changed = true;
        self.save_gates(std::iter::once(&gate)).await?;
        self.audit(audit).await?;
        Ok(gate.record)
    }

    async fn set_override(
        &mut self,
        job: JobId,
        host: HostId,
        exception: Option<GateOverride>,
        audit: &AuditEntry,
    ) -> Result<GateRecord, StoreError> {
        let mut gate = self.lock_gate(job, host).await?;
        if gate.record.state != GateState::Waiting {
            return Err(StoreError::InvalidState { state: "the gate does not wait" });
        }
        gate.record.exception = exception;
        gate.changed = true;
        self.save_gates(std::iter::once(&gate)).await?;
        self.audit(audit).await?;
        Ok(gate.record)
    }
}

#[async_trait]
impl GateStore for PgStore {
    async fn open_gate(&self, request: GateRequest) -> Result<GateRecord, StoreError> {
        let request = Arc::new(request);
        self.write(move |write| {
            let request = Arc::clone(&request);
            async move { write.open_gate(&request).await }.boxed()
        })
        .await
    }

    async fn open_ended_gate(
        &self,
        request: GateRequest,
        reason: EndReason,
        detail: String,
    ) -> Result<GateRecord, StoreError> {
        let given = Arc::new((request, detail));
        self.write(move |write| {
            let given = Arc::clone(&given);
            async move { write.open_ended_gate(&given.0, reason, &given.1).await }.boxed()
        })
        .await
    }

    async fn gate(&self, job: JobId, host: HostId) -> Result<Option<GateRecord>, StoreError> {
        self.read(move |connection| find(connection, job, host).boxed()).await
    }

    async fn gates_of(&self, job: JobId) -> Result<Vec<GateRecord>, StoreError> {
        let records: Vec<String> = self
            .read(move |connection| {
                sqlx::query_scalar(
                    "select record::text from health_gates where job_id = $1 order by opened_at, id",
                )
                .bind(job.as_uuid())
                .fetch_all(connection)
                .map(|rows| rows.map_err(translate))
                .boxed()
            })
            .await?;
        records.iter().map(|record| from_json(GATE, record)).collect()
    }

    async fn holders_of(&self, hosts: &[HostId]) -> Result<Vec<GateRecord>, StoreError> {
        let hosts = host_ids(hosts);
        let records: Vec<String> = self
            .read(move |connection| {
                sqlx::query_scalar(
                    "select record::text from health_gates \
                     where host_id = any($1) and state in ('waiting', 'passed')",
                )
                .bind(hosts)
                .fetch_all(connection)
                .map(|rows| rows.map_err(translate))
                .boxed()
            })
            .await?;
        records.iter().map(|record| from_json(GATE, record)).collect()
    }

    async fn attempts_of(&self, gates: &[GateId]) -> Result<Vec<(GateId, Attempt)>, StoreError> {
        let gates: Vec<Uuid> = gates.iter().map(GateId::as_uuid).collect();
        self.read(move |connection| async move { attempts(connection, &gates).await }.boxed()).await
    }

    async fn claim_gates(
        &self,
        worker: WorkerId,
        limit: u32,
        lease: Duration,
    ) -> Result<GateClaims, StoreError> {
        self.write(move |write| write.claim_gates(worker, limit, lease).boxed()).await
    }

    async fn renew_gates(
        &self,
        worker: WorkerId,
        gates: &[(GateId, i64)],
        lease: Duration,
    ) -> Result<GateClaims, StoreError> {
        let gates = Arc::new(gates.to_vec());
        self.write(move |write| {
            let gates = Arc::clone(&gates);
            async move { write.renew_gates(worker, &gates, lease).await }.boxed()
        })
        .await
    }

    async fn settle_gates(
        &self,
        worker: WorkerId,
        steps: Vec<GateStep>,
    ) -> Result<Vec<GateId>, StoreError> {
        let steps = Arc::new(steps);
        let days = || steps.iter().flat_map(|step| &step.results).map(|result| result.checked_at);
        self.recording(days, || {
            let steps = Arc::clone(&steps);
            self.write(move |write| {
                let steps = Arc::clone(&steps);
                async move { write.settle_gates(worker, &steps).await }.boxed()
            })
        })
        .await
    }

    async fn release_gates(
        &self,
        worker: WorkerId,
        gates: &[(GateId, i64)],
    ) -> Result<(), StoreError> {
        let gates = Arc::new(gates.to_vec());
        self.write(move |write| {
            let gates = Arc::clone(&gates);
            async move { write.release_gates(worker, &gates).await }.boxed()
        })
        .await
    }

    async fn spend_pass(&self, pass: &GatePass) -> Result<Spend, StoreError> {
        let pass = Arc::new(pass.clone());
        self.write(move |write| {
            let pass = Arc::clone(&pass);
            async move { write.spend_pass(&pass).await }.boxed()
        })
        .await
    }

    async fn request_cancel(
        &self,
        job: JobId,
        host: HostId,
        audit: AuditEntry,
    ) -> Result<GateRecord, StoreError> {
        let audit = Arc::new(audit);
        self.write(move |write| {
            let audit = Arc::clone(&audit);
            async move { write.request_cancel(job, host, &audit).await }.boxed()
        })
        .await
    }

    async fn set_override(
        &self,
        job: JobId,
        host: HostId,
        exception: Option<GateOverride>,
        audit: AuditEntry,
    ) -> Result<GateRecord, StoreError> {
        let given = Arc::new((exception, audit));
        self.write(move |write| {
            let given = Arc::clone(&given);
            async move { write.set_override(job, host, given.0.clone(), &given.1).await }.boxed()
        })
        .await
    }
}
