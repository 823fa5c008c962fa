//! A gauge that several workers of one process share.

use super::Metric;

/// One worker's part of a gauge that is the sum over all workers of the process. What it holds is
/// taken off again when it is dropped.
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

/// Exact for every number that is counted here.
fn float(value: usize) -> f64 {
    f64::from(u32::try_from(value).unwrap_or(u32::MAX))
}
