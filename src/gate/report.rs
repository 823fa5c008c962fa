//! The texts of a gate: evidence, and the explanation of a wait or a failure.

use chrono::{DateTime, Utc};

use super::{
    decide::{Condition, GateInput, Times, Verdict},
    policy::{GatePolicy, NoChecks},
    source::HostHealth,
};
use crate::model::{
    CheckId, CheckResult, Detail, EndReason, Evidence, EvidenceReason, GateRecord, Hold, HoldCause,
    ReasonCode, Window, WindowKind, instant,
};

/// Returns the evidence of each requirement, from the verdicts of a decision.
pub(super) fn evidence(verdicts: &[Verdict], input: &GateInput<'_>) -> Vec<Evidence> {
    let checks = verdicts.iter().map(|verdict| {
        let requirement = &input.requirements[verdict.index];
        let result = verdict.observation.map(|index| &input.observations[index]);
        Evidence {
            check_id: Some(requirement.check_id),
            name: requirement.name.to_string(),
            healthy: verdict.met && !verdict.overridden,
            reason: EvidenceReason::Code(verdict.reason),
            observed: verdict.reason.observed(),
            detail: result.map(|result| result.detail.clone()).unwrap_or_default(),
            latency_ms: result.map(|result| result.latency_ms),
            checked_at: result.map(|result| result.checked_at),
        }
    });
    checks.chain(conditions(input.conditions, Times::of(input))).collect()
}

/// Returns the evidence of the application's conditions that count now.
pub(super) fn conditions(conditions: &[Condition], times: Times) -> impl Iterator<Item = Evidence> {
    conditions.iter().filter(move |one| one.counts(times)).map(condition)
}

/// Returns the evidence of one condition of the application.
pub(super) fn condition(condition: &Condition) -> Evidence {
    Evidence {
        check_id: None,
        name: condition.name.to_string(),
        healthy: condition.met,
        reason: condition.evidence_reason(),
        observed: condition.evidence_reason().observed(),
        detail: condition.detail.clone(),
        latency_ms: None,
        checked_at: None,
    }
}

/// Returns the evidence of one check from a live run.
pub(super) fn live(check_id: CheckId, name: &str, results: &[CheckResult]) -> Evidence {
    let result = results.iter().find(|result| result.check_id == check_id);
    let reason = result.map_or(ReasonCode::Interrupted, |result| result.reason);
    Evidence {
        check_id: Some(check_id),
        name: name.to_owned(),
        healthy: reason == ReasonCode::Ok,
        reason: EvidenceReason::Code(reason),
        observed: reason.observed(),
        detail: result.map_or_else(
            || Detail::new("no answer in time, or the check was changed and has not run yet"),
            |result| result.detail.clone(),
        ),
        latency_ms: result.map(|result| result.latency_ms),
        checked_at: result.map(|result| result.checked_at),
    }
}

/// The first thing that a waiting gate waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Waiting<'a> {
    /// The opening of its window.
    Opening,
    /// Capacity to run checks.
    Room,
    /// Checks or conditions that are not met.
    Health,
    /// The end of its hold.
    Hold(&'a Hold),
}

/// Returns one line for people that says what a gate waits for.
pub(super) fn waiting(
    policy: &GatePolicy,
    evidence: &[Evidence],
    health: &HostHealth,
    waiting: Waiting<'_>,
) -> String {
    let head = match waiting {
        Waiting::Opening => return "waiting for the window to open".to_owned(),
        Waiting::Hold(hold) if hold.cause == HoldCause::Group => {
            return format!("waiting for its group: {}", hold.detail);
        }
        Waiting::Hold(hold) => return format!("waiting for the rollout: {}", hold.detail),
        Waiting::Room => "waiting for room to run checks",
        Waiting::Health if lacks_checks(policy, health) => {
            "waiting for an enabled check: the host has none, and this gate needs one"
        }
        Waiting::Health => "waiting for healthy checks",
    };
    bounded(head, failing(evidence, health))
}

/// Returns whether a gate blocks because the host has no enabled check.
fn lacks_checks(policy: &GatePolicy, health: &HostHealth) -> bool {
    policy.no_checks == NoChecks::Block && !health.requirements.iter().any(|check| check.enabled)
}

/// Returns one line for people that says why a gate failed (G30).
pub(super) fn failed(
    reason: EndReason,
    record: &GateRecord,
    window: Window,
    policy: &GatePolicy,
    evidence: &[Evidence],
    health: &HostHealth,
    hold: Option<&Hold>,
) -> String {
    let attempts = match record.attempts {
        0 => "without an attempt".to_owned(),
        1 => "after 1 attempt".to_owned(),
        count => format!("after {count} attempts"),
    };
    let end_of = policy.end_of(window, record.window_kind);
    let end = instant::in_words(&end_of);
    let closed = match record.window_kind {
        WindowKind::Immediate => format!("the wait ended at {end}"),
        WindowKind::Maintenance if end_of < window.closes_at() => {
            let minutes = (window.closes_at() - end_of).num_minutes();
            format!("the time for patches ended at {end}, {minutes} min before the window closes,")
        }
        WindowKind::Maintenance => format!("the maintenance window closed at {end}"),
    };
    let conditions_alone = failing_entries(evidence).next().is_some()
        && failing_entries(evidence).all(|entry| entry.check_id.is_none());
    if let (EndReason::WindowClosed, Some(hold)) = (reason, hold) {
        let who = if hold.cause == HoldCause::Group { "its group" } else { "the rollout" };
        let words = format!("{closed} before {who} had a place for the host, {attempts}");
        return bounded(&words, std::iter::once(hold.detail.clone()));
    }
    let head = match (reason, record.window_kind) {
        // Only conditions hold an exempt job back.
        (EndReason::WindowClosed, _) if record.exempt || conditions_alone => {
            format!("{closed} before every condition was met, {attempts}")
        }
        (EndReason::WindowClosed, _) if lacks_checks(policy, health) => {
            format!("{closed}: the host has no enabled check, and this gate needs one, {attempts}")
        }
        (EndReason::WindowClosed, WindowKind::Maintenance) => {
            format!("{closed} before every check was healthy, {attempts}")
        }
        (EndReason::WindowClosed, WindowKind::Immediate) => {
            format!("not every check became healthy before the wait ended at {end}, {attempts}")
        }
        (EndReason::PassNotSpent, _) => {
            let given = record.pass.as_ref().map(|pass| instant::in_words(&pass.granted_at));
            let given = given.unwrap_or_default();
            format!("{closed} before the pass of {given} was spent, {attempts}")
        }
        (EndReason::WindowWithdrawn, _) => format!("the window was withdrawn, {attempts}"),
        (EndReason::JobCancelled, _) => format!("the job was cancelled, {attempts}"),
        (EndReason::HostDeleted, _) => format!("the host was deleted, {attempts}"),
        (EndReason::NotRunCapacity, _) => {
            format!("there was no capacity to run the checks before {end}")
        }
        (EndReason::GateBusy, _) => format!("another job held the host until {end}"),
        (EndReason::RecordUnreadable, _) => {
            format!("the stored record of this gate cannot be read, {attempts}")
        }
    };
    bounded(&head, failing(evidence, health))
}

fn failing_entries(evidence: &[Evidence]) -> impl Iterator<Item = &Evidence> {
    evidence.iter().filter(|entry| !entry.healthy)
}

/// Returns a text for each failing requirement: name, reason, time of the failure, and a sentence.
fn failing<'a>(
    evidence: &'a [Evidence],
    health: &'a HostHealth,
) -> impl Iterator<Item = String> + 'a {
    failing_entries(evidence).map(|entry| {
        let mut text = format!("{}: {}", entry.name, entry.reason);
        if let Some(since) = entry.check_id.and_then(|check| since(health, check)) {
            text.push_str(" since ");
            text.push_str(&instant::in_words(&since));
        }
        if entry.checked_at.is_none() && entry.check_id.is_some() {
            text.push_str(" (never ran)");
        } else if !entry.detail.as_str().is_empty() {
            text.push_str(" (");
            text.push_str(entry.detail.as_str());
            text.push(')');
        }
        text
    })
}

fn since(health: &HostHealth, check: CheckId) -> Option<DateTime<Utc>> {
    health.since.iter().find(|(id, _)| *id == check).map(|(_, since)| *since)
}

/// Joins the head and all entries within [`GateRecord::MAXIMUM_DETAIL`] bytes.
///
/// Each entry is cut to its share of the space, so that none is missing. If the shares become too small to
/// read, the last entries are only counted.
fn bounded(head: &str, entries: impl Iterator<Item = String>) -> String {
    const SHORTEST: usize = 60;
    let mut text = Detail::new(head).to_string();
    let entries: Vec<String> = entries.collect();
    let room = GateRecord::MAXIMUM_DETAIL - text.len() - "; and 18446744073709551615 more".len();
    let shown = entries.len().min(room / SHORTEST);
    let share = room.checked_div(shown).map_or(0, |share| share - "; ".len());
    for (index, entry) in entries.iter().take(shown).enumerate() {
        text.push_str(if index == 0 { ": " } else { "; " });
        let cut = (0..=share.min(entry.len())).rev().find(|cut| entry.is_char_boundary(*cut));
        text.push_str(&entry[..cut.unwrap_or(0)]);
    }
    if shown < entries.len() {
        text.push_str("; and ");
        text.push_str(&(entries.len() - shown).to_string());
        text.push_str(" more");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g30_a_failures_words_name_every_check_within_four_kibibytes() {
        for (count, length) in [(0, 0), (1, 4_000), (5, 2_100), (6, 10), (20, 2_100), (500, 300)] {
            let entries = (0..count).map(|index| format!("#{index:03}{}", "é".repeat(length)));
            let text = bounded("the window closed", entries);
            assert!(text.len() <= GateRecord::MAXIMUM_DETAIL, "{count} x {length}");
            let named = (0..count).filter(|index| text.contains(&format!("#{index:03}"))).count();
            assert!(named == count || text.ends_with(&format!("and {} more", count - named)));
            assert!(named >= count.min(20), "{named} of {count}");
        }
    }
}
