//! Runs seeds, or tells the story of one.

use std::{process::ExitCode, time::Instant};

use clap::Parser;
use healthgate_simulation::{Counts, Event, Report, simulate, simulate_all};

/// Runs seeded worlds and holds them against the rules. Ends with 1 where a rule was broken.
#[derive(Parser)]
struct Arguments {
    /// How many seeds.
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// How many simulated days each.
    #[arg(long, default_value_t = 3)]
    days: u64,
    /// The first seed; without `--seeds` the only one, and its story is told.
    #[arg(long)]
    seed: Option<u64>,
    /// How many threads.
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.seed {
        Some(seed) => tell(seed, arguments.days),
        None => run(&arguments),
    }
}

/// Tells the story of one seed, twice run and found the same.
fn tell(seed: u64, days: u64) -> ExitCode {
    let report = simulate(seed, days, true);
    for line in &report.story {
        println!("{line}");
    }
    let again = simulate(seed, days, false);
    println!("\nseed {seed}, {days} days: hash {:016x}", report.hash);
    if again.hash != report.hash {
        println!("NOT THE SAME AGAIN: hash {:016x}", again.hash);
        return ExitCode::FAILURE;
    }
    verdict(&[report])
}

fn run(arguments: &Arguments) -> ExitCode {
    let started = Instant::now();
    let reports = simulate_all(0..arguments.seeds, arguments.days, arguments.threads);
    print_figures(&reports);
    println!("{:.1} s", started.elapsed().as_secs_f64());
    verdict(&reports)
}

fn print_figures(reports: &[Report]) {
    let mut counts = Counts::default();
    reports.iter().for_each(|report| counts.merge(&report.counts));
    for event in Event::ALL {
        println!("{:>10}  {}", counts.of(*event), event.as_str());
    }
    let sum = |of: fn(&Report) -> u64| reports.iter().map(of).sum::<u64>();
    println!("{} seeds, {} simulated days", reports.len(), sum(|report| report.days));
    println!(
        "{} gates, {} passes spent",
        sum(|report| report.gates),
        sum(|report| report.dispatches)
    );
}

fn verdict(reports: &[Report]) -> ExitCode {
    let mut broken = 0;
    for report in reports {
        if let Some(violation) = &report.violation {
            println!("seed {}: {violation}", report.seed);
            broken += 1;
        }
    }
    println!("{broken} violations");
    if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
