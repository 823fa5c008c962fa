//! Checks, a runner that may reach loopback, and peers.

use std::{collections::HashMap, io, net::IpAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::Utc;
use healthgate::{
    checks::{
        CheckOutcome, CheckRunner, DestinationPolicy, HostRun, HostRunner, HttpClient,
        HttpClientConfig, MutualTlsAgents, Resolve,
    },
    crypto::{InstallId, Key, KeyRing, SealContext, Sealer},
    model::{AgentEndpoint, CheckId, ClockEpoch, HealthCheck, HostId, NewCheck, ReasonCode},
};
use healthgate_testkit::{Agent, Authority};
use serde_json::{Value, json};

/// The deadline of a run in these tests. What is bounded by it is held to three times as much.
pub(crate) const TIMEOUT: Duration = Duration::from_millis(600);

/// A deadline that no test reaches unless something is wrong.
pub(crate) const PLENTY: Duration = Duration::from_secs(20);

const INSTALL: InstallId = InstallId::from_bytes([7; 16]);

pub(crate) struct Bench {
    pub(crate) authority: Authority,
    pub(crate) runner: CheckRunner,
    ring: Arc<KeyRing>,
    pub(crate) host: HostId,
}

/// Names that the tests use: each has the addresses given here.
#[derive(Debug, Default)]
pub(crate) struct Names(pub(crate) std::sync::Mutex<HashMap<String, Vec<Vec<IpAddr>>>>);

#[async_trait]
impl Resolve for Names {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        if name.starts_with("slow.") {
            std::future::pending::<()>().await;
        }
        if name.starts_with("away.") {
            return Err(io::Error::other("the resolver is away"));
        }
        let mut names = self.0.lock().unwrap();
        let answers = names.get_mut(name).ok_or(io::ErrorKind::NotFound)?;
        // Each answer is given once, the last one for ever.
        Ok(if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() })
    }
}

pub(crate) fn names(entries: &[(&str, &[&[&str]])]) -> Arc<Names> {
    let addresses = |answer: &&[&str]| answer.iter().map(|text| text.parse().unwrap()).collect();
    let entry = |(name, answers): &(&str, &[&[&str]])| {
        ((*name).to_owned(), answers.iter().map(addresses).collect())
    };
    Arc::new(Names(std::sync::Mutex::new(entries.iter().map(entry).collect())))
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut HttpClientConfig)) -> Self {
        Self::with_names(change, None)
    }

    /// As [`with`](Self::with); the agents' names have these addresses.
    pub(crate) fn with_names(
        change: impl FnOnce(&mut HttpClientConfig),
        agents: Option<Arc<Names>>,
    ) -> Self {
        let authority = Authority::new("tests");
        let mut config = HttpClientConfig {
            destinations: DestinationPolicy {
                allowed: vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()],
                ..DestinationPolicy::default()
            },
            extra_authorities: Some(authority.ca_pem().as_bytes().to_vec()),
            ..HttpClientConfig::default()
        };
        change(&mut config);
        let manager = authority.issue_client("manager");
        let transport = MutualTlsAgents::from_pem(
            authority.ca_pem().as_bytes(),
            manager.cert_pem.as_bytes(),
            manager.key_pem.as_bytes(),
        )
        .unwrap();
        let transport = match agents {
            Some(names) => transport.with_resolver(names),
            None => transport,
        };
        let ring = Arc::new(KeyRing::new(Key::generate().unwrap()));
        let http = HttpClient::new(config).unwrap();
        let runner = CheckRunner::new(Arc::new(transport), http, ring.clone(), INSTALL);
        Self { authority, runner, ring, host: HostId::generate() }
    }

    /// A check as it would be stored.
    pub(crate) fn check(&self, body: Value) -> HealthCheck {
        let NewCheck { definition, password } = NewCheck::from_json(body).unwrap();
        let id = CheckId::generate();
        let context = SealContext::of(INSTALL, self.host, id, &definition);
        let seal = |password| self.ring.seal(&context.clone().unwrap(), &password).unwrap();
        HealthCheck {
            id,
            host_id: self.host,
            secret: password.map(seal),
            definition,
            created_at: Utc::now(),
            updated_at: Utc::now(),
            updated_epoch: ClockEpoch::default(),
            revision: 1,
        }
    }

    pub(crate) fn http(&self, url: &str, expected: &str) -> HealthCheck {
        self.check(json!({"name": "web", "check_type": "http", "url": url,
                          "expected_body": expected, "ignore_cert_errors": false}))
    }

    pub(crate) fn service(&self, unit: &str) -> HealthCheck {
        self.check(json!({"name": unit, "check_type": "service", "service_name": unit}))
    }

    pub(crate) async fn run(
        &self,
        checks: Vec<HealthCheck>,
        agent: Option<AgentEndpoint>,
    ) -> Vec<CheckOutcome> {
        self.run_within(checks, agent, TIMEOUT).await
    }

    pub(crate) async fn run_within(
        &self,
        checks: Vec<HealthCheck>,
        agent: Option<AgentEndpoint>,
        timeout: Duration,
    ) -> Vec<CheckOutcome> {
        let agents = HashMap::from([(self.host, agent)]);
        let run = HostRun { host_id: self.host, checks, agents, timeout };
        self.runner.run_host(run).await
    }

    /// Tries one HTTP check out, as a person does.
    pub(crate) async fn test(&self, url: &str, expected: &str) -> (ReasonCode, String) {
        let (checks, agents) = (vec![self.http(url, expected)], HashMap::new());
        let run = HostRun { host_id: self.host, checks, agents, timeout: PLENTY };
        let outcome = self.runner.test_host(run).await.remove(0);
        (outcome.reason, outcome.detail.to_string())
    }

    /// Runs one HTTP check.
    pub(crate) async fn ask(&self, check: HealthCheck) -> CheckOutcome {
        self.run(vec![check], None).await.remove(0)
    }

    pub(crate) async fn get(&self, url: &str, expected: &str) -> (ReasonCode, String) {
        let outcome = self.ask(self.http(url, expected)).await;
        (outcome.reason, outcome.detail.to_string())
    }

    /// Asks an agent for one unit.
    pub(crate) async fn unit(&self, agent: &Agent, unit: &str) -> CheckOutcome {
        self.run(vec![self.service(unit)], Some(endpoint(agent))).await.remove(0)
    }
}

pub(crate) fn endpoint(agent: &Agent) -> AgentEndpoint {
    let address = agent.addr();
    AgentEndpoint::new(address.ip().to_string(), address.port(), None).unwrap()
}
