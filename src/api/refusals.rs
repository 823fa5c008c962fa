//! The audit of what was refused for lack of a right (F131).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{
    clock::Clock,
    model::{Actor, AuditAction, AuditEntry, AuditOutcome, CheckId, FieldChange, HostId, JobId},
    store::{Store, StoreError},
};

/// Equal refusals within this time are one record.
const PERIOD: Duration = Duration::from_secs(60);

/// With so many different refusals waiting, the oldest is recorded at once.
const MOST_WAITING: usize = 1_024;

/// Refusals that wait to be recorded. Equal ones of one user within a minute become one record with a
/// count, so that nobody can flood the audit log, or hide in it what matters. Each is logged at once.
///
/// A process that is killed takes at most the last minute's refusals with it.
#[derive(Debug)]
pub(super) struct Refusals {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    waiting: Mutex<HashMap<Refused, Waiting>>,
}

/// What was refused to whom.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Refused {
    pub(super) actor: String,
    pub(super) action: AuditAction,
    pub(super) host_id: HostId,
    pub(super) check_id: Option<CheckId>,
    pub(super) job_id: Option<JobId>,
}

#[derive(Debug)]
struct Waiting {
    actor: Actor,
    since: Duration,
    count: u64,
}

impl Refusals {
    pub(super) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock, waiting: Mutex::default() }
    }

    /// Notes a refusal, and records what has waited long enough.
    pub(super) async fn note(&self, actor: &Actor, refused: Refused) {
        warn!(actor = %refused.actor, action = ?refused.action, host = %refused.host_id, "refused");
        let now = self.clock.monotonic();
        self.lock()
            .entry(refused)
            .or_insert_with(|| Waiting { actor: actor.clone(), since: now, count: 0 })
            .count += 1;
        if let Err(error) = self.record(Due::Over).await {
            warn!(%error, "refusals could not be recorded yet");
        }
    }

    /// Records all that wait.
    pub(super) async fn flush(&self) -> Result<(), StoreError> {
        self.record(Due::All).await
    }

    /// Records what has waited long enough, until it is told to stop, and then the rest.
    pub(super) async fn run(&self, shutdown: CancellationToken) {
        loop {
            let stopping = tokio::select! {
                () = shutdown.cancelled() => true,
                () = self.clock.sleep(PERIOD / 4) => false,
            };
            let recorded = self.record(if stopping { Due::All } else { Due::Over }).await;
            if let Err(error) = recorded {
                warn!(%error, "refusals could not be recorded yet");
            }
            if stopping {
                return;
            }
        }
    }

    async fn record(&self, due: Due) -> Result<(), StoreError> {
        for (refused, waiting) in self.take(due) {
            let entry = entry(&refused, &waiting);
            if let Err(error) = self.store.append_audit(entry).await {
                self.put_back(refused, waiting);
                return Err(error);
            }
        }
        Ok(())
    }

    fn take(&self, due: Due) -> Vec<(Refused, Waiting)> {
        let now = self.clock.monotonic();
        let mut all = self.lock();
        let surplus = all.len().saturating_sub(MOST_WAITING);
        let mut ages: Vec<Duration> = all.values().map(|waiting| waiting.since).collect();
        ages.sort_unstable();
        let forced = surplus.checked_sub(1).map(|last| ages[last]);
        all.extract_if(|_, waiting| {
            due == Due::All
                || now.saturating_sub(waiting.since) >= PERIOD
                || forced.is_some_and(|forced| waiting.since <= forced)
        })
        .collect()
    }

    fn put_back(&self, refused: Refused, waiting: Waiting) {
        let count = waiting.count;
        let mut all = self.lock();
        if all.len() < MOST_WAITING {
            all.entry(refused).and_modify(|other| other.count += count).or_insert(waiting);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Refused, Waiting>> {
        // No code under this lock panics half way through a change.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Due {
    Over,
    All,
}

fn entry(refused: &Refused, waiting: &Waiting) -> AuditEntry {
    let count = FieldChange {
        field: "count".to_owned(),
        before: None,
        after: Some(waiting.count.to_string()),
    };
    AuditEntry {
        actor: waiting.actor.clone(),
        action: refused.action,
        outcome: AuditOutcome::Refused,
        host_id: Some(refused.host_id),
        check_id: refused.check_id,
        job_id: refused.job_id,
        changes: vec![count],
        reason: None,
    }
}
