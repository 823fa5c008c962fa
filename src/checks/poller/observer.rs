//! Distinguishes faults of the manager's own network from faults of the hosts (F46).

use std::{
    collections::{HashMap, HashSet, VecDeque},
    fmt::Debug,
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use async_trait::async_trait;
use tracing::{error, info};

use super::config::PollerConfig;
use crate::{
    checks::host_run::CheckOutcome,
    model::{CheckId, HealthCheck, HostId, Probe, ReasonCode},
    store::{Reach, ReachQuery},
};

/// Reports whether the manager's own network works, for example by asking a router or another machine that
/// is unrelated to the hosts. The application provides it.
///
/// Contract:
/// - Answer within a few seconds. An answer after more than 10 s counts as `false`.
/// - Dropping the future has no effect.
#[async_trait]
pub trait ObserverProbe: Debug + Send + Sync + 'static {
    /// Returns whether the network works from this machine's view.
    async fn network_works(&self) -> bool;
}

/// When unreachable hosts are attributed to the manager's own network. A target that refuses a connection
/// proves that the network works.
///
/// A poller judges by its own runs, or by those of all workers within an interval if its own are too few.
/// It needs at least ten hosts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ObserverRule {
    /// The number of hosts to judge by, or a twentieth of all hosts if that is more: those that ran last and
    /// were reachable before. Half of the fleet is enough in a smaller one of at least ten.
    pub hosts: usize,
    /// Only hosts that ran within this time count, or within an interval if that is longer.
    pub within: Duration,
    /// The percentage of these hosts that must be exceeded by hosts that became unreachable.
    pub percent: usize,
}

impl Default for ObserverRule {
    fn default() -> Self {
        Self { hosts: 20, within: Duration::from_secs(60), percent: 90 }
    }
}

/// The fault ends once at most this percentage of hosts is unreachable. It is lower than the percentage that
/// begins a fault, so that runs during the network's recovery do not count against their hosts.
const END_PERCENT: usize = 50;

/// The interval at which the application's probe and the store are asked while the answer matters.
const PROBE_EVERY: Duration = Duration::from_secs(10);

/// How long the store's answer counts.
const STALE: Duration = Duration::from_secs(30);

/// The interval and the age at which hosts that no longer run here are forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(600);
const FORGET_AFTER: Duration = Duration::from_secs(4 * 3600);

/// The smallest fleet in which faults of the manager and of hosts can be distinguished.
const FEWEST: usize = 10;

/// A poller's evidence about its own network. A host counts only if this poller could connect to it before.
/// If too few hosts count, the store reports the runs of all workers.
#[derive(Debug)]
pub(super) struct Observer {
    hosts: HashMap<HostId, HostSighting>,
    /// The judged runs, and some older ones, oldest first.
    recent: VecDeque<(Duration, HostId)>,
    /// How long a run counts.
    window: Duration,
    counted: usize,
    unreachable: usize,
    fault: bool,
    /// When the fault began.
    began: Duration,
    /// The runs of all workers, and when the store reported them.
    fleet: Option<(Duration, Seen)>,
    next_question: Duration,
    next_probe: Duration,
    next_forget: Duration,
}

/// The number of hosts that were reached before, and of those that became unreachable.
#[derive(Clone, Copy, Debug)]
struct Seen {
    /// All hosts that ran, including those that do not count.
    ran: usize,
    hosts: usize,
    unreachable: usize,
}

impl Seen {
    /// Returns whether more than this percentage is unreachable.
    const fn exceeds(self, percent: usize) -> bool {
        self.unreachable * 100 > self.hosts * percent
    }

    /// Returns whether these are enough to judge by: the rule's number, or half of a small fleet.
    fn is_enough(self, rule: ObserverRule) -> bool {
        self.ran >= FEWEST.min(rule.hosts) && self.hosts >= rule.hosts.min(self.ran.div_ceil(2))
    }
}

/// The newest run of a host.
#[derive(Debug)]
struct HostSighting {
    at: Duration,
    reached: bool,
    /// When the host became unreachable.
    turned: Option<Duration>,
    /// The peer that it asked.
    peer: u64,
    counted: bool,
}

/// A run's evidence about the network.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sighting {
    /// Whether any of the host's checks got an answer, even a bad one or a refused connection.
    pub(super) reached: bool,
    /// The peer that did or did not answer. Hosts that ask the same peer count as one.
    peer: u64,
}

impl Sighting {
    /// Returns the evidence of a run, or `None` if the run tells nothing about the network.
    pub(super) fn of(
        checks: &[HealthCheck],
        outcomes: &[CheckOutcome],
        refused: &HashSet<CheckId>,
    ) -> Option<Self> {
        let tried = |outcome: &&CheckOutcome| {
            !outcome.reason.is_unknown()
                && !matches!(
                    outcome.reason,
                    ReasonCode::CheckUnreadable
                        | ReasonCode::SecretUnreadable
                        | ReasonCode::TargetMissing
                        | ReasonCode::DestinationRefused
                )
        };
        let answered = |outcome: &&CheckOutcome| {
            !outcome.reason.is_unreachable() || refused.contains(&outcome.check_id)
        };
        let first = outcomes.iter().find(tried)?;
        let reached = outcomes.iter().filter(tried).any(|outcome| answered(&outcome));
        let asked = checks.iter().find(|check| check.id == first.check_id)?;
        let mut peer = DefaultHasher::new();
        match &asked.definition.probe {
            Probe::Service(_) => asked.asked_host().hash(&mut peer),
            Probe::Http(probe) => probe.url.as_url().host_str().hash(&mut peer),
            Probe::Unreadable(_) => return None,
        }
        Some(Self { reached, peer: peer.finish() })
    }
}

impl Observer {
    /// Creates an observer for a poller whose hosts run at least once per interval.
    pub(super) fn new(config: &PollerConfig) -> Self {
        let within = config.observer.map(|rule| rule.within).unwrap_or_default();
        Self {
            hosts: HashMap::new(),
            recent: VecDeque::new(),
            // The margin is for late runs.
            window: within.max(config.interval * 5 / 4),
            counted: 0,
            unreachable: 0,
            fault: false,
            began: Duration::ZERO,
            fleet: None,
            next_question: Duration::ZERO,
            next_probe: Duration::ZERO,
            next_forget: Duration::ZERO,
        }
    }

    /// Returns whether most hosts are unreachable because of the manager's own network.
    pub(super) const fn fault(&self) -> bool {
        self.fault
    }

    /// Returns whether a result with this reason has to be flagged, unless its target refused the
    /// connection.
    pub(super) const fn flags(&self, reason: ReasonCode) -> bool {
        self.fault && reason.is_unreachable()
    }

    /// Records the outcome of a host's run.
    pub(super) fn note(
        &mut self,
        rule: ObserverRule,
        now: Duration,
        host: HostId,
        sighting: Option<Sighting>,
    ) {
        let Some(Sighting { reached, peer }) = sighting else { return };
        self.expire(rule, now);
        let before = self.hosts.remove(&host);
        let turned = match before {
            _ if reached => None,
            None => None,
            Some(HostSighting { reached: true, .. }) => Some(now),
            // A host that has been down for long tells nothing about the network, unless it went down
            // together with all others.
            Some(HostSighting { turned, .. }) => {
                turned.filter(|turned| self.fault || now.saturating_sub(*turned) <= rule.within)
            }
        };
        if let Some(before) = before {
            self.uncount(&before);
        }
        let counted = reached || turned.is_some();
        self.counted += usize::from(counted);
        self.unreachable += usize::from(counted && !reached);
        self.hosts.insert(host, HostSighting { at: now, reached, turned, peer, counted });
        self.recent.push_back((now, host));
    }

    /// Returns whether to ask the application's probe now, to begin or to end a fault.
    pub(super) fn wants_probe(&mut self, rule: ObserverRule, now: Duration) -> bool {
        self.expire(rule, now);
        now >= self.next_probe && (self.fault || self.suspicious(rule, now))
    }

    /// Takes the probe's answer, if there is a probe, and begins or ends the fault.
    pub(super) fn judge(&mut self, rule: ObserverRule, now: Duration, network_works: Option<bool>) {
        self.expire(rule, now);
        if network_works.is_some() {
            self.next_probe = now + PROBE_EVERY;
        }
        let seen = self.seen(rule, now);
        let Seen { hosts, unreachable, .. } = seen;
        if self.fault {
            if !seen.exceeds(END_PERCENT) || network_works == Some(true) {
                self.fault = false;
                info!(hosts, unreachable, "observer fault over: the hosts can be reached again");
            }
        } else if self.suspicious(rule, now) && network_works != Some(true) {
            self.fault = true;
            self.began = now;
            error!(
                hosts,
                unreachable,
                "observer fault: most hosts became unreachable at once, so this machine's network is \
                 probably at fault; results are flagged, and gates stay blocked"
            );
        }
    }

    fn suspicious(&self, rule: ObserverRule, now: Duration) -> bool {
        let seen = self.seen(rule, now);
        seen.is_enough(rule)
            && seen.exceeds(rule.percent)
            && self.own().exceeds(rule.percent)
            && self.many_peers()
    }

    /// Returns the evidence of this poller's own runs.
    fn own(&self) -> Seen {
        Seen { ran: self.hosts.len(), hosts: self.counted, unreachable: self.unreachable }
    }

    /// Returns the evidence to judge by: that of this poller's own runs if they are enough.
    fn seen(&self, rule: ObserverRule, now: Duration) -> Seen {
        match self.fleet {
            Some((asked, fleet))
                if !self.own().is_enough(rule) && now.saturating_sub(asked) <= STALE =>
            {
                fleet
            }
            _ => self.own(),
        }
    }

    /// Returns whether the unreachable hosts asked different peers. A single agent or target that many
    /// hosts ask may itself be down.
    fn many_peers(&self) -> bool {
        let turned = self.hosts.values().filter(|seen| seen.counted && !seen.reached);
        let peers: HashSet<u64> = turned.map(|seen| seen.peer).collect();
        peers.len() * 2 > self.unreachable
    }

    /// Returns the question for the store: whether all workers confirm a suspicion from too few own runs,
    /// or whether a fault that was found this way continues.
    pub(super) fn question(&mut self, rule: ObserverRule, now: Duration) -> Option<ReachQuery> {
        self.expire(rule, now);
        let few = !self.own().is_enough(rule);
        let suspects = self.fault || self.own().exceeds(rule.percent);
        if !few || !suspects || now < self.next_question {
            return None;
        }
        self.next_question = now + PROBE_EVERY;
        let lasts = if self.fault { now.saturating_sub(self.began) } else { Duration::ZERO };
        Some(ReachQuery { within: self.window, turned_within: self.window + lasts })
    }

    /// Takes the store's answer.
    pub(super) fn answered(&mut self, now: Duration, reach: Reach) {
        let count = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        let seen = Seen {
            ran: count(reach.ran),
            hosts: count(reach.hosts),
            unreachable: count(reach.unreachable),
        };
        self.fleet = Some((now, seen));
    }

    fn uncount(&mut self, seen: &HostSighting) {
        self.counted -= usize::from(seen.counted);
        self.unreachable -= usize::from(seen.counted && !seen.reached);
    }

    /// Drops runs that are too old. In a large fleet a part of it is enough to judge by. The fault then
    /// shows sooner, while hosts that ran earlier still count as reachable.
    fn expire(&mut self, rule: ObserverRule, now: Duration) {
        let most = rule.hosts.max(self.hosts.len() / 20);
        while let Some((at, host)) = self.recent.front().copied()
            && (now.saturating_sub(at) > self.window || self.counted > most)
        {
            self.recent.pop_front();
            // A host that ran again meanwhile counts by its newer run.
            let Some(mut seen) = self.hosts.remove(&host) else { continue };
            if seen.at == at {
                self.uncount(&seen);
                seen.counted = false;
            }
            self.hosts.insert(host, seen);
        }
        if now >= self.next_forget {
            self.next_forget = now + FORGET_EVERY;
            self.hosts.retain(|_, seen| seen.counted || now - seen.at < FORGET_AFTER);
        }
    }
}
