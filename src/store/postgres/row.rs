//! Converts rows to values.

use chrono::{DateTime, Utc};
use sqlx::{FromRow, Row, postgres::PgRow};
use uuid::Uuid;

use crate::{
    model::{CheckResult, CheckState, ClockEpoch, HealthCheck, HostId, StoreTime},
    store::{
        StoreError,
        sql::{CheckColumns, ResultColumns, from_word, readable},
    },
};

#[derive(FromRow, Debug)]
pub(super) struct CheckRow {
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    updated_epoch: i64,
    #[sqlx(flatten)]
    columns: CheckColumns,
}

impl CheckRow {
    pub(super) fn into_check(self) -> HealthCheck {
        let updated = StoreTime::new(ClockEpoch::new(self.updated_epoch), self.updated_at);
        self.columns.into_check(self.created_at, updated)
    }
}

/// The columns of [`CheckRow`], for a check with alias `c`. They are listed by name, because an application
/// may add columns to the table while a statement is prepared (F224). An infinite instant is read as the
/// Unix epoch.
macro_rules! check_columns {
    () => {
        "c.id, c.host_id, c.name, c.check_type, c.enabled, c.service_name, c.target_host_id, c.url, \
         c.expected_body, c.ignore_cert_errors, c.basic_auth_user, c.basic_auth_pass_encrypted, \
         c.basic_auth_pass_nonce, c.secret_format, c.revision, c.updated_epoch, \
         case when isfinite(c.created_at) then c.created_at else 'epoch' end as created_at, \
         case when isfinite(c.updated_at) then c.updated_at else 'epoch' end as updated_at"
    };
}
pub(super) use check_columns;

/// A row of a result, with the joined `host_id`.
#[derive(FromRow, Debug)]
pub(super) struct ResultRow {
    checked_at: DateTime<Utc>,
    #[sqlx(flatten)]
    columns: ResultColumns,
}

impl ResultRow {
    pub(super) fn into_result(self) -> Result<CheckResult, StoreError> {
        self.columns.into_result(self.checked_at)
    }

    pub(super) fn into_result_or_fault(self) -> CheckResult {
        self.columns.into_result_or_fault(self.checked_at)
    }
}

#[derive(FromRow, Debug)]
pub(super) struct StateRow {
    status: String,
    since: DateTime<Utc>,
    in_a_row: i32,
    #[sqlx(flatten)]
    latest: ResultRow,
}

impl StateRow {
    pub(super) fn into_state(self) -> Result<CheckState, StoreError> {
        Ok(CheckState {
            latest: self.latest.into_result()?,
            status: from_word("check state", &self.status)?,
            since: self.since,
            in_a_row: u32::try_from(self.in_a_row).unwrap_or(u32::MAX),
        })
    }
}

/// Returns ids as a parameter.
pub(super) fn host_ids(hosts: &[HostId]) -> Vec<Uuid> {
    hosts.iter().map(HostId::as_uuid).collect()
}

/// Selects checks (alias `c`) with their states (alias `s`) for the hosts of `$1`. Finding both by host
/// takes fewer index descents than finding each state by check.
macro_rules! checks_with_states {
    () => {
        " from host_health_checks c left join (select * from health_states where host_id = any($1)) s \
         on s.check_id = c.id where c.host_id = any($1)"
    };
}
pub(super) use checks_with_states;

/// The columns of [`StateRow`], for a check with alias `c` and its state with alias `s`.
macro_rules! state_columns {
    () => {
        "c.id as check_id, c.host_id, s.revision as result_revision, s.reason, s.detail, \
         s.latency_ms::bigint as latency_ms, s.checked_at, s.source, s.observer_fault, \
         s.endpoint::text as endpoint, s.epoch as result_epoch, s.status, s.since, s.in_a_row"
    };
}
pub(super) use state_columns;

/// The state joined to a check, if it has one.
#[derive(Debug)]
pub(super) struct JoinedState(Option<StateRow>);

impl JoinedState {
    /// Returns whether there is a state, readable or not.
    pub(super) const fn is_stored(&self) -> bool {
        self.0.is_some()
    }

    /// Returns the state. An unreadable one counts as missing until the next result replaces it (F221).
    pub(super) fn into_state(self) -> Option<CheckState> {
        self.0.map(StateRow::into_state).and_then(readable)
    }
}

impl<'r> FromRow<'r, PgRow> for JoinedState {
    fn from_row(row: &'r PgRow) -> Result<Self, sqlx::Error> {
        let status: Option<&str> = row.try_get("status")?;
        Ok(Self(status.map(|_| StateRow::from_row(row)).transpose()?))
    }
}
