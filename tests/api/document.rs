//! The OpenAPI document: made from the code, and kept.

use std::{collections::BTreeSet, fs, path::Path};

use healthgate::api;
use serde_json::Value;

/// The document as it is made now; a client is generated from the file, so a change of it is on
/// purpose: `UPDATE_GOLDEN=1 cargo test --all-features --test api golden` writes it anew.
#[test]
fn the_golden_document_is_that_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json");
    let made = api::document().to_pretty_json().unwrap() + "\n";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &made).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap();
    let place = kept.lines().zip(made.lines()).position(|(kept, made)| kept != made);
    assert!(kept == made, "docs/openapi.json differs from line {place:?} on");
}

fn document() -> Value {
    serde_json::to_value(api::document()).unwrap()
}

#[test]
fn every_route_of_the_specification_is_in_the_document() {
    let document = document();
    let mut found = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            found.insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    let host = "/api/v1/hosts/{host_id}/health-checks";
    let expected: BTreeSet<String> = [
        format!("GET {host}"),
        format!("POST {host}"),
        format!("POST {host}/test"),
        format!("POST {host}/copy"),
        format!("GET {host}/{{check_id}}"),
        format!("PUT {host}/{{check_id}}"),
        format!("DELETE {host}/{{check_id}}"),
        format!("POST {host}/{{check_id}}/test"),
        format!("GET {host}/{{check_id}}/results"),
        "GET /api/v1/health-checks/summary".to_owned(),
        "GET /api/v1/health-checks/audit".to_owned(),
        "GET /api/v1/health-checks/audit/export".to_owned(),
        "POST /api/v1/gates/preview".to_owned(),
        "GET /api/v1/jobs/{job_id}/gates".to_owned(),
        "GET /api/v1/jobs/{job_id}/explain".to_owned(),
        "POST /api/v1/jobs/{job_id}/hosts/{host_id}/override".to_owned(),
        "DELETE /api/v1/jobs/{job_id}/hosts/{host_id}/override".to_owned(),
        "GET /api/v1/events".to_owned(),
    ]
    .into();
    assert_eq!(found, expected);
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
}

/// A reference that leads nowhere makes a document that no generator can read.
#[test]
fn every_reference_leads_somewhere_and_every_operation_has_its_own_name() {
    fn references(value: &Value, into: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                into.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
                members.values().for_each(|member| references(member, into));
            }
            Value::Array(values) => values.iter().for_each(|value| references(value, into)),
            _ => {}
        }
    }
    let document = document();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 50);
    for reference in found {
        assert!(document.pointer(&reference[1..]).is_some(), "{reference}");
    }
    let mut names = BTreeSet::new();
    for item in document["paths"].as_object().unwrap().values() {
        for operation in item.as_object().unwrap().values() {
            let name = operation["operationId"].as_str().unwrap();
            assert!(names.insert(name.to_owned()), "{name}");
            assert!(!operation["summary"].as_str().unwrap_or_default().is_empty(), "{name}");
        }
    }
    assert_eq!(names.len(), 18);
}

/// Where a password goes in, it is marked as write only; it comes out nowhere.
#[test]
fn a_password_is_write_only_in_the_document() {
    let document = document();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        if let Some(password) = schema["properties"].get("basic_auth_pass") {
            assert!(["NewHealthCheck", "HealthCheckChange"].contains(&name.as_str()), "{name}");
            assert_eq!(password["writeOnly"], true, "{name}");
        }
    }
}
