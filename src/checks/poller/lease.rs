//! Claimed hosts, and how long their leases are trusted.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, Utc};

use crate::{
    clock::{Clock, delta},
    directory::HostDirectory,
    model::{AgentEndpoint, HostId},
    store::{ClaimRequest, HostClaim, HostRelease, Store},
};

/// A claimed host with the readings that its trust in the lease rests on.
#[derive(Debug)]
pub(super) struct ClaimedHost {
    pub(super) claim: HostClaim,
    pub(super) agents: HashMap<HostId, Option<AgentEndpoint>>,
    pub(super) at: ClaimTime,
}

impl ClaimedHost {
    /// What is needed to hand the host back.
    pub(super) const fn release(&self) -> HostRelease {
        HostRelease { host_id: self.claim.host_id, token: self.claim.token }
    }

    /// The agents that this run asks, each once.
    pub(super) fn agents_asked(&self) -> Vec<(String, u16)> {
        let mut asked: Vec<_> = self
            .claim
            .checks
            .iter()
            .filter(|check| check.definition.service().is_some())
            .filter_map(|check| self.agents.get(&check.asked_host())?.as_ref())
            .map(|agent| (agent.address().to_owned(), agent.port()))
            .collect();
        asked.sort_unstable();
        asked.dedup();
        asked
    }
}

/// The clock's readings around a claim.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClaimTime {
    /// Monotonic, before the claim was sent: the lease is trusted from here (L3).
    sent: Duration,
    /// Wall, before the claim was sent: shows a suspended machine.
    sent_wall: DateTime<Utc>,
    /// Monotonic, when the answer came. Store time is counted on from here, so that it is never
    /// ahead of the store's own.
    received: Duration,
    /// The store's clock at the claim.
    store: DateTime<Utc>,
}

impl ClaimTime {
    /// The store's time at a later monotonic reading, never ahead of the truth.
    pub(super) fn store_at(&self, monotonic: Duration) -> DateTime<Utc> {
        crate::model::instant::truncate(self.store + delta(monotonic.saturating_sub(self.received)))
    }

    /// Whether the lease can still be relied on.
    pub(super) fn trusted(&self, clock: &dyn Clock, lease: Duration) -> bool {
        let elapsed = clock.monotonic().saturating_sub(self.sent);
        let elapsed_wall = (clock.now() - self.sent_wall).to_std().unwrap_or_default();
        elapsed.max(elapsed_wall) < lease / 2
    }
}

/// What a claim brought.
pub(super) struct Claimed {
    pub(super) hosts: Vec<ClaimedHost>,
    /// As many as were asked for: there may be more.
    pub(super) full: bool,
    /// The store's clock, between two readings of this machine's.
    pub(super) clocks: [DateTime<Utc>; 3],
}

/// What a claim came to nothing for.
pub(super) type ClaimError = Box<dyn std::error::Error + Send + Sync>;

/// Claims hosts and looks up the agents that their checks ask. Where these cannot be looked up, the
/// hosts are handed back.
pub(super) async fn claim(
    store: Arc<dyn Store>,
    directory: Arc<dyn HostDirectory>,
    clock: Arc<dyn Clock>,
    request: ClaimRequest,
) -> Result<Claimed, ClaimError> {
    let (sent, sent_wall) = (clock.monotonic(), clock.now());
    let claims = store.claim_hosts(request).await?;
    let clocks = [sent_wall, claims.now, clock.now()];
    let at = ClaimTime { sent, sent_wall, received: clock.monotonic(), store: claims.now };
    let full = u32::try_from(claims.hosts.len()).is_ok_and(|taken| taken >= request.limit);
    let services = |claim: &HostClaim| {
        let service = |check: &&crate::model::HealthCheck| check.definition.service().is_some();
        claim.checks.iter().filter(service).map(crate::model::HealthCheck::asked_host).collect()
    };
    let asked: Vec<Vec<HostId>> = claims.hosts.iter().map(services).collect();
    let ids: HashSet<HostId> = asked.iter().flatten().copied().collect();
    let ids: Vec<HostId> = ids.into_iter().collect();
    let known = if ids.is_empty() { Ok(HashMap::new()) } else { directory.hosts(&ids).await };
    let known = match known {
        Ok(known) => known,
        Err(error) => {
            let hosts = claims
                .hosts
                .iter()
                .map(|host| HostRelease { host_id: host.host_id, token: host.token })
                .collect();
            // Where this fails too, the leases expire.
            let _ = store.release_hosts(request.worker, hosts).await;
            return Err(error.into());
        }
    };
    let hosts = claims
        .hosts
        .into_iter()
        .zip(asked)
        .map(|(claim, asked)| {
            let agent = |host| known.get(&host).map(|info| (host, info.agent.clone()));
            ClaimedHost { claim, agents: asked.into_iter().filter_map(agent).collect(), at }
        })
        .collect();
    Ok(Claimed { hosts, full, clocks })
}
