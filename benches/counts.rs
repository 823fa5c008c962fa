//! Runs one scene a given number of times, for `scripts/bench-counts`, which counts instructions and allocations.
//!
//! Usage: `counts` lists the names of the scenes; `counts NAME TIMES` runs one.

use std::{
    collections::HashMap, env, hint::black_box, process::ExitCode, sync::Arc, time::Duration,
};

use async_trait::async_trait;
use chrono::Utc;
use healthgate::{
    checks::{
        AgentError, AgentLink, AgentTransport, CheckRunner, HostRun, HostRunner, HttpClient,
        HttpClientConfig, ServiceStatus, schedule::next_slot,
    },
    crypto::{InstallId, Sealer as _},
    gate::decide::decide,
    model::{
        AgentEndpoint, CheckId, ClockEpoch, HealthCheck, HostId, NewCheck, ReasonCode, ServiceName,
    },
};
use healthgate_benches::{BodyScene, GateScene, now, secret};
use uuid::Uuid;

/// Prepares a scene, and returns what runs it once.
type Prepare = fn() -> Box<dyn FnMut()>;

const SCENES: [(&str, Prepare); 6] = [
    ("decide-healthy", || {
        let scene = GateScene::new(ReasonCode::Ok);
        Box::new(move || drop(black_box(decide(black_box(&scene.input())))))
    }),
    ("decide-failing", || {
        let scene = GateScene::new(ReasonCode::ServiceUnhealthy);
        Box::new(move || drop(black_box(decide(black_box(&scene.input())))))
    }),
    ("next-slot", || {
        let host = HostId::from_uuid(Uuid::from_u128(7));
        Box::new(move || {
            black_box(next_slot(black_box(host), Duration::from_secs(300), black_box(now())));
        })
    }),
    ("search-256-kib", || {
        let scene = BodyScene::default();
        Box::new(move || assert!(black_box(&scene).search()))
    }),
    ("seal-and-open", || {
        let (ring, context, password) = secret();
        Box::new(move || {
            let sealed = ring.seal(&context, &password).expect("sealed");
            drop(black_box(ring.open(&context, &sealed).expect("opened")));
        })
    }),
    ("host-of-five-services", host_of_five_services),
];

/// A run of a host with five service checks, whose agent answers at once and in memory.
fn host_of_five_services() -> Box<dyn FnMut()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime");
    let host_id = HostId::from_uuid(Uuid::from_u128(1));
    let checks: Vec<HealthCheck> = (1..=5).map(|number| service_check(host_id, number)).collect();
    let endpoint = AgentEndpoint::new("10.0.0.1", 8443, None).expect("an endpoint");
    let http = HttpClient::new(HttpClientConfig::default()).expect("a client");
    let (ring, ..) = secret();
    let install = InstallId::from_bytes([7; 16]);
    let runner = CheckRunner::new(Arc::new(InMemory), http, Arc::new(ring), install);
    Box::new(move || {
        let run = HostRun {
            host_id,
            checks: checks.clone(),
            agents: HashMap::from([(host_id, Some(endpoint.clone()))]),
            timeout: Duration::from_secs(5),
        };
        let outcomes = runtime.block_on(runner.run_host(run));
        assert!(outcomes.iter().all(|outcome| outcome.reason == ReasonCode::Ok));
        assert_eq!(outcomes.len(), 5);
    })
}

fn service_check(host_id: HostId, number: u128) -> HealthCheck {
    let name = format!("check {number}");
    let new = NewCheck::service(name, "nginx").build().expect("a check");
    let at = Utc::now();
    HealthCheck {
        id: CheckId::from_uuid(Uuid::from_u128(number)),
        host_id,
        definition: new.definition,
        secret: None,
        created_at: at,
        updated_at: at,
        updated_epoch: ClockEpoch::default(),
        revision: 1,
    }
}

/// Agents that answer at once.
#[derive(Debug)]
struct InMemory;

impl AgentTransport for InMemory {
    fn link(&self, _: &AgentEndpoint) -> Result<Box<dyn AgentLink>, AgentError> {
        Ok(Box::new(Self))
    }
}

#[async_trait]
impl AgentLink for InMemory {
    async fn service(&self, name: &ServiceName, _: Duration) -> Result<ServiceStatus, AgentError> {
        Ok(ServiceStatus::new(&**name, true))
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let Some((name, times)) = arguments.first().zip(arguments.get(1)) else {
        for (name, _) in SCENES {
            println!("{name}");
        }
        return ExitCode::SUCCESS;
    };
    let found = SCENES.iter().find(|(one, _)| one == name);
    let (Some((_, prepare)), Ok(times)) = (found, times.parse::<u32>()) else {
        eprintln!("usage: counts [NAME TIMES]");
        return ExitCode::FAILURE;
    };
    let mut run = prepare();
    for _ in 0..times {
        run();
    }
    ExitCode::SUCCESS
}
