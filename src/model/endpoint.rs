//! Where a host's agent answers.

use std::{fmt, net::IpAddr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Address, port and identity of an agent, as the application's host record names them.
///
/// A result carries the endpoint it was seen at, so that a changed host record voids it (G24).
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "RawEndpoint")]
pub struct AgentEndpoint {
    address: String,
    port: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<String>,
}

impl AgentEndpoint {
    /// The endpoint at an IP address or host name. The agent's certificate must be valid for
    /// `identity`, or, where that is `None`, for `address` itself (F108).
    ///
    /// # Errors
    /// An address or identity that is neither an IP address nor a DNS name, or port 0.
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

    /// The IP address or host name to connect to.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The TCP port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The name or address that the certificate must be valid for.
    #[must_use]
    pub fn expected_identity(&self) -> &str {
        self.identity.as_deref().unwrap_or(&self.address)
    }

    /// The identity that the host record names beside the address.
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

/// Why an endpoint cannot be built.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// The address is neither an IP address nor a DNS name.
    #[error("`{address}` is neither an IP address nor a DNS name")]
    Address {
        /// What was given.
        address: String,
    },
    /// The identity is neither an IP address nor a DNS name.
    #[error("the identity `{identity}` is neither an IP address nor a DNS name")]
    Identity {
        /// What was given.
        identity: String,
    },
    /// Port 0 cannot be connected to.
    #[error("port 0 cannot be connected to")]
    Port,
}
