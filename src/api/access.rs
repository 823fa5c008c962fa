//! Access checks for handlers.

use std::collections::HashMap;

use super::{Problem, authorize::HostAccess, state::Parts};
use crate::{
    checks::ManageError,
    model::{Actor, AuditAction, AuditEntry, CheckId, HostId, JobId, ViolationCode},
    store::{Refusal, StoreError},
};

/// A write that a caller requests, for the audit of its refusal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Write {
    action: AuditAction,
    host_id: HostId,
    check_id: Option<CheckId>,
    job_id: Option<JobId>,
    needs: HostAccess,
}

impl Write {
    /// Creates a change or test of a host's checks.
    pub(super) const fn checks(action: AuditAction, host_id: HostId, id: Option<CheckId>) -> Self {
        let needs = HostAccess::Operate;
        Self { action, host_id, check_id: id, job_id: None, needs }
    }

    /// Creates a change of a gate's override.
    pub(super) const fn gate(action: AuditAction, job_id: JobId, host_id: HostId) -> Self {
        let needs = HostAccess::Administer;
        Self { action, host_id, check_id: None, job_id: Some(job_id), needs }
    }
}

impl Parts {
    /// Checks that the actor may read this host. Otherwise the host is unknown to the actor.
    pub(super) async fn may_read(&self, actor: &Actor, host_id: HostId) -> Result<(), Problem> {
        let access = self.authorizer.access(actor, &[host_id]).await?;
        if access.contains_key(&host_id) { Ok(()) } else { Err(Problem::not_found()) }
    }

    /// Returns the actor's access to each of these hosts.
    pub(super) async fn access(
        &self,
        actor: &Actor,
        hosts: &[HostId],
    ) -> Result<HashMap<HostId, HostAccess>, Problem> {
        if hosts.is_empty() {
            return Ok(HashMap::new());
        }
        Ok(self.authorizer.access(actor, hosts).await?)
    }

    /// Checks that the actor may do this. Audits a refusal if the host exists.
    pub(super) async fn may_write(&self, actor: &Actor, write: &Write) -> Result<(), Problem> {
        let access = self.authorizer.access(actor, &[write.host_id]).await?;
        match access.get(&write.host_id) {
            Some(access) if *access >= write.needs => Ok(()),
            Some(_) => {
                self.note_refusal(actor, write);
                Err(Problem::forbidden())
            }
            None => {
                let known = self.directory.hosts(&[write.host_id]).await?;
                if known.contains_key(&write.host_id) {
                    self.note_refusal(actor, write);
                }
                Err(Problem::not_found())
            }
        }
    }

    /// Returns the problem for an error of a write. If a hook refused the write, the actor lost the right
    /// meanwhile, so this checks again whether they may still see the host (F120).
    pub(super) async fn write_problem(
        &self,
        actor: &Actor,
        write: &Write,
        error: ManageError,
    ) -> Problem {
        if aims_at_unseen(&error) {
            self.note_refusal(actor, write);
        }
        if !matches!(error, ManageError::Store(StoreError::Refused(Refusal::Forbidden))) {
            return error.into();
        }
        self.note_refusal(actor, write);
        let now = match self.authorizer.refresh(actor).await {
            Ok(Some(now)) => now,
            Ok(None) => return Problem::unauthenticated(),
            Err(error) => return error.into(),
        };
        match self.authorizer.access(&now, &[write.host_id]).await {
            Ok(access) if access.contains_key(&write.host_id) => Problem::forbidden(),
            Ok(_) => Problem::not_found(),
            Err(error) => error.into(),
        }
    }

    fn note_refusal(&self, actor: &Actor, write: &Write) {
        self.refusals.note(AuditEntry {
            host_id: Some(write.host_id),
            check_id: write.check_id,
            job_id: write.job_id,
            ..AuditEntry::allowed(actor.clone(), write.action)
        });
    }
}

/// Returns whether the check was aimed at a host that the caller cannot see. A host that does not exist is
/// recorded as well, because guessing ids is a search for hosts.
fn aims_at_unseen(error: &ManageError) -> bool {
    let ManageError::Invalid(violations) = error else { return false };
    violations.contains("target_host_id", ViolationCode::TargetHostUnknown)
}
