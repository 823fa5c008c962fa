//! Who may do what: by role and group, as the database has them now.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use healthgate::{
    api::{AuditScope, AuthorizeError, Authorizer, HostAccess, RolesAndGroups},
    model::{Actor, HostId},
};

use crate::{database::Database, directory::Directory};

/// The library's rules, and what has become of a user whose event stream is open: their role may be
/// another one now, or they are gone (F119).
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
