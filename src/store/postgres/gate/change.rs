//! Calls of an application on gates: open, spend, cancel and override.

use uuid::Uuid;

use super::{GATE, find};
use crate::{
    model::{
        AuditEntry, EndReason, GateId, GateOverride, GateRecord, GateRequest, HostId, JobId, PassId,
    },
    store::{
        Change, Spend, SpendRefusal, StoreError, StoreEvent,
        postgres::{error::OperationError, write::Write},
        sql::{sound, to_json, to_word},
        transition,
    },
};
impl Write<'_> {
    /// Inserts a gate, or returns the obstacle: the job's own gate, or the host's holder.
    async fn enter_gate(&mut self, record: GateRecord) -> Result<GateRecord, OperationError> {
        loop {
            let entered = sqlx::query(
                "insert into health_gates (id, job_id, host_id, generation, exempt, state, opened_at, \
                 opens_at, closes_at, cancel_requested, ended_at, record) \
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, false, $10, $11::jsonb) \
                 on conflict do nothing",
            )
            .bind(record.id.as_uuid())
            .bind(record.job_id.as_uuid())
            .bind(record.host_id.as_uuid())
            .bind(i32::try_from(record.generation).unwrap_or(i32::MAX))
            .bind(record.exempt)
            .bind(to_word(GATE, &record.state)?)
            .bind(record.opened_at)
            .bind(record.window.opens_at())
            .bind(record.window.closes_at())
            .bind(record.ended_at)
            .bind(to_json(GATE, &record)?)
            .execute(&mut *self.connection)
            .await?;
            if entered.rows_affected() == 1 {
                self.tell(StoreEvent::of_gate(&record));
                return Ok(record);
            }
            let own = find(self.connection, record.job_id, record.host_id).await?;
            if let Some(own) = own.filter(|own| own.generation >= record.generation) {
                return Ok(own);
            }
            let holder: Option<Uuid> = sqlx::query_scalar(
                "select id from health_gates \
                 where host_id = $1 and exempt = $2 and state in ('waiting', 'passed')",
            )
            .bind(record.host_id.as_uuid())
            .bind(record.exempt)
            .fetch_optional(&mut *self.connection)
            .await?;
            // Without a holder, the other gate has just ended and the host is free.
            if let Some(holder) = holder {
                return Err(StoreError::GateBusy { holder: GateId::from_uuid(holder) }.into());
            }
        }
    }

    /// Returns the generation that a request opens, or the existing gate that answers it.
    async fn generation_for(
        &mut self,
        request: &GateRequest,
    ) -> Result<Result<u32, GateRecord>, OperationError> {
        let own = find(self.connection, request.job_id, request.host_id).await?;
        Ok(match (transition::next_generation(own.as_ref(), request), own) {
            (None, Some(own)) => Err(own),
            (generation, _) => Ok(generation.unwrap_or(1)),
        })
    }

    pub(super) async fn open_gate(
        &mut self,
        request: &GateRequest,
    ) -> Result<GateRecord, OperationError> {
        let generation = match self.generation_for(request).await? {
            Ok(generation) => generation,
            Err(own) => return Ok(own),
        };
        let now = self.time().await?;
        let record = GateRecord::open(GateId::generate(), request, now);
        self.enter_gate(GateRecord { generation, ..record }).await
    }

    pub(super) async fn open_ended_gate(
        &mut self,
        request: &GateRequest,
        reason: EndReason,
        detail: &str,
    ) -> Result<GateRecord, OperationError> {
        let generation = match self.generation_for(request).await? {
            Ok(generation) => generation,
            Err(own) => return Ok(own),
        };
        let now = self.time().await?;
        let mut record = GateRecord::open(GateId::generate(), request, now);
        record.generation = generation;
        detail.clone_into(&mut record.detail);
        transition::end(&mut record, reason, now.at);
        self.enter_gate(record).await
    }

    /// Spends a pass with the SQL function that any driver can call, and calls the hook.
    pub(in crate::store::postgres) async fn spend_pass(
        &mut self,
        pass: PassId,
    ) -> Result<Spend, OperationError> {
        // The history of an unreadable gate is unknown (F221).
        let gate = self.lock_gate_of_pass(pass).await?;
        if !gate.is_some_and(|gate| gate.readable) {
            return Ok(Spend::Refused(SpendRefusal::Superseded));
        }
        let said: String = sqlx::query_scalar("select health_spend_pass($1)")
            .bind(pass.as_uuid())
            .fetch_one(&mut *self.connection)
            .await?;
        if let Some(refusal) = refusal_of(&said)? {
            return Ok(Spend::Refused(refusal));
        }
        let spent = self.lock_gate_of_pass(pass).await?.ok_or(StoreError::NotFound)?.record;
        self.ask(&Change::PassSpent(&spent)).await?;
        Ok(Spend::Spent(Box::new(spent)))
    }

    pub(super) async fn return_pass(&mut self, pass: PassId) -> Result<(), OperationError> {
        let Some(mut gate) = self.lock_gate_of_pass(pass).await? else { return Ok(()) };
        let now = self.time().await?;
        if gate.readable && transition::take_back(&mut gate.record, pass, now) {
            gate.change();
            self.save_gates(std::iter::once(&gate)).await?;
        }
        Ok(())
    }

    pub(super) async fn request_cancel(
        &mut self,
        job: JobId,
        host: HostId,
        audit: &AuditEntry,
    ) -> Result<GateRecord, OperationError> {
        let mut gate = self.lock_gate(job, host).await?;
        if gate.record.state.is_terminal() || gate.record.cancel_requested {
            return Ok(gate.record);
        }
        gate.record.cancel_requested = true;
        gate.change();
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
    ) -> Result<GateRecord, OperationError> {
        let mut gate = self.lock_gate(job, host).await?;
        sound(gate.readable)?;
        if !transition::takes_override(&gate.record, exception.as_ref()) {
            return Err(StoreError::InvalidState { state: "the gate is not waiting" }.into());
        }
        gate.record.exception = exception;
        gate.change();
        self.save_gates(std::iter::once(&gate)).await?;
        self.audit(audit).await?;
        Ok(gate.record)
    }

    pub(super) async fn clear_clock_offset(
        &mut self,
        job: JobId,
        host: HostId,
        audit: &AuditEntry,
    ) -> Result<GateRecord, OperationError> {
        let mut gate = self.lock_gate(job, host).await?;
        sound(gate.readable)?;
        let now = self.now().await?;
        if transition::clear_clock_offset(&mut gate.record, now)? {
            gate.change();
            self.save_gates(std::iter::once(&gate)).await?;
            self.audit(audit).await?;
        }
        Ok(gate.record)
    }
}

/// Parses the answer of `health_spend_pass`. `None` means that the pass is spent.
fn refusal_of(said: &str) -> Result<Option<SpendRefusal>, StoreError> {
    Ok(Some(match said {
        "spent" => return Ok(None),
        "already_spent" => SpendRefusal::AlreadySpent,
        "expired" => SpendRefusal::Expired,
        "cancelled" => SpendRefusal::Cancelled,
        "superseded" => SpendRefusal::Superseded,
        "host_busy" => SpendRefusal::HostBusy,
        "outdated" => SpendRefusal::Outdated,
        "no_slot" => SpendRefusal::NoSlot,
        "halted" => SpendRefusal::Halted,
        "group_at_limit" => SpendRefusal::GroupAtLimit,
        other => return Err(StoreError::corrupt(GATE, format!("unknown refusal {other}"))),
    }))
}
