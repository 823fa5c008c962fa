//! TLS configurations, and the reasons of failed handshakes.

use std::{error::Error, io, net::IpAddr, sync::Arc};

use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        Resumption, WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring},
};
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, ServerName, UnixTime};
use url::{Host, Url};

use super::{handshake, resources};
use crate::model::ReasonCode;

/// Returns the cryptography provider. It is passed explicitly, so no process-wide default is needed.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// Applies the settings of all connections: HTTP/1.1 only, and no session resumption.
pub(super) fn common(mut config: ClientConfig) -> ClientConfig {
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = Resumption::disabled();
    config
}

/// Returns the name by which TLS asks for the server of a URL, if there is one.
pub(super) fn server_name(url: &Url) -> Option<ServerName<'static>> {
    match url.host()? {
        Host::Domain(name) => ServerName::try_from(name.to_owned()).ok(),
        Host::Ipv4(address) => Some(IpAddr::V4(address).into()),
        Host::Ipv6(address) => Some(IpAddr::V6(address).into()),
    }
}

/// Accepts any certificate, for checks that ignore certificate errors.
#[derive(Debug)]
pub(super) struct AnyCertificate(pub(super) Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Verifies a certificate for the identity in the host record, not for the dialled address (F108).
#[derive(Debug)]
pub(super) struct ExpectedIdentity {
    pub(super) inner: Arc<WebPkiServerVerifier>,
    pub(super) identity: ServerName<'static>,
}

impl ServerCertVerifier for ExpectedIdentity {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let identity = &self.identity;
        self.inner.verify_server_cert(end_entity, intermediates, identity, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// Creates a verifier for a set of roots. Without revocation lists, revocation is not checked. With them,
/// the verifier refuses a certificate that no current list covers.
pub(super) fn verifier(
    roots: RootCertStore,
    revocations: Vec<CertificateRevocationListDer<'static>>,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, rustls::client::VerifierBuilderError> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .with_crls(revocations)
        .only_check_end_entity_revocation()
        .enforce_revocation_expiration()
        .build()
}

/// Maps a client error before the answer's head to the reason that a person should fix first.
pub(super) fn classify(error: &(dyn Error + 'static)) -> (ReasonCode, String) {
    let mut input_output = None;
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            let (reason, words) = handshake::explain(tls);
            return (reason, words.unwrap_or_else(|| tls.to_string()));
        }
        next = error.source();
        if let Some(error) = error.downcast_ref::<io::Error>() {
            input_output = Some(error);
            // The `source` chain of an I/O error skips the error that it wraps.
            if let Some(inner) = error.get_ref() {
                next = Some(inner);
            }
        }
    }
    match input_output {
        Some(error) if resources::are_exhausted(error) => {
            (ReasonCode::NoResources, resources::WORDS.to_owned())
        }
        Some(error) => (ReasonCode::Connect, connection_words(error)),
        None => {
            let words =
                "the connection closed before a whole answer, or the answer is not HTTP/1.1";
            (ReasonCode::Protocol, words.to_owned())
        }
    }
}

/// Returns whether the peer's own packet ended the connection. The network up to the peer then works.
pub(super) fn is_refused(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        next = error.source();
        if let Some(error) = error.downcast_ref::<io::Error>() {
            use io::ErrorKind::{ConnectionRefused, ConnectionReset};
            if matches!(error.kind(), ConnectionRefused | ConnectionReset) {
                return true;
            }
            if let Some(inner) = error.get_ref() {
                next = Some(inner);
            }
        }
    }
    false
}

fn connection_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "nothing listens there".to_owned(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            "the connection was reset".to_owned()
        }
        io::ErrorKind::UnexpectedEof => "the connection was closed".to_owned(),
        kind => kind.to_string(),
    }
}
