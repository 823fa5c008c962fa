//! Changes of hosts: from the spending of a pass until the application reports the end.

use sqlx::{FromRow, SqliteConnection};
use uuid::Uuid;

use super::GATE;
use crate::{
    model::{ChangeEnd, GateId, GateRecord, HostChange, HostId, JobId, PassId},
    store::{
        StoreError,
        sql::{from_word, to_json, to_word, with_verification},
        sqlite::{
            error::OperationError,
            record::{instant, micros},
            write::Write,
        },
    },
};

#[derive(FromRow, Debug)]
pub(super) struct HostChangeRow {
    pass_id: Uuid,
    gate_id: Uuid,
    job_id: Uuid,
    host_id: Uuid,
    state: String,
    started_at: i64,
    ended_at: Option<i64>,
    verification: Option<String>,
    verify_at: Option<i64>,
    superseded_at: Option<i64>,
    outcome: Option<String>,
    judged_at: Option<i64>,
}

impl HostChangeRow {
    pub(super) fn into_change(self) -> Result<HostChange, StoreError> {
        let record = self.verification.as_deref();
        let change = HostChange {
            pass_id: PassId::from_uuid(self.pass_id),
            gate_id: GateId::from_uuid(self.gate_id),
            job_id: JobId::from_uuid(self.job_id),
            host_id: HostId::from_uuid(self.host_id),
            state: from_word(GATE, &self.state)?,
            started_at: instant(self.started_at)?,
            ended_at: self.ended_at.map(instant).transpose()?,
            verification: None,
            outcome: self.outcome.map(|outcome| from_word(GATE, &outcome)).transpose()?,
            judged_at: self.judged_at.map(instant).transpose()?,
        };
        let next_at = self.verify_at.map(instant).transpose()?;
        let superseded_at = self.superseded_at.map(instant).transpose()?;
        Ok(with_verification(change, record, next_at, superseded_at))
    }
}

/// Returns the newest change of each of these hosts.
pub(super) async fn newest(
    connection: &mut SqliteConnection,
    hosts: String,
) -> Result<Vec<HostChange>, OperationError> {
    let rows: Vec<HostChangeRow> = sqlx::query_as(
        "select c.* from json_each(?) wanted join health_changes c on c.host_id = unhex(wanted.value) \
         and c.number = (select max(number) from health_changes where host_id = c.host_id)",
    )
    .bind(hosts)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(HostChangeRow::into_change).collect::<Result<_, _>>()?)
}

impl Write<'_> {
    /// Begins a change; returns `false` if another one of the host is running.
    pub(super) async fn begin_host_change(
        &mut self,
        gate: &GateRecord,
    ) -> Result<bool, OperationError> {
        let Some(change) = HostChange::begin(gate, self.now) else { return Ok(false) };
        let running: Option<HostChangeRow> =
            sqlx::query_as("select * from health_changes where host_id = ? and state = 'running'")
                .bind(change.host_id.as_uuid())
                .fetch_optional(&mut *self.connection)
                .await?;
        if let Some(mut running) = running.map(HostChangeRow::into_change).transpose()? {
            if running.is_running(self.now) {
                return Ok(false);
            }
            running.give_way(self.now);
            self.save_host_change(&running).await?;
        }
        // From now on results describe this change, so the verification of an earlier one ends.
        sqlx::query(
            "update health_changes set verify_at = null, superseded_at = ?1, \
             outcome = coalesce(outcome, 'failed'), judged_at = coalesce(judged_at, ?1) \
             where host_id = ?2 and verify_at is not null",
        )
        .bind(self.now_micros())
        .bind(change.host_id.as_uuid())
        .execute(&mut *self.connection)
        .await?;
        sqlx::query(
            "insert into health_changes (pass_id, gate_id, job_id, host_id, state, started_at) \
             values (?, ?, ?, ?, ?, ?)",
        )
        .bind(change.pass_id.as_uuid())
        .bind(change.gate_id.as_uuid())
        .bind(change.job_id.as_uuid())
        .bind(change.host_id.as_uuid())
        .bind(to_word(GATE, &change.state)?)
        .bind(micros(change.started_at))
        .execute(&mut *self.connection)
        .await?;
        Ok(true)
    }

    pub(super) async fn end_host_change(
        &mut self,
        pass: PassId,
        end: ChangeEnd,
    ) -> Result<HostChange, OperationError> {
        let row: Option<HostChangeRow> =
            sqlx::query_as("select * from health_changes where pass_id = ?")
                .bind(pass.as_uuid())
                .fetch_optional(&mut *self.connection)
                .await?;
        let mut change = row.ok_or(StoreError::NotFound)?.into_change()?;
        if change.end(self.now, end) {
            self.save_host_change(&change).await?;
        }
        Ok(change)
    }

    async fn save_host_change(&mut self, change: &HostChange) -> Result<(), OperationError> {
        let verification = change.verification.as_ref();
        sqlx::query(
            "update health_changes set state = ?, ended_at = ?, verification = ?, verify_at = ?, \
             outcome = ?, judged_at = ? where pass_id = ?",
        )
        .bind(to_word(GATE, &change.state)?)
        .bind(change.ended_at.map(micros))
        .bind(verification.map(|verification| to_json(GATE, verification)).transpose()?)
        .bind(verification.and_then(|verification| verification.next_at).map(micros))
        .bind(change.outcome.map(|outcome| to_word(GATE, &outcome)).transpose()?)
        .bind(change.judged_at.map(micros))
        .bind(change.pass_id.as_uuid())
        .execute(&mut *self.connection)
        .await?;
        Ok(())
    }
}
