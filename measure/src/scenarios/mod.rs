//! The scenarios by name.

mod against_peers;
mod growth;
mod job;
mod load;
mod memory;
mod place;
mod poller;
mod runner;

use std::path::Path;

use crate::{Outcome, report};

/// The names, for people.
pub(crate) const NAMES: &str = "scenarios: runner, peers, haproxy, memory-http, memory-service, poller, growth, sustained, highest, dead, half-dead, job";

/// The number of rounds of each candidate.
const ROUNDS: usize = 7;

/// Runs a scenario. `size` scales it, with its own meaning and default. A scenario that draws writes its
/// charts to the folder `charts`.
pub(crate) async fn run(name: &str, size: Option<usize>, charts: Option<&Path>) -> Outcome<()> {
    report::note(&format!("{}, load {}", report::machine(), report::load()));
    match name {
        "runner" => runner::run(size.unwrap_or(5_000)).await?,
        "peers" => against_peers::programs(size.unwrap_or(2_000)).await?,
        "haproxy" => against_peers::haproxy(size.unwrap_or(4)).await?,
        "memory-http" => memory::http(size.unwrap_or(2_000)).await?,
        "memory-service" => memory::service(size.unwrap_or(2_000)).await?,
        "poller" => poller::run(size.unwrap_or(1_000)).await?,
        "growth" => growth::run(size.unwrap_or(1_000_000), charts).await?,
        "sustained" => load::sustained(size.unwrap_or(60)).await?,
        "highest" => load::highest(size.unwrap_or(20_000)).await?,
        "dead" => load::dead("B9", size.unwrap_or(10_000), 0.2).await?,
        "half-dead" => load::dead("B19", size.unwrap_or(10_000), 0.5).await?,
        "job" => job::run(size.unwrap_or(10_000)).await?,
        _ => return Err(format!("no scenario `{name}`; {NAMES}").into()),
    }
    report::note(&format!("load at the end {}", report::load()));
    Ok(())
}
