//! All roles, all routes, own, foreign and unknown hosts: status and code of every answer.

use chrono::{TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::manager::{Api, Kind, Setup, checks_of, token};

/// A request as a table row: method, path, body.
type Request = (Method, String, Option<Value>);

/// What is expected of a user on their own, a foreign, an ungrouped and an unknown host.
#[derive(Clone, Copy)]
struct Expected {
    ada: u16,
    oscar: u16,
    rita: u16,
}

const READ: Expected = Expected { ada: 200, oscar: 200, rita: 200 };
const WRITE: Expected = Expected { ada: 200, oscar: 200, rita: 403 };

#[tokio::test(flavor = "multi_thread")]
async fn f117_f118_every_role_on_every_route_of_every_host() {
    let setup = Setup::new(Kind::Sqlite).await;
    let manager = setup.start("serve");
    let ada = setup.client(&manager, "ada");
    let mut checks = Vec::new();
    for host in &setup.hosts {
        checks.push(ada.service_check(*host, "sshd").await);
    }
    let hosts = [
        ("own", setup.hosts[0], checks[0]),
        ("foreign", setup.hosts[1], checks[1]),
        ("ungrouped", setup.hosts[2], checks[2]),
        ("unknown", Uuid::new_v4(), checks[0]),
    ];
    for user in ["ada", "oscar", "rita"] {
        let api = setup.client(&manager, user);
        for (kind, host, check) in hosts {
            for (request, expected) in routes(host, check) {
                let by_role = match user {
                    "ada" => expected.ada,
                    "oscar" => expected.oscar,
                    _ => expected.rita,
                };
                // A host that is not for somebody is like none, for everybody and on every route.
                let expected = match (kind, user) {
                    ("own", _) | ("foreign" | "ungrouped", "ada") => by_role,
                    _ => 404,
                };
                let (method, path, body) = request;
                let answer = api.send(method.clone(), &path, body.as_ref()).await;
                let said = format!("{user}, {kind}: {method} {path}: {}", answer.text);
                assert_eq!(answer.status.as_u16(), expected, "{said}");
                match expected {
                    403 => drop(answer.problem(403, "forbidden")),
                    404 => drop(answer.problem(404, "not_found")),
                    _ => {}
                }
            }
        }
    }
    // A check under another host is none, for an administrator too.
    ada.get(&format!("{}/{}", checks_of(setup.hosts[0]), checks[1]))
        .await
        .problem(404, "not_found");
    // A refused write stands in the audit log.
    let audit = ada.get("/api/v1/health-checks/audit?limit=200").await.expect(200);
    let refused = |record: &Value| record["outcome"] == "refused" && record["actor"] == "rita";
    assert!(audit["records"].as_array().unwrap().iter().any(refused), "{audit:#}");
}

fn routes(host: Uuid, check: Uuid) -> Vec<(Request, Expected)> {
    let list = checks_of(host);
    let one = format!("{list}/{check}");
    let closes_at = Utc::now() + TimeDelta::hours(1);
    let change = json!({"name": "renamed"});
    let unsaved = json!({"name": "n", "check_type": "service", "service_name": "sshd"});
    let later = json!({"opens_at": closes_at, "closes_at": closes_at + TimeDelta::hours(1)});
    let get = |path: String| (Method::GET, path, None);
    vec![
        (get(format!("/api/v1/hosts/{host}")), READ),
        (get(list.clone()), READ),
        (get(one.clone()), READ),
        (get(format!("{one}/results")), READ),
        (
            (Method::POST, "/api/v1/gates/preview".to_owned(), Some(json!({"host_ids": [host]}))),
            READ,
        ),
        ((Method::PUT, one.clone(), Some(change)), WRITE),
        ((Method::POST, format!("{one}/test"), Some(json!({}))), WRITE),
        ((Method::POST, format!("{list}/test"), Some(unsaved)), WRITE),
        (
            (Method::PUT, format!("/api/v1/hosts/{host}/paused"), Some(json!({"paused": false}))),
            WRITE,
        ),
        (
            (
                Method::POST,
                "/api/v1/jobs".to_owned(),
                Some(json!({"host_ids": [host], "window": later})),
            ),
            Expected { ada: 201, oscar: 201, rita: 403 },
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn f119_rights_are_read_with_every_request_and_tokens_by_their_hash() {
    let setup = Setup::new(Kind::Sqlite).await;
    let manager = setup.start("serve");
    let ada = setup.client(&manager, "ada");
    let mut nobody = ada.clone();
    for wrong in [None, Some("wrong".to_owned()), Some(token("ada") + "0")] {
        nobody.token = wrong;
        for path in ["/api/v1/me", "/api/v1/hosts", "/api/v1/jobs", "/api/v1/nothing"] {
            let answer = nobody.get(path).await;
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
            answer.problem(401, "unauthenticated");
        }
    }
    let me = setup.client(&manager, "oscar").get("/api/v1/me").await.expect(200);
    assert_eq!(me, json!({"name": "oscar", "role": "operator", "groups": ["web"]}));

    // A second token of the same user, and none for somebody who is not there.
    let config = setup.path("manager.toml");
    let config = config.to_str().unwrap();
    let made = setup.command(&["token", "--config", config, "--user", "oscar"]);
    assert!(made.success, "{made:?}");
    let second = Api { token: Some(made.stdout.trim().to_owned()), ..ada.clone() };
    assert_eq!(second.get("/api/v1/me").await.expect(200)["name"], "oscar");
    let unknown = setup.command(&["token", "--config", config, "--user", "nobody"]);
    assert!(
        !unknown.success && unknown.stderr.contains("there is no user `nobody`"),
        "{unknown:?}"
    );
    assert!(!setup.dump().windows(20).any(|bytes| made.stdout.as_bytes().starts_with(bytes)));

    // Jobs, windows and lists show what is theirs.
    let later = Utc::now() + TimeDelta::hours(1);
    let window = json!({"opens_at": later, "closes_at": later + TimeDelta::hours(1)});
    let both = json!({"host_ids": setup.hosts, "window": window});
    let job = ada.post("/api/v1/jobs", both).await.expect(201);
    let job = format!("/api/v1/jobs/{}", job["id"].as_str().unwrap());
    assert_eq!(ada.get(&job).await.expect(200)["host_count"], 3);
    let rita = setup.client(&manager, "rita");
    for api in [&second, &rita] {
        let seen = api.get(&job).await.expect(200);
        assert_eq!(seen["hosts"].as_array().unwrap().len(), 1);
        assert_eq!(
            api.get("/api/v1/hosts").await.expect(200)["hosts"].as_array().unwrap().len(),
            1
        );
        assert_eq!(api.get("/api/v1/jobs").await.expect(200)["jobs"][0]["host_count"], 1);
        // It has hosts that are not theirs: they may not cancel it.
        api.post(&format!("{job}/cancel"), json!({})).await.problem(403, "forbidden");
    }
    rita.get("/api/v1/health-checks/audit").await.problem(403, "forbidden");
    let window = json!({"name": "w", "host_ids": [setup.hosts[1]], "recurrence": "once",
        "starts_at": later, "duration_minutes": 60});
    let window = ada.post("/api/v1/maintenance-windows", window).await.expect(201);
    let window = format!("/api/v1/maintenance-windows/{}", window["id"].as_str().unwrap());
    second.get(&window).await.problem(404, "not_found");
    second.put(&window, json!({"duration_minutes": 1})).await.problem(404, "not_found");
    assert_eq!(second.get("/api/v1/maintenance-windows").await.expect(200)["windows"], json!([]));
    let cancelled = ada.post(&format!("{job}/cancel"), json!({})).await.expect(200);
    assert_eq!(cancelled["status"], "cancelled");

    // A user who leaves a group sees its hosts no more: the next start lays the file in.
    drop(manager);
    let text = setup.configuration().replace("groups = [\"web\"]\ntoken", "groups = []\ntoken");
    setup.write("manager.toml", &text);
    let manager = setup.start("serve");
    let oscar = setup.client(&manager, "oscar");
    assert_eq!(oscar.get("/api/v1/hosts").await.expect(200)["hosts"], json!([]));
    oscar.get(&checks_of(setup.hosts[0])).await.problem(404, "not_found");
}
