//! Converts the library's errors to problems.

use std::time::Duration;

use super::{AuthorizeError, Problem};
use crate::{
    checks::{ManageError, TestRefused},
    directory::DirectoryError,
    gate::GateError,
    store::{Refusal, StoreError},
};

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::not_found(),
            StoreError::LimitReached { limit } => Self::conflict(
                "limit_reached",
                format!("a host may have at most {limit} checks: delete one first"),
            ),
            StoreError::Conflict { .. } => {
                Self::conflict("conflict", "others are changing this at the same time: try again")
                    .with_source(error)
            }
            StoreError::GateBusy { .. } => Self::conflict(
                "gate_busy",
                "another job's gate holds this host: wait until it has ended",
            ),
            StoreError::InvalidState { state } => {
                Self::conflict("invalid_state", format!("this cannot be done now: {state}"))
            }
            StoreError::Refused(Refusal::Forbidden) => Self::forbidden(),
            StoreError::Refused(Refusal::StateMoved) => {
                Self::conflict("invalid_state", "the job has changed meanwhile: reload it")
            }
            StoreError::Refused(Refusal::Failed(_)) | StoreError::Unavailable { .. } => {
                store_unavailable().with_source(error)
            }
            StoreError::NotMigrated { .. } => Self::unavailable(
                "store_unavailable",
                "the database has not been migrated yet: tell the administrator",
            )
            .with_source(error),
            StoreError::Corrupt { .. } | StoreError::Rejected { .. } => {
                Self::internal().with_source(error)
            }
        }
    }
}

fn store_unavailable() -> Problem {
    Problem::unavailable("store_unavailable", "the database does not answer: try again later")
}

impl From<ManageError> for Problem {
    fn from(error: ManageError) -> Self {
        match error {
            ManageError::Invalid(violations) => Self::from(violations),
            ManageError::PasswordRequired { because } => Self::conflict(
                "password_required",
                format!("enter `basic_auth_pass` again: {because}"),
            ),
            ManageError::HostUnknown => Self::not_found(),
            ManageError::Seal(_) | ManageError::Open(_) | ManageError::KeyMismatch(_) => {
                Self::unavailable(
                    "secrets_unavailable",
                    "passwords cannot be encrypted now: tell the administrator",
                )
                .with_source(error)
            }
            ManageError::Directory(error) => Self::from(error),
            ManageError::Store(error) => Self::from(error),
        }
    }
}

impl From<TestRefused> for Problem {
    fn from(refused: TestRefused) -> Self {
        match refused {
            TestRefused::Running => {
                let detail = "another test of yours is running: wait for its result";
                Self::too_many("test_running", detail, Duration::from_secs(1))
            }
            TestRefused::BudgetSpent { retry_after } => {
                let detail = "too many tests, dry runs and changes by you or of these hosts: try again later";
                Self::too_many("rate_limited", detail, retry_after)
            }
        }
    }
}

impl From<GateError> for Problem {
    fn from(error: GateError) -> Self {
        match error {
            GateError::Store(error) => Self::from(error),
            GateError::Source(error) => store_unavailable().with_source(error),
            error @ GateError::Unattended { .. } => store_unavailable().with_source(error),
            GateError::Invalid(violations) => Self::from(violations),
        }
    }
}

impl From<DirectoryError> for Problem {
    fn from(error: DirectoryError) -> Self {
        store_unavailable().with_source(error)
    }
}

impl From<AuthorizeError> for Problem {
    fn from(error: AuthorizeError) -> Self {
        store_unavailable().with_source(error)
    }
}
