//! `kill -9` at every named point.

use std::{
    collections::BTreeSet,
    os::unix::process::ExitStatusExt,
    process::Output,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use healthgate::testing::{Moment, Operation};

use crate::crash::{place::Place, point::Point, verify::verify};

const WORKER: &str = "crash::life::worker";
/// The number of lives at a time.
const LIVES: usize = 6;

/// Before and after every call that writes; in the middle of each kind of transaction; and the second
/// and third time of calls that a life makes several times with different meaning.
fn points() -> Vec<Point> {
    let calls = Operation::ALL.iter().filter(|call| call.writes()).flat_map(|call| {
        [Moment::Before, Moment::After].map(|moment| Point::new(Point::of_call(moment, *call), 1))
    });
    let within = [
        ("within:check_written", 1),
        ("within:check_deleted", 1),
        ("within:pass_spent", 1),
        ("within:audited", 1),
        ("within:audited", 7),
    ];
    let again = [
        ("after:insert_check", 3),
        ("after:complete_hosts", 2),
        ("after:settle_gates", 2),
        ("before:settle_gates", 3),
        ("after:settle_gates", 3),
        ("after:settle_gates", 4),
        ("after:claim_gates", 3),
        ("before:spend_pass", 2),
        ("after:spend_pass", 2),
        ("after:insert_canary", 2),
        ("before:replace_secret", 2),
        ("after:replace_secret", 2),
    ];
    let named = within.into_iter().chain(again).map(|(name, nth)| Point::new(name, nth));
    calls.chain(named).collect()
}

fn texts(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}\n{}{}", output.status, text(&output.stdout), text(&output.stderr))
}

/// One life that is cut at a point and goes on.
fn cut_at(point: &Point, place: &Place) -> Result<(), String> {
    let first = place.run(WORKER, Some(point), Duration::ZERO);
    if first.status.signal() != Some(9) {
        return Err(format!("{point}: it was not killed there: {}", texts(&first)));
    }
    let later = place.let_two_minutes_pass();
    let second = place.run(WORKER, None, later);
    if !second.status.success() || place.logged().last().is_none_or(|line| line != "ended") {
        return Err(format!("{point}: it did not go on: {}", texts(&second)));
    }
    verify(place).map_err(|wrong| format!("{point}: {wrong}"))
}

/// Several lives at a time, which mostly wait, to the end of the list; answers with what went wrong.
fn cut_at_all(points: &[Point], make: fn() -> Place) -> Vec<String> {
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..LIVES {
            scope.spawn(|| {
                while let Some(point) = points.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(message) = cut_at(point, &make()) {
                        wrong.lock().unwrap().push(message);
                    }
                }
            });
        }
    });
    wrong.into_inner().unwrap()
}

fn a_whole_life(place: &Place) {
    let only = place.run(WORKER, None, Duration::ZERO);
    let ended = place.logged().contains(&"ended".to_owned());
    assert!(only.status.success() && ended, "{}", texts(&only));
    verify(place).unwrap();
}

/// Each point once; with `HEALTHGATE_LONG=1` each twenty times.
fn cut_everywhere(make: fn() -> Place) {
    let points = points();
    let names: BTreeSet<String> = points.iter().map(ToString::to_string).collect();
    assert!(names.len() == points.len() && points.len() >= 25, "{} points", points.len());
    let times = if std::env::var_os("HEALTHGATE_LONG").is_some() { 20 } else { 1 };
    for _ in 0..times {
        let wrong = cut_at_all(&points, make);
        assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), points.len(), wrong.join("\n"));
    }
}

mod sqlite {
    use super::{Place, a_whole_life, cut_everywhere};

    #[test]
    fn a_life_without_a_cut_is_as_it_must_be() {
        a_whole_life(&Place::on_sqlite());
    }

    /// F23, F66, F84: no lost check, no stuck gate, no double pass, no half rotation.
    #[test]
    fn f23_f84_a_worker_killed_at_any_named_point_loses_and_doubles_nothing() {
        cut_everywhere(Place::on_sqlite);
    }
}

#[cfg(feature = "postgres")]
mod postgres {
    use super::{Place, a_whole_life, cut_everywhere};

    #[test]
    fn a_life_without_a_cut_is_as_it_must_be() {
        a_whole_life(&Place::on_postgres());
    }

    /// F23, F66, F84, as on SQLite.
    #[test]
    fn f23_f84_a_worker_killed_at_any_named_point_loses_and_doubles_nothing() {
        cut_everywhere(Place::on_postgres);
    }
}
