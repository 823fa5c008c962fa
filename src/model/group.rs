//! A group of hosts of which only so many may be unavailable at the same time (R7, R8).

use std::{collections::BTreeSet, time::Duration};

use chrono::{DateTime, Utc};

use super::{
    host_change::HostChange,
    ids::HostId,
    result::{CheckStatus, CheckView},
    rollout::{Hold, HoldCause},
    violation::{ViolationCode, Violations},
};

/// A group of hosts of which only so many may be unavailable at the same time, whichever jobs change
/// them. A host may be in several.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AvailabilityGroup {
    /// Its name, which identifies it: 1 to 255 characters.
    pub name: String,
    /// At most so many members may be down or under change; at least 1.
    pub max_unavailable: u32,
    /// A member whose checks have no younger results counts as down. Two polling intervals, as for the
    /// dashboard.
    pub stale_after: Duration,
    /// The hosts that belong to it.
    pub members: BTreeSet<HostId>,
}

impl AvailabilityGroup {
    /// The longest name, in characters.
    pub const LONGEST_NAME: usize = 255;

    /// Refuses groups that make no sense together.
    ///
    /// # Errors
    /// Every violation, by the names `groups[N].name`, `groups[N].max_unavailable` and
    /// `groups[N].stale_after_secs`.
    pub fn validate(groups: &[Self]) -> Result<(), Violations> {
        let mut found = Violations::new();
        let mut names = BTreeSet::new();
        for (index, group) in groups.iter().enumerate() {
            let name = format!("groups[{index}].name");
            if group.name.is_empty() {
                found.push(&name, ViolationCode::TooShort, "at least 1 character");
            } else if group.name.chars().count() > Self::LONGEST_NAME {
                found.push(&name, ViolationCode::TooLong, "at most 255 characters");
            } else if group.name.chars().any(char::is_control) {
                found.push(&name, ViolationCode::InvalidCharacter, "no control characters");
            } else if !names.insert(&group.name) {
                found.push(&name, ViolationCode::InvalidFormat, "another group has this name");
            }
            if group.max_unavailable == 0 {
                let name = format!("groups[{index}].max_unavailable");
                found.push(&name, ViolationCode::OutOfRange, "at least 1");
            }
            if group.stale_after.is_zero() {
                let name = format!("groups[{index}].stale_after_secs");
                found.push(&name, ViolationCode::OutOfRange, "more than zero");
            }
        }
        found.or_ok(Some(()))
    }
}

/// Returns whether a member of a group is unavailable: it is being changed or verified, or one of its
/// enabled checks is not known to be healthy by a run that began after its newest change ended (R8).
/// A host without enabled checks is up. `checks` are those of the host, seen with the group's
/// [`stale_after`](AvailabilityGroup::stale_after).
#[must_use]
pub fn is_unavailable<'a>(
    checks: impl IntoIterator<Item = &'a CheckView>,
    newest_change: Option<&HostChange>,
    now: DateTime<Utc>,
) -> bool {
    if newest_change.is_some_and(|change| change.outcome(now).is_none()) {
        return true;
    }
    // The end of a change can lie ahead of a clock that was put right.
    let changed_at = newest_change.map(|change| change.ends_at().min(now));
    let is_up = |view: &CheckView| {
        let checked_at = view.last_result.as_ref().map(|result| result.checked_at);
        view.status == CheckStatus::Healthy && checked_at >= changed_at
    };
    checks.into_iter().any(|view| view.check.definition.enabled && !is_up(view))
}

/// How a group stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupStatus {
    /// Its name.
    pub name: String,
    /// At most so many members may be down or under change.
    pub max_unavailable: u32,
    /// The hosts, of those that were asked for, that belong to it.
    pub members: BTreeSet<HostId>,
    /// All of its members that are down or under change.
    pub unavailable: BTreeSet<HostId>,
    /// All of its members with a pass that is given and not spent yet.
    pub passed: BTreeSet<HostId>,
}

impl GroupStatus {
    /// Whether a member may not be changed now: as many of the others as allowed are unavailable. What
    /// the host itself is does not count (R7).
    #[must_use]
    pub fn is_at_limit(&self, host: HostId) -> bool {
        beside(&self.unavailable, host) >= self.max_unavailable as usize
    }

    /// What a gate waits for that finds its group at the limit. `taken` are the members that are
    /// unavailable or about to be.
    #[must_use]
    pub(crate) fn hold(&self, host: HostId, taken: &BTreeSet<HostId>) -> Option<Hold> {
        let (count, most) = (beside(taken, host), self.max_unavailable);
        (count >= most as usize).then(|| Hold {
            cause: HoldCause::Group,
            detail: format!(
                "group {}: {count} other {} down or under change, at most {most} may be",
                self.name,
                if count == 1 { "member is" } else { "members are" },
            ),
            until: None,
        })
    }
}

/// How many hosts of a set are others than this one.
fn beside(hosts: &BTreeSet<HostId>, host: HostId) -> usize {
    hosts.len() - usize::from(hosts.contains(&host))
}
