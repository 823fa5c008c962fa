//! The changes around a waiting gate between two looks, for its timeline (G23, G19).

use chrono::{DateTime, Utc};

use crate::{
    gate::decide::{Condition, Requirement, Times},
    model::{CheckId, Detail, GateNote, GateOverride, Window, instant},
};

/// The surroundings of a gate at its last look.
#[derive(Clone, Debug, Default)]
pub(super) struct LastSeen {
    checks: Option<Vec<SeenCheck>>,
    /// Each condition by name, and whether it was met.
    conditions: Option<Vec<(String, bool)>>,
    /// The creation time of the override in force.
    exception: Option<Option<DateTime<Utc>>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct SeenCheck {
    check_id: CheckId,
    name: String,
    revision: i64,
    enabled: bool,
}

/// A change of one check, with the id under which the audit log names its author.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CheckChanged {
    pub(super) check_id: CheckId,
    pub(super) text: String,
}

impl LastSeen {
    /// Returns the changes of checks since the last look; none at the first look.
    pub(super) fn checks(&mut self, requirements: &[Requirement]) -> Vec<CheckChanged> {
        let same = self.checks.as_ref().is_some_and(|seen| {
            seen.len() == requirements.len()
                && seen.iter().zip(requirements).all(|(seen, now)| {
                    (seen.check_id, seen.revision, seen.enabled)
                        == (now.check_id, now.revision, now.enabled)
                })
        });
        if same {
            return Vec::new();
        }
        let now: Vec<SeenCheck> = requirements
            .iter()
            .map(|requirement| SeenCheck {
                check_id: requirement.check_id,
                name: requirement.name.to_string(),
                revision: requirement.revision,
                enabled: requirement.enabled,
            })
            .collect();
        let Some(before) = self.checks.replace(now.clone()) else { return Vec::new() };
        let find =
            |checks: &[SeenCheck], id| checks.iter().find(|check| check.check_id == id).cloned();
        let mut changes = Vec::new();
        let mut changed = |check: &SeenCheck, what: &str| {
            changes.push(CheckChanged {
                check_id: check.check_id,
                text: format!("the check \"{}\" was {what}", check.name),
            });
        };
        for check in &now {
            match find(&before, check.check_id) {
                None => changed(check, "added"),
                Some(seen) if seen.enabled && !check.enabled => changed(check, "disabled"),
                Some(seen) if !seen.enabled && check.enabled => changed(check, "enabled"),
                Some(seen) if seen.revision != check.revision => changed(check, "changed"),
                Some(_) => {}
            }
        }
        for check in &before {
            if find(&now, check.check_id).is_none() {
                changed(check, "deleted");
            }
        }
        changes
    }

    /// Returns notes on the conditions that have changed since the last look; none at the first look.
    pub(super) fn conditions(&mut self, conditions: &[Condition], times: Times) -> Vec<String> {
        let counting = || conditions.iter().filter(|one| one.counts(times));
        let now = counting().map(|one| (one.name.to_string(), one.met)).collect();
        let Some(before) = self.conditions.replace(now) else { return Vec::new() };
        let turned = counting().filter(|one| {
            let was = before.iter().find(|(name, _)| *name == one.name.as_str());
            // A new condition is reported only if it blocks.
            was.map_or(!one.met, |(_, met)| *met != one.met)
        });
        let text = |one: &Condition| match one.met {
            true => format!("the condition \"{}\" holds now", one.name),
            false => format!("the condition \"{}\" does not hold: {}", one.name, one.reason),
        };
        turned.map(text).collect()
    }

    /// Returns a note on a change of the override since the last look; none at the first look.
    pub(super) fn exception(&mut self, exception: Option<&GateOverride>) -> Option<String> {
        let now = exception.map(|exception| exception.created_at);
        let before = self.exception.replace(now)?;
        if before == now {
            return None;
        }
        Some(match exception {
            None => "the override was taken back".to_owned(),
            Some(exception) => format!(
                "{} lets {} pass until {}: {}",
                exception.actor,
                match exception.checks.len() {
                    1 => "1 failing check".to_owned(),
                    count => format!("{count} failing checks"),
                },
                instant::in_words(&exception.expires_at),
                exception.reason,
            ),
        })
    }
}

/// Returns a note on a window that differs from the previous one.
pub(super) fn window_note(at: DateTime<Utc>, before: Window, now: Window) -> Option<GateNote> {
    let what = if now.opens_at() > before.opens_at() && now.opens_at() > at {
        "moved to later"
    } else if now.closes_at() < before.closes_at() {
        "shortened"
    } else if now.closes_at() > before.closes_at() {
        "extended"
    } else {
        return None;
    };
    let (opens, closes) = (instant::in_words(&now.opens_at()), instant::in_words(&now.closes_at()));
    let text = Detail::new(format!("the window was {what}: it is now {opens} to {closes}"));
    Some(GateNote { at, text })
}
