//! The id that a client gives its request, and answers that could tell which hosts there are.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use super::Findings;
use crate::manager::{Kind, Setup, checks_of};

/// F266: what a client gives as the id of its request is taken if it is short and plain, else a new one is
/// made; it stands so in the answer and in the audit log.
#[tokio::test(flavor = "multi_thread")]
async fn f266_a_request_id_is_stored_if_it_is_plain() {
    let setup = Setup::new(Kind::Sqlite).await;
    let manager = setup.start("serve");
    let oscar = setup.client(&manager, "oscar");
    let list = checks_of(setup.hosts[0]);
    let body = json!({"name": "n", "check_type": "service", "service_name": "sshd"}).to_string();
    let mut findings = Findings::default();
    let (longest, longer) = ("a".repeat(128), "a".repeat(129));
    let long = "a".repeat(7_000);
    let attacks: [(&str, &[&str], bool); 13] = [
        ("a plain one", &["abc-DEF_1.2"], true),
        ("the longest", &[&longest], true),
        ("one byte longer", &[&longer], false),
        ("seven kilobytes", &[&long], false),
        ("an empty one", &[""], false),
        ("a space", &["a b"], false),
        ("markup", &["<script>alert(1)</script>"], false),
        ("a quote", &["a\"b"], false),
        ("a line break for a log", &["a%0aERROR"], false),
        ("a formula for a spreadsheet", &["=cmd|calc"], false),
        ("a path", &["../../etc/passwd"], false),
        ("two of them", &["first", "second"], false),
        ("the same one twice", &["same", "same"], false),
    ];
    for (name, ids, is_taken) in attacks {
        let headers: Vec<_> = ids.iter().map(|id| ("x-request-id", *id)).collect();
        let content = Some(("application/json", body.clone()));
        let made = oscar.raw(Method::POST, &list, content, &headers).await;
        let told = made.headers["x-request-id"].to_str().unwrap().to_owned();
        let all: Vec<_> = made.headers.get_all("x-request-id").iter().collect();
        let is_right = match is_taken {
            true => told == ids[0],
            false => !ids.contains(&told.as_str()) && told.parse::<Uuid>().is_ok(),
        };
        findings.note(name, is_right && all.len() == 1, &told);
        let audit = oscar.get("/api/v1/health-checks/audit?limit=1").await.expect(200);
        let stored = audit["records"][0]["request_id"].as_str() == Some(told.as_str());
        findings.note(name, stored, audit);
        let id = made.expect(201)["id"].as_str().unwrap().to_owned();
        oscar.delete(&format!("{list}/{id}")).await.expect(204);
    }
    findings.judge(26);
}

/// F267: whoever deletes a check of a host that they cannot see is answered like one of a host that does not
/// exist: in the same words, and in the same time. The time is compared, not measured: it must not differ
/// as much as by a write.
#[tokio::test(flavor = "multi_thread")]
async fn f267_a_hidden_host_is_answered_like_one_that_does_not_exist() {
    const TRIES: usize = 150;
    let setup = Setup::new(Kind::Postgres).await;
    let manager = setup.start("web");
    let (ada, oscar) = (setup.client(&manager, "ada"), setup.client(&manager, "oscar"));
    let hidden = setup.hosts[1];
    let check = ada.service_check(hidden, "sshd").await;
    let path = |host: Uuid, check: Uuid| format!("{}/{check}", checks_of(host));
    let mut times: [Vec<Duration>; 2] = [Vec::new(), Vec::new()];
    for _ in 0..TRIES {
        let paths = [path(hidden, check), path(Uuid::new_v4(), check)];
        let mut texts = Vec::new();
        for (path, times) in paths.iter().zip(&mut times) {
            let started = Instant::now();
            let answer = oscar.delete(path).await;
            times.push(started.elapsed());
            assert_eq!(answer.status, 404, "{}", answer.text);
            texts.push(answer.text);
        }
        assert_eq!(texts[0], texts[1]);
    }
    // In turns, so that a busy machine slows both down alike; the quickest tell most.
    let quick = times.map(|mut times| {
        times.sort_unstable();
        times[TRIES / 5]
    });
    println!("a fifth within {quick:?}");
    assert!(quick[0] < quick[1] * 2 && quick[1] < quick[0] * 2, "{quick:?}");
    ada.get(&path(hidden, check)).await.expect(200);
}
