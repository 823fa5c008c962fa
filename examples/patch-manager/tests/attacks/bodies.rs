//! Bodies that are not what they seem, and members that nobody may give.

use reqwest::Method;
use serde_json::{Value, json};

use super::Findings;
use crate::manager::{Kind, Setup, checks_of};

/// F264 and the rest: a body is read in one way or not at all.
#[tokio::test(flavor = "multi_thread")]
async fn f264_bodies_that_can_be_read_in_two_ways_are_refused() {
    let setup = Setup::new(Kind::Sqlite).await;
    let manager = setup.start("serve");
    let oscar = setup.client(&manager, "oscar");
    let list = checks_of(setup.hosts[0]);
    let good = r#""name":"n","check_type":"service","service_name":"sshd""#;
    let nested = "[".repeat(60);
    let json = "application/json";
    let attacks: Vec<(&str, &str, String, u16)> = vec![
        ("a member twice", json, format!(r#"{{{good},"name":"m"}}"#), 400),
        ("the same value twice", json, format!(r#"{{{good},"name":"n"}}"#), 400),
        ("a member twice by an escape", json, format!(r#"{{{good},"n\u0061me":"m"}}"#), 400),
        ("a byte order mark", json, format!("\u{feff}{{{good}}}"), 400),
        ("something after it", json, format!("{{{good}}} x"), 400),
        ("two of them", json, format!("{{{good}}}{{{good}}}"), 400),
        ("a comment", json, format!("{{{good}/**/}}"), 400),
        ("a comma too many", json, format!("{{{good},}}"), 400),
        ("no number", json, format!(r#"{{{good},"enabled":NaN}}"#), 400),
        ("half a surrogate", json, r#"{"name":"\ud800"}"#.to_owned(), 400),
        ("sixty levels", json, nested, 400),
        ("thirty thousand levels", json, "[".repeat(30_000), 400),
        ("a byte too many", json, format!(r#"{{{good},"x":"{}"}}"#, "x".repeat(65_536)), 413),
        ("text", "text/plain", format!("{{{good}}}"), 415),
        (
            "a form",
            "application/x-www-form-urlencoded",
            "name=n&check_type=service".to_owned(),
            415,
        ),
        (
            "XML",
            "application/xml",
            "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>".to_owned(),
            415,
        ),
        ("a list", json, "[]".to_owned(), 422),
        ("a string", json, "\"x\"".to_owned(), 422),
        ("nothing", json, String::new(), 400),
    ];
    let mut findings = Findings::default();
    for (name, kind, body, status) in attacks {
        let answer = oscar.raw(Method::POST, &list, Some((kind, body)), &[]).await;
        findings.note(name, answer.status == status, (answer.status, answer.text));
    }
    // What the headers say of a body must be so.
    for (kind, headers, status) in [
        ("application/json; charset=utf-16", [].as_slice(), 415),
        ("application/json; charset=\"iso-8859-1\"", &[], 415),
        (json, &[("content-encoding", "gzip")], 415),
        (json, &[("content-encoding", "br")], 415),
        (json, &[("content-encoding", "identity, deflate")], 415),
        (json, &[("content-encoding", "x")], 415),
        (json, &[("content-type", "text/plain")], 415),
        (json, &[("content-type", json)], 415),
        ("application/json;charset=UTF-8", &[("content-encoding", "identity")], 422),
        ("Application/JSON ; charset=\"utf-8\"", &[], 422),
    ] {
        let content = Some((kind, "{}".to_owned()));
        let answer = oscar.raw(Method::POST, &list, content, headers).await;
        let name = format!("{kind} {headers:?}");
        findings.note(&name, answer.status == status, (answer.status, answer.text));
    }
    assert_eq!(oscar.get(&list).await.expect(200)["total"], 0);
    findings.judge(29);
}

/// What the store or the program decides is nobody's to give, and texts are what they look like.
#[tokio::test(flavor = "multi_thread")]
async fn members_and_texts_that_deceive_are_refused() {
    let setup = Setup::new(Kind::Sqlite).await;
    let manager = setup.start("serve");
    let oscar = setup.client(&manager, "oscar");
    let list = checks_of(setup.hosts[0]);
    let service = json!({"name": "n", "check_type": "service", "service_name": "sshd"});
    let http = json!({"name": "n", "check_type": "http", "url": "http://192.0.2.1/",
        "expected_body": "x"});
    let with = |body: &Value, member: &str, value: Value| {
        let mut body = body.clone();
        body[member] = value;
        body
    };
    // Without what deceives they are made.
    for body in [&service, &http] {
        let made = oscar.post(&list, body.clone()).await.expect(201);
        oscar.delete(&format!("{list}/{}", made["id"].as_str().unwrap())).await.expect(204);
    }
    let mut attacks: Vec<(String, Value)> = Vec::new();
    for member in [
        "id",
        "host_id",
        "revision",
        "created_at",
        "updated_at",
        "created_by",
        "status",
        "secret",
        "encrypted",
        "nonce",
        "has_basic_auth_pass",
        "last_result",
        "__proto__",
        "constructor",
    ] {
        attacks.push((format!("the member {member}"), with(&service, member, json!("x"))));
    }
    for (what, name) in [
        ("letters that run backwards", "a\u{202e}b"),
        ("a width of zero", "a\u{200b}b"),
        ("a new line", "a\nb"),
        ("an escape", "a\u{1b}[31mb"),
        ("a zero", "a\u{0}b"),
        ("nothing", "  "),
    ] {
        attacks.push((format!("a name with {what}"), with(&service, "name", json!(name))));
    }
    attacks.push(("a long name".to_owned(), with(&service, "name", json!("x".repeat(10_000)))));
    for unit in [
        "nginx; rm -rf /",
        "$(id)",
        "`id`",
        "../../etc/passwd",
        "a b",
        "a\nb",
        "-h",
        "--help",
        "a/b",
        "",
    ] {
        attacks.push((format!("the unit {unit:?}"), with(&service, "service_name", json!(unit))));
    }
    for url in [
        "file:///etc/passwd",
        "gopher://192.0.2.1/",
        "ftp://192.0.2.1/",
        "javascript:alert(1)",
        "data:text/plain,x",
        "http://user:pass@192.0.2.1/",
        "http://192.0.2.1/\r\nx-a: 1",
        "//192.0.2.1/",
        "http://",
        "http://a b/",
        "http://192.0.2.1:99999/",
    ] {
        attacks.push((format!("the address {url:?}"), with(&http, "url", json!(url))));
    }
    attacks
        .push(("a password that is a number".to_owned(), with(&http, "basic_auth_pass", json!(1))));
    attacks.push((
        "a name that holds the separator".to_owned(),
        with(&http, "basic_auth_user", json!("a:b")),
    ));
    let mut findings = Findings::default();
    for (name, body) in attacks {
        let answer = oscar.post(&list, body).await;
        findings.note(&name, answer.status == 422, (answer.status, answer.text));
    }
    assert_eq!(oscar.get(&list).await.expect(200)["total"], 0);
    findings.judge(40);
}
