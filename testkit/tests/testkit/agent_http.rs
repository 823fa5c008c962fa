//! The agent's answers, its limiter, and its life as a listener.

use std::io;
use std::time::Duration;

use crate::common::{Client, SOON};
use healthgate_testkit::{Agent, Authority, RateLimit, ServiceScript};
use serde_json::{Value, json};

async fn agent() -> (Authority, Agent) {
    let authority = Authority::new("ca");
    let agent = Agent::builder(&authority).start().await.unwrap();
    (authority, agent)
}

fn assert_envelope(body: &Value) {
    let mut keys: Vec<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["data", "error", "request_id", "success", "timestamp"]);
    assert!(body["timestamp"].as_str().unwrap().ends_with("+00:00"), "{body}");
    assert_eq!(body["request_id"].as_str().unwrap().len(), 36);
}

#[tokio::test]
async fn states_are_reported_as_the_agent_reports_them() {
    let (authority, agent) = agent().await;
    let mut client = Client::agent(&authority, agent.addr()).await.unwrap();
    for (script, active, sub, load, healthy) in [
        (ServiceScript::Healthy, "active", "running", "loaded", true),
        (ServiceScript::Inactive, "inactive", "dead", "loaded", false),
        (ServiceScript::Failed, "failed", "failed", "loaded", false),
        (ServiceScript::Oneshot, "active", "exited", "loaded", false),
        (ServiceScript::SocketActivated, "inactive", "dead", "loaded", true),
        (ServiceScript::Masked, "inactive", "dead", "masked", false),
        (ServiceScript::Activating, "activating", "start", "loaded", false),
    ] {
        agent.set("nginx", script.clone());
        let answer = client.service("nginx").await.unwrap();
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
        let body = answer.json();
        assert_envelope(&body);
        assert_eq!(body["error"], Value::Null);
        let data = &body["data"];
        assert_eq!(data.as_object().unwrap().len(), 8);
        assert_eq!(
            (
                &data["name"],
                &data["active_state"],
                &data["sub_state"],
                &data["load_state"],
                &data["healthy"]
            ),
            (&json!("nginx.service"), &json!(active), &json!(sub), &json!(load), &json!(healthy)),
            "{script:?}"
        );
    }
    assert_eq!(agent.counters().connections_accepted, 1, "all on one connection");
}

#[tokio::test]
async fn an_alias_is_answered_under_its_real_name() {
    let (authority, agent) = agent().await;
    agent.set("sshd", ServiceScript::AliasOf("ssh.service".into()));
    let mut client = Client::agent(&authority, agent.addr()).await.unwrap();
    let body = client.service("sshd").await.unwrap().json();
    assert_eq!(
        (&body["data"]["name"], &body["data"]["healthy"]),
        (&json!("ssh.service"), &json!(true))
    );
}

#[tokio::test]
async fn names_without_a_script_are_judged_by_the_agents_rules() {
    let (authority, agent) = agent().await;
    let mut client = Client::agent(&authority, agent.addr()).await.unwrap();
    for (name, status, code, retryable) in [
        ("unknown", 404, "SERVICE_NOT_FOUND", false),
        ("a%2Fb", 400, "INVALID_SERVICE_NAME", false),
        ("%2e%2e", 400, "INVALID_SERVICE_NAME", false),
        ("a%20b", 500, "SERVICE_STATUS_ERROR", true),
        ("-x", 500, "SERVICE_STATUS_ERROR", true),
    ] {
        let answer = client.service(name).await.unwrap();
        let body = answer.json();
        assert_envelope(&body);
        assert_eq!(
            (answer.status, &body["success"], &body["data"]),
            (status, &json!(false), &Value::Null)
        );
        let error = &body["error"];
        assert_eq!(
            (&error["code"], &error["retryable"], &error["details"]),
            (&json!(code), &json!(retryable), &Value::Null)
        );
    }
}

#[tokio::test]
async fn strange_answers_are_as_strange_as_announced() {
    let (authority, agent) = agent().await;
    let mut client = Client::agent(&authority, agent.addr()).await.unwrap();
    let mut ask = async |script: ServiceScript| {
        agent.set("nginx", script);
        client.service("nginx").await.unwrap()
    };
    assert_eq!(ask(ServiceScript::DataNull).await.json()["data"], Value::Null);
    assert_eq!(ask(ServiceScript::DataArray).await.json()["data"], json!([]));
    assert!(ask(ServiceScript::HealthyMissing).await.json()["data"].get("healthy").is_none());
    assert_eq!(
        ask(ServiceScript::HealthyValue(json!("true"))).await.json()["data"]["healthy"],
        "true"
    );
    assert!(ask(ServiceScript::NameMissing).await.json()["data"].get("name").is_none());
    assert_eq!(ask(ServiceScript::NameValue(json!(""))).await.json()["data"]["name"], "");
    let answer = ask(ServiceScript::SuccessFalse).await;
    assert_eq!((answer.status, &answer.json()["success"]), (200, &json!(false)));
    let answer = ask(ServiceScript::ErrorStatusHealthy).await;
    assert_eq!((answer.status, &answer.json()["data"]["healthy"]), (500, &json!(true)));
    assert!(ask(ServiceScript::ExtraFields).await.json().as_object().unwrap().len() > 5);
    assert!(
        serde_json::from_slice::<Value>(&ask(ServiceScript::TruncatedJson).await.body).is_err()
    );
    let answer = ask(ServiceScript::HtmlBadGateway).await;
    assert_eq!((answer.status, answer.header("content-type")), (502, Some("text/html")));
    let huge = ask(ServiceScript::HugeBody(100_000)).await.json();
    assert_eq!(huge["data"]["padding"].as_str().unwrap().len(), 100_000);
    let raw = b"\xef\xbb\xbf{\"a\":1,\"a\":2} trailing".to_vec();
    assert_eq!(ask(ServiceScript::RawBody(raw.clone())).await.body, raw);
    let answer = ask(ServiceScript::MethodNotAllowed).await;
    assert_eq!((answer.status, answer.body.len()), (405, 0));
    assert!(answer.header("allow").is_some());
    assert_eq!(ask(ServiceScript::NotFoundPlain).await.body, b"");
    assert_eq!(ask(ServiceScript::Unauthorized).await.status, 401);
    assert_eq!(ask(ServiceScript::Forbidden).await.status, 403);
    let answer = ask(ServiceScript::Redirect("http://127.0.0.1:1/".into())).await;
    assert_eq!((answer.status, answer.header("location")), (302, Some("http://127.0.0.1:1/")));
    let answer = ask(ServiceScript::TooManyRequests { retry_after: 7 }).await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("7")));
    assert_eq!(answer.text(), "Rate limit exceeded. Retry after 7 seconds.");
    assert_eq!(ask(ServiceScript::DelayThenHealthy(Duration::from_millis(10))).await.status, 200);
    let interval = Duration::from_millis(1);
    assert_eq!(ask(ServiceScript::SlowHeaders(interval)).await.json()["data"]["healthy"], true);
    assert_eq!(ask(ServiceScript::SlowBody(interval)).await.json()["data"]["healthy"], true);
    let turns = ServiceScript::Sequence(vec![ServiceScript::BackendError, ServiceScript::Healthy]);
    assert_eq!(ask(turns).await.status, 500);
    assert_eq!(client.service("nginx").await.unwrap().status, 200);
    assert_eq!(client.service("nginx").await.unwrap().status, 200);
}

#[tokio::test]
async fn a_hang_ends_when_the_client_leaves() {
    let (authority, agent) = agent().await;
    agent.set("nginx", ServiceScript::Hang);
    let mut client = Client::agent(&authority, agent.addr()).await.unwrap();
    client.send("GET /api/v1/system/services/nginx HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert!(agent.wait_until(SOON, |counters| counters.requests == 1).await);
    assert_eq!(agent.counters().open_connections, 1);
    drop(client);
    assert!(agent.wait_until(SOON, |counters| counters.open_connections == 0).await);
}

#[tokio::test]
async fn reset_and_close_end_the_connection_without_an_answer() {
    let (authority, agent) = agent().await;
    for (script, kind) in [
        (ServiceScript::Reset, io::ErrorKind::ConnectionReset),
        (ServiceScript::CloseBeforeAnswer, io::ErrorKind::UnexpectedEof),
    ] {
        agent.set("nginx", script);
        let mut client = Client::agent(&authority, agent.addr()).await.unwrap();
        assert_eq!(client.service("nginx").await.err().unwrap().kind(), kind);
    }
}

#[tokio::test]
async fn the_limiter_answers_in_plain_text_after_thirty_requests() {
    let (authority, agent) = agent().await;
    // Nothing is regained during the test, however slow it is.
    agent.set_rate_limit(Some(RateLimit { per_second: 0.001, ..RateLimit::default() }));
    let mut client = Client::agent(&authority, agent.addr()).await.unwrap();
    for _ in 0..30 {
        assert_eq!(client.get("/api/v1/health").await.unwrap().status, 200);
    }
    let answer = client.get("/api/v1/health").await.unwrap();
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (429, Some("text/plain; charset=utf-8"))
    );
    let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!(seconds >= 1);
    assert_eq!(answer.text(), format!("Rate limit exceeded. Retry after {seconds} seconds."));
    for exempt in ["/health", "/api/v1/system/info"] {
        assert_eq!(client.get(exempt).await.unwrap().status, 200, "{exempt}");
    }
    assert_eq!(client.service("unknown").await.unwrap().status, 429);
    assert_eq!(agent.counters().rate_limited, 2);
    agent.set_rate_limit(None);
    assert_eq!(client.get("/api/v1/health").await.unwrap().status, 200);
}

#[tokio::test]
async fn unknown_paths_and_methods_are_405_with_allow_and_no_body() {
    let (authority, agent) = agent().await;
    let mut client = Client::agent(&authority, agent.addr()).await.unwrap();
    for path in ["/api/v1/nothing", "/api/v1/system/services/", "/api/v1/system/services/a/b"] {
        let answer = client.get(path).await.unwrap();
        assert_eq!((answer.status, answer.body.len()), (405, 0), "{path}");
        assert!(answer.header("allow").is_some());
    }
    client
        .send("POST /api/v1/health HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc")
        .await
        .unwrap();
    assert_eq!(client.answer().await.unwrap().status, 405);
    client.send("GET /health HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n").await.unwrap();
    assert_eq!(client.answer().await.unwrap().status, 400);
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_the_keep_alive_time() {
    let authority = Authority::new("ca");
    let keep_alive = Duration::from_millis(50);
    let agent = Agent::builder(&authority).with_keep_alive(keep_alive).start().await.unwrap();
    let mut client = Client::agent(&authority, agent.addr()).await.unwrap();
    assert_eq!(client.get("/health").await.unwrap().status, 200);
    assert_eq!(client.rest().await.unwrap(), b"");
}

#[tokio::test]
async fn a_slow_request_is_answered_with_408() {
    let authority = Authority::new("ca");
    let agent = Agent::builder(&authority)
        .with_head_limit(Duration::from_millis(50))
        .start()
        .await
        .unwrap();
    let mut client = Client::agent(&authority, agent.addr()).await.unwrap();
    client.send("GET /health HT").await.unwrap();
    assert_eq!(client.answer().await.unwrap().status, 408);
}

#[tokio::test]
async fn a_paused_agent_refuses_connections_and_comes_back_at_its_port() {
    let (authority, agent) = agent().await;
    agent.set("nginx", ServiceScript::Healthy);
    let mut before = Client::agent(&authority, agent.addr()).await.unwrap();
    assert_eq!(before.service("nginx").await.unwrap().status, 200);
    agent.pause().await;
    assert_eq!(agent.counters().open_connections, 0);
    let refused = Client::agent(&authority, agent.addr()).await.err().unwrap();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    assert!(before.service("nginx").await.is_err());
    agent.resume().unwrap();
    let mut after = Client::agent(&authority, agent.addr()).await.unwrap();
    assert_eq!(after.service("nginx").await.unwrap().status, 200);
    agent.restart().await.unwrap();
    assert!(after.service("nginx").await.is_err());
    let mut again = Client::agent(&authority, agent.addr()).await.unwrap();
    assert_eq!(again.service("nginx").await.unwrap().status, 200);
    agent.stop().await;
    assert!(Client::agent(&authority, agent.addr()).await.is_err());
}

#[tokio::test]
async fn a_restart_mid_request_breaks_every_connection_and_then_answers() {
    let (authority, agent) = agent().await;
    agent.set("nginx", ServiceScript::RestartMidRequest { down_for: Duration::from_millis(20) });
    let mut bystander = Client::agent(&authority, agent.addr()).await.unwrap();
    assert_eq!(bystander.get("/health").await.unwrap().status, 200);
    let mut client = Client::agent(&authority, agent.addr()).await.unwrap();
    assert!(client.service("nginx").await.is_err());
    assert!(bystander.get("/health").await.is_err());
    let answer = tokio::time::timeout(SOON, async {
        loop {
            if let Ok(mut client) = Client::agent(&authority, agent.addr()).await {
                return client.service("nginx").await;
            }
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(answer.await.unwrap().unwrap().status, 200);
}

#[tokio::test]
async fn a_dropped_agent_ends_its_connections() {
    let (authority, agent) = agent().await;
    let address = agent.addr();
    let mut client = Client::agent(&authority, address).await.unwrap();
    assert_eq!(client.get("/health").await.unwrap().status, 200);
    drop(agent);
    assert!(client.rest().await.is_err(), "the end comes without close_notify");
    assert!(Client::agent(&authority, address).await.is_err());
}

#[tokio::test]
async fn forty_agents_run_side_by_side() {
    let authority = Authority::new("ca");
    let mut agents = Vec::new();
    for _ in 0..40 {
        agents.push(
            Agent::builder(&authority)
                .with_default_service(ServiceScript::Healthy)
                .start()
                .await
                .unwrap(),
        );
    }
    for agent in &agents {
        let mut client = Client::agent(&authority, agent.addr()).await.unwrap();
        assert_eq!(client.service("any").await.unwrap().status, 200);
    }
    assert!(agents.iter().all(|agent| agent.counters().requests == 1));
}
