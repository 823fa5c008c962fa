//! A password never shows anywhere, and is asked for again where it could reach somebody else.

use healthgate_testkit::{Authority, TlsMode, WebScript, WebTarget};
use serde_json::{Value, json};

use crate::manager::{Kind, Setup, checks_of};

/// Long and odd enough to stand nowhere by chance.
const CANARY: &str = "zx-canary-Passw0rd-7391";
/// As it is sent: `monitor:` and the password in base64, without its end.
const CANARY_BASE64: &str = "bW9uaXRvcjp6eC1jYW5hcnktUGFzc3cwcmQtNzM5";

/// F86: bodies, trace logs, metrics, audit records and the database are without it.
async fn f86_a_password_shows_nowhere(kind: Kind) {
    let setup = Setup::new(kind).await;
    let page = WebScript::basic_auth("monitor", CANARY, "all is well");
    let target = WebTarget::builder().with_path("/health", page).start().await.unwrap();
    let manager = setup.spawn("serve", "trace");
    let api = setup.client(&manager, "ada");
    let list = checks_of(setup.hosts[0]);
    let mut bodies = String::new();
    let body = json!({"name": "page", "check_type": "http", "url": target.url("/health"),
        "expected_body": "all is well", "basic_auth_user": "monitor", "basic_auth_pass": CANARY});
    let made = api.post(&list, body.clone()).await;
    bodies.push_str(&made.text);
    let made = made.expect(201);
    assert_eq!(made["has_basic_auth_pass"], true);
    let one = format!("{list}/{}", made["id"].as_str().unwrap());
    let known = api.until(&one, |check| check["status"] == "healthy").await;
    bodies.push_str(&known.to_string());
    // Over TLS as well, whose library tells most in its logs.
    let page = WebScript::basic_auth("monitor", CANARY, "all is well");
    let (authority, mode) = (Authority::new("another"), TlsMode::Normal);
    let sealed = WebTarget::builder().with_path("/health", page).with_tls(&authority, mode);
    let sealed = sealed.start().await.unwrap();
    let mut over_tls = body.clone();
    over_tls["name"] = json!("page over TLS");
    over_tls["url"] = json!(sealed.url("/health"));
    over_tls["ignore_cert_errors"] = json!(true);
    let made = api.post(&list, over_tls).await.expect(201);
    let sealed_one = format!("{list}/{}", made["id"].as_str().unwrap());
    api.until(&sealed_one, |check| check["status"] == "healthy").await;

    // F123, F124: another origin, or tolerance, wants the password again; in two steps as well.
    let other = format!("http://127.0.0.2:{}/health", target.addr().port());
    let moved = json!({"url": other});
    for path in [format!("{one}/test"), one.clone()] {
        let answer = if path == one {
            api.put(&path, moved.clone()).await
        } else {
            api.post(&path, moved.clone()).await
        };
        bodies.push_str(&answer.text);
        answer.problem(409, "password_required");
    }
    api.put(&one, json!({"ignore_cert_errors": false})).await.expect(200);
    let tolerant = json!({"ignore_cert_errors": true});
    api.put(&one, tolerant).await.problem(409, "password_required");
    let again = json!({"ignore_cert_errors": true, "basic_auth_pass": CANARY});
    bodies.push_str(&api.put(&one, again).await.expect(200).to_string());
    // What is wrong with a body is said without the body.
    let mut wrong = body.clone();
    wrong["basic_auth_user"] = json!("a:b");
    bodies.push_str(&api.post(&list, wrong).await.problem(422, "invalid").to_string());
    let mut wrong = body;
    wrong["basic_auth_pass"] = json!([CANARY]);
    bodies.push_str(&api.post(&list, wrong).await.problem(422, "invalid").to_string());
    let tested = api.post(&format!("{one}/test"), json!({})).await.expect(200);
    assert_eq!(tested["healthy"], true, "{tested}");
    bodies.push_str(&tested.to_string());
    for path in [
        one.clone(),
        list.clone(),
        format!("{one}/results"),
        "/api/v1/health-checks/audit?limit=200".to_owned(),
        "/metrics".to_owned(),
        "/api/v1/openapi.json".to_owned(),
    ] {
        bodies.push_str(&api.get(&path).await.text);
    }
    let audit: Value = api.get("/api/v1/health-checks/audit?limit=200").await.expect(200);
    let changed = audit.to_string();
    assert!(changed.contains("basic_auth_pass"), "that it was set is told: {audit:#}");
    let dump = setup.dump();
    let (_, success, logs) = manager.stop();
    assert!(success && logs.contains("TRACE"), "the logs are those of every detail");
    for (place, text) in
        [("bodies", bodies.into_bytes()), ("database", dump), ("logs", logs.into_bytes())]
    {
        for secret in [CANARY, CANARY_BASE64] {
            let found = text.windows(secret.len()).any(|bytes| bytes == secret.as_bytes());
            assert!(!found, "the password shows in the {place}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f86_a_password_shows_nowhere_on_sqlite() {
    f86_a_password_shows_nowhere(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f86_a_password_shows_nowhere_on_postgres() {
    f86_a_password_shows_nowhere(Kind::Postgres).await;
}

/// A rotation seals every password under a new key; and without any key the checks that need one say
/// so, while the others go on.
#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_keeps_passwords_working_and_a_missing_key_is_said() {
    let setup = Setup::new(Kind::Sqlite).await;
    let page = WebScript::basic_auth("monitor", CANARY, "all is well");
    let target = WebTarget::builder()
        .with_path("/health", page)
        .with_path("/open", WebScript::ok("open"))
        .start()
        .await
        .unwrap();
    let manager = setup.start("serve");
    let api = setup.client(&manager, "ada");
    let list = checks_of(setup.hosts[0]);
    let body = |name: &str, path: &str| json!({"name": name, "check_type": "http", "url": target.url(path), "expected_body": ""});
    let mut locked = body("locked", "/health");
    locked["basic_auth_user"] = json!("monitor");
    locked["basic_auth_pass"] = json!(CANARY);
    api.post(&list, locked).await.expect(201);
    api.post(&list, body("open", "/open")).await.expect(201);
    let healthy = |list: &Value| {
        let checks = list["checks"].as_array().unwrap();
        checks.len() == 2 && checks.iter().all(|check| check["status"] == "healthy")
    };
    api.until(&list, healthy).await;
    drop(manager);
    let key = setup.path("keys/health-check.key");
    let before = std::fs::read(&key).unwrap();
    let rotated = setup.configured("rotate-key");
    assert!(rotated.success && rotated.stdout.contains(": 1; the old one is kept"), "{rotated:?}");
    assert_ne!(std::fs::read(&key).unwrap(), before);
    let manager = setup.start("serve");
    let api = setup.client(&manager, "ada");
    let since = chrono::Utc::now();
    let fresh = |list: &Value| {
        let checks = list["checks"].as_array().unwrap().iter();
        healthy(list)
            && checks.clone().all(|check| {
                let at = check["last_result"]["checked_at"].as_str().unwrap();
                at.parse::<chrono::DateTime<chrono::Utc>>().unwrap() > since
            })
    };
    api.until(&list, fresh).await;
    drop(manager);

    std::fs::remove_dir_all(setup.path("keys")).unwrap();
    let manager = setup.start("serve");
    let api = setup.client(&manager, "ada");
    let said = api.until(&list, |list| list["checks"][0]["status"] == "unhealthy").await;
    assert_eq!(said["checks"][0]["last_result"]["reason"], "secret_unreadable");
    assert_eq!(said["checks"][1]["status"], "healthy");
    assert!(!key.exists(), "no key is made in the place of one that is missing");
}
