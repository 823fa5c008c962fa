//! What an application does to gates: opens, spends, cancels, and overrides.

use uuid::Uuid;

use super::{GATE, find};
use crate::{
    model::{
        AuditEntry, EndReason, GateId, GateOverride, GatePass, GateRecord, GateRequest, GateState,
        HostId, JobId,
    },
    store::{
        Change, Spend, SpendRefusal, StoreError, StoreEvent,
        postgres::{error::translate, write::Write},
        sql::{to_json, to_word},
        transition,
    },
};
impl Write<'_> {
    /// Enters a gate, or answers with what is in its way: the job's own gate, or the host's holder.
    async fn enter_gate(&mut self, record: GateRecord) -> Result<GateRecord, StoreError> {
        loop {
            let entered = sqlx::query(
                "insert into health_gates (id, job_id, host_id, state, opened_at, closes_at, \
                 cancel_requested, record) values ($1, $2, $3, $4, $5, $6, false, $7::jsonb) \
                 on conflict do nothing",
            )
            .bind(record.id.as_uuid())
            .bind(record.job_id.as_uuid())
            .bind(record.host_id.as_uuid())
            .bind(to_word(GATE, &record.state)?)
            .bind(record.opened_at)
            .bind(record.window.closes_at())
            .bind(to_json(GATE, &record)?)
            .execute(&mut *self.connection)
            .await
            .map_err(translate)?;
            if entered.rows_affected() == 1 {
                self.tell(StoreEvent::of_gate(&record));
                return Ok(record);
            }
            if let Some(own) = find(self.connection, record.job_id, record.host_id).await? {
                return Ok(own);
            }
            let holder: Option<Uuid> = sqlx::query_scalar(
                "select id from health_gates where host_id = $1 and state in ('waiting', 'passed')",
            )
            .bind(record.host_id.as_uuid())
            .fetch_optional(&mut *self.connection)
            .await
            .map_err(translate)?;
            // Without a holder it has just ended: the host is free now.
            if let Some(holder) = holder {
                return Err(StoreError::GateBusy { holder: GateId::from_uuid(holder) });
            }
        }
    }

    pub(super) async fn open_gate(
        &mut self,
        request: &GateRequest,
    ) -> Result<GateRecord, StoreError> {
        if let Some(own) = find(self.connection, request.job_id, request.host_id).await? {
            return Ok(own);
        }
        let now = self.now().await?;
        self.enter_gate(GateRecord::open(GateId::generate(), request, now)).await
    }

    pub(super) async fn open_ended_gate(
        &mut self,
        request: &GateRequest,
        reason: EndReason,
        detail: &str,
    ) -> Result<GateRecord, StoreError> {
        if let Some(own) = find(self.connection, request.job_id, request.host_id).await? {
            return Ok(own);
        }
        let now = self.now().await?;
        let mut record = GateRecord::open(GateId::generate(), request, now);
        detail.clone_into(&mut record.detail);
        transition::end(&mut record, reason, now);
        self.enter_gate(record).await
    }

    pub(super) async fn spend_pass(&mut self, pass: &GatePass) -> Result<Spend, StoreError> {
        let mut gates = self.lock_gates(std::iter::once(pass.gate_id)).await?;
        let Some(gate) = gates.get_mut(&pass.gate_id) else {
            return Ok(Spend::Refused(SpendRefusal::Superseded));
        };
        let now = self.now().await?;
        if let Some(refusal) = transition::refusal(&gate.record, gate.token, pass, now) {
            return Ok(Spend::Refused(refusal));
        }
        transition::spend(&mut gate.record, now);
        gate.end_lease();
        self.save_gates(gates.values()).await?;
        let Some(gate) = gates.remove(&pass.gate_id) else {
            return Err(StoreError::NotFound);
        };
        self.ask(&Change::PassSpent(&gate.record)).await?;
        Ok(Spend::Spent(Box::new(gate.record)))
    }

    pub(super) async fn request_cancel(
        &mut self,
        job: JobId,
        host: HostId,
        audit: &AuditEntry,
    ) -> Result<GateRecord, StoreError> {
        let mut gate = self.lock_gate(job, host).await?;
        if gate.record.state.is_terminal() || gate.record.cancel_requested {
            return Ok(gate.record);
        }
        gate.record.cancel_requested = true;
        gate.changed = true;
        self.save_gates(std::iter::once(&gate)).await?;
        self.audit(audit).await?;
        Ok(gate.record)
    }

    pub(super) async fn set_override(
        &mut self,
        job: JobId,
        host: HostId,
        exception: Option<GateOverride>,
        audit: &AuditEntry,
    ) -> Result<GateRecord, StoreError> {
        let mut gate = self.lock_gate(job, host).await?;
        if gate.record.state != GateState::Waiting {
            return Err(StoreError::InvalidState { state: "the gate does not wait" });
        }
        gate.record.exception = exception;
        gate.changed = true;
        self.save_gates(std::iter::once(&gate)).await?;
        self.audit(audit).await?;
        Ok(gate.record)
    }
}
