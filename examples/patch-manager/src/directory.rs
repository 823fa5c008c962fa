//! The application's answers to the library: its hosts and jobs, and who may see them.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use healthgate::{
    api::{AuthorizeError, JobDirectory, UpcomingWindows},
    directory::{DirectoryError, HostDirectory, HostInfo},
    gate::recurrence::current_or_next,
    model::{Actor, HostId, JobId, Role, Window},
};

use crate::database::{Database, Stage};

/// The directory over the application's tables. Nothing is cached: a changed address, group or role applies
/// from the next call on.
#[derive(Clone, Debug)]
pub(crate) struct Directory {
    database: Database,
}

impl Directory {
    pub(crate) const fn new(database: Database) -> Self {
        Self { database }
    }
}

/// Returns whether users with this role see every host.
pub(crate) const fn sees_all(role: Role) -> bool {
    matches!(role, Role::Admin | Role::System)
}

#[async_trait]
impl HostDirectory for Directory {
    async fn hosts(&self, ids: &[HostId]) -> Result<HashMap<HostId, HostInfo>, DirectoryError> {
        let hosts = self.database.hosts(ids).await.map_err(DirectoryError::new)?;
        let mut groups = self.database.groups_of_hosts(ids).await.map_err(DirectoryError::new)?;
        let info = |(id, host): (HostId, crate::database::HostRow)| {
            let groups = groups.remove(&id).unwrap_or_default();
            (id, HostInfo { agent: host.agent(), groups })
        };
        Ok(hosts.into_iter().map(info).collect())
    }

    async fn visible_to(
        &self,
        actor: &Actor,
        ids: &[HostId],
    ) -> Result<HashSet<HostId>, DirectoryError> {
        if sees_all(actor.role) {
            let hosts = self.database.hosts(ids).await.map_err(DirectoryError::new)?;
            return Ok(hosts.into_keys().collect());
        }
        self.database.hosts_shared_with(&actor.name, ids).await.map_err(DirectoryError::new)
    }
}

#[async_trait]
impl JobDirectory for Directory {
    async fn is_visible(&self, actor: &Actor, job: JobId) -> Result<bool, AuthorizeError> {
        let hosts = self.database.hosts_of_jobs(&[job]).await.map_err(AuthorizeError::new)?;
        if sees_all(actor.role) {
            return Ok(!hosts.is_empty());
        }
        let ids: Vec<HostId> = hosts.iter().map(|host| host.host_id).collect();
        Ok(!self.visible_to(actor, &ids).await?.is_empty())
    }

    async fn queued_hosts(&self, job: JobId) -> Result<Vec<HostId>, AuthorizeError> {
        let hosts = self.database.hosts_of_jobs(&[job]).await.map_err(AuthorizeError::new)?;
        let queued = hosts.into_iter().filter(|host| host.stage == Stage::Queued);
        Ok(queued.map(|host| host.host_id).collect())
    }
}

#[async_trait]
impl UpcomingWindows for Directory {
    async fn upcoming(&self, hosts: &[HostId]) -> Result<HashMap<HostId, Window>, AuthorizeError> {
        let recurrences = self.database.recurrences_of(hosts).await.map_err(AuthorizeError::new)?;
        let now = self.database.now().await.map_err(AuthorizeError::new)?;
        let window = |(host, recurrences): (HostId, Vec<_>)| {
            Some((host, current_or_next(&recurrences, now)?))
        };
        Ok(recurrences.into_iter().filter_map(window).collect())
    }
}
