//! What changed around a waiting gate between two looks, for its timeline (G23, G19).

use chrono::{DateTime, Utc};

use crate::{
    gate::decide::Requirement,
    model::{CheckId, Detail, GateNote, Window, instant},
};

/// What a gate saw of its checks at its last look.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen(Option<Vec<SeenCheck>>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct SeenCheck {
    check_id: CheckId,
    name: String,
    revision: i64,
    enabled: bool,
}

/// A change of one check, with the id under which the audit log tells who made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CheckChanged {
    pub(super) check_id: CheckId,
    pub(super) text: String,
}

impl Seen {
    /// The changes since the last look; none at the first.
    pub(super) fn update(&mut self, requirements: &[Requirement]) -> Vec<CheckChanged> {
        let same = self.0.as_ref().is_some_and(|seen| {
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
                name: requirement.name.clone(),
                revision: requirement.revision,
                enabled: requirement.enabled,
            })
            .collect();
        let Some(before) = self.0.replace(now.clone()) else { return Vec::new() };
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
}

/// What to say of a window that differs from the one read before.
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
    let (opens, closes) = (instant::to_text(&now.opens_at()), instant::to_text(&now.closes_at()));
    let text = Detail::new(format!("the window was {what}: it is now {opens} to {closes}"));
    Some(GateNote { at, text })
}
