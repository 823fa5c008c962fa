//! What people send becomes a valid definition, or the whole list of what is wrong with it.

use chrono::{DateTime, TimeDelta, Utc};
use healthgate::model::{
    AuditRecord, CheckChange, CheckDefinition, CheckId, CheckResult, ClockEpoch, GateOverride,
    GatePass, GateRecord, HealthCheck, HostId, NewCheck, OverriddenCheck, Password, Patch,
    SealedSecret, Violations, Window,
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn codes(violations: &Violations) -> Vec<(String, &'static str)> {
    let mut codes: Vec<_> = violations
        .as_slice()
        .iter()
        .map(|violation| (violation.field.clone(), violation.code.as_str()))
        .collect();
    codes.sort();
    codes
}

/// A body that is refused, and every violation that it has.
fn refused(body: Value, expected: &[(&str, &str)]) {
    let shown = body.to_string();
    let violations = NewCheck::from_json(body).err().unwrap_or_default();
    let mut expected: Vec<_> =
        expected.iter().map(|(field, code)| ((*field).to_owned(), *code)).collect();
    expected.sort();
    assert_eq!(codes(&violations), expected, "{shown}");
}

fn definition(body: Value) -> CheckDefinition {
    NewCheck::from_json(body).expect("a valid definition").definition
}

fn stored(body: Value, password: bool) -> HealthCheck {
    let at = DateTime::<Utc>::UNIX_EPOCH;
    HealthCheck {
        id: CheckId::generate(),
        host_id: HostId::generate(),
        definition: definition(body),
        secret: password.then(|| SealedSecret {
            format: 1,
            nonce: vec![0; 12],
            ciphertext: vec![0; 89],
        }),
        created_at: at,
        updated_at: at,
        updated_epoch: ClockEpoch::default(),
        revision: 1,
    }
}

fn service() -> Value {
    json!({"name": "ssh", "check_type": "service", "service_name": "sshd"})
}

fn http() -> Value {
    json!({"name": "web", "check_type": "http", "url": "https://a.example/", "expected_body": "ok",
           "basic_auth_user": "u"})
}

#[test]
fn every_invalid_definition_gets_its_complete_list_of_violations() {
    refused(json!({}), &[("name", "required"), ("check_type", "required")]);
    refused(json!([]), &[("", "wrong_type"), ("name", "required"), ("check_type", "required")]);
    refused(
        json!({"name": " ", "check_type": "ping", "url": "x", "extra": 1, "enabled": "yes"}),
        &[
            ("name", "too_short"),
            ("check_type", "unknown_value"),
            ("url", "invalid_format"),
            ("extra", "unknown_field"),
            ("enabled", "wrong_type"),
        ],
    );
    refused(
        json!({"name": "n", "check_type": "service", "url": "http://a/", "expected_body": "",
               "basic_auth_user": "u", "basic_auth_pass": "p"}),
        &[
            ("service_name", "required"),
            ("url", "not_allowed"),
            ("expected_body", "not_allowed"),
            ("basic_auth_user", "not_allowed"),
            ("basic_auth_pass", "not_allowed"),
        ],
    );
    refused(
        json!({"name": "n", "check_type": "http", "service_name": "a", "target_host_id": "x"}),
        &[
            ("url", "required"),
            ("expected_body", "required"),
            ("service_name", "not_allowed"),
            ("target_host_id", "not_allowed"),
        ],
    );
    refused(
        json!({"name": 1, "check_type": "http", "url": 2, "expected_body": 3,
               "ignore_cert_errors": 4, "basic_auth_user": 5, "basic_auth_pass": 6}),
        &[
            ("name", "wrong_type"),
            ("url", "wrong_type"),
            ("expected_body", "wrong_type"),
            ("ignore_cert_errors", "wrong_type"),
            ("basic_auth_user", "wrong_type"),
            ("basic_auth_pass", "wrong_type"),
        ],
    );
    refused(
        json!({"name": "n", "check_type": "http", "url": "http://a/", "expected_body": "é".repeat(501),
               "basic_auth_pass": ""}),
        &[("expected_body", "too_long"), ("basic_auth_user", "required")],
    );
    refused(
        json!({"name": "n", "check_type": "http", "url": "http://a/", "expected_body": "",
               "basic_auth_user": "a:b", "basic_auth_pass": "x".repeat(1_025)}),
        &[("basic_auth_user", "invalid_character"), ("basic_auth_pass", "too_long")],
    );
    refused(
        json!({"name": "n", "check_type": "service", "service_name": "x@.service",
               "target_host_id": "7"}),
        &[("service_name", "invalid_format"), ("target_host_id", "invalid_format")],
    );
}

#[test]
fn f121_members_that_belong_to_the_store_are_unknown() {
    for member in ["id", "host_id", "revision", "created_at", "basic_auth_pass_encrypted", "status"]
    {
        let mut body = http();
        body[member] = json!("x");
        refused(body, &[(member, "unknown_field")]);
    }
}

#[test]
fn null_on_create_means_absent_and_the_flags_are_on_by_default() {
    let check = definition(json!({
        "name": " web ", "check_type": "http", "url": "http://A.example", "expected_body": "",
        "enabled": null, "ignore_cert_errors": null, "basic_auth_user": null,
        "basic_auth_pass": null, "service_name": null, "target_host_id": null,
    }));
    assert_eq!((&*check.name, check.enabled, check.ignore_cert_errors), ("web", true, true));
    assert_eq!(check.http().map(|http| http.url.to_string()), Some("http://a.example/".to_owned()));
}

#[test]
fn f88_an_empty_password_is_a_password() {
    let mut body = http();
    body["basic_auth_pass"] = json!("");
    let password = NewCheck::from_json(body).expect("valid").password.expect("a password");
    assert_eq!(password.expose(), "");
}

#[test]
fn a_change_keeps_what_is_absent_and_clears_what_is_null() {
    let check = stored(http(), true);
    let kept = CheckChange::from_json(json!({"name": "other"})).apply(&check).expect("valid");
    assert_eq!(kept.definition.http(), check.definition.http());
    assert!(matches!(kept.password, Patch::Keep));

    let cleared =
        CheckChange::from_json(json!({"basic_auth_user": null})).apply(&check).expect("valid");
    assert!(cleared.definition.http().is_some_and(|http| http.user.is_none()));
    assert!(matches!(cleared.password, Patch::Clear), "clearing the user clears the password");

    let removed =
        CheckChange::from_json(json!({"basic_auth_pass": null})).apply(&check).expect("valid");
    assert!(matches!(removed.password, Patch::Clear));
    assert!(removed.definition.http().is_some_and(|http| http.user.is_some()));
}

#[test]
fn a_change_reports_unclearable_members_wrong_types_and_misplaced_ones_together() {
    let check = stored(service(), false);
    let body = json!({"name": null, "enabled": null, "ignore_cert_errors": 1, "url": "http://a/",
                      "nonsense": true, "service_name": "a/b"});
    let violations = CheckChange::from_json(body).apply(&check).err().unwrap_or_default();
    assert_eq!(
        codes(&violations),
        [
            ("enabled".to_owned(), "required"),
            ("ignore_cert_errors".to_owned(), "wrong_type"),
            ("name".to_owned(), "required"),
            ("nonsense".to_owned(), "unknown_field"),
            ("service_name".to_owned(), "invalid_character"),
            ("url".to_owned(), "not_allowed"),
        ]
    );
}

#[test]
fn a_changed_type_drops_the_other_types_members_and_asks_for_its_own() {
    let check = stored(http(), true);
    let bare = CheckChange::from_json(json!({"check_type": "service"})).apply(&check);
    assert_eq!(codes(&bare.err().unwrap_or_default()), [("service_name".to_owned(), "required")]);

    let changed = CheckChange::from_json(json!({"check_type": "service", "service_name": "sshd"}))
        .apply(&check)
        .expect("valid");
    assert!(changed.definition.http().is_none());
    assert!(matches!(changed.password, Patch::Clear));
}

/// A check as the API shows it.
#[cfg(feature = "api")]
fn shown(check: HealthCheck) -> Value {
    let now = healthgate::model::StoreTime::new(check.updated_epoch, check.updated_at);
    let view = healthgate::model::CheckView::at(check, None, now, TimeDelta::zero());
    serde_json::to_value(healthgate::api::forms::CheckForm::from(view)).expect("serialises")
}

#[cfg(feature = "api")]
#[test]
fn f86_no_form_of_a_check_or_body_shows_the_password() {
    let mut body = http();
    body["basic_auth_pass"] = json!("canary-hunter2");
    let change = CheckChange::from_json(body.clone());
    assert!(!format!("{change:?}").contains("canary"));
    let new = NewCheck::from_json(body).expect("valid");
    assert!(!format!("{new:?}").contains("canary"));
    let shown = shown(stored(http(), true));
    assert_eq!(shown["has_basic_auth_pass"], json!(true));
    assert!(shown.get("basic_auth_pass").is_none());
}

#[cfg(feature = "api")]
#[test]
fn a_checks_form_reads_back_as_the_same_definition() {
    for body in [service(), http()] {
        let check = stored(body, false);
        let mut shown = shown(check.clone());
        let members = shown.as_object_mut().expect("an object");
        for member in [
            "id",
            "host_id",
            "has_basic_auth_pass",
            "created_at",
            "updated_at",
            "revision",
            "status",
            "since",
            "last_result",
            "unreadable",
        ] {
            assert!(members.remove(member).is_some(), "{member}");
        }
        assert_eq!(definition(shown), check.definition);
    }
}

#[test]
fn g26_an_override_needs_checks_a_reason_and_an_expiry_not_after_the_end() {
    let now = DateTime::<Utc>::UNIX_EPOCH;
    let end = now + TimeDelta::hours(1);
    let check = OverriddenCheck { check_id: CheckId::generate(), revision: 1 };
    let over = |checks, reason: &str, expires_at| {
        GateOverride::new(checks, reason, expires_at, "ada", now, end)
    };
    assert!(over(vec![check], "known flaky disk check", end).is_ok());
    let late = end + TimeDelta::microseconds(1);
    assert_eq!(
        codes(&over(vec![], "  short   ", late).err().unwrap_or_default()),
        [
            ("check_ids".to_owned(), "required"),
            ("expires_at".to_owned(), "out_of_range"),
            ("reason".to_owned(), "too_short"),
        ]
    );
    assert!(over(vec![check], "known flaky disk check", now).is_err());
}

/// JSON of every shape, with the members that the deserialisers know among its keys.
fn arbitrary_json() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        any::<String>(),
        Just("service".to_owned()),
        Just("http".to_owned()),
        Just("http://a/".to_owned()),
        Just("2026-11-24T02:00:00Z".to_owned()),
        Just("0197c0de-0000-7000-8000-000000000000".to_owned()),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    let key = prop_oneof![
        any::<String>(),
        proptest::sample::select(vec![
            "name",
            "check_type",
            "enabled",
            "service_name",
            "url",
            "expected_body",
            "ignore_cert_errors",
            "basic_auth_user",
            "basic_auth_pass",
            "target_host_id",
            "opens_at",
            "closes_at",
            "id",
            "host_id",
            "job_id",
            "checks",
            "reason",
            "evidence",
            "checked_at",
            "state",
            "window",
            "revision",
            "address",
            "port",
            "identity",
        ])
        .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(3, 24, 8, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::hash_map(key.clone(), inner, 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_json_makes_a_deserialiser_panic_and_what_is_accepted_is_valid(value in arbitrary_json()) {
        let text = value.to_string();
        let _ = serde_json::from_str::<CheckResult>(&text);
        let _ = serde_json::from_str::<GateRecord>(&text);
        let _ = serde_json::from_str::<GatePass>(&text);
        let _ = serde_json::from_str::<GateOverride>(&text);
        let _ = serde_json::from_str::<AuditRecord>(&text);
        let _ = serde_json::from_str::<healthgate::model::AgentEndpoint>(&text);
        if let Ok(window) = serde_json::from_str::<Window>(&text) {
            prop_assert!(window.opens_at() < window.closes_at());
        }
        if let Ok(new) = NewCheck::from_json(value.clone()) {
            prop_assert!((1..=100).contains(&new.definition.name.chars().count()));
        } else {
            prop_assert!(serde_json::from_str::<NewCheck>(&text).is_err());
        }
        for check in [stored(service(), false), stored(http(), true)] {
            if let Err(violations) = CheckChange::from_json(value.clone()).apply(&check) {
                prop_assert!(!violations.is_empty());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// A definition in Rust is judged as its JSON form is: the same definition and password, or the same
    /// violations. Its certificates are strict unless it says otherwise.
    #[test]
    fn a_definition_in_rust_is_the_one_in_json(
        texts in prop::array::uniform5("[a-z:. /@]{0,12}|https://a\\.example/[a-z]{0,4}|.{0,3}|x{1025}"),
        [user, any, disabled, other] in prop::array::uniform4(any::<bool>()),
    ) {
        let [name, url, body, user_name, password] = texts;
        let mut rust = NewCheck::http(name.as_str(), url.as_str()).expecting(body.as_str());
        let mut json = json!({"name": name, "check_type": "http", "url": url, "expected_body": body,
            "ignore_cert_errors": any, "enabled": !disabled});
        if user {
            rust = rust.basic_auth(user_name.as_str(), password.as_str());
            json["basic_auth_user"] = json!(user_name);
            json["basic_auth_pass"] = json!(password);
        }
        if any {
            rust = rust.any_certificate();
        }
        if disabled {
            rust = rust.disabled();
        }
        same(rust.build(), NewCheck::from_json(json))?;

        let host = HostId::generate();
        let mut rust = NewCheck::service(name.as_str(), url.as_str());
        let mut json = json!({"name": name, "check_type": "service", "service_name": url,
            "ignore_cert_errors": false, "enabled": !disabled});
        if other {
            rust = rust.on_host(host);
            json["target_host_id"] = json!(host);
        }
        if disabled {
            rust = rust.disabled();
        }
        same(rust.build(), NewCheck::from_json(json))?;
    }
}

fn same(
    rust: Result<NewCheck, Violations>,
    json: Result<NewCheck, Violations>,
) -> Result<(), TestCaseError> {
    match (rust, json) {
        (Ok(rust), Ok(json)) => {
            prop_assert_eq!(rust.definition, json.definition);
            let shown = |password: Option<Password>| password.map(|it| it.expose().to_owned());
            prop_assert_eq!(shown(rust.password), shown(json.password));
        }
        (rust, json) => prop_assert_eq!(rust.err(), json.err()),
    }
    Ok(())
}
