//! What operators' tools ask for: is the process alive, is it ready, what does it count, and what can
//! be asked of it.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use healthgate::{
    api::Caller,
    checks::{Nudge, Poller},
    store::Store,
};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{Web, problems::CommonProblems};

/// What is known of the parts of this process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Liveness {
    poller: Option<Arc<Poller>>,
    /// Whether the worker's parts all run.
    working: Option<watch::Receiver<bool>>,
}

impl Liveness {
    /// A process with a worker.
    pub(crate) fn of(poller: Arc<Poller>, working: watch::Receiver<bool>) -> Self {
        Self { poller: Some(poller), working: Some(working) }
    }

    /// Lets the poller of this process look at once.
    pub(crate) fn poller_nudge(&self) -> Option<Nudge> {
        self.poller.as_ref().map(|poller| poller.nudge_handle())
    }

    /// Whether what this process should do goes on, and what is known of it.
    pub(crate) async fn report(&self, store: &dyn Store) -> (bool, Value) {
        let store_answers = store.now().await.is_ok();
        let working = self.working.as_ref().is_none_or(|working| *working.borrow());
        let mut report = json!({
            "status": if store_answers && working { "ready" } else { "not ready" },
            "store": if store_answers { "reachable" } else { "unreachable" },
        });
        if let Some(poller) = &self.poller {
            let stats = poller.stats();
            report["poller"] = json!({
                "alive": working,
                "hosts_completed": stats.hosts_completed,
                "checks_in_flight": stats.checks_in_flight,
                "hosts_buffered": stats.hosts_buffered,
                "store_errors": stats.store_errors,
            });
        }
        (store_answers && working, report)
    }
}

/// The process answers.
pub(super) async fn healthz() -> &'static str {
    std::future::ready("ok\n").await
}

/// The process can do its work: the store answers, and the worker's parts run.
pub(super) async fn readyz(State(web): State<Web>) -> Response {
    let (ready, report) = web.0.liveness.report(web.0.app.store.as_ref()).await;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(report)).into_response()
}

/// The metrics, as Prometheus reads them.
pub(super) async fn metrics(State(web): State<Web>) -> Response {
    let text = web.0.metrics.render();
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    std::future::ready(([(header::CONTENT_TYPE, kind)], text).into_response()).await
}

/// This document.
#[utoipa::path(
    get,
    path = "/api/v1/openapi.json",
    tag = "application",
    operation_id = "openapi_document",
    responses((status = 200, description = "OpenAPI 3.1", body = Object), CommonProblems),
)]
pub(super) async fn document(State(web): State<Web>, Caller(_): Caller) -> Response {
    let text = web.0.document.get().cloned().unwrap_or_default();
    std::future::ready(([(header::CONTENT_TYPE, "application/json")], text).into_response()).await
}
