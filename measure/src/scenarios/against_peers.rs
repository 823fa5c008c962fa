//! B4 and HAProxy: the runner against other checkers.

use std::sync::Arc;

use super::ROUNDS;
use crate::{
    Outcome,
    haproxy::Haproxy,
    library::{Kind, Library, Paced},
    peers::{Blackbox, Once, Program, Wire},
    report::{Goal, line, note},
    target::Target,
    turns::{Candidate, Medians, take_turns},
};

/// The number of checks in a round of a program that is started for each.
const PROCESSES: usize = 100;

/// Measures blackbox_exporter with rounds of this number of checks, check_http and curl.
pub(crate) async fn programs(checks: usize) -> Outcome<()> {
    let target = Arc::new(Target::start(50)?);
    note(&format!("{ROUNDS} rounds of {checks} checks, and of {PROCESSES} processes"));
    let [blackbox_http, blackbox_tls] = Blackbox::start(&target, checks).await?;
    let once =
        |program, wire| Once { target: Arc::clone(&target), program, wire, checks: PROCESSES };
    let mut candidates: [Box<dyn Candidate>; 4] = [
        Box::new(Library::new(&target, Kind::Http, checks, 64)?),
        Box::new(blackbox_http),
        Box::new(once(Program::CheckHttp, Wire::Http)),
        Box::new(once(Program::Curl, Wire::Http)),
    ];
    let medians = take_turns(ROUNDS, &mut candidates).await?;
    cheaper(&medians, "http", &["blackbox_exporter", "check_http", "curl"], 5.0);
    let mut candidates: [Box<dyn Candidate>; 4] = [
        Box::new(Library::new(&target, Kind::Service(5), checks / 5, 64)?),
        Box::new(blackbox_tls),
        Box::new(once(Program::CheckHttp, Wire::MutualTls)),
        Box::new(once(Program::Curl, Wire::MutualTls)),
    ];
    let medians = take_turns(ROUNDS, &mut candidates).await?;
    cheaper(&medians, "service, 5 a host", &["blackbox_exporter", "check_http", "curl"], 15.0);
    Ok(())
}

/// Prints how many checks the library, the first candidate, runs in the processor time of one of each peer.
fn cheaper(medians: &Medians, kind: &str, peers: &[&str], goal: f64) {
    for (index, peer) in peers.iter().enumerate() {
        let (ours, theirs) = (medians.of(0), medians.of(index + 1));
        let what = format!("checks per CPU second ({kind}), against {peer}");
        let figure = format!("{ours:.1} and {theirs:.1} µs a check");
        let goal = (index == 0).then_some(Goal::AtLeast(goal));
        line("B4", &what, figure, Some(theirs / ours), goal);
    }
}

/// Measures HAProxy at the same rates, for this number of seconds a round.
pub(crate) async fn haproxy(seconds: usize) -> Outcome<()> {
    let target = Arc::new(Target::start(1_000)?);
    note(&format!("{ROUNDS} rounds of {seconds} s"));
    for (kind, wire, rate) in [
        (Kind::Http, Wire::Http, 1_600),
        // A rate at which a busy machine also answers within HAProxy's time limit.
        (Kind::Service(1), Wire::MutualTls, 100),
        (Kind::Service(5), Wire::MutualTls, 100),
    ] {
        let mut candidates: [Box<dyn Candidate>; 2] = [
            Box::new(Haproxy::new(&target, wire, rate, seconds)),
            Box::new(Paced::new(&target, kind, rate, seconds)?),
        ];
        let medians = take_turns(ROUNDS, &mut candidates).await?;
        medians.compare("HAProxy", 1, 0, Some(Goal::AtMost(1.0)));
    }
    Ok(())
}
