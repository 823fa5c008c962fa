//! Times of the pure functions that run most often: the decision of a gate, a host's next slot, the search of
//! a body, and sealing. `scripts/bench` runs them.

use std::time::Duration;

use divan::{Bencher, black_box, counter::BytesCount};
use healthgate::{
    checks::schedule::next_slot,
    crypto::Sealer,
    gate::decide::{Action, decide},
    model::{HostId, ReasonCode},
};
use healthgate_benches::{BodyScene, GateScene, now, secret};
use uuid::Uuid;

fn main() {
    divan::main();
}

#[divan::bench]
fn decide_five_healthy_checks(bencher: Bencher<'_, '_>) {
    let scene = GateScene::new(ReasonCode::Ok);
    assert!(matches!(decide(&scene.input()).action, Action::Pass { .. }));
    bencher.bench_local(|| decide(black_box(&scene.input())));
}

#[divan::bench]
fn decide_five_checks_one_failing(bencher: Bencher<'_, '_>) {
    let scene = GateScene::new(ReasonCode::ServiceUnhealthy);
    assert!(!matches!(decide(&scene.input()).action, Action::Pass { .. }));
    bencher.bench_local(|| decide(black_box(&scene.input())));
}

#[divan::bench]
fn next_slot_of_a_host(bencher: Bencher<'_, '_>) {
    let host = HostId::from_uuid(Uuid::from_u128(7));
    let interval = Duration::from_secs(300);
    bencher.bench_local(|| next_slot(black_box(host), interval, black_box(now())));
}

#[divan::bench]
fn search_of_256_kib(bencher: Bencher<'_, '_>) {
    let scene = BodyScene::default();
    assert!(scene.search());
    bencher.counter(BytesCount::new(BodyScene::LEN)).bench_local(|| black_box(&scene).search());
}

#[divan::bench]
fn seal(bencher: Bencher<'_, '_>) {
    let (ring, context, password) = secret();
    bencher.bench_local(|| ring.seal(black_box(&context), black_box(&password)));
}

#[divan::bench]
fn open(bencher: Bencher<'_, '_>) {
    let (ring, context, password) = secret();
    let sealed = ring.seal(&context, &password).expect("sealed");
    bencher.bench_local(|| ring.open(black_box(&context), black_box(&sealed)));
}
