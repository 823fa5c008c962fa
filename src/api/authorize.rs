//! The `Authorizer` trait, and an implementation with roles and groups.

use std::{
    collections::{HashMap, HashSet},
    fmt::Debug,
    sync::Arc,
};

use async_trait::async_trait;
use thiserror::Error;

use crate::{
    directory::{DirectoryError, HostDirectory},
    model::{Actor, HostId, JobId, Role},
};

/// The access of an actor to a host. Each level includes the previous ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum HostAccess {
    /// Read the host's checks, results, summary, gates and events.
    Read,
    /// Change and test the host's checks, and read its audit records.
    Operate,
    /// Override the host's gates.
    Administer,
}

/// The audit records that an actor may read.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum AuditScope {
    /// All records.
    All,
    /// The records of the hosts that the actor may operate.
    OwnHosts,
    /// No records.
    Nothing,
}

/// Decides who may do what. The API asks again with every request, for all hosts of the request at once.
///
/// Contract:
/// - Answer from the current rights, not from those at sign-in (F119).
/// - Leave out hosts that do not exist and hosts that the actor may not see. The API answers both alike
///   (F117), so run the same database query for both.
/// - An error means "unknown", and the API refuses.
/// - Dropping a call must have no effect.
///
/// A right can change between this call and the write. To close that gap, check the right again in the
/// transaction of the write, in the store's hook
/// ([`Refusal::Forbidden`](crate::store::Refusal::Forbidden)).
#[async_trait]
pub trait Authorizer: Debug + Send + Sync + 'static {
    /// Returns the actor's access to each of these hosts.
    async fn access(
        &self,
        actor: &Actor,
        hosts: &[HostId],
    ) -> Result<HashMap<HostId, HostAccess>, AuthorizeError>;

    /// Returns which audit records the actor may read.
    async fn audit_scope(&self, actor: &Actor) -> Result<AuditScope, AuthorizeError>;

    /// Returns the actor with their current role, or `None` if they may no longer do anything. Called every
    /// few seconds while an event stream is open. The default implementation returns the actor unchanged.
    async fn refresh(&self, actor: &Actor) -> Result<Option<Actor>, AuthorizeError> {
        Ok(Some(actor.clone()))
    }
}

/// The error if the rights of users are currently unknown.
#[derive(Debug, Error)]
#[error("the rights of users cannot be read")]
pub struct AuthorizeError {
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl AuthorizeError {
    /// Creates the error with its cause.
    pub fn new(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { source: source.into() }
    }
}

impl From<DirectoryError> for AuthorizeError {
    fn from(error: DirectoryError) -> Self {
        Self::new(error)
    }
}

/// Grants access by role and group: administrators may do everything, operators operate the hosts of their
/// groups, and reporters read the hosts of theirs.
///
/// [`HostDirectory::visible_to`] says which hosts belong to a user's groups. Implement it, because its
/// default shows every host to everyone. Only administrators have access to a host in no group, whatever
/// `visible_to` says, unless [`with_open_ungrouped`](Self::with_open_ungrouped) gives it to operators.
#[derive(Clone, Debug)]
pub struct RolesAndGroups {
    directory: Arc<dyn HostDirectory>,
    ungrouped_for_operators: bool,
}

impl RolesAndGroups {
    /// Creates the rules over this directory.
    #[must_use]
    pub fn new(directory: Arc<dyn HostDirectory>) -> Self {
        Self { directory, ungrouped_for_operators: false }
    }

    /// Lets every operator operate hosts without a group.
    #[must_use]
    pub fn with_open_ungrouped(self) -> Self {
        Self { ungrouped_for_operators: true, ..self }
    }
}

#[async_trait]
impl Authorizer for RolesAndGroups {
    async fn access(
        &self,
        actor: &Actor,
        hosts: &[HostId],
    ) -> Result<HashMap<HostId, HostAccess>, AuthorizeError> {
        let known = self.directory.hosts(hosts).await?;
        let (access, visible) = match actor.role {
            Role::Admin | Role::System => (HostAccess::Administer, None),
            Role::Operator => (HostAccess::Operate, Some(self.visible(actor, hosts).await?)),
            Role::Reporter => (HostAccess::Read, Some(self.visible(actor, hosts).await?)),
        };
        let opened = self.ungrouped_for_operators && actor.role == Role::Operator;
        let granted = known.into_iter().filter(|(host, info)| match &visible {
            None => true,
            Some(_) if info.groups.is_empty() => opened,
            Some(visible) => visible.contains(host),
        });
        Ok(granted.map(|(host, _)| (host, access)).collect())
    }

    async fn audit_scope(&self, actor: &Actor) -> Result<AuditScope, AuthorizeError> {
        Ok(match actor.role {
            Role::Admin | Role::System => AuditScope::All,
            Role::Operator => AuditScope::OwnHosts,
            Role::Reporter => AuditScope::Nothing,
        })
    }
}

impl RolesAndGroups {
    async fn visible(
        &self,
        actor: &Actor,
        hosts: &[HostId],
    ) -> Result<HashSet<HostId>, DirectoryError> {
        self.directory.visible_to(actor, hosts).await
    }
}

/// Tells the API about the application's jobs that have no gate yet. Without it, the API treats such a job
/// as unknown.
///
/// Dropping a call must have no effect.
#[async_trait]
pub trait JobDirectory: Debug + Send + Sync + 'static {
    /// Returns whether the job exists and the actor may see it.
    async fn is_visible(&self, actor: &Actor, job: JobId) -> Result<bool, AuthorizeError>;

    /// Returns the hosts of the job that wait for a gate, for the explanation of the job. The default
    /// implementation returns none.
    async fn queued_hosts(&self, job: JobId) -> Result<Vec<HostId>, AuthorizeError> {
        let _ = job;
        Ok(Vec::new())
    }
}
