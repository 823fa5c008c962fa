//! Parameters, ids and headers that are meant for something behind the program.

use reqwest::Method;
use serde_json::json;

use super::Findings;
use crate::manager::{Kind, Setup};

async fn parameters_reach_nothing_behind_the_program(kind: Kind) {
    let setup = Setup::new(kind).await;
    let (manager, _worker) = setup.start_whole();
    let (ada, oscar) = (setup.client(&manager, "ada"), setup.client(&manager, "oscar"));
    let mut findings = Findings::default();
    let list = "/api/v1/jobs";
    for (path, status) in [
        (format!("{list}?limit=0"), 422),
        (format!("{list}?limit=-1"), 422),
        (format!("{list}?limit=201"), 422),
        (format!("{list}?limit=1e9"), 422),
        (format!("{list}?limit=99999999999999999999"), 422),
        (format!("{list}?limit=1%3BDROP%20TABLE%20jobs"), 422),
        (format!("{list}?cursor=%27"), 422),
        (format!("{list}?cursor=00"), 422),
        (format!("{list}?cursor={}", "00".repeat(2_000)), 422),
        ("/api/v1/hosts?status=%27".to_owned(), 422),
        ("/api/v1/hosts?sort=name;drop".to_owned(), 422),
        ("/api/v1/hosts?ids=%27%20OR%201=1".to_owned(), 422),
        ("/api/v1/health-checks/summary?host_ids=1".to_owned(), 422),
        ("/api/v1/health-checks/audit?host_ids=x".to_owned(), 422),
        ("/api/v1/hosts/1".to_owned(), 404),
        ("/api/v1/hosts/%27%20OR%20%271%27=%271".to_owned(), 404),
        ("/api/v1/hosts/..%2f..%2fme".to_owned(), 404),
        ("/api/v1/jobs/00000000-0000-0000-0000-000000000000".to_owned(), 404),
        ("/api/v1/maintenance-windows/%00".to_owned(), 404),
    ] {
        let answer = ada.get(&path).await;
        findings.note(&path, answer.status == status, (answer.status, answer.text));
    }
    // What is searched for is text.
    for text in ["%25", "_", "%27%20OR%20%271%27=%271", "%5C", "!", "%27;--"] {
        let answer = oscar.get(&format!("/api/v1/hosts?q={text}")).await;
        let found = answer.json()["hosts"].as_array().map(Vec::len);
        findings.note(text, answer.status == 200 && found == Some(0), answer);
    }
    // What a header brings is not taken over as it is.
    for id in ["a b", "\u{e9}", "a;b", "a\tb", &"x".repeat(129), "<script>", "${jndi:ldap://x}"] {
        let answer = ada.raw(Method::GET, "/api/v1/me", None, &[("x-request-id", id)]).await;
        let told = answer.headers["x-request-id"].to_str().unwrap_or_default().to_owned();
        findings.note(id, answer.status == 200 && told != id && told.len() == 36, told);
    }
    for (name, value) in [("x-forwarded-host", "evil.example"), ("x-original-url", "/api/v1/jobs")]
    {
        let answer = ada.raw(Method::GET, "/api/v1/me", None, &[(name, value)]).await;
        findings.note(name, answer.status == 200 && answer.json()["name"] == "ada", answer);
    }
    let hosts = ada.get("/api/v1/hosts").await.expect(200);
    assert_eq!(hosts["hosts"].as_array().unwrap().len(), 3);
    assert_eq!(ada.get(list).await.expect(200)["jobs"], json!([]));
    findings.judge(34);
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_reach_nothing_behind_the_program_on_sqlite() {
    parameters_reach_nothing_behind_the_program(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_reach_nothing_behind_the_program_on_postgres() {
    parameters_reach_nothing_behind_the_program(Kind::Postgres).await;
}
