//! Verification of hosts after their changes (V1 to V6).

use std::{fmt::Debug, time::Duration};

use async_trait::async_trait;

use super::StoreError;
use crate::model::{CheckResult, GateRecord, HostChange, JobId, PassId, StoreTime, Verification};

/// A verification that a worker has claimed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerificationClaim {
    /// The change with its current verification.
    pub change: HostChange,
    /// The gate whose spent pass began the change.
    pub gate: GateRecord,
    /// The fencing token. Every claim of this verification increments it.
    pub token: i64,
}

/// The due verifications that a claim returns.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerificationClaims {
    /// The store's clock with its epoch.
    pub time: StoreTime,
    /// The claims, earliest due first.
    pub claims: Vec<VerificationClaim>,
}

/// What one look at a changed host found, written under its fence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerificationStep {
    /// The spent pass that began the change.
    pub pass_id: PassId,
    /// The claim's token.
    pub token: i64,
    /// The new state of the verification.
    pub verification: Verification,
    /// Results of the runs. The store records them by the rules of [`ResultStore`](super::ResultStore).
    pub results: Vec<CheckResult>,
}

/// Stores verifications of changed hosts.
///
/// Contract:
/// - [`end_host_change`](super::GateStore::end_host_change) begins a verification. Spending the host's next
///   pass ends it as unverified.
/// - A claim takes running verifications whose [`next_at`](Verification::next_at) has passed, and hides
///   each for the requested duration. If the worker dies, another claim takes them afterwards. No two
///   claims take the same one at the same time.
/// - A step counts only with the token of the newest claim, while the verification runs. Otherwise nothing
///   of it is written. A verification that has ended never changes again.
/// - A step that ends the verification sets the change's [`judged_at`](HostChange::judged_at) to the store's clock
///   at the write: a look can be slow, and a rollout's soak begins when the outcome is known.
/// - When a new epoch of the store's clock begins, verifications with a `next_at` ahead of the clock are
///   due immediately (F173).
#[async_trait]
pub trait VerificationStore: Debug + Send + Sync + 'static {
    /// Returns all host changes of a job, ordered by their beginning.
    async fn changes_of(&self, job: JobId) -> Result<Vec<HostChange>, StoreError>;

    /// Claims up to `limit` due verifications, and hides them for `hidden_for`.
    async fn claim_verifications(
        &self,
        limit: u32,
        hidden_for: Duration,
    ) -> Result<VerificationClaims, StoreError>;

    /// Writes a step. Returns whether it counts.
    async fn settle_verification(&self, step: VerificationStep) -> Result<bool, StoreError>;
}
