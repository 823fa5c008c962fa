//! Opening gates on hosts that other jobs may hold (G27).

use tracing::debug;

use super::{
    decide::WindowAnswer,
    handle::{Gate, GateError},
};
use crate::{
    model::{EndReason, GateId, GateRecord, GateRequest, GateState, instant},
    store::StoreError,
};

/// The result of opening a gate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Opening {
    /// The job has a gate on the host, in any state. A runner serves it.
    Open(GateRecord),
    /// Another job's gate holds the host. Ask again at the next retry.
    Busy {
        /// The gate that holds the host.
        holder: GateId,
    },
    /// The gate ended and was recorded without ever waiting: the closing margin leaves nothing of its
    /// window, or its window ended while another job's gate held the host.
    Ended(GateRecord),
}

impl Gate {
    /// Returns a sentence that refuses the window if the closing margin leaves nothing of it (F138).
    pub(super) fn refusal_of(&self, request: &GateRequest) -> Option<String> {
        let window = request.window;
        self.policy.swallows(window, request.window_kind).then(|| {
            format!(
                "no patch may start in the last {} min of a maintenance window, and this one, from {} \
                 to {}, is no longer than that: choose a longer window",
                self.policy.closing_margin.as_secs() / 60,
                instant::in_words(&window.opens_at()),
                instant::in_words(&window.closes_at()),
            )
        })
    }

    /// Opens gates, or returns those that the jobs already have on the hosts, in the order of the requests.
    ///
    /// A host that another job holds is [`Opening::Busy`] until the request's window ends. The gate is then
    /// recorded as [`Opening::Ended`].
    ///
    /// Call it for all queued hosts at each retry; it may be repeated. It asks the window source once for
    /// all held hosts. If the source does not know a window, the window of the request counts.
    ///
    /// # Errors
    /// Fails if the store cannot be reached. Some of the gates may be open then: repeat the call.
    pub async fn open_all(&self, requests: &[GateRequest]) -> Result<Vec<Opening>, GateError> {
        let mut openings = Vec::with_capacity(requests.len());
        let mut held = Vec::new();
        for request in requests {
            if let Some(refusal) = self.refusal_of(request) {
                let (request, reason) = (request.clone(), EndReason::WindowClosed);
                let record = self.store.open_ended_gate(request, reason, refusal).await?;
                openings.push(match record.state.is_terminal() {
                    true => Opening::Ended(record),
                    false => Opening::Open(record),
                });
                continue;
            }
            openings.push(match self.store.open_gate(request.clone()).await {
                Ok(record) => Opening::Open(record),
                Err(StoreError::GateBusy { holder }) => {
                    debug!(job = %request.job_id, host = %request.host_id, gate = %holder,
                           "another job holds the host");
                    held.push(openings.len());
                    Opening::Busy { holder }
                }
                Err(error) => return Err(error.into()),
            });
        }
        // A gate without a detail: no runner has looked at it yet.
        let unseen = |opening: &Opening| {
            matches!(opening, Opening::Open(record)
                if record.state == GateState::Waiting && record.detail.is_empty())
        };
        if openings.iter().any(unseen) {
            self.nudge();
        }
        if held.is_empty() {
            return Ok(openings);
        }
        let time = self.store.read_clock().await?;
        let now = time.at;
        let asked: Vec<GateRecord> = held
            .iter()
            .map(|index| GateRecord::open(GateId::generate(), &requests[*index], time))
            .collect();
        let windows = match self.windows_of(&asked.iter().collect::<Vec<_>>()).await {
            Ok(windows) => windows,
            Err(error) => {
                debug!(%error, "held hosts wait until the window that was asked for ends");
                vec![WindowAnswer::Unknown; asked.len()]
            }
        };
        for ((index, window), asked) in held.into_iter().zip(windows).zip(&asked) {
            let (reason, detail) = match window {
                WindowAnswer::Open(window)
                    if now < self.policy.end_of(window, requests[index].window_kind) =>
                {
                    continue;
                }
                // If the window is unknown, the window of the request counts.
                WindowAnswer::Unknown
                    if now < self.policy.end_of(asked.window, asked.window_kind) =>
                {
                    continue;
                }
                WindowAnswer::Open(_) | WindowAnswer::Unknown => {
                    (EndReason::GateBusy, "another job's gate held the host until the window ended")
                }
                WindowAnswer::Withdrawn => (
                    EndReason::WindowWithdrawn,
                    "the window was withdrawn while another job's gate held the host",
                ),
                WindowAnswer::JobCancelled => (
                    EndReason::JobCancelled,
                    "the job was cancelled while another job's gate held the host",
                ),
                WindowAnswer::HostGone => (
                    EndReason::HostDeleted,
                    "the host was deleted while another job's gate held it",
                ),
            };
            let request = requests[index].clone();
            let record = self.store.open_ended_gate(request, reason, detail.to_owned()).await?;
            openings[index] = Opening::Ended(record);
        }
        Ok(openings)
    }
}
