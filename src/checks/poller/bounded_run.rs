//! One host's run as the poller sees it.

use std::{panic::AssertUnwindSafe, pin::pin, sync::Arc, time::Duration};

use futures_util::{
    FutureExt,
    future::{Either, select},
};
use tracing::{Instrument, debug_span, error};

use super::lease::ClaimedHost;
use crate::{
    checks::host_run::{CheckOutcome, HostRun, HostRunner, run_bound, unanswered},
    clock::Clock,
    model::ReasonCode,
};

/// A run that has ended.
pub(super) struct FinishedRun {
    pub(super) held: ClaimedHost,
    pub(super) started: Duration,
    pub(super) outcomes: Vec<CheckOutcome>,
}

/// One host's run: never longer than its bound, and a panic in it fails its checks alone (F45).
pub(super) async fn run(
    runner: Arc<dyn HostRunner>,
    clock: Arc<dyn Clock>,
    held: ClaimedHost,
    timeout: Duration,
) -> FinishedRun {
    let started = clock.monotonic();
    let checks = held.claim.checks.clone();
    let host_run = HostRun {
        host_id: held.claim.host_id,
        checks: checks.clone(),
        agents: held.agents.clone(),
        timeout,
    };
    let outcomes = {
        let span = debug_span!("poll_host", host = %held.claim.host_id, token = held.claim.token);
        let running = AssertUnwindSafe(runner.run_host(host_run)).catch_unwind().instrument(span);
        let running = pin!(running);
        let bound = pin!(clock.sleep(run_bound(timeout) + OVERRUN));
        match select(running, bound).await {
            Either::Left((Ok(outcomes), _)) => outcomes,
            Either::Left((Err(_), _)) => {
                error!(host = %held.claim.host_id, "a run panicked");
                unanswered(&checks, ReasonCode::Internal, "the run failed inside the manager")
            }
            Either::Right(_) => {
                error!(host = %held.claim.host_id, "a run overran its bound");
                unanswered(&checks, ReasonCode::Internal, "the run did not end in time")
            }
        }
    };
    FinishedRun { held, started, outcomes }
}

/// What a run may take beyond its bound before it is cut: the runner keeps the bound itself.
const OVERRUN: Duration = Duration::from_secs(1);
