//! The checker's own records of leases.

use chrono::{DateTime, TimeDelta, Utc};
use healthgate::model::WorkerId;
use std::time::Duration;

/// Who may write, under which token, and until when.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LeaseAccount {
    owner: Option<WorkerId>,
    pub(super) token: i64,
    until: Option<DateTime<Utc>>,
    /// The true time of the newest claim.
    claimed: Duration,
}

impl LeaseAccount {
    /// Returns the true time of the newest claim.
    pub(super) const fn claimed(&self) -> Duration {
        self.claimed
    }

    /// Records a claim at a true time, and returns what is wrong with it.
    pub(super) fn claim(
        &mut self,
        at: Duration,
        worker: WorkerId,
        token: i64,
        now: DateTime<Utc>,
        lease: Duration,
    ) -> Option<String> {
        let held = self.until.filter(|until| self.owner.is_some() && now < *until);
        let wrong = match held {
            Some(until) => Some(format!("claimed at {now}, under a lease until {until}")),
            None if token <= self.token => {
                Some(format!("token {token} after token {}", self.token))
            }
            None => None,
        };
        *self = Self { owner: Some(worker), token, until: Some(end(now, lease)), claimed: at };
        wrong
    }

    /// Extends the lease to this duration from now on.
    pub(super) fn extend(&mut self, now: DateTime<Utc>, lease: Duration) {
        self.until = Some(end(now, lease));
    }

    /// Returns whether it ends later than an instant.
    pub(super) fn ends_after(&self, instant: DateTime<Utc>) -> bool {
        self.until.is_some_and(|until| until > instant)
    }

    pub(super) fn is_owned_by(&self, worker: WorkerId) -> bool {
        self.owner == Some(worker)
    }

    /// Returns why this worker may not write now, or `None` if it may.
    pub(super) fn refuse(
        &self,
        worker: WorkerId,
        token: i64,
        now: DateTime<Utc>,
    ) -> Option<String> {
        if self.owner != Some(worker) {
            return Some("the lease is another worker's, or nobody's".to_owned());
        }
        if self.token != token {
            return Some(format!("token {token}, and the newest is {}", self.token));
        }
        match self.until {
            Some(until) if now < until => None,
            until => Some(format!("the lease ended at {until:?}, and it is {now}")),
        }
    }

    pub(super) fn end(&mut self) {
        (self.owner, self.until) = (None, None);
    }
}

fn end(now: DateTime<Utc>, lease: Duration) -> DateTime<Utc> {
    now + TimeDelta::from_std(lease).unwrap_or(TimeDelta::MAX)
}
