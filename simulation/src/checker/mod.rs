//! Checks the system's behaviour independently of its code. The checker has its own records of leases,
//! results, windows and passes. It builds them from the store's calls and answers, and from the true
//! behaviour of the targets.

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
    /// The rule's name in the documents.
    pub rule: &'static str,
    /// What happened.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.rule, self.what)
    }
}

/// The parameters of the system under test.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) policy: GatePolicy,
    pub(crate) hosts: u128,
    /// Whether most checks ask the agent of one host.
    pub(crate) crowded: bool,
    pub(crate) runs_per_agent: usize,
    /// The capacity for checks in flight on each machine.
    pub(crate) places: usize,
    /// Whether the poller and the gates of a machine share their capacity.
    pub(crate) shared: bool,
    /// When a machine attributes unreachable hosts to its own network.
    pub(crate) observer: ObserverRule,
    pub(crate) interval: Duration,
    pub(crate) unhealthy_interval: Option<Duration>,
    pub(crate) poll_tick: Duration,
    pub(crate) gate_tick: Duration,
}

/// A value, and since when it has held.
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
    /// The address of each host's agent. `None` for a removed host.
    pub(crate) hosts: BTreeMap<HostId, Since<Option<AgentEndpoint>>>,
    /// Whether each agent answers quickly, by host.
    pub(crate) agents: BTreeMap<HostId, Since<bool>>,
    /// Whether an operator has paused each host.
    pub(crate) pauses: BTreeMap<HostId, Since<bool>>,
    /// The worker lives that were asked to stop and still run.
    pub(crate) stopping: BTreeMap<TaskId, Duration>,
    /// Jobs on hosts whose overrides no longer count.
    pub(crate) rights_lost: HashSet<(JobId, HostId)>,
    /// Since when nothing disturbs workers, store and clocks.
    pub(crate) calm_since: Option<Duration>,
    store_steps: Vec<(Duration, TimeDelta)>,
    /// The latest time that a claim returned in this epoch of the store's clock.
    latest_claim: DateTime<Utc>,
    /// When claims showed that the store's clock had stepped back.
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
    /// Orders reads and writes, because many happen at one instant.
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

    /// Returns the true time, which no clock of the system shows.
    pub(crate) fn at(&self) -> Duration {
        self.world.monotonic()
    }

    /// Returns the time of the store's clock.
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

    /// Counts an event and adds it to the story.
    pub(crate) fn note(&mut self, event: Event, who: fmt::Arguments<'_>) {
        self.count(event);
        self.tell(format_args!("{who}: {}", event.as_str()));
    }

    /// Records a broken rule. The first one stays.
    pub(crate) fn broken(&mut self, rule: &'static str, what: String) {
        if self.violation.is_none() {
            self.tell(format_args!("VIOLATION of {rule}: {what}"));
            self.violation = Some(Violation { rule, what });
        }
    }

    /// Records a step of the store's clock.
    pub(crate) fn store_stepped(&mut self, by: TimeDelta) {
        let (at, now) = (self.at(), self.now());
        self.store_steps.push((at, by));
        if by < TimeDelta::zero() {
            self.put_back_changes(now);
        }
    }

    /// Returns the sum of all steps of the store's clock since then.
    fn stepped_since(&self, since: Duration) -> TimeDelta {
        let later = self.store_steps.iter().rev().take_while(|(at, _)| *at >= since);
        later.fold(TimeDelta::zero(), |sum, (_, by)| sum + by.abs())
    }

    /// Returns how far gate time, which never goes back, can have advanced since then beyond the elapsed
    /// time: by the largest lead of the store's clock since then and during the call before.
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

    /// Returns the epoch of the store's clock at a true time: the number of earlier steps beyond the
    /// tolerance.
    fn epoch_of(&self, at: Duration) -> usize {
        let jumps = self.store_steps.iter().filter(|(_, by)| by.abs() > TOLERANCE);
        jumps.take_while(|(stepped, _)| *stepped <= at).count()
    }

    /// Records a claim of hosts or gates that returned this time.
    fn claimed(&mut self, now: DateTime<Utc>) {
        if now < self.latest_claim - OBVIOUS {
            let at = self.at();
            self.ended_epochs.push(at);
            self.latest_claim = now;
        }
        self.latest_claim = self.latest_claim.max(now);
    }

    /// Returns whether a claim between two true times showed that the store's clock had stepped back.
    fn was_set_back(&self, from: Duration, until: Duration) -> bool {
        self.ended_epochs.iter().any(|at| from < *at && *at <= until)
    }

    /// Returns whether the store's clock was set back since then.
    fn set_back_since(&self, since: Duration) -> bool {
        let later = self.store_steps.iter().rev().take_while(|(at, _)| *at >= since);
        later.into_iter().any(|(_, by)| *by < TimeDelta::zero())
    }

    /// Returns every stored check.
    pub(crate) fn stored_checks(&self) -> Vec<HealthCheck> {
        let stored = |account: &CheckAccount| (!account.deleted).then(|| account.check.clone());
        self.checks.values().filter_map(stored).collect()
    }

    /// Returns the numbers of spent passes and of gates.
    pub(crate) fn totals(&self) -> (u64, u64) {
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        (count(self.dispatches.len()), count(self.gates.len()))
    }
}

/// The store must notice a step back of its clock by this much since an earlier claim.
const OBVIOUS: TimeDelta = TimeDelta::seconds(60);

/// The maximum delay of a call of the store.
const LONGEST_CALL: Duration = Duration::from_secs(20);

/// A step of the store's clock up to this is not a jump (F03).
const TOLERANCE: TimeDelta = TimeDelta::seconds(5);

/// Displays a job's part on a host.
pub(crate) struct Named(pub(crate) JobId, pub(crate) HostId);

impl fmt::Display for Named {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (job, host) = (self.0.as_uuid().as_u128(), self.1.as_uuid().as_u128());
        write!(formatter, "job {job} on host {host}")
    }
}

/// Displays a host.
pub(crate) struct Host(pub(crate) HostId);

impl fmt::Display for Host {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "host {}", self.0.as_uuid().as_u128())
    }
}

/// Displays a check.
pub(crate) struct Check(pub(crate) CheckId);

impl fmt::Display for Check {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "check {}", self.0.as_uuid().as_u128())
    }
}
