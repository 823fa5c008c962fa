//! Who did what, and when.

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

/// What a user may do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything.
    Admin,
    /// What belongs to the hosts of their groups.
    Operator,
    /// Reads the hosts of their groups.
    Reporter,
    /// The application itself: start-up, rotation, a worker.
    System,
}

/// On whose behalf something happens.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Actor {
    /// The user's name or id, as the application knows them.
    pub name: String,
    /// The role at the time of acting.
    pub role: Role,
    /// The request that it happened in, where there was one.
    pub request_id: Option<String>,
}

impl Actor {
    /// An actor outside any request.
    #[must_use]
    pub fn new(name: impl Into<String>, role: Role) -> Self {
        Self { name: name.into(), role, request_id: None }
    }

    /// The application itself.
    #[must_use]
    pub fn system() -> Self {
        Self::new("system", Role::System)
    }
}

macro_rules! actions {
    ($($(#[$doc:meta])* $variant:ident,)*) => {
        /// What was done.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        #[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum AuditAction {
            $($(#[$doc])* $variant,)*
        }

        impl AuditAction {
            /// Every action, in the order of the documentation.
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
    /// A check was made.
    HealthCheckCreated,
    /// A check was changed.
    HealthCheckUpdated,
    /// A check was deleted.
    HealthCheckDeleted,
    /// A check was run by hand.
    HealthCheckTested,
    /// A password was sealed under another key.
    HealthCheckRekeyed,
    /// Failing checks were let pass for one job and host.
    GateOverridden,
    /// An override was taken back.
    GateOverrideRemoved,
    /// The time of a gate was put back to the store's clock.
    GateClockCleared,
    /// A gate's job was cancelled.
    GateCancelled,
    /// A halted rollout was let go on.
    RolloutResumed,
    /// A key was entered as one that this installation uses.
    KeyRegistered,
    /// The application made a job.
    JobCreated,
    /// The application cancelled a job.
    JobCancelled,
    /// The application made a maintenance window.
    WindowCreated,
    /// The application changed a maintenance window.
    WindowUpdated,
    /// The application deleted a maintenance window.
    WindowDeleted,
    /// The application holds a host back from being patched.
    HostPaused,
    /// The application lets a host be patched again.
    HostResumed,
    /// The application made a token that signs a user in.
    TokenIssued,
    /// The application took such a token back.
    TokenRevoked,
    /// The application could not sign somebody in; always refused, and the actor is `anonymous`.
    SignInFailed,
    /// What is stored of the record cannot be read (F221).
    RecordUnreadable,
}

/// Whether it was done.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AuditOutcome {
    /// It was done.
    Allowed,
    /// It was refused for lack of a right.
    Refused,
}

/// One changed field. A secret is never shown: its texts are `set`, `changed` or `cleared`.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct FieldChange {
    /// The member's name in the API's form.
    pub field: String,
    /// What it was.
    #[cfg_attr(feature = "api", schema(required))]
    pub before: Option<String>,
    /// What it became.
    #[cfg_attr(feature = "api", schema(required))]
    pub after: Option<String>,
}

/// What a store is to record; it adds id and time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditEntry {
    /// Who.
    pub actor: Actor,
    /// What.
    pub action: AuditAction,
    /// Whether it was done.
    pub outcome: AuditOutcome,
    /// On which host.
    pub host_id: Option<HostId>,
    /// On which check.
    pub check_id: Option<CheckId>,
    /// For which job.
    pub job_id: Option<JobId>,
    /// The changed fields.
    pub changes: Vec<FieldChange>,
    /// The reason that the actor gave.
    pub reason: Option<String>,
}

impl AuditEntry {
    /// An allowed action without subject.
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

    /// On this check of this host.
    #[must_use]
    pub fn with_check(self, host_id: HostId, check_id: CheckId) -> Self {
        Self { host_id: Some(host_id), check_id: Some(check_id), ..self }
    }

    /// On this job's gate of this host.
    #[must_use]
    pub fn with_gate(self, job_id: JobId, host_id: HostId) -> Self {
        Self { host_id: Some(host_id), job_id: Some(job_id), ..self }
    }
}

/// One entry of the audit log, in the API's form.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
pub struct AuditRecord {
    /// Identity; ordered by time.
    pub id: AuditId,
    /// When, by the store's clock.
    #[serde(with = "instant")]
    pub at: DateTime<Utc>,
    /// Who.
    pub actor: String,
    /// Their role at the time.
    pub role: Role,
    /// What.
    pub action: AuditAction,
    /// Whether it was done.
    pub outcome: AuditOutcome,
    /// On which host.
    #[cfg_attr(feature = "api", schema(required))]
    pub host_id: Option<HostId>,
    /// On which check.
    #[cfg_attr(feature = "api", schema(required))]
    pub check_id: Option<CheckId>,
    /// For which job.
    #[cfg_attr(feature = "api", schema(required))]
    pub job_id: Option<JobId>,
    /// The changed fields.
    pub changes: Vec<FieldChange>,
    /// The reason that the actor gave.
    #[cfg_attr(feature = "api", schema(required))]
    pub reason: Option<String>,
    /// The request that it happened in.
    #[cfg_attr(feature = "api", schema(required))]
    pub request_id: Option<String>,
}

impl AuditRecord {
    /// The record that an entry becomes when a store writes it.
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
