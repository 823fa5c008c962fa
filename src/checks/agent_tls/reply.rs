//! Turns an agent's answer, its status and body, into a unit's state or a reason. Pure.

use hyper::StatusCode;
use serde_json::{Map, Value};

use crate::{
    checks::agent::{AgentError, ServiceStatus},
    model::ReasonCode,
};

/// The maximum number of bytes of an answer.
pub(super) const BODY_CAP: usize = 64 * 1024;

/// Reads the answer to a request for a unit's state.
pub(crate) fn read(status: StatusCode, body: &[u8]) -> Result<ServiceStatus, AgentError> {
    let code = status.as_u16();
    let fail = |reason, words: &str| Err(AgentError::new(reason, format!("{words} (HTTP {code})")));
    match code {
        200 => state(body),
        400 if is_envelope(body) => {
            fail(ReasonCode::ServiceNameInvalid, "the agent refuses the unit's name")
        }
        404 if is_envelope(body) => {
            fail(ReasonCode::ServiceNotFound, "the agent does not know the unit")
        }
        404 | 405 => fail(
            ReasonCode::AgentUnsupported,
            "the agent does not support service checks: it may be too old",
        ),
        401 | 403 => fail(ReasonCode::AgentRefused, "the agent refuses this manager"),
        429 => fail(ReasonCode::AgentRateLimited, "the agent limits the rate of requests"),
        300..=399 => {
            fail(ReasonCode::RedirectRefused, "the agent redirects, which is not followed")
        }
        500..=599 => fail(ReasonCode::AgentError, "the agent failed"),
        _ => fail(ReasonCode::AgentBadReply, "the agent's answer cannot be understood"),
    }
}

fn state(body: &[u8]) -> Result<ServiceStatus, AgentError> {
    let bad = |words: &str| AgentError::new(ReasonCode::AgentBadReply, words);
    let envelope = match crate::strict_json::parse(body) {
        Ok(Value::Object(envelope)) => envelope,
        Ok(_) => return Err(bad("the agent's answer is not a JSON object")),
        Err(error) => return Err(bad("the agent's answer is not valid JSON").with_source(error)),
    };
    match envelope.get("success") {
        Some(Value::Bool(true)) => {}
        Some(Value::Bool(false)) => {
            let words = "the agent reports a failure (success is false)";
            return Err(AgentError::new(ReasonCode::AgentError, words));
        }
        _ => return Err(bad("the agent's answer does not say whether it succeeded")),
    }
    let Some(Value::Object(data)) = envelope.get("data") else {
        return Err(bad("the agent's answer holds no state"));
    };
    let name = match data.get("name") {
        Some(Value::String(name)) if !name.is_empty() => name,
        _ => return Err(bad("the agent's answer does not name the unit")),
    };
    // Only the JSON value `true` is healthy. A value that is not a boolean is no verdict (F110).
    let Some(Value::Bool(healthy)) = data.get("healthy") else {
        return Err(bad("the agent's answer holds no verdict"));
    };
    let mut status = ServiceStatus::new(word(name), *healthy);
    status.active_state = member(data, "active_state");
    status.sub_state = member(data, "sub_state");
    status.enabled_state = member(data, "enabled_state");
    status.load_state = member(data, "load_state");
    Ok(status)
}

fn member(data: &Map<String, Value>, name: &str) -> Option<String> {
    data.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(word)
}

/// Truncates a name or state to its maximum length.
fn word(text: &str) -> String {
    text.chars().take(256).collect()
}

/// Returns whether a body is the agent's error envelope. Otherwise something else answered, such as a
/// proxy.
fn is_envelope(body: &[u8]) -> bool {
    let Ok(Value::Object(envelope)) = crate::strict_json::parse(body) else { return false };
    envelope.get("success") == Some(&Value::Bool(false))
        && envelope.get("error").and_then(|error| error.get("code")).is_some_and(Value::is_string)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn reason(status: u16, body: &Value) -> ReasonCode {
        let status = StatusCode::from_u16(status).expect("a status");
        match read(status, body.to_string().as_bytes()) {
            Ok(state) if state.healthy => ReasonCode::Ok,
            Ok(_) => ReasonCode::ServiceUnhealthy,
            Err(error) => error.reason(),
        }
    }

    fn answer(healthy: &Value) -> Value {
        json!({"success": true, "request_id": "x", "timestamp": "x", "error": null,
               "data": {"name": "ssh.service", "healthy": healthy}})
    }

    #[test]
    fn f110_only_true_is_healthy_and_what_is_no_boolean_is_no_verdict() {
        assert_eq!(reason(200, &answer(&json!(true))), ReasonCode::Ok);
        assert_eq!(reason(200, &answer(&json!(false))), ReasonCode::ServiceUnhealthy);
        for value in [json!(null), json!("true"), json!(1), json!([true]), json!({"a": true})] {
            assert_eq!(reason(200, &answer(&value)), ReasonCode::AgentBadReply, "{value}");
        }
        for data in [json!(null), json!([]), json!({}), json!({"healthy": true}), json!("x")] {
            let body = json!({"success": true, "data": data});
            assert_eq!(reason(200, &body), ReasonCode::AgentBadReply, "{body}");
        }
        let nameless = json!({"success": true, "data": {"name": "", "healthy": true}});
        assert_eq!(reason(200, &nameless), ReasonCode::AgentBadReply);
    }

    #[test]
    fn f111_a_status_or_success_that_says_failed_is_never_healthy() {
        let healthy = answer(&json!(true));
        let mut failed = healthy.clone();
        failed["success"] = json!(false);
        assert_eq!(reason(200, &failed), ReasonCode::AgentError);
        assert_eq!(reason(500, &healthy), ReasonCode::AgentError);
        for status in (201..600).filter(|status| *status != 200) {
            assert_ne!(reason(status, &healthy), ReasonCode::Ok, "{status}");
        }
        let mut unsaid = healthy;
        unsaid["success"] = json!("true");
        assert_eq!(reason(200, &unsaid), ReasonCode::AgentBadReply);
    }

    #[test]
    fn f115_an_old_agent_is_told_from_an_unknown_unit() {
        let envelope = json!({"success": false, "data": null,
                              "error": {"code": "SERVICE_NOT_FOUND", "message": "x"}});
        assert_eq!(reason(404, &envelope), ReasonCode::ServiceNotFound);
        assert_eq!(reason(404, &json!("not found")), ReasonCode::AgentUnsupported);
        assert_eq!(reason(405, &envelope), ReasonCode::AgentUnsupported);
        assert_eq!(reason(400, &envelope), ReasonCode::ServiceNameInvalid);
        assert_eq!(reason(400, &json!({})), ReasonCode::AgentBadReply);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn f110_a_healthy_answer_has_exactly_the_form_of_one(
            status in 100_u16..600,
            success in prop_oneof![Just(json!(true)), Just(json!(false)), Just(json!(1)), Just(json!(null))],
            healthy in prop_oneof![Just(json!(true)), Just(json!(false)), Just(json!("true")), Just(json!(null))],
            name in prop_oneof![Just(json!("a")), Just(json!("")), Just(json!(1))],
        ) {
            let body = json!({"success": success, "data": {"name": name, "healthy": healthy}});
            let sound = status == 200 && success == json!(true) && healthy == json!(true)
                && name == json!("a");
            prop_assert_eq!(reason(status, &body) == ReasonCode::Ok, sound);
        }
    }
}
