//! The seam to the agents on the hosts.

use std::{fmt::Debug, time::Duration};

use async_trait::async_trait;
use thiserror::Error;

use crate::model::{AgentEndpoint, Detail, ReasonCode, ServiceName};

/// A unit's state as an agent reports it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ServiceStatus {
    /// The unit that the agent resolved the name to; an alias where it differs from the one asked.
    pub name: String,
    /// The agent's verdict, which alone decides.
    pub healthy: bool,
    /// systemd's active state, for example `active`.
    pub active_state: Option<String>,
    /// systemd's sub state, for example `running`.
    pub sub_state: Option<String>,
    /// systemd's unit file state, for example `enabled`.
    pub enabled_state: Option<String>,
    /// systemd's load state, for example `masked`.
    pub load_state: Option<String>,
}

impl ServiceStatus {
    /// The state of a unit of which only the name and the verdict are known.
    #[must_use]
    pub fn new(name: impl Into<String>, healthy: bool) -> Self {
        Self {
            name: name.into(),
            healthy,
            active_state: None,
            sub_state: None,
            enabled_state: None,
            load_state: None,
        }
    }
}

/// Reaches agents.
///
/// Contract:
/// - `link` does no input or output. A link opens its connection with its first request.
/// - Requests on one link that follow each other share its connection where the agent keeps it open;
///   requests at the same time have connections of their own.
/// - The agent is authenticated for the endpoint's expected identity, without any tolerance, and no
///   redirect is followed (H17).
#[cfg_attr(feature = "testing", mockall::automock)]
pub trait AgentTransport: Debug + Send + Sync + 'static {
    /// A link to one agent, for one run of one host.
    ///
    /// # Errors
    /// Where no link can be made at all, such as with unreadable client certificates.
    fn link(&self, endpoint: &AgentEndpoint) -> Result<Box<dyn AgentLink>, AgentError>;
}

/// A link to one agent. Dropping it closes its connections.
#[async_trait]
pub trait AgentLink: Debug + Send + Sync + 'static {
    /// Asks for the state of a unit, and answers or fails before `time` is over.
    async fn service(
        &self,
        name: &ServiceName,
        time: Duration,
    ) -> Result<ServiceStatus, AgentError>;
}

/// Why an agent gave no state.
#[derive(Debug, Error)]
#[error("{reason}: {detail}")]
pub struct AgentError {
    reason: ReasonCode,
    detail: Detail,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl AgentError {
    /// The error for a reason, with a sentence for people that holds nothing of a body.
    pub fn new(reason: ReasonCode, detail: impl AsRef<str>) -> Self {
        Self { reason, detail: Detail::new(detail), source: None }
    }

    /// The same with what caused it.
    #[must_use]
    pub fn with_source(self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { source: Some(source.into()), ..self }
    }

    /// The reason that the check fails with.
    #[must_use]
    pub const fn reason(&self) -> ReasonCode {
        self.reason
    }

    /// The sentence for people.
    #[must_use]
    pub const fn detail(&self) -> &Detail {
        &self.detail
    }
}
