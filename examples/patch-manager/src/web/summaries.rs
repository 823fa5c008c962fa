//! What is known of many hosts, read at most once a second.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use healthgate::{
    model::{HostId, HostStatus, HostSummary},
    store::{Store, StoreError},
};
use tokio::sync::Mutex;

/// Summaries of hosts. A list that is ordered or filtered by status needs those of every host that
/// the caller may see: they are read once for all callers of a second.
pub(super) struct Summaries {
    store: Arc<dyn Store>,
    stale_after: Duration,
    known: Mutex<Option<(Instant, Known)>>,
}

/// The summary of each host.
pub(super) type Known = Arc<HashMap<HostId, HostSummary>>;

/// How old what is shown may be.
const KEPT: Duration = Duration::from_secs(1);

impl Summaries {
    pub(super) fn new(store: Arc<dyn Store>, stale_after: Duration) -> Self {
        Self { store, stale_after, known: Mutex::new(None) }
    }

    /// The summaries of some hosts, as of now.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn of(
        &self,
        hosts: &[HostId],
    ) -> Result<HashMap<HostId, HostSummary>, StoreError> {
        let summaries = self.store.summaries(hosts, self.stale_after).await?;
        Ok(summaries.into_iter().map(|summary| (summary.host_id, summary)).collect())
    }

    /// The summaries of at least these hosts, as of a second ago at the earliest. Of several callers
    /// at once one reads, and the others wait for it.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn of_many(&self, hosts: &[HostId]) -> Result<Known, StoreError> {
        let mut known = self.known.lock().await;
        if let Some((at, summaries)) = known.as_ref()
            && at.elapsed() < KEPT
            && hosts.iter().all(|host| summaries.contains_key(host))
        {
            return Ok(Arc::clone(summaries));
        }
        let at = Instant::now();
        let summaries = Arc::new(self.of(hosts).await?);
        *known = Some((at, Arc::clone(&summaries)));
        Ok(summaries)
    }
}

/// The summary of a host that the store knows nothing of.
pub(super) fn nothing(host_id: HostId) -> HostSummary {
    HostSummary {
        host_id,
        status: HostStatus::None,
        healthy: 0,
        unhealthy: 0,
        unknown: 0,
        total: 0,
        oldest_checked_at: None,
    }
}
