//! `GateStore` over SQLite: a gate's record is JSON beside the columns that statements ask about.

use std::{collections::HashMap, time::Duration};

use async_trait::async_trait;
use futures_util::FutureExt;
use serde_json::Value;
use sqlx::{FromRow, SqliteConnection};
use uuid::Uuid;

use super::{
    SqliteStore,
    error::translate,
    record::{LeaseRow, hosts_list, id_list, later, micros},
    write::Write,
};
use crate::{
    clock::delta,
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

#[derive(FromRow, Debug)]
struct GateRow {
    number: i64,
    record: String,
    #[sqlx(flatten)]
    lease: LeaseRow,
}

impl GateRow {
    fn record(&self) -> Result<GateRecord, StoreError> {
        from_json(GATE, &self.record)
    }
}

async fn find(
    connection: &mut SqliteConnection,
    job: JobId,
    host: HostId,
) -> Result<Option<GateRow>, StoreError> {
    sqlx::query_as("select * from health_gates where job_id = ? and host_id = ?")
        .bind(job.as_uuid())
        .bind(host.as_uuid())
        .fetch_optional(connection)
        .await
        .map_err(translate)
}

impl Write<'_> {
    async fn insert_gate(&mut self, record: &GateRecord) -> Result<(), StoreError> {
        sqlx::query(
            "insert into health_gates (id, job_id, host_id, state, closes_at, pass_valid_until, \
             cancel_requested, token, record) values (?, ?, ?, ?, ?, null, 0, 0, ?)",
        )
        .bind(record.id.as_uuid())
        .bind(record.job_id.as_uuid())
        .bind(record.host_id.as_uuid())
        .bind(to_word(GATE, &record.state)?)
        .bind(micros(record.window.closes_at()))
        .bind(to_json(GATE, record)?)
        .execute(&mut *self.connection)
        .await
        .map_err(translate)?;
        self.tell(StoreEvent::of_gate(record));
        Ok(())
    }

    /// Writes a gate's record and the columns that follow from it.
    async fn save_gate(
        &mut self,
        number: i64,
        record: &GateRecord,
        ends_lease: bool,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "update health_gates set state = ?, closes_at = ?, pass_valid_until = ?, \
             cancel_requested = ?, record = ?, owner = iif(?6, null, owner), \
             lease_until = iif(?6, null, lease_until) where number = ?7",
        )
        .bind(to_word(GATE, &record.state)?)
        .bind(micros(record.window.closes_at()))
        .bind(record.pass.as_ref().map(|pass| micros(pass.valid_until)))
        .bind(record.cancel_requested)
        .bind(to_json(GATE, record)?)
        .bind(ends_lease)
        .bind(number)
        .execute(&mut *self.connection)
        .await
        .map_err(translate)?;
        self.tell(StoreEvent::of_gate(record));
        Ok(())
    }

    async fn gates_by_id(
        &mut self,
        gates: impl Iterator<Item = GateId>,
    ) -> Result<HashMap<GateId, (GateRow, GateRecord)>, StoreError> {
        let rows: Vec<GateRow> = sqlx::query_as(
            "select * from health_gates where id in (select unhex(value) from json_each(?))",
        )
        .bind(id_list(gates.map(|gate| gate.as_uuid())))
        .fetch_all(&mut *self.connection)
        .await
        .map_err(translate)?;
        let read = |row: GateRow| {
            let record = row.record()?;
            Ok((record.id, (row, record)))
        };
        rows.into_iter().map(read).collect()
    }

    async fn open_gate(&mut self, request: GateRequest) -> Result<GateRecord, StoreError> {
        if let Some(row) = find(self.connection, request.job_id, request.host_id).await? {
            return row.record();
        }
        let holder: Option<Uuid> = sqlx::query_scalar(
            "select id from health_gates where host_id = ? and state in ('waiting', 'passed')",
        )
        .bind(request.host_id.as_uuid())
        .fetch_optional(&mut *self.connection)
        .await
        .map_err(translate)?;
        if let Some(holder) = holder {
            return Err(StoreError::GateBusy { holder: GateId::from_uuid(holder) });
        }
        let record = GateRecord::open(GateId::generate(), &request, self.now);
        self.insert_gate(&record).await?;
        Ok(record)
    }

    async fn open_ended_gate(
        &mut self,
        request: GateRequest,
        reason: EndReason,
        detail: String,
    ) -> Result<GateRecord, StoreError> {
        if let Some(row) = find(self.connection, request.job_id, request.host_id).await? {
            return row.record();
        }
        let mut record = GateRecord::open(GateId::generate(), &request, self.now);
        record.detail = detail;
        transition::end(&mut record, reason, self.now);
        self.insert_gate(&record).await?;
        Ok(record)
    }

    async fn claim_gates(
        &mut self,
        worker: WorkerId,
        limit: u32,
        lease: Duration,
    ) -> Result<GateClaims, StoreError> {
        self.refuse_newer_schema().await?;
        let rows: Vec<GateRow> = sqlx::query_as(
            "select * from health_gates where state in ('waiting', 'passed') \
             and (state = 'waiting' or cancel_requested or pass_valid_until is null \
                  or pass_valid_until <= ?1) \
             and (lease_until is null or lease_until <= ?1) order by closes_at, id limit ?2",
        )
        .bind(self.now_micros())
        .bind(limit)
        .fetch_all(&mut *self.connection)
        .await
        .map_err(translate)?;
        let numbers = Value::from_iter(rows.iter().map(|row| row.number)).to_string();
        sqlx::query(
            "update health_gates set token = token + 1, owner = ?, lease_until = ? \
             where number in (select value from json_each(?))",
        )
        .bind(worker.as_uuid())
        .bind(later(self.now, delta(lease)))
        .bind(&numbers)
        .execute(&mut *self.connection)
        .await
        .map_err(translate)?;
        sqlx::query(
            "update health_gate_attempts set outcome = 'interrupted', record = json_set(record, \
             '$.outcome', 'interrupted', '$.finished_at', ?) \
             where outcome = 'running' and gate_number in (select value from json_each(?))",
        )
        .bind(instant::to_text(&self.now))
        .bind(&numbers)
        .execute(&mut *self.connection)
        .await
        .map_err(translate)?;
        let leased =
            |row: &GateRow| Ok(LeasedGate { record: row.record()?, token: row.lease.token + 1 });
        let gates = rows.iter().map(leased).collect::<Result<_, StoreError>>()?;
        Ok(GateClaims { now: self.now, gates })
    }

    async fn renew_gates(
        &mut self,
        worker: WorkerId,
        gates: Vec<(GateId, i64)>,
        lease: Duration,
    ) -> Result<GateClaims, StoreError> {
        let mut rows = self.gates_by_id(gates.iter().map(|(id, _)| *id)).await?;
        let now = self.now_micros();
        let (mut numbers, mut renewed) = (Vec::new(), Vec::new());
        for (id, token) in gates {
            if let Some((row, record)) = rows.remove(&id)
                && row.lease.is_held(worker, token, now)
            {
                numbers.push(row.number);
                renewed.push(LeasedGate { record, token });
            }
        }
        sqlx::query(
            "update health_gates set lease_until = ? \
             where number in (select value from json_each(?))",
        )
        .bind(later(self.now, delta(lease)))
        .bind(Value::from(numbers).to_string())
        .execute(&mut *self.connection)
        .await
        .map_err(translate)?;
        Ok(GateClaims { now: self.now, gates: renewed })
    }

    async fn settle_gates(
        &mut self,
        worker: WorkerId,
        steps: Vec<GateStep>,
    ) -> Result<Vec<GateId>, StoreError> {
        let mut rows = self.gates_by_id(steps.iter().map(|step| step.gate_id)).await?;
        let now = self.now_micros();
        let (mut fenced, mut results) = (Vec::new(), Vec::new());
        for step in steps {
            let held = rows.get_mut(&step.gate_id).filter(|(row, record)| {
                row.lease.is_held(worker, step.token, now) && transition::leads(&step, record.state)
            });
            let Some((row, record)) = held else {
                fenced.push(step.gate_id);
                continue;
            };
            let ends_lease = transition::apply(record, &step, self.now);
            if ends_lease {
                row.lease.end();
            }
            self.save_gate(row.number, record, ends_lease).await?;
            if let Some(write) = &step.attempt {
                self.write_attempt(row.number, write).await?;
            }
            let host = record.host_id;
            results.extend(step.results.into_iter().map(|result| (host, result)));
        }
        self.record(results).await?;
        Ok(fenced)
    }

    async fn write_attempt(&mut self, gate: i64, write: &AttemptWrite) -> Result<(), StoreError> {
        let stored: Option<String> = sqlx::query_scalar(
            "select record from health_gate_attempts where gate_number = ? and attempt = ?",
        )
        .bind(gate)
        .bind(write.number())
        .fetch_optional(&mut *self.connection)
        .await
        .map_err(translate)?;
        let stored = stored.map(|record| from_json(ATTEMPT, &record)).transpose()?;
        let Some(attempt) = transition::write_attempt(stored, write) else { return Ok(()) };
        sqlx::query(
            "insert into health_gate_attempts (gate_number, attempt, outcome, record) \
             values (?, ?, ?, ?) on conflict (gate_number, attempt) \
             do update set outcome = excluded.outcome, record = excluded.record",
        )
        .bind(gate)
        .bind(attempt.number)
        .bind(to_word(ATTEMPT, &attempt.outcome)?)
        .bind(to_json(ATTEMPT, &attempt)?)
        .execute(&mut *self.connection)
        .await
        .map_err(translate)?;
        Ok(())
    }

    async fn release_gates(
        &mut self,
        worker: WorkerId,
        gates: Vec<(GateId, i64)>,
    ) -> Result<(), StoreError> {
        let rows = self.gates_by_id(gates.iter().map(|(id, _)| *id)).await?;
        let now = self.now_micros();
        let held = gates.iter().filter_map(|(id, token)| {
            let (row, _) = rows.get(id)?;
            row.lease.is_held(worker, *token, now).then_some(row.number)
        });
        sqlx::query(
            "update health_gates set owner = null, lease_until = null \
             where number in (select value from json_each(?))",
        )
        .bind(Value::from_iter(held).to_string())
        .execute(&mut *self.connection)
        .await
        .map_err(translate)?;
        Ok(())
    }

    async fn spend_pass(&mut self, pass: GatePass) -> Result<Spend, StoreError> {
        let mut rows = self.gates_by_id(std::iter::once(pass.gate_id)).await?;
        let Some((row, mut record)) = rows.remove(&pass.gate_id) else {
            return Ok(Spend::Refused(SpendRefusal::Superseded));
        };
        if let Some(refusal) = transition::refusal(&record, row.lease.token, &pass, self.now) {
            return Ok(Spend::Refused(refusal));
        }
        transition::spend(&mut record, self.now);
        self.save_gate(row.number, &record, true).await?;
        self.ask(&Change::PassSpent(&record)).await?;
        Ok(Spend::Spent(Box::new(record)))
    }

    async fn request_cancel(
        &mut self,
        job: JobId,
        host: HostId,
        audit: AuditEntry,
    ) -> Result<GateRecord, StoreError> {
        let row = find(self.connection, job, host).await?.ok_or(StoreError::NotFound)?;
        let mut record = row.record()?;
        if record.state.is_terminal() || record.cancel_requested {
            return Ok(record);
        }
        record.cancel_requested = true;
        self.save_gate(row.number, &record, false).await?;
        self.audit(audit).await?;
        Ok(record)
    }

    async fn set_override(
        &mut self,
        job: JobId,
        host: HostId,
        exception: Option<GateOverride>,
        audit: AuditEntry,
    ) -> Result<GateRecord, StoreError> {
        let row = find(self.connection, job, host).await?.ok_or(StoreError::NotFound)?;
        let mut record = row.record()?;
        if record.state != GateState::Waiting {
            return Err(StoreError::InvalidState { state: "the gate does not wait" });
        }
        record.exception = exception;
        self.save_gate(row.number, &record, false).await?;
        self.audit(audit).await?;
        Ok(record)
    }
}

#[async_trait]
impl GateStore for SqliteStore {
    async fn open_gate(&self, request: GateRequest) -> Result<GateRecord, StoreError> {
        self.write(move |write| write.open_gate(request).boxed()).await
    }

    async fn open_ended_gate(
        &self,
        request: GateRequest,
        reason: EndReason,
        detail: String,
    ) -> Result<GateRecord, StoreError> {
        self.write(move |write| write.open_ended_gate(request, reason, detail).boxed()).await
    }

    async fn gate(&self, job: JobId, host: HostId) -> Result<Option<GateRecord>, StoreError> {
        let row = self.read(move |connection| find(connection, job, host).boxed()).await?;
        row.map(|row| row.record()).transpose()
    }

    async fn gates_of(&self, job: JobId) -> Result<Vec<GateRecord>, StoreError> {
        let records: Vec<String> = self
            .read(move |connection| {
                async move {
                    sqlx::query_scalar(
                        "select record from health_gates where job_id = ? order by number",
                    )
                    .bind(job.as_uuid())
                    .fetch_all(connection)
                    .await
                    .map_err(translate)
                }
                .boxed()
            })
            .await?;
        records.iter().map(|record| from_json(GATE, record)).collect()
    }

    async fn holders_of(&self, hosts: &[HostId]) -> Result<Vec<GateRecord>, StoreError> {
        let hosts = hosts_list(hosts);
        let records: Vec<String> = self
            .read(move |connection| {
                async move {
                    sqlx::query_scalar(
                        "select record from health_gates where state in ('waiting', 'passed') \
                         and host_id in (select unhex(value) from json_each(?))",
                    )
                    .bind(hosts)
                    .fetch_all(connection)
                    .await
                    .map_err(translate)
                }
                .boxed()
            })
            .await?;
        records.iter().map(|record| from_json(GATE, record)).collect()
    }

    async fn attempts_of(&self, gates: &[GateId]) -> Result<Vec<(GateId, Attempt)>, StoreError> {
        let wanted = id_list(gates.iter().map(GateId::as_uuid));
        let rows: Vec<(Uuid, String)> = self
            .read(move |connection| {
                async move {
                    sqlx::query_as(
                        "select g.id, a.record from json_each(?) as wanted \
                         cross join health_gates g on g.id = unhex(wanted.value) \
                         join health_gate_attempts a on a.gate_number = g.number \
                         order by wanted.key, a.attempt",
                    )
                    .bind(wanted)
                    .fetch_all(connection)
                    .await
                    .map_err(translate)
                }
                .boxed()
            })
            .await?;
        let attempt = |(id, record): &(Uuid, String)| {
            Ok((GateId::from_uuid(*id), from_json(ATTEMPT, record)?))
        };
        rows.iter().map(attempt).collect()
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
        let gates = gates.to_vec();
        self.write(move |write| write.renew_gates(worker, gates, lease).boxed()).await
    }

    async fn settle_gates(
        &self,
        worker: WorkerId,
        steps: Vec<GateStep>,
    ) -> Result<Vec<GateId>, StoreError> {
        self.write(move |write| write.settle_gates(worker, steps).boxed()).await
    }

    async fn release_gates(
        &self,
        worker: WorkerId,
        gates: &[(GateId, i64)],
    ) -> Result<(), StoreError> {
        let gates = gates.to_vec();
        self.write(move |write| write.release_gates(worker, gates).boxed()).await
    }

    async fn spend_pass(&self, pass: &GatePass) -> Result<Spend, StoreError> {
        let pass = pass.clone();
        self.write(move |write| write.spend_pass(pass).boxed()).await
    }

    async fn request_cancel(
        &self,
        job: JobId,
        host: HostId,
        audit: AuditEntry,
    ) -> Result<GateRecord, StoreError> {
        self.write(move |write| write.request_cancel(job, host, audit).boxed()).await
    }

    async fn set_override(
        &self,
        job: JobId,
        host: HostId,
        exception: Option<GateOverride>,
        audit: AuditEntry,
    ) -> Result<GateRecord, StoreError> {
        self.write(move |write| write.set_override(job, host, exception, audit).boxed()).await
    }
}
