//! What a worker does to gates: claims, renews, settles, and hands back (L9, L10).

use std::time::Duration;

use serde_json::Value;

use super::{ATTEMPT, row::GateRow};
use crate::{
    clock::delta,
    model::{GateId, WorkerId, instant},
    store::{
        AttemptWrite, GateClaims, GateStep, LeasedGate, StoreError,
        sql::{from_json, to_json, to_word},
        sqlite::{error::translate, record::later, write::Write},
        transition,
    },
};

impl Write<'_> {
    pub(super) async fn claim_gates(
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

    pub(super) async fn renew_gates(
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

    pub(super) async fn settle_gates(
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

    pub(super) async fn release_gates(
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
}
