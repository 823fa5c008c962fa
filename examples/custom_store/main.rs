//! A custom store, written against the public API only: every trait, over plain vectors and maps.
//!
//! `tests/stores/custom_store.rs` runs the conformance suite on it. Use it as the outline of a store for
//! your database: [`CustomStore::write`] stands in for a transaction, and the other functions show what
//! each transaction does.
//!
//! `cargo run --example custom_store --no-default-features`

mod checks;
mod gates;
mod groups;
mod queue;
mod rollouts;
mod secrets;
mod verifications;
mod world;

use std::{
    error::Error,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use healthgate::{
    clock::{Clock, SystemClock},
    gate::{
        Gate, GatePolicy, GateRunner, GateRunnerConfig, HealthSource, HostHealth, LiveRun,
        RequestedWindows, SourceError,
    },
    model::{
        AuditEntry, AuditId, AuditRecord, CheckResult, ClockEpoch, GateRecord, GateRequest,
        GateState, HostId, JobId, StoreTime,
    },
    store::{
        Feed, GateStore, PruneGuard, Refusal, Spend, StoreBase, StoreError, StoreEvent,
        Subscription,
    },
};
use tokio_util::sync::CancellationToken;

use self::world::{Instant, World};

/// The application's part of an audit record, in the same step. It may refuse.
pub(crate) type AuditSink = Box<dyn Fn(&AuditRecord) -> Result<(), Refusal> + Send + Sync>;

/// The store: one lock around everything.
pub(crate) struct CustomStore {
    clock: Arc<dyn Clock>,
    sink: AuditSink,
    world: Mutex<World>,
    feed: Feed,
    pruning: PruneGuard,
}
impl CustomStore {
    pub(crate) fn new(clock: Arc<dyn Clock>, sink: AuditSink) -> Self {
        Self { clock, sink, world: Mutex::default(), feed: Feed::new(), pruning: PruneGuard::new() }
    }

    /// Takes a reading of the clock, and returns whether pruning waits because the clock jumped ahead.
    fn holds_pruning(&self, now: Instant) -> bool {
        self.pruning.holds(self.clock.monotonic(), now)
    }

    fn read<T>(&self, look: impl FnOnce(&World, Instant) -> T) -> T {
        look(&self.world.lock().unwrap_or_else(PoisonError::into_inner), self.clock.now())
    }

    /// Applies a change completely or not at all: changes a copy of the world, and replaces the world if
    /// that succeeds. Then publishes the events, still under the lock and thus in order.
    fn write<T>(
        &self,
        change: impl FnOnce(&mut World, Instant) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = world.clone();
        let answer = change(&mut next, self.clock.now())?;
        let events = std::mem::take(&mut next.events);
        *world = next;
        events.into_iter().for_each(|event| self.feed.publish(event));
        Ok(answer)
    }

    /// Adds an audit record to a change. If the application refuses it, the whole change fails.
    fn audit(
        &self,
        world: &mut World,
        now: Instant,
        entry: AuditEntry,
    ) -> Result<AuditRecord, StoreError> {
        let record = AuditRecord::new(AuditId::generate(), now, entry);
        (self.sink)(&record).map_err(StoreError::Refused)?;
        world.audit.push(record.clone());
        Ok(record)
    }
}

impl fmt::Debug for CustomStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("CustomStore")
    }
}
#[async_trait]
impl StoreBase for CustomStore {
    async fn read_clock(&self) -> Result<StoreTime, StoreError> {
        Ok(self.read(World::time))
    }

    async fn begin_epoch(&self, seen: ClockEpoch) -> Result<ClockEpoch, StoreError> {
        self.write(|world, now| {
            let next = world.clock.begin(seen, now);
            Ok(world.keep_clock(next, now))
        })
    }

    fn is_durable(&self) -> bool {
        false
    }

    async fn subscribe(&self) -> Result<Subscription, StoreError> {
        Ok(self.feed.subscribe())
    }

    async fn announce(&self, event: StoreEvent) -> Result<(), StoreError> {
        self.feed.publish(event);
        Ok(())
    }
}

/// A host without checks.
#[derive(Debug)]
struct NoChecks;

#[async_trait]
impl HealthSource for NoChecks {
    async fn health(&self, gates: &[&GateRecord]) -> Result<Vec<HostHealth>, SourceError> {
        Ok(vec![HostHealth::default(); gates.len()])
    }

    async fn run(&self, _: LiveRun) -> Vec<CheckResult> {
        Vec::new()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let clock = Arc::new(SystemClock);
    let store = Arc::new(CustomStore::new(clock.clone(), Box::new(|_| Ok(()))));
    let (source, windows) = (Arc::new(NoChecks), Arc::new(RequestedWindows));
    let policy = GatePolicy::default();
    let config = GateRunnerConfig { tick: Duration::from_millis(100), ..Default::default() };
    let runner = GateRunner::new(
        store.clone(),
        source.clone(),
        windows.clone(),
        clock.clone(),
        policy.clone(),
        config,
    )?;
    let gate = Gate::new(store.clone(), source, windows, clock, policy)?
        .with_poll_interval(Duration::from_millis(100))
        .with_nudge(runner.nudge_handle());

    let stop = CancellationToken::new();
    let job = async {
        let (job, host, now) = (JobId::generate(), HostId::generate(), store.now().await?);
        let request = GateRequest::immediate(job, host, now, Duration::from_secs(20))?;
        let record = gate.wait(request).await;
        stop.cancel();
        let record = record?;
        let pass = record.pass.ok_or("the gate gave no pass")?;
        println!("the gate of a host without checks has passed: {:?}", pass.kind);
        assert!(matches!(gate.spend(&pass).await?, Spend::Spent(_)), "a pass is spent once");
        assert!(matches!(gate.spend(&pass).await?, Spend::Refused(_)), "and not again");
        let kept = store.gate(job, host).await?.ok_or("the gate is not kept")?;
        assert_eq!(kept.state, GateState::Spent, "the store keeps it");
        println!("its pass is spent, once");
        Ok::<(), Box<dyn Error>>(())
    };
    let (done, ()) = tokio::join!(job, runner.run(stop.clone()));
    done
}
