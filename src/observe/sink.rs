//! The sink that sends measurements to the application's recorder.

use super::{Labels, Metric, MetricKind, Unit};

pub(super) fn describe(metric: &Metric) {
    let unit = match metric.unit {
        Unit::Seconds => metrics::Unit::Seconds,
        Unit::Count => metrics::Unit::Count,
    };
    match metric.kind {
        MetricKind::Counter => metrics::describe_counter!(metric.name, unit, metric.meaning),
        MetricKind::Gauge => metrics::describe_gauge!(metric.name, unit, metric.meaning),
        MetricKind::Histogram => metrics::describe_histogram!(metric.name, unit, metric.meaning),
    }
}

pub(super) fn add(name: &'static str, count: u64, labels: Labels<'_>) {
    metrics::counter!(name, labels).increment(count);
}

pub(super) fn set(name: &'static str, value: f64, labels: Labels<'_>) {
    metrics::gauge!(name, labels).set(value);
}

pub(super) fn shift(name: &'static str, by: f64, labels: Labels<'_>) {
    metrics::gauge!(name, labels).increment(by);
}

pub(super) fn record(name: &'static str, value: f64, labels: Labels<'_>) {
    metrics::histogram!(name, labels).record(value);
}
