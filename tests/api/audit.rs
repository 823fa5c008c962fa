//! The audit log through the API (F129, F131).

use std::{collections::BTreeMap, time::Duration};

use healthgate::model::{AuditAction, AuditOutcome};
use serde_json::{Value, json};

use super::world::{
    ADMIN, CANARY, FOREIGN, OPERATOR, OWN, REPORTER, World, check_path, checks_of, http, service,
    world,
};

const AUDIT: &str = "/api/v1/health-checks/audit";

async fn records(world: &World, user: &str, query: &str) -> Vec<Value> {
    let reply = world.get(user, format!("{AUDIT}{query}")).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body["records"].as_array().unwrap().clone()
}

#[tokio::test]
async fn f131_what_was_done_is_recorded_with_who_when_and_what_changed() {
    let world = world();
    let body = http("web");
    let call = world.call("POST", checks_of(OWN)).by(OPERATOR).header("x-request-id", "req-1");
    let id = call.json(&body).send().await.body["id"].clone();
    let path = format!("{}/{}", checks_of(OWN), id.as_str().unwrap());
    let change = json!({"name": "other", "basic_auth_pass": CANARY});
    world.put(OPERATOR, &path, &change).await;
    world.call("DELETE", &path).by(ADMIN).send().await;
    let records = records(&world, ADMIN, "").await;
    let actions: Vec<&str> = records.iter().map(|one| one["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["health_check_deleted", "health_check_updated", "health_check_created"]);
    assert!(records.iter().all(|one| one["outcome"] == "allowed" && one["check_id"] == id));
    assert_eq!(records[2]["request_id"], "req-1");
    assert_eq!((&records[2]["actor"], &records[2]["role"]), (&json!("olga"), &json!("operator")));
    assert_eq!(
        records[1]["changes"],
        json!([
            {"field": "name", "before": "web", "after": "other"},
            {"field": "basic_auth_pass", "before": "set", "after": "changed"},
        ])
    );
}

/// F131: equal refusals of one user within a minute are one record with a count; others are apart, and
/// nothing is recorded of hosts that do not exist.
#[tokio::test]
async fn f131_equal_refusals_are_one_record_with_a_count() {
    let world = world();
    let id = world.service_check(OWN, "sshd").await;
    let path = check_path(OWN, id);
    for _ in 0..5 {
        let reply = world.put(REPORTER, &path, &json!({"name": "x"})).await;
        assert_eq!(reply.told(), (403, "forbidden"));
    }
    assert_eq!(world.call("DELETE", &path).by(REPORTER).send().await.status, 403);
    assert_eq!(world.post(OPERATOR, checks_of(FOREIGN), &service("x")).await.status, 404);
    let unknown = super::world::UNKNOWN;
    assert_eq!(world.post(OPERATOR, checks_of(unknown), &service("x")).await.status, 404);
    assert_eq!(world.get(OPERATOR, checks_of(FOREIGN)).await.status, 404, "reading is no write");

    let seen = records(&world, ADMIN, "").await;
    let refused = seen.iter().filter(|one| one["outcome"] == "refused").map(|one| {
        let text = |member: &str| one[member].as_str().unwrap().to_owned();
        assert_eq!(one["changes"][0]["field"], "count");
        ((text("actor"), text("action")), (text("host_id"), one["changes"][0]["after"].clone()))
    });
    let refused: BTreeMap<_, _> = refused.collect();
    let told = |actor: &str, action: &str| (actor.to_owned(), action.to_owned());
    let expected = BTreeMap::from([
        (told("rita", "health_check_updated"), (OWN.to_string(), json!("5"))),
        (told("rita", "health_check_deleted"), (OWN.to_string(), json!("1"))),
        (told("olga", "health_check_created"), (FOREIGN.to_string(), json!("1"))),
    ]);
    assert_eq!(refused, expected);
}

/// What nobody looks at is recorded by itself after a minute.
#[tokio::test]
async fn refusals_are_recorded_after_a_minute_and_at_the_end() {
    let world = world();
    let refused = async || {
        let log = world.audit_log().await;
        let refused = log.into_iter().filter(|record| record.outcome == AuditOutcome::Refused);
        refused.map(|record| record.changes[0].after.clone().unwrap()).collect::<Vec<_>>()
    };
    let refuse = async || {
        let reply = world.post(REPORTER, checks_of(OWN), &service("x")).await;
        assert_eq!(reply.status, 403);
    };
    let running = world.run_events().await;
    refuse().await;
    refuse().await;
    assert!(refused().await.is_empty());
    let mut waited = 0;
    while refused().await.is_empty() {
        world.clock.advance(Duration::from_secs(1));
        tokio::task::yield_now().await;
        waited += 1;
        assert!(waited < 10_000, "never recorded");
    }
    assert!(waited >= 60, "recorded after {waited} s");
    assert_eq!(refused().await, ["2"]);
    refuse().await;
    drop(running);
    while refused().await.len() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(refused().await, ["1", "2"]);
}

/// Administrators read all, operators what was done to their hosts, reporters nothing; the pages go on
/// to the end, and each record comes once.
#[tokio::test]
async fn the_log_is_paged_and_shows_everybody_their_own() {
    let world = world();
    for host in [OWN, FOREIGN] {
        let id = world.service_check(host, "sshd").await;
        for number in 0..7 {
            let change = json!({"name": format!("n{number}")});
            assert_eq!(world.put(ADMIN, check_path(host, id), &change).await.status, 200);
        }
    }
    assert_eq!(world.get(REPORTER, AUDIT).await.told(), (403, "forbidden"));
    for (user, query, expected) in [
        (ADMIN, String::new(), 16),
        (OPERATOR, String::new(), 8),
        (ADMIN, format!("&host_ids={FOREIGN}"), 8),
        (OPERATOR, format!("&host_ids={FOREIGN},{OWN}"), 8),
        (OPERATOR, format!("&host_ids={FOREIGN}"), 0),
        (ADMIN, "&host_ids=".to_owned(), 0),
    ] {
        let (mut ids, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("{AUDIT}?limit=3{query}{cursor}");
            let page = world.get(user, path).await.body;
            let records = page["records"].as_array().unwrap();
            assert!(records.len() <= 3);
            for record in records {
                assert!(user == ADMIN || record["host_id"] == json!(OWN));
                assert_ne!(record["action"], json!(AuditAction::HealthCheckTested));
                ids.push(record["id"].as_str().unwrap().to_owned());
            }
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(ids.len(), expected, "{user} {query}");
        let mut newest_first = ids.clone();
        newest_first.sort_unstable_by(|one, other| other.cmp(one));
        newest_first.dedup();
        assert_eq!(ids, newest_first, "{user} {query}");
    }
}
