//! Limits how often people can make the manager contact a target of their choice (F125, F255).

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use thiserror::Error;

use super::rates::Rates;
use crate::{clock::Clock, model::HostId, store::FirstRun};

/// A budget for each user and each host. It covers everything that makes the manager contact a target
/// immediately: tests of stored and unsaved checks, dry runs, and the first run of a new or changed check
/// by the poller or a gate.
///
/// A test or dry run beyond the budget is refused. A change never is: its first run waits for the budget's
/// next slot. Clones share the budget. Each process that serves the API has its own.
#[derive(Clone, Debug)]
pub struct RunBudget {
    clock: Arc<dyn Clock>,
    longest_wait: Duration,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    users: Rates<String>,
    hosts: Rates<HostId>,
    testing: HashSet<String>,
    /// When the first run of a host's changed checks may start. Later changes join it.
    reserved: HashMap<HostId, Duration>,
}

/// A running test. The user's next test may start after this is dropped.
#[derive(Debug)]
pub struct RunningTest {
    user: String,
    state: Arc<Mutex<State>>,
}

/// Why a test or dry run may not start now.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum TestRefused {
    /// Another test of the user is running.
    #[error("another test of this user is running")]
    Running,
    /// The budget of the user or of the host is exhausted.
    #[error("too many tests, dry runs and changes by this user or of these hosts")]
    BudgetSpent {
        /// When to try again.
        retry_after: Duration,
    },
}

impl RunBudget {
    /// Creates a budget of this many runs per minute for each user and each host. 0 means no limit.
    #[must_use]
    pub fn per_minute(clock: Arc<dyn Clock>, per_user: u32, per_host: u32) -> Self {
        let state = State {
            users: Rates::new(per_user),
            hosts: Rates::new(per_host),
            testing: HashSet::new(),
            reserved: HashMap::new(),
        };
        let longest_wait = Duration::from_secs(300);
        Self { clock, longest_wait, state: Arc::new(Mutex::new(state)) }
    }

    /// Sets the maximum wait of a first run, 5 minutes by default and at most [`FirstRun::LONGEST`]. Use
    /// the poll interval, because the host runs then anyway.
    #[must_use]
    pub fn with_longest_wait(self, longest_wait: Duration) -> Self {
        Self { longest_wait: longest_wait.min(FirstRun::LONGEST), ..self }
    }

    /// Starts a test, or returns when to try again. A refused test spends nothing.
    ///
    /// # Errors
    /// Returns [`TestRefused`] if a test of this user runs, or the budget is spent.
    pub fn start_test(&self, user: &str, host: HostId) -> Result<RunningTest, TestRefused> {
        let now = self.clock.monotonic();
        let mut state = lock(&self.state);
        if state.testing.contains(user) {
            return Err(TestRefused::Running);
        }
        let retry_after = state.wait(user, host, now);
        if !retry_after.is_zero() {
            return Err(TestRefused::BudgetSpent { retry_after });
        }
        state.count(user, host, now);
        state.testing.insert(user.to_owned());
        Ok(RunningTest { user: user.to_owned(), state: Arc::clone(&self.state) })
    }

    /// Counts a run of each of these hosts, such as those of a dry run, or returns when to try again. A
    /// refused call spends nothing.
    ///
    /// Runs beyond the user's remaining budget count too. The user then waits until the budget has made up
    /// for them, at most a minute. A dry run of a whole fleet is thus possible, and a second one has to
    /// wait.
    ///
    /// # Errors
    /// Returns [`TestRefused::BudgetSpent`] if the budget of the user, or of one of the hosts, is spent.
    pub fn start_runs(&self, user: &str, hosts: &[HostId]) -> Result<(), TestRefused> {
        let now = self.clock.monotonic();
        let mut state = lock(&self.state);
        let waits = hosts.iter().map(|host| state.hosts.wait(host, now));
        let retry_after = waits.fold(state.users.wait(&user.to_owned(), now), Duration::max);
        if !retry_after.is_zero() {
            return Err(TestRefused::BudgetSpent { retry_after });
        }
        let runs = u32::try_from(hosts.len()).unwrap_or(u32::MAX);
        state.users.count_many(user.to_owned(), runs, now, DRY_RUN_WAIT);
        hosts.iter().for_each(|host| state.hosts.count(*host, now));
        Ok(())
    }

    /// Returns when the first run of a check that `user` changes may start, and spends the budget for it.
    ///
    /// Changes of a host with a waiting first run share that run, so a user who edits one check a thousand
    /// times does not reserve a thousand runs.
    #[must_use]
    pub fn first_run(&self, user: &str, host: HostId) -> FirstRun {
        let now = self.clock.monotonic();
        let mut state = lock(&self.state);
        if let Some(at) = state.reserved.get(&host).filter(|at| **at > now) {
            return FirstRun::After(*at - now);
        }
        let wait = state.wait(user, host, now);
        if wait.is_zero() {
            state.count(user, host, now);
            return FirstRun::AtOnce;
        }
        if wait >= self.longest_wait {
            // The regular run comes first and costs nothing. Reserving more would let a burst of changes
            // block tests for hours.
            return FirstRun::After(self.longest_wait);
        }
        state.count(user, host, now);
        state.reserved.retain(|_, at| *at > now);
        state.reserved.insert(host, now + wait);
        FirstRun::After(wait)
    }
}

impl State {
    fn wait(&self, user: &str, host: HostId, now: Duration) -> Duration {
        self.users.wait(&user.to_owned(), now).max(self.hosts.wait(&host, now))
    }

    fn count(&mut self, user: &str, host: HostId, now: Duration) {
        self.users.count(user.to_owned(), now);
        self.hosts.count(host, now);
    }
}

/// The maximum wait of a user after runs beyond the budget.
const DRY_RUN_WAIT: Duration = Duration::from_secs(60);

impl Drop for RunningTest {
    fn drop(&mut self) {
        lock(&self.state).testing.remove(&self.user);
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // No code under this lock panics halfway through a change.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clock::ManualClock;

    const MINUTE: Duration = Duration::from_secs(60);

    fn runs(seconds: u64) -> FirstRun {
        FirstRun::After(Duration::from_secs(seconds))
    }

    fn spent(seconds: u64) -> TestRefused {
        TestRefused::BudgetSpent { retry_after: Duration::from_secs(seconds) }
    }

    fn hosts(count: usize) -> Vec<HostId> {
        (0..count).map(|_| HostId::generate()).collect()
    }

    /// A clock that has run for a while, to tell an instant from a duration.
    fn clock() -> ManualClock {
        let clock = ManualClock::new(chrono::DateTime::UNIX_EPOCH);
        clock.advance(Duration::from_secs(100_000));
        clock
    }

    /// F255: in any order of tests and changes, at most a minute's worth runs at once, followed by one per
    /// slot.
    #[test]
    fn f255_tests_and_first_runs_share_one_budget() {
        let clock = clock();
        let budget = RunBudget::per_minute(Arc::new(clock.clone()), 3, 0);
        let hosts = hosts(8);
        assert_eq!(budget.first_run("u", hosts[0]), FirstRun::AtOnce);
        assert!(budget.start_test("u", hosts[0]).is_ok());
        assert_eq!(budget.first_run("u", hosts[1]), FirstRun::AtOnce);
        assert_eq!(budget.first_run("u", hosts[2]), runs(20));
        assert_eq!(budget.first_run("u", hosts[3]), runs(40));
        assert_eq!(budget.first_run("u", hosts[2]), runs(20), "it joins the run that waits");
        assert_eq!(budget.start_test("u", hosts[0]).err(), Some(spent(60)));
        assert_eq!(budget.first_run("v", hosts[4]), FirstRun::AtOnce, "another user");
        clock.advance(Duration::from_secs(5));
        assert_eq!(budget.first_run("u", hosts[2]), runs(15), "the rest of the same wait");
        clock.advance(Duration::from_secs(15));
        assert_eq!(budget.first_run("u", hosts[2]), runs(40), "that run has come");
        clock.advance(Duration::from_secs(180));
        assert_eq!(budget.first_run("u", hosts[2]), FirstRun::AtOnce);
        assert_eq!(lock(&budget.state).reserved.len(), 2, "those that have come are left");
        for host in &hosts[3..7] {
            let _ = budget.first_run("u", *host);
        }
        assert_eq!(lock(&budget.state).reserved.len(), 2, "they are forgotten");
    }

    /// F125: a user runs one test at a time, and does not wait for other users' tests.
    #[test]
    fn f125_a_user_runs_one_test_at_a_time() {
        let budget = RunBudget::per_minute(Arc::new(clock()), 3, 3);
        let host = HostId::generate();
        let first = budget.start_test("u", host).unwrap();
        let other = budget.start_test("v", host).unwrap();
        assert_eq!(budget.start_test("u", host).err(), Some(TestRefused::Running));
        drop(other);
        assert_eq!(budget.start_test("u", host).err(), Some(TestRefused::Running));
        drop(first);
        assert!(budget.start_test("u", host).is_ok(), "what was refused spent nothing");
    }

    /// F125: the longer of the user's and the host's wait counts.
    #[test]
    fn f125_a_hosts_budget_holds_for_all_users_together() {
        let clock = clock();
        let budget = RunBudget::per_minute(Arc::new(clock.clone()), 2, 3);
        let hosts = hosts(3);
        assert!(budget.start_test("u", hosts[0]).is_ok());
        assert!(budget.start_test("v", hosts[0]).is_ok());
        assert_eq!(budget.first_run("w", hosts[0]), FirstRun::AtOnce);
        assert_eq!(budget.start_test("x", hosts[0]).err(), Some(spent(20)), "the host's three");
        assert!(budget.start_test("u", hosts[1]).is_ok());
        assert_eq!(budget.start_test("u", hosts[2]).err(), Some(spent(30)), "the user's two");
        assert_eq!(budget.start_test("u", hosts[0]).err(), Some(spent(30)), "not both in turn");
        assert_eq!(budget.first_run("x", hosts[0]), runs(20));
        clock.advance(Duration::from_secs(20));
        assert_eq!(budget.start_test("y", hosts[0]).err(), Some(spent(20)));
    }

    /// F255: runs of many hosts at once are possible, and then their user waits for at most a minute. A
    /// refused run spends nothing, and a host's budget applies to all users.
    #[test]
    fn f255_runs_of_many_hosts_spend_what_they_ask() {
        let clock = clock();
        let budget = RunBudget::per_minute(Arc::new(clock.clone()), 60, 2);
        let hosts = hosts(1_000);
        assert_eq!(budget.start_runs("u", &hosts[..59]), Ok(()));
        assert_eq!(budget.start_runs("u", &hosts), Ok(()), "one was left");
        for _ in 0..100 {
            assert_eq!(budget.start_runs("u", &hosts[500..]), Err(spent(60)));
        }
        assert!(budget.start_test("u", hosts[999]).is_err());
        assert_eq!(budget.start_runs("v", &hosts[..2]), Err(spent(30)), "the hosts had their two");
        assert_eq!(budget.start_runs("v", &hosts[500..502]), Ok(()));
        clock.advance(MINUTE);
        assert_eq!(budget.start_runs("u", &hosts), Ok(()));
        let none = RunBudget::per_minute(Arc::new(clock), 0, 0);
        for _ in 0..10 {
            assert_eq!(none.start_runs("u", &hosts), Ok(()));
        }
    }

    /// F255: a bulk change waits no longer than the poll interval, and reserves no more than that.
    #[test]
    fn f255_a_first_run_waits_no_longer_than_the_ordinary_one() {
        for (per_minute, longest, set) in [
            (60, Duration::from_secs(300), None),
            (60, Duration::from_secs(30), Some(Duration::from_secs(30))),
            (1, FirstRun::LONGEST, Some(Duration::MAX)),
        ] {
            let clock = clock();
            let budget = RunBudget::per_minute(Arc::new(clock.clone()), per_minute, 0);
            let budget = set.map_or(budget.clone(), |set| budget.with_longest_wait(set));
            let slot = MINUTE / per_minute;
            let slots = usize::try_from(longest.as_secs() / slot.as_secs()).unwrap();
            let most = slots + per_minute as usize - 1;
            let waits: Vec<FirstRun> =
                (0..most + 200).map(|_| budget.first_run("u", HostId::generate())).collect();
            let at_once = waits.iter().filter(|run| **run == FirstRun::AtOnce).count();
            assert_eq!(at_once, per_minute as usize);
            assert_eq!(waits[most - 1].wait(), longest - slot, "a slot of its own");
            assert!(waits[most..].iter().all(|run| run.wait() == longest), "{longest:?}");
            clock.advance(longest + slot);
            assert!(budget.start_test("u", HostId::generate()).is_ok(), "the debt is bounded");
        }
    }

    proptest! {
        /// F255: no mix of tests and changes exceeds a minute's worth at once and the rate afterwards, by
        /// user and by host. A refusal names the first instant at which it ends.
        #[test]
        fn f255_no_mix_asks_more_often_than_the_budget(
            (per_user, per_host) in (1..6u32, 1..6u32),
            steps in prop::collection::vec((0..3usize, 0..4usize, any::<bool>(), 0..30_000u64), 1..200),
        ) {
            let (clock, hosts) = (clock(), hosts(4));
            let budget = RunBudget::per_minute(Arc::new(clock.clone()), per_user, per_host)
                .with_longest_wait(Duration::from_secs(50));
            let mut asked: Vec<(usize, usize, Duration)> = Vec::new();
            for (user, host, is_test, then) in steps {
                let (name, now) = (format!("user {user}"), clock.monotonic());
                if is_test {
                    match budget.start_test(&name, hosts[host]) {
                        Ok(_) => asked.push((user, host, now)),
                        Err(TestRefused::BudgetSpent { retry_after }) => {
                            prop_assert!(retry_after > Duration::ZERO);
                            clock.advance(retry_after - Duration::from_nanos(1));
                            prop_assert!(budget.start_test(&name, hosts[host]).is_err());
                            clock.advance(Duration::from_nanos(1));
                            prop_assert!(budget.start_test(&name, hosts[host]).is_ok());
                            asked.push((user, host, clock.monotonic()));
                        }
                        Err(TestRefused::Running) => prop_assert!(false, "none runs"),
                    }
                } else {
                    let wait = budget.first_run(&name, hosts[host]).wait();
                    prop_assert!(wait <= Duration::from_secs(50));
                    let run = (user, host, now + wait);
                    // A joined run counts once, and the regular run costs nothing.
                    let is_joined = asked.iter().any(|(_, of, at)| *of == host && *at == now + wait);
                    if !(wait == Duration::from_secs(50) || is_joined && !wait.is_zero()) {
                        asked.push(run);
                    }
                }
                clock.advance(Duration::from_millis(then));
            }
            for (user, host, from) in &asked {
                let within = |at: &Duration| (*from..*from + MINUTE).contains(at);
                let of_user = asked.iter().filter(|(of, _, at)| of == user && within(at)).count();
                let of_host = asked.iter().filter(|(_, of, at)| of == host && within(at)).count();
                prop_assert!(of_user <= 2 * per_user as usize, "{of_user} of a user: {asked:?}");
                prop_assert!(of_host <= 2 * per_host as usize, "{of_host} of a host: {asked:?}");
            }
        }
    }
}
