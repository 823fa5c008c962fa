//! What is made of a web service's answer.

use std::time::{Duration, Instant};

use healthgate::model::ReasonCode;
use healthgate_testkit::{BlackHole, TlsMode, WebScript, WebTarget};
use serde_json::json;

use crate::runner::support::{Bench, TIMEOUT, names};

async fn reason(script: WebScript, expected: &str) -> ReasonCode {
    let target = WebTarget::builder().with_path("/", script).start().await.unwrap();
    Bench::new().get(&target.url("/"), expected).await.0
}

#[tokio::test]
async fn status_and_body_decide() {
    let ok = || WebScript::ok("all is well");
    assert_eq!(reason(ok(), "").await, ReasonCode::Ok);
    assert_eq!(reason(ok(), "is well").await, ReasonCode::Ok);
    assert_eq!(reason(ok(), "is ill").await, ReasonCode::BodyMismatch);
    assert_eq!(reason(WebScript::status(503), "").await, ReasonCode::Status);
    assert_eq!(reason(WebScript::status(404), "x").await, ReasonCode::Status);
    assert_eq!(reason(WebScript::ok(""), "x").await, ReasonCode::BodyMissing);
    assert_eq!(reason(WebScript::Empty(204), "x").await, ReasonCode::BodyMissing);
    assert_eq!(reason(WebScript::Empty(204), "").await, ReasonCode::Ok);
    assert_eq!(reason(WebScript::Empty(304), "x").await, ReasonCode::Status);
}

/// F99: a match across the border of two chunks on the wire counts.
#[tokio::test]
async fn f99_a_match_across_chunks_counts() {
    let script = || WebScript::chunked(&[b"status: all g", b"o", b"od, really"]);
    assert_eq!(reason(script(), "all good").await, ReasonCode::Ok);
    assert_eq!(reason(script(), "all god").await, ReasonCode::BodyMismatch);
}

/// F91: an endless body is read up to the cap, and a lie about the length changes nothing.
#[tokio::test]
async fn f91_a_body_is_read_up_to_its_cap_alone() {
    assert_eq!(reason(WebScript::EndlessBody, "never there").await, ReasonCode::BodyTooLarge);
    let lie = WebScript::ContentLengthLie { announced: 1 << 30, sent: 1 << 20 };
    assert_eq!(reason(lie, "never there").await, ReasonCode::BodyTooLarge);
    assert_eq!(reason(WebScript::EndlessBody, "").await, ReasonCode::Ok);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_told_from_one_that_does_not_match() {
    let cut = |body: &[u8]| WebScript::Truncated { announced: 1_000, sent: body.to_vec() };
    assert_eq!(reason(cut(b"half of"), "the whole").await, ReasonCode::BodyTruncated);
    assert_eq!(
        reason(cut(b"the whole"), "the whole").await,
        ReasonCode::Ok,
        "found before it broke"
    );
}

/// F92: no encoding is asked for, and none is decoded.
#[tokio::test]
async fn f92_an_encoded_body_is_refused_and_its_status_still_counts() {
    assert_eq!(reason(WebScript::gzip(b"all good"), "all good").await, ReasonCode::EncodingRefused);
    assert_eq!(reason(WebScript::gzip(b"all good"), "").await, ReasonCode::Ok);
}

/// F89, F90, H12: one deadline over all phases, and the reason names the phase.
#[tokio::test]
async fn f89_f90_time_runs_out_in_the_phase_that_is_named() {
    let pace = Duration::from_millis(50);
    let silent = BlackHole::start().await.unwrap();
    let authority = healthgate_testkit::Authority::new("other");
    let hang =
        WebTarget::builder().with_tls(&authority, TlsMode::HangInHandshake).start().await.unwrap();
    let web = WebTarget::builder()
        .with_path("/head", WebScript::SlowHead(pace))
        .with_path("/body", WebScript::SlowBody(pace))
        .with_path("/hang", WebScript::Hang)
        .with_path("/1xx", WebScript::InformationalFlood)
        .start()
        .await
        .unwrap();
    let bench = Bench::with(|config| config.resolver = names(&[]));
    for (url, expected) in [
        ("http://slow.example/".to_owned(), ReasonCode::TimeoutDns),
        (format!("http://{}/", silent.addr()), ReasonCode::TimeoutConnect),
        (hang.url("/"), ReasonCode::TimeoutConnect),
        (web.url("/head"), ReasonCode::TimeoutHead),
        (web.url("/hang"), ReasonCode::TimeoutHead),
        (web.url("/1xx"), ReasonCode::TimeoutHead),
        (web.url("/body"), ReasonCode::TimeoutBody),
    ] {
        let started = Instant::now();
        let (reason, detail) = bench.get(&url, "never there").await;
        assert_eq!(reason, expected, "{url}: {detail}");
        assert!(started.elapsed() >= TIMEOUT && started.elapsed() < TIMEOUT * 3, "{url}");
    }
}

/// A service that answers late but in time is healthy: no phase has a shorter limit.
#[tokio::test]
async fn h12_a_slow_answer_within_the_deadline_is_healthy() {
    let late = WebScript::ok("fine").with_delay(TIMEOUT / 2);
    assert_eq!(reason(late, "fine").await, ReasonCode::Ok);
}

/// F101, F102: what is no sound answer is told apart from a service that is ill.
#[tokio::test]
async fn f101_f102_broken_answers_are_not_observations() {
    for script in [
        WebScript::Headers(10_000),
        WebScript::Raw(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
        WebScript::Close,
    ] {
        let reason = reason(script, "").await;
        assert!(!reason.observed() && reason != ReasonCode::Internal, "{reason}");
    }
    let flood = reason(WebScript::HeaderFlood, "").await;
    assert!(!flood.observed(), "{flood}");
    assert_eq!(reason(WebScript::Reset, "").await, ReasonCode::Connect);
    let switching = reason(WebScript::SwitchingProtocols, "").await;
    assert_ne!(switching, ReasonCode::Ok);
    assert_eq!(reason(WebScript::Informational(3), "").await, ReasonCode::Ok, "a few are skipped");
    assert_eq!(
        reason(WebScript::ChunkExtensions(b"all good".to_vec()), "good").await,
        ReasonCode::Ok
    );
}

/// F104, F116: each fault of a certificate has its own reason, and tolerance is for one check alone.
#[tokio::test]
async fn f104_f105_certificates_are_judged_unless_the_check_says_otherwise() {
    let bench = Bench::new();
    for (mode, expected) in [
        (TlsMode::Normal, ReasonCode::Ok),
        (TlsMode::Expired, ReasonCode::TlsExpired),
        (TlsMode::NotYetValid, ReasonCode::TlsNotYetValid),
        (TlsMode::WrongSan, ReasonCode::TlsName),
        (TlsMode::OtherAuthority, ReasonCode::TlsUntrusted),
        (TlsMode::SelfSigned, ReasonCode::TlsUntrusted),
    ] {
        let builder = WebTarget::builder().with_tls(&bench.authority, mode);
        let target = builder.with_path("/", WebScript::ok("fine")).start().await.unwrap();
        let strict = || bench.http(&target.url("/"), "fine");
        let mut tolerant = strict();
        tolerant.definition.ignore_cert_errors = true;
        assert_eq!(bench.ask(strict()).await.reason, expected, "{mode:?}");
        assert_eq!(bench.ask(tolerant).await.reason, ReasonCode::Ok, "{mode:?}, tolerated");
        assert_eq!(bench.ask(strict()).await.reason, expected, "{mode:?}, strict again");
        assert_eq!(target.counters().http2_connections, 0, "F103");
        assert_eq!(target.counters().handshakes_resumed, 0, "H5");
    }
}

/// H2, H7, H13: exactly these headers, a connection each, and credentials right away.
#[tokio::test]
async fn h2_h7_h13_requests_carry_exactly_what_they_should() {
    let target = WebTarget::builder()
        .with_path("/", WebScript::basic_auth("u", "", "in"))
        .with_path("/open", WebScript::ok("in"))
        .start()
        .await
        .unwrap();
    let bench = Bench::new();
    assert_eq!(bench.get(&target.url("/open?a=b"), "in").await.0, ReasonCode::Ok);
    let body = |user: &str, password: &str| {
        json!({"name": "web", "check_type": "http", "url": target.url("/"), "expected_body": "in",
               "basic_auth_user": user, "basic_auth_pass": password})
    };
    let mut without = body("u", "");
    without.as_object_mut().unwrap().remove("basic_auth_pass");
    assert_eq!(
        bench.ask(bench.check(without)).await.reason,
        ReasonCode::Ok,
        "sent as an empty one"
    );
    assert_eq!(bench.ask(bench.check(body("u", ""))).await.reason, ReasonCode::Ok);
    assert_eq!(bench.ask(bench.check(body("u", "x"))).await.reason, ReasonCode::Status);
    let requests = target.requests();
    let names = |index: usize| {
        let headers = &requests[index].headers;
        let mut names: Vec<_> = headers.iter().map(|(name, _)| name.clone()).collect();
        names.sort();
        names
    };
    let plain = ["accept", "accept-encoding", "connection", "host", "user-agent"];
    assert_eq!(names(0), plain);
    assert_eq!(
        names(1),
        ["accept", "accept-encoding", "authorization", "connection", "host", "user-agent"]
    );
    assert_eq!(requests[0].header("accept-encoding"), Some("identity"));
    assert_eq!(requests[0].header("connection"), Some("close"));
    assert!(requests[0].header("user-agent").unwrap().starts_with("healthgate/"));
    assert!(requests.iter().all(|request| request.method == "GET"));
    assert_eq!(target.counters().connections_accepted, 4);
}
