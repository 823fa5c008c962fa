//! What one life of a worker, or one executor, has read and may act on.

use std::{collections::HashMap, time::Duration};

use chrono::{DateTime, Utc};
use healthgate::{
    gate::decide::WindowAnswer,
    model::{AgentEndpoint, GateId, GateOverride, GateRecord, HealthCheck, HostId, JobId},
    testing::Operation,
};

use super::Checker;

/// One life of a worker, or one executor.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct EyesId(pub(crate) u64);

#[derive(Debug, Default)]
pub(super) struct Eyes {
    pub(super) windows: HashMap<(JobId, HostId), Told>,
    /// The last read checks of each host, and when they were read.
    pub(super) checks: HashMap<HostId, (Duration, Vec<HealthCheck>)>,
    /// The checks that were read together with states for a decision.
    pub(super) looks: HashMap<HostId, Look>,
    pub(super) hosts: HashMap<HostId, Option<AgentEndpoint>>,
    /// Which hosts the source reported as paused.
    pub(super) pauses: HashMap<HostId, bool>,
    pub(super) renewals: HashMap<GateId, Renewal>,
    /// Whether overrides were reported to count, by the time they were set.
    pub(super) rights: HashMap<GateId, (DateTime<Utc>, bool)>,
    /// When reading checks last failed or was slow.
    pub(super) unread: Option<Duration>,
    /// When reading windows last failed or was slow.
    pub(super) untold: Option<Duration>,
}

/// The maximum blind time: a failed source is retried after at most 30 s, after a call of at most 5 s, and
/// before the next look.
const BLIND: Duration = Duration::from_secs(40);

/// A reported window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    pub(super) answer: WindowAnswer,
    /// When it was reported, by the true time.
    pub(super) at: Duration,
    pub(super) now: DateTime<Utc>,
}

/// The basis of a decision.
#[derive(Clone, Debug)]
pub(super) struct Look {
    pub(super) checks: Vec<HealthCheck>,
    /// When the results were read.
    pub(super) at: Duration,
    /// The position of that reading in the order of all events.
    pub(super) order: u64,
}

/// The store's last answer before a decision.
#[derive(Clone, Debug)]
pub(super) struct Renewal {
    pub(super) now: DateTime<Utc>,
    pub(super) at: Duration,
    pub(super) exception: Option<GateOverride>,
    pub(super) cancel_requested: bool,
}

impl Checker {
    fn eyes(&mut self, eyes: EyesId) -> &mut Eyes {
        self.eyes.entry(eyes).or_default()
    }

    pub(crate) fn read_windows(
        &mut self,
        eyes: EyesId,
        gates: &[&GateRecord],
    ) -> Vec<WindowAnswer> {
        let answer = |gate: &&GateRecord| {
            let truth = self.windows.get(&(gate.job_id, gate.host_id));
            truth.map_or(WindowAnswer::Open(gate.window), |window| window.is)
        };
        let answers: Vec<_> = gates.iter().map(answer).collect();
        let (at, now) = (self.at(), self.now());
        let eyes = self.eyes(eyes);
        for (gate, answer) in gates.iter().zip(&answers) {
            let told = Told { answer: *answer, at, now };
            eyes.windows.insert((gate.job_id, gate.host_id), told);
        }
        answers
    }

    /// Returns the window that was last reported to this reader.
    pub(super) fn told(&self, eyes: EyesId, gate: (JobId, HostId)) -> Option<Told> {
        self.eyes.get(&eyes)?.windows.get(&gate).copied()
    }

    pub(crate) fn read_rights(&mut self, eyes: EyesId, gates: &[&GateRecord]) -> Vec<bool> {
        let lost = |gate: &&GateRecord| self.rights_lost.contains(&(gate.job_id, gate.host_id));
        let answers: Vec<bool> = gates.iter().map(|gate| !lost(gate)).collect();
        let eyes = self.eyes(eyes);
        for (gate, answer) in gates.iter().zip(&answers) {
            if let Some(given) = &gate.exception {
                eyes.rights.insert(gate.id, (given.created_at, *answer));
            }
        }
        answers
    }

    pub(crate) fn read_pauses(&mut self, eyes: EyesId, gates: &[&GateRecord]) -> Vec<bool> {
        let paused =
            |gate: &&GateRecord| self.pauses.get(&gate.host_id).is_some_and(|pause| pause.is);
        let answers: Vec<bool> = gates.iter().map(paused).collect();
        let eyes = self.eyes(eyes);
        for (gate, answer) in gates.iter().zip(&answers) {
            eyes.pauses.insert(gate.host_id, *answer);
        }
        answers
    }

    pub(crate) fn read_checks(&mut self, eyes: EyesId, hosts: &[HostId], checks: &[HealthCheck]) {
        let at = self.at();
        let eyes = self.eyes(eyes);
        for host in hosts {
            let of_host = || checks.iter().filter(|check| check.host_id == *host);
            let (read_at, seen) = eyes.checks.entry(*host).or_default();
            *read_at = at;
            if !seen.iter().eq(of_host()) {
                *seen = of_host().cloned().collect();
            }
        }
    }

    pub(crate) fn read_states(&mut self, eyes: EyesId, hosts: &[HostId]) {
        let (at, order) = (self.at(), self.next());
        let eyes = self.eyes(eyes);
        for host in hosts {
            let Some((_, checks)) = eyes.checks.get(host) else { continue };
            match eyes.looks.get_mut(host) {
                Some(look) if look.checks == *checks => (look.at, look.order) = (at, order),
                _ => {
                    eyes.looks.insert(*host, Look { checks: checks.clone(), at, order });
                }
            }
        }
    }

    pub(crate) fn read_hosts(
        &mut self,
        eyes: EyesId,
        hosts: &[HostId],
    ) -> HashMap<HostId, Option<AgentEndpoint>> {
        let mut known = HashMap::new();
        for host in hosts {
            let endpoint = self.hosts.get(host).and_then(|host| host.is.clone());
            if let Some(endpoint) = &endpoint {
                known.insert(*host, Some(endpoint.clone()));
            }
            self.eyes(eyes).hosts.insert(*host, endpoint);
        }
        known
    }

    /// Records a fault of a call of the store.
    pub(crate) fn befell(&mut self, eyes: EyesId, operation: Operation) {
        if matches!(operation, Operation::ChecksOf | Operation::States) {
            let at = self.at();
            self.eyes(eyes).unread = Some(at);
        }
    }

    /// Returns whether windows may currently be unreadable.
    pub(super) fn is_untold(&self, eyes: EyesId) -> bool {
        let untold = self.eyes.get(&eyes).and_then(|eyes| eyes.untold);
        untold.is_some_and(|untold| self.at().saturating_sub(untold) <= BLIND)
    }

    /// Records a fault of a call of one of the application's sources.
    pub(crate) fn source_befell(&mut self, eyes: EyesId, source: &str) {
        let at = Some(self.at());
        let eyes = self.eyes(eyes);
        match source {
            "windows" => eyes.untold = at,
            "hosts" => eyes.unread = at,
            _ => {}
        }
    }

    /// Returns whether checks may currently be unreadable.
    pub(super) fn is_blind(&self, eyes: EyesId) -> bool {
        let unread = self.eyes.get(&eyes).and_then(|eyes| eyes.unread);
        unread.is_some_and(|unread| self.at().saturating_sub(unread) <= BLIND)
    }

    pub(super) fn read_renewal(&mut self, eyes: EyesId, gate: GateId, renewal: Renewal) {
        self.eyes(eyes).renewals.insert(gate, renewal);
    }

    /// Removes a life that has ended.
    pub(crate) fn close(&mut self, eyes: EyesId) {
        self.eyes.remove(&eyes);
    }
}
