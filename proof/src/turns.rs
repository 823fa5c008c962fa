//! Where the tasks of a model wait for their turn, and what each of them has seen.

use std::{
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
};

use healthgate::testing::Operation;

use crate::digest::{Order, digest, mix};

/// A worker, an executor or a poller.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum TaskId {
    /// A runner of gates.
    Worker(u8),
    /// Somebody who spends a pass.
    Executor(u8),
    /// Somebody who polls a host.
    Poller(u8),
}

/// What a task is about to do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Label {
    /// Call the store.
    Call(Operation),
    /// Look at the targets of its checks.
    Probe,
}

/// What becomes of a call.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Outcome {
    /// It takes effect, and its answer arrives.
    Answered,
    /// It takes effect, and its answer is lost.
    AnswerLost,
    /// It fails without effect.
    Failed,
}

/// Where the tasks of a model wait for their turn.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turns(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    stops: Vec<Operation>,
    probes_wait: bool,
    next: u64,
    waiting: Vec<Ticket>,
    granted: Option<(u64, Outcome)>,
    /// What each task has seen since it began. A task is deterministic, so that two with the same
    /// history are in the same state.
    histories: Vec<(TaskId, u64)>,
}

#[derive(Debug)]
struct Ticket {
    id: u64,
    task: TaskId,
    label: Label,
    waker: Waker,
}

/// Takes a ticket back whose task was dropped.
struct Waiting<'a> {
    turns: &'a Turns,
    id: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.turns.lock().waiting.retain(|ticket| ticket.id != self.id);
    }
}

impl Turns {
    /// Creates the turns of a model whose tasks wait before these calls and, if `probes_wait`, before
    /// they look at a target.
    pub(crate) fn new(stops: &[Operation], probes_wait: bool) -> Self {
        let inner = Inner { stops: stops.to_vec(), probes_wait, ..Inner::default() };
        Self(Arc::new(Mutex::new(inner)))
    }

    /// Waits for the turn to do this. What the model does not stop at is done at once.
    pub(crate) async fn turn(&self, task: TaskId, label: Label) -> Outcome {
        let id = {
            let mut inner = self.lock();
            let stops = match label {
                Label::Call(operation) => inner.stops.contains(&operation),
                Label::Probe => inner.probes_wait,
            };
            if !stops {
                return Outcome::Answered;
            }
            inner.next += 1;
            inner.next
        };
        let _waiting = Waiting { turns: self, id };
        poll_fn(|context| {
            let mut inner = self.lock();
            if let Some((_, outcome)) = inner.granted.take_if(|(granted, _)| *granted == id) {
                return Poll::Ready(outcome);
            }
            let waker = context.waker().clone();
            match inner.waiting.iter_mut().find(|ticket| ticket.id == id) {
                Some(ticket) => ticket.waker = waker,
                None => inner.waiting.push(Ticket { id, task, label, waker }),
            }
            Poll::Pending
        })
        .await
    }

    /// Returns what a task waits for, the longest wait first.
    pub(crate) fn waiting(&self, task: TaskId) -> Vec<Label> {
        let inner = self.lock();
        let own = inner.waiting.iter().filter(|ticket| ticket.task == task);
        own.map(|ticket| ticket.label).collect()
    }

    /// Returns whether anybody waits.
    pub(crate) fn is_anybody_waiting(&self) -> bool {
        !self.lock().waiting.is_empty()
    }

    /// Gives a task its turn; `index` counts what it waits for.
    pub(crate) fn grant(&self, task: TaskId, index: usize, outcome: Outcome) {
        let mut inner = self.lock();
        let own = inner.waiting.iter().enumerate().filter(|(_, ticket)| ticket.task == task);
        let Some(at) = own.map(|(at, _)| at).nth(index) else { return };
        let ticket = inner.waiting.remove(at);
        inner.granted = Some((ticket.id, outcome));
        drop(inner);
        ticket.waker.wake();
    }

    /// Begins the history of a task anew.
    pub(crate) fn begin(&self, task: TaskId, as_what: u64) {
        let mut inner = self.lock();
        inner.histories.retain(|(known, _)| *known != task);
        inner.histories.push((task, mix(as_what)));
    }

    /// Forgets a task that is over, and keeps what came of it.
    pub(crate) fn end(&self, task: TaskId, outcome: &str) {
        self.begin(task, digest(outcome, Order::Matters));
    }

    /// Adds what a task has seen to its history.
    pub(crate) fn saw(&self, task: TaskId, what: &str) {
        let seen = digest(what, Order::OfListsIsLost);
        let mut inner = self.lock();
        if let Some((_, history)) = inner.histories.iter_mut().find(|(known, _)| *known == task) {
            *history = mix(history.rotate_left(7) ^ seen);
        }
    }

    /// Returns the history of a task.
    pub(crate) fn history(&self, task: TaskId) -> u64 {
        let inner = self.lock();
        let own = inner.histories.iter().find(|(known, _)| *known == task);
        own.map_or(0, |(_, history)| *history)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
