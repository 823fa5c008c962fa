//! Refusals for a missing right, recorded like those of the library's own routes.

use std::time::Duration;

use healthgate::{
    api::Problem,
    directory::HostDirectory as _,
    model::{Actor, AuditEntry, HostId, Role},
};
use tokio::time::timeout;

use super::Web;
use crate::database::DatabaseError;

/// The time limit for the body of a caller who may write nothing.
const BRIEF: Duration = Duration::from_millis(500);

/// Reads a body that names hosts. If the caller may write nothing, the body only serves the answer and its
/// record, so a slow body is not awaited (F254).
pub(super) async fn in_time<T>(
    role: Role,
    reading: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Problem> {
    match role {
        Role::Reporter => {
            timeout(BRIEF, reading).await.unwrap_or_else(|_| Err(Problem::forbidden()))
        }
        Role::Admin | Role::Operator | Role::System => reading.await,
    }
}

impl Web {
    /// Checks that the caller may see these hosts, which a write names. Notes each existing host that they
    /// may not see, with `entry`.
    ///
    /// # Errors
    /// Returns a 404 if a host does not exist, or the caller may not see it.
    pub(super) async fn may_name(
        &self,
        hosts: &[HostId],
        entry: &AuditEntry,
    ) -> Result<(), Problem> {
        let directory = &self.0.app.directory;
        let visible = directory.visible_to(&entry.actor, hosts).await?;
        let mut hidden = hosts.to_vec();
        hidden.retain(|host| !visible.contains(host));
        if hidden.is_empty() {
            return Ok(());
        }
        let known = self.0.app.database.hosts(&hidden).await?;
        for host in hidden.into_iter().filter(|host| known.contains_key(host)) {
            self.note(AuditEntry { host_id: Some(host), ..entry.clone() });
        }
        Err(Problem::not_found())
    }

    /// Notes a refusal, and returns a 403.
    pub(super) fn refused(&self, entry: AuditEntry) -> Problem {
        self.note(entry);
        Problem::forbidden()
    }

    /// Notes a refusal.
    pub(super) fn note(&self, entry: AuditEntry) {
        self.0.api.note_refusal(entry);
    }

    /// Returns the problem for an error of a write. If the right was lost meanwhile, checks again whether
    /// the caller still sees the hosts.
    pub(super) async fn write_problem(
        &self,
        error: DatabaseError,
        hosts: &[HostId],
        entry: AuditEntry,
    ) -> Problem {
        if !matches!(error, DatabaseError::RightLost) {
            return error.into();
        }
        let name = entry.actor.name.clone();
        self.note(AuditEntry { host_id: entry.host_id.or(hosts.first().copied()), ..entry });
        match self.0.app.database.user(&name).await {
            Ok(Some(user)) => match self.visible(&Actor::new(name, user.role), hosts).await {
                Ok(()) => Problem::forbidden(),
                Err(problem) => problem,
            },
            Ok(None) => Problem::unauthenticated(),
            Err(error) => error.into(),
        }
    }
}
