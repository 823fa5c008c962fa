//! Scripts of the agent's answers about one service.

use std::time::Duration;

use serde_json::{Value, json};

use crate::agent_answers::{
    authz_ip_denied, changed, delayed, error_steps, head_and_body, huge, json_response, json_steps,
    method_not_allowed, state_steps, status_error, too_many_requests,
};
use crate::envelope::{self, ServiceState};
use crate::step::{Step, response};

/// The agent's behaviour for requests about one service.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ServiceScript {
    /// active/running, healthy.
    Healthy,
    /// inactive/dead, not healthy.
    Inactive,
    /// failed/failed, not healthy.
    Failed,
    /// active/exited, which the agent reports as not healthy.
    Oneshot,
    /// inactive/dead with an active socket, which the agent reports as healthy.
    SocketActivated,
    /// load_state masked, not healthy.
    Masked,
    /// activating/start, not healthy.
    Activating,
    /// Healthy, under another name (request for `sshd`, answer for `ssh.service`).
    AliasOf(String),
    /// Any state; see [`ServiceState`].
    State(ServiceState),
    /// 404 `SERVICE_NOT_FOUND`, also the default of services without a script.
    Missing,
    /// 400 `INVALID_SERVICE_NAME`.
    BadName,
    /// 500 `SERVICE_STATUS_ERROR` (retryable) with the message about invalid characters.
    BadCharacter,
    /// 500 `SERVICE_STATUS_ERROR` (retryable).
    BackendError,
    /// Any error envelope.
    Error {
        /// HTTP status.
        status: u16,
        /// Error code.
        code: String,
        /// Error message.
        message: String,
        /// The `retryable` flag.
        retryable: bool,
    },
    /// 200, success, `data` null.
    DataNull,
    /// 200, success, `data` an empty array.
    DataArray,
    /// Running, but without the key `healthy`.
    HealthyMissing,
    /// Running, with any JSON value under `healthy`.
    HealthyValue(Value),
    /// Healthy, without the key `name`.
    NameMissing,
    /// Healthy, with any JSON value under `name` (for example the empty string).
    NameValue(Value),
    /// 200 with `success:false`, an error, and yet healthy data.
    SuccessFalse,
    /// 500 with `success:true` and healthy data.
    ErrorStatusHealthy,
    /// Healthy, with unknown fields in the envelope and in the data.
    ExtraFields,
    /// 200 with the first half of the correct JSON as body, and the `content-length` of that half.
    TruncatedJson,
    /// 502 with an HTML page, as from a proxy.
    HtmlBadGateway,
    /// Healthy, with a field of this many bytes (streamed, correct `content-length`).
    HugeBody(usize),
    /// 200 `application/json` with exactly these bytes (duplicate keys, BOM, deep nesting, trailing bytes, NaN).
    RawBody(Vec<u8>),
    /// Exactly these bytes on the connection, including the head, followed by a close.
    RawResponse(Vec<u8>),
    /// A healthy answer with one byte of the head per interval.
    SlowHeaders(Duration),
    /// A healthy answer with an immediate head and one byte of the body per interval.
    SlowBody(Duration),
    /// No answer. The connection stays open.
    Hang,
    /// A TCP reset instead of an answer.
    Reset,
    /// A TCP reset in the middle of the body.
    ResetMidBody,
    /// An orderly close instead of an answer.
    CloseBeforeAnswer,
    /// 405 with `Allow` and an empty body: an agent without this endpoint.
    MethodNotAllowed,
    /// 404 without an envelope: an old agent, or a proxy.
    NotFoundPlain,
    /// 401 with an empty body.
    Unauthorized,
    /// 403 with an empty body.
    Forbidden,
    /// 403 with the error `AUTHZ_IP_DENIED`.
    AuthzIpDenied,
    /// 302 to this location.
    Redirect(String),
    /// 429 as from the limiter: text/plain with `Retry-After` in seconds.
    TooManyRequests {
        /// The number of seconds.
        retry_after: u64,
    },
    /// 429 as from the limiter, with any text or nothing as `Retry-After`.
    TooManyRequestsRaw(Option<String>),
    /// 503 with an empty body and `Retry-After` in seconds.
    Unavailable {
        /// The number of seconds.
        retry_after: u64,
    },
    /// Healthy after a delay.
    DelayThenHealthy(Duration),
    /// Any other behaviour after a delay.
    Delay(Duration, Box<ServiceScript>),
    /// One behaviour per request, in order. The last one repeats.
    Sequence(Vec<ServiceScript>),
    /// Sends half a head. Then the agent goes down with all its connections and comes back on the same
    /// port. The script then becomes [`ServiceScript::Healthy`].
    RestartMidRequest {
        /// How long connections are refused.
        down_for: Duration,
    },
}

impl ServiceScript {
    /// Returns the script for the current request, and advances a sequence.
    pub(crate) fn advance(&mut self) -> Self {
        match self {
            Self::Sequence(scripts) if scripts.len() > 1 => scripts.remove(0).advance(),
            Self::Sequence(scripts) => scripts.first_mut().map_or(Self::Missing, Self::advance),
            Self::RestartMidRequest { .. } => std::mem::replace(self, Self::Healthy),
            other => other.clone(),
        }
    }

    /// Returns the answer to a request for `name`.
    pub(crate) fn steps(&self, name: &str) -> Vec<Step> {
        let running = ServiceState::running(name);
        let healthy = || envelope::success(&running.data().into());
        match self {
            // `advance` has already picked the element of a sequence.
            Self::Healthy | Self::Sequence(_) => json_steps(200, &healthy()),
            Self::Inactive => state_steps(&ServiceState::down(name, "inactive", "dead")),
            Self::Failed => state_steps(&ServiceState::down(name, "failed", "failed")),
            Self::Oneshot => state_steps(&ServiceState::down(name, "active", "exited")),
            Self::SocketActivated => state_steps(&ServiceState {
                healthy: true,
                ..ServiceState::down(name, "inactive", "dead")
            }),
            Self::Masked => state_steps(&ServiceState {
                load: "masked",
                enabled: "masked",
                ..ServiceState::down(name, "inactive", "dead")
            }),
            Self::Activating => state_steps(&ServiceState::down(name, "activating", "start")),
            Self::AliasOf(other) => state_steps(&ServiceState { name: other.clone(), ..running }),
            Self::State(state) => state_steps(state),
            Self::Missing => {
                error_steps(404, "SERVICE_NOT_FOUND", &format!("Service '{name}' not found"), false)
            }
            Self::BadName => error_steps(
                400,
                "INVALID_SERVICE_NAME",
                &format!("Invalid service name: {name}"),
                false,
            ),
            Self::BadCharacter => {
                status_error(&format!("Service name contains invalid characters: {name}"))
            }
            Self::BackendError => status_error("systemctl exited with status 1"),
            Self::Error { status, code, message, retryable } => {
                error_steps(*status, code, message, *retryable)
            }
            Self::DataNull => json_steps(200, &envelope::success(&Value::Null)),
            Self::DataArray => json_steps(200, &envelope::success(&json!([]))),
            Self::HealthyMissing => changed(&running, |data| {
                data.remove("healthy");
            }),
            Self::HealthyValue(value) => changed(&running, |data| {
                data.insert("healthy".into(), value.clone());
            }),
            Self::NameMissing => changed(&running, |data| {
                data.remove("name");
            }),
            Self::NameValue(value) => changed(&running, |data| {
                data.insert("name".into(), value.clone());
            }),
            Self::SuccessFalse => {
                let error = json!({ "code": "INTERNAL_ERROR", "message": "partial result", "details": null,
                    "retryable": false });
                json_steps(200, &envelope::envelope(false, &running.data().into(), &error))
            }
            Self::ErrorStatusHealthy => json_steps(500, &healthy()),
            Self::ExtraFields => {
                let mut data = running.data();
                data.insert("memory_current".into(), json!(4096));
                data.insert("tags".into(), json!({ "nested": [1, 2, { "deep": null }] }));
                let mut body = envelope::success(&data.into());
                body["api_version"] = json!("v9");
                json_steps(200, &body)
            }
            Self::TruncatedJson => {
                let body = healthy().to_string();
                vec![Step::Send(json_response(200, &body.as_bytes()[..body.len() / 2]))]
            }
            Self::HtmlBadGateway => {
                let page =
                    b"<html><head><title>502 Bad Gateway</title></head><body>502</body></html>";
                vec![Step::Send(response(502, &[("content-type", "text/html")], page))]
            }
            Self::HugeBody(size) => huge(&running, *size),
            Self::RawBody(body) => vec![Step::Send(json_response(200, body))],
            Self::RawResponse(bytes) => vec![Step::Send(bytes.clone()), Step::Close],
            Self::SlowHeaders(interval) => {
                vec![Step::Trickle(json_response(200, healthy().to_string().as_bytes()), *interval)]
            }
            Self::SlowBody(interval) => {
                let (head, body) = head_and_body(&healthy());
                vec![Step::Send(head), Step::Trickle(body, *interval)]
            }
            Self::Hang => vec![Step::Hang],
            Self::Reset => vec![Step::Reset],
            Self::ResetMidBody => {
                let (head, body) = head_and_body(&healthy());
                vec![Step::Send(head), Step::Send(body[..body.len() / 2].to_vec()), Step::Reset]
            }
            Self::CloseBeforeAnswer => vec![Step::Close],
            Self::MethodNotAllowed => method_not_allowed(),
            Self::NotFoundPlain => vec![Step::Send(response(404, &[], b""))],
            Self::Unauthorized => vec![Step::Send(response(401, &[], b""))],
            Self::Forbidden => vec![Step::Send(response(403, &[], b""))],
            Self::AuthzIpDenied => authz_ip_denied(),
            Self::Redirect(location) => {
                vec![Step::Send(response(302, &[("location", location)], b""))]
            }
            Self::TooManyRequests { retry_after } => {
                too_many_requests(Some(&retry_after.to_string()))
            }
            Self::TooManyRequestsRaw(retry_after) => too_many_requests(retry_after.as_deref()),
            Self::Unavailable { retry_after } => {
                vec![Step::Send(response(503, &[("retry-after", &retry_after.to_string())], b""))]
            }
            Self::DelayThenHealthy(delay) => delayed(*delay, json_steps(200, &healthy())),
            Self::Delay(delay, then) => delayed(*delay, then.steps(name)),
            Self::RestartMidRequest { down_for } => {
                vec![
                    Step::Send(b"HTTP/1.1 200 OK\r\ncontent-ty".to_vec()),
                    Step::Restart(*down_for),
                ]
            }
        }
    }
}
