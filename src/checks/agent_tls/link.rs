//! A link to one agent, over HTTP/1.1 on mutual TLS (H17).

use std::{
    error::Error,
    fmt,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use hyper::{
    StatusCode, Uri,
    header::{HeaderValue, RETRY_AFTER},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::{
    sync::OnceCell,
    time::{Instant, sleep, timeout_at},
};
use tokio_rustls::TlsConnector;
use url::{Position, Url};

use super::reply::{self, BODY_CAP};
use crate::{
    checks::{
        agent::{AgentError, AgentLink, ServiceStatus},
        connect::{Protection, connect},
        connection::{self, Answer, Connection, Syntax},
        progress::{Phase, Progress},
        resolve::{self, Resolve},
        tls,
    },
    model::{AgentEndpoint, ReasonCode, ServiceName},
};

/// Every character of a unit's name except letters, digits and these is escaped, so that any name stays one
/// segment of the path (F113).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The additional time that a retry after a rate limit needs beyond the agent's pause.
const RETRY_MARGIN: Duration = Duration::from_millis(200);

/// A link that keeps its connection between requests. No other host shares it.
pub(super) struct MutualTlsLink {
    protection: Protection,
    host: HeaderValue,
    user_agent: HeaderValue,
    endpoint: AgentEndpoint,
    resolver: Arc<dyn Resolve>,
    addresses: OnceCell<Vec<SocketAddr>>,
    kept: Mutex<Option<Connection>>,
    progress: Progress,
}

impl MutualTlsLink {
    pub(super) fn new(
        endpoint: &AgentEndpoint,
        config: rustls::ClientConfig,
        resolver: Arc<dyn Resolve>,
        user_agent: HeaderValue,
    ) -> Result<Self, AgentError> {
        let no_link = |error: Box<dyn Error + Send + Sync>| {
            let words = "no request can be made for this address";
            AgentError::new(ReasonCode::Internal, words).with_source(error)
        };
        let host = match endpoint.address() {
            address if address.contains(':') => format!("[{address}]"),
            address => address.to_owned(),
        };
        let url = Url::parse(&format!("https://{host}:{}/", endpoint.port()))
            .map_err(|error| no_link(error.into()))?;
        let host = HeaderValue::from_str(&url[Position::BeforeHost..Position::AfterPort])
            .map_err(|error| no_link(error.into()))?;
        let name = tls::server_name(&url).ok_or_else(|| no_link("no name for TLS".into()))?;
        Ok(Self {
            protection: Protection::Tls(TlsConnector::from(Arc::new(config)), name),
            host,
            user_agent,
            endpoint: endpoint.clone(),
            resolver,
            addresses: OnceCell::new(),
            kept: Mutex::default(),
            progress: Progress::default(),
        })
    }

    async fn ask(
        &self,
        name: &ServiceName,
        deadline: Instant,
    ) -> Result<ServiceStatus, AgentError> {
        let path = format!("/api/v1/system/services/{}", utf8_percent_encode(name, SEGMENT));
        let path = Uri::try_from(path).map_err(|error| {
            AgentError::new(ReasonCode::Internal, "no request can be made").with_source(error)
        })?;
        let answer = self.get(&path).await?;
        let status = answer.status;
        let pause = retry_after(status, answer.headers.get(RETRY_AFTER));
        let body = self.body(answer).await?;
        match pause.filter(|pause| fits(*pause, deadline)) {
            Some(pause) => {
                sleep(pause).await;
                let answer = self.get(&path).await?;
                let status = answer.status;
                reply::read(status, &self.body(answer).await?)
            }
            None => reply::read(status, &body),
        }
    }

    async fn get(&self, path: &Uri) -> Result<Answer, AgentError> {
        let request = || connection::get(path.clone(), self.host.clone(), &self.user_agent);
        if let Some(connection) = self.take_kept().await {
            // A kept connection enters none of the earlier phases.
            self.progress.enter(Phase::AwaitingHead);
            // An agent may close a kept connection at any time, even while a request is in flight. The
            // retry then opens a new connection (H14).
            if let Ok(answer) = connection.send(request()).await {
                return Ok(answer);
            }
        }
        let addresses = self.addresses.get_or_try_init(|| self.resolve()).await?;
        let stream =
            connect(addresses, &self.protection, &self.progress).await.map_err(no_answer)?;
        let connection = Connection::over(stream, Syntax::Strict).await.map_err(no_answer)?;
        connection.send(request()).await.map_err(no_answer)
    }

    /// Takes the kept connection, if the agent has not closed it.
    async fn take_kept(&self) -> Option<Connection> {
        let mut connection = self.lock().take()?;
        connection.is_usable().await.then_some(connection)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Connection>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Resolves the agent's name, once for all requests of the link.
    async fn resolve(&self) -> Result<Vec<SocketAddr>, AgentError> {
        let (name, port) = (self.endpoint.address(), self.endpoint.port());
        if let Ok(address) = name.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        self.progress.enter(Phase::Resolving);
        let addresses = resolve::addresses(&*self.resolver, name)
            .await
            .map_err(|(reason, words)| AgentError::new(reason, words))?;
        Ok(addresses.into_iter().map(|address| SocketAddr::new(address, port)).collect())
    }

    /// Reads the body, and keeps the connection for the next request.
    async fn body(&self, mut answer: Answer) -> Result<Vec<u8>, AgentError> {
        self.progress.enter(Phase::ReadingBody);
        let mut body = Vec::new();
        loop {
            let chunk = answer.chunk().await.map_err(|error| {
                let words = "the agent's answer is incomplete";
                AgentError::new(ReasonCode::BodyTruncated, words).with_source(error)
            })?;
            let Some(chunk) = chunk else { break };
            if body.len() + chunk.len() > BODY_CAP {
                let words = "the agent's answer is over 64 KiB";
                return Err(AgentError::new(ReasonCode::AgentBadReply, words));
            }
            body.extend_from_slice(&chunk);
        }
        *self.lock() = Some(answer.into_connection());
        Ok(body)
    }
}

fn no_answer(error: impl Error + Send + Sync + 'static) -> AgentError {
    let (reason, words) = tls::classify(&error);
    AgentError::new(reason, words).with_source(error)
}

/// Returns whether there is time for a retry after the agent's pause, however long it is (F149).
fn fits(pause: Duration, deadline: Instant) -> bool {
    let needed = pause.checked_add(RETRY_MARGIN);
    needed.is_some_and(|needed| needed < deadline.saturating_duration_since(Instant::now()))
}

/// Returns the pause that a rate-limiting agent asks for, in whole seconds.
pub(crate) fn retry_after(status: StatusCode, header: Option<&HeaderValue>) -> Option<Duration> {
    if status != StatusCode::TOO_MANY_REQUESTS {
        return None;
    }
    let digits = header?.to_str().ok()?.trim();
    // The parser of numbers would accept a sign as well.
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().map(Duration::from_secs)
}

#[async_trait]
impl AgentLink for MutualTlsLink {
    async fn service(
        &self,
        name: &ServiceName,
        time: Duration,
    ) -> Result<ServiceStatus, AgentError> {
        let deadline = Instant::now() + time;
        match timeout_at(deadline, self.ask(name, deadline)).await {
            Ok(answer) => answer,
            Err(_) => {
                let (reason, words) = self.progress.timeout();
                Err(AgentError::new(reason, words))
            }
        }
    }
}

impl fmt::Debug for MutualTlsLink {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("MutualTlsLink")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 5_000, failure_persistence: None, ..ProptestConfig::default() })]

        /// F149: any pause that an agent asks for either fits or is ignored.
        #[test]
        fn f149_no_pause_that_an_agent_asks_for_makes_a_run_panic(
            header in prop_oneof![
                any::<u64>().prop_map(|seconds| seconds.to_string()),
                (0_u64..20).prop_map(|seconds| seconds.to_string()),
                (0_u64..20).prop_map(|less| (u64::MAX - less).to_string()),
                "[ -~]{0,30}",
            ],
            left in 0_u64..100_000,
        ) {
            let value = HeaderValue::from_str(&header).ok();
            let pause = retry_after(StatusCode::TOO_MANY_REQUESTS, value.as_ref());
            let deadline = Instant::now() + Duration::from_millis(left);
            if let Some(pause) = pause {
                prop_assert!(!fits(pause, deadline) || pause <= Duration::from_millis(left));
            }
            prop_assert_eq!(retry_after(StatusCode::OK, value.as_ref()), None);
        }
    }
}
