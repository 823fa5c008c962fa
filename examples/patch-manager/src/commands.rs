//! The subcommands.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use healthgate::crypto::Sealer;

use crate::{
    app::{self, App, Schema},
    cli::{Command, ServeOptions},
    config::{self, Config},
    database,
    error::Failure,
    keys,
    process::{Process, listen, stop_signal},
    telemetry,
    worker::{Patcher, SimulatedPatcher, Worker},
};

/// Runs a subcommand.
///
/// # Errors
/// Why it did not do what it should.
pub(crate) async fn run(command: Command) -> Result<(), Failure> {
    match command {
        #[cfg(feature = "demo")]
        Command::Demo(options) => crate::demo::run(options).await,
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
        extra: None,
    };
    process.run(app, stop_signal()?).await
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
    let token = database::new_token().map_err(Failure::Randomness)?;
    let added = opened.database.add_token(user, &database::token_hash(&token)).await?;
    opened.database.close().await;
    if !added {
        return Err(Failure::UserUnknown { name: user.to_owned() });
    }
    println!("{token}");
    Ok(())
}
