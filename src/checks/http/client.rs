//! The client of HTTP checks.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hyper::{
    StatusCode, Uri,
    header::{AUTHORIZATION, CONNECTION, CONTENT_ENCODING, HeaderValue, LOCATION},
};
use rustls::{ClientConfig, RootCertStore, version};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use thiserror::Error;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tracing::warn;
use url::{Host, Position, Url};
use zeroize::Zeroizing;

use super::{
    body::{BodySearch, Searched},
    destination::DestinationPolicy,
    inspect::Inspection,
    redirect::{self, MAXIMUM_REDIRECTS, Redirect},
};
use crate::{
    checks::{
        connect::{Protection, connect},
        connection::{self, Answer, Connection, Get, Syntax},
        pinned::PinnedOrIssued,
        progress::{Phase, Progress},
        resolve::{self, Resolve, SystemResolver},
        tls,
    },
    model::{HttpProbe, Password, ReasonCode},
};

/// The configuration of [`HttpClient`].
#[derive(Clone, Debug)]
pub struct HttpClientConfig {
    /// The policy on addresses.
    pub destinations: DestinationPolicy,
    /// PEM certificates of authorities that strict checks trust in addition to the system's.
    pub extra_authorities: Option<Vec<u8>>,
    /// The maximum number of body bytes to read, at most [`HttpClientConfig::MAXIMUM_BODY`].
    pub body_cap: usize,
    /// The `User-Agent` of requests.
    pub user_agent: String,
    /// Resolves host names.
    pub resolver: Arc<dyn Resolve>,
}

impl HttpClientConfig {
    /// The largest cap on a body: 1 MiB.
    pub const MAXIMUM_BODY: usize = 1024 * 1024;
}

impl Default for HttpClientConfig {
    fn default() -> Self {
        Self {
            destinations: DestinationPolicy::default(),
            extra_authorities: None,
            body_cap: 256 * 1024,
            user_agent: concat!("healthgate/", env!("CARGO_PKG_VERSION")).to_owned(),
            resolver: Arc::new(SystemResolver),
        }
    }
}

/// Runs HTTP checks. Build it once and share it.
///
/// It has one TLS configuration for strict checks and one for checks that ignore certificate errors. The two
/// share nothing (H5, F105).
#[derive(Clone)]
pub struct HttpClient {
    strict: TlsConnector,
    tolerant: TlsConnector,
    user_agent: HeaderValue,
    config: Arc<HttpClientConfig>,
}

/// The error of a client that cannot be built.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HttpClientError {
    /// The extra authorities are not PEM certificates.
    #[error("the extra authorities are not certificates in PEM form")]
    Authorities(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The `User-Agent` is not the value of a header.
    #[error("the user agent contains characters that a header cannot hold")]
    UserAgent(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The outcome of a check, and a sentence for people.
pub(in crate::checks) type Outcome = (ReasonCode, String);

impl fmt::Debug for HttpClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("HttpClient").field("config", &self.config).finish_non_exhaustive()
    }
}

impl HttpClient {
    /// Creates the client. Loads the system's authorities, which takes some milliseconds.
    ///
    /// # Errors
    /// Fails if the extra authorities cannot be read, TLS cannot be set up, or the user agent is not the value
    /// of a header.
    pub fn new(mut config: HttpClientConfig) -> Result<Self, HttpClientError> {
        let tls_failed = |error: rustls::Error| HttpClientError::Tls(error.into());
        config.body_cap = config.body_cap.clamp(1, HttpClientConfig::MAXIMUM_BODY);
        let provider = tls::provider();
        let builder = || {
            ClientConfig::builder_with_provider(tls::provider())
                .with_protocol_versions(&[&version::TLS13, &version::TLS12])
        };
        let (roots, pinned) = authorities(config.extra_authorities.as_deref())?;
        let strict = builder().map_err(tls_failed)?;
        let strict = if roots.is_empty() {
            // Without a root, every certificate is refused.
            strict.with_root_certificates(roots)
        } else {
            let inner = tls::verifier(roots, Vec::new(), tls::provider())
                .map_err(|error| HttpClientError::Tls(error.into()))?;
            let verifier = Arc::new(PinnedOrIssued { inner, pinned });
            strict.dangerous().with_custom_certificate_verifier(verifier)
        };
        let strict = strict.with_no_client_auth();
        let tolerant = builder()
            .map_err(tls_failed)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(tls::AnyCertificate(provider)))
            .with_no_client_auth();
        let user_agent = HeaderValue::from_str(&config.user_agent)
            .map_err(|error| HttpClientError::UserAgent(error.into()))?;
        let [strict, tolerant] =
            [strict, tolerant].map(|config| TlsConnector::from(Arc::new(tls::common(config))));
        Ok(Self { strict, tolerant, user_agent, config: Arc::new(config) })
    }

    /// Runs a check once. `timeout` covers everything up to the last byte, including redirects. A test
    /// describes the answer in more detail, with the same outcome.
    pub(in crate::checks) async fn run(
        &self,
        probe: &HttpProbe,
        trust: Trust,
        password: Option<&Password>,
        timeout: Duration,
        purpose: Purpose,
    ) -> HttpOutcome {
        let progress = Progress::default();
        let deadline = Instant::now() + timeout;
        let inspection = match purpose {
            Purpose::Check => None,
            Purpose::Test => Some(Inspection::new(deadline)),
        };
        let run = Run {
            client: self,
            probe,
            trust,
            password,
            progress: progress.clone(),
            inspection,
            refused: AtomicBool::new(false),
        };
        let (reason, mut words) = match timeout_at(deadline, run.follow()).await {
            Ok(Ok(outcome) | Err(outcome)) => outcome,
            Err(_) => {
                let (reason, words) = progress.timeout();
                (reason, words.to_owned())
            }
        };
        if let Some(inspection) = &run.inspection {
            inspection.complete(&mut words);
        }
        HttpOutcome { reason, words, refused: run.refused.into_inner() }
    }
}

/// How certificates are verified.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::checks) enum Trust {
    /// They must be valid and issued by a known authority.
    Strict,
    /// Any certificate is accepted.
    Tolerant,
}

/// The outcome of a check.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::checks) struct HttpOutcome {
    pub(in crate::checks) reason: ReasonCode,
    pub(in crate::checks) words: String,
    /// Whether the target refused the connection.
    pub(in crate::checks) refused: bool,
}

/// The purpose of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::checks) enum Purpose {
    /// The check's regular result.
    Check,
    /// A person tests a definition.
    Test,
}

/// Loads the system's authorities and the extra ones. Also returns the extra ones alone.
fn authorities(
    extra: Option<&[u8]>,
) -> Result<(RootCertStore, Vec<CertificateDer<'static>>), HttpClientError> {
    let mut pinned = Vec::new();
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    for error in native.errors {
        warn!(%error, "some of the system's authorities cannot be read");
    }
    roots.add_parsable_certificates(native.certs);
    for certificate in CertificateDer::pem_slice_iter(extra.unwrap_or_default()) {
        let certificate =
            certificate.map_err(|error| HttpClientError::Authorities(error.into()))?;
        roots
            .add(certificate.clone())
            .map_err(|error| HttpClientError::Authorities(error.into()))?;
        pinned.push(certificate);
    }
    if roots.is_empty() {
        warn!("no authority is known: every strict https check will fail");
    }
    Ok((roots, pinned))
}

/// One run of a check.
struct Run<'a> {
    client: &'a HttpClient,
    probe: &'a HttpProbe,
    trust: Trust,
    password: Option<&'a Password>,
    progress: Progress,
    inspection: Option<Inspection>,
    /// Whether the target refused the connection.
    refused: AtomicBool,
}

impl Run<'_> {
    /// Follows the allowed redirects and judges the last answer. `Err` is the outcome of a run without an
    /// answer.
    async fn follow(&self) -> Result<Outcome, Outcome> {
        let mut url = self.probe.url.as_url().clone();
        for _ in 0..=MAXIMUM_REDIRECTS {
            let answer = self.send(&url).await?;
            let location = answer.headers.get(LOCATION);
            let Some(location) = location.filter(|_| is_redirect(answer.status)) else {
                if let Some(inspection) = &self.inspection {
                    inspection.landed(self.probe.url.as_url(), &url);
                }
                return self.judge(answer).await;
            };
            match redirect::judge(&url, location.as_bytes(), self.probe.user.is_some()) {
                Redirect::Follow(target) => url = target,
                Redirect::Refused(words) => return Err((ReasonCode::RedirectRefused, words)),
            }
        }
        let words = format!("more than {MAXIMUM_REDIRECTS} redirects");
        Err((ReasonCode::RedirectRefused, words))
    }

    /// Sends the request over a connection of its own: a kept one would hide a dead listener (H7).
    async fn send(&self, url: &Url) -> Result<Answer, Outcome> {
        let addresses = self.addresses(url).await?;
        let request = self.request(url)?;
        let protection = self.protection(url)?;
        let stream = connect(&addresses, &protection, &self.progress).await;
        let stream = stream.map_err(|error| self.failed(&error))?;
        let connection = Connection::over(stream, Syntax::Lenient).await;
        let connection = connection.map_err(|error| self.failed(&error))?;
        connection.send(request).await.map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &(dyn std::error::Error + 'static)) -> Outcome {
        self.refused.store(tls::is_refused(error), Ordering::Relaxed);
        tls::classify(error)
    }

    fn protection(&self, url: &Url) -> Result<Protection, Outcome> {
        if url.scheme() != "https" {
            return Ok(Protection::Plain);
        }
        let connector = match self.trust {
            Trust::Strict => &self.client.strict,
            Trust::Tolerant => &self.client.tolerant,
        };
        let name = tls::server_name(url).ok_or_else(|| {
            let words = "no certificate can be for the host of this URL";
            (ReasonCode::TlsName, words.to_owned())
        })?;
        Ok(Protection::Tls(connector.clone(), name))
    }

    /// Resolves a URL's host once and returns the addresses that the policy allows.
    async fn addresses(&self, url: &Url) -> Result<Vec<SocketAddr>, Outcome> {
        self.progress.enter(Phase::Resolving);
        let config = &self.client.config;
        let port = url.port_or_known_default().unwrap_or(0);
        let addresses = match url.host() {
            Some(Host::Ipv4(address)) => vec![IpAddr::V4(address)],
            Some(Host::Ipv6(address)) => vec![IpAddr::V6(address)],
            Some(Host::Domain(name)) => resolve::addresses(&*config.resolver, name).await?,
            None => return Err((ReasonCode::Internal, "the URL has no host".to_owned())),
        };
        let allowed: Vec<SocketAddr> = addresses
            .into_iter()
            .filter(|address| config.destinations.judge(*address, port).is_ok())
            .map(|address| SocketAddr::new(address, port))
            .collect();
        if allowed.is_empty() { Err(refused_destination()) } else { Ok(allowed) }
    }

    fn request(&self, url: &Url) -> Result<Get, Outcome> {
        let unusable = || {
            (ReasonCode::Internal, "the request cannot be built from this definition".to_owned())
        };
        let path = Uri::try_from(&url[Position::BeforePath..Position::AfterQuery])
            .map_err(|_| unusable())?;
        let host = HeaderValue::from_str(&url[Position::BeforeHost..Position::AfterPort])
            .map_err(|_| unusable())?;
        let mut request = connection::get(path, host, &self.client.user_agent);
        let headers = request.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        if let Some(user) = &self.probe.user {
            // Every hop has the stored origin (H13).
            let password = self.password.map_or("", Password::expose);
            let pair = Zeroizing::new(format!("{}:{password}", &**user));
            let value = Zeroizing::new(format!("Basic {}", STANDARD.encode(&*pair)));
            let mut value = HeaderValue::from_str(&value).map_err(|_| unusable())?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        Ok(request)
    }

    async fn judge(&self, mut answer: Answer) -> Result<Outcome, Outcome> {
        let status = answer.status;
        if !status.is_success() {
            return Err((ReasonCode::Status, format!("HTTP {}", status.as_u16())));
        }
        let answered = format!("HTTP {}", status.as_u16());
        let expected = self.probe.expected_body.as_bytes();
        if expected.is_empty() {
            return Ok((ReasonCode::Ok, answered));
        }
        if !answer.headers.get_all(CONTENT_ENCODING).iter().all(is_identity) {
            let words = format!("{answered}, but the body came in an encoding");
            return Err((ReasonCode::EncodingRefused, words));
        }
        self.progress.enter(Phase::ReadingBody);
        let cap = self.client.config.body_cap;
        let mut search = BodySearch::new(expected, cap);
        // Kept for a test only.
        let mut read = Vec::new();
        let outcome = loop {
            let chunk = match answer.chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) if search.seen() == 0 => {
                    break (ReasonCode::BodyMissing, format!("{answered} without a body"));
                }
                Ok(None) => {
                    let words = format!("{answered}, the expected text is not in the body");
                    break (ReasonCode::BodyMismatch, words);
                }
                Err(_) => {
                    let words =
                        format!("{answered}, but the body broke off after {} bytes", search.seen());
                    break (ReasonCode::BodyTruncated, words);
                }
            };
            if self.inspection.is_some() {
                read.extend_from_slice(&chunk[..chunk.len().min(cap - read.len())]);
            }
            match search.push(&chunk) {
                Searched::Found => {
                    if let Some(inspection) = &self.inspection {
                        inspection.read_on(&mut answer, &mut read, cap).await;
                    }
                    break (ReasonCode::Ok, format!("{answered}, the expected text was found"));
                }
                Searched::NotYet => {}
                Searched::CapReached => {
                    let words =
                        format!("{answered}, the expected text is not in the first {cap} bytes");
                    break (ReasonCode::BodyTooLarge, words);
                }
            }
        };
        if let Some(inspection) = &self.inspection {
            inspection.body(&answer.headers, &self.probe.expected_body, &read);
        }
        Ok(outcome)
    }
}

/// Returns whether a `Content-Encoding` line contains only `identity`.
fn is_identity(line: &HeaderValue) -> bool {
    let mut encodings = line.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    encodings.all(|encoding| encoding.is_empty() || encoding.eq_ignore_ascii_case(b"identity"))
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

fn refused_destination() -> Outcome {
    (ReasonCode::DestinationRefused, "the policy refuses this destination".to_owned())
}
