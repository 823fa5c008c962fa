//! Notes that a test of a check adds to its verdict (F198). They never quote the body.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use hyper::{HeaderMap, header::CONTENT_TYPE};
use memchr::memmem;
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::checks::connection::Answer;

/// Collects notes. Only a test has one.
#[derive(Debug)]
pub(super) struct Inspection {
    deadline: Instant,
    notes: Mutex<Vec<String>>,
}

impl Inspection {
    /// Creates an inspection of a run with this deadline.
    pub(super) fn new(deadline: Instant) -> Self {
        Self { deadline, notes: Mutex::default() }
    }

    /// Appends the notes to the text of an outcome.
    pub(super) fn complete(&self, words: &mut String) {
        for note in self.notes.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            words.push_str("; ");
            words.push_str(&note);
        }
    }

    /// Notes the final URL of redirects.
    pub(super) fn landed(&self, asked: &Url, landed: &Url) {
        if asked != landed {
            // Omits the query and parameters, which may contain a token.
            let path = landed.path().split(';').next().unwrap_or_default();
            let path: String = path.chars().take(MAXIMUM_PATH).collect();
            let scheme = if asked.scheme() == landed.scheme() { "" } else { "https, " };
            self.note(format!(
                "redirects led to {scheme}{path}: see whether that is the page you mean"
            ));
        }
    }

    /// Reads on after a match for a limited time, because the verdict is known.
    pub(super) async fn read_on(&self, answer: &mut Answer, body: &mut Vec<u8>, cap: usize) {
        let now = Instant::now();
        let left = self.deadline.saturating_duration_since(now);
        let until = now + MAXIMUM_WAIT.min(left / 2);
        while body.len() < cap
            && let Ok(Ok(Some(chunk))) = timeout_at(until, answer.chunk()).await
        {
            body.extend_from_slice(&chunk[..chunk.len().min(cap - body.len())]);
        }
    }

    /// Notes how the expected text occurs in the part of the body that was read.
    pub(super) fn body(&self, headers: &HeaderMap, expected: &str, body: &[u8]) {
        let found: Vec<usize> = memmem::find_iter(body, expected.as_bytes()).collect();
        if found.is_empty() {
            if let Some(form) = other_form(expected, body) {
                self.note(format!("it occurs {form}: bytes are compared as they came"));
            }
        } else {
            let touched = found.iter().filter(|start| is_touched(expected, body, **start)).count();
            self.note(match found.len() {
                1 => "it occurs once".to_owned(),
                times => format!("it occurs {times} times"),
            });
            if touched > 0 {
                self.note(format!(
                    "at {touched} of these a letter or digit touches it, so it may be part of a longer word \
                     (`unhealthy` holds `healthy`): expect a longer text"
                ));
            }
        }
        if let Some(charset) = charset(headers, body) {
            self.note(format!(
                "the page is in {charset}, and its bytes are compared with the expected text in UTF-8"
            ));
        }
    }

    fn note(&self, note: String) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(note);
    }
}

/// The maximum time that a test reads on after a match.
const MAXIMUM_WAIT: Duration = Duration::from_secs(2);

/// The maximum number of characters shown of a path.
const MAXIMUM_PATH: usize = 100;

/// Returns whether a match may be part of a longer word.
fn is_touched(expected: &str, body: &[u8], start: usize) -> bool {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || !byte.is_ascii();
    let touches = |inside: Option<char>, outside: Option<&u8>| {
        inside.is_some_and(char::is_alphanumeric) && outside.is_some_and(is_word)
    };
    let before = start.checked_sub(1).and_then(|index| body.get(index));
    touches(expected.chars().next(), before)
        || touches(expected.chars().next_back(), body.get(start + expected.len()))
}

/// Looks for the expected text in another form.
fn other_form(expected: &str, body: &[u8]) -> Option<&'static str> {
    let holds = |form: &[u8]| memmem::find(body, form).is_some();
    let utf16 = |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        expected.encode_utf16().flat_map(bytes).collect()
    };
    let escaped = expected
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;");
    let latin1: Option<Vec<u8>> =
        expected.chars().map(|character| u8::try_from(u32::from(character)).ok()).collect();
    if holds(&utf16(u16::to_le_bytes)) || holds(&utf16(u16::to_be_bytes)) {
        Some("in UTF-16")
    } else if latin1.is_some_and(|latin1| holds(&latin1)) {
        Some("in Latin-1")
    } else if escaped != expected && holds(escaped.as_bytes()) {
        Some("escaped for HTML")
    } else if memmem::find(&body.to_ascii_lowercase(), expected.to_ascii_lowercase().as_bytes())
        .is_some()
    {
        Some("with other capitals")
    } else {
        None
    }
}

/// Returns the encoding of a page that declares or marks one other than UTF-8.
fn charset(headers: &HeaderMap, body: &[u8]) -> Option<String> {
    if body.starts_with(b"\xff\xfe") || body.starts_with(b"\xfe\xff") {
        return Some("UTF-16".to_owned());
    }
    let content_type = headers.get(CONTENT_TYPE)?.to_str().ok()?.to_ascii_lowercase();
    let (_, charset) = content_type.split_once("charset=")?;
    let name = charset.trim_matches('"').split(['"', ';', ' ']).next()?;
    let is_name = name.len() <= 20
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte));
    (is_name && !matches!(name, "" | "utf-8" | "utf8" | "us-ascii")).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told(expected: &str, body: &[u8]) -> String {
        let inspection = Inspection::new(Instant::now());
        inspection.body(&HeaderMap::new(), expected, body);
        let mut words = String::new();
        inspection.complete(&mut words);
        words
    }

    #[test]
    fn f198_forms_that_never_match_are_named() {
        let utf16: Vec<u8> = "all good".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for (expected, body, form) in [
            ("good", &utf16[..], "UTF-16"),
            ("caf\u{e9}", b"<p>caf\xe9</p>", "Latin-1"),
            ("a < b & c", b"a &lt; b &amp; c", "HTML"),
            ("Ready", b"status: READY", "capitals"),
        ] {
            assert!(told(expected, body).contains(form), "{expected}: {}", told(expected, body));
        }
        assert_eq!(told("good", b"bad"), "");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 5_000, failure_persistence: None, ..ProptestConfig::default() })]

        /// F198: no note quotes a body beyond the text that the check expects.
        #[test]
        fn f198_nothing_that_is_told_comes_from_the_body(
            expected in "[a-z<&]{1,4}",
            body in proptest::collection::vec(any::<u8>(), 0..60),
        ) {
            let secret = [&body[..], b" hunter2 ", expected.as_bytes(), b" hunter2"].concat();
            let words = told(&expected, &secret);
            prop_assert!(!words.contains("hunter"), "{}", words);
            prop_assert!(words.contains("it occurs"), "{}", words);
        }
    }
}
