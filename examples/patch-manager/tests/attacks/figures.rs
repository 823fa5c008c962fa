//! What the floods of this suite cost, in figures:
//! `cargo test --workspace --all-features --test blackbox -- --ignored --nocapture figures_under_attack`

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;
use tokio::{net::TcpStream, sync::watch};

use crate::{
    load::{ask, connect, hold, raise_own_limit, with_operators},
    manager::{Kind, Process, Setup, token},
};

/// Asks whether the process lives for as long as an attack goes on: how often, and the longest answer.
async fn watched<T>(manager: &Process, attack: impl Future<Output = T>) -> (T, usize, Duration) {
    let (over, mut is_over) = watch::channel(false);
    let health = async {
        let (mut asked, mut slowest) = (0, Duration::ZERO);
        loop {
            let started = Instant::now();
            let alive = ask(manager, "/healthz").await;
            assert!(alive.starts_with("HTTP/1.1 200 "), "{alive}");
            (asked, slowest) = (asked + 1, slowest.max(started.elapsed()));
            let pause = Duration::from_millis(20);
            if tokio::time::timeout(pause, is_over.wait_for(|over| *over)).await.is_ok() {
                return (asked, slowest);
            }
        }
    };
    let attack = async {
        let answer = attack.await;
        let _ = over.send(true);
        answer
    };
    let (answer, (asked, slowest)) = tokio::join!(attack, health);
    (answer, asked, slowest)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures"]
async fn figures_under_attack() {
    raise_own_limit();
    println!(
        "| attack | took | largest answer | memory before | at its peak | /healthz asked, at most |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: |");
    let row = |name: &str, started: Instant, answer: usize, manager: &Process, before, health| {
        let (asked, slowest): (usize, Duration) = health;
        println!(
            "| {name} | {:.1} s | {answer} bytes | {} MiB | {} MiB | {asked} times, {} ms |",
            started.elapsed().as_secs_f64(),
            before / 1_024,
            manager.memory("VmHWM") / 1_024,
            slowest.as_millis(),
        );
    };
    for at_once in [1, 8] {
        let setup = Setup::new(Kind::Sqlite).await;
        let manager = setup.start("serve");
        let ada = setup.client(&manager, "ada");
        for _ in 0..5 {
            ada.service_check(setup.hosts[0], "nginx").await;
        }
        let rita = setup.client(&manager, "rita");
        let body = json!({"host_ids": vec![setup.hosts[0]; 500]});
        let (before, started) = (manager.memory("VmRSS"), Instant::now());
        let previews = (0..at_once).map(|_| rita.post("/api/v1/gates/preview", body.clone()));
        let (answers, asked, slowest) = watched(&manager, join_all(previews)).await;
        let largest = answers.iter().map(|answer| answer.text.len()).max().unwrap_or(0);
        let name = format!("H1: {at_once} previews of one host 500 times at once");
        row(&name, started, largest, &manager, before, (asked, slowest));
    }
    let setup = Setup::new(Kind::Sqlite).await;
    let users = with_operators(&setup, 1);
    let manager = setup.start("serve");
    let request = format!(
        "GET /api/v1/openapi.json HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n",
        token("oscar")
    );
    let requests = request.repeat(100);
    let (before, started) = (manager.memory("VmRSS"), Instant::now());
    let unread = async {
        let attack = (0..2_177).map(async |_| {
            let stream: TcpStream = connect(&manager).await;
            let _ = stream.try_write(requests.as_bytes());
            stream
        });
        let streams = join_all(attack).await;
        // As long as it takes to cut them.
        tokio::time::sleep(Duration::from_secs(15)).await;
        streams.len()
    };
    let (streams, asked, slowest) = watched(&manager, unread).await;
    let name = format!("H3: {streams} connections that read nothing");
    row(&name, started, 0, &manager, before, (asked, slowest));
    drop(manager);
    let manager = setup.start("serve");
    let (before, started) = (manager.memory("VmRSS"), Instant::now());
    let slow = async {
        let held = join_all((0..256).map(|_| hold(&manager, &users[0]))).await;
        tokio::time::sleep(Duration::from_secs(12)).await;
        held.len()
    };
    let (held, asked, slowest) = watched(&manager, slow).await;
    let name = format!("M4: {held} bodies of one user that do not come");
    row(&name, started, 0, &manager, before, (asked, slowest));
}
