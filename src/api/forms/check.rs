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

/// A check to create, or to test without creating it. An http check needs `url` and `expected_body`, a
/// service check needs `service_name`. Each type accepts only its own fields.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = NewHealthCheck)]
#[serde(deny_unknown_fields)]
pub struct NewCheckForm {
    /// A display name, not unique.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// The type.
    pub check_type: CheckType,
    /// Whether the check runs and counts. `true` by default.
    pub enabled: Option<bool>,
    /// The systemd unit to ask the agent about.
    #[schema(min_length = 1, max_length = 200, pattern = "^[A-Za-z0-9][A-Za-z0-9_.@+-]*$")]
    pub service_name: Option<String>,
    /// The URL: absolute, http or https, without user info or fragment.
    #[schema(max_length = 2048)]
    pub url: Option<String>,
    /// The text that the body must contain. Empty checks only the status.
    #[schema(max_length = 500)]
    pub expected_body: Option<String>,
    /// Whether to ignore certificate errors. `true` by default.
    pub ignore_cert_errors: Option<bool>,
    /// The user for basic authentication.
    #[schema(min_length = 1, max_length = 100)]
    pub basic_auth_user: Option<String>,
    /// The password for basic authentication. Write-only.
    #[schema(max_length = 1024, write_only)]
    pub basic_auth_pass: Option<String>,
    /// Another host whose agent is asked.
    pub target_host_id: Option<HostId>,
}

/// A change of a check. An absent field stays, `null` clears an optional one, and a new type clears the
/// fields of the old type.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = HealthCheckChange)]
#[serde(deny_unknown_fields)]
pub struct CheckChangeForm {
    /// A display name, not unique.
    #[schema(min_length = 1, max_length = 100, nullable = false)]
    pub name: Option<String>,
    /// The type.
    #[schema(nullable = false)]
    pub check_type: Option<CheckType>,
    /// Whether the check runs and counts.
    #[schema(nullable = false)]
    pub enabled: Option<bool>,
    /// The systemd unit to ask the agent about.
    #[schema(min_length = 1, max_length = 200, pattern = "^[A-Za-z0-9][A-Za-z0-9_.@+-]*$")]
    pub service_name: Option<String>,
    /// The URL: absolute, http or https, without user info or fragment.
    #[schema(max_length = 2048)]
    pub url: Option<String>,
    /// The text that the body must contain. Empty checks only the status.
    #[schema(max_length = 500)]
    pub expected_body: Option<String>,
    /// Whether to ignore certificate errors. Enabling it requires the password again, if one is stored.
    #[schema(nullable = false)]
    pub ignore_cert_errors: Option<bool>,
    /// The user for basic authentication. `null` also clears the password.
    #[schema(min_length = 1, max_length = 100)]
    pub basic_auth_user: Option<String>,
    /// The password for basic authentication. `null` removes it, and an absent field keeps it.
    #[schema(max_length = 1024, write_only)]
    pub basic_auth_pass: Option<String>,
    /// Another host whose agent is asked.
    pub target_host_id: Option<HostId>,
}

/// A check with its current status.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = HealthCheck)]
pub struct CheckForm {
    /// The check's id.
    pub id: CheckId,
    /// The host that the check belongs to.
    pub host_id: HostId,
    /// A display name, not unique.
    pub name: String,
    /// The type.
    pub check_type: CheckType,
    /// Whether the check runs and counts.
    pub enabled: bool,
    /// The systemd unit to ask the agent about.
    #[schema(required)]
    pub service_name: Option<String>,
    /// The URL.
    #[schema(required)]
    pub url: Option<String>,
    /// The text that the body must contain.
    #[schema(required)]
    pub expected_body: Option<String>,
    /// Whether to ignore certificate errors.
    pub ignore_cert_errors: bool,
    /// The user for basic authentication.
    #[schema(required)]
    pub basic_auth_user: Option<String>,
    /// Whether a password is stored.
    pub has_basic_auth_pass: bool,
    /// The other host whose agent is asked.
    #[schema(required)]
    pub target_host_id: Option<HostId>,
    /// When the check was created.
    #[serde(with = "instant")]
    pub created_at: DateTime<Utc>,
    /// When the check was last changed.
    #[serde(with = "instant")]
    pub updated_at: DateTime<Utc>,
    /// Incremented by every change. In quotes it is the entity tag.
    pub revision: i64,
    /// The current status.
    pub status: CheckStatus,
    /// When the status last changed.
    #[serde(with = "instant")]
    pub since: DateTime<Utc>,
    /// The newest result, even if it is too old to count.
    #[schema(required)]
    pub last_result: Option<ResultForm>,
    /// The stored fields that cannot be read. Until they are set again, or the check is deleted, the check
    /// fails and blocks its host. Empty if all fields can be read. Otherwise the URL is shown without a
    /// possible password.
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
    /// Whether the check passed.
    pub healthy: bool,
    /// The reason.
    pub reason: ReasonCode,
    /// Whether the run could observe the target.
    pub observed: bool,
    /// A sentence for people.
    #[schema(max_length = 500)]
    pub detail: String,
    /// The duration in milliseconds.
    pub latency_ms: u32,
    /// When the run started.
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
    /// The result.
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
    /// The checks, ordered by creation.
    pub checks: Vec<CheckForm>,
    /// The number of checks.
    pub total: usize,
}

/// A page of a check's history, newest first.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = CheckResultList)]
pub struct HistoryList {
    /// The results.
    pub results: Vec<HistoryForm>,
    /// The cursor of the next page. `null` on the last page.
    #[schema(required)]
    pub next_cursor: Option<String>,
}

/// The summaries of several hosts.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = HostSummaryList)]
pub struct SummaryList {
    /// The summaries in the requested order. Hosts that the caller may not see are left out.
    pub hosts: Vec<HostSummary>,
}
