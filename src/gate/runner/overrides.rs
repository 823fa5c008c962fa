//! Whether the overrides of waiting gates still count (G26, F40).

use std::{collections::HashMap, sync::atomic::Ordering::Relaxed};

use chrono::{DateTime, Utc};
use tracing::{debug, warn};

use super::{
    GateRunner,
    held::{Answered, HeldGate},
};
use crate::{
    gate::source::SourceError,
    model::{
        Actor, AuditAction, AuditEntry, AuditOutcome, Detail, GateId, GateNote, GateRecord, instant,
    },
};

/// Asks for the rights behind all overrides at once; only where there is one.
pub(super) async fn rights(
    runner: &GateRunner,
    records: impl Iterator<Item = &GateRecord>,
) -> HashMap<GateId, Answered> {
    let with: Vec<&GateRecord> = records.filter(|record| record.exception.is_some()).collect();
    if with.is_empty() {
        return HashMap::new();
    }
    let answers = match runner.rights.may_override(&with).await {
        Ok(answers) if answers.len() == with.len() => Ok(answers),
        Ok(_) => Err(SourceError::new("rights", "it did not answer for every gate")),
        Err(error) => Err(error),
    };
    let failed_before = runner.rights_failing.swap(answers.is_err(), Relaxed);
    let answers = match answers {
        Ok(answers) => answers.into_iter().map(Some).collect(),
        Err(error) => {
            // Said once, not at every look.
            if failed_before {
                debug!(%error, "rights cannot be read");
            } else {
                warn!(%error, "rights cannot be read: overrides do not count now");
            }
            vec![None; with.len()]
        }
    };
    let answered = |(record, answer): (&&GateRecord, Option<bool>)| {
        Some((record.id, (record.exception.as_ref()?.created_at, answer)))
    };
    with.iter().zip(answers).filter_map(answered).collect()
}

/// Audits that an override does not count, and answers with the note of it: once for each override.
/// A worker that dies between the two leaves the note to the next one, with a second record.
pub(super) async fn refuse(
    runner: &GateRunner,
    held: &mut HeldGate,
    now: DateTime<Utc>,
) -> Option<GateNote> {
    let record = &held.record;
    let exception = record.exception.as_ref()?;
    if held.refused == Some(exception.created_at) {
        return None;
    }
    let given = instant::in_words(&exception.created_at);
    let text = format!(
        "the override that {} gave at {given} does not count: there is no right to it any more",
        exception.actor
    );
    let text = Detail::new(text);
    if record.notes.iter().any(|note| note.text == text) {
        held.refused = Some(exception.created_at);
        return None;
    }
    let entry = AuditEntry {
        outcome: AuditOutcome::Refused,
        reason: Some(text.to_string()),
        ..AuditEntry::allowed(Actor::system(), AuditAction::GateOverridden)
            .with_gate(record.job_id, record.host_id)
    };
    if let Err(error) = runner.store.append_audit(entry).await {
        warn!(gate = %record.id, %error, "a refused override cannot be audited now");
        return None;
    }
    warn!(gate = %record.id, job = %record.job_id, host = %record.host_id,
          actor = exception.actor, "an override does not count: no right to it any more");
    runner.stats.override_refused();
    held.refused = Some(exception.created_at);
    Some(GateNote { at: now, text })
}
