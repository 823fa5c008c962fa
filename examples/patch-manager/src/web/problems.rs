//! The problems of the application's operations, and the application's part of the OpenAPI document.

use healthgate::{
    api::{Problem, ProblemBody},
    gate::recurrence::{RecurrenceError, RecurrenceViolation},
    model::{ViolationCode, Violations},
};
use utoipa::OpenApi;

use crate::database::DatabaseError;

/// The metadata of the whole document.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "patch-manager",
        description = "Hosts, maintenance windows and jobs of a small patch manager, and the health \
            checks and gates of healthgate. Every error is a `Problem`; its `code` is stable.",
    ),
    components(schemas(ProblemBody)),
    tags(
        (name = "application", description = "Hosts, maintenance windows and jobs"),
        (name = "demo", description = "The simulated fleet"),
    ),
)]
pub(super) struct Document;

impl From<DatabaseError> for Problem {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Corrupt { .. } => Self::internal().with_source(error),
            DatabaseError::Audit(error) => error.into(),
            DatabaseError::RightLost => Self::forbidden(),
            DatabaseError::Sql(_) | DatabaseError::Task(_) => {
                let detail = "the database cannot be reached: try again soon";
                Self::unavailable("store_unavailable", detail).with_source(error)
            }
        }
    }
}

/// Reports errors of a window's recurrence as violations.
pub(super) fn recurrence_violations(error: &RecurrenceError, violations: &mut Violations) {
    for violation in error.violations() {
        let code = match violation {
            RecurrenceViolation::Missing { .. } => ViolationCode::Required,
            RecurrenceViolation::NotApplicable { .. } | RecurrenceViolation::Conflicting { .. } => {
                ViolationCode::NotAllowed
            }
            RecurrenceViolation::Unknown { .. } => ViolationCode::UnknownValue,
            RecurrenceViolation::OutOfRange { .. } => ViolationCode::OutOfRange,
            _ => ViolationCode::InvalidFormat,
        };
        violations.push(violation.field(), code, violation.to_string());
    }
}
