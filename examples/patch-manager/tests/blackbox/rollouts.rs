//! Jobs that go over their hosts in stages, through the API.

use chrono::{TimeDelta, Utc};
use healthgate_testkit::ServiceScript;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    client::Api,
    manager::{Kind, Setup},
};

fn body(hosts: &[Uuid], rollout: &Value) -> Value {
    let closes_at = Utc::now() + TimeDelta::seconds(300);
    let window = json!({"opens_at": Utc::now(), "closes_at": closes_at});
    let verify = json!({"settle_secs": 0, "deadline_secs": 4});
    json!({"host_ids": hosts, "window": window, "verify": verify, "rollout": rollout})
}

/// How many hosts of a job are in one of these statuses.
fn count(job: &Value, statuses: &[&str]) -> u64 {
    statuses.iter().filter_map(|status| job["counts"][*status].as_u64()).sum()
}

/// Waits until the audit has a resumption with this outcome.
async fn recorded(api: &Api, outcome: &str, actor: &str) {
    let is_it = |record: &Value| {
        record["action"] == "rollout_resumed"
            && record["outcome"] == outcome
            && record["actor"] == actor
    };
    let audit = "/api/v1/health-checks/audit?limit=200";
    api.until(audit, |audit| audit["records"].as_array().unwrap().iter().any(is_it)).await;
}

/// What breaks its first host stops a rollout there, whatever the worker; only an administrator lets it
/// go on, with a reason.
async fn a_bad_patch_stops_at_the_canary(kind: Kind) {
    let setup = Setup::new(kind).await;
    let (web, worker) = setup.start_whole();
    let (ada, oscar) = (setup.client(&web, "ada"), setup.client(&web, "oscar"));
    for index in 0..3 {
        ada.service_check(setup.hosts[index], "nginx").await;
    }
    let rollout = json!({"stages": [{"up_to": "1", "soak_secs": 1}], "max_in_flight": "1"});
    let job = ada.post("/api/v1/jobs", body(&setup.hosts[..3], &rollout)).await.expect(201);
    let path = format!("/api/v1/jobs/{}", job["id"].as_str().unwrap());
    assert_eq!(
        (&job["rollout"]["state"], &job["rollout"]["stage"]),
        (&json!("running"), &json!(0))
    );
    let patched = &["patching", "verifying", "succeeded", "failed", "unverified"];
    let begun = ada.until(&path, |job| count(job, &["patching", "verifying"]) == 1).await;
    assert_eq!(begun["rollout"]["in_flight"], 1, "{begun:#}");
    // The patch breaks every host that it touches.
    setup.agents.iter().for_each(|agent| agent.set("nginx", ServiceScript::Failed));
    let halted =
        ada.until(&path, |job| job["rollout"]["state"] == "halted" && count(job, &["failed"]) == 1);
    let halted = halted.await;
    setup.agents.iter().for_each(|agent| agent.set("nginx", ServiceScript::Healthy));
    assert_eq!(count(&halted, patched), 1, "{halted:#}");
    assert_eq!((&halted["status"], &halted["rollout"]["used"]), (&json!("running"), &json!(1)));
    let held = ada.until(&path, |job| {
        let hosts = job["hosts"].as_array().unwrap().iter();
        let waiting = hosts.filter(|host| host["status"] == "waiting_for_slot");
        let says = |host: &&Value| {
            let detail = host["detail"].as_str().unwrap();
            detail.contains("the rollout is halted: 1 host failed")
        };
        waiting.filter(says).count() == 2
    });
    let held = held.await;
    assert!(held["rollout"]["reason"].as_str().unwrap().starts_with("1 host failed"), "{held:#}");
    let explained = ada.get(&format!("{path}/explain")).await.expect(200);
    let group = &explained["groups"][0];
    assert_eq!((&explained["total"], &group["count"]), (&json!(2), &json!(2)), "{explained:#}");
    assert_eq!((&group["cause"], &group["who"]), (&json!("budget"), &json!("administrator")));

    let resume = format!("{path}/resume");
    let reason = json!({"reason": "the mirror was broken, not the patch"});
    oscar.post(&resume, reason.clone()).await.problem(403, "forbidden");
    let short = ada.post(&resume, json!({"reason": "too short"})).await.problem(422, "invalid");
    assert_eq!(short["errors"][0]["field"], "reason");
    assert_eq!(ada.get(&path).await.expect(200)["rollout"]["state"], "halted");
    // Refusals are written beside the requests.
    recorded(&ada, "refused", "oscar").await;
    // It is durable: no process remembers it.
    drop((web, worker));
    let (web, _worker) = setup.start_whole();
    let ada = setup.client(&web, "ada");
    let again = ada.get(&path).await.expect(200);
    assert_eq!((&again["rollout"]["state"], count(&again, patched)), (&json!("halted"), 1));
    ada.post(&resume, reason.clone()).await.expect(200);
    ada.post(&resume, reason).await.problem(409, "invalid_state");
    let done = ada.until(&path, |job| job["status"] == "failed").await;
    assert_eq!((count(&done, &["failed"]), count(&done, &["succeeded"])), (1, 2), "{done:#}");
    assert_eq!(done["rollout"]["state"], "done");
    recorded(&ada, "allowed", "ada").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_patch_stops_at_the_canary_on_sqlite() {
    a_bad_patch_stops_at_the_canary(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_patch_stops_at_the_canary_on_postgres() {
    a_bad_patch_stops_at_the_canary(Kind::Postgres).await;
}

/// Figures that make no sense are refused by name, and an ordinary job has no rollout.
#[tokio::test(flavor = "multi_thread")]
async fn the_figures_of_a_rollout_are_held_against_their_bounds() {
    let setup = Setup::new(Kind::Sqlite).await;
    let manager = setup.start("serve");
    let ada = setup.client(&manager, "ada");
    for (rollout, field, code) in [
        (json!(7), "rollout", "wrong_type"),
        (json!({"speed": "1"}), "rollout.speed", "unknown_field"),
        (json!({"max_in_flight": 5}), "rollout.max_in_flight", "wrong_type"),
        (json!({"max_in_flight": "0"}), "rollout.max_in_flight", "out_of_range"),
        (json!({"max_in_flight": "101%"}), "rollout.max_in_flight", "out_of_range"),
        (json!({"failure_budget": "-1"}), "rollout.failure_budget", "wrong_type"),
        (json!({"stages": {}}), "rollout.stages", "wrong_type"),
        (json!({"stages": [{"soak_secs": 1}]}), "rollout.stages", "required"),
        (json!({"stages": [{"up_to": "0%"}]}), "rollout.stages[0].up_to", "out_of_range"),
        (
            json!({"stages": [{"up_to": "1"}, {"up_to": "2", "soak_secs": 604_801}]}),
            "rollout.stages[1].soak_secs",
            "out_of_range",
        ),
    ] {
        let asked = body(&setup.hosts, &rollout);
        let problem = ada.post("/api/v1/jobs", asked).await.expect(422);
        let found = problem["errors"].as_array().unwrap().iter();
        let named = found.clone().any(|error| {
            error["field"].as_str().unwrap().ends_with(field) && error["code"] == code
        });
        assert!(named, "{rollout}: {problem:#}");
    }
    for (count, status) in [(10_000, 404), (10_001, 422)] {
        let many: Vec<Uuid> = (0..count).map(|_| Uuid::new_v4()).collect();
        ada.post("/api/v1/jobs", body(&many, &json!({"max_in_flight": "5"}))).await.expect(status);
        ada.post("/api/v1/gates/preview", json!({"host_ids": many})).await.expect(status);
    }
    let job = ada.job(&setup.hosts[..1], 60).await;
    let job = ada.get(&format!("/api/v1/jobs/{job}")).await.expect(200);
    assert!(job["rollout"].is_null(), "{job:#}");
    let resume = format!("/api/v1/jobs/{}/resume", job["id"].as_str().unwrap());
    let reason = json!({"reason": "there is nothing to resume"});
    ada.post(&resume, reason.clone()).await.problem(409, "invalid_state");
    let unknown = format!("/api/v1/jobs/{}/resume", Uuid::new_v4());
    ada.post(&unknown, reason).await.problem(404, "not_found");
}
