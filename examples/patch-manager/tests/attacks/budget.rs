//! Edits of checks, jobs and dry runs as a port scanner.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use healthgate_testkit::WebTarget;
use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, TestRng, TestRunner},
};
use serde_json::json;
use uuid::Uuid;

use crate::manager::{Api, Kind, LONG, Setup, checks_of};

const PER_MINUTE: u64 = 10;

/// A manager whose poller comes round every five minutes, and whose users have a budget.
async fn with_budget(kind: Kind) -> Setup {
    let setup = Setup::new(kind).await;
    let text = setup
        .configuration()
        .replace("poll_interval_secs = 1", "poll_interval_secs = 300")
        .replace("per_user = 0", &format!("per_user = {PER_MINUTE}"));
    setup.write("manager.toml", &text);
    setup
}

fn paths(target: &WebTarget) -> BTreeSet<String> {
    target.requests().into_iter().map(|request| request.path().to_owned()).collect()
}

/// F255: whoever edits checks one after the other makes the manager ask no more targets than by testing
/// them: at once those of the budget, then one a slot. No edit is refused, and the newest one runs.
async fn edits_are_no_scanner(kind: Kind) {
    let setup = with_budget(kind).await;
    let (manager, _worker) = setup.start_whole();
    let oscar = setup.client(&manager, "oscar");
    let target = WebTarget::builder().start().await.unwrap();
    let asked = || paths(&target);
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
        tokio::time::sleep(Duration::from_millis(50)).await;
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

/// What somebody does to make the manager ask one more target.
#[derive(Clone, Debug)]
enum Trick {
    Edit,
    OffAndOn,
    Test,
    DryRun,
    /// Starts a job and, once its gate has had this long, cancels it.
    Job(Duration),
    Pause(Duration),
}

fn tricks() -> impl Strategy<Value = Trick> {
    let moment = || (0_u64..300).prop_map(Duration::from_millis);
    prop_oneof![
        5 => Just(Trick::Edit),
        1 => Just(Trick::OffAndOn),
        1 => Just(Trick::Test),
        3 => Just(Trick::DryRun),
        4 => moment().prop_map(Trick::Job),
        2 => moment().prop_map(Trick::Pause),
    ]
}

/// Somebody who plays them on one check of a host.
struct Scanner {
    api: Api,
    host: Uuid,
    check: String,
    target: String,
}

impl Scanner {
    fn url(&self) -> String {
        format!("{}{}", self.target, Uuid::new_v4().simple())
    }

    /// Plays one; nothing but tests and dry runs is refused.
    async fn play(&self, trick: Trick) {
        let put = async |body| drop(self.api.put(&self.check, body).await.expect(200));
        match trick {
            Trick::Edit => put(json!({"url": self.url()})).await,
            Trick::OffAndOn => {
                put(json!({"enabled": false})).await;
                put(json!({"enabled": true})).await;
            }
            Trick::Test => {
                let test = format!("{}/test", self.check);
                let answer = self.api.post(&test, json!({"url": self.url()})).await;
                assert!([200, 429].contains(&answer.status.as_u16()), "{answer:?}");
            }
            Trick::DryRun => {
                let job = json!({"host_ids": [self.host], "immediate": true, "dry_run": true});
                let answer = self.api.post("/api/v1/jobs", job).await;
                assert!([201, 429].contains(&answer.status.as_u16()), "{answer:?}");
            }
            Trick::Job(lasts) => {
                let job = json!({"host_ids": [self.host], "immediate": true});
                let job = self.api.post("/api/v1/jobs", job).await.expect(201);
                tokio::time::sleep(lasts).await;
                let cancel = format!("/api/v1/jobs/{}/cancel", job["id"].as_str().unwrap());
                // While the check is off, nothing holds the job back.
                let answer = self.api.post(&cancel, json!({})).await;
                assert!([200, 409].contains(&answer.status.as_u16()), "{answer:?}");
            }
            Trick::Pause(lasts) => tokio::time::sleep(lasts).await,
        }
    }
}

/// F255: three sessions of a user play any tricks on one check. Of all its definitions only so many are
/// asked as the budget has room for, and in the end the newest one.
async fn no_mix_of_tricks_is_a_scanner(kind: Kind) {
    let setup = with_budget(kind).await;
    let (manager, _worker) = setup.start_whole();
    let oscar = setup.client(&manager, "oscar");
    let target = WebTarget::builder().start().await.unwrap();
    let started = Instant::now();
    let checks = checks_of(setup.hosts[0]);
    // It never succeeds, so that each gate and each dry run asks once more.
    let body = json!({"name": "n", "check_type": "http", "url": target.url("/first"),
                      "expected_body": "never there"});
    let made = oscar.post(&checks, body).await.expect(201);
    let check = format!("{checks}/{}", made["id"].as_str().unwrap());
    let scanner = Scanner { api: oscar, host: setup.hosts[0], check, target: target.url("/") };
    let seed: [u8; 32] = {
        let (one, two) = (Uuid::new_v4(), Uuid::new_v4());
        [*one.as_bytes(), *two.as_bytes()].concat().try_into().unwrap()
    };
    println!("seed {seed:?}");
    let config = Config::default();
    let rng = TestRng::from_seed(config.rng_algorithm, &seed);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let mut sessions = Vec::new();
    for _ in 0..3 {
        let one = prop::collection::vec(tricks(), 100);
        sessions.push(one.new_tree(&mut runner).unwrap().current());
    }
    let play = |tricks: Vec<Trick>| async {
        for trick in tricks {
            scanner.play(trick).await;
        }
    };
    futures_util::future::join_all(sessions.into_iter().map(play)).await;
    let last = json!({"url": target.url("/last")});
    scanner.api.put(&scanner.check, last).await.expect(200);
    while !paths(&target).contains("/last") {
        assert!(started.elapsed() < 3 * LONG, "{:?}", paths(&target));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // One more for the round of the poller that is due anyway. A gate may ask at a slot, and the poller
    // what was changed just after that.
    let slots = PER_MINUTE + started.elapsed().as_secs() * PER_MINUTE / 60 + 2;
    let asked = paths(&target).len() as u64;
    println!("{slots} slots, {asked} asked");
    assert!(asked <= 2 * slots, "{slots} slots, and {asked} were asked");
}

#[tokio::test]
async fn f255_no_mix_of_edits_jobs_and_dry_runs_is_a_scanner_on_sqlite() {
    no_mix_of_tricks_is_a_scanner(Kind::Sqlite).await;
}

#[tokio::test]
async fn f255_no_mix_of_edits_jobs_and_dry_runs_is_a_scanner_on_postgres() {
    no_mix_of_tricks_is_a_scanner(Kind::Postgres).await;
}

/// F255: a dry run counts as a test of each of its hosts: beyond the budget it is refused, and a job that
/// patches is not.
#[tokio::test]
async fn f255_dry_runs_beyond_the_budget_are_refused_and_jobs_are_not() {
    let setup = with_budget(Kind::Sqlite).await;
    let manager = setup.start("serve");
    let ada = setup.client(&manager, "ada");
    let dry = json!({"host_ids": setup.hosts, "immediate": true, "dry_run": true});
    let mut accepted = 0;
    let refused = loop {
        let answer = ada.post("/api/v1/jobs", dry.clone()).await;
        if answer.status == 429 {
            break answer;
        }
        answer.expect(201);
        accepted += 1;
        assert!(accepted <= PER_MINUTE, "never refused");
    };
    // Three hosts each; the last one may go beyond the minute's budget.
    assert!((1..=PER_MINUTE.div_ceil(3) + 1).contains(&accepted), "{accepted}");
    let wait = refused.headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap();
    assert!((1..=61).contains(&wait), "{wait}");
    refused.problem(429, "rate_limited");
    let job = json!({"host_ids": setup.hosts, "immediate": true});
    ada.post("/api/v1/jobs", job).await.expect(201);
    // Another one's budget is not spent.
    let other = json!({"host_ids": [setup.hosts[0]], "immediate": true, "dry_run": true});
    setup.client(&manager, "oscar").post("/api/v1/jobs", other).await.expect(201);
}
