//! Runs the checks of a host: HTTP checks concurrently, service checks over shared connections.

use std::{
    collections::BTreeMap,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio::time::timeout;
use tracing::{Instrument, debug_span, warn};

use super::{
    agent::{AgentError, AgentLink, AgentTransport, ServiceStatus},
    host_run::{
        CheckOutcome, HostRun, HostRunner, OutcomeCollector, run_bound, run_head_start, unanswered,
        unreadable_outcome,
    },
    http::{HttpClient, Purpose, Trust},
    tls,
};
use crate::{
    crypto::{InstallId, SealContext, Sealer},
    model::{
        AgentEndpoint, Detail, HealthCheck, HostId, HttpProbe, Password, Probe, ReasonCode,
        ServiceProbe,
    },
};

/// Runs checks over real connections.
#[derive(Clone, Debug)]
pub struct CheckRunner {
    agents: Arc<dyn AgentTransport>,
    http: HttpClient,
    sealer: Arc<dyn Sealer>,
    install_id: InstallId,
}

/// The maximum time that checks on a shared connection wait for one that does not answer.
const PATIENCE: Duration = Duration::from_secs(2);

impl CheckRunner {
    /// Creates a runner over a transport to agents and an HTTP client. `sealer` opens passwords, for the
    /// installation that [`SecretStore`](crate::store::SecretStore) names.
    #[must_use]
    pub fn new(
        agents: Arc<dyn AgentTransport>,
        http: HttpClient,
        sealer: Arc<dyn Sealer>,
        install_id: InstallId,
    ) -> Self {
        Self { agents, http, sealer, install_id }
    }

    async fn http_check(
        &self,
        check: &HealthCheck,
        probe: &HttpProbe,
        time: Duration,
        purpose: Purpose,
        outcomes: &OutcomeCollector,
    ) -> Done {
        let password = match self.password(check) {
            Ok(password) => password,
            Err(done) => return done,
        };
        let trust =
            if check.definition.ignore_cert_errors { Trust::Tolerant } else { Trust::Strict };
        let outcome = self.http.run(probe, trust, password.as_ref(), time, purpose).await;
        if outcome.refused {
            outcomes.refused(check.id);
        }
        Done { reason: outcome.reason, detail: Detail::new(outcome.words) }
    }

    /// Opens the password right before it is sent.
    fn password(&self, check: &HealthCheck) -> Result<Option<Password>, Done> {
        let context = SealContext::of(self.install_id, check.host_id, check.id, &check.definition);
        let (Some(secret), Some(context)) = (&check.secret, context) else { return Ok(None) };
        self.sealer.open(&context, secret).map(Some).map_err(|error| {
            // A security event: someone moved or edited a row, or the key is wrong.
            warn!(check = %check.id, host = %check.host_id, cause = %error.cause(),
                  "a stored password does not open");
            let words = "the stored password cannot be read: enter it again";
            Done { reason: ReasonCode::SecretUnreadable, detail: Detail::new(words) }
        })
    }

    /// Asks one agent for all units, one after another on one connection while that works. The remaining
    /// units then use connections of their own. These start within the head start, so that each has its
    /// full time before the run's bound (F142).
    async fn service_checks(
        &self,
        endpoint: &AgentEndpoint,
        checks: &[(&HealthCheck, &ServiceProbe)],
        run: &Timing,
        outcomes: &OutcomeCollector,
    ) {
        let mut rest = checks;
        let mut slow: Option<BoxFuture<'_, Asked>> = None;
        if let Ok(link) = self.agents.link(endpoint) {
            let link: Arc<dyn AgentLink> = Arc::from(link);
            while let Some(((check, probe), after)) = rest.split_first() {
                let patience = run.patience.min(run.head_start_left());
                if patience.is_zero() {
                    break;
                }
                rest = after;
                let link = Arc::clone(&link);
                let mut asked = ask(link, check, probe, endpoint, run.timeout)
                    .instrument(debug_span!("service_check", check = %check.id))
                    .boxed();
                match timeout(patience, &mut asked).await {
                    Ok(answer) => {
                        let sound = answer.sound;
                        answer.record(outcomes);
                        if !sound {
                            break;
                        }
                    }
                    Err(_) => {
                        slow = Some(asked);
                        break;
                    }
                }
            }
        }
        let alone =
            rest.iter().map(|(check, probe)| self.alone(check, probe, endpoint, run).boxed());
        let mut asked: FuturesUnordered<_> = alone.chain(slow).collect();
        while let Some(answer) = asked.next().await {
            answer.record(outcomes);
        }
    }

    /// Asks for one unit over its own connection.
    async fn alone(
        &self,
        check: &HealthCheck,
        probe: &ServiceProbe,
        endpoint: &AgentEndpoint,
        run: &Timing,
    ) -> Asked {
        match self.agents.link(endpoint) {
            Ok(link) => {
                let span = debug_span!("service_check", check = %check.id);
                ask(Arc::from(link), check, probe, endpoint, run.timeout).instrument(span).await
            }
            Err(error) => {
                let done = Done::failed(&error);
                let outcome = done.of(check, Duration::ZERO, Some(endpoint.clone()));
                Asked { outcome, sound: false, refused: false }
            }
        }
    }
}

/// The time budget of one run.
struct Timing {
    started: Instant,
    timeout: Duration,
    patience: Duration,
    head_start: Duration,
}

impl Timing {
    /// Returns the remaining head start.
    fn head_start_left(&self) -> Duration {
        self.head_start.saturating_sub(self.started.elapsed())
    }
}

/// The outcome of one check.
struct Done {
    reason: ReasonCode,
    detail: Detail,
}

impl Done {
    fn failed(error: &AgentError) -> Self {
        Self { reason: error.reason(), detail: error.detail().clone() }
    }

    fn of(
        self,
        check: &HealthCheck,
        latency: Duration,
        endpoint: Option<AgentEndpoint>,
    ) -> CheckOutcome {
        CheckOutcome {
            check_id: check.id,
            revision: check.revision,
            reason: self.reason,
            detail: self.detail,
            latency,
            endpoint,
        }
    }
}

/// The outcome of asking for one unit.
struct Asked {
    outcome: CheckOutcome,
    /// Whether the link can be used for the next unit.
    sound: bool,
    /// Whether the agent's host refused the connection.
    refused: bool,
}

impl Asked {
    fn record(self, outcomes: &OutcomeCollector) {
        if self.refused {
            outcomes.refused(self.outcome.check_id);
        }
        outcomes.record(self.outcome);
    }
}

/// Asks for one unit over a link.
async fn ask(
    link: Arc<dyn AgentLink>,
    check: &HealthCheck,
    probe: &ServiceProbe,
    endpoint: &AgentEndpoint,
    time: Duration,
) -> Asked {
    let started = Instant::now();
    let answer = link.service(&probe.service_name, time).await;
    // Any answer proves that the connection works. A missing answer may be the link's fault.
    let sound = match &answer {
        Ok(_) => true,
        Err(error) => {
            error.reason().observed()
                || matches!(
                    error.reason(),
                    ReasonCode::AgentError
                        | ReasonCode::AgentRefused
                        | ReasonCode::AgentRateLimited
                        | ReasonCode::AgentUnsupported
                )
        }
    };
    let refused = matches!(&answer, Err(error) if tls::is_refused(error));
    let done = match answer {
        Ok(status) => Done {
            reason: if status.healthy { ReasonCode::Ok } else { ReasonCode::ServiceUnhealthy },
            detail: describe(&probe.service_name, &status),
        },
        Err(error) => Done::failed(&error),
    };
    Asked { outcome: done.of(check, started.elapsed(), Some(endpoint.clone())), sound, refused }
}

/// Describes a unit's states in words: `active/running, enabled`.
fn describe(asked: &str, status: &ServiceStatus) -> Detail {
    let mut words = Vec::new();
    match (&status.active_state, &status.sub_state) {
        (Some(active), Some(sub)) => words.push(format!("{active}/{sub}")),
        (Some(active), None) => words.push(active.clone()),
        (None, _) => {}
    }
    words.extend(status.enabled_state.clone());
    words.extend(status.load_state.clone().filter(|load| load != "loaded"));
    let same = status.name == asked || status.name.strip_suffix(".service") == Some(asked);
    if !same {
        words.push(format!("answers as {}", status.name));
    }
    Detail::new(words.join(", "))
}

#[async_trait]
impl HostRunner for CheckRunner {
    async fn run_host(&self, run: HostRun) -> Vec<CheckOutcome> {
        let outcomes = OutcomeCollector::default();
        self.collect_host(run, &outcomes).await;
        outcomes.take()
    }

    async fn collect_host(&self, run: HostRun, outcomes: &OutcomeCollector) {
        self.run_for(Purpose::Check, run, outcomes).await;
    }

    async fn test_host(&self, run: HostRun) -> Vec<CheckOutcome> {
        let outcomes = OutcomeCollector::default();
        self.run_for(Purpose::Test, run, &outcomes).await;
        outcomes.take()
    }
}

impl CheckRunner {
    async fn run_for(&self, purpose: Purpose, run: HostRun, outcomes: &OutcomeCollector) {
        let timing = Timing {
            started: Instant::now(),
            timeout: run.timeout,
            patience: PATIENCE.min(run.timeout / 4),
            // Slightly shorter, so that the last check ends before the bound.
            head_start: run_head_start(run.timeout) * 19 / 20,
        };
        let mut by_host: BTreeMap<HostId, Vec<(&HealthCheck, &ServiceProbe)>> = BTreeMap::new();
        let mut parts: FuturesUnordered<BoxFuture<'_, ()>> = FuturesUnordered::new();
        for check in &run.checks {
            match &check.definition.probe {
                Probe::Http(probe) => {
                    let running = async {
                        let started = Instant::now();
                        let done =
                            self.http_check(check, probe, timing.timeout, purpose, outcomes).await;
                        outcomes.record(done.of(check, started.elapsed(), None));
                    };
                    let span = debug_span!("http_check", check = %check.id, host = %run.host_id);
                    let running = running.instrument(span);
                    parts.push(contained(vec![check], running, outcomes).boxed());
                }
                Probe::Unreadable(_) => {
                    unreadable_outcome(check).into_iter().for_each(|done| outcomes.record(done));
                }
                Probe::Service(probe) => {
                    by_host.entry(check.asked_host()).or_default().push((check, probe));
                }
            }
        }
        for (host, checks) in &by_host {
            let of = || checks.iter().map(|(check, _)| *check).collect::<Vec<_>>();
            let missing =
                |words: &str| record_all(&of(), ReasonCode::TargetMissing, words, outcomes);
            match run.agents.get(host) {
                None => missing("the target host does not exist"),
                Some(None) => missing("the target host has no agent"),
                Some(Some(endpoint)) => {
                    let span =
                        debug_span!("service_checks", host = %run.host_id, agent = %endpoint);
                    let asking = self.service_checks(endpoint, checks, &timing, outcomes);
                    parts.push(contained(of(), asking.instrument(span), outcomes).boxed());
                }
            }
        }
        // Every part keeps its own times. This timeout is a safeguard.
        let all = async { while parts.next().await.is_some() {} };
        if timeout(run_bound(run.timeout), all).await.is_err() {
            let checks: Vec<&HealthCheck> = run.checks.iter().collect();
            record_all(&checks, ReasonCode::Internal, "the run did not end in time", outcomes);
        }
    }
}

/// Records this outcome for each check that has none.
fn record_all(
    checks: &[&HealthCheck],
    reason: ReasonCode,
    words: &str,
    outcomes: &OutcomeCollector,
) {
    let checks: Vec<HealthCheck> = checks.iter().map(|check| (*check).clone()).collect();
    unanswered(&checks, reason, words).into_iter().for_each(|outcome| outcomes.record(outcome));
}

/// Runs a part of a run. A panic fails only this part's checks that have not answered (F45).
async fn contained(
    checks: Vec<&HealthCheck>,
    part: impl Future<Output = ()>,
    outcomes: &OutcomeCollector,
) {
    if AssertUnwindSafe(part).catch_unwind().await.is_err() {
        let words = "the run failed inside the manager";
        record_all(&checks, ReasonCode::Internal, words, outcomes);
    }
}
