//! What an application does to gates: opens, spends, cancels, and overrides.

use uuid::Uuid;

use super::{GATE, row::find};
use crate::{
    model::{
        AuditEntry, EndReason, GateId, GateOverride, GatePass, GateRecord, GateRequest, GateState,
        HostId, JobId,
    },
    store::{
        Change, Spend, SpendRefusal, StoreError, StoreEvent,
        sql::{to_json, to_word},
        sqlite::{error::translate, record::micros, write::Write},
        transition,
    },
};

impl Write<'_> {
    async fn insert_gate(&mut self, record: &GateRecord) -> Result<(), StoreError> {
        sqlx::query(
            "insert into health_gates (id, job_id, host_id, state, closes_at, pass_valid_until, \
             cancel_requested, token, record) values (?, ?, ?, ?, ?, null, 0, 0, ?)",
        )
        .bind(record.id.as_uuid())
        .bind(record.job_id.as_uuid())
        .bind(record.host_id.as_uuid())
        .bind(to_word(GATE, &record.state)?)
        .bind(micros(record.window.closes_at()))
        .bind(to_json(GATE, record)?)
        .execute(&mut *self.connection)
        .await
        .map_err(translate)?;
        self.tell(StoreEvent::of_gate(record));
        Ok(())
    }

    pub(super) async fn open_gate(
        &mut self,
        request: GateRequest,
    ) -> Result<GateRecord, StoreError> {
        if let Some(row) = find(self.connection, request.job_id, request.host_id).await? {
            return row.record();
        }
        let holder: Option<Uuid> = sqlx::query_scalar(
            "select id from health_gates where host_id = ? and state in ('waiting', 'passed')",
        )
        .bind(request.host_id.as_uuid())
        .fetch_optional(&mut *self.connection)
        .await
        .map_err(translate)?;
        if let Some(holder) = holder {
            return Err(StoreError::GateBusy { holder: GateId::from_uuid(holder) });
        }
        let record = GateRecord::open(GateId::generate(), &request, self.now);
        self.insert_gate(&record).await?;
        Ok(record)
    }

    pub(super) async fn open_ended_gate(
        &mut self,
        request: GateRequest,
        reason: EndReason,
        detail: String,
    ) -> Result<GateRecord, StoreError> {
        if let Some(row) = find(self.connection, request.job_id, request.host_id).await? {
            return row.record();
        }
        let mut record = GateRecord::open(GateId::generate(), &request, self.now);
        record.detail = detail;
        transition::end(&mut record, reason, self.now);
        self.insert_gate(&record).await?;
        Ok(record)
    }

    pub(super) async fn spend_pass(&mut self, pass: GatePass) -> Result<Spend, StoreError> {
        let mut rows = self.gates_by_id(std::iter::once(pass.gate_id)).await?;
        let Some((row, mut record)) = rows.remove(&pass.gate_id) else {
            return Ok(Spend::Refused(SpendRefusal::Superseded));
        };
        if let Some(refusal) = transition::refusal(&record, row.lease.token, &pass, self.now) {
            return Ok(Spend::Refused(refusal));
        }
        transition::spend(&mut record, self.now);
        self.save_gate(row.number, &record, true).await?;
        self.ask(&Change::PassSpent(&record)).await?;
        Ok(Spend::Spent(Box::new(record)))
    }

    pub(super) async fn request_cancel(
        &mut self,
        job: JobId,
        host: HostId,
        audit: AuditEntry,
    ) -> Result<GateRecord, StoreError> {
        let row = find(self.connection, job, host).await?.ok_or(StoreError::NotFound)?;
        let mut record = row.record()?;
        if record.state.is_terminal() || record.cancel_requested {
            return Ok(record);
        }
        record.cancel_requested = true;
        self.save_gate(row.number, &record, false).await?;
        self.audit(audit).await?;
        Ok(record)
    }

    pub(super) async fn set_override(
        &mut self,
        job: JobId,
        host: HostId,
        exception: Option<GateOverride>,
        audit: AuditEntry,
    ) -> Result<GateRecord, StoreError> {
        let row = find(self.connection, job, host).await?.ok_or(StoreError::NotFound)?;
        let mut record = row.record()?;
        if record.state != GateState::Waiting {
            return Err(StoreError::InvalidState { state: "the gate does not wait" });
        }
        record.exception = exception;
        self.save_gate(row.number, &record, false).await?;
        self.audit(audit).await?;
        Ok(record)
    }
}
