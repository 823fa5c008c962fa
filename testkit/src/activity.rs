//! Records what a listener sees: counters that can be waited on, and a log of requests.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

/// Counters of one listener since its start. They survive pauses and restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counters {
    /// TCP connections accepted.
    pub connections_accepted: u64,
    /// TCP connections open now.
    pub open_connections: u64,
    /// The maximum number of connections open at the same time.
    pub peak_open_connections: u64,
    /// TLS handshakes completed (resumed ones included).
    pub handshakes_completed: u64,
    /// TLS handshakes completed by resuming an earlier session.
    pub handshakes_resumed: u64,
    /// TLS handshakes that failed on this side or that the client aborted.
    pub handshakes_failed: u64,
    /// Connections on which the client chose HTTP/2. They are closed without an answer.
    pub http2_connections: u64,
    /// Connections that the client ended in order between two requests: with TLS, by `close_notify`.
    pub ended_by_client: u64,
    /// HTTP requests whose head was read completely.
    pub requests: u64,
    /// Requests that the rate limiter (not a script) answered with 429.
    pub rate_limited: u64,
    /// Bytes of answers written to connections, including heads and excluding TLS overhead.
    pub bytes_sent: u64,
}

/// One HTTP request as it came over the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordedRequest {
    /// Method, for example `GET`.
    pub method: String,
    /// Request target exactly as sent: path with its escapes, and the query.
    pub target: String,
    /// Minor version of HTTP/1: 0 or 1.
    pub minor_version: u8,
    /// Headers in order, with lower-case names. Invalid UTF-8 in values is replaced.
    pub headers: Vec<(String, String)>,
    /// Address of the client.
    pub peer: SocketAddr,
    /// Number of the connection, counted from 1. Requests on the same connection share it.
    pub connection: u64,
    /// Protocol agreed by ALPN, if any (`http/1.1`).
    pub alpn: Option<String>,
    /// Server name indication, if the client sent one.
    pub server_name: Option<String>,
    /// TLS version in rustls' spelling (`TLSv1_2`, `TLSv1_3`). `None` without TLS.
    pub tls_version: Option<String>,
}

impl RecordedRequest {
    /// Returns the first value of a header. `name` must be lower-case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// Returns how often a header was sent. `name` must be lower-case.
    #[must_use]
    pub fn header_count(&self, name: &str) -> usize {
        self.headers.iter().filter(|(header, _)| header == name).count()
    }

    /// Returns the names of all headers, sorted.
    #[must_use]
    pub fn header_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names
    }

    /// Returns the target without its query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

/// Counters and request log that a listener's tasks share.
#[derive(Debug)]
pub(crate) struct Activity {
    counters: watch::Sender<Counters>,
    requests: Mutex<Vec<RecordedRequest>>,
}

impl Activity {
    pub(crate) fn new() -> Self {
        Self { counters: watch::Sender::new(Counters::default()), requests: Mutex::new(Vec::new()) }
    }

    pub(crate) fn counters(&self) -> Counters {
        *self.counters.borrow()
    }

    pub(crate) fn count(&self, change: impl FnOnce(&mut Counters)) {
        self.counters.send_modify(change);
    }

    /// Waits for a condition. Returns `false` if it did not become true within `limit`.
    pub(crate) async fn wait_until(
        &self,
        limit: Duration,
        condition: impl FnMut(&Counters) -> bool,
    ) -> bool {
        let mut receiver = self.counters.subscribe();
        tokio::time::timeout(limit, receiver.wait_for(condition))
            .await
            .is_ok_and(|seen| seen.is_ok())
    }

    /// Stores the request before counting it, so that a caller who waited for the count finds the request.
    pub(crate) fn record(&self, request: RecordedRequest) {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        self.count(|counters| counters.requests += 1);
    }

    pub(crate) fn requests(&self) -> Vec<RecordedRequest> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn clear_requests(&self) {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Counts an accepted connection, and returns a guard that counts its end, and the connection's number.
    pub(crate) fn open(self: &Arc<Self>) -> (OpenConnection, u64) {
        let mut number = 0;
        self.count(|counters| {
            counters.connections_accepted += 1;
            counters.open_connections += 1;
            counters.peak_open_connections =
                counters.peak_open_connections.max(counters.open_connections);
            number = counters.connections_accepted;
        });
        (OpenConnection(Arc::clone(self)), number)
    }
}

/// Counts a connection as closed on drop, even if its task was aborted.
#[derive(Debug)]
pub(crate) struct OpenConnection(Arc<Activity>);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.count(|counters| counters.open_connections -= 1);
    }
}
