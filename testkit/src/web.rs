//! A web target: plain or TLS, with one script per path.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::activity::{Activity, Counters, RecordedRequest};
use crate::authority::{Authority, Identity, ServerCertSpec};
use crate::server::{Handler, Server, Times};
use crate::step::{Step, response};
use crate::tls_mode::{Endpoint, TlsMode, TlsParts};
use crate::web_script::WebScript;

/// A running web target. Dropping it closes its listener and all connections.
pub struct WebTarget {
    server: Server,
    scripts: Arc<Scripts>,
    parts: Option<TlsParts>,
}

impl WebTarget {
    /// Creates a builder for a target without TLS on `127.0.0.1`.
    pub fn builder() -> WebTargetBuilder {
        WebTargetBuilder {
            address: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0),
            ipv6: false,
            tls: None,
            certificate: ServerCertSpec::loopback(),
            keep_alive: Duration::from_secs(15),
            head_limit: Duration::from_secs(5),
            scripts: HashMap::new(),
        }
    }

    /// Returns the address of the first listener, which a restart does not change.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.server.addresses()[0]
    }

    /// Returns all addresses: one, or two with the same port after [`WebTargetBuilder::also_ipv6`].
    #[must_use]
    pub fn addrs(&self) -> &[SocketAddr] {
        self.server.addresses()
    }

    /// Returns `http` or `https`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.parts.is_some() { "https" } else { "http" }
    }

    /// Returns `scheme://ip:port` followed by `path`, which begins with a slash.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme(), self.addr())
    }

    /// Returns the [`url`](Self::url) with another host, for example `localhost`.
    #[must_use]
    pub fn url_with_host(&self, host: &str, path: &str) -> String {
        format!("{}://{host}:{}{path}", self.scheme(), self.addr().port())
    }

    /// Sets the script of one path, from the next request on. A path with a query is compared with the
    /// whole target.
    pub fn set(&self, path: &str, script: WebScript) {
        self.scripts.paths().insert(path.to_owned(), script);
    }

    /// Sets the treatment of new connections. Without TLS, only the modes before the handshake have an
    /// effect.
    pub fn set_tls(&self, mode: TlsMode) {
        let endpoint = match &self.parts {
            Some(parts) => Endpoint::tls(parts, mode),
            None => Endpoint::plain(mode),
        };
        self.server.shared.set_endpoint(endpoint);
    }

    /// Returns the current certificate, if any.
    #[must_use]
    pub fn identity(&self) -> Option<Identity> {
        self.server.shared.endpoint().identity.clone()
    }

    /// Returns the counters since the start.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.server.shared.activity.counters()
    }

    /// Returns all requests so far, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.server.shared.activity.requests()
    }

    /// Clears the list of requests. The counters stay.
    pub fn clear_requests(&self) {
        self.server.shared.activity.clear_requests();
    }

    /// Waits until the counters satisfy a condition. Returns `false` if they did not within `limit`.
    pub async fn wait_until(
        &self,
        limit: Duration,
        condition: impl FnMut(&Counters) -> bool,
    ) -> bool {
        self.server.shared.activity.wait_until(limit, condition).await
    }

    /// Closes the listener and all connections, and refuses connections until [`resume`](Self::resume).
    pub async fn pause(&self) {
        self.server.pause().await;
    }

    /// Listens again on the same port.
    ///
    /// # Errors
    /// Fails if the port cannot be bound.
    pub fn resume(&self) -> io::Result<()> {
        self.server.resume()
    }

    /// Closes the listener and all connections, waits for their tasks, and releases the port.
    pub async fn stop(&self) {
        self.server.stop().await;
    }
}

/// Builds a [`WebTarget`].
#[derive(Debug, Clone)]
#[must_use]
pub struct WebTargetBuilder {
    address: SocketAddr,
    ipv6: bool,
    tls: Option<(Authority, TlsMode)>,
    certificate: ServerCertSpec,
    keep_alive: Duration,
    head_limit: Duration,
    scripts: HashMap<String, WebScript>,
}

impl WebTargetBuilder {
    /// Sets the address to listen on (default `127.0.0.1`).
    pub fn with_ip(mut self, ip: IpAddr) -> Self {
        self.address.set_ip(ip);
        self
    }

    /// Sets the port to listen on (default: any free one).
    pub fn with_port(mut self, port: u16) -> Self {
        self.address.set_port(port);
        self
    }

    /// Also listens on `[::1]`, on the same port.
    pub fn also_ipv6(mut self) -> Self {
        self.ipv6 = true;
        self
    }

    /// Enables TLS 1.2 and 1.3 with a certificate of `authority`. Only [`TlsMode::RefuseClient`] requests a
    /// client certificate.
    pub fn with_tls(mut self, authority: &Authority, mode: TlsMode) -> Self {
        self.tls = Some((authority.clone(), mode));
        self
    }

    /// Sets the names and validity of the certificate (default [`ServerCertSpec::loopback`]).
    pub fn with_certificate(mut self, certificate: ServerCertSpec) -> Self {
        self.certificate = certificate;
        self
    }

    /// Sets how long an idle connection is kept (default 15 s).
    pub fn with_keep_alive(mut self, keep_alive: Duration) -> Self {
        self.keep_alive = keep_alive;
        self
    }

    /// Sets the script of one path. A path without a script is answered with an empty 404.
    pub fn with_path(mut self, path: &str, script: WebScript) -> Self {
        self.scripts.insert(path.to_owned(), script);
        self
    }

    /// Binds the port and starts serving on the current runtime.
    ///
    /// # Errors
    /// Fails if an address cannot be bound.
    ///
    /// # Panics
    /// Panics outside a tokio runtime with I/O and time enabled.
    #[expect(
        clippy::unused_async,
        reason = "starting needs a runtime, which an async function makes plain"
    )]
    pub async fn start(self) -> io::Result<WebTarget> {
        let scripts = Arc::new(Scripts { paths: Mutex::new(self.scripts) });
        let mut addresses = vec![self.address];
        if self.ipv6 {
            addresses.push(SocketAddr::new(Ipv6Addr::LOCALHOST.into(), 0));
        }
        let (parts, endpoint) = match self.tls {
            Some((authority, mode)) => {
                let parts = TlsParts { authority, certificate: self.certificate, mutual: false };
                let endpoint = Endpoint::tls(&parts, mode);
                (Some(parts), endpoint)
            }
            None => (None, Endpoint::plain(TlsMode::Normal)),
        };
        let handler: Arc<dyn Handler> = Arc::clone(&scripts) as Arc<dyn Handler>;
        let times = Times { keep_alive: self.keep_alive, head_limit: self.head_limit };
        let server =
            Server::start(&addresses, handler, Arc::new(Activity::new()), endpoint, times)?;
        Ok(WebTarget { server, scripts, parts })
    }
}

struct Scripts {
    paths: Mutex<HashMap<String, WebScript>>,
}

impl Scripts {
    fn paths(&self) -> std::sync::MutexGuard<'_, HashMap<String, WebScript>> {
        self.paths.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Handler for Scripts {
    fn answer(&self, request: &RecordedRequest, mode: TlsMode) -> Vec<Step> {
        if mode == TlsMode::AuthzIpDenied {
            return vec![Step::Send(response(403, &[], b""))];
        }
        let script = {
            let mut paths = self.paths();
            let key = if paths.contains_key(&request.target) {
                request.target.as_str()
            } else {
                request.path()
            };
            paths.get_mut(key).map(WebScript::advance)
        };
        match script {
            Some(script) => script.steps(&request.target, request.header("authorization")),
            None => vec![Step::Send(response(404, &[], b""))],
        }
    }
}
