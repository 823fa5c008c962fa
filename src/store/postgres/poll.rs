//! `PollQueue` over Postgres: leases and fencing (L1 to L9).

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{FutureExt, TryFutureExt};
use sqlx::FromRow;
use uuid::Uuid;

use super::{
    PgStore,
    due::above_floor,
    error::OperationError,
    row::{CheckRow, check_columns},
    summary::{CountArrays, Counts, kept_counts},
    write::Write,
};
use crate::{
    clock::delta,
    model::{HealthCheck, HostId, StoreTime, WorkerId},
    store::{
        Backlog, ClaimRequest, Claims, Completed, HostClaim, HostCompletion, HostRelease,
        PollQueue, Reach, ReachQuery, StoreError,
    },
};

#[derive(FromRow, Debug)]
struct ClaimedRow {
    host_id: Uuid,
    token: i64,
    config_seq: i64,
    lost_leases: i32,
    next_due: DateTime<Utc>,
}

impl ClaimedRow {
    fn into_claim(self, checks: Vec<HealthCheck>) -> HostClaim {
        HostClaim {
            host_id: HostId::from_uuid(self.host_id),
            token: self.token,
            config_seq: self.config_seq,
            lost_leases: u32::try_from(self.lost_leases).unwrap_or(u32::MAX),
            due_at: self.next_due,
            checks,
        }
    }
}

/// The maximum number of times that a claim replaces deleted hosts with other ones.
const MOST_CLEARINGS: u32 = 10;

/// Returns the instant this much later, or the last one that both Postgres and RFC 3339 can represent.
pub(super) fn later(instant: DateTime<Utc>, by: Duration) -> DateTime<Utc> {
    let last = DateTime::from_timestamp(253_402_300_799, 0).unwrap_or(instant);
    let by = TimeDelta::from_std(by).unwrap_or(TimeDelta::MAX);
    instant.checked_add_signed(by).map_or(last, |later| later.min(last))
}

/// Finds the rows by an array of their keys. With a join, the planner may scan the whole schedule (F241).
macro_rules! claim {
    ($($which:expr),+ $(,)?) => {
        concat!(
            "with ",
            $($which,)+
            "update health_schedule s set owner = $3, token = nextval('health_tokens'), \
             lease_until = $4, parked_at = null, parked_until = null, \
             lost_leases = s.lost_leases + coalesce(s.owner <> $3, false)::int \
             where s.host_id = any(array(select host_id from due)) \
             returning s.host_id, s.token, s.config_seq, s.lost_leases, s.next_due"
        )
    };
}

/// Reads two ranges of one index: hosts that are due, and hosts whose due time is too far ahead.
const CLAIM_DUE: &str = claim!(
    "late as materialized ( \
         select host_id, next_due from health_schedule where next_due <= $1 and ",
    above_floor!("$7", "$8"),
    " and (lease_until is null or lease_until <= $1 or lease_until > $5) \
         and (parked_until is null or parked_until <= $1 or parked_at > $1) \
         order by next_due, host_id limit $2 for update skip locked), \
     far as materialized ( \
         select host_id, next_due from health_schedule where next_due > $6 \
         and (lease_until is null or lease_until <= $1 or lease_until > $5) \
         and (parked_until is null or parked_until <= $1 or parked_at > $1) \
         order by next_due, host_id limit $2 for update skip locked), \
     due as materialized ( \
         select * from late union all select * from far order by next_due, host_id limit $2) "
);

const CLAIM_NAMED: &str = claim!(
    "due as materialized ( \
         select host_id from health_schedule where host_id = any($6) \
         and (lease_until is null or lease_until <= $1 or lease_until > $5) \
         order by host_id limit $2 for update skip locked) "
);

impl Write<'_> {
    async fn claim_hosts(&mut self, request: ClaimRequest) -> Result<Claims, OperationError> {
        let StoreTime { at: now, epoch } = self.time_of_claim().await?;
        let mut hosts: Vec<HostClaim> = Vec::new();
        for _ in 0..MOST_CLEARINGS {
            let limit = i64::from(request.limit) - i64::try_from(hosts.len()).unwrap_or(i64::MAX);
            let rows = self.take_due(&request, limit, now).await?;
            let mut checks = self.enabled_checks(&rows).await?;
            let (rows, gone): (Vec<_>, Vec<_>) = rows
                .into_iter()
                .partition(|row| checks.contains_key(&HostId::from_uuid(row.host_id)));
            hosts.extend(rows.into_iter().map(|row| {
                let checks = checks.remove(&HostId::from_uuid(row.host_id));
                row.into_claim(checks.unwrap_or_default())
            }));
            if gone.is_empty() {
                break;
            }
            self.clear_schedules(gone.iter().map(|row| row.host_id).collect()).await?;
        }
        hosts.sort_unstable_by_key(|claim| (claim.due_at, claim.host_id));
        if request.named.is_none() && hosts.len() < request.limit as usize {
            self.raise_due_floor(now).await?;
        }
        Ok(Claims { now, epoch, hosts })
    }

    async fn take_due(
        &mut self,
        request: &ClaimRequest,
        limit: i64,
        now: DateTime<Utc>,
    ) -> Result<Vec<ClaimedRow>, sqlx::Error> {
        let far = later(now, request.interval);
        let named: Option<Vec<Uuid>> =
            request.named.as_ref().map(|hosts| hosts.iter().map(HostId::as_uuid).collect());
        let query = sqlx::query_as(if named.is_some() { CLAIM_NAMED } else { CLAIM_DUE })
            .bind(now)
            .bind(limit)
            .bind(request.worker.as_uuid())
            .bind(later(now, request.lease))
            .bind(later(far, request.lease));
        let query = match named {
            Some(named) => query.bind(named),
            None => {
                let (floor, resets) = self.store.due.bounds();
                query.bind(far).bind(floor).bind(resets)
            }
        };
        query.fetch_all(&mut *self.connection).await
    }

    /// Deletes the locked schedule rows of hosts without an enabled check, because the application has
    /// deleted the host (F229). A later insert of a check creates the row again.
    async fn clear_schedules(&mut self, hosts: Vec<Uuid>) -> Result<(), OperationError> {
        sqlx::query("delete from health_schedule where host_id = any($1)")
            .bind(hosts)
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }

    async fn enabled_checks(
        &mut self,
        claimed: &[ClaimedRow],
    ) -> Result<HashMap<HostId, Vec<HealthCheck>>, OperationError> {
        let mut checks: HashMap<_, Vec<_>> = HashMap::new();
        if claimed.is_empty() {
            return Ok(checks);
        }
        let hosts: Vec<Uuid> = claimed.iter().map(|row| row.host_id).collect();
        let rows: Vec<CheckRow> = sqlx::query_as(concat!(
            "select ",
            check_columns!(),
            " from host_health_checks c where host_id = any($1) and enabled \
             order by c.created_at, id",
        ))
        .bind(hosts)
        .fetch_all(&mut *self.connection)
        .await?;
        for row in rows {
            let check = row.into_check();
            checks.entry(check.host_id).or_default().push(check);
        }
        Ok(checks)
    }

    async fn complete_hosts(
        &mut self,
        worker: WorkerId,
        batch: &[HostCompletion],
    ) -> Result<Completed, OperationError> {
        let held: Vec<Uuid> = sqlx::query_scalar(
            "select s.host_id from health_schedule s \
             join unnest($1::uuid[], $2::bigint[]) as done (host_id, token) using (host_id) \
             where s.token = done.token and s.owner = $3 and s.lease_until > clock_timestamp() \
             order by s.host_id for no key update of s",
        )
        .bind(batch.iter().map(|done| done.host_id.as_uuid()).collect::<Vec<_>>())
        .bind(batch.iter().map(|done| done.token).collect::<Vec<_>>())
        .bind(worker.as_uuid())
        .fetch_all(&mut *self.connection)
        .await?;
        let hosts: Vec<HostId> = held.into_iter().map(HostId::from_uuid).collect();
        let mut held: HashSet<HostId> = hosts.iter().copied().collect();
        let mut completed = Completed::default();
        let (mut done, mut results) = (Vec::with_capacity(hosts.len()), Vec::new());
        for completion in batch {
            if held.remove(&completion.host_id) {
                let host = completion.host_id;
                results.extend(completion.results.iter().map(|result| (host, result)));
                done.push(completion);
            } else {
                completed.fenced.push(completion.host_id);
            }
        }
        let recorded = self.record(&hosts, &results).await?;
        self.end_leases(&done, &recorded.counts).await?;
        completed.dropped = recorded.dropped;
        Ok(completed)
    }

    /// Ends the leases of hosts whose schedule rows are locked, and stores their new summaries.
    async fn end_leases(
        &mut self,
        done: &[&HostCompletion],
        counts: &BTreeMap<HostId, Counts>,
    ) -> Result<(), OperationError> {
        if done.is_empty() {
            return Ok(());
        }
        let mut arrays = CountArrays::default();
        for completion in done {
            arrays.push(&counts.get(&completion.host_id).copied().unwrap_or_default());
        }
        // A change during the run is not lost: its due time stays (L5).
        let query = sqlx::query(concat!(
            "update health_schedule s set owner = null, lease_until = null, \
             lost_leases = case when n.unfinished then s.lost_leases else 0 end, \
             parked_at = case when s.config_seq = n.config_seq and n.not_before is not null \
                         then clock_timestamp() end, \
             parked_until = case when s.config_seq = n.config_seq then n.not_before end, \
             next_due = case when s.config_seq = n.config_seq then n.next_due \
                        else s.next_due end, \
             tried_at = case when n.reached is null then s.tried_at else clock_timestamp() end, \
             unreachable_since = case when n.reached then null \
                 when n.reached is null or s.unreachable_since is not null then s.unreachable_since \
                 when s.tried_at is null then 'epoch' else clock_timestamp() end, ",
            kept_counts!(),
            "from unnest($1::uuid[], $2::bigint[], $3::timestamptz[], $4::timestamptz[], $5::bool[], \
             $6::int[], $7::int[], $8::timestamptz[], $9::timestamptz[], $10::int[], $11::int[], \
             $12::bigint[], $13::bool[]) \
             as n (host_id, config_seq, next_due, not_before, unfinished, total, seen, \
             first_checked_at, last_checked_at, healthy, unhealthy, results_epoch, reached) \
             where s.host_id = n.host_id",
        ))
        .bind(done.iter().map(|done| done.host_id.as_uuid()).collect::<Vec<_>>())
        .bind(done.iter().map(|done| done.config_seq).collect::<Vec<_>>())
        .bind(done.iter().map(|done| done.next_due_at).collect::<Vec<_>>())
        .bind(done.iter().map(|done| done.not_before).collect::<Vec<_>>())
        .bind(done.iter().map(|done| done.unfinished).collect::<Vec<_>>());
        let query = arrays.bind_to(query);
        let query = query.bind(done.iter().map(|done| done.reached).collect::<Vec<_>>());
        query.execute(&mut *self.connection).await?;
        Ok(())
    }

    async fn release_hosts(
        &mut self,
        worker: WorkerId,
        hosts: &[HostRelease],
    ) -> Result<(), OperationError> {
        sqlx::query(
            "with held as materialized ( \
                 select s.host_id, handed.not_before from health_schedule s \
                 join unnest($1::uuid[], $2::bigint[], $4::timestamptz[]) \
                     as handed (host_id, token, not_before) using (host_id) \
                 where s.token = handed.token and s.owner = $3 \
                 order by s.host_id for no key update of s) \
             update health_schedule s set owner = null, lease_until = null, \
             parked_at = case when held.not_before is not null then clock_timestamp() end, \
             parked_until = held.not_before \
             from held where s.host_id = held.host_id",
        )
        .bind(hosts.iter().map(|host| host.host_id.as_uuid()).collect::<Vec<_>>())
        .bind(hosts.iter().map(|host| host.token).collect::<Vec<_>>())
        .bind(worker.as_uuid())
        .bind(hosts.iter().map(|host| host.not_before).collect::<Vec<_>>())
        .execute(&mut *self.connection)
        .await?;
        Ok(())
    }
}

#[async_trait]
impl PollQueue for PgStore {
    async fn claim_hosts(&self, request: ClaimRequest) -> Result<Claims, StoreError> {
        self.write(move |write| write.claim_hosts(request.clone()).boxed()).await
    }

    async fn complete_hosts(
        &self,
        worker: WorkerId,
        batch: Vec<HostCompletion>,
    ) -> Result<Completed, StoreError> {
        let batch = Arc::new(batch);
        let days = || batch.iter().flat_map(|done| &done.results).map(|result| result.checked_at);
        self.recording(days, || {
            let batch = Arc::clone(&batch);
            self.write(move |write| {
                let batch = Arc::clone(&batch);
                async move { write.complete_hosts(worker, &batch).await }.boxed()
            })
        })
        .await
    }

    async fn release_hosts(
        &self,
        worker: WorkerId,
        hosts: Vec<HostRelease>,
    ) -> Result<(), StoreError> {
        let hosts = Arc::new(hosts);
        self.write(move |write| {
            let hosts = Arc::clone(&hosts);
            async move { write.release_hosts(worker, &hosts).await }.boxed()
        })
        .await
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        let (floor, resets) = self.inner.due.bounds();
        let (due, oldest_due_at): (i64, Option<DateTime<Utc>>) = self
            .read(move |connection| {
                sqlx::query_as(concat!(
                    "select count(*), min(next_due) from health_schedule, \
                     (select clock_timestamp() as now offset 0) clock where ",
                    above_floor!("$1", "$2"),
                    " and next_due <= now and (lease_until is null or lease_until <= now) \
                     and (parked_until is null or parked_until <= now or parked_at > now)",
                ))
                .bind(floor)
                .bind(resets)
                .fetch_one(connection)
                .err_into()
                .boxed()
            })
            .await?;
        Ok(Backlog { due: u64::try_from(due).unwrap_or(0), oldest_due_at })
    }

    async fn reach(&self, query: ReachQuery) -> Result<Reach, StoreError> {
        let (ran, hosts, unreachable): (i64, i64, i64) = self
            .read(move |connection| {
                sqlx::query_as(
                    "select count(*), count(*) filter (where counts), \
                     count(unreachable_since) filter (where counts) from ( \
                         select unreachable_since, unreachable_since is null \
                         or unreachable_since > now - $2 as counts from health_schedule, \
                         (select clock_timestamp() as now offset 0) clock \
                         where tried_at > now - $1 and tried_at <= now) seen",
                )
                .bind(delta(query.within))
                .bind(delta(query.turned_within))
                .fetch_one(connection)
                .err_into()
                .boxed()
            })
            .await?;
        let count = |count: i64| u64::try_from(count).unwrap_or(0);
        Ok(Reach { ran: count(ran), hosts: count(hosts), unreachable: count(unreachable) })
    }

    async fn due_at(&self, host_id: HostId) -> Result<Option<DateTime<Utc>>, StoreError> {
        self.read(move |connection| {
            sqlx::query_scalar("select next_due from health_schedule where host_id = $1")
                .bind(host_id.as_uuid())
                .fetch_optional(connection)
                .err_into()
                .boxed()
        })
        .await
    }
}
