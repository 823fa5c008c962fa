//! Summaries of many hosts, read at most once a second.

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

use crate::database::{Database, DatabaseError, HostQuery};

/// Summaries and names of hosts. A list that is ordered or filtered by status needs those of every host
/// that the caller may see. They are read once per second for all callers.
pub(super) struct Summaries {
    store: Arc<dyn Store>,
    database: Database,
    stale_after: Duration,
    known: Mutex<Option<(Instant, Known)>>,
    named: Mutex<Option<(Instant, Names)>>,
}

/// The summary of each host.
pub(super) type Known = Arc<HashMap<HostId, HostSummary>>;

/// Hosts, by name.
pub(super) type Names = Arc<[(HostId, String)]>;

/// The maximum age of shown data.
const KEPT: Duration = Duration::from_secs(1);

impl Summaries {
    pub(super) fn new(store: Arc<dyn Store>, database: Database, stale_after: Duration) -> Self {
        Self { store, database, stale_after, known: Mutex::new(None), named: Mutex::new(None) }
    }

    /// Returns the hosts of a query, ordered by name. The list of all hosts, which only administrators see,
    /// is up to a second old. Other lists are read each time.
    ///
    /// # Errors
    /// Fails if the database fails.
    pub(super) async fn names(&self, wanted: HostQuery<'_>) -> Result<Names, DatabaseError> {
        if wanted.shared_with.is_some() || wanted.text.is_some() {
            return self.read_names(wanted).await;
        }
        let mut named = self.named.lock().await;
        if let Some((at, names)) = named.as_ref()
            && at.elapsed() < KEPT
        {
            return Ok(Arc::clone(names));
        }
        let at = Instant::now();
        let names = self.read_names(wanted).await?;
        *named = Some((at, Arc::clone(&names)));
        Ok(names)
    }

    async fn read_names(&self, wanted: HostQuery<'_>) -> Result<Names, DatabaseError> {
        let mut names = self.database.host_names(wanted).await?;
        names.sort_unstable_by(|(a, name_a), (b, name_b)| (name_a, a).cmp(&(name_b, b)));
        Ok(names.into())
    }

    /// Returns the current summaries of some hosts.
    ///
    /// # Errors
    /// Fails if the store fails.
    pub(super) async fn of(
        &self,
        hosts: &[HostId],
    ) -> Result<HashMap<HostId, HostSummary>, StoreError> {
        let summaries = self.store.summaries(hosts, self.stale_after).await?;
        Ok(summaries.into_iter().map(|summary| (summary.host_id, summary)).collect())
    }

    /// Returns the summaries of at least these hosts, up to a second old. Of several concurrent callers one
    /// reads, and the others wait for it.
    ///
    /// # Errors
    /// Fails if the store fails.
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

/// Returns the summary of a host that the store does not know.
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
