//! Claimed hosts, and how long the poller trusts their leases.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, Utc};
use tracing::warn;

use super::lanes::Turn;
use crate::{
    checks::{agent_limit::AgentKey, host_run::CheckOutcome},
    clock::{Clock, EpochWatch, bounded, delta},
    directory::{HostDirectory, HostInfo},
    model::{
        AgentEndpoint, CheckState, ClockEpoch, HealthCheck, HostId, ResultSource, StoreTime,
        instant,
    },
    store::{ClaimRequest, HostClaim, HostRelease, Store},
};

/// A claimed host with the clock readings on which the trust in its lease is based.
#[derive(Debug)]
pub(super) struct ClaimedHost {
    pub(super) claim: HostClaim,
    pub(super) agents: HashMap<HostId, Option<AgentEndpoint>>,
    pub(super) at: ClaimTime,
    /// The turns at busy agents that it was claimed for by name. Empty if it was due.
    pub(super) turns: Vec<Turn>,
    /// The newest states of its checks, if it was claimed by name.
    pub(super) states: Vec<CheckState>,
    /// Whether it was claimed by name for its turns. Its own slot is at another time.
    pub(super) by_name: bool,
    /// The outcomes to record for checks that still wait for their turn.
    pub(super) unasked: Vec<CheckOutcome>,
}

impl ClaimedHost {
    /// Returns the record to release the host with.
    pub(super) const fn release(&self) -> HostRelease {
        HostRelease::new(self.claim.host_id, self.claim.token)
    }

    /// Returns the record to release the host with, so that no worker claims it for a while.
    pub(super) fn release_for(&self, pause: Duration, monotonic: Duration) -> HostRelease {
        self.release().with_not_before(self.at.store_at(monotonic) + delta(pause))
    }

    /// Returns the agent that a check asks, or `None` if it asks none or the agent is unknown.
    pub(super) fn agent_of(&self, check: &HealthCheck) -> Option<AgentKey> {
        check.definition.service()?;
        self.agents.get(&check.asked_host())?.as_ref().map(AgentKey::from)
    }

    /// Returns whether any poller has run a check since this instant.
    pub(super) fn ran_since(&self, check: &HealthCheck, instant: DateTime<Utc>) -> bool {
        let ran = |state: &&CheckState| {
            let latest = &state.latest;
            latest.check_id == check.id
                && latest.revision == check.revision
                && latest.epoch == self.at.epoch
                && latest.source == ResultSource::Poll
                && !latest.reason.is_unknown()
                && (instant..=self.at.store).contains(&latest.checked_at)
        };
        self.states.iter().any(|state| ran(&state))
    }
}

/// The clock readings around a claim.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClaimTime {
    /// The monotonic clock before the claim was sent. The lease is trusted from here (L3).
    sent: Duration,
    /// The wall clock before the claim was sent. It reveals a suspended machine.
    sent_wall: DateTime<Utc>,
    /// The monotonic clock when the answer arrived. Store time advances from here, so that it is never
    /// ahead of the store's own.
    received: Duration,
    /// The store's clock at the claim.
    store: DateTime<Utc>,
    /// The epoch of the store's clock.
    epoch: ClockEpoch,
}

impl ClaimTime {
    /// Returns the store's time at a later monotonic reading, never ahead of the truth.
    pub(super) fn store_at(&self, monotonic: Duration) -> DateTime<Utc> {
        instant::truncate(self.store + delta(monotonic.saturating_sub(self.received)))
    }

    /// Returns the same with its epoch, for the results of a run that started then.
    pub(super) fn started(&self, monotonic: Duration) -> StoreTime {
        StoreTime::new(self.epoch, self.store_at(monotonic))
    }

    /// Returns whether the lease can still be trusted.
    pub(super) fn trusted(&self, clock: &dyn Clock, lease: Duration) -> bool {
        self.age(clock) < lease / 2
    }

    /// Returns whether a run of this duration would end while the lease can be trusted (F134).
    pub(super) fn has_time_for(&self, run: Duration, clock: &dyn Clock, lease: Duration) -> bool {
        self.age(clock) + run < lease / 2
    }

    /// Returns whether nothing more can be recorded under the lease.
    pub(super) fn ends_soon(&self, monotonic: Duration, lease: Duration) -> bool {
        monotonic.saturating_sub(self.sent) >= lease * 5 / 6
    }

    /// Returns the larger age of both clocks, because one of them stops while a machine is suspended.
    fn age(&self, clock: &dyn Clock) -> Duration {
        let elapsed = clock.monotonic().saturating_sub(self.sent);
        let elapsed_wall = (clock.now() - self.sent_wall).to_std().unwrap_or_default();
        elapsed.max(elapsed_wall)
    }
}

/// The result of a claim.
pub(super) struct Claimed {
    pub(super) hosts: Vec<ClaimedHost>,
    /// Whether the claim returned as many hosts as requested, so that there may be more.
    pub(super) full: bool,
    /// The store's clock, between two readings of this machine's clock.
    pub(super) clocks: [DateTime<Utc>; 3],
    /// The watch on the epoch of the store's clock.
    pub(super) watch: EpochWatch,
    /// The turns that hosts were claimed for by name.
    pub(super) turns: Vec<Turn>,
}

/// A failed claim.
pub(super) struct FailedClaim {
    pub(super) error: ClaimError,
    /// The turns that it was for.
    pub(super) turns: Vec<Turn>,
}

/// Why a claim failed.
pub(super) type ClaimError = Box<dyn std::error::Error + Send + Sync>;

/// The time limit for the application's directory.
const DIRECTORY_TIME: Duration = Duration::from_secs(10);

/// Looks hosts up in the application's directory. A directory that hangs or panics fails only this claim
/// (F141).
async fn look_up(
    directory: &Arc<dyn HostDirectory>,
    clock: &Arc<dyn Clock>,
    ids: &[HostId],
) -> Result<HashMap<HostId, HostInfo>, ClaimError> {
    Ok(bounded(clock.as_ref(), DIRECTORY_TIME, directory.hosts(ids)).await??)
}

/// Claims due hosts, or the hosts that the request names for their turns, and looks up the agents of their
/// checks. If the lookup fails, the hosts are released.
pub(super) async fn claim(
    store: Arc<dyn Store>,
    directory: Arc<dyn HostDirectory>,
    clock: Arc<dyn Clock>,
    request: ClaimRequest,
    mut watch: EpochWatch,
    turns: Vec<Turn>,
) -> Result<Claimed, FailedClaim> {
    let (sent, sent_wall) = (clock.monotonic(), clock.now());
    let (worker, limit) = (request.worker, request.limit);
    let claims = match store.claim_hosts(request).await {
        Ok(claims) => claims,
        Err(error) => return Err(FailedClaim { error: error.into(), turns }),
    };
    let received = clock.monotonic();
    let clocks = [sent_wall, claims.now, clock.now()];
    watch.observe(StoreTime::new(claims.epoch, claims.now), sent, received);
    let epoch = present_epoch(store.as_ref(), claims.epoch, &mut watch).await;
    let at = ClaimTime { sent, sent_wall, received, store: claims.now, epoch };
    let full = u32::try_from(claims.hosts.len()).is_ok_and(|taken| taken >= limit);
    let services = |claim: &HostClaim| {
        let service = |check: &&HealthCheck| check.definition.service().is_some();
        claim.checks.iter().filter(service).map(HealthCheck::asked_host).collect()
    };
    let named = !turns.is_empty();
    let asked: Vec<Vec<HostId>> = claims.hosts.iter().map(services).collect();
    let ids: HashSet<HostId> = asked.iter().flatten().copied().collect();
    let ids: Vec<HostId> = ids.into_iter().collect();
    let known =
        if ids.is_empty() { Ok(HashMap::new()) } else { look_up(&directory, &clock, &ids).await };
    let claimed: Vec<HostId> = claims.hosts.iter().map(|claim| claim.host_id).collect();
    let states = if named { store.states(&claimed).await } else { Ok(Vec::new()) };
    let read = known.and_then(|known| Ok((known, states?)));
    let (known, states) = match read {
        Ok(read) => read,
        Err(error) => {
            let hosts = claims
                .hosts
                .iter()
                .map(|host| HostRelease::new(host.host_id, host.token))
                .collect();
            // If this fails too, the leases expire.
            let _ = store.release_hosts(worker, hosts).await;
            return Err(FailedClaim { error, turns });
        }
    };
    let hosts = claims
        .hosts
        .into_iter()
        .zip(asked)
        .map(|(claim, asked)| {
            let agent = |host| known.get(&host).map(|info| (host, info.agent.clone()));
            let agents = asked.into_iter().filter_map(agent).collect();
            let own = |state: &&CheckState| state.latest.host_id == claim.host_id;
            let states = states.iter().filter(own).cloned().collect();
            let (turns, unasked) = (Vec::new(), Vec::new());
            ClaimedHost { claim, agents, at, turns, states, by_name: false, unasked }
        })
        .collect();
    Ok(Claimed { hosts, full, clocks, watch, turns })
}

/// Returns the epoch of a claim. If the watch saw the store's clock step back, the store begins a new
/// epoch, and the claim belongs to it because it was made after the step (F168).
async fn present_epoch(
    store: &dyn Store,
    claimed: ClockEpoch,
    watch: &mut EpochWatch,
) -> ClockEpoch {
    let Some(ended) = watch.ended() else { return claimed };
    match store.begin_epoch(ended).await {
        Ok(present) => {
            warn!(epoch = %present, "the store's clock stepped back: earlier results no longer count");
            watch.told(present);
            present
        }
        // The next claim reports it again. These runs belong to the old epoch, so their results prove
        // nothing.
        Err(error) => {
            warn!(%error, "the store's clock stepped back, and the store cannot record it");
            claimed
        }
    }
}
