//! Results, and the states and summaries derived from them.

use std::{fmt::Debug, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use crate::model::{CheckId, CheckResult, CheckState, CheckView, HostId, HostSummary};

/// One page of a check's history, newest first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HistoryPage {
    /// The results.
    pub results: Vec<CheckResult>,
    /// Pass this as `before` to read the next page. `None` on the last page.
    pub next_before: Option<DateTime<Utc>>,
}

/// What one step of pruning deleted from results, gates or audit records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PruneOutcome {
    /// The step deleted the last old records.
    Done {
        /// The number of deleted records.
        deleted: u64,
    },
    /// The step deleted one batch, and more old records are left: call again.
    More {
        /// The number of deleted records.
        deleted: u64,
    },
    /// The step deleted nothing because the store's clock jumped ahead, so records may only look old (F49).
    /// Alert an operator, correct the clock, or set `force`.
    Suspicious {
        /// The number of records that pruning would delete.
        expired: u64,
        /// The total number of records.
        total: u64,
    },
}

impl PruneOutcome {
    /// Returns the outcome of a step that may delete at most `batch` of `expired` records: all of them, one
    /// batch, or none if pruning is held back ([`PruneGuard`](super::PruneGuard), F49).
    #[must_use]
    pub fn of(expired: usize, total: usize, batch: u32, held: bool) -> Self {
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let (expired, total, batch) = (count(expired), count(total), u64::from(batch));
        match held && expired > 0 {
            true => Self::Suspicious { expired, total },
            false => Self::of_step(expired.min(batch), expired > batch),
        }
    }

    /// Returns the outcome of a step that deleted this many records.
    #[must_use]
    pub const fn of_step(deleted: u64, more: bool) -> Self {
        if more { Self::More { deleted } } else { Self::Done { deleted } }
    }
}

/// Stores results, their states and summaries.
///
/// Only [`PollQueue::complete_hosts`](super::PollQueue::complete_hosts) and
/// [`GateStore::settle_gates`](super::GateStore::settle_gates) write results, each under its fence.
///
/// Contract:
/// - A result is dropped without an error if its check is deleted, disabled, or at another revision.
/// - A result with the same check and `checked_at` as a stored one is the same result. Keep one.
/// - A check's state only moves forward in `checked_at`. Exception: if the state is ahead of the store's
///   clock, because the clock was corrected, any other result replaces it.
/// - The newest result of a check is kept as long as the check.
#[async_trait]
pub trait ResultStore: Debug + Send + Sync + 'static {
    /// Returns the state of each check of these hosts that has one.
    async fn states(&self, hosts: &[HostId]) -> Result<Vec<CheckState>, StoreError>;

    /// Returns all checks of these hosts with their current status, in the order of
    /// [`CheckStore::checks_of`](super::CheckStore::checks_of). Results older than `stale_after` do not
    /// count.
    async fn views(
        &self,
        hosts: &[HostId],
        stale_after: Duration,
    ) -> Result<Vec<CheckView>, StoreError>;

    /// Returns the summary of each of these hosts, in the order of `hosts`, without scanning any history.
    async fn summaries(
        &self,
        hosts: &[HostId],
        stale_after: Duration,
    ) -> Result<Vec<HostSummary>, StoreError>;

    /// Returns up to `limit` results of a check, newest first. With `before`, returns only older ones.
    ///
    /// # Errors
    /// Fails with [`StoreError::NotFound`] if the host has no such check.
    async fn history(
        &self,
        host_id: HostId,
        check_id: CheckId,
        before: Option<DateTime<Utc>>,
        limit: u32,
    ) -> Result<HistoryPage, StoreError>;

    /// Deletes up to `batch` results that are older than `keep` by the store's clock, but never the newest
    /// result of a check. After the clock has jumped ahead it deletes nothing and returns
    /// [`PruneOutcome::Suspicious`], unless `force` is set ([`PruneGuard`](super::PruneGuard)).
    ///
    /// A store that partitions results, for example by day, may delete whole partitions. It then deletes a
    /// result once its whole partition is too old, at most a day later, and one step may delete more than
    /// `batch`.
    async fn prune_results(
        &self,
        keep: Duration,
        batch: u32,
        force: bool,
    ) -> Result<PruneOutcome, StoreError>;
}
