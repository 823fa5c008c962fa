//! Configuration of checks.

use std::{fmt::Debug, time::Duration};

use async_trait::async_trait;

use super::StoreError;
use crate::model::{AuditEntry, CheckDefinition, CheckId, HealthCheck, HostId, SealedSecret};

/// A check to create. The caller generates the id before it seals the password, because the seal is bound
/// to the id.
#[derive(Clone, Debug)]
pub struct CheckInsert {
    /// The check's id.
    pub id: CheckId,
    /// The host that the check belongs to.
    pub host_id: HostId,
    /// What the check requests, and how it judges the response.
    pub definition: CheckDefinition,
    /// The sealed password.
    pub secret: Option<SealedSecret>,
    /// The maximum number of checks of the host, including this one.
    pub limit: u32,
    /// When the host runs next.
    pub first_run: FirstRun,
}

/// An update of a check.
#[derive(Clone, Debug)]
pub struct CheckUpdate {
    /// The check.
    pub id: CheckId,
    /// The check's host. A check of another host is not found.
    pub host_id: HostId,
    /// The revision that the update is based on.
    pub expected_revision: i64,
    /// The new definition.
    pub definition: CheckDefinition,
    /// How the update changes the stored password.
    pub secret: SecretChange,
    /// When the host runs next.
    pub first_run: FirstRun,
}

/// When a host runs after one of its checks was created or changed.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum FirstRun {
    /// Immediately.
    #[default]
    AtOnce,
    /// After this duration (at most [`LONGEST`](Self::LONGEST)), or at the host's due time if that is
    /// earlier.
    After(Duration),
}

impl FirstRun {
    /// The maximum delay of a first run. A check that was changed longer ago than this never has to wait
    /// for its first run.
    pub const LONGEST: Duration = Duration::from_secs(86_400);

    /// Returns how long the host waits, unless it is due earlier.
    #[must_use]
    pub const fn wait(self) -> Duration {
        match self {
            Self::AtOnce => Duration::ZERO,
            Self::After(wait) => wait,
        }
    }
}

/// How an update changes the stored password.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SecretChange {
    /// Keeps the password.
    Keep,
    /// Removes the password.
    Remove,
    /// Replaces the password with this one.
    Replace(SealedSecret),
}

/// Stores the configuration of checks. It sees only sealed passwords.
///
/// Contract:
/// - A write and its audit record are one step. If the record cannot be written, or a hook refuses, the
///   write does not happen.
/// - Enforce the limit in that step: 50 concurrent creations leave exactly as many checks as allowed.
/// - Update the host's schedule row in that step. The row exists while the host has an enabled check, every
///   write increments its `config_seq`, and its lease stays.
/// - A host whose check was created or changed is due at its [`FirstRun`]. With a delay, the host keeps its
///   due time if that is earlier. The due time of a running or parked host is used up and does not count. A
///   deletion does not change the due time (F255).
/// - A write increments the revision by one and sets `updated_at` to the store's clock, always later than
///   before.
/// - Look a check up by host and id together: a check of another host is [`StoreError::NotFound`].
/// - Deleting a check also deletes its results and its state.
#[cfg_attr(feature = "testing", mockall::automock)]
#[async_trait]
pub trait CheckStore: Debug + Send + Sync + 'static {
    /// Creates a check at revision 1.
    ///
    /// # Errors
    /// Fails with [`StoreError::LimitReached`] if the host already has the maximum number of checks.
    async fn insert_check(
        &self,
        insert: CheckInsert,
        audit: AuditEntry,
    ) -> Result<HealthCheck, StoreError>;

    /// Updates a check.
    ///
    /// # Errors
    /// Fails with [`StoreError::NotFound`], or with [`StoreError::Conflict`] if the revision is not the
    /// expected one.
    async fn update_check(
        &self,
        update: CheckUpdate,
        audit: AuditEntry,
    ) -> Result<HealthCheck, StoreError>;

    /// Deletes a check. An `expected_revision` of `None` skips the revision check.
    ///
    /// # Errors
    /// Fails with [`StoreError::NotFound`], or with [`StoreError::Conflict`] if the revision is not the
    /// expected one.
    async fn delete_check(
        &self,
        host_id: HostId,
        id: CheckId,
        expected_revision: Option<i64>,
        audit: AuditEntry,
    ) -> Result<(), StoreError>;

    /// Returns one check of a host.
    async fn check(&self, host_id: HostId, id: CheckId) -> Result<Option<HealthCheck>, StoreError>;

    /// Returns all checks of these hosts, including disabled ones, ordered by host and then by creation
    /// time.
    async fn checks_of(&self, hosts: &[HostId]) -> Result<Vec<HealthCheck>, StoreError>;

    /// Deletes the checks, results and schedule row of a host that the application has deleted. The host's
    /// gates and audit records stay. Only needed if the application's database does not cascade. An unknown
    /// host is not an error.
    async fn forget_host(&self, host_id: HostId) -> Result<(), StoreError>;
}
