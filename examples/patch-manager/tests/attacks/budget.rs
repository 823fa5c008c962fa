//! Edits of checks as a port scanner.

use std::{collections::BTreeSet, time::Instant};

use healthgate_testkit::WebTarget;
use serde_json::json;

use crate::manager::{Kind, LONG, Setup, checks_of};

const PER_MINUTE: u64 = 10;

/// F255: whoever edits checks one after the other makes the manager ask no more targets than by testing
/// them: at once those of the budget, then one a slot. No edit is refused, and the newest one runs.
async fn edits_are_no_scanner(kind: Kind) {
    let setup = Setup::new(kind).await;
    let text = setup
        .configuration()
        .replace("poll_interval_secs = 1", "poll_interval_secs = 300")
        .replace("per_user = 0", &format!("per_user = {PER_MINUTE}"));
    setup.write("manager.toml", &text);
    let (manager, _worker) = setup.start_whole();
    let oscar = setup.client(&manager, "oscar");
    let target = WebTarget::builder().start().await.unwrap();
    let asked = || -> BTreeSet<String> {
        target.requests().into_iter().map(|request| request.path().to_owned()).collect()
    };
    let checks = checks_of(setup.hosts[0]);
    let check =
        |url: String| json!({"name": "n", "check_type": "http", "url": url, "expected_body": "x"});
    let started = Instant::now();
    let made = oscar.post(&checks, check(target.url("/first"))).await.expect(201);
    let path = format!("{checks}/{}", made["id"].as_str().unwrap());
    for round in 0..60 {
        let url = target.url(&format!("/edited-{round}"));
        oscar.put(&path, json!({"url": url})).await.expect(200);
        // A check that is made and deleted again, and one that is disabled and enabled.
        let url = target.url(&format!("/made-{round}"));
        let other = oscar.post(&checks, check(url)).await.expect(201);
        oscar.put(&path, json!({"enabled": false})).await.expect(200);
        oscar.put(&path, json!({"enabled": true})).await.expect(200);
        oscar.delete(&format!("{checks}/{}", other["id"].as_str().unwrap())).await.expect(204);
    }
    let spent = oscar.post(&format!("{checks}/test"), check(target.url("/test"))).await;
    spent.problem(429, "rate_limited");
    // The newest definition runs at the budget's next slot.
    while !asked().contains("/edited-59") {
        assert!(started.elapsed() < 3 * LONG, "{:?}", asked());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    // One run asks at most two of these targets.
    let slots = PER_MINUTE + started.elapsed().as_secs() * PER_MINUTE / 60 + 1;
    assert!(asked().len() as u64 <= 2 * slots, "{slots} slots: {:?}", asked());
}

#[tokio::test]
async fn f255_edits_are_no_way_around_the_limit_on_tests_on_sqlite() {
    edits_are_no_scanner(Kind::Sqlite).await;
}

#[tokio::test]
async fn f255_edits_are_no_way_around_the_limit_on_tests_on_postgres() {
    edits_are_no_scanner(Kind::Postgres).await;
}
