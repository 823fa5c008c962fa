//! A fleet with its targets and database, for the scenarios of the whole poller.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use healthgate::checks::PollerConfig;

use crate::{
    Outcome,
    agents::Agents,
    cpu,
    database::{Database, Fleet},
    fleet,
    polling::{Noting, Stretch, Until, config, poll},
};

/// A fleet with its targets and database.
pub(super) struct Place {
    pub(super) agents: Agents,
    pub(super) database: Database,
    pub(super) fleet: Fleet,
    pub(super) runner: Arc<Noting>,
}

impl Place {
    /// Starts the servers, with one living host at each agent, round robin.
    pub(super) async fn start(hosts: usize) -> Outcome<Self> {
        let agents = Agents::start(1_000).await?;
        let database = Database::start().await?;
        let fleet = database.fill(&addresses(&agents, hosts), None).await?;
        let runner = Noting::new(fleet::runner(&agents.authority, &agents.client)?);
        Ok(Self { agents, database, fleet, runner })
    }

    /// Replaces the fleet with this number of living hosts.
    pub(super) async fn refill(&mut self, hosts: usize) -> Outcome<()> {
        self.fleet = self.database.fill(&addresses(&self.agents, hosts), None).await?;
        Ok(())
    }

    /// Polls the fleet.
    pub(super) async fn poll(&self, interval: Duration, until: Until) -> Outcome<Stretch> {
        self.poll_with(config(interval), until).await
    }

    /// Polls the fleet with this configuration.
    pub(super) async fn poll_with(&self, config: PollerConfig, until: Until) -> Outcome<Stretch> {
        poll(&self.database, &self.fleet, &self.runner, config, until).await
    }

    /// Returns the processor time of this process and of Postgres.
    pub(super) fn cpu(&self) -> Outcome<Duration> {
        Ok(cpu::own() + self.database.cpu()?)
    }
}

fn addresses(agents: &Agents, hosts: usize) -> Vec<SocketAddr> {
    (0..hosts).map(|number| agents.agent(number)).collect()
}
