//! The audit of what was refused for lack of a right (F131, F253).

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

/// Equal refusals within this time are one record.
const PERIOD: Duration = Duration::from_secs(60);

/// The most different refusals of a user that wait at the same time. Further ones share one record for
/// each action, which names no host.
const MOST_OF_A_USER: usize = 32;

/// The most records of refusals that a user causes in a minute, however often somebody reads the log.
const RECORDS_PER_MINUTE: u32 = 60;

/// The most users whose refusals wait. Those of further users are logged only.
const MOST_USERS: usize = 4_096;

/// Refusals that wait to be recorded. Equal ones of one user within a minute become one record with a
/// count, and a user causes a bounded number of records, so that nobody can flood the audit log, or
/// hide in it what matters. The first of equal ones is logged at once.
///
/// A process that is killed takes at most the last minute's refusals with it.
#[derive(Debug)]
pub(super) struct Refusals {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// By user, so that each has bounds of their own.
    waiting: HashMap<String, HashMap<Fold, Waiting>>,
    records: Rates<String>,
}

/// What equal refusals of a user have in common. Checks and jobs are left out: whoever makes their ids
/// up must not make a record with each.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Fold {
    action: AuditAction,
    host_id: Option<HostId>,
    changes: Vec<FieldChange>,
}

#[derive(Debug)]
struct Waiting {
    /// The first refusal, without what the later ones do not share with it.
    entry: AuditEntry,
    since: Duration,
    count: u64,
}

impl Refusals {
    pub(super) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        let state = State { waiting: HashMap::new(), records: Rates::new(RECORDS_PER_MINUTE) };
        Self { store, clock, state: Mutex::new(state) }
    }

    /// Notes a refusal. It writes nothing, so that a refused request takes as long as any other.
    pub(super) fn note(&self, entry: AuditEntry) {
        let entry = AuditEntry { outcome: AuditOutcome::Refused, ..entry };
        let waiting = Waiting { entry, since: self.clock.monotonic(), count: 1 };
        let mut state = self.lock();
        if state.add(&waiting) {
            let AuditEntry { actor, action, host_id, .. } = &waiting.entry;
            warn!(actor = %actor.name, ?action, host = ?host_id, "refused");
        }
    }

    /// Records all that wait, within the bounds of each user.
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

    /// Takes out what is to be recorded now, oldest first.
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
        // No code under this lock panics half way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Adds refusals to those that wait, and says whether they are of a new kind.
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
    /// What has waited long enough.
    Over,
    /// All, within the bounds of each user.
    All,
    /// All, since the process ends.
    Last,
}

/// The record of refusals: how many, and what they share.
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
