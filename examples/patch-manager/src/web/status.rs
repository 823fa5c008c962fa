//! Endpoints for operators' tools: whether the process is alive and ready, its metrics, and its API
//! document.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use healthgate::{
    api::{Caller, Problem},
    checks::{Nudge, Poller},
    gate::GateRunner,
    model::TimeZoneData,
    store::Store,
};
use serde_json::{Value, json};

use super::Web;

/// The known parts of this process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Liveness {
    worker: Option<(Arc<Poller>, Arc<GateRunner>)>,
}

/// A loop that has done nothing for this long is not alive.
const ALIVE: Duration = Duration::from_secs(60);

impl Liveness {
    /// Creates the state of a process with a worker.
    pub(crate) fn of(poller: Arc<Poller>, gates: Arc<GateRunner>) -> Self {
        Self { worker: Some((poller, gates)) }
    }

    /// Returns the handle that wakes the poller of this process.
    pub(crate) fn poller_nudge(&self) -> Option<Nudge> {
        self.worker.as_ref().map(|(poller, _)| poller.nudge_handle())
    }

    /// Returns the handle that wakes the gate runner of this process.
    pub(crate) fn gate_nudge(&self) -> Option<Nudge> {
        self.worker.as_ref().map(|(_, gates)| gates.nudge_handle())
    }

    /// Returns whether this process works, with the details.
    pub(crate) async fn report(&self, store: &dyn Store) -> (bool, Value) {
        let store_answers = store.now().await.is_ok();
        let mut ready = store_answers;
        let mut report = json!({
            "store": if store_answers { "reachable" } else { "unreachable" },
        });
        if let Some((poller, gates)) = &self.worker {
            let (polling, gating) = (poller.health(), gates.health());
            let stats = poller.stats();
            ready &= polling.is_live(ALIVE) && gating.is_live(ALIVE);
            report["poller"] = json!({
                "alive": polling.is_live(ALIVE),
                "degraded": polling.is_degraded(),
                "observer_fault": polling.observer_fault,
                "quarantined_hosts": polling.quarantined_hosts,
                "hosts_due": polling.backlog.map(|backlog| backlog.due),
                "hosts_completed": stats.hosts_completed,
                "checks_in_flight": stats.checks_in_flight,
                "hosts_buffered": stats.hosts_buffered,
            });
            report["gates"] = json!({
                "alive": gating.is_live(ALIVE),
                "failing": gating.failing,
                "held": gating.gates_held,
            });
        }
        let zones = TimeZoneData::in_use();
        report["time_zones"] =
            json!({ "version": zones.version(), "built_in": zones.is_built_in() });
        report["status"] = json!(if ready { "ready" } else { "not ready" });
        (ready, report)
    }
}

/// Answers that the process is alive.
pub(super) async fn healthz() -> &'static str {
    std::future::ready("ok\n").await
}

/// Returns this document.
#[utoipa::path(
    get,
    path = "/api/v1/openapi.json",
    tag = "application",
    operation_id = "openapi_document",
    responses((status = 200, description = "OpenAPI 3.1", body = Object), Problem),
)]
pub(super) async fn document(State(web): State<Web>, Caller(_): Caller) -> Response {
    let text = web.0.document.get().cloned().unwrap_or_default();
    std::future::ready(([(header::CONTENT_TYPE, "application/json")], text).into_response()).await
}
