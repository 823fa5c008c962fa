//! The world of one simulation: a store, hosts, workers, people, and faults.

use std::{
    cell::Cell,
    rc::Rc,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use healthgate::{
    checks::ObserverRule,
    clock::{Clock, ManualClock},
    gate::{GatePolicy, NoChecks, decide::WindowAnswer},
    model::{HostId, JobId},
    store::MemoryStore,
    testing::{Fault, FaultyStore, Operation, fixtures},
};

use crate::{
    checker::{Checker, EyesId, Settings, Since},
    clock::MachineClock,
    history::Event,
    rng::Rng,
    scheduler::Orders,
    sources::Sources,
    targets::{Network, Sight, Targets},
    watched::WatchedStore,
};

/// The state that all actors share.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) store_clock: MachineClock,
    pub(crate) memory: MemoryStore,
    pub(crate) targets: Arc<Targets>,
    pub(crate) sources: Arc<Sources>,
    pub(crate) orders: Orders,
    pub(crate) settings: Settings,
    pub(crate) weather: Arc<Mutex<StoreWeather>>,
    /// When people and faults stop, so that everything can complete.
    pub(crate) evening: Duration,
    checker: Arc<Mutex<Checker>>,
    numbers: Rc<Cell<u64>>,
}

/// The faults of calls of the store.
#[derive(Debug)]
pub(crate) struct StoreWeather {
    /// The number of calls in a thousand with a fault.
    pub(crate) per_mille: u64,
    /// The current fault of every call.
    pub(crate) all: Option<Fault>,
    /// The current fault of some calls.
    pub(crate) some: Option<(&'static [Operation], Fault)>,
    rng: Rng,
}

impl World {
    pub(crate) fn new(
        clock: ManualClock,
        rng: &mut Rng,
        orders: Orders,
        days: u64,
        told: bool,
    ) -> Self {
        let store_clock = MachineClock::new(clock.clone());
        let settings = settings(rng);
        let checker = Checker::new(clock.clone(), store_clock.clone(), settings.clone(), told);
        let world = Self {
            memory: MemoryStore::new(Arc::new(store_clock.clone())),
            clock,
            store_clock,
            targets: Arc::default(),
            sources: Arc::new(Sources::new(rng.fork())),
            orders,
            settings,
            weather: Arc::new(Mutex::new(StoreWeather {
                per_mille: 0,
                all: None,
                some: None,
                rng: rng.fork(),
            })),
            evening: Duration::from_secs(days * 86_400).saturating_sub(EVENING),
            checker: Arc::new(Mutex::new(checker)),
            numbers: Rc::default(),
        };
        for number in 1..=world.settings.hosts {
            let port = u16::try_from(1_000 + number).unwrap_or(1);
            world.move_host(fixtures::host(number), Some(port));
        }
        world
    }

    pub(crate) fn checker(&self) -> MutexGuard<'_, Checker> {
        self.checker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the true time.
    pub(crate) fn at(&self) -> Duration {
        self.clock.monotonic()
    }

    /// Returns the store's time.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.store_clock.now()
    }

    pub(crate) fn is_evening(&self) -> bool {
        self.at() >= self.evening
    }

    pub(crate) async fn sleep(&self, duration: Duration) {
        self.clock.sleep(duration).await;
    }

    /// Sleeps until the store's clock shows an instant, as the clock is set now.
    pub(crate) async fn sleep_until(&self, instant: DateTime<Utc>) {
        self.sleep((instant - self.now()).to_std().unwrap_or_default()).await;
    }

    /// Returns a number that was not returned before.
    pub(crate) fn number(&self) -> u64 {
        self.numbers.set(self.numbers.get() + 1);
        self.numbers.get()
    }

    pub(crate) fn move_host(&self, host: HostId, port: Option<u16>) {
        let is = port.map(fixtures::agent);
        let since = self.at();
        self.checker().hosts.insert(host, Since { is, since });
    }

    /// Sets the window in which a job may change a host.
    pub(crate) fn set_window(&self, job: JobId, host: HostId, is: WindowAnswer) {
        let since = self.at();
        self.checker().windows.insert((job, host), Since { is, since });
    }

    /// Returns a new reader's access to the store, through the faults.
    pub(crate) fn store(&self, clock: &MachineClock) -> (Arc<FaultyStore>, EyesId) {
        let eyes = EyesId(self.number());
        let watched = WatchedStore::new(self.memory.clone(), Arc::clone(&self.checker), eyes);
        let (weather, checker) = (Arc::clone(&self.weather), Arc::clone(&self.checker));
        let store = FaultyStore::new(Arc::new(watched))
            .with_clock(Arc::new(clock.clone()))
            .with_plan(move |operation| {
                let mut weather = weather.lock().unwrap_or_else(PoisonError::into_inner);
                let fault = weather.draw(operation).filter(|fault| fault.applies_to(operation))?;
                let mut checker = checker.lock().unwrap_or_else(PoisonError::into_inner);
                checker.count(event_of(fault));
                checker.befell(eyes, operation);
                checker.tell(format_args!("{}: {operation}, {fault}", eyes.0));
                Some(fault)
            });
        (Arc::new(store), eyes)
    }

    /// Returns a reader's view of the rest of the world.
    pub(crate) fn sight(
        &self,
        clock: &MachineClock,
        eyes: EyesId,
        polls: bool,
        network: &Network,
    ) -> Sight {
        Sight {
            targets: Arc::clone(&self.targets),
            checker: Arc::clone(&self.checker),
            clock: clock.clone(),
            eyes,
            polls,
            sources: Arc::clone(&self.sources),
            network: network.clone(),
        }
    }
}

impl StoreWeather {
    fn draw(&mut self, operation: Operation) -> Option<Fault> {
        if self.all.is_some() {
            return self.all;
        }
        if let Some((operations, fault)) = self.some
            && operations.contains(&operation)
        {
            return Some(fault);
        }
        if self.per_mille == 0 || !self.rng.chance(self.per_mille) {
            return None;
        }
        let delay = Duration::from_micros(1 + self.rng.below(20_000_000));
        Some(match self.rng.below(10) {
            0..3 => Fault::Before,
            3..6 => Fault::After,
            6..8 => Fault::Delay(delay),
            _ => Fault::DelayAnswer(delay),
        })
    }
}

const fn event_of(fault: Fault) -> Event {
    match fault {
        Fault::After => Event::StoreFailedAfter,
        Fault::Delay(_) => Event::StoreDelayed,
        Fault::DelayAnswer(_) => Event::StoreAnswerDelayed,
        Fault::ReadOnly => Event::StoreReadOnly,
        Fault::Full => Event::StoreFull,
        _ => Event::StoreFailedBefore,
    }
}

/// How long before the end people and faults stop.
const EVENING: Duration = Duration::from_secs(3 * 3_600);

/// Draws the parameters of one world.
fn settings(rng: &mut Rng) -> Settings {
    let policy = GatePolicy {
        retry: Duration::from_secs(*rng.pick(&[60, 120, 300, 300])),
        pass_ttl: Duration::from_secs(*rng.pick(&[30, 60, 60, 300])),
        closing_margin: Duration::from_secs(*rng.pick(&[0, 0, 60])),
        no_checks: *rng.pick(&[NoChecks::Pass, NoChecks::Pass, NoChecks::Block]),
        healthy_after: *rng.pick(&[1, 1, 1, 2]),
        live_only: rng.chance(150),
        spread: Duration::from_secs(*rng.pick(&[0, 30])),
        ..GatePolicy::default()
    };
    // Some worlds have many hosts that ask one agent, and little capacity.
    let crowded = rng.chance(300);
    Settings {
        policy,
        hosts: if crowded { *rng.pick(&[6, 8]) } else { 4 },
        crowded,
        runs_per_agent: *rng.pick(&[1, 2, 2]),
        places: if crowded { *rng.pick(&[4, 8, 64]) } else { 512 },
        shared: rng.chance(500),
        observer: ObserverRule {
            hosts: *rng.pick(&[3, 20]),
            within: Duration::from_secs(300),
            ..ObserverRule::default()
        },
        interval: Duration::from_secs(300),
        unhealthy_interval: rng.chance(250).then(|| Duration::from_secs(60)),
        poll_tick: Duration::from_secs(10),
        gate_tick: Duration::from_secs(*rng.pick(&[2, 5, 5, 5, 5])),
    }
}

/// Returns an instant slightly before or after the given one, or exactly that one.
pub(crate) fn around(instant: DateTime<Utc>, rng: &mut Rng) -> DateTime<Utc> {
    let micros = *rng.pick(&[-1_000_000, -1_000, -1, 0, 0, 1, 1_000, 1_000_000]);
    instant + TimeDelta::microseconds(micros)
}
