//! Agents over mutual TLS, with the protocol of the existing agent.

mod link;
mod reply;

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use hyper::header::HeaderValue;
use rustls::{
    ClientConfig, RootCertStore, client::WebPkiServerVerifier, sign::CertifiedKey, version,
};
use rustls_pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer, ServerName, pem::PemObject,
};
use thiserror::Error;
use tracing::{error, info};

use self::link::MutualTlsLink;
#[cfg(feature = "testing")]
pub(crate) use self::{link::retry_after, reply::read as read_reply};
use super::{
    agent::{AgentError, AgentLink, AgentTransport},
    resolve::{Resolve, SystemResolver},
    tls,
};
use crate::model::{AgentEndpoint, ReasonCode};

/// Reaches agents over mutual TLS 1.3. It has no built-in authorities and tolerates no certificate error
/// (F107).
#[derive(Debug)]
pub struct MutualTlsAgents {
    credentials: Mutex<Credentials>,
    files: Option<Files>,
    resolver: Arc<dyn Resolve>,
    user_agent: HeaderValue,
}

/// All files that the credentials are read from.
#[derive(Debug)]
struct Files {
    certificates: CertificateFiles,
    revocations: Option<PathBuf>,
}

/// The PEM files of the manager's certificates.
#[derive(Clone, Debug)]
pub struct CertificateFiles {
    /// The authority that issues the agents' certificates.
    pub authority: PathBuf,
    /// The manager's certificate, followed by its chain.
    pub certificate: PathBuf,
    /// The manager's private key.
    pub key: PathBuf,
}

/// The minimum time between two checks for changed files.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Identifies the content of the files.
type Stamp = [Option<(SystemTime, u64)>; 4];

struct Credentials {
    verifier: Arc<WebPkiServerVerifier>,
    config: ClientConfig,
    stamp: Stamp,
    looked: Instant,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Credentials").finish_non_exhaustive()
    }
}

impl MutualTlsAgents {
    /// Creates a transport from PEM certificates.
    ///
    /// # Errors
    /// Fails if the certificates are unusable.
    pub fn from_pem(
        authority: &[u8],
        certificate: &[u8],
        key: &[u8],
    ) -> Result<Self, CertificateError> {
        Ok(Self::over(Credentials::new(authority, certificate, key, None, [None; 4])?, None))
    }

    /// Creates a transport from certificate files. Changed files are read again. If the new certificates
    /// are unusable, the old ones stay in use and a warning is logged.
    ///
    /// # Errors
    /// Fails if the files are unusable.
    pub fn from_files(files: CertificateFiles) -> Result<Self, CertificateError> {
        Self::of(Files { certificates: files, revocations: None })
    }

    /// Creates a transport from certificate files and a PEM file of revocation lists, which is also read
    /// again when it changes. The transport refuses an agent whose certificate is revoked or covered by no
    /// current list: the file must contain a list of each authority that issues agents' certificates.
    ///
    /// # Errors
    /// Fails if the files are unusable.
    pub fn from_files_with_revocations(
        files: CertificateFiles,
        revocations: PathBuf,
    ) -> Result<Self, CertificateError> {
        Self::of(Files { certificates: files, revocations: Some(revocations) })
    }

    fn of(files: Files) -> Result<Self, CertificateError> {
        Ok(Self::over(Credentials::load(&files)?, Some(files)))
    }

    fn over(credentials: Credentials, files: Option<Files>) -> Self {
        Self {
            credentials: Mutex::new(credentials),
            files,
            resolver: Arc::new(SystemResolver),
            user_agent: HeaderValue::from_static(concat!("healthgate/", env!("CARGO_PKG_VERSION"))),
        }
    }

    /// Sets the resolver for agents that are addressed by name.
    #[must_use]
    pub fn with_resolver(self, resolver: Arc<dyn Resolve>) -> Self {
        Self { resolver, ..self }
    }

    /// Returns the TLS configuration for one endpoint, from the current certificates.
    fn config(&self, endpoint: &AgentEndpoint) -> Result<ClientConfig, AgentError> {
        let identity =
            ServerName::try_from(endpoint.expected_identity().to_owned()).map_err(|error| {
                let words = "the agent's identity is neither a name nor an address";
                AgentError::new(ReasonCode::TlsName, words).with_source(error)
            })?;
        let mut credentials = self.lock();
        if let Some(files) = &self.files {
            credentials.refresh(files);
        }
        let mut config = credentials.config.clone();
        let inner = Arc::clone(&credentials.verifier);
        config
            .dangerous()
            .set_certificate_verifier(Arc::new(tls::ExpectedIdentity { inner, identity }));
        Ok(config)
    }

    fn lock(&self) -> MutexGuard<'_, Credentials> {
        // The credentials are only replaced as a whole, so a panic elsewhere cannot corrupt them.
        self.credentials.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AgentTransport for MutualTlsAgents {
    fn link(&self, endpoint: &AgentEndpoint) -> Result<Box<dyn AgentLink>, AgentError> {
        let config = self.config(endpoint)?;
        let resolver = Arc::clone(&self.resolver);
        Ok(Box::new(MutualTlsLink::new(endpoint, config, resolver, self.user_agent.clone())?))
    }
}

impl Credentials {
    fn load(files: &Files) -> Result<Self, CertificateError> {
        // Taken before reading, so that a change during the read is detected.
        let stamp = stamp(files);
        let Files { certificates: files, revocations } = files;
        let read = |path: &Path| {
            fs::read(path)
                .map_err(|source| CertificateError::Read { path: path.to_owned(), source })
        };
        let key = zeroize::Zeroizing::new(read(&files.key)?);
        let revocations = revocations.as_deref().map(read).transpose()?;
        let (authority, certificate) = (read(&files.authority)?, read(&files.certificate)?);
        Self::new(&authority, &certificate, &key, revocations.as_deref(), stamp)
    }

    fn new(
        authority: &[u8],
        certificate: &[u8],
        key: &[u8],
        revocations: Option<&[u8]>,
        stamp: Stamp,
    ) -> Result<Self, CertificateError> {
        let pem = |what| move |error| CertificateError::Pem { what, source: Box::new(error) };
        let tls = |what| move |error| CertificateError::Tls { what, source: Box::new(error) };
        let mut roots = RootCertStore::empty();
        for root in CertificateDer::pem_slice_iter(authority) {
            let root = root.map_err(pem("the agents' authority"))?;
            roots.add(root).map_err(tls("the agents' authority"))?;
        }
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(certificate)
            .collect::<Result<_, _>>()
            .map_err(pem("the manager's certificate"))?;
        if roots.is_empty() {
            return Err(CertificateError::Empty { what: "the agents' authority" });
        }
        if chain.is_empty() {
            return Err(CertificateError::Empty { what: "the manager's certificate" });
        }
        let lists: Vec<CertificateRevocationListDer<'static>> =
            CertificateRevocationListDer::pem_slice_iter(revocations.unwrap_or_default())
                .collect::<Result<_, _>>()
                .map_err(pem("the revocation lists"))?;
        if revocations.is_some() && lists.is_empty() {
            return Err(CertificateError::NoRevocationList);
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(pem("the manager's key"))?;
        let provider = tls::provider();
        // Detects a key that does not belong to the certificate before an agent does.
        let certified = CertifiedKey::from_der(chain, key, &provider)
            .map_err(tls("the manager's certificate and key"))?;
        certified.keys_match().map_err(tls("the manager's certificate and key"))?;
        let verifier = tls::verifier(roots, lists, Arc::clone(&provider))
            .map_err(|error| CertificateError::Verifier(Box::new(error)))?;
        let resolver = rustls::sign::SingleCertAndKey::from(certified);
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&version::TLS13])
            .map_err(tls("TLS 1.3"))?
            .with_webpki_verifier(Arc::clone(&verifier))
            .with_client_cert_resolver(Arc::new(resolver));
        Ok(Self { verifier, config: tls::common(config), stamp, looked: Instant::now() })
    }

    /// Reads the files again if they have changed.
    fn refresh(&mut self, files: &Files) {
        if self.looked.elapsed() < LOOK_EVERY {
            return;
        }
        self.looked = Instant::now();
        let now = stamp(files);
        if now == self.stamp {
            return;
        }
        match Self::load(files) {
            Ok(credentials) => {
                *self = credentials;
                info!("the certificates for agents have changed and are in use");
            }
            Err(error) => {
                // Logged once for each change.
                self.stamp = now;
                error!(%error, "the changed certificates for agents cannot be used: the old ones stay in use");
            }
        }
    }
}

fn stamp(files: &Files) -> Stamp {
    let Files { certificates: CertificateFiles { authority, certificate, key }, revocations } =
        files;
    [Some(authority), Some(certificate), Some(key), revocations.as_ref()].map(|path| {
        let metadata = fs::metadata(path?).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    })
}

/// The error of unusable manager certificates.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The content is not PEM.
    #[error("{what} cannot be read as PEM")]
    Pem {
        /// Which credential.
        what: &'static str,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file contains no certificate.
    #[error("there is no certificate in the file of {what}")]
    Empty {
        /// Which credential.
        what: &'static str,
    },
    /// The file of revocation lists contains none.
    #[error("there is no revocation list in the file of revocation lists")]
    NoRevocationList,
    /// TLS cannot use the credential, or key and certificate do not match.
    #[error("{what} cannot be used")]
    Tls {
        /// Which credential.
        what: &'static str,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The authority and the revocation lists do not form a verifier.
    #[error("the agents' authority, or a revocation list, cannot be used")]
    Verifier(#[source] Box<dyn std::error::Error + Send + Sync>),
}
