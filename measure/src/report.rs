//! Lines of figures: one for each, with tabs between the columns.

use std::{fmt::Display, fs, io::Write, process::Command};

/// The goal of a ratio or figure.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// At most this.
    AtMost(f64),
    /// At least this.
    AtLeast(f64),
}

impl Goal {
    /// Returns whether a value reaches the goal, in words.
    fn judge(self, value: f64) -> String {
        let (reached, words) = match self {
            Self::AtMost(most) => (value <= most, format!("at most {most}")),
            Self::AtLeast(least) => (value >= least, format!("at least {least}")),
        };
        format!("{words}: {}", if reached { "reached" } else { "missed" })
    }
}

/// Prints a line: row, subject, figure, ratio, goal. Columns without a value hold a dash.
pub(crate) fn line(
    row: &str,
    what: &str,
    figure: impl Display,
    ratio: Option<f64>,
    goal: Option<Goal>,
) {
    let shown = ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}x"));
    let goal = match (ratio, goal) {
        (Some(ratio), Some(goal)) => goal.judge(ratio),
        _ => "-".to_owned(),
    };
    print(&format!("{row}\t{what}\t{figure}\t{shown}\t{goal}"));
}

/// Prints a line whose goal is about the figure itself.
pub(crate) fn figure(row: &str, what: &str, value: f64, unit: &str, goal: Option<Goal>) {
    let goal = goal.map_or_else(|| "-".to_owned(), |goal| goal.judge(value));
    print(&format!("{row}\t{what}\t{value:.2} {unit}\t-\t{goal}"));
}

/// Returns the machine in words.
pub(crate) fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, Into::into);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let rustc = Command::new("rustc").arg("--version").output();
    let rustc = rustc.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let rustc = rustc.unwrap_or_else(|_| "no rustc".to_owned());
    format!("{cores} cores, Linux {}, {rustc}", kernel.trim())
}

/// Returns the averages of the load over 1, 5 and 15 minutes.
pub(crate) fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// Prints a comment.
pub(crate) fn note(text: &str) {
    print(&format!("# {text}"));
}

fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    // Nobody reads on. The next measurement ends all the same, and its servers with it.
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Returns the median.
pub(crate) fn median(values: &[f64]) -> f64 {
    percentile(values, 0.5)
}

/// Returns the largest of the values in units of the smallest.
pub(crate) fn spread(values: &[f64]) -> f64 {
    percentile(values, 1.0) / percentile(values, 0.0)
}

/// Returns the value below which this share of the values lies, by the nearest rank; 0 without values.
pub(crate) fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_ignores_the_order_and_one_round_that_was_disturbed() {
        assert_eq!(median(&[3.0, 900.0, 1.0, 2.0, 4.0]), 3.0);
        assert_eq!(median(&[]), 0.0);
    }

    #[test]
    fn the_99th_percentile_of_a_hundred_values_is_the_last_but_one() {
        let values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(percentile(&values, 0.99), 99.0);
        assert_eq!(percentile(&values, 1.0), 100.0);
    }

    #[test]
    fn a_spread_is_the_same_in_any_order() {
        assert_eq!(spread(&[4.0, 5.0, 6.0]), 1.5);
        assert_eq!(spread(&[6.0, 4.0]), 1.5);
        assert_eq!(spread(&[7.0]), 1.0);
    }

    #[test]
    fn a_goal_is_reached_at_its_bound_and_missed_beyond() {
        assert_eq!(Goal::AtMost(1.25).judge(1.25), "at most 1.25: reached");
        assert_eq!(Goal::AtMost(1.25).judge(1.26), "at most 1.25: missed");
        assert_eq!(Goal::AtLeast(5.0).judge(4.9), "at least 5: missed");
    }
}
