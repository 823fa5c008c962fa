//! The subcommands.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use healthgate::{
    checks::RegisteredKeys,
    clock::{Clock, SystemClock},
    model::{TimeZoneData, instant},
};

use tokio::net::TcpListener;

use crate::{
    app::{self, App, OwnDestinations, Schema},
    cli::{Command, ServeOptions, TokenAction, TokenOptions},
    config::{self, Config},
    database::{self, Database, NewToken, Revoked},
    error::Failure,
    keys,
    process::{Process, listen, stop_signal},
    telemetry,
    worker::{Patcher, SimulatedPatcher, Worker},
};

/// Runs a subcommand.
///
/// # Errors
/// Returns why the subcommand failed.
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
        Command::Audit { action } => crate::audit::run(action).await,
        Command::Token(options) => token(options).await,
    }
}

/// The parts that a process runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Parts {
    WebAndWorker,
    Web,
    Worker,
}

/// The duration of a simulated patch.
const PATCH_TAKES: Duration = Duration::from_secs(2);

async fn serve(options: &ServeOptions, parts: Parts) -> Result<(), Failure> {
    let config = Config::read(&options.file.config)?;
    if TimeZoneData::in_use().is_old_at(SystemClock.now()) {
        tracing::warn!("{}", time_zones());
    }
    let alone = match parts {
        Parts::WebAndWorker => None,
        Parts::Web => Some("web"),
        Parts::Worker => Some("worker"),
    };
    if let (Some(command), config::DatabaseAddress::Sqlite(_)) = (alone, &config.database) {
        return Err(Failure::NeedsPostgres { command });
    }
    // Faults of files are reported before anything is opened or created.
    let agents = app::agents(&config)?;
    keys::check(&config.key_file).await?;
    let monitoring = config.monitoring.listen;
    let (address, monitoring) = match parts {
        Parts::WebAndWorker | Parts::Web => (Some(config.listen), monitoring),
        Parts::Worker => (config.worker.metrics_listen.or(monitoring), None),
    };
    let listener = bind(address).await?;
    let monitor = bind(monitoring).await?;
    let listening: Vec<SocketAddr> = [&listener, &monitor]
        .into_iter()
        .flatten()
        .filter_map(|listener| listener.local_addr().ok())
        .collect();
    let own = OwnDestinations::find(&config, &listening).await;
    let http = app::http_client(&config, own)?;
    let schema = if options.no_migrate { Schema::Leave } else { Schema::Migrate };
    let opened = app::open(&config.database, schema).await?;
    database::lay_in(&opened.database, config.inventory.clone()).await?;
    let app = App::new(&config, opened, agents, http).await?;
    app.limit_groups().await?;
    let metrics = telemetry::collect_metrics()?;
    let patcher: Arc<dyn Patcher> = Arc::new(SimulatedPatcher::new(PATCH_TAKES));
    let worker = match parts {
        Parts::Web => None,
        Parts::WebAndWorker | Parts::Worker => Some(Worker::new(&app, patcher)?),
    };
    let process = Process {
        listener,
        monitor,
        monitoring_token: config.monitoring.token_sha256,
        worker,
        with_site: parts != Parts::Worker,
        tests: config.tests,
        proxies: config.proxies,
        metrics,
        extra: None,
    };
    process.run(app, stop_signal()?).await
}

async fn bind(address: Option<SocketAddr>) -> Result<Option<TcpListener>, Failure> {
    match address {
        None => Ok(None),
        Some(address) => listen(address).await.map(Some),
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
    app::http_client(&config, OwnDestinations::default())?;
    keys::check(&config.key_file).await?;
    match &config.database {
        config::DatabaseAddress::Sqlite(path) if !path.exists() => {}
        address => Database::connect(address, false).await?.close().await,
    }
    println!("the configuration {} can be used", path.display());
    println!("{}", time_zones());
    Ok(())
}

/// Describes the time-zone data, and what to do about outdated data.
fn time_zones() -> String {
    let zones = TimeZoneData::in_use();
    let source = if zones.is_built_in() { "built in" } else { "of this system" };
    let advice = match zones.is_old_at(SystemClock.now()) {
        true => {
            "; it is over a year old, so windows may open at wrong times: update the system's tzdata"
        }
        false => "",
    };
    format!("time zones: version {}, {source}{advice}", zones.version())
}

async fn rotate_key(path: &Path) -> Result<(), Failure> {
    let config = Config::read(path)?;
    let agents = app::agents(&config)?;
    let http = app::http_client(&config, OwnDestinations::default())?;
    let opened = app::open(&config.database, Schema::Leave).await?;
    let store = opened.store.clone();
    let app = App::new(&config, opened, agents, http).await?;
    let checks = |keys: RegisteredKeys| app.checks(keys, None);
    let words = keys::rotate(&config.key_file, &store, checks).await?;
    app.database.close().await;
    println!("{words}");
    Ok(())
}

/// Opens the database and stores the configuration's users in it, like a start.
async fn users_database(path: &Path) -> Result<Database, Failure> {
    let config = Config::read(path)?;
    let opened = app::open(&config.database, Schema::Migrate).await?;
    database::lay_in(&opened.database, config.inventory.clone()).await?;
    Ok(opened.database)
}

async fn token(options: TokenOptions) -> Result<(), Failure> {
    match options {
        TokenOptions { action: Some(TokenAction::List { file, user }), .. } => {
            list_tokens(&file.config, user.as_deref()).await
        }
        TokenOptions { action: Some(TokenAction::Revoke { file, id }), .. } => {
            revoke_token(&file.config, &id).await
        }
        // The command line requires both if there is no action.
        TokenOptions { action: None, config, user, name, expires_in } => {
            let (config, user) = (config.unwrap_or_default(), user.unwrap_or_default());
            issue_token(&config, &user, name.as_deref(), expires_in).await
        }
    }
}

async fn issue_token(
    config: &Path,
    user: &str,
    name: Option<&str>,
    expires_in: Option<u16>,
) -> Result<(), Failure> {
    let database = users_database(config).await?;
    let token = database::new_token().map_err(Failure::Randomness)?;
    let new = NewToken {
        hash: &database::token_hash(&token),
        user,
        name,
        expires_at: expires_in.map(|days| Utc::now() + TimeDelta::days(days.into())),
    };
    let added = database.add_token(new).await?;
    database.close().await;
    if !added {
        return Err(Failure::UserUnknown { name: user.to_owned() });
    }
    println!("{token}");
    Ok(())
}

async fn list_tokens(path: &Path, user: Option<&str>) -> Result<(), Failure> {
    let database = users_database(path).await?;
    let tokens = database.tokens(user).await?;
    database.close().await;
    let words = |at: Option<DateTime<Utc>>| {
        at.map_or_else(|| "never".to_owned(), |at| instant::in_words(&at))
    };
    println!(
        "{:12}  {:20}  {:20}  {:10}  {:20}  {:20}  last used",
        "id", "user", "name", "from", "made", "expires"
    );
    for token in tokens {
        println!(
            "{:12}  {:20}  {:20}  {:10}  {:20}  {:20}  {}",
            token.id,
            token.user,
            token.name.unwrap_or_default(),
            if token.of_file { "file" } else { "issued" },
            words(Some(token.created_at)),
            words(token.expires_at),
            words(token.last_used_at),
        );
    }
    Ok(())
}

async fn revoke_token(path: &Path, id: &str) -> Result<(), Failure> {
    let database = users_database(path).await?;
    let revoked = database.revoke_token(id).await?;
    database.close().await;
    match revoked {
        Revoked::Done { user } => println!("the token {id} of {user} is revoked"),
        Revoked::Unknown => return Err(Failure::TokenUnknown { id: id.to_owned() }),
        Revoked::OfFile => return Err(Failure::TokenOfFile { id: id.to_owned() }),
    }
    Ok(())
}
