//! Measures several candidates in turns, so that the load of the machine meets all alike.

use std::time::Duration;

use async_trait::async_trait;

use crate::{Outcome, report};

/// Something that runs checks and says what they cost.
#[async_trait(?Send)]
pub(crate) trait Candidate {
    /// Returns the name for people.
    fn name(&self) -> String;

    /// Runs one round and returns the processor time of the checking process for a check.
    async fn round(&mut self) -> Outcome<Duration>;
}

/// The medians of all candidates, in microseconds, in their order.
pub(crate) struct Medians(Vec<(String, f64)>);

/// Runs a round of each candidate to warm up, and then this number of rounds of each, in turns.
pub(crate) async fn take_turns(
    rounds: usize,
    candidates: &mut [Box<dyn Candidate>],
) -> Outcome<Medians> {
    let mut spent = vec![Vec::new(); candidates.len()];
    for round in 0..=rounds {
        for (candidate, spent) in candidates.iter_mut().zip(&mut spent) {
            let cost = candidate
                .round()
                .await
                .map_err(|error| format!("{}: {error}", candidate.name()))?;
            if round > 0 {
                spent.push(cost.as_secs_f64() * 1e6);
            }
        }
    }
    let medians = candidates.iter().zip(&spent).map(|(candidate, spent)| {
        let (name, figure) = (candidate.name(), report::median(spent));
        let lowest = report::percentile(spent, 0.0);
        let highest = report::percentile(spent, 1.0);
        let what = format!("{figure:.1} µs a check ({lowest:.1} to {highest:.1})");
        report::line("", &name, what, None, None);
        (name, figure)
    });
    Ok(Medians(medians.collect()))
}

impl Medians {
    /// Returns a candidate's median in microseconds.
    pub(crate) fn of(&self, index: usize) -> f64 {
        self.0[index].1
    }

    /// Prints the ratio of two candidates.
    pub(crate) fn compare(&self, row: &str, index: usize, base: usize, goal: Option<report::Goal>) {
        let (name, figure) = &self.0[index];
        let (base_name, base) = &self.0[base];
        let what = format!("{name}, against {base_name}");
        report::line(row, &what, format!("{figure:.1} of {base:.1} µs"), Some(figure / base), goal);
    }
}
