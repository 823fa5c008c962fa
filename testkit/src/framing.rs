//! How a body in parts is sent.

use std::time::Duration;

use crate::step::{Step, head};

/// How the end of a body is signalled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Framing {
    /// By `content-length`.
    #[default]
    ContentLength,
    /// By chunked encoding, one chunk per piece.
    Chunked,
    /// By the end of the connection.
    UntilClose,
}

/// Returns an answer whose body is sent in parts.
pub(crate) fn part_steps(parts: &[Vec<u8>], pause: Duration, framing: Framing) -> Vec<Step> {
    let length = parts.iter().map(Vec::len).sum::<usize>().to_string();
    let mut steps = vec![Step::Send(match framing {
        Framing::ContentLength => head(200, &[("content-length", &length)]),
        Framing::Chunked => head(200, &[("transfer-encoding", "chunked")]),
        Framing::UntilClose => head(200, &[("connection", "close")]),
    })];
    for (index, part) in parts.iter().enumerate() {
        if index > 0 && !pause.is_zero() {
            steps.push(Step::Pause(pause));
        }
        // An empty chunk would end the body.
        if !part.is_empty() {
            steps.push(Step::Send(if framing == Framing::Chunked {
                chunk(part)
            } else {
                part.clone()
            }));
        }
    }
    match framing {
        Framing::ContentLength => {}
        Framing::Chunked => steps.push(Step::Send(b"0\r\n\r\n".to_vec())),
        Framing::UntilClose => steps.push(Step::Close),
    }
    steps
}

/// Returns one chunk of a chunked body.
pub(crate) fn chunk(data: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{:x}\r\n", data.len()).into_bytes();
    bytes.extend_from_slice(data);
    bytes.extend_from_slice(b"\r\n");
    bytes
}
