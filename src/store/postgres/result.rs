//! `ResultStore` over Postgres.

use std::{collections::HashMap, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use sqlx::{FromRow, PgConnection};

use super::{
    PgStore,
    error::OperationError,
    row::{
        CheckRow, JoinedState, ResultRow, StateRow, check_columns, checks_with_states, host_ids,
        state_columns,
    },
    summary::summaries,
};
use crate::{
    clock::delta,
    model::{
        CheckId, CheckResult, CheckState, CheckView, ClockEpoch, HostId, HostSummary, StoreTime,
    },
    store::{HistoryPage, PruneOutcome, ResultStore, StoreError, sql::readable},
};

async fn states_of(
    connection: &mut PgConnection,
    hosts: &[HostId],
) -> Result<Vec<CheckState>, OperationError> {
    let rows: Vec<StateRow> = sqlx::query_as(concat!(
        "select ",
        state_columns!(),
        " from host_health_checks c join health_states s on s.check_id = c.id \
         where c.host_id = any($1)",
    ))
    .bind(host_ids(hosts))
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(StateRow::into_state).filter_map(readable).collect())
}

/// A check, its state, and the database's clock.
#[derive(FromRow, Debug)]
struct ViewRow {
    now: DateTime<Utc>,
    now_epoch: i64,
    #[sqlx(flatten)]
    check: CheckRow,
    #[sqlx(flatten)]
    state: JoinedState,
}

async fn views(
    connection: &mut PgConnection,
    hosts: &[HostId],
    stale_after: Duration,
) -> Result<Vec<CheckView>, OperationError> {
    let rows: Vec<ViewRow> = sqlx::query_as(concat!(
        "select ",
        check_columns!(),
        ", (select clock_timestamp()) as now, \
         (select clock_epoch from health_installation) as now_epoch, ",
        state_columns!(),
        checks_with_states!(),
    ))
    .bind(host_ids(hosts))
    .fetch_all(connection)
    .await?;
    let view = |row: ViewRow| {
        let (check, state) = (row.check.into_check(), row.state.into_state());
        let now = StoreTime::new(ClockEpoch::new(row.now_epoch), row.now);
        CheckView::at(check, state.as_ref(), now, delta(stale_after))
    };
    let mut views: Vec<CheckView> = rows.into_iter().map(view).collect();
    // Cheaper than sorting the wide rows in the database.
    views.sort_by_key(|view| (view.check.host_id, view.check.created_at, view.check.id));
    Ok(views)
}

async fn history(
    connection: &mut PgConnection,
    host: HostId,
    check: CheckId,
    before: Option<DateTime<Utc>>,
    limit: u32,
) -> Result<HistoryPage, OperationError> {
    let newest = newest(connection, host, check).await?;
    // Results of an adopted table have no reason. A failed one gets the reason of its check type's failure.
    let rows: Vec<ResultRow> = sqlx::query_as(
        "select r.check_id, c.host_id, r.revision as result_revision, \
         coalesce(r.reason, case when r.healthy then 'ok' when c.check_type = 'service' \
                  then 'service_unhealthy' else 'status' end) as reason, \
         coalesce(r.detail, '') as detail, \
         greatest(coalesce(r.latency_ms, 0), 0)::bigint as latency_ms, r.checked_at, r.source, \
         r.observer_fault, r.endpoint::text as endpoint, r.epoch as result_epoch \
         from host_health_check_results r join host_health_checks c on c.id = r.check_id \
         where r.check_id = $1 and r.checked_at < coalesce($2, 'infinity') \
         and r.checked_at > '-infinity' \
         order by r.checked_at desc limit $3",
    )
    .bind(check.as_uuid())
    .bind(before)
    .bind(i64::from(limit) + 1)
    .fetch_all(connection)
    .await?;
    let mut results: Vec<CheckResult> =
        rows.into_iter().map(ResultRow::into_result_or_fault).collect();
    // The newest result stays even if its day was dropped. By time it may not be the first.
    if let Some(newest) = newest
        && before.is_none_or(|before| newest.checked_at < before)
    {
        let place = results.partition_point(|result| result.checked_at > newest.checked_at);
        if results.get(place).is_none_or(|there| there.checked_at != newest.checked_at) {
            results.insert(place, newest);
        }
    }
    let more = results.len() > limit as usize;
    results.truncate(limit as usize);
    let next_before = results.last().filter(|_| more).map(|last| last.checked_at);
    Ok(HistoryPage { results, next_before })
}

/// Returns the newest result of a check, if there is one.
async fn newest(
    connection: &mut PgConnection,
    host: HostId,
    check: CheckId,
) -> Result<Option<CheckResult>, OperationError> {
    let known: bool = sqlx::query_scalar(
        "select exists (select from host_health_checks where id = $1 and host_id = $2)",
    )
    .bind(check.as_uuid())
    .bind(host.as_uuid())
    .fetch_one(&mut *connection)
    .await?;
    if !known {
        return Err(StoreError::NotFound.into());
    }
    let row: Option<StateRow> = sqlx::query_as(concat!(
        "select ",
        state_columns!(),
        " from health_states s join host_health_checks c on c.id = s.check_id where c.id = $1",
    ))
    .bind(check.as_uuid())
    .fetch_optional(connection)
    .await?;
    Ok(row.map(StateRow::into_state).and_then(readable).map(|state| state.latest))
}

#[async_trait]
impl ResultStore for PgStore {
    async fn states(&self, hosts: &[HostId]) -> Result<Vec<CheckState>, StoreError> {
        let hosts = hosts.to_vec();
        self.read(move |connection| {
            let hosts = hosts.clone();
            async move { states_of(connection, &hosts).await }.boxed()
        })
        .await
    }

    async fn views(
        &self,
        hosts: &[HostId],
        stale_after: Duration,
    ) -> Result<Vec<CheckView>, StoreError> {
        let hosts = hosts.to_vec();
        self.read(move |connection| {
            let hosts = hosts.clone();
            async move { views(connection, &hosts, stale_after).await }.boxed()
        })
        .await
    }

    async fn summaries(
        &self,
        hosts: &[HostId],
        stale_after: Duration,
    ) -> Result<Vec<HostSummary>, StoreError> {
        let wanted = hosts.to_vec();
        let found = self
            .read(move |connection| {
                let wanted = wanted.clone();
                async move { summaries(connection, &wanted, stale_after).await }.boxed()
            })
            .await?;
        let counted: HashMap<HostId, HostSummary> =
            found.into_iter().map(|summary| (summary.host_id, summary)).collect();
        let summary = |host: &HostId| {
            counted.get(host).cloned().unwrap_or_else(|| HostSummary::of(*host, []))
        };
        Ok(hosts.iter().map(summary).collect())
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
        _: u32,
        force: bool,
    ) -> Result<PruneOutcome, StoreError> {
        self.prune(keep, force).await
    }
}
