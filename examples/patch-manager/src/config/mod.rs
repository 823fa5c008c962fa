//! The configuration: read from TOML, with every value validated and every path resolved.

mod error;
mod file;
mod freezes;
mod groups;
mod inventory;

use std::{
    fmt, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use healthgate::model::VerifyPolicy;
use ipnet::IpNet;

#[cfg(feature = "demo")]
pub(crate) use self::inventory::{ConfiguredHost, ConfiguredUser};
pub(crate) use self::{
    error::ConfigError, freezes::ConfiguredFreeze, groups::ConfiguredGroup, inventory::Inventory,
};
use self::{
    error::Problem,
    file::File,
    freezes::freezes,
    groups::groups,
    inventory::{inventory, token_hash},
};

/// A valid configuration. Whether files are readable and databases reachable shows when they are opened.
#[derive(Debug)]
pub(crate) struct Config {
    /// The address of the web process.
    pub(crate) listen: SocketAddr,
    /// The database.
    pub(crate) database: DatabaseAddress,
    /// The key that seals passwords.
    pub(crate) key_file: PathBuf,
    /// The certificates for the links to agents.
    pub(crate) agents: AgentFiles,
    /// The worker's settings.
    pub(crate) worker: WorkerFigures,
    /// Networks that HTTP checks may contact despite the rules.
    pub(crate) allowed_destinations: Vec<IpNet>,
    /// If set, the only networks that HTTP checks may contact.
    pub(crate) only_destinations: Option<Vec<IpNet>>,
    /// Authorities that strict HTTP checks trust in addition to the system's.
    pub(crate) extra_ca: Option<PathBuf>,
    /// The rate limits of manual tests.
    pub(crate) tests: TestLimits,
    /// Proxies that many clients share. The limit of connections per address does not apply to them.
    pub(crate) proxies: Vec<IpNet>,
    /// Where health and metrics are served, and to whom.
    pub(crate) monitoring: Monitoring,
    /// The freezes.
    pub(crate) freezes: Vec<ConfiguredFreeze>,
    /// The inventory that a start stores in the database.
    pub(crate) inventory: Inventory,
}

/// Where a process serves `/readyz` and `/metrics`, and to whom.
#[derive(Clone, Debug, Default)]
pub(crate) struct Monitoring {
    /// A separate listener. `None` serves them with everything else.
    pub(crate) listen: Option<SocketAddr>,
    /// The SHA-256 of their bearer token. `None` serves them without a token.
    pub(crate) token_sha256: Option<String>,
}

/// The address of the database.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum DatabaseAddress {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A Postgres database as a URL, which may contain a password.
    Postgres(String),
}

impl fmt::Debug for DatabaseAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(formatter, "Sqlite({})", path.display()),
            Self::Postgres(_) => formatter.write_str("Postgres(..)"),
        }
    }
}

/// PEM files for the connections to agents.
#[derive(Clone, Debug)]
pub(crate) struct AgentFiles {
    pub(crate) authority: PathBuf,
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) revocations: Option<PathBuf>,
}

/// The worker's settings.
#[derive(Clone, Debug)]
pub(crate) struct WorkerFigures {
    pub(crate) poll_interval: Duration,
    pub(crate) check_timeout: Duration,
    pub(crate) retention: Duration,
    /// `None` keeps them forever.
    pub(crate) gate_retention: Option<Duration>,
    /// `None` keeps them forever.
    pub(crate) audit_retention: Option<Duration>,
    pub(crate) gate_retry: Duration,
    pub(crate) max_concurrent_checks: usize,
    pub(crate) closing_margin: Duration,
    pub(crate) immediate_max_wait: Duration,
    /// How long a host is verified after its patch, unless its job says otherwise.
    pub(crate) verify: VerifyPolicy,
    /// Where a worker without a web process serves health and metrics.
    pub(crate) metrics_listen: Option<SocketAddr>,
}

/// The rate limits of manual tests per minute. 0 switches a limit off.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TestLimits {
    pub(crate) per_user: u32,
    pub(crate) per_host: u32,
}

impl Config {
    /// Reads a configuration.
    ///
    /// # Errors
    /// Returns the first error, with the file and, if known, the line.
    pub(crate) fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        warn_if_open(path);
        Self::parse(path, &text)
    }

    /// Reads the text of a configuration, whose paths begin at the folder of `path`.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let file: File = toml::from_str(text).map_err(|error| ConfigError::Syntax {
            path: path.to_owned(),
            line: error.span().map_or(1, |span| line_of(text, span.start)),
            message: error.message().lines().collect::<Vec<_>>().join(" "),
        })?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        Self::build(file, folder)
            .map_err(|problem| ConfigError::Value { path: path.to_owned(), problem })
    }

    fn build(file: File, folder: &Path) -> Result<Self, Problem> {
        let (security, worker) = (file.security, file.worker);
        let at = |path: PathBuf| folder.join(path);
        let given = |path: PathBuf| (!path.as_os_str().is_empty()).then(|| at(path));
        let seconds = |key, value: u64, least| {
            if value < least { Err(Problem::TooSmall { key, least }) } else { Ok(secs(value)) }
        };
        let days = |days: u64| (days > 0).then(|| secs(days.saturating_mul(24 * 3600)));
        if !(1..=60).contains(&worker.health_check_timeout_secs) {
            return Err(Problem::Timeout);
        }
        let listener = |key, text: &str| match text {
            "" => Ok(None),
            text => address(key, text).map(Some),
        };
        let metrics_listen = listener("worker.metrics_listen", &worker.metrics_listen)?;
        let monitoring = Monitoring {
            listen: listener("monitoring.listen", &file.monitoring.listen)?,
            token_sha256: token_hash(&file.monitoring.token_sha256)
                .map_err(|()| Problem::MonitoringToken)?,
        };
        if metrics_listen.is_some() && monitoring.listen.is_some() {
            return Err(Problem::MonitoringTwice);
        }
        let figures = WorkerFigures {
            poll_interval: seconds(
                "worker.health_check_poll_interval_secs",
                worker.health_check_poll_interval_secs,
                1,
            )?,
            check_timeout: secs(worker.health_check_timeout_secs),
            retention: seconds(
                "worker.health_check_retention_days",
                worker.health_check_retention_days,
                1,
            )?
            .saturating_mul(24 * 3600),
            gate_retention: days(worker.gate_retention_days),
            audit_retention: days(worker.audit_retention_days),
            gate_retry: seconds(
                "worker.gate_retry_interval_secs",
                worker.gate_retry_interval_secs,
                1,
            )?,
            max_concurrent_checks: usize::try_from(worker.max_concurrent_checks)
                .ok()
                .filter(|count| *count > 0)
                .ok_or(Problem::TooSmall { key: "worker.max_concurrent_checks", least: 1 })?,
            closing_margin: secs(worker.closing_margin_secs),
            immediate_max_wait: seconds(
                "worker.immediate_max_wait_secs",
                worker.immediate_max_wait_secs,
                1,
            )?,
            verify: VerifyPolicy {
                settle: secs(worker.verify_settle_secs),
                soak: secs(worker.verify_soak_secs),
                deadline: secs(worker.verify_deadline_secs),
            },
            metrics_listen,
        };
        figures.verify.validate().map_err(Problem::Verification)?;
        if figures.immediate_max_wait > secs(7 * 24 * 3600) {
            return Err(Problem::ImmediateWait);
        }
        if figures.retention < figures.poll_interval {
            return Err(Problem::Retention);
        }
        let networks = |key, texts: Vec<String>| {
            let network = |text: String| text.parse().map_err(|_| Problem::Network { key, text });
            texts.into_iter().map(network).collect::<Result<Vec<IpNet>, _>>()
        };
        let groups = groups(file.groups)?;
        let names: Vec<String> = groups.iter().map(|group| group.name.clone()).collect();
        let freezes = freezes(file.freezes, &names)?;
        let http_checks = file.http_checks;
        let only = networks("http_checks.only_destinations", http_checks.only_destinations)?;
        Ok(Self {
            listen: address("listen", &file.listen)?,
            database: database(&file.database_url, folder)?,
            key_file: at(security.health_check_key),
            agents: AgentFiles {
                authority: at(security.agent_ca),
                certificate: at(security.agent_client_cert),
                key: at(security.agent_client_key),
                revocations: given(security.agent_crl),
            },
            worker: figures,
            allowed_destinations: networks(
                "http_checks.allowed_destinations",
                http_checks.allowed_destinations,
            )?,
            only_destinations: Some(only).filter(|only| !only.is_empty()),
            extra_ca: given(http_checks.extra_ca),
            tests: TestLimits {
                per_user: file.api.tests_per_minute_per_user,
                per_host: file.api.tests_per_minute_per_host,
            },
            proxies: networks("api.proxies", file.api.proxies)?,
            monitoring,
            freezes,
            inventory: inventory(groups, file.users, file.hosts)?,
        })
    }
}

/// Warns about open permissions, because a configuration can contain the database's password.
fn warn_if_open(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(path).map_or(0, |found| found.permissions().mode() & 0o777);
    if mode & 0o007 != 0 {
        let shown = path.display();
        tracing::warn!(
            "the configuration {shown} is open to others (mode {mode:03o}): `chmod 640 {shown}`"
        );
    }
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

fn address(key: &'static str, text: &str) -> Result<SocketAddr, Problem> {
    text.parse().map_err(|_| Problem::Address { key, text: text.to_owned() })
}

/// The parameters of a Postgres URL that the driver knows. It logs any other parameter with its value,
/// which can be a password (F184).
const DATABASE_PARAMETERS: [&str; 18] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-mode",
    "ssl-root-cert",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "user",
];

fn known_parameters(url: &str) -> Result<(), Problem> {
    // An invalid URL is refused on connection.
    let Ok(url) = url::Url::parse(url) else { return Ok(()) };
    for (name, _) in url.query_pairs() {
        let option = name.strip_prefix("options[").is_some_and(|rest| rest.ends_with(']'));
        if option || DATABASE_PARAMETERS.contains(&&*name) {
            continue;
        }
        // Something that may be a value is not shown either.
        let plain =
            name.len() <= 30 && name.chars().all(|c| c.is_ascii_lowercase() || "_-".contains(c));
        let name = if plain { format!("`{name}`") } else { "whose name is not shown".to_owned() };
        return Err(Problem::DatabaseParameter { name });
    }
    Ok(())
}

fn database(url: &str, folder: &Path) -> Result<DatabaseAddress, Problem> {
    if let Some(path) = url.strip_prefix("sqlite:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() || path.contains(['?', '#']) || path == ":memory:" {
            return Err(Problem::Sqlite);
        }
        return Ok(DatabaseAddress::Sqlite(folder.join(path)));
    }
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        known_parameters(url)?;
        return Ok(DatabaseAddress::Postgres(url.to_owned()));
    }
    Err(Problem::DatabaseScheme)
}
