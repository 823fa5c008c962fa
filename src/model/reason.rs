//! The vocabulary of outcomes, shared by poller, tests, gate, API, metrics and UI.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $code:tt, $observed:literal;)*) => {
        /// The reason for the outcome of a check. Only [`ReasonCode::Ok`] is healthy; every other code fails
        /// the check and blocks the gate.
        ///
        /// The vocabulary is closed: a new code comes with a minor release and is listed in the changelog.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        #[cfg_attr(feature = "api", derive(utoipa::ToSchema))]
        #[non_exhaustive]
        pub enum ReasonCode {
            $($(#[$doc])* #[serde(rename = $code)] $variant,)*
        }

        impl ReasonCode {
            /// All codes, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Returns the code as written in JSON, metrics and databases.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// Returns whether the target was seen in this condition (`true`) or could not be seen at all.
            #[must_use]
            pub const fn observed(self) -> bool {
                match self { $(Self::$variant => $observed,)* }
            }
        }

        impl FromStr for ReasonCode {
            type Err = UnknownReason;

            fn from_str(code: &str) -> Result<Self, Self::Err> {
                match code {
                    $($code => Ok(Self::$variant),)*
                    _ => Err(UnknownReason { code: code.chars().take(64).collect() }),
                }
            }
        }
    };
}

reasons! {
    /// Healthy.
    Ok = "ok", true;
    /// The agent answered `healthy: false`.
    ServiceUnhealthy = "service_unhealthy", true;
    /// The agent does not know the unit (404 in its envelope).
    ServiceNotFound = "service_not_found", true;
    /// The agent refused the unit's name (400).
    ServiceNameInvalid = "service_name_invalid", true;
    /// The HTTP status was not 2xx.
    Status = "status", true;
    /// The body ended without the expected text.
    BodyMismatch = "body_mismatch", true;
    /// A text is expected, and the answer has no body.
    BodyMissing = "body_missing", true;
    /// The expected text did not occur before the cap on the body.
    BodyTooLarge = "body_too_large", true;
    /// The name does not exist, or has no address.
    Dns = "dns", false;
    /// The resolver failed; the name may exist.
    ResolverFailed = "resolver_failed", false;
    /// No connection could be made, or it broke before an answer.
    Connect = "connect", false;
    /// Time ran out while the name was resolved.
    TimeoutDns = "timeout_dns", false;
    /// Time ran out while connecting, or during the TLS handshake.
    TimeoutConnect = "timeout_connect", false;
    /// Time ran out before the head of the answer was complete.
    TimeoutHead = "timeout_head", false;
    /// Time ran out while the body was read.
    TimeoutBody = "timeout_body", false;
    /// The certificate comes from no trusted authority.
    TlsUntrusted = "tls_untrusted", false;
    /// The certificate has expired.
    TlsExpired = "tls_expired", false;
    /// The certificate is not valid yet.
    TlsNotYetValid = "tls_not_yet_valid", false;
    /// The certificate is not valid for the requested name or address.
    TlsName = "tls_name", false;
    /// The peer refused the manager in the handshake (missing or revoked client certificate).
    TlsRefused = "tls_refused", false;
    /// Any other TLS error.
    TlsOther = "tls_other", false;
    /// The answer is not valid HTTP/1.1.
    Protocol = "protocol", false;
    /// The connection broke before the expected text was found.
    BodyTruncated = "body_truncated", false;
    /// The body has a content encoding that was not requested.
    EncodingRefused = "encoding_refused", false;
    /// The answer redirects to a URL that checks do not follow.
    RedirectRefused = "redirect_refused", false;
    /// The destination policy refuses the address.
    DestinationRefused = "destination_refused", false;
    /// The agent failed (5xx, or `success: false`).
    AgentError = "agent_error", false;
    /// The agent refuses this manager (401, 403).
    AgentRefused = "agent_refused", false;
    /// The agent limits the rate (429).
    AgentRateLimited = "agent_rate_limited", false;
    /// The agent has no such endpoint (405, or 404 without its envelope).
    AgentUnsupported = "agent_unsupported", false;
    /// The agent's answer is invalid.
    AgentBadReply = "agent_bad_reply", false;
    /// The stored password cannot be decrypted.
    SecretUnreadable = "secret_unreadable", false;
    /// The stored check cannot be read. The target was not asked.
    CheckUnreadable = "check_unreadable", false;
    /// The target host was deleted.
    TargetMissing = "target_missing", false;
    /// A shutdown or a crash interrupted the run.
    Interrupted = "interrupted", false;
    /// This manager was out of file descriptors or memory. The target was not asked.
    NoResources = "no_resources", false;
    /// An internal error.
    Internal = "internal", false;
    /// Gate evidence: the check has no result that counts.
    NoResult = "no_result", false;
    /// Gate evidence: the newest result is too old, or from before the last change.
    Stale = "stale", false;
    /// Gate evidence: the newest result is dated in the future.
    Clock = "clock", false;
    /// The check waited too long for a busy agent. Gate evidence: there was no capacity to run it before the
    /// close.
    NotRunCapacity = "not_run_capacity", false;
    /// Gate evidence: another job's gate holds the host.
    GateBusy = "gate_busy", false;
    /// Gate evidence: a job is changing the host, or another host that one of its checks asks.
    HostDisturbed = "host_disturbed", false;
}

impl ReasonCode {
    /// Returns whether no connection could be made. A fault of the manager's own network looks like this.
    #[must_use]
    pub const fn is_unreachable(self) -> bool {
        matches!(
            self,
            Self::Dns
                | Self::ResolverFailed
                | Self::Connect
                | Self::TimeoutDns
                | Self::TimeoutConnect
        )
    }

    /// Returns whether this outcome says nothing about the target, so that the status becomes `unknown`.
    #[must_use]
    pub const fn is_unknown(self) -> bool {
        matches!(
            self,
            Self::Internal
                | Self::NoResources
                | Self::Interrupted
                | Self::NoResult
                | Self::Stale
                | Self::Clock
                | Self::NotRunCapacity
                | Self::GateBusy
                | Self::HostDisturbed
        )
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The error of a text that is not a code of the vocabulary.
#[derive(Debug, Error)]
#[error("unknown reason code `{code}`")]
pub struct UnknownReason {
    code: String,
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_code_reads_back_and_is_unique() {
        let codes: HashSet<_> = ReasonCode::ALL.iter().map(|reason| reason.as_str()).collect();
        assert_eq!(codes.len(), ReasonCode::ALL.len());
        for reason in ReasonCode::ALL {
            assert_eq!(reason.as_str().parse::<ReasonCode>().ok(), Some(*reason));
        }
        assert!("OK".parse::<ReasonCode>().is_err());
    }

    #[test]
    fn observed_codes_are_those_of_the_documented_table() {
        let observed: Vec<_> = ReasonCode::ALL
            .iter()
            .filter(|reason| reason.observed())
            .map(|reason| reason.as_str())
            .collect();
        assert_eq!(
            observed,
            [
                "ok",
                "service_unhealthy",
                "service_not_found",
                "service_name_invalid",
                "status",
                "body_mismatch",
                "body_missing",
                "body_too_large"
            ]
        );
    }
}
