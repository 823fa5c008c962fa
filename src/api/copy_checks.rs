//! `/hosts/{host_id}/health-checks/copy`: the checks of a host on other hosts.

use std::collections::HashSet;

use axum::{Json, extract::State};

use super::{
    Api, Caller, Id, JsonBody, Problem,
    access::Write,
    authorize::HostAccess,
    forms::{CopyOutcome, CopyRequestForm, CopyResultForm, CopyResultList},
    openapi::problems,
    state::Parts,
};
use crate::{
    checks::{Copied, ManageError},
    model::{Actor, AuditAction, CheckId, HostId, ViolationCode},
};

problems! {
    /// What can go wrong with copying checks, apart from what is told host by host.
    CopyProblems {
        400: ["malformed"],
        403: ["forbidden"],
        404: ["not_found"],
        408: ["body_too_slow"],
        413: ["body_too_large"],
        415: ["unsupported_media_type"],
        422: ["invalid"],
    }
}

/// The most checks that are copied at once.
const MOST_CHECKS: usize = 20;
/// The most hosts that get copies at once.
const MOST_HOSTS: usize = 200;

/// Copies checks of this host to other hosts.
///
/// The caller must have the right to change checks on this host and on each other one. Each copy is a check of its
/// own, with its own password, limit, first run and audit record. A host that has a check of the same definition
/// keeps it, so that a request can be repeated. The answer says what became of each check on each host.
#[utoipa::path(
    post,
    path = "/api/v1/hosts/{host_id}/health-checks/copy",
    tag = "checks",
    operation_id = "copy_health_checks",
    params(("host_id" = HostId, Path, description = "the host whose checks are copied")),
    request_body = CopyRequestForm,
    responses(
        (status = 200, description = "what became of each copy", body = CopyResultList),
        CopyProblems,
    ),
)]
pub(super) async fn copy(
    State(api): State<Api>,
    Caller(actor): Caller,
    Id(host_id): Id<HostId>,
    body: JsonBody,
) -> Result<Json<CopyResultList>, Problem> {
    let api = &api.0;
    // Whoever copies a check reads its password, in a way: reading the host is not enough.
    api.may_write(&actor, &Write::checks(AuditAction::HealthCheckCreated, host_id, None)).await?;
    let mut members = body.members().await?;
    let check_ids = members.required::<Vec<CheckId>>("check_ids").map(unique);
    let host_ids = members.required::<Vec<HostId>>("host_ids").map(unique);
    let mut bound = |field: &str, count: Option<usize>, most: usize, what: &str| match count {
        Some(0) => {
            members.violation(field, ViolationCode::Required, format!("name at least one {what}"));
        }
        Some(count) if count > most => {
            members.violation(
                field,
                ViolationCode::TooLong,
                format!("name at most {most} {what}s"),
            );
        }
        _ => {}
    };
    bound("check_ids", check_ids.as_ref().map(Vec::len), MOST_CHECKS, "check");
    bound("host_ids", host_ids.as_ref().map(Vec::len), MOST_HOSTS, "host");
    if host_ids.as_ref().is_some_and(|hosts| hosts.contains(&host_id)) {
        let message = "name other hosts: this one has the checks";
        members.violation("host_ids", ViolationCode::NotAllowed, message);
    }
    let (check_ids, host_ids) = members.finish(check_ids.zip(host_ids))?;
    let access = api.access(&actor, &host_ids).await?;
    let mut results = Vec::with_capacity(check_ids.len() * host_ids.len());
    for to in host_ids {
        // Asked one by one only where it is refused, for the record.
        let refused = match access.get(&to) >= Some(&HostAccess::Operate) {
            true => None,
            false => {
                let write = Write::checks(AuditAction::HealthCheckCreated, to, None);
                api.may_write(&actor, &write).await.err()
            }
        };
        for check_id in &check_ids {
            let copied = match &refused {
                Some(problem) => Err(problem.clone()),
                None => api.copied(&actor, host_id, *check_id, to).await,
            };
            results.push(result(to, *check_id, copied));
        }
    }
    Ok(Json(CopyResultList { results }))
}

fn unique<T: Copy + Eq + std::hash::Hash>(mut ids: Vec<T>) -> Vec<T> {
    let mut seen = HashSet::new();
    ids.retain(|id| seen.insert(*id));
    ids
}

fn result(host_id: HostId, check_id: CheckId, copied: Result<Copied, Problem>) -> CopyResultForm {
    let (outcome, copy_id, problem) = match copied {
        Ok(Copied::Created(check)) => (CopyOutcome::Created, Some(check.id), None),
        Ok(Copied::Present(check)) => (CopyOutcome::Present, Some(check.id), None),
        Err(problem) => (CopyOutcome::Refused, None, Some(problem.to_body())),
    };
    let (code, detail) = problem.map(|body| (body.code, body.detail)).unzip();
    CopyResultForm { host_id, check_id, outcome, copy_id, code, detail }
}

impl Parts {
    async fn copied(
        &self,
        actor: &Actor,
        from: HostId,
        check_id: CheckId,
        to: HostId,
    ) -> Result<Copied, Problem> {
        let write = Write::checks(AuditAction::HealthCheckCreated, to, None);
        match self.checks.copy(actor, from, check_id, to).await {
            Ok(copied) => Ok(copied),
            Err(ManageError::PasswordRequired { .. }) => Err(Problem::conflict(
                "password_required",
                "the stored password does not open: store it again in the check, then copy it",
            )),
            Err(error) => Err(self.write_problem(actor, &write, error).await),
        }
    }
}
