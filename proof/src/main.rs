//! Searches the configurations, and prints one line for each.

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use healthgate_proof::{Configuration, Report, search};

/// Searches small worlds of gates to their end. Ends with 1 where a rule is broken.
#[derive(Parser)]
struct Arguments {
    /// The small worlds of the everyday test.
    #[arg(long)]
    small: bool,
    /// This configuration alone.
    #[arg(long)]
    only: Option<String>,
    /// How many threads.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// The longest that a configuration may take, in seconds.
    #[arg(long, default_value_t = 3_600)]
    seconds: u64,
    /// Stop at the first broken rule, and print its configuration and rule on one line.
    #[arg(long)]
    hunt: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let time = Duration::from_secs(arguments.seconds);
    let mut sound = true;
    for configuration in Configuration::all(!arguments.small) {
        if arguments.only.as_ref().is_some_and(|only| only != configuration.name) {
            continue;
        }
        let report = search(&configuration, arguments.threads, time);
        if arguments.hunt {
            if let Some((rule, path)) = &report.violation {
                println!("{} in {} steps: {rule}", report.name, path.len() - 1);
                return ExitCode::SUCCESS;
            }
            continue;
        }
        print(&report);
        sound &= report.violation.is_none() && report.unseen.is_empty() && report.is_complete;
    }
    if sound && !arguments.hunt { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn print(report: &Report) {
    let Report { name, states, unique, depth, took, .. } = report;
    println!(
        "{name:<14} {states:>10} states {unique:>9} unique {depth:>4} deep {:>8.1} s  {}",
        took.as_secs_f64(),
        match (&report.violation, report.unseen.is_empty(), report.is_complete) {
            (Some((rule, _)), ..) => format!("BROKEN: {rule}"),
            (None, false, _) => format!("never seen: {}", report.unseen.join(", ")),
            (None, true, false) => "NOT FINISHED".to_owned(),
            (None, true, true) => "holds".to_owned(),
        }
    );
    for line in report.violation.iter().flat_map(|(_, path)| path) {
        println!("    {line}");
    }
}
