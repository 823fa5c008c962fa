//! A link to one agent, over HTTP/1.1 on mutual TLS (H17).

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{
    Client, Request, Response, StatusCode,
    header::{ACCEPT_ENCODING, HeaderValue, RETRY_AFTER},
};
use tokio::{
    sync::OnceCell,
    time::{Instant, sleep, timeout_at},
};

use super::reply::{self, BODY_CAP};
use crate::{
    checks::{
        agent::{AgentError, AgentLink, ServiceStatus},
        progress::{Phase, Progress},
        race::{self, NoAnswer},
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

/// A link with its own client, so that no other host shares its connection.
pub(super) struct MutualTlsLink {
    client: Client,
    base: String,
    endpoint: AgentEndpoint,
    resolver: Arc<dyn Resolve>,
    addresses: OnceCell<Vec<SocketAddr>>,
    progress: Progress,
}

impl MutualTlsLink {
    pub(super) fn new(
        endpoint: &AgentEndpoint,
        config: rustls::ClientConfig,
        resolver: Arc<dyn Resolve>,
        user_agent: &str,
    ) -> Result<Self, AgentError> {
        let client = tls::client(config, user_agent)
            .pool_max_idle_per_host(1)
            .https_only(true)
            .build()
            .map_err(|error| {
                AgentError::new(ReasonCode::Internal, "no client can be made").with_source(error)
            })?;
        let host = match endpoint.address() {
            address if address.contains(':') => format!("[{address}]"),
            address => address.to_owned(),
        };
        let base = format!("https://{host}:{}/api/v1/system/services/", endpoint.port());
        Ok(Self {
            client,
            base,
            endpoint: endpoint.clone(),
            resolver,
            addresses: OnceCell::new(),
            progress: Progress::default(),
        })
    }

    async fn ask(
        &self,
        name: &ServiceName,
        deadline: Instant,
    ) -> Result<ServiceStatus, AgentError> {
        let url = format!("{}{}", self.base, utf8_percent_encode(name, SEGMENT));
        let response = self.get(&url).await?;
        let status = response.status();
        let pause = retry_after(status, response.headers().get(RETRY_AFTER));
        let body = self.body(response).await?;
        match pause.filter(|pause| fits(*pause, deadline)) {
            Some(pause) => {
                sleep(pause).await;
                let response = self.get(&url).await?;
                let status = response.status();
                reply::read(status, &self.body(response).await?)
            }
            None => reply::read(status, &body),
        }
    }

    async fn get(&self, url: &str) -> Result<Response, AgentError> {
        let addresses = self.addresses.get_or_try_init(|| self.resolve()).await?;
        let request = self
            .client
            .get(url)
            .header(ACCEPT_ENCODING, HeaderValue::from_static("identity"))
            .build()
            .map_err(|error| {
                AgentError::new(ReasonCode::Internal, "no request can be made").with_source(error)
            })?;
        let answer = match self.send(&request, addresses).await {
            // An agent may close a kept connection at any time, even while a request is in flight. The
            // retry then opens a new connection (H14).
            Err(failure) if failure.over_kept_connection => self.send(&request, addresses).await,
            answer => answer,
        };
        answer.map_err(|failure| {
            let (reason, words) = tls::classify(&*failure.error);
            AgentError::new(reason, words).with_source(failure.error)
        })
    }

    async fn send(
        &self,
        request: &Request,
        addresses: &[SocketAddr],
    ) -> Result<Response, NoAnswer> {
        // A kept connection enters none of the earlier phases.
        self.progress.enter(Phase::AwaitingHead);
        race::send(&self.client, request, addresses, &self.progress).await
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

    async fn body(&self, mut response: Response) -> Result<Vec<u8>, AgentError> {
        self.progress.enter(Phase::ReadingBody);
        let mut body = Vec::new();
        loop {
            let chunk = response.chunk().await.map_err(|error| {
                let words = "the agent's answer is incomplete";
                AgentError::new(ReasonCode::BodyTruncated, words).with_source(error)
            })?;
            let Some(chunk) = chunk else { return Ok(body) };
            if body.len() + chunk.len() > BODY_CAP {
                let words = "the agent's answer is over 64 KiB";
                return Err(AgentError::new(ReasonCode::AgentBadReply, words));
            }
            body.extend_from_slice(&chunk);
        }
    }
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
        formatter.debug_struct("MutualTlsLink").field("base", &self.base).finish_non_exhaustive()
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
