//! The builder of a [`Healthgate`].

use std::sync::Arc;

use thiserror::Error;

use super::{Healthgate, connections::Connections, policy::Policy, timing::Timing};
use crate::{
    ConfigError,
    checks::{
        Capacity, CheckManager, HostRunner, ManageError, ObserverProbe, Poller, RegisteredKeys,
        register_keys,
    },
    clock::{Clock, SystemClock},
    crypto::{KeyRing, OpenCause},
    directory::HostDirectory,
    gate::{
        AllowOverrides, ConditionSource, Gate, GateRunner, HealthSource, OverrideRights,
        RequestedWindows, StoredChecks, WindowSource, WithConditions,
    },
    model::Actor,
    store::{Store, StoreError},
};

/// Builds a [`Healthgate`]. [`Healthgate::builder`] creates it, and every setting has a default.
#[derive(Debug)]
#[must_use = "call `build`"]
pub struct HealthgateBuilder {
    store: Arc<dyn Store>,
    hosts: Arc<dyn HostDirectory>,
    pub(super) connections: Connections,
    runner: Option<Arc<dyn HostRunner>>,
    keys: Option<Arc<KeyRing>>,
    source: Option<Arc<dyn HealthSource>>,
    conditions: Vec<Arc<dyn ConditionSource>>,
    windows: Arc<dyn WindowSource>,
    rights: Arc<dyn OverrideRights>,
    probe: Option<Arc<dyn ObserverProbe>>,
    clock: Arc<dyn Clock>,
    capacity: Capacity,
    policy: Policy,
    timing: Timing,
    check_limit: u32,
}

impl HealthgateBuilder {
    /// The default number of checks in flight.
    const CAPACITY: usize = 512;

    pub(super) fn new(store: Arc<dyn Store>, hosts: Arc<dyn HostDirectory>) -> Self {
        Self {
            store,
            hosts,
            connections: Connections::default(),
            runner: None,
            keys: None,
            source: None,
            conditions: Vec::new(),
            windows: Arc::new(RequestedWindows),
            rights: Arc::new(AllowOverrides),
            probe: None,
            clock: Arc::new(SystemClock),
            capacity: Capacity::new(Self::CAPACITY),
            policy: Policy::default(),
            timing: Timing::default(),
            check_limit: CheckManager::DEFAULT_LIMIT,
        }
    }

    /// Seals and opens passwords with these keys. Without keys, checks with a password are refused.
    pub fn keys(self, keys: impl Into<Arc<KeyRing>>) -> Self {
        Self { keys: Some(keys.into()), ..self }
    }

    /// Asks the application for the windows of its jobs. By default a gate keeps the window that it was
    /// opened with.
    pub fn windows(self, windows: Arc<dyn WindowSource>) -> Self {
        Self { windows, ..self }
    }

    /// Adds a source of application conditions, which block gates like failing checks. Call it once for
    /// each source; all of them apply.
    pub fn conditions(mut self, conditions: Arc<dyn ConditionSource>) -> Self {
        self.conditions.push(conditions);
        self
    }

    /// Makes gates ask this source instead of the stored checks. This process then polls nothing.
    pub fn health_source(self, source: Arc<dyn HealthSource>) -> Self {
        Self { source: Some(source), ..self }
    }

    /// Runs checks with this runner instead of the library's own.
    pub fn runner(self, runner: Arc<dyn HostRunner>) -> Self {
        Self { runner: Some(runner), ..self }
    }

    /// Asks whether the author of an override still has the right to give it (G26). By default every
    /// override counts until it expires.
    pub fn override_rights(self, rights: Arc<dyn OverrideRights>) -> Self {
        Self { rights, ..self }
    }

    /// Asks the application whether this machine's network works. The poller asks before it attributes
    /// unreachable hosts to a fault of this machine.
    pub fn probe(self, probe: Arc<dyn ObserverProbe>) -> Self {
        Self { probe: Some(probe), ..self }
    }

    /// Sets the policy of the gates.
    pub fn policy(self, policy: Policy) -> Self {
        Self { policy, ..self }
    }

    /// Sets the times of the poller, the gates and the tests of checks.
    pub fn timing(self, timing: Timing) -> Self {
        Self { timing, ..self }
    }

    /// Sets the maximum number of checks in flight, which poller and gates share (H15). The default is 512.
    /// Gates may use three quarters of it.
    pub fn capacity(self, capacity: Capacity) -> Self {
        Self { capacity, ..self }
    }

    /// Sets the maximum number of checks of a host. The default is 5.
    pub fn check_limit(self, check_limit: u32) -> Self {
        Self { check_limit, ..self }
    }

    /// Sets the clock. A store that takes a clock must have the same one. The default is the system's clock.
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Validates all settings, reads the installation's id, registers the keys, and puts the parts together.
    /// The call may be repeated, and the future may be dropped at any time.
    ///
    /// # Errors
    /// [`BuildError::Config`] if a setting is out of bounds or contradicts another one; `build` then read
    /// nothing. The other errors name what is missing or cannot be reached.
    pub async fn build(self) -> Result<Healthgate, BuildError> {
        let Self { store, hosts, clock, capacity, windows, timing, .. } = self;
        let policy = timing.policy(self.policy);
        timing.validate()?;
        policy.validate()?;
        let places = capacity.in_use().total > 0;
        let theirs = self.source.as_ref().and_then(|source| source.check_timeout());
        let same = theirs.is_none_or(|theirs| theirs == timing.timeout);
        ConfigError::first_broken([
            ("capacity", places, "at least 1"),
            ("timeout", same, "the same as that of the source of health"),
        ])?;
        let install = store.install_id().await?;
        let polls = self.source.is_none();
        let keys = match self.keys {
            Some(ring) => register_keys(store.as_ref(), ring, &Actor::system()).await?,
            None if polls && !store.canaries().await?.is_empty() => {
                return Err(BuildError::KeysMissing);
            }
            None => RegisteredKeys::missing(OpenCause::KeyMissing),
        };
        let runner = match self.runner {
            Some(runner) => runner,
            None => self.connections.runner(keys.sealer(), install, polls)?,
        };
        let health = self.source.unwrap_or_else(|| {
            let (store, runner) = (store.clone(), runner.clone());
            Arc::new(StoredChecks::new(store, runner, hosts.clone(), timing.timeout))
        });
        let health = self
            .conditions
            .into_iter()
            .fold(health, |health, conditions| Arc::new(WithConditions::new(health, conditions)));
        let gates = GateRunner::new(
            store.clone(),
            health.clone(),
            windows.clone(),
            clock.clone(),
            policy.clone(),
            timing.gates(),
        )?
        .with_capacity(capacity.clone())
        .with_override_rights(self.rights.clone());
        let gate = Gate::new(store.clone(), health, windows, clock.clone(), policy)?
            .with_override_rights(self.rights)
            .with_poll_interval(timing.tick)
            .with_nudge(gates.nudge_handle());
        let mut checks = CheckManager::new(store.clone(), keys, hosts.clone(), runner.clone())
            .with_check_limit(self.check_limit)
            .with_test_timeout(timing.timeout);
        let config = timing.poller();
        let stale_after = config.stale_after();
        let mut poller = None;
        if polls {
            let parts = (store.clone(), hosts.clone(), clock.clone());
            let mut one =
                Poller::new(parts.0, runner, parts.1, parts.2, config)?.with_capacity(capacity);
            if let Some(probe) = self.probe {
                one = one.with_probe(probe);
            }
            checks = checks.with_nudge(one.nudge_handle());
            poller = Some(one);
        }
        Ok(Healthgate { store, hosts, clock, checks, gate, gates, poller, stale_after })
    }
}

/// The reason why a [`Healthgate`] cannot be built.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A setting is out of bounds or contradicts another one.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The installation has sealed passwords, but the builder was given no keys.
    #[error("the store holds sealed passwords, but no keys were given: pass their keys")]
    KeysMissing,
    /// The keys cannot be registered: they belong to another installation, or the store failed.
    #[error("the keys cannot be used with this installation")]
    Keys(#[from] ManageError),
    /// The HTTP client cannot be built.
    #[error("the HTTP client cannot be built")]
    Http(#[source] Box<dyn std::error::Error + Send + Sync>),
}
