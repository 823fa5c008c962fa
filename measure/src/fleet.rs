//! Hosts and checks of the library over the targets, and its runner as the poller uses it.

use std::{collections::HashMap, net::SocketAddr, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use healthgate::{
    checks::{
        CheckRunner, DestinationPolicy, HostRun, HostRunner, HttpClient, HttpClientConfig,
        MutualTlsAgents, OutcomeCollector,
    },
    crypto::{InstallId, Key, KeyRing},
    model::{AgentEndpoint, CheckId, ClockEpoch, HealthCheck, HostId, NewCheck, ReasonCode},
};
use healthgate_testkit::{Authority, Identity};

use crate::{
    Outcome,
    target::{AGENT_NAME, EXPECTED},
};

/// The time limit of a check.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);

/// Creates the library's runner, which presents the client's certificate to agents of the authority.
pub(crate) fn runner(authority: &Authority, client: &Identity) -> Outcome<Arc<CheckRunner>> {
    let agents = MutualTlsAgents::from_pem(
        authority.ca_pem().as_bytes(),
        client.cert_pem.as_bytes(),
        client.key_pem.as_bytes(),
    )?;
    let destinations =
        DestinationPolicy { allowed: vec!["127.0.0.0/8".parse()?], ..Default::default() };
    let http = HttpClient::new(HttpClientConfig { destinations, ..Default::default() })?;
    let keys = Arc::new(KeyRing::new(Key::generate()?));
    Ok(Arc::new(CheckRunner::new(Arc::new(agents), http, keys, InstallId::generate()?)))
}

/// Returns a run of one HTTP check, of the web target with this number.
pub(crate) fn http_run(url: String) -> Outcome<HostRun> {
    let host = HostId::generate();
    let check = NewCheck::http("web", url).expecting(EXPECTED).build()?;
    Ok(HostRun {
        host_id: host,
        checks: vec![stored(host, check)],
        agents: HashMap::new(),
        timeout: TIMEOUT,
    })
}

/// Returns a run of this number of service checks of one host, whose agent is at this endpoint.
pub(crate) fn service_run(endpoint: AgentEndpoint, checks: usize) -> Outcome<HostRun> {
    let host = HostId::generate();
    let check = |_| Ok(stored(host, NewCheck::service("nginx", "nginx").build()?));
    let checks = (0..checks).map(check).collect::<Outcome<_>>()?;
    let agents = HashMap::from([(host, Some(endpoint))]);
    Ok(HostRun { host_id: host, checks, agents, timeout: TIMEOUT })
}

/// Returns the endpoint of the target's agent at this address.
pub(crate) fn endpoint(address: SocketAddr) -> Outcome<AgentEndpoint> {
    let name = Some(AGENT_NAME.to_owned());
    Ok(AgentEndpoint::new(address.ip().to_string(), address.port(), name)?)
}

fn stored(host_id: HostId, new: NewCheck) -> HealthCheck {
    HealthCheck {
        id: CheckId::generate(),
        host_id,
        definition: new.definition,
        secret: None,
        created_at: Default::default(),
        updated_at: Default::default(),
        updated_epoch: ClockEpoch::default(),
        revision: 1,
    }
}

/// Runs these, at most `in_flight` at once, on one task like the poller.
///
/// # Errors
/// Fails if a check is not healthy, since the figure would be another one.
pub(crate) async fn run_all(
    runner: &dyn HostRunner,
    runs: impl IntoIterator<Item = HostRun>,
    in_flight: usize,
) -> Outcome<usize> {
    let mut running = stream::iter(runs)
        .map(|run| async {
            let (outcomes, checks) = (OutcomeCollector::default(), run.checks.len());
            runner.collect_host(run, &outcomes).await;
            (checks, outcomes.take())
        })
        .buffer_unordered(in_flight);
    let mut done = 0;
    while let Some((checks, outcomes)) = running.next().await {
        if outcomes.len() != checks {
            return Err(format!("{} outcomes of {checks} checks", outcomes.len()).into());
        }
        if let Some(bad) = outcomes.iter().find(|outcome| outcome.reason != ReasonCode::Ok) {
            return Err(format!("{}: {}", bad.reason, bad.detail).into());
        }
        done += checks;
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use healthgate_testkit::{Agent, ServiceScript};

    use super::*;

    /// Twenty checks of the library against an agent of the testkit: all are counted, and a service that
    /// fails ends the measurement.
    #[tokio::test]
    async fn only_runs_whose_checks_are_all_healthy_are_measured() {
        let authority = Authority::new("measure");
        let agent = Agent::builder(&authority)
            .with_service("nginx", ServiceScript::Healthy)
            .start()
            .await
            .unwrap();
        let runner = runner(&authority, &authority.issue_client("manager")).unwrap();
        let runs = || {
            let address = agent.addr();
            let at = AgentEndpoint::new(address.ip().to_string(), address.port(), None).unwrap();
            (0..4).map(move |_| service_run(at.clone(), 5).unwrap())
        };
        assert_eq!(run_all(runner.as_ref(), runs(), 2).await.unwrap(), 20);
        assert_eq!(agent.counters().handshakes_completed, 4);

        agent.set("nginx", ServiceScript::Failed);
        let error = run_all(runner.as_ref(), runs(), 2).await.unwrap_err();
        assert!(error.to_string().contains("failed"), "{error}");
    }
}
