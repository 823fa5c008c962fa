//! The queue of hosts that are due, with leases and fencing (L1-L9). Its unit is the host.

use std::{fmt::Debug, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use crate::model::{CheckResult, HealthCheck, HostId, WorkerId};

/// What a worker asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClaimRequest {
    /// The worker.
    pub worker: WorkerId,
    /// The most hosts that it takes.
    pub limit: u32,
    /// How long the lease lasts, by the store's clock (L3).
    pub lease: Duration,
}

/// What a worker got.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claims {
    /// The store's clock at the claim.
    pub now: DateTime<Utc>,
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
    /// died, or were cut off (F68). A completion begins the count anew.
    pub lost_leases: u32,
    /// When the host was due.
    pub due_at: DateTime<Utc>,
    /// The host's enabled checks.
    pub checks: Vec<HealthCheck>,
}

/// The end of one host's run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostCompletion {
    /// The host.
    pub host_id: HostId,
    /// The token of the claim.
    pub token: i64,
    /// The sequence number of the claim.
    pub config_seq: i64,
    /// When it is due next, where its checks have not changed meanwhile.
    pub next_due_at: DateTime<Utc>,
    /// What came out.
    pub results: Vec<CheckResult>,
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
pub struct HostRelease {
    /// The host.
    pub host_id: HostId,
    /// The token of the claim.
    pub token: i64,
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
/// - A claim takes hosts that have an enabled check, are due, and are under no valid lease; no two
///   claims take one host at the same time. It commits before it answers.
/// - A claim raises the token, also where the host had no enabled check meanwhile; a completion or release counts only with the owner and token of the
///   newest claim, and a completion only before the lease has ended. Anything else is fenced: it
///   changes nothing, for ever.
/// - A claim of a host whose last lease has expired counts one more lost lease; a completion, or a
///   change of the host's checks, begins that count anew, and a release leaves it.
/// - A completion records results and states, sets the next due time and ends the lease in one step
///   for the whole batch; a fenced host does not hold up the others. Where the host's checks have
///   changed since the claim, the host is due at once.
/// - Repeating a completion whose outcome was unknown must not record a result twice; it may report
///   the hosts as fenced.
/// - The queue knows no interval: the poller's schedule computes due times.
#[async_trait]
pub trait PollQueue: Debug + Send + Sync + 'static {
    /// Takes hosts that are due, under a lease.
    async fn claim_hosts(&self, request: ClaimRequest) -> Result<Claims, StoreError>;

    /// Ends the runs of a batch of hosts.
    async fn complete_hosts(
        &self,
        worker: WorkerId,
        batch: Vec<HostCompletion>,
    ) -> Result<Completed, StoreError>;

    /// Hands hosts back: they are due as they were, and under no lease. Fenced ones are ignored.
    async fn release_hosts(
        &self,
        worker: WorkerId,
        hosts: Vec<HostRelease>,
    ) -> Result<(), StoreError>;

    /// How much is due and not taken.
    async fn backlog(&self) -> Result<Backlog, StoreError>;
}
