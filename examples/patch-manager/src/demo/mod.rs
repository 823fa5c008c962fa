//! The demo: the whole application on a simulated fleet with SQLite, started by one command.

mod control;
mod fleet;
mod past;
mod story;

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_trait::async_trait;
use healthgate::model::{HostId, JobId, PassId, Role, VerifyPolicy};

use self::{
    control::DemoControl,
    fleet::{Behaviour, Fleet},
};
use crate::{
    app::{self, App, OwnDestinations, Schema},
    cli::DemoOptions,
    config::{
        AgentFiles, Config, ConfiguredGroup, ConfiguredUser, DatabaseAddress, Inventory,
        Monitoring, TestLimits, WorkerFigures,
    },
    database,
    error::Failure,
    process::{Process, listen, stop_signal},
    telemetry,
    worker::{Patcher, SimulatedPatcher, Worker},
};

/// The users of the demo: name, role, and groups.
const USERS: [(&str, Role, &[&str]); 3] = [
    ("ada", Role::Admin, &[]),
    ("oscar", Role::Operator, &["web", "db", "cache"]),
    ("rita", Role::Reporter, &["web"]),
];

/// The duration of a patch.
const PATCH_TAKES: Duration = Duration::from_secs(4);

/// Runs the demo until it is stopped.
///
/// # Errors
/// Fails if the demo cannot start, or its listener fails.
pub(crate) async fn run(options: DemoOptions) -> Result<(), Failure> {
    let address = options.listen;
    if !address.ip().is_loopback() && !options.expose_demo {
        return Err(Failure::Exposed { address });
    }
    let stop = stop_signal()?;
    let listener = listen(options.listen).await?;
    let fleet = Arc::new(Fleet::start(options.hosts).await.map_err(Failure::Fleet)?);
    let folder = Folder::new(options.data_dir.as_deref())?;
    let users = users()?;
    let config = config(&options, folder.path(), &fleet, &users)?;
    let listening: Vec<_> = listener.local_addr().into_iter().collect();
    let agents = app::agents(&config)?;
    let own = OwnDestinations::find(&config, &listening).await;
    let http = app::http_client(&config, own)?;
    let opened = app::open(&config.database, Schema::Migrate).await?;
    database::lay_in(&opened.database, config.inventory.clone()).await?;
    let app = App::new(&config, opened, agents, http).await?;
    app.limit_groups().await?;
    let metrics = telemetry::collect_metrics()?;
    let patcher = Arc::new(SimulatedPatcher::new(PATCH_TAKES));
    story::furnish(&app, &fleet, options.open_window).await?;
    past::remember(&app.database).await?;
    let bad_rollout = Arc::new(OnceLock::new());
    let breaking = BreakingPatcher {
        patcher: patcher.clone(),
        fleet: fleet.clone(),
        bad_rollout: bad_rollout.clone(),
    };
    let worker = Worker::new(&app, Arc::new(breaking))?;
    greet(&users, &listening);
    let control = Arc::new(DemoControl::new(
        users.iter().map(|user| (user.name, user.role, user.token.clone())).collect(),
        fleet.clone(),
        patcher,
    ));
    let process = Process {
        listener: Some(listener),
        worker: Some(worker),
        with_site: true,
        tests: config.tests,
        proxies: config.proxies,
        monitor: None,
        monitoring_token: None,
        metrics,
        extra: Some(control::routes(control)),
    };
    let (telling, flapping) = (story::tell(app.clone(), fleet.clone(), bad_rollout), fleet.clone());
    let extras = tokio::spawn(async move { tokio::join!(telling, flapping.flap()) });
    let ended = process.run(app, stop).await;
    extras.abort();
    folder.remove();
    ended
}

/// Patches like the simulation, except that one host's database does not come back after its patch, and
/// that one job's patch fails on every host.
struct BreakingPatcher {
    patcher: Arc<SimulatedPatcher>,
    fleet: Arc<Fleet>,
    bad_rollout: Arc<OnceLock<JobId>>,
}

impl std::fmt::Debug for BreakingPatcher {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("BreakingPatcher")
    }
}

#[async_trait]
impl Patcher for BreakingPatcher {
    async fn patch(&self, job: JobId, host: HostId, pass: Option<PassId>) -> Result<(), String> {
        self.patcher.patch(job, host, pass).await?;
        if self.bad_rollout.get() == Some(&job) {
            return Err("the new kernel does not boot: the host runs the old one".to_owned());
        }
        let broken = self.fleet.hosts().get(story::BROKEN_BY_ITS_PATCH);
        if let Some(broken) = broken.filter(|broken| broken.id == host) {
            self.fleet.set_service(broken, "postgresql", Behaviour::Failed);
        }
        Ok(())
    }
}

/// A user of the demo with a token that is new after every start.
struct DemoUser {
    name: &'static str,
    role: Role,
    groups: &'static [&'static str],
    token: String,
}

fn users() -> Result<Vec<DemoUser>, Failure> {
    let user = |(name, role, groups): (&'static str, Role, &'static [&'static str])| {
        Ok(DemoUser {
            name,
            role,
            groups,
            token: database::new_token().map_err(Failure::Randomness)?,
        })
    };
    USERS.into_iter().map(user).collect()
}

/// Returns a configuration with short intervals, so that everything shows within a minute.
fn config(
    options: &DemoOptions,
    folder: &Path,
    fleet: &Fleet,
    users: &[DemoUser],
) -> Result<Config, Failure> {
    let manager = fleet.authority().issue_client("patch-manager");
    let write = |name: &str, text: &str| -> Result<PathBuf, Failure> {
        let path = folder.join(name);
        write_private(&path, text)
            .map_err(|source| Failure::Io { what: "the demo's files cannot be written", source })?;
        Ok(path)
    };
    let inventory = Inventory {
        groups: ["web", "db", "cache", "edge", "batch"].map(ConfiguredGroup::new).to_vec(),
        users: users
            .iter()
            .map(|user| ConfiguredUser {
                name: user.name.to_owned(),
                role: user.role,
                groups: user.groups.iter().map(|group| (*group).to_owned()).collect(),
                token_sha256: Some(database::token_hash(&user.token)),
            })
            .collect(),
        hosts: fleet.hosts().iter().filter_map(fleet::FleetHost::configured).collect(),
    };
    Ok(Config {
        listen: options.listen,
        database: DatabaseAddress::Sqlite(folder.join("demo.db")),
        key_file: folder.join("keys/health-check.key"),
        agents: AgentFiles {
            authority: write("ca.pem", fleet.authority().ca_pem())?,
            certificate: write("client.pem", &manager.cert_pem)?,
            key: write("client.key", &manager.key_pem)?,
            revocations: None,
        },
        worker: WorkerFigures {
            poll_interval: Duration::from_secs(10),
            check_timeout: Duration::from_secs(2),
            retention: Duration::from_secs(4 * 24 * 3600),
            gate_retention: Some(Duration::from_secs(90 * 24 * 3600)),
            audit_retention: Some(Duration::from_secs(400 * 24 * 3600)),
            gate_retry: Duration::from_secs(5),
            max_concurrent_checks: 64,
            closing_margin: Duration::ZERO,
            immediate_max_wait: Duration::from_secs(600),
            verify: VerifyPolicy {
                settle: Duration::from_secs(5),
                soak: Duration::ZERO,
                deadline: Duration::from_secs(20),
            },
            metrics_listen: None,
        },
        allowed_destinations: ["127.0.0.0/8"].iter().filter_map(|net| net.parse().ok()).collect(),
        only_destinations: None,
        extra_ca: None,
        tests: TestLimits { per_user: 60, per_host: 60 },
        proxies: Vec::new(),
        monitoring: Monitoring::default(),
        freezes: Vec::new(),
        inventory,
    })
}

/// Writes a file that no one else may read. Replaces an older file, which may have other permissions.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

/// Prints who may sign in.
fn greet(users: &[DemoUser], listening: &[std::net::SocketAddr]) {
    for address in listening {
        println!("patch-manager demo: open http://{address} and sign in with one of these tokens");
    }
    for user in users {
        let role = format!("{:?}", user.role).to_lowercase();
        let groups = match user.groups {
            [] => "all hosts".to_owned(),
            groups => groups.join(", "),
        };
        println!("  {:<6} {role:<9} {}  ({groups})", user.name, user.token);
    }
}

/// The folder of the demo's files: a named folder, or a temporary one.
enum Folder {
    Named(PathBuf),
    Temporary(tempfile::TempDir),
}

impl Folder {
    fn new(named: Option<&Path>) -> Result<Self, Failure> {
        let failed =
            |source: io::Error| Failure::Io { what: "the demo's folder cannot be made", source };
        match named {
            Some(path) => {
                use std::os::unix::fs::DirBuilderExt as _;
                let mut builder = fs::DirBuilder::new();
                builder.recursive(true).mode(0o700).create(path).map_err(failed)?;
                Ok(Self::Named(path.to_owned()))
            }
            None => tempfile::Builder::new()
                .prefix("patch-manager-demo-")
                .tempdir()
                .map(Self::Temporary)
                .map_err(failed),
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Named(path) => path,
            Self::Temporary(folder) => folder.path(),
        }
    }

    /// Removes a temporary folder.
    fn remove(self) {
        if let Self::Temporary(folder) = self
            && let Err(error) = folder.close()
        {
            tracing::warn!(%error, "the demo's temporary folder cannot be removed");
        }
    }
}
