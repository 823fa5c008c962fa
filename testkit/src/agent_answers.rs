//! Bodies and heads of the agent's scripted answers.

use std::time::Duration;

use serde_json::Value;

use crate::envelope::{self, ServiceState};
use crate::step::{Step, head, response};

/// Returns a JSON answer of the agent.
pub(crate) fn json_steps(status: u16, body: &Value) -> Vec<Step> {
    vec![Step::Send(json_response(status, body.to_string().as_bytes()))]
}

/// Returns an error envelope.
pub(crate) fn error_steps(status: u16, code: &str, message: &str, retryable: bool) -> Vec<Step> {
    json_steps(status, &envelope::error(code, message, retryable))
}

/// Returns the agent's answer to an unknown path or method: empty, with `Allow`.
pub(crate) fn method_not_allowed() -> Vec<Step> {
    vec![Step::Send(response(405, &[("allow", "GET")], b""))]
}

/// Returns the agent's answer to a client whose address is not allowed.
pub(crate) fn authz_ip_denied() -> Vec<Step> {
    error_steps(403, "AUTHZ_IP_DENIED", "Client address is not allowed", false)
}

/// Returns the rate limiter's answer, which is not an envelope.
pub(crate) fn too_many_requests(retry_after: Option<&str>) -> Vec<Step> {
    let text =
        format!("Rate limit exceeded. Retry after {} seconds.", retry_after.unwrap_or("some"));
    let mut headers = vec![("content-type", "text/plain; charset=utf-8")];
    headers.extend(retry_after.map(|seconds| ("retry-after", seconds)));
    vec![Step::Send(response(429, &headers, text.as_bytes()))]
}

/// Returns the answer to a failed status query, which the agent marks as retryable.
pub(crate) fn status_error(cause: &str) -> Vec<Step> {
    error_steps(
        500,
        "SERVICE_STATUS_ERROR",
        &format!("Failed to get service status: {cause}"),
        true,
    )
}

/// Returns the report of a state.
pub(crate) fn state_steps(state: &ServiceState) -> Vec<Step> {
    json_steps(200, &envelope::success(&state.data().into()))
}

/// Returns the report of a state with modified `data`.
pub(crate) fn changed(
    state: &ServiceState,
    change: impl FnOnce(&mut serde_json::Map<String, Value>),
) -> Vec<Step> {
    let mut data = state.data();
    change(&mut data);
    json_steps(200, &envelope::success(&data.into()))
}

/// Returns these steps after a pause.
pub(crate) fn delayed(delay: Duration, steps: Vec<Step>) -> Vec<Step> {
    let mut all = vec![Step::Pause(delay)];
    all.extend(steps);
    all
}

/// Returns the bytes of a JSON answer.
pub(crate) fn json_response(status: u16, body: &[u8]) -> Vec<u8> {
    response(status, &[("content-type", "application/json")], body)
}

/// Returns head and body of a JSON answer separately.
pub(crate) fn head_and_body(body: &Value) -> (Vec<u8>, Vec<u8>) {
    let body = body.to_string().into_bytes();
    let length = body.len().to_string();
    (head(200, &[("content-type", "application/json"), ("content-length", &length)]), body)
}

/// Returns a correct report with this many bytes of padding, streamed.
pub(crate) fn huge(state: &ServiceState, size: usize) -> Vec<Step> {
    const MARK: &str = "PADDING-HERE";
    const BLOCK: usize = 16 * 1024;
    let mut data = state.data();
    data.insert("padding".into(), MARK.into());
    let body = envelope::success(&data.into()).to_string();
    let (before, after) = body.split_once(MARK).expect("the mark was just put in");
    let length = (before.len() + after.len() + size).to_string();
    let mut steps = vec![
        Step::Send(head(200, &[("content-type", "application/json"), ("content-length", &length)])),
        Step::Send(before.as_bytes().to_vec()),
    ];
    steps.push(Step::Repeat(vec![b'x'; BLOCK], Some((size / BLOCK) as u64)));
    steps.push(Step::Send(vec![b'x'; size % BLOCK]));
    steps.push(Step::Send(after.as_bytes().to_vec()));
    steps
}
