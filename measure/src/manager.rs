//! A poller in the form of an existing patch manager's, as a baseline: a client and a statement for each check.

use std::{
    fs,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use sqlx::PgPool;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::{
    Outcome,
    target::{AGENT_NAME, Target},
};

/// The manager's limit of concurrent calls.
const CALLS: usize = 64;
/// The manager's time limit of a service check.
const SERVICE_TIMEOUT: Duration = Duration::from_secs(30);
/// The manager's time limit of an HTTP check.
const WEB_TIMEOUT: Duration = Duration::from_secs(10);

/// The certificates that the manager reads from disk in each cycle.
struct Certificates {
    authority: Vec<u8>,
    identity: Vec<u8>,
}

/// A check with the agent that answers it.
#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    service_name: Option<String>,
    url: Option<String>,
    expected_body: Option<String>,
    ignore_cert_errors: bool,
    address: String,
    port: i32,
}

/// Runs every enabled check once, records each result by a statement of its own, and deletes old results.
/// Returns the number of checks.
pub(crate) async fn cycle(pool: &PgPool, target: &Target) -> Outcome<usize> {
    let certificates = Arc::new(Certificates {
        authority: fs::read(target.file("ca.pem"))?,
        identity: [fs::read(target.file("client.pem"))?, fs::read(target.file("client.key"))?]
            .concat(),
    });
    let checks: Vec<Row> = sqlx::query_as(
        "select c.id, c.service_name, c.url, c.expected_body, c.ignore_cert_errors, host(coalesce(t.ip_address, h.ip_address)) as address, \
         coalesce(t.agent_port, h.agent_port) as port \
         from host_health_checks c join hosts h on h.id = c.host_id \
         left join hosts t on t.id = c.target_host_id where c.enabled order by c.id",
    )
    .fetch_all(pool)
    .await?;
    let (number, calls) = (checks.len(), Arc::new(Semaphore::new(CALLS)));
    let mut running = Vec::with_capacity(number);
    for check in checks {
        let (pool, calls, certificates) = (pool.clone(), calls.clone(), certificates.clone());
        running.push(tokio::spawn(async move {
            let _permit = calls.acquire().await.map_err(|error| error.to_string())?;
            run(&pool, check, &certificates).await.map_err(|error| error.to_string())
        }));
    }
    for check in running {
        check.await??;
    }
    sqlx::query(
        "delete from host_health_check_results where checked_at < now() - interval '4 days'",
    )
    .execute(pool)
    .await?;
    Ok(number)
}

async fn run(pool: &PgPool, check: Row, certificates: &Certificates) -> Result<(), BoxError> {
    let started = Instant::now();
    let detail = match &check.url {
        Some(url) => web(url, &check).await?,
        None => service(&check, certificates).await?,
    };
    let latency = i32::try_from(started.elapsed().as_millis())?;
    sqlx::query(
        "insert into host_health_check_results (check_id, healthy, detail, latency_ms) \
         values ($1, $2, $3, $4)",
    )
    .bind(check.id)
    .bind(true)
    .bind(detail)
    .bind(latency)
    .execute(pool)
    .await?;
    Ok(())
}

/// Asks an agent, by a client of its own that trusts only the agents' authority.
async fn service(check: &Row, certificates: &Certificates) -> Result<String, BoxError> {
    let name = check.service_name.as_deref().unwrap_or_default();
    let address = SocketAddr::new(check.address.parse()?, u16::try_from(check.port)?);
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only(reqwest::Certificate::from_pem_bundle(&certificates.authority)?)
        .identity(reqwest::Identity::from_pem(&certificates.identity)?)
        .tls_version_min(reqwest::tls::Version::TLS_1_3)
        // The measurement's agents share a certificate with a name.
        .resolve(AGENT_NAME, address)
        .timeout(SERVICE_TIMEOUT)
        .build()?;
    let url = format!("https://{AGENT_NAME}:{}/api/v1/system/services/{name}", check.port);
    let answer = client.get(url).send().await?;
    let body: serde_json::Value = serde_json::from_slice(&answer.bytes().await?)?;
    let state = |key: &str| body["data"][key].as_str().unwrap_or("unknown");
    match body["data"]["healthy"].as_bool() {
        Some(true) => {
            Ok(format!("Service {name} is {} ({})", state("active_state"), state("sub_state")))
        }
        _ => Err(format!("not healthy: {body}").into()),
    }
}

/// Requests a URL, by a client of its own with the defaults of reqwest.
async fn web(url: &str, check: &Row) -> Result<String, BoxError> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::limited(5))
        .tls_danger_accept_invalid_certs(check.ignore_cert_errors)
        .timeout(WEB_TIMEOUT)
        .build()?;
    let answer = client.get(url).send().await?.error_for_status()?;
    let (status, body) = (answer.status(), answer.text().await?);
    match check.expected_body.as_deref() {
        Some(expected) if !body.contains(expected) => Err("another body".into()),
        _ => Ok(format!("HTTP {status}, the body contains the expected text")),
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;
