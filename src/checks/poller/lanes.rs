//! Queues of hosts at busy agents.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    ops::Bound,
    time::Duration,
};

use chrono::{DateTime, Utc};

use crate::{
    checks::agent_limit::{AgentKey, AgentPermit},
    model::HostId,
};

/// One first-come, first-served queue for each agent with more runs than it takes concurrently. A waiting
/// host has no lease: its other checks run as usual, and the poller claims it by name when its turn comes
/// (F134, F135).
#[derive(Debug, Default)]
pub(super) struct Lanes {
    lanes: BTreeMap<AgentKey, VecDeque<Waiting>>,
    /// The number of lanes that each host waits in.
    hosts: HashMap<HostId, usize>,
    /// The lane that was served last, for round-robin service.
    served: Option<AgentKey>,
}

/// A host in a lane.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) host: HostId,
    /// The number of its checks that ask this agent.
    pub(super) checks: usize,
    /// Whether it must not run concurrently with another suspect (F68).
    pub(super) suspect: bool,
    /// The start of the wait, by the monotonic clock.
    pub(super) since: Duration,
    /// The start of the wait, by the store's clock.
    pub(super) since_at: DateTime<Utc>,
    /// The earliest time of its turn, by the monotonic clock.
    pub(super) not_before: Duration,
}

/// A turn of a host, with a reserved slot at the agent.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) agent: AgentKey,
    pub(super) waiting: Waiting,
    pub(super) permit: AgentPermit,
}

impl Lanes {
    /// Returns since when a host waits for an agent.
    pub(super) fn since(&self, agent: &AgentKey, host: HostId) -> Option<Duration> {
        let lane = self.lanes.get(agent).filter(|_| self.hosts.contains_key(&host))?;
        lane.iter().find(|waiting| waiting.host == host).map(|waiting| waiting.since)
    }

    /// Returns whether a host waits for any agent.
    pub(super) fn holds(&self, host: HostId) -> bool {
        self.hosts.contains_key(&host)
    }

    /// Returns how many hosts wait for an agent.
    pub(super) fn len_at(&self, agent: &AgentKey) -> usize {
        self.lanes.get(agent).map_or(0, VecDeque::len)
    }

    /// Returns how many hosts wait.
    pub(super) fn hosts(&self) -> usize {
        self.hosts.len()
    }

    /// Adds a host at the end of a lane.
    pub(super) fn push(&mut self, agent: AgentKey, waiting: Waiting) {
        *self.hosts.entry(waiting.host).or_default() += 1;
        self.lanes.entry(agent).or_default().push_back(waiting);
    }

    /// Returns a host to the head of its lane.
    pub(super) fn put_back(&mut self, turn: Turn, not_before: Duration) {
        *self.hosts.entry(turn.waiting.host).or_default() += 1;
        let lane = self.lanes.entry(turn.agent).or_default();
        lane.push_front(Waiting { not_before, ..turn.waiting });
    }

    /// Serves the lanes in turns until `room` checks are taken. Takes from each lane the first host that
    /// `ready` accepts, while `admit` has a slot at its agent.
    pub(super) fn serve(
        &mut self,
        mut room: usize,
        mut ready: impl FnMut(&Waiting) -> bool,
        mut admit: impl FnMut(&AgentKey) -> Option<AgentPermit>,
    ) -> Vec<Turn> {
        let mut turns = Vec::new();
        let after = self.served.take().map_or(Bound::Unbounded, Bound::Excluded);
        let upto = match &after {
            Bound::Excluded(agent) => Bound::Included(agent.clone()),
            _ => Bound::Excluded(AgentKey::default()),
        };
        let later = self.lanes.range((after, Bound::Unbounded));
        let order = later.chain(self.lanes.range((Bound::Unbounded, upto)));
        let order: Vec<AgentKey> = order.map(|(agent, _)| agent.clone()).collect();
        for agent in order {
            let Some(lane) = self.lanes.get_mut(&agent) else { continue };
            while room > 0 {
                let Some(first) = lane.iter().position(&mut ready) else { break };
                let Some(permit) = admit(&agent) else { break };
                let Some(waiting) = lane.remove(first) else { break };
                room = room.saturating_sub(waiting.checks.max(1));
                if let Some(lanes) = self.hosts.get_mut(&waiting.host) {
                    *lanes -= 1;
                    if *lanes == 0 {
                        self.hosts.remove(&waiting.host);
                    }
                }
                self.served = Some(agent.clone());
                turns.push(Turn { agent: agent.clone(), waiting, permit });
            }
            if lane.is_empty() {
                self.lanes.remove(&agent);
            }
            if room == 0 {
                break;
            }
        }
        turns
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{checks::agent_limit::AgentLimit, model::AgentEndpoint};

    fn agent(port: u16) -> AgentKey {
        AgentKey::from(&AgentEndpoint::new("10.0.0.1", port, None).expect("an endpoint"))
    }

    fn waiting(number: u128) -> Waiting {
        Waiting {
            host: HostId::from_uuid(Uuid::from_u128(number)),
            checks: 1,
            suspect: false,
            since: Duration::ZERO,
            since_at: DateTime::UNIX_EPOCH,
            not_before: Duration::ZERO,
        }
    }

    fn ports(turns: &[Turn]) -> Vec<(AgentKey, u128)> {
        let key = |turn: &Turn| (turn.agent.clone(), turn.waiting.host.as_uuid().as_u128());
        turns.iter().map(key).collect()
    }

    /// F135: with room for one, every lane is served before any is served again, each in its own order.
    #[test]
    fn f135_lanes_are_served_in_turns() {
        let (mut lanes, limit) = (Lanes::default(), AgentLimit::new(10));
        for number in 0..6_u16 {
            lanes.push(agent(1 + number % 3), waiting(u128::from(number)));
        }
        let mut served = Vec::new();
        for _ in 0..6 {
            let turns = lanes.serve(1, |_| true, |agent| limit.admit_poll(agent));
            served.extend(ports(&turns));
        }
        let expected = [(1, 0), (2, 1), (3, 2), (1, 3), (2, 4), (3, 5)];
        assert_eq!(served, expected.map(|(port, host)| (agent(port), host)));
        assert_eq!((lanes.hosts(), lanes.len_at(&agent(1))), (0, 0));
    }

    /// F135: a busy agent delays only its own lane, and a host that cannot run yet keeps its place.
    #[test]
    fn f135_a_busy_agent_holds_up_its_own_lane_alone() {
        let (mut lanes, limit) = (Lanes::default(), AgentLimit::new(1));
        for number in 0..6_u16 {
            lanes.push(agent(1 + number % 2), waiting(u128::from(number)));
        }
        let busy = limit.admit_poll(&agent(1));
        let turns = lanes.serve(9, |_| true, |agent| limit.admit_poll(agent));
        assert_eq!(ports(&turns), [(agent(2), 1)]);
        drop((busy, turns));
        let not_the_first = |waiting: &Waiting| waiting.host.as_uuid().as_u128() > 0;
        let mut turns = lanes.serve(1, not_the_first, |agent| limit.admit_poll(agent));
        assert_eq!(ports(&turns), [(agent(1), 2)]);
        lanes.put_back(turns.remove(0), Duration::ZERO);
        let turns = lanes.serve(9, |_| true, |agent| limit.admit_poll(agent));
        assert_eq!(ports(&turns), [(agent(2), 3), (agent(1), 2)]);
    }
}
