//! Bodies that are read by routes alone, sent through the router to a small application.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode, header},
};
use chrono::{DateTime, TimeDelta, Utc};
use healthgate::{
    api::{Api, RolesAndGroups, routes},
    checks::{CheckManager, RegisteredKeys},
    crypto::{Key, KeyRing},
    directory::StaticDirectory,
    gate::{Gate, GatePolicy, RequestedWindows, StoredChecks},
    model::{Actor, AuditAction, HostId, Role},
    store::{CheckStore, GateStore, MemoryStore, Store},
    testing::{ScriptedRunner, fixtures},
};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use zeroize::Zeroizing;

const HOUR: TimeDelta = TimeDelta::hours(1);

/// An application with two hosts, two checks of the first and its gate, which waits.
async fn application() -> Router {
    let clock = Arc::new(fixtures::clock());
    let store = MemoryStore::new(clock.clone());
    let directory = Arc::new(StaticDirectory::new());
    for number in [1, 2] {
        directory.insert(
            fixtures::host(u128::from(number)),
            Some(fixtures::agent(number)),
            &["web"],
        );
    }
    let host = fixtures::host(1);
    for (number, name) in [(1, "sshd"), (2, "cron")] {
        let check = fixtures::service_check(fixtures::check(number), host, name);
        store
            .insert_check(check, fixtures::audit(AuditAction::HealthCheckCreated))
            .await
            .expect("a store in memory");
    }
    store.open_gate(fixtures::request(1, host, HOUR)).await.expect("a store in memory");
    let store: Arc<dyn Store> = Arc::new(store);
    let runner = Arc::new(ScriptedRunner::new(clock.clone()));
    let ring = KeyRing::new(Key::from_bytes(Zeroizing::new([1; 32])));
    let keys = RegisteredKeys::assume(Arc::new(ring));
    let checks = CheckManager::new(store.clone(), keys, directory.clone(), runner.clone());
    let policy = GatePolicy::default();
    let health = StoredChecks::new(store.clone(), runner, directory.clone(), policy.timeout);
    let windows = Arc::new(RequestedWindows);
    let gate = Gate::new(store.clone(), Arc::new(health), windows, clock.clone(), policy)
        .expect("the default policy");
    let authorizer = Arc::new(RolesAndGroups::new(directory.clone()));
    let api = Api::builder(store, checks, gate, directory, authorizer, clock).build();
    routes(&api).split_for_parts().0
}

async fn post(application: &Router, path: &str, body: &[u8]) -> (StatusCode, Value) {
    let mut request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
    let extensions = request.extensions_mut().expect("a request");
    extensions.insert(Actor::new("ada", Role::Admin));
    let request = request.body(Body::from(body.to_vec())).expect("a request");
    let response = application.clone().oneshot(request).await.expect("an answer");
    let status = response.status();
    let body = to_bytes(response.into_body(), 10 << 20).await.expect("a body in memory");
    (status, serde_json::from_slice(&body).expect("every answer is JSON"))
}

/// An override is given exactly as it was asked for, or refused by name.
pub(crate) async fn override_gate(body: &[u8]) {
    let application = application().await;
    let (job, host) = (fixtures::job(1), fixtures::host(1));
    let path = format!("/api/v1/jobs/{job}/hosts/{host}/override");
    let (status, answer) = post(&application, &path, body).await;
    if status != StatusCode::OK {
        assert!(matches!(status.as_u16(), 400 | 422), "{status}: {answer}");
        return;
    }
    let given = &answer["override"];
    let asked: Value = serde_json::from_slice(body).expect("JSON");
    let mut ids: Vec<&str> =
        given["check_ids"].as_array().expect("ids").iter().filter_map(Value::as_str).collect();
    let known = [fixtures::check(1).to_string(), fixtures::check(2).to_string()];
    assert!(
        !ids.is_empty() && ids.iter().all(|id| known.iter().any(|known| known == id)),
        "{given}"
    );
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(Some(ids.len()), given["check_ids"].as_array().map(Vec::len), "{given}");
    let asked_ids = asked["check_ids"].as_array().expect("ids");
    assert!(asked_ids.len() >= ids.len() && asked_ids.len() <= 100);
    let reason = given["reason"].as_str().expect("a reason");
    assert!((10..=500).contains(&reason.chars().count()), "{reason:?}");
    let expires_at: DateTime<Utc> =
        given["expires_at"].as_str().expect("text").parse().expect("an instant");
    let start = fixtures::start();
    assert!(start < expires_at && expires_at <= start + HOUR, "{expires_at}");
    let same = json!({"check_ids": ids, "reason": reason, "expires_at": given["expires_at"]});
    let (status, answer) = post(&application, &path, same.to_string().as_bytes()).await;
    assert_eq!((status, &answer["override"]["reason"]), (StatusCode::OK, &given["reason"]));
    assert_eq!(answer["override"]["expires_at"], given["expires_at"]);
}

/// A preview names each host of the request once, in the window of the request.
pub(crate) async fn preview(body: &[u8]) {
    let application = application().await;
    let (status, answer) = post(&application, "/api/v1/gates/preview", body).await;
    if status != StatusCode::OK {
        assert!(matches!(status.as_u16(), 400 | 404 | 422), "{status}: {answer}");
        return;
    }
    let asked: Value = serde_json::from_slice(body).expect("JSON");
    let mut hosts: Vec<HostId> = Vec::new();
    for id in asked["host_ids"].as_array().expect("ids") {
        let id = id.as_str().and_then(|id| id.parse().ok()).expect("an id");
        if !hosts.contains(&id) {
            hosts.push(id);
        }
    }
    let given = answer["hosts"].as_array().expect("hosts");
    let named: Vec<&str> = given.iter().filter_map(|host| host["host_id"].as_str()).collect();
    assert_eq!(named, hosts.iter().map(ToString::to_string).collect::<Vec<_>>());
    let instant =
        |value: &Value| value.as_str().and_then(|text| DateTime::parse_from_rfc3339(text).ok());
    for host in given {
        let (opens, closes) = (instant(&host["opens_at"]), instant(&host["closes_at"]));
        assert!(opens < closes && opens.is_some(), "{host}");
        if asked["window"].is_object() {
            for end in ["opens_at", "closes_at"] {
                let wanted = instant(&asked["window"][end]).expect("an instant").timestamp_micros();
                let given = instant(&host[end]).expect("an instant").timestamp_micros();
                assert_eq!(given, wanted, "{end} of {host}");
            }
        }
        let is_open = opens <= instant(&json!(fixtures::start()));
        assert_eq!(host["not_open"] == true, !is_open, "{host}");
    }
}
