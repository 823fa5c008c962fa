//! What a poller has under way, and what it does with what comes of it.

use std::{
    collections::{HashMap, VecDeque},
    future::{Future, pending},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{
    FutureExt, StreamExt,
    future::{Either, select},
    stream::FuturesUnordered,
};
use tracing::{debug, error, info, warn};

use super::{
    Poller,
    config::PollerConfig,
    host_run::{Ended, run},
    lease::{ClaimError, ClaimTime, Claimed, Held, claim},
    observer::{Observer, ObserverProbe},
    quarantine::{self, Standing},
    stats::Levels,
};
use crate::{
    checks::{
        capacity::Permit,
        ran::{RanBy, ran},
        run::{CheckOutcome, results},
        schedule,
    },
    clock::{Clock, delta},
    model::{CheckResult, HostId, ResultSource},
    observe::{ClockOffset, POLL_BACKLOG, POLL_BACKLOG_AGE, POLL_LAG, PRUNE_PAUSED, Part},
    store::{
        Backlog, ClaimRequest, Completed, HostCompletion, HostRelease, PruneOutcome, StoreError,
    },
};

/// The usual most of a host's checks, for guessing how many hosts there is room for.
const CHECKS_PER_HOST: usize = 5;

/// The most results that one step of pruning deletes (L12).
const PRUNE_BATCH: u32 = 5_000;

/// How often the backlog is looked at, for those who watch.
const BACKLOG_EVERY: Duration = Duration::from_secs(15);

/// How long the application's probe may take.
const PROBE_TIME: Duration = Duration::from_secs(10);

/// A call of the store's that is under way.
type Operation<T> = Option<Pin<Box<dyn Future<Output = T> + Send>>>;

/// Waits for an operation that is under way, for ever where there is none. Being dropped while it
/// waits leaves the operation as it is, so that a store's call always runs to its end.
pub(super) async fn wait<T>(operation: &mut Operation<T>) -> T {
    match operation {
        Some(future) => {
            let output = future.await;
            *operation = None;
            output
        }
        None => pending().await,
    }
}

/// The answer of the application's probe; none in time is none.
async fn ask(probe: Arc<dyn ObserverProbe>, clock: Arc<dyn Clock>) -> bool {
    match select(probe.network_works(), clock.sleep(PROBE_TIME)).await {
        Either::Left((works, _)) => works,
        Either::Right(_) => false,
    }
}

/// Sleeps so long, or for ever.
pub(super) async fn sleep(clock: &dyn Clock, duration: Option<Duration>) {
    match duration {
        Some(duration) => clock.sleep(duration).await,
        None => pending().await,
    }
}

/// A host whose results wait to be written.
#[derive(Clone, Debug)]
pub(super) struct Finished {
    host_id: HostId,
    token: i64,
    config_seq: i64,
    at: ClaimTime,
    results: Vec<CheckResult>,
    /// It was not run, and is not for a while.
    quarantined: bool,
}

impl Finished {
    /// When the host is due next, at `now` by the store's clock.
    fn next_due_at(&self, config: &PollerConfig, now: DateTime<Utc>) -> DateTime<Utc> {
        if self.quarantined {
            return now + delta(config.quarantine);
        }
        let regular = schedule::next_slot(self.host_id, config.interval, now);
        let failing = self.results.iter().any(|result| !result.healthy() && !result.observer_fault);
        match config.unhealthy_interval.filter(|_| failing) {
            Some(shorter) => regular.min(schedule::next_slot(self.host_id, shorter, now)),
            None => regular,
        }
    }
}

/// What is under way.
pub(super) struct Cycle<'a> {
    poller: &'a Poller,
    pub(super) runs: FuturesUnordered<Pin<Box<dyn Future<Output = Ended> + Send>>>,
    in_flight: HashMap<HostId, (HostRelease, Permit)>,
    checks_in_flight: usize,
    agents: HashMap<(String, u16), usize>,
    /// Hosts that wait for a place at their agent.
    queued: VecDeque<Held>,
    finished: VecDeque<Finished>,
    first_finished: Option<Duration>,
    pub(super) claiming: Operation<Result<Claimed, ClaimError>>,
    pub(super) flushing: Operation<(Vec<Finished>, Result<Completed, StoreError>)>,
    pub(super) pruning: Operation<Result<PruneOutcome, StoreError>>,
    pub(super) releasing: Operation<Result<(), StoreError>>,
    pub(super) probing: Operation<bool>,
    pub(super) measuring: Operation<Result<Backlog, StoreError>>,
    observer: Observer,
    /// Hosts that are handed back unrun.
    unwanted: Vec<HostRelease>,
    /// The one host under way that would be quarantined if this worker died now.
    suspect: Option<HostId>,
    /// The hosts in quarantine, and until when.
    quarantined: HashMap<HostId, Duration>,
    levels: Levels,
    offset: ClockOffset,
    next_claim: Duration,
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
            agents: HashMap::new(),
            queued: VecDeque::new(),
            finished: VecDeque::new(),
            first_finished: None,
            claiming: None,
            flushing: None,
            pruning: None,
            releasing: None,
            probing: None,
            measuring: None,
            observer: Observer::default(),
            unwanted: Vec::new(),
            suspect: None,
            quarantined: HashMap::new(),
            levels: Levels::new(),
            offset: ClockOffset::new(Part::Poll),
            next_claim: Duration::ZERO,
            next_flush: Duration::ZERO,
            next_prune: poller.clock.monotonic() + poller.config.prune_every,
            next_backlog: Duration::ZERO,
            failures: 0,
        }
    }

    /// Starts whatever can be started now.
    pub(super) fn start_work(&mut self) {
        let now = self.poller.clock.monotonic();
        self.start_queued();
        if self.claiming.is_none() && now >= self.next_claim && self.capacity() > 0 {
            self.start_claim();
        }
        if self.flushing.is_none() && self.flush_due().is_some_and(|due| now >= due) {
            self.start_flush();
        }
        if self.pruning.is_none() && now >= self.next_prune {
            let (store, keep) = (Arc::clone(&self.poller.store), self.poller.config.retention);
            self.pruning =
                Some(async move { store.prune_results(keep, PRUNE_BATCH, false).await }.boxed());
        }
        if self.releasing.is_none() && !self.unwanted.is_empty() {
            let (store, worker) = (Arc::clone(&self.poller.store), self.poller.worker);
            let hosts = std::mem::take(&mut self.unwanted);
            self.releasing = Some(async move { store.release_hosts(worker, hosts).await }.boxed());
        }
        if self.measuring.is_none() && now >= self.next_backlog {
            let store = Arc::clone(&self.poller.store);
            self.measuring = Some(async move { store.backlog().await }.boxed());
        }
        self.watch_observer(now);
        self.show(now);
    }

    /// Brings the figures up to date.
    fn show(&mut self, now: Duration) {
        self.quarantined.retain(|_, until| *until > now);
        let quarantined = self.quarantined.len();
        let fault = self.observer.fault();
        self.levels.in_flight.set(self.checks_in_flight);
        self.levels.buffered.set(self.finished.iter().map(|done| done.results.len()).sum());
        self.levels.quarantined.set(quarantined);
        self.levels.observer_fault.set(usize::from(fault));
        self.poller.stats.observer_fault(fault);
        self.poller.stats.gauge(self.checks_in_flight, self.finished.len());
        let mut noted = self.poller.health.note();
        noted.quarantined_hosts = quarantined;
        noted.observer_fault = fault;
    }

    pub(super) fn on_backlog(&mut self, outcome: &Result<Backlog, StoreError>) {
        let clock = self.poller.clock.as_ref();
        self.next_backlog = clock.monotonic() + BACKLOG_EVERY;
        match outcome {
            Ok(backlog) => {
                let now = clock.now() - self.poller.health.note().clock_offset;
                let age = backlog.oldest_due_at.map_or(TimeDelta::zero(), |due_at| now - due_at);
                let hosts = u32::try_from(backlog.due).unwrap_or(u32::MAX);
                POLL_BACKLOG.set(f64::from(hosts), &[]);
                POLL_BACKLOG_AGE.set(age.as_seconds_f64().max(0.0), &[]);
                self.poller.health.note().backlog = Some(*backlog);
            }
            Err(error) => {
                self.failed("look at the backlog", error);
            }
        }
    }

    /// Looks whether it is rather this machine's network that is at fault (spec 3.9).
    fn watch_observer(&mut self, now: Duration) {
        let Some(rule) = self.poller.config.observer else { return };
        match &self.poller.probe {
            None => self.observer.judge(rule, now, None),
            Some(_) if self.probing.is_some() => {}
            Some(probe) if self.observer.wants_probe(rule, now) => {
                let (probe, clock) = (Arc::clone(probe), Arc::clone(&self.poller.clock));
                self.probing = Some(ask(probe, clock).boxed());
            }
            Some(_) => {}
        }
    }

    pub(super) fn on_probe(&mut self, network_works: bool) {
        if let Some(rule) = self.poller.config.observer {
            self.observer.judge(rule, self.poller.clock.monotonic(), Some(network_works));
        }
    }

    pub(super) fn on_release(&mut self, outcome: &Result<(), StoreError>) {
        if let Err(error) = outcome {
            self.failed("hand hosts back", error);
        }
    }

    /// How long until something falls due; `None` where only an event can bring anything.
    pub(super) fn next_wake(&self) -> Option<Duration> {
        let now = self.poller.clock.monotonic();
        let claim = self.claiming.is_none().then(|| match self.capacity() {
            // Room that others give back wakes nobody here.
            0 => self.next_claim.max(now + self.poller.config.tick),
            _ => self.next_claim,
        });
        let flush = self.flush_due().filter(|_| self.flushing.is_none());
        let prune = self.pruning.is_none().then_some(self.next_prune);
        let due = [claim, flush, prune].into_iter().flatten().min()?;
        Some(due.saturating_sub(now))
    }

    /// How many hosts may be claimed: as many as could run if each had the usual most of checks.
    fn capacity(&self) -> usize {
        let config = &self.poller.config;
        if self.queued.len() >= config.max_concurrent_checks
            || self.finished.len() >= config.buffered_hosts
        {
            return 0;
        }
        self.poller.capacity.poll_room().div_ceil(CHECKS_PER_HOST)
    }

    fn start_claim(&mut self) {
        let poller = self.poller;
        let limit = u32::try_from(self.capacity()).unwrap_or(u32::MAX);
        let request = ClaimRequest {
            worker: poller.worker,
            limit: limit.min(poller.config.claim_block),
            lease: poller.config.lease(),
        };
        let (store, directory) = (Arc::clone(&poller.store), Arc::clone(&poller.directory));
        let clock = Arc::clone(&poller.clock);
        self.claiming = Some(claim(store, directory, clock, request).boxed());
    }

    pub(super) fn on_claim(&mut self, claimed: Result<Claimed, ClaimError>) {
        let now = self.poller.clock.monotonic();
        match claimed {
            Ok(Claimed { hosts, full, clocks: [before, store, after] }) => {
                let offset = self.offset.note(before, store, after);
                self.poller.health.note().clock_offset = offset;
                self.recovered();
                self.poller.stats.claimed(hosts.len());
                hosts.into_iter().for_each(|host| self.take(host));
                let again = full && self.unwanted.is_empty();
                self.next_claim = if again { now } else { now + self.poller.config.tick };
            }
            Err(error) => {
                self.next_claim = now + self.failed("claim hosts", error.as_ref());
            }
        }
    }

    /// Takes a claimed host, unless its lost leases speak against it (F68).
    fn take(&mut self, held: Held) {
        let (poller, host) = (self.poller, held.claim.host_id);
        self.quarantined.remove(&host);
        match Standing::of(&held.claim, &poller.config) {
            Standing::Sound => self.queued.push_back(held),
            Standing::Suspect if self.suspect.is_none() => {
                self.suspect = Some(host);
                self.queued.push_back(held);
            }
            Standing::Suspect => self.unwanted.push(held.release()),
            Standing::Quarantined => {
                error!(%host, lost_leases = held.claim.lost_leases, pause = ?poller.config.quarantine,
                       "quarantined: worker after worker was lost while it ran this host's checks");
                poller.stats.quarantined();
                let outcomes = quarantine::outcomes(&held.claim, &poller.config);
                let now = poller.clock.monotonic();
                self.quarantined.insert(host, now + poller.config.quarantine);
                self.finish(&held, now, outcomes, true);
            }
        }
    }

    /// Whether a host has to wait until those beside it are handed back.
    fn waits_alone(&self, host: HostId) -> bool {
        self.suspect == Some(host) && (self.releasing.is_some() || !self.unwanted.is_empty())
    }

    /// Gives a host up whose lease is too old to be relied on. It is handed back as far as that still
    /// goes: a lease that merely expires would speak against the host.
    fn give_up(&mut self, held: &Held) {
        self.poller.stats.lease_lost();
        self.unwanted.push(held.release());
        self.cleared(held.claim.host_id);
    }

    /// Notes that a host's lease has ended, so that another suspect may run.
    fn cleared(&mut self, host: HostId) {
        self.suspect = self.suspect.filter(|suspect| *suspect != host);
    }

    /// Starts the queued hosts that find a place at their agents.
    fn start_queued(&mut self) {
        let config = &self.poller.config;
        let mut waiting = VecDeque::new();
        while let Some(held) = self.queued.pop_front() {
            if !held.at.trusted(self.poller.clock.as_ref(), config.lease()) {
                // Another worker may have it soon; running it now would be for nothing.
                debug!(host = %held.claim.host_id, "lease too old to start");
                self.give_up(&held);
                continue;
            }
            let asked = held.agents_asked();
            let free = !self.waits_alone(held.claim.host_id)
                && asked.iter().all(|agent| {
                    self.agents.get(agent).is_none_or(|runs| *runs < config.max_runs_per_agent)
                });
            let checks = held.claim.checks.len();
            let permit = free.then(|| self.poller.capacity.admit_poll(checks)).flatten();
            if let Some(permit) = permit {
                for agent in asked {
                    *self.agents.entry(agent).or_default() += 1;
                }
                self.checks_in_flight += checks;
                let started_at = held.at.store_at(self.poller.clock.monotonic());
                let lag = (started_at - held.claim.due_at).as_seconds_f64();
                POLL_LAG.record(lag.max(0.0), &[]);
                self.in_flight.insert(held.claim.host_id, (held.release(), permit));
                let (runner, clock) =
                    (Arc::clone(&self.poller.runner), Arc::clone(&self.poller.clock));
                self.runs.push(run(runner, clock, held, config.timeout).boxed());
            } else {
                waiting.push_back(held);
            }
        }
        self.queued = waiting;
    }

    pub(super) fn on_run(&mut self, ended: Ended) {
        let Ended { held, started, outcomes } = ended;
        self.checks_in_flight -= held.claim.checks.len();
        self.in_flight.remove(&held.claim.host_id);
        for agent in held.agents_asked() {
            if let Some(runs) = self.agents.get_mut(&agent) {
                *runs -= 1;
                if *runs == 0 {
                    self.agents.remove(&agent);
                }
            }
        }
        let (poller, host) = (self.poller, held.claim.host_id);
        if !held.at.trusted(poller.clock.as_ref(), poller.config.lease()) {
            warn!(%host, "results dropped: the run outlived the trust in its lease");
            self.give_up(&held);
            return;
        }
        if let Some(rule) = poller.config.observer {
            self.observer.note(rule, poller.clock.monotonic(), host, &outcomes);
        }
        poller.stats.ran(outcomes.len());
        ran(RanBy::Poll, &held.claim.checks, &outcomes);
        self.finish(&held, started, outcomes, false);
    }

    /// Keeps what came out of a host until it is written.
    fn finish(
        &mut self,
        held: &Held,
        started: Duration,
        outcomes: Vec<CheckOutcome>,
        quarantined: bool,
    ) {
        let checked_at = held.at.store_at(started);
        let results = results(held.claim.host_id, outcomes, checked_at, ResultSource::Poll);
        if self.first_finished.is_none() {
            self.first_finished = Some(self.poller.clock.monotonic());
        }
        self.finished.push_back(Finished {
            host_id: held.claim.host_id,
            token: held.claim.token,
            config_seq: held.claim.config_seq,
            at: held.at,
            results,
            quarantined,
        });
    }

    fn flush_due(&self) -> Option<Duration> {
        let first = self.first_finished?;
        let due = if self.finished.len() >= self.poller.config.flush_hosts {
            Duration::ZERO
        } else {
            first + self.poller.config.flush_after
        };
        Some(due.max(self.next_flush))
    }

    fn start_flush(&mut self) {
        let config = &self.poller.config;
        let count = self.finished.len().min(config.flush_hosts);
        let mut batch: Vec<Finished> = self.finished.drain(..count).collect();
        // The fault may have shown itself since they ran.
        for result in batch.iter_mut().flat_map(|finished| &mut finished.results) {
            result.observer_fault |= self.observer.flags(result.reason);
        }
        let now = self.poller.clock.monotonic();
        self.first_finished = (!self.finished.is_empty()).then_some(now);
        let completions = batch
            .iter()
            .map(|finished| HostCompletion {
                host_id: finished.host_id,
                token: finished.token,
                config_seq: finished.config_seq,
                next_due_at: finished.next_due_at(config, finished.at.store_at(now)),
                results: finished.results.clone(),
            })
            .collect();
        let (store, worker) = (Arc::clone(&self.poller.store), self.poller.worker);
        self.flushing =
            Some(async move { (batch, store.complete_hosts(worker, completions).await) }.boxed());
    }

    pub(super) fn on_flush(
        &mut self,
        (batch, outcome): (Vec<Finished>, Result<Completed, StoreError>),
    ) {
        let now = self.poller.clock.monotonic();
        match outcome {
            Ok(completed) => {
                self.recovered();
                self.poller.stats.completed(batch.len(), &completed);
                batch.iter().for_each(|finished| self.cleared(finished.host_id));
                for host in completed.fenced {
                    debug!(%host, "results refused: the lease was lost");
                }
            }
            Err(error @ StoreError::Unavailable { .. }) => {
                self.next_flush = now + self.failed("record results", &error);
                self.first_finished = Some(now);
                for finished in batch.into_iter().rev() {
                    self.finished.push_front(finished);
                }
                while self.finished.len() > self.poller.config.buffered_hosts
                    && let Some(lost) = self.finished.pop_front()
                {
                    self.cleared(lost.host_id);
                    self.poller.stats.overflowed(lost.results.len());
                }
            }
            Err(error) => {
                // Writing it again would fail again: the leases expire, and the hosts are run anew.
                error!(%error, hosts = batch.len(), "results cannot be recorded");
                batch.iter().for_each(|finished| self.cleared(finished.host_id));
                self.next_flush = now + self.failed("record results", &error);
            }
        }
    }

    pub(super) fn on_prune(&mut self, outcome: &Result<PruneOutcome, StoreError>) {
        let now = self.poller.clock.monotonic();
        let paused = matches!(outcome, Ok(PruneOutcome::Suspicious { .. }));
        PRUNE_PAUSED.set(f64::from(u8::from(paused)), &[]);
        let pause = match outcome {
            Ok(PruneOutcome::More { deleted }) => {
                self.poller.stats.pruned(*deleted);
                Duration::ZERO
            }
            Ok(PruneOutcome::Done { deleted }) => {
                self.poller.stats.pruned(*deleted);
                self.poller.config.prune_every
            }
            Ok(PruneOutcome::Suspicious { expired, total }) => {
                error!(
                    expired,
                    total,
                    "pruning is paused: most results would go at once; has the store's clock jumped?"
                );
                self.poller.config.prune_every
            }
            Err(error) => self.failed("prune results", error).max(self.poller.config.prune_every),
        };
        self.next_prune = now + pause;
    }

    /// Counts a failure of the store, says so the first time, and answers how long to wait.
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
            info!("the store answers again");
        }
    }

    /// Asks for due hosts at the next opportunity.
    pub(super) fn claim_now(&mut self) {
        self.next_claim = Duration::ZERO;
    }

    /// Lets runs finish, writes what there is and hands the rest back, all within the grace period.
    pub(super) async fn stop(mut self) {
        let clock = Arc::clone(&self.poller.clock);
        let mut over = clock.sleep(self.poller.config.grace);
        loop {
            let now = clock.monotonic();
            if self.flushing.is_none() && !self.finished.is_empty() && now >= self.next_flush {
                self.start_flush();
            }
            let idle = self.runs.is_empty()
                && self.claiming.is_none()
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
                flushed = wait(&mut self.flushing) => self.on_flush(flushed),
                released = wait(&mut self.releasing) => self.on_release(&released),
                () = sleep(clock.as_ref(), flush_again) => {}
            }
        }
        let mut rest: Vec<HostRelease> = self.queued.iter().map(Held::release).collect();
        rest.extend(self.in_flight.values().map(|(release, _)| *release));
        rest.append(&mut self.unwanted);
        rest.extend(
            self.finished
                .iter()
                .map(|finished| HostRelease { host_id: finished.host_id, token: finished.token }),
        );
        let handed_back = rest.len();
        if let Err(error) = self.poller.store.release_hosts(self.poller.worker, rest).await {
            warn!(%error, "leases cannot be handed back: they expire");
        }
        info!(handed_back, "poller stopped");
    }
}
