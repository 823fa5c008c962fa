//! A fleet with its targets and database, for the scenarios of the whole poller.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use healthgate::checks::PollerConfig;

use crate::{
    Outcome, cpu,
    database::{Database, Fleet},
    fleet,
    polling::{Noting, Stretch, Until, config, poll},
    target::Target,
};

/// A fleet with its targets and database.
pub(super) struct Place {
    pub(super) target: Target,
    pub(super) database: Database,
    pub(super) fleet: Fleet,
    pub(super) runner: Arc<Noting>,
}

impl Place {
    /// Starts the servers, with one living host at each agent, round robin.
    pub(super) async fn start(hosts: usize) -> Outcome<Self> {
        let target = Target::start(1_000)?;
        let database = Database::start().await?;
        let fleet = database.fill(&agents(&target, hosts), None).await?;
        let runner = Noting::new(fleet::runner(&target.authority, &target.client)?);
        Ok(Self { target, database, fleet, runner })
    }

    /// Replaces the fleet with this number of living hosts.
    pub(super) async fn refill(&mut self, hosts: usize) -> Outcome<()> {
        self.fleet = self.database.fill(&agents(&self.target, hosts), None).await?;
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

fn agents(target: &Target, hosts: usize) -> Vec<SocketAddr> {
    (0..hosts).map(|number| target.agent(number)).collect()
}
