//! Bearer tokens: which user they sign in, and how they are created, listed and revoked.

use chrono::{DateTime, TimeDelta, Utc};
use healthgate::model::{Actor, AuditAction, AuditEntry, FieldChange};
use sha2::{Digest, Sha256};
use sqlx::FromRow;
use tracing::debug;

use super::{
    Database, DatabaseError,
    access::{User, role},
    in_transaction, instant, micros, with_pool, with_writer,
};

/// Returns the stored form of a token: SHA-256 in lower-case hexadecimal. Tokens are long and random, so a
/// slower hash is not needed.
pub(crate) fn token_hash(token: &str) -> String {
    hexadecimal(&Sha256::digest(token.as_bytes()))
}

/// Creates a bearer token: 32 random bytes as hexadecimal text.
///
/// # Errors
/// Fails if the random source fails.
pub(crate) fn new_token() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(hexadecimal(&bytes))
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The minimum interval between two writes of a token's last use.
const USE_NOTED_EVERY: TimeDelta = TimeDelta::minutes(5);

/// The token with the hash `$1` and its user, if it is valid at `$2`.
macro_rules! valid_token {
    () => {
        " FROM tokens t JOIN users u ON u.name = t.user_name \
         WHERE t.token_sha256 = $1 AND u.locked_at IS NULL \
         AND (t.expires_at IS NULL OR t.expires_at > $2)"
    };
}

/// A token's record, without the token itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct TokenRow {
    /// The first digits of its hash, which identify it.
    pub(crate) id: String,
    pub(crate) user: String,
    pub(crate) name: Option<String>,
    /// Whether it comes from the configuration. Only the configuration can revoke it then.
    pub(crate) of_file: bool,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) expires_at: Option<DateTime<Utc>>,
    pub(crate) last_used_at: Option<DateTime<Utc>>,
}

/// A token to issue.
#[derive(Debug)]
pub(crate) struct NewToken<'a> {
    pub(crate) hash: &'a str,
    pub(crate) user: &'a str,
    pub(crate) name: Option<&'a str>,
    pub(crate) expires_at: Option<DateTime<Utc>>,
}

/// The outcome of a revocation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Revoked {
    /// The token is revoked. It belonged to this user.
    Done { user: String },
    /// No token has this id, or several begin with it.
    Unknown,
    /// The token comes from the configuration, and would return at the next start.
    OfFile,
}

/// The number of hash digits in a token's id.
const ID_DIGITS: usize = 12;

/// The minimum number of digits accepted as an id.
const LEAST_DIGITS: usize = 8;

#[derive(FromRow)]
struct StoredToken {
    token_sha256: String,
    user_name: String,
    name: Option<String>,
    source: String,
    created_at: i64,
    expires_at: Option<i64>,
    last_used_at: Option<i64>,
}

impl StoredToken {
    fn row(self) -> Result<TokenRow, DatabaseError> {
        Ok(TokenRow {
            id: self.token_sha256.chars().take(ID_DIGITS).collect(),
            user: self.user_name,
            name: self.name,
            of_file: self.source == "file",
            created_at: instant(self.created_at)?,
            expires_at: self.expires_at.map(instant).transpose()?,
            last_used_at: self.last_used_at.map(instant).transpose()?,
        })
    }
}

/// Creates the audit record of a token issued or revoked on the command line.
fn record(action: AuditAction, user: &str, id: &str) -> AuditEntry {
    let change = |field: &str, value: &str| FieldChange {
        field: field.to_owned(),
        before: None,
        after: Some(value.to_owned()),
    };
    AuditEntry {
        changes: vec![change("user", user), change("token", id)],
        ..AuditEntry::allowed(Actor::system(), action)
    }
}

fn id_of(hash: &str) -> &str {
    hash.get(..ID_DIGITS).unwrap_or(hash)
}

impl Database {
    /// Returns the user whom the token with this hash signs in. Records the token's use from time to time.
    pub(crate) async fn user_by_token(&self, hash: &str) -> Result<Option<User>, DatabaseError> {
        const USER: &str = concat!("SELECT u.name, u.role, t.last_used_at", valid_token!());
        let now = Utc::now();
        let found: Option<(String, String, Option<i64>)> = with_pool!(self, pool => {
            sqlx::query_as(USER).bind(hash).bind(micros(now)).fetch_optional(pool).await
        })?;
        let Some((name, stored, last_used)) = found else { return Ok(None) };
        if last_used.is_none_or(|last| last < micros(now - USE_NOTED_EVERY)) {
            let (database, hash) = (self.clone(), hash.to_owned());
            // Runs in the background: a signed-in user may read even if nothing can be written.
            tokio::spawn(async move {
                if let Err(error) = database.note_use(&hash, now).await {
                    debug!(%error, "the use of a token cannot be noted");
                }
            });
        }
        let groups = self.groups_of_user(&name).await?;
        Ok(Some(User { name, role: role(&stored)?, groups }))
    }

    async fn note_use(&self, hash: &str, now: DateTime<Utc>) -> Result<(), DatabaseError> {
        // Of concurrent requests only the first one writes.
        const NOTE: &str = "UPDATE tokens SET last_used_at = $1 WHERE token_sha256 = $2 \
            AND (last_used_at IS NULL OR last_used_at < $3)";
        let before = micros(now - USE_NOTED_EVERY);
        with_writer!(self, pool => {
            let note = sqlx::query(NOTE).bind(micros(now)).bind(hash).bind(before);
            note.execute(pool).await?.rows_affected()
        });
        Ok(())
    }

    /// Adds a token to a user, and records it. Returns `false` if no user of this name can sign in.
    pub(crate) async fn add_token(&self, token: NewToken<'_>) -> Result<bool, DatabaseError> {
        const ADD: &str = "INSERT INTO tokens \
            (token_sha256, user_name, source, created_at, name, expires_at) \
            SELECT $1, name, 'issued', $2, $3, $4 FROM users WHERE name = $5 AND locked_at IS NULL";
        let now = micros(Utc::now());
        let audit = record(AuditAction::TokenIssued, token.user, id_of(token.hash));
        let (hash, user) = (token.hash.to_owned(), token.user.to_owned());
        let (name, expires_at) = (token.name.map(str::to_owned), token.expires_at.map(micros));
        in_transaction!(self, connection, log => {
            let added = sqlx::query(ADD).bind(hash).bind(now).bind(name).bind(expires_at).bind(user);
            let added = added.execute(&mut *connection).await?.rows_affected();
            if added > 0 {
                log().append_audit_in(&mut *connection, &audit).await?;
            }
            added > 0
        })
    }

    /// Returns all tokens, or those of one user, ordered by user and age.
    pub(crate) async fn tokens(&self, user: Option<&str>) -> Result<Vec<TokenRow>, DatabaseError> {
        const LIST: &str = "SELECT token_sha256, user_name, name, source, created_at, expires_at, \
            last_used_at FROM tokens WHERE $1 IS NULL OR user_name = $1 \
            ORDER BY user_name, created_at, token_sha256";
        let stored: Vec<StoredToken> = with_pool!(self, pool => {
            sqlx::query_as(LIST).bind(user).fetch_all(pool).await
        })?;
        stored.into_iter().map(StoredToken::row).collect()
    }

    /// Revokes an issued token, and records it.
    pub(crate) async fn revoke_token(&self, id: &str) -> Result<Revoked, DatabaseError> {
        const FIND: &str = "SELECT token_sha256, user_name, source FROM tokens \
            WHERE SUBSTR(token_sha256, 1, $1) = $2 LIMIT 2";
        const REVOKE: &str = "DELETE FROM tokens WHERE token_sha256 = $1";
        if id.len() < LEAST_DIGITS {
            return Ok(Revoked::Unknown);
        }
        let id = id.to_lowercase();
        let digits = i32::try_from(id.len()).unwrap_or(i32::MAX);
        in_transaction!(self, connection, log => {
            let found: Vec<(String, String, String)> =
                sqlx::query_as(FIND).bind(digits).bind(id).fetch_all(&mut *connection).await?;
            match <[_; 1]>::try_from(found) {
                Err(_) => Revoked::Unknown,
                Ok([(_, _, source)]) if source == "file" => Revoked::OfFile,
                Ok([(hash, user, _)]) => {
                    sqlx::query(REVOKE).bind(&hash).execute(&mut *connection).await?;
                    let audit = record(AuditAction::TokenRevoked, &user, id_of(&hash));
                    log().append_audit_in(&mut *connection, &audit).await?;
                    Revoked::Done { user }
                }
            }
        })
    }

    /// Returns whether this token is still valid.
    pub(crate) async fn is_token_valid(&self, hash: &str) -> Result<bool, DatabaseError> {
        const VALID: &str = concat!("SELECT COUNT(*)", valid_token!());
        let now = micros(Utc::now());
        let found: i64 = with_pool!(self, pool => {
            sqlx::query_scalar(VALID).bind(hash).bind(now).fetch_one(pool).await
        })?;
        Ok(found > 0)
    }
}
