//! Audit records: who did what, and when.

use chrono::{DateTime, Utc};
use serde::{
    Deserialize, Serialize,
    de::{
        IntoDeserializer,
        value::{Error as ValueError, StrDeserializer},
    },
};

use super::{
    ids::{AuditId, CheckId, HostId, JobId},
    instant,
};

/// The role of a user.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// May do everything.
    Admin,
    /// Manages the hosts of their groups.
    Operator,
    /// Reads the hosts of their groups.
    Reporter,
    /// Is the application itself: start-up, key rotation, or a worker.
    System,
}

/// The user or system on whose behalf something happens.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Actor {
    /// The user's name or id, as the application knows them.
    pub name: String,
    /// The role at the time of the action.
    pub role: Role,
    /// The id of the request, if there was one.
    pub request_id: Option<String>,
}

impl Actor {
    /// Creates an actor outside of any request.
    #[must_use]
    pub fn new(name: impl Into<String>, role: Role) -> Self {
        Self { name: name.into(), role, request_id: None }
    }

    /// Returns the actor that stands for the application itself.
    #[must_use]
    pub fn system() -> Self {
        Self::new("system", Role::System)
    }
}

macro_rules! actions {
    ($($(#[$doc:meta])* $variant:ident,)*) => {
        /// The action of an audit record.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        #[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum AuditAction {
            $($(#[$doc])* $variant,)*
        }

        impl AuditAction {
            /// All actions, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Returns the action of a word of the API's form, such as `job_created`.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                let word: StrDeserializer<'_, ValueError> = word.into_deserializer();
                Self::deserialize(word).ok()
            }
        }
    };
}

actions! {
    /// A check was created.
    HealthCheckCreated,
    /// A check was changed.
    HealthCheckUpdated,
    /// A check was deleted.
    HealthCheckDeleted,
    /// A user tested a check.
    HealthCheckTested,
    /// A password was sealed with another key.
    HealthCheckRekeyed,
    /// An override lets failing checks pass for one job and host.
    GateOverridden,
    /// An override was removed.
    GateOverrideRemoved,
    /// The time of a gate was reset to the store's clock.
    GateClockCleared,
    /// The cancellation of a gate was requested.
    GateCancelled,
    /// A halted rollout was resumed.
    RolloutResumed,
    /// A key was registered for this installation.
    KeyRegistered,
    /// The application created a job.
    JobCreated,
    /// The application cancelled a job.
    JobCancelled,
    /// The application created a maintenance window.
    WindowCreated,
    /// The application changed a maintenance window.
    WindowUpdated,
    /// The application deleted a maintenance window.
    WindowDeleted,
    /// The application paused the patching of a host.
    HostPaused,
    /// The application resumed the patching of a host.
    HostResumed,
    /// The application issued a token with which a user signs in.
    TokenIssued,
    /// The application revoked such a token.
    TokenRevoked,
    /// The application refused a sign-in. The outcome is always refused, and the actor is `anonymous`.
    SignInFailed,
    /// The stored record cannot be read (F221).
    RecordUnreadable,
}

/// Whether an action was done.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AuditOutcome {
    /// The action was done.
    Allowed,
    /// The action was refused for lack of a right.
    Refused,
}

/// A changed field. A secret is never shown: its values are `set`, `changed` or `cleared`.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct FieldChange {
    /// The member's name in the API's form.
    pub field: String,
    /// The old value.
    #[cfg_attr(feature = "api", schema(required))]
    pub before: Option<String>,
    /// The new value.
    #[cfg_attr(feature = "api", schema(required))]
    pub after: Option<String>,
}

/// An audit record without id and time, which the store adds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditEntry {
    /// The actor.
    pub actor: Actor,
    /// The action.
    pub action: AuditAction,
    /// Whether the action was done.
    pub outcome: AuditOutcome,
    /// The host.
    pub host_id: Option<HostId>,
    /// The check.
    pub check_id: Option<CheckId>,
    /// The job.
    pub job_id: Option<JobId>,
    /// The changed fields.
    pub changes: Vec<FieldChange>,
    /// The reason that the actor gave.
    pub reason: Option<String>,
}

impl AuditEntry {
    /// Creates an entry of an allowed action without a subject.
    #[must_use]
    pub const fn allowed(actor: Actor, action: AuditAction) -> Self {
        Self {
            actor,
            action,
            outcome: AuditOutcome::Allowed,
            host_id: None,
            check_id: None,
            job_id: None,
            changes: Vec::new(),
            reason: None,
        }
    }

    /// Sets the check and the host.
    #[must_use]
    pub fn with_check(self, host_id: HostId, check_id: CheckId) -> Self {
        Self { host_id: Some(host_id), check_id: Some(check_id), ..self }
    }

    /// Sets the job and the host.
    #[must_use]
    pub fn with_gate(self, job_id: JobId, host_id: HostId) -> Self {
        Self { host_id: Some(host_id), job_id: Some(job_id), ..self }
    }
}

/// One entry of the audit log, in the API's form.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct AuditRecord {
    /// The id, ordered by time.
    pub id: AuditId,
    /// The time, by the store's clock.
    #[serde(with = "instant")]
    pub at: DateTime<Utc>,
    /// The name of the actor.
    pub actor: String,
    /// The actor's role at the time.
    pub role: Role,
    /// The action.
    pub action: AuditAction,
    /// Whether the action was done.
    pub outcome: AuditOutcome,
    /// The host.
    #[cfg_attr(feature = "api", schema(required))]
    pub host_id: Option<HostId>,
    /// The check.
    #[cfg_attr(feature = "api", schema(required))]
    pub check_id: Option<CheckId>,
    /// The job.
    #[cfg_attr(feature = "api", schema(required))]
    pub job_id: Option<JobId>,
    /// The changed fields.
    pub changes: Vec<FieldChange>,
    /// The reason that the actor gave.
    #[cfg_attr(feature = "api", schema(required))]
    pub reason: Option<String>,
    /// The id of the request.
    #[cfg_attr(feature = "api", schema(required))]
    pub request_id: Option<String>,
}

impl AuditRecord {
    /// Creates the record of an entry, as the store writes it.
    #[must_use]
    pub fn new(id: AuditId, at: DateTime<Utc>, entry: AuditEntry) -> Self {
        Self {
            id,
            at,
            actor: entry.actor.name,
            role: entry.actor.role,
            action: entry.action,
            outcome: entry.outcome,
            host_id: entry.host_id,
            check_id: entry.check_id,
            job_id: entry.job_id,
            changes: entry.changes,
            reason: entry.reason,
            request_id: entry.actor.request_id,
        }
    }
}
