//! The elementary acts of which every answer, good or bad, is composed.

use std::time::Duration;

use tokio::io::AsyncWriteExt;

use crate::activity::Activity;
use crate::wire::Wire;

/// One act of an answer. A list that ends without an ending act leaves the connection open for the next request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Send these bytes.
    Send(Vec<u8>),
    /// Wait; a client that leaves meanwhile ends the answer.
    Pause(Duration),
    /// Send one byte per interval.
    Trickle(Vec<u8>, Duration),
    /// Send the bytes again and again: so many times, or for ever.
    Repeat(Vec<u8>, Option<u64>),
    /// Say nothing more until the client leaves (ending act).
    Hang,
    /// End with a TCP reset (ending act).
    Reset,
    /// End in order (ending act).
    Close,
    /// Take the whole listener down with all its connections for this long (ending act).
    Restart(Duration),
}

/// What becomes of the connection after an answer.
pub(crate) enum After {
    KeepAlive(Wire),
    Closed,
    Restart(Duration),
}

/// Performs an answer; a client that leaves ends it early.
pub(crate) async fn perform(mut wire: Wire, steps: Vec<Step>, activity: &Activity) -> After {
    for step in steps {
        let going = match step {
            Step::Send(bytes) => send(&mut wire, &bytes, activity).await,
            Step::Pause(duration) => wire.pause(duration).await,
            Step::Trickle(bytes, interval) => trickle(&mut wire, &bytes, interval, activity).await,
            Step::Repeat(bytes, times) => repeat(&mut wire, &bytes, times, activity).await,
            Step::Hang => {
                wire.until_peer_closes().await;
                false
            }
            Step::Reset => {
                wire.reset();
                return After::Closed;
            }
            Step::Close => {
                wire.close().await;
                return After::Closed;
            }
            Step::Restart(down_for) => return After::Restart(down_for),
        };
        if !going {
            return After::Closed;
        }
    }
    After::KeepAlive(wire)
}

async fn send(wire: &mut Wire, bytes: &[u8], activity: &Activity) -> bool {
    let sent = wire.write_all(bytes).await.is_ok() && wire.flush().await.is_ok();
    if sent {
        activity.count(|counters| counters.bytes_sent += bytes.len() as u64);
    }
    sent
}

async fn trickle(wire: &mut Wire, bytes: &[u8], interval: Duration, activity: &Activity) -> bool {
    for byte in bytes {
        if !wire.pause(interval).await || !send(wire, &[*byte], activity).await {
            return false;
        }
    }
    true
}

async fn repeat(wire: &mut Wire, bytes: &[u8], times: Option<u64>, activity: &Activity) -> bool {
    let mut left = times;
    while left != Some(0) {
        if !send(wire, bytes, activity).await {
            return false;
        }
        left = left.map(|count| count - 1);
        // A fast reader on the same thread must get its turn.
        tokio::task::yield_now().await;
    }
    true
}

/// A response head and body with a `content-length`.
pub(crate) fn response(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let length = body.len().to_string();
    let mut all: Vec<(&str, &str)> = headers.to_vec();
    all.push(("content-length", &length));
    let mut bytes = head(status, &all);
    bytes.extend_from_slice(body);
    bytes
}

/// A response head with exactly these headers and the empty line.
pub(crate) fn head(status: u16, headers: &[(&str, &str)]) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {status} {}\r\n", reason(status));
    for (name, value) in headers {
        text.push_str(name);
        text.push_str(": ");
        text.push_str(value);
        text.push_str("\r\n");
    }
    text.push_str("\r\n");
    text.into_bytes()
}

fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        103 => "Early Hints",
        200 => "OK",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "Status",
    }
}
