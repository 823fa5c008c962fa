//! A poller's work in progress, and the loop that drives it.

mod hosts;
mod operation;
mod recording;
mod turns;
mod upkeep;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    future::Future,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use self::{
    operation::{Operation, sleep, wait},
    recording::Finished,
    upkeep::{Retention, prune},
};
use super::{
    Poller,
    bounded_run::FinishedRun,
    lanes::Lanes,
    lease::{Claimed, ClaimedHost, FailedClaim},
    observer::Observer,
    stats::Levels,
};
use crate::{
    checks::{
        agent_limit::{AgentKey, AgentPermit},
        capacity::Permit,
        schedule,
    },
    clock::EpochWatch,
    model::HostId,
    observe::{ClockOffset, Part},
    store::{Backlog, Completed, HostRelease, PruneOutcome, Reach, StoreError},
};

/// A run in progress.
struct InFlight {
    release: HostRelease,
    checks: usize,
    /// The number of these checks that have their turn at a busy agent.
    lane_checks: usize,
    _permit: Permit,
    _agents: Vec<AgentPermit>,
}

/// A poller's work in progress.
pub(super) struct Cycle<'a> {
    poller: &'a Poller,
    runs: FuturesUnordered<Pin<Box<dyn Future<Output = FinishedRun> + Send>>>,
    in_flight: HashMap<HostId, InFlight>,
    checks_in_flight: usize,
    /// The hosts that this worker holds under a lease, with the lease's token.
    held: HashMap<HostId, i64>,
    /// Claimed hosts that wait for capacity.
    queued: VecDeque<ClaimedHost>,
    lanes: Lanes,
    /// The number of checks with a turn at a busy agent: called, queued or in flight.
    lane_checks: usize,
    /// The hosts that are being claimed for their turns, with their agents.
    called: BTreeMap<HostId, Vec<AgentKey>>,
    finished: VecDeque<Finished>,
    first_finished: Option<Duration>,
    /// When the oldest of the results that are being written was finished.
    flushing_since: Option<Duration>,
    /// The maximum number of hosts in the next batch of results.
    batch: usize,
    claiming: Operation<Result<Claimed, FailedClaim>>,
    calling: Operation<Result<Claimed, FailedClaim>>,
    flushing: Operation<(Vec<Finished>, Result<Completed, StoreError>)>,
    pruning: Operation<Result<PruneOutcome, StoreError>>,
    releasing: Operation<(Vec<HostRelease>, Result<(), StoreError>)>,
    probing: Operation<bool>,
    measuring: Operation<Result<Backlog, StoreError>>,
    reaching: Operation<Result<Reach, StoreError>>,
    observer: Observer,
    /// Hosts to release without having run.
    unwanted: Vec<HostRelease>,
    /// The one running host that would be quarantined if this worker died now.
    suspect: Option<HostId>,
    /// The other suspects, in the order of their turns.
    suspects: VecDeque<HostId>,
    /// The quarantined hosts, with the end of each quarantine.
    quarantined: HashMap<HostId, Duration>,
    levels: Levels,
    offset: ClockOffset,
    /// Detects that the store's clock stepped back.
    watch: EpochWatch,
    next_claim: Duration,
    next_call: Duration,
    next_release: Duration,
    next_flush: Duration,
    next_prune: Duration,
    next_backlog: Duration,
    failures: u32,
}

impl<'a> Cycle<'a> {
    pub(super) fn new(poller: &'a Poller) -> Self {
        Self {
            poller,
            runs: FuturesUnordered::new(),
            in_flight: HashMap::new(),
            checks_in_flight: 0,
            held: HashMap::new(),
            queued: VecDeque::new(),
            lanes: Lanes::default(),
            lane_checks: 0,
            called: BTreeMap::new(),
            finished: VecDeque::new(),
            first_finished: None,
            flushing_since: None,
            batch: poller.config.flush_hosts,
            claiming: None,
            calling: None,
            flushing: None,
            pruning: None,
            releasing: None,
            probing: None,
            measuring: None,
            reaching: None,
            observer: Observer::new(&poller.config),
            unwanted: Vec::new(),
            suspect: None,
            suspects: VecDeque::new(),
            quarantined: HashMap::new(),
            levels: Levels::new(),
            offset: ClockOffset::new(Part::Poll),
            watch: EpochWatch::default(),
            next_claim: Duration::ZERO,
            next_call: Duration::ZERO,
            next_release: Duration::ZERO,
            next_flush: Duration::ZERO,
            next_prune: poller.clock.monotonic() + poller.config.prune_every,
            next_backlog: Duration::ZERO,
            failures: 0,
        }
    }

    /// Polls until `shutdown` is cancelled, and then stops as described at [`Poller::run`].
    pub(super) async fn run(mut self, shutdown: CancellationToken) {
        let (poller, clock) = (self.poller, Arc::clone(&self.poller.clock));
        loop {
            self.start_work();
            let next_wake = self.next_wake();
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                Some(ended) = self.runs.next(), if !self.runs.is_empty() => self.on_run(ended),
                claimed = wait(&mut self.claiming) => self.on_claim(claimed),
                called = wait(&mut self.calling) => self.on_called(called),
                flushed = wait(&mut self.flushing) => self.on_flush(flushed),
                pruned = wait(&mut self.pruning) => self.on_prune(&pruned),
                released = wait(&mut self.releasing) => self.on_release(released),
                backlog = wait(&mut self.measuring) => self.on_backlog(&backlog),
                works = wait(&mut self.probing) => self.on_probe(works),
                reach = wait(&mut self.reaching) => self.on_reach(reach),
                () = poller.nudge.notified() => self.claim_now(),
                () = sleep(clock.as_ref(), next_wake) => {}
            }
        }
        self.stop().await;
    }

    /// Starts everything that can start now.
    fn start_work(&mut self) {
        let now = self.poller.clock.monotonic();
        self.start_queued();
        self.serve_lanes();
        if self.claiming.is_none() && now >= self.next_claim && self.capacity() > 0 {
            self.start_claim();
        }
        if self.flushing.is_none() && self.flush_due().is_some_and(|due| now >= due) {
            self.start_flush();
        }
        if self.pruning.is_none() && now >= self.next_prune {
            let retention = Retention::of(&self.poller.config);
            self.pruning = Some(prune(Arc::clone(&self.poller.store), retention).boxed());
        }
        if self.releasing.is_none() && !self.unwanted.is_empty() && now >= self.next_release {
            let (store, worker) = (Arc::clone(&self.poller.store), self.poller.worker);
            let hosts = std::mem::take(&mut self.unwanted);
            let release = async move {
                let outcome = store.release_hosts(worker, hosts.clone()).await;
                (hosts, outcome)
            };
            self.releasing = Some(release.boxed());
        }
        if self.measuring.is_none() && now >= self.next_backlog {
            let store = Arc::clone(&self.poller.store);
            self.measuring = Some(async move { store.backlog().await }.boxed());
        }
        self.watch_observer(now);
        self.show(now);
    }

    /// Returns how long until the next timer, or `None` if only an event can bring work.
    fn next_wake(&self) -> Option<Duration> {
        let now = self.poller.clock.monotonic();
        let claim = self.claiming.is_none().then(|| match self.capacity() {
            // Capacity that others free does not wake this poller.
            0 => self.next_claim.max(now + self.poller.config.tick),
            _ => self.next_claim,
        });
        let flush = self.flush_due().filter(|_| self.flushing.is_none());
        let prune = self.pruning.is_none().then_some(self.next_prune);
        let due = [claim, flush, prune].into_iter().flatten().min()?;
        Some(due.saturating_sub(now))
    }

    /// Counts a failure of the store, logs the first one, and returns how long to wait.
    fn failed(&mut self, what: &'static str, error: &dyn std::error::Error) -> Duration {
        self.poller.stats.store_failed();
        self.poller.health.note().store_failing = true;
        self.failures = self.failures.saturating_add(1);
        let source = error.source().map(tracing::field::display);
        if self.failures == 1 {
            warn!(%error, source, "cannot {what}: backing off");
        } else {
            debug!(%error, source, failures = self.failures, "cannot {what}");
        }
        schedule::backoff(self.failures, self.poller.worker.as_uuid())
    }

    fn recovered(&mut self) {
        let clock = self.poller.clock.as_ref();
        let mut noted = self.poller.health.note();
        noted.last_cycle = Some((clock.monotonic(), clock.now()));
        noted.store_failing = false;
        if std::mem::take(&mut self.failures) > 0 {
            info!("the store is available again");
        }
    }

    /// Asks for due hosts at the next opportunity.
    fn claim_now(&mut self) {
        self.next_claim = Duration::ZERO;
    }

    /// Lets runs finish, writes the results and releases the rest, all within the grace period.
    async fn stop(mut self) {
        let clock = Arc::clone(&self.poller.clock);
        let mut over = clock.sleep(self.poller.config.grace);
        loop {
            let now = clock.monotonic();
            if self.flushing.is_none() && !self.finished.is_empty() && now >= self.next_flush {
                self.start_flush();
            }
            let idle = self.runs.is_empty()
                && self.claiming.is_none()
                && self.calling.is_none()
                && self.flushing.is_none()
                && self.releasing.is_none();
            if idle && self.finished.is_empty() {
                break;
            }
            let flush_again = idle.then(|| self.next_flush.saturating_sub(now));
            tokio::select! {
                biased;
                () = &mut over => break,
                Some(ended) = self.runs.next(), if !self.runs.is_empty() => self.on_run(ended),
                claimed = wait(&mut self.claiming) => self.on_claim(claimed),
                called = wait(&mut self.calling) => self.on_called(called),
                flushed = wait(&mut self.flushing) => self.on_flush(flushed),
                released = wait(&mut self.releasing) => self.on_release(released),
                () = sleep(clock.as_ref(), flush_again) => {}
            }
        }
        let mut rest: Vec<HostRelease> = self.queued.iter().map(ClaimedHost::release).collect();
        rest.extend(self.in_flight.values().map(|run| run.release));
        rest.append(&mut self.unwanted);
        rest.extend(self.finished.iter().map(Finished::release));
        let handed_back = rest.len();
        if let Err(error) = self.poller.store.release_hosts(self.poller.worker, rest).await {
            warn!(%error, "leases cannot be handed back: they expire");
        }
        info!(handed_back, "poller stopped");
    }
}
