//! Who may do what: the seam, and a ready implementation with roles and groups.

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

/// What somebody may do with a host. Each level has the rights of those before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum HostAccess {
    /// Read its checks, results, summary, gates and events.
    Read,
    /// Change and test its checks, and read its audit records.
    Operate,
    /// Override its gates.
    Administer,
}

/// Which audit records somebody may read.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum AuditScope {
    /// All of them.
    All,
    /// Those of the hosts that they may operate.
    OwnHosts,
    /// None.
    Nothing,
}

/// Says who may do what. Asked anew with every request, for all hosts of the request at once.
///
/// Contract:
/// - Answer from what holds now, not from what held when the user signed in (F119).
/// - Leave out hosts that do not exist, and those that the actor may not see: both are answered
///   alike (F117). Ask the same of your database for both.
/// - An error means "cannot tell", and refuses.
/// - Dropping a call must have no effect.
///
/// A right can change between the asking and the write. An application that needs more asks again in
/// the transaction of the write, with the hook of its store ([`Refusal::Forbidden`](crate::store::Refusal::Forbidden)).
#[async_trait]
pub trait Authorizer: Debug + Send + Sync + 'static {
    /// What the actor may do with each of these hosts.
    async fn access(
        &self,
        actor: &Actor,
        hosts: &[HostId],
    ) -> Result<HashMap<HostId, HostAccess>, AuthorizeError>;

    /// Which audit records the actor may read.
    async fn audit_scope(&self, actor: &Actor) -> Result<AuditScope, AuthorizeError>;

    /// The actor as they stand now; `None` where they may not do anything any more. Asked every few
    /// seconds for as long as an event stream is open. By default nothing has changed.
    async fn refresh(&self, actor: &Actor) -> Result<Option<Actor>, AuthorizeError> {
        Ok(Some(actor.clone()))
    }
}

/// It cannot be told now who may do what.
#[derive(Debug, Error)]
#[error("the rights of users cannot be read")]
pub struct AuthorizeError {
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl AuthorizeError {
    /// The error with what caused it.
    pub fn new(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { source: source.into() }
    }
}

impl From<DirectoryError> for AuthorizeError {
    fn from(error: DirectoryError) -> Self {
        Self::new(error)
    }
}

/// Roles and groups: administrators may do everything; operators operate the hosts of
/// their groups; reporters read the hosts of theirs.
///
/// Whose groups a host is in, [`HostDirectory::visible_to`] says: implement it, since its default
/// shows every host to everybody. A host in no group is for administrators alone, whatever
/// `visible_to` says, unless [`with_open_ungrouped`](Self::with_open_ungrouped) gives it to operators.
#[derive(Clone, Debug)]
pub struct RolesAndGroups {
    directory: Arc<dyn HostDirectory>,
    ungrouped_for_operators: bool,
}

impl RolesAndGroups {
    /// The rules over this directory.
    #[must_use]
    pub fn new(directory: Arc<dyn HostDirectory>) -> Self {
        Self { directory, ungrouped_for_operators: false }
    }

    /// Lets every operator operate the hosts that are in no group.
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

/// The application's jobs, as far as the API must know them: whether there is a job that has no gate
/// yet. Without it such a job is unknown.
///
/// Dropping a call must have no effect.
#[async_trait]
pub trait JobDirectory: Debug + Send + Sync + 'static {
    /// Whether the job exists and the actor may see it.
    async fn is_visible(&self, actor: &Actor, job: JobId) -> Result<bool, AuthorizeError>;

    /// The hosts of the job that have no gate yet and wait for one, for the explanation of the job. None
    /// by default.
    async fn queued_hosts(&self, job: JobId) -> Result<Vec<HostId>, AuthorizeError> {
        let _ = job;
        Ok(Vec::new())
    }
}
