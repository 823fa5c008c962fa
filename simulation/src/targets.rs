//! The hosts and services that are checked, and the runner that asks them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
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
};

/// How a target behaves now.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Behaviour {
    Answers(ReasonCode, Duration),
    /// The answer comes at this true time, where a run is under way then.
    AnswersAt(Duration),
    Silent,
    Panics,
}

/// All targets. What is not set is healthy after 20 ms.
#[derive(Debug, Default)]
pub(crate) struct Targets(Mutex<HashMap<CheckId, Behaviour>>);

impl Targets {
    pub(crate) fn set(&self, check: CheckId, behaviour: Behaviour) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(check, behaviour);
    }

    fn of(&self, check: CheckId) -> Behaviour {
        let targets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let quick = Behaviour::Answers(ReasonCode::Ok, Duration::from_millis(20));
        targets.get(&check).copied().unwrap_or(quick)
    }
}

/// What one life of a worker sees of the world: targets, hosts and windows.
#[derive(Clone, Debug)]
pub(crate) struct Sight {
    pub(crate) targets: Arc<Targets>,
    pub(crate) checker: Arc<Mutex<Checker>>,
    pub(crate) clock: MachineClock,
    pub(crate) eyes: EyesId,
    /// Its runs are those of the poller's schedule.
    pub(crate) polls: bool,
}

impl Sight {
    fn checker(&self) -> MutexGuard<'_, Checker> {
        self.checker.lock().unwrap_or_else(PoisonError::into_inner)
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
        let (reason, takes) = match self.targets.of(check.id) {
            _ if gone => (ReasonCode::TargetMissing, Duration::ZERO),
            Behaviour::Answers(reason, takes) => (reason, takes),
            Behaviour::AnswersAt(at) => {
                self.checker().count(Event::AnsweredAtClose);
                (ReasonCode::Ok, at.saturating_sub(started))
            }
            Behaviour::Silent => (ReasonCode::TimeoutHead, run.timeout),
            Behaviour::Panics => {
                // Without the hook that prints it.
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

#[async_trait]
impl HostRunner for Sight {
    async fn run_host(&self, run: HostRun) -> Vec<CheckOutcome> {
        if self.polls {
            self.checker().poll_started(self.eyes, run.host_id, &run.checks);
        }
        run.checks.iter().for_each(|check| self.checker().asked(check));
        let hangs = run.checks.iter().any(|check| {
            matches!(self.targets.of(check.id), Behaviour::Silent) && check.revision % 3 == 0
        });
        if hangs {
            // A runner that breaks its contract: it does not even give up.
            return pending().await;
        }
        join_all(run.checks.iter().map(|check| self.run_check(check.clone(), &run))).await
    }
}

#[async_trait]
impl HostDirectory for Sight {
    async fn hosts(&self, ids: &[HostId]) -> Result<HashMap<HostId, HostInfo>, DirectoryError> {
        let known = self.checker().read_hosts(self.eyes, ids);
        let info = |(host, agent)| (host, HostInfo { agent, groups: Vec::new() });
        Ok(known.into_iter().map(info).collect())
    }
}

#[async_trait]
impl OverrideRights for Sight {
    async fn may_override(&self, gates: &[&GateRecord]) -> Result<Vec<bool>, SourceError> {
        Ok(self.checker().read_rights(self.eyes, gates))
    }
}

#[async_trait]
impl WindowSource for Sight {
    async fn windows(&self, gates: &[&GateRecord]) -> Result<Vec<WindowAnswer>, SourceError> {
        Ok(self.checker().read_windows(self.eyes, gates))
    }
}
