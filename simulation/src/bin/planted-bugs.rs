//! Plants one bug after another and prints the seed that finds it. Ends with 1 where one is not found.
//!
//! Of use only in the build that `scripts/planted-bugs` makes: in any other there are no bugs to plant.

use std::process::ExitCode;

#[cfg(not(healthgate_planted))]
fn main() -> ExitCode {
    eprintln!("this build has no bugs in it: run scripts/planted-bugs");
    ExitCode::FAILURE
}

#[cfg(healthgate_planted)]
fn main() -> ExitCode {
    bench::run()
}

#[cfg(healthgate_planted)]
mod bench {
    use std::{
        process::ExitCode,
        sync::atomic::{AtomicUsize, Ordering},
        time::Instant,
    };

    use healthgate::planted::{Bug, Planted};
    use healthgate_simulation::{Violation, simulate};

    /// Each bug has so many worlds to show itself in …
    const SEEDS: u64 = 1_000;
    /// … of so many days each.
    const DAYS: u64 = 3;
    const THREADS: usize = 2;

    pub(super) fn run() -> ExitCode {
        let started = Instant::now();
        let (next, missed) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    while let Some(bug) = Bug::ALL.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if !hunt(*bug) {
                            missed.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        let (planted, missed) = (Bug::ALL.len(), missed.into_inner());
        let seconds = started.elapsed().as_secs();
        println!("{} of {planted} planted bugs found, in {seconds} s", planted - missed);
        if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    /// Whether some world shows the bug, and is sound without it.
    fn hunt(bug: Bug) -> bool {
        let found = (0..SEEDS).find_map(|seed| Some((seed, with(bug, seed)?)));
        let Some((seed, violation)) = found else {
            println!("{:<24} NOT FOUND in {SEEDS} seeds", format!("{bug:?}"));
            return false;
        };
        if let Some(violation) = simulate(seed, DAYS, false).violation {
            println!("{bug:?}: seed {seed} breaks a rule without it: {violation}");
            return false;
        }
        println!("{:<24} seed {seed:<4} {violation}", format!("{bug:?}"));
        true
    }

    fn with(bug: Bug, seed: u64) -> Option<Violation> {
        let _planted = Planted::new(bug);
        simulate(seed, DAYS, false).violation
    }
}
