//! Overrides that no longer count because their author has lost the right to give them (G26, F40).

use chrono::{DateTime, Utc};
use tracing::warn;

use super::{GateRunner, held::HeldGate};
use crate::model::{Actor, AuditAction, AuditEntry, AuditOutcome, Detail, instant};

/// Audits and notes, once for each override, that it does not count. Returns whether it was audited now.
///
/// If a worker dies between the audit record and the note, the next one writes the note and a second record.
pub(super) async fn refuse(runner: &GateRunner, held: &mut HeldGate, at: DateTime<Utc>) -> bool {
    let record = &held.record;
    let Some(exception) = &record.exception else { return false };
    if held.refused == Some(exception.created_at) {
        return false;
    }
    let created_at = exception.created_at;
    let given = instant::in_words(&created_at);
    let text = format!(
        "the override that {} gave at {given} does not count: its author has lost the right to give it",
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
          actor = exception.actor, "an override does not count: its author has lost the right to give it");
    runner.stats.override_refused();
    held.refused = Some(created_at);
    held.note(at, text.as_str());
    true
}
