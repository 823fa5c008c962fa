//! The audit of refusals for a missing right (F131, F253).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    checks::Rates,
    clock::Clock,
    model::{AuditAction, AuditEntry, AuditOutcome, FieldChange, HostId},
    store::{Store, StoreError},
};

/// Equal refusals within this time become one record.
const PERIOD: Duration = Duration::from_secs(60);

/// The maximum number of different refusals of a user that wait at the same time. Further ones share one
/// record per action, which names no host.
const MOST_OF_A_USER: usize = 32;

/// The maximum number of refusal records of a user per minute, however often someone reads the log.
const RECORDS_PER_MINUTE: u32 = 60;

/// The maximum number of users with waiting refusals. Refusals of further users are only logged.
const MOST_USERS: usize = 4_096;

/// Refusals that wait to be recorded. Equal ones of one user within a minute become one record with a
/// count, and the number of records per user is bounded, so that no one can flood the audit log or hide
/// important records in it. The first of equal refusals is logged immediately.
///
/// A killed process loses at most the last minute's refusals.
#[derive(Debug)]
pub(super) struct Refusals {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Grouped by user, because the bounds apply to each user.
    waiting: HashMap<String, HashMap<Fold, Waiting>>,
    records: Rates<String>,
}

/// The common part of equal refusals of a user. It excludes checks and jobs, so that invented ids do not
/// create a record each.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Fold {
    action: AuditAction,
    host_id: Option<HostId>,
    changes: Vec<FieldChange>,
}

#[derive(Debug)]
struct Waiting {
    /// The first refusal, without the parts that later ones do not share.
    entry: AuditEntry,
    since: Duration,
    count: u64,
}

impl Refusals {
    pub(super) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        let state = State { waiting: HashMap::new(), records: Rates::new(RECORDS_PER_MINUTE) };
        Self { store, clock, state: Mutex::new(state) }
    }

    /// Notes a refusal. It writes nothing, so that a refused request takes no longer than any other.
    pub(super) fn note(&self, entry: AuditEntry) {
        let entry = AuditEntry { outcome: AuditOutcome::Refused, ..entry };
        let waiting = Waiting { entry, since: self.clock.monotonic(), count: 1 };
        let mut state = self.lock();
        if state.add(&waiting) {
            let AuditEntry { actor, action, host_id, .. } = &waiting.entry;
            warn!(actor = %actor.name, ?action, host = ?host_id, "refused");
        }
    }

    /// Records all waiting refusals, within the bounds of each user.
    pub(super) async fn flush(&self) -> Result<(), StoreError> {
        self.record(Due::All).await
    }

    /// Records refusals that have waited long enough until `shutdown` is cancelled, and then the rest.
    pub(super) async fn run(&self, shutdown: CancellationToken) {
        loop {
            let stopping = tokio::select! {
                () = shutdown.cancelled() => true,
                () = self.clock.sleep(PERIOD / 4) => false,
            };
            let recorded = self.record(if stopping { Due::Last } else { Due::Over }).await;
            if let Err(error) = recorded {
                warn!(%error, "refusals could not be recorded yet");
            }
            if stopping {
                return;
            }
        }
    }

    async fn record(&self, due: Due) -> Result<(), StoreError> {
        let mut taken = self.take(due).into_iter();
        while let Some(waiting) = taken.next() {
            let recorded = self.store.append_audit(entry(&waiting)).await;
            if let Err(error) = recorded {
                let mut state = self.lock();
                for waiting in std::iter::once(waiting).chain(taken) {
                    state.add(&waiting);
                }
                return Err(error);
            }
        }
        Ok(())
    }

    /// Takes the refusals to record now, oldest first.
    fn take(&self, due: Due) -> Vec<Waiting> {
        let now = self.clock.monotonic();
        let mut state = self.lock();
        let State { waiting, records } = &mut *state;
        let mut taken = Vec::new();
        for (user, kinds) in waiting.iter_mut() {
            taken.extend(kinds.extract_if(|_, waiting| {
                let over = now.saturating_sub(waiting.since) >= PERIOD;
                let due_now = match due {
                    Due::Last => return true,
                    Due::All => true,
                    Due::Over => over,
                };
                let free = due_now && records.wait(user, now).is_zero();
                if free {
                    records.count(user.clone(), now);
                }
                free
            }));
        }
        waiting.retain(|_, kinds| !kinds.is_empty());
        drop(state);
        taken.sort_by_key(|(_, waiting)| waiting.since);
        taken.into_iter().map(|(_, waiting)| waiting).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code under this lock panics halfway through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Adds refusals to the waiting ones, and returns whether they are of a new kind.
    fn add(&mut self, added: &Waiting) -> bool {
        let entry = &added.entry;
        if self.waiting.len() >= MOST_USERS && !self.waiting.contains_key(&entry.actor.name) {
            return true;
        }
        let kinds = self.waiting.entry(entry.actor.name.clone()).or_default();
        let (action, host_id, changes) = (entry.action, entry.host_id, entry.changes.clone());
        let mut fold = Fold { action, host_id, changes };
        if kinds.len() >= MOST_OF_A_USER && !kinds.contains_key(&fold) {
            fold = Fold { action, host_id: None, changes: Vec::new() };
        }
        let mut is_new = false;
        let waiting = kinds.entry(fold).or_insert_with(|| {
            is_new = true;
            Waiting { entry: entry.clone(), since: added.since, count: 0 }
        });
        waiting.count += added.count;
        waiting.keep_what_is_shared(entry);
        is_new
    }
}

impl Waiting {
    fn keep_what_is_shared(&mut self, other: &AuditEntry) {
        fn keep<T: PartialEq>(kept: &mut Option<T>, other: Option<&T>) {
            if kept.as_ref() != other {
                *kept = None;
            }
        }
        keep(&mut self.entry.host_id, other.host_id.as_ref());
        keep(&mut self.entry.check_id, other.check_id.as_ref());
        keep(&mut self.entry.job_id, other.job_id.as_ref());
        keep(&mut self.entry.reason, other.reason.as_ref());
        if self.entry.changes != other.changes {
            self.entry.changes.clear();
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Due {
    /// Refusals that have waited long enough.
    Over,
    /// All refusals, within the bounds of each user.
    All,
    /// All refusals, because the process ends.
    Last,
}

/// Creates the record of equal refusals, with their count and common parts.
fn entry(waiting: &Waiting) -> AuditEntry {
    let AuditEntry { actor, action, .. } = &waiting.entry;
    if waiting.count > 1 {
        info!(actor = %actor.name, ?action, count = waiting.count, "refused again");
    }
    let count = FieldChange {
        field: "count".to_owned(),
        before: None,
        after: Some(waiting.count.to_string()),
    };
    let mut entry = waiting.entry.clone();
    entry.changes.insert(0, count);
    entry
}
