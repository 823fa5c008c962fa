//! Telling a fault of the manager's own network from one of the hosts (F46).

use std::{
    collections::{HashMap, VecDeque},
    fmt::Debug,
    time::Duration,
};

use async_trait::async_trait;
use tracing::{error, info};

use crate::{
    checks::host_run::CheckOutcome,
    model::{HostId, ReasonCode},
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

/// When hosts that cannot be connected to are taken for a fault of the manager's own network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ObserverRule {
    /// Judged are the hosts that ran last and could be connected to before: so many of them, or a
    /// twentieth of all hosts where that is more …
    pub hosts: usize,
    /// … which ran within this time …
    pub within: Duration,
    /// … and of which more than so many of a hundred have turned unreachable.
    pub percent: usize,
}

impl Default for ObserverRule {
    fn default() -> Self {
        Self { hosts: 20, within: Duration::from_secs(60), percent: 90 }
    }
}

/// The fault is over once no more than so many of a hundred hosts are unreachable. Lower than the
/// figure it begins at, so that runs which were under way when the network came back do not count
/// against their hosts.
const END_PERCENT: usize = 50;

/// How often the application's probe is asked while it matters.
const PROBE_EVERY: Duration = Duration::from_secs(10);

/// How often hosts that do not run here any more are forgotten, and after how long.
const FORGET_EVERY: Duration = Duration::from_secs(600);
const FORGET_AFTER: Duration = Duration::from_secs(4 * 3600);

/// What a poller's runs say of its own network. It judges by the runs of this poller alone, and a
/// host counts only where this poller could connect to it before.
#[derive(Debug, Default)]
pub(super) struct Observer {
    hosts: HashMap<HostId, HostSighting>,
    /// The runs that are judged, and some that count no more, oldest first.
    recent: VecDeque<(Duration, HostId)>,
    counted: usize,
    unreachable: usize,
    fault: bool,
    next_probe: Duration,
    next_forget: Duration,
}

/// The newest run of a host.
#[derive(Debug)]
struct HostSighting {
    at: Duration,
    reached: bool,
    /// When it turned from reachable to unreachable.
    turned: Option<Duration>,
    counted: bool,
}

impl Observer {
    /// Whether most hosts are unreachable by a fault of our own.
    pub(super) const fn fault(&self) -> bool {
        self.fault
    }

    /// Whether a result with this reason is to be flagged.
    pub(super) const fn flags(&self, reason: ReasonCode) -> bool {
        self.fault && reason.is_unreachable()
    }

    /// Notes how a host's run came out.
    pub(super) fn note(
        &mut self,
        rule: ObserverRule,
        now: Duration,
        host: HostId,
        outcomes: &[CheckOutcome],
    ) {
        let Some(reached) = reached(outcomes) else { return };
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
        self.hosts.insert(host, HostSighting { at: now, reached, turned, counted });
        self.recent.push_back((now, host));
    }

    /// Whether the application's probe is to be asked now, in order to begin or to end a fault.
    pub(super) fn wants_probe(&mut self, rule: ObserverRule, now: Duration) -> bool {
        self.expire(rule, now);
        now >= self.next_probe && (self.fault || self.suspicious(rule))
    }

    /// Takes the probe's answer, where there is a probe, and begins or ends the fault.
    pub(super) fn judge(&mut self, rule: ObserverRule, now: Duration, network_works: Option<bool>) {
        self.expire(rule, now);
        if network_works.is_some() {
            self.next_probe = now + PROBE_EVERY;
        }
        let (hosts, unreachable) = (self.counted, self.unreachable);
        if self.fault {
            let few = unreachable * 100 <= hosts * END_PERCENT;
            if few || network_works == Some(true) {
                self.fault = false;
                info!(hosts, unreachable, "the hosts can be reached again: observer fault over");
            }
        } else if self.suspicious(rule) && network_works != Some(true) {
            self.fault = true;
            error!(
                hosts,
                unreachable,
                "observer fault: most hosts turned unreachable at once, so this machine's network is \
                 probably at fault; results are flagged, and gates stay blocked"
            );
        }
    }

    fn suspicious(&self, rule: ObserverRule) -> bool {
        self.counted >= rule.hosts && self.unreachable * 100 > self.counted * rule.percent
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
            && (now.saturating_sub(at) > rule.within || self.counted > most)
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

/// Whether a run got through to the host; `None` where it says nothing of the network. A host counts
/// as reached where any of its checks got an answer, were it a bad one.
fn reached(outcomes: &[CheckOutcome]) -> Option<bool> {
    let tried = |reason: ReasonCode| {
        !reason.is_unknown()
            && !matches!(
                reason,
                ReasonCode::SecretUnreadable
                    | ReasonCode::TargetMissing
                    | ReasonCode::DestinationRefused
            )
    };
    let mut tried = outcomes.iter().map(|outcome| outcome.reason).filter(|reason| tried(*reason));
    let first = tried.next()?;
    Some(!first.is_unreachable() || tried.any(|reason| !reason.is_unreachable()))
}
