//! Changes of hosts: from the spending of a pass until the application reports the end.

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::GATE;
use crate::{
    model::{ChangeEnd, GateId, HostChange, HostId, JobId, PassId},
    store::{
        StoreError,
        postgres::{error::OperationError, write::Write},
        sql::{from_word, to_json, to_word, with_verification},
    },
};

#[derive(FromRow, Debug)]
pub(super) struct HostChangeRow {
    pass_id: Uuid,
    gate_id: Uuid,
    job_id: Uuid,
    host_id: Uuid,
    state: String,
    started_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
    verification: Option<String>,
    verify_at: Option<DateTime<Utc>>,
    superseded_at: Option<DateTime<Utc>>,
    outcome: Option<String>,
    judged_at: Option<DateTime<Utc>>,
}

macro_rules! change_columns {
    () => {
        "c.pass_id, c.gate_id, c.job_id, c.host_id, c.state, c.started_at, c.ended_at, \
         c.verification::text as verification, c.verify_at, c.superseded_at, c.outcome, c.judged_at"
    };
}

pub(super) use change_columns;

impl HostChangeRow {
    pub(super) fn into_change(self) -> Result<HostChange, StoreError> {
        let record = self.verification.as_deref();
        let change = HostChange {
            pass_id: PassId::from_uuid(self.pass_id),
            gate_id: GateId::from_uuid(self.gate_id),
            job_id: JobId::from_uuid(self.job_id),
            host_id: HostId::from_uuid(self.host_id),
            state: from_word(GATE, &self.state)?,
            started_at: self.started_at,
            ended_at: self.ended_at,
            verification: None,
            outcome: self.outcome.map(|outcome| from_word(GATE, &outcome)).transpose()?,
            judged_at: self.judged_at,
        };
        Ok(with_verification(change, record, self.verify_at, self.superseded_at))
    }
}

/// Returns the newest change of each of these hosts.
pub(super) async fn newest(
    connection: &mut PgConnection,
    hosts: Vec<Uuid>,
) -> Result<Vec<HostChange>, OperationError> {
    let rows: Vec<HostChangeRow> = sqlx::query_as(concat!(
        "select ",
        change_columns!(),
        " from unnest($1::uuid[]) wanted (id) cross join lateral \
         (select * from health_changes where host_id = wanted.id order by number desc limit 1) c",
    ))
    .bind(hosts)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(HostChangeRow::into_change).collect::<Result<_, _>>()?)
}

impl Write<'_> {
    pub(super) async fn end_host_change(
        &mut self,
        pass: PassId,
        end: ChangeEnd,
    ) -> Result<HostChange, OperationError> {
        let row: Option<HostChangeRow> = sqlx::query_as(concat!(
            "select ",
            change_columns!(),
            " from health_changes c where pass_id = $1 for update",
        ))
        .bind(pass.as_uuid())
        .fetch_optional(&mut *self.connection)
        .await?;
        let mut change = row.ok_or(StoreError::NotFound)?.into_change()?;
        let now = self.now().await?;
        if change.end(now, end) {
            let verification = change.verification.as_ref();
            sqlx::query(
                "update health_changes set state = $1, ended_at = $2, verification = $3::jsonb, \
                 verify_at = $4, outcome = $5, judged_at = $6 where pass_id = $7",
            )
            .bind(to_word(GATE, &change.state)?)
            .bind(change.ended_at)
            .bind(verification.map(|verification| to_json(GATE, verification)).transpose()?)
            .bind(verification.and_then(|verification| verification.next_at))
            .bind(change.outcome.map(|outcome| to_word(GATE, &outcome)).transpose()?)
            .bind(change.judged_at)
            .bind(pass.as_uuid())
            .execute(&mut *self.connection)
            .await?;
        }
        Ok(change)
    }
}
