//! `PollQueue` over SQLite: the steps of L1 to L9, each inside one `BEGIN IMMEDIATE`.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::{FutureExt, TryFutureExt};
use serde_json::{Value, json};
use sqlx::FromRow;
use uuid::Uuid;

use super::{
    SqliteStore,
    error::OperationError,
    record::{CheckRow, count, hosts_list, instant, later, micros},
    write::Write,
};
use crate::{
    clock::delta,
    model::{CheckResult, HealthCheck, HostId, WorkerId},
    store::{
        Backlog, ClaimRequest, Claims, Completed, HostClaim, HostCompletion, HostRelease,
        PollQueue, Reach, ReachQuery, StoreError,
    },
};

#[derive(FromRow)]
struct ClaimedRow {
    host_id: Uuid,
    token: i64,
    config_seq: i64,
    lost_leases: i64,
    due_at: i64,
}

pub(super) fn micros_of(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

macro_rules! claim {
    ($which:literal) => {
        concat!(
            "update health_schedule set token = token + 1, owner = ?1, lease_until = ?2, \
             lost_leases = lost_leases + (owner is not null and owner <> ?1), \
             parked_at = null, parked_until = null where host_id in (",
            $which,
            ") and (lease_until is null or lease_until <= ?3 or lease_until > ?4) \
             returning host_id, token, config_seq, lost_leases, due_at"
        )
    };
}

/// Reads two ranges of one index: hosts that are due, and hosts whose due time is too far ahead.
const CLAIM_DUE: &str = claim!(
    "select host_id from ( \
         select * from (select host_id, due_at from health_schedule where due_at <= ?3 \
             and (lease_until is null or lease_until <= ?3 or lease_until > ?4) \
             and (parked_until is null or parked_until <= ?3 or parked_at > ?3) \
             order by due_at, host_id limit ?5) \
         union all \
         select * from (select host_id, due_at from health_schedule where due_at > ?6 \
             and (lease_until is null or lease_until <= ?3 or lease_until > ?4) \
             and (parked_until is null or parked_until <= ?3 or parked_at > ?3) \
             order by due_at, host_id limit ?5)) \
     order by due_at, host_id limit ?5"
);

const CLAIM_NAMED: &str = claim!("select unhex(value) from json_each(?7) limit ?5");

impl Write<'_> {
    async fn claim_hosts(&mut self, request: ClaimRequest) -> Result<Claims, OperationError> {
        self.refuse_newer_schema().await?;
        let epoch = self.epoch_at_claim().await?;
        let named = request.named.as_deref().map(hosts_list);
        let far = later(self.now, delta(request.interval));
        let far_lease = far.saturating_add(micros_of(request.lease));
        let mut rows: Vec<ClaimedRow> =
            sqlx::query_as(if named.is_some() { CLAIM_NAMED } else { CLAIM_DUE })
                .bind(request.worker.as_uuid())
                .bind(later(self.now, delta(request.lease)))
                .bind(self.now_micros())
                .bind(far_lease)
                .bind(request.limit)
                .bind(far)
                .bind(named)
                .fetch_all(&mut *self.connection)
                .await?;
        rows.sort_unstable_by_key(|row| (row.due_at, row.host_id));
        let mut checks = self.enabled_checks(&rows).await?;
        let claim = |row: ClaimedRow| {
            let host_id = HostId::from_uuid(row.host_id);
            Ok(HostClaim {
                host_id,
                token: row.token,
                config_seq: row.config_seq,
                lost_leases: u32::try_from(row.lost_leases).unwrap_or(u32::MAX),
                due_at: instant(row.due_at)?,
                checks: checks.remove(&host_id).unwrap_or_default(),
            })
        };
        let hosts = rows.into_iter().map(claim).collect::<Result<_, StoreError>>()?;
        Ok(Claims { now: self.now, epoch, hosts })
    }

    async fn enabled_checks(
        &mut self,
        rows: &[ClaimedRow],
    ) -> Result<HashMap<HostId, Vec<HealthCheck>>, OperationError> {
        let hosts: Vec<_> = rows.iter().map(|row| HostId::from_uuid(row.host_id)).collect();
        let rows: Vec<CheckRow> = sqlx::query_as(
            "select c.* from json_each(?) as wanted \
             cross join host_health_checks c on c.host_id = unhex(wanted.value) \
             where c.enabled order by c.number",
        )
        .bind(hosts_list(&hosts))
        .fetch_all(&mut *self.connection)
        .await?;
        let mut checks: HashMap<_, Vec<_>> = HashMap::new();
        for row in rows {
            let check = row.into_check();
            checks.entry(check.host_id).or_default().push(check);
        }
        Ok(checks)
    }

    async fn complete_hosts(
        &mut self,
        worker: WorkerId,
        batch: Vec<HostCompletion>,
    ) -> Result<Completed, OperationError> {
        let wanted = Value::from_iter(batch.iter().map(|done| {
            json!({
                "host": done.host_id.as_uuid().simple().to_string(),
                "token": done.token,
                "config_seq": done.config_seq,
                "next_due_at": micros(done.next_due_at),
                "not_before": done.not_before.map(micros),
                "unfinished": done.unfinished,
                "reached": done.reached,
            })
        }));
        // A change during the run is not lost: its due time stays (L5).
        let held: Vec<Uuid> = sqlx::query_scalar(
            "update health_schedule set owner = null, lease_until = null, \
             lost_leases = iif(done.value ->> 'unfinished', lost_leases, 0), \
             parked_at = iif(config_seq = done.value ->> 'config_seq' \
                             and done.value ->> 'not_before' is not null, ?3, null), \
             parked_until = iif(config_seq = done.value ->> 'config_seq', \
                                done.value ->> 'not_before', null), \
             due_at = iif(config_seq = done.value ->> 'config_seq', done.value ->> 'next_due_at', due_at), \
             tried_at = iif(done.value ->> 'reached' is null, tried_at, ?3), \
             unreachable_since = case when done.value ->> 'reached' then null \
                 when done.value ->> 'reached' is null or unreachable_since is not null \
                 then unreachable_since when tried_at is null then 0 else ?3 end \
             from json_each(?1) as done \
             where host_id = unhex(done.value ->> 'host') and token = done.value ->> 'token' \
             and owner = ?2 and lease_until > ?3 returning host_id",
        )
        .bind(wanted.to_string())
        .bind(worker.as_uuid())
        .bind(self.now_micros())
        .fetch_all(&mut *self.connection)
        .await?;
        let mut held: HashSet<HostId> = held.into_iter().map(HostId::from_uuid).collect();
        let mut completed = Completed::default();
        let mut results: Vec<(HostId, CheckResult)> = Vec::new();
        for done in batch {
            if held.remove(&done.host_id) {
                results.extend(done.results.into_iter().map(|result| (done.host_id, result)));
            } else {
                completed.fenced.push(done.host_id);
            }
        }
        completed.dropped = self.record(results).await?;
        Ok(completed)
    }

    async fn release_hosts(
        &mut self,
        worker: WorkerId,
        hosts: Vec<HostRelease>,
    ) -> Result<(), OperationError> {
        let wanted = Value::from_iter(hosts.iter().map(|host| {
            json!({
                "host": host.host_id.as_uuid().simple().to_string(),
                "token": host.token,
                "not_before": host.not_before.map(micros),
            })
        }));
        sqlx::query(
            "update health_schedule set owner = null, lease_until = null, \
             parked_at = iif(handed.value ->> 'not_before' is null, null, ?3), \
             parked_until = handed.value ->> 'not_before' \
             from json_each(?1) as handed \
             where host_id = unhex(handed.value ->> 'host') and token = handed.value ->> 'token' \
             and owner = ?2",
        )
        .bind(wanted.to_string())
        .bind(worker.as_uuid())
        .bind(self.now_micros())
        .execute(&mut *self.connection)
        .await?;
        Ok(())
    }
}

#[async_trait]
impl PollQueue for SqliteStore {
    async fn claim_hosts(&self, request: ClaimRequest) -> Result<Claims, StoreError> {
        self.write(move |write| write.claim_hosts(request).boxed()).await
    }

    async fn complete_hosts(
        &self,
        worker: WorkerId,
        batch: Vec<HostCompletion>,
    ) -> Result<Completed, StoreError> {
        self.write(move |write| write.complete_hosts(worker, batch).boxed()).await
    }

    async fn release_hosts(
        &self,
        worker: WorkerId,
        hosts: Vec<HostRelease>,
    ) -> Result<(), StoreError> {
        self.write(move |write| write.release_hosts(worker, hosts).boxed()).await
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        let now = micros(self.time());
        let (due, oldest): (i64, Option<i64>) = self
            .read(move |connection| {
                sqlx::query_as(
                    "select count(*), min(due_at) from health_schedule where due_at <= ?1 \
                         and (lease_until is null or lease_until <= ?1) \
                         and (parked_until is null or parked_until <= ?1 or parked_at > ?1)",
                )
                .bind(now)
                .fetch_one(connection)
                .err_into()
                .boxed()
            })
            .await?;
        Ok(Backlog { due: count(due), oldest_due_at: oldest.map(instant).transpose()? })
    }

    async fn reach(&self, query: ReachQuery) -> Result<Reach, StoreError> {
        let now = micros(self.time());
        let ago = |span: Duration| now.saturating_sub(micros_of(span));
        let (tried, turned) = (ago(query.within), ago(query.turned_within));
        let (ran, hosts, unreachable): (i64, i64, i64) = self
            .read(move |connection| {
                sqlx::query_as(
                    "select count(*), count(*) filter (where counts), \
                         count(unreachable_since) filter (where counts) from ( \
                             select unreachable_since, unreachable_since is null \
                             or unreachable_since > ?3 as counts from health_schedule \
                             where tried_at > ?2 and tried_at <= ?1)",
                )
                .bind(now)
                .bind(tried)
                .bind(turned)
                .fetch_one(connection)
                .err_into()
                .boxed()
            })
            .await?;
        Ok(Reach { ran: count(ran), hosts: count(hosts), unreachable: count(unreachable) })
    }

    async fn due_at(&self, host_id: HostId) -> Result<Option<DateTime<Utc>>, StoreError> {
        let due: Option<i64> = self
            .read(move |connection| {
                sqlx::query_scalar("select due_at from health_schedule where host_id = ?1")
                    .bind(host_id.as_uuid())
                    .fetch_optional(connection)
                    .err_into()
                    .boxed()
            })
            .await?;
        due.map(instant).transpose()
    }
}
