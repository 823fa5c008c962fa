//! The library's own check runner, over HTTP and mutual TLS.

use std::sync::Arc;

use super::builder::{BuildError, HealthgateBuilder};
use crate::{
    checks::{AgentTransport, CheckRunner, HostRunner, HttpClient, HttpClientConfig, NoAgents},
    crypto::{InstallId, Sealer},
};

/// The transports to agents and HTTP targets.
#[derive(Debug)]
pub(super) struct Connections {
    agents: Arc<dyn AgentTransport>,
    http: HttpClientConfig,
}

impl Default for Connections {
    fn default() -> Self {
        Self { agents: Arc::new(NoAgents), http: HttpClientConfig::default() }
    }
}

impl Connections {
    pub(super) fn runner(
        self,
        sealer: Arc<dyn Sealer>,
        install: InstallId,
        _polls: bool,
    ) -> Result<Arc<dyn HostRunner>, BuildError> {
        let http = HttpClient::new(self.http).map_err(|error| BuildError::Http(Box::new(error)))?;
        Ok(Arc::new(CheckRunner::new(self.agents, http, sealer, install)))
    }
}

impl HealthgateBuilder {
    /// Reaches agents through this transport, such as
    /// [`MutualTlsAgents`](crate::checks::MutualTlsAgents). The default is [`NoAgents`].
    pub fn agents(mut self, agents: Arc<dyn AgentTransport>) -> Self {
        self.connections.agents = agents;
        self
    }

    /// Configures HTTP checks, such as the addresses that they may reach.
    pub fn http(mut self, config: HttpClientConfig) -> Self {
        self.connections.http = config;
        self
    }
}
