//! Calls of an application on gates: open, spend, cancel and override.

use uuid::Uuid;

use super::{
    GATE, host_change,
    row::{find, find_by_pass},
};
use crate::{
    model::{
        AuditEntry, EndReason, GateId, GateOverride, GateRecord, GateRequest, HostId, JobId, PassId,
    },
    store::{
        Change, Spend, SpendRefusal, StoreError, StoreEvent,
        sql::{StoredGate, sound, to_json, to_word},
        sqlite::{
            error::OperationError,
            record::{hosts_list, micros},
            write::Write,
        },
        transition,
    },
};

impl Write<'_> {
    async fn insert_gate(&mut self, record: &GateRecord) -> Result<(), OperationError> {
        sqlx::query(
            "insert into health_gates (id, job_id, host_id, generation, exempt, state, opens_at, closes_at, \
             pass_valid_until, cancel_requested, ended_at, token, record) \
             values (?, ?, ?, ?, ?, ?, ?, ?, null, 0, ?, 0, ?)",
        )
        .bind(record.id.as_uuid())
        .bind(record.job_id.as_uuid())
        .bind(record.host_id.as_uuid())
        .bind(record.generation)
        .bind(record.exempt)
        .bind(to_word(GATE, &record.state)?)
        .bind(micros(record.window.opens_at()))
        .bind(micros(record.window.closes_at()))
        .bind(record.ended_at.map(micros))
        .bind(to_json(GATE, record)?)
        .execute(&mut *self.connection)
        .await?;
        self.tell(StoreEvent::of_gate(record));
        Ok(())
    }

    /// Returns the generation that a request opens, or the existing gate that answers it.
    async fn generation_for(
        &mut self,
        request: &GateRequest,
    ) -> Result<Result<u32, GateRecord>, OperationError> {
        let own = find(self.connection, request.job_id, request.host_id).await?;
        let own = own.map(|row| row.record());
        Ok(match (transition::next_generation(own.as_ref(), request), own) {
            (None, Some(own)) => Err(own),
            (generation, _) => Ok(generation.unwrap_or(1)),
        })
    }

    pub(super) async fn open_gate(
        &mut self,
        request: GateRequest,
    ) -> Result<GateRecord, OperationError> {
        let generation = match self.generation_for(&request).await? {
            Ok(generation) => generation,
            Err(own) => return Ok(own),
        };
        let holder: Option<Uuid> = sqlx::query_scalar(
            "select id from health_gates \
             where host_id = ? and exempt = ? and state in ('waiting', 'passed')",
        )
        .bind(request.host_id.as_uuid())
        .bind(request.exempt)
        .fetch_optional(&mut *self.connection)
        .await?;
        if let Some(holder) = holder {
            return Err(StoreError::GateBusy { holder: GateId::from_uuid(holder) }.into());
        }
        let mut record = GateRecord::open(GateId::generate(), &request, self.time().await?);
        record.generation = generation;
        self.insert_gate(&record).await?;
        Ok(record)
    }

    pub(super) async fn open_ended_gate(
        &mut self,
        request: GateRequest,
        reason: EndReason,
        detail: String,
    ) -> Result<GateRecord, OperationError> {
        let generation = match self.generation_for(&request).await? {
            Ok(generation) => generation,
            Err(own) => return Ok(own),
        };
        let mut record = GateRecord::open(GateId::generate(), &request, self.time().await?);
        record.generation = generation;
        record.detail = detail;
        transition::end(&mut record, reason, self.now);
        self.insert_gate(&record).await?;
        Ok(record)
    }

    pub(super) async fn spend_pass(&mut self, pass: PassId) -> Result<Spend, OperationError> {
        let Some(mut row) = find_by_pass(self.connection, pass).await? else {
            return Ok(Spend::Refused(SpendRefusal::Superseded));
        };
        let mut record = row.record();
        if let Some(refusal) = transition::refusal(&record, row.token, pass, self.now) {
            return Ok(Spend::Refused(refusal));
        }
        if !record.exempt
            && let Some(status) = self.rollout(record.job_id).await?
            && let Some(refusal) = transition::admit(&status.rollout, &status.counts)
        {
            return Ok(Spend::Refused(refusal));
        }
        let groups = self.groups_of(record.host_id).await?;
        if let Some(refusal) = transition::admit_to_groups(&groups, record.host_id) {
            return Ok(Spend::Refused(refusal));
        }
        let host = hosts_list(&[record.host_id]);
        let newest = host_change::newest(self.connection, host).await?.pop();
        if let Some(refusal) = transition::admit_after_change(&record, newest.as_ref(), self.now) {
            return Ok(Spend::Refused(refusal));
        }
        transition::spend(&mut record, self.now);
        if !self.begin_host_change(&record).await? {
            return Ok(Spend::Refused(SpendRefusal::HostBusy));
        }
        row.owner = None;
        self.save_gate(&row, &record).await?;
        self.ask(&Change::PassSpent(&record)).await?;
        Ok(Spend::Spent(Box::new(record)))
    }

    pub(super) async fn return_pass(&mut self, pass: PassId) -> Result<(), OperationError> {
        let Some(mut row) = find_by_pass(self.connection, pass).await? else { return Ok(()) };
        let StoredGate { mut record, readable } = row.gate();
        if readable && transition::take_back(&mut record, pass, self.time().await?) {
            row.changes += 1;
            self.save_gate(&row, &record).await?;
        }
        Ok(())
    }

    pub(super) async fn request_cancel(
        &mut self,
        job: JobId,
        host: HostId,
        audit: AuditEntry,
    ) -> Result<GateRecord, OperationError> {
        let mut row = find(self.connection, job, host).await?.ok_or(StoreError::NotFound)?;
        let mut record = row.record();
        if record.state.is_terminal() || record.cancel_requested {
            return Ok(record);
        }
        record.cancel_requested = true;
        row.changes += 1;
        self.save_gate(&row, &record).await?;
        self.audit(audit).await?;
        Ok(record)
    }

    pub(super) async fn set_override(
        &mut self,
        job: JobId,
        host: HostId,
        exception: Option<GateOverride>,
        audit: AuditEntry,
    ) -> Result<GateRecord, OperationError> {
        let mut row = find(self.connection, job, host).await?.ok_or(StoreError::NotFound)?;
        let StoredGate { mut record, readable } = row.gate();
        sound(readable)?;
        if !transition::takes_override(&record, exception.as_ref()) {
            return Err(StoreError::InvalidState { state: "the gate is not waiting" }.into());
        }
        record.exception = exception;
        row.changes += 1;
        self.save_gate(&row, &record).await?;
        self.audit(audit).await?;
        Ok(record)
    }

    pub(super) async fn clear_clock_offset(
        &mut self,
        job: JobId,
        host: HostId,
        audit: AuditEntry,
    ) -> Result<GateRecord, OperationError> {
        let mut row = find(self.connection, job, host).await?.ok_or(StoreError::NotFound)?;
        let StoredGate { mut record, readable } = row.gate();
        sound(readable)?;
        if transition::clear_clock_offset(&mut record, self.now)? {
            row.changes += 1;
            self.save_gate(&row, &record).await?;
            self.audit(audit).await?;
        }
        Ok(record)
    }
}
