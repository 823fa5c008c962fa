//! A worker to embed: it polls, serves gates over Postgres, and stops on request. Start any number of
//! workers on any number of machines. They share the work without a leader.
//!
//! `DATABASE_URL=postgres://… cargo run --example postgres_worker --features postgres` runs one worker
//! until Ctrl-C. Without the variable, two workers share the load of a small fleet on a temporary server,
//! and end after a few seconds.

use std::{error::Error, sync::Arc, time::Duration};

use healthgate::{
    CancellationToken, Healthgate, Timing,
    checks::{DestinationPolicy, HttpClientConfig, MutualTlsAgents},
    crypto::{Key, KeyRing},
    directory::StaticDirectory,
    model::{Actor, NewCheck},
    store::postgres::{PgStore, pool_options, session_options},
};
use healthgate_testkit::{Authority, Postgres, WebScript, WebTarget};

/// The common parts of an installation's workers: the application's hosts, its keys, and its certificates
/// for the agents.
struct Installation {
    hosts: Arc<StaticDirectory>,
    keys: Arc<KeyRing>,
    authority: Authority,
}

impl Installation {
    /// Creates a worker with its own connections.
    async fn worker(&self, url: &str) -> Result<Healthgate, Box<dyn Error>> {
        let pool = pool_options(4).connect_with(session_options(url.parse()?)).await?;
        let store = PgStore::new(pool);
        // Any number of workers may migrate at the same time.
        store.migrate().await?;
        let manager = self.authority.issue_client("manager");
        let agents = MutualTlsAgents::from_pem(
            self.authority.ca_pem().as_bytes(),
            manager.cert_pem.as_bytes(),
            manager.key_pem.as_bytes(),
        )?;
        let destinations =
            DestinationPolicy { allowed: vec!["127.0.0.0/8".parse()?], ..Default::default() };
        let second = Duration::from_secs(1);
        Ok(Healthgate::builder(Arc::new(store), self.hosts.clone())
            .agents(Arc::new(agents))
            .http(HttpClientConfig { destinations, ..Default::default() })
            .keys(self.keys.clone())
            // The default interval is five minutes. One second shows results sooner.
            .timing(Timing { interval: second, timeout: second, ..Default::default() })
            .build()
            .await?)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (hosts, keys) = (Arc::default(), Arc::new(KeyRing::new(Key::generate()?)));
    let installation = Installation { hosts, keys, authority: Authority::new("example") };
    let stop = CancellationToken::new();
    if let Ok(url) = std::env::var("DATABASE_URL") {
        let worker = installation.worker(&url).await?;
        // Finishes running work, writes its results, and releases its leases.
        worker.run_while(tokio::signal::ctrl_c()).await?;
        return Ok(());
    }

    let server = Postgres::builder().start()?;
    let url = server.url(&server.create_database()?);
    let website = WebTarget::builder().with_path("/", WebScript::ok("fine")).start().await?;
    let workers = [installation.worker(&url).await?, installation.worker(&url).await?];
    let mut hosts = Vec::new();
    for _ in 0..400 {
        let host = installation.hosts.add(None, &[]);
        let check = NewCheck::http("web", website.url("/")).expecting("fine").build()?;
        workers[0].checks().create(&Actor::system(), host, check).await?;
        hosts.push(host);
    }
    let store = workers[0].store();
    let until_polled = async {
        while store.states(&hosts).await?.len() < hosts.len() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        tokio::time::sleep(Duration::from_secs(3)).await;
        stop.cancel();
        Ok::<_, Box<dyn Error>>(())
    };
    let [one, other] = &workers;
    let (polled, (), ()) =
        tokio::join!(until_polled, one.run(stop.clone()), other.run(stop.clone()));
    polled?;
    for worker in &workers {
        let checks_run = worker.poller().map(|poller| poller.stats().checks_run);
        println!("A worker ran {} checks.", checks_run.unwrap_or_default());
    }
    let summaries = store.summaries(&hosts, Duration::from_secs(10)).await?;
    let healthy = summaries.iter().filter(|host| host.healthy == 1).count();
    println!("{healthy} of {} hosts are healthy; both workers have stopped.", hosts.len());
    Ok(())
}
