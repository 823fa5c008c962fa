//! What a body may be, and what is said of one that may not (F121, F126, F127, F130).

use axum::http::StatusCode;
use healthgate::{model::CheckId, store::GateStore, testing::fixtures};
use serde_json::{Value, json};

use super::world::{
    ADMIN, CANARY, OPERATOR, OWN, World, check_path, checks_of, http, service, world,
};

/// The routes that take a body, with one that is fine.
async fn takers(world: &World, id: CheckId) -> Vec<(&'static str, String, Value)> {
    world.store.open_gate(fixtures::request(1, OWN, chrono::TimeDelta::hours(1))).await.unwrap();
    let check = check_path(OWN, id);
    let job = fixtures::job(1);
    vec![
        ("POST", checks_of(OWN), service("new")),
        ("PUT", check.clone(), json!({"name": "other"})),
        ("POST", format!("{check}/test"), json!({"name": "other"})),
        ("POST", format!("{}/test", checks_of(OWN)), service("unsaved")),
        ("POST", "/api/v1/gates/preview".to_owned(), json!({"host_ids": [OWN]})),
        (
            "POST",
            format!("/api/v1/jobs/{job}/hosts/{OWN}/override"),
            json!({"check_ids": [id], "reason": "because I say so", "expires_at": "2026-11-24T03:00:00Z"}),
        ),
    ]
}

/// F126: too large, too deep, no JSON, another type: each has its status, on every route.
#[tokio::test]
async fn f126_bodies_that_cannot_be_read_are_400_413_or_415_on_every_route() {
    let world = world();
    let id = world.service_check(OWN, "sshd").await;
    for (method, path, fine) in takers(&world, id).await {
        let send = async |body: Vec<u8>, kind: &str| {
            let call = world.call(method, &path).by(ADMIN).header("content-type", kind);
            let reply = call.bytes(body).send().await;
            (reply.status.as_u16(), reply.code().to_owned())
        };
        let json = "application/json";
        let told = |status: u16, code: &str| (status, code.to_owned());
        assert_eq!(send(vec![b' '; 10 << 20], json).await, told(413, "body_too_large"), "{path}");
        let mut padded = fine.to_string().into_bytes();
        // A preview names up to 10,000 hosts.
        let most = if path.ends_with("/preview") { 512 } else { 64 };
        padded.resize(most * 1024 + 1, b' ');
        assert_eq!(send(padded, json).await, told(413, "body_too_large"), "{path}");
        let deep = "[".repeat(30_000).into_bytes();
        assert_eq!(send(deep, json).await, told(400, "malformed"), "{path}");
        let deep = format!("{}{}", "{\"a\":".repeat(5_000), "1");
        assert_eq!(send(deep.into_bytes(), json).await, told(400, "malformed"), "{path}");
        for broken in [&b"{"[..], b"{\"name\": }", b"\xff\xfe", b"{} {}", b"nul", b"{'a':1}"] {
            assert_eq!(send(broken.to_vec(), json).await, told(400, "malformed"), "{path}");
        }
        let bytes = fine.to_string().into_bytes();
        for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""] {
            let expected = told(415, "unsupported_media_type");
            assert_eq!(send(bytes.clone(), kind).await, expected, "{path} {kind}");
        }
        for value in ["7", "\"x\"", "[]", "true"] {
            assert_eq!(send(value.as_bytes().to_vec(), json).await, told(422, "invalid"), "{path}");
        }
        let mut unknown = fine.clone();
        unknown["surprise"] = json!(1);
        let reply = world.call(method, &path).by(ADMIN).json(&unknown).send().await;
        assert_eq!(reply.errors(), [("surprise", "unknown_field")], "{path}");
        // A stored check is tested as it is where no change of it is sent.
        if !path.ends_with(&format!("{id}/test")) {
            let call = world.call(method, &path).by(ADMIN).header("content-type", json);
            assert_eq!(call.send().await.told(), (400, "malformed"), "{path} without a body");
        }
    }
}

/// A broken body that holds a password is not repeated.
#[tokio::test]
async fn f126_a_broken_body_is_not_quoted() {
    let world = world();
    let body = format!("{{\"basic_auth_pass\": \"{CANARY}\", }}").into_bytes();
    let call = world.call("POST", checks_of(OWN)).by(ADMIN);
    let reply = call.header("content-type", "application/json").bytes(body).send().await;
    assert_eq!(reply.told(), (400, "malformed"));
    let body = json!({"name": CANARY, "basic_auth_pass": [CANARY], "check_type": CANARY});
    let reply = world.post(ADMIN, checks_of(OWN), &body).await;
    assert_eq!(reply.told(), (422, "invalid"));
}

/// F121: none of the members that the store makes can be set.
#[tokio::test]
async fn f121_no_internal_member_can_be_assigned() {
    let world = world();
    let internal = [
        "id",
        "host_id",
        "revision",
        "created_at",
        "updated_at",
        "created_by",
        "status",
        "since",
        "last_result",
        "has_basic_auth_pass",
        "secret",
        "secret_format",
        "secret_changed",
        "basic_auth_pass_encrypted",
        "basic_auth_pass_nonce",
        "config_seq",
        "__proto__",
        "constructor",
        "Name",
        "",
    ];
    let id = world.service_check(OWN, "sshd").await;
    for (method, path, fine) in takers(&world, id).await {
        let before = world.get(ADMIN, checks_of(OWN)).await.body;
        for member in internal {
            let mut body = fine.clone();
            body[member] = json!("x");
            let reply = world.call(method, &path).by(ADMIN).json(&body).send().await;
            assert_eq!(reply.errors(), [(member, "unknown_field")], "{method} {path}");
        }
        let mut body = fine;
        for member in internal {
            body[member] = json!(1);
        }
        let reply = world.call(method, &path).by(ADMIN).json(&body).send().await;
        assert_eq!(reply.errors().len(), internal.len(), "{method} {path}");
        assert_eq!(world.get(ADMIN, checks_of(OWN)).await.body, before);
    }
}

/// Every violation at once, each with its field and code.
#[tokio::test]
async fn every_violation_is_reported_at_once() {
    let world = world();
    let body = json!({
        "name": "", "check_type": "http", "enabled": "yes", "service_name": "x", "url": "ftp://a/",
        "expected_body": 7, "basic_auth_pass": "p", "more": null,
    });
    let reply = world.post(OPERATOR, checks_of(OWN), &body).await;
    assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY);
    let mut errors = reply.errors();
    errors.sort_unstable();
    assert_eq!(
        errors,
        [
            ("basic_auth_user", "required"),
            ("enabled", "wrong_type"),
            ("expected_body", "wrong_type"),
            ("more", "unknown_field"),
            ("name", "too_short"),
            ("service_name", "not_allowed"),
            ("url", "invalid_format"),
        ]
    );
    assert_eq!(reply.body["error"]["message"], reply.body["detail"]);
}

/// F127, F130: deceptive names are refused; what a caller sends never makes a second header or line.
#[tokio::test]
async fn f127_f130_deceptive_names_and_request_ids_are_refused() {
    let world = world();
    for name in ["a\u{202e}b", "a\u{200b}b", "a\r\nb", "\u{1b}[31m", &"x".repeat(10_000)] {
        let mut body = service("sshd");
        body["name"] = json!(name);
        let reply = world.post(ADMIN, checks_of(OWN), &body).await;
        assert_eq!(reply.status, 422, "{name:?}");
        assert_eq!(reply.errors()[0].0, "name");
    }
    for (given, kept) in [("abc-1.2_Z", true), ("a b", false), ("a=b", false), ("", false)] {
        let reply = world.call("GET", checks_of(OWN)).by(ADMIN).header("x-request-id", given);
        let answered = reply.send().await.headers["x-request-id"].to_str().unwrap().to_owned();
        assert_eq!(answered == given, kept, "{given}");
        assert!(!answered.is_empty());
    }
    let long = "x".repeat(129);
    let reply = world.call("GET", checks_of(OWN)).by(ADMIN).header("x-request-id", &long);
    assert_ne!(reply.send().await.headers["x-request-id"], long.as_str());
}

/// What is no UUID names nothing, in any place of any path; and no query breaks anything.
#[tokio::test]
async fn ids_that_are_no_uuids_are_unknown() {
    let world = world();
    let id = world.service_check(OWN, "sshd").await;
    for bad in ["x", "0", "%00", "..%2f", "%ff", "'%20or%201=1", "null"] {
        for path in [
            format!("/api/v1/hosts/{bad}/health-checks"),
            format!("/api/v1/hosts/{bad}/health-checks/{id}"),
            format!("/api/v1/hosts/{OWN}/health-checks/{bad}"),
            format!("/api/v1/hosts/{OWN}/health-checks/{bad}/results"),
            format!("/api/v1/jobs/{bad}/gates"),
            format!("/api/v1/jobs/{bad}/explain"),
        ] {
            let reply = world.get(ADMIN, &path).await;
            assert_eq!(reply.told(), (404, "not_found"), "{path}");
        }
    }
    for (path, field) in [
        (format!("{}/results?limit=0", check_path(OWN, id)), "limit"),
        (format!("{}/results?limit=201", check_path(OWN, id)), "limit"),
        (format!("{}/results?limit=x", check_path(OWN, id)), "limit"),
        (format!("{}/results?cursor=zz", check_path(OWN, id)), "cursor"),
        (format!("{}/results?cursor=ffff", check_path(OWN, id)), "cursor"),
        (format!("{}/results?cursor=41", check_path(OWN, id)), "cursor"),
        ("/api/v1/health-checks/audit?cursor=41".to_owned(), "cursor"),
        ("/api/v1/health-checks/audit?host_ids=x".to_owned(), "host_ids"),
        ("/api/v1/health-checks/summary?host_ids=x".to_owned(), "host_ids"),
        ("/api/v1/health-checks/summary".to_owned(), "host_ids"),
    ] {
        let reply = world.get(ADMIN, &path).await;
        assert_eq!(reply.told(), (422, "invalid"), "{path}");
        assert_eq!(reply.errors()[0].0, field, "{path}");
    }
}

#[tokio::test]
async fn other_methods_are_405_and_other_paths_404() {
    let world = world();
    for (method, path) in [
        ("PATCH", checks_of(OWN)),
        ("DELETE", checks_of(OWN)),
        ("POST", "/api/v1/health-checks/summary".to_owned()),
        ("GET", "/api/v1/gates/preview".to_owned()),
    ] {
        let reply = world.call(method, &path).by(ADMIN).send().await;
        assert_eq!(reply.told(), (405, "method_not_allowed"), "{method} {path}");
        assert!(reply.headers.contains_key("allow"), "{method} {path}");
    }
    for path in ["/api/v1/nothing", "/", "/api/v1/hosts//health-checks"] {
        assert_eq!(world.get(ADMIN, path).await.told(), (404, "not_found"), "{path}");
    }
}

/// F133: a form of a foreign page cannot write, since its content type is not JSON; and reading changes
/// nothing.
#[tokio::test]
async fn f133_reading_changes_nothing_and_a_form_cannot_write() {
    let world = world();
    let id = world.created(OWN, &http("web")).await;
    let log = world.audit_log().await.len();
    let before = world.get(ADMIN, checks_of(OWN)).await.body;
    let check = check_path(OWN, id);
    for path in [
        checks_of(OWN),
        check.clone(),
        format!("{check}/results"),
        format!("/api/v1/health-checks/summary?host_ids={OWN}"),
        "/api/v1/health-checks/audit".to_owned(),
        format!("/api/v1/jobs/{}/gates", fixtures::job(1)),
    ] {
        world.get(ADMIN, &path).await;
    }
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        for (method, path) in [("POST", checks_of(OWN)), ("PUT", check.clone())] {
            let call = world.call(method, path).by(ADMIN).header("content-type", kind);
            let reply = call.bytes(service("sshd").to_string().into_bytes()).send().await;
            assert_eq!(reply.told(), (415, "unsupported_media_type"));
        }
    }
    assert_eq!(world.get(ADMIN, checks_of(OWN)).await.body, before);
    assert_eq!(world.audit_log().await.len(), log);
}
