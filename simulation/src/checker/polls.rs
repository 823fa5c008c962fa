//! Checks the poller's queue: which worker holds a host, and how often it runs (L1-L7).

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use healthgate::{
    checks::schedule,
    model::{CheckId, HealthCheck, HostId, WorkerId},
    store::{ClaimRequest, Claims, Completed, HostCompletion, HostRelease},
};

use super::{
    Checker, EyesId, Host,
    leases::LeaseAccount,
    runs::{Enabled, Found},
};
use crate::history::Event;

#[derive(Debug, Default)]
pub(super) struct HostAccount {
    lease: LeaseAccount,
    /// The number of changes of the host's checks.
    changes: u64,
    /// That number at the newest claim of the due host.
    changes_run: u64,
    /// The current runs, by reader.
    running: HashMap<EyesId, Started>,
    /// The readers whose run of the host goes on at its targets.
    asking: HashSet<EyesId>,
    /// The checks of these runs. A check that asks a busy agent has its turn in a separate run.
    asked: HashMap<EyesId, Vec<CheckId>>,
    /// The newest completed run of each check that counted.
    done: HashMap<CheckId, Started>,
    /// When the poller last started a run.
    pub(super) last_run: Option<Duration>,
}

#[derive(Clone, Copy, Debug)]
struct Started {
    claimed: Duration,
    at: Duration,
    store: DateTime<Utc>,
    changes: u64,
    /// Whether it is a turn at a busy agent.
    named: bool,
}

impl Started {
    /// Returns whether the claim's answer was so late that the worker's estimate of the store's time lags
    /// behind. A past slot may then seem to be ahead.
    fn lags(&self) -> bool {
        self.at.saturating_sub(self.claimed) > Duration::from_secs(1)
    }
}

impl Checker {
    /// Records a change of a host's checks. Without an enabled check it leaves the queue, and its lease
    /// ends.
    pub(super) fn host_changed(&mut self, host: HostId) {
        let runs = self.checks.values().any(|account| {
            account.check.host_id == host && !account.deleted && account.check.enabled()
        });
        let account = self.queue.entry(host).or_default();
        account.changes += 1;
        if !runs {
            account.lease.end();
        }
    }

    pub(crate) fn claimed_hosts(&mut self, eyes: EyesId, asked: &ClaimRequest, claims: &Claims) {
        let (worker, lease, named) = (asked.worker, asked.lease, asked.named.is_some());
        self.claimed(claims.now);
        let claimed = self.at();
        let far = TimeDelta::from_std(lease + asked.interval).unwrap_or(TimeDelta::MAX);
        for claim in &claims.hosts {
            let account = self.queue.entry(claim.host_id).or_default();
            // No lease ends that late unless the store's clock was set back: it has ended (F136).
            if account.lease.ends_after(claims.now + far) {
                account.lease.end();
            }
            let wrong = account.lease.claim(claimed, worker, claim.token, claims.now, lease);
            // A later change makes the host due again. A host claimed by name, for a turn at a busy agent,
            // stays due for its last change.
            if !named {
                account.changes_run = account.changes;
            }
            let (store, changes) = (claims.now, account.changes_run);
            let started = Started { claimed, at: Duration::ZERO, store, changes, named };
            account.running.insert(eyes, started);
            account.asked.remove(&eyes);
            self.tell(format_args!("poll {}: {} claimed", eyes.0, Host(claim.host_id)));
            if let Some(wrong) = wrong {
                self.broken(
                    "L2: one holder of a host",
                    format!("{}: {wrong}", Host(claim.host_id)),
                );
            }
            let stale = claim.checks.iter().find(|check| {
                self.checks.get(&check.id).is_none_or(|account| account.check != **check)
            });
            if stale.is_some() || !claim.checks.iter().all(Enabled::enabled) {
                self.broken(
                    "L2: a claim brings the newest checks",
                    Host(claim.host_id).to_string(),
                );
            }
        }
    }

    /// Records a restart of every worker with another interval, which moves the slots.
    pub(crate) fn change_interval(&mut self, interval: Duration) {
        self.note(Event::IntervalChanged, format_args!("{interval:?}"));
        self.settings.interval = interval;
        self.queue.values_mut().for_each(|account| account.changes += 1);
    }

    /// Records that the poller starts a host's run.
    pub(crate) fn poll_started(&mut self, eyes: EyesId, host: HostId, checks: &[HealthCheck]) {
        let (at, store) = (self.at(), self.now());
        let interval = self.settings.unhealthy_interval.unwrap_or(self.settings.interval);
        let Some(account) = self.queue.get_mut(&host) else { return };
        account.last_run = Some(at);
        if !account.asking.insert(eyes) {
            self.broken("F295: a worker runs a host once at a time", Host(host).to_string());
            return;
        }
        let Some(running) = account.running.get_mut(&eyes) else { return };
        (running.at, running.store) = (at, store);
        let (changes, claimed, named) = (running.changes, running.claimed, running.named);
        let checks: Vec<CheckId> = checks.iter().map(|check| check.id).collect();
        let done: Vec<Started> =
            checks.iter().filter_map(|check| account.done.get(check).copied()).collect();
        account.asked.insert(eyes, checks);
        let slot = |instant| schedule::next_slot(host, interval, instant);
        for done in done {
            // A check that asks a busy agent runs in its turn there, and may run again with its host.
            if !named
                && !done.named
                && done.changes == changes
                && !done.lags()
                && slot(done.store) == slot(store)
                // A run is dated by the time that its claim returned.
                && !self.set_back_since(done.claimed)
                // A step of the clock may have ended this run's lease, and then it does not count.
                && self.stepped_since(claimed).is_zero()
            {
                let what = format!("{} at {} and at {store}", Host(host), done.store);
                self.broken("L7: no check is run twice in an interval", what);
            }
        }
    }

    /// Records the end of a host's run, in whatever way.
    pub(crate) fn poll_ended(&mut self, eyes: EyesId, host: HostId) {
        if let Some(account) = self.queue.get_mut(&host) {
            account.asking.remove(&eyes);
        }
    }

    pub(crate) fn completed_hosts(
        &mut self,
        eyes: EyesId,
        worker: WorkerId,
        batch: &[HostCompletion],
        completed: &Completed,
    ) {
        let now = self.now();
        for done in batch {
            // A batch can contain an old run of a host in addition to the newest one, and the answer names
            // only the host.
            let of_host = |host: &&HostId| **host == done.host_id;
            let fenced = completed.fenced.iter().filter(of_host).count();
            let ended = batch.iter().filter(|other| other.host_id == done.host_id).count();
            let account = self.queue.entry(done.host_id).or_default();
            let wrong = account.lease.refuse(worker, done.token, now);
            if fenced == ended || (fenced > 0 && wrong.is_some()) {
                continue;
            }
            account.lease.end();
            let asked = account.asked.remove(&eyes).unwrap_or_default();
            if let Some(started) = account.running.remove(&eyes)
                && started.at > Duration::ZERO
            {
                account.done.extend(asked.into_iter().map(|check| (check, started)));
            }
            if let Some(wrong) = wrong {
                let what = format!("{}: {wrong}", Host(done.host_id));
                self.broken("L5: a lost lease writes nothing", what);
            }
            self.tell(format_args!(
                "poll {}: {} recorded: {}",
                eyes.0,
                Host(done.host_id),
                Found(&done.results)
            ));
            self.record(eyes, &done.results);
        }
    }

    pub(crate) fn released_hosts(&mut self, worker: WorkerId, hosts: &[HostRelease]) {
        let now = self.now();
        for host in hosts {
            if let Some(account) = self.queue.get_mut(&host.host_id)
                && account.lease.refuse(worker, host.token, now).is_none()
            {
                account.lease.end();
            }
        }
    }
}
