//! A small patch manager that embeds healthgate: hosts, users, maintenance windows, jobs, a worker, and
//! a web process, as one program or as separate processes on Postgres.

mod announce;
mod app;
mod audit;
mod cli;
mod commands;
mod config;
mod database;
#[cfg(feature = "demo")]
mod demo;
mod directory;
mod error;
mod hook;
mod keys;
mod process;
mod serve;
mod sources;
mod telemetry;
mod web;
mod worker;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    telemetry::log(cli.log_format);
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the runtime cannot be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(commands::run(cli.command));
    // Remaining threads, such as one that resolves a name, do not delay the exit.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {}", failure.line());
            ExitCode::FAILURE
        }
    }
}
