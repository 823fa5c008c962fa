//! Summaries of hosts, as the database counts them.

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use uuid::Uuid;

use crate::model::{HostId, HostStatus, HostSummary};

/// The counts of a host's enabled checks. A check that is neither healthy nor unhealthy is unknown.
#[derive(FromRow, Debug)]
pub(in crate::store) struct SummaryColumns {
    pub(in crate::store) host_id: Uuid,
    pub(in crate::store) healthy: i64,
    pub(in crate::store) unhealthy: i64,
    pub(in crate::store) total: i64,
}

impl SummaryColumns {
    /// Returns the summary, by the rules of [`HostSummary::of`].
    pub(in crate::store) fn into_summary(
        self,
        oldest_checked_at: Option<DateTime<Utc>>,
    ) -> HostSummary {
        let count = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
        let (healthy, unhealthy, total) =
            (count(self.healthy), count(self.unhealthy), count(self.total));
        let unknown = total.saturating_sub(healthy).saturating_sub(unhealthy);
        let status = match (total, unhealthy, unknown) {
            (0, _, _) => HostStatus::None,
            (_, 1.., _) => HostStatus::Unhealthy,
            (_, _, 1..) => HostStatus::Unknown,
            _ => HostStatus::Healthy,
        };
        HostSummary {
            host_id: HostId::from_uuid(self.host_id),
            status,
            healthy,
            unhealthy,
            unknown,
            total,
            oldest_checked_at,
        }
    }
}
