//! Metrics through the facade of the `metrics` crate.
//!
//! They need the feature `metrics`; without it, none of their code is compiled.
//!
//! [`METRICS`] lists all metrics, and `docs/operations.md` explains them. Install a recorder, then call
//! [`describe`] once.
//!
//! Histograms are in seconds. The recorder defines their buckets: set buckets for every name that ends in
//! `_seconds`, at least up to the timeout of a check. `docs/embedding.md` shows this for
//! `metrics-exporter-prometheus`, which exports summaries otherwise.

mod clock_offset;
mod metric;
#[cfg(not(feature = "metrics"))]
#[path = "no_sink.rs"]
mod sink;
#[cfg(feature = "metrics")]
mod sink;

pub use self::metric::{METRICS, Metric, MetricKind, Unit};
pub(crate) use self::{clock_offset::ClockOffset, metric::*};

/// The labels of one measurement, each with a value from a closed set.
pub(crate) type Labels<'a> = &'a [(&'static str, &'static str)];

/// The loop that a measurement comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Part {
    /// The poller.
    Poll,
    /// The gate runner.
    Gate,
}

impl Part {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Poll => "poll",
            Self::Gate => "gate",
        }
    }
}

/// Registers the meaning and unit of each metric with the recorder.
pub fn describe() {
    METRICS.iter().copied().for_each(sink::describe);
}

impl Metric {
    /// Adds to a counter.
    pub(crate) fn add(&self, count: u64, labels: Labels<'_>) {
        sink::add(self.name, count, labels);
    }

    /// Sets a gauge.
    pub(crate) fn set(&self, value: f64, labels: Labels<'_>) {
        sink::set(self.name, value, labels);
    }

    /// Adds to a gauge, or subtracts from it.
    pub(crate) fn shift(&self, by: f64, labels: Labels<'_>) {
        sink::shift(self.name, by, labels);
    }

    /// Records a measurement in a histogram.
    pub(crate) fn record(&self, value: f64, labels: Labels<'_>) {
        sink::record(self.name, value, labels);
    }
}

/// One worker's part of a gauge that sums over all workers of the process.
///
/// It subtracts its part from the gauge when dropped.
#[derive(Debug)]
pub(crate) struct Level {
    metric: &'static Metric,
    now: usize,
}

impl Level {
    pub(crate) const fn new(metric: &'static Metric) -> Self {
        Self { metric, now: 0 }
    }

    pub(crate) fn set(&mut self, value: usize) {
        if value != self.now {
            self.metric.shift(float(value) - float(self.now), &[]);
            self.now = value;
        }
    }
}

impl Drop for Level {
    fn drop(&mut self) {
        self.set(0);
    }
}

/// Converts a count. The result is exact up to `u32::MAX`.
fn float(value: usize) -> f64 {
    f64::from(u32::try_from(value).unwrap_or(u32::MAX))
}
