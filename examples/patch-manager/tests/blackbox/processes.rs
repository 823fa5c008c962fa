//! Web and workers as processes of their own, and what becomes of a gate when its worker is killed.

use std::time::Duration;

use healthgate_testkit::ServiceScript;
use serde_json::{Value, json};

use crate::manager::{Kind, Setup};

/// The gate of the host whose checks fail.
fn gate(job: &Value) -> &Value {
    let mut hosts = job["hosts"].as_array().unwrap().iter();
    &hosts.find(|host| host["host_name"] == "web-01").unwrap()["gate"]
}

/// `kill -9` of a worker in mid-wait: another one goes on with the same gate and its history, and the
/// host is patched once.
#[tokio::test(flavor = "multi_thread")]
async fn f23_a_killed_workers_gate_goes_on_with_its_history() {
    let setup = Setup::new(Kind::Postgres).await;
    let web = setup.start("web");
    let worker = setup.spawn("worker", "info");
    let api = setup.client(&web, "ada");
    setup.agents[0].set("nginx", ServiceScript::Failed);
    api.service_check(setup.hosts[0], "nginx").await;
    let path = format!("/api/v1/jobs/{}", api.job(&setup.hosts[..1], 300).await);
    let before =
        api.until(&path, |job| gate(job)["attempts"][0]["number"].as_u64() >= Some(2)).await;
    worker.kill();
    let attempts = gate(&before)["attempts"][0]["number"].as_u64().unwrap();
    let opened = gate(&before)["created_at"].clone();
    let worker = setup.spawn("worker", "info");
    // Its lease has to end first.
    let after = api
        .until(&path, |job| gate(job)["attempts"][0]["number"].as_u64() > Some(attempts + 1))
        .await;
    assert_eq!(gate(&after)["created_at"], opened, "the same gate");
    let history = api.get(&format!("{path}/gates")).await.expect(200);
    let numbers: Vec<u64> = history["gates"][0]["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|attempt| attempt["number"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>(), "no attempt is missing");
    setup.agents[0].set("nginx", ServiceScript::Healthy);
    let done = api.until(&path, |job| job["status"] == "succeeded").await;
    assert_eq!(gate(&done)["state"], "spent");
    let (took, success, _) = worker.stop();
    assert!(success && took < Duration::from_secs(15), "{took:?}");
}

/// Two workers and a web process: every host is patched once, and the web process shows gates that a
/// worker holds.
#[tokio::test(flavor = "multi_thread")]
async fn web_and_two_workers_share_jobs() {
    let setup = Setup::new(Kind::Postgres).await;
    let web = setup.start("web");
    let workers = [setup.spawn("worker", "info"), setup.spawn("worker", "info")];
    let api = setup.client(&web, "ada");
    setup.agents[0].set("nginx", ServiceScript::Failed);
    api.service_check(setup.hosts[0], "nginx").await;
    let path = format!("/api/v1/jobs/{}", api.job(&setup.hosts, 300).await);
    api.until(&path, |job| gate(job)["attempts"][0].is_object()).await;
    setup.agents[0].set("nginx", ServiceScript::Healthy);
    let done = api.until(&path, |job| job["status"] == "succeeded").await;
    for host in done["hosts"].as_array().unwrap() {
        assert_eq!(host["gate"]["state"], "spent", "{host:#}");
    }
    let begun: usize = workers
        .into_iter()
        .map(|worker| {
            let (took, success, logs) = worker.stop();
            assert!(success && took < Duration::from_secs(15), "{took:?}");
            logs.matches("patching begins").count()
        })
        .sum();
    assert_eq!(begun, 3, "every host was patched once");
    api.get("/readyz").await.expect(200);
    api.post("/api/v1/jobs", json!({"host_ids": setup.hosts, "immediate": true})).await.expect(201);
}
