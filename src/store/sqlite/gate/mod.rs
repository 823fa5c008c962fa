//! `GateStore` over SQLite. A gate's record is JSON next to the columns that statements use.

mod change;
mod group;
mod host_change;
mod lease;
mod rollout;
mod row;
mod verification;

use std::time::Duration;

use async_trait::async_trait;
use futures_util::{FutureExt, TryFutureExt};
use uuid::Uuid;

use self::row::{GateRow, find, find_by_pass};
use super::{
    SqliteStore,
    record::{hosts_list, id_list, instant},
};
use crate::{
    model::{
        Attempt, AuditEntry, ChangeEnd, EndReason, GateId, GateOverride, GateRecord, GateRequest,
        HostChange, HostId, JobId, PassId, WorkerId,
    },
    store::{
        GateClaims, GateExtension, GateStep, GateStore, GateWatch, PruneOutcome, Spend, StoreError,
        sql::read_attempt,
    },
};

const GATE: &str = "gate";
const ATTEMPT: &str = "attempt";

#[async_trait]
impl GateStore for SqliteStore {
    async fn open_gate(&self, request: GateRequest) -> Result<GateRecord, StoreError> {
        self.write(move |write| write.open_gate(request).boxed()).await
    }

    async fn open_ended_gate(
        &self,
        request: GateRequest,
        reason: EndReason,
        detail: String,
    ) -> Result<GateRecord, StoreError> {
        self.write(move |write| write.open_ended_gate(request, reason, detail).boxed()).await
    }

    async fn gate(&self, job: JobId, host: HostId) -> Result<Option<GateRecord>, StoreError> {
        let row =
            self.read(move |connection| find(connection, job, host).err_into().boxed()).await?;
        Ok(row.map(|row| row.record()))
    }

    async fn gates_of(&self, job: JobId) -> Result<Vec<GateRecord>, StoreError> {
        let rows: Vec<GateRow> = self
            .read(move |connection| {
                sqlx::query_as(
                    "select * from health_gates g where job_id = ?1 and generation = \
                         (select max(generation) from health_gates \
                          where job_id = ?1 and host_id = g.host_id) order by number",
                )
                .bind(job.as_uuid())
                .fetch_all(connection)
                .err_into()
                .boxed()
            })
            .await?;
        Ok(rows.iter().map(GateRow::record).collect())
    }

    async fn generations_of(
        &self,
        job: JobId,
        host: HostId,
    ) -> Result<Vec<GateRecord>, StoreError> {
        let rows: Vec<GateRow> = self
            .read(move |connection| {
                sqlx::query_as(
                    "select * from health_gates where job_id = ? and host_id = ? \
                         order by generation",
                )
                .bind(job.as_uuid())
                .bind(host.as_uuid())
                .fetch_all(connection)
                .err_into()
                .boxed()
            })
            .await?;
        Ok(rows.iter().map(GateRow::record).collect())
    }

    async fn holders_of(&self, hosts: &[HostId]) -> Result<Vec<GateRecord>, StoreError> {
        let hosts = hosts_list(hosts);
        let rows: Vec<GateRow> = self
            .read(move |connection| {
                sqlx::query_as(
                    "select * from health_gates where state in ('waiting', 'passed') \
                         and host_id in (select unhex(value) from json_each(?))",
                )
                .bind(hosts)
                .fetch_all(connection)
                .err_into()
                .boxed()
            })
            .await?;
        Ok(rows.iter().map(GateRow::record).collect())
    }

    async fn attempts_of(&self, gates: &[GateId]) -> Result<Vec<(GateId, Attempt)>, StoreError> {
        self.newest_attempts_of(gates, u32::MAX).await
    }

    async fn newest_attempts_of(
        &self,
        gates: &[GateId],
        limit: u32,
    ) -> Result<Vec<(GateId, Attempt)>, StoreError> {
        let wanted = id_list(gates.iter().map(GateId::as_uuid));
        let rows: Vec<(Uuid, i32, i64, Vec<u8>)> = self
            .read(move |connection| {
                sqlx::query_as(
                    "select g.id, a.attempt, g.opens_at, cast(a.record as blob) from json_each(?) as wanted \
                     cross join health_gates g on g.id = unhex(wanted.value) \
                     join health_gate_attempts a on a.gate_number = g.number \
                     where a.attempt > (select coalesce(max(attempt), 0) \
                     from health_gate_attempts where gate_number = g.number) - ? \
                     order by wanted.key, a.attempt",
                )
                .bind(wanted)
                .bind(limit)
                .fetch_all(connection)
                .err_into()
                .boxed()
            })
            .await?;
        let attempt = |(gate, number, opens_at, record): &(Uuid, i32, i64, Vec<u8>)| {
            let (gate, opens_at) = (GateId::from_uuid(*gate), instant(*opens_at));
            let record = String::from_utf8_lossy(record);
            (gate, read_attempt(gate, *number, opens_at.unwrap_or_default(), &record))
        };
        Ok(rows.iter().map(attempt).collect())
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
                let known = id_list(gates.iter().map(GateId::as_uuid));
                self.write(move |write| write.extend_gate_lease(worker, known, lease).boxed()).await
            }
            None => {
                let now = self.time();
                self.read(move |connection| lease::watch_gates(connection, worker, now).boxed())
                    .await
            }
        }
    }

    async fn settle_gates(
        &self,
        worker: WorkerId,
        steps: Vec<GateStep>,
    ) -> Result<Vec<GateId>, StoreError> {
        self.write(move |write| write.settle_gates(worker, steps).boxed()).await
    }

    async fn release_gates(
        &self,
        worker: WorkerId,
        gates: &[(GateId, i64)],
    ) -> Result<(), StoreError> {
        let gates = gates.to_vec();
        self.write(move |write| write.release_gates(worker, gates).boxed()).await
    }

    async fn gate_of_pass(&self, pass: PassId) -> Result<Option<GateRecord>, StoreError> {
        let row =
            self.read(move |connection| find_by_pass(connection, pass).err_into().boxed()).await?;
        Ok(row.map(|row| row.record()))
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
        let hosts = hosts_list(hosts);
        self.read(move |connection| host_change::newest(connection, hosts).boxed()).await
    }

    async fn return_pass(&self, pass: PassId) -> Result<(), StoreError> {
        self.write(move |write| write.return_pass(pass).boxed()).await
    }

    async fn request_cancel(
        &self,
        job: JobId,
        host: HostId,
        audit: AuditEntry,
    ) -> Result<GateRecord, StoreError> {
        self.write(move |write| write.request_cancel(job, host, audit).boxed()).await
    }

    async fn set_override(
        &self,
        job: JobId,
        host: HostId,
        exception: Option<GateOverride>,
        audit: AuditEntry,
    ) -> Result<GateRecord, StoreError> {
        self.write(move |write| write.set_override(job, host, exception, audit).boxed()).await
    }

    async fn clear_clock_offset(
        &self,
        job: JobId,
        host: HostId,
        audit: AuditEntry,
    ) -> Result<GateRecord, StoreError> {
        self.write(move |write| write.clear_clock_offset(job, host, audit).boxed()).await
    }
}
