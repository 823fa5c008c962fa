//! Hosts whose checks seem to kill the workers that run them (F68).

use super::config::PollerConfig;
use crate::{
    checks::host_run::{CheckOutcome, unanswered},
    clock::delta,
    model::ReasonCode,
    store::HostClaim,
};

/// What a host's lost leases tell about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Standing {
    /// The host is fine.
    Sound,
    /// One more lost lease quarantines the host. Suspects run one at a time: a worker that dies loses all
    /// of its leases, and other hosts must not suffer for one.
    Suspect,
    /// The host is not run.
    Quarantined,
}

impl Standing {
    pub(super) const fn of(claim: &HostClaim, config: &PollerConfig) -> Self {
        if claim.lost_leases >= config.quarantine_after {
            Self::Quarantined
        } else if claim.lost_leases > 0 && claim.lost_leases + 1 >= config.quarantine_after {
            Self::Suspect
        } else {
            Self::Sound
        }
    }
}

/// Returns the outcomes to record for a quarantined host's checks.
pub(super) fn outcomes(claim: &HostClaim, config: &PollerConfig) -> Vec<CheckOutcome> {
    let detail = format!(
        "quarantined: {} workers in a row were lost while they ran this host's checks; it is tried \
         again in {} min, or as soon as one of its checks is changed",
        claim.lost_leases,
        delta(config.quarantine).num_minutes(),
    );
    unanswered(&claim.checks, ReasonCode::Internal, &detail)
}
