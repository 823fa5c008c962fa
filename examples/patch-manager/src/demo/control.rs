//! The demo's own routes: who may sign in, and controls that break and repair the simulated fleet.

use std::{net::IpAddr, sync::Arc};

use axum::{
    Extension, Json,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
};
use healthgate::{
    api::{Caller, Id, JsonBody, Problem},
    model::{HostId, Role, ViolationCode},
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes as operation};

use super::fleet::{Behaviour, Fleet, FleetHostForm};
use crate::{
    web::{ExtraRoutes, Web},
    worker::SimulatedPatcher,
};

/// The only path below `/api/` without a token, because people find their token there.
const USERS_PATH: &str = "/api/v1/demo/users";

/// The state of the demo's routes.
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

/// Returns the demo's operations.
fn operations() -> OpenApiRouter<Web> {
    OpenApiRouter::new().routes(operation!(users)).routes(operation!(fleet)).routes(operation!(set))
}

/// Returns the demo's routes, for the site.
pub(super) fn routes(control: Arc<DemoControl>) -> ExtraRoutes {
    ExtraRoutes {
        routes: operations().layer(Extension(control)).layer(from_fn(by_address)),
        open_paths: &[USERS_PATH],
    }
}

/// Only answers requests to an IP address or `localhost`. Another site's page can resolve its own name to
/// this machine and read what the browser gets, but the browser still sends that name as `Host`.
async fn by_address(request: Request, next: Next) -> Response {
    if is_address(request.headers()) {
        return next.run(request).await;
    }
    let detail = "the demo only answers at `localhost` and at an IP address: open one of those";
    Problem::new(StatusCode::MISDIRECTED_REQUEST, "unknown_host", detail).into_response()
}

/// Returns whether `Host` is `localhost` or an IP address, with or without a port.
fn is_address(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let Ok(authority) = host.to_str().unwrap_or_default().parse::<axum::http::uri::Authority>()
    else {
        return false;
    };
    let name = authority.host();
    let literal = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || literal.parse::<IpAddr>().is_ok()
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
struct DemoUserList {
    users: Vec<DemoUserForm>,
}

/// The simulated hosts.
#[derive(Serialize, ToSchema)]
struct FleetList {
    hosts: Vec<FleetHostForm>,
}

/// A part of a simulated host to break or repair: one of `service`, `http`, `agent` and `patch`.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct FleetRequest {
    /// A service of the host.
    service: Option<String>,
    /// The host's web service.
    http: Option<bool>,
    /// The host's agent.
    agent: Option<bool>,
    /// The host's patches.
    patch: Option<bool>,
    /// The new behaviour.
    state: Behaviour,
}

/// Lists who may sign in to the demo, with their tokens. This route only exists in the demo.
#[utoipa::path(
    get,
    path = "/api/v1/demo/users",
    tag = "demo",
    operation_id = "list_demo_users",
    security(()),
    responses((status = 200, description = "the users", body = DemoUserList), Problem),
)]
async fn users(Extension(control): Extension<Arc<DemoControl>>) -> Json<DemoUserList> {
    let form = |(name, role, token): &(&'static str, Role, String)| DemoUserForm {
        name,
        role: *role,
        token: token.clone(),
    };
    let users = control.users.iter().map(form).collect();
    std::future::ready(Json(DemoUserList { users })).await
}

/// Lists how the simulated hosts behave.
#[utoipa::path(
    get,
    path = "/api/v1/demo/fleet",
    tag = "demo",
    operation_id = "list_fleet",
    responses((status = 200, description = "the simulated hosts", body = FleetList), Problem),
)]
async fn fleet(
    Extension(control): Extension<Arc<DemoControl>>,
    Caller(_): Caller,
) -> Json<FleetList> {
    let hosts = control.fleet.hosts().iter().filter_map(|host| control.form(host.id)).collect();
    std::future::ready(Json(FleetList { hosts })).await
}

/// Breaks or repairs a part of a simulated host, so that a person can watch a gate react.
#[utoipa::path(
    post,
    path = "/api/v1/demo/fleet/{host_id}",
    tag = "demo",
    operation_id = "set_fleet",
    params(("host_id" = HostId, Path, description = "the host")),
    request_body = FleetRequest,
    responses(
        (status = 200, description = "the simulated host", body = FleetHostForm),
        Problem
    ),
)]
async fn set(
    State(web): State<Web>,
    Extension(control): Extension<Arc<DemoControl>>,
    Caller(actor): Caller,
    Id(host_id): Id<HostId>,
    body: JsonBody,
) -> Result<Json<FleetHostForm>, Problem> {
    web.visible(&actor, &[host_id]).await?;
    if actor.role == Role::Reporter {
        return Err(Problem::forbidden());
    }
    let host = control.fleet.host(host_id).ok_or_else(Problem::not_found)?;
    let mut members = body.members().await?;
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

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use serde_json::Value;

    use super::*;

    /// Replaces references to the library's schemas with references into the library's document, and
    /// removes those schemas.
    fn own_part(mut document: Value, library: &Value) -> Value {
        const LIBRARY: &str = "../../../../../../docs/openapi.json";
        fn point(value: &mut Value, names: &[String]) {
            match value {
                Value::Object(members) => {
                    if let Some(Value::String(reference)) = members.get_mut("$ref") {
                        let name = reference.rsplit('/').next().unwrap_or_default();
                        if names.iter().any(|known| known == name) {
                            *reference = format!("{LIBRARY}{reference}");
                        }
                    }
                    members.values_mut().for_each(|member| point(member, names));
                }
                Value::Array(values) => values.iter_mut().for_each(|value| point(value, names)),
                _ => {}
            }
        }
        let schemas = document["components"]["schemas"].as_object_mut().expect("schemas");
        let mut names = Vec::new();
        for (name, schema) in library["components"]["schemas"].as_object().expect("schemas") {
            if let Some(own) = schemas.remove(name) {
                assert_eq!(&own, schema, "two schemas have the name {name}");
                names.push(name.clone());
            }
        }
        point(&mut document, &names);
        document
    }

    /// The application's part of the document is kept as a golden file, because the web interface's types
    /// are generated from it. `UPDATE_GOLDEN=1 cargo test -p patch-manager golden` writes it.
    #[test]
    fn the_golden_document_is_the_applications_own_part() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("frontend/src/app/api/openapi.json");
        let made = crate::web::operations().merge(operations()).into_openapi();
        let made = serde_json::to_value(made).expect("JSON");
        let library = serde_json::to_value(healthgate::api::document()).expect("JSON");
        let made = own_part(made, &library);
        let made = serde_json::to_string_pretty(&made).expect("JSON") + "\n";
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, &made).expect("writable");
        }
        let kept = fs::read_to_string(&path).expect("readable");
        let place = kept.lines().zip(made.lines()).position(|(kept, made)| kept != made);
        assert!(kept == made, "{} differs from line {place:?} on", path.display());
    }

    #[test]
    fn f186_only_an_address_is_answered_with_tokens() {
        let asked = |hosts: &[&str]| {
            let mut headers = HeaderMap::new();
            for host in hosts {
                headers.append(header::HOST, host.parse().expect("a header"));
            }
            is_address(&headers)
        };
        for host in
            ["127.0.0.1:8080", "127.0.0.1", "localhost:8080", "LOCALHOST", "[::1]:8080", "10.1.2.3"]
        {
            assert!(asked(&[host]), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:8080",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "",
            "127.0.0.1@evil.example",
            "a b",
        ] {
            assert!(!asked(&[host]), "{host}");
        }
        assert!(!asked(&[]) && !asked(&["127.0.0.1", "evil.example"]));
    }
}
