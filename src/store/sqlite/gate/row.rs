//! Gates as rows: found, and written back.

use std::collections::HashMap;

use sqlx::{FromRow, SqliteConnection};

use super::GATE;
use crate::{
    model::{GateId, GateRecord, HostId, JobId},
    store::{
        StoreError, StoreEvent,
        sql::{from_json, to_json, to_word},
        sqlite::{
            error::translate,
            record::{LeaseRow, id_list, micros},
            write::Write,
        },
    },
};

#[derive(FromRow, Debug)]
pub(super) struct GateRow {
    pub(super) number: i64,
    pub(super) record: String,
    #[sqlx(flatten)]
    pub(super) lease: LeaseRow,
}

impl GateRow {
    pub(super) fn record(&self) -> Result<GateRecord, StoreError> {
        from_json(GATE, &self.record)
    }
}

pub(super) async fn find(
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
    pub(super) async fn gates_by_id(
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

    /// Writes a gate's record and the columns that follow from it.
    pub(super) async fn save_gate(
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
}
