//! What the application's operations answer where something is wrong, and its part of the OpenAPI
//! document.

use healthgate::{
    api::{Problem, ProblemBody},
    gate::recurrence::{RecurrenceError, RecurrenceViolation},
    model::{ViolationCode, Violations},
};
use utoipa::{IntoResponses, OpenApi};

use crate::database::DatabaseError;

/// What holds for the document as a whole.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "patch-manager",
        description = "Hosts, maintenance windows and jobs of a small patch manager, and the health \
            checks and gates of healthgate. Every error is a `Problem`; its `code` is stable.",
    ),
    components(schemas(ProblemBody)),
    modifiers(&BearerToken),
    tags(
        (name = "application", description = "Hosts, maintenance windows and jobs"),
        (name = "demo", description = "The simulated fleet"),
    ),
)]
pub(super) struct Document;

struct BearerToken;

impl utoipa::Modify for BearerToken {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        use utoipa::openapi::security::{
            Http, HttpAuthScheme, SecurityRequirement, SecurityScheme,
        };
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", scheme);
        document.security = Some(vec![SecurityRequirement::new("token", Vec::<String>::new())]);
    }
}

/// What every operation can answer.
#[derive(IntoResponses)]
pub(super) enum CommonProblems {
    /// `unauthenticated`: the token is missing or unknown.
    #[response(status = 401, content_type = "application/problem+json")]
    #[expect(dead_code, reason = "it stands in the document; handlers answer with `Problem`")]
    Unauthenticated(ProblemBody),
    /// `internal`: something went wrong here.
    #[response(status = 500, content_type = "application/problem+json")]
    #[expect(dead_code, reason = "it stands in the document; handlers answer with `Problem`")]
    Internal(ProblemBody),
    /// `store_unavailable`: the database cannot be reached; `overloaded`, `too_slow`: too much is asked
    /// at once.
    #[response(status = 503, content_type = "application/problem+json")]
    #[expect(dead_code, reason = "it stands in the document; handlers answer with `Problem`")]
    Unavailable(ProblemBody),
}

/// What an operation on one thing can answer.
#[derive(IntoResponses)]
pub(super) enum SubjectProblems {
    /// `not_found`: there is no such thing, or the caller may not see it.
    #[response(status = 404, content_type = "application/problem+json")]
    #[expect(dead_code, reason = "it stands in the document; handlers answer with `Problem`")]
    NotFound(ProblemBody),
}

/// What an operation that writes can answer.
#[derive(IntoResponses)]
pub(super) enum WriteProblems {
    /// `malformed`: the body is no JSON.
    #[response(status = 400, content_type = "application/problem+json")]
    #[expect(dead_code, reason = "it stands in the document; handlers answer with `Problem`")]
    Malformed(ProblemBody),
    /// `forbidden`: the caller may see it, and may not do this.
    #[response(status = 403, content_type = "application/problem+json")]
    #[expect(dead_code, reason = "it stands in the document; handlers answer with `Problem`")]
    Forbidden(ProblemBody),
    /// `not_found`: there is no such thing, or the caller may not see it.
    #[response(status = 404, content_type = "application/problem+json")]
    #[expect(dead_code, reason = "it stands in the document; handlers answer with `Problem`")]
    NotFound(ProblemBody),
    /// `conflict`: this cannot be done in the state that things are in.
    #[response(status = 409, content_type = "application/problem+json")]
    #[expect(dead_code, reason = "it stands in the document; handlers answer with `Problem`")]
    Conflict(ProblemBody),
    /// `body_too_large`: the body has more than 64 KiB.
    #[response(status = 413, content_type = "application/problem+json")]
    #[expect(dead_code, reason = "it stands in the document; handlers answer with `Problem`")]
    TooLarge(ProblemBody),
    /// `unsupported_media_type`: the body is not said to be JSON.
    #[response(status = 415, content_type = "application/problem+json")]
    #[expect(dead_code, reason = "it stands in the document; handlers answer with `Problem`")]
    Unsupported(ProblemBody),
    /// `invalid`: the body breaks rules; each stands in `errors`.
    #[response(status = 422, content_type = "application/problem+json")]
    #[expect(dead_code, reason = "it stands in the document; handlers answer with `Problem`")]
    Invalid(ProblemBody),
}

/// What a list can answer.
#[derive(IntoResponses)]
pub(super) enum ListProblems {
    /// `invalid`: a parameter is not possible.
    #[response(status = 422, content_type = "application/problem+json")]
    #[expect(dead_code, reason = "it stands in the document; handlers answer with `Problem`")]
    Invalid(ProblemBody),
}

impl From<DatabaseError> for Problem {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Corrupt { .. } => Self::internal().with_source(error),
            DatabaseError::Audit(error) => error.into(),
            DatabaseError::Sql(_) | DatabaseError::Task(_) => {
                let detail = "the database cannot be reached now: try again soon";
                Self::unavailable("store_unavailable", detail).with_source(error)
            }
        }
    }
}

/// What is wrong with the recurrence of a window, as violations.
pub(super) fn recurrence_violations(error: &RecurrenceError, violations: &mut Violations) {
    for violation in error.violations() {
        let code = match violation {
            RecurrenceViolation::Missing { .. } => ViolationCode::Required,
            RecurrenceViolation::NotApplicable { .. } => ViolationCode::NotAllowed,
            RecurrenceViolation::Unknown { .. } => ViolationCode::UnknownValue,
            RecurrenceViolation::OutOfRange { .. } => ViolationCode::OutOfRange,
            _ => ViolationCode::InvalidFormat,
        };
        violations.push(violation.field(), code, violation.to_string());
    }
}
