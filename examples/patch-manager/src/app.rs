//! The assembled parts of the application.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    str::FromStr as _,
    sync::Arc,
    time::Duration,
};

use healthgate::{
    checks::{
        CertificateFiles, CheckManager, CheckRunner, DeniedDestination, DestinationPolicy,
        HttpClient, HttpClientConfig, MutualTlsAgents, Nudge, RegisteredKeys,
    },
    clock::{Clock, SystemClock},
    directory::HostDirectory,
    gate::{Freezes, Gate, GatePolicy, HealthSource, StoredChecks, WindowSource, WithConditions},
    model::{AvailabilityGroup, WorkerId},
    store::{Store, postgres::PgStore, sqlite::SqliteStore},
};
use sqlx::postgres::PgConnectOptions;
use tokio::{net::lookup_host, sync::Notify};
use tracing::warn;

use crate::{
    config::{Config, ConfiguredFreeze, ConfiguredGroup, DatabaseAddress, WorkerFigures},
    database::{self, Database},
    directory::Directory,
    error::Failure,
    hook::JobHook,
    keys,
    sources::{Administrators, GroupFreezes, JobWindows, Pauses},
};

/// The parts that web and worker share. A clone is another handle to the same parts.
#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) database: Database,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) workers: ForWorkers,
    pub(crate) keys: RegisteredKeys,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) runner: Arc<CheckRunner>,
    pub(crate) health: Arc<dyn HealthSource>,
    pub(crate) windows: Arc<dyn WindowSource>,
    pub(crate) policy: GatePolicy,
    gate: Gate,
    pub(crate) figures: WorkerFigures,
    /// The configured freezes.
    pub(crate) freezes: Arc<[ConfiguredFreeze]>,
    /// The configured groups.
    pub(crate) groups: Arc<[ConfiguredGroup]>,
    /// This process's worker id, as the owner of the patches it runs.
    pub(crate) worker: WorkerId,
    /// Wakes the job executor of this process.
    pub(crate) job_wake: Arc<Notify>,
}

/// What a start does with the store's schema.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Schema {
    /// Migrates it.
    Migrate,
    /// Requires it to be current.
    Leave,
}

/// The open database, and the library's store in it.
pub(crate) struct Opened {
    pub(crate) database: Database,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) workers: ForWorkers,
    pub(crate) worker: WorkerId,
}

/// The connections that workers use.
#[derive(Clone, Debug)]
pub(crate) struct ForWorkers {
    pub(crate) database: Database,
    pub(crate) store: Arc<dyn Store>,
}

/// Opens the database, and migrates its schema if requested.
///
/// # Errors
/// Fails if the database cannot be opened, or its schema does not match this version.
pub(crate) async fn open(address: &DatabaseAddress, schema: Schema) -> Result<Opened, Failure> {
    let database = Database::connect(address, schema == Schema::Migrate).await?;
    if schema == Schema::Migrate {
        // The library's checks refer to the application's hosts, so these come first.
        database::migrate(&database).await?;
    } else if !database::is_current(&database).await? {
        return Err(Failure::Schema);
    }
    let worker = WorkerId::generate();
    let hook = Arc::new(JobHook::new(worker));
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| Failure::Migrate(error);
    let of_workers = database.for_workers();
    let store = |database: &Database| -> Arc<dyn Store> {
        match database {
            Database::Sqlite(pools) => {
                let store = SqliteStore::from_pools(pools.writer.clone(), pools.readers.clone());
                Arc::new(store.with_hook(hook.clone()))
            }
            Database::Postgres(pool) => {
                Arc::new(PgStore::new(pool.clone()).with_hook(hook.clone()))
            }
        }
    };
    if schema == Schema::Migrate {
        let migrated = match &database {
            Database::Sqlite(pools) => {
                let store = SqliteStore::from_pools(pools.writer.clone(), pools.readers.clone());
                store.migrate().await.map_err(Into::into)
            }
            Database::Postgres(pool) => {
                PgStore::new(pool.clone()).migrate().await.map(drop).map_err(Into::into)
            }
        };
        migrated.map_err(failed)?;
    }
    let workers = ForWorkers { store: store(&of_workers), database: of_workers };
    let store = match &database {
        // The process has one writer.
        Database::Sqlite(_) => workers.store.clone(),
        Database::Postgres(_) => store(&database),
    };
    Ok(Opened { database, store, workers, worker })
}

/// Creates the transport to agents.
///
/// # Errors
/// Fails if certificates are unreadable or do not match, or if a private key is open to others.
pub(crate) fn agents(config: &Config) -> Result<MutualTlsAgents, Failure> {
    let files = &config.agents;
    private_key(&files.key)?;
    let certificates = CertificateFiles {
        authority: files.authority.clone(),
        certificate: files.certificate.clone(),
        key: files.key.clone(),
    };
    Ok(match &files.revocations {
        None => MutualTlsAgents::from_files(certificates)?,
        Some(lists) => MutualTlsAgents::from_files_with_revocations(certificates, lists.clone())?,
    })
}

/// Refuses a private key that others can read or write, because it opens every agent (F188).
fn private_key(path: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt as _;
    // If it cannot be inspected, reading it reports why.
    let Ok(found) = std::fs::metadata(path) else { return Ok(()) };
    let mode = found.permissions().mode() & 0o777;
    if mode & 0o007 != 0 {
        return Err(Failure::KeyOpenToOthers { path: path.to_owned(), mode });
    }
    Ok(())
}

/// The manager's own addresses, which checks never target: its listeners and its database.
#[derive(Clone, Debug, Default)]
pub(crate) struct OwnDestinations {
    denied: Vec<DeniedDestination>,
    local_ports: Vec<u16>,
}

impl OwnDestinations {
    /// Finds the destinations of a process with these listeners. Resolves the database's host name now.
    pub(crate) async fn find(config: &Config, listening: &[SocketAddr]) -> Self {
        let mut own = Self::default();
        for address in listening {
            // Any listening address counts, because a proxy in front of it may forward external requests.
            own.local_ports.push(address.port());
            own.deny(*address);
        }
        let DatabaseAddress::Postgres(url) = &config.database else { return own };
        let Ok(options) = PgConnectOptions::from_str(url) else { return own };
        let (host, port) = (options.get_host(), options.get_port());
        let is_socket = options.get_socket().is_some() || host.starts_with('/');
        let addresses: Vec<SocketAddr> = match is_socket {
            true => vec![(Ipv4Addr::LOCALHOST, port).into()],
            false => match lookup_host((host.trim_matches(['[', ']']), port)).await {
                Ok(addresses) => addresses.collect(),
                Err(error) => {
                    warn!(%error, "the database's host has no address now: checks could reach it");
                    Vec::new()
                }
            },
        };
        for address in addresses {
            if address.ip().is_loopback() {
                own.local_ports.push(port);
            }
            own.deny(address);
        }
        own
    }

    fn deny(&mut self, address: SocketAddr) {
        let (network, port) = (address.ip().into(), Some(address.port()));
        self.denied.push(DeniedDestination { network, port });
    }
}

/// Creates the client for HTTP checks. It never contacts the manager's own addresses.
///
/// # Errors
/// Fails if an extra authority cannot be read.
pub(crate) fn http_client(config: &Config, own: OwnDestinations) -> Result<HttpClient, Failure> {
    let extra_authorities = match &config.extra_ca {
        None => None,
        Some(path) => Some(
            std::fs::read(path)
                .map_err(|source| Failure::ExtraCa { path: path.clone(), source })?,
        ),
    };
    let destinations = DestinationPolicy {
        allowed: config.allowed_destinations.clone(),
        also_denied: own.denied,
        only: config.only_destinations.clone(),
        local_ports: own.local_ports,
        ..DestinationPolicy::default()
    };
    let config =
        HttpClientConfig { destinations, extra_authorities, ..HttpClientConfig::default() };
    Ok(HttpClient::new(config)?)
}

impl App {
    /// Creates the application over an open database.
    ///
    /// # Errors
    /// Fails if a key is unusable, or the store cannot be read.
    pub(crate) async fn new(
        config: &Config,
        opened: Opened,
        agents: MutualTlsAgents,
        http: HttpClient,
    ) -> Result<Self, Failure> {
        let Opened { database, store, workers, worker } = opened;
        let keys = keys::load(&config.key_file, &store).await?;
        let figures = config.worker.clone();
        let directory = Arc::new(Directory::new(database.clone()));
        let install = store.install_id().await?;
        let runner = Arc::new(CheckRunner::new(Arc::new(agents), http, keys.sealer(), install));
        let checks = StoredChecks::new(
            store.clone(),
            runner.clone(),
            directory.clone(),
            figures.check_timeout,
        );
        let pauses = Arc::new(Pauses::new(database.clone()));
        let freezes: Arc<[ConfiguredFreeze]> = config.freezes.clone().into();
        let frozen = Arc::new(GroupFreezes::new(database.clone(), freezes.clone()));
        let frozen = Arc::new(Freezes::new(frozen, store.clone()));
        let policy = GatePolicy {
            retry: figures.gate_retry,
            timeout: figures.check_timeout,
            max_age: figures.poll_interval + figures.check_timeout,
            closing_margin: figures.closing_margin,
            // A tenth of the retry interval, so that it stays small against short intervals. 30 s by
            // default.
            spread: figures.gate_retry / 10,
            ..GatePolicy::default()
        };
        let health = Arc::new(WithConditions::new(Arc::new(checks), pauses));
        let health: Arc<dyn HealthSource> = Arc::new(WithConditions::new(health, frozen));
        let windows: Arc<dyn WindowSource> =
            Arc::new(JobWindows::new(database.clone(), store.clone()));
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let gate = Gate::new(
            store.clone(),
            health.clone(),
            windows.clone(),
            clock.clone(),
            policy.clone(),
        )?
        .with_override_rights(Arc::new(Administrators::new(database.clone())));
        Ok(Self {
            health,
            windows,
            clock,
            gate,
            job_wake: Arc::default(),
            database,
            store,
            workers,
            keys,
            directory,
            runner,
            policy,
            figures,
            freezes,
            groups: config.inventory.groups.clone().into(),
            worker,
        })
    }

    /// Sets the configured limits of unavailable members of each group. The database knows the members.
    ///
    /// # Errors
    /// Fails if the database or the store fails.
    pub(crate) async fn limit_groups(&self) -> Result<(), Failure> {
        let mut members = self.database.members_of_groups().await?;
        let limited = self.groups.iter().filter_map(|group| {
            Some(AvailabilityGroup {
                name: group.name.clone(),
                max_unavailable: group.max_unavailable?,
                stale_after: self.stale_after(),
                members: members.remove(&group.name).unwrap_or_default(),
            })
        });
        Ok(self.gate.set_groups(limited.collect()).await?)
    }

    /// Returns a handle to gates.
    pub(crate) fn gate(&self) -> Gate {
        self.gate.clone()
    }

    /// Returns the manager of checks. `poller` wakes the poller of this process, if there is one.
    pub(crate) fn checks(&self, keys: RegisteredKeys, poller: Option<Nudge>) -> CheckManager {
        let directory: Arc<dyn HostDirectory> = self.directory.clone();
        let checks = CheckManager::new(self.store.clone(), keys, directory, self.runner.clone())
            .with_test_timeout(self.figures.check_timeout);
        match poller {
            Some(nudge) => checks.with_nudge(nudge),
            None => checks,
        }
    }

    /// Returns the age after which a result no longer counts.
    pub(crate) fn stale_after(&self) -> Duration {
        self.figures.poll_interval * 2
    }
}
