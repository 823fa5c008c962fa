//! Signing in without a token that counts.

use reqwest::Method;

use super::Findings;
use crate::manager::{Api, Kind, Setup, sha256, token};

#[tokio::test(flavor = "multi_thread")]
async fn nobody_signs_in_without_a_token_that_counts() {
    let setup = Setup::new(Kind::Sqlite).await;
    let manager = setup.start("serve");
    let none = Api { token: None, ..setup.client(&manager, "ada") };
    let real = token("ada");
    let bearer = |token: &str| format!("Bearer {token}");
    let long = "x".repeat(10_000);
    let attacks: Vec<(&str, Option<String>)> = vec![
        ("nothing", None),
        ("an empty token", Some("Bearer ".to_owned())),
        ("the scheme alone", Some("Bearer".to_owned())),
        ("no scheme", Some(real.clone())),
        ("another scheme", Some(format!("Basic {real}"))),
        ("the stored hash", Some(bearer(&sha256(&real)))),
        ("a part of it", Some(bearer(&real[..real.len() - 1]))),
        ("more than it", Some(bearer(&format!("{real}0")))),
        ("two in one", Some(bearer(&format!("{real} {real}")))),
        ("the scheme twice", Some(bearer(&bearer(&real)))),
        ("other letters", Some(bearer(&real.to_uppercase()))),
        ("a wildcard", Some(bearer("%"))),
        ("a condition", Some(bearer("' OR '1'='1"))),
        ("a statement", Some(bearer("'; DROP TABLE tokens; --"))),
        ("ten thousand letters", Some(bearer(&long))),
        ("a name", Some(bearer("ada"))),
    ];
    let mut findings = Findings::default();
    for (name, header) in &attacks {
        let headers: Vec<(&str, &str)> =
            header.iter().map(|value| ("authorization", value.as_str())).collect();
        let answer = none.raw(Method::GET, "/api/v1/me", None, &headers).await;
        let is_right = answer.status == 401
            && answer.headers["www-authenticate"] == "Bearer"
            && answer.headers["cache-control"] == "no-store";
        findings.note(name, is_right, answer);
    }
    // A token counts in its header alone: an address stands in logs, a cookie is sent by other pages.
    for (name, path, headers) in [
        ("in the address", format!("/api/v1/me?access_token={real}&token={real}"), vec![]),
        ("in a cookie", "/api/v1/me".to_owned(), vec![("cookie", format!("token={real}"))]),
        ("in another header", "/api/v1/me".to_owned(), vec![("x-api-key", real.clone())]),
        ("in the proxy's", "/api/v1/me".to_owned(), vec![("proxy-authorization", bearer(&real))]),
    ] {
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = none.raw(Method::GET, &path, None, &headers).await;
        findings.note(name, answer.status == 401, answer);
    }
    // The tables are still there.
    setup.client(&manager, "ada").get("/api/v1/me").await.expect(200);
    findings.judge(20);
}
