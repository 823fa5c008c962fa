//! Requests that two programs could read in two ways, or that none should read at all.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};

use super::Findings;
use crate::{
    load::connect,
    manager::{Kind, LONG, Process, Setup, token},
};

/// What the program answered to these bytes, up to the end of the connection.
async fn answer(process: &Process, request: &[u8]) -> String {
    let mut stream = connect(process).await;
    let _ = stream.write_all(request).await;
    let mut bytes = Vec::new();
    let _ = timeout(LONG, stream.read_to_end(&mut bytes)).await.expect("an end");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The status of each answer on a connection.
fn statuses(text: &str) -> Vec<u16> {
    let of = |part: &str| part.get(..3).and_then(|status| status.parse().ok());
    text.split("HTTP/1.1 ").skip(1).filter_map(of).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_can_be_read_in_two_ways_are_refused() {
    let setup = Setup::new(Kind::Sqlite).await;
    let manager = setup.start("serve");
    let bearer = format!("authorization: Bearer {}\r\n", token("ada"));
    let get = |headers: &str| {
        format!("GET /api/v1/me HTTP/1.1\r\n{bearer}connection: close\r\n{headers}\r\n")
    };
    let post = |headers: &str, body: &str| {
        format!(
            "POST /api/v1/jobs HTTP/1.1\r\nhost: x\r\n{bearer}connection: close\r\n\
             content-type: application/json\r\n{headers}\r\n{body}"
        )
    };
    let raw = |line: &str| format!("{line}\r\nhost: x\r\nconnection: close\r\n\r\n");
    let hidden = "0\r\n\r\nGET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
    let attacks: Vec<(&str, String, &[u16])> = vec![
        ("no host", get(""), &[400]),
        ("two hosts", get("host: x\r\nhost: evil\r\n"), &[400]),
        ("the same host twice", get("host: x\r\nhost: x\r\n"), &[400]),
        ("two hosts in one", get("host: x, evil\r\n"), &[400]),
        ("two hosts without a space", get("host: x,evil\r\n"), &[400]),
        ("a host with a user", get("host: x@evil\r\n"), &[400]),
        ("a host with a path", get("host: x/evil\r\n"), &[400]),
        ("a host with a space", get("host: x evil\r\n"), &[400]),
        ("no host in its header", get("host:\r\n"), &[400]),
        ("a port that is none", get("host: x:y\r\n"), &[400]),
        ("a target on another host", raw("GET http://evil/healthz HTTP/1.1"), &[400]),
        ("a target on the same host", raw("GET http://X/healthz HTTP/1.1"), &[200]),
        ("a host with a port", get("host: [::1]:8080\r\n"), &[200]),
        ("two lengths", post("content-length: 2\r\ncontent-length: 3\r\n", "{} "), &[400]),
        ("a length that is none", post("content-length: +2\r\n", "{}"), &[400]),
        ("a negative length", post("content-length: -1\r\n", "{}"), &[400]),
        (
            "a length beyond all",
            post("content-length: 99999999999999999999\r\n", "{}"),
            &[400, 413],
        ),
        (
            "length and chunks",
            post(
                &format!("content-length: {}\r\ntransfer-encoding: chunked\r\n", hidden.len()),
                hidden,
            ),
            &[400],
        ),
        ("unknown coding", post("transfer-encoding: xchunked\r\n", "0\r\n\r\n"), &[400]),
        ("chunked twice", post("transfer-encoding: chunked, chunked\r\n", "0\r\n\r\n"), &[400]),
        ("chunked not last", post("transfer-encoding: chunked, gzip\r\n", "0\r\n\r\n"), &[400]),
        (
            "a chunk size that is none",
            post("transfer-encoding: chunked\r\n", "xyz\r\n{}\r\n"),
            &[400],
        ),
        (
            "a chunk size beyond all",
            post("transfer-encoding: chunked\r\n", "fffffffffffffffff\r\n{}\r\n"),
            &[400],
        ),
        ("a space before the colon", get("host : x\r\n"), &[400]),
        ("a folded header", get("host: x\r\nx-a: 1\r\n 2\r\n"), &[400]),
        ("a header without a name", get("host: x\r\n: 1\r\n"), &[400]),
        ("a zero byte in a header", get("host: x\r\nx-a: \0\r\n"), &[400]),
        ("no version", "GET /healthz\r\n\r\n".to_owned(), &[400]),
        ("another version", raw("GET /healthz HTTP/3.0"), &[400, 505]),
        ("a method that is none", raw("G\x01T /healthz HTTP/1.1"), &[400]),
        ("TLS where none is spoken", "\x16\x03\x01\x02\x00\x01".to_owned(), &[400]),
        ("TRACE", raw("TRACE /healthz HTTP/1.1"), &[405]),
        ("CONNECT", raw("CONNECT evil.example:80 HTTP/1.1"), &[400, 404, 405]),
        ("a path with a space", raw("GET /health z HTTP/1.1"), &[400]),
        (
            "three hundred headers",
            get(&format!("host: x\r\n{}", "x-a: 1\r\n".repeat(300))),
            &[400, 431],
        ),
        (
            "a header of a megabyte",
            get(&format!("host: x\r\nx-a: {}\r\n", "a".repeat(1 << 20))),
            &[400, 431],
        ),
        ("a path of 70 KB", raw(&format!("GET /{} HTTP/1.1", "a".repeat(70_000))), &[400, 414]),
        ("an upgrade to HTTP/2", get("host: x\r\nconnection: upgrade\r\nupgrade: h2c\r\n"), &[200]),
        (
            "an upgrade to a web socket",
            get("host: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n"),
            &[200],
        ),
        ("two tokens", get(&format!("host: x\r\n{bearer}")), &[401]),
        (
            "a method by a header",
            post("x-http-method-override: DELETE\r\ncontent-length: 2\r\n", "{}"),
            &[422],
        ),
        (
            "an answer that waits for nothing",
            post("expect: 100-continue\r\ncontent-length: 5\r\n", ""),
            &[408],
        ),
    ];
    let mut findings = Findings::default();
    for (name, request, expected) in attacks {
        let text = answer(&manager, request.as_bytes()).await;
        let mut statuses = statuses(&text);
        statuses.retain(|status| *status != 100);
        // Nothing after it is read as another request.
        let is_right = matches!(statuses[..], [status] if expected.contains(&status));
        findings.note(name, is_right, statuses);
    }
    findings.judge(40);
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_lead_to_nothing_but_what_is_served() {
    let setup = Setup::new(Kind::Sqlite).await;
    let manager = setup.start("serve");
    let mut findings = Findings::default();
    for path in [
        "/../../../etc/passwd",
        "/..%2f..%2f..%2fetc/passwd",
        "/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/assets/../../../../etc/passwd",
        "/assets/..%5c..%5cmanager.toml",
        "//etc/passwd",
        "/manager.toml",
        "/../manager.toml",
        "/keys/health-check.key",
        "/.git/config",
        "/client.key",
        "/index.html%00.js",
        "/api/v1/../../manager.db",
        "/manager.db",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let text = answer(&manager, request.as_bytes()).await;
        let shows = ["root:", "PRIVATE KEY", "token_sha256", "SQLite format", "[core]"];
        let is_right = !text.is_empty() && !shows.iter().any(|shown| text.contains(shown));
        findings.note(path, is_right, &text);
    }
    // A path below `/api/` that is none tells nothing without a token.
    for path in ["/api/v1/nothing", "/api/v1/%2e%2e/healthz", "/api//v1/me", "/api/v1/me/"] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let text = answer(&manager, request.as_bytes()).await;
        findings.note(path, statuses(&text) == [401], &text);
    }
    findings.judge(18);
}
