//! The queue of due hosts, with leases and fencing (L1-L9). Hosts are claimed, not single checks.

use std::{fmt::Debug, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use crate::model::{CheckResult, ClockEpoch, HealthCheck, HostId, WorkerId};

/// A worker's request for hosts.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ClaimRequest {
    /// The worker.
    pub worker: WorkerId,
    /// The maximum number of hosts to claim.
    pub limit: u32,
    /// The duration of the lease, by the store's clock (L3).
    pub lease: Duration,
    /// The worker's poll interval. A due time further ahead means that the store's clock was set back or
    /// the interval was shortened, so such a host counts as due (F136).
    pub interval: Duration,
    /// The hosts to claim, due or not. `None` claims due hosts.
    pub named: Option<Vec<HostId>>,
}

impl ClaimRequest {
    /// Requests due hosts.
    #[must_use]
    pub const fn new(worker: WorkerId, limit: u32, lease: Duration) -> Self {
        Self { worker, limit, lease, interval: Duration::MAX, named: None }
    }

    /// Sets the poll interval. Without one, no due time counts as too far ahead.
    #[must_use]
    pub fn with_interval(self, interval: Duration) -> Self {
        Self { interval, ..self }
    }

    /// Requests these hosts instead, whether they are due or not.
    #[must_use]
    pub fn with_named(self, hosts: Vec<HostId>) -> Self {
        Self { named: Some(hosts), ..self }
    }
}

/// The hosts that a claim returns to a worker.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claims {
    /// The store's clock at the claim.
    pub now: DateTime<Utc>,
    /// The epoch of the store's clock. The results of these hosts' runs belong to it.
    pub epoch: ClockEpoch,
    /// The claimed hosts, earliest due first.
    pub hosts: Vec<HostClaim>,
}

/// One host under lease.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostClaim {
    /// The host.
    pub host_id: HostId,
    /// The fencing token. Every claim of this host increments it.
    pub token: i64,
    /// Every change of the host's checks increments this number.
    pub config_seq: i64,
    /// The number of consecutive leases that ended without a completion or a release, because the worker
    /// crashed or lost its connection (F68).
    pub lost_leases: u32,
    /// When the host was due.
    pub due_at: DateTime<Utc>,
    /// The host's enabled checks.
    pub checks: Vec<HealthCheck>,
}

/// The completion of one host's run.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct HostCompletion {
    /// The host.
    pub host_id: HostId,
    /// The claim's token.
    pub token: i64,
    /// The claim's `config_seq`.
    pub config_seq: i64,
    /// When the host is due next, unless its checks have changed since the claim.
    pub next_due_at: DateTime<Utc>,
    /// Parks the host: it is not due before this instant, unless one of its checks changes.
    pub not_before: Option<DateTime<Utc>>,
    /// Whether some of its checks have not run yet and will run under a later claim. The count of lost
    /// leases then stays.
    pub unfinished: bool,
    /// The results of the run.
    pub results: Vec<CheckResult>,
    /// Whether the run could connect to its targets. `None` if the run does not tell.
    pub reached: Option<bool>,
}

impl HostCompletion {
    /// Completes the run that this claim began.
    #[must_use]
    pub const fn new(
        claim: &HostClaim,
        next_due_at: DateTime<Utc>,
        results: Vec<CheckResult>,
    ) -> Self {
        Self {
            host_id: claim.host_id,
            token: claim.token,
            config_seq: claim.config_seq,
            next_due_at,
            not_before: None,
            unfinished: false,
            results,
            reached: None,
        }
    }

    /// Parks the host until an instant.
    #[must_use]
    pub fn with_not_before(self, instant: DateTime<Utc>) -> Self {
        Self { not_before: Some(instant), ..self }
    }

    /// Sets whether the run could connect.
    #[must_use]
    pub fn with_reached(self, reached: Option<bool>) -> Self {
        Self { reached, ..self }
    }

    /// Marks that some of the host's checks have not run yet.
    #[must_use]
    pub fn with_unfinished(self, unfinished: bool) -> Self {
        Self { unfinished, ..self }
    }
}

/// Selects the runs that [`PollQueue::reach`] counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReachQuery {
    /// Counts the newest run of each host, if it ended within this duration …
    pub within: Duration,
    /// … and, for an unreachable host, if it became unreachable within this duration. A host that was never
    /// reached does not count.
    pub turned_within: Duration,
}

/// How many hosts the runs of all workers reached.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Reach {
    /// The number of hosts that ran, whether they count or not.
    pub ran: u64,
    /// The number of hosts that count.
    pub hosts: u64,
    /// The number of counted hosts that became unreachable.
    pub unreachable: u64,
}

/// The outcome of completing a batch.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Completed {
    /// Hosts whose lease was lost. None of their results was stored.
    pub fenced: Vec<HostId>,
    /// The number of results dropped because their check is deleted, disabled or changed.
    pub dropped: u64,
}

/// A host that a worker releases without having run it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct HostRelease {
    /// The host.
    pub host_id: HostId,
    /// The claim's token.
    pub token: i64,
    /// Parks the host: it is not due before this instant, unless one of its checks changes.
    pub not_before: Option<DateTime<Utc>>,
}

impl HostRelease {
    /// Releases a host with its due time unchanged.
    #[must_use]
    pub const fn new(host_id: HostId, token: i64) -> Self {
        Self { host_id, token, not_before: None }
    }

    /// Parks the host until an instant.
    #[must_use]
    pub const fn with_not_before(self, instant: DateTime<Utc>) -> Self {
        Self { not_before: Some(instant), ..self }
    }
}

/// How many hosts are waiting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Backlog {
    /// The number of hosts that are due and not under a lease.
    pub due: u64,
    /// The earliest due time among them.
    pub oldest_due_at: Option<DateTime<Utc>>,
}

/// The queue of hosts that are due.
///
/// Contract:
/// - A claim takes hosts that have an enabled check, are due and not parked, and are under no valid lease.
///   No two claims take the same host at the same time. A claim commits before it answers.
/// - A claim of named hosts takes those that have an enabled check and are under no valid lease, even if
///   they are parked or not due.
/// - A due time further ahead than the claim's interval counts as due. A lease that ends later than one
///   lease and one interval from now counts as ended. In both cases the store's clock was set back or the
///   interval was shortened (F136).
/// - A host is parked from the instant of parking until its `not_before`. If the store's clock is set back
///   before that instant, the host is not parked. A claim, or a change of the host's checks, ends the
///   parking.
/// - A claim increments the token, even if the host had no enabled check in between. A completion or
///   release counts only with the owner and token of the newest claim, and a completion only before the
///   lease has ended. Anything else is fenced and never changes anything.
/// - A claim of a host whose last lease has expired increments the count of lost leases, unless the
///   claiming worker held that lease itself: it is alive (F147). A completion that is not marked
///   unfinished, or a change of the host's checks, resets the count. A release leaves it unchanged.
/// - A release counts even after the lease has ended, as long as no one has claimed the host since.
/// - A completion records results and states, sets the next due time and ends the lease in one step for the
///   whole batch. A fenced host does not delay the others. If the host's checks have changed since the
///   claim, the due time that the change set stays: immediately, or after its
///   [`FirstRun`](super::FirstRun).
/// - Repeating a completion whose outcome was unknown must not record a result twice. It may report the
///   hosts as fenced.
#[async_trait]
pub trait PollQueue: Debug + Send + Sync + 'static {
    /// Claims due hosts, or the hosts that the request names, under a lease.
    async fn claim_hosts(&self, request: ClaimRequest) -> Result<Claims, StoreError>;

    /// Completes the runs of a batch of hosts.
    async fn complete_hosts(
        &self,
        worker: WorkerId,
        batch: Vec<HostCompletion>,
    ) -> Result<Completed, StoreError>;

    /// Releases hosts from their lease. They keep their due time, unless they are parked. Fenced hosts are
    /// ignored.
    async fn release_hosts(
        &self,
        worker: WorkerId,
        hosts: Vec<HostRelease>,
    ) -> Result<(), StoreError>;

    /// Returns how many hosts are due and not claimed. Parked hosts do not count.
    async fn backlog(&self) -> Result<Backlog, StoreError>;

    /// Returns how many hosts with an enabled check were reached, by the completions of all workers
    /// ([`HostCompletion::reached`]). A poller asks while its own runs look as if its network were down
    /// (F46).
    ///
    /// The default implementation counts no host, so that each poller judges by its own runs alone.
    async fn reach(&self, query: ReachQuery) -> Result<Reach, StoreError> {
        let _ = query;
        Ok(Reach::default())
    }

    /// Returns when a host is due, or `None` if it has no enabled check. Gates call this before they run a
    /// changed check that has not run yet, so that it waits for its first-run slot (F255).
    ///
    /// The default implementation returns `None`, and gates run changed checks immediately.
    async fn due_at(&self, host_id: HostId) -> Result<Option<DateTime<Utc>>, StoreError> {
        let _ = host_id;
        Ok(None)
    }
}
