//! Stores rollouts as columns.

use chrono::{DateTime, Utc};

use super::{from_json, readable};
use crate::model::{JobId, Rollout, RolloutPolicy};

/// The columns of a rollout, except for its policy.
pub(in crate::store) struct RolloutColumns {
    pub(in crate::store) job_id: JobId,
    pub(in crate::store) hosts: u32,
    pub(in crate::store) stage: u32,
    pub(in crate::store) forgiven: u32,
    pub(in crate::store) halted: Option<String>,
    pub(in crate::store) revision: i64,
    pub(in crate::store) opened_at: DateTime<Utc>,
}

impl RolloutColumns {
    /// Returns the rollout with its policy. A rollout with an unreadable policy is halted (F221).
    pub(in crate::store) fn with_policy(self, policy: &str) -> Rollout {
        let read: Option<RolloutPolicy> = readable(from_json("rollout", policy));
        let unreadable = || "the stored policy cannot be read".to_owned();
        let halted = self.halted.or_else(|| read.is_none().then(unreadable));
        Rollout {
            job_id: self.job_id,
            hosts: self.hosts,
            policy: read.unwrap_or_else(RolloutPolicy::unreadable),
            stage: self.stage,
            forgiven: self.forgiven,
            halted,
            revision: self.revision,
            opened_at: self.opened_at,
        }
    }
}

/// Returns a number of hosts from a column.
pub(in crate::store) fn host_count(number: i64) -> u32 {
    u32::try_from(number.max(0)).unwrap_or(u32::MAX)
}
