//! Errors of a configuration.

use std::{io, path::PathBuf};

use healthgate::{
    gate::FreezeError,
    model::{EndpointError, Violations},
};
use thiserror::Error;

/// Why a configuration cannot be used.
#[derive(Debug, Error)]
pub(crate) enum ConfigError {
    #[error("the configuration {} cannot be read", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{}, line {line}: {message}", path.display())]
    Syntax { path: PathBuf, line: usize, message: String },
    #[error("{}", path.display())]
    Value {
        path: PathBuf,
        #[source]
        problem: Problem,
    },
}

/// An invalid value.
#[derive(Debug, Error)]
pub(crate) enum Problem {
    #[error("`{key}` must be at least {least}")]
    TooSmall { key: &'static str, least: u64 },
    #[error("`worker.health_check_timeout_secs` must be between 1 and 60")]
    Timeout,
    #[error(
        "`worker.verify_settle_secs`, `verify_soak_secs` and `verify_deadline_secs` contradict each other"
    )]
    Verification(#[source] Violations),
    #[error("`worker.immediate_max_wait_secs` must be at most 604800, which is 7 days")]
    ImmediateWait,
    #[error("`worker.health_check_retention_days` must be at least one poll interval")]
    Retention,
    #[error("`{key}`: `{text}` is not an address such as 127.0.0.1:8080")]
    Address { key: &'static str, text: String },
    #[error("`{key}`: `{text}` is not a network such as 10.0.0.0/8")]
    Network { key: &'static str, text: String },
    #[error("`database_url` must start with sqlite:// or postgres://")]
    DatabaseScheme,
    #[error("`database_url` has a parameter that this program does not know, {name}: remove it")]
    DatabaseParameter { name: String },
    #[error("`database_url` must name a file after sqlite://, without parameters")]
    Sqlite,
    #[error("a {what} has no usable name")]
    Empty { what: &'static str },
    #[error("the name of the group `{name}` has more than {most} characters")]
    GroupName { name: String, most: usize },
    #[error("the {what} `{name}` is defined twice")]
    Duplicate { what: &'static str, name: String },
    #[error("the {what} `{name}` is in the group `{group}`, which `[[groups]]` does not name")]
    GroupUnknown { what: &'static str, name: String, group: String },
    #[error("the name of the freeze `{name}` has more than {most} characters")]
    FreezeName { name: String, most: usize },
    #[error("the freeze `{name}` is for the group `{group}`, which `[[groups]]` does not name")]
    FreezeGroup { name: String, group: String },
    #[error(
        "the freeze `{name}`: `{key}`: `{text}` is not an instant such as 2026-12-23T00:00:00Z"
    )]
    Instant { name: String, key: &'static str, text: String },
    #[error("the freeze `{name}`: `ends_at` must lie after `starts_at`")]
    Freeze {
        name: String,
        #[source]
        source: FreezeError,
    },
    #[error("the user `{user}`: `token_sha256` must be 64 hexadecimal digits")]
    TokenHash { user: String },
    #[error("`monitoring.token_sha256` must be 64 hexadecimal digits")]
    MonitoringToken,
    #[error("give `monitoring.listen` or `worker.metrics_listen`, not both")]
    MonitoringTwice,
    #[error("the user `{user}` has the token of another user")]
    TokenShared { user: String },
    #[error("the host `{name}`")]
    Host {
        name: String,
        #[source]
        source: EndpointError,
    },
}
