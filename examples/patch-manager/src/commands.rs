//! The subcommands.

use std::{io::Write as _, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use healthgate::crypto::Sealer;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    app::{self, App, Schema},
    cli::{Command, ServeOptions},
    config::{self, Config, TestLimits},
    database, demo,
    error::Failure,
    keys,
    serve::{self, Places},
    telemetry,
    web::{DemoControl, Liveness, Load, Site},
    worker::{Patcher, SimulatedPatcher, Worker},
};

/// Runs a subcommand.
///
/// # Errors
/// Why it did not do what it should.
pub(crate) async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Demo(options) => demo::run(options).await,
        Command::Serve(options) => serve(&options, Parts::WebAndWorker).await,
        Command::Web(options) => serve(&options, Parts::Web).await,
        Command::Worker(options) => serve(&options, Parts::Worker).await,
        Command::Migrate(option) => migrate(&option.config).await,
        Command::CheckConfig(option) => check_config(&option.config).await,
        Command::RotateKey(option) => rotate_key(&option.config).await,
        Command::Token(options) => token(&options.file.config, &options.user).await,
    }
}

/// What a process runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Parts {
    WebAndWorker,
    Web,
    Worker,
}

/// How long a patch takes where nothing is patched in truth.
const PATCH_TAKES: Duration = Duration::from_secs(2);

async fn serve(options: &ServeOptions, parts: Parts) -> Result<(), Failure> {
    let config = Config::read(&options.file.config)?;
    let alone = match parts {
        Parts::WebAndWorker => None,
        Parts::Web => Some("web"),
        Parts::Worker => Some("worker"),
    };
    if let (Some(command), config::DatabaseAddress::Sqlite(_)) = (alone, &config.database) {
        return Err(Failure::NeedsPostgres { command });
    }
    // What is wrong with files is said before anything is opened or made.
    let agents = app::agents(&config)?;
    keys::check(&config.key_file).await?;
    let address = match parts {
        Parts::WebAndWorker | Parts::Web => Some(config.listen),
        Parts::Worker => config.worker.metrics_listen,
    };
    let listener = match address {
        None => None,
        Some(address) => Some(listen(address).await?),
    };
    let listening: Vec<SocketAddr> =
        listener.iter().filter_map(|listener| listener.local_addr().ok()).collect();
    let http = app::http_client(&config, &listening)?;
    let schema = if options.no_migrate { Schema::Leave } else { Schema::Migrate };
    let opened = app::open(&config.database, schema).await?;
    database::lay_in(&opened.database, config.inventory.clone()).await?;
    let app = App::new(&config, opened, agents, http).await?;
    let metrics = telemetry::collect_metrics()?;
    let patcher: Arc<dyn Patcher> = Arc::new(SimulatedPatcher::new(PATCH_TAKES));
    let worker = match parts {
        Parts::Web => None,
        Parts::WebAndWorker | Parts::Worker => Some(Worker::new(&app, patcher)?),
    };
    let process = Process {
        listener,
        worker,
        with_site: parts != Parts::Worker,
        tests: config.tests,
        metrics,
        demo: None,
    };
    process.run(app, stop_signal()?).await
}

/// A process that is ready to run.
pub(crate) struct Process {
    /// Where it listens; a worker may not.
    pub(crate) listener: Option<TcpListener>,
    pub(crate) worker: Option<Worker>,
    /// Whether it shows the whole site, or only its health and metrics.
    pub(crate) with_site: bool,
    pub(crate) tests: TestLimits,
    pub(crate) metrics: PrometheusHandle,
    pub(crate) demo: Option<Arc<DemoControl>>,
}

/// The longest that everything may take after it; the worker's own grace periods are shorter.
const WHOLE_GRACE: Duration = Duration::from_secs(14);

impl Process {
    /// Runs until it is told to stop, and then ends within 15 s.
    ///
    /// # Errors
    /// Where the listener fails.
    pub(crate) async fn run(self, app: App, stop: CancellationToken) -> Result<(), Failure> {
        let liveness = self.worker.as_ref().map_or_else(Liveness::default, |worker| {
            Liveness::of(worker.poller.clone(), worker.gates.clone())
        });
        let worker = self.worker.map(|worker| {
            let stop = stop.clone();
            tokio::spawn(async move { worker.run(stop).await })
        });
        let upkeep = tokio::spawn(keep_up(self.metrics.clone(), stop.clone()));
        let places = Places::of_this_process();
        let load = Load::new(places.clone());
        let site = self.with_site.then(|| {
            let (liveness, metrics) = (liveness.clone(), self.metrics.clone());
            let site = Site::new(&app, self.tests, liveness, metrics, self.demo, load.clone());
            Arc::new(site)
        });
        let (router, feed) = match site {
            Some(site) => {
                let (router, stop) = (site.router.clone(), stop.clone());
                (router, Some(tokio::spawn(async move { site.run(stop).await })))
            }
            None => (crate::web::bare_router(&app, liveness, self.metrics, load), None),
        };
        let served = match self.listener {
            Some(listener) => match announce(&listener) {
                Ok(()) => {
                    serve::serve(listener, router, places, stop.clone()).await;
                    Ok(())
                }
                Err(source) => Err(Failure::Io { what: "the listener failed", source }),
            },
            None => {
                stop.cancelled().await;
                Ok(())
            }
        };
        stop.cancel();
        let over = async {
            for part in [worker, feed, Some(upkeep)].into_iter().flatten() {
                let _ = part.await;
            }
            app.database.close().await;
        };
        if tokio::time::timeout(WHOLE_GRACE - serve::GRACE, over).await.is_err() {
            warn!("not everything has ended in time: leases will be taken over");
        }
        info!("stopped");
        served
    }
}

/// The one line on standard output that says where it is served.
fn announce(listener: &TcpListener) -> std::io::Result<()> {
    let address = listener.local_addr()?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "listening on http://{address}")?;
    out.flush()
}

pub(crate) async fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|source| Failure::Listen { address, source })
}

/// Is cancelled by the first SIGTERM or SIGINT.
///
/// # Errors
/// Where signals cannot be listened to.
pub(crate) fn stop_signal() -> Result<CancellationToken, Failure> {
    let failed = |source| Failure::Io { what: "signals cannot be listened to", source };
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        info!("stopping");
        token.cancel();
    });
    Ok(stop)
}

/// Lets the collected metrics not grow.
async fn keep_up(metrics: PrometheusHandle, stop: CancellationToken) {
    let every = Duration::from_secs(5);
    while tokio::time::timeout(every, stop.cancelled()).await.is_err() {
        metrics.run_upkeep();
    }
}

async fn migrate(path: &Path) -> Result<(), Failure> {
    let config = Config::read(path)?;
    let opened = app::open(&config.database, Schema::Migrate).await?;
    opened.database.close().await;
    println!("the database's schema is up to date");
    Ok(())
}

async fn check_config(path: &Path) -> Result<(), Failure> {
    let config = Config::read(path)?;
    app::agents(&config)?;
    app::http_client(&config, &[])?;
    keys::check(&config.key_file).await?;
    match &config.database {
        config::DatabaseAddress::Sqlite(path) if !path.exists() => {}
        address => database::Database::connect(address, false).await?.close().await,
    }
    println!("the configuration {} can be used", path.display());
    Ok(())
}

async fn rotate_key(path: &Path) -> Result<(), Failure> {
    let config = Config::read(path)?;
    let agents = app::agents(&config)?;
    let http = app::http_client(&config, &[])?;
    let opened = app::open(&config.database, Schema::Leave).await?;
    let store = opened.store.clone();
    let app = App::new(&config, opened, agents, http).await?;
    let checks = |sealer: Arc<dyn Sealer>| app.checks(sealer, None);
    let words = keys::rotate(&config.key_file, &store, checks).await?;
    app.database.close().await;
    println!("{words}");
    Ok(())
}

async fn token(path: &Path, user: &str) -> Result<(), Failure> {
    let config = Config::read(path)?;
    let opened = app::open(&config.database, Schema::Migrate).await?;
    database::lay_in(&opened.database, config.inventory.clone()).await?;
    let token = new_token()?;
    let added = opened.database.add_token(user, &database::token_hash(&token)).await?;
    opened.database.close().await;
    if !added {
        return Err(Failure::UserUnknown { name: user.to_owned() });
    }
    println!("{token}");
    Ok(())
}

/// A bearer token: 32 random bytes as hexadecimal text.
///
/// # Errors
/// Where there is no randomness.
pub(crate) fn new_token() -> Result<String, Failure> {
    use std::fmt::Write as _;
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(Failure::Randomness)?;
    let mut token = String::with_capacity(64);
    for byte in bytes {
        let _ = write!(token, "{byte:02x}");
    }
    Ok(token)
}
