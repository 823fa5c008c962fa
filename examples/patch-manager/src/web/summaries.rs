//! Summaries of many hosts, read at most once a second.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use healthgate::{
    model::{CheckId, CheckStatus, CheckView, HostId, HostStatus, HostSummary, ReasonCode},
    store::{Store, StoreError},
};
use serde::Serialize;
use tokio::sync::Mutex;
use utoipa::ToSchema;

use crate::database::{Database, DatabaseError, HostQuery};

/// Summaries and names of hosts. A list that is ordered or filtered by status needs those of every host
/// that the caller may see. They are read once per second for all callers.
pub(super) struct Summaries {
    store: Arc<dyn Store>,
    database: Database,
    stale_after: Duration,
    known: Mutex<Option<(Instant, Known)>>,
    named: Mutex<Option<(Instant, Names)>>,
    failing: Mutex<Option<(Instant, Arc<Failing>)>>,
}

/// The checks of each host that do not pass.
#[derive(Debug, Default)]
pub(super) struct Failing {
    /// What was asked for, the hosts without any such check included.
    asked: HashSet<HostId>,
    checks: HashMap<HostId, Vec<FailingCheck>>,
}

/// An enabled check that does not pass.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct FailingCheck {
    pub(super) check_id: CheckId,
    pub(super) name: String,
    /// A reason code; `no_recent_result` where there is no result that counts.
    pub(super) reason: &'static str,
}

/// The reason of a check that has no result that counts.
const NO_RECENT_RESULT: &str = "no_recent_result";

impl Failing {
    /// Whether a check of this host fails for this reason.
    pub(super) fn fails_for(&self, host: HostId, reason: &str) -> bool {
        self.of(host).iter().any(|check| check.reason == reason)
    }

    /// The reasons of a host's failing checks, each once.
    pub(super) fn reasons_of(&self, host: HostId) -> BTreeSet<&'static str> {
        self.of(host).iter().map(|check| check.reason).collect()
    }

    /// The failing checks of a host.
    pub(super) fn of(&self, host: HostId) -> &[FailingCheck] {
        self.checks.get(&host).map_or(&[], Vec::as_slice)
    }

    fn add(&mut self, view: CheckView) {
        let CheckView { check, status, last_result, .. } = view;
        if !check.definition.enabled || status == CheckStatus::Healthy {
            return;
        }
        // What is too old to count may have been healthy.
        let reason = last_result.map(|result| result.reason).filter(|one| *one != ReasonCode::Ok);
        let reason = reason.map_or(NO_RECENT_RESULT, ReasonCode::as_str);
        let name = check.definition.name.to_string();
        let failing = FailingCheck { check_id: check.id, name, reason };
        self.checks.entry(check.host_id).or_default().push(failing);
    }
}

/// The summary of each host.
pub(super) type Known = Arc<HashMap<HostId, HostSummary>>;

/// Hosts, by name.
pub(super) type Names = Arc<[(HostId, String)]>;

/// The hosts whose checks are read at the same time: each has its definition with it.
const VIEWED_AT_ONCE: usize = 1_000;

/// How old failing checks of many hosts may be: they are more to read than summaries.
const FAILING_KEPT: Duration = Duration::from_secs(3);

/// The maximum age of shown data.
const KEPT: Duration = Duration::from_secs(1);

impl Summaries {
    pub(super) fn new(store: Arc<dyn Store>, database: Database, stale_after: Duration) -> Self {
        Self {
            store,
            database,
            stale_after,
            known: Mutex::new(None),
            named: Mutex::new(None),
            failing: Mutex::new(None),
        }
    }

    /// Returns the hosts of a query, ordered by name. The list of all hosts, which only administrators see,
    /// is up to a second old. Other lists are read each time.
    ///
    /// # Errors
    /// Fails if the database fails.
    pub(super) async fn names(&self, wanted: HostQuery<'_>) -> Result<Names, DatabaseError> {
        if wanted.shared_with.is_some() || wanted.text.is_some() || wanted.group.is_some() {
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

    /// The failing checks of these hosts, as of now.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn failing_now(&self, hosts: &[HostId]) -> Result<Failing, StoreError> {
        let asked = hosts.iter().copied().collect();
        let mut failing = Failing { asked, checks: HashMap::new() };
        for hosts in hosts.chunks(VIEWED_AT_ONCE) {
            for view in self.store.views(hosts, self.stale_after).await? {
                failing.add(view);
            }
        }
        Ok(failing)
    }

    /// The failing checks of at least these hosts, as of some seconds ago at the earliest.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn failing(&self, hosts: &[HostId]) -> Result<Arc<Failing>, StoreError> {
        let mut known = self.failing.lock().await;
        if let Some((at, failing)) = known.as_ref()
            && at.elapsed() < FAILING_KEPT
            && hosts.iter().all(|host| failing.asked.contains(host))
        {
            return Ok(Arc::clone(failing));
        }
        let at = Instant::now();
        let failing = Arc::new(self.failing_now(hosts).await?);
        *known = Some((at, Arc::clone(&failing)));
        Ok(failing)
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
