//! A single-threaded scheduler. It picks the next ready task from a seed, and time advances only when no
//! task is ready.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    rc::Rc,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use healthgate::clock::{Clock, ManualClock};

use crate::rng::Rng;

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// The number of steps without any advance of time that counts as a livelock.
const LIVELOCK: u32 = 20_000;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct TaskId(usize);

enum Order {
    Spawn(TaskId, Task),
    Kill(TaskId),
    Freeze(TaskId),
    Thaw(TaskId),
}

/// Sends orders to the scheduler from within a task. They take effect when the task's turn ends.
#[derive(Clone, Default)]
pub(crate) struct Orders(Rc<RefCell<(usize, Vec<Order>)>>);

impl Orders {
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + 'static) -> TaskId {
        let mut orders = self.0.borrow_mut();
        let id = TaskId(orders.0);
        orders.0 += 1;
        orders.1.push(Order::Spawn(id, Box::pin(task)));
        id
    }

    /// Drops a task immediately, like `kill -9`.
    pub(crate) fn kill(&self, id: TaskId) {
        self.0.borrow_mut().1.push(Order::Kill(id));
    }

    /// Stops a task until it is thawed, like SIGSTOP.
    pub(crate) fn freeze(&self, id: TaskId) {
        self.0.borrow_mut().1.push(Order::Freeze(id));
    }

    pub(crate) fn thaw(&self, id: TaskId) {
        self.0.borrow_mut().1.push(Order::Thaw(id));
    }
}

pub(crate) struct Scheduler {
    clock: ManualClock,
    rng: Rng,
    orders: Orders,
    tasks: BTreeMap<TaskId, Slot>,
    ready: Ready,
}

struct Slot {
    task: Task,
    waker: Arc<TaskWaker>,
    frozen: bool,
}

type Ready = Arc<Mutex<Vec<TaskId>>>;

struct TaskWaker {
    id: TaskId,
    queued: AtomicBool,
    ready: Ready,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        if !self.queued.swap(true, Ordering::Relaxed) {
            self.ready.lock().unwrap_or_else(PoisonError::into_inner).push(self.id);
        }
    }
}

/// The tasks keep running without any advance of time.
#[derive(Debug)]
pub(crate) struct Livelock;

impl Scheduler {
    pub(crate) fn new(clock: ManualClock, rng: Rng) -> Self {
        let (orders, ready) = (Orders::default(), Ready::default());
        Self { clock, rng, orders, tasks: BTreeMap::new(), ready }
    }

    pub(crate) fn orders(&self) -> Orders {
        self.orders.clone()
    }

    /// Runs until the world's clock shows `until`, nothing more can happen, or `stop` returns `true`.
    pub(crate) fn run(&mut self, until: Duration, stop: impl Fn() -> bool) -> Result<(), Livelock> {
        let mut steps = 0;
        loop {
            self.carry_out();
            if stop() {
                return Ok(());
            }
            if let Some(id) = self.draw() {
                steps += 1;
                if steps > LIVELOCK {
                    return Err(Livelock);
                }
                self.step(id);
                continue;
            }
            steps = 0;
            let left = until.saturating_sub(self.clock.monotonic());
            match self.clock.next_wake() {
                Some(wake) if wake <= left => self.clock.advance(wake),
                _ => return Ok(()),
            }
        }
    }

    /// Picks a ready task.
    fn draw(&mut self) -> Option<TaskId> {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let count = u64::try_from(ready.len()).unwrap_or(0);
            if count == 0 {
                return None;
            }
            let index = if count == 1 { 0 } else { self.rng.below(count) };
            let id = ready.swap_remove(usize::try_from(index).unwrap_or(0));
            // A frozen task stays queued, and is put back when it is thawed.
            if self.tasks.get(&id).is_some_and(|slot| !slot.frozen) {
                return Some(id);
            }
        }
    }

    fn step(&mut self, id: TaskId) {
        let Some(slot) = self.tasks.get_mut(&id) else { return };
        slot.waker.queued.store(false, Ordering::Relaxed);
        let waker = Waker::from(Arc::clone(&slot.waker));
        if let Poll::Ready(()) = slot.task.as_mut().poll(&mut Context::from_waker(&waker)) {
            self.tasks.remove(&id);
        }
    }

    fn carry_out(&mut self) {
        loop {
            let orders = std::mem::take(&mut self.orders.0.borrow_mut().1);
            if orders.is_empty() {
                return;
            }
            for order in orders {
                match order {
                    Order::Spawn(id, task) => {
                        let (queued, ready) = (AtomicBool::new(false), Arc::clone(&self.ready));
                        let waker = Arc::new(TaskWaker { id, queued, ready });
                        Arc::clone(&waker).wake();
                        self.tasks.insert(id, Slot { task, waker, frozen: false });
                    }
                    // Dropping a task may give more orders, hence the loop.
                    Order::Kill(id) => drop(self.tasks.remove(&id)),
                    Order::Freeze(id) => self.set_frozen(id, true),
                    Order::Thaw(id) => self.set_frozen(id, false),
                }
            }
        }
    }

    fn set_frozen(&mut self, id: TaskId, frozen: bool) {
        let Some(slot) = self.tasks.get_mut(&id) else { return };
        slot.frozen = frozen;
        if !frozen && slot.waker.queued.load(Ordering::Relaxed) {
            self.ready.lock().unwrap_or_else(PoisonError::into_inner).push(id);
        }
    }
}
