//! Scripts of a web target's answers on one path.

use std::time::Duration;

use crate::encoding::{base64, gzip_stored};
use crate::framing::{Framing, chunk, part_steps};
use crate::step::{Step, head, response};

const BLOCK: usize = 16 * 1024;

/// The behaviour of a web target on one path.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum WebScript {
    /// Status, headers and a body with a matching `content-length`.
    Answer {
        /// HTTP status.
        status: u16,
        /// Headers in addition to `content-length`.
        headers: Vec<(String, String)>,
        /// Body.
        body: Vec<u8>,
    },
    /// 200 with a body in parts, each written separately (with TLS: as its own record).
    Parts {
        /// The pieces of the body.
        parts: Vec<Vec<u8>>,
        /// Pause before each piece after the first.
        pause: Duration,
        /// How the end of the body is signalled.
        framing: Framing,
    },
    /// 200 with an endless chunked body, in chunks of 16 KiB.
    EndlessBody,
    /// 200 that announces `announced` bytes, sends `sent` of them (streamed `x`), and closes.
    ContentLengthLie {
        /// Value of `content-length`.
        announced: u64,
        /// Bytes actually sent. Above 16 KiB, rounded down to a multiple of 16 KiB.
        sent: u64,
    },
    /// 200 with a body that matches its announcement, but closes the connection after these bytes.
    Truncated {
        /// Value of `content-length`.
        announced: u64,
        /// Bytes actually sent.
        sent: Vec<u8>,
    },
    /// A 200 with one byte of the head per interval.
    SlowHead(Duration),
    /// A 200 with one byte of the body per interval, forever.
    SlowBody(Duration),
    /// Endless headers.
    HeaderFlood,
    /// 200 with this many extra headers and the body `ok`.
    Headers(usize),
    /// Endless interim responses 100.
    InformationalFlood,
    /// This many interim responses 103, then 200 with the body `ok`.
    Informational(usize),
    /// 101 to a protocol that the client did not request. The connection stays open and silent.
    SwitchingProtocols,
    /// Only a status, without a body. 204 and 304 also have no `content-length`.
    Empty(u16),
    /// 200 with this `content-encoding` and exactly these (encoded) bytes.
    Encoded {
        /// Value of `content-encoding`.
        encoding: String,
        /// Body as sent.
        bytes: Vec<u8>,
    },
    /// A redirect.
    Redirect {
        /// HTTP status, for example 302.
        status: u16,
        /// Value of `location`.
        location: String,
    },
    /// An endless redirect to the same path.
    RedirectLoop,
    /// 200 with the body for the correct Basic credentials, otherwise 401 with `www-authenticate`.
    BasicAuth {
        /// Base64 of `user:password`, as [`WebScript::basic_auth`] computes it.
        token: String,
        /// Body for the correct credentials.
        body: Vec<u8>,
    },
    /// A TCP reset instead of an answer.
    Reset,
    /// An orderly close instead of an answer.
    Close,
    /// No answer. The connection stays open.
    Hang,
    /// 200 chunked, with chunk extensions and trailers.
    ChunkExtensions(Vec<u8>),
    /// Another behaviour after a delay.
    Delayed(Duration, Box<WebScript>),
    /// Exactly these bytes on the connection, followed by a close.
    Raw(Vec<u8>),
    /// One behaviour per request, in order. The last one repeats.
    Sequence(Vec<WebScript>),
}

impl WebScript {
    /// Returns a 200 `text/plain` with this body.
    #[must_use]
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::answer(200, &[("content-type", "text/plain")], body)
    }

    /// Returns this status with an empty body.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::answer(status, &[], Vec::new())
    }

    /// Returns a status, headers (in addition to `content-length`) and a body.
    #[must_use]
    pub fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Self {
        let headers =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self::Answer { status, headers, body: body.into() }
    }

    /// Returns a body in chunks, without pauses.
    #[must_use]
    pub fn chunked(parts: &[&[u8]]) -> Self {
        Self::parts(parts, Duration::ZERO, Framing::Chunked)
    }

    /// Returns a body in parts.
    #[must_use]
    pub fn parts(parts: &[&[u8]], pause: Duration, framing: Framing) -> Self {
        Self::Parts { parts: parts.iter().map(|part| part.to_vec()).collect(), pause, framing }
    }

    /// Returns a 302 to this location.
    #[must_use]
    pub fn redirect(location: &str) -> Self {
        Self::Redirect { status: 302, location: location.to_owned() }
    }

    /// Returns a body behind Basic authentication.
    #[must_use]
    pub fn basic_auth(user: &str, password: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::BasicAuth {
            token: base64(format!("{user}:{password}").as_bytes()),
            body: body.into(),
        }
    }

    /// Returns a 200 with the body as a correct gzip stream (stored, not compressed).
    #[must_use]
    pub fn gzip(body: &[u8]) -> Self {
        Self::Encoded { encoding: "gzip".to_owned(), bytes: gzip_stored(body) }
    }

    /// Delays this behaviour.
    #[must_use]
    pub fn with_delay(self, delay: Duration) -> Self {
        Self::Delayed(delay, Box::new(self))
    }

    /// Returns the script for the current request, and advances a sequence.
    pub(crate) fn advance(&mut self) -> Self {
        match self {
            Self::Sequence(scripts) if scripts.len() > 1 => scripts.remove(0).advance(),
            Self::Sequence(scripts) => scripts.first_mut().map_or(Self::Close, Self::advance),
            other => other.clone(),
        }
    }

    /// Returns the answer to a request with this target and `authorization` header.
    pub(crate) fn steps(&self, target: &str, authorization: Option<&str>) -> Vec<Step> {
        match self {
            Self::Answer { status, headers, body } => {
                let headers: Vec<(&str, &str)> =
                    headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                vec![Step::Send(response(*status, &headers, body))]
            }
            Self::Parts { parts, pause, framing } => part_steps(parts, *pause, *framing),
            Self::EndlessBody => vec![
                Step::Send(head(200, &[("transfer-encoding", "chunked")])),
                Step::Repeat(chunk(&[b'x'; BLOCK]), None),
            ],
            Self::ContentLengthLie { announced, sent } => {
                let block = usize::try_from(*sent).map_or(BLOCK, |sent| sent.clamp(1, BLOCK));
                vec![
                    Step::Send(head(200, &[("content-length", &announced.to_string())])),
                    Step::Repeat(vec![b'x'; block], Some(sent / block as u64)),
                    Step::Close,
                ]
            }
            Self::Truncated { announced, sent } => vec![
                Step::Send(head(200, &[("content-length", &announced.to_string())])),
                Step::Send(sent.clone()),
                Step::Close,
            ],
            Self::SlowHead(interval) => {
                vec![Step::Trickle(response(200, &[("x-slow", "head")], b"ok"), *interval)]
            }
            Self::SlowBody(interval) => vec![
                Step::Send(head(200, &[("content-length", "1000000")])),
                Step::Trickle(vec![b'x'; 1_000_000], *interval),
            ],
            Self::HeaderFlood => vec![
                Step::Send(b"HTTP/1.1 200 OK\r\n".to_vec()),
                Step::Repeat(b"x-flood: 0123456789abcdef\r\n".to_vec(), None),
            ],
            Self::Headers(count) => {
                let names: Vec<String> =
                    (0..*count).map(|number| format!("x-header-{number}")).collect();
                let headers: Vec<(&str, &str)> =
                    names.iter().map(|name| (name.as_str(), "v")).collect();
                vec![Step::Send(response(200, &headers, b"ok"))]
            }
            Self::InformationalFlood => vec![Step::Repeat(head(100, &[]), None)],
            Self::Informational(count) => vec![
                Step::Repeat(head(103, &[("link", "</style.css>")]), Some(*count as u64)),
                Step::Send(response(200, &[], b"ok")),
            ],
            Self::SwitchingProtocols => {
                vec![
                    Step::Send(head(101, &[("connection", "upgrade"), ("upgrade", "other")])),
                    Step::Hang,
                ]
            }
            Self::Empty(status @ (204 | 304)) => vec![Step::Send(head(*status, &[]))],
            Self::Empty(status) => vec![Step::Send(response(*status, &[], b""))],
            Self::Encoded { encoding, bytes } => {
                vec![Step::Send(response(200, &[("content-encoding", encoding)], bytes))]
            }
            Self::Redirect { status, location } => {
                vec![Step::Send(response(*status, &[("location", location)], b""))]
            }
            Self::RedirectLoop => vec![Step::Send(response(302, &[("location", target)], b""))],
            Self::BasicAuth { token, body } => {
                if authorization.and_then(|value| value.strip_prefix("Basic ")) == Some(token) {
                    vec![Step::Send(response(200, &[], body))]
                } else {
                    vec![Step::Send(response(
                        401,
                        &[("www-authenticate", "Basic realm=\"test\"")],
                        b"",
                    ))]
                }
            }
            Self::Reset => vec![Step::Reset],
            Self::Close => vec![Step::Close],
            // `advance` has already picked the element of a sequence.
            Self::Hang | Self::Sequence(_) => vec![Step::Hang],
            Self::ChunkExtensions(body) => {
                let mut bytes =
                    head(200, &[("transfer-encoding", "chunked"), ("trailer", "x-checksum")]);
                for byte in body {
                    bytes.extend_from_slice(b"1;name=value;quoted=\"a;b\"\r\n");
                    bytes.push(*byte);
                    bytes.extend_from_slice(b"\r\n");
                }
                bytes.extend_from_slice(b"0;last\r\nx-checksum: 42\r\nx-more: yes\r\n\r\n");
                vec![Step::Send(bytes)]
            }
            Self::Delayed(delay, then) => {
                let mut steps = vec![Step::Pause(*delay)];
                steps.extend(then.steps(target, authorization));
                steps
            }
            Self::Raw(bytes) => vec![Step::Send(bytes.clone()), Step::Close],
        }
    }
}
