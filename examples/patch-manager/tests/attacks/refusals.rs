//! Whoever tries what they may not do leaves a trace, and cannot flood the log with it.

use chrono::{TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::manager::{Api, Kind, Setup, checks_of};

const AUDIT: &str = "/api/v1/health-checks/audit?limit=200";

/// All records of refusals, newest first.
async fn refusals(ada: &Api) -> Vec<Value> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = ada.get(&format!("{AUDIT}{cursor}")).await.expect(200);
        let records = page["records"].as_array().unwrap().iter();
        found.extend(records.filter(|record| record["outcome"] == "refused").cloned());
        let Some(next) = page["next_cursor"].as_str() else { return found };
        cursor = format!("&cursor={next}");
    }
}

fn change<'a>(record: &'a Value, field: &str) -> Option<&'a str> {
    let mut changes = record["changes"].as_array().unwrap().iter();
    changes.find(|change| change["field"] == field)?["after"].as_str()
}

/// F252: a refused write on something that exists stands in the audit, whether the answer is 403 or 404,
/// and one on what does not exist does not.
async fn f252_every_refused_write_on_what_exists_is_recorded(kind: Kind) {
    let setup = Setup::new(kind).await;
    let manager = setup.start_whole();
    let client = |user: &str| setup.client(&manager.0, user);
    let (ada, otto, rita) = (client("ada"), client("otto"), client("rita"));
    let at = |hours| Utc::now() + TimeDelta::hours(hours);
    let own = setup.hosts[0];
    let check = ada.service_check(own, "sshd").await;
    let hidden = ada.service_check(setup.hosts[2], "sshd").await;
    let id = |made: Value| made["id"].as_str().unwrap().to_owned();
    let window = |host: Uuid| {
        json!({"name": "w", "host_ids": [host], "recurrence": "once", "starts_at": at(1),
            "duration_minutes": 5})
    };
    let job =
        |host: Uuid| json!({"host_ids": [host], "window": {"opens_at": at(1), "closes_at": at(2)}});
    let made_window = id(ada.post("/api/v1/maintenance-windows", window(own)).await.expect(201));
    let made_job = id(ada.post("/api/v1/jobs", job(own)).await.expect(201));
    let (windows, jobs) = ("/api/v1/maintenance-windows".to_owned(), "/api/v1/jobs".to_owned());
    let paused = json!({"paused": true, "reason": "a try"});
    let checks = checks_of(own);
    let service = json!({"name": "n", "check_type": "service", "service_name": "sshd"});
    let aimed = json!({"name": "n", "check_type": "service", "service_name": "sshd",
        "target_host_id": setup.hosts[1]});
    let exception = json!({"check_ids": [check], "reason": "it is what this patch mends",
        "expires_at": at(1)});
    let (put, post, delete) = (Method::PUT, Method::POST, Method::DELETE);
    let (many, reason) = (json!([own]), "it is what this patch mends");
    let bulk = |name: &str| format!("{jobs}/{made_job}/{name}");
    let writes = [
        ("host_paused", &put, format!("/api/v1/hosts/{own}/paused"), Some(paused)),
        ("window_created", &post, windows.clone(), Some(window(own))),
        ("window_updated", &put, format!("{windows}/{made_window}"), Some(json!({"name": "x"}))),
        ("window_deleted", &delete, format!("{windows}/{made_window}"), None),
        ("job_created", &post, jobs.clone(), Some(job(own))),
        ("job_cancelled", &post, format!("{jobs}/{made_job}/cancel"), Some(json!({}))),
        ("health_check_created", &post, checks.clone(), Some(service.clone())),
        ("health_check_updated", &put, format!("{checks}/{check}"), Some(json!({"name": "x"}))),
        ("health_check_deleted", &delete, format!("{checks}/{check}"), None),
        ("health_check_tested", &post, format!("{checks}/{check}/test"), Some(json!({}))),
        (
            "gate_overridden",
            &post,
            format!("{jobs}/{made_job}/hosts/{own}/override"),
            Some(exception),
        ),
        ("gate_override_removed", &delete, format!("{jobs}/{made_job}/hosts/{own}/override"), None),
        ("job_cancelled", &post, bulk("cancel-hosts"), Some(json!({"host_ids": many}))),
        (
            "gate_overridden",
            &post,
            bulk("override-hosts"),
            Some(json!({"host_ids": many, "reason": reason})),
        ),
        ("rollout_resumed", &post, bulk("resume"), Some(json!({"reason": reason}))),
        (
            "health_check_created",
            &post,
            format!("{checks}/copy"),
            Some(json!({"check_ids": [check], "host_ids": [setup.hosts[1]]})),
        ),
        ("health_check_tested", &post, format!("{checks}/test"), Some(service.clone())),
    ];
    let no_row: [(&str, &str); 3] = [
        ("/api/v1/gates/preview", "it writes nothing"),
        ("/api/v1/demo/fleet/{host_id}", "the demo's"),
        ("/api/v1/pauses", "it says for each host what became of it: below"),
    ];
    let described = ada.get("/api/v1/openapi.json").await.expect(200);
    for (template, methods) in described["paths"].as_object().unwrap() {
        let of_template = |path: &str| {
            let (path, template) = (path.split('/'), template.split('/'));
            path.clone().count() == template.clone().count()
                && path.zip(template).all(|(one, part)| part.starts_with('{') || one == part)
        };
        for method in methods.as_object().unwrap().keys() {
            let known = method == "get"
                || no_row.iter().any(|(path, _)| path == template)
                || writes.iter().any(|(_, of_row, path, _)| {
                    of_row.as_str().eq_ignore_ascii_case(method) && of_template(path)
                });
            assert!(known, "no row tries {method} {template}");
        }
    }
    // Rita may read the host and write nothing, and Otto does not see it.
    for (api, user, status, code) in
        [(&rita, "rita", 403, "forbidden"), (&otto, "otto", 404, "not_found")]
    {
        for (action, method, path, body) in &writes {
            api.send((*method).clone(), path, body.as_ref()).await.problem(status, code);
            let found = refusals(&ada).await;
            let record = found.first().unwrap_or_else(|| panic!("{user} {action}: no record"));
            assert_eq!((&record["actor"], &record["action"]), (&json!(user), &json!(action)));
            assert_eq!(change(record, "count"), Some("1"), "{record}");
            let subject = match *action {
                "window_updated" | "window_deleted" => {
                    change(record, "window") == Some(made_window.as_str())
                }
                "window_created" if user == "rita" => true,
                "job_cancelled" | "rollout_resumed" => record["job_id"] == json!(made_job),
                _ if path.ends_with("-hosts") => record["job_id"] == json!(made_job),
                _ => record["host_id"] == json!(own),
            };
            assert!(subject, "{record}");
        }
    }
    // Many hosts at once: who may pause none of them is refused, and who does not see one is told so of this one.
    let pauses = json!({"host_ids": [own], "paused": true, "reason": "a try"});
    rita.post("/api/v1/pauses", pauses.clone()).await.problem(403, "forbidden");
    let outcomes = otto.post("/api/v1/pauses", pauses).await.expect(200);
    assert_eq!(outcomes["hosts"][0]["code"], "not_found", "{outcomes}");
    for (record, user) in refusals(&ada).await.iter().zip(["otto", "rita"]) {
        let told = (&record["actor"], &record["action"], &record["host_id"]);
        assert_eq!(told, (&json!(user), &json!("host_paused"), &json!(own)), "{record}");
    }
    // A check aimed at a host that its author does not see.
    let oscar = client("oscar");
    oscar.post(&checks, aimed.clone()).await.problem(422, "invalid");
    oscar.post(&format!("{checks}/test"), aimed).await.problem(422, "invalid");
    let found = refusals(&ada).await;
    let actions: Vec<_> = found[..2].iter().map(|record| record["action"].as_str()).collect();
    assert_eq!(actions, [Some("health_check_tested"), Some("health_check_created")]);
    // What does not exist is not recorded; nor is what is read.
    let (before, nothing) = (refusals(&ada).await.len(), Uuid::new_v4());
    otto.put(&format!("/api/v1/hosts/{nothing}/paused"), json!({"paused": false})).await;
    otto.delete(&format!("{windows}/{nothing}")).await.problem(404, "not_found");
    otto.post(&format!("{jobs}/{nothing}/cancel"), json!({})).await.problem(404, "not_found");
    otto.post(&jobs, job(nothing)).await.problem(404, "not_found");
    otto.get(&format!("{}/{hidden}", checks_of(setup.hosts[2]))).await.problem(404, "not_found");
    assert_eq!(refusals(&ada).await.len(), before);
}

#[tokio::test]
async fn f252_every_refused_write_on_what_exists_is_recorded_on_sqlite() {
    f252_every_refused_write_on_what_exists_is_recorded(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f252_every_refused_write_on_what_exists_is_recorded_on_postgres() {
    f252_every_refused_write_on_what_exists_is_recorded(Kind::Postgres).await;
}

/// F252: guessing tokens is counted, logged and recorded, as one record.
#[tokio::test]
async fn f252_failed_sign_ins_are_counted_logged_and_recorded() {
    let setup = Setup::new(Kind::Sqlite).await;
    let manager = setup.start("serve");
    let ada = setup.client(&manager, "ada");
    let none = Api { token: None, ..ada.clone() };
    none.get("/api/v1/me").await.problem(401, "unauthenticated");
    assert_eq!(refusals(&ada).await.len(), 0, "who has no token did not guess one");
    for number in 0..300 {
        let guess = Api { token: Some(format!("guess-{number}")), ..ada.clone() };
        guess.get("/api/v1/me").await.problem(401, "unauthenticated");
    }
    let odd = none.raw(Method::GET, "/api/v1/me", None, &[("authorization", "Basic abc")]).await;
    odd.problem(401, "unauthenticated");
    let found = refusals(&ada).await;
    assert_eq!(found.len(), 1, "{found:?}");
    let record = &found[0];
    assert_eq!(
        (&record["action"], &record["actor"]),
        (&json!("sign_in_failed"), &json!("anonymous"))
    );
    assert_eq!(
        (change(record, "count"), change(record, "address")),
        (Some("301"), Some("127.0.0.1"))
    );
    assert!(!record.to_string().contains("guess-"), "no token is told: {record}");
    let metrics = ada.get("/metrics").await.text;
    assert!(metrics.contains("patch_manager_failed_sign_ins_total 301"), "{metrics}");
    let logs = manager.logs();
    assert!(logs.contains("SignInFailed") && !logs.contains("guess-"), "{logs}");
    assert!(logs.matches("SignInFailed").count() <= 4, "{logs}");
}

/// F253: whoever makes ids up, of checks, jobs, windows or hosts, makes a bounded number of records,
/// also while somebody reads the log again and again.
#[tokio::test]
async fn f253_made_up_ids_make_a_bounded_number_of_records() {
    let setup = Setup::new(Kind::Sqlite).await;
    let manager = setup.start("serve");
    let (ada, rita) = (setup.client(&manager, "ada"), setup.client(&manager, "rita"));
    let otto = setup.client(&manager, "otto");
    let checks = checks_of(setup.hosts[0]);
    for _ in 0..150 {
        let id = Uuid::new_v4();
        rita.put(&format!("{checks}/{id}"), json!({"name": "x"})).await.problem(403, "forbidden");
        rita.delete(&format!("{checks}/{id}")).await.problem(403, "forbidden");
        otto.post(&format!("{checks}/{id}/test"), json!({})).await.problem(404, "not_found");
        let over = format!("/api/v1/jobs/{id}/hosts/{}/override", setup.hosts[0]);
        rita.delete(&over).await.problem(403, "forbidden");
    }
    let found = refusals(&ada).await;
    assert_eq!(found.len(), 4, "{found:?}");
    for record in &found {
        assert_eq!(change(record, "count"), Some("150"), "{record}");
        assert_eq!(record["host_id"], json!(setup.hosts[0]), "what they share is told");
        assert_eq!((&record["check_id"], &record["job_id"]), (&Value::Null, &Value::Null));
    }
    for _ in 0..200 {
        rita.delete(&format!("{checks}/{}", Uuid::new_v4())).await.problem(403, "forbidden");
        ada.get(AUDIT).await.expect(200);
    }
    let after = refusals(&ada).await.len();
    assert!(after <= 4 + 60 + 5, "{after} records");
    // Nothing is lost: what waits is recorded when the program ends.
    assert!(manager.stop().1);
    let manager = setup.start("serve");
    let found = refusals(&setup.client(&manager, "ada")).await;
    let of_rita = found.iter().filter(|one| one["action"] == "health_check_deleted");
    let counts = of_rita.map(|one| change(one, "count").unwrap().parse::<u64>().unwrap());
    assert_eq!(counts.sum::<u64>(), 350);
}
