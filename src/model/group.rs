//! Groups of hosts with a limit on simultaneously unavailable members (R7, R8).

use std::{collections::BTreeSet, time::Duration};

use chrono::{DateTime, Utc};

use super::{
    host_change::HostChange,
    ids::HostId,
    result::{CheckStatus, CheckView},
    rollout::{Hold, HoldCause},
    violation::{ViolationCode, Violations},
};

/// A group of hosts with a limit on simultaneously unavailable members, across all jobs.
///
/// A host may belong to several groups.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AvailabilityGroup {
    /// The name, which identifies the group: 1 to 255 characters.
    pub name: String,
    /// The maximum number of members that may be down or under change: at least 1.
    pub max_unavailable: u32,
    /// The age beyond which a result is stale. A member with a stale check counts as down. Use two polling
    /// intervals, as for the dashboard.
    pub stale_after: Duration,
    /// The hosts that belong to the group.
    pub members: BTreeSet<HostId>,
}

impl AvailabilityGroup {
    /// The maximum length of a name, in characters.
    pub const LONGEST_NAME: usize = 255;

    /// Validates the groups, alone and against each other.
    ///
    /// # Errors
    /// Names every violation, under `groups[N].name`, `groups[N].max_unavailable` and
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

/// Returns whether a member of a group is unavailable (R8).
///
/// A member is unavailable while it is being changed or verified, or while one of its enabled checks is not
/// known to be healthy by a run that started after its newest change ended. A host without enabled checks is
/// up. `checks` are the host's checks, viewed with the group's
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
    // The end of a change can lie in the future after the clock was corrected.
    let changed_at = newest_change.map(|change| change.ends_at().min(now));
    let is_up = |view: &CheckView| {
        let checked_at = view.last_result.as_ref().map(|result| result.checked_at);
        view.status == CheckStatus::Healthy && checked_at >= changed_at
    };
    checks.into_iter().any(|view| view.check.definition.enabled && !is_up(view))
}

/// The status of a group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupStatus {
    /// The name of the group.
    pub name: String,
    /// The maximum number of members that may be down or under change.
    pub max_unavailable: u32,
    /// The requested hosts that belong to the group.
    pub members: BTreeSet<HostId>,
    /// All members that are down or under change.
    pub unavailable: BTreeSet<HostId>,
    /// All members with an unspent pass.
    pub passed: BTreeSet<HostId>,
}

impl GroupStatus {
    /// Returns whether a member may not be changed now because the allowed number of other members is
    /// unavailable. The host does not count against itself (R7).
    #[must_use]
    pub fn is_at_limit(&self, host: HostId) -> bool {
        beside(&self.unavailable, host) >= self.max_unavailable as usize
    }

    /// Returns the hold of a gate whose group is at its limit. `taken` are the members that are unavailable or
    /// about to be.
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

/// Returns how many hosts of a set differ from this one.
fn beside(hosts: &BTreeSet<HostId>, host: HostId) -> usize {
    hosts.len() - usize::from(hosts.contains(&host))
}
