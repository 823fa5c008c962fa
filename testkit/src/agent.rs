//! The agent: a listener with mutual TLS and one script per service.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::activity::{Activity, Counters, RecordedRequest};
use crate::agent_routes::AgentRoutes;
use crate::authority::{Authority, Identity, ServerCertSpec};
use crate::rate_limit::{Limiter, RateLimit};
use crate::script::ServiceScript;
use crate::server::{Handler, Server, Times};
use crate::tls_mode::{Endpoint, TlsMode, TlsParts};

/// The path of service requests. The name follows as one segment.
pub const SERVICE_PATH: &str = "/api/v1/system/services/";

/// A running agent. Dropping it closes its listener and all connections.
pub struct Agent {
    server: Server,
    scripts: Arc<AgentRoutes>,
    parts: TlsParts,
}

impl Agent {
    /// Creates a builder for an agent. `authority` issues its certificate and those of its clients.
    pub fn builder(authority: &Authority) -> AgentBuilder {
        AgentBuilder {
            authority: authority.clone(),
            address: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0),
            certificate: None,
            mode: TlsMode::Normal,
            keep_alive: Duration::from_secs(15),
            head_limit: Duration::from_secs(5),
            rate_limit: None,
            scripts: HashMap::new(),
            fallback: ServiceScript::Missing,
        }
    }

    /// Returns the address of the listener, which a restart does not change.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.server.addresses()[0]
    }

    /// Returns `https://ip:port`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("https://{}", self.addr())
    }

    /// Sets the script of one service, from the next request on. `service` is the name as the client sends
    /// it.
    pub fn set(&self, service: &str, script: ServiceScript) {
        self.scripts.services().insert(service.to_owned(), script);
    }

    /// Sets the script of every service without its own.
    pub fn set_default(&self, script: ServiceScript) {
        *self.scripts.fallback.lock().unwrap_or_else(PoisonError::into_inner) = script;
    }

    /// Sets the treatment of new connections. Open ones continue unchanged.
    pub fn set_tls(&self, mode: TlsMode) {
        self.server.shared.set_endpoint(Endpoint::tls(&self.parts, mode));
    }

    /// Switches the rate limiter on (with full buckets) or off.
    pub fn set_rate_limit(&self, limit: Option<RateLimit>) {
        *self.scripts.limiter.lock().unwrap_or_else(PoisonError::into_inner) =
            limit.map(Limiter::new);
    }

    /// Returns the current certificate, or `None` in [`TlsMode::PlainHttp`].
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

    /// Simulates a dead agent: closes the listener and all connections, and refuses connections until
    /// [`resume`](Self::resume). Returns when all tasks have ended.
    pub async fn pause(&self) {
        self.server.pause().await;
    }

    /// Listens again on the same port.
    ///
    /// # Errors
    /// Fails if the port cannot be bound, for example because [`stop`](Self::stop) released it and another
    /// process took it.
    pub fn resume(&self) -> io::Result<()> {
        self.server.resume()
    }

    /// Calls [`pause`](Self::pause) and [`resume`](Self::resume): all connections end, sessions and scripts
    /// stay.
    ///
    /// # Errors
    /// Fails like [`resume`](Self::resume).
    pub async fn restart(&self) -> io::Result<()> {
        self.pause().await;
        self.resume()
    }

    /// Closes the listener and all connections, waits for their tasks, and releases the port.
    pub async fn stop(&self) {
        self.server.stop().await;
    }
}

/// Builds an [`Agent`].
#[derive(Debug, Clone)]
#[must_use]
pub struct AgentBuilder {
    authority: Authority,
    address: SocketAddr,
    certificate: Option<ServerCertSpec>,
    mode: TlsMode,
    keep_alive: Duration,
    head_limit: Duration,
    rate_limit: Option<RateLimit>,
    scripts: HashMap<String, ServiceScript>,
    fallback: ServiceScript,
}

impl AgentBuilder {
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

    /// Sets the names and validity of the certificate (default: the listening IP only, valid).
    pub fn with_certificate(mut self, certificate: ServerCertSpec) -> Self {
        self.certificate = Some(certificate);
        self
    }

    /// Sets the behaviour before HTTP (default [`TlsMode::Normal`]).
    pub fn with_tls(mut self, mode: TlsMode) -> Self {
        self.mode = mode;
        self
    }

    /// Sets how long an idle connection is kept (default 15 s).
    pub fn with_keep_alive(mut self, keep_alive: Duration) -> Self {
        self.keep_alive = keep_alive;
        self
    }

    /// Sets the time limit of a request head from its first byte, after which the answer is 408 (default 5
    /// s).
    pub fn with_head_limit(mut self, head_limit: Duration) -> Self {
        self.head_limit = head_limit;
        self
    }

    /// Switches the rate limiter on (default off). [`RateLimit::default`] has the agent's own limits.
    pub fn with_rate_limit(mut self, limit: RateLimit) -> Self {
        self.rate_limit = Some(limit);
        self
    }

    /// Sets the script of one service.
    pub fn with_service(mut self, service: &str, script: ServiceScript) -> Self {
        self.scripts.insert(service.to_owned(), script);
        self
    }

    /// Sets the script of every service without its own (default [`ServiceScript::Missing`]).
    pub fn with_default_service(mut self, script: ServiceScript) -> Self {
        self.fallback = script;
        self
    }

    /// Binds the port and starts serving on the current runtime.
    ///
    /// # Errors
    /// Fails if the address cannot be bound.
    ///
    /// # Panics
    /// Panics outside a tokio runtime with I/O and time enabled.
    #[expect(
        clippy::unused_async,
        reason = "starting needs a runtime, which an async function makes plain"
    )]
    pub async fn start(self) -> io::Result<Agent> {
        let certificate = self
            .certificate
            .unwrap_or_else(|| ServerCertSpec::new("agent").with_ip(self.address.ip()));
        let parts = TlsParts { authority: self.authority, certificate, mutual: true };
        let activity = Arc::new(Activity::new());
        let scripts = Arc::new(AgentRoutes {
            services: Mutex::new(self.scripts),
            fallback: Mutex::new(self.fallback),
            limiter: Mutex::new(self.rate_limit.map(Limiter::new)),
            activity: Arc::clone(&activity),
        });
        let times = Times { keep_alive: self.keep_alive, head_limit: self.head_limit };
        let handler: Arc<dyn Handler> = Arc::clone(&scripts) as Arc<dyn Handler>;
        let server = Server::start(
            &[self.address],
            handler,
            activity,
            Endpoint::tls(&parts, self.mode),
            times,
        )?;
        Ok(Agent { server, scripts, parts })
    }
}
