//! A clock that is six hours ahead for a while and is put right: that of the whole machine, and that of the
//! database alone.

use chrono::{DateTime, TimeDelta, Utc};
use healthgate_testkit::{Postgres, ServiceScript};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    fake_time::FakeTime,
    manager::{Api, Kind, LONG, Setup, checks_of},
};

/// When a host's one check ran last, and how it stands.
fn latest(checks: &Value) -> (Option<DateTime<Utc>>, &str) {
    let check = &checks["checks"][0];
    let checked_at = check["last_result"]["checked_at"].as_str();
    (checked_at.map(|text| text.parse().unwrap()), check["status"].as_str().unwrap())
}

async fn patch(api: &Api, host: Uuid) {
    let job = json!({"host_ids": [host], "immediate": true});
    let made = api.post("/api/v1/jobs", job).await.expect(201);
    let path = format!("/api/v1/jobs/{}", made["id"].as_str().unwrap());
    // After a step a gate trusts no clock for half a minute.
    api.until_in(LONG * 3, &path, |job| job["status"] == "succeeded").await;
}

/// What broke while the clock was ahead is not shown as healthy, checks run at their times, and a host that
/// was patched then is patched again.
async fn f136_after_the_correction(setup: &Setup, time: &FakeTime, api: &Api) {
    let (sound, broken) = (setup.hosts[0], setup.hosts[1]);
    for host in [sound, broken] {
        api.service_check(host, "nginx").await;
        api.until(&checks_of(host), |checks| latest(checks).1 == "healthy").await;
    }
    time.shift("+6h");
    let hours = |hours| Utc::now() + TimeDelta::hours(hours);
    for host in [sound, broken] {
        let ahead = |at: DateTime<Utc>| at > hours(5);
        api.until(&checks_of(host), |checks| latest(checks).0.is_some_and(ahead)).await;
    }
    patch(api, sound).await;
    setup.agents[1].set("nginx", ServiceScript::Failed);
    time.shift("+0");
    api.until(&checks_of(broken), |checks| latest(checks).1 == "unhealthy").await;
    let right = |at: DateTime<Utc>| at < hours(1);
    let fresh =
        |checks: &Value| latest(checks).0.is_some_and(right) && latest(checks).1 == "healthy";
    api.until(&checks_of(sound), fresh).await;
    patch(api, sound).await;
    api.get("/readyz").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn f136_f173_the_clock_of_the_machine_was_ahead() {
    let (setup, time) = (Setup::new(Kind::Sqlite).await, FakeTime::new());
    let variables = time.variables(|name, value| (name, value.to_owned()));
    let variables: Vec<_> =
        variables.iter().map(|(name, value)| (*name, value.as_path())).collect();
    let process = setup.start_with("serve", &variables);
    f136_after_the_correction(&setup, &time, &setup.client(&process, "ada")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f136_f173_the_clock_of_the_database_was_ahead() {
    let time = FakeTime::new();
    let builder = time
        .variables(|name, value| (name, value.to_owned()))
        .into_iter()
        .fold(Postgres::builder(), |builder, (name, value)| builder.with_variable(name, value));
    let server = tokio::task::spawn_blocking(move || builder.start()).await.unwrap().unwrap();
    let database = server.create_database().unwrap();
    let setup = Setup::on(Kind::Postgres, database.clone(), server.url(&database)).await;
    let web = setup.start("web");
    let _worker = setup.spawn("worker", "info");
    f136_after_the_correction(&setup, &time, &setup.client(&web, "ada")).await;
}
