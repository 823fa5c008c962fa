//! The configuration file's format.

use std::path::PathBuf;

use healthgate::model::Role;
use serde::Deserialize;
use uuid::Uuid;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(default = "listen")]
    pub(super) listen: String,
    pub(super) database_url: String,
    pub(super) security: Security,
    #[serde(default)]
    pub(super) worker: Worker,
    #[serde(default)]
    pub(super) http_checks: HttpChecks,
    #[serde(default)]
    pub(super) api: Api,
    #[serde(default)]
    pub(super) monitoring: Monitoring,
    #[serde(default)]
    pub(super) groups: Vec<GroupEntry>,
    #[serde(default)]
    pub(super) freezes: Vec<FreezeEntry>,
    #[serde(default)]
    pub(super) users: Vec<UserEntry>,
    #[serde(default)]
    pub(super) hosts: Vec<HostEntry>,
}

fn listen() -> String {
    "127.0.0.1:8080".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Security {
    #[serde(default = "key_file")]
    pub(super) health_check_key: PathBuf,
    pub(super) agent_ca: PathBuf,
    pub(super) agent_client_cert: PathBuf,
    pub(super) agent_client_key: PathBuf,
    /// Empty disables revocation checks.
    #[serde(default)]
    pub(super) agent_crl: PathBuf,
}

fn key_file() -> PathBuf {
    PathBuf::from("/etc/patch-manager/keys/health-check.key")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Worker {
    pub(super) health_check_poll_interval_secs: u64,
    pub(super) health_check_timeout_secs: u64,
    pub(super) health_check_retention_days: u64,
    /// 0 keeps them forever.
    pub(super) gate_retention_days: u64,
    /// 0 keeps them forever.
    pub(super) audit_retention_days: u64,
    pub(super) gate_retry_interval_secs: u64,
    pub(super) max_concurrent_checks: u64,
    pub(super) closing_margin_secs: u64,
    pub(super) immediate_max_wait_secs: u64,
    pub(super) verify_settle_secs: u64,
    pub(super) verify_soak_secs: u64,
    pub(super) verify_deadline_secs: u64,
    pub(super) metrics_listen: String,
}

impl Default for Worker {
    fn default() -> Self {
        Self {
            health_check_poll_interval_secs: 300,
            health_check_timeout_secs: 10,
            health_check_retention_days: 4,
            gate_retention_days: 90,
            audit_retention_days: 400,
            gate_retry_interval_secs: 300,
            max_concurrent_checks: 512,
            closing_margin_secs: 0,
            immediate_max_wait_secs: 3600,
            verify_settle_secs: 60,
            verify_soak_secs: 0,
            verify_deadline_secs: 900,
            metrics_listen: String::new(),
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct HttpChecks {
    pub(super) allowed_destinations: Vec<String>,
    /// Empty allows every destination that is not refused.
    pub(super) only_destinations: Vec<String>,
    pub(super) extra_ca: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Api {
    pub(super) tests_per_minute_per_user: u32,
    pub(super) tests_per_minute_per_host: u32,
    pub(super) proxies: Vec<String>,
}

impl Default for Api {
    fn default() -> Self {
        Self { tests_per_minute_per_user: 60, tests_per_minute_per_host: 60, proxies: Vec::new() }
    }
}

/// Where health and metrics are served, and to whom.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Monitoring {
    /// Empty serves them with everything else.
    pub(super) listen: String,
    /// Empty serves them without a token.
    pub(super) token_sha256: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GroupEntry {
    pub(super) name: String,
    /// `None` allows any number of unavailable members.
    pub(super) max_unavailable: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FreezeEntry {
    pub(super) name: String,
    /// Empty means all hosts.
    #[serde(default)]
    pub(super) groups: Vec<String>,
    pub(super) starts_at: InstantText,
    pub(super) ends_at: InstantText,
    #[serde(default)]
    pub(super) holds_exempt: bool,
}

/// An instant as a string, or as TOML writes one.
#[derive(Deserialize)]
#[serde(from = "InstantValue")]
pub(super) struct InstantText(pub(super) String);

#[derive(Deserialize)]
#[serde(untagged, expecting = "an instant such as \"2026-12-23T00:00:00Z\"")]
enum InstantValue {
    Text(String),
    Toml(toml::value::Datetime),
}

impl From<InstantValue> for InstantText {
    fn from(value: InstantValue) -> Self {
        match value {
            InstantValue::Text(text) => Self(text),
            InstantValue::Toml(instant) => Self(instant.to_string()),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UserEntry {
    pub(super) name: String,
    pub(super) role: RoleEntry,
    #[serde(default)]
    pub(super) groups: Vec<String>,
    /// If empty, the user only has tokens from the command `token`.
    #[serde(default)]
    pub(super) token_sha256: String,
}

/// A user's role.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RoleEntry {
    Admin,
    Operator,
    Reporter,
}

impl From<RoleEntry> for Role {
    fn from(role: RoleEntry) -> Self {
        match role {
            RoleEntry::Admin => Self::Admin,
            RoleEntry::Operator => Self::Operator,
            RoleEntry::Reporter => Self::Reporter,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HostEntry {
    pub(super) id: Uuid,
    pub(super) name: String,
    pub(super) address: String,
    #[serde(default = "agent_port")]
    pub(super) agent_port: u16,
    pub(super) agent_identity: Option<String>,
    #[serde(default)]
    pub(super) groups: Vec<String>,
}

fn agent_port() -> u16 {
    12_443
}
