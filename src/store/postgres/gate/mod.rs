//! `GateStore` over Postgres. A gate's record is JSON next to the columns that conditions use.

mod change;
mod group;
mod held;
mod host_change;
mod lease;
mod rollout;
mod verification;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::{FutureExt, TryFutureExt};
use sqlx::PgConnection;
use uuid::Uuid;

use self::held::{GateRow, gate_columns};
use super::{PgStore, error::OperationError, row::host_ids};
use crate::{
    model::{
        Attempt, AuditEntry, ChangeEnd, EndReason, GateId, GateOverride, GateRecord, GateRequest,
        HostChange, HostId, JobId, PassId, WorkerId,
    },
    store::{
        GateClaims, GateExtension, GateStep, GateStore, GateWatch, PruneOutcome, Spend, StoreError,
        sql::{from_json, read_attempt, readable},
    },
};

const GATE: &str = "gate";
const ATTEMPT: &str = "attempt";

/// The number of the attempt in a gate's column `running`, or null if the column holds none (F221).
macro_rules! running_number {
    () => {
        "case when running @? 'strict $.number ? (@ >= 1 && @ <= 2147483647)' \
         then (running -> 'number')::int end"
    };
}
pub(super) use running_number;

async fn find(
    connection: &mut PgConnection,
    job: JobId,
    host: HostId,
) -> Result<Option<GateRecord>, OperationError> {
    let row: Option<GateRow> = sqlx::query_as(concat!(
        "select ",
        gate_columns!(),
        " from health_gates g where job_id = $1 and host_id = $2 order by generation desc limit 1",
    ))
    .bind(job.as_uuid())
    .bind(host.as_uuid())
    .fetch_optional(connection)
    .await?;
    Ok(row.map(GateRow::into_record))
}

async fn attempts(
    connection: &mut PgConnection,
    gates: &[Uuid],
    limit: u32,
) -> Result<Vec<(GateId, Attempt)>, OperationError> {
    let rows: Vec<(Uuid, i32, DateTime<Utc>, String)> = sqlx::query_as(concat!(
        "select wanted.gate, a.attempt, g.opens_at, a.record::text \
         from unnest($1::uuid[]) with ordinality wanted (gate, place) \
         cross join lateral ( \
             select id, opens_at, running, ",
        running_number!(),
        " as number from health_gates where id = wanted.gate offset 0) g \
         cross join lateral ( \
             (select last.number as attempt, g.running as record from ( \
                  select coalesce(g.number, 1 + max(attempt), 1) as number \
                  from health_gate_attempts where gate_id = g.id) last \
              where g.running is not null and not exists ( \
                  select from health_gate_attempts a \
                  where a.gate_id = g.id and a.attempt = last.number)) \
             union all (select attempt, record from health_gate_attempts \
              where gate_id = g.id order by attempt desc limit $2) \
             order by attempt desc limit $2) a \
         order by wanted.place, a.attempt",
    ))
    .bind(gates)
    .bind(i64::from(limit))
    .fetch_all(connection)
    .await?;
    let attempt = |(gate, number, opens_at, record): (Uuid, i32, DateTime<Utc>, String)| {
        let gate = GateId::from_uuid(gate);
        (gate, read_attempt(gate, number, opens_at, &record))
    };
    Ok(rows.into_iter().map(attempt).collect())
}

/// Returns the attempts with these numbers of these gates, if they have rows.
async fn attempts_numbered(
    connection: &mut PgConnection,
    gates: Vec<Uuid>,
    numbers: Vec<i32>,
) -> Result<Vec<(GateId, Attempt)>, OperationError> {
    let rows: Vec<(Uuid, String)> = sqlx::query_as(
        "select a.gate_id, a.record::text from unnest($1::uuid[], $2::int[]) wanted (gate, number) \
         join health_gate_attempts a on a.gate_id = wanted.gate and a.attempt = wanted.number",
    )
    .bind(gates)
    .bind(numbers)
    .fetch_all(connection)
    .await?;
    let attempt = |(id, record): (Uuid, String)| {
        Some((GateId::from_uuid(id), readable(from_json(ATTEMPT, &record))?))
    };
    Ok(rows.into_iter().filter_map(attempt).collect())
}

#[async_trait]
impl GateStore for PgStore {
    async fn open_gate(&self, request: GateRequest) -> Result<GateRecord, StoreError> {
        let request = Arc::new(request);
        self.write(move |write| {
            let request = Arc::clone(&request);
            async move { write.open_gate(&request).await }.boxed()
        })
        .await
    }

    async fn open_ended_gate(
        &self,
        request: GateRequest,
        reason: EndReason,
        detail: String,
    ) -> Result<GateRecord, StoreError> {
        let given = Arc::new((request, detail));
        self.write(move |write| {
            let given = Arc::clone(&given);
            async move { write.open_ended_gate(&given.0, reason, &given.1).await }.boxed()
        })
        .await
    }

    async fn gate(&self, job: JobId, host: HostId) -> Result<Option<GateRecord>, StoreError> {
        self.read(move |connection| find(connection, job, host).boxed()).await
    }

    async fn gates_of(&self, job: JobId) -> Result<Vec<GateRecord>, StoreError> {
        let rows: Vec<GateRow> = self
            .read(move |connection| {
                sqlx::query_as(concat!(
                    "select ",
                    gate_columns!(),
                    " from (select distinct on (host_id) * from health_gates where job_id = $1 \
                     order by host_id, generation desc) g order by g.opened_at, g.id",
                ))
                .bind(job.as_uuid())
                .fetch_all(connection)
                .err_into()
                .boxed()
            })
            .await?;
        Ok(rows.into_iter().map(GateRow::into_record).collect())
    }

    async fn generations_of(
        &self,
        job: JobId,
        host: HostId,
    ) -> Result<Vec<GateRecord>, StoreError> {
        let rows: Vec<GateRow> = self
            .read(move |connection| {
                sqlx::query_as(concat!(
                    "select ",
                    gate_columns!(),
                    " from health_gates g where job_id = $1 and host_id = $2 order by generation",
                ))
                .bind(job.as_uuid())
                .bind(host.as_uuid())
                .fetch_all(connection)
                .err_into()
                .boxed()
            })
            .await?;
        Ok(rows.into_iter().map(GateRow::into_record).collect())
    }

    async fn holders_of(&self, hosts: &[HostId]) -> Result<Vec<GateRecord>, StoreError> {
        let hosts = host_ids(hosts);
        let rows: Vec<GateRow> = self
            .read(move |connection| {
                sqlx::query_as(concat!(
                    "select ",
                    gate_columns!(),
                    " from health_gates g where host_id = any($1) and state in ('waiting', 'passed')",
                ))
                .bind(hosts.clone())
                .fetch_all(connection)
                .err_into()
                .boxed()
            })
            .await?;
        Ok(rows.into_iter().map(GateRow::into_record).collect())
    }

    async fn attempts_of(&self, gates: &[GateId]) -> Result<Vec<(GateId, Attempt)>, StoreError> {
        self.newest_attempts_of(gates, u32::MAX).await
    }

    async fn newest_attempts_of(
        &self,
        gates: &[GateId],
        limit: u32,
    ) -> Result<Vec<(GateId, Attempt)>, StoreError> {
        let gates: Vec<Uuid> = gates.iter().map(GateId::as_uuid).collect();
        self.read(move |connection| {
            let gates = gates.clone();
            async move { attempts(connection, &gates, limit).await }.boxed()
        })
        .await
    }

    async fn claim_gates(
        &self,
        worker: WorkerId,
        limit: u32,
        lease: Duration,
    ) -> Result<GateClaims, StoreError> {
        self.write(move |write| write.claim_gates(worker, limit, lease).boxed()).await
    }

    async fn watch_gates(
        &self,
        worker: WorkerId,
        extend: Option<GateExtension<'_>>,
    ) -> Result<GateWatch, StoreError> {
        match extend {
            Some(GateExtension { gates, lease }) => {
                let known: Arc<Vec<Uuid>> = Arc::new(gates.iter().map(GateId::as_uuid).collect());
                self.write(move |write| {
                    let known = Arc::clone(&known);
                    async move { write.extend_and_watch_gates(worker, &known, lease).await }.boxed()
                })
                .await
            }
            // One statement without writes: this is all that an idle worker costs.
            None => {
                self.read(move |connection| lease::watch_gates(connection, worker).boxed()).await
            }
        }
    }

    async fn settle_gates(
        &self,
        worker: WorkerId,
        steps: Vec<GateStep>,
    ) -> Result<Vec<GateId>, StoreError> {
        let steps = Arc::new(steps);
        let days = || steps.iter().flat_map(|step| &step.results).map(|result| result.checked_at);
        self.recording(days, || {
            let steps = Arc::clone(&steps);
            self.write(move |write| {
                let steps = Arc::clone(&steps);
                async move { write.settle_gates(worker, &steps).await }.boxed()
            })
        })
        .await
    }

    async fn release_gates(
        &self,
        worker: WorkerId,
        gates: &[(GateId, i64)],
    ) -> Result<(), StoreError> {
        let gates = Arc::new(gates.to_vec());
        self.write(move |write| {
            let gates = Arc::clone(&gates);
            async move { write.release_gates(worker, &gates).await }.boxed()
        })
        .await
    }

    async fn gate_of_pass(&self, pass: PassId) -> Result<Option<GateRecord>, StoreError> {
        let row: Option<GateRow> = self
            .read(move |connection| {
                sqlx::query_as(concat!(
                    "select ",
                    gate_columns!(),
                    " from health_gates g where pass_id = $1"
                ))
                .bind(pass.as_uuid())
                .fetch_optional(connection)
                .err_into()
                .boxed()
            })
            .await?;
        Ok(row.map(GateRow::into_record))
    }

    async fn spend_pass(&self, pass: PassId) -> Result<Spend, StoreError> {
        self.write(move |write| write.spend_pass(pass).boxed()).await
    }

    async fn prune_gates(
        &self,
        keep: Duration,
        batch: u32,
        force: bool,
    ) -> Result<PruneOutcome, StoreError> {
        self.write(move |write| write.prune_gates(keep, batch, force).boxed()).await
    }

    async fn end_host_change(
        &self,
        pass: PassId,
        end: ChangeEnd,
    ) -> Result<HostChange, StoreError> {
        self.write(move |write| write.end_host_change(pass, end).boxed()).await
    }

    async fn host_changes(&self, hosts: &[HostId]) -> Result<Vec<HostChange>, StoreError> {
        let hosts = host_ids(hosts);
        self.read(move |connection| host_change::newest(connection, hosts.clone()).boxed()).await
    }

    async fn return_pass(&self, pass: PassId) -> Result<(), StoreError> {
        self.write(move |write| async move { write.return_pass(pass).await }.boxed()).await
    }

    async fn request_cancel(
        &self,
        job: JobId,
        host: HostId,
        audit: AuditEntry,
    ) -> Result<GateRecord, StoreError> {
        let audit = Arc::new(audit);
        self.write(move |write| {
            let audit = Arc::clone(&audit);
            async move { write.request_cancel(job, host, &audit).await }.boxed()
        })
        .await
    }

    async fn set_override(
        &self,
        job: JobId,
        host: HostId,
        exception: Option<GateOverride>,
        audit: AuditEntry,
    ) -> Result<GateRecord, StoreError> {
        let given = Arc::new((exception, audit));
        self.write(move |write| {
            let given = Arc::clone(&given);
            async move { write.set_override(job, host, given.0.clone(), &given.1).await }.boxed()
        })
        .await
    }

    async fn clear_clock_offset(
        &self,
        job: JobId,
        host: HostId,
        audit: AuditEntry,
    ) -> Result<GateRecord, StoreError> {
        let audit = Arc::new(audit);
        self.write(move |write| {
            let audit = Arc::clone(&audit);
            async move { write.clear_clock_offset(job, host, &audit).await }.boxed()
        })
        .await
    }
}
