//! The endpoint of a host's agent.

use std::{fmt, net::IpAddr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The address, port and identity of an agent, as in the application's host record.
///
/// A result holds the endpoint that answered, so that a changed host record voids it (G24).
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "RawEndpoint")]
pub struct AgentEndpoint {
    address: String,
    port: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<String>,
}

impl AgentEndpoint {
    /// Creates an endpoint at an IP address or host name. The agent's certificate must be valid for `identity`
    /// or, if that is `None`, for `address` (F108).
    ///
    /// # Errors
    /// Fails if `address` or `identity` is neither an IP address nor a DNS name, or if `port` is 0.
    pub fn new(
        address: impl Into<String>,
        port: u16,
        identity: Option<String>,
    ) -> Result<Self, EndpointError> {
        let address = address.into();
        if !is_host(&address) {
            return Err(EndpointError::Address { address });
        }
        if port == 0 {
            return Err(EndpointError::Port);
        }
        if let Some(identity) = identity.as_ref().filter(|identity| !is_host(identity)) {
            return Err(EndpointError::Identity { identity: identity.clone() });
        }
        Ok(Self { address, port, identity })
    }

    /// Returns the IP address or host name to connect to.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Returns the TCP port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Returns the name or address that the certificate must be valid for.
    #[must_use]
    pub fn expected_identity(&self) -> &str {
        self.identity.as_deref().unwrap_or(&self.address)
    }

    /// Returns the identity, if the host record has one in addition to the address.
    #[must_use]
    pub fn identity(&self) -> Option<&str> {
        self.identity.as_deref()
    }
}

fn is_host(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
        || (!text.contains('%')
            && matches!(url::Host::parse(text), Ok(url::Host::Domain(domain)) if domain.eq_ignore_ascii_case(text)))
}

impl fmt::Debug for AgentEndpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl fmt::Display for AgentEndpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.address.contains(':') {
            write!(formatter, "[{}]:{}", self.address, self.port)?;
        } else {
            write!(formatter, "{}:{}", self.address, self.port)?;
        }
        match &self.identity {
            Some(identity) => write!(formatter, " as {identity}"),
            None => Ok(()),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEndpoint {
    address: String,
    port: u16,
    #[serde(default)]
    identity: Option<String>,
}

impl TryFrom<RawEndpoint> for AgentEndpoint {
    type Error = EndpointError;

    fn try_from(raw: RawEndpoint) -> Result<Self, Self::Error> {
        Self::new(raw.address, raw.port, raw.identity)
    }
}

/// The reason why an endpoint is invalid.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// The address is neither an IP address nor a DNS name.
    #[error("`{address}` is neither an IP address nor a DNS name")]
    Address {
        /// The given text.
        address: String,
    },
    /// The identity is neither an IP address nor a DNS name.
    #[error("the identity `{identity}` is neither an IP address nor a DNS name")]
    Identity {
        /// The given text.
        identity: String,
    },
    /// The port is 0.
    #[error("port 0 cannot be connected to")]
    Port,
}
