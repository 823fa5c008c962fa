//! B1, B2, B3: the runner against reqwest and hyper.

use std::sync::Arc;

use super::ROUNDS;
use crate::{
    Outcome,
    bare::{BareHyper, BareReqwest},
    library::{Kind, Library},
    report::{Goal, note},
    target::Target,
    turns::{Candidate, take_turns},
};

/// The number of runs in flight.
const IN_FLIGHT: usize = 64;

/// Measures rounds of this number of checks.
pub(crate) async fn run(checks: usize) -> Outcome<()> {
    let target = Arc::new(Target::start(50)?);
    note(&format!("{ROUNDS} rounds of {checks} checks, {IN_FLIGHT} runs in flight, one thread"));
    let mut http: [Box<dyn Candidate>; 2] = [
        Box::new(BareReqwest::new(&target, checks, IN_FLIGHT)?),
        Box::new(Library::new(&target, Kind::Http, checks, IN_FLIGHT)?),
    ];
    let medians = take_turns(ROUNDS, &mut http).await?;
    medians.compare("B1", 1, 0, Some(Goal::AtMost(1.25)));
    let (hosts, single) = (checks / 5, checks / 5);
    let mut service: [Box<dyn Candidate>; 4] = [
        Box::new(BareHyper::new(&target, 5, hosts, IN_FLIGHT)),
        Box::new(BareHyper::new(&target, 1, single, IN_FLIGHT)),
        Box::new(Library::new(&target, Kind::Service(5), hosts, IN_FLIGHT)?),
        Box::new(Library::new(&target, Kind::Service(1), single, IN_FLIGHT)?),
    ];
    let medians = take_turns(ROUNDS, &mut service).await?;
    medians.compare("B2", 2, 0, Some(Goal::AtMost(1.35)));
    medians.compare("B3", 2, 1, Some(Goal::AtMost(0.30)));
    medians.compare("B3", 2, 3, Some(Goal::AtMost(0.30)));
    medians.compare("", 3, 1, None);
    Ok(())
}
