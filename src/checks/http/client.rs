//! The client of HTTP checks.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use reqwest::{
    Client, Request, Response, StatusCode,
    header::{ACCEPT_ENCODING, CONNECTION, CONTENT_ENCODING, HeaderValue, LOCATION},
};
use rustls::{ClientConfig, RootCertStore, version};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use thiserror::Error;
use tokio::time::{Instant, timeout_at};
use tracing::warn;
use url::{Host, Url};

use super::{
    body::{BodySearch, Searched},
    destination::DestinationPolicy,
    inspect::Inspection,
    redirect::{self, MAXIMUM_REDIRECTS, Redirect},
};
use crate::{
    checks::{
        pinned::PinnedOrIssued,
        progress::{Phase, Progress},
        race,
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
/// It has one client for strict checks and one for checks that ignore certificate errors. The two share
/// nothing (H5, F105).
#[derive(Clone, Debug)]
pub struct HttpClient {
    strict: Client,
    tolerant: Client,
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
}

/// The outcome of a check, and a sentence for people.
pub(in crate::checks) type Outcome = (ReasonCode, String);

impl HttpClient {
    /// Creates the client. Loads the system's authorities, which takes some milliseconds.
    ///
    /// # Errors
    /// Fails if the extra authorities cannot be read or TLS cannot be set up.
    pub fn new(mut config: HttpClientConfig) -> Result<Self, HttpClientError> {
        let tls_failed = |error: rustls::Error| HttpClientError::Tls(error.into());
        let client_failed = |error: reqwest::Error| HttpClientError::Tls(error.into());
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
        let client = |tls_config| {
            tls::client(tls::common(tls_config), &config.user_agent)
                // A dead listener must be detected, so no connection is kept (H7).
                .pool_max_idle_per_host(0)
                // Allows folded header lines, as clients may (RFC 9112, 5.1 and 5.2). Each connection
                // carries one answer, so nothing can be hidden between two answers.
                .http1_allow_obsolete_multiline_headers_in_responses(true)
                .http1_allow_spaces_after_header_name_in_responses(true)
                .http1_ignore_invalid_headers_in_responses(true)
                .build()
                .map_err(client_failed)
        };
        let (strict, tolerant) = (client(strict)?, client(tolerant)?);
        Ok(Self { strict, tolerant, config: Arc::new(config) })
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
            let response = self.send(&url).await?;
            let location = response.headers().get(LOCATION);
            let Some(location) = location.filter(|_| is_redirect(response.status())) else {
                if let Some(inspection) = &self.inspection {
                    inspection.landed(self.probe.url.as_url(), &url);
                }
                return self.judge(response).await;
            };
            match redirect::judge(&url, location.as_bytes(), self.probe.user.is_some()) {
                Redirect::Follow(target) => url = target,
                Redirect::Refused(words) => return Err((ReasonCode::RedirectRefused, words)),
            }
        }
        let words = format!("more than {MAXIMUM_REDIRECTS} redirects");
        Err((ReasonCode::RedirectRefused, words))
    }

    async fn send(&self, url: &Url) -> Result<Response, Outcome> {
        let addresses = self.addresses(url).await?;
        self.progress.enter(Phase::Connecting);
        let client = match self.trust {
            Trust::Strict => &self.client.strict,
            Trust::Tolerant => &self.client.tolerant,
        };
        let request = self.request(client, url)?;
        let sent = race::send(client, &request, &addresses, &self.progress).await;
        let response = sent.map_err(|failure| {
            self.refused.store(tls::is_refused(&*failure.error), Ordering::Relaxed);
            tls::classify(&*failure.error)
        })?;
        // A safeguard: only allowed addresses are connected to (H4).
        if response.remote_addr().is_some_and(|peer| !addresses.contains(&peer)) {
            return Err(refused_destination());
        }
        Ok(response)
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

    fn request(&self, client: &Client, url: &Url) -> Result<Request, Outcome> {
        let mut request = client
            .get(url.clone())
            .header(ACCEPT_ENCODING, HeaderValue::from_static("identity"))
            .header(CONNECTION, HeaderValue::from_static("close"));
        if let Some(user) = &self.probe.user {
            // The client marks the header as sensitive. Every hop has the stored origin.
            request = request.basic_auth(&**user, Some(self.password.map_or("", Password::expose)));
        }
        request.build().map_err(|_| {
            (ReasonCode::Internal, "the request cannot be built from this definition".to_owned())
        })
    }

    async fn judge(&self, mut response: Response) -> Result<Outcome, Outcome> {
        let status = response.status();
        if !status.is_success() {
            return Err((ReasonCode::Status, format!("HTTP {}", status.as_u16())));
        }
        let answered = format!("HTTP {}", status.as_u16());
        let expected = self.probe.expected_body.as_bytes();
        if expected.is_empty() {
            return Ok((ReasonCode::Ok, answered));
        }
        if !response.headers().get_all(CONTENT_ENCODING).iter().all(is_identity) {
            let words = format!("{answered}, but the body came in an encoding");
            return Err((ReasonCode::EncodingRefused, words));
        }
        self.progress.enter(Phase::ReadingBody);
        let cap = self.client.config.body_cap;
        let mut search = BodySearch::new(expected, cap);
        // Kept for a test only.
        let mut read = Vec::new();
        let outcome = loop {
            let chunk = match response.chunk().await {
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
                        inspection.read_on(&mut response, &mut read, cap).await;
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
            inspection.body(response.headers(), &self.probe.expected_body, &read);
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
