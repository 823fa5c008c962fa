//! Gates one host on an HTTP check: no agent, no database, no test kit.
//!
//! `cargo run --example http_check -- https://shop.example/health "status: ok"` asks your own page and
//! waits for at most one minute. Without arguments the example serves a page that fails for three
//! seconds: `cargo run --example http_check`.

use std::{
    error::Error,
    sync::Arc,
    time::{Duration, Instant},
};

use healthgate::{
    checks::{
        AgentError, AgentLink, AgentTransport, CheckManager, CheckRunner, DestinationPolicy,
        HttpClient, HttpClientConfig, register_keys,
    },
    clock::SystemClock,
    crypto::{Key, KeyRing},
    directory::StaticDirectory,
    gate::{Gate, GatePolicy, GateRunner, GateRunnerConfig, RequestedWindows, StoredChecks},
    model::{Actor, AgentEndpoint, GateRequest, HostId, JobId, NewCheck, ReasonCode},
    store::{MemoryStore, SecretStore, Spend, Store},
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_util::sync::CancellationToken;

/// Refuses every service check: this application has no agents.
#[derive(Debug)]
struct NoAgents;

impl AgentTransport for NoAgents {
    fn link(&self, _: &AgentEndpoint) -> Result<Box<dyn AgentLink>, AgentError> {
        Err(AgentError::new(ReasonCode::AgentUnsupported, "this application has no agents"))
    }
}

/// Answers 503 for three seconds, then 200.
async fn serve(listener: TcpListener) {
    let started = Instant::now();
    while let Ok((mut stream, _)) = listener.accept().await {
        let healthy = started.elapsed() > Duration::from_secs(3);
        let status = if healthy { "200 OK" } else { "503 Service Unavailable" };
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Length: 10\r\nConnection: close\r\n\r\nstatus: ok"
        );
        let _ = stream.read(&mut [0; 1024]).await;
        let _ = stream.write_all(answer.as_bytes()).await;
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let own_page = format!("http://{}/health", listener.local_addr()?);
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().unwrap_or(own_page);
    let text = arguments.next().unwrap_or_default(); // empty: any 2xx answer is healthy

    // Your hosts, a store and a key. `SqliteStore` and `PgStore` keep what they are told.
    let clock = Arc::new(SystemClock);
    let store = Arc::new(MemoryStore::new(clock.clone()));
    let hosts = Arc::new(StaticDirectory::new());
    let host = HostId::generate();
    hosts.insert(host, None, &[]);
    let keys = Arc::new(KeyRing::new(Key::generate()?));
    let actor = Actor::system();
    register_keys(&*store, &keys, &actor).await?;

    // Checks never reach loopback addresses unless the policy allows it.
    let destinations =
        DestinationPolicy { allowed: vec!["127.0.0.0/8".parse()?], ..Default::default() };
    let http = HttpClient::new(HttpClientConfig { destinations, ..Default::default() })?;
    let install = store.install_id().await?;
    let runner = Arc::new(CheckRunner::new(Arc::new(NoAgents), http, keys.clone(), install));
    let checks = CheckManager::new(store.clone(), keys, hosts.clone(), runner.clone());
    let check = json!({"name": "shop", "check_type": "http", "url": url, "expected_body": text,
        "ignore_cert_errors": false});
    checks.create(&actor, host, NewCheck::from_json(check)?).await?;

    let policy = GatePolicy { retry: Duration::from_secs(1), ..Default::default() };
    let health = Arc::new(StoredChecks::new(store.clone(), runner, hosts, policy.timeout));
    let windows = Arc::new(RequestedWindows);
    let config = GateRunnerConfig { tick: Duration::from_millis(200), ..Default::default() };
    let gates = GateRunner::new(
        store.clone(),
        health.clone(),
        windows.clone(),
        clock.clone(),
        policy.clone(),
        config,
    )?;
    let gate =
        Gate::new(store.clone(), health, windows, clock, policy)?.with_nudge(gates.nudge_handle());

    let job = async {
        let now = store.now().await?;
        let request =
            GateRequest::immediate(JobId::generate(), host, now, Duration::from_secs(60))?;
        println!("asking {url}");
        let record = gate.wait(request).await?;
        match record.pass {
            Some(pass) if matches!(gate.spend(&pass).await?, Spend::Spent(_)) => {
                println!("healthy after {} attempt(s): patch the host now", record.attempts);
            }
            _ => println!("not patched: {}", record.detail),
        }
        Ok::<(), Box<dyn Error>>(())
    };
    tokio::select! {
        done = job => done,
        () = gates.run(CancellationToken::new()) => Ok(()),
        () = serve(listener) => Ok(()),
    }
}
