//! Making, changing and deleting checks through the API.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use healthgate::{
    model::{AuditAction, AuditOutcome},
    store::{Change, MemoryHook, Refusal},
    testing::{Fault, FaultyStore, fixtures},
};
use serde_json::json;

use super::world::{
    ADMIN, CANARY, FOREIGN, OPERATOR, OWN, Twist, check_path, checks_of, http, service, world,
    world_with,
};

#[tokio::test]
async fn a_check_is_made_read_changed_listed_and_deleted() {
    let world = world();
    let made = world.post(OPERATOR, checks_of(OWN), &http("web")).await;
    assert_eq!(made.status, 201);
    let path = made.headers["location"].to_str().unwrap().to_owned();
    assert_eq!(made.etag(), "\"1\"");
    assert_eq!(made.body["status"], "unknown");
    assert_eq!(made.body["has_basic_auth_pass"], true);
    assert_eq!(made.body["created_at"], "2026-11-24T02:00:00.000000Z");
    assert!(made.body.get("basic_auth_pass").is_none());
    assert!(made.body["last_result"].is_null());

    let read = world.get(OPERATOR, &path).await;
    assert_eq!((&read.body, read.etag()), (&made.body, "\"1\""));

    let changed = world.put(OPERATOR, &path, &json!({"name": " other "})).await;
    assert_eq!((changed.status.as_u16(), changed.etag()), (200, "\"2\""));
    assert_eq!(changed.body["name"], "other");
    assert_eq!(changed.body["url"], "https://a.example/x");

    let listed = world.get(OPERATOR, checks_of(OWN)).await;
    assert_eq!(listed.body, json!({"checks": [changed.body], "total": 1}));

    let gone = world.call("DELETE", &path).by(OPERATOR).send().await;
    assert_eq!(gone.status, 204);
    for method in ["GET", "DELETE"] {
        let reply = world.call(method, &path).by(OPERATOR).send().await;
        assert_eq!(reply.told(), (404, "not_found"));
    }
    assert_eq!(world.get(OPERATOR, checks_of(OWN)).await.body, json!({"checks": [], "total": 0}));
}

/// F122: twenty clients at once leave exactly five.
#[tokio::test]
async fn f122_twenty_racing_creations_leave_five_checks() {
    let world = world();
    let names: Vec<String> = (0..20).map(|number| format!("c{number}")).collect();
    let calls =
        names.iter().map(|name| async { world.post(ADMIN, checks_of(OWN), &service(name)).await });
    let replies = futures_util::future::join_all(calls).await;
    let made = replies.iter().filter(|reply| reply.status == 201).count();
    let refused = replies.iter().filter(|reply| reply.told() == (409, "limit_reached")).count();
    assert_eq!((made, refused), (5, 15));
    assert_eq!(world.get(ADMIN, checks_of(OWN)).await.body["total"], 5);
}

/// F128: of two editors the second is told, and repeats its change on what there is.
#[tokio::test]
async fn f128_the_second_of_two_editors_gets_412() {
    let world = world();
    let id = world.service_check(OWN, "sshd").await;
    let path = check_path(OWN, id);
    let edit = async |if_match: &str, name: &str| {
        let call = world.call("PUT", &path).by(OPERATOR).header("if-match", if_match);
        call.json(&json!({"name": name})).send().await
    };
    assert_eq!(edit("\"1\"", "first").await.status, 200);
    let late = edit("\"1\"", "second").await;
    assert_eq!(late.told(), (412, "revision_mismatch"));
    assert_eq!(late.etag(), "\"2\"");
    assert_eq!(world.get(OPERATOR, &path).await.body["name"], "first");
    for none in ["\"7\"", "W/\"7\"", "2", "\"x\""] {
        assert_eq!(edit(none, "second").await.told(), (412, "revision_mismatch"), "{none}");
        let call = world.call("DELETE", &path).by(OPERATOR).header("if-match", none);
        assert_eq!(call.send().await.told(), (412, "revision_mismatch"), "{none}");
    }
    assert_eq!(edit("\"1\", \"2\"", "second").await.etag(), "\"3\"");
    assert_eq!(edit("*", "third").await.etag(), "\"4\"");
    let call = world.call("DELETE", &path).by(OPERATOR).header("if-match", "\"4\"");
    assert_eq!(call.send().await.status, 204);
}

/// F181: a proxy that compresses answers makes their tags weak; they name the same revision.
#[tokio::test]
async fn f181_a_weak_tag_of_ours_is_compared_by_its_value() {
    let world = world();
    let id = world.service_check(OWN, "sshd").await;
    let path = check_path(OWN, id);
    let edit = async |if_match: &str| {
        let call = world.call("PUT", &path).by(OPERATOR).header("if-match", if_match);
        call.json(&json!({"name": "another"})).send().await
    };
    assert_eq!(edit("W/\"1\"").await.etag(), "\"2\"");
    assert_eq!(edit("W/\"1\"").await.told(), (412, "revision_mismatch"));
    let call = world.call("DELETE", &path).by(OPERATOR).header("if-match", "W/\"2\"");
    assert_eq!(call.send().await.status, 204);
}

/// F123, F124: a new origin or a new tolerance asks for the password again: when it is saved, when it
/// is tested, and in two steps.
#[tokio::test(start_paused = true)]
async fn f123_f124_the_api_asks_for_the_password_again() {
    let world = world();
    let id = world.created(OWN, &http("web")).await;
    let path = check_path(OWN, id);
    for change in [
        json!({"url": "https://b.example/x"}),
        json!({"url": "http://a.example/x"}),
        json!({"ignore_cert_errors": true}),
    ] {
        let reply = world.put(OPERATOR, &path, &change).await;
        assert_eq!(reply.told(), (409, "password_required"), "{change}");
        let reply = world.post(OPERATOR, format!("{path}/test"), &change).await;
        assert_eq!(reply.told(), (409, "password_required"), "test: {change}");
    }
    // In two steps: without the user the password goes, and does not come back with the user.
    let reply = world.put(OPERATOR, &path, &json!({"basic_auth_user": null})).await;
    assert_eq!(reply.body["has_basic_auth_pass"], false);
    let change = json!({"url": "https://b.example/x", "basic_auth_user": "u"});
    let reply = world.put(OPERATOR, &path, &change).await;
    assert_eq!((&reply.body["has_basic_auth_pass"], reply.status.as_u16()), (&json!(false), 200));
    let change = json!({"url": "https://c.example/", "basic_auth_pass": CANARY});
    let reply = world.put(OPERATOR, &path, &change).await;
    assert_eq!((&reply.body["has_basic_auth_pass"], reply.status.as_u16()), (&json!(true), 200));
    assert!(world.runner.runs().is_empty());
}

/// A target host that the caller may not see is as unknown as one that does not exist.
#[tokio::test]
async fn a_target_host_must_be_one_that_the_caller_may_see() {
    let world = world();
    for (user, target, expected) in [
        (OPERATOR, FOREIGN, 422),
        (OPERATOR, fixtures::host(77), 422),
        (ADMIN, FOREIGN, 201),
        (ADMIN, fixtures::host(77), 422),
    ] {
        let mut body = service("sshd");
        body["target_host_id"] = json!(target);
        let reply = world.post(user, checks_of(OWN), &body).await;
        assert_eq!(reply.status, expected, "{user} {target}");
        if expected == 422 {
            assert_eq!(reply.errors(), [("target_host_id", "target_host_unknown")]);
        }
    }
}

#[derive(Debug, Default)]
struct Revoked(AtomicBool);

impl MemoryHook for Revoked {
    fn before_commit(&self, change: &Change<'_>) -> Result<(), Refusal> {
        let write = matches!(change, Change::CheckWritten(_) | Change::CheckDeleted(_));
        if write && self.0.load(Ordering::SeqCst) { Err(Refusal::Forbidden) } else { Ok(()) }
    }
}

/// F120: a right that was lost between the asking and the write refuses it; 403 while the host is
/// still to be seen. The refusal is audited, and nothing has changed.
#[tokio::test]
async fn f120_a_hook_that_refuses_in_the_write_is_answered_with_403() {
    let hook = Arc::new(Revoked::default());
    let world = world_with(Twist { hook: Some(hook.clone()), ..Twist::default() });
    let id = world.service_check(OWN, "sshd").await;
    let before = world.get(ADMIN, check_path(OWN, id)).await.body;
    hook.0.store(true, Ordering::SeqCst);
    let reply = world.put(OPERATOR, check_path(OWN, id), &json!({"name": "other"})).await;
    assert_eq!(reply.told(), (403, "forbidden"));
    let call = world.call("DELETE", check_path(OWN, id)).by(OPERATOR);
    assert_eq!(call.send().await.told(), (403, "forbidden"));
    assert_eq!(world.get(ADMIN, check_path(OWN, id)).await.body, before);
    assert_eq!(world.get(ADMIN, "/api/v1/health-checks/audit").await.status, 200);
    let log = world.audit_log().await;
    let refused = log.iter().filter(|record| record.outcome == AuditOutcome::Refused);
    let mut refused: Vec<AuditAction> = refused.map(|record| record.action).collect();
    refused.sort_unstable();
    assert_eq!(refused, [AuditAction::HealthCheckUpdated, AuditAction::HealthCheckDeleted]);
}

/// A store that is down is 503 on every route, says nothing of itself, and asks to come back.
#[tokio::test]
async fn a_store_that_is_down_is_503_without_a_word_of_its_own() {
    let world = world_with(Twist {
        over: Some(|inner| {
            let store = FaultyStore::new(inner);
            store.fail(Fault::Before);
            Arc::new(store)
        }),
        ..Twist::default()
    });
    let check = check_path(OWN, fixtures::check(1));
    for (method, path) in [
        ("GET", checks_of(OWN)),
        ("GET", check.clone()),
        ("DELETE", check.clone()),
        ("GET", format!("{check}/results")),
        ("GET", format!("/api/v1/health-checks/summary?host_ids={OWN}")),
        ("GET", "/api/v1/health-checks/audit".to_owned()),
        ("GET", format!("/api/v1/jobs/{}/gates", fixtures::job(1))),
        ("GET", format!("/api/v1/jobs/{}/explain", fixtures::job(1))),
    ] {
        let reply = world.call(method, &path).by(ADMIN).send().await;
        assert_eq!(reply.told(), (503, "store_unavailable"), "{method} {path}");
        assert!(!reply.body.to_string().contains("scripted"), "{}", reply.body);
        assert!(reply.headers["retry-after"].to_str().unwrap().parse::<u32>().unwrap() > 0);
    }
    let reply = world.post(ADMIN, checks_of(OWN), &service("sshd")).await;
    assert_eq!(reply.told(), (503, "store_unavailable"));
}
