//! Availability groups of the configuration: only so many members are down or under change, over all jobs.

use chrono::{TimeDelta, Utc};
use healthgate_testkit::ServiceScript;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    client::Api,
    manager::{Kind, Setup},
};

/// The configuration with all hosts in `web`, of which so many may be unavailable.
fn configuration(setup: &Setup, max_unavailable: Option<u32>) -> String {
    let text = setup.configuration();
    let (head, hosts) = text.split_at(text.find("[[hosts]]").unwrap());
    let limit = max_unavailable.map_or(String::new(), |most| format!("max_unavailable = {most}\n"));
    let head = head
        .replace("[[groups]]\nname = \"web\"\n", &format!("[[groups]]\nname = \"web\"\n{limit}"));
    // A result counts for two intervals, which a busy machine must not exceed.
    let head = head.replace("poll_interval_secs = 1\n", "poll_interval_secs = 4\n");
    let hosts = hosts.replace("groups = [\"other\"]", "groups = [\"web\"]");
    head + &hosts.replace("groups = []", "groups = [\"web\"]")
}

async fn job(api: &Api, hosts: &[Uuid], extra: Value) -> String {
    let closes_at = Utc::now() + TimeDelta::seconds(300);
    let window = json!({"opens_at": Utc::now(), "closes_at": closes_at});
    // Long enough for a busy machine to look at a host.
    let verify = json!({"settle_secs": 0, "deadline_secs": 8});
    let mut body = json!({"host_ids": hosts, "window": window, "verify": verify});
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    let made = api.post("/api/v1/jobs", body).await.expect(201);
    format!("/api/v1/jobs/{}", made["id"].as_str().unwrap())
}

fn hosts<'a>(job: &'a Value, status: &str) -> Vec<&'a Value> {
    let hosts = job["hosts"].as_array().unwrap().iter();
    hosts.filter(|host| host["status"] == status).collect()
}

fn waits_for_the_group(job: &Value, count: usize) -> bool {
    let says = |host: &&&Value| {
        host["detail"].as_str().unwrap().contains("waiting for its group: group web")
    };
    hosts(job, "waiting_for_slot").iter().filter(says).count() == count
}

/// What breaks its host holds the rest of its group, whichever job they are of, until the host is well
/// again; a rollback waits like any job.
async fn a_member_that_is_down_holds_its_group(kind: Kind) {
    let setup = Setup::new(kind).await;
    setup.write("manager.toml", &configuration(&setup, Some(1)));
    let (web, worker) = setup.start_whole();
    let (ada, oscar) = (setup.client(&web, "ada"), setup.client(&web, "oscar"));
    for host in &setup.hosts {
        ada.service_check(*host, "nginx").await;
    }
    ada.until("/api/v1/groups", |list| list["groups"][0]["unavailable"] == 0).await;
    let first = job(&ada, &setup.hosts[..2], json!({})).await;
    let begun = ada.until(&first, |job| hosts(job, "patching").len() == 1).await;
    let patched: Uuid = hosts(&begun, "patching")[0]["host_id"].as_str().unwrap().parse().unwrap();
    let broken = setup.hosts.iter().position(|host| *host == patched).unwrap();
    setup.agents[broken].set("nginx", ServiceScript::Failed);
    ada.until(&first, |job| hosts(job, "failed").len() == 1 && waits_for_the_group(job, 1)).await;
    let explained = ada.get(&format!("{first}/explain")).await.expect(200);
    let cause = &explained["groups"][0];
    assert_eq!((&cause["cause"], &cause["count"]), (&json!("group"), &json!(1)), "{explained:#}");
    let other = job(&ada, &setup.hosts[2..3], json!({})).await;
    ada.until(&other, |job| waits_for_the_group(job, 1)).await;
    let why = json!({"kind": "rollback", "reason": "the release was a bad one"});
    let rollback = job(&ada, &setup.hosts[2..3], why).await;
    ada.until(&rollback, |job| waits_for_the_group(job, 1)).await;
    let list = ada.get("/api/v1/groups").await.expect(200);
    let expected = json!({"name": "web", "hosts": 3, "max_unavailable": 1, "unavailable": 1});
    assert_eq!(list["groups"][0], expected);
    let unlimited =
        json!({"name": "other", "hosts": 0, "max_unavailable": null, "unavailable": null});
    assert_eq!(list["groups"][1], unlimited);
    let own = oscar.get("/api/v1/groups").await.expect(200);
    assert_eq!(own["groups"], json!([expected]), "an operator sees the groups they are in");

    ada.post(&format!("{other}/cancel"), json!({})).await.expect(200);
    ada.until(&other, |job| job["status"] == "cancelled").await;
    setup.agents[broken].set("nginx", ServiceScript::Healthy);
    ada.until(&first, |job| hosts(job, "succeeded").len() == 1).await;
    ada.until(&rollback, |job| job["status"] == "succeeded").await;
    drop((web, worker));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_is_down_holds_its_group_on_sqlite() {
    a_member_that_is_down_holds_its_group(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_is_down_holds_its_group_on_postgres() {
    a_member_that_is_down_holds_its_group(Kind::Postgres).await;
}

/// A limit that the configuration no longer has ends with the next start; one that makes no sense is refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_limit_is_as_the_newest_configuration_says() {
    let setup = Setup::new(Kind::Sqlite).await;
    for (limit, words) in [(0, "`groups.max_unavailable` must be at least 1"), (-1, "`-1`")] {
        let text = configuration(&setup, Some(1));
        let text = text.replace("max_unavailable = 1", &format!("max_unavailable = {limit}"));
        setup.write("manager.toml", &text);
        let refused = setup.configured("check-config");
        assert!(!refused.success && refused.stderr.contains(words), "{}", refused.stderr);
    }
    setup.write("manager.toml", &configuration(&setup, Some(1)));
    let manager = setup.start("serve");
    let api = setup.client(&manager, "ada");
    // Never seen healthy: it counts as down.
    setup.agents[0].set("nginx", ServiceScript::Failed);
    api.service_check(setup.hosts[0], "nginx").await;
    let path = job(&api, &setup.hosts[1..3], json!({})).await;
    api.until(&path, |job| waits_for_the_group(job, 2)).await;
    drop(manager);
    setup.write("manager.toml", &configuration(&setup, None));
    let manager = setup.start("serve");
    let api = setup.client(&manager, "ada");
    api.until(&path, |job| job["status"] == "succeeded").await;
    let list = api.get("/api/v1/groups").await.expect(200);
    assert_eq!(list["groups"][0]["max_unavailable"], Value::Null);
}
