//! Freezes of the configuration: nothing starts in one, for the hosts of its groups.

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::manager::{Kind, Setup};

fn freeze(name: &str, groups: &[&str], from: DateTime<Utc>, until: &str) -> String {
    let from = from.to_rfc3339();
    format!(
        "[[freezes]]\nname = \"{name}\"\ngroups = {groups:?}\nstarts_at = \"{from}\"\nends_at = {until}\n"
    )
}

fn names(freezes: &Value) -> Vec<&str> {
    let freezes = freezes["freezes"].as_array().unwrap();
    freezes.iter().map(|one| one["name"].as_str().unwrap()).collect()
}

fn instant(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

/// The configuration with freezes, the first of which holds the group `web` until then.
fn configuration(setup: &Setup, now: DateTime<Utc>, ends_at: DateTime<Utc>) -> String {
    let ahead = now + TimeDelta::days(3);
    let long = now - TimeDelta::days(30);
    let text = |instant: DateTime<Utc>| instant.format("\"%FT%TZ\"").to_string();
    // As TOML writes instants, with another offset.
    let later = (ahead + TimeDelta::hours(9)).format("%FT%T+02:00").to_string();
    setup.configuration()
        + &freeze("others", &["other"], ahead + TimeDelta::days(1), "2099-01-01T00:00:00Z")
        + &freeze("web week", &["web"], long, &text(ends_at))
        + &freeze("all hosts", &[], ahead, &later)
        + &freeze("long ago", &[], long, &text(now - TimeDelta::days(8)))
}

fn host(job: &Value, id: Uuid) -> Value {
    let hosts = job["hosts"].as_array().unwrap();
    hosts.iter().find(|one| one["host_id"] == id.to_string()).unwrap().clone()
}

/// The hosts of a frozen group wait for the end of the freeze, and are patched after it within the same
/// window; the others are patched meanwhile, and so is a rollback.
async fn a_frozen_group_waits_and_is_patched_after_the_freeze(kind: Kind) {
    let setup = Setup::new(kind).await;
    let now = Utc::now().trunc_subsecs(0);
    let ends_at = now + TimeDelta::days(2);
    setup.write("manager.toml", &configuration(&setup, now, ends_at));
    let manager = setup.start("serve");
    let api = setup.client(&manager, "ada");
    let (web, db) = (setup.hosts[0], setup.hosts[1]);
    let window = json!({"opens_at": now, "closes_at": now + TimeDelta::minutes(10)});
    let preview = json!({"host_ids": [web, db], "window": window});
    let preview = api.post("/api/v1/gates/preview", preview).await.expect(200);
    let (frozen, free) = (&preview["hosts"][0], &preview["hosts"][1]);
    let blocking = &frozen["blocking"][0];
    assert_eq!((&frozen["decision"], &blocking["reason"]), (&json!("wait"), &json!("frozen")));
    let reasons = free["blocking"].as_array().unwrap().iter().map(|one| &one["reason"]);
    assert!(reasons.into_iter().all(|reason| reason != "frozen"), "{preview:#}");

    let job = format!("/api/v1/jobs/{}", api.job(&[web, db], 600).await);
    let waiting =
        api.until(&job, |job| host(job, web)["detail"].as_str().unwrap().contains("frozen"));
    let waiting = host(&waiting.await, web);
    let words = format!("frozen until {} by \"web week\"", ends_at.format("%FT%TZ"));
    assert!(waiting["detail"].as_str().unwrap().contains(&words), "{waiting:#}");
    api.until(&job, |job| host(job, db)["status"] == "succeeded").await;
    let explained = api.get(&format!("{job}/explain")).await.expect(200);
    let group = &explained["groups"][0];
    assert_eq!((&explained["total"], &group["host_ids"]), (&json!(1), &json!([web])));
    assert_eq!((&group["cause"], &group["who"]), (&json!("condition"), &json!("time")));
    assert_eq!(group["earliest_pass_at"], Value::Null, "the freeze outlasts the window");
    let around = |extra: Value| {
        let mut body = json!({"host_ids": [web], "window": window});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        body
    };
    let rollback = around(json!({"kind": "rollback", "reason": "the release was a bad one"}));
    for (body, detail) in
        [(around(json!({"dry_run": true})), "freeze \"web week\" (frozen)"), (rollback, "")]
    {
        let made = api.post("/api/v1/jobs", body).await.expect(201);
        let path = format!("/api/v1/jobs/{}", made["id"].as_str().unwrap());
        let done = api.until(&path, |job| job["status"] == "succeeded").await;
        assert!(done["hosts"][0]["detail"].as_str().unwrap().contains(detail), "{done:#}");
    }

    let list = api.get("/api/v1/freezes").await.expect(200);
    assert_eq!(names(&list), ["web week", "all hosts", "others"], "by start, without the past");
    let freezes = list["freezes"].as_array().unwrap();
    let active: Vec<_> = freezes.iter().map(|one| one["active"].as_bool().unwrap()).collect();
    assert_eq!(active, [true, false, false]);
    let later = now + TimeDelta::days(3) + TimeDelta::hours(7);
    assert_eq!(instant(&freezes[1]["ends_at"]), later);
    let seen = setup.client(&manager, "oscar").get("/api/v1/freezes").await.expect(200);
    assert_eq!(names(&seen), ["web week", "all hosts"], "of other groups nothing is said");
    let waiting = host(&api.get(&job).await.expect(200), web);
    assert_eq!(waiting["status"], "waiting_health_check", "{waiting:#}");
    manager.stop();

    let ends_at = Utc::now().trunc_subsecs(0) + TimeDelta::seconds(4);
    setup.write("manager.toml", &configuration(&setup, now, ends_at));
    let manager = setup.start("serve");
    let api = setup.client(&manager, "ada");
    let done = api.until(&job, |job| job["status"] == "succeeded").await;
    let started = instant(&host(&done, web)["started_at"]);
    assert!(started >= ends_at, "{started}");
    let list = api.get("/api/v1/freezes").await.expect(200);
    assert_eq!(names(&list), ["all hosts", "others"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn f275_a_frozen_group_waits_and_is_patched_after_the_freeze_on_sqlite() {
    a_frozen_group_waits_and_is_patched_after_the_freeze(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f275_a_frozen_group_waits_and_is_patched_after_the_freeze_on_postgres() {
    a_frozen_group_waits_and_is_patched_after_the_freeze(Kind::Postgres).await;
}
