//! One thing done to many hosts: who may, and what became of each.

use chrono::{TimeDelta, Utc};
use healthgate_testkit::{ServiceScript, WebScript, WebTarget};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::manager::{Api, Kind, Setup, checks_of};

const AUDIT: &str = "/api/v1/health-checks/audit?limit=200";

/// What became of a host.
fn of_host(outcomes: &Value, host: Uuid) -> (bool, Option<String>) {
    let hosts = outcomes["hosts"].as_array().unwrap();
    let found = hosts.iter().find(|one| one["host_id"] == json!(host)).unwrap();
    (found["done"].as_bool().unwrap(), found["code"].as_str().map(str::to_owned))
}

fn refused(code: &str) -> (bool, Option<String>) {
    (false, Some(code.to_owned()))
}

/// How many records there are of an action on a host by a user.
async fn recorded(ada: &Api, user: &str, action: &str, host: Uuid, outcome: &str) -> usize {
    let path = format!("{AUDIT}&actor={user}&action={action}&host_ids={host}&outcome={outcome}");
    ada.get(&path).await.expect(200)["records"].as_array().unwrap().len()
}

/// A job over the first two hosts, on which a check fails, once its gates know that.
async fn blocked_job(setup: &Setup, ada: &Api) -> String {
    for index in 0..2 {
        setup.agents[index].set("nginx", ServiceScript::Failed);
        ada.service_check(setup.hosts[index], "nginx").await;
    }
    let job = format!("/api/v1/jobs/{}", ada.job(&setup.hosts[..2], 600).await);
    ada.until(&job, |job| {
        let hosts = job["hosts"].as_array().unwrap();
        hosts.iter().all(|host| host["gate"]["evidence"][0]["healthy"] == false)
    })
    .await;
    job
}

/// Failing checks of many hosts are overridden by administrators alone, each with a record of its own, and the
/// answer says which were not.
async fn many_hosts_are_overridden_with_one_reason(kind: Kind) {
    let setup = Setup::new(kind).await;
    let manager = setup.start_whole();
    let client = |user: &str| setup.client(&manager.0, user);
    let (ada, oscar, rita) = (client("ada"), client("oscar"), client("rita"));
    let job = blocked_job(&setup, &ada).await;
    let (first, second, lone) = (setup.hosts[0], setup.hosts[1], setup.hosts[2]);
    let path = format!("{job}/override-hosts");
    let body = json!({"host_ids": [first, second, lone, first],
        "reason": "mended by this very patch", "expires_at": Utc::now() + TimeDelta::days(300)});
    for api in [&oscar, &rita] {
        api.post(&path, body.clone()).await.problem(403, "forbidden");
    }
    let short = json!({"host_ids": [first], "reason": "short"});
    ada.post(&path, short).await.problem(422, "invalid");
    ada.post(&path, json!({"host_ids": [], "reason": "mended by this very patch"}))
        .await
        .problem(422, "invalid");
    assert_eq!(recorded(&ada, "ada", "gate_overridden", first, "allowed").await, 0);
    // An hour hence is after the gates' end: they are overridden until then.
    let outcomes = ada.post(&path, body).await.expect(200);
    assert_eq!((&outcomes["done"], &outcomes["refused"]), (&json!(2), &json!(1)), "{outcomes}");
    assert_eq!(of_host(&outcomes, first), (true, None));
    assert_eq!(of_host(&outcomes, lone), refused("not_found"));
    for host in [first, second] {
        assert_eq!(recorded(&ada, "ada", "gate_overridden", host, "allowed").await, 1);
    }
    let done = |job: &Value| {
        let hosts = job["hosts"].as_array().unwrap();
        hosts.iter().all(|host| host["gate"]["state"] == "spent")
    };
    let after = ada.until(&job, done).await;
    assert_eq!(after["hosts"][0]["gate"]["kind"], "overridden", "{after}");
    let again = json!({"host_ids": [first], "reason": "mended by this very patch"});
    let outcomes = ada.post(&path, again).await.expect(200);
    assert_eq!(of_host(&outcomes, first), refused("invalid_state"));
}

/// Single hosts of a job are cancelled by whoever manages them, and the job goes on with the others.
async fn single_hosts_of_a_job_are_cancelled(kind: Kind) {
    let setup = Setup::new(kind).await;
    let manager = setup.start_whole();
    let client = |user: &str| setup.client(&manager.0, user);
    let (ada, oscar, rita, otto) = (client("ada"), client("oscar"), client("rita"), client("otto"));
    let job = blocked_job(&setup, &ada).await;
    // A second job waits behind the first one, without a gate.
    let behind = format!("/api/v1/jobs/{}", ada.job(&setup.hosts[..2], 600).await);
    let held = |job: &Value| job["hosts"][0]["blocked_by"].is_string();
    ada.until(&behind, held).await;
    let (first, second) = (setup.hosts[0], setup.hosts[1]);
    let both = json!({"host_ids": [first, second]});
    for path in [format!("{behind}/cancel-hosts"), format!("{job}/cancel-hosts")] {
        rita.post(&path, both.clone()).await.problem(403, "forbidden");
        // Oscar manages the first host, and does not see the second one.
        let outcomes = oscar.post(&path, both.clone()).await.expect(200);
        assert_eq!(of_host(&outcomes, first), (true, None), "{outcomes}");
        assert_eq!(of_host(&outcomes, second), refused("not_found"), "{outcomes}");
        let outcomes = oscar.post(&path, both.clone()).await.expect(200);
        assert_eq!(of_host(&outcomes, first), refused("invalid_state"), "{outcomes}");
    }
    assert_eq!(recorded(&ada, "oscar", "job_cancelled", first, "allowed").await, 1);
    assert_eq!(recorded(&ada, "oscar", "gate_cancelled", first, "allowed").await, 1);
    assert_eq!(recorded(&ada, "oscar", "job_cancelled", second, "refused").await, 1);
    assert_eq!(recorded(&ada, "oscar", "gate_cancelled", second, "allowed").await, 0);
    for path in [&job, &behind] {
        let read = ada.get(path).await.expect(200);
        let status = |host: Uuid| {
            let hosts = read["hosts"].as_array().unwrap();
            let found = hosts.iter().find(|one| one["host_id"] == json!(host)).unwrap();
            found["status"].as_str().unwrap().to_owned()
        };
        assert_eq!(status(first), "cancelled", "{read}");
        assert_ne!(status(second), "cancelled", "{read}");
        assert_eq!(read["cancelled_at"], Value::Null, "{read}");
    }
    // The host is free: a third job gets a gate on it.
    setup.agents[0].set("nginx", ServiceScript::Healthy);
    let third = format!("/api/v1/jobs/{}", ada.job(&[first], 600).await);
    ada.until(&third, |job| job["status"] == "succeeded").await;
    // The other host goes on, and the job ends with it.
    setup.agents[1].set("nginx", ServiceScript::Healthy);
    let ended = ada.until(&job, |job| job["counts"]["succeeded"] == 1).await;
    assert_eq!(ended["status"], "cancelled", "{ended}");
    otto.post(&format!("{third}/cancel-hosts"), both).await.problem(404, "not_found");
}

/// Many hosts are paused and resumed, each by its own right.
async fn many_hosts_are_paused(kind: Kind) {
    let setup = Setup::new(kind).await;
    let manager = setup.start_whole();
    let client = |user: &str| setup.client(&manager.0, user);
    let (ada, oscar, rita) = (client("ada"), client("oscar"), client("rita"));
    let (first, second) = (setup.hosts[0], setup.hosts[1]);
    let hosts = json!([first, second, Uuid::new_v4()]);
    let body = json!({"host_ids": hosts, "paused": true, "reason": "a new disk"});
    rita.post("/api/v1/pauses", json!({"host_ids": [first], "paused": false}))
        .await
        .problem(403, "forbidden");
    oscar
        .post("/api/v1/pauses", json!({"host_ids": [first], "paused": true}))
        .await
        .problem(422, "invalid");
    let outcomes = oscar.post("/api/v1/pauses", body.clone()).await.expect(200);
    assert_eq!((&outcomes["done"], &outcomes["refused"]), (&json!(1), &json!(2)), "{outcomes}");
    assert_eq!(of_host(&outcomes, second), refused("not_found"));
    assert_eq!(recorded(&ada, "oscar", "host_paused", first, "allowed").await, 1);
    assert_eq!(recorded(&ada, "oscar", "host_paused", second, "refused").await, 1);
    assert_eq!(recorded(&ada, "rita", "host_paused", first, "refused").await, 1);
    let read = async |host: Uuid| ada.get(&format!("/api/v1/hosts/{host}")).await.expect(200);
    assert_eq!(read(first).await["paused"]["reason"], "a new disk");
    assert_eq!(read(second).await["paused"], Value::Null);
    ada.post("/api/v1/pauses", body).await.expect(200);
    // Ada's pause is not Oscar's to lift.
    let resume = json!({"host_ids": [first, second], "paused": false});
    let outcomes = oscar.post("/api/v1/pauses", resume.clone()).await.expect(200);
    assert_eq!(of_host(&outcomes, first), refused("forbidden"), "{outcomes}");
    let outcomes = ada.post("/api/v1/pauses", resume).await.expect(200);
    assert_eq!(outcomes["done"], 2, "{outcomes}");
}

/// Checks are copied to hosts that the actor manages, with their passwords sealed anew, up to each host's limit.
async fn checks_are_copied_to_hosts_that_are_managed_too(kind: Kind) {
    let setup = Setup::new(kind).await;
    let manager = setup.start_whole();
    let client = |user: &str| setup.client(&manager.0, user);
    let (ada, oscar, rita, otto) = (client("ada"), client("oscar"), client("rita"), client("otto"));
    let page = WebScript::basic_auth("u", "a-secret", "all is well");
    let web = WebTarget::builder().with_path("/", page).start().await.unwrap();
    let (from, to, lone) = (setup.hosts[0], setup.hosts[1], setup.hosts[2]);
    let body = json!({"name": "shop", "check_type": "http", "url": web.url("/"), "expected_body": "",
        "basic_auth_user": "u", "basic_auth_pass": "a-secret"});
    let made = ada.post(&checks_of(from), body).await.expect(201);
    let (secret, plain) = (made["id"].clone(), ada.service_check(from, "sshd").await);
    let path = format!("{}/copy", checks_of(from));
    let body = json!({"check_ids": [secret, plain], "host_ids": [to, lone]});
    // Oscar manages the first host alone, Otto the second one alone, and Rita none.
    rita.post(&path, body.clone()).await.problem(403, "forbidden");
    otto.post(&path, body.clone()).await.problem(404, "not_found");
    let copied = oscar.post(&path, body.clone()).await.expect(200);
    for result in copied["results"].as_array().unwrap() {
        assert_eq!((&result["outcome"], &result["code"]), (&json!("refused"), &json!("not_found")));
    }
    assert_eq!(recorded(&ada, "oscar", "health_check_created", to, "refused").await, 1);
    for host in [to, lone] {
        assert_eq!(ada.get(&checks_of(host)).await.expect(200)["total"], 0);
    }
    let copied = ada.post(&path, body.clone()).await.expect(200);
    let outcomes = |copied: &Value, wanted: &str| {
        copied["results"].as_array().unwrap().iter().filter(|one| one["outcome"] == wanted).count()
    };
    assert_eq!(outcomes(&copied, "created"), 4, "{copied}");
    // Once more it changes nothing.
    assert_eq!(outcomes(&ada.post(&path, body.clone()).await.expect(200), "present"), 4);
    let of_host = ada.get(&checks_of(to)).await.expect(200);
    let copy = of_host["checks"].as_array().unwrap().iter().find(|one| one["name"] == "shop");
    let copy = copy.unwrap();
    assert_eq!((&copy["has_basic_auth_pass"], copy["id"] == secret), (&json!(true), false));
    // The copy's password opens: the target lets it in.
    let copy = format!("{}/{}", checks_of(to), copy["id"].as_str().unwrap());
    ada.until(&copy, |check| check["status"] == "healthy").await;
    let record = format!("{AUDIT}&action=health_check_created&host_ids={to}&outcome=allowed");
    let record = ada.get(&record).await.expect(200)["records"][1].to_string();
    assert!(record.contains(&format!("{from}/")) && !record.contains("a-secret"), "{record}");
    assert!(!String::from_utf8_lossy(&setup.dump()).contains("a-secret"));
    // A host that is full says so, and the other one is not held up by it.
    for service in ["a", "b", "c"] {
        ada.service_check(to, service).await;
    }
    let third = ada.service_check(from, "nginx").await;
    let body = json!({"check_ids": [third], "host_ids": [to, lone]});
    let copied = ada.post(&path, body).await.expect(200);
    assert_eq!(copied["results"][0]["code"], "limit_reached", "{copied}");
    assert_eq!(copied["results"][1]["outcome"], "created", "{copied}");
    let own = json!({"check_ids": [third], "host_ids": [from]});
    ada.post(&path, own).await.problem(422, "invalid");
    let unknown = json!({"check_ids": [Uuid::new_v4()], "host_ids": [lone]});
    let copied = ada.post(&path, unknown).await.expect(200);
    assert_eq!(copied["results"][0]["code"], "not_found", "{copied}");
}

/// Hosts are listed and counted by group and by the reason of a failing check, each user's own alone; a host tells
/// its unfinished jobs.
async fn hosts_are_found_by_reason_and_group(kind: Kind) {
    let setup = Setup::new(kind).await;
    let manager = setup.start_whole();
    let client = |user: &str| setup.client(&manager.0, user);
    let (ada, oscar, otto) = (client("ada"), client("oscar"), client("otto"));
    let job = blocked_job(&setup, &ada).await;
    let (first, second) = (setup.hosts[0], setup.hosts[1]);
    let ids = |list: &Value| -> Vec<String> {
        let hosts = list["hosts"].as_array().unwrap().iter();
        hosts.map(|host| host["id"].as_str().unwrap().to_owned()).collect()
    };
    let failing = "/api/v1/hosts?reason=service_unhealthy";
    let list = ada.until(failing, |list| list["hosts"].as_array().unwrap().len() == 2).await;
    assert_eq!(list["hosts"][0]["failing"][0]["reason"], "service_unhealthy", "{list}");
    assert_eq!(list["hosts"][0]["failing"][0]["name"], "nginx");
    assert_eq!(ids(&oscar.get(failing).await.expect(200)), [first.to_string()]);
    let of_group = ada.get("/api/v1/hosts?group=other").await.expect(200);
    assert_eq!(ids(&of_group), [second.to_string()]);
    assert!(ids(&oscar.get("/api/v1/hosts?group=other").await.expect(200)).is_empty());
    let none = ada.get("/api/v1/hosts?group=other&reason=dns").await.expect(200);
    assert!(ids(&none).is_empty());
    let totals = ada.get("/api/v1/host-totals?status=unhealthy").await.expect(200);
    assert_eq!((&totals["total"], &totals["statuses"]["none"]), (&json!(2), &json!(1)), "{totals}");
    assert_eq!(totals["reasons"], json!([{"reason": "service_unhealthy", "hosts": 2}]));
    let groups = json!([{"group": "other", "hosts": 1}, {"group": "web", "hosts": 1}]);
    assert_eq!(totals["groups"], groups);
    let totals = otto.get("/api/v1/host-totals").await.expect(200);
    assert_eq!((&totals["total"], &totals["groups"][0]["group"]), (&json!(1), &json!("other")));
    let jobs = format!("/api/v1/hosts/{first}/jobs");
    let found = oscar.get(&jobs).await.expect(200);
    assert_eq!(format!("/api/v1/jobs/{}", found["jobs"][0]["id"].as_str().unwrap()), job);
    assert_eq!(found["jobs"][0]["status"], "waiting_health_check", "{found}");
    otto.get(&jobs).await.problem(404, "not_found");
    ada.post(&format!("{job}/cancel"), json!({})).await.expect(200);
    ada.until(&jobs, |found| found["jobs"].as_array().unwrap().is_empty()).await;
}

macro_rules! on_both {
    ($($case:ident: $sqlite:ident, $postgres:ident;)*) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $sqlite() {
                $case(Kind::Sqlite).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn $postgres() {
                $case(Kind::Postgres).await;
            }
        )*
    };
}

on_both! {
    many_hosts_are_overridden_with_one_reason:
        many_hosts_are_overridden_on_sqlite, many_hosts_are_overridden_on_postgres;
    single_hosts_of_a_job_are_cancelled:
        single_hosts_are_cancelled_on_sqlite, single_hosts_are_cancelled_on_postgres;
    many_hosts_are_paused: many_hosts_are_paused_on_sqlite, many_hosts_are_paused_on_postgres;
    checks_are_copied_to_hosts_that_are_managed_too:
        checks_are_copied_on_sqlite, checks_are_copied_on_postgres;
    hosts_are_found_by_reason_and_group:
        hosts_are_found_by_reason_on_sqlite, hosts_are_found_by_reason_on_postgres;
}
