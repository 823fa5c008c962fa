//! A link to one agent, over HTTP/1.1 on mutual TLS (H17).

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{
    Client, Response, StatusCode,
    dns::{Addrs, Name, Resolve as ClientResolve, Resolving},
    header::{ACCEPT_ENCODING, HeaderValue, RETRY_AFTER},
};
use tokio::time::{Instant, sleep, timeout_at};

use super::reply::{self, BODY_CAP};
use crate::{
    checks::{
        agent::{AgentError, AgentLink, ServiceStatus},
        phase_layer::PhaseLayer,
        progress::{Phase, Progress},
        resolve::Resolve,
        tls,
    },
    model::{AgentEndpoint, ReasonCode, ServiceName},
};

/// Everything in a unit's name but letters, digits and these is escaped: it stays one segment of the
/// path, whatever it holds (F113).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What a second try after a limited rate needs beyond the pause that the agent asks for.
const RETRY_MARGIN: Duration = Duration::from_millis(200);

/// A link: a client of its own, so that its one connection is shared with no other host.
pub(super) struct MutualTlsLink {
    client: Client,
    base: String,
    progress: Progress,
}

impl MutualTlsLink {
    pub(super) fn new(
        endpoint: &AgentEndpoint,
        config: rustls::ClientConfig,
        resolver: Arc<dyn Resolve>,
        user_agent: &str,
    ) -> Result<Self, AgentError> {
        let progress = Progress::default();
        let client = tls::client(config, user_agent)
            .pool_max_idle_per_host(1)
            .dns_resolver(Arc::new(LinkResolver { resolver, progress: progress.clone() }))
            .connector_layer(PhaseLayer({
                let progress = progress.clone();
                move |phase| progress.enter(phase)
            }))
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
        Ok(Self { client, base, progress })
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
        // A connection that is open already enters none of the phases before this one.
        self.progress.enter(Phase::AwaitingHead);
        let request =
            self.client.get(url).header(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        request.send().await.map_err(|error| {
            let (reason, words) = match self.progress.phase() {
                Phase::Resolving => (ReasonCode::Dns, "the agent's name has no address".to_owned()),
                _ => tls::classify(&error),
            };
            AgentError::new(reason, words).with_source(error)
        })
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>, AgentError> {
        self.progress.enter(Phase::ReadingBody);
        let mut body = Vec::new();
        loop {
            let chunk = response.chunk().await.map_err(|error| {
                let words = "the agent's answer broke off";
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

/// Whether there is time for a second try after a pause that the agent chose, however long it is
/// (F149).
fn fits(pause: Duration, deadline: Instant) -> bool {
    let needed = pause.checked_add(RETRY_MARGIN);
    needed.is_some_and(|needed| needed < deadline.saturating_duration_since(Instant::now()))
}

/// How long an agent that limits the rate asks to wait, in whole seconds.
fn retry_after(status: StatusCode, header: Option<&HeaderValue>) -> Option<Duration> {
    if status != StatusCode::TOO_MANY_REQUESTS {
        return None;
    }
    header?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
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

/// Resolves the agent's name by the configured resolver.
struct LinkResolver {
    resolver: Arc<dyn Resolve>,
    progress: Progress,
}

impl ClientResolve for LinkResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (resolver, progress) = (Arc::clone(&self.resolver), self.progress.clone());
        Box::pin(async move {
            progress.enter(Phase::Resolving);
            let addresses = resolver.resolve(name.as_str()).await?;
            if addresses.is_empty() {
                return Err("the name has no address".into());
            }
            progress.enter(Phase::Connecting);
            let addresses = addresses.into_iter().map(|address| SocketAddr::new(address, 0));
            let addresses: Addrs = Box::new(addresses);
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 5_000, failure_persistence: None, ..ProptestConfig::default() })]

        /// F149: whatever an agent says of how long to wait, it is a pause that fits or none.
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
