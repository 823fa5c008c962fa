//! One host's run within the poller.

use std::{collections::HashSet, panic::AssertUnwindSafe, pin::pin, sync::Arc, time::Duration};

use futures_util::{
    FutureExt,
    future::{Either, select},
};
use tracing::{Instrument, debug_span, error};

use super::lease::ClaimedHost;
use crate::{
    checks::host_run::{CheckOutcome, HostRun, HostRunner, OutcomeCollector, readable, run_bound},
    clock::Clock,
    model::{CheckId, HealthCheck, ReasonCode},
};

/// A finished run.
pub(super) struct FinishedRun {
    pub(super) held: ClaimedHost,
    pub(super) started: Duration,
    pub(super) outcomes: Vec<CheckOutcome>,
    /// The checks whose targets refused the connection.
    pub(super) refused: HashSet<CheckId>,
}

/// Runs some or all checks of one host within the bound. A panic fails the checks that have not answered,
/// and a cancelled run keeps the outcomes so far (F45, F142).
pub(super) async fn run(
    runner: Arc<dyn HostRunner>,
    clock: Arc<dyn Clock>,
    held: ClaimedHost,
    checks: Vec<HealthCheck>,
    timeout: Duration,
) -> FinishedRun {
    let started = clock.monotonic();
    let agent = |check: &HealthCheck| {
        let host = check.asked_host();
        held.agents.get(&host).map(|agent| (host, agent.clone()))
    };
    let collector = OutcomeCollector::default();
    let host_run = HostRun {
        host_id: held.claim.host_id,
        agents: checks.iter().filter_map(agent).collect(),
        checks: readable(checks.clone(), &collector),
        timeout,
    };
    let words = {
        let span = debug_span!("poll_host", host = %held.claim.host_id, token = held.claim.token);
        let running = runner.collect_host(host_run, &collector);
        let running = pin!(AssertUnwindSafe(running).catch_unwind().instrument(span));
        let bound = pin!(clock.sleep(longest_run(timeout)));
        match select(running, bound).await {
            Either::Left((Ok(()), _)) => "the run gave no answer",
            Either::Left((Err(_), _)) => {
                error!(host = %held.claim.host_id, "a run panicked");
                "the run failed inside the manager"
            }
            Either::Right(_) => {
                error!(host = %held.claim.host_id, "a run overran its bound");
                "the run did not end in time"
            }
        }
    };
    let outcomes = collector.take_all(&checks, ReasonCode::Internal, words);
    FinishedRun { held, started, outcomes, refused: collector.take_refused() }
}

/// Returns the time after which a run is cancelled.
pub(super) fn longest_run(timeout: Duration) -> Duration {
    run_bound(timeout) + OVERRUN
}

/// The time beyond its bound before a run is cancelled. Normally the runner keeps the bound itself.
const OVERRUN: Duration = Duration::from_secs(1);
