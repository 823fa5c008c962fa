//! Rate limits for many keys.

use std::{collections::HashMap, hash::Hash, time::Duration};

const MINUTE: Duration = Duration::from_secs(60);

/// The number of keys above which expired ones are removed.
const MANY_KEYS: usize = 4_096;

/// Rate limits by key, with the generic cell rate algorithm. Each key stores one instant, until which its
/// minute is used up at an even pace.
#[derive(Debug)]
pub(crate) struct Rates<K> {
    per_minute: u32,
    used_until: HashMap<K, Duration>,
}

impl<K: Eq + Hash> Rates<K> {
    /// Creates the limits. A rate of 0 means no limit.
    pub(crate) fn new(per_minute: u32) -> Self {
        Self { per_minute, used_until: HashMap::new() }
    }

    /// Returns how long to wait until the next event is allowed.
    pub(crate) fn wait(&self, key: &K, now: Duration) -> Duration {
        let Some(step) = MINUTE.checked_div(self.per_minute) else { return Duration::ZERO };
        let used_until = self.used_until.get(key).copied().unwrap_or(now).max(now);
        (used_until + step).saturating_sub(now + MINUTE)
    }

    pub(crate) fn count(&mut self, key: K, now: Duration) {
        self.count_many(key, 1, now, Duration::MAX);
    }

    /// Counts many events at once, but limits the next caller's wait to `longest_wait`.
    pub(crate) fn count_many(&mut self, key: K, times: u32, now: Duration, longest_wait: Duration) {
        let Some(step) = MINUTE.checked_div(self.per_minute) else { return };
        if self.used_until.len() >= MANY_KEYS {
            self.used_until.retain(|_, used_until| *used_until > now);
        }
        let used_until = self.used_until.entry(key).or_insert(now);
        let most = (now + MINUTE - step).saturating_add(longest_wait);
        *used_until = (*used_until).max(now).saturating_add(step.saturating_mul(times)).min(most);
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
