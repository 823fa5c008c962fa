//! Where a worker dies.

use std::{
    fmt,
    str::FromStr,
    sync::atomic::{AtomicU32, Ordering},
};

use healthgate::{
    store::Change,
    testing::{Moment, Operation},
};
use rustix::process::{Signal, getpid, kill_process};

/// The so-manieth time that something with this name happens: `before:claim_hosts:1`,
/// `after:spend_pass:1`, or `within:pass_spent:1` for the middle of a transaction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Point {
    name: String,
    nth: u32,
}

impl Point {
    pub(crate) fn new(name: impl Into<String>, nth: u32) -> Self {
        Self { name: name.into(), nth }
    }

    pub(crate) fn of_call(moment: Moment, operation: Operation) -> String {
        let moment = match moment {
            Moment::Before => "before",
            Moment::After => "after",
        };
        format!("{moment}:{operation}")
    }

    pub(crate) fn of_change(change: &Change<'_>) -> &'static str {
        match change {
            Change::CheckWritten(_) => "within:check_written",
            Change::CheckDeleted(_) => "within:check_deleted",
            Change::Audited(_) => "within:audited",
            Change::PassSpent(_) => "within:pass_spent",
            _ => "within:another",
        }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.name, self.nth)
    }
}

impl FromStr for Point {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, nth) = text.rsplit_once(':').ok_or_else(|| format!("{text} has no number"))?;
        let nth = nth.parse().map_err(|error| format!("{text}: {error}"))?;
        Ok(Self::new(name, nth))
    }
}

/// Counts what happens, and kills this process at its point.
#[derive(Debug)]
pub(crate) struct Trigger {
    point: Option<Point>,
    seen: AtomicU32,
}

impl Trigger {
    pub(crate) fn new(point: Option<Point>) -> Self {
        Self { point, seen: AtomicU32::new(0) }
    }

    pub(crate) fn happens(&self, name: &str) {
        let Some(point) = self.point.as_ref().filter(|point| point.name == name) else { return };
        if self.seen.fetch_add(1, Ordering::Relaxed) + 1 == point.nth {
            kill_process(getpid(), Signal::KILL).expect("a process may kill itself");
            // The signal may take a moment to arrive; nothing else may happen until then.
            loop {
                std::thread::park();
            }
        }
    }
}
