//! A test world: a [`Healthgate`] on a manual clock.

use std::{sync::Arc, time::Duration};

use super::runner::ScriptedRunner;
use crate::{
    Healthgate, HealthgateBuilder, Policy,
    clock::ManualClock,
    directory::StaticDirectory,
    model::{Actor, HealthCheck, HostId, NewCheck},
    store::MemoryStore,
    testing::fixtures,
};

/// A store, hosts, a scripted runner and a [`ManualClock`]: everything that a [`Healthgate`] needs in a test.
///
/// Hours pass at once, and every run is reproducible.
///
/// ```
/// # use healthgate::chrono::TimeDelta;
/// use healthgate::{gate::Admission, model::ReasonCode, testing::{Answer, World, fixtures}};
///
/// let world = World::new();
/// let host = world.host(1);
/// world.play(async |healthgate| {
///     let check = world.check(healthgate, host, "nginx").await;
///     world.runner.answer(check.id, Answer::new(ReasonCode::ServiceUnhealthy));
///     let request = fixtures::request(1, host, TimeDelta::hours(1));
///     let admission = healthgate.gate().admit(request).await.expect("a store in memory");
///     assert!(matches!(admission, Admission::Held(_)));
/// });
/// ```
#[derive(Debug)]
pub struct World {
    /// The clock of the whole world. It moves by itself when no task can make progress.
    pub clock: ManualClock,
    /// The store.
    pub store: MemoryStore,
    /// The hosts.
    pub hosts: Arc<StaticDirectory>,
    /// The answers of checks. By default, checks are healthy after 10 ms.
    pub runner: Arc<ScriptedRunner>,
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    /// Creates a world without hosts, at [`fixtures::start`].
    #[must_use]
    pub fn new() -> Self {
        let clock = fixtures::clock();
        let runner = ScriptedRunner::new(Arc::new(clock.clone()));
        let store = MemoryStore::new(Arc::new(clock.clone()));
        Self { clock, store, hosts: Arc::default(), runner: Arc::new(runner) }
    }

    /// Adds the host with this number, with an agent, and returns its id.
    pub fn host(&self, number: u16) -> HostId {
        let host = fixtures::host(number.into());
        self.hosts.insert(host, Some(fixtures::agent(number)), &[]);
        host
    }

    /// Adds a service check of this name to a host.
    ///
    /// # Panics
    /// Panics if the name is not a valid name of a unit, or if the host has the maximum number of checks.
    pub async fn check(&self, healthgate: &Healthgate, host: HostId, name: &str) -> HealthCheck {
        let check = NewCheck::service(name, name).build().expect("the name of a unit");
        let created = healthgate.checks().create(&Actor::system(), host, check).await;
        created.expect("a check of a host in memory")
    }

    /// Returns a builder of a [`Healthgate`] in this world. First attempts are not spread, because gate ids are
    /// random.
    pub fn builder(&self) -> HealthgateBuilder {
        let policy = Policy { spread: Duration::ZERO, ..Policy::default() };
        Healthgate::builder(Arc::new(self.store.clone()), self.hosts.clone())
            .clock(Arc::new(self.clock.clone()))
            .runner(self.runner.clone())
            .policy(policy)
    }

    /// Runs a story while poller and gates run, with the defaults of [`builder`](Self::builder).
    ///
    /// # Panics
    /// Panics if the story waits for something that never happens.
    pub fn play<T>(&self, story: impl AsyncFnOnce(&Healthgate) -> T) -> T {
        self.play_on(self.builder(), story)
    }

    /// Runs a story while the poller and gates of this builder run.
    ///
    /// # Panics
    /// Panics if the builder's settings are invalid, or if the story waits for something that never happens.
    pub fn play_on<T>(
        &self,
        builder: HealthgateBuilder,
        story: impl AsyncFnOnce(&Healthgate) -> T,
    ) -> T {
        self.clock.drive(async {
            let healthgate = builder.build().await.expect("figures that agree");
            healthgate.run_while(story(&healthgate)).await
        })
    }
}
