//! Rights by role and group, from the database's current data.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use healthgate::{
    api::{AuditScope, AuthorizeError, Authorizer, HostAccess, RolesAndGroups},
    model::{Actor, HostId},
};

use crate::{database::Database, directory::Directory};

/// The library's rules, and the current state of a user with an open event stream: their role may have
/// changed, or they may be gone (F119).
#[derive(Debug)]
pub(super) struct Rights {
    rules: RolesAndGroups,
    database: Database,
}

impl Rights {
    pub(super) fn new(directory: Arc<Directory>, database: Database) -> Self {
        Self { rules: RolesAndGroups::new(directory), database }
    }
}

#[async_trait]
impl Authorizer for Rights {
    async fn access(
        &self,
        actor: &Actor,
        hosts: &[HostId],
    ) -> Result<HashMap<HostId, HostAccess>, AuthorizeError> {
        self.rules.access(actor, hosts).await
    }

    async fn audit_scope(&self, actor: &Actor) -> Result<AuditScope, AuthorizeError> {
        self.rules.audit_scope(actor).await
    }

    async fn refresh(&self, actor: &Actor) -> Result<Option<Actor>, AuthorizeError> {
        let user = self.database.user(&actor.name).await.map_err(AuthorizeError::new)?;
        Ok(user.map(|user| Actor { role: user.role, ..actor.clone() }))
    }
}
