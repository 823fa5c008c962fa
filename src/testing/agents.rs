//! Scripted agents.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::future::pending;

use super::script::{Answer, Timeline};
use crate::{
    checks::{AgentError, AgentLink, AgentTransport, ServiceStatus},
    clock::Clock,
    model::{AgentEndpoint, ReasonCode, ServiceName},
};

/// An [`AgentTransport`] with scripted answers, by endpoint, unit and time. Without a script, every unit is
/// healthy after 10 ms.
///
/// [`ReasonCode::Ok`] and [`ReasonCode::ServiceUnhealthy`] are states of a unit. For every other reason, the
/// transport returns the error of a real transport. Clones share the same agents.
#[derive(Clone, Debug)]
pub struct ScriptedAgents {
    clock: Arc<dyn Clock>,
    script: Arc<Mutex<Script>>,
}

#[derive(Debug, Default)]
struct Script {
    units: HashMap<(AgentEndpoint, String), Timeline>,
    asked: Vec<(AgentEndpoint, String)>,
}

impl ScriptedAgents {
    /// Creates agents whose units are all healthy.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, script: Arc::default() }
    }

    /// Scripts the answer of a unit from now on.
    pub fn answer(&self, endpoint: &AgentEndpoint, unit: &str, answer: Answer) {
        self.answer_from(endpoint, unit, self.clock.now(), answer);
    }

    /// Scripts the answer of a unit from an instant on, until the next scripted answer.
    pub fn answer_from(
        &self,
        endpoint: &AgentEndpoint,
        unit: &str,
        from: DateTime<Utc>,
        answer: Answer,
    ) {
        let key = (endpoint.clone(), unit.to_owned());
        self.script().units.entry(key).or_default().set(from, answer);
    }

    /// Returns the endpoints and units that were asked so far, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<(AgentEndpoint, String)> {
        self.script().asked.clone()
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        // A poisoned lock is safe to use: no code under it panics.
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AgentTransport for ScriptedAgents {
    fn link(&self, endpoint: &AgentEndpoint) -> Result<Box<dyn AgentLink>, AgentError> {
        Ok(Box::new(ScriptedLink { agents: self.clone(), endpoint: endpoint.clone() }))
    }
}

#[derive(Debug)]
struct ScriptedLink {
    agents: ScriptedAgents,
    endpoint: AgentEndpoint,
}

#[async_trait]
impl AgentLink for ScriptedLink {
    async fn service(
        &self,
        name: &ServiceName,
        time: Duration,
    ) -> Result<ServiceStatus, AgentError> {
        let key = (self.endpoint.clone(), name.to_string());
        let answer = {
            let mut script = self.agents.script();
            script.asked.push(key.clone());
            script.units.get(&key).and_then(|timeline| timeline.at(self.agents.clock.now()))
        };
        let Some((reason, latency)) = answer.unwrap_or_else(Answer::healthy).within(time) else {
            return pending().await;
        };
        self.agents.clock.sleep(latency).await;
        match reason {
            ReasonCode::Ok => Ok(ServiceStatus::new(name.to_string(), true)),
            ReasonCode::ServiceUnhealthy => Ok(ServiceStatus::new(name.to_string(), false)),
            reason => Err(AgentError::new(reason, format!("scripted: {reason}"))),
        }
    }
}
