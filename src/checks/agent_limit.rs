//! Limits the concurrent runs at one agent, for polling and gates together (F165).

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::model::AgentEndpoint;

/// Identifies an agent by its address and port, for counting runs.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub(crate) struct AgentKey {
    address: String,
    port: u16,
}

impl From<&AgentEndpoint> for AgentKey {
    fn from(endpoint: &AgentEndpoint) -> Self {
        Self { address: endpoint.address().to_owned(), port: endpoint.port() }
    }
}

impl std::fmt::Display for AgentKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}", self.address, self.port)
    }
}

/// The running runs at each agent. A clone is another handle to the same count.
///
/// The poller starts no run at an agent that a gate's attempt waits for, so that the attempt gets the next
/// slot.
#[derive(Clone, Debug)]
pub(crate) struct AgentLimit(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    most: usize,
    agents: Mutex<HashMap<AgentKey, AgentUse>>,
}

#[derive(Default, Debug)]
struct AgentUse {
    runs: usize,
    gate_runners_waiting: usize,
}

impl AgentLimit {
    /// Creates a limit of this many concurrent runs per agent.
    pub(crate) fn new(most: usize) -> Self {
        Self(Arc::new(Shared { most: most.max(1), agents: Mutex::default() }))
    }

    /// Admits a run of the poller, or returns `None` if the agent is busy or a gate waits for it.
    pub(crate) fn admit_poll(&self, agent: &AgentKey) -> Option<AgentPermit> {
        let mut agents = self.0.lock();
        if let Some(used) = agents.get(agent)
            && (used.runs >= self.0.most || used.gate_runners_waiting > 0)
        {
            return None;
        }
        agents.entry(agent.clone()).or_default().runs += 1;
        Some(AgentPermit { shared: Arc::clone(&self.0), agents: vec![agent.clone()] })
    }

    /// Admits an attempt of a gate at all of its agents.
    ///
    /// # Errors
    /// Returns the busy agents.
    pub(crate) fn admit_gate(
        &self,
        asked: &HashSet<AgentKey>,
    ) -> Result<AgentPermit, Vec<AgentKey>> {
        let mut agents = self.0.lock();
        let is_busy =
            |agent: &&AgentKey| agents.get(*agent).is_some_and(|used| used.runs >= self.0.most);
        let busy: Vec<AgentKey> = asked.iter().filter(is_busy).cloned().collect();
        if !busy.is_empty() {
            return Err(busy);
        }
        for agent in asked {
            agents.entry(agent.clone()).or_default().runs += 1;
        }
        Ok(AgentPermit { shared: Arc::clone(&self.0), agents: asked.iter().cloned().collect() })
    }

    /// Returns a handle with which a gate runner registers the agents that its attempts wait for.
    pub(crate) fn demand(&self) -> AgentDemand {
        AgentDemand { shared: Arc::clone(&self.0), agents: HashSet::new() }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, HashMap<AgentKey, AgentUse>> {
        // Nothing under this lock panics halfway through a change.
        self.agents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, agent: &AgentKey, change: impl FnOnce(&mut AgentUse)) {
        let mut agents = self.lock();
        let used = agents.entry(agent.clone()).or_default();
        change(used);
        if used.runs == 0 && used.gate_runners_waiting == 0 {
            agents.remove(agent);
        }
    }
}

/// A slot at one or more agents. Dropping it frees the slot.
#[derive(Debug)]
#[must_use]
pub(crate) struct AgentPermit {
    shared: Arc<Shared>,
    agents: Vec<AgentKey>,
}

impl Drop for AgentPermit {
    fn drop(&mut self) {
        for agent in &self.agents {
            self.shared.change(agent, |used| used.runs -= 1);
        }
    }
}

/// The agents that the attempts of one gate runner wait for. Dropping it removes the demand.
#[derive(Debug)]
pub(crate) struct AgentDemand {
    shared: Arc<Shared>,
    agents: HashSet<AgentKey>,
}

impl AgentDemand {
    /// Replaces the set of awaited agents.
    pub(crate) fn set(&mut self, agents: HashSet<AgentKey>) {
        for agent in agents.difference(&self.agents) {
            self.shared.change(agent, |used| used.gate_runners_waiting += 1);
        }
        for agent in self.agents.difference(&agents) {
            self.shared.change(agent, |used| used.gate_runners_waiting -= 1);
        }
        self.agents = agents;
    }
}

impl Drop for AgentDemand {
    fn drop(&mut self) {
        self.set(HashSet::new());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn agent(number: u16) -> AgentKey {
        AgentKey { address: "10.0.0.1".to_owned(), port: 1_000 + number }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 5_000, failure_persistence: None, ..ProptestConfig::default() })]

        /// F165: in any order of calls, no agent has more runs than allowed, polling starts none where a
        /// gate waits, and returned slots are free again.
        #[test]
        fn f165_the_limit_of_an_agent_holds_whatever_comes(
            most in 1_usize..4,
            calls in proptest::collection::vec(
                (0_u8..4, proptest::collection::hash_set(0_u16..3, 1..3), any::<prop::sample::Index>()),
                0..60,
            ),
        ) {
            let limit = AgentLimit::new(most);
            let mut demand = limit.demand();
            let mut waited: HashSet<AgentKey> = HashSet::new();
            let mut permits: Vec<AgentPermit> = Vec::new();
            for (call, numbers, pick) in calls {
                let asked: HashSet<AgentKey> = numbers.into_iter().map(agent).collect();
                let runs = |agent: &AgentKey| {
                    permits.iter().filter(|permit| permit.agents.contains(agent)).count()
                };
                match call {
                    0 => {
                        let free = asked.iter().all(|agent| runs(agent) < most);
                        let permit = limit.admit_gate(&asked);
                        prop_assert_eq!(permit.is_ok(), free);
                        permits.extend(permit.ok());
                    }
                    1 => {
                        let agent = asked.iter().next().expect("one at least");
                        let free = runs(agent) < most && !waited.contains(agent);
                        let permit = limit.admit_poll(agent);
                        prop_assert_eq!(permit.is_some(), free);
                        permits.extend(permit);
                    }
                    2 => {
                        waited.clone_from(&asked);
                        demand.set(asked);
                    }
                    _ if !permits.is_empty() => drop(permits.swap_remove(pick.index(permits.len()))),
                    _ => {}
                }
            }
            drop((permits, demand));
            prop_assert!(limit.0.lock().is_empty(), "nothing is left behind");
        }
    }
}
