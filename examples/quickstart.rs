//! The main use case on real connections. A poller checks a small fleet over mutual TLS and HTTP. One gate
//! holds a patch back until its host is healthy, and another gate fails when its window closes.
//!
//! Everything runs in this process on loopback addresses and ends by itself within 30 seconds:
//! `cargo run --example quickstart`

use std::{error::Error, sync::Arc, time::Duration};

use healthgate::{
    Healthgate, Timing,
    checks::{DestinationPolicy, HttpClientConfig, MutualTlsAgents},
    chrono::{TimeDelta, Utc},
    crypto::{Key, KeyRing},
    directory::StaticDirectory,
    gate::Admission,
    model::{Actor, AgentEndpoint, GateRequest, JobId, NewCheck, Window},
    store::MemoryStore,
};
use healthgate_testkit::{Agent, Authority, ServiceScript, TlsMode, WebScript, WebTarget};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // A fleet: agents that speak mutual TLS, and a web service behind basic authentication.
    let authority = Authority::new("quickstart");
    let agent =
        |tls| Agent::builder(&authority).with_tls(tls).with_service("sshd", ServiceScript::Healthy);
    let web_agent = agent(TlsMode::Normal).start().await?;
    let db_agent =
        agent(TlsMode::Normal).with_service("postgresql", ServiceScript::Failed).start().await?;
    let cache_agent = agent(TlsMode::WrongSan).start().await?;
    let page = WebScript::basic_auth("monitor", "s3cret", "status: all good");
    let website = WebTarget::builder().with_path("/health", page).start().await?;

    // The application provides its hosts, a store, a key, and its own certificates.
    let hosts = Arc::new(StaticDirectory::new());
    let host = |agent: &Agent| -> Result<_, Box<dyn Error>> {
        let (ip, port) = (agent.addr().ip().to_string(), agent.addr().port());
        Ok(hosts.add(Some(AgentEndpoint::new(ip, port, None)?), &[]))
    };
    let (web, db, cache) = (host(&web_agent)?, host(&db_agent)?, host(&cache_agent)?);
    let manager = authority.issue_client("manager");
    let agents = MutualTlsAgents::from_pem(
        authority.ca_pem().as_bytes(),
        manager.cert_pem.as_bytes(),
        manager.key_pem.as_bytes(),
    )?;
    let destinations =
        DestinationPolicy { allowed: vec!["127.0.0.0/8".parse()?], ..Default::default() };
    let seconds = Duration::from_secs;
    let healthgate = Healthgate::builder(Arc::new(MemoryStore::default()), hosts.clone())
        .agents(Arc::new(agents))
        .http(HttpClientConfig { destinations, ..Default::default() })
        .keys(KeyRing::new(Key::generate()?))
        .timing(Timing {
            interval: seconds(2),
            timeout: seconds(1),
            retry: seconds(2),
            tick: Duration::from_millis(100),
            ..Default::default()
        })
        .build()
        .await?;

    // The checks that operators configure.
    let ssh = || NewCheck::service("sshd", "sshd").build();
    let website = NewCheck::http("website", website.url("/health"))
        .expecting("all good")
        .basic_auth("monitor", "s3cret");
    let postgres = NewCheck::service("postgresql", "postgresql");
    let checks = [
        (web, ssh()?),
        (web, website.build()?),
        (db, ssh()?),
        (db, postgres.build()?),
        (cache, ssh()?),
    ];
    for (host, check) in checks {
        healthgate.checks().create(&Actor::system(), host, check).await?;
    }

    let story = async {
        while healthgate.store().states(&[web, db, cache]).await?.len() < 5 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        println!("\nWhat the poller found:");
        for (name, host) in [("web", web), ("db", db), ("cache", cache)] {
            for view in healthgate.store().views(&[host], healthgate.stale_after()).await? {
                let (check, status) = (&*view.check.definition.name, format!("{:?}", view.status));
                let detail = view.last_result.map(|result| result.detail.to_string());
                println!("{name:<8}{check:<12}{status:<11}{}", detail.unwrap_or_default());
            }
        }

        println!(
            "\nA patch of db and one of cache ask their gates; their windows close in 15 s and 6 s."
        );
        let (job, now) = (JobId::generate(), Utc::now());
        let admit = async |host, seconds| -> Result<Admission, Box<dyn Error>> {
            let window = Window::lasting(now, TimeDelta::seconds(seconds))?;
            Ok(healthgate.gate().admit(GateRequest::new(job, host, window)).await?)
        };
        let mend = async {
            tokio::time::sleep(seconds(4)).await;
            println!("… 4 s later somebody starts postgresql on db.");
            db_agent.set("postgresql", ServiceScript::Healthy);
        };
        let (first, of_cache, ()) = tokio::join!(admit(db, 15), admit(cache, 6), mend);
        let (first, again, of_cache) = (first?, admit(db, 15).await?, of_cache?);
        println!("\ndb: patching may begin: {}", first.may_go_ahead());
        println!("db, asked again: patching may begin: {}", again.may_go_ahead());
        println!("cache: patching may begin: {}", of_cache.may_go_ahead());
        println!("cache: {}", of_cache.record().detail);
        Ok::<(), Box<dyn Error>>(())
    };
    healthgate.run_while(story).await?;
    let checks_run = healthgate.poller().map(|poller| poller.stats().checks_run);
    println!("\n{} checks were run by the poller; all stopped.", checks_run.unwrap_or_default());
    Ok(())
}
