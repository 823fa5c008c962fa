//! All roles, all routes, own, foreign and unknown hosts: status and code of every answer.

use std::collections::BTreeSet;

use chrono::{TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::manager::{Answer, Api, Kind, Setup, checks_of, token};

/// What a request is about: a host of one kind, and what there is of it.
#[derive(Clone, Copy)]
struct Subject {
    host: Uuid,
    check: Uuid,
    job: Uuid,
    window: Uuid,
}

/// A request to one route, and what it is answered where its host may be seen: to an administrator, an
/// operator and a reporter.
struct Route {
    method: Method,
    path: String,
    body: Option<Value>,
    answers: [u16; 3],
}

/// Readers may do it; operators may; administrators alone may, who send a reason that is too short.
const READ: [u16; 3] = [200, 200, 200];
const WRITE: [u16; 3] = [200, 200, 403];
const MAKE: [u16; 3] = [201, 201, 403];
const DELETE: [u16; 3] = [204, 204, 403];
const ADMINISTER: [u16; 3] = [422, 403, 403];

/// Every route of a host, a check, a job or a window, what ends its subject last.
fn routes(subject: Subject) -> Vec<Route> {
    let Subject { host, check, job, window } = subject;
    let (checks, jobs) = (checks_of(host), "/api/v1/jobs");
    let (one, job) = (format!("{checks}/{check}"), format!("{jobs}/{job}"));
    let windows = "/api/v1/maintenance-windows";
    let at = |hours| Utc::now() + TimeDelta::hours(hours);
    let service = json!({"name": "n", "check_type": "service", "service_name": "sshd"});
    let later = json!({"host_ids": [host], "window": {"opens_at": at(1), "closes_at": at(2)}});
    let once = json!({"name": "w", "host_ids": [host], "recurrence": "once", "starts_at": at(1),
        "duration_minutes": 5});
    let short = json!({"check_ids": [check], "reason": "short", "expires_at": at(2)});
    let preview = json!({"host_ids": [host]});
    let get = |path: String| (Method::GET, path, None, READ);
    let put = |path: String, body, answers| (Method::PUT, path, Some(body), answers);
    let post = |path: String, body, answers| (Method::POST, path, Some(body), answers);
    let delete = |path: String| (Method::DELETE, path, None, DELETE);
    let one_window = format!("{windows}/{window}");
    let routes = vec![
        get(format!("/api/v1/hosts/{host}")),
        get(checks.clone()),
        get(one.clone()),
        get(format!("{one}/results")),
        get(job.clone()),
        get(format!("{job}/gates")),
        get(format!("{job}/explain")),
        get(format!("{job}/hosts/{host}")),
        get(one_window.clone()),
        post("/api/v1/gates/preview".to_owned(), preview, READ),
        put(one.clone(), json!({"name": "renamed"}), WRITE),
        post(format!("{one}/test"), json!({}), WRITE),
        post(format!("{checks}/test"), service.clone(), WRITE),
        put(format!("/api/v1/hosts/{host}/paused"), json!({"paused": false}), WRITE),
        put(one_window.clone(), json!({"duration_minutes": 6}), WRITE),
        post(checks, service, MAKE),
        post(jobs.to_owned(), later, MAKE),
        post(windows.to_owned(), once, MAKE),
        post(format!("{job}/hosts/{host}/override"), short, ADMINISTER),
        post(format!("{job}/cancel"), json!({}), WRITE),
        delete(one_window),
        delete(one),
    ];
    let route = |(method, path, body, answers)| Route { method, path, body, answers };
    routes.into_iter().map(route).collect()
}

/// A check, a job whose window opens later, with its gate, and a window of a host.
async fn subject(ada: &Api, host: Uuid) -> Subject {
    let check = ada.service_check(host, "sshd").await;
    let at = |hours| Utc::now() + TimeDelta::hours(hours);
    let window = json!({"opens_at": at(1), "closes_at": at(2)});
    let job = ada.post("/api/v1/jobs", json!({"host_ids": [host], "window": window})).await;
    let window = json!({"name": "w", "host_ids": [host], "recurrence": "once", "starts_at": at(1),
        "duration_minutes": 5});
    let window = ada.post("/api/v1/maintenance-windows", window).await.expect(201);
    let id = |made: Value| made["id"].as_str().unwrap().parse().unwrap();
    Subject { host, check, job: id(job.expect(201)), window: id(window) }
}

/// F117, F118: what somebody may not see is to them like what does not exist, to the last byte, on
/// every route; and what they may see, they may read or change by their role.
async fn f117_f118_every_role_on_every_route_of_every_host(kind: Kind) {
    let setup = Setup::new(kind).await;
    let manager = setup.start_whole();
    let ada = setup.client(&manager.0, "ada");
    let users = ["ada", "oscar", "rita", "otto"];
    let kinds = ["own", "foreign", "ungrouped", "unknown"];
    for (index, user) in users.into_iter().enumerate() {
        let api = setup.client(&manager.0, user);
        let role = if user == "otto" { 1 } else { index };
        let mut unknown: Vec<String> = Vec::new();
        for (kind, host) in kinds.iter().rev().zip([3, 2, 1, 0]) {
            let made = match setup.hosts.get(host) {
                Some(host) => subject(&ada, *host).await,
                None => Subject {
                    host: Uuid::new_v4(),
                    check: Uuid::new_v4(),
                    job: Uuid::new_v4(),
                    window: Uuid::new_v4(),
                },
            };
            let seen = match user {
                "ada" => *kind != "unknown",
                "otto" => *kind == "foreign",
                _ => *kind == "own",
            };
            if *kind != "unknown" {
                // An override asks for the gate, which a worker opens.
                let gates = format!("/api/v1/jobs/{}/gates", made.job);
                ada.until(&gates, |gates| gates["gates"][0].is_object()).await;
            }
            for (number, route) in routes(made).into_iter().enumerate() {
                let Route { method, path, body, answers } = route;
                let answer = api.send(method.clone(), &path, body.as_ref()).await;
                let said = format!("{user}, {kind}: {method} {path}: {}", answer.text);
                let expected = if seen { answers[role] } else { 404 };
                assert_eq!(answer.status.as_u16(), expected, "{said}");
                if *kind == "unknown" {
                    unknown.push(answer.text.clone());
                } else if expected == 404 {
                    assert_eq!(answer.text, unknown[number], "{said}");
                }
                match expected {
                    403 => drop(answer.problem(403, "forbidden")),
                    404 => drop(answer.problem(404, "not_found")),
                    _ => {}
                }
            }
            tidy(&ada, made.host).await;
        }
    }
    // A check under another host is none, for an administrator too.
    let check = ada.service_check(setup.hosts[1], "sshd").await;
    let elsewhere = format!("{}/{check}", checks_of(setup.hosts[0]));
    ada.get(&elsewhere).await.problem(404, "not_found");
    // Every kind of refused write stands in the audit log; operators read that of their hosts.
    let audit = "/api/v1/health-checks/audit?limit=200";
    let mut refused = BTreeSet::new();
    let mut page = ada.get(audit).await.expect(200);
    loop {
        let records = page["records"].as_array().unwrap();
        let of_rita = |record: &&Value| record["outcome"] == "refused" && record["actor"] == "rita";
        let action = |record: &Value| record["action"].as_str().unwrap().to_owned();
        refused.extend(records.iter().filter(of_rita).map(action));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        page = ada.get(&format!("{audit}&cursor={cursor}")).await.expect(200);
    }
    let expected = [
        "gate_overridden",
        "health_check_created",
        "health_check_deleted",
        "health_check_tested",
        "health_check_updated",
        "host_paused",
        "job_cancelled",
        "job_created",
        "window_created",
        "window_deleted",
        "window_updated",
    ];
    assert_eq!(refused.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    let oscar = setup.client(&manager.0, "oscar").get(audit).await.expect(200);
    let records = oscar["records"].as_array().unwrap();
    let own = |record: &Value| record["host_id"] == setup.hosts[0].to_string();
    assert!(!records.is_empty() && records.iter().all(own), "{oscar:#}");
    setup.client(&manager.0, "rita").get(audit).await.problem(403, "forbidden");
}

/// Leaves the host as it was: of checks there may be five.
async fn tidy(ada: &Api, host: Uuid) {
    let list = checks_of(host);
    let answer = ada.get(&list).await;
    for check in answer.json()["checks"].as_array().into_iter().flatten() {
        let id = check["id"].as_str().unwrap();
        ada.delete(&format!("{list}/{id}")).await.expect(204);
    }
    for job in ada.get("/api/v1/jobs?limit=200").await.expect(200)["jobs"].as_array().unwrap() {
        if job["status"] == "queued" || job["status"] == "running" {
            let id = job["id"].as_str().unwrap();
            ada.post(&format!("/api/v1/jobs/{id}/cancel"), json!({})).await.expect(200);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f117_f118_every_role_on_every_route_of_every_host_on_sqlite() {
    f117_f118_every_role_on_every_route_of_every_host(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f117_f118_every_role_on_every_route_of_every_host_on_postgres() {
    f117_f118_every_role_on_every_route_of_every_host(Kind::Postgres).await;
}

/// What is asked of many things at once shows what is the caller's; a job or window may not take in a
/// host that is not.
#[tokio::test(flavor = "multi_thread")]
async fn f117_lists_and_bodies_with_many_hosts_hold_to_the_same_rights() {
    let setup = Setup::new(Kind::Sqlite).await;
    let manager = setup.start("serve");
    let (ada, oscar) = (setup.client(&manager, "ada"), setup.client(&manager, "oscar"));
    let own = subject(&ada, setup.hosts[0]).await;
    let foreign = subject(&ada, setup.hosts[1]).await;
    let ids = setup.hosts.iter().map(Uuid::to_string).collect::<Vec<_>>().join(",");
    let summary = format!("/api/v1/health-checks/summary?host_ids={ids},{}", Uuid::new_v4());
    for (api, seen) in [(&ada, 3), (&oscar, 1)] {
        let hosts = api.get(&summary).await.expect(200)["hosts"].clone();
        assert_eq!(hosts.as_array().unwrap().len(), seen);
        let totals = api.get("/api/v1/host-totals").await.expect(200);
        let statuses = totals["statuses"].as_object().unwrap();
        let sum: u64 = statuses.values().map(|hosts| hosts.as_u64().unwrap()).sum();
        assert_eq!((totals["total"].as_u64(), sum), (Some(seen as u64), seen as u64), "{totals}");
    }
    for list in ["jobs", "maintenance-windows"] {
        let answer = oscar.get(&format!("/api/v1/{list}")).await;
        assert!(answer.text.contains(&own.host.to_string()) || list == "jobs");
        for id in [foreign.job, foreign.window, foreign.host] {
            assert!(!answer.text.contains(&id.to_string()), "{}", answer.text);
        }
    }
    let at = |hours| Utc::now() + TimeDelta::hours(hours);
    let both = json!([own.host, foreign.host]);
    let job = json!({"host_ids": both, "window": {"opens_at": at(1), "closes_at": at(2)}});
    let window = json!({"name": "w", "host_ids": both, "recurrence": "once", "starts_at": at(1),
        "duration_minutes": 5});
    let own_window = format!("/api/v1/maintenance-windows/{}", own.window);
    oscar.post("/api/v1/jobs", job).await.problem(404, "not_found");
    oscar.post("/api/v1/maintenance-windows", window).await.problem(404, "not_found");
    oscar.put(&own_window, json!({"host_ids": both})).await.problem(404, "not_found");
    oscar.post("/api/v1/gates/preview", json!({"host_ids": both})).await.problem(404, "not_found");
    // With a foreign host in it, their own window is not theirs to change.
    ada.put(&own_window, json!({"host_ids": both})).await.expect(200);
    let seen = oscar.get(&own_window).await.expect(200);
    assert_eq!(seen["host_ids"], json!([own.host]));
    oscar.put(&own_window, json!({"name": "mine"})).await.problem(403, "forbidden");
    oscar.delete(&own_window).await.problem(403, "forbidden");
    // A check's redundant partner must be a host that they may see.
    let check = json!({"name": "n", "check_type": "service", "service_name": "sshd",
        "target_host_id": foreign.host});
    let problem = oscar.post(&checks_of(own.host), check).await.problem(422, "invalid");
    assert_eq!(Answer::codes(&problem, "target_host_id"), ["target_host_unknown"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn f119_rights_are_read_with_every_request_and_tokens_by_their_hash() {
    let setup = Setup::new(Kind::Sqlite).await;
    let manager = setup.start("serve");
    let ada = setup.client(&manager, "ada");
    let mut nobody = ada.clone();
    for wrong in [None, Some("wrong".to_owned()), Some(token("ada") + "0")] {
        nobody.token = wrong;
        for path in ["/api/v1/me", "/api/v1/hosts", "/api/v1/jobs", "/api/v1/nothing"] {
            let answer = nobody.get(path).await;
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
            answer.problem(401, "unauthenticated");
        }
    }
    let me = setup.client(&manager, "oscar").get("/api/v1/me").await.expect(200);
    assert_eq!(me, json!({"name": "oscar", "role": "operator", "groups": ["web"]}));

    // A second token of the same user, and none for somebody who is not there.
    let config = setup.path("manager.toml");
    let config = config.to_str().unwrap();
    let made = setup.command(&["token", "--config", config, "--user", "oscar"]);
    assert!(made.success, "{made:?}");
    let second = Api { token: Some(made.stdout.trim().to_owned()), ..ada.clone() };
    assert_eq!(second.get("/api/v1/me").await.expect(200)["name"], "oscar");
    let unknown = setup.command(&["token", "--config", config, "--user", "nobody"]);
    assert!(
        !unknown.success && unknown.stderr.contains("there is no user `nobody`"),
        "{unknown:?}"
    );
    assert!(!setup.dump().windows(20).any(|bytes| made.stdout.as_bytes().starts_with(bytes)));

    // Jobs, windows and lists show what is theirs.
    let later = Utc::now() + TimeDelta::hours(1);
    let window = json!({"opens_at": later, "closes_at": later + TimeDelta::hours(1)});
    let both = json!({"host_ids": setup.hosts, "window": window});
    let job = ada.post("/api/v1/jobs", both).await.expect(201);
    let job = format!("/api/v1/jobs/{}", job["id"].as_str().unwrap());
    assert_eq!(ada.get(&job).await.expect(200)["host_count"], 3);
    let rita = setup.client(&manager, "rita");
    for api in [&second, &rita] {
        let seen = api.get(&job).await.expect(200);
        assert_eq!(seen["hosts"].as_array().unwrap().len(), 1);
        assert_eq!(
            api.get("/api/v1/hosts").await.expect(200)["hosts"].as_array().unwrap().len(),
            1
        );
        assert_eq!(api.get("/api/v1/jobs").await.expect(200)["jobs"][0]["host_count"], 1);
        // It has hosts that are not theirs: they may not cancel it.
        api.post(&format!("{job}/cancel"), json!({})).await.problem(403, "forbidden");
    }
    rita.get("/api/v1/health-checks/audit").await.problem(403, "forbidden");
    let window = json!({"name": "w", "host_ids": [setup.hosts[1]], "recurrence": "once",
        "starts_at": later, "duration_minutes": 60});
    let window = ada.post("/api/v1/maintenance-windows", window).await.expect(201);
    let window = format!("/api/v1/maintenance-windows/{}", window["id"].as_str().unwrap());
    second.get(&window).await.problem(404, "not_found");
    second.put(&window, json!({"duration_minutes": 1})).await.problem(404, "not_found");
    assert_eq!(second.get("/api/v1/maintenance-windows").await.expect(200)["windows"], json!([]));
    let cancelled = ada.post(&format!("{job}/cancel"), json!({})).await.expect(200);
    assert_eq!(cancelled["status"], "cancelled");

    // A user who leaves a group sees its hosts no more: the next start lays the file in.
    drop(manager);
    let text = setup.configuration().replace("groups = [\"web\"]\ntoken", "groups = []\ntoken");
    setup.write("manager.toml", &text);
    let manager = setup.start("serve");
    let oscar = setup.client(&manager, "oscar");
    assert_eq!(oscar.get("/api/v1/hosts").await.expect(200)["hosts"], json!([]));
    oscar.get(&checks_of(setup.hosts[0])).await.problem(404, "not_found");
}
