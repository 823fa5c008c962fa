//! The trait through which the library looks up the application's hosts.

use std::{
    collections::{HashMap, HashSet},
    fmt::Debug,
    sync::RwLock,
};

use async_trait::async_trait;
use thiserror::Error;

use crate::model::{Actor, AgentEndpoint, HostId, Role};

/// A host as the application knows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostInfo {
    /// The endpoint of the host's agent; `None` for a host without an agent.
    pub agent: Option<AgentEndpoint>,
    /// The names of the host's groups.
    pub groups: Vec<String>,
}

/// Looks up the application's hosts, many at once.
///
/// The id of a host is a UUID. If your hosts have other ids, keep a table of both, or derive a UUID of
/// version 5 from your id. Never reuse the id of a deleted host.
///
/// Contract:
/// - Answers are current: a changed address or a deleted host appears in the next answer.
/// - An answer omits hosts that do not exist. An error means "unknown" and blocks gates.
/// - Dropping a call has no effect.
#[async_trait]
pub trait HostDirectory: Debug + Send + Sync + 'static {
    /// Returns the hosts among `ids` that exist.
    async fn hosts(&self, ids: &[HostId]) -> Result<HashMap<HostId, HostInfo>, DirectoryError>;

    /// Returns the hosts among `ids` that the actor may see.
    ///
    /// The default returns every host that exists. Override it if operators may see only the hosts of
    /// their groups.
    async fn visible_to(
        &self,
        actor: &Actor,
        ids: &[HostId],
    ) -> Result<HashSet<HostId>, DirectoryError> {
        let _ = actor;
        Ok(self.hosts(ids).await?.into_keys().collect())
    }
}

/// A failure to read the host directory.
#[derive(Debug, Error)]
#[error("the host directory cannot be read")]
pub struct DirectoryError {
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl DirectoryError {
    /// Creates the error from its cause.
    pub fn new(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { source: source.into() }
    }
}

/// An in-memory directory for tests, examples and applications with a fixed list of hosts.
///
/// Operators and reporters see the hosts of the groups that [`grant`](Self::grant) gives them.
/// Administrators and the system see all hosts.
#[derive(Debug, Default)]
pub struct StaticDirectory {
    hosts: RwLock<HashMap<HostId, HostInfo>>,
    grants: RwLock<HashMap<String, HashSet<String>>>,
}

impl StaticDirectory {
    /// Creates a directory without hosts.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a host under a new id and returns the id.
    pub fn add(&self, agent: Option<AgentEndpoint>, groups: &[&str]) -> HostId {
        let id = HostId::generate();
        self.insert(id, agent, groups);
        id
    }

    /// Adds or replaces a host.
    pub fn insert(&self, id: HostId, agent: Option<AgentEndpoint>, groups: &[&str]) {
        let groups = groups.iter().map(|group| (*group).to_owned()).collect();
        write(&self.hosts).insert(id, HostInfo { agent, groups });
    }

    /// Removes a host.
    pub fn remove(&self, id: HostId) {
        write(&self.hosts).remove(&id);
    }

    /// Lets the named user see the hosts of these groups.
    pub fn grant(&self, user: impl Into<String>, groups: &[&str]) {
        let groups = groups.iter().map(|group| (*group).to_owned());
        write(&self.grants).entry(user.into()).or_default().extend(groups);
    }
}

#[async_trait]
impl HostDirectory for StaticDirectory {
    async fn hosts(&self, ids: &[HostId]) -> Result<HashMap<HostId, HostInfo>, DirectoryError> {
        let hosts = read(&self.hosts);
        Ok(ids.iter().filter_map(|id| Some((*id, hosts.get(id)?.clone()))).collect())
    }

    async fn visible_to(
        &self,
        actor: &Actor,
        ids: &[HostId],
    ) -> Result<HashSet<HostId>, DirectoryError> {
        let hosts = read(&self.hosts);
        let grants = read(&self.grants);
        let all = matches!(actor.role, Role::Admin | Role::System);
        let granted = grants.get(&actor.name);
        let may_see = |info: &HostInfo| {
            all || granted.is_some_and(|mine| info.groups.iter().any(|group| mine.contains(group)))
        };
        Ok(ids.iter().copied().filter(|id| hosts.get(id).is_some_and(may_see)).collect())
    }
}

fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    // A poisoned lock is safe to use: every write to these maps is a single call.
    lock.read().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(std::sync::PoisonError::into_inner)
}
