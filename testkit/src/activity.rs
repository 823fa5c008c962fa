//! What a listener has seen: counters that can be waited on, and the log of requests.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

/// Numbers of one listener since it was started; they survive pauses and restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counters {
    /// TCP connections accepted.
    pub connections_accepted: u64,
    /// TCP connections open now.
    pub open_connections: u64,
    /// The most connections that were open at the same moment.
    pub peak_open_connections: u64,
    /// TLS handshakes completed (resumed ones included).
    pub handshakes_completed: u64,
    /// TLS handshakes completed by resuming an earlier session.
    pub handshakes_resumed: u64,
    /// TLS handshakes that failed on this side or were broken off by the client.
    pub handshakes_failed: u64,
    /// Connections on which the client chose HTTP/2; they are closed without an answer.
    pub http2_connections: u64,
    /// HTTP requests read completely (head).
    pub requests: u64,
    /// Requests answered with 429 by the rate limiter (not by a script).
    pub rate_limited: u64,
    /// Plain bytes of answers handed to the connection (heads included, TLS overhead not).
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
    /// Headers in order; names in lower case, values with invalid UTF-8 replaced.
    pub headers: Vec<(String, String)>,
    /// Address of the client.
    pub peer: SocketAddr,
    /// Number of the connection, counted from 1; requests on one connection share it.
    pub connection: u64,
    /// Protocol agreed by ALPN, if any (`http/1.1`).
    pub alpn: Option<String>,
    /// Server name indication, if the client sent one.
    pub server_name: Option<String>,
    /// TLS version in rustls' spelling (`TLSv1_2`, `TLSv1_3`); absent without TLS.
    pub tls_version: Option<String>,
}

impl RecordedRequest {
    /// The first value of a header; `name` in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// How often a header was sent; `name` in lower case.
    #[must_use]
    pub fn header_count(&self, name: &str) -> usize {
        self.headers.iter().filter(|(header, _)| header == name).count()
    }

    /// The names of all headers, sorted.
    #[must_use]
    pub fn header_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names
    }

    /// The target without its query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

/// Counters and request log, shared by the tasks of one listener.
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

    /// Waits for a condition; false when it did not come true within `limit`.
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

    /// The request is stored before it is counted, so whoever waited for the count finds it.
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

    /// Counts an accepted connection; the guard counts its end. Returns the connection's number too.
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

/// Counts a connection as closed when it is dropped, also when its task is aborted.
#[derive(Debug)]
pub(crate) struct OpenConnection(Arc<Activity>);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.count(|counters| counters.open_connections -= 1);
    }
}
