//! The elementary steps of every answer.

use std::time::Duration;

use tokio::io::AsyncWriteExt;

use crate::activity::Activity;
use crate::wire::Wire;

/// One step of an answer. Unless the list has a final step, the connection stays open for the next request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Send these bytes.
    Send(Vec<u8>),
    /// Wait. If the client leaves meanwhile, the answer ends.
    Pause(Duration),
    /// Send one byte per interval.
    Trickle(Vec<u8>, Duration),
    /// Send the bytes repeatedly: this many times, or forever.
    Repeat(Vec<u8>, Option<u64>),
    /// Send nothing more until the client leaves (final step).
    Hang,
    /// End with a TCP reset (final step).
    Reset,
    /// Close the connection in order (final step).
    Close,
    /// Take the whole listener down with all its connections for this duration (final step).
    Restart(Duration),
}

/// What happens to the connection after an answer.
pub(crate) enum After {
    KeepAlive(Wire),
    Closed,
    Restart(Duration),
}

/// Performs an answer. A client that leaves ends it early.
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
        // Lets a fast reader on the same thread run.
        tokio::task::yield_now().await;
    }
    true
}

/// Returns a response head and body with a `content-length`.
pub(crate) fn response(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let length = body.len().to_string();
    let mut all: Vec<(&str, &str)> = headers.to_vec();
    all.push(("content-length", &length));
    let mut bytes = head(status, &all);
    bytes.extend_from_slice(body);
    bytes
}

/// Returns a response head with exactly these headers and the empty line.
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
