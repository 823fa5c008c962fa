//! `GateStore` over Postgres: a gate's record is JSON beside the columns that conditions ask for.

mod change;
mod held;
mod lease;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::FutureExt;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{PgStore, error::translate, row::host_ids};
use crate::{
    model::{
        Attempt, AuditEntry, EndReason, GateId, GateOverride, GatePass, GateRecord, GateRequest,
        HostId, JobId, WorkerId,
    },
    store::{GateClaims, GateStep, GateStore, Spend, StoreError, sql::from_json},
};
const GATE: &str = "gate";
const ATTEMPT: &str = "attempt";

async fn find(
    connection: &mut PgConnection,
    job: JobId,
    host: HostId,
) -> Result<Option<GateRecord>, StoreError> {
    let record: Option<String> = sqlx::query_scalar(
        "select record::text from health_gates where job_id = $1 and host_id = $2",
    )
    .bind(job.as_uuid())
    .bind(host.as_uuid())
    .fetch_optional(connection)
    .await
    .map_err(translate)?;
    record.map(|record| from_json(GATE, &record)).transpose()
}

async fn attempts(
    connection: &mut PgConnection,
    gates: &[Uuid],
) -> Result<Vec<(GateId, Attempt)>, StoreError> {
    let rows: Vec<(Uuid, String)> = sqlx::query_as(
        "select gate_id, record::text from health_gate_attempts where gate_id = any($1) \
         order by array_position($1, gate_id), attempt",
    )
    .bind(gates)
    .fetch_all(connection)
    .await
    .map_err(translate)?;
    let attempt =
        |(id, record): (Uuid, String)| Ok((GateId::from_uuid(id), from_json(ATTEMPT, &record)?));
    rows.into_iter().map(attempt).collect()
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
        let records: Vec<String> = self
            .read(move |connection| {
                sqlx::query_scalar(
                    "select record::text from health_gates where job_id = $1 order by opened_at, id",
                )
                .bind(job.as_uuid())
                .fetch_all(connection)
                .map(|rows| rows.map_err(translate))
                .boxed()
            })
            .await?;
        records.iter().map(|record| from_json(GATE, record)).collect()
    }

    async fn holders_of(&self, hosts: &[HostId]) -> Result<Vec<GateRecord>, StoreError> {
        let hosts = host_ids(hosts);
        let records: Vec<String> = self
            .read(move |connection| {
                sqlx::query_scalar(
                    "select record::text from health_gates \
                     where host_id = any($1) and state in ('waiting', 'passed')",
                )
                .bind(hosts)
                .fetch_all(connection)
                .map(|rows| rows.map_err(translate))
                .boxed()
            })
            .await?;
        records.iter().map(|record| from_json(GATE, record)).collect()
    }

    async fn attempts_of(&self, gates: &[GateId]) -> Result<Vec<(GateId, Attempt)>, StoreError> {
        let gates: Vec<Uuid> = gates.iter().map(GateId::as_uuid).collect();
        self.read(move |connection| async move { attempts(connection, &gates).await }.boxed()).await
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
        let gates = Arc::new(gates.to_vec());
        self.write(move |write| {
            let gates = Arc::clone(&gates);
            async move { write.renew_gates(worker, &gates, lease).await }.boxed()
        })
        .await
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

    async fn spend_pass(&self, pass: &GatePass) -> Result<Spend, StoreError> {
        let pass = Arc::new(pass.clone());
        self.write(move |write| {
            let pass = Arc::clone(&pass);
            async move { write.spend_pass(&pass).await }.boxed()
        })
        .await
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
}
