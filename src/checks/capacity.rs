//! Limits the concurrent checks, for polling and gates together (H15, F37, F38).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::agent_limit::{AgentLimit, AgentPermit};

/// The capacity for checks in flight that a poller and a gate runner share (H15).
///
/// Gates may take up to their share, three quarters by default. Polling takes the rest, and leaves the
/// gates' share free while a gate's attempt waits, so that polling never makes a host miss its window. A
/// run is admitted as a whole: all of its checks or none.
///
/// A run with more checks than its kind may ever have in flight is admitted while no other run of its kind
/// is in flight, so that it does not wait forever.
///
/// A clone is another handle to the same capacity. There is no queue: a caller that is not admitted asks
/// again later.
///
/// The capacity also limits the concurrent runs at one agent, for polling and gates together
/// ([`with_runs_per_agent`](Self::with_runs_per_agent), F165).
#[derive(Clone, Debug)]
pub struct Capacity {
    shared: Arc<Shared>,
    agents: AgentLimit,
}

#[derive(Debug)]
struct Shared {
    total: usize,
    gate_share: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    polls: usize,
    gates: usize,
    gates_waiting: usize,
}

/// The default maximum number of concurrent runs at one agent.
pub(crate) const RUNS_PER_AGENT: usize = 2;

/// The current use of a capacity, in checks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct CapacityUse {
    /// The maximum number of checks in flight.
    pub total: usize,
    /// The maximum number of these that gates may take.
    pub gate_share: usize,
    /// Checks in flight for polling.
    pub polls: usize,
    /// Checks in flight for gates.
    pub gates: usize,
    /// Checks of due attempts of gates that are not admitted yet.
    pub gates_waiting: usize,
}

/// The kind of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Poll,
    Gate,
}

impl Capacity {
    /// Creates a capacity of this many checks in flight. Gates may take three quarters of it (at least one).
    #[must_use]
    pub fn new(total: usize) -> Self {
        Self::split(total, (total / 4 * 3 + total % 4 * 3 / 4).max(1))
    }

    /// Creates a capacity of this many checks in flight. Gates may take `gate_share` of it.
    #[must_use]
    pub fn split(total: usize, gate_share: usize) -> Self {
        let state = Mutex::default();
        let shared = Shared { total, gate_share: gate_share.min(total), state };
        Self { shared: Arc::new(shared), agents: AgentLimit::new(RUNS_PER_AGENT) }
    }

    /// Sets the maximum number of hosts with concurrent runs at one agent, 2 by default. Earlier clones
    /// keep their own count.
    #[must_use]
    pub fn with_runs_per_agent(self, most: usize) -> Self {
        Self { agents: AgentLimit::new(most), ..self }
    }

    pub(crate) const fn agents(&self) -> &AgentLimit {
        &self.agents
    }

    /// Admits a run of the poller until the permit is dropped. Returns `None` if there is no capacity now.
    #[must_use]
    pub fn admit_poll(&self, checks: usize) -> Option<Permit> {
        let mut state = self.shared.lock();
        let room = self.shared.poll_room(&state);
        // Polling's current maximum decides, not its free slots.
        let too_large = checks > self.shared.poll_places(&state);
        if checks > room && !(too_large && state.polls == 0) {
            return None;
        }
        state.polls += checks;
        Some(Permit { shared: Arc::clone(&self.shared), kind: Kind::Poll, checks, agents: None })
    }

    /// Admits a gate's attempt until the permit is dropped. Returns `None` if there is no capacity now:
    /// register the demand with [`GateDemand::set`], and ask again.
    #[must_use]
    pub fn admit_gate(&self, checks: usize) -> Option<Permit> {
        let mut state = self.shared.lock();
        let Shared { total, gate_share, .. } = *self.shared;
        let fits =
            state.gates + checks <= gate_share && state.polls + state.gates + checks <= total;
        let alone = checks > gate_share && state.gates == 0;
        if !fits && !alone {
            return None;
        }
        state.gates += checks;
        Some(Permit { shared: Arc::clone(&self.shared), kind: Kind::Gate, checks, agents: None })
    }

    /// Returns how many checks polling could start now.
    #[must_use]
    pub fn poll_room(&self) -> usize {
        self.shared.poll_room(&self.shared.lock())
    }

    /// Returns a handle with which a gate runner registers checks without capacity.
    #[must_use]
    pub fn gate_demand(&self) -> GateDemand {
        GateDemand { shared: Arc::clone(&self.shared), checks: 0 }
    }

    /// Returns the current use.
    #[must_use]
    pub fn in_use(&self) -> CapacityUse {
        let state = self.shared.lock();
        CapacityUse {
            total: self.shared.total,
            gate_share: self.shared.gate_share,
            polls: state.polls,
            gates: state.gates,
            gates_waiting: state.gates_waiting,
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing under this lock panics halfway through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns polling's maximum, given the current demand of gates.
    const fn poll_places(&self, state: &State) -> usize {
        if state.gates_waiting > 0 { self.total - self.gate_share } else { self.total }
    }

    fn poll_room(&self, state: &State) -> usize {
        let own = self.poll_places(state).saturating_sub(state.polls);
        own.min(self.total.saturating_sub(state.polls + state.gates))
    }
}

/// Capacity for one run. Dropping it frees the capacity.
#[derive(Debug)]
#[must_use]
pub struct Permit {
    shared: Arc<Shared>,
    kind: Kind,
    checks: usize,
    /// The slots at the agents that the run asks.
    agents: Option<AgentPermit>,
}

impl Permit {
    /// Holds these agent slots as long as this permit.
    pub(crate) fn with_agents(self, agents: AgentPermit) -> Self {
        let mut permit = self;
        permit.agents = Some(agents);
        permit
    }

    /// Frees the capacity of all but this many checks.
    pub(crate) fn keep(&mut self, checks: usize) {
        let given_back = self.checks.saturating_sub(checks);
        self.give_back(given_back);
        self.checks -= given_back;
    }

    fn give_back(&self, checks: usize) {
        let mut state = self.shared.lock();
        match self.kind {
            Kind::Poll => state.polls -= checks,
            Kind::Gate => state.gates -= checks,
        }
    }

    /// Returns the number of checks.
    #[must_use]
    pub const fn checks(&self) -> usize {
        self.checks
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.give_back(self.checks);
    }
}

/// The checks for which one gate runner has no capacity. Dropping it removes the demand.
#[derive(Debug)]
pub struct GateDemand {
    shared: Arc<Shared>,
    checks: usize,
}

impl GateDemand {
    /// Sets the number of due checks without capacity, or 0 for none.
    pub fn set(&mut self, checks: usize) {
        let mut state = self.shared.lock();
        state.gates_waiting = state.gates_waiting - self.checks + checks;
        self.checks = checks;
    }
}

impl Drop for GateDemand {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn gates_may_take_three_quarters_and_at_least_one() {
        let shares = [1, 2, 3, 4, 5, 512].map(|total| Capacity::new(total).in_use().gate_share);
        assert_eq!(shares, [1, 1, 2, 3, 3, 384]);
    }

    #[test]
    fn polling_keeps_out_of_the_gates_share_while_a_gate_waits() {
        let capacity = Capacity::new(16);
        let polls: Vec<Permit> = (0..3).filter_map(|_| capacity.admit_poll(5)).collect();
        assert_eq!((polls.len(), capacity.poll_room()), (3, 1));
        assert!(capacity.admit_gate(5).is_none(), "an attempt is admitted whole");
        let mut demand = capacity.gate_demand();
        demand.set(5);
        drop(polls);
        assert_eq!(capacity.poll_room(), 4);
        let gate = capacity.admit_gate(5).expect("there is room");
        demand.set(0);
        assert_eq!(capacity.poll_room(), 11);
        drop(gate);
        demand.set(5);
        drop(demand);
        assert_eq!(capacity.poll_room(), 16, "a runner that is gone wants nothing");
    }

    #[test]
    fn a_run_larger_than_all_places_is_admitted_alone() {
        let capacity = Capacity::new(4);
        let _demand = {
            let mut demand = capacity.gate_demand();
            demand.set(1);
            demand
        };
        let (gate, poll) = (capacity.admit_gate(5), capacity.admit_poll(5));
        assert!(gate.is_some() && poll.is_some());
        assert!(capacity.admit_gate(5).is_none() && capacity.admit_poll(5).is_none());
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

        /// H15: in any order of calls, the total, the gates' share and, while a gate waits, the share of
        /// polling hold, and returned capacity is free again.
        #[test]
        fn h15_total_and_shares_hold_whatever_comes(
            total in 5_usize..64,
            calls in proptest::collection::vec((0_u8..5, 1_usize..6, any::<prop::sample::Index>()), 0..60),
        ) {
            let capacity = Capacity::new(total);
            let mut demand = capacity.gate_demand();
            let mut permits = Vec::new();
            for (call, checks, pick) in calls {
                let before = capacity.in_use();
                match call {
                    0 | 1 => {
                        let permit = capacity.admit_gate(checks);
                        let fits = before.gates + checks <= before.gate_share
                            && before.polls + before.gates + checks <= total;
                        let alone = checks > before.gate_share && before.gates == 0;
                        prop_assert_eq!(permit.is_some(), fits || alone);
                        permits.extend(permit);
                    }
                    2 => {
                        if let Some(permit) = capacity.admit_poll(checks) {
                            let waiting = before.gates_waiting > 0;
                            let places = total - if waiting { before.gate_share } else { 0 };
                            let alone = checks > places && before.polls == 0;
                            prop_assert!(alone || before.polls + checks <= places);
                            prop_assert!(alone || before.polls + before.gates + checks <= total);
                            permits.push(permit);
                        }
                    }
                    3 => demand.set(checks - 1),
                    _ if !permits.is_empty() => drop(permits.swap_remove(pick.index(permits.len()))),
                    _ => {}
                }
            }
            let held: usize = permits.iter().map(Permit::checks).sum();
            let used = capacity.in_use();
            prop_assert_eq!(used.polls + used.gates, held);
            drop((permits, demand));
            prop_assert_eq!(capacity.poll_room(), total);
        }
    }
}
