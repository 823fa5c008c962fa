//! The id that a client gives its request, and answers that could tell which hosts there are.

use std::time::{Duration, Instant};

use healthgate_testkit::Postgres;
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

/// F267: whoever asks for something on a host that they cannot see is answered like on one that does not
/// exist: in the same words, with nothing written before the answer, and in the same time. The time is
/// compared, not measured: it must not differ as much as by a write.
#[tokio::test(flavor = "multi_thread")]
async fn f267_a_hidden_host_is_answered_like_one_that_does_not_exist() {
    /// Fewer than the refusals of one user that are recorded in a minute: further ones write nothing.
    const TRIES: usize = 40;
    let setup = Setup::new(Kind::Postgres).await;
    let manager = setup.start("web");
    let (ada, oscar) = (setup.client(&manager, "ada"), setup.client(&manager, "oscar"));
    let hidden = setup.hosts[1];
    let check = ada.service_check(hidden, "sshd").await;
    let service = json!({"name": "n", "check_type": "service", "service_name": "sshd"});
    let of_host = |host: Uuid, check: Uuid| {
        let (list, one) = (checks_of(host), format!("{}/{check}", checks_of(host)));
        let window = json!({"name": "w", "host_ids": [host], "recurrence": "once",
            "starts_at": "2099-01-01T00:00:00Z", "duration_minutes": 5});
        [
            (Method::DELETE, one.clone(), None),
            (Method::GET, one.clone(), None),
            (Method::PUT, one.clone(), Some(json!({"name": "m"}))),
            (Method::POST, format!("{one}/test"), Some(json!({}))),
            (Method::GET, list.clone(), None),
            (Method::POST, list.clone(), Some(service.clone())),
            (Method::POST, format!("{list}/test"), Some(service.clone())),
            (Method::GET, format!("/api/v1/hosts/{host}"), None),
            (Method::PUT, format!("/api/v1/hosts/{host}/paused"), Some(json!({"paused": false}))),
            (Method::POST, "/api/v1/jobs".into(), Some(json!({"host_ids": [host]}))),
            (Method::POST, "/api/v1/maintenance-windows".into(), Some(window)),
        ]
    };
    let count = "select count(*) from health_audit";
    let records = || Postgres::shared().sql(&setup.database, count).unwrap();
    let (before, started) = (records(), Instant::now());
    let unknown = Uuid::new_v4();
    for (asked, made_up) in of_host(hidden, check).into_iter().zip(of_host(unknown, check)) {
        let mut answers = Vec::new();
        for ((method, path, body), host) in [(asked, hidden), (made_up, unknown)] {
            let answer = oscar.send(method.clone(), &path, body.as_ref()).await;
            let written = records();
            // After a minute they are recorded, on a machine that is as slow as that.
            let is_soon = started.elapsed() < Duration::from_secs(40);
            assert!(written == before || !is_soon, "{method} {path} wrote: {before} {written}");
            let mut names: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
            names.sort_unstable();
            answers.push((answer.status, answer.text.replace(&host.to_string(), "HOST"), names));
        }
        assert_eq!(answers[0].0, 404, "{answers:?}");
        assert_eq!(answers[0], answers[1]);
    }
    let mut times: [Vec<Duration>; 2] = [Vec::new(), Vec::new()];
    for _ in 0..TRIES {
        for (host, times) in [hidden, Uuid::new_v4()].into_iter().zip(&mut times) {
            let path = format!("{}/{check}", checks_of(host));
            let started = Instant::now();
            let answer = oscar.delete(&path).await;
            times.push(started.elapsed());
            assert_eq!(answer.status, 404, "{}", answer.text);
        }
    }
    // In turns, so that a busy machine slows both down alike; the quickest tell most.
    let quick = times.map(|mut times| {
        times.sort_unstable();
        times[TRIES / 5]
    });
    println!("a fifth within {quick:?}");
    assert!(quick[0] < quick[1] * 2 && quick[1] < quick[0] * 2, "{quick:?}");
    ada.get(&format!("{}/{check}", checks_of(hidden))).await.expect(200);
    let audit = ada.get("/api/v1/health-checks/audit").await.expect(200);
    let refused = audit["records"].as_array().unwrap().iter();
    let refused = refused.filter(|record| record["outcome"] == "refused").count();
    assert!(refused >= 5, "they are recorded later: {audit:#}");
}
