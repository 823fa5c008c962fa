//! Where a check goes, and where it never does.

use std::{process::Command, sync::Arc};

use healthgate::{checks::DestinationPolicy, model::ReasonCode};
use healthgate_testkit::{Recorder, WebScript, WebTarget};
use serde_json::json;

use crate::runner::support::{Bench, names};

/// F93, F94: no redirect leads away from the origin, and no request follows one that does.
#[tokio::test]
async fn f93_f94_a_redirect_leads_nowhere_else() {
    let other = Recorder::start().await.unwrap();
    let target = WebTarget::builder()
        .with_path("/away", WebScript::redirect(&format!("{}/steal?x=1", other.url())))
        .with_path("/file", WebScript::redirect("file:///etc/passwd"))
        .with_path("/gopher", WebScript::redirect("gopher://127.0.0.1/"))
        .with_path("/metadata", WebScript::redirect("http://169.254.169.254/latest"))
        .with_path("/loop", WebScript::RedirectLoop)
        .with_path("/here", WebScript::redirect("/there"))
        .with_path("/there", WebScript::ok("arrived"))
        .start()
        .await
        .unwrap();
    let bench = Bench::new();
    for path in ["/away", "/file", "/gopher", "/metadata", "/loop"] {
        let (reason, detail) = bench.get(&target.url(path), "").await;
        assert_eq!(reason, ReasonCode::RedirectRefused, "{path}: {detail}");
        assert!(!detail.contains("steal") && !detail.contains("x=1"), "{detail}");
    }
    let with_password = json!({"name": "web", "check_type": "http", "url": target.url("/away"),
        "expected_body": "", "basic_auth_user": "u", "basic_auth_pass": "secret"});
    let outcome = bench.ask(bench.check(with_password)).await;
    assert_eq!(outcome.reason, ReasonCode::RedirectRefused);
    assert_eq!(bench.get(&target.url("/here"), "arrived").await.0, ReasonCode::Ok);
    assert_eq!(other.connections(), 0, "the other origin was never asked");
    let hops = target.requests().iter().filter(|request| request.target == "/loop").count();
    assert_eq!(hops, 6, "one request and five redirects");
}

/// F96: what the policy refuses is not connected to, written as an address or as a name.
#[tokio::test]
async fn f96_a_refused_destination_is_never_connected_to() {
    let target = WebTarget::builder().with_path("/", WebScript::ok("in")).start().await.unwrap();
    let port = target.addr().port();
    let bench = Bench::with(|config| {
        config.destinations = DestinationPolicy::default();
        config.resolver = names(&[("a.example", &[&["127.0.0.1", "::1"]])]);
    });
    for host in ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "0x7f.1", "2130706433", "a.example"] {
        let (reason, detail) = bench.get(&format!("http://{host}:{port}/"), "").await;
        assert_eq!(reason, ReasonCode::DestinationRefused, "{host}");
        assert!(!detail.contains("127.0.0.1"), "coarse on purpose: {detail}");
    }
    assert_eq!(target.counters().connections_accepted, 0);
}

/// F95: a name is resolved once for each hop, denied answers are dropped, and the address that was
/// judged is the one that is dialled.
#[tokio::test]
async fn f95_a_name_that_changes_its_mind_gains_nothing() {
    let target = WebTarget::builder().with_path("/", WebScript::ok("in")).start().await.unwrap();
    let url = format!("http://a.example:{}/", target.addr().port());
    let policy = DestinationPolicy {
        allowed: vec!["127.0.0.1/32".parse().unwrap()],
        ..DestinationPolicy::default()
    };
    // The first answer is the target; whatever is resolved a second time would be refused.
    let resolver = names(&[("a.example", &[&["127.0.0.9", "127.0.0.1"], &["127.0.0.9"]])]);
    let bench = Bench::with(|config| {
        config.destinations = policy;
        config.resolver = resolver.clone();
    });
    assert_eq!(bench.get(&url, "in").await.0, ReasonCode::Ok);
    assert_eq!(bench.get(&url, "in").await.0, ReasonCode::DestinationRefused);
    assert_eq!(target.counters().connections_accepted, 1);
    assert_eq!(bench.get("http://unknown.example/", "").await.0, ReasonCode::Dns);
}

#[tokio::test]
async fn h1_ports_that_speak_no_http_are_refused() {
    let bench = Bench::new();
    for port in [22, 25, 5432, 6379, 11211] {
        let (reason, _) = bench.get(&format!("http://127.0.0.1:{port}/"), "").await;
        assert_eq!(reason, ReasonCode::DestinationRefused, "{port}");
    }
}

/// F106: the environment's proxies are ignored. They are set for a process of its own.
#[tokio::test]
async fn f106_proxies_of_the_environment_are_ignored() {
    let proxy = Recorder::start().await.unwrap();
    let target = WebTarget::builder().with_path("/", WebScript::ok("in")).start().await.unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "runner::http_policy::child_asks_with_proxies_set"]);
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
    {
        command.env(name, proxy.url());
    }
    command.env("TARGET", target.url("/")).env_remove("NO_PROXY").env_remove("no_proxy");
    let child = tokio::task::spawn_blocking(move || command.output());
    let output = child.await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!((proxy.connections(), target.counters().requests), (0, 1));
}

#[tokio::test]
#[ignore = "a process of f106: it needs the environment that its parent gives"]
async fn child_asks_with_proxies_set() {
    let url = std::env::var("TARGET").unwrap();
    let outcome = Arc::new(Bench::new()).get(&url, "in").await;
    assert_eq!(outcome.0, ReasonCode::Ok, "{}", outcome.1);
}
