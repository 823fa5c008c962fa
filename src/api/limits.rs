//! How often checks may be tested by hand (F125).

use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::Problem;
use crate::{clock::Clock, model::HostId};

const MINUTE: Duration = Duration::from_secs(60);

/// Tests are few: so many a minute for each user and each host, and one at a time for each user.
#[derive(Debug)]
pub(super) struct TestLimits {
    clock: Arc<dyn Clock>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    users: Rates<String>,
    hosts: Rates<HostId>,
    running: HashSet<String>,
}

/// A test that runs; the next one of its user may start when this is dropped.
#[derive(Debug)]
pub(super) struct RunningTest {
    user: String,
    state: Arc<Mutex<State>>,
}

impl TestLimits {
    /// So many tests a minute; 0 for as many as anybody likes.
    pub(super) fn new(clock: Arc<dyn Clock>, per_user: u32, per_host: u32) -> Self {
        let (users, hosts) = (Rates::new(per_user), Rates::new(per_host));
        let state = State { users, hosts, running: HashSet::new() };
        Self { clock, state: Arc::new(Mutex::new(state)) }
    }

    /// Lets a test start, or says when to try again. A refused one counts nowhere.
    pub(super) fn start(&self, user: &str, host: HostId) -> Result<RunningTest, Problem> {
        let now = self.clock.monotonic();
        let mut state = lock(&self.state);
        if state.running.contains(user) {
            let detail = "another test of yours is running: wait for its result";
            return Err(Problem::too_many("test_running", detail, Duration::from_secs(1)));
        }
        let wait = state.users.wait(&user.to_owned(), now).max(state.hosts.wait(&host, now));
        if !wait.is_zero() {
            let detail = "too many tests by you or of this host: try again later";
            return Err(Problem::too_many("rate_limited", detail, wait));
        }
        state.users.count(user.to_owned(), now);
        state.hosts.count(host, now);
        state.running.insert(user.to_owned());
        Ok(RunningTest { user: user.to_owned(), state: self.state.clone() })
    }
}

impl Drop for RunningTest {
    fn drop(&mut self) {
        lock(&self.state).running.remove(&self.user);
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // No code under this lock panics half way through a change.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How often something may happen for each of many keys, by the generic cell rate algorithm: for each
/// key one instant, until which its minute is used up if it goes on evenly.
#[derive(Debug)]
pub(super) struct Rates<K> {
    per_minute: u32,
    used_until: HashMap<K, Duration>,
}

/// Beyond so many keys those whose minute is over are forgotten.
const MANY_KEYS: usize = 4_096;

impl<K: Eq + Hash> Rates<K> {
    pub(super) fn new(per_minute: u32) -> Self {
        Self { per_minute, used_until: HashMap::new() }
    }

    /// How long to wait until it may happen once more.
    pub(super) fn wait(&self, key: &K, now: Duration) -> Duration {
        let Some(step) = MINUTE.checked_div(self.per_minute) else { return Duration::ZERO };
        let used_until = self.used_until.get(key).copied().unwrap_or(now).max(now);
        (used_until + step).saturating_sub(now + MINUTE)
    }

    pub(super) fn count(&mut self, key: K, now: Duration) {
        let Some(step) = MINUTE.checked_div(self.per_minute) else { return };
        if self.used_until.len() >= MANY_KEYS {
            self.used_until.retain(|_, used_until| *used_until > now);
        }
        let used_until = self.used_until.entry(key).or_insert(now);
        *used_until = (*used_until).max(now) + step;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f125_a_rate_allows_a_minutes_worth_at_once_and_then_goes_evenly() {
        let mut rates = Rates::new(3);
        let at = |seconds: u64| Duration::from_secs(1_000 + seconds);
        for _ in 0..3 {
            assert_eq!(rates.wait(&1, at(0)), Duration::ZERO);
            rates.count(1, at(0));
        }
        assert_eq!(rates.wait(&1, at(0)), Duration::from_secs(20));
        assert_eq!(rates.wait(&1, at(19)), Duration::from_secs(1));
        assert_eq!(rates.wait(&1, at(20)), Duration::ZERO);
        rates.count(1, at(20));
        assert_eq!(rates.wait(&1, at(20)), Duration::from_secs(20));
        assert_eq!(rates.wait(&2, at(20)), Duration::ZERO);
    }

    #[test]
    fn a_rate_of_zero_is_no_limit_and_keys_whose_minute_is_over_are_forgotten() {
        let mut none = Rates::new(0);
        none.count(1, Duration::ZERO);
        assert_eq!(none.wait(&1, Duration::ZERO), Duration::ZERO);
        assert!(none.used_until.is_empty());
        let mut rates = Rates::new(60);
        for key in 0..MANY_KEYS {
            rates.count(key, Duration::ZERO);
        }
        rates.count(MANY_KEYS, Duration::from_secs(2));
        assert_eq!(rates.used_until.len(), 1);
    }
}
