//! The everyday form of the simulation: 100 worlds of three days. With `HEALTHGATE_LONG=1` there are
//! 2,000 of ten days; `scripts/simulate` runs any number, and tells the story of one.

use healthgate_simulation::{Counts, Event, simulate, simulate_all};

/// No rule is broken in any world, and everything that the worlds do to the system happened.
///
/// Shows G2 to G34 where they concern more than one decision, L1 to L10, and F01 to F03, F07, F08, F11
/// to F14, F16 to F22, F24 to F27, F29, F31, F32, F36, F40, F51, F53, F54, F64 to F66, F69 and F70.
#[test]
fn no_world_breaks_a_rule() {
    let long = std::env::var_os("HEALTHGATE_LONG").is_some();
    let (seeds, days) = if long { (2_000, 10) } else { (100, 3) };
    let reports = simulate_all(0..seeds, days, 2);
    let mut counts = Counts::default();
    for report in &reports {
        let violation = report.violation.as_ref().map(ToString::to_string).unwrap_or_default();
        let replay = format!("scripts/simulate --seed {} --days {days}", report.seed);
        assert!(violation.is_empty(), "{violation}\nreplay it: {replay}");
        counts.merge(&report.counts);
    }
    for event in Event::ALL {
        assert!(counts.of(*event) > 0, "it never happened: {}", event.as_str());
    }
    let dispatches: u64 = reports.iter().map(|report| report.dispatches).sum();
    assert!(dispatches > seeds * days, "the worlds are too hostile: {dispatches} hosts patched");
}

/// The same seed gives the same history, told or not, and another seed gives another.
#[test]
fn a_seed_is_the_same_world_every_time() {
    for seed in 0..6 {
        let told = simulate(seed, 1, true);
        assert!(told.story.len() > 1_000, "{} lines", told.story.len());
        assert_eq!(told.hash, simulate(seed, 1, false).hash, "seed {seed}");
        assert_ne!(told.hash, simulate(seed + 1_000, 1, false).hash, "seed {seed}");
    }
}
