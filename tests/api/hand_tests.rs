//! Running checks by hand (F125).

use std::time::Duration;

use futures_util::FutureExt;
use healthgate::{
    model::{AuditAction, ReasonCode},
    testing::Answer,
};
use serde_json::json;

use super::world::{
    ADMIN, OPERATOR, OWN, Reply, Twist, UNGROUPED, World, check_path, checks_of, http, service,
    world, world_with,
};

/// Sends a test and lets the time pass that it takes.
async fn tested(world: &World, user: &str, path: String, body: &serde_json::Value) -> Reply {
    let call = world.call("POST", path).by(user);
    let call = if body.is_null() { call } else { call.json(body) };
    let mut call = std::pin::pin!(call.send());
    loop {
        tokio::select! {
            biased;
            reply = &mut call => return reply,
            () = tokio::task::yield_now() => world.clock.advance(Duration::from_millis(1)),
        }
    }
}

/// The result is answered and stored nowhere; the test is audited.
#[tokio::test]
async fn a_test_answers_with_the_result_and_stores_none() {
    let world = world();
    let id = world.created(OWN, &http("web")).await;
    world.runner.answer(id, Answer::new(ReasonCode::Connect));
    let path = check_path(OWN, id);
    let reply = tested(&world, OPERATOR, format!("{path}/test"), &json!(null)).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.body["healthy"], false);
    assert_eq!(reply.body["reason"], "connect");
    assert_eq!(reply.body["observed"], false);
    let over = json!({"name": "other", "expected_body": "ok"});
    assert_eq!(tested(&world, OPERATOR, format!("{path}/test"), &over).await.status, 200);
    let unsaved = tested(&world, OPERATOR, format!("{}/test", checks_of(OWN)), &http("new")).await;
    assert_eq!(unsaved.body["reason"], "ok");
    assert!(world.get(ADMIN, &path).await.body["last_result"].is_null());
    let results = world.get(ADMIN, format!("{path}/results")).await;
    assert_eq!(results.body, json!({"results": [], "next_cursor": null}));
    let log = world.audit_log().await;
    let tests = log.iter().filter(|record| record.action == AuditAction::HealthCheckTested);
    assert_eq!(tests.count(), 3);
    assert!(log.iter().all(|record| record.request_id.is_some()));
}

/// F125: so many a minute for a user, and for a host; the answer says when to come back, and then it
/// is so.
#[tokio::test]
async fn f125_tests_are_limited_by_user_and_by_host() {
    let world = world_with(Twist {
        build: Some(|builder| builder.with_tests_per_minute(3, 4)),
        ..Twist::default()
    });
    let path = |host| format!("{}/test", checks_of(host));
    let body = service("sshd");
    for _ in 0..3 {
        assert_eq!(tested(&world, OPERATOR, path(OWN), &body).await.status, 200);
    }
    let refused = tested(&world, OPERATOR, path(OWN), &body).await;
    assert_eq!(refused.told(), (429, "rate_limited"));
    let seconds: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=20).contains(&seconds), "{seconds}");
    assert_eq!(tested(&world, ADMIN, path(OWN), &body).await.status, 200);
    let refused = tested(&world, ADMIN, path(OWN), &body).await;
    assert_eq!(refused.told(), (429, "rate_limited"), "the host has had its four");
    assert_eq!(tested(&world, ADMIN, path(UNGROUPED), &body).await.status, 200);
    world.clock.advance(Duration::from_secs(seconds));
    assert_eq!(tested(&world, OPERATOR, path(OWN), &body).await.status, 200);
    // Nothing else is limited.
    for _ in 0..100 {
        assert_eq!(world.get(OPERATOR, checks_of(OWN)).await.status, 200);
    }
}

/// F255: tests and first runs of changed checks spend one budget, and no change is refused.
#[tokio::test]
async fn f255_changes_and_tests_spend_one_budget() {
    let world = world_with(Twist {
        build: Some(|builder| builder.with_tests_per_minute(3, 0)),
        ..Twist::default()
    });
    let id = world.created(OWN, &http("web")).await;
    for round in 0..40 {
        let body = json!({"url": format!("https://a.example/{round}")});
        assert_eq!(world.put(OPERATOR, check_path(OWN, id), &body).await.status, 200);
    }
    let test = format!("{}/test", checks_of(OWN));
    let refused = tested(&world, OPERATOR, test.clone(), &service("sshd")).await;
    assert_eq!(refused.told(), (429, "rate_limited"));
    assert_eq!(tested(&world, ADMIN, test, &service("sshd")).await.status, 200);
}

#[tokio::test]
async fn zero_is_no_limit() {
    let world = world_with(Twist {
        build: Some(|builder| builder.with_tests_per_minute(0, 0)),
        ..Twist::default()
    });
    let path = format!("{}/test", checks_of(OWN));
    for _ in 0..100 {
        assert_eq!(tested(&world, ADMIN, path.clone(), &service("sshd")).await.status, 200);
    }
}

/// F125: one at a time for a user; others are not held up, and one that is given up makes room.
#[tokio::test]
async fn f125_a_user_has_one_test_in_flight() {
    let world = world();
    let id = world.service_check(OWN, "slow").await;
    world.runner.answer(id, Answer::new(ReasonCode::Ok).with_delay(Duration::from_secs(5)));
    let path = format!("{}/test", check_path(OWN, id));
    let mut first = Box::pin(world.call("POST", &path).by(OPERATOR).send());
    while world.runner.runs().is_empty() {
        assert!(futures_util::poll!(&mut first).is_pending());
        tokio::task::yield_now().await;
    }
    let second = world.call("POST", &path).by(OPERATOR).send().now_or_never();
    let second = second.expect("it is answered while the first still runs");
    assert_eq!(second.told(), (429, "test_running"));
    assert_eq!(second.headers["retry-after"], "1");
    let other = format!("{}/test", checks_of(UNGROUPED));
    let body = service("sshd");
    let mut another = Box::pin(world.post(ADMIN, other, &body));
    assert!(futures_util::poll!(&mut another).is_pending());
    drop(first);
    let mut third = Box::pin(world.call("POST", &path).by(OPERATOR).send());
    assert!(futures_util::poll!(&mut third).is_pending());
    world.clock.advance(Duration::from_secs(6));
    assert_eq!(third.await.status, 200);
    assert_eq!(another.await.status, 200);
}

/// A body that is wrong, or a password that is missing, costs no test.
#[tokio::test]
async fn a_body_that_is_wrong_does_not_count_as_a_test() {
    let world = world_with(Twist {
        build: Some(|builder| builder.with_tests_per_minute(1, 1)),
        ..Twist::default()
    });
    let path = format!("{}/test", checks_of(OWN));
    for _ in 0..3 {
        let reply = world.post(OPERATOR, &path, &json!({"name": 7})).await;
        assert_eq!(reply.told(), (422, "invalid"));
    }
    assert_eq!(tested(&world, OPERATOR, path, &service("sshd")).await.status, 200);
}
