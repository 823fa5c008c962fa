//! A worker to embed: it polls and serves gates over Postgres, and stops when it is told to. Start as
//! many as you like, on as many machines; they share the work without a leader.
//!
//! `DATABASE_URL=postgres://… cargo run --example postgres_worker --features postgres` runs one worker
//! until Ctrl-C. Without the variable, two of them share the load of a small fleet on a throw-away
//! server, and end by themselves after a few seconds.

use std::{error::Error, sync::Arc, time::Duration};

use healthgate::{
    checks::{
        CheckManager, CheckRunner, DestinationPolicy, HttpClient, HttpClientConfig,
        MutualTlsAgents, Poller, PollerConfig, register_keys,
    },
    clock::SystemClock,
    crypto::{Key, KeyRing},
    directory::StaticDirectory,
    gate::{GatePolicy, GateRunner, GateRunnerConfig, RequestedWindows, StoredChecks},
    model::{Actor, HostId, NewCheck},
    store::{
        ResultStore, SecretStore,
        postgres::{PgStore, pool_options, session_options},
    },
};
use healthgate_testkit::{Authority, Postgres, WebScript, WebTarget};
use serde_json::json;
use tokio_util::sync::CancellationToken;

/// What the workers of an installation have in common: the application's hosts, its keys, and its
/// certificates for the agents.
struct Installation {
    directory: Arc<StaticDirectory>,
    keys: Arc<KeyRing>,
    authority: Authority,
}

impl Installation {
    /// A store over a pool of this worker's own.
    async fn store(&self, url: &str) -> Result<Arc<PgStore>, Box<dyn Error>> {
        let pool = pool_options(4).connect_with(session_options(url.parse()?)).await?;
        let store = PgStore::new(pool);
        // Harmless however many start at once.
        store.migrate().await?;
        register_keys(&store, &self.keys, &Actor::system()).await?;
        Ok(Arc::new(store))
    }

    fn runner(
        &self,
        install: healthgate::crypto::InstallId,
    ) -> Result<Arc<CheckRunner>, Box<dyn Error>> {
        let manager = self.authority.issue_client("manager");
        let agents = MutualTlsAgents::from_pem(
            self.authority.ca_pem().as_bytes(),
            manager.cert_pem.as_bytes(),
            manager.key_pem.as_bytes(),
        )?;
        let destinations =
            DestinationPolicy { allowed: vec!["127.0.0.0/8".parse()?], ..Default::default() };
        let http = HttpClient::new(HttpClientConfig { destinations, ..Default::default() })?;
        Ok(Arc::new(CheckRunner::new(Arc::new(agents), http, self.keys.clone(), install)))
    }

    /// Polls and serves gates until `stop` is cancelled; then lets what is under way finish, writes it,
    /// and hands back its leases. Answers how many checks it ran.
    async fn work(&self, url: &str, stop: CancellationToken) -> Result<u64, Box<dyn Error>> {
        let store = self.store(url).await?;
        let runner = self.runner(store.install_id().await?)?;
        let (directory, clock) = (self.directory.clone(), Arc::new(SystemClock));
        // The default interval is five minutes; here every second, to have something to see.
        let config = PollerConfig {
            interval: Duration::from_secs(1),
            tick: Duration::from_millis(100),
            claim_block: 5,
            ..Default::default()
        };
        let policy = GatePolicy::for_poller(&config);
        let poller =
            Poller::new(store.clone(), runner.clone(), directory.clone(), clock.clone(), config)?;
        let health = StoredChecks::new(store.clone(), runner, directory, policy.timeout);
        let (windows, gates) = (Arc::new(RequestedWindows), GateRunnerConfig::default());
        let gates = GateRunner::new(store, Arc::new(health), windows, clock, policy, gates)?;
        tokio::join!(poller.run(stop.clone()), gates.run(stop));
        Ok(poller.stats().checks_run)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (directory, keys) =
        (Arc::new(StaticDirectory::new()), Arc::new(KeyRing::new(Key::generate()?)));
    let installation = Installation { directory, keys, authority: Authority::new("example") };
    let stop = CancellationToken::new();
    if let Ok(url) = std::env::var("DATABASE_URL") {
        let on_signal = stop.clone();
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                on_signal.cancel();
            }
        });
        println!("{} checks run", installation.work(&url, stop).await?);
        return Ok(());
    }

    let server = Postgres::builder().start()?;
    let url = server.url(&server.create_database()?);
    let website = WebTarget::builder().with_path("/", WebScript::ok("fine")).start().await?;
    let store = installation.store(&url).await?;
    let runner = installation.runner(store.install_id().await?)?;
    let checks = CheckManager::new(
        store.clone(),
        installation.keys.clone(),
        installation.directory.clone(),
        runner,
    );
    let mut hosts = Vec::new();
    for _ in 0..40 {
        let host = HostId::generate();
        installation.directory.insert(host, None, &[]);
        let web = json!({"name": "web", "check_type": "http", "url": website.url("/"), "expected_body": "fine"});
        checks.create(&Actor::system(), host, NewCheck::from_json(web)?).await?;
        hosts.push(host);
    }
    let until_polled = async {
        while store.states(&hosts).await?.len() < hosts.len() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        tokio::time::sleep(Duration::from_secs(3)).await;
        stop.cancel();
        Ok::<_, Box<dyn Error>>(())
    };
    let workers = (installation.work(&url, stop.clone()), installation.work(&url, stop.clone()));
    let (polled, one, other) = tokio::join!(until_polled, workers.0, workers.1);
    polled?;
    println!("One worker ran {} checks and the other {}.", one?, other?);
    let summaries = store.summaries(&hosts, Duration::from_secs(10)).await?;
    let healthy = summaries.iter().filter(|host| host.healthy == 1).count();
    println!("{healthy} of {} hosts are healthy; both workers have stopped.", hosts.len());
    Ok(())
}
