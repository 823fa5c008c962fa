//! Conversions for SQLite columns: instants as microseconds, ids as 16 bytes, and rows as values.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use sqlx::{FromRow, Row, SqliteConnection, sqlite::SqliteRow};

use crate::{
    model::{CheckId, CheckResult, CheckState, ClockEpoch, HealthCheck, HostId, StoreTime},
    store::{
        StoreError,
        sql::{CheckColumns, ResultColumns, from_word, to_json, to_word},
    },
};

/// Returns an instant as a column value.
pub(super) const fn micros(instant: DateTime<Utc>) -> i64 {
    instant.timestamp_micros()
}

/// Returns the instant of a column value.
pub(super) fn instant(micros: i64) -> Result<DateTime<Utc>, StoreError> {
    DateTime::from_timestamp_micros(micros)
        .ok_or_else(|| StoreError::corrupt("instant", format!("{micros} is out of range")))
}

/// Returns the instant this much later, or the last possible instant.
pub(super) fn later(instant: DateTime<Utc>, by: TimeDelta) -> i64 {
    micros(instant.checked_add_signed(by).unwrap_or(DateTime::<Utc>::MAX_UTC))
}

/// Encodes ids as one parameter: a JSON list for `json_each`, read back with `unhex(value)`.
pub(super) fn id_list(ids: impl IntoIterator<Item = uuid::Uuid>) -> String {
    Value::from_iter(ids.into_iter().map(|id| id.simple().to_string())).to_string()
}

pub(super) fn hosts_list(hosts: &[HostId]) -> String {
    id_list(hosts.iter().map(HostId::as_uuid))
}

/// Returns a number of rows. It is never negative.
pub(super) fn count(rows: i64) -> u64 {
    u64::try_from(rows).unwrap_or(0)
}

#[derive(Debug)]
pub(super) struct CheckRow {
    pub(super) number: i64,
    created_at: i64,
    updated_at: i64,
    updated_epoch: i64,
    columns: CheckColumns,
}

impl<'r> FromRow<'r, SqliteRow> for CheckRow {
    /// Tolerates values of the wrong type, so that one such row does not fail the statement (F221).
    fn from_row(row: &'r SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            number: row.try_get("number")?,
            created_at: row.try_get("created_at").unwrap_or(0),
            updated_at: row.try_get("updated_at").unwrap_or(0),
            updated_epoch: row.try_get("updated_epoch").unwrap_or(0),
            columns: CheckColumns::from_row(row).or_else(|_| CheckColumns::salvage(row))?,
        })
    }
}

impl CheckRow {
    pub(super) fn into_check(self) -> HealthCheck {
        let known = |micros| instant(micros).unwrap_or(DateTime::UNIX_EPOCH);
        let updated = StoreTime::new(ClockEpoch::new(self.updated_epoch), known(self.updated_at));
        self.columns.into_check(known(self.created_at), updated)
    }
}

/// A row of a result, with the joined `check_id` and `host_id`.
#[derive(FromRow, Debug)]
pub(super) struct ResultRow {
    checked_at: i64,
    #[sqlx(flatten)]
    columns: ResultColumns,
}

impl ResultRow {
    pub(super) fn into_result(self) -> Result<CheckResult, StoreError> {
        self.columns.into_result(instant(self.checked_at)?)
    }

    pub(super) fn into_result_or_fault(self) -> CheckResult {
        let checked_at = instant(self.checked_at).unwrap_or(DateTime::UNIX_EPOCH);
        self.columns.into_result_or_fault(checked_at)
    }
}

#[derive(FromRow, Debug)]
pub(super) struct StateRow {
    pub(super) check_number: i64,
    status: String,
    since: i64,
    in_a_row: i64,
    #[sqlx(flatten)]
    latest: ResultRow,
}

impl StateRow {
    pub(super) fn into_state(self) -> Result<CheckState, StoreError> {
        Ok(CheckState {
            latest: self.latest.into_result()?,
            status: from_word("check state", &self.status)?,
            since: instant(self.since)?,
            in_a_row: u32::try_from(self.in_a_row).unwrap_or(u32::MAX),
        })
    }
}

/// Returns the columns of a result as a JSON object, for `json_each`.
pub(super) fn result_json(number: i64, result: &CheckResult) -> Result<Value, StoreError> {
    let endpoint = result.endpoint.as_ref().map(|endpoint| to_json("endpoint", endpoint));
    Ok(json!({
        "check_number": number,
        "checked_at": micros(result.checked_at),
        "epoch": result.epoch.number(),
        "revision": result.revision,
        "reason": result.reason,
        "detail": result.detail,
        "latency_ms": result.latency_ms,
        "source": result.source,
        "observer_fault": i64::from(result.observer_fault),
        "endpoint": endpoint.transpose()?,
    }))
}

/// Returns the columns of a state as a JSON object.
pub(super) fn state_json(number: i64, state: &CheckState) -> Result<Value, StoreError> {
    let mut row = result_json(number, &state.latest)?;
    row["status"] = Value::from(to_word("check state", &state.status)?);
    row["since"] = Value::from(micros(state.since));
    row["in_a_row"] = Value::from(state.in_a_row);
    Ok(row)
}

/// Finds a check of a host, with its row number.
pub(super) async fn find_check(
    connection: &mut SqliteConnection,
    host: HostId,
    id: CheckId,
) -> Result<Option<CheckRow>, sqlx::Error> {
    sqlx::query_as("select * from host_health_checks where id = ? and host_id = ?")
        .bind(id.as_uuid())
        .bind(host.as_uuid())
        .fetch_optional(connection)
        .await
}
