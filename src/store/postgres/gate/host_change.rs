//! Changes of hosts: from the spending of a pass until the application reports the end.

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::GATE;
use crate::{
    model::{GateId, HostChange, HostChangeState, HostId, JobId, PassId},
    store::{
        StoreError,
        postgres::{error::OperationError, write::Write},
        sql::{from_word, to_word},
    },
};

#[derive(FromRow, Debug)]
struct HostChangeRow {
    pass_id: Uuid,
    gate_id: Uuid,
    job_id: Uuid,
    host_id: Uuid,
    state: String,
    started_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
}

impl HostChangeRow {
    fn into_change(self) -> Result<HostChange, StoreError> {
        Ok(HostChange {
            pass_id: PassId::from_uuid(self.pass_id),
            gate_id: GateId::from_uuid(self.gate_id),
            job_id: JobId::from_uuid(self.job_id),
            host_id: HostId::from_uuid(self.host_id),
            state: from_word(GATE, &self.state)?,
            started_at: self.started_at,
            ended_at: self.ended_at,
        })
    }
}

/// The newest change of each of these hosts.
pub(super) async fn newest(
    connection: &mut PgConnection,
    hosts: Vec<Uuid>,
) -> Result<Vec<HostChange>, OperationError> {
    let rows: Vec<HostChangeRow> = sqlx::query_as(
        "select c.pass_id, c.gate_id, c.job_id, c.host_id, c.state, c.started_at, c.ended_at \
         from unnest($1::uuid[]) wanted (id) cross join lateral \
         (select * from health_changes where host_id = wanted.id order by number desc limit 1) c",
    )
    .bind(hosts)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(HostChangeRow::into_change).collect::<Result<_, _>>()?)
}

impl Write<'_> {
    pub(super) async fn end_host_change(
        &mut self,
        pass: PassId,
    ) -> Result<HostChange, OperationError> {
        let row: Option<HostChangeRow> = sqlx::query_as(
            "select pass_id, gate_id, job_id, host_id, state, started_at, ended_at \
                 from health_changes where pass_id = $1 for update",
        )
        .bind(pass.as_uuid())
        .fetch_optional(&mut *self.connection)
        .await?;
        let mut change = row.ok_or(StoreError::NotFound)?.into_change()?;
        if change.state == HostChangeState::Running {
            change.end(self.now().await?);
            sqlx::query("update health_changes set state = $1, ended_at = $2 where pass_id = $3")
                .bind(to_word(GATE, &change.state)?)
                .bind(change.ended_at)
                .bind(pass.as_uuid())
                .execute(&mut *self.connection)
                .await?;
        }
        Ok(change)
    }
}
