//! Overrides, cancellation and clock corrections of a gate (G26).

use chrono::{DateTime, Utc};

use super::handle::{Gate, GateError};
use crate::{
    gate::decide::WindowAnswer,
    model::{
        Actor, AuditAction, AuditEntry, CheckId, FieldChange, GateOverride, GateRecord, HostId,
        JobId, OverriddenCheck, ViolationCode, Violations, instant,
    },
    store::StoreError,
};

/// An administrator's request to let failing checks pass.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OverrideRequest {
    /// The job.
    pub job_id: JobId,
    /// The host.
    pub host_id: HostId,
    /// The checks of the host that may fail.
    pub check_ids: Vec<CheckId>,
    /// The reason, in 10 to 500 characters.
    pub reason: String,
    /// The expiry: in the future, and not after the gate's end.
    pub expires_at: DateTime<Utc>,
}

impl Gate {
    /// Lets the named checks fail for one job on one host.
    ///
    /// The override covers the present revision of each check: a check that is changed afterwards blocks
    /// again. It replaces an earlier override. The audit record is written in the same step. An override
    /// never changes window, cancellation or clock.
    ///
    /// Authorize the actor before the call. From then on, the runner asks
    /// [`OverrideRights`](super::OverrideRights) at every look.
    ///
    /// # Errors
    /// [`GateError::Invalid`] with every violation: no check, a check that the host does not have, a reason
    /// that is too short or too long, or an expiry in the past or after the end.
    /// [`StoreError::NotFound`] if the job has no gate on this host, [`StoreError::InvalidState`] if the
    /// gate is not waiting.
    pub async fn override_checks(
        &self,
        request: OverrideRequest,
        actor: Actor,
    ) -> Result<GateRecord, GateError> {
        let OverrideRequest { job_id, host_id, check_ids, reason, expires_at } = request;
        let record = self.store.gate(job_id, host_id).await?.ok_or(StoreError::NotFound)?;
        let health = self.health_of(&record).await?;
        let end = match self.window_of(&record).await? {
            WindowAnswer::Open(window) => self.policy.end_of(window, record.window_kind),
            _ => self.policy.end_of(record.window, record.window_kind),
        };
        let now = self.store.now().await?;
        let mut violations = Violations::new();
        let (mut checks, mut names) = (Vec::new(), Vec::new());
        for check_id in check_ids {
            match health.requirements.iter().find(|check| check.check_id == check_id) {
                Some(_)
                    if checks.iter().any(|named: &OverriddenCheck| named.check_id == check_id) => {}
                Some(check) => {
                    checks.push(OverriddenCheck { check_id, revision: check.revision });
                    names.push(check.name.to_string());
                }
                None => {
                    let message = format!("the host has no check {check_id}");
                    violations.push("check_ids", ViolationCode::UnknownValue, message);
                }
            }
        }
        let expires_at = instant::truncate(expires_at);
        let made = GateOverride::new(checks, &reason, expires_at, actor.name.clone(), now, end);
        let exception = match made {
            Ok(exception) if violations.is_empty() => exception,
            made => {
                for violation in made.err().iter().flat_map(Violations::as_slice) {
                    // Unknown checks are reported already; "no check" would only repeat that.
                    if !violations.contains(&violation.field, ViolationCode::UnknownValue) {
                        violations.push(&violation.field, violation.code, &*violation.message);
                    }
                }
                return Err(GateError::Invalid(violations));
            }
        };
        let change = |field: &str, after: String| FieldChange {
            field: field.to_owned(),
            before: None,
            after: Some(after),
        };
        let audit = AuditEntry {
            changes: vec![
                change("checks", names.join(", ")),
                change("expires_at", instant::to_text(&expires_at)),
            ],
            reason: Some(exception.reason.clone()),
            ..AuditEntry::allowed(actor, AuditAction::GateOverridden).with_gate(job_id, host_id)
        };
        let record = self.store.set_override(job_id, host_id, Some(exception), audit).await?;
        self.nudge();
        Ok(record)
    }

    /// Removes the override of a gate, if there is one, with its audit record in the same step.
    ///
    /// If the gate has passed because of the override, its pass can no longer be spent. The gate waits
    /// again once the pass has expired.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the job has no gate on this host, [`StoreError::InvalidState`] if the
    /// gate has ended or its pass was spent.
    pub async fn remove_override(
        &self,
        job_id: JobId,
        host_id: HostId,
        actor: Actor,
    ) -> Result<GateRecord, GateError> {
        let record = self.store.gate(job_id, host_id).await?.ok_or(StoreError::NotFound)?;
        if record.exception.is_none() {
            return Ok(record);
        }
        let audit =
            AuditEntry::allowed(actor, AuditAction::GateOverrideRemoved).with_gate(job_id, host_id);
        let record = self.store.set_override(job_id, host_id, None, audit).await?;
        self.nudge();
        Ok(record)
    }

    /// Requests the cancellation of a gate, with its audit record in the same step, and returns the gate.
    ///
    /// From then on the pass of the gate cannot be spent, and a runner ends the gate. A gate that has ended
    /// does not change.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the job has no gate on this host.
    pub async fn cancel(
        &self,
        job_id: JobId,
        host_id: HostId,
        actor: Actor,
    ) -> Result<GateRecord, GateError> {
        let audit =
            AuditEntry::allowed(actor, AuditAction::GateCancelled).with_gate(job_id, host_id);
        let record = self.store.request_cancel(job_id, host_id, audit).await?;
        self.nudge();
        Ok(record)
    }

    /// Resets the time of a gate to the store's clock, with its audit record in the same step.
    ///
    /// Call it after a wrong clock has been corrected. The gate keeps its own time, which is then ahead by
    /// [`GateRecord::clock_offset`], and its window closes too early by that offset. The call does nothing if
    /// the two times agree.
    ///
    /// Never call it while the clock is wrong: the host could be touched after its window.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the job has no gate on this host, [`StoreError::InvalidState`] if the
    /// gate has ended.
    pub async fn clear_clock_offset(
        &self,
        job_id: JobId,
        host_id: HostId,
        actor: Actor,
    ) -> Result<GateRecord, GateError> {
        let record = self.store.gate(job_id, host_id).await?.ok_or(StoreError::NotFound)?;
        let change = FieldChange {
            field: "clock_offset_us".to_owned(),
            before: Some(record.clock_offset_us.to_string()),
            after: Some("0".to_owned()),
        };
        let audit = AuditEntry {
            changes: vec![change],
            ..AuditEntry::allowed(actor, AuditAction::GateClockCleared).with_gate(job_id, host_id)
        };
        let record = self.store.clear_clock_offset(job_id, host_id, audit).await?;
        self.nudge();
        Ok(record)
    }
}
