//! Spendings that take long: what a pass may not outlive changes after it was given, and its write comes late.

use std::time::Duration;

use chrono::TimeDelta;
use healthgate::{
    clock::Clock,
    gate::{Freeze, decide::WindowAnswer},
    model::Window,
    store::{Spend, SpendRefusal},
    testing::{Fault, FaultRule, Operation},
};
use proptest::prelude::*;
use tokio_util::sync::CancellationToken;

use crate::{
    freezes::frozen,
    world::{MINUTE, World, cases},
};

/// What comes after a pass was given, and ends the time in which its host may be patched.
#[derive(Clone, Copy, Debug)]
enum Change {
    /// The window closes sooner.
    Close,
    /// A freeze is planned.
    Freeze,
}

/// In seconds: how long passes are valid; each after the one before, when the change is made, when it begins to
/// count, and when the pass is spent; how long the write of the spending takes.
#[derive(Clone, Copy, Debug)]
struct Times {
    ttl: u64,
    changed: u64,
    counts: u64,
    spent: u64,
    write: u64,
}

fn times() -> impl Strategy<Value = Times> {
    let write = prop_oneof![Just(0), 0..400_u64];
    (30..600_u64, 0..100_u64, 1..300_u64, 0..100_u64, write).prop_map(
        |(ttl, changed, counts, spent, write)| Times { ttl, changed, counts, spent, write },
    )
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![Just(Change::Close), Just(Change::Freeze)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(200), failure_persistence: None, ..ProptestConfig::default() })]

    /// No spending takes effect after the window has closed or a freeze has begun, however late the window was
    /// shortened or the freeze was planned, and however long the write takes. A refused host is patched on its next
    /// pass while there is time.
    #[test]
    fn f296_no_slow_spending_outlives_what_its_look_has_read(change in change(), times in times()) {
        let mut world = World::new();
        world.policy.pass_ttl = Duration::from_secs(times.ttl);
        let (freezes, health) = frozen(&world);
        let (runner, gate) = (world.gates_on(health.clone()), world.gate_on(health));
        let seconds = Duration::from_secs;
        world.play(runner.run(CancellationToken::new()), async {
            let host = world.host(1);
            world.check(host, "a").await;
            let request = world.request(host, MINUTE * 60);
            let pass = gate.wait(request.clone()).await.unwrap().pass.unwrap();
            world.clock.sleep(seconds(times.changed)).await;
            let over = world.now() + TimeDelta::from_std(seconds(times.counts)).unwrap();
            match change {
                Change::Close => {
                    let window = Window::new(request.window.opens_at(), over).unwrap();
                    world.windows.set(request.job_id, host, WindowAnswer::Open(window));
                }
                Change::Freeze => {
                    let until = over + TimeDelta::hours(2);
                    freezes.set(host, [Freeze::between("late", over, until).unwrap()]);
                }
            }
            world.clock.sleep(seconds(times.spent)).await;
            let (write, looked) = (seconds(times.write), world.now());
            let fault = FaultRule::new(Fault::Delay(write));
            world.store.inject(fault.with_operations([Operation::SpendPass]));
            let spend = gate.spend(&pass).await.unwrap();
            if matches!(spend, Spend::Spent(_)) {
                prop_assert!(world.now() < over, "{spend:?}, at {}, over at {over}", world.now());
                return Ok(());
            }
            let written = looked + TimeDelta::from_std(write).unwrap();
            let needless = pass.valid_until <= over && written < pass.valid_until;
            prop_assert!(!needless, "{spend:?}, of {pass:?}, over at {over}");
            world.store.heal();
            let outlives = looked < pass.valid_until && over < pass.valid_until;
            // A look of the runner.
            if outlives && over - world.now() > TimeDelta::seconds(5) {
                prop_assert_eq!(spend, Spend::Refused(SpendRefusal::Outdated));
                let next = gate.wait(request).await.unwrap().pass.unwrap();
                prop_assert!(next.valid_until <= over, "{next:?}, over at {over}");
                let spend = gate.spend(&next).await.unwrap();
                prop_assert!(matches!(spend, Spend::Spent(_)), "{spend:?}");
            }
            Ok(())
        })?;
    }
}
