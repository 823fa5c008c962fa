//! Results and what they make of checks and hosts.

use std::{fmt::Debug, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use crate::model::{CheckId, CheckResult, CheckState, CheckView, HostId, HostSummary};

/// A part of a check's history, newest first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HistoryPage {
    /// The results.
    pub results: Vec<CheckResult>,
    /// Ask for what is older than this for the next page; `None` at the end.
    pub next_before: Option<DateTime<Utc>>,
}

/// What a step of pruning did to results, gates or audit records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PruneOutcome {
    /// So many were deleted, and nothing older is left.
    Done {
        /// How many.
        deleted: u64,
    },
    /// So many were deleted, and there are more: ask again.
    More {
        /// How many.
        deleted: u64,
    },
    /// Nothing was deleted, since the store's clock has leapt ahead: what looks old may not be (F49). Tell
    /// somebody, put the clock right, or force it.
    Suspicious {
        /// How many would go.
        expired: u64,
        /// How many there are.
        total: u64,
    },
}

impl PruneOutcome {
    /// Returns what a step of at most `batch` does if this many could go: all of it, a batch, or nothing
    /// if it is held back ([`PruneGuard`](super::PruneGuard), F49).
    #[must_use]
    pub fn of(expired: usize, total: usize, batch: u32, held: bool) -> Self {
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let (expired, total, batch) = (count(expired), count(total), u64::from(batch));
        match held && expired > 0 {
            true => Self::Suspicious { expired, total },
            false => Self::of_step(expired.min(batch), expired > batch),
        }
    }

    /// Returns the outcome of a step that deleted this many.
    #[must_use]
    pub const fn of_step(deleted: u64, more: bool) -> Self {
        if more { Self::More { deleted } } else { Self::Done { deleted } }
    }
}

/// Results, their states and summaries. Results are written with
/// [`PollQueue::complete_hosts`](super::PollQueue::complete_hosts) and
/// [`GateStore::settle_gates`](super::GateStore::settle_gates), each under its fence; nothing else
/// writes them.
///
/// Contract:
/// - A result whose check is gone, disabled, or at another revision is dropped without an error.
/// - A result with the same check and `checked_at` as a stored one is the same result: keep one.
/// - A check's state moves only forward in `checked_at`. Exception: if the state lies in the future of the
///   store's clock, because the clock was corrected, any other result replaces it.
/// - The newest result of each check is kept as long as the check.
#[async_trait]
pub trait ResultStore: Debug + Send + Sync + 'static {
    /// Returns the states of all checks of these hosts that have one.
    async fn states(&self, hosts: &[HostId]) -> Result<Vec<CheckState>, StoreError>;

    /// Returns all checks of these hosts with their current status; results older than `stale_after` do not
    /// count. The order is that of [`CheckStore::checks_of`](super::CheckStore::checks_of).
    async fn views(
        &self,
        hosts: &[HostId],
        stale_after: Duration,
    ) -> Result<Vec<CheckView>, StoreError>;

    /// Returns the summary of each of these hosts, in the order of the argument, without scanning any history.
    async fn summaries(
        &self,
        hosts: &[HostId],
        stale_after: Duration,
    ) -> Result<Vec<HostSummary>, StoreError>;

    /// Returns up to `limit` results of a check, newest first, older than `before` if given.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where the host has no such check.
    async fn history(
        &self,
        host_id: HostId,
        check_id: CheckId,
        before: Option<DateTime<Utc>>,
        limit: u32,
    ) -> Result<HistoryPage, StoreError>;

    /// Deletes up to `batch` results that are older than `keep` by the store's clock, never the
    /// newest of a check. After that clock has jumped ahead it deletes none and reports so, unless `force` is
    /// set ([`PruneGuard`](super::PruneGuard)).
    ///
    /// A store that keeps results in parts, such as a partition for each day, may delete part by part. A result
    /// is then deleted when its whole part is too old, at most a day later, and one step may delete more than
    /// `batch`.
    async fn prune_results(
        &self,
        keep: Duration,
        batch: u32,
        force: bool,
    ) -> Result<PruneOutcome, StoreError>;
}
