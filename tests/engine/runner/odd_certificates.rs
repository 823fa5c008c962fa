//! Handshakes that fail for reasons that people meet, each with a sentence that helps (F196).

use healthgate::model::ReasonCode;
use healthgate_testkit::{Agent, ServiceScript as Script, TlsMode, WebScript, WebTarget};

use crate::runner::support::{Bench, names};

async fn target(bench: &Bench, mode: TlsMode) -> WebTarget {
    let builder = WebTarget::builder().with_tls(&bench.authority, mode);
    builder.with_path("/", WebScript::ok("fine")).start().await.unwrap()
}

/// F196: each fault is told in a sentence that says what to do.
#[tokio::test]
async fn f196_a_failed_handshake_says_what_to_do() {
    let bench = Bench::new();
    for (mode, expected, part) in [
        (TlsMode::Sha1Signature, ReasonCode::TlsUntrusted, "have it issued again with SHA-256"),
        (TlsMode::NothingInCommon, ReasonCode::TlsOther, "RSA key exchange alone"),
        (TlsMode::PlainHttp, ReasonCode::TlsOther, "use `http://`"),
        (TlsMode::OtherAuthority, ReasonCode::TlsUntrusted, "add the authority"),
        (TlsMode::SelfSigned, ReasonCode::TlsUntrusted, "add the authority"),
        (TlsMode::Expired, ReasonCode::TlsExpired, "renew it"),
        (TlsMode::NotYetValid, ReasonCode::TlsNotYetValid, "compare the clocks"),
    ] {
        let web = target(&bench, mode).await;
        let url = format!("https://{}/", web.addr());
        let (reason, detail) = bench.get(&url, "fine").await;
        assert_eq!(reason, expected, "{mode:?}: {detail}");
        assert!(detail.contains(part) && detail.len() < 300, "{mode:?}: {detail}");
    }
    for (mode, part) in [
        (TlsMode::Sha1Signature, "SHA-256"),
        (TlsMode::NothingInCommon, "in common"),
        (TlsMode::PlainHttp, "does not speak TLS"),
    ] {
        let builder = Agent::builder(&bench.authority).with_tls(mode);
        let agent = builder.with_service("unit", Script::Healthy).start().await.unwrap();
        let outcome = bench.unit(&agent, "unit").await;
        assert!(outcome.detail.to_string().contains(part), "{mode:?}: {}", outcome.detail);
    }
}

/// F196: a self-signed certificate that is marked as an authority is told as one, and works where
/// exactly it is given as an extra authority: for its names and while it is valid.
#[tokio::test]
async fn f196_a_pinned_self_signed_certificate_works() {
    let bench = Bench::new();
    let pinned = |web: &WebTarget| {
        let pem = web.identity().unwrap().cert_pem.into_bytes();
        let known = names(&[("other.example", &[&["127.0.0.1"]])]);
        Bench::with(|config| {
            config.extra_authorities = Some(pem);
            config.resolver = known;
        })
    };
    let web = target(&bench, TlsMode::SelfSignedAuthority).await;
    let (reason, detail) = bench.get(&web.url("/"), "fine").await;
    assert_eq!(reason, ReasonCode::TlsUntrusted, "{detail}");
    assert_eq!(pinned(&web).get(&web.url("/"), "fine").await.0, ReasonCode::Ok);
    let (reason, detail) = pinned(&web).get(&web.url_with_host("other.example", "/"), "fine").await;
    assert_eq!(reason, ReasonCode::TlsName, "{detail}");

    let twin = target(&bench, TlsMode::SelfSignedAuthority).await;
    let (reason, detail) = pinned(&twin).get(&web.url("/"), "fine").await;
    assert_eq!(reason, ReasonCode::TlsUntrusted, "another one with the same names: {detail}");

    let expired = target(&bench, TlsMode::ExpiredSelfSignedAuthority).await;
    let (reason, detail) = pinned(&expired).get(&expired.url("/"), "fine").await;
    assert_eq!(reason, ReasonCode::TlsExpired, "{detail}");

    let plain = target(&bench, TlsMode::SelfSigned).await;
    assert_eq!(pinned(&plain).get(&plain.url("/"), "fine").await.0, ReasonCode::Ok);
}

/// F196: the certificate of an authority whose own leaf is asked for is told apart, with the way out.
#[tokio::test]
async fn f196_an_authoritys_certificate_as_a_servers_is_told() {
    let bench = Bench::new();
    let first = target(&bench, TlsMode::SelfSignedAuthority).await;
    let pem = first.identity().unwrap().cert_pem.into_bytes();
    let pinning = Bench::with(|config| config.extra_authorities = Some(pem));
    let outcome = pinning.get(&first.url("/"), "fine").await;
    assert_eq!(outcome.0, ReasonCode::Ok, "{}", outcome.1);
    let agent = Agent::builder(&bench.authority).with_tls(TlsMode::SelfSignedAuthority);
    let agent = agent.with_service("unit", Script::Healthy).start().await.unwrap();
    let outcome = bench.unit(&agent, "unit").await;
    assert_eq!(outcome.reason, ReasonCode::TlsUntrusted, "{}", outcome.detail);
    assert!(outcome.detail.to_string().contains("CA:TRUE"), "{}", outcome.detail);
}
