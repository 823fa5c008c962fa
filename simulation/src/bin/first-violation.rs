//! Prints the first seed whose world breaks a rule. Ends with 1 if there is none.
//!
//! `scripts/planted-bugs` builds it from a copy of the tree that has bugs in it.

use std::process::ExitCode;

use clap::Parser;
use healthgate_simulation::simulate;

/// Prints the first seed whose world breaks a rule. Ends with 1 if there is none.
#[derive(Parser)]
struct Arguments {
    /// Seeds to try before all others.
    #[arg(long, value_delimiter = ',')]
    first: Vec<u64>,
    /// The number of seeds to try after those, from 0.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The simulated days of each world.
    #[arg(long, default_value_t = 3)]
    days: u64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    for seed in arguments.first.into_iter().chain(0..arguments.seeds) {
        if let Some(violation) = simulate(seed, arguments.days, false).violation {
            println!("seed {seed}: {violation}");
            return ExitCode::SUCCESS;
        }
    }
    ExitCode::FAILURE
}
