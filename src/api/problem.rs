//! The single form of every error answer (RFC 9457), for the routes of the library and the application.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::{ViolationCode, Violations};

/// An error answer: a status, a stable code, and a sentence that says what to do.
///
/// It becomes an `application/problem+json` body ([`ProblemBody`]). The body never shows the error's
/// source, which [`envelope`](super::envelope) logs. An application's handlers can return it too: `async fn
/// handler() -> Result<Json<T>, Problem>`.
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    errors: Vec<FieldProblem>,
    retry_after: Option<Duration>,
    revision: Option<i64>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl Problem {
    /// The maximum number of entries in `errors`. A body of 64 KiB can break rules ten thousand times
    /// (F180).
    pub const MAXIMUM_ERRORS: usize = 100;

    /// Creates a problem with a code that the application defines. `code` is for programs, `detail` for people.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let (errors, retry_after, revision, source) = (Vec::new(), None, None, None);
        Self { status, code, detail, errors, retry_after, revision, source }
    }

    /// Creates a 400: the request cannot be read.
    #[must_use]
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", detail)
    }

    /// Creates a 401: the request is unauthenticated.
    #[must_use]
    pub fn unauthenticated() -> Self {
        let detail = "you are not signed in: send a valid token";
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail)
    }

    /// Creates a 403: the caller may see the subject but has no right to this operation.
    #[must_use]
    pub fn forbidden() -> Self {
        let detail = "you do not have the right to do this: ask an administrator";
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    /// Creates a 404: the subject does not exist, or the caller may not see it. The answer does not reveal
    /// which.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "not found, or you do not have access to it")
    }

    /// Creates a 405: the path does not support the method.
    #[must_use]
    pub fn method_not_allowed() -> Self {
        let detail = "use one of the methods in the header `Allow`";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
    }

    /// Creates a 409: the current state does not allow the operation.
    #[must_use]
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// Creates a 412: `If-Match` names another revision than the current one.
    #[must_use]
    pub fn revision_mismatch(current: i64) -> Self {
        let detail = "someone else has changed it meanwhile: reload it and repeat your change";
        let problem = Self::new(StatusCode::PRECONDITION_FAILED, "revision_mismatch", detail);
        Self { revision: Some(current), ..problem }
    }

    /// Creates a 413: the body is too large.
    #[must_use]
    pub fn too_large() -> Self {
        let detail = "send a body of at most 65,536 bytes";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
    }

    /// Creates a 408: the body did not arrive in time.
    #[must_use]
    pub fn body_too_slow() -> Self {
        let detail = "the body did not arrive within 10 s: send it again";
        Self::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", detail)
    }

    /// Creates a 415: the body is not JSON.
    #[must_use]
    pub fn unsupported_media_type() -> Self {
        let detail = "send JSON, and say so in `Content-Type: application/json`";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
    }

    /// Creates a 422: the body is readable but breaks these rules.
    #[must_use]
    pub fn invalid(violations: &Violations) -> Self {
        let all = violations.as_slice();
        let errors: Vec<_> =
            all.iter().take(Self::MAXIMUM_ERRORS).map(FieldProblem::from).collect();
        let detail = match errors.as_slice() {
            [one] if one.field.is_empty() => one.message.clone(),
            [one] => format!("`{}`: {}", one.field, one.message),
            many if many.len() < all.len() => {
                format!("{} things are wrong: `errors` has the first {}", all.len(), many.len())
            }
            many => format!("{} things are wrong: each stands in `errors`", many.len()),
        };
        Self { errors, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail) }
    }

    /// Creates a 422 with one violation.
    #[must_use]
    pub fn invalid_field(field: &str, code: ViolationCode, message: impl Into<String>) -> Self {
        Self::invalid(&Violations::one(field, code, message))
    }

    /// Creates a 429: too many requests. The answer contains the number of seconds to wait.
    #[must_use]
    pub fn too_many(code: &'static str, detail: impl Into<String>, retry_after: Duration) -> Self {
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, code, detail);
        Self { retry_after: Some(retry_after), ..problem }
    }

    /// Creates a 503: a service that the answer depends on is down.
    #[must_use]
    pub fn unavailable(code: &'static str, detail: impl Into<String>) -> Self {
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail);
        Self { retry_after: Some(Duration::from_secs(5)), ..problem }
    }

    /// Creates a 500: an internal error.
    #[must_use]
    pub fn internal() -> Self {
        let detail = "internal error: try again, or report the request id to the administrator";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
    }

    /// Adds the cause, which is logged and never shown.
    #[must_use]
    pub fn with_source(self, source: impl Error + Send + Sync + 'static) -> Self {
        Self { source: Some(Arc::new(source)), ..self }
    }

    /// Returns the status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the code, for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.code
    }

    /// Returns the violations of single fields.
    #[must_use]
    pub fn errors(&self) -> &[FieldProblem] {
        &self.errors
    }

    /// Returns the body.
    #[must_use]
    pub fn to_body(&self) -> ProblemBody {
        ProblemBody {
            kind: "about:blank".to_owned(),
            title: self.status.canonical_reason().unwrap_or("Error").to_owned(),
            status: self.status.as_u16(),
            code: self.code.to_owned(),
            detail: self.detail.clone(),
            errors: self.errors.clone(),
            error: ErrorMember { code: self.code.to_owned(), message: self.detail.clone() },
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}: {}", self.status.as_u16(), self.code, self.detail)
    }
}

impl Error for Problem {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| source.as_ref() as _)
    }
}

impl From<Violations> for Problem {
    fn from(violations: Violations) -> Self {
        Self::invalid(&violations)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.to_body())).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(retry_after) = self.retry_after {
            // Rounds up to whole seconds, so that the client does not retry too early.
            let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        if let Some(etag) = self.revision.and_then(super::etag::of) {
            headers.insert(header::ETAG, etag);
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// The body of an error answer (RFC 9457).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// Always `about:blank`. `code` identifies the problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status as text.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The problem's code, for programs.
    pub code: String,
    /// What happened and what to do, for people.
    pub detail: String,
    /// The invalid fields or parameters, if any.
    pub errors: Vec<FieldProblem>,
    /// Code and message again, for the existing front end.
    pub error: ErrorMember,
}

/// An invalid field or parameter.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct FieldProblem {
    /// The field's name. Empty for the body as a whole.
    pub field: String,
    /// The violation's code, for programs.
    pub code: String,
    /// What to do, for people.
    pub message: String,
}

impl From<&crate::model::Violation> for FieldProblem {
    fn from(violation: &crate::model::Violation) -> Self {
        Self {
            field: violation.field.clone(),
            code: violation.code.as_str().to_owned(),
            message: violation.message.clone(),
        }
    }
}

/// Code and message in one object.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct ErrorMember {
    /// The problem's code, for programs.
    pub code: String,
    /// What happened and what to do, for people.
    pub message: String,
}
