//! `ResultStore` over SQLite.

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use serde_json::Value;
use sqlx::{Connection, FromRow, SqliteConnection};
use uuid::Uuid;

use super::{
    SqliteStore,
    check::checks_of,
    error::OperationError,
    record::{
        ResultRow, StateRow, find_check, hosts_list, id_list, instant, micros, result_json,
        state_json,
    },
    write::{Write, read_time},
};
use crate::{
    clock::{Clock, delta},
    model::{CheckId, CheckResult, CheckState, CheckView, HostId, HostSummary},
    store::{
        HistoryPage, PruneOutcome, ResultStore, StoreError, StoreEvent,
        sql::{SummaryColumns, readable},
    },
};

#[derive(FromRow)]
struct TargetRow {
    number: i64,
    id: Uuid,
    host_id: Uuid,
    enabled: bool,
    revision: i64,
}

impl Write<'_> {
    /// Records results, each from a run of the given host, by the rules of `ResultStore`, and returns how
    /// many were dropped. The number of statements does not depend on the number of results.
    pub(super) async fn record(
        &mut self,
        results: Vec<(HostId, CheckResult)>,
    ) -> Result<u64, OperationError> {
        if results.is_empty() {
            return Ok(0);
        }
        let ids = id_list(results.iter().map(|(_, result)| result.check_id.as_uuid()));
        let targets = self.targets(&ids).await?;
        let mut states = self.states_by_id(&ids).await?;
        let (mut rows, mut moved, mut dropped) = (Vec::new(), HashMap::new(), 0);
        for (host, result) in results {
            let target = targets.get(&result.check_id).filter(|target| {
                target.enabled
                    && target.revision == result.revision
                    && target.host_id == host.as_uuid()
                    && result.host_id == host
            });
            let Some(target) = target else {
                dropped += 1;
                continue;
            };
            let before = states.get(&result.check_id);
            let state = CheckState::after(before, &result, self.now, self.damping);
            if let Some(event) = StoreEvent::of_state(before, &state) {
                self.tell(event);
            }
            if before != Some(&state) {
                moved.insert(target.number, state_json(target.number, &state)?);
                states.insert(result.check_id, state);
            }
            rows.push(result_json(target.number, &result)?);
        }
        self.insert_results(rows).await?;
        self.move_states(moved.into_values().collect()).await?;
        Ok(dropped)
    }

    async fn targets(&mut self, ids: &str) -> Result<HashMap<CheckId, TargetRow>, OperationError> {
        let rows: Vec<TargetRow> = sqlx::query_as(
            "select number, id, host_id, enabled, revision from host_health_checks \
             where id in (select unhex(value) from json_each(?))",
        )
        .bind(ids)
        .fetch_all(&mut *self.connection)
        .await?;
        Ok(rows.into_iter().map(|row| (CheckId::from_uuid(row.id), row)).collect())
    }

    async fn states_by_id(
        &mut self,
        ids: &str,
    ) -> Result<HashMap<CheckId, CheckState>, OperationError> {
        let rows: Vec<StateRow> = sqlx::query_as(
            "select s.*, c.id as check_id, c.host_id from host_health_checks c \
             join health_states s on s.check_number = c.number \
             where c.id in (select unhex(value) from json_each(?))",
        )
        .bind(ids)
        .fetch_all(&mut *self.connection)
        .await?;
        // An unreadable state counts as missing and is overwritten (F221).
        let states = rows.into_iter().map(StateRow::into_state).filter_map(readable);
        Ok(states.map(|state| (state.latest.check_id, state)).collect())
    }

    async fn insert_results(&mut self, rows: Vec<Value>) -> Result<(), OperationError> {
        // Equal check and instant mean the same result (L6). `CheckResult::outranks` decides which one
        // stays.
        sqlx::query(
            "insert into host_health_check_results (check_number, checked_at, result_revision, \
             reason, detail, latency_ms, source, observer_fault, endpoint, result_epoch) \
             select value ->> 'check_number', value ->> 'checked_at', value ->> 'revision', \
             value ->> 'reason', value ->> 'detail', value ->> 'latency_ms', value ->> 'source', \
             value ->> 'observer_fault', value ->> 'endpoint', value ->> 'epoch' \
             from json_each(?) where true \
             on conflict (check_number, checked_at) do update set \
             result_revision = excluded.result_revision, reason = excluded.reason, \
             detail = excluded.detail, latency_ms = excluded.latency_ms, \
             source = excluded.source, observer_fault = excluded.observer_fault, \
             endpoint = excluded.endpoint, result_epoch = excluded.result_epoch \
             where (excluded.result_epoch, excluded.reason <> 'ok') \
                   > (host_health_check_results.result_epoch, \
                      host_health_check_results.reason <> 'ok')",
        )
        .bind(Value::from(rows).to_string())
        .execute(&mut *self.connection)
        .await?;
        Ok(())
    }

    async fn move_states(&mut self, rows: Vec<Value>) -> Result<(), OperationError> {
        sqlx::query(
            "insert into health_states (check_number, status, since, in_a_row, result_revision, \
             reason, detail, latency_ms, checked_at, source, observer_fault, endpoint, \
             result_epoch) \
             select value ->> 'check_number', value ->> 'status', value ->> 'since', \
             value ->> 'in_a_row', value ->> 'revision', value ->> 'reason', value ->> 'detail', \
             value ->> 'latency_ms', value ->> 'checked_at', value ->> 'source', \
             value ->> 'observer_fault', value ->> 'endpoint', value ->> 'epoch' \
             from json_each(?) where true \
             on conflict (check_number) do update set status = excluded.status, \
             since = excluded.since, in_a_row = excluded.in_a_row, \
             result_revision = excluded.result_revision, reason = excluded.reason, \
             detail = excluded.detail, latency_ms = excluded.latency_ms, \
             checked_at = excluded.checked_at, source = excluded.source, \
             observer_fault = excluded.observer_fault, endpoint = excluded.endpoint, \
             result_epoch = excluded.result_epoch",
        )
        .bind(Value::from(rows).to_string())
        .execute(&mut *self.connection)
        .await?;
        Ok(())
    }
}

/// Returns the states of hosts' checks, in the order of `hosts` and then by the check's creation time.
async fn states_of(
    connection: &mut SqliteConnection,
    hosts: &[HostId],
) -> Result<Vec<StateRow>, sqlx::Error> {
    sqlx::query_as(
        "select s.*, c.id as check_id, c.host_id from json_each(?) as wanted \
         cross join host_health_checks c on c.host_id = unhex(wanted.value) \
         join health_states s on s.check_number = c.number order by wanted.key, c.number",
    )
    .bind(hosts_list(hosts))
    .fetch_all(connection)
    .await
}

#[derive(FromRow, Debug)]
struct SummaryRow {
    oldest_checked_at: Option<i64>,
    #[sqlx(flatten)]
    columns: SummaryColumns,
}

/// Returns the summaries of hosts in the requested order, by the rules of `CheckView::at` and
/// `HostSummary::of`. The database counts, and returns one row per host instead of one per check.
async fn summaries(
    connection: &mut SqliteConnection,
    hosts: &[HostId],
    clock: &dyn Clock,
    stale_after: Duration,
) -> Result<Vec<SummaryRow>, OperationError> {
    let mut transaction = connection.begin().await?;
    let now = read_time(&mut transaction, clock).await?;
    let fresh_from = now.at.checked_sub_signed(delta(stale_after));
    let rows = sqlx::query_as(
        "select unhex(wanted.value) as host_id, count(c.number) as total, \
         count(*) filter (where s.status = 'healthy' and s.result_revision = c.revision \
                          and s.result_epoch = ?4 and s.checked_at between ?2 and ?3) as healthy, \
         count(*) filter (where s.status = 'unhealthy' and s.result_revision = c.revision \
                          and s.result_epoch = ?4 and s.checked_at between ?2 and ?3) as unhealthy, \
         iif(count(s.checked_at) = count(c.number), min(s.checked_at), null) as oldest_checked_at \
         from json_each(?1) as wanted \
         left join host_health_checks c on c.host_id = unhex(wanted.value) and c.enabled \
         left join health_states s on s.check_number = c.number \
         group by wanted.key order by wanted.key",
    )
    .bind(hosts_list(hosts))
    .bind(fresh_from.map_or(i64::MIN, micros))
    .bind(micros(now.at))
    .bind(now.epoch.number())
    .fetch_all(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(rows)
}

async fn history(
    connection: &mut SqliteConnection,
    host: HostId,
    check: CheckId,
    before: Option<DateTime<Utc>>,
    limit: u32,
) -> Result<HistoryPage, OperationError> {
    // One transaction, so that both reads see the same state of the file.
    let mut transaction = connection.begin().await?;
    let row = find_check(&mut transaction, host, check).await?.ok_or(StoreError::NotFound)?;
    // Reads one row more than requested, to know whether there is another page.
    let rows: Vec<ResultRow> = sqlx::query_as(
        "select *, ?1 as check_id, ?2 as host_id from host_health_check_results \
         where check_number = ?3 and checked_at < ?4 order by checked_at desc limit ?5",
    )
    .bind(check.as_uuid())
    .bind(host.as_uuid())
    .bind(row.number)
    .bind(before.map_or(i64::MAX, micros))
    .bind(i64::from(limit) + 1)
    .fetch_all(&mut *transaction)
    .await?;
    transaction.commit().await?;
    let more = rows.len() > limit as usize;
    let rows = rows.into_iter().take(limit as usize);
    let results: Vec<CheckResult> = rows.map(ResultRow::into_result_or_fault).collect();
    let next_before = results.last().filter(|_| more).map(|last| last.checked_at);
    Ok(HistoryPage { results, next_before })
}

impl SqliteStore {
    async fn views_at(
        &self,
        hosts: Vec<HostId>,
        stale_after: Duration,
    ) -> Result<Vec<CheckView>, StoreError> {
        let clock = Arc::clone(&self.inner.clock);
        let (now, checks, states) = self
            .read(move |connection| {
                async move {
                    // One transaction, so that checks and states match.
                    let mut transaction = connection.begin().await?;
                    let now = read_time(&mut transaction, clock.as_ref()).await?;
                    let checks = checks_of(&mut transaction, &hosts).await?;
                    let states = states_of(&mut transaction, &hosts).await?;
                    transaction.commit().await?;
                    Ok((now, checks, states))
                }
                .boxed()
            })
            .await?;
        let numbered = |row: StateRow| Some((row.check_number, readable(row.into_state())?));
        let states: HashMap<i64, CheckState> = states.into_iter().filter_map(numbered).collect();
        let stale_after = delta(stale_after);
        let view = |row: super::record::CheckRow| {
            let state = states.get(&row.number);
            CheckView::at(row.into_check(), state, now, stale_after)
        };
        Ok(checks.into_iter().map(view).collect())
    }
}

#[async_trait]
impl ResultStore for SqliteStore {
    async fn states(&self, hosts: &[HostId]) -> Result<Vec<CheckState>, StoreError> {
        let hosts = hosts.to_vec();
        let rows = self
            .read(move |connection| async move { Ok(states_of(connection, &hosts).await?) }.boxed())
            .await?;
        Ok(rows.into_iter().map(StateRow::into_state).filter_map(readable).collect())
    }

    async fn views(
        &self,
        hosts: &[HostId],
        stale_after: Duration,
    ) -> Result<Vec<CheckView>, StoreError> {
        self.views_at(hosts.to_vec(), stale_after).await
    }

    async fn summaries(
        &self,
        hosts: &[HostId],
        stale_after: Duration,
    ) -> Result<Vec<HostSummary>, StoreError> {
        let clock = Arc::clone(&self.inner.clock);
        let wanted = hosts.to_vec();
        let rows = self
            .read(move |connection| {
                async move { summaries(connection, &wanted, clock.as_ref(), stale_after).await }
                    .boxed()
            })
            .await?;
        let summary = |row: SummaryRow| {
            Ok(row.columns.into_summary(row.oldest_checked_at.map(instant).transpose()?))
        };
        rows.into_iter().map(summary).collect()
    }

    async fn history(
        &self,
        host_id: HostId,
        check_id: CheckId,
        before: Option<DateTime<Utc>>,
        limit: u32,
    ) -> Result<HistoryPage, StoreError> {
        self.read(move |connection| history(connection, host_id, check_id, before, limit).boxed())
            .await
    }

    async fn prune_results(
        &self,
        keep: Duration,
        batch: u32,
        force: bool,
    ) -> Result<PruneOutcome, StoreError> {
        self.write(move |write| write.prune(keep, batch, force).boxed()).await
    }
}
