//! The hosts of a job, grouped by what they wait for.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Cause, Explanation, Who};
use crate::model::{Detail, HostId, instant};

/// Hosts that wait for the same cause.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct ExplanationGroup {
    /// The cause of the wait.
    pub cause: Cause,
    /// The cause in one sentence for people.
    #[cfg_attr(feature = "api", schema(value_type = String))]
    pub detail: Detail,
    /// The number of hosts.
    pub count: usize,
    /// The first hosts, at most 50.
    pub host_ids: Vec<HostId>,
    /// What clears the cause, in one sentence for people.
    #[cfg_attr(feature = "api", schema(value_type = String))]
    pub clears: Detail,
    /// Who can clear the cause.
    pub who: Who,
    /// The earliest instant at which one of the hosts can pass or be verified; `null` if it is too late, or unknown.
    #[serde(with = "instant::option")]
    #[cfg_attr(feature = "api", schema(required))]
    pub earliest_pass_at: Option<DateTime<Utc>>,
}

impl ExplanationGroup {
    /// The maximum number of hosts that a group names.
    pub const MOST_HOSTS: usize = 50;
    /// The maximum number of groups with their own sentence. The rest of a cause forms one group.
    pub const MOST_GROUPS: usize = 100;

    fn add(&mut self, count: usize, hosts: &[HostId], earliest: Option<DateTime<Utc>>) {
        self.count += count;
        let room = Self::MOST_HOSTS.saturating_sub(self.host_ids.len());
        self.host_ids.extend(hosts.iter().take(room));
        self.earliest_pass_at = match (self.earliest_pass_at, earliest) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }
}

/// Groups hosts by what they wait for, the largest group first.
#[must_use]
pub fn group(hosts: impl IntoIterator<Item = (HostId, Explanation)>) -> Vec<ExplanationGroup> {
    let mut groups: Vec<ExplanationGroup> = Vec::new();
    let mut places: HashMap<(Cause, Detail, Detail, Who), usize> = HashMap::new();
    for (host, one) in hosts {
        let Explanation { cause, detail, clears, who, earliest_pass_at, .. } = one;
        let place = places.entry((cause, detail, clears, who)).or_insert_with_key(|key| {
            let (cause, detail, clears, who) = key.clone();
            let empty = ExplanationGroup {
                cause,
                detail,
                count: 0,
                host_ids: Vec::new(),
                clears,
                who,
                earliest_pass_at: None,
            };
            groups.push(empty);
            groups.len() - 1
        });
        groups[*place].add(1, &[host], earliest_pass_at);
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.count));
    let rest = groups.split_off(groups.len().min(ExplanationGroup::MOST_GROUPS));
    let mut others: HashMap<Cause, ExplanationGroup> = HashMap::new();
    for one in rest {
        let ExplanationGroup { count, ref host_ids, earliest_pass_at: earliest, .. } = one;
        match others.get_mut(&one.cause) {
            Some(other) => other.add(count, host_ids, earliest),
            None => {
                let words = |text: &Detail| Detail::new(format!("{text}, and others"));
                let (detail, clears) = (words(&one.detail), words(&one.clears));
                others.insert(one.cause, ExplanationGroup { detail, clears, ..one });
            }
        }
    }
    let mut others: Vec<ExplanationGroup> = others.into_values().collect();
    others.sort_by_key(|group| group.cause);
    groups.extend(others);
    groups
}
