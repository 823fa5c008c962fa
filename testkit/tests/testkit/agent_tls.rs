//! What happens before HTTP: handshakes, refusals and every mode.

use std::io;
use std::time::Duration;

use crate::common::{Client, SOON, config, tls};
use healthgate_testkit::{Agent, Authority, ClientRefusal, ServerCertSpec, ServiceScript, TlsMode};
use rustls::{AlertDescription, CertificateError, ClientConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn rustls_error(error: &io::Error) -> &rustls::Error {
    error
        .get_ref()
        .and_then(|inner| inner.downcast_ref())
        .unwrap_or_else(|| panic!("not from rustls: {error:?}"))
}

/// With TLS 1.3 the client finishes first, so the server's refusal arrives with the first read.
async fn alert_after_handshake(
    authority: &Authority,
    agent: &Agent,
    with_certificate: bool,
) -> AlertDescription {
    let identity = with_certificate.then(|| authority.issue_client("manager"));
    let mut stream = tls(agent.addr(), config(authority, identity.as_ref())).await.unwrap();
    let error = stream.read_u8().await.unwrap_err();
    match rustls_error(&error) {
        rustls::Error::AlertReceived(alert) => *alert,
        other => panic!("no alert: {other:?}"),
    }
}

async fn certificate_error(authority: &Authority, mode: TlsMode) -> CertificateError {
    let agent = Agent::builder(authority).with_tls(mode).start().await.unwrap();
    let identity = authority.issue_client("manager");
    let error = tls(agent.addr(), config(authority, Some(&identity))).await.unwrap_err();
    assert!(agent.wait_until(SOON, |counters| counters.handshakes_failed == 1).await);
    match rustls_error(&error) {
        rustls::Error::InvalidCertificate(error) => error.clone(),
        other => panic!("no certificate error: {other:?}"),
    }
}

#[tokio::test]
async fn a_client_certificate_of_the_authority_is_accepted() {
    let authority = Authority::new("ca");
    let agent = Agent::builder(&authority)
        .with_service("nginx", ServiceScript::Healthy)
        .start()
        .await
        .unwrap();
    let mut client = Client::agent(&authority, agent.addr()).await.unwrap();
    assert_eq!(client.service("nginx").await.unwrap().status, 200);
    let requests = agent.requests();
    assert_eq!(requests[0].target, "/api/v1/system/services/nginx");
    assert_eq!(requests[0].alpn.as_deref(), Some("http/1.1"));
    assert_eq!(requests[0].tls_version.as_deref(), Some("TLSv1_3"));
    assert_eq!(requests[0].header("host"), Some("test"));
    assert_eq!(agent.counters().handshakes_completed, 1);
}

#[tokio::test]
async fn no_client_certificate_is_an_alert_and_no_http() {
    let authority = Authority::new("ca");
    let agent = Agent::builder(&authority).start().await.unwrap();
    assert_eq!(
        alert_after_handshake(&authority, &agent, false).await,
        AlertDescription::CertificateRequired
    );
    assert!(agent.wait_until(SOON, |counters| counters.handshakes_failed == 1).await);
    assert_eq!(agent.counters().handshakes_completed, 0);
    assert_eq!(agent.counters().requests, 0);
}

#[tokio::test]
async fn a_client_certificate_of_another_authority_is_refused() {
    let authority = Authority::new("ca");
    let agent = Agent::builder(&authority).start().await.unwrap();
    let stranger = Authority::new("stranger").issue_client("manager");
    let mut stream = tls(agent.addr(), config(&authority, Some(&stranger))).await.unwrap();
    let error = stream.read_u8().await.unwrap_err();
    assert!(matches!(rustls_error(&error), rustls::Error::AlertReceived(_)), "{error:?}");
}

#[tokio::test]
async fn tls_1_2_is_refused() {
    let authority = Authority::new("ca");
    let agent = Agent::builder(&authority).start().await.unwrap();
    let identity = authority.issue_client("manager");
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let old = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_root_certificates(authority.roots())
        .with_client_auth_cert(identity.chain.clone(), identity.key())
        .unwrap();
    let error = tls(agent.addr(), old).await.unwrap_err();
    assert_eq!(
        *rustls_error(&error),
        rustls::Error::AlertReceived(AlertDescription::ProtocolVersion)
    );
}

#[tokio::test]
async fn a_client_that_chooses_http2_is_counted_and_closed() {
    let authority = Authority::new("ca");
    let agent = Agent::builder(&authority).start().await.unwrap();
    let identity = authority.issue_client("manager");
    let mut both = authority.client_config(Some(&identity));
    both.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let mut stream = tls(agent.addr(), both).await.unwrap();
    assert_eq!(stream.read(&mut [0; 16]).await.unwrap(), 0);
    assert_eq!(agent.counters().http2_connections, 1);
}

#[tokio::test]
async fn a_refused_client_receives_the_alert_of_the_mode() {
    let authority = Authority::new("ca");
    let agent = Agent::builder(&authority).start().await.unwrap();
    for (refusal, alert) in [
        (ClientRefusal::Revoked, AlertDescription::CertificateRevoked),
        (ClientRefusal::UnknownAuthority, AlertDescription::UnknownCA),
        (ClientRefusal::Expired, AlertDescription::CertificateExpired),
    ] {
        agent.set_tls(TlsMode::RefuseClient(refusal));
        assert_eq!(alert_after_handshake(&authority, &agent, true).await, alert);
    }
    assert_eq!(agent.counters().requests, 0);
}

#[tokio::test]
async fn a_wrong_name_is_refused_by_the_client() {
    let error = certificate_error(&Authority::new("ca"), TlsMode::WrongSan).await;
    assert!(
        matches!(
            error,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_expired_certificate_is_refused_by_the_client() {
    let error = certificate_error(&Authority::new("ca"), TlsMode::Expired).await;
    assert!(
        matches!(error, CertificateError::Expired | CertificateError::ExpiredContext { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_certificate_of_tomorrow_is_refused_by_the_client() {
    let error = certificate_error(&Authority::new("ca"), TlsMode::NotYetValid).await;
    assert!(
        matches!(
            error,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn another_authority_and_a_self_signed_certificate_are_unknown_issuers() {
    let authority = Authority::new("ca");
    for mode in [TlsMode::OtherAuthority, TlsMode::SelfSigned] {
        assert_eq!(certificate_error(&authority, mode).await, CertificateError::UnknownIssuer);
    }
}

#[tokio::test]
async fn the_identity_tells_the_times_of_the_certificate() {
    let authority = Authority::new("ca");
    let agent = Agent::builder(&authority).with_tls(TlsMode::Expired).start().await.unwrap();
    assert!(agent.identity().unwrap().not_after < chrono::Utc::now());
    agent.set_tls(TlsMode::NotYetValid);
    assert!(agent.identity().unwrap().not_before > chrono::Utc::now());
}

#[tokio::test]
async fn a_certificate_for_a_name_only_is_refused_for_the_address() {
    let authority = Authority::new("ca");
    let certificate = ServerCertSpec::new("host b").with_dns("host-b.example");
    let agent = Agent::builder(&authority).with_certificate(certificate).start().await.unwrap();
    let identity = authority.issue_client("manager");
    let error = tls(agent.addr(), config(&authority, Some(&identity))).await.unwrap_err();
    assert!(matches!(rustls_error(&error), rustls::Error::InvalidCertificate(_)));
}

#[tokio::test]
async fn a_silent_drop_accepts_and_never_sends() {
    let authority = Authority::new("ca");
    let agent =
        Agent::builder(&authority).with_tls(TlsMode::SilentDropAfterAccept).start().await.unwrap();
    let mut stream = TcpStream::connect(agent.addr()).await.unwrap();
    stream.write_all(b"hello").await.unwrap();
    assert!(agent.wait_until(SOON, |counters| counters.open_connections == 1).await);
    let silence = tokio::time::timeout(Duration::from_millis(200), stream.read_u8()).await;
    assert!(silence.is_err(), "something was sent: {silence:?}");
    drop(stream);
    assert!(agent.wait_until(SOON, |counters| counters.open_connections == 0).await);
}

#[tokio::test]
async fn a_hanging_handshake_begins_and_never_ends() {
    let authority = Authority::new("ca");
    let agent =
        Agent::builder(&authority).with_tls(TlsMode::HangInHandshake).start().await.unwrap();
    let mut stream = TcpStream::connect(agent.addr()).await.unwrap();
    stream.write_all(b"hello").await.unwrap();
    let mut begin = [0; 5];
    stream.read_exact(&mut begin).await.unwrap();
    assert_eq!(begin[0], 0x16);
    assert!(tokio::time::timeout(Duration::from_millis(200), stream.read_u8()).await.is_err());
    assert_eq!(agent.counters().open_connections, 1);
}

#[tokio::test]
async fn close_after_accept_ends_the_connection_before_tls() {
    let authority = Authority::new("ca");
    let agent =
        Agent::builder(&authority).with_tls(TlsMode::CloseAfterAccept).start().await.unwrap();
    let mut stream = TcpStream::connect(agent.addr()).await.unwrap();
    assert_eq!(stream.read(&mut [0; 16]).await.unwrap(), 0);
}

#[tokio::test]
async fn plain_http_is_served_without_tls() {
    let authority = Authority::new("ca");
    let agent = Agent::builder(&authority)
        .with_tls(TlsMode::PlainHttp)
        .with_service("nginx", ServiceScript::Healthy)
        .start()
        .await
        .unwrap();
    assert_eq!(
        Client::plain(agent.addr()).await.unwrap().service("nginx").await.unwrap().status,
        200
    );
    let error = Client::agent(&authority, agent.addr()).await.err().unwrap();
    assert!(matches!(rustls_error(&error), rustls::Error::InvalidMessage(_)), "{error:?}");
}

#[tokio::test]
async fn a_denied_address_gets_403_in_json_for_everything() {
    let authority = Authority::new("ca");
    let agent = Agent::builder(&authority)
        .with_tls(TlsMode::AuthzIpDenied)
        .with_service("nginx", ServiceScript::Healthy)
        .start()
        .await
        .unwrap();
    let mut client = Client::agent(&authority, agent.addr()).await.unwrap();
    for path in ["/api/v1/system/services/nginx", "/health"] {
        let answer = client.get(path).await.unwrap();
        assert_eq!(answer.status, 403);
        assert_eq!(answer.json()["error"]["code"], "AUTHZ_IP_DENIED");
    }
}

#[tokio::test]
async fn a_session_is_resumed_within_a_mode_and_not_across_modes() {
    let authority = Authority::new("ca");
    let agent = Agent::builder(&authority)
        .with_service("nginx", ServiceScript::Healthy)
        .start()
        .await
        .unwrap();
    let identity = authority.issue_client("manager");
    let shared = config(&authority, Some(&identity));
    for _ in 0..2 {
        let mut client =
            Client { stream: Box::new(tls(agent.addr(), shared.clone()).await.unwrap()) };
        assert_eq!(client.service("nginx").await.unwrap().status, 200);
    }
    assert_eq!(agent.counters().handshakes_resumed, 1);
    agent.set_tls(TlsMode::Expired);
    assert!(tls(agent.addr(), shared).await.is_err());
}
