//! The main job on real connections: a poller checks a small fleet over mutual TLS and HTTP, a gate
//! holds a patch back until its host is healthy, and another one fails when its window closes.
//!
//! Everything runs in this process on loopback addresses and ends by itself within 30 seconds:
//! `cargo run --example quickstart`

use std::{error::Error, sync::Arc, time::Duration};

use chrono::{TimeDelta, Utc};
use healthgate::{
    checks::{
        CheckManager, CheckRunner, DestinationPolicy, HttpClient, HttpClientConfig,
        MutualTlsAgents, Poller, PollerConfig, register_keys,
    },
    clock::SystemClock,
    crypto::{Key, KeyRing},
    directory::StaticDirectory,
    gate::{Gate, GatePolicy, GateRunner, GateRunnerConfig, RequestedWindows, StoredChecks},
    model::{Actor, AgentEndpoint, GateRecord, GateRequest, HostId, JobId, NewCheck, Window},
    store::{MemoryStore, ResultStore, SecretStore, Spend},
};
use healthgate_testkit::{Agent, Authority, ServiceScript, TlsMode, WebScript, WebTarget};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

const TIMEOUT: Duration = Duration::from_secs(1);

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

    // What an application gives: its hosts, a store, a key, and its own certificates.
    let directory = Arc::new(StaticDirectory::new());
    let host = |agent: &Agent| -> Result<HostId, Box<dyn Error>> {
        let (id, address) = (HostId::generate(), agent.addr());
        let endpoint = AgentEndpoint::new(address.ip().to_string(), address.port(), None)?;
        directory.insert(id, Some(endpoint), &[]);
        Ok(id)
    };
    let hosts =
        [("web", host(&web_agent)?), ("db", host(&db_agent)?), ("cache", host(&cache_agent)?)];
    let [(_, web), (_, db), (_, cache)] = hosts;
    let clock = Arc::new(SystemClock);
    let store = Arc::new(MemoryStore::new(clock.clone()));
    let keys = Arc::new(KeyRing::new(Key::generate()?));
    let actor = Actor::system();
    register_keys(&*store, &keys, &actor).await?;
    let manager = authority.issue_client("manager");
    let agents = MutualTlsAgents::from_pem(
        authority.ca_pem().as_bytes(),
        manager.cert_pem.as_bytes(),
        manager.key_pem.as_bytes(),
    )?;
    let loopback =
        DestinationPolicy { allowed: vec!["127.0.0.0/8".parse()?], ..Default::default() };
    let http = HttpClient::new(HttpClientConfig { destinations: loopback, ..Default::default() })?;
    let install = store.install_id().await?;
    let runner = Arc::new(CheckRunner::new(Arc::new(agents), http, keys.clone(), install));

    // The poller, the gates, and the checks that operators configure.
    let config =
        PollerConfig { interval: Duration::from_secs(2), timeout: TIMEOUT, ..Default::default() };
    let stale_after = config.stale_after();
    let policy = GatePolicy {
        retry: Duration::from_secs(2),
        timeout: TIMEOUT,
        max_age: config.interval + TIMEOUT,
        ..Default::default()
    };
    let poller =
        Poller::new(store.clone(), runner.clone(), directory.clone(), clock.clone(), config)?;
    let health =
        Arc::new(StoredChecks::new(store.clone(), runner.clone(), directory.clone(), TIMEOUT));
    let windows = Arc::new(RequestedWindows);
    let gates = GateRunner::new(
        store.clone(),
        health.clone(),
        windows.clone(),
        clock.clone(),
        policy.clone(),
        GateRunnerConfig { tick: Duration::from_millis(200), ..Default::default() },
    )?;
    let gate =
        Gate::new(store.clone(), health, windows, clock, policy)?.with_nudge(gates.nudge_handle());
    let checks = CheckManager::new(store.clone(), keys, directory.clone(), runner)
        .with_nudge(poller.nudge_handle());
    let service = |unit: &str| json!({"name": unit, "check_type": "service", "service_name": unit});
    let website_check = json!({"name": "website", "check_type": "http", "url": website.url("/health"),
        "expected_body": "all good", "basic_auth_user": "monitor", "basic_auth_pass": "s3cret"});
    let definitions: [(HostId, Value); 5] = [
        (web, service("sshd")),
        (web, website_check),
        (db, service("sshd")),
        (db, service("postgresql")),
        (cache, service("sshd")),
    ];
    for (host, definition) in definitions {
        checks.create(&actor, host, NewCheck::from_json(definition)?).await?;
    }

    let stop = CancellationToken::new();
    let story = async {
        let all = hosts.map(|(_, id)| id);
        while store.states(&all).await?.len() < 5 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        println!(
            "\nWhat the poller found:\n{:<8}{:<12}{:<11}{:<18}detail",
            "host", "check", "status", "reason"
        );
        for (name, id) in hosts {
            for view in store.views(&[id], stale_after).await? {
                let status = format!("{:?}", view.status).to_lowercase();
                let (reason, detail) = view.last_result.map_or_else(Default::default, |result| {
                    (result.reason.to_string(), result.detail.to_string())
                });
                println!(
                    "{name:<8}{:<12}{status:<11}{reason:<18}{detail}",
                    &*view.check.definition.name
                );
            }
        }

        println!(
            "\nA patch of db and one of cache ask their gates; their windows close in 15 s and 6 s."
        );
        let window = |seconds| Window::new(Utc::now(), Utc::now() + TimeDelta::seconds(seconds));
        let job = JobId::generate();
        let db_gate = gate.wait(GateRequest::new(job, db, window(15)?));
        let cache_gate = gate.wait(GateRequest::new(job, cache, window(6)?));
        let mend = async {
            tokio::time::sleep(Duration::from_secs(4)).await;
            println!("… 4 s later somebody starts postgresql on db.");
            db_agent.set("postgresql", ServiceScript::Healthy);
        };
        let (db_gate, cache_gate, ()) = tokio::join!(db_gate, cache_gate, mend);
        let (db_gate, cache_gate): (GateRecord, GateRecord) = (db_gate?, cache_gate?);
        println!("\ndb: the gate {:?} after {} attempt(s)", db_gate.state, db_gate.attempts);
        let pass = db_gate.pass.ok_or("the gate of db must pass")?;
        let spent = gate.spend(&pass).await?;
        println!("db: pass spent, patching may begin: {}", matches!(spent, Spend::Spent(_)));
        println!("db: spent again: {:?}", gate.spend(&pass).await?);
        println!("cache: the gate {:?}: {}", cache_gate.state, cache_gate.detail);
        stop.cancel();
        Ok::<(), Box<dyn Error>>(())
    };
    let (told, (), ()) = tokio::join!(story, poller.run(stop.clone()), gates.run(stop.clone()));
    told?;
    println!("\n{} checks were run by the poller; all stopped.", poller.stats().checks_run);
    Ok(())
}
