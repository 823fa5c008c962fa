//! The queue of hosts that are due, with leases and fencing (L1-L9). Its unit is the host.

use std::{fmt::Debug, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use crate::model::{CheckResult, ClockEpoch, HealthCheck, HostId, WorkerId};

/// What a worker asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ClaimRequest {
    /// The worker.
    pub worker: WorkerId,
    /// The most hosts that it takes.
    pub limit: u32,
    /// How long the lease lasts, by the store's clock (L3).
    pub lease: Duration,
    /// The worker's poll interval. No due time is further ahead than that unless the store's clock
    /// was put back or the interval was shortened, so such a host counts as due (F136).
    pub interval: Duration,
    /// The hosts to take, due or not. `None` takes those that are due.
    pub named: Option<Vec<HostId>>,
}

impl ClaimRequest {
    /// Asks for hosts that are due.
    #[must_use]
    pub const fn new(worker: WorkerId, limit: u32, lease: Duration) -> Self {
        Self { worker, limit, lease, interval: Duration::MAX, named: None }
    }

    /// Sets the poll interval. Without one, no due time is too far ahead.
    #[must_use]
    pub fn with_interval(self, interval: Duration) -> Self {
        Self { interval, ..self }
    }

    /// Asks for these hosts instead, whether they are due or not.
    #[must_use]
    pub fn with_named(self, hosts: Vec<HostId>) -> Self {
        Self { named: Some(hosts), ..self }
    }
}

/// What a worker got.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claims {
    /// The store's clock at the claim.
    pub now: DateTime<Utc>,
    /// Its epoch: that of the results of these hosts' runs.
    pub epoch: ClockEpoch,
    /// The hosts, those due longest first.
    pub hosts: Vec<HostClaim>,
}

/// One host under lease.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostClaim {
    /// The host.
    pub host_id: HostId,
    /// The fencing token: raised by every claim of this host.
    pub token: i64,
    /// Raised by every change of the host's checks.
    pub config_seq: i64,
    /// How many leases in a row ended without a completion or a release: the workers that had them
    /// died, or were cut off (F68).
    pub lost_leases: u32,
    /// When the host was due.
    pub due_at: DateTime<Utc>,
    /// The host's enabled checks.
    pub checks: Vec<HealthCheck>,
}

/// The end of one host's run.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct HostCompletion {
    /// The host.
    pub host_id: HostId,
    /// The token of the claim.
    pub token: i64,
    /// The sequence number of the claim.
    pub config_seq: i64,
    /// When it is due next, where its checks have not changed meanwhile.
    pub next_due_at: DateTime<Utc>,
    /// Parks the host: it is not due before this instant, unless one of its checks changes.
    pub not_before: Option<DateTime<Utc>>,
    /// Whether some of its checks have not run and will under a later claim, so that the count of
    /// lost leases stays.
    pub unfinished: bool,
    /// What came out.
    pub results: Vec<CheckResult>,
    /// Whether a connection to what the checks ask came about; `None` where the run says nothing of that.
    pub reached: Option<bool>,
}

impl HostCompletion {
    /// Ends the run that this claim began.
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

    /// Says whether the run could connect.
    #[must_use]
    pub fn with_reached(self, reached: Option<bool>) -> Self {
        Self { reached, ..self }
    }

    /// Says that some of the host's checks have not run yet.
    #[must_use]
    pub fn with_unfinished(self, unfinished: bool) -> Self {
        Self { unfinished, ..self }
    }
}

/// Which runs [`PollQueue::reach`] counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReachQuery {
    /// The newest run of each host, where it ended within this time …
    pub within: Duration,
    /// … and, if the host was not reached, where that began within this time. A host that was never reached
    /// does not count.
    pub turned_within: Duration,
}

/// How many hosts were reached, by whatever worker.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Reach {
    /// The hosts that ran, whether they count or not.
    pub ran: u64,
    /// The hosts that count.
    pub hosts: u64,
    /// Those of them that have turned unreachable.
    pub unreachable: u64,
}

/// What became of a batch.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Completed {
    /// Hosts whose lease was lost: none of their results was kept.
    pub fenced: Vec<HostId>,
    /// Results that were dropped since their check is gone, disabled or changed.
    pub dropped: u64,
}

/// A host that a worker hands back unrun.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct HostRelease {
    /// The host.
    pub host_id: HostId,
    /// The token of the claim.
    pub token: i64,
    /// Parks the host: it is not due before this instant, unless one of its checks changes.
    pub not_before: Option<DateTime<Utc>>,
}

impl HostRelease {
    /// Hands a host back; it is due as it was.
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

/// How much waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Backlog {
    /// Hosts that are due and not under a lease.
    pub due: u64,
    /// When the one that waits longest became due.
    pub oldest_due_at: Option<DateTime<Utc>>,
}

/// The queue of hosts that are due.
///
/// Contract:
/// - A claim takes hosts that have an enabled check, are due and not parked, and are under no valid
///   lease; no two claims take one host at the same time. It commits before it answers.
/// - A claim of named hosts takes those of them that have an enabled check and are under no valid
///   lease, whether they are due, parked or neither.
/// - A due time further ahead than the claim's interval counts as due, and a lease that ends later
///   than one lease and one interval from now counts as ended: the store's clock was put back, or
///   the interval was shortened (F136).
/// - A host is parked from the instant at which it was parked until its `not_before`. Before that
///   instant, after the store's clock was put back, it is not. A claim, or a change of the host's
///   checks, ends the parking.
/// - A claim raises the token, also where the host had no enabled check meanwhile; a completion or
///   release counts only with the owner and token of the newest claim, and a completion only before
///   the lease has ended. Anything else is fenced: it changes nothing, for ever.
/// - A claim of a host whose last lease has expired counts one more lost lease, unless the worker
///   that claims had that lease itself: it is alive (F147). A completion, unless it is unfinished,
///   or a change of the host's checks begins that count anew, and a release leaves it.
/// - A release counts also after the lease has ended, as long as nobody has claimed the host since.
/// - A completion records results and states, sets the next due time and ends the lease in one step
///   for the whole batch; a fenced host does not hold up the others. Where the host's checks have
///   changed since the claim, the due time that the change set stays: at once, or after its
///   [`FirstRun`](super::FirstRun).
/// - Repeating a completion whose outcome was unknown must not record a result twice; it may report
///   the hosts as fenced.
#[async_trait]
pub trait PollQueue: Debug + Send + Sync + 'static {
    /// Takes hosts that are due, or those that the request names, under a lease.
    async fn claim_hosts(&self, request: ClaimRequest) -> Result<Claims, StoreError>;

    /// Ends the runs of a batch of hosts.
    async fn complete_hosts(
        &self,
        worker: WorkerId,
        batch: Vec<HostCompletion>,
    ) -> Result<Completed, StoreError>;

    /// Hands hosts back: they are due as they were, unless they are parked, and under no lease.
    /// Fenced ones are ignored.
    async fn release_hosts(
        &self,
        worker: WorkerId,
        hosts: Vec<HostRelease>,
    ) -> Result<(), StoreError>;

    /// How much is due and not taken. Hosts that are parked do not count.
    async fn backlog(&self) -> Result<Backlog, StoreError>;

    /// How many hosts with an enabled check were reached, by what completions of all workers say
    /// ([`HostCompletion::reached`]). A poller asks while its own runs look as if its network were down (F46).
    ///
    /// By default no host counts, and pollers judge by their own runs alone.
    async fn reach(&self, query: ReachQuery) -> Result<Reach, StoreError> {
        let _ = query;
        Ok(Reach::default())
    }

    /// When a host is due; `None` where it has no enabled check. Whoever runs a changed check that has not
    /// run yet asks, so that it waits for the slot of its first run (F255).
    ///
    /// By default nothing is known, and gates run changed checks at once.
    async fn due_at(&self, host_id: HostId) -> Result<Option<DateTime<Utc>>, StoreError> {
        let _ = host_id;
        Ok(None)
    }
}
