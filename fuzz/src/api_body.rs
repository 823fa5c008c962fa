//! Bodies and queries of the REST API: what is accepted is what was sent, and can be sent again (F112, F264).

use std::sync::LazyLock;

use axum::{
    body::Body,
    extract::{FromRequest, FromRequestParts, Request},
    http::{HeaderValue, Uri, header},
};
use chrono::{DateTime, Utc};
use healthgate::{
    api::{JsonBody, Members, Page, Query},
    gate::recurrence::NthWeekdaySpec,
    model::{
        Amount, CheckChange, CheckDefinition, CheckType, HealthCheck, HostId, NewCheck, Password,
        Patch, SealedSecret, StoredCheck, Violations, Window, instant,
    },
    testing::fixtures,
};
use serde_json::{Map, Value, json};
use tokio::runtime::{Builder, Runtime};

use crate::{
    input::Input,
    json::{self, Reading},
    routes,
};

/// Reads a body or a query, by the first byte.
///
/// Input: that byte; for plain JSON a length and the content type; for a change a byte for the check that it is of;
/// then the body or query.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    match input.byte() % 7 {
        0 => plain(&mut input),
        1 => with_value(input.rest(), new_check),
        2 => {
            let check = usize::from(input.byte()) % CHECKS.len();
            with_value(input.rest(), |body| change(&CHECKS[check], body));
        }
        3 => with_value(input.rest(), members),
        4 => query(input.rest()),
        5 => RUNTIME.with(|runtime| runtime.block_on(routes::override_gate(input.rest()))),
        _ => RUNTIME.with(|runtime| runtime.block_on(routes::preview(input.rest()))),
    }
}

thread_local! {
    static RUNTIME: Runtime =
        Builder::new_current_thread().enable_time().build().expect("a runtime of one thread");
}

fn read(content_type: &HeaderValue, body: &[u8]) -> Option<Value> {
    let mut request = Request::new(Body::from(body.to_vec()));
    request.headers_mut().insert(header::CONTENT_TYPE, content_type.clone());
    RUNTIME.with(|runtime| {
        runtime.block_on(async {
            let Ok(body) = JsonBody::from_request(request, &()).await;
            body.value().await.ok()
        })
    })
}

fn with_value(body: &[u8], then: impl FnOnce(&Value)) {
    if let Some(value) = read(&HeaderValue::from_static("application/json"), body) {
        then(&value);
    }
}

/// Exactly strict JSON under exactly the type of JSON is read, and as others read it.
fn plain(input: &mut Input<'_>) {
    let content_type = HeaderValue::from_bytes(input.short());
    let is_json = match content_type {
        Ok(content_type) => {
            let text = content_type.to_str().unwrap_or_default().trim().to_ascii_lowercase();
            let is_read = read(&content_type, b"{}").is_some();
            let may = text == "application/json"
                || text.starts_with("application/json;")
                || text.starts_with("application/json ")
                || text.starts_with("application/json\t");
            assert!(may || !is_read, "{text:?} is taken for JSON");
            is_read || text != "application/json"
        }
        Err(_) => true,
    };
    assert!(is_json, "application/json is refused");
    let body = input.rest();
    let found = read(&HeaderValue::from_static("application/json"), body);
    match json::read(body) {
        Reading::Value(_) => {
            assert!(found.is_some(), "a strict reading accepts it");
            assert_eq!(found, serde_json::from_slice(body).ok(), "others read something else");
        }
        Reading::Refused => assert_eq!(found, None, "a strict reading refuses it"),
        Reading::Unclear => {}
    }
}

fn new_check(body: &Value) {
    let Ok(new) = NewCheck::from_json(body.clone()) else { return };
    let again = NewCheck::from_json(Value::Object(members_of(&new.definition)));
    let again = again.expect("what was accepted is accepted again");
    assert_eq!(again.definition, new.definition);
    let sent = body.get("basic_auth_pass").and_then(Value::as_str);
    assert_eq!(new.password.as_ref().map(Password::expose), sent);
    assert!(sent.is_none() || new.definition.http().is_some_and(|http| http.user.is_some()));
    // A store gives it back as it was.
    assert_eq!(StoredCheck::of(&new.definition).read(), new.definition);
}

/// The body that makes a check of this definition.
fn members_of(definition: &CheckDefinition) -> Map<String, Value> {
    let stored = StoredCheck::of(definition);
    let body = json!({
        "name": stored.name, "check_type": stored.check_type, "enabled": stored.enabled,
        "service_name": stored.service_name, "url": stored.url,
        "expected_body": stored.expected_body, "ignore_cert_errors": stored.ignore_cert_errors,
        "basic_auth_user": stored.basic_auth_user, "target_host_id": stored.target_host_id,
    });
    let Value::Object(mut members) = body else { return Map::new() };
    members.retain(|_, value| !value.is_null());
    members
}

static CHECKS: LazyLock<Vec<HealthCheck>> = LazyLock::new(|| {
    let bodies = [
        json!({"name": "web", "check_type": "http", "url": "https://a.example/", "expected_body": "ok",
               "basic_auth_user": "ada", "basic_auth_pass": "secret"}),
        json!({"name": "open", "check_type": "http", "url": "http://a.example/", "expected_body": "",
               "ignore_cert_errors": false, "enabled": false}),
        json!({"name": "sshd", "check_type": "service", "service_name": "sshd.service",
               "target_host_id": fixtures::host(2)}),
    ];
    let check = |body: Value| {
        let new = NewCheck::from_json(body).expect("a valid check");
        let row =
            || SealedSecret { format: SealedSecret::BOUND, nonce: vec![], ciphertext: vec![] };
        HealthCheck {
            id: fixtures::check(1),
            host_id: fixtures::host(1),
            definition: new.definition,
            secret: new.password.map(|_| row()),
            created_at: fixtures::start(),
            updated_at: fixtures::start(),
            updated_epoch: healthgate::model::ClockEpoch::default(),
            revision: 1,
        }
    };
    bodies.into_iter().map(check).collect()
});

/// A change is laid over a check: it comes out as the check does that is made of both bodies.
fn change(check: &HealthCheck, body: &Value) {
    let applied = CheckChange::from_json(body.clone()).apply(check);
    let expected = laid_over(check, body).and_then(|whole| NewCheck::from_json(whole).ok());
    let (applied, expected) = match (applied, expected) {
        (Ok(applied), Some(expected)) => (applied, expected),
        (Err(_), None) => return,
        (Ok(applied), None) => panic!("accepted: {applied:?}"),
        (Err(violations), Some(expected)) => panic!("{violations}, but not {expected:?}"),
    };
    assert_eq!(applied.definition, expected.definition);
    let sent = body.get("basic_auth_pass");
    let has_user = expected.definition.http().is_some_and(|http| http.user.is_some());
    match (&applied.password, sent) {
        (Patch::Set(password), Some(Value::String(text))) => assert_eq!(password.expose(), text),
        (Patch::Clear, Some(Value::Null)) => {}
        (Patch::Keep, None) => assert!(has_user || !check.has_password()),
        (Patch::Clear, None) => assert!(!has_user && check.has_password()),
        (password, sent) => panic!("{password:?} of {sent:?}"),
    }
    let changed = HealthCheck { definition: applied.definition.clone(), ..check.clone() };
    let again = CheckChange::from_json(body.clone()).apply(&changed).expect("the same change");
    assert_eq!(again.definition, applied.definition);
}

/// The oracle: the body of the check after the change.
fn laid_over(check: &HealthCheck, body: &Value) -> Option<Value> {
    let mut whole = members_of(&check.definition);
    let change = body.as_object()?;
    let old = whole["check_type"].clone();
    if change.get("check_type").is_some_and(|new| *new != old) {
        let of_http = ["url", "expected_body", "basic_auth_user"];
        let of_service = ["service_name", "target_host_id"];
        let is_http = check.definition.check_type() == CheckType::Http;
        for member in if is_http { &of_http[..] } else { &of_service[..] } {
            whole.remove(*member);
        }
    }
    for (name, value) in change {
        if value.is_null() {
            if ["enabled", "ignore_cert_errors"].contains(&name.as_str()) {
                return None;
            }
            let known = whole.remove(name);
            if known.is_none() && !KNOWN.contains(&name.as_str()) {
                return None;
            }
        } else {
            whole.insert(name.clone(), value.clone());
        }
    }
    Some(Value::Object(whole))
}

/// The members of a check.
const KNOWN: [&str; 10] = [
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
];

/// Every kind of member that bodies are made of.
#[derive(PartialEq, Debug)]
struct Everything {
    window: Option<Window>,
    hosts: Option<Vec<HostId>>,
    amount: Option<Amount>,
    weekday: Option<NthWeekdaySpec>,
    instant: Option<DateTime<Utc>>,
    number: Option<i64>,
    count: Option<u64>,
    flag: Option<bool>,
    text: String,
}

fn everything(body: Value) -> Result<Everything, Violations> {
    let mut members = Members::of(body);
    let window = members.optional("window");
    let hosts = members.optional("host_ids");
    let amount = members.optional("amount");
    let weekday = members.optional("nth_weekday");
    let instant = members.optional("at");
    let (number, count) = (members.optional("number"), members.optional("count"));
    let flag = members.optional("flag");
    let text = members.required("text");
    let read = text.map(|text| Everything {
        window,
        hosts,
        amount,
        weekday,
        instant,
        number,
        count,
        flag,
        text,
    });
    members.finish(read)
}

fn members(body: &Value) {
    let read = match everything(body.clone()) {
        Ok(read) => read,
        Err(violations) => {
            assert!(!violations.as_slice().is_empty());
            return;
        }
    };
    // Nothing that was sent is passed over.
    let sent = body.as_object().expect("an object");
    let taken = [
        ("window", read.window.is_some()),
        ("host_ids", read.hosts.is_some()),
        ("amount", read.amount.is_some()),
        ("nth_weekday", read.weekday.is_some()),
        ("at", read.instant.is_some()),
        ("number", read.number.is_some()),
        ("count", read.count.is_some()),
        ("flag", read.flag.is_some()),
        ("text", true),
    ];
    for (name, value) in sent {
        let is_taken = taken.iter().any(|(known, is_taken)| known == name && *is_taken);
        let is_known = taken.iter().any(|(known, _)| known == name);
        assert!(is_taken || (is_known && value.is_null()), "{name} is passed over");
    }
    let again = json!({
        "window": read.window, "host_ids": read.hosts,
        "amount": read.amount.as_ref().map(ToString::to_string), "nth_weekday": read.weekday,
        "at": read.instant.as_ref().map(instant::to_text), "number": read.number,
        "count": read.count, "flag": read.flag, "text": read.text,
    });
    let shown = again.to_string();
    let again = everything(again).unwrap_or_else(|violations| panic!("{violations}: {shown}"));
    assert_eq!(again, read);
}

fn query(query: &[u8]) {
    let Ok(text) = std::str::from_utf8(query) else { return };
    let Ok(uri) = format!("/x?{text}").parse::<Uri>() else { return };
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.uri = uri;
    let given: Vec<(String, String)> =
        url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
    let first = |wanted: &str| {
        given.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
    };
    RUNTIME.with(|runtime| {
        runtime.block_on(async {
            let Ok(query) = Query::from_request_parts(&mut parts, &()).await;
            for name in ["host_ids", "cursor", "q"] {
                assert_eq!(query.first(name), first(name));
            }
            if let Ok(ids) = query.host_ids("host_ids", 3) {
                assert!(ids.len() <= 3);
                let sent = given.iter().filter(|(name, _)| name == "host_ids");
                let mut sent: Vec<HostId> = sent
                    .flat_map(|(_, value)| value.split(','))
                    .filter(|text| !text.trim().is_empty())
                    .map(|text| text.trim().parse().expect("every id is read"))
                    .collect();
                assert!(sent.iter().all(|id| ids.contains(id)));
                sent.sort_unstable();
                sent.dedup();
                assert_eq!(sent.len(), ids.len());
            }
            let Ok(page) = Page::from_request_parts(&mut parts, &()).await else { return };
            let limit = first("limit").map_or(50, |text| text.parse::<u32>().expect("a number"));
            assert!((1..=200).contains(&limit) && page.limit() == limit);
            let position = page.position::<String>().expect("a text");
            let cursor = position.map(Page::cursor);
            assert_eq!(cursor, first("cursor").map(str::to_ascii_lowercase));
        });
    });
}
