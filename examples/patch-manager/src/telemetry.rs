//! Logs and metrics.

use std::io;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{EnvFilter, layer::SubscriberExt, util::SubscriberInitExt};

use crate::{cli::LogFormat, error::Failure};

/// Sends logs to standard error. `RUST_LOG` selects what is logged. The default is what an operator should
/// read.
pub(crate) fn log(format: LogFormat) {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,sqlx=warn"));
    let registry = tracing_subscriber::registry().with(filter);
    let layer = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let initialised = match format {
        // Escapes control characters (F130): one event is one line.
        LogFormat::Text => registry.with(layer.with_ansi(false)).try_init(),
        LogFormat::Json => registry.with(layer.json().flatten_event(true)).try_init(),
    };
    // A second start in the same process, as in tests, keeps the first logger.
    let _ = initialised;
}

/// Buckets of durations in seconds: from a loopback answer to the longest run.
const SECONDS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0];

/// Collects metrics for Prometheus.
///
/// # Errors
/// Fails if this process already collects metrics.
pub(crate) fn collect_metrics() -> Result<PrometheusHandle, Failure> {
    let failed = |error: metrics_exporter_prometheus::BuildError| Failure::Metrics(error.into());
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .map_err(failed)?
        .install_recorder()
        .map_err(failed)?;
    healthgate::observe::describe();
    Ok(handle)
}
