//! Gates through the API: their list, overrides, previews; and what statuses and histories say.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use healthgate::{
    api::{ApiBuilder, AuthorizeError, JobDirectory},
    model::{Actor, AuditAction, HostId, JobId, ReasonCode},
    store::GateStore,
    testing::{Answer, fixtures},
};
use serde_json::{Value, json};

use super::world::{
    ADMIN, FOREIGN, OPERATOR, OWN, REPORTER, Twist, UNGROUPED, World, check_path, checks_of, world,
    world_with,
};

const HOUR: chrono::TimeDelta = chrono::TimeDelta::hours(1);

fn gates_of(job: u128) -> String {
    format!("/api/v1/jobs/{}/gates", fixtures::job(job))
}

fn override_of(job: u128, host: HostId) -> String {
    format!("/api/v1/jobs/{}/hosts/{host}/override", fixtures::job(job))
}

/// A gate that waits after an attempt, since its one check fails.
async fn waiting(world: &World) -> healthgate::model::CheckId {
    let id = world.service_check(OWN, "sshd").await;
    world.runner.answer(id, Answer::new(ReasonCode::ServiceUnhealthy));
    world.store.open_gate(fixtures::request(1, OWN, HOUR)).await.unwrap();
    world.run_gates(Duration::from_secs(60));
    id
}

#[tokio::test]
async fn a_waiting_gate_shows_its_attempts_and_what_is_next() {
    let world = world();
    let id = waiting(&world).await;
    let reply = world.get(REPORTER, gates_of(1)).await;
    let gate = &reply.body["gates"][0];
    assert_eq!(gate["host_id"], json!(OWN));
    assert_eq!(gate["state"], "waiting");
    assert!(gate["kind"].is_null() && gate["override"].is_null() && gate["pass"].is_null());
    assert_eq!(gate["opens_at"], "2026-11-24T02:00:00.000000Z");
    assert_eq!(gate["closes_at"], "2026-11-24T03:00:00.000000Z");
    assert!(gate["next_attempt_at"].as_str().unwrap() > "2026-11-24T02:04");
    let attempt = &gate["attempts"][0];
    assert_eq!((&attempt["number"], gate["attempts"].as_array().unwrap().len()), (&json!(1), 1));
    assert!(attempt["started_at"].is_string() && attempt["finished_at"].is_string());
    let check = &attempt["checks"][0];
    assert_eq!(check["check_id"], json!(id));
    assert_eq!((&check["healthy"], &check["observed"]), (&json!(false), &json!(true)));
    assert_eq!((&check["reason"], &check["name"]), (&json!("service_unhealthy"), &json!("sshd")));
    assert_eq!(check["latency_ms"], 10);
    assert!(gate["detail"].as_str().unwrap().contains("sshd: service_unhealthy"), "{gate}");
}

/// A job's gates on hosts that the caller may not see do not exist for them.
#[tokio::test]
async fn a_jobs_gates_are_those_of_visible_hosts() {
    let world = world();
    for host in [OWN, FOREIGN] {
        world.store.open_gate(fixtures::request(1, host, HOUR)).await.unwrap();
    }
    world.store.open_gate(fixtures::request(2, UNGROUPED, HOUR)).await.unwrap();
    let hosts = |body: &Value| -> Vec<Value> {
        body["gates"].as_array().unwrap().iter().map(|gate| gate["host_id"].clone()).collect()
    };
    let all = world.get(ADMIN, gates_of(1)).await;
    assert_eq!(hosts(&all.body), [json!(OWN), json!(FOREIGN)]);
    let own = world.get(OPERATOR, gates_of(1)).await;
    assert_eq!(hosts(&own.body), [json!(OWN)]);
    assert_eq!(world.get(OPERATOR, gates_of(2)).await.told(), (404, "not_found"));
    assert_eq!(world.get(ADMIN, gates_of(3)).await.told(), (404, "not_found"));
}

#[derive(Debug)]
struct Jobs;

#[async_trait]
impl JobDirectory for Jobs {
    async fn is_visible(&self, actor: &Actor, job: JobId) -> Result<bool, AuthorizeError> {
        Ok(job == fixtures::job(7) && actor.name != "rita")
    }
}

#[tokio::test]
async fn a_job_without_gates_is_known_where_the_application_says_so() {
    let world = world_with(Twist {
        build: Some(|builder| builder.with_jobs(Arc::new(Jobs))),
        ..Twist::default()
    });
    assert_eq!(
        world.get(OPERATOR, gates_of(7)).await.body,
        json!({"gates": [], "next_cursor": null})
    );
    assert_eq!(world.get(REPORTER, gates_of(7)).await.told(), (404, "not_found"));
    assert_eq!(world.get(OPERATOR, gates_of(8)).await.told(), (404, "not_found"));
}

/// An override names checks, says why, and ends in time; every fault of it is told at once.
#[tokio::test]
async fn an_override_is_held_to_its_rules_and_audited() {
    let world = world();
    let id = waiting(&world).await;
    let path = override_of(1, OWN);
    let fine = json!({
        "check_ids": [id], "reason": "sshd is being replaced",
        "expires_at": "2026-11-24T02:30:00Z",
    });
    for (body, errors) in [
        (
            json!({}),
            vec![("check_ids", "required"), ("reason", "required"), ("expires_at", "required")],
        ),
        (
            json!({"check_ids": "x", "reason": 7, "expires_at": "tomorrow"}),
            vec![
                ("check_ids", "wrong_type"),
                ("reason", "wrong_type"),
                ("expires_at", "invalid_format"),
            ],
        ),
        (
            json!({"check_ids": [], "reason": "too short", "expires_at": "2026-11-24T03:00:01Z"}),
            vec![
                ("check_ids", "required"),
                ("reason", "too_short"),
                ("expires_at", "out_of_range"),
            ],
        ),
        (
            json!({"check_ids": [fixtures::check(9)], "reason": "long enough, surely", "expires_at": "2026-11-24T02:00:00Z"}),
            vec![("check_ids", "unknown_value"), ("expires_at", "out_of_range")],
        ),
    ] {
        let reply = world.post(ADMIN, &path, &body).await;
        assert_eq!(reply.status, 422, "{body}");
        let mut found = reply.errors();
        let mut errors = errors;
        found.sort_unstable();
        errors.sort_unstable();
        assert_eq!(found, errors, "{body}");
    }
    assert!(world.get(ADMIN, gates_of(1)).await.body["gates"][0]["override"].is_null());

    let reply = world.post(ADMIN, &path, &fine).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(reply.body["override"]["check_ids"], json!([id]));
    assert_eq!(reply.body["override"]["actor"], "ada");
    assert_eq!(world.call("DELETE", &path).by(ADMIN).send().await.status, 204);
    assert!(world.get(ADMIN, gates_of(1)).await.body["gates"][0]["override"].is_null());
    assert_eq!(world.call("DELETE", &path).by(ADMIN).send().await.status, 204, "again");

    assert_eq!(world.post(ADMIN, &path, &fine).await.status, 200);
    world.run_gates(Duration::from_secs(30));
    let gate = world.get(OPERATOR, gates_of(1)).await.body["gates"][0].clone();
    assert_eq!((&gate["state"], &gate["kind"]), (&json!("passed"), &json!("overridden")));
    assert_eq!(gate["pass"]["evidence"][0]["reason"], "service_unhealthy");
    assert_eq!(world.post(ADMIN, &path, &fine).await.told(), (409, "invalid_state"));

    let log = world.audit_log().await;
    let given = log.iter().filter(|record| record.action == AuditAction::GateOverridden);
    let given: Vec<_> = given.collect();
    assert_eq!(given.len(), 2);
    assert_eq!(given[0].reason.as_deref(), Some("sshd is being replaced"));
    assert_eq!((given[0].job_id, given[0].host_id), (Some(fixtures::job(1)), Some(OWN)));
    let unknown = world.post(ADMIN, override_of(9, OWN), &fine).await;
    assert_eq!(unknown.told(), (404, "not_found"));
}

/// F180: the answer does not grow with a host that is named again and again.
#[tokio::test]
async fn f180_a_preview_answers_each_host_once() {
    let world = world();
    world.service_check(OWN, "sshd").await;
    let once = world.post(ADMIN, "/api/v1/gates/preview", &json!({"host_ids": [OWN]})).await;
    assert_eq!(once.status, 200);
    assert_eq!(once.body["hosts"][0]["blocking"].as_array().unwrap().len(), 1);
    let again = json!({"host_ids": vec![OWN; 500]});
    let again = world.post(ADMIN, "/api/v1/gates/preview", &again).await;
    assert_eq!((again.status, &again.body), (once.status, &once.body));
    for (count, told) in [(10_000, (404, "not_found")), (10_001, (422, "invalid"))] {
        let many: Vec<_> = (0..count).map(|_| uuid::Uuid::new_v4().to_string()).collect();
        let many = world.post(ADMIN, "/api/v1/gates/preview", &json!({"host_ids": many})).await;
        assert_eq!(many.told(), told, "{count}");
    }
    let mut wrong = json!({"host_ids": [OWN]});
    for number in 0..3_000 {
        wrong[format!("m{number}")] = json!(0);
    }
    let wrong = world.post(ADMIN, "/api/v1/gates/preview", &wrong).await;
    assert_eq!(wrong.told(), (422, "invalid"));
    assert_eq!(wrong.body["errors"].as_array().unwrap().len(), 100);
    assert!(wrong.body["detail"].as_str().unwrap().starts_with("3000 things are wrong"));
}

/// A preview says host by host what the gate would, in the window given, and writes and runs nothing.
#[tokio::test]
async fn a_preview_says_what_is_blocking_and_writes_nothing() {
    let world = world();
    let id = world.service_check(OWN, "sshd").await;
    world.poll(ReasonCode::ServiceUnhealthy).await;
    world.clock.advance(Duration::from_secs(1));
    let body = json!({
        "host_ids": [OWN, UNGROUPED],
        "window": {"opens_at": "2026-11-24T02:00:00Z", "closes_at": "2026-11-24T02:03:00Z"},
    });
    let log = world.audit_log().await.len();
    let reply = world.post(ADMIN, "/api/v1/gates/preview", &body).await;
    let (own, none) = (&reply.body["hosts"][0], &reply.body["hosts"][1]);
    assert_eq!((&own["host_id"], &own["decision"]), (&json!(OWN), &json!("wait")));
    assert_eq!(own["window_too_short"], true);
    assert_eq!(own["blocking"][0]["check_id"], json!(id));
    assert_eq!(own["blocking"][0]["reason"], "service_unhealthy");
    assert!(own["blocking"][0]["checked_at"].is_string());
    assert_eq!((&none["decision"], &none["kind"]), (&json!("proceed"), &json!("no_checks")));
    let own = json!({"host_ids": [OWN]});
    let reply = world.post(REPORTER, "/api/v1/gates/preview", &own).await;
    assert_eq!(reply.body["hosts"][0]["window_too_short"], false);
    assert_eq!(world.audit_log().await.len(), log);
    assert!(world.runner.runs().is_empty());

    for (body, field, code) in [
        (json!({}), "host_ids", "required"),
        (json!({"host_ids": [7]}), "host_ids", "wrong_type"),
        (json!({"host_ids": vec![OWN; 10_001]}), "host_ids", "too_long"),
        (json!({"host_ids": [OWN], "window": 7}), "window", "wrong_type"),
        (
            json!({"host_ids": [OWN], "window": {"opens_at": "2026-11-24T02:00:00Z"}}),
            "window.closes_at",
            "required",
        ),
        (
            json!({"host_ids": [OWN], "window": {"opens_at": "2026-11-24T02:00:00Z", "closes_at": "2026-11-24T02:00:00Z"}}),
            "window.closes_at",
            "out_of_range",
        ),
    ] {
        let reply = world.post(ADMIN, "/api/v1/gates/preview", &body).await;
        assert_eq!(reply.status, 422, "{body}");
        assert_eq!(reply.errors(), [(field, code)]);
    }
}

/// Statuses, reasons and summaries after runs; the history is paged to its end, newest first.
#[tokio::test]
async fn results_show_in_checks_summaries_and_the_history() {
    let world = world();
    let id = world.service_check(OWN, "sshd").await;
    for reason in [ReasonCode::Ok, ReasonCode::Dns, ReasonCode::Ok, ReasonCode::ServiceUnhealthy] {
        world.poll(reason).await;
    }
    let check = world.get(REPORTER, check_path(OWN, id)).await.body;
    assert_eq!(check["status"], "unhealthy");
    assert_eq!(check["since"], "2026-11-24T02:04:00.000000Z");
    assert_eq!(check["last_result"]["reason"], "service_unhealthy");
    assert_eq!(check["last_result"]["checked_at"], "2026-11-24T02:04:00.000000Z");
    assert_eq!(world.get(REPORTER, checks_of(OWN)).await.body["checks"][0], check);
    let summary = world.get(REPORTER, format!("/api/v1/health-checks/summary?host_ids={OWN}"));
    let expected = json!({"hosts": [{
        "host_id": OWN, "status": "unhealthy", "healthy": 0, "unhealthy": 1, "unknown": 0,
        "total": 1, "oldest_checked_at": "2026-11-24T02:04:00.000000Z",
    }]});
    assert_eq!(summary.await.body, expected);

    let results = format!("{}/results", check_path(OWN, id));
    let (mut reasons, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = world.get(REPORTER, format!("{results}?limit=3{cursor}")).await.body;
        for result in page["results"].as_array().unwrap() {
            assert_eq!(result["source"], "poll");
            reasons.push(result["reason"].as_str().unwrap().to_owned());
        }
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(reasons, ["service_unhealthy", "ok", "dns", "ok"]);

    // Another page is asked for by the same way to the end of the log.
    world.clock.advance(Duration::from_secs(601));
    assert_eq!(world.get(REPORTER, check_path(OWN, id)).await.body["status"], "unknown");
}

#[tokio::test]
async fn five_hundred_hosts_are_summarised_at_once_and_not_one_more() {
    let world = world();
    let ids = |count: u128| {
        let ids: Vec<String> = (0..count).map(|n| fixtures::host(n + 1_000).to_string()).collect();
        format!("/api/v1/health-checks/summary?host_ids={}", ids.join(","))
    };
    assert_eq!(world.get(ADMIN, ids(500)).await.body, json!({"hosts": []}));
    let refused = world.get(ADMIN, ids(501)).await;
    assert_eq!(
        (refused.told(), refused.errors()),
        ((422, "invalid"), vec![("host_ids", "too_long")])
    );
}

/// Queued hosts of a job, as an application tells of them.
#[derive(Debug)]
struct Queue;

#[async_trait]
impl JobDirectory for Queue {
    async fn is_visible(&self, _: &Actor, job: JobId) -> Result<bool, AuthorizeError> {
        Ok(job == fixtures::job(7))
    }

    async fn queued_hosts(&self, job: JobId) -> Result<Vec<HostId>, AuthorizeError> {
        Ok(if job == fixtures::job(2) { vec![OWN, FOREIGN] } else { Vec::new() })
    }
}

/// Each host stands in one group with what it waits for, and nobody learns of hosts that they may not see.
#[tokio::test]
async fn a_job_is_explained_by_what_its_hosts_wait_for() {
    let build = |builder: ApiBuilder| builder.with_jobs(Arc::new(Queue));
    let world = world_with(Twist { build: Some(build), ..Twist::default() });
    let path = |job: u128| format!("/api/v1/jobs/{}/explain", fixtures::job(job));
    waiting(&world).await;
    world.store.open_gate(fixtures::request(1, FOREIGN, HOUR)).await.unwrap();
    world.store.open_gate(fixtures::request(3, UNGROUPED, HOUR)).await.unwrap();
    let reply = world.get(REPORTER, path(1)).await;
    assert_eq!((reply.status.as_u16(), &reply.body["total"]), (200, &json!(1)), "{}", reply.body);
    let group = &reply.body["groups"][0];
    assert_eq!((&group["cause"], &group["who"]), (&json!("checks"), &json!("operator")));
    assert_eq!((&group["count"], &group["host_ids"]), (&json!(1), &json!([OWN])));
    assert_eq!(group["detail"], "sshd: service_unhealthy");
    assert!(group["clears"].as_str().unwrap().contains("healthy"));
    assert!(group["earliest_pass_at"].is_string());
    let all = world.get(ADMIN, path(1)).await.body;
    assert_eq!((&all["total"], all["groups"].as_array().unwrap().len()), (&json!(2), 2), "{all}");
    // Another job's hosts wait for the gates of the first one.
    let queued = world.get(OPERATOR, path(2)).await.body;
    assert_eq!((&queued["total"], &queued["groups"][0]["cause"]), (&json!(1), &json!("busy")));
    let words = queued["groups"][0]["detail"].as_str().unwrap();
    assert!(words.contains(&fixtures::job(1).to_string()), "{words}");
    // A host without a check only has to be looked at; then it has its pass.
    let look = world.get(ADMIN, path(3)).await.body;
    assert_eq!(look["groups"][0]["cause"], "capacity", "{look}");
    world.run_gates(Duration::from_secs(20));
    let passed = world.get(ADMIN, path(1)).await.body;
    assert!(
        passed["groups"].as_array().unwrap().iter().any(|one| one["cause"] == "pass_given"),
        "{passed}"
    );
    let empty = world.get(ADMIN, path(7)).await;
    assert_eq!((empty.status.as_u16(), &empty.body), (200, &json!({"groups": [], "total": 0})));
    for (user, job) in [(REPORTER, 3), (ADMIN, 9)] {
        assert_eq!(world.get(user, path(job)).await.told(), (404, "not_found"), "{job}");
    }
}
