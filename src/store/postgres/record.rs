//! Rows as values, and results by batches.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use uuid::Uuid;

use super::{error::translate, write::Write};
use crate::{
    model::{CheckId, CheckResult, CheckState, HealthCheck, HostId},
    store::{
        StoreError, StoreEvent,
        sql::{CheckColumns, ResultColumns, from_word, to_json, to_word},
    },
};

#[derive(FromRow, Debug)]
pub(super) struct CheckRow {
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    #[sqlx(flatten)]
    columns: CheckColumns,
}

impl CheckRow {
    pub(super) fn into_check(self) -> Result<HealthCheck, StoreError> {
        self.columns.into_check(self.created_at, self.updated_at)
    }
}

/// A result as it is read, with `host_id` joined to it.
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
            status: from_word("check state", self.status)?,
            since: self.since,
            in_a_row: u32::try_from(self.in_a_row).unwrap_or(u32::MAX),
        })
    }
}

/// Ids as a parameter.
pub(super) fn host_ids(hosts: &[HostId]) -> Vec<Uuid> {
    hosts.iter().map(HostId::as_uuid).collect()
}

/// The columns of [`StateRow`] of a table alias `s`.
macro_rules! state_columns {
    () => {
        "s.check_id, s.host_id, s.revision as result_revision, s.reason, s.detail, \
         s.latency_ms::bigint as latency_ms, s.checked_at, s.source, s.observer_fault, \
         s.endpoint::text as endpoint, s.status, s.since, s.in_a_row"
    };
}
pub(super) use state_columns;

fn whole(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// Results as the columns of an `UNNEST`.
#[derive(Default)]
struct ResultArrays {
    ids: Vec<Uuid>,
    check_ids: Vec<Uuid>,
    host_ids: Vec<Uuid>,
    healthy: Vec<bool>,
    details: Vec<String>,
    latencies: Vec<i32>,
    checked_at: Vec<DateTime<Utc>>,
    revisions: Vec<i64>,
    reasons: Vec<String>,
    sources: Vec<String>,
    observer_faults: Vec<bool>,
    endpoints: Vec<Option<String>>,
}

impl ResultArrays {
    fn push(&mut self, result: &CheckResult) -> Result<(), StoreError> {
        self.ids.push(Uuid::now_v7());
        self.check_ids.push(result.check_id.as_uuid());
        self.host_ids.push(result.host_id.as_uuid());
        self.healthy.push(result.healthy());
        self.details.push(result.detail.as_str().to_owned());
        self.latencies.push(whole(result.latency_ms));
        self.checked_at.push(result.checked_at);
        self.revisions.push(result.revision);
        self.reasons.push(result.reason.as_str().to_owned());
        self.sources.push(to_word("result", &result.source)?);
        self.observer_faults.push(result.observer_fault);
        let endpoint = result.endpoint.as_ref();
        self.endpoints.push(endpoint.map(|endpoint| to_json("endpoint", endpoint)).transpose()?);
        Ok(())
    }
}

impl Write<'_> {
    /// Records results by the rules of `ResultStore`, and answers how many were dropped. Each comes
    /// with the host whose lease or gate covers it.
    pub(super) async fn record(
        &mut self,
        results: &[(HostId, &CheckResult)],
    ) -> Result<u64, StoreError> {
        if results.is_empty() {
            return Ok(0);
        }
        let mut wanted: Vec<Uuid> =
            results.iter().map(|(_, result)| result.check_id.as_uuid()).collect();
        wanted.sort_unstable();
        wanted.dedup();
        // Locked, so that no check changes or goes before this is committed.
        let checks: Vec<(Uuid, Uuid, i64)> = sqlx::query_as(
            "select id, host_id, revision from host_health_checks \
             where id = any($1) and enabled order by id for share",
        )
        .bind(&wanted)
        .fetch_all(&mut *self.connection)
        .await
        .map_err(translate)?;
        let current: HashMap<Uuid, (Uuid, i64)> =
            checks.into_iter().map(|(id, host, revision)| (id, (host, revision))).collect();
        let counts = |host: HostId, result: &CheckResult| {
            result.host_id == host
                && current.get(&result.check_id.as_uuid())
                    == Some(&(host.as_uuid(), result.revision))
        };
        let kept: Vec<&CheckResult> = results
            .iter()
            .filter(|(host, result)| counts(*host, result))
            .map(|(_, result)| *result)
            .collect();
        let dropped = u64::try_from(results.len() - kept.len()).unwrap_or(0);
        if kept.is_empty() {
            return Ok(dropped);
        }
        self.insert_results(&kept).await?;
        self.move_states(&kept).await?;
        Ok(dropped)
    }

    async fn insert_results(&mut self, results: &[&CheckResult]) -> Result<(), StoreError> {
        let mut rows = ResultArrays::default();
        for result in results {
            rows.push(result)?;
        }
        sqlx::query(
            "insert into host_health_check_results (id, check_id, healthy, detail, latency_ms, \
             checked_at, revision, reason, source, observer_fault, endpoint) \
             select id, check_id, healthy, detail, latency_ms, checked_at, revision, reason, source, \
             observer_fault, endpoint::jsonb from unnest($1::uuid[], $2::uuid[], $3::bool[], \
             $4::text[], $5::int[], $6::timestamptz[], $7::bigint[], $8::text[], $9::text[], \
             $10::bool[], $11::text[]) as r (id, check_id, healthy, detail, latency_ms, checked_at, \
             revision, reason, source, observer_fault, endpoint) \
             on conflict (check_id, checked_at) do nothing",
        )
        .bind(rows.ids)
        .bind(rows.check_ids)
        .bind(rows.healthy)
        .bind(rows.details)
        .bind(rows.latencies)
        .bind(rows.checked_at)
        .bind(rows.revisions)
        .bind(rows.reasons)
        .bind(rows.sources)
        .bind(rows.observer_faults)
        .bind(rows.endpoints)
        .execute(&mut *self.connection)
        .await
        .map_err(translate)?;
        Ok(())
    }

    async fn move_states(&mut self, results: &[&CheckResult]) -> Result<(), StoreError> {
        let mut wanted: Vec<Uuid> =
            results.iter().map(|result| result.check_id.as_uuid()).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let rows: Vec<StateRow> = sqlx::query_as(concat!(
            "select ",
            state_columns!(),
            " from health_states s where s.check_id = any($1) order by s.check_id for update",
        ))
        .bind(&wanted)
        .fetch_all(&mut *self.connection)
        .await
        .map_err(translate)?;
        let mut states: HashMap<CheckId, CheckState> = HashMap::with_capacity(rows.len());
        for row in rows {
            let state = row.into_state()?;
            states.insert(state.latest.check_id, state);
        }
        // The clock is asked only where it matters: where a result is older than what is there (F01).
        let behind = results.iter().any(|result| {
            let state = states.get(&result.check_id);
            state.is_some_and(|state| state.latest.checked_at > result.checked_at)
        });
        let now = if behind { self.now().await? } else { DateTime::<Utc>::MAX_UTC };
        // By check, so that everybody locks them in one order.
        let mut moved: BTreeMap<CheckId, CheckState> = BTreeMap::new();
        for result in results {
            let before = states.get(&result.check_id);
            let state = CheckState::after(before, result, now, self.damping);
            if before == Some(&state) {
                continue;
            }
            if let Some(event) = StoreEvent::of_state(before, &state) {
                self.tell(event);
            }
            states.insert(result.check_id, state.clone());
            moved.insert(result.check_id, state);
        }
        self.save_states(moved.values()).await
    }

    async fn save_states<'s>(
        &mut self,
        states: impl Iterator<Item = &'s CheckState> + Send,
    ) -> Result<(), StoreError> {
        let mut latest = ResultArrays::default();
        let (mut statuses, mut since, mut in_a_row) = (Vec::new(), Vec::new(), Vec::new());
        for state in states {
            latest.push(&state.latest)?;
            statuses.push(to_word("check state", &state.status)?);
            since.push(state.since);
            in_a_row.push(whole(state.in_a_row));
        }
        if statuses.is_empty() {
            return Ok(());
        }
        sqlx::query(
            "insert into health_states as stored (check_id, host_id, revision, reason, detail, \
             latency_ms, checked_at, source, observer_fault, endpoint, status, since, in_a_row) \
             select check_id, host_id, revision, reason, detail, latency_ms, checked_at, source, \
             observer_fault, endpoint::jsonb, status, since, in_a_row from unnest($1::uuid[], \
             $2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::int[], $7::timestamptz[], \
             $8::text[], $9::bool[], $10::text[], $11::text[], $12::timestamptz[], $13::int[]) as s \
             (check_id, host_id, revision, reason, detail, latency_ms, checked_at, source, \
             observer_fault, endpoint, status, since, in_a_row) \
             on conflict (check_id) do update set revision = excluded.revision, \
             reason = excluded.reason, detail = excluded.detail, latency_ms = excluded.latency_ms, \
             checked_at = excluded.checked_at, source = excluded.source, \
             observer_fault = excluded.observer_fault, endpoint = excluded.endpoint, \
             status = excluded.status, since = excluded.since, in_a_row = excluded.in_a_row \
             where excluded.checked_at > stored.checked_at \
             or stored.checked_at > clock_timestamp()",
        )
        .bind(latest.check_ids)
        .bind(latest.host_ids)
        .bind(latest.revisions)
        .bind(latest.reasons)
        .bind(latest.details)
        .bind(latest.latencies)
        .bind(latest.checked_at)
        .bind(latest.sources)
        .bind(latest.observer_faults)
        .bind(latest.endpoints)
        .bind(statuses)
        .bind(since)
        .bind(in_a_row)
        .execute(&mut *self.connection)
        .await
        .map_err(translate)?;
        Ok(())
    }
}
