//! What can go wrong with a store, as values that a caller can branch on.

use thiserror::Error;

use crate::model::GateId;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a store's call did not succeed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no such record, or it belongs to another host.
    #[error("there is no such record")]
    NotFound,
    /// The host has as many checks as it may have.
    #[error("a host may have at most {limit} checks")]
    LimitReached {
        /// The limit that is in force.
        limit: u32,
    },
    /// Somebody else has changed the record.
    #[error("the record has been changed meanwhile: it is at revision {current}")]
    Conflict {
        /// The revision that the record has now.
        current: i64,
    },
    /// Another job's unfinished gate holds the host (G27).
    #[error("another job's gate {holder} holds this host")]
    GateBusy {
        /// That gate.
        holder: GateId,
    },
    /// The record is in a state in which this cannot be done.
    #[error("this cannot be done in the record's state: {state}")]
    InvalidState {
        /// What state that is.
        state: &'static str,
    },
    /// A hook of the application's refused the change; nothing of it has happened.
    #[error("the application refused the change")]
    Refused(#[source] Refusal),
    /// The store cannot be reached, or cannot write now. Whether the call took effect is unknown:
    /// repeat it.
    #[error("the store is not available")]
    Unavailable {
        /// What happened.
        #[source]
        source: Source,
    },
    /// The database lacks the tables, or has them in an older form: nobody has migrated it. Nothing of the
    /// call has happened.
    #[error(
        "the database has not been migrated to the schema that this version needs: call \
         `{migrate}` once at start, before anything else"
    )]
    NotMigrated {
        /// What to call.
        migrate: &'static str,
        /// What the database said.
        #[source]
        source: Option<Source>,
    },
    /// The store cannot hold a value of the call, such as a text with a NUL. Nothing of the call was
    /// written, and repeating it changes nothing.
    #[error("a value of this call cannot be stored")]
    Rejected {
        /// What happened.
        #[source]
        source: Source,
    },
    /// What is stored cannot be read.
    #[error("a stored {what} cannot be read")]
    Corrupt {
        /// Which kind of record.
        what: &'static str,
        /// What is wrong with it.
        #[source]
        source: Source,
    },
}

impl StoreError {
    /// Returns whether the call may succeed later without any change to it: the store is not available, or
    /// not migrated yet.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::NotMigrated { .. })
    }

    /// The store cannot be reached.
    pub fn unavailable(source: impl Into<Source>) -> Self {
        Self::Unavailable { source: source.into() }
    }

    /// The store cannot hold a value.
    pub fn rejected(source: impl Into<Source>) -> Self {
        Self::Rejected { source: source.into() }
    }

    /// A stored record cannot be read.
    pub fn corrupt(what: &'static str, source: impl Into<Source>) -> Self {
        Self::Corrupt { what, source: source.into() }
    }
}

/// Why an application's hook does not let a change be committed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The actor has no right to it (any more).
    #[error("the actor does not have the right to do this")]
    Forbidden,
    /// The application's own record is not in the state that the change needs.
    #[error("the application's record is in another state")]
    StateMoved,
    /// The application could not write what belongs to the change, such as its audit record.
    #[error("the application could not write its part")]
    Failed(#[source] Source),
}
