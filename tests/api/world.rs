//! A small application around the API, and the requests to it.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
    http::{HeaderMap, Method, StatusCode, header},
    middleware::{Next, from_fn},
    response::Response,
};
use healthgate::{
    api::{Api, ApiBuilder, Authorizer, RolesAndGroups, envelope, fallback, routes},
    checks::{CheckManager, RegisteredKeys},
    clock::{Clock, ManualClock},
    crypto::{Key, KeyRing},
    directory::StaticDirectory,
    gate::{Gate, GatePolicy, GateRunner, GateRunnerConfig, RequestedWindows, StoredChecks},
    model::{Actor, AuditRecord, CheckId, HostId, ReasonCode, Role, WorkerId},
    store::{
        AuditFilter, AuditLog, ClaimRequest, HostClaim, HostCompletion, MemoryHook, MemoryStore,
        PollQueue, Store,
    },
    testing::{ScriptedRunner, fixtures},
};
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};
use tower::ServiceExt;

use super::schema;

/// Every password that a test sends holds this, and no answer may.
pub(crate) const CANARY: &str = "canary-hunter2";

/// The users: what stands behind a bearer token.
pub(crate) const ADMIN: &str = "ada:admin";
pub(crate) const OPERATOR: &str = "olga:operator";
pub(crate) const REPORTER: &str = "rita:reporter";

/// In the group of operator and reporter.
pub(crate) const OWN: HostId = fixtures::host(1);
/// In another group.
pub(crate) const FOREIGN: HostId = fixtures::host(2);
/// In no group.
pub(crate) const UNGROUPED: HostId = fixtures::host(3);
/// Nowhere.
pub(crate) const UNKNOWN: HostId = fixtures::host(99);

pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) store: MemoryStore,
    pub(crate) directory: Arc<StaticDirectory>,
    pub(crate) runner: Arc<ScriptedRunner>,
    pub(crate) health: Arc<StoredChecks>,
    pub(crate) api: Api,
    pub(crate) app: Router,
    document: Arc<Value>,
}

/// A store around another one.
pub(crate) type Decorator = fn(Arc<dyn Store>) -> Arc<dyn Store>;

/// What is different from the usual world.
#[derive(Default)]
pub(crate) struct Twist {
    pub(crate) hook: Option<Arc<dyn MemoryHook>>,
    pub(crate) over: Option<Decorator>,
    pub(crate) authorizer: Option<Arc<dyn Authorizer>>,
    pub(crate) build: Option<fn(ApiBuilder) -> ApiBuilder>,
}

pub(crate) fn world() -> World {
    world_with(Twist::default())
}

pub(crate) fn world_with(twist: Twist) -> World {
    let clock = fixtures::clock();
    let shared = Arc::new(clock.clone());
    let mut store = MemoryStore::new(shared.clone());
    if let Some(hook) = twist.hook {
        store = store.with_hook(hook);
    }
    let seen: Arc<dyn Store> = match twist.over {
        Some(over) => over(Arc::new(store.clone())),
        None => Arc::new(store.clone()),
    };
    let directory = Arc::new(StaticDirectory::new());
    directory.insert(OWN, Some(fixtures::agent(1)), &["web"]);
    directory.insert(FOREIGN, Some(fixtures::agent(2)), &["db"]);
    directory.insert(UNGROUPED, None, &[]);
    for user in ["olga", "rita"] {
        directory.grant(user, &["web"]);
    }
    let runner = Arc::new(ScriptedRunner::new(shared.clone()));
    let keys = RegisteredKeys::assume(Arc::new(KeyRing::new(Key::generate().unwrap())));
    let checks = CheckManager::new(seen.clone(), keys, directory.clone(), runner.clone());
    let policy = GatePolicy::default();
    let health = StoredChecks::new(seen.clone(), runner.clone(), directory.clone(), policy.timeout);
    let health = Arc::new(health);
    let gate =
        Gate::new(seen.clone(), health.clone(), Arc::new(RequestedWindows), shared.clone(), policy)
            .unwrap();
    let authorizer =
        twist.authorizer.unwrap_or_else(|| Arc::new(RolesAndGroups::new(directory.clone())));
    let builder = Api::builder(seen, checks, gate, directory.clone(), authorizer, shared);
    let api = twist.build.unwrap_or(|builder| builder)(builder).build();
    let (router, document) = routes(&api).split_for_parts();
    let app = router.fallback(fallback).layer(from_fn(sign_in)).layer(from_fn(envelope));
    let document = Arc::new(serde_json::to_value(document).unwrap());
    World { clock, store, directory, runner, health, api, app, document }
}

/// The application's authentication: the token is the user's name and role.
async fn sign_in(mut request: Request, next: Next) -> Response {
    let token = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = token.and_then(|value| value.strip_prefix("Bearer ")).map(str::to_owned);
    if let Some((name, role)) = token.as_deref().and_then(|token| token.split_once(':')) {
        let role: Role = serde_json::from_value(json!(role)).unwrap();
        request.extensions_mut().insert(Actor::new(name, role));
    }
    next.run(request).await
}

/// A request in the making.
pub(crate) struct Call<'a> {
    world: &'a World,
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl<'a> Call<'a> {
    pub(crate) fn by(self, user: &str) -> Self {
        self.header("authorization", &format!("Bearer {user}"))
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(name, value.parse().unwrap());
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.bytes(body.to_string().into_bytes()).header("content-type", "application/json")
    }

    pub(crate) fn bytes(self, body: Vec<u8>) -> Self {
        Self { body, ..self }
    }

    pub(crate) fn request(self) -> Request {
        let mut request = Request::new(Body::from(self.body));
        *request.method_mut() = self.method;
        *request.uri_mut() = self.path.parse().unwrap();
        *request.headers_mut() = self.headers;
        request
    }

    /// The answer, which is held against the document.
    pub(crate) async fn send(self) -> Reply {
        let (world, method, path) = (self.world, self.method.clone(), self.path.clone());
        let response = world.app.clone().oneshot(self.request()).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 10 << 20).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        assert!(!text.contains(CANARY), "{method} {path}: a password: {text}");
        assert!(!format!("{:?}", parts.headers).contains(CANARY), "{method} {path}");
        assert_eq!(parts.headers["x-content-type-options"], "nosniff");
        assert_eq!(parts.headers["cache-control"], "no-store");
        let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() };
        let reply = Reply { status: parts.status, headers: parts.headers, body };
        world.hold_against_document(&method, &path, &reply);
        reply
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Reply {
    /// The problem's code; empty where it is none.
    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// The status and the problem's code.
    pub(crate) fn told(&self) -> (u16, &str) {
        (self.status.as_u16(), self.code())
    }

    /// Field and code of every violation.
    pub(crate) fn errors(&self) -> Vec<(&str, &str)> {
        let errors = self.body["errors"].as_array().unwrap();
        errors
            .iter()
            .map(|error| (error["field"].as_str().unwrap(), error["code"].as_str().unwrap()))
            .collect()
    }

    pub(crate) fn etag(&self) -> &str {
        self.headers["etag"].to_str().unwrap()
    }
}

impl World {
    pub(crate) fn call(&self, method: &str, path: impl Into<String>) -> Call<'_> {
        Call {
            world: self,
            method: method.parse().unwrap(),
            path: path.into(),
            headers: HeaderMap::new(),
            body: Vec::new(),
        }
    }

    pub(crate) async fn get(&self, user: &str, path: impl Into<String>) -> Reply {
        self.call("GET", path).by(user).send().await
    }

    pub(crate) async fn post(&self, user: &str, path: impl Into<String>, body: &Value) -> Reply {
        self.call("POST", path).by(user).json(body).send().await
    }

    pub(crate) async fn put(&self, user: &str, path: impl Into<String>, body: &Value) -> Reply {
        self.call("PUT", path).by(user).json(body).send().await
    }

    /// A service check of a host.
    pub(crate) async fn service_check(&self, host: HostId, name: &str) -> CheckId {
        self.created(host, &service(name)).await
    }

    /// A check of a host, made by the administrator.
    pub(crate) async fn created(&self, host: HostId, body: &Value) -> CheckId {
        let reply = self.post(ADMIN, checks_of(host), body).await;
        assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.body);
        reply.body["id"].as_str().unwrap().parse().unwrap()
    }

    /// Lets every host's checks be polled, with this outcome, a minute later.
    pub(crate) async fn poll(&self, reason: ReasonCode) {
        self.clock.advance(Duration::from_secs(60));
        let worker = WorkerId::generate();
        let lease = Duration::from_secs(60);
        let claims = self.store.claim_hosts(ClaimRequest::new(worker, 100, lease)).await.unwrap();
        let completion = |claim: HostClaim| {
            HostCompletion::new(
                &claim,
                claims.now + chrono::TimeDelta::seconds(30),
                claim
                    .checks
                    .iter()
                    .map(|check| fixtures::result(check, reason, claims.now))
                    .collect(),
            )
        };
        let batch = claims.hosts.into_iter().map(completion).collect();
        self.store.complete_hosts(worker, batch).await.unwrap();
    }

    /// Lets a worker look after the gates for so long, by the clock.
    pub(crate) fn run_gates(&self, time: Duration) {
        let (clock, stop) = (Arc::new(self.clock.clone()), CancellationToken::new());
        let runner = GateRunner::new(
            Arc::new(self.store.clone()),
            self.health.clone(),
            Arc::new(RequestedWindows),
            clock.clone(),
            GatePolicy::default(),
            GateRunnerConfig::default(),
        );
        let runner = runner.unwrap();
        let end = async {
            clock.sleep(time).await;
            stop.cancel();
        };
        self.clock.drive(async { tokio::join!(runner.run(stop.clone()), end) });
    }

    /// What stands in the audit log itself, newest first.
    pub(crate) async fn audit_log(&self) -> Vec<AuditRecord> {
        self.store.audit_page(&AuditFilter::default(), None, 1_000).await.unwrap()
    }

    pub(crate) fn document(&self) -> &Value {
        &self.document
    }

    /// Every status is documented, with its problem's code, and the body has the documented shape.
    fn hold_against_document(&self, method: &Method, path: &str, reply: &Reply) {
        let what = format!("{method} {path} {}", reply.status);
        let path = path.split('?').next().unwrap();
        let Some(operations) = self.operations_of(path) else {
            assert_eq!(reply.told(), (404, "not_found"), "{what}");
            return;
        };
        let Some(operation) = operations.get(method.as_str().to_lowercase()) else {
            assert!(
                reply.status == StatusCode::METHOD_NOT_ALLOWED || method == Method::HEAD,
                "{what}"
            );
            return;
        };
        let responses = &operation["responses"];
        let problems = &responses["default"];
        let response = responses.get(reply.status.as_str()).unwrap_or(problems);
        if std::ptr::eq(response, problems) {
            let codes = problems["x-problems"][reply.status.as_str()].as_array();
            let named = codes.is_some_and(|codes| codes.contains(&reply.body["code"]));
            assert!(named, "{what} is not documented: {}", reply.body);
        }
        let Some(content) = response["content"].as_object() else {
            assert!(reply.body.is_null(), "{what} has a body: {}", reply.body);
            return;
        };
        let kind = reply.headers[header::CONTENT_TYPE].to_str().unwrap();
        let media = content.get(kind).unwrap_or_else(|| panic!("{what}: {kind} is not documented"));
        let faults = schema::faults(&self.document, &media["schema"], &reply.body);
        assert!(faults.is_empty(), "{what}: {faults:?}");
        let unknown = schema::undocumented(&self.document, &media["schema"], &reply.body);
        assert!(unknown.is_empty(), "{what}: {unknown:?} are not documented");
        if let Some(problem) = reply.body.get("error") {
            assert_eq!(problem["code"], reply.body["code"], "{what}");
            assert_eq!(problem["message"], reply.body["detail"], "{what}");
            assert_eq!(reply.body["status"], reply.status.as_u16(), "{what}");
        }
    }

    fn operations_of(&self, path: &str) -> Option<&Value> {
        let parts: Vec<&str> = path.split('/').collect();
        let paths = self.document["paths"].as_object().unwrap();
        let fits = |template: &str| {
            let wanted: Vec<&str> = template.split('/').collect();
            wanted.len() == parts.len()
                && wanted
                    .iter()
                    .zip(&parts)
                    .all(|(wanted, part)| wanted.starts_with('{') || wanted == part)
        };
        // A path without parameters goes before one with.
        let found = paths.iter().filter(|(template, _)| fits(template));
        found.min_by_key(|(template, _)| template.matches('{').count()).map(|(_, item)| item)
    }

    /// Feeds the event streams for as long as the answer lives.
    pub(crate) async fn run_events(&self) -> DropGuard {
        let stop = CancellationToken::new();
        let (api, stopped) = (self.api.clone(), stop.clone());
        tokio::spawn(async move { api.run(stopped).await });
        while !self.api.events().is_running() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        stop.drop_guard()
    }
}

pub(crate) fn checks_of(host: HostId) -> String {
    format!("/api/v1/hosts/{host}/health-checks")
}

pub(crate) fn check_path(host: HostId, check: CheckId) -> String {
    format!("{}/{check}", checks_of(host))
}

pub(crate) fn service(name: &str) -> Value {
    json!({"name": name, "check_type": "service", "service_name": format!("{name}.service")})
}

/// A check with a password.
pub(crate) fn http(name: &str) -> Value {
    json!({
        "name": name, "check_type": "http", "url": "https://a.example/x", "expected_body": "",
        "ignore_cert_errors": false, "basic_auth_user": "u", "basic_auth_pass": CANARY,
    })
}
