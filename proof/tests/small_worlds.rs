//! The everyday form of the proof. `scripts/prove` searches the whole worlds.

use std::{io::Write, time::Duration};

use healthgate::testing::Operation;
use healthgate_proof::{Action, Configuration, Label, Outcome, Sight, TaskId, replay, search};

/// No rule is broken in any state of the small worlds, every state is looked at, and what the rules speak of
/// happens.
///
/// Shows G2, G5, G9, G10, G14, G16 to G18, G21, G25 to G29, G33, G35, L1, L5, L7, L10, R1 to R3, R7 and V1 to
/// V6 for these worlds.
#[test]
fn no_state_of_a_small_world_breaks_a_rule() {
    let mut faults = Vec::new();
    for configuration in Configuration::all(false) {
        let report = search(&configuration, 2, Duration::from_secs(600));
        let name = report.name;
        // Past the capture of the test's output: how long the worlds take.
        let _ = writeln!(
            std::io::stderr(),
            "proof: {name}: {} states, {:.1} s",
            report.unique,
            report.took.as_secs_f64()
        );
        match &report.violation {
            Some((rule, path)) => faults.push(format!("{name}: {rule}\n{}", path.join("\n"))),
            None if !report.is_complete => faults.push(format!("{name}: the search did not end")),
            None => {}
        }
        if !report.unseen.is_empty() {
            faults.push(format!("{name}: it never happened: {}", report.unseen.join(", ")));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// F285: an executor looks at its pass, and is slow to spend it. Meanwhile an exempt job changes the host
/// and is done. The search found this way to a host that was changed on checks from before that.
#[test]
fn f285_a_pass_is_refused_whose_spender_was_slower_than_another_change() {
    let go = |task, operation| Action::Go(task, 0, Label::Call(operation), Outcome::Answered);
    let look = || {
        let worker = TaskId::Worker(0);
        [go(worker, Operation::HostChanges), go(worker, Operation::SettleGates)]
    };
    let (slow, exempt) = (TaskId::Executor(0), TaskId::Executor(1));
    let mut path = Vec::from(look());
    path.push(Action::Advance);
    path.extend(look());
    path.extend([
        Action::Spend(0),
        go(slow, Operation::HostChanges),
        Action::Spend(1),
        go(exempt, Operation::HostChanges),
        go(exempt, Operation::SpendPass),
        Action::End(1, 0),
        go(slow, Operation::SpendPass),
    ]);
    let configurations = Configuration::all(false);
    let one_host = configurations.iter().find(|configuration| configuration.name == "one-host");
    let (violation, sights) = replay(one_host.expect("a configuration"), &path);
    assert_eq!(violation, None);
    let has = |sight: Sight| sights & sight.bit() != 0;
    assert!(has(Sight::Refusal), "the slow spending is refused");
    assert!(has(Sight::Renewal), "its gate waits again at once");
}
