//! Query parameters and paging.

use std::{collections::HashMap, str::FromStr};

use axum::{extract::FromRequestParts, http::request::Parts};

use super::Problem;
use crate::model::{HostId, ViolationCode, Violations};

/// The parameters of a request's query, with all values of each. Unknown parameters are ignored, because
/// proxies and browsers add their own.
#[derive(Clone, Debug, Default)]
pub struct Query(HashMap<String, Vec<String>>);

impl Query {
    /// Returns the first value of a parameter.
    #[must_use]
    pub fn first(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.first().map(String::as_str)
    }

    /// The words of a parameter, parted by commas, or each in a parameter of its own.
    #[must_use]
    pub fn words(&self, name: &str) -> Vec<&str> {
        let values = self.0.get(name).map(Vec::as_slice).unwrap_or_default();
        let words = values.iter().flat_map(|value| value.split(',')).map(str::trim);
        words.filter(|word| !word.is_empty()).collect()
    }

    /// Returns the distinct ids of a parameter, separated by commas or given in repeated parameters.
    ///
    /// # Errors
    /// Returns a 422 if one is not a UUID, or there are more than `limit`.
    pub fn host_ids(&self, name: &str, limit: usize) -> Result<Vec<HostId>, Problem> {
        let values = self.0.get(name).map(Vec::as_slice).unwrap_or_default();
        let mut ids: Vec<HostId> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for text in values.iter().flat_map(|value| value.split(',')).map(str::trim) {
            if text.is_empty() {
                continue;
            }
            let id = text.parse().map_err(|_| {
                Problem::invalid_field(name, ViolationCode::InvalidFormat, "give UUIDs")
            })?;
            if seen.insert(id) {
                ids.push(id);
            }
        }
        if ids.len() > limit {
            let message = format!("give at most {limit} ids");
            return Err(Problem::invalid_field(name, ViolationCode::TooLong, message));
        }
        Ok(ids)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let mut values: HashMap<String, Vec<String>> = HashMap::new();
        let query = parts.uri.query().unwrap_or_default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            values.entry(name.into_owned()).or_default().push(value.into_owned());
        }
        Ok(Self(values))
    }
}

/// The requested page of a list: `?limit=` (1 to 200, 50 by default) and `?cursor=`, which is opaque to
/// clients. Invalid values are answered with 422.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page {
    limit: u32,
    position: Option<String>,
}

impl Page {
    /// The number of entries if the request has no `limit`.
    pub const DEFAULT_LIMIT: u32 = 50;
    /// The maximum number of entries in an answer.
    pub const MAXIMUM_LIMIT: u32 = 200;

    /// Returns the maximum number of entries of this page.
    #[must_use]
    pub const fn limit(&self) -> u32 {
        self.limit
    }

    /// Returns the position to continue from, as given to [`Page::cursor`] for the previous page, or `None`
    /// on the first page.
    ///
    /// # Errors
    /// Returns a 422 if the cursor does not belong to this list.
    pub fn position<T: FromStr>(&self) -> Result<Option<T>, Problem> {
        let parse = |text: &String| text.parse().map_err(|_| unknown_cursor());
        self.position.as_ref().map(parse).transpose()
    }

    /// Returns the cursor of a position in a list.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "a position is small, and made for the call")]
    pub fn cursor(position: impl ToString) -> String {
        use std::fmt::Write as _;
        let mut cursor = String::new();
        for byte in position.to_string().bytes() {
            // Writing to a string cannot fail.
            let _ = write!(cursor, "{byte:02x}");
        }
        cursor
    }
}

fn unknown_cursor() -> Problem {
    let message = "send the `next_cursor` of an answer unchanged, or none";
    Problem::invalid_field("cursor", ViolationCode::InvalidFormat, message)
}

fn decoded(cursor: &str) -> Option<String> {
    let digits = cursor.as_bytes();
    let is_long_enough = (2..=1_024).contains(&digits.len()) && digits.len().is_multiple_of(2);
    if !is_long_enough || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    String::from_utf8(digits.chunks(2).map(byte).collect::<Option<_>>()?).ok()
}

impl<S: Send + Sync> FromRequestParts<S> for Page {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Ok(query) = Query::from_request_parts(parts, state).await;
        let mut violations = Violations::new();
        let limit = match query.first("limit").map(str::parse) {
            None => Self::DEFAULT_LIMIT,
            Some(Ok(limit @ 1..=Self::MAXIMUM_LIMIT)) => limit,
            Some(_) => {
                let message = "give a whole number from 1 to 200";
                violations.push("limit", ViolationCode::OutOfRange, message);
                Self::DEFAULT_LIMIT
            }
        };
        let position = query.first("cursor").map(decoded);
        if position == Some(None) {
            for violation in unknown_cursor().errors() {
                let message = violation.message.clone();
                violations.push("cursor", ViolationCode::InvalidFormat, message);
            }
        }
        violations.or_ok(Some(Self { limit, position: position.flatten() })).map_err(Problem::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_and_a_made_up_one_is_not() {
        for position in ["x", "2026-01-01T00:00:00.000000Z", "grün"] {
            assert_eq!(decoded(&Page::cursor(position)).as_deref(), Some(position));
        }
        for made_up in ["", "f", "zz", "ff", "+1"] {
            assert_eq!(decoded(made_up), None, "{made_up}");
        }
    }
}
