//! The behaviour of a listener before HTTP.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme,
};
use rustls_pki_types::{CertificateDer, UnixTime};
use tokio_rustls::TlsAcceptor;

use crate::authority::{Authority, Identity, ServerCertSpec, Validity};

/// The behaviour of a listener on a new connection before the first HTTP request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum TlsMode {
    /// A correct handshake.
    #[default]
    Normal,
    /// A handshake that refuses every client certificate with an alert.
    RefuseClient(ClientRefusal),
    /// A valid certificate of the correct authority, but only for `192.0.2.1` and `other-host.example`.
    WrongSan,
    /// A certificate that expired yesterday.
    Expired,
    /// A certificate that becomes valid tomorrow.
    NotYetValid,
    /// A valid certificate of another authority for the correct names.
    OtherAuthority,
    /// A certificate for the correct names, signed by its own key.
    SelfSigned,
    /// Like [`SelfSigned`](Self::SelfSigned), marked as an authority (`CA:TRUE`), as many tools do.
    SelfSignedAuthority,
    /// Like [`SelfSignedAuthority`](Self::SelfSignedAuthority), expired yesterday.
    ExpiredSelfSignedAuthority,
    /// A certificate of the correct authority and names that claims a SHA-1 signature.
    Sha1Signature,
    /// The alert `handshake_failure` in answer to the client's hello, as from a server without a common
    /// version or cipher, for example TLS 1.2 with RSA key exchange only.
    NothingInCommon,
    /// Accepts the connection, discards everything received and never sends anything.
    SilentDropAfterAccept,
    /// Reads the client's hello and sends the first bytes of an answer, but never the rest.
    HangInHandshake,
    /// Accepts the connection and closes it immediately.
    CloseAfterAccept,
    /// Plain HTTP where TLS is expected.
    PlainHttp,
    /// A correct handshake, then 403 for every request (from an agent: the JSON error `AUTHZ_IP_DENIED`).
    AuthzIpDenied,
}

/// The alert that refuses a client certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ClientRefusal {
    /// Alert `certificate_revoked`.
    #[default]
    Revoked,
    /// Alert `unknown_ca`.
    UnknownAuthority,
    /// Alert `certificate_expired`.
    Expired,
}

impl ClientRefusal {
    fn error(self) -> rustls::Error {
        rustls::Error::InvalidCertificate(match self {
            Self::Revoked => CertificateError::Revoked,
            Self::UnknownAuthority => CertificateError::UnknownIssuer,
            Self::Expired => CertificateError::Expired,
        })
    }
}

/// Returns the `ring` provider. Passed explicitly, so that nothing depends on a process-wide default.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// The parts of a TLS listener from which the configuration of any mode is built.
#[derive(Debug, Clone)]
pub(crate) struct TlsParts {
    pub(crate) authority: Authority,
    pub(crate) certificate: ServerCertSpec,
    /// Whether client certificates are required and TLS is 1.3 only, as for an agent. A web target has
    /// neither.
    pub(crate) mutual: bool,
}

/// A mode with its configuration.
pub(crate) struct Endpoint {
    pub(crate) mode: TlsMode,
    pub(crate) acceptor: Option<TlsAcceptor>,
    pub(crate) identity: Option<Identity>,
}

impl Endpoint {
    /// Creates an endpoint without TLS: always plain HTTP, whatever certificate the mode asks for.
    pub(crate) fn plain(mode: TlsMode) -> Self {
        Self { mode, acceptor: None, identity: None }
    }

    /// Builds the configuration. Every endpoint has its own session cache, so that no session outlives a
    /// mode.
    pub(crate) fn tls(parts: &TlsParts, mode: TlsMode) -> Self {
        if mode == TlsMode::PlainHttp {
            return Self::plain(mode);
        }
        let spec = parts.certificate.clone();
        let identity = match mode {
            TlsMode::WrongSan => {
                let wrong = ServerCertSpec::new("other host")
                    .with_ip([192, 0, 2, 1].into())
                    .with_dns("other-host.example");
                parts.authority.issue_server(&wrong)
            }
            TlsMode::Expired => {
                parts.authority.issue_server(&spec.with_validity(Validity::Expired))
            }
            TlsMode::NotYetValid => {
                parts.authority.issue_server(&spec.with_validity(Validity::NotYetValid))
            }
            TlsMode::OtherAuthority => Authority::new("another authority").issue_server(&spec),
            TlsMode::SelfSigned => Identity::self_signed(&spec),
            TlsMode::SelfSignedAuthority => Identity::self_signed_authority(&spec),
            TlsMode::ExpiredSelfSignedAuthority => {
                Identity::self_signed_authority(&spec.with_validity(Validity::Expired))
            }
            TlsMode::Sha1Signature => parts.authority.issue_server(&spec).claiming_sha1(),
            _ => parts.authority.issue_server(&spec),
        };
        let config = server_config(parts, mode, &identity);
        Self { mode, acceptor: Some(TlsAcceptor::from(Arc::new(config))), identity: Some(identity) }
    }
}

fn server_config(parts: &TlsParts, mode: TlsMode, identity: &Identity) -> ServerConfig {
    let versions: &[&rustls::SupportedProtocolVersion] =
        if parts.mutual { &[&rustls::version::TLS13] } else { rustls::ALL_VERSIONS };
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(versions)
        .expect("ring supports TLS 1.2 and 1.3");
    let refusal = match mode {
        TlsMode::RefuseClient(refusal) => Some(refusal),
        _ => None,
    };
    let builder = if parts.mutual || refusal.is_some() {
        let verifier = WebPkiClientVerifier::builder_with_provider(
            Arc::new(parts.authority.roots()),
            provider(),
        )
        .build()
        .expect("one trust anchor is enough for a verifier");
        builder.with_client_cert_verifier(match refusal {
            Some(refusal) => Arc::new(RefusingVerifier { inner: verifier, refusal }),
            None => verifier,
        })
    } else {
        builder.with_no_client_auth()
    };
    let mut config = builder
        .with_single_cert(identity.chain.clone(), identity.key())
        .expect("an issued key fits its certificate");
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

/// Requests a client certificate and then refuses any.
#[derive(Debug)]
struct RefusingVerifier {
    inner: Arc<dyn ClientCertVerifier>,
    refusal: ClientRefusal,
}

impl ClientCertVerifier for RefusingVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Err(self.refusal.error())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
