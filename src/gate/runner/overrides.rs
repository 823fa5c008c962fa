//! Overrides that do not count any more, since whoever gave them has lost the right (G26, F40).

use chrono::{DateTime, Utc};
use tracing::warn;

use super::{GateRunner, held::HeldGate};
use crate::model::{Actor, AuditAction, AuditEntry, AuditOutcome, Detail, instant};

/// Audits and notes that an override does not count, once for each override. Returns whether it was
/// audited now. A worker that dies between the two leaves the note to the next one, with a second
/// record.
pub(super) async fn refuse(runner: &GateRunner, held: &mut HeldGate, at: DateTime<Utc>) -> bool {
    let record = &held.record;
    let Some(exception) = &record.exception else { return false };
    if held.refused == Some(exception.created_at) {
        return false;
    }
    let created_at = exception.created_at;
    let given = instant::in_words(&created_at);
    let text = format!(
        "the override that {} gave at {given} does not count: there is no right to it any more",
        exception.actor
    );
    let text = Detail::new(text);
    if record.notes.iter().any(|note| note.text == text) {
        held.refused = Some(created_at);
        return false;
    }
    let entry = AuditEntry {
        outcome: AuditOutcome::Refused,
        reason: Some(text.to_string()),
        ..AuditEntry::allowed(Actor::system(), AuditAction::GateOverridden)
            .with_gate(record.job_id, record.host_id)
    };
    if let Err(error) = runner.store.append_audit(entry).await {
        warn!(gate = %record.id, %error, "a refused override cannot be audited now");
        return true;
    }
    warn!(gate = %record.id, job = %record.job_id, host = %record.host_id,
          actor = exception.actor, "an override does not count: no right to it any more");
    runner.stats.override_refused();
    held.refused = Some(created_at);
    held.note(at, text.as_str());
    true
}
