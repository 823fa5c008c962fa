//! Strict reading of JSON bodies. All violations are reported at once.

use std::{convert::Infallible, error::Error as _, time::Duration};

use axum::{
    body::Bytes,
    extract::{FromRequest, Request, rejection::BytesRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use tokio::time::timeout;

use super::Problem;
use crate::{
    gate::recurrence::NthWeekdaySpec,
    model::{
        Amount, CheckId, HostId, JobId, ViolationCode, Violations, Window, WindowError, instant,
    },
    strict_json,
};

/// The maximum size of a body in bytes.
pub const BODY_LIMIT: usize = 64 * 1024;

/// The maximum size in bytes of a body that names up to 10,000 hosts, such as that of a preview.
pub const HOSTS_BODY_LIMIT: usize = 512 * 1024;

/// The time limit for receiving a body (F254). A body of 64 KiB thus needs at least 6.4 KiB/s.
const BODY_TIME: Duration = Duration::from_secs(10);

/// A JSON body that has not been read yet. A handler first checks whether the caller may do this at all, so
/// that no one else can occupy a slot with a slow or endless body.
///
/// Answers 413 if the body exceeds [`BODY_LIMIT`], 415 if its type is not JSON, 400 if it is invalid JSON
/// or contains a duplicate member, and 408 if it does not arrive within 10 s. Apply
/// [`axum::extract::DefaultBodyLimit`] with the same limit to your own routes.
#[derive(Debug)]
pub struct JsonBody(Request);

impl JsonBody {
    /// Reads the body.
    ///
    /// # Errors
    /// Fails if the body is missing or invalid.
    pub async fn value(self) -> Result<Value, Problem> {
        self.optional().await?.ok_or_else(|| Problem::malformed("send a JSON object"))
    }

    /// Reads the body, or returns `None` if it is empty.
    ///
    /// # Errors
    /// Fails if the body is invalid.
    pub async fn optional(self) -> Result<Option<Value>, Problem> {
        let is_json = is_json(self.0.headers());
        let read_bytes = Bytes::from_request(self.0, &());
        let Ok(bytes) = timeout(BODY_TIME, read_bytes).await else {
            return Err(Problem::body_too_slow());
        };
        match bytes {
            Ok(bytes) if bytes.is_empty() => Ok(None),
            Ok(_) if !is_json => Err(Problem::unsupported_media_type()),
            Ok(bytes) => read(&bytes).map(Some),
            Err(rejection) => Err(unread(&rejection)),
        }
    }

    /// Reads the body's members.
    ///
    /// # Errors
    /// Fails like [`value`](Self::value).
    pub async fn members(self) -> Result<Members, Problem> {
        self.value().await.map(Members::of)
    }
}

impl<S: Send + Sync> FromRequest<S> for JsonBody {
    type Rejection = Infallible;

    async fn from_request(request: Request, _: &S) -> Result<Self, Infallible> {
        std::future::ready(Ok(Self(request))).await
    }
}

/// Returns whether the headers declare plain JSON. Rejects a second type, another charset, or a content
/// coding, because another program would read such a body differently (F264).
fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (types.next(), types.next()) else { return false };
    let mut parts = value.to_str().unwrap_or_default().split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let is_utf8 = |parameter: &str| match parameter.split_once('=') {
        Some((name, charset)) if name.trim().eq_ignore_ascii_case("charset") => {
            charset.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    };
    let is_plain = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"identity");
    essence.eq_ignore_ascii_case("application/json")
        && parts.all(is_utf8)
        && headers.get_all(header::CONTENT_ENCODING).iter().all(is_plain)
}

fn read(bytes: &[u8]) -> Result<Value, Problem> {
    strict_json::parse(bytes).map_err(|error| {
        // Reports the position and not the text, which may be part of a password.
        let (line, column) = (error.line(), error.column());
        let detail = format!(
            "the body is not valid JSON or contains a duplicate member: see line {line}, column {column}"
        );
        Problem::malformed(detail)
    })
}

fn unread(rejection: &BytesRejection) -> Problem {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return Problem::too_large();
    }
    tracing::debug!(error = ?rejection.source(), "a request body was cut off");
    Problem::malformed("the body is incomplete: send it again")
}

/// The members of a JSON object, taken one by one. Collects all violations. Members that are never taken
/// are unknown.
///
/// ```
/// # use healthgate::{api::{Members, Problem}, model::HostId};
/// # fn handler(body: serde_json::Value) -> Result<(), Problem> {
/// let mut members = Members::of(body);
/// let hosts = members.required::<Vec<HostId>>("host_ids");
/// let immediate = members.optional::<bool>("immediate");
/// let hosts = members.finish(hosts)?;
/// # let _ = (hosts, immediate);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Members {
    members: Map<String, Value>,
    violations: Violations,
}

impl Members {
    /// Creates the members of a body.
    #[must_use]
    pub fn of(body: Value) -> Self {
        let mut violations = Violations::new();
        let members = if let Value::Object(members) = body {
            members
        } else {
            violations.push("", ViolationCode::WrongType, "send a JSON object");
            Map::new()
        };
        Self { members, violations }
    }

    /// Takes an optional member, which may be absent or `null`.
    pub fn optional<T: FromMember>(&mut self, field: &str) -> Option<T> {
        match self.members.remove(field) {
            None | Some(Value::Null) => None,
            Some(value) => T::from_member(value, field, &mut self.violations),
        }
    }

    /// Takes a required member.
    pub fn required<T: FromMember>(&mut self, field: &str) -> Option<T> {
        match self.members.remove(field) {
            None | Some(Value::Null) => {
                let message = format!("give `{field}`");
                self.violations.push(field, ViolationCode::Required, message);
                None
            }
            Some(value) => T::from_member(value, field, &mut self.violations),
        }
    }

    /// Adds a violation.
    pub fn violation(&mut self, field: &str, code: ViolationCode, message: impl Into<String>) {
        self.violations.push(field, code, message);
    }

    /// Adds the violations found within this member.
    pub fn violations_within(&mut self, field: &str, found: &Violations) {
        self.violations.extend_within(field, found);
    }

    /// Returns `value` if there are no violations. `value` may be `None` only if there is one.
    ///
    /// # Errors
    /// Returns all violations, including members that were not taken.
    pub fn finish<T>(mut self, value: Option<T>) -> Result<T, Violations> {
        for unknown in self.members.keys() {
            let field: String = unknown.chars().take(100).collect();
            let message = "this member is unknown: remove it";
            self.violations.push(&field, ViolationCode::UnknownField, message);
        }
        self.violations.or_ok(value)
    }
}

/// A type that a member can be read as.
pub trait FromMember: Sized {
    /// Returns the value, or adds a violation and returns `None`.
    fn from_member(value: Value, field: &str, violations: &mut Violations) -> Option<Self>;
}

fn wrong<T>(field: &str, violations: &mut Violations, message: &str) -> Option<T> {
    violations.push(field, ViolationCode::WrongType, message);
    None
}

impl FromMember for String {
    fn from_member(value: Value, field: &str, violations: &mut Violations) -> Option<Self> {
        match value {
            Value::String(text) => Some(text),
            _ => wrong(field, violations, "give a string"),
        }
    }
}

impl FromMember for bool {
    fn from_member(value: Value, field: &str, violations: &mut Violations) -> Option<Self> {
        value.as_bool().or_else(|| wrong(field, violations, "give `true` or `false`"))
    }
}

impl FromMember for i64 {
    fn from_member(value: Value, field: &str, violations: &mut Violations) -> Option<Self> {
        value.as_i64().or_else(|| wrong(field, violations, "give a whole number"))
    }
}

impl FromMember for u64 {
    fn from_member(value: Value, field: &str, violations: &mut Violations) -> Option<Self> {
        value.as_u64().or_else(|| wrong(field, violations, "give a whole number, 0 or more"))
    }
}

impl FromMember for Amount {
    fn from_member(value: Value, field: &str, violations: &mut Violations) -> Option<Self> {
        let expected =
            "give a number of hosts as text, such as \"5\", or a percentage, such as \"10%\"";
        let amount = value.as_str().and_then(|text| text.parse().ok());
        amount.or_else(|| wrong(field, violations, expected))
    }
}

impl FromMember for Value {
    fn from_member(value: Value, _: &str, _: &mut Violations) -> Option<Self> {
        Some(value)
    }
}

impl FromMember for DateTime<Utc> {
    fn from_member(value: Value, field: &str, violations: &mut Violations) -> Option<Self> {
        let text = String::from_member(value, field, violations)?;
        let instant = instant::parse(&text).ok();
        if instant.is_none() {
            let message = "give an instant as RFC 3339 writes it, such as 2026-03-29T01:00:00Z";
            violations.push(field, ViolationCode::InvalidFormat, message);
        }
        instant
    }
}

macro_rules! ids {
    ($($id:ident),*) => {
        $(impl FromMember for $id {
            fn from_member(value: Value, field: &str, violations: &mut Violations) -> Option<Self> {
                let text = String::from_member(value, field, violations)?;
                let id = text.parse().ok();
                if id.is_none() {
                    violations.push(field, ViolationCode::InvalidFormat, "give a UUID");
                }
                id
            }
        })*
    };
}

ids!(HostId, CheckId, JobId);

impl<T: FromMember> FromMember for Vec<T> {
    fn from_member(value: Value, field: &str, violations: &mut Violations) -> Option<Self> {
        let Value::Array(values) = value else { return wrong(field, violations, "give a list") };
        let mut wrongs = Violations::new();
        let read = |value| T::from_member(value, field, &mut wrongs);
        let values: Option<Self> = values.into_iter().map(read).collect();
        // Reports only the first violation of a list.
        if let Some(first) = wrongs.as_slice().first() {
            violations.push(field, first.code, first.message.clone());
        }
        values
    }
}

/// Reads an object within a body, for [`FromMember`]. Prefixes the names of its members with its own, as in
/// `window.opens_at`. `expected` is the message if the value is not an object.
pub fn read_object<T>(
    value: Value,
    field: &str,
    violations: &mut Violations,
    expected: &str,
    read: impl FnOnce(&mut Members) -> Option<T>,
) -> Option<T> {
    if !value.is_object() {
        return wrong(field, violations, expected);
    }
    let mut members = Members::of(value);
    let read = read(&mut members);
    let refused = |found| violations.extend_within(field, &found);
    members.finish(read).map_err(refused).ok()
}

impl FromMember for Window {
    fn from_member(value: Value, field: &str, violations: &mut Violations) -> Option<Self> {
        let expected = "give an object with `opens_at` and `closes_at`";
        let (opens_at, closes_at) = read_object(value, field, violations, expected, |members| {
            let opens_at = members.required::<DateTime<Utc>>("opens_at");
            opens_at.zip(members.required::<DateTime<Utc>>("closes_at"))
        })?;
        Self::new(opens_at, closes_at)
            .map_err(|error| {
                let message = match error {
                    WindowError::TooLong { .. } => "the close must be within 7 days of the opening",
                    WindowError::OutOfRange => "give instants of the years 0 to 9999",
                    _ => "the close must be after the opening",
                };
                let field = format!("{field}.closes_at");
                violations.push(&field, ViolationCode::OutOfRange, message);
            })
            .ok()
    }
}

impl FromMember for NthWeekdaySpec {
    fn from_member(value: Value, field: &str, violations: &mut Violations) -> Option<Self> {
        let expected = "give an object with `nth` and `weekday`";
        read_object(value, field, violations, expected, |members| {
            let nth = members.required("nth");
            let weekday = members.required("weekday");
            let offset_days = members.optional("offset_days").unwrap_or_default();
            nth.zip(weekday).map(|(nth, weekday)| Self { nth, weekday, offset_days })
        })
    }
}
