//! Metrics and readiness: where they are shown, and to whom.

use std::net::TcpListener;

use serde_json::json;

use crate::{
    client::Api,
    manager::{Kind, Setup, checks_of, sha256},
};

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// F274: with a listener of their own, health and metrics are shown there alone, and only to who has the token;
/// no check reaches that listener either.
#[tokio::test(flavor = "multi_thread")]
async fn f274_metrics_are_shown_on_their_own_listener_with_a_token() {
    let setup = Setup::new(Kind::Sqlite).await;
    let port = free_port();
    let monitoring = format!(
        "[monitoring]\nlisten = \"127.0.0.1:{port}\"\ntoken_sha256 = \"{}\"\n[http_checks]",
        sha256("the token of monitoring")
    );
    setup.write("manager.toml", &setup.configuration().replace("[http_checks]", &monitoring));
    let manager = setup.start("serve");
    let ada = setup.client(&manager, "ada");
    let at = |token: Option<&str>| Api {
        base: format!("http://127.0.0.1:{port}"),
        token: token.map(str::to_owned),
        ..ada.clone()
    };
    for path in ["/metrics", "/readyz"] {
        ada.get(path).await.problem(404, "not_found");
        at(None).get(path).await.problem(401, "unauthenticated");
        at(Some("another token")).get(path).await.problem(401, "unauthenticated");
        // A user's token is none of monitoring.
        at(ada.token.as_deref()).get(path).await.problem(401, "unauthenticated");
    }
    let watcher = at(Some("the token of monitoring"));
    watcher.until("/readyz", |report| report["status"] == "ready").await;
    let metrics = watcher.get("/metrics").await;
    assert_eq!(metrics.status, 200);
    assert!(metrics.text.contains("healthgate_"), "{}", metrics.text);
    for alive in [&ada, &at(None)] {
        assert_eq!(alive.get("/healthz").await.text, "ok\n");
    }
    // Nothing of the site is there.
    for path in ["/", "/api/v1/hosts", "/api/v1/me"] {
        assert_eq!(watcher.get(path).await.status, 404, "{path}");
    }
    let url = format!("http://127.0.0.1:{port}/metrics");
    let check = json!({"name": "n", "check_type": "http", "url": url, "expected_body": "x"});
    let tested = ada.post(&format!("{}/test", checks_of(setup.hosts[0])), check).await.expect(200);
    assert_eq!(tested["reason"], "destination_refused");
}

/// F274: without a listener of its own, a token is asked for as well; what is no hash is refused.
#[tokio::test]
async fn f274_a_token_alone_guards_metrics_too() {
    let setup = Setup::new(Kind::Sqlite).await;
    let with = |hash: &str| {
        let monitoring = format!("[monitoring]\ntoken_sha256 = \"{hash}\"\n[http_checks]");
        setup.write("manager.toml", &setup.configuration().replace("[http_checks]", &monitoring));
    };
    with("secret");
    let refused = setup.configured("check-config");
    assert!(!refused.success && refused.stderr.contains("token_sha256"), "{refused:?}");
    assert!(!refused.stderr.contains("secret"), "what may be a secret is not shown");
    with(&sha256("m"));
    let manager = setup.start("serve");
    let ada = setup.client(&manager, "ada");
    ada.get("/metrics").await.problem(401, "unauthenticated");
    let watcher = Api { token: Some("m".to_owned()), ..ada };
    assert_eq!(watcher.get("/metrics").await.status, 200);
}
