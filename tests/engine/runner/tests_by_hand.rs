//! What the test of a check tells beyond its result (F198).

use std::time::Duration;

use healthgate::model::ReasonCode;
use healthgate_testkit::{Framing, WebScript, WebTarget};

use crate::runner::support::Bench;

/// F198: a test says how often the text occurs, whether it may be part of a longer word, and where
/// redirects have led; a run says none of this.
#[tokio::test]
async fn f198_a_test_tells_what_its_text_is_found_in() {
    let target = WebTarget::builder()
        .with_path("/once", WebScript::ok("all healthy here"))
        .with_path("/twice", WebScript::chunked(&[b"healthy, un", b"healt", b"hy"]))
        .with_path("/moved", WebScript::redirect("/login;jsessionid=hunter2?token=hunter2"))
        .with_path(
            "/login;jsessionid=hunter2",
            WebScript::ok("log in to see whether all is healthy"),
        )
        .start()
        .await
        .unwrap();
    let bench = Bench::new();
    let told = async |path: &str| {
        let url = target.url(path);
        let (reason, words) = bench.test(&url, "healthy").await;
        assert_eq!(reason, ReasonCode::Ok, "{path}: {words}");
        let (_, plain) = bench.get(&url, "healthy").await;
        assert_eq!(plain, "HTTP 200, the expected text was found", "{path}: as ever");
        words
    };
    let words = told("/once").await;
    assert!(words.contains("occurs once") && !words.contains("touches"), "{words}");
    let words = told("/twice").await;
    assert!(words.contains("occurs 2 times") && words.contains("at 1 of these"), "{words}");
    let words = told("/moved").await;
    assert!(words.contains("redirects led to /login:") && !words.contains("hunter2"), "{words}");
}

/// F198: a page in another encoding is told, and that bytes are compared.
#[tokio::test]
async fn f198_a_test_tells_the_encoding_that_keeps_its_text_from_matching() {
    let utf16: Vec<u8> =
        "\u{feff}status: caf\u{e9}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let page = |content_type: &str, body: &[u8]| {
        WebScript::answer(200, &[("content-type", content_type)], body)
    };
    for (script, parts) in [
        (page("text/html", &utf16), &["in UTF-16", "bytes are compared"][..]),
        (page("text/html; charset=ISO-8859-1", b"caf\xe9"), &["Latin-1", "iso-8859-1"]),
        (page("text/html; Charset=\"GB2312\"", b"\xb2\xe2"), &["gb2312", "bytes are compared"]),
        (page("text/html", b"CAF\xc3\xa9"), &["other capitals"]),
    ] {
        let target = WebTarget::builder().with_path("/", script).start().await.unwrap();
        let (reason, words) = Bench::new().test(&target.url("/"), "caf\u{e9}").await;
        assert_eq!(reason, ReasonCode::BodyMismatch, "{words}");
        assert!(parts.iter().all(|part| words.contains(part)), "{words}");
    }
}

/// F198: a test has the verdict of a run, whatever follows the match in the body.
#[tokio::test]
async fn f198_a_test_comes_out_as_a_run_does() {
    let first = |rest: &[u8]| [b"healthy ", rest].concat();
    for script in [
        WebScript::Truncated { announced: 1_000, sent: first(b"cut") },
        WebScript::ok(first(&vec![b'x'; 1 << 20])),
        WebScript::parts(&[b"healthy", b" late"], Duration::from_secs(60), Framing::Chunked),
        WebScript::EndlessBody,
        WebScript::Truncated { announced: 1_000, sent: b"cut".to_vec() },
        WebScript::status(503),
        WebScript::gzip(b"healthy"),
        WebScript::ok(""),
    ] {
        let target = WebTarget::builder().with_path("/", script.clone()).start().await.unwrap();
        let bench = Bench::new();
        let (reason, _) = bench.get(&target.url("/"), "healthy").await;
        let (tested, words) = bench.test(&target.url("/"), "healthy").await;
        assert_eq!(tested, reason, "{script:?}: {words}");
    }
}
