//! The agent's rate limiter: one token bucket per client address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

/// Paths that the limiter ignores, compared exactly.
pub const EXEMPT_PATHS: [&str; 2] = ["/health", "/api/v1/system/info"];

/// The parameters of a token bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateLimit {
    /// The number of requests allowed at once.
    pub burst: u32,
    /// The number of requests regained per second.
    pub per_second: f64,
}

impl Default for RateLimit {
    /// Returns the agent's limits for GET: 2 per second, 30 at once.
    fn default() -> Self {
        Self { burst: 30, per_second: 2.0 }
    }
}

/// One bucket per client address. The caller passes the time.
#[derive(Debug)]
pub(crate) struct Limiter {
    limit: RateLimit,
    buckets: HashMap<IpAddr, (f64, Instant)>,
}

impl Limiter {
    pub(crate) fn new(limit: RateLimit) -> Self {
        Self { limit, buckets: HashMap::new() }
    }

    /// Takes a token, or returns how long until the next one.
    pub(crate) fn take(&mut self, peer: IpAddr, now: Instant) -> Result<(), Duration> {
        let burst = f64::from(self.limit.burst);
        let (tokens, seen) = self.buckets.entry(peer).or_insert((burst, now));
        *tokens =
            (*tokens + now.duration_since(*seen).as_secs_f64() * self.limit.per_second).min(burst);
        *seen = now;
        if *tokens >= 1.0 {
            *tokens -= 1.0;
            return Ok(());
        }
        let wait = (1.0 - *tokens) / self.limit.per_second.max(f64::MIN_POSITIVE);
        Err(Duration::try_from_secs_f64(wait).unwrap_or(Duration::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn burst_then_one_token_per_half_second_for_each_client() {
        let mut limiter = Limiter::new(RateLimit::default());
        let start = Instant::now();
        let one = IpAddr::V4(Ipv4Addr::LOCALHOST);
        for _ in 0..30 {
            assert_eq!(limiter.take(one, start), Ok(()));
        }
        assert_eq!(limiter.take(one, start), Err(Duration::from_millis(500)));
        assert_eq!(limiter.take(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)), start), Ok(()));
        assert_eq!(limiter.take(one, start + Duration::from_millis(500)), Ok(()));
        assert!(limiter.take(one, start + Duration::from_millis(600)).is_err());
    }
}
