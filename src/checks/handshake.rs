//! The reasons of failed TLS handshakes, and what to do about them (F196).

use chrono::DateTime;
use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};
use rustls_pki_types::UnixTime;

use crate::model::ReasonCode;

/// Returns the reason of a failed handshake, and a sentence if the library's own message does not name the
/// fault.
pub(super) fn explain(error: &Error) -> (ReasonCode, Option<String>) {
    match error {
        Error::InvalidCertificate(error) => certificate(error),
        Error::AlertReceived(alert) => self::alert(*alert),
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            let words = "the port does not speak TLS: use `http://`, or the port for TLS";
            (ReasonCode::TlsOther, Some(words.to_owned()))
        }
        Error::PeerIncompatible(
            PeerIncompatible::NoCipherSuitesInCommon
            | PeerIncompatible::NoKxGroupsInCommon
            | PeerIncompatible::NoSignatureSchemesInCommon
            | PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => (ReasonCode::TlsOther, Some(NOTHING_IN_COMMON.to_owned())),
        _ => (ReasonCode::TlsOther, None),
    }
}

/// The message if the peer ends the handshake without a common version or cipher.
const NOTHING_IN_COMMON: &str = "no TLS version and cipher in common: the peer must allow TLS 1.3, or TLS 1.2 \
                                 with ECDHE (RSA key exchange alone is not spoken here), and must not ask \
                                 for a client certificate";

/// The message for a certificate with an untrusted signature algorithm.
const WEAK_SIGNATURE: &str = "the certificate is signed with an algorithm that is not trusted, such as SHA-1: \
                              have it issued again with SHA-256 or better";

/// The message for a server that presents the certificate of an authority.
const AUTHORITY_AS_SERVER: &str = "the server presents the certificate of an authority (CA:TRUE): issue one for the \
                                   server, or give exactly this one as an extra authority to pin it";

fn certificate(error: &CertificateError) -> (ReasonCode, Option<String>) {
    match error {
        CertificateError::Expired => (ReasonCode::TlsExpired, None),
        CertificateError::ExpiredContext { not_after, .. } => {
            let words =
                day(*not_after).map(|day| format!("the certificate expired on {day}: renew it"));
            (ReasonCode::TlsExpired, words)
        }
        CertificateError::NotValidYet => (ReasonCode::TlsNotYetValid, None),
        CertificateError::NotValidYetContext { not_before, .. } => {
            let words = day(*not_before).map(|day| {
                format!(
                    "the certificate is not valid before {day}: compare the clocks of both machines"
                )
            });
            (ReasonCode::TlsNotYetValid, words)
        }
        // The certificate's names are not shown, because they may be those of a host that the reader cannot
        // see.
        CertificateError::NotValidForName => {
            (ReasonCode::TlsName, Some("the certificate is for another name".to_owned()))
        }
        CertificateError::NotValidForNameContext { expected, .. } => {
            let words = format!("the certificate is not for {}", expected.to_str());
            (ReasonCode::TlsName, Some(words))
        }
        CertificateError::Revoked => {
            let words = "the certificate was revoked by its authority: issue a new one";
            (ReasonCode::TlsUntrusted, Some(words.to_owned()))
        }
        CertificateError::UnknownRevocationStatus => {
            let words = "no revocation list covers the authority of the certificate: add its list";
            (ReasonCode::TlsUntrusted, Some(words.to_owned()))
        }
        CertificateError::ExpiredRevocationList => (
            ReasonCode::TlsUntrusted,
            Some("the revocation list is out of date: renew it".to_owned()),
        ),
        CertificateError::ExpiredRevocationListContext { next_update, .. } => {
            let words = day(*next_update)
                .map(|day| format!("the revocation list is out of date since {day}: renew it"));
            (ReasonCode::TlsUntrusted, words)
        }
        CertificateError::UnknownIssuer => {
            let words = "the certificate comes from an authority that is not trusted here, or its chain is \
                         incomplete: have the server send its chain, or add the authority";
            (ReasonCode::TlsUntrusted, Some(words.to_owned()))
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            (ReasonCode::TlsUntrusted, Some(WEAK_SIGNATURE.to_owned()))
        }
        CertificateError::Other(other) if is_authority_as_server(&*other.0) => {
            (ReasonCode::TlsUntrusted, Some(AUTHORITY_AS_SERVER.to_owned()))
        }
        _ => (ReasonCode::TlsUntrusted, None),
    }
}

fn alert(alert: AlertDescription) -> (ReasonCode, Option<String>) {
    match alert {
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA
        | AlertDescription::AccessDenied
        | AlertDescription::CertificateRequired
        | AlertDescription::NoCertificate => (ReasonCode::TlsRefused, None),
        AlertDescription::HandshakeFailure
        | AlertDescription::ProtocolVersion
        | AlertDescription::InsufficientSecurity => {
            (ReasonCode::TlsOther, Some(NOTHING_IN_COMMON.to_owned()))
        }
        _ => (ReasonCode::TlsOther, None),
    }
}

/// Returns whether a verifier refused a certificate only because it is the certificate of an authority.
pub(super) fn is_authority_as_server(error: &(dyn std::error::Error + 'static)) -> bool {
    matches!(error.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
}

fn day(time: UnixTime) -> Option<String> {
    let seconds = i64::try_from(time.as_secs()).ok()?;
    DateTime::from_timestamp(seconds, 0).map(|time| time.format("%-d %B %Y").to_string())
}
