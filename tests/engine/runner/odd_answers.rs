//! Header lines as no standard writes them, and as they are sent all the same (F192, F193).

use healthgate::model::ReasonCode;
use healthgate_testkit::{WebScript, WebTarget};

use crate::runner::support::Bench;

async fn reason(script: WebScript) -> (ReasonCode, String) {
    let target = WebTarget::builder().with_path("/", script).start().await.unwrap();
    Bench::new().get(&target.url("/"), "READY").await
}

fn raw(head: &[u8]) -> WebScript {
    let body = b"status: READY\n";
    let length = format!("Content-Length: {}\r\n\r\n", body.len());
    WebScript::Raw([b"HTTP/1.1 200 OK\r\n", head, length.as_bytes(), body].concat())
}

/// F192: header lines are read as RFC 9112 lets a client read them, and as curl and browsers do.
#[tokio::test]
async fn f192_header_lines_are_read_as_clients_may_read_them() {
    for head in [
        &b"X-Long: a\r\n  b\r\n"[..],
        b"X-Long: a\r\n\tb\r\n c\r\n",
        b"Server : old\r\n",
        b"X-Name: caf\xe9\r\n",
        b"X-Name: a\x7fb\r\n",
        b"X-\xe9: a\r\n",
        b"X Name: a\r\n",
        b"nonsense\r\n",
        b"X-Empty:\r\n",
    ] {
        let (reason, detail) = reason(raw(head)).await;
        assert_eq!(reason, ReasonCode::Ok, "{:?}: {detail}", String::from_utf8_lossy(head));
    }
}

/// F192: what says how long the body is must be sound, however lenient the rest is read.
#[tokio::test]
async fn f192_a_length_that_can_be_read_in_two_ways_is_refused() {
    for head in
        [&b"Content-Length: 3\r\n"[..], b"Content-Length: x\r\n", b"Content-Length: 14, 3\r\n"]
    {
        let (reason, detail) = reason(raw(head)).await;
        assert_ne!(reason, ReasonCode::Ok, "{:?}: {detail}", String::from_utf8_lossy(head));
    }
}

/// F193: identity is no encoding, however often it is named; any other one is refused, on whatever line.
#[tokio::test]
async fn f193_identity_is_no_encoding_however_often() {
    let encoded = |lines: &[&str]| {
        let lines: Vec<(&str, &str)> =
            lines.iter().map(|line| ("content-encoding", *line)).collect();
        WebScript::answer(200, &lines, "status: READY\n")
    };
    for lines in [
        &[""][..],
        &["identity"],
        &["Identity, identity"],
        &["identity,identity ,\tIDENTITY"],
        &[",", " "],
        &["identity", "identity"],
        &["", "identity"],
    ] {
        let (reason, detail) = reason(encoded(lines)).await;
        assert_eq!(reason, ReasonCode::Ok, "{lines:?}: {detail}");
    }
    for lines in [
        &["gzip"][..],
        &["identity, gzip"],
        &["identity", "gzip"],
        &["gzip", "identity"],
        &["identity", "", "br"],
        &["identity;q=1"],
        &["identit"],
    ] {
        let (reason, detail) = reason(encoded(lines)).await;
        assert_eq!(reason, ReasonCode::EncodingRefused, "{lines:?}: {detail}");
    }
}
