//! What is refused for lack of a right, and noted: as the library notes what its own routes refuse.

use std::time::Duration;

use healthgate::{
    api::Problem,
    directory::HostDirectory as _,
    model::{Actor, AuditEntry, HostId, Role},
};
use tokio::time::timeout;

use super::Web;
use crate::database::DatabaseError;

/// How long the body of somebody who may write nothing is waited for.
const BRIEF: Duration = Duration::from_millis(500);

/// Reads a body that names hosts. Of somebody who may write nothing it is read for the answer and its record
/// alone, so a body that comes slowly is not waited for (F254).
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
    /// Whether the caller may see these hosts, which a write names. Each that exists and is not for
    /// them is noted with `entry`.
    ///
    /// # Errors
    /// 404 where one does not exist, or is not for them.
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

    /// Notes that somebody was refused, and answers 403.
    pub(super) fn refused(&self, entry: AuditEntry) -> Problem {
        self.note(entry);
        Problem::forbidden()
    }

    /// Notes that somebody was refused.
    pub(super) fn note(&self, entry: AuditEntry) {
        self.0.api.note_refusal(entry);
    }

    /// What an error of a write is to the caller. Where the right was lost on the way, whether the hosts
    /// are still to be seen is asked again.
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
