//! The demo's own routes: who may sign in, and a control to break and mend the simulated fleet.

use std::sync::Arc;

use axum::{Json, extract::State};
use healthgate::{
    api::{Caller, Id, JsonBody, Problem},
    model::{HostId, Role, ViolationCode},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Web,
    problems::{CommonProblems, WriteProblems},
};
use crate::{
    demo::{Behaviour, Fleet, FleetHostForm},
    worker::SimulatedPatcher,
};

/// The one path below `/api/` that asks for no token: it is where a person finds one.
pub(super) const USERS_PATH: &str = "/api/v1/demo/users";

/// What the demo's routes work with.
pub(crate) struct DemoControl {
    users: Vec<(&'static str, Role, String)>,
    fleet: Arc<Fleet>,
    patcher: Arc<SimulatedPatcher>,
}

impl DemoControl {
    pub(crate) const fn new(
        users: Vec<(&'static str, Role, String)>,
        fleet: Arc<Fleet>,
        patcher: Arc<SimulatedPatcher>,
    ) -> Self {
        Self { users, fleet, patcher }
    }
}

/// A user of the demo.
#[derive(Serialize, ToSchema)]
#[schema(as = DemoUser)]
struct DemoUserForm {
    name: &'static str,
    role: Role,
    /// The bearer token to sign in with.
    token: String,
}

/// The users of the demo.
#[derive(Serialize, ToSchema)]
pub(super) struct DemoUserList {
    users: Vec<DemoUserForm>,
}

/// The simulated hosts.
#[derive(Serialize, ToSchema)]
pub(super) struct FleetList {
    hosts: Vec<FleetHostForm>,
}

/// What is to be broken or mended: one of `service`, `http`, `agent` and `patch`.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FleetRequest {
    /// A service of the host.
    service: Option<String>,
    /// The host's web service.
    http: Option<bool>,
    /// The host's agent.
    agent: Option<bool>,
    /// The host's patches.
    patch: Option<bool>,
    /// How it behaves from now on.
    state: Behaviour,
}

/// Who may sign in to the demo, with their tokens. There is no such route outside the demo.
#[utoipa::path(
    get,
    path = "/api/v1/demo/users",
    tag = "demo",
    operation_id = "list_demo_users",
    security(()),
    responses((status = 200, description = "the users", body = DemoUserList), CommonProblems),
)]
pub(super) async fn users(State(web): State<Web>) -> Result<Json<DemoUserList>, Problem> {
    let control = web.demo()?;
    let form = |(name, role, token): &(&'static str, Role, String)| DemoUserForm {
        name,
        role: *role,
        token: token.clone(),
    };
    let users = control.users.iter().map(form).collect();
    std::future::ready(Ok(Json(DemoUserList { users }))).await
}

/// How the simulated hosts behave.
#[utoipa::path(
    get,
    path = "/api/v1/demo/fleet",
    tag = "demo",
    operation_id = "list_fleet",
    responses((status = 200, description = "the simulated hosts", body = FleetList), CommonProblems),
)]
pub(super) async fn fleet(
    State(web): State<Web>,
    Caller(_): Caller,
) -> Result<Json<FleetList>, Problem> {
    let control = web.demo()?;
    let hosts = control.fleet.hosts().iter().filter_map(|host| control.form(host.id)).collect();
    std::future::ready(Ok(Json(FleetList { hosts }))).await
}

/// Breaks or mends a part of a simulated host, so that a person can watch a gate react.
#[utoipa::path(
    post,
    path = "/api/v1/demo/fleet/{host_id}",
    tag = "demo",
    operation_id = "set_fleet",
    params(("host_id" = HostId, Path, description = "the host")),
    request_body = FleetRequest,
    responses(
        (status = 200, description = "the simulated host", body = FleetHostForm),
        WriteProblems, CommonProblems
    ),
)]
pub(super) async fn set(
    State(web): State<Web>,
    Caller(actor): Caller,
    Id(host_id): Id<HostId>,
    body: JsonBody,
) -> Result<Json<FleetHostForm>, Problem> {
    web.visible(&actor, &[host_id]).await?;
    if actor.role == Role::Reporter {
        return Err(Problem::forbidden());
    }
    let control = web.demo()?;
    let host = control.fleet.host(host_id).ok_or_else(Problem::not_found)?;
    let mut members = body.members()?;
    let service = members.optional::<String>("service");
    let http = members.optional::<bool>("http").unwrap_or(false);
    let agent = members.optional::<bool>("agent").unwrap_or(false);
    let patch = members.optional::<bool>("patch").unwrap_or(false);
    let state = members.required::<String>("state");
    let named = usize::from(service.is_some()) + usize::from(http) + usize::from(agent);
    if named + usize::from(patch) != 1 {
        let message = "name one of service, http, agent and patch";
        members.violation("service", ViolationCode::Required, message);
    }
    let behaviour = state.as_deref().and_then(|state| {
        if agent { Behaviour::of_agent(state) } else { Behaviour::of_service(state) }
    });
    if state.is_some() && behaviour.is_none() {
        let message = "give healthy, failed, slow or flapping; for an agent healthy, dead, \
            wrong_name, expired or wrong_authority";
        members.violation("state", ViolationCode::UnknownValue, message);
    }
    let behaviour = members.finish(behaviour)?;
    let set = if let Some(service) = service {
        control.fleet.set_service(host, &service, behaviour)
    } else if http {
        control.fleet.set_http(host, behaviour)
    } else if agent {
        let set = control.fleet.set_agent(host, behaviour).await;
        set.map_err(|error| Problem::internal().with_source(error))?;
        true
    } else {
        control.patcher.set_failing(host_id, behaviour != Behaviour::Healthy);
        true
    };
    if !set {
        let message = "this host has none: see the list of the fleet";
        return Err(Problem::invalid_field("service", ViolationCode::UnknownValue, message));
    }
    control.form(host_id).map(Json).ok_or_else(Problem::not_found)
}

impl DemoControl {
    fn form(&self, host_id: HostId) -> Option<FleetHostForm> {
        let mut form = self.fleet.host(host_id)?.form();
        if self.patcher.fails(host_id) {
            form.patch = Behaviour::Failed;
        }
        Some(form)
    }
}

impl Web {
    fn demo(&self) -> Result<&DemoControl, Problem> {
        self.0.demo.as_deref().ok_or_else(Problem::not_found)
    }
}
