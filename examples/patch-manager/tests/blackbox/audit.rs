//! F129: a change and the record of it are one, for what is the library's and for what is the
//! application's alike.

use chrono::{TimeDelta, Utc};
use healthgate_testkit::{Postgres, ServiceScript};
use reqwest::Method;
use serde_json::{Value, json};

use crate::manager::{Kind, Setup, checks_of};

/// From now on nothing can be written to a table.
pub(crate) fn refuse(table: &str) -> String {
    format!(
        "create function refuse() returns trigger language plpgsql as \
         $$ begin raise exception 'the disk is full'; end $$; \
         create trigger refuse before insert or update or delete on {table} \
         for each row execute function refuse()"
    )
}

fn allow(table: &str) -> String {
    format!("drop trigger refuse on {table}; drop function refuse")
}

/// While no record can be written every change is refused and leaves nothing behind; while no change can
/// be, there is no record of it; then each is made, with a record of its own.
#[tokio::test(flavor = "multi_thread")]
async fn f129_a_change_without_its_record_does_not_happen() {
    let setup = Setup::new(Kind::Postgres).await;
    let (web, _worker) = setup.start_whole();
    let api = setup.client(&web, "ada");
    let host = setup.hosts[0];
    setup.agents[0].set("nginx", ServiceScript::Failed);
    let check = api.service_check(host, "nginx").await;
    let at = |hours| Utc::now() + TimeDelta::hours(hours);
    let once = json!({"name": "w", "host_ids": [host], "recurrence": "once", "starts_at": at(1),
        "duration_minutes": 5});
    let window = api.post("/api/v1/maintenance-windows", once.clone()).await.expect(201);
    let window = format!("/api/v1/maintenance-windows/{}", window["id"].as_str().unwrap());
    let job = format!("/api/v1/jobs/{}", api.job(&[host], 600).await);
    let waiting = |job: &Value| job["hosts"][0]["gate"]["attempts"][0].is_object();
    api.until(&job, waiting).await;

    let later = json!({"host_ids": [host], "window": {"opens_at": at(1), "closes_at": at(2)}});
    let service = json!({"name": "n", "check_type": "service", "service_name": "sshd"});
    let exception = json!({"check_ids": [check], "reason": "it is what this patch mends",
        "expires_at": Utc::now() + TimeDelta::minutes(5)});
    let one = format!("{}/{check}", checks_of(host));
    let paused = json!({"paused": true, "reason": "a new disk"});
    let paused_path = format!("/api/v1/hosts/{host}/paused");
    let (windows, jobs) = ("/api/v1/maintenance-windows".to_owned(), "/api/v1/jobs".to_owned());
    let changes = [
        ("health_check_created", Method::POST, checks_of(host), Some(service)),
        ("health_check_updated", Method::PUT, one.clone(), Some(json!({"name": "renamed"}))),
        ("host_paused", Method::PUT, paused_path.clone(), Some(paused)),
        ("host_resumed", Method::PUT, paused_path, Some(json!({"paused": false}))),
        ("window_created", Method::POST, windows, Some(once)),
        ("window_updated", Method::PUT, window.clone(), Some(json!({"name": "renamed"}))),
        ("job_created", Method::POST, jobs, Some(later)),
        ("job_cancelled", Method::POST, format!("{job}/cancel"), Some(json!({}))),
        ("window_deleted", Method::DELETE, window.clone(), None),
        ("health_check_deleted", Method::DELETE, one, None),
    ];
    let sql = |statement: &str| Postgres::shared().sql(&setup.database, statement).unwrap();
    // What they change, less what the worker writes of its own accord.
    let all = || {
        let tables = [
            "select id, name, revision from host_health_checks order by id",
            "select id, paused_reason from hosts order by id",
            "select id, name, revision from maintenance_windows order by id",
            "select id, cancelled_at, cancelled_by from jobs order by id",
            "select record->>'cancel_requested', record->>'override' from health_gates order by id",
            "select id from health_audit order by number",
        ];
        tables.map(sql)
    };
    let before = all();
    let over = format!("{job}/hosts/{host}/override");
    for table in ["health_audit", "host_health_checks", "hosts", "maintenance_windows", "jobs"] {
        sql(&refuse(table));
        for (action, method, path, body) in &changes {
            // Which table an action changes besides the log.
            let changed = match action.split('_').next() {
                Some("health") => "host_health_checks",
                Some("host") => "hosts",
                Some("window") => "maintenance_windows",
                _ => "jobs",
            };
            if ![changed, "health_audit"].contains(&table) {
                continue;
            }
            let answer = api.send(method.clone(), path, body.as_ref()).await;
            assert!(answer.status.is_server_error(), "{action}, {table}: {answer:?}");
            assert!(!answer.text.contains("full"), "no internals are told: {}", answer.text);
            assert_eq!(all(), before, "{action}, {table}");
        }
        if table == "health_audit" {
            let answer = api.post(&over, exception.clone()).await;
            assert!(answer.status.is_server_error(), "{answer:?}");
            assert_eq!(all(), before, "an override never takes effect without its record");
        }
        sql(&allow(table));
    }
    for (action, method, path, body) in &changes {
        let answer = api.send(method.clone(), path, body.as_ref()).await;
        assert!(answer.status.is_success(), "{action}: {answer:?}");
        let records = "/api/v1/health-checks/audit?limit=20";
        let newest = api.get(records).await.expect(200)["records"].clone();
        let newest = newest.as_array().unwrap().iter().find(|one| one["action"] == *action);
        let record = newest.unwrap_or_else(|| panic!("{action} has no record"));
        assert_eq!((&record["actor"], &record["outcome"]), (&json!("ada"), &json!("allowed")));
        assert_eq!(record["request_id"].as_str(), answer.headers["x-request-id"].to_str().ok());
    }
}
