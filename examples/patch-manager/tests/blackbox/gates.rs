//! Jobs and their gates, through the API.

use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use healthgate::model::TimeZoneName;
use healthgate_testkit::ServiceScript;
use serde_json::{Value, json};

use crate::manager::{Answer, Kind, Setup, checks_of};

fn host(job: &Value) -> &Value {
    &job["hosts"][0]
}

/// A job on a host with a failing service waits, says what is failing and when it tries again, and
/// patches once the service is mended.
async fn a_job_waits_and_patches_once_the_service_is_mended(kind: Kind) {
    let setup = Setup::new(kind).await;
    let manager = setup.start("serve");
    let api = setup.client(&manager, "ada");
    setup.agents[0].set("nginx", ServiceScript::Failed);
    let check = api.service_check(setup.hosts[0], "nginx").await;
    let job = api.job(&setup.hosts[..1], 120).await;
    let path = format!("/api/v1/jobs/{job}");
    let waiting = api
        .until(&path, |job| {
            let gate = &host(job)["gate"];
            host(job)["status"] == "waiting_health_check"
                && gate["next_attempt_at"].is_string()
                && gate["attempts"][0]["number"].as_u64() >= Some(2)
        })
        .await;
    assert_eq!(waiting["status"], "running");
    let detail = host(&waiting)["detail"].as_str().unwrap();
    assert!(detail.contains("nginx: service_unhealthy since ") && detail.contains("failed/failed"));
    let gates = api.get(&format!("{path}/gates")).await.expect(200);
    let gate = &gates["gates"][0];
    assert_eq!((&gate["state"], &gate["kind"]), (&json!("waiting"), &Value::Null));
    // The job on one host alone has every attempt of its gate as well.
    let one = api.get(&format!("{path}/hosts/{}", setup.hosts[0])).await.expect(200);
    assert_eq!((&one["host_name"], &one["status"]), (&json!("web-01"), &host(&waiting)["status"]));
    assert!(one["gate"]["attempts"].as_array().unwrap().len() >= 2, "{one:#}");
    api.get(&format!("{path}/hosts/{}", setup.hosts[1])).await.problem(404, "not_found");
    let attempts = gate["attempts"].as_array().unwrap();
    for (index, attempt) in attempts.iter().enumerate() {
        assert_eq!(attempt["number"], index + 1);
        if let Some(entry) = attempt["checks"].get(0) {
            assert_eq!(entry["check_id"], check.to_string());
            assert_eq!((&entry["healthy"], &entry["observed"]), (&json!(false), &json!(true)));
        }
    }

    setup.agents[0].set("nginx", ServiceScript::Healthy);
    let done = api.until(&path, |job| job["status"] == "succeeded").await;
    assert_eq!(host(&done)["detail"], "patched; healthy after the change");
    assert_eq!(host(&done)["gate"]["state"], "spent");
    assert_eq!(host(&done)["gate"]["kind"], "healthy");
    let verification = &host(&done)["verification"];
    assert_eq!(verification["state"], "verified");
    assert_eq!(verification["checks"][0]["change"], "same");
    assert_eq!(verification["checks"][0]["counted"], true);
    assert!(host(&done)["started_at"].is_string() && host(&done)["finished_at"].is_string());
    api.post(&format!("{path}/cancel"), json!({})).await.problem(409, "invalid_state");
    let (took, success, _) = manager.stop();
    assert!(success && took < Duration::from_secs(15), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_waits_and_patches_once_the_service_is_mended_on_sqlite() {
    a_job_waits_and_patches_once_the_service_is_mended(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_waits_and_patches_once_the_service_is_mended_on_postgres() {
    a_job_waits_and_patches_once_the_service_is_mended(Kind::Postgres).await;
}

/// Of two jobs with failing checks one fails when its window closes, with a detail that says all;
/// another ends at once when it is cancelled; and a third has its window shortened.
async fn jobs_end_at_their_close_when_cancelled_and_when_their_window_is_shortened(kind: Kind) {
    let setup = Setup::new(kind).await;
    let manager = setup.start_whole();
    let api = setup.client(&manager.0, "ada");
    for (agent, host) in setup.agents.iter().zip(&setup.hosts) {
        agent.set("nginx", ServiceScript::Failed);
        api.service_check(*host, "nginx").await;
    }
    // A maintenance window that is open now, for the third host.
    let starts_at = Utc::now() - TimeDelta::minutes(10);
    let window = json!({"name": "tonight", "host_ids": [setup.hosts[2]], "recurrence": "once",
        "starts_at": starts_at, "duration_minutes": 60, "time_zone": "Pacific/Auckland",
        "enabled": true});
    let window = api.post("/api/v1/maintenance-windows", window).await.expect(201);
    let one_window = format!("/api/v1/maintenance-windows/{}", window["id"].as_str().unwrap());
    let closing = api.job(&setup.hosts[..1], 6).await;
    let cancelled = api.job(&setup.hosts[1..2], 120).await;
    let shortened = json!({"host_ids": [setup.hosts[2]]});
    let shortened = api.post("/api/v1/jobs", shortened).await.expect(201);
    let shortened = format!("/api/v1/jobs/{}", shortened["id"].as_str().unwrap());

    let path = format!("/api/v1/jobs/{cancelled}");
    api.until(&path, |job| host(job)["status"] == "waiting_health_check").await;
    let ended = api.post(&format!("{path}/cancel"), json!({})).await.expect(200);
    assert_eq!(ended["status"], "cancelled", "at once: {ended:#}");
    assert_eq!(host(&ended)["detail"], "the job was cancelled");
    api.until(&format!("{path}/gates"), |gates| gates["gates"][0]["state"] == "cancelled").await;

    let waiting = api.until(&shortened, |job| host(job)["gate"]["attempts"][0].is_object()).await;
    assert_eq!(host(&waiting)["gate"]["time_zone"], "Pacific/Auckland", "to show it in");
    let gates = api.get(&format!("{shortened}/gates")).await.expect(200);
    assert_eq!(gates["gates"][0]["time_zone"], "Pacific/Auckland");
    let offsets = &gates["gates"][0]["utc_offsets"];
    assert_eq!(offsets[0]["from"], window["occurrence"]["opens_at"], "F199: by the server's rules");
    let zone: TimeZoneName = "Pacific/Auckland".parse().unwrap();
    assert_eq!(offsets[0]["seconds"], zone.offset_at(starts_at).local_minus_utc());
    let asked = Instant::now();
    api.put(&one_window, json!({"duration_minutes": 5})).await.expect(200);
    let ended = api.until(&shortened, |job| job["status"] == "failed").await;
    assert!(asked.elapsed() < Duration::from_secs(15), "{:?}", asked.elapsed());
    let ended_at = host(&ended)["gate"]["ended_at"].as_str().unwrap().parse();
    let ended_at: chrono::DateTime<Utc> = ended_at.unwrap();
    let changed = api.get(&one_window).await.expect(200);
    let changed_at: chrono::DateTime<Utc> =
        changed["updated_at"].as_str().unwrap().parse().unwrap();
    assert!(ended_at - changed_at < TimeDelta::seconds(5), "{ended:#}");
    assert_eq!(host(&ended)["gate"]["end_reason"], "window_closed");

    let path = format!("/api/v1/jobs/{closing}");
    let ended = api.until(&path, |job| job["status"] == "failed").await;
    assert_eq!(host(&ended)["gate"]["time_zone"], Value::Null, "its window is of no calendar");
    let detail = host(&ended)["detail"].as_str().unwrap();
    for part in ["the maintenance window closed at", "attempts", "nginx: service_unhealthy since"] {
        assert!(detail.contains(part), "{detail}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_end_at_close_when_cancelled_and_when_their_window_is_shortened_on_sqlite() {
    jobs_end_at_their_close_when_cancelled_and_when_their_window_is_shortened(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_end_at_close_when_cancelled_and_when_their_window_is_shortened_on_postgres() {
    jobs_end_at_their_close_when_cancelled_and_when_their_window_is_shortened(Kind::Postgres).await;
}

/// Jobs without a window, windows that make no sense, and hosts without one.
#[tokio::test(flavor = "multi_thread")]
async fn windows_of_jobs_are_held_against_the_rules() {
    let setup = Setup::new(Kind::Sqlite).await;
    let manager = setup.start("serve");
    let api = setup.client(&manager, "ada");
    let hosts = json!([setup.hosts[0]]);
    let now = Utc::now();
    let at = |seconds| now + TimeDelta::seconds(seconds);
    let job = |window: Value| json!({"host_ids": hosts, "window": window});
    for (body, field) in [
        (job(json!({"opens_at": at(-60), "closes_at": at(-5)})), "window.closes_at"),
        (job(json!({"opens_at": at(60), "closes_at": at(60)})), "window.closes_at"),
        (job(json!({"opens_at": at(0), "closes_at": at(8 * 24 * 3600)})), "window.closes_at"),
        (json!({"host_ids": []}), "host_ids"),
        (json!({"host_ids": hosts, "immediate": "yes"}), "immediate"),
        (json!({"host_ids": hosts, "hosts": []}), "hosts"),
        (json!({"host_ids": hosts, "kind": "reboot"}), "kind"),
    ] {
        let problem = api.post("/api/v1/jobs", body.clone()).await.problem(422, "invalid");
        assert_eq!(Answer::codes(&problem, field).len(), 1, "{body}: {problem}");
    }
    // Without a maintenance window a job says whose is missing.
    let problem =
        api.post("/api/v1/jobs", json!({"host_ids": hosts})).await.problem(422, "invalid");
    assert!(problem["detail"].as_str().unwrap().contains("web-01"), "{problem}");
    // At once: no window is spoken of, and no check is no hindrance.
    let job = json!({"host_ids": hosts, "immediate": true});
    let job = api.post("/api/v1/jobs", job).await.expect(201);
    assert_eq!(job["immediate"], true);
    let path = format!("/api/v1/jobs/{}", job["id"].as_str().unwrap());
    let done = api.until(&path, |job| job["status"] == "succeeded").await;
    assert_eq!(host(&done)["gate"]["kind"], "no_checks");
    // A second job waits for a host that a gate holds, and takes its turn.
    setup.agents[0].set("nginx", ServiceScript::Failed);
    api.service_check(setup.hosts[0], "nginx").await;
    let first = api.job(&setup.hosts[..1], 120).await;
    let first = format!("/api/v1/jobs/{first}");
    let has_run = |job: &Value| {
        let (status, evidence) = (&host(job)["status"], &host(job)["gate"]["evidence"]);
        *status == "waiting_health_check" && evidence[0]["reason"] == "service_unhealthy"
    };
    api.until(&first, has_run).await;
    let second = api.job(&setup.hosts[..1], 6).await;
    let second = format!("/api/v1/jobs/{second}");
    let held = api.until(&second, |job| host(job)["detail"] != "").await;
    assert_eq!(host(&held)["status"], "queued");
    // It names the job that holds the host, and that one is held by none.
    assert_eq!(host(&held)["blocked_by"], first.rsplit('/').next().unwrap(), "{held:#}");
    assert_eq!(host(&api.get(&first).await.expect(200))["blocked_by"], Value::Null);
    // Who looks before they make a job is told so as well.
    let preview = api.post("/api/v1/gates/preview", json!({"host_ids": hosts})).await.expect(200);
    assert_eq!(preview["hosts"][0]["decision"], "wait");
    let blocking = &preview["hosts"][0]["blocking"];
    assert_eq!(blocking[0]["reason"], "gate_busy", "{preview:#}");
    assert_eq!(blocking[1]["reason"], "service_unhealthy", "{preview:#}");
    let busy = api.until(&second, |job| job["status"] == "failed").await;
    assert_eq!(host(&busy)["gate"]["end_reason"], "gate_busy");
    // Paused: a condition of the application's own holds it back, and reports only do not.
    setup.agents[0].set("nginx", ServiceScript::Healthy);
    let paused = format!("/api/v1/hosts/{}/paused", setup.hosts[1]);
    api.put(&paused, json!({"paused": true})).await.problem(422, "invalid");
    let reason = json!({"paused": true, "reason": "the disk is being replaced"});
    let answer = api.put(&paused, reason).await.expect(200);
    assert_eq!(answer["paused"]["by"], "ada");
    let held = format!("/api/v1/jobs/{}", api.job(&setup.hosts[1..2], 120).await);
    let waiting = api.until(&held, |job| host(job)["detail"] != "").await;
    assert!(host(&waiting)["detail"].as_str().unwrap().contains("paused by ada"), "{waiting:#}");
    api.put(&paused, json!({"paused": false})).await.expect(200);
    api.until(&held, |job| job["status"] == "succeeded").await;
    api.until(&first, |job| job["status"] == "succeeded").await;
}

/// An administrator lets a failing check pass; the preview said that it would be held back.
#[tokio::test(flavor = "multi_thread")]
async fn an_override_lets_a_failing_check_pass_and_is_audited() {
    let setup = Setup::new(Kind::Sqlite).await;
    let manager = setup.start("serve");
    let (ada, oscar) = (setup.client(&manager, "ada"), setup.client(&manager, "oscar"));
    setup.agents[0].set("nginx", ServiceScript::Failed);
    let check = ada.service_check(setup.hosts[0], "nginx").await;
    ada.until(&checks_of(setup.hosts[0]), |list| list["checks"][0]["status"] == "unhealthy").await;
    let asked = json!({"host_ids": [setup.hosts[0], setup.hosts[2]]});
    let preview = ada.post("/api/v1/gates/preview", asked).await.expect(200);
    assert_eq!(preview["hosts"][0]["decision"], "wait");
    assert_eq!(preview["hosts"][0]["blocking"][0]["check_id"], check.to_string());
    assert_eq!(preview["hosts"][1]["decision"], "proceed");
    assert_eq!(preview["hosts"][1]["kind"], "no_checks");

    let job = ada.job(&setup.hosts[..1], 120).await;
    let path = format!("/api/v1/jobs/{job}");
    ada.until(&path, |job| host(job)["gate"]["attempts"][0].is_object()).await;
    let exception = format!("{path}/hosts/{}/override", setup.hosts[0]);
    let body = |reason: &str| {
        let expires_at = Utc::now() + TimeDelta::seconds(60);
        json!({"check_ids": [check], "reason": reason, "expires_at": expires_at})
    };
    oscar.post(&exception, body("I know what I am doing")).await.problem(403, "forbidden");
    ada.post(&exception, body("too short")).await.problem(422, "invalid");
    let given = ada.post(&exception, body("nginx is what this patch mends")).await;
    assert!(given.status.is_success(), "{given:?}");
    // The patch was let through since it mends nginx, so that is what it is verified by.
    let done = ada.until(&path, |job| job["status"] == "failed").await;
    assert_eq!(host(&done)["gate"]["kind"], "overridden");
    assert_eq!(host(&done)["verification"]["state"], "regressed");
    let detail = host(&done)["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("patched; failing since the change: nginx (service_unhealthy since ")
    );
    let audit = ada.get("/api/v1/health-checks/audit?limit=200").await.expect(200);
    let records = audit["records"].as_array().unwrap();
    let of = |action: &str, outcome: &str| {
        records.iter().any(|record| record["action"] == action && record["outcome"] == outcome)
    };
    assert!(of("gate_overridden", "allowed") && of("job_created", "allowed"), "{audit:#}");
    assert!(of("health_check_created", "allowed"), "{audit:#}");
}

/// A host is ended by what its checks say after the patch: what breaks fails it, what cannot be seen
/// leaves it unverified, and a host without checks succeeds.
async fn a_patched_host_ends_as_its_checks_say(kind: Kind) {
    let setup = Setup::new(kind).await;
    let (web, _worker) = setup.start_whole();
    let api = setup.client(&web, "ada");
    for index in [0, 1] {
        api.service_check(setup.hosts[index], "nginx").await;
    }
    let body = |hosts: &[uuid::Uuid], verify: Value| {
        let closes_at = Utc::now() + TimeDelta::seconds(120);
        let window = json!({"opens_at": Utc::now(), "closes_at": closes_at});
        json!({"host_ids": hosts, "window": window, "verify": verify})
    };
    for (verify, field, code) in [
        (json!({"settle_secs": 9, "deadline_secs": 9}), "verify.deadline_secs", "out_of_range"),
        (json!({"soak_secs": "x"}), "verify.soak_secs", "wrong_type"),
        (json!({"patience": 1}), "verify.patience", "unknown_field"),
        (json!(7), "verify", "wrong_type"),
    ] {
        let problem =
            api.post("/api/v1/jobs", body(&setup.hosts, verify.clone())).await.expect(422);
        let found = problem["errors"].as_array().unwrap().iter();
        let found: Vec<_> = found.map(|error| (&error["field"], &error["code"])).collect();
        assert!(found.contains(&(&json!(field), &json!(code))), "{verify}: {problem:#}");
    }
    let verify = json!({"settle_secs": 1, "deadline_secs": 6});
    let job = api.post("/api/v1/jobs", body(&setup.hosts, verify)).await.expect(201);
    let audit = api.get("/api/v1/health-checks/audit?limit=1").await.expect(200);
    let record = &audit["records"][0];
    assert_eq!(record["job_id"], job["id"], "{audit:#}");
    let changes = record["changes"].as_array().unwrap().iter();
    let figures: Vec<_> = changes.map(|change| (&change["field"], &change["after"])).collect();
    let after = |field: &str| figures.iter().find(|(of, _)| *of == field).map(|(_, after)| *after);
    assert_eq!(after("verify.settle_secs"), Some(&json!("1")), "{audit:#}");
    assert_eq!(after("verify.deadline_secs"), Some(&json!("6")), "{audit:#}");
    assert_eq!(after("verify.soak_secs"), None, "as the configuration says: {audit:#}");
    let path = format!("/api/v1/jobs/{}", job["id"].as_str().unwrap());
    let of = |job: &Value, index: usize| {
        let hosts = job["hosts"].as_array().unwrap().iter();
        let id = setup.hosts[index].to_string();
        hosts.clone().find(|host| host["host_id"] == id).unwrap().clone()
    };
    let under_way = |job: &Value, index: usize| {
        ["patching", "verifying"].contains(&of(job, index)["status"].as_str().unwrap())
    };
    api.until(&path, |job| under_way(job, 0) && under_way(job, 1)).await;
    setup.agents[0].set("nginx", ServiceScript::Failed);
    setup.agents[1].pause().await;
    let seen = api.until(&path, |job| of(job, 0)["status"] == "verifying").await;
    assert_eq!((&seen["status"], &of(&seen, 0)["finished_at"]), (&json!("running"), &Value::Null));
    assert_eq!(of(&seen, 0)["verification"]["state"], "verifying");
    let done = api.until(&path, |job| job["status"] == "failed").await;
    let (broken, unseen, bare) = (of(&done, 0), of(&done, 1), of(&done, 2));
    assert_eq!(
        (&broken["status"], &broken["verification"]["state"]),
        (&json!("failed"), &json!("regressed"))
    );
    let detail = broken["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("patched; failing since the change: nginx (service_unhealthy since "),
        "{detail}"
    );
    assert_eq!(broken["verification"]["checks"][0]["change"], "broke");
    assert_eq!(
        (&unseen["status"], &unseen["verification"]["state"]),
        (&json!("unverified"), &json!("unverified"))
    );
    assert!(unseen["detail"].as_str().unwrap().contains("nginx (connect"), "{unseen:#}");
    assert_eq!(
        (&bare["status"], &bare["verification"]["state"]),
        (&json!("succeeded"), &json!("no_checks"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patched_host_ends_as_its_checks_say_on_sqlite() {
    a_patched_host_ends_as_its_checks_say(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patched_host_ends_as_its_checks_say_on_postgres() {
    a_patched_host_ends_as_its_checks_say(Kind::Postgres).await;
}
