//! An agent's answer: a unit is healthy only if a strict reading of it says so (F110, F111, F112).

use healthgate::{model::ReasonCode, testing::hostile};

use crate::{
    input::Input,
    json::{self, Json, Reading},
};

/// Reads a status and a body, and the header that asks for a pause.
///
/// Input: status (2 bytes), a length and so many bytes of `Retry-After`, the body.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let status = 100 + input.word() % 500;
    let header = input.short();
    retry_after(status, header);
    let body = input.rest();
    let reply = hostile::agent_reply(status, body).expect("a status from 100 to 599");
    let reading = json::read(body);
    let expected = verdict(status, &reading);
    match &reply {
        Ok(state) => {
            assert!(
                expected == Some(Some(state.healthy)) || reading == Reading::Unclear,
                "{status} says healthy = {}, and a strict reading {expected:?}",
                state.healthy
            );
            assert!(!state.name.is_empty() && status == 200);
            let states =
                [&state.active_state, &state.sub_state, &state.enabled_state, &state.load_state];
            for text in states.into_iter().flatten().chain([&state.name]) {
                assert!((1..=256).contains(&text.chars().count()), "{} bytes", text.len());
            }
        }
        Err(error) => {
            assert!(
                expected == Some(None) || reading == Reading::Unclear,
                "{status} gives no state, and a strict reading {expected:?}"
            );
            assert_ne!(error.reason(), ReasonCode::Ok);
            assert_eq!(fixed_reason(status).unwrap_or(error.reason()), error.reason(), "{status}");
            // Neither the sentence nor what stands behind it repeats what the agent sent.
            assert!(error.detail().as_str().len() <= 100, "{}", error.detail().as_str());
        }
    }
}

/// What the answer says of the unit: outside `None` where the oracle cannot tell, inside where there is no state.
fn verdict(status: u16, reading: &Reading) -> Option<Option<bool>> {
    let Reading::Value(json) = reading else {
        return (*reading == Reading::Refused).then_some(None);
    };
    let data = json.member("data");
    let name = data.and_then(|data| data.member("name"));
    let is_named = matches!(name, Some(Json::Text(name)) if !name.is_empty());
    let succeeded = json.member("success") == Some(&Json::Bool(true));
    let healthy = match data.and_then(|data| data.member("healthy")) {
        Some(Json::Bool(healthy)) => Some(*healthy),
        _ => None,
    };
    Some(healthy.filter(|_| status == 200 && succeeded && is_named))
}

/// The reason of a status whose body does not matter.
fn fixed_reason(status: u16) -> Option<ReasonCode> {
    match status {
        401 | 403 => Some(ReasonCode::AgentRefused),
        405 => Some(ReasonCode::AgentUnsupported),
        429 => Some(ReasonCode::AgentRateLimited),
        300..=399 => Some(ReasonCode::RedirectRefused),
        500..=599 => Some(ReasonCode::AgentError),
        200 | 400 | 404 => None,
        _ => Some(ReasonCode::AgentBadReply),
    }
}

/// A pause is asked for by digits alone, between spaces (RFC 9110, 10.2.3), and with the status 429 alone.
fn retry_after(status: u16, header: &[u8]) {
    let found = hostile::retry_after(status, header);
    let text = std::str::from_utf8(header).unwrap_or("x").trim_matches([' ', '\t']);
    let are_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let expected = text.parse::<u64>().ok().filter(|_| status == 429 && are_digits);
    assert_eq!(found.map(|pause| pause.as_secs()), expected, "{status} {text:?}");
}
