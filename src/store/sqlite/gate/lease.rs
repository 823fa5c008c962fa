//! Calls of a worker on gates: claim, extend, settle and release (L9, L10).

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::SqliteConnection;

use super::{ATTEMPT, row::GateRow};
use crate::{
    clock::delta,
    model::{EndReason, GateId, WorkerId, instant},
    store::{
        AttemptWrite, GateClaims, GateStep, GateWatch, LeasedGate,
        sql::{StoredGate, from_json, readable, to_json, to_word},
        sqlite::{
            error::OperationError,
            record::{instant as from_micros, later, micros},
            write::{Write, kept_clock},
        },
        transition,
    },
};

/// The condition for gates that a claim takes. `?1` is the current instant.
macro_rules! unclaimed {
    () => {
        "state in ('waiting', 'passed') and (owner is null or owner in \
         (select worker from health_gate_leases where lease_until <= ?1)) \
         and (state = 'waiting' or cancel_requested or pass_valid_until is null \
              or pass_valid_until <= ?1)"
    };
}

impl Write<'_> {
    pub(super) async fn claim_gates(
        &mut self,
        worker: WorkerId,
        limit: u32,
        lease: Duration,
    ) -> Result<GateClaims, OperationError> {
        self.refuse_newer_schema().await?;
        let epoch = self.epoch_at_claim().await?;
        self.take_gate_lease(worker, lease).await?;
        let rows: Vec<GateRow> = sqlx::query_as(concat!(
            "select * from health_gates where ",
            unclaimed!(),
            " order by opens_at > ?1, iif(opens_at > ?1, opens_at, closes_at), id limit ?2",
        ))
        .bind(self.now_micros())
        .bind(limit)
        .fetch_all(&mut *self.connection)
        .await?;
        let numbers = Value::from_iter(rows.iter().map(|row| row.number)).to_string();
        sqlx::query(
            "update health_gates set token = token + 1, owner = ?, changes_seen = changes \
             where number in (select value from json_each(?))",
        )
        .bind(worker.as_uuid())
        .bind(&numbers)
        .execute(&mut *self.connection)
        .await?;
        sqlx::query(
            "update health_gate_attempts set outcome = 'interrupted', \
             record = iif(json_valid(record), json_set(record, \
             '$.outcome', 'interrupted', '$.finished_at', ?), record) \
             where outcome = 'running' and gate_number in (select value from json_each(?))",
        )
        .bind(instant::to_text(&self.now))
        .bind(&numbers)
        .execute(&mut *self.connection)
        .await?;
        let mut gates = Vec::with_capacity(rows.len());
        for mut row in rows {
            let StoredGate { mut record, readable } = row.gate();
            if readable {
                gates.push(LeasedGate { token: row.token + 1, ..row.leased(record) });
            } else {
                // The gate's history cannot be read, so no worker can decide on it (F221).
                transition::end(&mut record, EndReason::RecordUnreadable, self.now);
                row.owner = None;
                self.save_gate(&row, &record).await?;
            }
        }
        Ok(GateClaims { now: self.now, epoch, gates })
    }

    /// Begins or extends the worker's lease. A worker whose lease had ended loses its gates.
    async fn take_gate_lease(
        &mut self,
        worker: WorkerId,
        lease: Duration,
    ) -> Result<(), OperationError> {
        if !has_gate_lease(self.connection, worker, self.now).await? {
            sqlx::query("update health_gates set owner = null where owner = ?")
                .bind(worker.as_uuid())
                .execute(&mut *self.connection)
                .await?;
            // Other workers' expired leases are deleted once their gates are taken over.
            sqlx::query(
                "delete from health_gate_leases where lease_until <= ? \
                 and not exists (select 1 from health_gates where owner = worker)",
            )
            .bind(self.now_micros())
            .execute(&mut *self.connection)
            .await?;
        }
        self.set_gate_lease(worker, lease).await
    }

    async fn set_gate_lease(
        &mut self,
        worker: WorkerId,
        lease: Duration,
    ) -> Result<(), OperationError> {
        sqlx::query(
            "insert into health_gate_leases (worker, lease_until) values (?, ?) \
             on conflict (worker) do update set lease_until = excluded.lease_until",
        )
        .bind(worker.as_uuid())
        .bind(later(self.now, delta(lease)))
        .execute(&mut *self.connection)
        .await?;
        Ok(())
    }

    /// Extends a lease that has not ended, and frees the gates that the worker does not know of.
    pub(super) async fn extend_gate_lease(
        &mut self,
        worker: WorkerId,
        known: String,
        lease: Duration,
    ) -> Result<GateWatch, OperationError> {
        if has_gate_lease(self.connection, worker, self.now).await? {
            self.set_gate_lease(worker, lease).await?;
            sqlx::query(
                "update health_gates set owner = null where owner = ? \
                 and id not in (select unhex(value) from json_each(?))",
            )
            .bind(worker.as_uuid())
            .bind(known)
            .execute(&mut *self.connection)
            .await?;
        }
        watch_gates(self.connection, worker, self.now).await
    }

    pub(super) async fn settle_gates(
        &mut self,
        worker: WorkerId,
        steps: Vec<GateStep>,
    ) -> Result<Vec<GateId>, OperationError> {
        let mut rows = self.gates_by_id(steps.iter().map(|step| step.gate_id)).await?;
        let leased = has_gate_lease(self.connection, worker, self.now).await?;
        let (mut fenced, mut results) = (Vec::new(), Vec::new());
        for step in steps {
            let held = rows.get_mut(&step.gate_id).filter(|(row, gate)| {
                leased
                    && gate.readable
                    && row.is_held(worker, step.token)
                    && transition::leads(&step, gate.record.state)
            });
            let Some((row, StoredGate { record, .. })) = held else {
                fenced.push(step.gate_id);
                continue;
            };
            row.changes_seen = row.changes_seen.max(step.seen);
            if transition::apply(record, &step, self.now) {
                row.owner = None;
            }
            self.save_gate(row, record).await?;
            if let Some(write) = &step.attempt {
                self.write_attempt(row.number, write).await?;
            }
            let host = record.host_id;
            results.extend(step.results.into_iter().map(|result| (host, result)));
        }
        self.record(results).await?;
        Ok(fenced)
    }

    async fn write_attempt(
        &mut self,
        gate: i64,
        write: &AttemptWrite,
    ) -> Result<(), OperationError> {
        let stored: Option<Vec<u8>> = sqlx::query_scalar(
            "select cast(record as blob) from health_gate_attempts \
             where gate_number = ? and attempt = ?",
        )
        .bind(gate)
        .bind(write.number())
        .fetch_optional(&mut *self.connection)
        .await?;
        let stored = stored
            .and_then(|record| readable(from_json(ATTEMPT, &String::from_utf8_lossy(&record))));
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
        .await?;
        Ok(())
    }

    pub(super) async fn release_gates(
        &mut self,
        worker: WorkerId,
        gates: Vec<(GateId, i64)>,
    ) -> Result<(), OperationError> {
        let rows = self.gates_by_id(gates.iter().map(|(id, _)| *id)).await?;
        let held = gates.iter().filter_map(|(id, token)| {
            let (row, _) = rows.get(id)?;
            row.is_held(worker, *token).then_some(row.number)
        });
        sqlx::query(
            "update health_gates set owner = null \
             where number in (select value from json_each(?))",
        )
        .bind(Value::from_iter(held).to_string())
        .execute(&mut *self.connection)
        .await?;
        Ok(())
    }
}

/// Returns whether the worker's gate lease is valid.
async fn has_gate_lease(
    connection: &mut SqliteConnection,
    worker: WorkerId,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "select exists (select 1 from health_gate_leases where worker = ? and lease_until > ?)",
    )
    .bind(worker.as_uuid())
    .bind(micros(now))
    .fetch_one(connection)
    .await
}

/// Reads the changes for a worker.
pub(super) async fn watch_gates(
    connection: &mut SqliteConnection,
    worker: WorkerId,
    now: DateTime<Utc>,
) -> Result<GateWatch, OperationError> {
    let leased = has_gate_lease(connection, worker, now).await?;
    let rows: Vec<GateRow> = if leased {
        sqlx::query_as(
            "select * from health_gates where state in ('waiting', 'passed') \
             and changes <> changes_seen and owner = ?",
        )
        .bind(worker.as_uuid())
        .fetch_all(&mut *connection)
        .await?
    } else {
        Vec::new()
    };
    let unclaimed: Option<i64> =
        sqlx::query_scalar(concat!("select min(opens_at) from health_gates where ", unclaimed!(),))
            .bind(micros(now))
            .fetch_one(&mut *connection)
            .await?;
    let changed = rows.iter().map(|row| row.leased(row.record())).collect();
    let unclaimed = unclaimed.map(from_micros).transpose()?;
    let epoch = kept_clock(connection).await?.epoch;
    Ok(GateWatch { now, epoch, leased, changed, unclaimed })
}
