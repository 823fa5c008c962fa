//! The configuration of checks.

use std::{fmt::Debug, time::Duration};

use async_trait::async_trait;

use super::StoreError;
use crate::model::{AuditEntry, CheckDefinition, CheckId, HealthCheck, HostId, SealedSecret};

/// A check to be made. The id is made before the password is sealed, for it is bound to it.
#[derive(Clone, Debug)]
pub struct CheckInsert {
    /// Identity.
    pub id: CheckId,
    /// The host it belongs to.
    pub host_id: HostId,
    /// What it asks.
    pub definition: CheckDefinition,
    /// The sealed password.
    pub secret: Option<SealedSecret>,
    /// The most checks that the host may have, this one included.
    pub limit: u32,
    /// When the host runs.
    pub first_run: FirstRun,
}

/// A check to be changed.
#[derive(Clone, Debug)]
pub struct CheckUpdate {
    /// The check.
    pub id: CheckId,
    /// Its host; a check of another one is not found.
    pub host_id: HostId,
    /// The revision that the change was made from.
    pub expected_revision: i64,
    /// What it asks from now on.
    pub definition: CheckDefinition,
    /// What becomes of the password.
    pub secret: SecretChange,
    /// When the host runs.
    pub first_run: FirstRun,
}

/// When a host runs after one of its checks was made or changed.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum FirstRun {
    /// At once.
    #[default]
    AtOnce,
    /// After this time, [`LONGEST`](Self::LONGEST) at most, or when the host is due anyway, whichever
    /// comes first.
    After(Duration),
}

impl FirstRun {
    /// The longest that a first run waits. Whoever runs a check that was changed longer ago need not ask
    /// whether it has to wait.
    pub const LONGEST: Duration = Duration::from_secs(86_400);

    /// How long the host waits, unless it is due sooner.
    #[must_use]
    pub const fn wait(self) -> Duration {
        match self {
            Self::AtOnce => Duration::ZERO,
            Self::After(wait) => wait,
        }
    }
}

/// What becomes of a stored password.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SecretChange {
    /// It stays as it is.
    Keep,
    /// It goes.
    Remove,
    /// This one takes its place.
    Replace(SealedSecret),
}

/// The configuration of checks. It sees sealed passwords only.
///
/// Contract:
/// - Each write and its audit record are one step: where the record cannot be written, or a hook
///   refuses, the write has not happened.
/// - Hold the limit in that step, so that 50 racing creations leave exactly as many as allowed.
/// - Keep the host's schedule row in that step: the row exists while the host has an enabled check, and
///   every write raises its `config_seq`. A lease on it stays.
/// - A host whose check was made or changed is due at its [`FirstRun`]. After a wait it keeps its due
///   time if that comes sooner; the due time of a run under way, or of a parked host, has been used up,
///   and does not count. A deletion leaves the due time: it asks nothing new (F255).
/// - A write raises the revision by one and sets `updated_at` to the store's clock, later than before.
/// - Address a check by host and id together: one of another host is [`StoreError::NotFound`].
/// - Deleting a check deletes its results and its state.
#[cfg_attr(feature = "testing", mockall::automock)]
#[async_trait]
pub trait CheckStore: Debug + Send + Sync + 'static {
    /// Makes a check, at revision 1.
    ///
    /// # Errors
    /// [`StoreError::LimitReached`] where the host has as many as allowed.
    async fn insert_check(
        &self,
        insert: CheckInsert,
        audit: AuditEntry,
    ) -> Result<HealthCheck, StoreError>;

    /// Changes a check.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Conflict`] where the revision is not the expected one.
    async fn update_check(
        &self,
        update: CheckUpdate,
        audit: AuditEntry,
    ) -> Result<HealthCheck, StoreError>;

    /// Deletes a check, whatever its revision where none is expected.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Conflict`] where the revision is not the expected one.
    async fn delete_check(
        &self,
        host_id: HostId,
        id: CheckId,
        expected_revision: Option<i64>,
        audit: AuditEntry,
    ) -> Result<(), StoreError>;

    /// One check of a host.
    async fn check(&self, host_id: HostId, id: CheckId) -> Result<Option<HealthCheck>, StoreError>;

    /// All checks of these hosts, disabled ones too, by host and then by the time of their making.
    async fn checks_of(&self, hosts: &[HostId]) -> Result<Vec<HealthCheck>, StoreError>;

    /// Forgets a host that the application has deleted: its checks, results and schedule row. Its
    /// gates and audit records stay. For applications whose database does not cascade. Unknown
    /// hosts are no error.
    async fn forget_host(&self, host_id: HostId) -> Result<(), StoreError>;
}
