//! Measures the library beside other checkers and over a real database.
//!
//! `scripts/bench-peers` runs it. A scenario is named on the command line; the figures are lines of columns
//! with tabs between them: the row of `docs/benchmarks.md`, the subject, the figure, the ratio, the goal.
//! `--charts DIR` also draws the figures of a scenario that has a chart.

mod agents;
mod bare;
mod chart;
mod cpu;
mod database;
mod fleet;
mod haproxy;
mod library;
mod manager;
mod peers;
mod polling;
mod process;
mod report;
mod scenarios;
mod target;
mod turns;

use std::{error::Error, path::PathBuf, process::ExitCode};

use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

/// The result of anything here. An error ends the measurement.
pub(crate) type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    match measure() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Outcome<()> {
    // Warnings of the library and its parts; RUST_LOG asks for more.
    let filter =
        EnvFilter::builder().with_default_directive(LevelFilter::WARN.into()).from_env()?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    // The comparisons that build a client of reqwest with nothing configured need a process-wide provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // One thread, as the poller is one future.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [command, folder] = arguments.as_slice()
        && command == agents::COMMAND
    {
        return runtime.block_on(agents::serve(folder.as_ref()));
    }
    let wanted = Wanted::parse(arguments.into_iter())?;
    runtime.block_on(async {
        let mut stop = signal(SignalKind::terminate())?;
        tokio::select! {
            done = scenarios::run(&wanted.scenario, wanted.size, wanted.charts.as_deref()) => done,
            // Servers end with the scenario's values, which are dropped here.
            _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
            _ = stop.recv() => Err("terminated".into()),
        }
    })
}

/// What the command line asks for.
#[derive(PartialEq, Eq, Debug)]
struct Wanted {
    scenario: String,
    size: Option<usize>,
    /// The folder for charts.
    charts: Option<PathBuf>,
}

impl Wanted {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Outcome<Self> {
        let (mut charts, mut others) = (None, Vec::new());
        while let Some(argument) = arguments.next() {
            if argument == "--charts" {
                charts = Some(arguments.next().ok_or("--charts needs a folder")?.into());
            } else {
                others.push(argument);
            }
        }
        let (scenario, size) = match others.as_slice() {
            [scenario] => (scenario.clone(), None),
            [scenario, size] => (scenario.clone(), Some(size.parse()?)),
            _ => {
                let usage = "usage: healthgate-measure [--charts DIR] SCENARIO [SIZE]";
                return Err(format!("{usage}; {}", scenarios::NAMES).into());
            }
        };
        Ok(Self { scenario, size, charts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Outcome<Wanted> {
        Wanted::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn a_folder_for_charts_may_stand_anywhere_and_is_not_a_size() {
        let scenario = "growth".to_owned();
        let wanted = Wanted { scenario, size: Some(1_000), charts: Some("a/b".into()) };
        assert_eq!(parse("--charts a/b growth 1000").unwrap(), wanted);
        assert_eq!(parse("growth 1000 --charts a/b").unwrap(), wanted);
        let plain = Wanted { scenario: "growth".to_owned(), size: None, charts: None };
        assert_eq!(parse("growth").unwrap(), plain);
        for wrong in ["", "growth many", "growth 1 2", "growth --charts"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
