//! `/hosts`: the application's hosts, each with what is known of its health.

use std::collections::HashMap;

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use healthgate::{
    api::{Caller, Id, JsonBody, Page, Problem, Query, forms::WindowForm},
    directory::HostDirectory as _,
    gate::recurrence::current_or_next,
    model::{Actor, AuditAction, AuditEntry, HostId, HostStatus, HostSummary, Role, instant},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Web, host_list::Wanted, summaries::FailingCheck, texts};
use crate::database::HostRow;

/// A host.
#[derive(Serialize, ToSchema)]
#[schema(as = Host)]
pub(super) struct HostForm {
    id: HostId,
    name: String,
    /// The address of its agent.
    address: String,
    agent_port: u16,
    /// The name that the agent's certificate must be valid for, if it is not the address.
    #[schema(required)]
    agent_identity: Option<String>,
    /// The groups of the host.
    groups: Vec<String>,
    /// Why the host must not be patched now. `null` if it may be patched.
    #[schema(required)]
    paused: Option<PauseForm>,
    /// The health of its checks.
    health: HealthForm,
    /// Its checks that do not pass.
    failing: Vec<FailingCheck>,
    /// Its open or next maintenance window. `null` if it has none.
    #[schema(required)]
    maintenance_window: Option<WindowForm>,
}

/// Why a host must not be patched.
#[derive(Serialize, ToSchema)]
#[schema(as = Pause)]
struct PauseForm {
    reason: String,
    /// Who paused it.
    by: String,
    #[serde(with = "instant::option")]
    #[schema(required)]
    at: Option<DateTime<Utc>>,
}

/// The counts of a host's enabled checks.
#[derive(Serialize, ToSchema)]
#[schema(as = HostHealth)]
struct HealthForm {
    status: HostStatus,
    healthy: u32,
    unhealthy: u32,
    unknown: u32,
    total: u32,
    /// The oldest of the last runs of its checks.
    #[serde(with = "instant::option")]
    #[schema(required)]
    oldest_checked_at: Option<DateTime<Utc>>,
}

impl From<HostSummary> for HealthForm {
    fn from(summary: HostSummary) -> Self {
        Self {
            status: summary.status,
            healthy: summary.healthy,
            unhealthy: summary.unhealthy,
            unknown: summary.unknown,
            total: summary.total,
            oldest_checked_at: summary.oldest_checked_at,
        }
    }
}

/// A page of hosts.
#[derive(Serialize, ToSchema)]
pub(super) struct HostList {
    hosts: Vec<HostForm>,
    /// The cursor of the next page. `null` on the last page.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// A request to pause or resume a host.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PauseRequest {
    /// Whether the host is paused from now on.
    paused: bool,
    /// The reason, required with `paused: true`.
    #[schema(min_length = 1, max_length = 200)]
    reason: Option<String>,
}

/// Lists the hosts that the caller may see.
#[utoipa::path(
    get,
    path = "/api/v1/hosts",
    tag = "application",
    operation_id = "list_hosts",
    params(
        ("status" = Option<HostStatus>, Query, description = "only hosts of this status"),
        ("q" = Option<String>, Query, description = "only hosts whose name or address contains this"),
        ("group" = Option<String>, Query, description = "only members of this group"),
        ("reason" = Option<String>, Query,
            description = "only hosts with a check that fails for this reason, or `no_recent_result`"),
        ("ids" = Option<Vec<HostId>>, Query, explode = false,
            description = "those of these hosts (at most 200, separated by commas) that the caller may see, by name, in one \
                page; the other parameters do not count"),
        ("sort" = Option<String>, Query, description = "`name` (the default) or `status`"),
        ("limit" = Option<u32>, Query, description = "1 to 200, 50 by default", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "the `next_cursor` of the previous page"),
    ),
    responses(
        (status = 200, description = "a page of hosts", body = HostList), Problem
    ),
)]
pub(super) async fn list(
    State(web): State<Web>,
    Caller(actor): Caller,
    query: Query,
    page: Page,
) -> Result<Json<HostList>, Problem> {
    let ids = query.host_ids("ids", Page::MAXIMUM_LIMIT as usize)?;
    let found = if ids.is_empty() {
        web.find_hosts(&actor, &Wanted::read(&query)?, &page).await?
    } else {
        web.named_hosts(&actor, &ids).await?
    };
    Ok(Json(HostList { hosts: web.host_forms(found.hosts).await?, next_cursor: found.next_cursor }))
}

/// Returns a host.
#[utoipa::path(
    get,
    path = "/api/v1/hosts/{host_id}",
    tag = "application",
    operation_id = "read_host",
    params(("host_id" = HostId, Path, description = "the host")),
    responses((status = 200, description = "the host", body = HostForm), Problem),
)]
pub(super) async fn read(
    State(web): State<Web>,
    Caller(actor): Caller,
    Id(host_id): Id<HostId>,
) -> Result<Json<HostForm>, Problem> {
    web.visible(&actor, &[host_id]).await?;
    web.host_form(host_id).await.map(Json)
}

/// Pauses or resumes a host. A paused host blocks its gates, like a failing check.
#[utoipa::path(
    put,
    path = "/api/v1/hosts/{host_id}/paused",
    tag = "application",
    operation_id = "pause_host",
    params(("host_id" = HostId, Path, description = "the host")),
    request_body = PauseRequest,
    responses((status = 200, description = "the host", body = HostForm), Problem),
)]
pub(super) async fn pause(
    State(web): State<Web>,
    Caller(actor): Caller,
    Id(host_id): Id<HostId>,
    body: JsonBody,
) -> Result<Json<HostForm>, Problem> {
    let entry = |action| AuditEntry {
        host_id: Some(host_id),
        ..AuditEntry::allowed(actor.clone(), action)
    };
    web.may_name(&[host_id], &entry(AuditAction::HostPaused)).await?;
    if actor.role == Role::Reporter {
        return Err(web.refused(entry(AuditAction::HostPaused)));
    }
    let mut members = body.members().await?;
    let paused = members.required::<bool>("paused");
    let reason = texts::plain(&mut members, "reason");
    texts::need_pause_reason(&mut members, paused, reason.as_deref());
    let reason = reason.unwrap_or_default();
    let (reason, entry) = match members.finish(paused)? {
        true => {
            let entry =
                AuditEntry { reason: Some(reason.clone()), ..entry(AuditAction::HostPaused) };
            (Some(reason), entry)
        }
        false => (None, entry(AuditAction::HostResumed)),
    };
    match web.0.app.database.pause_host(host_id, reason, entry.clone()).await {
        Ok(true) => {}
        Ok(false) => return Err(web.refused(entry)),
        Err(error) => return Err(web.write_problem(error, &[host_id], entry).await),
    }
    web.host_form(host_id).await.map(Json)
}

impl Web {
    /// Checks that the caller may see all of these hosts.
    ///
    /// # Errors
    /// Returns a 404 if a host does not exist, or the caller may not see it.
    pub(crate) async fn visible(&self, actor: &Actor, hosts: &[HostId]) -> Result<(), Problem> {
        let visible = self.0.app.directory.visible_to(actor, hosts).await?;
        if hosts.iter().all(|host| visible.contains(host)) {
            Ok(())
        } else {
            Err(Problem::not_found())
        }
    }

    async fn host_form(&self, host_id: HostId) -> Result<HostForm, Problem> {
        let hosts = self.0.app.database.hosts(&[host_id]).await?;
        let forms = self.host_forms(hosts.into_values().collect()).await?;
        forms.into_iter().next().ok_or_else(Problem::not_found)
    }

    async fn host_forms(&self, hosts: Vec<HostRow>) -> Result<Vec<HostForm>, Problem> {
        let database = &self.0.app.database;
        let ids: Vec<HostId> = hosts.iter().map(HostRow::id).collect();
        let mut groups = database.groups_of_hosts(&ids).await?;
        let recurrences = database.recurrences_of(&ids).await?;
        let now = self.0.app.store.now().await?;
        let mut windows: HashMap<HostId, WindowForm> = HashMap::new();
        for (host, recurrences) in recurrences {
            if let Some(window) = current_or_next(&recurrences, now) {
                windows.insert(host, WindowForm::from(window));
            }
        }
        let health = self.health_of(&ids).await?;
        let troubled: Vec<HostId> = health
            .iter()
            .filter(|summary| summary.healthy < summary.total)
            .map(|summary| summary.host_id)
            .collect();
        let failing = self.0.summaries.failing_now(&troubled).await?;
        let form = |(host, health): (HostRow, HostSummary)| {
            let id = host.id();
            let (port, at) = (host.agent_port(), host.paused_at());
            let by = host.paused_by.unwrap_or_default();
            HostForm {
                id,
                name: host.name,
                address: host.address,
                agent_port: port,
                agent_identity: host.agent_identity,
                groups: groups.remove(&id).unwrap_or_default(),
                paused: host.paused_reason.map(|reason| PauseForm { reason, by, at }),
                health: health.into(),
                failing: failing.of(id).to_vec(),
                maintenance_window: windows.remove(&id),
            }
        };
        Ok(hosts.into_iter().zip(health).map(form).collect())
    }
}
