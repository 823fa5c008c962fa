//! The verification of hosts after their changes (V1 to V6).

use std::{fmt::Debug, time::Duration};

use async_trait::async_trait;

use super::StoreError;
use crate::model::{CheckResult, GateRecord, HostChange, JobId, PassId, StoreTime, Verification};

/// A verification that a worker has taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerificationClaim {
    /// The change, with its verification as it stands.
    pub change: HostChange,
    /// The gate whose pass was spent for it.
    pub gate: GateRecord,
    /// The fencing token: raised by every claim of this verification.
    pub token: i64,
}

/// Verifications that are due.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerificationClaims {
    /// The store's clock, with its epoch.
    pub time: StoreTime,
    /// The longest due first.
    pub claims: Vec<VerificationClaim>,
}

/// What a look at a changed host has found, written under its fence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerificationStep {
    /// The pass that was spent for the change.
    pub pass_id: PassId,
    /// The token of the claim.
    pub token: i64,
    /// How the verification stands now.
    pub verification: Verification,
    /// Results of the runs, recorded by the rules of [`ResultStore`](super::ResultStore).
    pub results: Vec<CheckResult>,
}

/// Verifications of changed hosts.
///
/// Contract:
/// - [`end_host_change`](super::GateStore::end_host_change) begins a verification, and the spending of
///   the host's next pass ends it as unverified.
/// - A claim takes running verifications whose [`next_at`](Verification::next_at) has come, and hides
///   each for the time that is asked for, so that one whose worker has died is taken again. Two claims
///   take none at the same time.
/// - A step counts only with the token of the newest claim, while the verification runs; else nothing
///   of it is written. One that has ended never changes again.
/// - Where a new epoch of the store's clock begins, what lies ahead of the clock is due at once (F173).
#[async_trait]
pub trait VerificationStore: Debug + Send + Sync + 'static {
    /// All changes of hosts by a job, by their beginning.
    async fn changes_of(&self, job: JobId) -> Result<Vec<HostChange>, StoreError>;

    /// Takes up to `limit` verifications that are due, and hides them for `hidden_for`.
    async fn claim_verifications(
        &self,
        limit: u32,
        hidden_for: Duration,
    ) -> Result<VerificationClaims, StoreError>;

    /// Writes a step. Answers whether it counts.
    async fn settle_verification(&self, step: VerificationStep) -> Result<bool, StoreError>;
}
