//! Errors of a store, as values that a caller can branch on.

use thiserror::Error;

use crate::model::GateId;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a call of a store failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The record does not exist, or belongs to another host.
    #[error("there is no such record")]
    NotFound,
    /// The host already has its maximum number of checks.
    #[error("a host may have at most {limit} checks")]
    LimitReached {
        /// The limit.
        limit: u32,
    },
    /// Someone else has changed the record since it was read.
    #[error("someone else has changed the record: it is now at revision {current}")]
    Conflict {
        /// The record's current revision.
        current: i64,
    },
    /// Another job's unfinished gate holds the host (G27).
    #[error("another job's gate {holder} holds this host")]
    GateBusy {
        /// The gate that holds the host.
        holder: GateId,
    },
    /// The record's state does not allow the call.
    #[error("the record's state does not allow this: {state}")]
    InvalidState {
        /// The record's state.
        state: &'static str,
    },
    /// The application's hook refused the change. Nothing was written.
    #[error("the application refused the change")]
    Refused(#[source] Refusal),
    /// The store cannot be reached, or cannot write at the moment. The outcome of the call is unknown:
    /// repeat it.
    #[error("the store is not available")]
    Unavailable {
        /// The cause.
        #[source]
        source: Source,
    },
    /// The tables are missing or outdated because nobody has migrated the database. Nothing was written.
    #[error(
        "the database has not been migrated to the schema that this version needs: call \
         `{migrate}` once at start, before anything else"
    )]
    NotMigrated {
        /// The function to call.
        migrate: &'static str,
        /// The database's error.
        #[source]
        source: Option<Source>,
    },
    /// The store cannot hold a value of the call, such as a text with a NUL. Nothing was written, and a
    /// repeated call fails the same way.
    #[error("a value of this call cannot be stored")]
    Rejected {
        /// The cause.
        #[source]
        source: Source,
    },
    /// A stored record cannot be read.
    #[error("a stored {what} cannot be read")]
    Corrupt {
        /// The kind of record.
        what: &'static str,
        /// The cause.
        #[source]
        source: Source,
    },
}

impl StoreError {
    /// Returns whether the unchanged call may succeed later, because the store is unavailable or not
    /// migrated yet.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::NotMigrated { .. })
    }

    /// Creates an [`Unavailable`](Self::Unavailable) error.
    pub fn unavailable(source: impl Into<Source>) -> Self {
        Self::Unavailable { source: source.into() }
    }

    /// Creates a [`Rejected`](Self::Rejected) error.
    pub fn rejected(source: impl Into<Source>) -> Self {
        Self::Rejected { source: source.into() }
    }

    /// Creates a [`Corrupt`](Self::Corrupt) error.
    pub fn corrupt(what: &'static str, source: impl Into<Source>) -> Self {
        Self::Corrupt { what, source: source.into() }
    }
}

/// Why an application's hook refuses a change.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The actor does not have the right to the change, or has lost it.
    #[error("the actor does not have the right to do this")]
    Forbidden,
    /// The application's own record is not in the state that the change requires.
    #[error("the application's record is in another state")]
    StateMoved,
    /// The application could not write its part of the change, such as its audit record.
    #[error("the application could not write its part")]
    Failed(#[source] Source),
}
