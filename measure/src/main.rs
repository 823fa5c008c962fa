//! Measures the library beside other checkers and over a real database.
//!
//! `scripts/bench-peers` runs it. A scenario is named on the command line; the figures are lines of columns
//! with tabs between them: the row of `docs/benchmarks.md`, the subject, the figure, the ratio, the goal.

mod bare;
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

use std::{error::Error, process::ExitCode};

use tokio::signal::unix::{SignalKind, signal};

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
    // The comparisons that build a client of reqwest with nothing configured need a process-wide provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut arguments = std::env::args().skip(1);
    let (Some(scenario), size) = (arguments.next(), arguments.next()) else {
        return Err(
            format!("usage: healthgate-measure SCENARIO [SIZE]; {}", scenarios::NAMES).into()
        );
    };
    let size = size.map(|size| size.parse()).transpose()?;
    // One thread, as the poller is one future.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut stop = signal(SignalKind::terminate())?;
        tokio::select! {
            done = scenarios::run(&scenario, size) => done,
            // Servers end with the scenario's values, which are dropped here.
            _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
            _ = stop.recv() => Err("terminated".into()),
        }
    })
}
