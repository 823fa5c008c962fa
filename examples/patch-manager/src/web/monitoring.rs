//! Health and metrics: `/readyz` and `/metrics`, with everything else or on a separate listener.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::get,
};
use healthgate::{api::Problem, store::Store};
use metrics_exporter_prometheus::PrometheusHandle;

use super::{Liveness, Load, alive, auth, harden, load, options};
use crate::database::token_hash;

/// The data for monitoring.
#[derive(Clone)]
pub(crate) struct Monitoring {
    pub(crate) liveness: Liveness,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) metrics: PrometheusHandle,
    /// The hash of the required bearer token. `None` requires no token.
    pub(crate) token_sha256: Option<Arc<str>>,
}

impl Monitoring {
    /// Returns the routes of health and metrics, for a site.
    pub(super) fn routes<S: Clone + Send + Sync + 'static>(self) -> Router<S> {
        Router::new()
            .route("/readyz", get(readyz))
            .route("/metrics", get(metrics))
            .layer(from_fn_with_state(self.clone(), authenticate))
            .layer(from_fn(options))
            .with_state(self)
    }

    /// Returns all routes of a process without a site, and of a monitoring listener.
    pub(crate) fn router(self, load: Load) -> Router {
        self.routes()
            .layer(from_fn_with_state(load.clone(), load::bound))
            .merge(alive(load))
            .layer(from_fn(harden))
    }
}

/// Requires the token, if one is configured. `/healthz` requires none, because it reveals nothing.
async fn authenticate(State(shown): State<Monitoring>, request: Request, next: Next) -> Response {
    let Some(expected) = &shown.token_sha256 else { return next.run(request).await };
    match auth::bearer(request.headers()) {
        Some(token) if token_hash(token) == **expected => next.run(request).await,
        _ => Problem::unauthenticated().into_response(),
    }
}

/// Reports whether the process can work: the store answers, and the worker's parts run.
async fn readyz(State(shown): State<Monitoring>) -> Response {
    let (ready, report) = shown.liveness.report(shown.store.as_ref()).await;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(report)).into_response()
}

/// Returns the metrics in Prometheus format.
async fn metrics(State(shown): State<Monitoring>) -> Response {
    let text = shown.metrics.render();
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    std::future::ready(([(header::CONTENT_TYPE, kind)], text).into_response()).await
}
