//! One thing done to many hosts: what became of each, and `/pauses`.

use std::collections::HashSet;

use axum::{Json, extract::State};
use healthgate::{
    api::{Caller, JsonBody, Members, Problem},
    directory::HostDirectory as _,
    model::{AuditAction, AuditEntry, HostId, Role, ViolationCode},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Web, refusals::in_time, texts};

/// The most hosts of one request. More are asked for in several: each host is written by itself, and a
/// request has 90 s.
const MOST_HOSTS: usize = 1_000;

/// What became of one host.
#[derive(Serialize, ToSchema)]
#[schema(as = HostOutcome)]
pub(super) struct HostOutcomeForm {
    host_id: HostId,
    /// Whether it was done.
    done: bool,
    /// Why not: the code of a problem, such as `invalid_state`.
    #[schema(required)]
    code: Option<String>,
    /// What was done, or why it was not, for people.
    detail: String,
}

/// What became of each host, in the order that was asked for.
#[derive(Serialize, ToSchema)]
#[schema(as = HostOutcomeList)]
pub(super) struct HostOutcomes {
    hosts: Vec<HostOutcomeForm>,
    /// On how many hosts it was done.
    done: usize,
    /// On how many it was not.
    refused: usize,
}

impl HostOutcomes {
    pub(super) const fn new() -> Self {
        Self { hosts: Vec::new(), done: 0, refused: 0 }
    }

    /// Adds what became of a host: the words for what was done, or why it was not.
    pub(super) fn add(&mut self, host_id: HostId, outcome: Result<String, Problem>) {
        let form = match outcome {
            Ok(detail) => HostOutcomeForm { host_id, done: true, code: None, detail },
            Err(problem) => {
                let body = problem.to_body();
                let (code, detail) = (Some(body.code), body.detail);
                HostOutcomeForm { host_id, done: false, code, detail }
            }
        };
        self.done += usize::from(form.done);
        self.refused += usize::from(!form.done);
        self.hosts.push(form);
    }
}

/// Reads which hosts are meant, each once.
pub(super) fn hosts(members: &mut Members) -> Option<Vec<HostId>> {
    let mut hosts = members.required::<Vec<HostId>>("host_ids")?;
    let mut seen = HashSet::new();
    hosts.retain(|host| seen.insert(*host));
    match hosts.len() {
        0 => members.violation("host_ids", ViolationCode::Required, "name at least one host"),
        1..=MOST_HOSTS => {}
        _ => {
            let message = "name at most 1,000 hosts";
            members.violation("host_ids", ViolationCode::TooLong, message);
        }
    }
    Some(hosts)
}

/// Whether these hosts may be patched.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PauseHostsRequest {
    /// 1 to 1,000 hosts.
    #[schema(min_items = 1, max_items = 1000)]
    host_ids: Vec<HostId>,
    /// Whether they are held back from now on.
    paused: bool,
    /// Why; must be given with `paused: true`.
    #[schema(min_length = 1, max_length = 200)]
    reason: Option<String>,
}

/// Pauses or resumes many hosts. Each is written and recorded by itself, and the answer says what became of it.
#[utoipa::path(
    post,
    path = "/api/v1/pauses",
    tag = "application",
    operation_id = "pause_hosts",
    request_body = PauseHostsRequest,
    responses((status = 200, description = "what became of each host", body = HostOutcomes), Problem),
)]
pub(super) async fn pause_hosts(
    State(web): State<Web>,
    Caller(actor): Caller,
    body: JsonBody,
) -> Result<Json<HostOutcomes>, Problem> {
    let read = in_time(actor.role, body.members()).await.map(|mut members| {
        let hosts = hosts(&mut members);
        (members, hosts)
    });
    let named = read.as_ref().ok().and_then(|(_, hosts)| hosts.clone()).unwrap_or_default();
    if actor.role == Role::Reporter {
        let entry = AuditEntry::allowed(actor, AuditAction::HostPaused);
        web.may_name(&named, &entry).await?;
        return Err(web.refused(AuditEntry { host_id: named.first().copied(), ..entry }));
    }
    let (mut members, hosts) = read?;
    let paused = members.required::<bool>("paused");
    let reason = texts::plain(&mut members, "reason");
    texts::need_pause_reason(&mut members, paused, reason.as_deref());
    let (hosts, paused) = members.finish(hosts.zip(paused))?;
    let action = if paused { AuditAction::HostPaused } else { AuditAction::HostResumed };
    let reason = reason.filter(|_| paused);
    let entry = AuditEntry { reason: reason.clone(), ..AuditEntry::allowed(actor, action) };
    let visible = web.0.app.directory.visible_to(&entry.actor, &hosts).await?;
    let mut outcomes = HostOutcomes::new();
    for host in hosts {
        let entry = AuditEntry { host_id: Some(host), ..entry.clone() };
        let outcome = if visible.contains(&host) {
            web.pause_one(host, reason.clone(), entry).await
        } else {
            // Noted where it exists.
            let entry = AuditEntry { host_id: None, ..entry };
            Err(web.may_name(&[host], &entry).await.err().unwrap_or_else(Problem::not_found))
        };
        outcomes.add(host, outcome);
    }
    Ok(Json(outcomes))
}

impl Web {
    async fn pause_one(
        &self,
        host: HostId,
        reason: Option<String>,
        entry: AuditEntry,
    ) -> Result<String, Problem> {
        let words = if reason.is_some() { "paused" } else { "resumed" };
        match self.0.app.database.pause_host(host, reason, entry.clone()).await {
            Ok(true) => Ok(words.to_owned()),
            Ok(false) => Err(self.refused(entry)),
            Err(error) => Err(self.write_problem(error, &[host], entry).await),
        }
    }
}
