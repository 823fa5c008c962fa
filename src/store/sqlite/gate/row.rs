//! Finds gates as rows and writes them back.

use std::collections::HashMap;

use chrono::DateTime;
use sqlx::{FromRow, SqliteConnection};
use uuid::Uuid;

use super::GATE;
use crate::{
    model::{GateId, GateRecord, HostId, JobId, PassId, WorkerId},
    store::{
        LeasedGate, StoreEvent,
        sql::{GateColumns, GateTimes, StoredGate, to_json, to_word},
        sqlite::{
            error::OperationError,
            record::{id_list, instant, micros},
            write::Write,
        },
    },
};

#[derive(FromRow, Debug)]
pub(super) struct GateRow {
    pub(super) number: i64,
    opens_at: i64,
    closes_at: i64,
    ended_at: Option<i64>,
    #[sqlx(flatten)]
    columns: GateColumns,
    pub(super) owner: Option<Uuid>,
    pub(super) token: i64,
    pub(super) changes: i64,
    pub(super) changes_seen: i64,
}

impl GateRow {
    pub(super) fn gate(&self) -> StoredGate {
        let known = |micros| instant(micros).unwrap_or(DateTime::UNIX_EPOCH);
        self.columns.gate(GateTimes {
            opens_at: known(self.opens_at),
            closes_at: known(self.closes_at),
            ended_at: self.ended_at.map(known),
        })
    }

    pub(super) fn record(&self) -> GateRecord {
        self.gate().record
    }

    /// Returns the gate for its holder.
    pub(super) fn leased(&self, record: GateRecord) -> LeasedGate {
        LeasedGate { record, token: self.token, changes: self.changes }
    }

    /// Returns whether this worker, with a valid lease, holds it under this token (L10).
    pub(super) fn is_held(&self, worker: WorkerId, token: i64) -> bool {
        self.owner == Some(worker.as_uuid()) && self.token == token
    }
}

pub(super) async fn find(
    connection: &mut SqliteConnection,
    job: JobId,
    host: HostId,
) -> Result<Option<GateRow>, sqlx::Error> {
    sqlx::query_as(
        "select * from health_gates where job_id = ? and host_id = ? order by generation desc limit 1",
    )
        .bind(job.as_uuid())
        .bind(host.as_uuid())
        .fetch_optional(connection)
        .await
}

/// Returns the gate whose newest pass has this id.
pub(super) async fn find_by_pass(
    connection: &mut SqliteConnection,
    pass: PassId,
) -> Result<Option<GateRow>, sqlx::Error> {
    sqlx::query_as("select * from health_gates where pass_id = ?")
        .bind(pass.as_uuid())
        .fetch_optional(connection)
        .await
}

impl Write<'_> {
    pub(super) async fn gates_by_id(
        &mut self,
        gates: impl Iterator<Item = GateId>,
    ) -> Result<HashMap<GateId, (GateRow, StoredGate)>, OperationError> {
        let rows: Vec<GateRow> = sqlx::query_as(
            "select * from health_gates where id in (select unhex(value) from json_each(?))",
        )
        .bind(id_list(gates.map(|gate| gate.as_uuid())))
        .fetch_all(&mut *self.connection)
        .await?;
        let read = |row: GateRow| {
            let gate = row.gate();
            (gate.record.id, (row, gate))
        };
        Ok(rows.into_iter().map(read).collect())
    }

    /// Writes a gate: its record, its holder, and the columns derived from the record.
    pub(super) async fn save_gate(
        &mut self,
        row: &GateRow,
        record: &GateRecord,
    ) -> Result<(), OperationError> {
        sqlx::query(
            "update health_gates set state = ?, opens_at = ?, closes_at = ?, pass_valid_until = ?, \
             pass_id = ?, cancel_requested = ?, ended_at = ?, record = ?, owner = ?, changes = ?, changes_seen = ? \
             where number = ?",
        )
        .bind(to_word(GATE, &record.state)?)
        .bind(micros(record.window.opens_at()))
        .bind(micros(record.window.closes_at()))
        .bind(record.pass.as_ref().map(|pass| micros(pass.valid_until)))
        .bind(record.pass.as_ref().map(|pass| pass.id.as_uuid()))
        .bind(record.cancel_requested)
        .bind(record.ended_at.map(micros))
        .bind(to_json(GATE, record)?)
        .bind(row.owner)
        .bind(row.changes)
        .bind(row.changes_seen)
        .bind(row.number)
        .execute(&mut *self.connection)
        .await?;
        self.tell(StoreEvent::of_gate(record));
        Ok(())
    }
}
