//! F126: however much is asked at once, it is bounded, and the process says that it lives.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, future::join_all, stream};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::manager::{Kind, LONG, Process, Setup, sha256, token};

/// As the program has it: requests of all, and of one user.
const REQUESTS: usize = 256;
const OF_A_USER: usize = 64;

/// Lets the test itself have as many connections as it needs.
pub(crate) fn raise_own_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
}

pub(crate) async fn connect(process: &Process) -> TcpStream {
    let address = process.address.unwrap();
    let connected = tokio::time::timeout(LONG * 2, TcpStream::connect(address)).await;
    connected.expect("in time").expect("a connection")
}

/// Asks for a path over a connection of its own, and answers with the head and what came with it.
pub(crate) async fn ask(process: &Process, path: &str) -> String {
    ask_over(connect(process).await, path).await
}

/// The same over this connection.
pub(crate) async fn ask_over(mut stream: TcpStream, path: &str) -> String {
    let head =
        format!("GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n", token("ada"));
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while !answer.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(read) => answer.extend_from_slice(&buffer[..read]),
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// A request of a user's whose body never comes holds one place.
pub(crate) async fn hold(process: &Process, user: &str) -> TcpStream {
    let mut stream = connect(process).await;
    let head = format!(
        "POST /api/v1/jobs HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: 100\r\n\r\n{{",
        token(user)
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// What a held request was answered; nothing as long as it is held.
pub(crate) fn answered(stream: &TcpStream) -> String {
    let mut buffer = [0; 1024];
    let read = stream.try_read(&mut buffer).unwrap_or(0);
    String::from_utf8_lossy(&buffer[..read]).into_owned()
}

/// A configuration with so many more operators.
pub(crate) fn with_operators(setup: &Setup, count: usize) -> Vec<String> {
    use std::fmt::Write as _;
    let (mut text, mut names) = (setup.configuration(), Vec::new());
    let hosts = text.find("[[hosts]]").unwrap();
    let mut users = String::new();
    for number in 0..count {
        let (name, hash) = (format!("user-{number}"), sha256(&token(&format!("user-{number}"))));
        let _ = write!(
            users,
            "[[users]]\nname = \"{name}\"\nrole = \"operator\"\ntoken_sha256 = \"{hash}\"\n"
        );
        names.push(name);
    }
    text.insert_str(hosts, &users);
    setup.write("manager.toml", &text);
    names
}

/// What goes beyond the requests that are worked on is refused at once, and told when to come back.
/// Administrators are let in, and whoever asks whether the process works (F254).
#[tokio::test(flavor = "multi_thread")]
async fn f126_f254_requests_beyond_the_bound_are_told_to_come_back() {
    raise_own_limit();
    let setup = Setup::new(Kind::Sqlite).await;
    let users = with_operators(&setup, REQUESTS / OF_A_USER);
    let manager = setup.start("serve");
    let api = setup.client(&manager, "rita");
    let user = |number: usize| &users[number / OF_A_USER];
    let mut held = join_all((0..REQUESTS).map(|number| hold(&manager, user(number)))).await;
    let started = Instant::now();
    let refused = loop {
        let answer = api.get("/api/v1/hosts").await;
        if answer.status == 503 {
            break answer;
        }
        assert!(started.elapsed() < LONG, "{:?}", held.iter().map(answered).collect::<Vec<_>>());
        // One that was answered, on a machine that is busy, holds no place any more.
        for (number, stream) in held.iter_mut().enumerate() {
            if !answered(stream).is_empty() {
                *stream = hold(&manager, user(number)).await;
            }
        }
    };
    assert!(refused.headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() >= 1);
    refused.problem(503, "overloaded");
    for path in ["/", "/api/v1/nothing"] {
        api.get(path).await.problem(503, "overloaded");
    }
    api.post("/api/v1/jobs", json!({"host_ids": setup.hosts})).await.problem(503, "overloaded");
    assert_eq!(api.get("/healthz").await.text, "ok\n");
    for path in ["/readyz", "/metrics"] {
        let status = api.get(path).await;
        assert!(!status.text.contains("overloaded"), "{path}: {status:?}");
    }
    setup.client(&manager, "ada").get("/api/v1/hosts").await.expect(200);
    drop(held);
    api.until("/api/v1/hosts", |list| list["hosts"].is_array()).await;
}

/// Idle connections are as many as the process can afford, and go after a while; event streams leave
/// room for everything else, and one user's leave room for those of others (F254).
#[tokio::test(flavor = "multi_thread")]
async fn f126_f254_connections_and_streams_are_bounded() {
    const FILES: u32 = 256;
    const PLACES: usize = FILES as usize / 2;
    const OF_A_USER: usize = PLACES / 2 / 8;
    raise_own_limit();
    let setup = Setup::new(Kind::Sqlite).await;
    let users = with_operators(&setup, 10);
    let manager = setup.start_with_files("serve", FILES);
    let api = setup.client(&manager, "ada");
    let before = manager.descriptors();
    let (mut streams, mut of_users) = (Vec::new(), Vec::new());
    for user in &users {
        let (user, count) = (setup.client(&manager, user), streams.len());
        let full = loop {
            let stream = user.stream("/api/v1/events").await;
            if !stream.status().is_success() {
                break stream;
            }
            streams.push(stream);
            assert!(streams.len() <= PLACES / 2, "more streams than half of the connections");
        };
        assert_eq!(full.status().as_u16(), 503);
        assert!(full.text().await.unwrap().contains("too_many_streams"));
        of_users.push(streams.len() - count);
        user.get("/api/v1/hosts").await.expect(200);
    }
    assert_eq!(
        of_users,
        [
            OF_A_USER, OF_A_USER, OF_A_USER, OF_A_USER, OF_A_USER, OF_A_USER, OF_A_USER, OF_A_USER,
            0, 0
        ]
    );
    drop(streams);

    let mut idle = Vec::new();
    for _ in 0..PLACES * 2 {
        idle.push(connect(&manager).await);
    }
    let answered = Instant::now();
    let answer = ask(&manager, "/healthz").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answered.elapsed() < LONG, "{:?}", answered.elapsed());
    let held = manager.descriptors();
    assert!(held <= before + PLACES + 16, "{held} descriptors, {before} before");
    drop(idle);
    api.until("/api/v1/hosts", |list| list["hosts"].is_array()).await;
    assert!(!manager.logs().contains("Too many open files"), "{}", manager.logs());
}

/// Thousands of clients at once: each gets an answer, and neither memory nor descriptors follow their
/// number. 10,000 of them with `HEALTHGATE_LONG=1`.
#[tokio::test(flavor = "multi_thread")]
async fn f126_a_flood_of_parallel_requests_is_answered_within_bounds() {
    const FILES: u32 = 512;
    let clients = if std::env::var_os("HEALTHGATE_LONG").is_some() { 10_000 } else { 800 };
    raise_own_limit();
    let setup = Setup::new(Kind::Sqlite).await;
    let manager = setup.start_with_files("serve", FILES);
    let api = setup.client(&manager, "ada");
    api.until("/readyz", |report| report["status"] == "ready").await;
    let (before, memory) = (manager.descriptors(), manager.memory("VmRSS"));
    let left = AtomicUsize::new(clients);
    // Never more at once than the kernel keeps waiting for a listener: it drops the rest by itself.
    let flood = stream::iter(0..clients).map(|_| async {
        let answer = ask(&manager, "/api/v1/hosts").await;
        left.fetch_sub(1, Ordering::Relaxed);
        answer
    });
    let flood = flood.buffer_unordered(1_000).collect::<Vec<_>>();
    let watch = async {
        let (mut most, mut asked, mut slowest) = (0, 0, Duration::ZERO);
        while left.load(Ordering::Relaxed) > 0 {
            most = most.max(manager.descriptors());
            let started = Instant::now();
            let alive = ask(&manager, "/healthz").await;
            assert!(alive.starts_with("HTTP/1.1 200 "), "{alive}");
            (asked, slowest) = (asked + 1, slowest.max(started.elapsed()));
        }
        (most, asked, slowest)
    };
    let started = Instant::now();
    let (answers, (most, asked, slowest)) = tokio::join!(flood, watch);
    let count = |start: &str| answers.iter().filter(|answer| answer.starts_with(start)).count();
    let (done, refused) = (count("HTTP/1.1 200 "), count("HTTP/1.1 503 "));
    assert_eq!(done + refused, clients, "everybody gets an answer");
    for answer in answers.iter().filter(|answer| answer.starts_with("HTTP/1.1 503 ")) {
        assert!(answer.contains("retry-after: "), "{answer}");
    }
    assert!(done > 0 && asked > 0);
    assert!(most <= before + FILES as usize / 2 + 16, "{most} descriptors, {before} before");
    let grown = manager.memory("VmHWM").saturating_sub(memory);
    assert!(grown < 64 * 1024, "{grown} KiB more than before");
    println!(
        "{clients} clients in {:?}: {done} done, {refused} refused, {most} descriptors, {grown} KiB \
         more; /healthz {asked} times, {slowest:?} at most",
        started.elapsed()
    );
    api.until("/api/v1/hosts", |list| list["hosts"].is_array()).await;
}
