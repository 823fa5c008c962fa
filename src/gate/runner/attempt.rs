//! A running attempt of a gate.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use futures_util::{
    FutureExt,
    future::{Either, select},
};
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::{
    checks::Permit,
    clock::Clock,
    gate::{
        report,
        source::{HealthSource, LiveRun, ResultCollector},
    },
    model::{AttemptOutcome, CheckId, CheckResult, Evidence, GateId},
};

/// An attempt that is to be started.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) gate_id: GateId,
    pub(super) number: u32,
    pub(super) run: LiveRun,
    /// The names of the checks, for the record.
    pub(super) names: Vec<(CheckId, String)>,
    /// Cuts the attempt short when its gate is lost or has ended.
    pub(super) cut: CancellationToken,
    /// The places among the checks in flight, returned when the checks have ended.
    pub(super) permit: Permit,
}

/// An attempt that is over.
#[derive(Clone, Debug)]
pub(super) struct EndedAttempt {
    pub(super) gate_id: GateId,
    pub(super) number: u32,
    pub(super) outcome: AttemptOutcome,
    pub(super) started_at: DateTime<Utc>,
    pub(super) took: Duration,
    pub(super) results: Vec<CheckResult>,
    pub(super) names: Vec<(CheckId, String)>,
}

impl Attempt {
    /// Runs the checks, within the attempt's time. A panic in a check ends only this attempt, and the
    /// answers until then are kept (F142).
    pub(super) async fn run(
        self,
        health: Arc<dyn HealthSource>,
        clock: Arc<dyn Clock>,
    ) -> EndedAttempt {
        let started = clock.monotonic();
        let (started_at, time) = (self.run.started_at, self.run.time);
        let results = ResultCollector::default();
        let running = AssertUnwindSafe(health.collect(self.run, &results)).catch_unwind();
        let bounded = async {
            let running = std::pin::pin!(running);
            let bound = std::pin::pin!(clock.sleep(time));
            match select(running, bound).await {
                Either::Left((Ok(()), _)) => true,
                Either::Left((Err(_), _)) => {
                    error!(gate = %self.gate_id, "an attempt panicked");
                    false
                }
                Either::Right(_) => false,
            }
        };
        let finished = self.cut.run_until_cancelled(bounded).await.unwrap_or(false);
        drop(self.permit);
        EndedAttempt {
            gate_id: self.gate_id,
            number: self.number,
            outcome: if finished { AttemptOutcome::Finished } else { AttemptOutcome::Interrupted },
            started_at,
            took: clock.monotonic().saturating_sub(started),
            results: results.take(),
            names: self.names,
        }
    }
}

impl EndedAttempt {
    /// Returns the evidence of each check at the end of this attempt, for its record.
    pub(super) fn evidence(&self) -> Vec<Evidence> {
        let evidence =
            |(check_id, name): &(CheckId, String)| report::live(*check_id, name, &self.results);
        self.names.iter().map(evidence).collect()
    }
}
