//! Readers of what agents, targets and files hold that are private otherwise, for the fuzz targets in `fuzz/`.

use std::{path::Path, time::Duration};

use hyper::{StatusCode, header::HeaderValue};
use url::Url;

use crate::{
    checks::{self, AgentError, Redirect, ServiceStatus},
    crypto::{self, Key, KeyFileError},
};

/// Reads an agent's answer. `None` if there is no such status.
#[must_use]
pub fn agent_reply(status: u16, body: &[u8]) -> Option<Result<ServiceStatus, AgentError>> {
    Some(checks::read_reply(StatusCode::from_u16(status).ok()?, body))
}

/// Reads how long an agent asks to wait. `None` also if no answer can have this status or header.
#[must_use]
pub fn retry_after(status: u16, header: &[u8]) -> Option<Duration> {
    let header = HeaderValue::from_bytes(header).ok()?;
    checks::retry_after(StatusCode::from_u16(status).ok()?, Some(&header))
}

/// Judges the `Location` of an answer of `from`.
///
/// # Errors
/// Fails with the words that are shown if the redirect is refused.
pub fn redirect(from: &Url, location: &[u8], has_credentials: bool) -> Result<Url, String> {
    match checks::judge_redirect(from, location, has_credentials) {
        Redirect::Follow(url) => Ok(url),
        Redirect::Refused(words) => Err(words),
    }
}

/// Reads the content of a key file.
///
/// # Errors
/// Fails if it is no key.
pub fn key_of(content: &[u8]) -> Result<Key, KeyFileError> {
    crypto::key_of(Path::new("key"), content)
}
