//! Letting named failing checks pass, for one job on one host (G26).

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

/// What an administrator asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OverrideRequest {
    /// For this job.
    pub job_id: JobId,
    /// On this host.
    pub host_id: HostId,
    /// These checks of the host may fail.
    pub check_ids: Vec<CheckId>,
    /// Why, in 10 to 500 characters.
    pub reason: String,
    /// Until when; in the future, and not after the gate's end.
    pub expires_at: DateTime<Utc>,
}

impl Gate {
    /// Lets the named checks fail for one job on one host, in the revision that they have now: a check
    /// that is changed afterwards blocks again. It takes the place of an earlier override, and its
    /// audit record is written in the same step. It never touches window, cancellation or clock.
    ///
    /// Whether the actor may do this is for the caller to ask first, and for
    /// [`OverrideRights`](super::OverrideRights) at every look from then on.
    ///
    /// # Errors
    /// [`GateError::Invalid`] with every violation: no check, or one that the host does not have, a
    /// reason too short or too long, an expiry that is past or after the end.
    /// [`StoreError::NotFound`] where the job has no gate on this host, [`StoreError::InvalidState`]
    /// where it does not wait.
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
                    // That no check is left is no news where the named ones are unknown.
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

    /// Takes the override of a gate back, with its audit record in the same step. If there is none,
    /// nothing happens. A gate that has passed by it keeps its pass, which cannot be spent any more: it
    /// waits again once the pass's time is over.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the job has no gate on this host, [`StoreError::InvalidState`] if it
    /// has ended or its pass was spent.
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

    /// Asks for a gate's cancellation, with its audit record in the same step. From here on its pass cannot be
    /// spent, and a runner ends the gate. Returns the gate as it then stands; one that has ended is unchanged.
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

    /// Puts the time of a gate back to the store's clock, with its audit record in the same step. Do so
    /// if the clock was wrong and was put right: the gate keeps its own time then, which runs ahead by
    /// [`GateRecord::clock_offset`], and its window closes that much too early. Where the two agree,
    /// nothing happens.
    ///
    /// Never do so if the clock is wrong now: the host could be touched after its window.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the job has no gate on this host, [`StoreError::InvalidState`] if it
    /// has ended.
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
