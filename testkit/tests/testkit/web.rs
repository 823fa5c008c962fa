//! The web target's scripts on the wire, its TLS, and the recorder.

use std::io;
use std::net::Ipv6Addr;
use std::time::Duration;

use crate::common::{Client, SOON, tls};
use healthgate_testkit::{
    Authority, ClientRefusal, Framing, Recorder, TlsMode, WebScript, WebTarget,
};
use rustls::{ClientConfig, ProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

async fn target(script: WebScript) -> (WebTarget, Client) {
    let web = WebTarget::builder().with_path("/", script).start().await.unwrap();
    let client = Client::plain(web.addr()).await.unwrap();
    (web, client)
}

/// Everything that a script sends up to the end of the connection.
async fn everything(script: WebScript) -> String {
    let (_web, mut client) = target(script).await;
    client.send("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    String::from_utf8(client.rest().await.unwrap()).unwrap()
}

#[tokio::test]
async fn answers_and_the_log_of_requests() {
    let (web, mut client) = target(WebScript::ok("fine")).await;
    client.send("GET /?a=1 HTTP/1.1\r\nHost: h\r\nX-One: 1\r\n\r\n").await.unwrap();
    assert_eq!(client.answer().await.unwrap().text(), "fine");
    assert_eq!(client.get("/nothing").await.unwrap().status, 404);
    let requests = web.requests();
    assert_eq!((requests[0].target.as_str(), requests[0].path()), ("/?a=1", "/"));
    assert_eq!(requests[0].header_names(), ["host", "x-one"]);
    assert_eq!(requests[0].connection, requests[1].connection);
    assert_eq!(web.url("/a"), format!("http://{}/a", web.addr()));
    web.clear_requests();
    assert!(web.requests().is_empty());
}

#[tokio::test]
async fn bodies_are_framed_as_chosen() {
    let parts: [&[u8]; 3] = [b"hea", b"", b"lthy"];
    let text = everything(WebScript::chunked(&parts)).await;
    assert!(text.ends_with("\r\n\r\n3\r\nhea\r\n4\r\nlthy\r\n0\r\n\r\n"), "{text}");
    let pause = Duration::from_millis(5);
    let text = everything(WebScript::parts(&parts, pause, Framing::ContentLength)).await;
    assert!(text.contains("content-length: 7\r\n") && text.ends_with("\r\n\r\nhealthy"), "{text}");
    let text = everything(WebScript::parts(&parts, pause, Framing::UntilClose)).await;
    assert!(!text.contains("content-length") && text.ends_with("\r\n\r\nhealthy"), "{text}");
    let text = everything(WebScript::ChunkExtensions(b"ab".to_vec())).await;
    assert!(
        text.contains("1;name=value;quoted=\"a;b\"\r\na\r\n")
            && text.contains("\r\nx-checksum: 42\r\n"),
        "{text}"
    );
}

#[tokio::test]
async fn lies_about_the_length_are_told() {
    let text = everything(WebScript::ContentLengthLie { announced: 1 << 30, sent: 3 }).await;
    assert!(
        text.contains("content-length: 1073741824\r\n") && text.ends_with("\r\n\r\nxxx"),
        "{text}"
    );
    let text = everything(WebScript::Truncated { announced: 10, sent: b"ab".to_vec() }).await;
    assert!(text.contains("content-length: 10\r\n") && text.ends_with("\r\n\r\nab"), "{text}");
}

#[tokio::test]
async fn floods_go_on_until_the_client_leaves() {
    for (script, sign) in [
        (WebScript::EndlessBody, "xxxx"),
        (WebScript::HeaderFlood, "x-flood: "),
        (WebScript::InformationalFlood, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue"),
        (WebScript::SlowBody(Duration::from_micros(10)), "xxxx"),
    ] {
        let (web, mut client) = target(script.clone()).await;
        client.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut seen = vec![0; 200];
        tokio::time::timeout(SOON, client.stream.read_exact(&mut seen)).await.unwrap().unwrap();
        assert!(String::from_utf8(seen).unwrap().contains(sign), "{script:?}");
        assert_eq!(web.counters().open_connections, 1);
        drop(client);
        assert!(
            web.wait_until(SOON, |counters| counters.open_connections == 0).await,
            "{script:?}"
        );
    }
}

#[tokio::test]
async fn heads_of_every_kind() {
    let text = everything(WebScript::Headers(10_000)).await;
    assert_eq!(text.matches("x-header-").count(), 10_000);
    let text = everything(WebScript::Informational(2)).await;
    assert_eq!(text.matches("HTTP/1.1 103 ").count(), 2);
    for status in [204, 304] {
        let text = everything(WebScript::Empty(status)).await;
        assert!(text.ends_with("\r\n\r\n") && !text.contains("content-length"), "{text}");
    }
    let text = everything(WebScript::redirect("file:///etc/passwd")).await;
    assert!(text.starts_with("HTTP/1.1 302 Found\r\nlocation: file:///etc/passwd\r\n"), "{text}");
    let text = everything(WebScript::RedirectLoop).await;
    assert!(text.contains("location: /\r\n"), "{text}");
    let text = everything(WebScript::SlowHead(Duration::from_micros(10))).await;
    assert!(text.ends_with("\r\n\r\nok"), "{text}");
    let text = everything(WebScript::Raw(b"nonsense".to_vec())).await;
    assert_eq!(text, "nonsense");
    let (_web, mut client) = target(WebScript::SwitchingProtocols).await;
    assert_eq!(client.get("/").await.unwrap().status, 101);
}

#[tokio::test]
async fn basic_authentication_wants_exactly_the_credentials() {
    let (_web, mut client) = target(WebScript::basic_auth("Aladdin", "open sesame", "in")).await;
    let answer = client.get("/").await.unwrap();
    assert_eq!((answer.status, answer.header("www-authenticate").is_some()), (401, true));
    // The example of RFC 7617, section 2.
    client
        .send("GET / HTTP/1.1\r\nauthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(client.answer().await.unwrap().text(), "in");
}

#[tokio::test]
async fn an_encoded_body_names_its_encoding() {
    let (_web, mut client) = target(WebScript::gzip(b"healthy")).await;
    let answer = client.get("/").await.unwrap();
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    assert!(answer.body.starts_with(&[0x1f, 0x8b]));
    assert!(answer.body.ends_with(&7_u32.to_le_bytes()));
}

#[tokio::test]
async fn endings_without_an_answer_and_sequences() {
    let script = WebScript::Sequence(vec![
        WebScript::status(503).with_delay(Duration::from_millis(5)),
        WebScript::Reset,
        WebScript::Close,
        WebScript::ok("at last"),
    ]);
    let (web, mut client) = target(script).await;
    assert_eq!(client.get("/").await.unwrap().status, 503);
    assert_eq!(client.get("/").await.err().unwrap().kind(), io::ErrorKind::ConnectionReset);
    let mut client = Client::plain(web.addr()).await.unwrap();
    assert_eq!(client.get("/").await.err().unwrap().kind(), io::ErrorKind::UnexpectedEof);
    let mut client = Client::plain(web.addr()).await.unwrap();
    assert_eq!(client.get("/").await.unwrap().text(), "at last");
    assert_eq!(client.get("/").await.unwrap().text(), "at last");
}

#[tokio::test]
async fn tls_works_in_both_versions_without_a_client_certificate() {
    let authority = Authority::new("ca");
    let web = WebTarget::builder()
        .with_tls(&authority, TlsMode::Normal)
        .with_path("/", WebScript::ok("fine"))
        .start()
        .await
        .unwrap();
    for (version, expected) in [
        (&rustls::version::TLS12, ProtocolVersion::TLSv1_2),
        (&rustls::version::TLS13, ProtocolVersion::TLSv1_3),
    ] {
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(authority.roots())
            .with_no_client_auth();
        let mut client = Client { stream: Box::new(tls(web.addr(), config).await.unwrap()) };
        assert_eq!(client.get("/").await.unwrap().text(), "fine");
        assert_eq!(web.requests().last().unwrap().tls_version, Some(format!("{expected:?}")));
    }
    assert!(web.url("/").starts_with("https://127.0.0.1:"));
    let mut both = authority.client_config(None);
    both.alpn_protocols = vec![b"h2".to_vec()];
    let mut stream = tls(web.addr(), both).await.unwrap();
    assert_eq!(stream.read(&mut [0; 16]).await.unwrap(), 0);
    assert_eq!(web.counters().http2_connections, 1);
}

#[tokio::test]
async fn bad_certificates_and_refusals_fail_on_a_web_target_too() {
    let authority = Authority::new("ca");
    let web = WebTarget::builder().with_tls(&authority, TlsMode::Expired).start().await.unwrap();
    for mode in [
        TlsMode::Expired,
        TlsMode::NotYetValid,
        TlsMode::WrongSan,
        TlsMode::SelfSigned,
        TlsMode::OtherAuthority,
    ] {
        web.set_tls(mode);
        assert!(tls(web.addr(), authority.client_config(None)).await.is_err(), "{mode:?}");
    }
    web.set_tls(TlsMode::RefuseClient(ClientRefusal::Revoked));
    let mut stream = tls(web.addr(), authority.client_config(None)).await.unwrap();
    assert!(stream.read_u8().await.is_err());
    web.set_tls(TlsMode::AuthzIpDenied);
    let mut client =
        Client { stream: Box::new(tls(web.addr(), authority.client_config(None)).await.unwrap()) };
    assert_eq!(client.get("/").await.unwrap().status, 403);
}

#[tokio::test]
async fn both_address_families_share_the_port() {
    let web = WebTarget::builder()
        .also_ipv6()
        .with_path("/", WebScript::ok("six"))
        .start()
        .await
        .unwrap();
    let [four, six] = web.addrs() else { panic!("two addresses expected") };
    assert_eq!(four.port(), six.port());
    assert_eq!(six.ip(), Ipv6Addr::LOCALHOST);
    for address in [four, six] {
        assert_eq!(Client::plain(*address).await.unwrap().get("/").await.unwrap().text(), "six");
    }
}

#[tokio::test]
async fn the_recorder_counts_connections_and_keeps_their_first_bytes() {
    let recorder = Recorder::start().await.unwrap();
    assert_eq!(recorder.connections(), 0);
    let mut client = Client::plain(recorder.addr()).await.unwrap();
    client.stream.write_all(b"CONNECT a:443 HTTP/1.1\r\n\r\n").await.unwrap();
    assert!(client.rest().await.unwrap().starts_with(b"HTTP/1.1 502"));
    assert!(recorder.wait_for_connections(1, SOON).await);
    assert!(!recorder.wait_for_connections(2, Duration::from_millis(50)).await);
    assert_eq!(recorder.first_bytes(), [b"CONNECT a:443 HTTP/1.1\r\n\r\n".to_vec()]);
}
