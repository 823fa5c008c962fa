//! Settings of sessions and pools, and the schema that a store lives in.

use std::{fmt, str::FromStr, time::Duration};

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use thiserror::Error;

/// The recommended settings of a session, or of a transaction behind a pooler.
const SETTINGS: [(&str, &str); 5] = [
    ("statement_timeout", "5s"),
    ("lock_timeout", "2s"),
    ("idle_in_transaction_session_timeout", "10s"),
    // A plan that was kept from when a table was small would read all of it for each row once a fleet or a patch
    // night has filled it, until the server's next analysis (F293).
    ("plan_cache_mode", "force_custom_plan"),
    // Statements ask for rows by key. At the server's default of 4 a batch of 200 reads whole tables instead.
    ("random_page_cost", "1.1"),
];

/// Adds the recommended settings to these options: timeouts of 5 s per statement, 2 s per lock wait and 10 s for an
/// idle transaction, which bound an operation whose caller was dropped (L11), and two settings of the planner,
/// without which a statement can read whole tables after a fleet has grown (F293).
#[must_use]
pub fn session_options(options: PgConnectOptions) -> PgConnectOptions {
    options.options(SETTINGS)
}

/// Returns the statements that give one transaction the settings, each after a semicolon.
pub(super) fn transaction_settings() -> String {
    let set = |(name, value): &(&str, &str)| format!("; set local {name} = '{value}'");
    SETTINGS.iter().map(set).collect()
}

/// Adapts these options for a pool that connects through a pooler
/// ([`PgStore::with_pooler`](super::PgStore::with_pooler)). Disables prepared statements, and removes
/// start-up parameters that PgBouncer refuses. The store gives each transaction the recommended settings.
#[must_use]
pub fn pooler_options(options: PgConnectOptions) -> PgConnectOptions {
    options.statement_cache_capacity(0).extra_float_digits(None)
}

/// Returns a duration as a parameter, at most a thousand years, which Postgres can add to any instant.
pub(super) fn microseconds(duration: Duration) -> i64 {
    const MOST: i64 = 1_000 * 365 * 24 * 3_600 * 1_000_000;
    i64::try_from(duration.as_micros()).unwrap_or(MOST).min(MOST)
}

/// Returns pool options of this size. A call that gets no connection within 3 s fails instead of hanging
/// (F56). Give the worker and the API a pool each. A worker needs 4 connections.
#[must_use]
pub fn pool_options(connections: u32) -> PgPoolOptions {
    PgPoolOptions::new().max_connections(connections).acquire_timeout(Duration::from_secs(3))
}

/// The name of a schema: at most 40 lower-case letters, digits and `_`, starting with a letter.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct SchemaName(String);

impl SchemaName {
    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SchemaName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for SchemaName {
    type Err = InvalidSchemaName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let character =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let sound = text.len() <= 40
            && text.bytes().all(character)
            && text.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
            && !text.starts_with("pg_");
        if sound { Ok(Self(text.to_owned())) } else { Err(InvalidSchemaName) }
    }
}

/// The error of a text that cannot be a store's schema name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error(
    "a schema name must have 1 to 40 characters of a-z, 0-9 and _, start with a letter, and not start with pg_"
)]
pub struct InvalidSchemaName;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_are_schemas() {
        for good in ["healthgate", "a", "patch_manager_2"] {
            assert_eq!(good.parse::<SchemaName>().as_ref().map(SchemaName::as_str), Ok(good));
        }
        for bad in
            ["", "1a", "_a", "A", "a b", "a\"; drop schema public", "pg_catalog", &"a".repeat(41)]
        {
            assert_eq!(bad.parse::<SchemaName>(), Err(InvalidSchemaName), "{bad}");
        }
    }
}
