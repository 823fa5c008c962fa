//! The traits for asking agents on the hosts.

use std::{fmt::Debug, time::Duration};

use async_trait::async_trait;
use thiserror::Error;

use crate::model::{AgentEndpoint, Detail, ReasonCode, ServiceName};

/// A unit's state as an agent reports it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ServiceStatus {
    /// The unit that the agent resolved the name to. If it differs, the requested name is an alias.
    pub name: String,
    /// The agent's verdict. It alone decides the check.
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
    /// Creates the state of a unit from its name and the verdict only.
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
/// - Consecutive requests on one link share its connection if the agent keeps it open. Concurrent
///   requests each use their own.
/// - The agent is authenticated for the endpoint's expected identity without tolerance, and no redirect
///   is followed (H17).
#[cfg_attr(feature = "testing", mockall::automock)]
pub trait AgentTransport: Debug + Send + Sync + 'static {
    /// Creates a link to one agent, for one run of one host.
    ///
    /// # Errors
    /// Fails if no link is possible, for example because the client certificates are unreadable.
    fn link(&self, endpoint: &AgentEndpoint) -> Result<Box<dyn AgentLink>, AgentError>;
}

/// A link to one agent. Dropping it closes its connections.
#[cfg_attr(feature = "testing", mockall::automock)]
#[async_trait]
pub trait AgentLink: Debug + Send + Sync + 'static {
    /// Asks for the state of a unit. Returns within `time`.
    async fn service(
        &self,
        name: &ServiceName,
        time: Duration,
    ) -> Result<ServiceStatus, AgentError>;
}

/// An agent transport without agents, for an installation with HTTP checks only. A service check fails as
/// on a host without an agent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct NoAgents;

impl AgentTransport for NoAgents {
    fn link(&self, _: &AgentEndpoint) -> Result<Box<dyn AgentLink>, AgentError> {
        Err(AgentError::new(ReasonCode::TargetMissing, "this program is set up without agents"))
    }
}

/// The error of an agent that returned no state.
#[derive(Debug, Error)]
#[error("{reason}: {detail}")]
pub struct AgentError {
    reason: ReasonCode,
    detail: Detail,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl AgentError {
    /// Creates the error from a reason and a sentence for people. The sentence must not quote a body.
    pub fn new(reason: ReasonCode, detail: impl AsRef<str>) -> Self {
        Self { reason, detail: Detail::new(detail), source: None }
    }

    /// Sets the cause.
    #[must_use]
    pub fn with_source(self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { source: Some(source.into()), ..self }
    }

    /// Returns the reason with which the check fails.
    #[must_use]
    pub const fn reason(&self) -> ReasonCode {
        self.reason
    }

    /// Returns the sentence for people.
    #[must_use]
    pub const fn detail(&self) -> &Detail {
        &self.detail
    }
}
