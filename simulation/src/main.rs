//! Runs seeds, or prints the story of one.

use std::{
    hash::{BuildHasher, RandomState},
    process::ExitCode,
    time::Instant,
};

use clap::Parser;
use healthgate_simulation::{Counts, Event, Report, simulate, simulate_each};

/// Runs seeded worlds and checks them against the rules. Exits with 1 if a rule is broken.
#[derive(Parser)]
struct Arguments {
    /// The number of seeds.
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// The number of simulated days of each world.
    #[arg(long, default_value_t = 3)]
    days: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Draw the first seed at random and print it.
    #[arg(long, conflicts_with = "first")]
    random: bool,
    /// Print the story of this seed only.
    #[arg(long, conflicts_with_all = ["first", "random", "seeds"])]
    seed: Option<u64>,
    /// The number of threads.
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

/// Prints the story of one seed, after running it twice with the same result.
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
    let broken = print_violation(&report);
    if broken { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn run(arguments: &Arguments) -> ExitCode {
    let started = Instant::now();
    let first = if arguments.random { random_seed() } else { arguments.first };
    let seeds = first..first.saturating_add(arguments.seeds);
    println!("seeds {first} to {}", seeds.end.saturating_sub(1));
    let mut figures = Figures::default();
    simulate_each(seeds, arguments.days, arguments.threads, |report| figures.add(&report));
    figures.print();
    println!("{:.1} s", started.elapsed().as_secs_f64());
    println!("{} violations", figures.broken);
    if figures.broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Returns a random seed that is short enough to type.
fn random_seed() -> u64 {
    RandomState::new().hash_one(std::process::id()) % 1_000_000_000
}

/// The totals of all seeds.
#[derive(Default)]
struct Figures {
    counts: Counts,
    seeds: u64,
    days: u64,
    gates: u64,
    dispatches: u64,
    broken: u64,
}

impl Figures {
    /// Adds a seed, and immediately prints the rule that it broke.
    fn add(&mut self, report: &Report) {
        self.counts.merge(&report.counts);
        self.seeds += 1;
        self.days += report.days;
        self.gates += report.gates;
        self.dispatches += report.dispatches;
        self.broken += u64::from(print_violation(report));
    }

    fn print(&self) {
        for event in Event::ALL {
            println!("{:>10}  {}", self.counts.of(*event), event.as_str());
        }
        println!("{} seeds, {} simulated days", self.seeds, self.days);
        println!("{} gates, {} passes spent", self.gates, self.dispatches);
    }
}

/// Prints the rule that a seed broke, and returns whether there is one.
fn print_violation(report: &Report) -> bool {
    if let Some(violation) = &report.violation {
        println!("seed {}: {violation}", report.seed);
    }
    report.violation.is_some()
}
