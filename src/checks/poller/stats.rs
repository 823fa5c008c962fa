//! Counters of a poller.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};

use crate::{
    observe::{
        LEASES_LOST, Level, OBSERVER_FAULT, POLL_BUFFERED, POLL_CHECKS_IN_FLIGHT,
        POLL_HOSTS_CLAIMED, POLL_RESULTS_DROPPED, POLL_WAITING, Part, QUARANTINED_HOSTS,
        QUARANTINES, RESULTS_PRUNED, STORE_ERRORS,
    },
    store::Completed,
};

/// A poller's contribution to the gauges while it runs.
#[derive(Debug)]
pub(super) struct Levels {
    pub(super) in_flight: Level,
    pub(super) buffered: Level,
    pub(super) waiting: Level,
    pub(super) quarantined: Level,
    pub(super) observer_fault: Level,
}

impl Levels {
    pub(super) const fn new() -> Self {
        Self {
            in_flight: Level::new(POLL_CHECKS_IN_FLIGHT),
            buffered: Level::new(POLL_BUFFERED),
            waiting: Level::new(POLL_WAITING),
            quarantined: Level::new(QUARANTINED_HOSTS),
            observer_fault: Level::new(OBSERVER_FAULT),
        }
    }
}

/// Counters of one poller since its creation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct PollerStats {
    /// Hosts claimed.
    pub hosts_claimed: u64,
    /// Checks run.
    pub checks_run: u64,
    /// Hosts whose results were written.
    pub hosts_completed: u64,
    /// Hosts whose results the store refused because the lease was lost (F64).
    pub fenced: u64,
    /// Results dropped because their check was changed, disabled or deleted meanwhile.
    pub results_dropped: u64,
    /// Hosts given up by this poller because their lease was too old to be trusted.
    pub leases_lost: u64,
    /// Hosts whose results were lost because the buffer was full.
    pub overflowed: u64,
    /// Calls of the store or directory that failed.
    pub store_errors: u64,
    /// Results deleted by age.
    pub results_pruned: u64,
    /// Quarantines of hosts (F68).
    pub quarantined: u64,
    /// Whether most hosts are unreachable, probably because of this machine.
    pub observer_fault: bool,
    /// The current number of checks in flight.
    pub checks_in_flight: usize,
    /// The current number of hosts whose results wait to be written.
    pub hosts_buffered: usize,
}

#[derive(Debug, Default)]
pub(super) struct StatsCell {
    hosts_claimed: AtomicU64,
    checks_run: AtomicU64,
    hosts_completed: AtomicU64,
    fenced: AtomicU64,
    results_dropped: AtomicU64,
    leases_lost: AtomicU64,
    overflowed: AtomicU64,
    store_errors: AtomicU64,
    results_pruned: AtomicU64,
    quarantined: AtomicU64,
    observer_fault: AtomicBool,
    checks_in_flight: AtomicUsize,
    hosts_buffered: AtomicUsize,
}

impl StatsCell {
    pub(super) fn snapshot(&self) -> PollerStats {
        PollerStats {
            hosts_claimed: self.hosts_claimed.load(Relaxed),
            checks_run: self.checks_run.load(Relaxed),
            hosts_completed: self.hosts_completed.load(Relaxed),
            fenced: self.fenced.load(Relaxed),
            results_dropped: self.results_dropped.load(Relaxed),
            leases_lost: self.leases_lost.load(Relaxed),
            overflowed: self.overflowed.load(Relaxed),
            store_errors: self.store_errors.load(Relaxed),
            results_pruned: self.results_pruned.load(Relaxed),
            quarantined: self.quarantined.load(Relaxed),
            observer_fault: self.observer_fault.load(Relaxed),
            checks_in_flight: self.checks_in_flight.load(Relaxed),
            hosts_buffered: self.hosts_buffered.load(Relaxed),
        }
    }

    pub(super) fn claimed(&self, hosts: usize) {
        POLL_HOSTS_CLAIMED.add(add(&self.hosts_claimed, hosts), &[]);
    }

    pub(super) fn ran(&self, checks: usize) {
        add(&self.checks_run, checks);
    }

    pub(super) fn completed(&self, hosts: usize, completed: &Completed) {
        add(&self.hosts_completed, hosts - completed.fenced.len().min(hosts));
        lost("fenced", add(&self.fenced, completed.fenced.len()));
        self.results_dropped.fetch_add(completed.dropped, Relaxed);
        POLL_RESULTS_DROPPED.add(completed.dropped, &[("cause", "changed")]);
    }

    pub(super) fn lease_lost(&self) {
        self.leases_lost.fetch_add(1, Relaxed);
        lost("outlived", 1);
    }

    pub(super) fn overflowed(&self, results: usize) {
        self.overflowed.fetch_add(1, Relaxed);
        POLL_RESULTS_DROPPED.add(count(results), &[("cause", "overflow")]);
    }

    pub(super) fn store_failed(&self) {
        self.store_errors.fetch_add(1, Relaxed);
        STORE_ERRORS.add(1, &[("part", Part::Poll.as_str())]);
    }

    pub(super) fn pruned(&self, results: u64) {
        self.results_pruned.fetch_add(results, Relaxed);
        RESULTS_PRUNED.add(results, &[]);
    }

    pub(super) fn quarantined(&self) {
        self.quarantined.fetch_add(1, Relaxed);
        QUARANTINES.add(1, &[]);
    }

    pub(super) fn observer_fault(&self, fault: bool) {
        self.observer_fault.store(fault, Relaxed);
    }

    pub(super) fn gauge(&self, checks_in_flight: usize, hosts_buffered: usize) {
        self.checks_in_flight.store(checks_in_flight, Relaxed);
        self.hosts_buffered.store(hosts_buffered, Relaxed);
    }
}

fn add(counter: &AtomicU64, number: usize) -> u64 {
    counter.fetch_add(count(number), Relaxed);
    count(number)
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

fn lost(cause: &'static str, leases: u64) {
    LEASES_LOST.add(leases, &[("part", Part::Poll.as_str()), ("cause", cause)]);
}
