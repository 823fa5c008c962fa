//! What the library asks of the manager's hosts, groups and users.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use healthgate::{
    directory::{DirectoryError, HostDirectory, HostInfo},
    model::{Actor, AgentEndpoint, HostId, Role},
};
use sqlx::PgPool;
use uuid::Uuid;

/// The directory over the manager's tables. Everything is read afresh, so that a changed address or
/// group counts from the next call on.
#[derive(Debug)]
pub(crate) struct Hosts {
    pub(crate) pool: PgPool,
}

/// The address by `host()`: as text it carries the length of its prefix.
const HOSTS: &str = "
    select h.id, host(h.ip_address), h.agent_port,
        array_remove(array_agg(g.name), null)
    from hosts h left join host_groups hg on hg.host_id = h.id left join groups g on g.id = hg.group_id
    where h.id = any($1) group by h.id";

const SHARED: &str = "
    select distinct hg.host_id from host_groups hg
    join user_groups ug on ug.group_id = hg.group_id join users u on u.id = ug.user_id
    where hg.host_id = any($1) and u.username = $2";

#[async_trait]
impl HostDirectory for Hosts {
    async fn hosts(&self, ids: &[HostId]) -> Result<HashMap<HostId, HostInfo>, DirectoryError> {
        let rows: Vec<(Uuid, String, i32, Vec<String>)> = sqlx::query_as(HOSTS)
            .bind(uuids(ids))
            .fetch_all(&self.pool)
            .await
            .map_err(DirectoryError::new)?;
        let info = |(id, address, port, groups): (Uuid, String, i32, Vec<String>)| {
            // A host without a sound address is one without an agent: its service checks say so.
            let port = u16::try_from(port).unwrap_or(0);
            let agent = AgentEndpoint::new(address, port, None).ok();
            (HostId::from_uuid(id), HostInfo { agent, groups })
        };
        Ok(rows.into_iter().map(info).collect())
    }

    async fn visible_to(
        &self,
        actor: &Actor,
        ids: &[HostId],
    ) -> Result<HashSet<HostId>, DirectoryError> {
        if matches!(actor.role, Role::Admin | Role::System) {
            return Ok(self.hosts(ids).await?.into_keys().collect());
        }
        let shared: Vec<Uuid> = sqlx::query_scalar(SHARED)
            .bind(uuids(ids))
            .bind(&actor.name)
            .fetch_all(&self.pool)
            .await
            .map_err(DirectoryError::new)?;
        Ok(shared.into_iter().map(HostId::from_uuid).collect())
    }
}

pub(crate) fn uuids(ids: &[HostId]) -> Vec<Uuid> {
    ids.iter().map(HostId::as_uuid).collect()
}
