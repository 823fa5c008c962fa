//! The simulated fleet: an agent with real mutual TLS for each host, and some web services.

use std::{
    collections::BTreeMap,
    io,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use healthgate::model::{AgentEndpoint, HostId};
use healthgate_testkit::{Agent, Authority, ServiceScript, TlsMode, WebScript, WebTarget};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::config::ConfiguredHost;

/// The behaviour of a service, a web service or an agent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Behaviour {
    /// It works.
    Healthy,
    /// It answers, but is not healthy.
    Failed,
    /// It answers too late.
    Slow,
    /// It alternates between healthy and failed.
    Flapping,
    /// Nothing listens.
    Dead,
    /// Its certificate is for another name.
    WrongName,
    /// Its certificate has expired.
    Expired,
    /// Its certificate comes from an unknown authority.
    WrongAuthority,
}

impl Behaviour {
    /// The behaviours of services and web services.
    const OF_SERVICES: [Self; 4] = [Self::Healthy, Self::Failed, Self::Slow, Self::Flapping];
    const OF_AGENTS: [Self; 5] =
        [Self::Healthy, Self::Dead, Self::WrongName, Self::Expired, Self::WrongAuthority];

    fn among(known: &[Self], text: &str) -> Option<Self> {
        let name = |behaviour: &Self| serde_json::to_value(behaviour).ok();
        known.iter().copied().find(|known| name(known) == Some(Value::from(text)))
    }

    /// Returns the behaviour of a service by its name.
    pub(crate) fn of_service(text: &str) -> Option<Self> {
        Self::among(&Self::OF_SERVICES, text)
    }

    /// Returns the behaviour of an agent by its name.
    pub(crate) fn of_agent(text: &str) -> Option<Self> {
        Self::among(&Self::OF_AGENTS, text)
    }
}

/// One simulated host.
pub(crate) struct FleetHost {
    pub(crate) id: HostId,
    pub(crate) name: String,
    pub(crate) groups: Vec<String>,
    agent: Agent,
    state: Mutex<HostState>,
}

#[derive(Clone)]
struct HostState {
    agent: Behaviour,
    services: BTreeMap<String, Behaviour>,
    http: Option<Behaviour>,
}

/// Agents and web services on loopback addresses. They end with this value.
pub(crate) struct Fleet {
    authority: Authority,
    web: WebTarget,
    hosts: Vec<FleetHost>,
}

/// The groups of the fleet, and the units that each group's hosts run.
const GROUPS: [(&str, [&str; 2]); 5] = [
    ("web", ["nginx", "sshd"]),
    ("db", ["postgresql", "sshd"]),
    ("cache", ["redis-server", "sshd"]),
    ("edge", ["haproxy", "sshd"]),
    ("batch", ["cron", "sshd"]),
];

/// The delay of a slow answer, which is longer than a check may take.
const SLOW: Duration = Duration::from_secs(20);
/// The time between two changes of a flapping service.
const FLAP: Duration = Duration::from_secs(12);

impl Fleet {
    /// Starts a fleet. Each of the first dozen hosts demonstrates a different case.
    ///
    /// # Errors
    /// Fails if a port cannot be bound.
    pub(crate) async fn start(count: u16) -> io::Result<Self> {
        let authority = Authority::new("patch-manager demo authority");
        let web = WebTarget::builder().start().await?;
        let mut hosts = Vec::with_capacity(count.into());
        for index in 0..count {
            hosts.push(FleetHost::start(&authority, index, count).await?);
        }
        let fleet = Self { authority, web, hosts };
        for (index, host) in fleet.hosts.iter().enumerate() {
            let state = host.lock().clone();
            for (service, behaviour) in &state.services {
                fleet.set_service(host, service, *behaviour);
            }
            if let Some(behaviour) = state.http {
                fleet.set_http(host, behaviour);
            }
            let agent = match index {
                2 => Behaviour::Dead,
                3 => Behaviour::WrongName,
                8 => Behaviour::Expired,
                13 => Behaviour::WrongAuthority,
                _ => continue,
            };
            fleet.set_agent(host, agent).await?;
        }
        Ok(fleet)
    }

    pub(crate) const fn authority(&self) -> &Authority {
        &self.authority
    }

    pub(crate) fn hosts(&self) -> &[FleetHost] {
        &self.hosts
    }

    pub(crate) fn host(&self, id: HostId) -> Option<&FleetHost> {
        self.hosts.iter().find(|host| host.id == id)
    }

    /// Returns the URL of a host's web service.
    pub(crate) fn url(&self, host: &FleetHost) -> String {
        self.web.url(&format!("/{}/health", host.name))
    }

    /// Breaks or repairs a service of a host. Returns `false` if the host does not run it.
    pub(crate) fn set_service(
        &self,
        host: &FleetHost,
        service: &str,
        behaviour: Behaviour,
    ) -> bool {
        match host.lock().services.get_mut(service) {
            None => return false,
            Some(known) => *known = behaviour,
        }
        let script = match behaviour {
            Behaviour::Failed => ServiceScript::Failed,
            Behaviour::Slow => ServiceScript::DelayThenHealthy(SLOW),
            _ => ServiceScript::Healthy,
        };
        host.agent.set(service, script);
        true
    }

    /// Breaks or repairs a host's web service. Returns `false` if it has none.
    pub(crate) fn set_http(&self, host: &FleetHost, behaviour: Behaviour) -> bool {
        match &mut host.lock().http {
            None => return false,
            Some(known) => *known = behaviour,
        }
        let script = match behaviour {
            Behaviour::Failed => WebScript::ok("status: degraded"),
            Behaviour::Slow => WebScript::ok("status: ok").with_delay(SLOW),
            _ => WebScript::ok("status: ok"),
        };
        self.web.set(&format!("/{}/health", host.name), script);
        true
    }

    /// Breaks or repairs a host's agent.
    ///
    /// # Errors
    /// Fails if its port cannot be bound again.
    pub(crate) async fn set_agent(&self, host: &FleetHost, behaviour: Behaviour) -> io::Result<()> {
        let before = std::mem::replace(&mut host.lock().agent, behaviour);
        let mode = match behaviour {
            Behaviour::WrongName => TlsMode::WrongSan,
            Behaviour::Expired => TlsMode::Expired,
            Behaviour::WrongAuthority => TlsMode::OtherAuthority,
            _ => TlsMode::Normal,
        };
        host.agent.set_tls(mode);
        match (before, behaviour) {
            (Behaviour::Dead, Behaviour::Dead) => {}
            (_, Behaviour::Dead) => host.agent.pause().await,
            (Behaviour::Dead, _) => host.agent.resume()?,
            _ => {}
        }
        Ok(())
    }

    /// Alternates flapping services until the future is dropped.
    pub(crate) async fn flap(&self) {
        let mut failing = false;
        loop {
            tokio::time::sleep(FLAP).await;
            failing = !failing;
            for host in &self.hosts {
                let state = host.lock().clone();
                for (service, behaviour) in &state.services {
                    if *behaviour == Behaviour::Flapping {
                        let script =
                            if failing { ServiceScript::Failed } else { ServiceScript::Healthy };
                        host.agent.set(service, script);
                    }
                }
            }
        }
    }
}

impl FleetHost {
    async fn start(authority: &Authority, index: u16, count: u16) -> io::Result<Self> {
        let (group, units) = GROUPS[usize::from(index) % GROUPS.len()];
        let behaviour = |unit: &str| match (index, unit) {
            (1, "postgresql")
            | (7, "redis-server")
            | (11, "postgresql" | "redis-server" | "nginx") => Behaviour::Failed,
            (11, unit) if unit != "sshd" => Behaviour::Failed,
            (5, "nginx") => Behaviour::Flapping,
            (6, "postgresql") => Behaviour::Slow,
            _ => Behaviour::Healthy,
        };
        let services: BTreeMap<String, Behaviour> =
            units.iter().map(|unit| ((*unit).to_owned(), behaviour(unit))).collect();
        let http = match (group, index) {
            ("web", _) => Some(Behaviour::Healthy),
            (_, 9) => Some(Behaviour::Failed),
            _ => None,
        };
        // The last host of a large fleet is in no group: only administrators see it.
        let ungrouped = index + 1 == count && count > 12;
        Ok(Self {
            id: host_id(index),
            name: format!("{group}-{:02}", usize::from(index) / GROUPS.len() + 1),
            groups: if ungrouped { Vec::new() } else { vec![group.to_owned()] },
            agent: Agent::builder(authority).start().await?,
            state: Mutex::new(HostState { agent: Behaviour::Healthy, services, http }),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HostState> {
        // Nothing under this lock panics halfway through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the host as an application's configuration would name it.
    pub(crate) fn configured(&self) -> Option<ConfiguredHost> {
        let address = self.agent.addr();
        let agent = AgentEndpoint::new(address.ip().to_string(), address.port(), None).ok()?;
        Some(ConfiguredHost {
            id: self.id,
            name: self.name.clone(),
            agent,
            groups: self.groups.clone(),
        })
    }

    /// Returns the definitions of its checks. One host has none.
    pub(crate) fn checks(&self, url: &str) -> Vec<Value> {
        let state = self.lock();
        if self.id == host_id(4) {
            return Vec::new();
        }
        let service = |unit: &String| json!({"name": format!("{unit} is running"), "check_type": "service", "service_name": unit});
        let mut checks: Vec<Value> = state.services.keys().map(service).collect();
        if state.http.is_some() {
            checks.push(json!({
                "name": "health page", "check_type": "http", "url": url, "expected_body": "status: ok",
            }));
        }
        checks
    }

    /// Returns its current behaviour.
    pub(crate) fn form(&self) -> FleetHostForm {
        let state = self.lock().clone();
        FleetHostForm {
            host_id: self.id,
            name: self.name.clone(),
            agent: state.agent,
            services: state.services,
            http: state.http,
            patch: Behaviour::Healthy,
        }
    }
}

/// The behaviour of a simulated host.
#[derive(Serialize, ToSchema)]
#[schema(as = FleetHost)]
pub(crate) struct FleetHostForm {
    host_id: HostId,
    name: String,
    /// Its agent: `healthy`, `dead`, `wrong_name`, `expired` or `wrong_authority`.
    agent: Behaviour,
    /// Its services: `healthy`, `failed`, `slow` or `flapping`.
    services: BTreeMap<String, Behaviour>,
    /// Its web service, if it has one: `healthy`, `failed` or `slow`.
    #[schema(required)]
    http: Option<Behaviour>,
    /// Its patches: `healthy` or `failed`.
    pub(crate) patch: Behaviour,
}

/// Returns a host's id, which is the same after every start.
fn host_id(index: u16) -> HostId {
    HostId::from_uuid(Uuid::from_u128(
        0x5f0c_0000_0000_4000_8000_0000_0000_0000 + u128::from(index),
    ))
}
