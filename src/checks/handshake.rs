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

/// The message for a server or an agent that presents the certificate of an authority.
const AUTHORITY_AS_SERVER: &str = "the server or agent presented a CA certificate (CA:TRUE) as its own: issue one for \
                                   the host, or give exactly this one as an extra authority to pin it";

fn certificate(error: &CertificateError) -> (ReasonCode, Option<String>) {
    match error {
        CertificateError::Expired => {
            (ReasonCode::TlsExpired, Some("the certificate has expired: renew it".to_owned()))
        }
        CertificateError::ExpiredContext { not_after, .. } => {
            let words = format!("the certificate expired on {}: renew it", day(*not_after));
            (ReasonCode::TlsExpired, Some(words))
        }
        CertificateError::NotValidYet => {
            let words = "the certificate is not valid yet: compare the clocks of both machines";
            (ReasonCode::TlsNotYetValid, Some(words.to_owned()))
        }
        CertificateError::NotValidYetContext { not_before, .. } => {
            let day = day(*not_before);
            let words = format!(
                "the certificate is not valid before {day}: compare the clocks of both machines"
            );
            (ReasonCode::TlsNotYetValid, Some(words))
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
            let day = day(*next_update);
            let words = format!("the revocation list is out of date since {day}: renew it");
            (ReasonCode::TlsUntrusted, Some(words))
        }
        CertificateError::UnknownIssuer => {
            let words = "the certificate comes from an authority that is not trusted here, or its chain is \
                         incomplete: have the server send its chain, or add the authority";
            (ReasonCode::TlsUntrusted, Some(words.to_owned()))
        }
        #[expect(deprecated, reason = "a verifier may still report it")]
        CertificateError::UnsupportedSignatureAlgorithm
        | CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            (ReasonCode::TlsUntrusted, Some(WEAK_SIGNATURE.to_owned()))
        }
        CertificateError::BadEncoding => {
            let words = "the certificate cannot be read: have it issued again";
            (ReasonCode::TlsUntrusted, Some(words.to_owned()))
        }
        CertificateError::BadSignature => {
            let words = "the signature of the certificate is wrong: have the server send its own chain, and check \
                         that no other authority of the same name is in use";
            (ReasonCode::TlsUntrusted, Some(words.to_owned()))
        }
        CertificateError::UnhandledCriticalExtension => {
            let words = "the certificate has a critical extension that is not understood here: have it issued \
                         again without";
            (ReasonCode::TlsUntrusted, Some(words.to_owned()))
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            let words = "the certificate is not for servers: have it issued again with the extended key usage \
                         serverAuth";
            (ReasonCode::TlsUntrusted, Some(words.to_owned()))
        }
        CertificateError::InvalidOcspResponse => {
            let words = "the server sent a revocation answer (OCSP) that cannot be used: see how it staples them";
            (ReasonCode::TlsUntrusted, Some(words.to_owned()))
        }
        CertificateError::ApplicationVerificationFailure => {
            let words = "the certificate was refused: replace it";
            (ReasonCode::TlsUntrusted, Some(words.to_owned()))
        }
        CertificateError::Other(other) if is_authority_as_server(&*other.0) => {
            (ReasonCode::TlsUntrusted, Some(AUTHORITY_AS_SERVER.to_owned()))
        }
        CertificateError::Other(other) => {
            let words = format!("the certificate was refused: {}", spaced(&other.0.to_string()));
            (ReasonCode::TlsUntrusted, Some(words))
        }
        other => {
            let words = format!("the certificate was refused: {}", spaced(&other.to_string()));
            (ReasonCode::TlsUntrusted, Some(words))
        }
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

/// A day as people write it; where the calendar does not reach so far, the seconds.
fn day(time: UnixTime) -> String {
    let seconds = time.as_secs();
    let date = i64::try_from(seconds).ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    match date {
        Some(date) => date.format("%-d %B %Y").to_string(),
        None => "a day that no calendar has".to_owned(),
    }
}

/// The verifier's name of an error as words: `PathLenConstraintViolated` as "path len constraint violated".
fn spaced(name: &str) -> String {
    let mut words = String::with_capacity(name.len() + 8);
    let mut was_lower = false;
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && was_lower {
            words.push(' ');
        }
        words.push(if was_lower || words.is_empty() {
            letter.to_ascii_lowercase()
        } else {
            letter
        });
        was_lower = letter.is_ascii_lowercase();
    }
    words
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, sync::Arc};

    use rustls::{ExtendedKeyPurpose, OtherError};
    use rustls_pki_types::ServerName;

    use super::*;

    /// Every variant that the verifier has, with what a person is told.
    #[expect(deprecated, reason = "a verifier may still report it")]
    fn variants() -> Vec<CertificateError> {
        let time =
            |days: u64| UnixTime::since_unix_epoch(std::time::Duration::from_secs(86_400 * days));
        let (time, other) = (time(20_000), time(20_100));
        let expected = ServerName::try_from("web.example").expect("a name");
        let wrapped = |error: webpki::Error| CertificateError::Other(OtherError(Arc::new(error)));
        vec![
            CertificateError::BadEncoding,
            CertificateError::Expired,
            CertificateError::ExpiredContext { time: other, not_after: time },
            CertificateError::NotValidYet,
            CertificateError::NotValidYetContext { time, not_before: other },
            CertificateError::Revoked,
            CertificateError::UnhandledCriticalExtension,
            CertificateError::UnknownIssuer,
            CertificateError::UnknownRevocationStatus,
            CertificateError::ExpiredRevocationList,
            CertificateError::ExpiredRevocationListContext { time: other, next_update: time },
            CertificateError::BadSignature,
            CertificateError::UnsupportedSignatureAlgorithm,
            CertificateError::UnsupportedSignatureAlgorithmContext {
                signature_algorithm_id: vec![1],
                supported_algorithms: Vec::new(),
            },
            CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
                signature_algorithm_id: vec![1],
                public_key_algorithm_id: vec![2],
            },
            CertificateError::NotValidForName,
            CertificateError::NotValidForNameContext {
                expected,
                presented: vec!["secret.example".into()],
            },
            CertificateError::InvalidPurpose,
            CertificateError::InvalidPurposeContext {
                required: ExtendedKeyPurpose::ServerAuth,
                presented: vec![ExtendedKeyPurpose::ClientAuth],
            },
            CertificateError::InvalidOcspResponse,
            CertificateError::ApplicationVerificationFailure,
            wrapped(webpki::Error::CaUsedAsEndEntity),
            wrapped(webpki::Error::PathLenConstraintViolated),
        ]
    }

    /// The names in a Debug text, such as `ExpiredContext`: nothing that a person should read.
    fn names(text: &str) -> BTreeSet<&str> {
        let is_name = |word: &&str| word.chars().filter(char::is_ascii_uppercase).count() > 1;
        let words = text.split(|letter: char| !letter.is_ascii_alphanumeric());
        words
            .filter(is_name)
            .filter(|word| word.chars().any(|letter| letter.is_ascii_lowercase()))
            .collect()
    }

    #[test]
    fn f196_every_certificate_error_is_told_in_words() {
        for error in variants() {
            let shown = format!("{error:?}");
            let (_, words) = explain(&Error::InvalidCertificate(error));
            let words = words.unwrap_or_else(|| panic!("{shown} has no words"));
            let told: Vec<&str> = names(&words).intersection(&names(&shown)).copied().collect();
            assert!(told.is_empty(), "{shown}: {words}");
            assert!(!words.contains("Other"), "{shown}: {words}");
            // Seconds since 1970 are no date.
            assert!(
                !words.contains("1728000000") && !words.contains("UnixTime"),
                "{shown}: {words}"
            );
            assert!(!words.contains("secret.example"), "{words}");
        }
    }

    #[test]
    fn f196_dates_and_authorities_are_named() {
        let words = |error| explain(&Error::InvalidCertificate(error)).1.unwrap_or_default();
        let told: Vec<String> = variants().into_iter().map(words).collect();
        assert!(told[2].contains("expired on 4 October 2024"), "{}", told[2]);
        assert!(told[21].contains("CA certificate"), "{}", told[21]);
        assert_eq!(told[22], "the certificate was refused: path len constraint violated");
    }
}
