//! Notes external events of gates since the last look, with their authors (G23).

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};

use super::{
    GateRunner,
    held::{HeldGate, Read, Right},
    overrides::refuse,
};
use crate::{
    clock::ClockTrust,
    gate::decide::Times,
    model::{CheckId, GateId, HostId, instant},
    store::{AuditFilter, JobStore},
};

/// The maximum number of refused overrides that one look audits: each needs its own write.
const REFUSALS: usize = 100;
/// The number of audit records in one page.
const PAGE: u32 = 1_000;
/// The maximum number of pages of one look, so that the look does not outlast its lease.
const PAGES: u32 = 8;

/// Notes the external events of the gates since the last look, for their timelines. Each note stays with its
/// gate until it is written (F143).
pub(super) async fn notice(
    runner: &GateRunner,
    held: &mut HashMap<GateId, HeldGate>,
    read: &BTreeMap<GateId, Read>,
    now: DateTime<Utc>,
    trust: ClockTrust,
) {
    // A timeline does not show an untrusted time.
    let at = |held: &HeldGate| match trust {
        ClockTrust::Suspect => held.record.high_water,
        ClockTrust::Trusted | ClockTrust::Recovered => now,
    };
    let mut changed = Vec::new();
    for (id, read) in read {
        let Some(held) = held.get_mut(id) else { continue };
        // Unknown health counts as unchanged.
        if read.health.unknown.is_none() {
            let changes = held.seen.checks(&read.health.requirements);
            held.dirty |= !changes.is_empty();
            changed.extend(changes.into_iter().map(|change| (*id, held.record.host_id, change)));
        }
    }
    let authors = match changed.is_empty() {
        true => HashMap::new(),
        false => {
            let hosts: HashSet<HostId> = changed.iter().map(|(_, host, _)| *host).collect();
            let checks = changed.iter().map(|(_, _, change)| change.check_id).collect();
            authors(runner.store.as_ref(), hosts.into_iter().collect(), &checks).await
        }
    };
    for (id, _, change) in changed {
        let Some(held) = held.get_mut(&id) else { continue };
        let by = authors.get(&change.check_id).map_or("", String::as_str);
        held.note(at(held), change.text + by);
    }
    let mut refusals = 0;
    for (id, read) in read {
        let Some(held) = held.get_mut(id) else { continue };
        let times = Times { clock: now, gate: held.gate_time };
        let texts = held.seen.conditions(&read.health.conditions, times);
        let exception = held.seen.exception(held.record.exception.as_ref());
        for text in texts.into_iter().chain(exception) {
            held.note(at(held), text);
        }
        // The next looks handle the rest.
        if read.right == Right::Refused && refusals < REFUSALS {
            refusals += usize::from(refuse(runner, held, at(held)).await);
        }
    }
}

/// Reads the authors of these changes of checks, as words for a note, in few pages for any number of
/// changes. Without the audit log, a note lacks its author, but the change still counts.
async fn authors(
    store: &dyn JobStore,
    hosts: Vec<HostId>,
    checks: &HashSet<CheckId>,
) -> HashMap<CheckId, String> {
    let filter = AuditFilter { hosts: Some(hosts), ..AuditFilter::default() };
    let limit = u32::try_from(checks.len() * 4).map_or(PAGE, |wanted| wanted.clamp(20, PAGE));
    let (mut authors, mut before) = (HashMap::new(), None);
    for _ in 0..PAGES {
        let Ok(page) = store.audit_page(&filter, before, limit).await else { break };
        for entry in &page {
            if let Some(check) = entry.check_id.filter(|check| checks.contains(check)) {
                let at = instant::in_words(&entry.at);
                authors.entry(check).or_insert_with(|| format!(" by {} at {at}", entry.actor));
            }
        }
        before = page.last().map(|entry| entry.id);
        if authors.len() == checks.len() || page.len() < limit as usize {
            break;
        }
    }
    authors
}
