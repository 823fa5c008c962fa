//! Telling a fault of the manager's own network from one of the hosts (F46).

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

/// Asks whether the manager's own network works: whether a router or another machine answers that has
/// nothing to do with the hosts. Given by the application.
///
/// Contract:
/// - Answer within some seconds; an answer that takes more than 10 s counts as `false`.
/// - Dropping the future has no effect.
#[async_trait]
pub trait ObserverProbe: Debug + Send + Sync + 'static {
    /// Whether the network works as seen from here.
    async fn network_works(&self) -> bool;
}

/// When unreachable hosts are attributed to the manager's own network. A target that refuses a connection
/// proves that the network works.
///
/// A poller judges by its own runs, or by those of all workers within an interval if its own are too few. It
/// needs at least ten hosts.
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

/// How often the application's probe, and the store, is asked while it matters.
const PROBE_EVERY: Duration = Duration::from_secs(10);

/// How long the store's answer counts.
const STALE: Duration = Duration::from_secs(30);

/// How often hosts that no longer run here are forgotten, and after how long.
const FORGET_EVERY: Duration = Duration::from_secs(600);
const FORGET_AFTER: Duration = Duration::from_secs(4 * 3600);

/// The smallest fleet in which a fault of the manager can be told from faults of hosts.
const FEWEST: usize = 10;

/// What a poller's runs say of its own network. A host counts only where this poller could connect to it
/// before. Where too few do, the store is asked what all workers have seen.
#[derive(Debug)]
pub(super) struct Observer {
    hosts: HashMap<HostId, HostSighting>,
    /// The runs that are judged, and some that count no more, oldest first.
    recent: VecDeque<(Duration, HostId)>,
    /// How long a run counts.
    window: Duration,
    counted: usize,
    unreachable: usize,
    fault: bool,
    /// When the fault began.
    began: Duration,
    /// What all workers have seen, and when that was asked.
    fleet: Option<(Duration, Seen)>,
    next_question: Duration,
    next_probe: Duration,
    next_forget: Duration,
}

/// How many hosts were seen that were reached before, and how many of them have turned unreachable.
#[derive(Clone, Copy, Debug)]
struct Seen {
    /// All that ran, also those that count for nothing.
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
    /// When it turned from reachable to unreachable.
    turned: Option<Duration>,
    /// What it asked.
    peer: u64,
    counted: bool,
}

/// What a run says of the network.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sighting {
    /// A host counts as reached where any of its checks got an answer, were it a bad one or a refused connection.
    pub(super) reached: bool,
    /// The peer that did or did not answer. Hosts that ask the same peer count as one.
    peer: u64,
}

impl Sighting {
    /// `None` where the run says nothing of the network.
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
    /// For a poller whose hosts run once in an interval, or more often.
    pub(super) fn new(config: &PollerConfig) -> Self {
        let within = config.observer.map(|rule| rule.within).unwrap_or_default();
        Self {
            hosts: HashMap::new(),
            recent: VecDeque::new(),
            // The rest is room for runs that are late.
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

    /// Whether most hosts are unreachable by a fault of our own.
    pub(super) const fn fault(&self) -> bool {
        self.fault
    }

    /// Whether a result with this reason is to be flagged, unless its target refused the connection.
    pub(super) const fn flags(&self, reason: ReasonCode) -> bool {
        self.fault && reason.is_unreachable()
    }

    /// Notes how a host's run came out.
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
            // A host that has been dead for long says nothing of the network, unless it turned so
            // with all the others.
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

    /// Whether the application's probe is to be asked now, in order to begin or to end a fault.
    pub(super) fn wants_probe(&mut self, rule: ObserverRule, now: Duration) -> bool {
        self.expire(rule, now);
        now >= self.next_probe && (self.fault || self.suspicious(rule, now))
    }

    /// Takes the probe's answer, where there is a probe, and begins or ends the fault.
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
                info!(hosts, unreachable, "the hosts can be reached again: observer fault over");
            }
        } else if self.suspicious(rule, now) && network_works != Some(true) {
            self.fault = true;
            self.began = now;
            error!(
                hosts,
                unreachable,
                "observer fault: most hosts turned unreachable at once, so this machine's network is \
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

    /// What this poller's own runs say.
    fn own(&self) -> Seen {
        Seen { ran: self.hosts.len(), hosts: self.counted, unreachable: self.unreachable }
    }

    /// What is known: by this poller's own runs where these are enough.
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

    /// Whether the hosts that have turned unreachable asked different peers: one agent or target that many
    /// ask may be down by itself.
    fn many_peers(&self) -> bool {
        let turned = self.hosts.values().filter(|seen| seen.counted && !seen.reached);
        let peers: HashSet<u64> = turned.map(|seen| seen.peer).collect();
        peers.len() * 2 > self.unreachable
    }

    /// What to ask the store now: whether all workers see what this poller's own few runs let suspect, or
    /// how a fault goes on that was found so.
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

    /// Lets runs that are too long ago count no more. In a large fleet a part of it is enough to judge
    /// by: the fault shows sooner, while hosts that ran before it still count as reachable.
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
