//! Holds what the system does against what it may do, independently of its code: the checker keeps
//! its own account of leases, results, windows and passes, from what the store was asked and
//! answered, and from what the targets truly did.

mod changes;
mod eyes;
mod gates;
mod groups;
mod leases;
mod liveness;
mod passes;
mod polls;
mod rollouts;
mod runs;
mod verifications;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    fmt,
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use healthgate::{
    checks::ObserverRule,
    clock::{Clock, ManualClock},
    gate::{GatePolicy, decide::WindowAnswer},
    model::{
        AgentEndpoint, AvailabilityGroup, CheckId, GateId, HealthCheck, HostId, JobId, PassId,
        WorkerId,
    },
};

use self::{
    changes::ChangeAccount, gates::GateAccount, polls::HostAccount, rollouts::RolloutAccount,
    runs::CheckAccount, verifications::VerificationAccount,
};
pub(crate) use self::{eyes::EyesId, runs::Run};
use crate::{
    clock::MachineClock,
    history::{Event, History},
    scheduler::TaskId,
};

/// A rule that was broken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// The rule, by its name in the documents.
    pub rule: &'static str,
    /// What happened.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.rule, self.what)
    }
}

/// The figures that the checked parts work by.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) policy: GatePolicy,
    pub(crate) hosts: u128,
    /// Most checks ask the agent of one host.
    pub(crate) crowded: bool,
    pub(crate) runs_per_agent: usize,
    /// Places for checks in flight on each machine.
    pub(crate) places: usize,
    /// The poller and the gates of a machine share their places.
    pub(crate) shared: bool,
    /// When a machine takes unreachable hosts for a fault of its own network.
    pub(crate) observer: ObserverRule,
    pub(crate) interval: Duration,
    pub(crate) unhealthy_interval: Option<Duration>,
    pub(crate) poll_tick: Duration,
    pub(crate) gate_tick: Duration,
}

/// What has been so since when.
#[derive(Clone, Debug)]
pub(crate) struct Since<T> {
    pub(crate) is: T,
    pub(crate) since: Duration,
}

#[derive(Debug)]
pub(crate) struct Checker {
    world: ManualClock,
    store: MachineClock,
    pub(crate) settings: Settings,
    pub(crate) history: History,
    pub(crate) violation: Option<Violation>,
    pub(crate) windows: HashMap<(JobId, HostId), Since<WindowAnswer>>,
    /// Where each host's agent is; `None` for a host that is gone.
    pub(crate) hosts: BTreeMap<HostId, Since<Option<AgentEndpoint>>>,
    /// Whether each agent serves quickly, by its host.
    pub(crate) agents: BTreeMap<HostId, Since<bool>>,
    /// Whether an operator has paused each host.
    pub(crate) pauses: BTreeMap<HostId, Since<bool>>,
    /// The worker lives that were told to stop and have not.
    pub(crate) stopping: BTreeMap<TaskId, Duration>,
    /// Jobs on hosts whose overrides do not count any more.
    pub(crate) rights_lost: HashSet<(JobId, HostId)>,
    /// Nothing disturbs workers, store and clocks since then.
    pub(crate) calm_since: Option<Duration>,
    store_steps: Vec<(Duration, TimeDelta)>,
    /// The latest time that a claim was told in this epoch of the store's clock.
    latest_claim: DateTime<Utc>,
    /// When claims showed that the store's clock had gone back.
    ended_epochs: Vec<Duration>,
    eyes: HashMap<EyesId, eyes::Eyes>,
    gates: BTreeMap<GateId, GateAccount>,
    changes: BTreeMap<HostId, ChangeAccount>,
    verifications: BTreeMap<PassId, VerificationAccount>,
    rollouts: BTreeMap<JobId, RolloutAccount>,
    groups: Vec<AvailabilityGroup>,
    gate_holders: BTreeMap<WorkerId, BTreeSet<GateId>>,
    queue: BTreeMap<HostId, HostAccount>,
    checks: BTreeMap<CheckId, CheckAccount>,
    dispatches: BTreeMap<(JobId, HostId), PassId>,
    /// Counts what is read and recorded, since much happens in one instant.
    sequence: u64,
}

impl Checker {
    pub(crate) fn new(
        world: ManualClock,
        store: MachineClock,
        settings: Settings,
        told: bool,
    ) -> Self {
        Self {
            world,
            store,
            settings,
            history: History::new(told),
            violation: None,
            windows: HashMap::new(),
            hosts: BTreeMap::new(),
            agents: BTreeMap::new(),
            pauses: BTreeMap::new(),
            stopping: BTreeMap::new(),
            rights_lost: HashSet::new(),
            calm_since: None,
            store_steps: Vec::new(),
            latest_claim: DateTime::<Utc>::UNIX_EPOCH,
            ended_epochs: Vec::new(),
            eyes: HashMap::new(),
            gates: BTreeMap::new(),
            changes: BTreeMap::new(),
            verifications: BTreeMap::new(),
            rollouts: BTreeMap::new(),
            groups: Vec::new(),
            gate_holders: BTreeMap::new(),
            queue: BTreeMap::new(),
            checks: BTreeMap::new(),
            dispatches: BTreeMap::new(),
            sequence: 0,
        }
    }

    /// True time, which no clock of the system shows.
    pub(crate) fn at(&self) -> Duration {
        self.world.monotonic()
    }

    /// What the store's clock shows.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.store.now()
    }

    fn next(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    pub(crate) fn tell(&mut self, what: fmt::Arguments<'_>) {
        let at = self.at();
        self.history.tell(at, what);
    }

    pub(crate) fn count(&mut self, event: Event) {
        self.history.counts.add(event);
    }

    /// Counts and tells.
    pub(crate) fn note(&mut self, event: Event, who: fmt::Arguments<'_>) {
        self.count(event);
        self.tell(format_args!("{who}: {}", event.as_str()));
    }

    /// Notes a broken rule; the first one stands.
    pub(crate) fn broken(&mut self, rule: &'static str, what: String) {
        if self.violation.is_none() {
            self.tell(format_args!("VIOLATION of {rule}: {what}"));
            self.violation = Some(Violation { rule, what });
        }
    }

    /// Notes that the store's clock was stepped.
    pub(crate) fn store_stepped(&mut self, by: TimeDelta) {
        let (at, now) = (self.at(), self.now());
        self.store_steps.push((at, by));
        if by < TimeDelta::zero() {
            self.put_back_changes(now);
        }
    }

    /// How far the store's clock has been stepped since then, all steps added up.
    fn stepped_since(&self, since: Duration) -> TimeDelta {
        let later = self.store_steps.iter().rev().take_while(|(at, _)| *at >= since);
        later.fold(TimeDelta::zero(), |sum, (_, by)| sum + by.abs())
    }

    /// How far a gate's own time, which never goes back, can have moved ahead since then, besides the
    /// time that passed: as far as the store's clock was ahead at any time since, and in the call before.
    fn gained_since(&self, then: Duration) -> Duration {
        let call = then.saturating_sub(LONGEST_CALL);
        let offset_at = |at: Duration| -> TimeDelta {
            let steps = self.store_steps.iter().take_while(|(stepped, _)| *stepped <= at);
            steps.map(|(_, by)| *by).sum()
        };
        let later = self.store_steps.iter().map(|(at, _)| *at).filter(|at| *at > call);
        let most = later.map(offset_at).fold(offset_at(call), TimeDelta::max);
        (most - offset_at(then)).to_std().unwrap_or_default()
    }

    /// The epoch of the store's clock at a true time: how often it had been stepped by more than the
    /// tolerance until then.
    fn epoch_of(&self, at: Duration) -> usize {
        let jumps = self.store_steps.iter().filter(|(_, by)| by.abs() > TOLERANCE);
        jumps.take_while(|(stepped, _)| *stepped <= at).count()
    }

    /// Somebody claimed hosts or gates, and was told this time.
    fn claimed(&mut self, now: DateTime<Utc>) {
        if now < self.latest_claim - OBVIOUS {
            let at = self.at();
            self.ended_epochs.push(at);
            self.latest_claim = now;
        }
        self.latest_claim = self.latest_claim.max(now);
    }

    /// Whether a claim between two true times showed that the store's clock had gone back.
    fn was_set_back(&self, from: Duration, until: Duration) -> bool {
        self.ended_epochs.iter().any(|at| from < *at && *at <= until)
    }

    /// Whether the store's clock was set back since then.
    fn set_back_since(&self, since: Duration) -> bool {
        let later = self.store_steps.iter().rev().take_while(|(at, _)| *at >= since);
        later.into_iter().any(|(_, by)| *by < TimeDelta::zero())
    }

    /// Every check that is stored now.
    pub(crate) fn stored_checks(&self) -> Vec<HealthCheck> {
        let stored = |account: &CheckAccount| (!account.deleted).then(|| account.check.clone());
        self.checks.values().filter_map(stored).collect()
    }

    /// How many passes were spent, and how many gates there were.
    pub(crate) fn totals(&self) -> (u64, u64) {
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        (count(self.dispatches.len()), count(self.gates.len()))
    }
}

/// The store must notice that its clock has gone back so far since an earlier claim.
const OBVIOUS: TimeDelta = TimeDelta::seconds(60);

/// The longest that a call of the store is delayed.
const LONGEST_CALL: Duration = Duration::from_secs(20);

/// A step of the store's clock up to this is no jump (F03).
const TOLERANCE: TimeDelta = TimeDelta::seconds(5);

/// A job's part on a host, as a name to read.
pub(crate) struct Named(pub(crate) JobId, pub(crate) HostId);

impl fmt::Display for Named {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (job, host) = (self.0.as_uuid().as_u128(), self.1.as_uuid().as_u128());
        write!(formatter, "job {job} on host {host}")
    }
}

/// A host, as a name to read.
pub(crate) struct Host(pub(crate) HostId);

impl fmt::Display for Host {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "host {}", self.0.as_uuid().as_u128())
    }
}

/// A check, as a name to read.
pub(crate) struct Check(pub(crate) CheckId);

impl fmt::Display for Check {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "check {}", self.0.as_uuid().as_u128())
    }
}
