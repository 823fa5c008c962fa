//! Stores summaries of hosts in their schedule rows with each result, and counts them from states if a
//! change of the checks has invalidated the stored ones.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Postgres, postgres::PgArguments, query::Query};
use uuid::Uuid;

use super::{error::OperationError, row::host_ids, settings::microseconds, write::Write};
use crate::{
    model::{CheckState, CheckStatus, ClockEpoch, HostId, HostSummary},
    store::sql::SummaryColumns,
};

/// Summaries as columns. Ten thousand of them in one row of arrays cost a fraction of as many rows.
type SummaryArrays = (Vec<Uuid>, Vec<i64>, Vec<i64>, Vec<i64>, Vec<Option<DateTime<Utc>>>);

/// The counts of a host's enabled checks, ignoring the age of their results.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Counts {
    total: i32,
    seen: i32,
    first_checked_at: Option<DateTime<Utc>>,
    last_checked_at: Option<DateTime<Utc>>,
    healthy: i32,
    unhealthy: i32,
    /// The lowest and the highest epoch of the results.
    epochs: Option<(ClockEpoch, ClockEpoch)>,
}

impl Counts {
    /// Adds a check at `revision`, by the rules of `CheckView::at`.
    pub(super) fn add(&mut self, revision: i64, state: Option<&CheckState>) {
        self.total += 1;
        let Some(state) = state else { return };
        let at = state.latest.checked_at;
        let epoch = state.latest.epoch;
        self.seen += 1;
        let (lowest, highest) = self.epochs.unwrap_or((epoch, epoch));
        self.epochs = Some((lowest.min(epoch), highest.max(epoch)));
        self.first_checked_at = Some(self.first_checked_at.map_or(at, |first| first.min(at)));
        self.last_checked_at = self.last_checked_at.max(Some(at));
        match state.status {
            CheckStatus::Healthy if state.latest.revision == revision => self.healthy += 1,
            CheckStatus::Unhealthy if state.latest.revision == revision => self.unhealthy += 1,
            _ => {}
        }
    }

    /// Returns the epoch of all results, or `None` if they belong to several epochs.
    fn results_epoch(&self) -> Option<i64> {
        let (lowest, highest) = self.epochs.unwrap_or_default();
        (lowest == highest).then_some(lowest.number())
    }
}

/// Counts as the columns of an `UNNEST`.
#[derive(Default, Debug)]
pub(super) struct CountArrays {
    totals: Vec<i32>,
    seen: Vec<i32>,
    first_checked_at: Vec<Option<DateTime<Utc>>>,
    last_checked_at: Vec<Option<DateTime<Utc>>>,
    healthy: Vec<i32>,
    unhealthy: Vec<i32>,
    results_epochs: Vec<Option<i64>>,
}

impl CountArrays {
    pub(super) fn push(&mut self, counts: &Counts) {
        self.totals.push(counts.total);
        self.seen.push(counts.seen);
        self.first_checked_at.push(counts.first_checked_at);
        self.last_checked_at.push(counts.last_checked_at);
        self.healthy.push(counts.healthy);
        self.unhealthy.push(counts.unhealthy);
        self.results_epochs.push(counts.results_epoch());
    }

    /// Binds the arrays in the order of [`kept_counts`].
    pub(super) fn bind_to(
        self,
        query: Query<'_, Postgres, PgArguments>,
    ) -> Query<'_, Postgres, PgArguments> {
        query
            .bind(self.totals)
            .bind(self.seen)
            .bind(self.first_checked_at)
            .bind(self.last_checked_at)
            .bind(self.healthy)
            .bind(self.unhealthy)
            .bind(self.results_epochs)
    }
}

/// Sets the counts of a schedule row (alias `s`) to those of alias `n`. The counts are invalid if they
/// leave out a check that was locked by a deletion, because that deletion may have rolled back.
macro_rules! kept_counts {
    () => {
        "total = case when n.total = (select count(*) from host_health_checks c \
                                      where c.host_id = s.host_id and c.enabled) then n.total end, \
         seen = n.seen, first_checked_at = n.first_checked_at, \
         last_checked_at = n.last_checked_at, healthy = n.healthy, unhealthy = n.unhealthy, \
         results_epoch = n.results_epoch "
    };
}
pub(super) use kept_counts;

impl Write<'_> {
    /// Stores the summaries of these hosts, whose schedule rows are locked.
    pub(super) async fn keep_summaries(
        &mut self,
        counts: &BTreeMap<HostId, Counts>,
    ) -> Result<(), OperationError> {
        if counts.is_empty() {
            return Ok(());
        }
        let mut arrays = CountArrays::default();
        counts.values().for_each(|counts| arrays.push(counts));
        let query = sqlx::query(concat!(
            "update health_schedule s set ",
            kept_counts!(),
            "from unnest($1::uuid[], $2::int[], $3::int[], $4::timestamptz[], $5::timestamptz[], \
             $6::int[], $7::int[], $8::bigint[]) as n (host_id, total, seen, first_checked_at, \
             last_checked_at, healthy, unhealthy, results_epoch) where s.host_id = n.host_id",
        ))
        .bind(counts.keys().map(HostId::as_uuid).collect::<Vec<Uuid>>());
        arrays.bind_to(query).execute(&mut *self.connection).await?;
        Ok(())
    }
}

/// Returns the summaries of hosts that have an enabled check, by the rules of `CheckView::at` and
/// `HostSummary::of`. A stored summary is used if all of its results are fresh, all are stale, or all
/// belong to one other epoch. The other hosts are counted from their states. One statement does both, so
/// that no run comes in between.
pub(super) async fn summaries(
    connection: &mut PgConnection,
    hosts: &[HostId],
    stale_after: Duration,
) -> Result<Vec<HostSummary>, OperationError> {
    let (hosts, healthy, unhealthy, totals, oldest): SummaryArrays = sqlx::query_as(
        "with clock as materialized ( \
             select now, now - $2 * interval '1 microsecond' as fresh_from, clock_epoch \
             from (select clock_timestamp() as now, clock_epoch from health_installation) i), \
         kept as materialized ( \
             select host_id, total, healthy, unhealthy, last_checked_at >= fresh_from \
             and results_epoch = clock_epoch as fresh, \
             case when seen = total then first_checked_at end as oldest_checked_at \
             from health_schedule, clock where host_id = any($1) and total is not null \
             and (seen = 0 or last_checked_at < fresh_from or results_epoch <> clock_epoch \
                  or (results_epoch = clock_epoch and first_checked_at >= fresh_from \
                      and last_checked_at <= now))), \
         rest as materialized ( \
             select host_id from unnest($1::uuid[]) as asked (host_id) \
             except select host_id from kept), \
         found as ( \
         select host_id, case when fresh then healthy else 0 end::bigint as healthy, \
         case when fresh then unhealthy else 0 end::bigint as unhealthy, total::bigint as total, \
         oldest_checked_at from kept \
         union all \
         select host_id, count(*) filter (where status = 'healthy') as healthy, \
         count(*) filter (where status = 'unhealthy') as unhealthy, count(*) as total, \
         case when count(checked_at) = count(*) then min(checked_at) end as oldest_checked_at \
         from (select c.host_id, s.checked_at, case when s.revision = c.revision \
               and s.epoch = clock_epoch and s.checked_at between fresh_from and now \
               then s.status end as status \
               from clock, host_health_checks c left join health_states s on s.check_id = c.id \
               where c.enabled and c.host_id = any(array(select host_id from rest))) seen \
         group by host_id) \
         select coalesce(array_agg(host_id), '{}'), coalesce(array_agg(healthy), '{}'), \
         coalesce(array_agg(unhealthy), '{}'), coalesce(array_agg(total), '{}'), \
         coalesce(array_agg(oldest_checked_at), '{}') from found",
    )
    .bind(host_ids(hosts))
    .bind(microseconds(stale_after))
    .fetch_one(connection)
    .await?;
    let counts = healthy.into_iter().zip(unhealthy).zip(totals);
    let summary = |((host_id, ((healthy, unhealthy), total)), oldest)| {
        SummaryColumns { host_id, healthy, unhealthy, total }.into_summary(oldest)
    };
    Ok(hosts.into_iter().zip(counts).zip(oldest).map(summary).collect())
}
