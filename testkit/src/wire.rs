//! One connection, plain or TLS, and parsing of request heads.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

/// The maximum size of a request head. A larger one is answered with 400.
const HEAD_LIMIT: usize = 64 * 1024;
/// The maximum number of parsed headers.
const HEADER_LIMIT: usize = 128;
/// How long a broken connection is still read, so that a reset does not lose the last bytes sent.
const LINGER: Duration = Duration::from_secs(1);

/// A connection to one client.
pub(crate) enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Wire {
    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        }
    }

    /// Ends the connection with a TCP reset.
    pub(crate) fn reset(self) {
        // Without the option, the drop closes normally instead.
        let _ = self.tcp().set_zero_linger();
    }

    /// Ends the connection in order: `close_notify` with TLS, then the end of the TCP stream.
    pub(crate) async fn close(mut self) {
        if self.shutdown().await.is_ok() {
            let _ = timeout(LINGER, self.until_peer_closes()).await;
        }
    }

    /// Discards received data, and returns once the peer has ended the connection.
    pub(crate) async fn until_peer_closes(&mut self) {
        discard(self).await;
    }

    /// Waits for a duration. Returns `false` if the peer ended the connection meanwhile.
    pub(crate) async fn pause(&mut self, duration: Duration) -> bool {
        timeout(duration, self.until_peer_closes()).await.is_err()
    }
}

/// Reads to the end and discards the data.
pub(crate) async fn discard(stream: &mut (impl AsyncRead + Unpin)) {
    let mut scratch = [0_u8; 4096];
    while matches!(stream.read(&mut scratch).await, Ok(count) if count > 0) {}
}

/// Ends a raw TCP stream after a failed handshake, so that an alert that was just sent reaches the client.
pub(crate) async fn close_raw(mut stream: TcpStream) {
    if stream.shutdown().await.is_ok() {
        let _ = timeout(LINGER, discard(&mut stream)).await;
    }
}

/// A parsed request head.
pub(crate) struct Head {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) minor_version: u8,
    pub(crate) headers: Vec<(String, String)>,
}

/// The result of waiting for a request.
pub(crate) enum HeadRead {
    Head(Head),
    /// The client ended the connection in order before another request: with TLS, by `close_notify`.
    Ended,
    /// The client cut the connection, or sent nothing within the keep-alive time.
    Idle,
    /// A request was begun but not completed in time.
    TooSlow,
    /// Not HTTP/1, or too large.
    Malformed,
}

/// Reads one request head. Bytes after it stay in `buffer`.
pub(crate) async fn read_head(
    wire: &mut Wire,
    buffer: &mut Vec<u8>,
    keep_alive: Duration,
    head_limit: Duration,
) -> HeadRead {
    if buffer.is_empty() {
        match timeout(keep_alive, wire.read_buf(buffer)).await {
            Ok(Ok(0)) => return HeadRead::Ended,
            Ok(Ok(_)) => {}
            _ => return HeadRead::Idle,
        }
    }
    match timeout(head_limit, read_started_head(wire, buffer)).await {
        Ok(read) => read,
        Err(_) => HeadRead::TooSlow,
    }
}

async fn read_started_head(wire: &mut Wire, buffer: &mut Vec<u8>) -> HeadRead {
    loop {
        match parse(buffer) {
            Ok(Some((head, length))) => {
                buffer.drain(..length);
                return HeadRead::Head(head);
            }
            Ok(None) if buffer.len() < HEAD_LIMIT => {}
            _ => return HeadRead::Malformed,
        }
        match wire.read_buf(buffer).await {
            Ok(count) if count > 0 => {}
            _ => return HeadRead::Idle,
        }
    }
}

fn parse(buffer: &[u8]) -> Result<Option<(Head, usize)>, httparse::Error> {
    let mut headers = [httparse::EMPTY_HEADER; HEADER_LIMIT];
    let mut request = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(length) = request.parse(buffer)? else {
        return Ok(None);
    };
    let head = Head {
        method: request.method.unwrap_or_default().to_owned(),
        target: request.path.unwrap_or_default().to_owned(),
        minor_version: request.version.unwrap_or_default(),
        headers: request
            .headers
            .iter()
            .map(|header| {
                (
                    header.name.to_ascii_lowercase(),
                    String::from_utf8_lossy(header.value).into_owned(),
                )
            })
            .collect(),
    };
    Ok(Some((head, length)))
}

/// Reads a request body of known length. Returns `false` if the connection ended first.
pub(crate) async fn skip_body(wire: &mut Wire, buffer: &mut Vec<u8>, length: u64) -> bool {
    let mut missing = length;
    loop {
        let here = usize::try_from(missing).unwrap_or(usize::MAX).min(buffer.len());
        buffer.drain(..here);
        missing -= here as u64;
        if missing == 0 {
            return true;
        }
        match wire.read_buf(buffer).await {
            Ok(count) if count > 0 => {}
            _ => return false,
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
