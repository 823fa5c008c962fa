//! Every row of the routes of checks, through HTTP.

use std::time::Duration;

use futures_util::future::join_all;
use healthgate_testkit::ServiceScript;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::manager::{Answer, Kind, Setup, checks_of};

/// A check from its making to its end: body, location, revision, defaults, results.
async fn a_check_is_made_read_changed_tested_and_deleted(kind: Kind) {
    let setup = Setup::new(kind).await;
    let manager = setup.start("serve");
    let api = setup.client(&manager, "ada");
    let list = checks_of(setup.hosts[0]);
    assert_eq!(api.get(&list).await.expect(200), json!({"checks": [], "total": 0}));
    let body = json!({"name": " sshd ", "check_type": "service", "service_name": "sshd"});
    let made = api.post(&list, body).await;
    let location = made.headers["location"].to_str().unwrap().to_owned();
    let etag = made.headers["etag"].to_str().unwrap().to_owned();
    let made = made.expect(201);
    assert_eq!((&made["name"], &made["enabled"]), (&json!("sshd"), &json!(true)));
    assert_eq!((&made["ignore_cert_errors"], &made["revision"]), (&json!(true), &json!(1)));
    assert_eq!((&made["status"], &made["last_result"]), (&json!("unknown"), &Value::Null));
    assert_eq!(location, format!("{list}/{}", made["id"].as_str().unwrap()));
    assert_eq!(etag, "\"1\"");

    // The poller runs it at once.
    let known = api.until(&location, |check| check["status"] == "healthy").await;
    let result = &known["last_result"];
    assert_eq!((&result["reason"], &result["observed"]), (&json!("ok"), &json!(true)));
    assert!(result["detail"].as_str().unwrap().contains("active/running"), "{result}");
    let two = format!("{location}/results?limit=2");
    let history = api
        .until(&two, |page| {
            page["results"].as_array().unwrap().len() == 2 && page["next_cursor"].is_string()
        })
        .await;
    assert_eq!(history["results"][0]["source"], "poll");
    let cursor = history["next_cursor"].as_str().unwrap();
    let next = api.get(&format!("{location}/results?limit=1&cursor={cursor}")).await.expect(200);
    assert!(
        next["results"][0]["checked_at"].as_str() < history["results"][1]["checked_at"].as_str()
    );

    // Two editors: the second one's change does not hold.
    let change = (Method::PUT, Some(("application/json", json!({"enabled": false}).to_string())));
    let first =
        api.raw(change.0.clone(), &location, change.1.clone(), &[("if-match", &etag)]).await;
    assert_eq!(first.headers["etag"], "\"2\"");
    assert_eq!(first.expect(200)["revision"], 2);
    let second = api.raw(change.0, &location, change.1, &[("if-match", &etag)]).await;
    second.problem(412, "revision_mismatch");

    // A test by hand, saved and not, with a change laid over it.
    let tested = api.post(&format!("{location}/test"), json!({})).await.expect(200);
    assert_eq!((&tested["healthy"], &tested["reason"]), (&json!(true), &json!("ok")));
    let other = json!({"service_name": "missing"});
    let tested = api.post(&format!("{location}/test"), other).await.expect(200);
    assert_eq!(tested["reason"], "service_not_found");
    setup.agents[0].set("unsaved", ServiceScript::Inactive);
    let unsaved = json!({"name": "u", "check_type": "service", "service_name": "unsaved"});
    let tested = api.post(&format!("{list}/test"), unsaved).await.expect(200);
    assert_eq!(tested["reason"], "service_unhealthy");
    assert_eq!(api.get(&list).await.expect(200)["total"], 1, "nothing was stored");

    let summary =
        api.get(&format!("/api/v1/health-checks/summary?host_ids={}", setup.hosts[0])).await;
    assert_eq!(summary.expect(200)["hosts"][0]["status"], "none", "its one check is disabled");
    api.delete(&location).await.expect(204);
    api.get(&location).await.problem(404, "not_found");
    api.delete(&location).await.problem(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_is_made_read_changed_tested_and_deleted_on_sqlite() {
    a_check_is_made_read_changed_tested_and_deleted(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_is_made_read_changed_tested_and_deleted_on_postgres() {
    a_check_is_made_read_changed_tested_and_deleted(Kind::Postgres).await;
}

/// F121, F126, F127: what a check may not be, and bodies that are none.
#[tokio::test(flavor = "multi_thread")]
async fn f121_f126_f127_bodies_that_break_the_rules_are_refused_with_every_fault() {
    let setup = Setup::new(Kind::Sqlite).await;
    let manager = setup.start("serve");
    let api = setup.client(&manager, "ada");
    let list = checks_of(setup.hosts[0]);
    let body = json!({"name": "", "check_type": "http", "url": "ftp://x", "service_name": "a b",
        "revision": 3, "enabled": "yes"});
    let problem = api.post(&list, body).await.problem(422, "invalid");
    for (field, code) in [
        ("revision", "unknown_field"),
        ("enabled", "wrong_type"),
        ("expected_body", "required"),
        ("name", "too_short"),
    ] {
        assert!(Answer::codes(&problem, field).contains(&code.to_owned()), "{field}: {problem:#}");
    }
    for member in ["id", "host_id", "revision", "created_at", "basic_auth_pass_encrypted", "status"]
    {
        let mut body = json!({"name": "n", "check_type": "service", "service_name": "sshd"});
        body[member] = json!("x");
        let problem = api.post(&list, body).await.problem(422, "invalid");
        assert_eq!(Answer::codes(&problem, member), ["unknown_field"]);
    }
    let raw = async |kind: &str, text: String| {
        api.raw(Method::POST, &list, Some((kind, text)), &[]).await
    };
    raw("application/json", "{\"name\":".to_owned()).await.problem(400, "malformed");
    raw("text/plain", "{}".to_owned()).await.problem(415, "unsupported_media_type");
    let deep = "[".repeat(60_000);
    raw("application/json", deep).await.problem(400, "malformed");
    let large = format!("\"{}\"", "x".repeat(70_000));
    raw("application/json", large).await.problem(413, "body_too_large");
    for path in ["/api/v1/hosts/nonsense", "/api/v1/nothing", "/api/v1/jobs/1"] {
        api.get(path).await.problem(404, "not_found");
    }
    api.send(Method::PATCH, &list, None).await.problem(405, "method_not_allowed");
    api.get("/api/v1/hosts?limit=0").await.problem(422, "invalid");
    api.get("/api/v1/hosts?cursor=zz").await.problem(422, "invalid");
    api.get("/api/v1/hosts?status=ill").await.problem(422, "invalid");
    // A body of 10 MB ends with an answer or with the connection, and the server goes on.
    let huge = reqwest::Client::new()
        .post(format!("{}{list}", api.base))
        .bearer_auth(api.token.as_ref().unwrap())
        .header("content-type", "application/json")
        .body("x".repeat(10 * 1024 * 1024))
        .send()
        .await;
    assert!(huge.is_err() || huge.is_ok_and(|answer| answer.status() == 413));
    api.get(&list).await.expect(200);
}

/// F121, F126: every route that takes a body, with bodies that are none, that are too much, or that name
/// what is not theirs to set; and every route with an id, with ids that are none.
#[tokio::test(flavor = "multi_thread")]
async fn f121_f126_every_route_refuses_bodies_and_ids_that_are_none() {
    let setup = Setup::new(Kind::Sqlite).await;
    let manager = setup.start("serve");
    let api = setup.client(&manager, "ada");
    let host = setup.hosts[0];
    let check = api.service_check(host, "sshd").await;
    let checks = checks_of(host);
    let now = chrono::Utc::now();
    let hour = now + chrono::TimeDelta::hours(1);
    let window = json!({"opens_at": hour, "closes_at": hour + chrono::TimeDelta::hours(1)});
    let once = json!({"name": "w", "host_ids": [host], "recurrence": "once", "starts_at": hour,
        "duration_minutes": 5});
    let job = json!({"host_ids": [host], "window": window});
    let made = api.post("/api/v1/jobs", job.clone()).await.expect(201);
    let job_path = format!("/api/v1/jobs/{}", made["id"].as_str().unwrap());
    let made = api.post("/api/v1/maintenance-windows", once.clone()).await.expect(201);
    let window_path = format!("/api/v1/maintenance-windows/{}", made["id"].as_str().unwrap());
    let service = json!({"name": "n", "check_type": "service", "service_name": "sshd"});
    let exception = json!({"check_ids": [check], "reason": "long enough", "expires_at": hour});
    let one = format!("{checks}/{check}");
    let routes = [
        (Method::POST, checks.clone(), service.clone()),
        (Method::PUT, one.clone(), json!({"name": "n"})),
        (Method::POST, format!("{one}/test"), json!({})),
        (Method::POST, format!("{checks}/test"), service),
        (Method::POST, "/api/v1/jobs".to_owned(), job),
        (Method::POST, "/api/v1/maintenance-windows".to_owned(), once),
        (Method::PUT, window_path.clone(), json!({"duration_minutes": 6})),
        (Method::PUT, format!("/api/v1/hosts/{host}/paused"), json!({"paused": false})),
        (Method::POST, "/api/v1/gates/preview".to_owned(), json!({"host_ids": [host]})),
        (Method::POST, format!("{job_path}/hosts/{host}/override"), exception),
    ];
    let json_type = "application/json";
    for (method, path, body) in &routes {
        let raw = async |kind: &str, text: String| {
            api.raw(method.clone(), path, Some((kind, text)), &[]).await
        };
        raw(json_type, "{\"name\":".to_owned()).await.problem(400, "malformed");
        raw(json_type, "[".repeat(60_000)).await.problem(400, "malformed");
        raw("text/plain", "{}".to_owned()).await.problem(415, "unsupported_media_type");
        // A job and a preview name up to 10,000 hosts.
        let many =
            method == Method::POST && matches!(&**path, "/api/v1/jobs" | "/api/v1/gates/preview");
        let large = format!("\"{}\"", "x".repeat(if many { 530_000 } else { 70_000 }));
        raw(json_type, large).await.problem(413, "body_too_large");
        raw(json_type, "[]".to_owned()).await.problem(422, "invalid");
        for member in ["id", "host_id", "revision", "created_by", "status", "basic_auth_pass_nonce"]
        {
            let mut body = body.clone();
            body[member] = json!("x");
            let problem = raw(json_type, body.to_string()).await.problem(422, "invalid");
            assert_eq!(Answer::codes(&problem, member), ["unknown_field"], "{method} {path}");
        }
    }
    let unchanged = api.get(&one).await.expect(200);
    assert_eq!((&unchanged["revision"], &unchanged["name"]), (&json!(1), &json!("sshd")));
    let long = "f".repeat(2_000);
    let nonsense = ["nonsense", "0", "%00", "%2e%2e", "1' or '1'='1", long.as_str()];
    for id in nonsense {
        let id = id.replace(' ', "%20");
        for (method, path, body) in &routes {
            for real in [host.to_string(), check.to_string(), job_path[13..].to_owned()] {
                if path.contains(&real) {
                    let path = path.replace(&real, &id);
                    let answer = api.send(method.clone(), &path, Some(body)).await;
                    assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text);
                    answer.problem(404, "not_found");
                }
            }
        }
        for path in ["hosts", "jobs", "maintenance-windows"] {
            api.get(&format!("/api/v1/{path}/{id}")).await.problem(404, "not_found");
        }
        let problem = api.get(&format!("/api/v1/health-checks/summary?host_ids={id}")).await;
        problem.problem(422, "invalid");
    }
}

/// F127, F130: texts that deceive their readers, or that no database column can hold, are refused in
/// every place; none of them is a fault of the server.
#[tokio::test(flavor = "multi_thread")]
async fn f127_f130_texts_that_deceive_are_refused_in_every_place() {
    let setup = Setup::new(Kind::Postgres).await;
    let manager = setup.start("web");
    let api = setup.client(&manager, "ada");
    let host = setup.hosts[0];
    let starts_at = chrono::Utc::now() + chrono::TimeDelta::hours(1);
    for odd in ["\0", "\r\n", "\u{1b}[31m", "\u{202e}", "\u{200b}", "\u{2028}"] {
        let text = format!("before{odd}after");
        let window = json!({"name": text, "host_ids": [host], "recurrence": "once",
            "starts_at": starts_at, "duration_minutes": 5});
        let check = json!({"name": text, "check_type": "service", "service_name": "sshd"});
        let unit = json!({"name": "n", "check_type": "service", "service_name": text});
        let paused = json!({"paused": true, "reason": text});
        for (method, path, body, field) in [
            (Method::POST, checks_of(host), check, "name"),
            (Method::POST, checks_of(host), unit, "service_name"),
            (Method::POST, "/api/v1/maintenance-windows".to_owned(), window, "name"),
            (Method::PUT, format!("/api/v1/hosts/{host}/paused"), paused, "reason"),
        ] {
            let problem = api.send(method, &path, Some(&body)).await.problem(422, "invalid");
            assert_eq!(Answer::codes(&problem, field).len(), 1, "{path} {odd:?}: {problem}");
        }
    }
    api.get("/api/v1/hosts?q=a%00b").await.problem(422, "invalid");
    // A made-up cursor: in hexadecimal, as the lists give them.
    let place = format!("0:{host}:a\0b");
    let cursor: String = place.bytes().map(|byte| format!("{byte:02x}")).collect();
    api.get(&format!("/api/v1/hosts?cursor={cursor}")).await.problem(422, "invalid");
}

/// F122: 20 clients at once leave exactly five checks.
async fn f122_twenty_racing_clients_leave_five_checks(kind: Kind) {
    let setup = Setup::new(kind).await;
    let manager = setup.start("serve");
    let api = setup.client(&manager, "ada");
    let list = checks_of(setup.hosts[0]);
    let create = |number: usize| {
        let (api, list) = (api.clone(), list.clone());
        async move {
            let name = format!("check {number}");
            let body = json!({"name": name, "check_type": "service", "service_name": "sshd"});
            api.post(&list, body).await
        }
    };
    let answers = join_all((0..20).map(create)).await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(made, 5);
    for answer in answers.into_iter().filter(|answer| answer.status != 201) {
        answer.problem(409, "limit_reached");
    }
    assert_eq!(api.get(&list).await.expect(200)["total"], 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn f122_twenty_racing_clients_leave_five_checks_on_sqlite() {
    f122_twenty_racing_clients_leave_five_checks(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f122_twenty_racing_clients_leave_five_checks_on_postgres() {
    f122_twenty_racing_clients_leave_five_checks(Kind::Postgres).await;
}

/// The lists page through everything once, in order; windows recur as they were entered.
#[tokio::test(flavor = "multi_thread")]
async fn lists_page_and_windows_keep_what_they_were_given() {
    let setup = Setup::new(Kind::Sqlite).await;
    let manager = setup.start("serve");
    let api = setup.client(&manager, "ada");
    for sort in ["name", "status"] {
        let (mut names, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/api/v1/hosts?limit=1&sort={sort}{cursor}");
            let page = api.get(&path).await.expect(200);
            names.push(page["hosts"][0]["name"].as_str().unwrap().to_owned());
            assert_eq!(page["hosts"][0]["health"]["status"], "none");
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(names, ["db-01", "lone-01", "web-01"], "{sort}");
    }
    let found = api.get("/api/v1/hosts?q=WEB").await.expect(200);
    assert_eq!(found["hosts"].as_array().unwrap().len(), 1);
    assert_eq!(api.get("/api/v1/hosts?status=healthy").await.expect(200)["hosts"], json!([]));

    let windows = "/api/v1/maintenance-windows";
    let weekly = json!({"name": "weekly", "host_ids": [setup.hosts[0]], "recurrence": "weekly",
        "weekdays": ["sat", "sun"], "time_zone": "Europe/Berlin", "start_time": "22:30",
        "first_date": "2026-01-01", "duration_minutes": 240, "enabled": true});
    let made = api.post(windows, weekly.clone()).await.expect(201);
    for (member, value) in weekly.as_object().unwrap() {
        assert_eq!(&made[member], value, "{member}");
    }
    assert!(made["occurrence"]["opens_at"].is_string());
    assert_eq!(made["utc_offsets"], made["occurrence"]["utc_offsets"], "F199");
    assert!(["CET", "CEST"].contains(&made["utc_offsets"][0]["abbreviation"].as_str().unwrap()));
    let host = api.get(&format!("/api/v1/hosts/{}", setup.hosts[0])).await.expect(200);
    assert_eq!(host["maintenance_window"], made["occurrence"]);
    let one = format!("{windows}/{}", made["id"].as_str().unwrap());
    let daily = json!({"recurrence": "daily", "duration_minutes": 30});
    let changed = api.put(&one, daily).await.expect(200);
    assert_eq!((&changed["recurrence"], &changed["weekdays"]), (&json!("daily"), &Value::Null));
    let nth = json!({"nth": 2, "weekday": "tue", "offset_days": 2});
    let monthly = json!({"recurrence": "monthly", "day_of_month": 3});
    api.put(&one, monthly).await.expect(200);
    let changed = api.put(&one, json!({"nth_weekday": nth})).await.expect(200);
    assert_eq!((&changed["nth_weekday"], &changed["day_of_month"]), (&nth, &Value::Null));
    let both = json!({"nth_weekday": nth, "day_of_month": 3});
    let problem = api.put(&one, both).await.problem(422, "invalid");
    assert_eq!(Answer::codes(&problem, "nth_weekday"), ["not_allowed"]);
    let wrong = json!({"time_zone": "Mars/Base", "duration_minutes": 0, "weekday": 1});
    let problem = api.put(&one, wrong).await.problem(422, "invalid");
    for field in ["time_zone", "duration_minutes", "weekday"] {
        assert_eq!(Answer::codes(&problem, field).len(), 1, "{field}: {problem:#}");
    }
    api.post(
        windows,
        json!({"name": "n", "host_ids": [Uuid::new_v4()], "recurrence": "once",
        "starts_at": "2026-01-01T00:00:00Z", "duration_minutes": 1}),
    )
    .await
    .problem(404, "not_found");
    assert_eq!(api.get(windows).await.expect(200)["windows"].as_array().unwrap().len(), 1);
    api.delete(&one).await.expect(204);
    api.get(&one).await.problem(404, "not_found");

    // What operators' tools and browsers ask for.
    let mut anonymous = api.clone();
    anonymous.token = None;
    assert_eq!(anonymous.get("/healthz").await.text, "ok\n");
    anonymous.until("/readyz", |report| report["status"] == "ready").await;
    let zones = &anonymous.get("/readyz").await.expect(200)["time_zones"];
    assert!(zones["version"].as_str().unwrap() >= "2026f", "F199: {zones}");
    let page = anonymous.get("/").await;
    assert!(
        page.headers["content-security-policy"].to_str().unwrap().contains("script-src 'self'")
    );
    assert_eq!(page.headers["x-content-type-options"], "nosniff");
    let document = api.get("/api/v1/openapi.json").await.expect(200);
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    for path in ["/api/v1/jobs", "/api/v1/hosts/{host_id}/health-checks"] {
        assert!(document["paths"][path].is_object(), "{path}");
    }
    assert!(document["paths"]["/api/v1/demo/fleet"].is_null(), "only the demo has it");
    anonymous.get("/api/v1/demo/users").await.problem(401, "unauthenticated");
    api.get("/api/v1/demo/users").await.problem(404, "not_found");
}

/// What a page needs beside the library's answers: the figures it counts with, and names for ids.
#[tokio::test(flavor = "multi_thread")]
async fn clients_learn_the_figures_and_the_names_behind_ids() {
    let setup = Setup::new(Kind::Sqlite).await;
    let manager = setup.start("serve");
    let settings = setup.client(&manager, "rita").get("/api/v1/settings").await.expect(200);
    let figures = json!({"health_check_poll_interval_secs": 1, "health_check_timeout_secs": 2,
        "health_check_retention_days": 4, "gate_retry_interval_secs": 1, "immediate_max_wait_secs": 60});
    assert_eq!(settings, figures);

    let [web, db, lone] = setup.hosts[..] else { panic!("three hosts") };
    let asked = format!("/api/v1/hosts?ids={lone},{web},{db},{}&q=nothing&limit=1", Uuid::new_v4());
    for (user, seen) in [("ada", &["db-01", "lone-01", "web-01"][..]), ("oscar", &["web-01"])] {
        let answer = setup.client(&manager, user).get(&asked).await.expect(200);
        let hosts = answer["hosts"].as_array().unwrap();
        let names: Vec<&str> = hosts.iter().filter_map(|host| host["name"].as_str()).collect();
        assert_eq!((&names[..], &answer["next_cursor"]), (seen, &Value::Null), "{user}");
    }
    let api = setup.client(&manager, "ada");
    let many: Vec<String> = (0..201).map(|_| Uuid::new_v4().to_string()).collect();
    for (ids, code) in [("x".to_owned(), "invalid_format"), (many.join(","), "too_long")] {
        let problem = api.get(&format!("/api/v1/hosts?ids={ids}")).await.problem(422, "invalid");
        assert_eq!(Answer::codes(&problem, "ids"), [code]);
    }
}

/// F182: load balancers and scanners ask what can be asked.
#[tokio::test(flavor = "multi_thread")]
async fn f182_what_is_only_read_tells_its_methods() {
    let setup = Setup::new(Kind::Sqlite).await;
    let manager = setup.start("serve");
    let mut api = setup.client(&manager, "ada");
    api.token = None;
    for path in ["/healthz", "/readyz", "/metrics"] {
        for (method, status) in [(Method::OPTIONS, 204), (Method::POST, 405), (Method::DELETE, 405)]
        {
            let answer = api.send(method.clone(), path, None).await;
            assert_eq!(answer.status.as_u16(), status, "{method} {path}");
            let allow = answer.headers.get("allow").map(|value| value.to_str().unwrap());
            assert_eq!(allow, Some("GET, HEAD, OPTIONS"), "{method} {path}");
        }
        let head = api.send(Method::HEAD, path, None).await;
        assert!(head.status.as_u16() < 300 || head.status == 503, "{path}: {head:?}");
    }
}

/// Large answers and event streams are compressed for whoever asks for that. No part of a stream waits in
/// the compressor for the next one, and no request is answered 406 after it was carried out.
#[tokio::test(flavor = "multi_thread")]
async fn large_answers_and_streams_are_compressed() {
    let setup = Setup::new(Kind::Sqlite).await;
    let manager = setup.start("serve");
    let api = setup.client(&manager, "ada");
    let plain = reqwest::Client::builder().no_gzip().no_deflate().build().unwrap();
    let ask = async |path: &str, accept: &str| {
        let request = plain.get(format!("{}{path}", api.base));
        let request = request.bearer_auth(api.token.as_ref().unwrap());
        request.header("accept-encoding", accept).send().await.unwrap()
    };
    let document = "/api/v1/openapi.json";
    let whole = ask(document, "identity").await;
    assert!(whole.headers().get("content-encoding").is_none());
    assert_eq!(whole.headers()["vary"], "accept-encoding");
    let whole = whole.text().await.unwrap();
    let packed = ask(document, "gzip").await;
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    assert!(packed.bytes().await.unwrap().len() * 2 < whole.len(), "{}", whole.len());
    let answer = api.raw(Method::GET, document, None, &[("accept-encoding", "gzip")]).await;
    assert_eq!(answer.status, 200);

    for accept in ["gzip;q=0, identity;q=0", "identity;q=0", "*;q=0"] {
        let answer = ask("/api/v1/me", accept).await;
        assert_eq!(
            (answer.status(), answer.headers().get("content-encoding")),
            (200.try_into().unwrap(), None)
        );
    }
    let small = ask("/api/v1/me", "gzip").await;
    assert!(small.headers().get("content-encoding").is_none());
    let mut stream = ask("/api/v1/events", "gzip").await;
    assert_eq!(stream.headers()["content-encoding"], "gzip");
    // The greeting, though nothing follows it; `tests/blackbox/events.rs` reads events so.
    let greeting = tokio::time::timeout(Duration::from_secs(10), stream.chunk()).await;
    let greeting = greeting.expect("the greeting does not wait for more").unwrap().unwrap();
    assert_eq!(greeting[..2], [0x1f, 0x8b], "gzip's first two bytes");
    let stream = ask("/api/v1/events", "identity").await;
    assert!(stream.headers().get("content-encoding").is_none());
    let page = ask("/", "gzip").await;
    assert!(page.headers()["content-security-policy"].to_str().unwrap().contains("nonce"));
}
