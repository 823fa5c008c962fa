//! Checks, results, summaries.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    api::FieldProblem,
    model::{
        CheckId, CheckResult, CheckStatus, CheckType, CheckView, HostId, HostSummary, ReasonCode,
        ResultSource, StoredCheck, UnreadableCheck, instant,
    },
};

/// A check to be made, or to be tested without being made. An http check needs `url` and
/// `expected_body`, a service check `service_name`; each takes only what belongs to its type.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = NewHealthCheck)]
#[serde(deny_unknown_fields)]
pub struct NewCheckForm {
    /// A name for people; not unique.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// The type.
    pub check_type: CheckType,
    /// Whether it is run and asked for. On by default.
    pub enabled: Option<bool>,
    /// The systemd unit that the agent is asked for.
    #[schema(min_length = 1, max_length = 200, pattern = "^[A-Za-z0-9][A-Za-z0-9_.@+-]*$")]
    pub service_name: Option<String>,
    /// The URL: absolute, http or https, without user info or fragment.
    #[schema(max_length = 2048)]
    pub url: Option<String>,
    /// What the body must contain; the empty text for "the status alone".
    #[schema(max_length = 500)]
    pub expected_body: Option<String>,
    /// Whether any certificate will do. On by default.
    pub ignore_cert_errors: Option<bool>,
    /// The user for basic authentication.
    #[schema(min_length = 1, max_length = 100)]
    pub basic_auth_user: Option<String>,
    /// The password for basic authentication. Write only.
    #[schema(max_length = 1024, write_only)]
    pub basic_auth_pass: Option<String>,
    /// Ask another host's agent.
    pub target_host_id: Option<HostId>,
}

/// A change of a check: an absent member stays, `null` clears an optional one, and another type
/// clears what belongs to the old one.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = HealthCheckChange)]
#[serde(deny_unknown_fields)]
pub struct CheckChangeForm {
    /// A name for people; not unique.
    #[schema(min_length = 1, max_length = 100, nullable = false)]
    pub name: Option<String>,
    /// The type.
    #[schema(nullable = false)]
    pub check_type: Option<CheckType>,
    /// Whether it is run and asked for.
    #[schema(nullable = false)]
    pub enabled: Option<bool>,
    /// The systemd unit that the agent is asked for.
    #[schema(min_length = 1, max_length = 200, pattern = "^[A-Za-z0-9][A-Za-z0-9_.@+-]*$")]
    pub service_name: Option<String>,
    /// The URL: absolute, http or https, without user info or fragment.
    #[schema(max_length = 2048)]
    pub url: Option<String>,
    /// What the body must contain; the empty text for "the status alone".
    #[schema(max_length = 500)]
    pub expected_body: Option<String>,
    /// Whether any certificate will do. Switching it on needs the password again, where one is stored.
    #[schema(nullable = false)]
    pub ignore_cert_errors: Option<bool>,
    /// The user for basic authentication. `null` clears the password too.
    #[schema(min_length = 1, max_length = 100)]
    pub basic_auth_user: Option<String>,
    /// The password. Absent, it stays; `null` removes it.
    #[schema(max_length = 1024, write_only)]
    pub basic_auth_pass: Option<String>,
    /// Ask another host's agent.
    pub target_host_id: Option<HostId>,
}

/// A check with what is known of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = HealthCheck)]
pub struct CheckForm {
    /// Identity.
    pub id: CheckId,
    /// The host it belongs to.
    pub host_id: HostId,
    /// A name for people; not unique.
    pub name: String,
    /// The type.
    pub check_type: CheckType,
    /// Whether it is run and asked for.
    pub enabled: bool,
    /// The systemd unit that the agent is asked for.
    #[schema(required)]
    pub service_name: Option<String>,
    /// The URL.
    #[schema(required)]
    pub url: Option<String>,
    /// What the body must contain.
    #[schema(required)]
    pub expected_body: Option<String>,
    /// Whether any certificate will do.
    pub ignore_cert_errors: bool,
    /// The user for basic authentication.
    #[schema(required)]
    pub basic_auth_user: Option<String>,
    /// Whether a password is stored.
    pub has_basic_auth_pass: bool,
    /// The other host whose agent is asked.
    #[schema(required)]
    pub target_host_id: Option<HostId>,
    /// When it was made.
    #[serde(with = "instant")]
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    #[serde(with = "instant")]
    pub updated_at: DateTime<Utc>,
    /// Raised by every change; the entity tag is this in quotes.
    pub revision: i64,
    /// What is known of it now.
    pub status: CheckStatus,
    /// When the status last turned.
    #[serde(with = "instant")]
    pub since: DateTime<Utc>,
    /// The newest result, also where it is too old to count.
    #[schema(required)]
    pub last_result: Option<ResultForm>,
    /// What cannot be read of what is stored: until that is given anew, or the check is deleted, it fails and
    /// blocks its host. Empty where all can be read. The URL is shown without what may be a password then.
    pub unreadable: Vec<FieldProblem>,
}

impl From<CheckView> for CheckForm {
    fn from(view: CheckView) -> Self {
        let check = view.check;
        let (definition, has_password) = (&check.definition, check.has_password());
        let members = StoredCheck::of(definition);
        let unreadable = definition.unreadable();
        let faults = unreadable.map(|unreadable| unreadable.violations().as_slice());
        Self {
            id: check.id,
            host_id: check.host_id,
            name: definition.name.to_string(),
            check_type: definition.check_type(),
            enabled: definition.enabled,
            service_name: members.service_name,
            url: unreadable.map_or(members.url, UnreadableCheck::shown_url),
            expected_body: members.expected_body,
            ignore_cert_errors: definition.ignore_cert_errors,
            basic_auth_user: members.basic_auth_user,
            has_basic_auth_pass: has_password,
            target_host_id: definition.target_host_id(),
            created_at: check.created_at,
            updated_at: check.updated_at,
            revision: check.revision,
            status: view.status,
            since: view.since,
            last_result: view.last_result.as_ref().map(ResultForm::from),
            unreadable: faults.unwrap_or_default().iter().map(FieldProblem::from).collect(),
        }
    }
}

/// One run of a check.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = CheckResult)]
pub struct ResultForm {
    /// Whether it passed.
    pub healthy: bool,
    /// Why, or why not.
    pub reason: ReasonCode,
    /// Whether the target was seen in this condition, or could not be seen.
    pub observed: bool,
    /// A sentence for people.
    #[schema(max_length = 500)]
    pub detail: String,
    /// How long it took, in milliseconds.
    pub latency_ms: u32,
    /// When it started.
    #[serde(with = "instant")]
    pub checked_at: DateTime<Utc>,
}

impl From<&CheckResult> for ResultForm {
    fn from(result: &CheckResult) -> Self {
        Self {
            healthy: result.healthy(),
            reason: result.reason,
            observed: result.reason.observed(),
            detail: result.detail.to_string(),
            latency_ms: result.latency_ms,
            checked_at: result.checked_at,
        }
    }
}

/// One run of a check in its history.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = PastCheckResult)]
pub struct HistoryForm {
    /// How it came out.
    #[serde(flatten)]
    pub result: ResultForm,
    /// Who ran it.
    pub source: ResultSource,
}

impl From<&CheckResult> for HistoryForm {
    fn from(result: &CheckResult) -> Self {
        Self { result: ResultForm::from(result), source: result.source }
    }
}

/// All checks of a host.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = HealthCheckList)]
pub struct CheckList {
    /// The checks, by the time of their making.
    pub checks: Vec<CheckForm>,
    /// How many.
    pub total: usize,
}

/// A part of a check's history, newest first.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = CheckResultList)]
pub struct HistoryList {
    /// The results.
    pub results: Vec<HistoryForm>,
    /// Where to go on; `null` at the end.
    #[schema(required)]
    pub next_cursor: Option<String>,
}

/// The summaries of several hosts.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = HostSummaryList)]
pub struct SummaryList {
    /// In the order asked; hosts that the caller may not see are left out.
    pub hosts: Vec<HostSummary>,
}
