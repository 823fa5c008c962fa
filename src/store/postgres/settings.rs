//! What a session and a pool should be like, and the schema that a store lives in.

use std::{fmt, str::FromStr, time::Duration};

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use thiserror::Error;

/// These options with the recommended timeouts (L11): no statement over 5 s, no wait for a lock over
/// 2 s, no transaction left idle for 10 s. They bound how long an operation can go on whose caller
/// has gone.
#[must_use]
pub fn session_options(options: PgConnectOptions) -> PgConnectOptions {
    options.options([
        ("statement_timeout", "5s"),
        ("lock_timeout", "2s"),
        ("idle_in_transaction_session_timeout", "10s"),
    ])
}

/// These options for a pool that goes through a pooler ([`PgStore::with_pooler`](super::PgStore::with_pooler)): no
/// statement is kept prepared, and no parameter is sent at the start that PgBouncer refuses. The timeouts are set by
/// the store in each transaction.
#[must_use]
pub fn pooler_options(options: PgConnectOptions) -> PgConnectOptions {
    options.statement_cache_capacity(0).extra_float_digits(None)
}

/// A duration as a parameter; a thousand years at most, which Postgres can still take from any instant.
pub(super) fn microseconds(duration: Duration) -> i64 {
    const MOST: i64 = 1_000 * 365 * 24 * 3_600 * 1_000_000;
    i64::try_from(duration.as_micros()).unwrap_or(MOST).min(MOST)
}

/// Options of a pool of this size that refuses after 3 s rather than let its callers hang (F56).
/// Give the worker and the API a pool each: 4 connections do for a worker.
#[must_use]
pub fn pool_options(connections: u32) -> PgPoolOptions {
    PgPoolOptions::new().max_connections(connections).acquire_timeout(Duration::from_secs(3))
}

/// The name of a schema: lower-case letters, digits and `_`, at most 40, beginning with a letter.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct SchemaName(String);

impl SchemaName {
    /// The name.
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

/// A text that is no name of a schema that a store can live in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("a schema's name has 1 to 40 of a-z, 0-9 and _, begins with a letter, and not with pg_")]
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
