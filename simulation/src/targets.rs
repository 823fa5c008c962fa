//! The checked hosts and services, and the runner that asks them.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::{join_all, pending};
use healthgate::{
    checks::{CheckOutcome, HostRun, HostRunner},
    clock::Clock,
    directory::{DirectoryError, HostDirectory, HostInfo},
    gate::{OverrideRights, SourceError, WindowSource, decide::WindowAnswer},
    model::{CheckId, Detail, GateRecord, HealthCheck, HostId, ReasonCode},
};

use crate::{
    checker::{Checker, EyesId, Run},
    clock::MachineClock,
    history::Event,
    sources::{SourceTrouble, Sources},
};

/// The current behaviour of a target.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Behaviour {
    Answers(ReasonCode, Duration),
    /// The answer comes at this true time, if a run is in progress then.
    AnswersAt(Duration),
    Silent,
    Panics,
}

/// How an agent serves every check that asks it, of any host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum AgentState {
    Well,
    /// An answer takes at least this long.
    Slow(Duration),
    Dead,
}

/// All targets and agents. An unset target is healthy after 20 ms.
#[derive(Debug, Default)]
pub(crate) struct Targets {
    checks: Mutex<HashMap<CheckId, Behaviour>>,
    agents: Mutex<HashMap<HostId, AgentState>>,
}

impl Targets {
    pub(crate) fn set(&self, check: CheckId, behaviour: Behaviour) {
        self.checks.lock().unwrap_or_else(PoisonError::into_inner).insert(check, behaviour);
    }

    pub(crate) fn set_agent(&self, host: HostId, agent: AgentState) {
        self.agents.lock().unwrap_or_else(PoisonError::into_inner).insert(host, agent);
    }

    /// Returns the behaviour of a check's target itself.
    fn of(&self, check: CheckId) -> Behaviour {
        let targets = self.checks.lock().unwrap_or_else(PoisonError::into_inner);
        let quick = Behaviour::Answers(ReasonCode::Ok, Duration::from_millis(20));
        targets.get(&check).copied().unwrap_or(quick)
    }

    /// Returns the behaviour that a check sees through the agent that it asks.
    fn seen_by(&self, check: &HealthCheck) -> Behaviour {
        let own = self.of(check.id);
        if check.definition.service().is_none() {
            return own;
        }
        let agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        match (agents.get(&check.asked_host()), own) {
            (Some(AgentState::Dead), _) => Behaviour::Silent,
            (Some(AgentState::Slow(least)), Behaviour::Answers(reason, takes)) => {
                Behaviour::Answers(reason, takes.max(*least))
            }
            _ => own,
        }
    }
}

/// The view of one life of a worker on targets, hosts and windows.
#[derive(Clone, Debug)]
pub(crate) struct Sight {
    pub(crate) targets: Arc<Targets>,
    pub(crate) checker: Arc<Mutex<Checker>>,
    pub(crate) clock: MachineClock,
    pub(crate) eyes: EyesId,
    /// Whether its runs are those of the poller's schedule.
    pub(crate) polls: bool,
    pub(crate) sources: Arc<Sources>,
    pub(crate) network: Network,
}

/// Whether a machine's network works.
#[derive(Clone, Debug, Default)]
pub(crate) struct Network(Arc<AtomicBool>);

impl Network {
    pub(crate) fn set_down(&self, down: bool) {
        self.0.store(down, Ordering::Relaxed);
    }

    fn is_down(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Sight {
    fn checker(&self) -> MutexGuard<'_, Checker> {
        self.checker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns which of these gates' hosts an operator has paused.
    pub(crate) fn read_pauses(&self, gates: &[&GateRecord]) -> Vec<bool> {
        self.checker().read_pauses(self.eyes, gates)
    }

    /// Applies the current fault to a call of one of the application's sources.
    async fn trouble(&self, source: &'static str) -> Result<(), SourceTrouble> {
        let Some(trouble) = self.sources.draw() else { return Ok(()) };
        if trouble == SourceTrouble::Hangs && !self.polls {
            return Ok(());
        }
        {
            let mut checker = self.checker();
            checker.count(trouble.event());
            checker.source_befell(self.eyes, source);
            checker.tell(format_args!("{}: source of {source}, {trouble:?}", self.eyes.0));
        }
        match trouble {
            SourceTrouble::Fails => Err(trouble),
            SourceTrouble::Hangs => pending().await,
            SourceTrouble::Slow(takes) => {
                self.clock.sleep(takes).await;
                Ok(())
            }
        }
    }

    async fn run_check(&self, check: HealthCheck, run: &HostRun) -> CheckOutcome {
        let endpoint = check
            .definition
            .service()
            .and_then(|_| run.agents.get(&check.asked_host()).cloned().flatten());
        let gone =
            check.definition.service().is_some() && !run.agents.contains_key(&check.asked_host());
        let (started, started_store) = {
            let checker = self.checker();
            (checker.at(), checker.now())
        };
        let (reason, takes) = match self.targets.seen_by(&check) {
            _ if self.network.is_down() => (ReasonCode::Connect, Duration::from_millis(5)),
            _ if gone => (ReasonCode::TargetMissing, Duration::ZERO),
            Behaviour::Answers(reason, takes) => (reason, takes),
            Behaviour::AnswersAt(at) => {
                self.checker().count(Event::AnsweredAtClose);
                (ReasonCode::Ok, at.saturating_sub(started))
            }
            Behaviour::Silent => (ReasonCode::TimeoutHead, run.timeout),
            Behaviour::Panics => {
                // Avoids the panic hook, which prints.
                std::panic::resume_unwind(Box::new("scripted"));
            }
        };
        let (reason, takes) = if takes >= run.timeout {
            (ReasonCode::TimeoutHead, run.timeout)
        } else {
            (reason, takes)
        };
        self.checker().run_started(
            check.id,
            Run {
                revision: check.revision,
                reason,
                endpoint: endpoint.clone(),
                started,
                started_store,
                eyes: self.eyes,
                ended: false,
            },
        );
        let before = self.clock.monotonic();
        self.clock.sleep(takes).await;
        self.checker().run_ended(check.id, self.eyes, started);
        CheckOutcome {
            check_id: check.id,
            revision: check.revision,
            reason,
            detail: Detail::new(reason.as_str()),
            latency: self.clock.monotonic().saturating_sub(before),
            endpoint,
        }
    }
}

/// A poller's run of a host, until its end or until it is dropped.
struct Running<'a> {
    sight: &'a Sight,
    host: HostId,
}

impl<'a> Running<'a> {
    fn begin(sight: &'a Sight, run: &HostRun) -> Self {
        sight.checker().poll_started(sight.eyes, run.host_id, &run.checks);
        Self { sight, host: run.host_id }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.sight.checker().poll_ended(self.sight.eyes, self.host);
    }
}

#[async_trait]
impl HostRunner for Sight {
    async fn run_host(&self, run: HostRun) -> Vec<CheckOutcome> {
        let _running = self.polls.then(|| Running::begin(self, &run));
        run.checks.iter().for_each(|check| self.checker().asked(check));
        let hangs = run.checks.iter().any(|check| {
            matches!(self.targets.of(check.id), Behaviour::Silent) && check.revision % 3 == 0
        });
        if hangs {
            // A runner that breaks its contract: it never returns.
            return pending().await;
        }
        join_all(run.checks.iter().map(|check| self.run_check(check.clone(), &run))).await
    }
}

#[async_trait]
impl HostDirectory for Sight {
    async fn hosts(&self, ids: &[HostId]) -> Result<HashMap<HostId, HostInfo>, DirectoryError> {
        self.trouble("hosts").await.map_err(DirectoryError::new)?;
        let known = self.checker().read_hosts(self.eyes, ids);
        let info = |(host, agent)| (host, HostInfo { agent, groups: Vec::new() });
        Ok(known.into_iter().map(info).collect())
    }
}

#[async_trait]
impl OverrideRights for Sight {
    async fn may_override(&self, gates: &[&GateRecord]) -> Result<Vec<bool>, SourceError> {
        self.trouble("rights").await.map_err(|error| SourceError::new("rights", error))?;
        Ok(self.checker().read_rights(self.eyes, gates))
    }
}

#[async_trait]
impl WindowSource for Sight {
    async fn windows(&self, gates: &[&GateRecord]) -> Result<Vec<WindowAnswer>, SourceError> {
        self.trouble("windows").await.map_err(|error| SourceError::new("windows", error))?;
        Ok(self.checker().read_windows(self.eyes, gates))
    }
}
