//! `GateStore` over SQLite: a gate's record is JSON beside the columns that statements ask about.

mod change;
mod lease;
mod row;

use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use uuid::Uuid;

use self::row::find;
use super::{
    SqliteStore,
    error::translate,
    record::{hosts_list, id_list},
};
use crate::{
    model::{
        Attempt, AuditEntry, EndReason, GateId, GateOverride, GatePass, GateRecord, GateRequest,
        HostId, JobId, WorkerId,
    },
    store::{GateClaims, GateStep, GateStore, Spend, StoreError, sql::from_json},
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
        let row = self.read(move |connection| find(connection, job, host).boxed()).await?;
        row.map(|row| row.record()).transpose()
    }

    async fn gates_of(&self, job: JobId) -> Result<Vec<GateRecord>, StoreError> {
        let records: Vec<String> = self
            .read(move |connection| {
                async move {
                    sqlx::query_scalar(
                        "select record from health_gates where job_id = ? order by number",
                    )
                    .bind(job.as_uuid())
                    .fetch_all(connection)
                    .await
                    .map_err(translate)
                }
                .boxed()
            })
            .await?;
        records.iter().map(|record| from_json(GATE, record)).collect()
    }

    async fn holders_of(&self, hosts: &[HostId]) -> Result<Vec<GateRecord>, StoreError> {
        let hosts = hosts_list(hosts);
        let records: Vec<String> = self
            .read(move |connection| {
                async move {
                    sqlx::query_scalar(
                        "select record from health_gates where state in ('waiting', 'passed') \
                         and host_id in (select unhex(value) from json_each(?))",
                    )
                    .bind(hosts)
                    .fetch_all(connection)
                    .await
                    .map_err(translate)
                }
                .boxed()
            })
            .await?;
        records.iter().map(|record| from_json(GATE, record)).collect()
    }

    async fn attempts_of(&self, gates: &[GateId]) -> Result<Vec<(GateId, Attempt)>, StoreError> {
        let wanted = id_list(gates.iter().map(GateId::as_uuid));
        let rows: Vec<(Uuid, String)> = self
            .read(move |connection| {
                async move {
                    sqlx::query_as(
                        "select g.id, a.record from json_each(?) as wanted \
                         cross join health_gates g on g.id = unhex(wanted.value) \
                         join health_gate_attempts a on a.gate_number = g.number \
                         order by wanted.key, a.attempt",
                    )
                    .bind(wanted)
                    .fetch_all(connection)
                    .await
                    .map_err(translate)
                }
                .boxed()
            })
            .await?;
        let attempt = |(id, record): &(Uuid, String)| {
            Ok((GateId::from_uuid(*id), from_json(ATTEMPT, record)?))
        };
        rows.iter().map(attempt).collect()
    }

    async fn claim_gates(
        &self,
        worker: WorkerId,
        limit: u32,
        lease: Duration,
    ) -> Result<GateClaims, StoreError> {
        self.write(move |write| write.claim_gates(worker, limit, lease).boxed()).await
    }

    async fn renew_gates(
        &self,
        worker: WorkerId,
        gates: &[(GateId, i64)],
        lease: Duration,
    ) -> Result<GateClaims, StoreError> {
        let gates = gates.to_vec();
        self.write(move |write| write.renew_gates(worker, gates, lease).boxed()).await
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

    async fn spend_pass(&self, pass: &GatePass) -> Result<Spend, StoreError> {
        let pass = pass.clone();
        self.write(move |write| write.spend_pass(pass).boxed()).await
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
}
