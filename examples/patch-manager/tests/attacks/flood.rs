//! Whoever asks for too much, too slowly, or reads nothing, holds up nobody else.

use std::time::Instant;

use futures_util::{StreamExt as _, future::join_all, stream::FuturesUnordered};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};
use uuid::Uuid;

use crate::{
    load::{answered, ask, ask_over, hold, raise_own_limit, with_operators},
    manager::{Kind, LONG, Process, Setup, checks_of, token},
};

/// A connection from another address of this machine.
async fn connect_from(process: &Process, address: &str, buffer: Option<u32>) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{address}:0").parse().unwrap()).unwrap();
    if let Some(buffer) = buffer {
        socket.set_recv_buffer_size(buffer).unwrap();
    }
    let connecting = socket.connect(process.address.unwrap());
    tokio::time::timeout(LONG * 2, connecting).await.expect("in time").expect("a connection")
}

/// F251: hundreds of connections of one address that ask for much and read nothing keep nobody else
/// out, and are cut.
#[tokio::test(flavor = "multi_thread")]
async fn f251_clients_that_read_nothing_are_cut_and_keep_nobody_out() {
    const FILES: u32 = 256;
    const ATTACKERS: usize = 200;
    raise_own_limit();
    let setup = Setup::new(Kind::Sqlite).await;
    let manager = setup.start_with_files("serve", FILES);
    let api = setup.client(&manager, "ada");
    api.get("/api/v1/hosts").await.expect(200);
    let before = manager.descriptors();
    let request = format!(
        "GET /api/v1/openapi.json HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n",
        token("oscar")
    );
    // One after the other on each connection: more than all buffers on the way hold.
    let requests = request.repeat(100);
    let started = Instant::now();
    let attackers = join_all((0..ATTACKERS).map(async |_| {
        let stream = connect_from(&manager, "127.0.0.1", Some(4_096)).await;
        let _ = stream.try_write(requests.as_bytes());
        stream.writable().await.ok();
        stream
    }));
    let attackers = attackers.await;
    // Another address gets in at once, and so does whoever asks from the same one whether it lives.
    for address in ["127.0.0.2", "127.0.0.1"] {
        let stream = connect_from(&manager, address, None).await;
        let answer = ask_over(stream, "/healthz").await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{address}: {answer}");
        let stream = connect_from(&manager, address, None).await;
        let answer = ask_over(stream, "/api/v1/hosts").await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{address}: {answer}");
    }
    // All of them are cut, though they still do nothing.
    while manager.descriptors() > before + 32 {
        assert!(started.elapsed() < LONG * 2, "{} of {before}", manager.descriptors());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    drop(attackers);
}

/// F254: a user who sends hundreds of bodies slowly takes a part of the room, keeps nobody out, and
/// loses it again; who may not do a thing is told so before a body is read.
#[tokio::test(flavor = "multi_thread")]
async fn f254_slow_bodies_hold_a_part_of_the_room_for_a_while() {
    raise_own_limit();
    let setup = Setup::new(Kind::Sqlite).await;
    let users = with_operators(&setup, 1);
    let manager = setup.start("serve");
    let mut held = join_all((0..256).map(|_| hold(&manager, &users[0]))).await;
    // What is too much takes the room for as long as it takes to see whose it is.
    let mut refusals: FuturesUnordered<_> = held.iter().map(TcpStream::readable).collect();
    for _ in 0..256 - 64 {
        refusals.next().await.unwrap().unwrap();
    }
    drop(refusals);
    for user in ["rita", "oscar", "otto", "ada"] {
        setup.client(&manager, user).get("/api/v1/hosts").await.expect(200);
    }
    for path in ["/healthz", "/readyz", "/metrics"] {
        let answer = ask(&manager, path).await;
        assert!(!answer.contains("overloaded"), "{path}: {answer}");
    }
    let mut counts = [0; 2];
    for stream in &mut held {
        let mut answer = answered(stream);
        while answer.is_empty() {
            stream.readable().await.unwrap();
            answer = answered(stream);
        }
        match answer.get(..12) {
            Some("HTTP/1.1 503") => counts[0] += 1,
            Some("HTTP/1.1 408") => counts[1] += 1,
            _ => panic!("{answer}"),
        }
    }
    // On a busy machine some of them come when the first are cut already.
    let [refused, cut] = counts;
    assert!(cut >= 64 && refused >= 64, "{refused} refused at once, {cut} cut");

    // Rita may read the host. A body that never comes is not waited for.
    let paths = [
        ("POST", checks_of(setup.hosts[0])),
        ("PUT", format!("{}/{}", checks_of(setup.hosts[0]), Uuid::new_v4())),
        ("POST", format!("{}/test", checks_of(setup.hosts[0]))),
        ("PUT", format!("/api/v1/hosts/{}/paused", setup.hosts[0])),
        ("POST", "/api/v1/jobs".to_owned()),
        ("POST", "/api/v1/maintenance-windows".to_owned()),
        ("POST", format!("/api/v1/jobs/{}/hosts/{}/override", Uuid::new_v4(), setup.hosts[0])),
    ];
    for (method, path) in paths {
        let mut stream = connect_from(&manager, "127.0.0.1", None).await;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: 100\r\n\r\n",
            token("rita")
        );
        // Who may make a job is waited for, for longer.
        let waited_for = hold(&manager, &users[0]).await;
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(answered(&waited_for), "", "{method} {path}");
        assert_eq!(answer, *b"HTTP/1.1 403", "{method} {path}");
    }
}

/// F250: what one request makes is bounded, in bytes and in memory, whatever it names and however often.
#[tokio::test(flavor = "multi_thread")]
async fn f250_what_one_request_makes_is_bounded() {
    const HOSTS: usize = 600;
    let setup = Setup::new(Kind::Sqlite).await;
    let mut text = setup.configuration().replace(
        "health_check_poll_interval_secs = 1\n",
        "health_check_poll_interval_secs = 300\n",
    );
    let mut hosts: Vec<Uuid> = setup.hosts.clone();
    for number in 0..HOSTS - 3 {
        use std::fmt::Write as _;
        let id = Uuid::new_v4();
        let _ = write!(
            text,
            "[[hosts]]\nid = \"{id}\"\nname = \"many-{number}\"\naddress = \"127.0.0.1\"\n\
             agent_port = 1\ngroups = [\"web\"]\n"
        );
        hosts.push(id);
    }
    setup.write("manager.toml", &text);
    let manager = setup.start("serve");
    let api = setup.client(&manager, "ada");
    for _ in 0..5 {
        api.service_check(hosts[0], "nginx").await;
    }
    let windows = "/api/v1/maintenance-windows";
    let window = json!({"name": "w", "host_ids": hosts, "recurrence": "daily",
        "start_time": "02:00", "time_zone": "UTC", "duration_minutes": 60});
    for _ in 0..30 {
        api.post(windows, window.clone()).await.expect(201);
    }
    let job = json!({"host_ids": hosts});
    let mut jobs = Vec::new();
    for _ in 0..20 {
        jobs.push(api.post("/api/v1/jobs", job.clone()).await.expect(201)["id"].clone());
    }
    let first = format!("/api/v1/jobs/{}", jobs[0].as_str().unwrap());
    let before = manager.memory("VmHWM");
    let repeated = json!({"host_ids": vec![hosts[0]; 500]});
    let all = json!({"host_ids": &hosts[..500]});
    let mut largest = 0;
    for _ in 0..2 {
        // Eight of each at once, as far as the user may.
        let previews =
            join_all((0..8).map(|_| api.post("/api/v1/gates/preview", repeated.clone())));
        for answer in previews.await {
            assert!(answer.text.len() < 16 * 1_024, "{} bytes", answer.text.len());
            assert_eq!(answer.expect(200)["hosts"].as_array().unwrap().len(), 1);
        }
        let previews = join_all((0..8).map(|_| api.post("/api/v1/gates/preview", all.clone())));
        let summaries = hosts[..500].iter().map(Uuid::to_string).collect::<Vec<_>>().join(",");
        let summaries = format!("/api/v1/health-checks/summary?host_ids={summaries}");
        let lists = [
            "/api/v1/jobs?limit=200".to_owned(),
            format!("{windows}?limit=200"),
            first.clone(),
            format!("{first}/gates?limit=200"),
            "/api/v1/hosts?limit=200".to_owned(),
            "/api/v1/health-checks/audit?limit=200".to_owned(),
            summaries,
        ];
        let lists = join_all(lists.iter().cycle().take(28).map(|path| api.get(path)));
        let (previews, lists) = tokio::join!(previews, lists);
        for answer in previews.into_iter().chain(lists) {
            assert_eq!(answer.status, 200, "{}", answer.text);
            largest = largest.max(answer.text.len());
        }
    }
    let grown = manager.memory("VmHWM").saturating_sub(before);
    println!("the largest answer has {largest} bytes; {grown} KiB more at the most");
    assert!(largest < 4 * 1_024 * 1_024, "{largest} bytes");
    assert!(grown < 128 * 1_024, "{grown} KiB more than before");

    // The pages of a list hold all of it, each once.
    for (path, name, count) in
        [(windows.to_owned(), "windows", 30), (format!("{first}/gates"), "gates", 0)]
    {
        let (mut ids, mut cursor) = (Vec::<Value>::new(), String::new());
        loop {
            let page = api.get(&format!("{path}?limit=200{cursor}")).await.expect(200);
            ids.extend(page[name].as_array().unwrap().iter().map(|one| one["id"].clone()));
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert!(count == 0 || ids.len() == count, "{path}: {}", ids.len());
    }
    // More than a list may hold is refused.
    let too_many: Vec<Uuid> = (0..1_001).map(|_| hosts[0]).chain(hosts.clone()).collect();
    let many_ids: Vec<Uuid> = (0..10_001).map(|_| Uuid::new_v4()).collect();
    api.post("/api/v1/gates/preview", json!({"host_ids": many_ids})).await.problem(422, "invalid");
    api.post("/api/v1/jobs", json!({"host_ids": too_many})).await.expect(201);
    api.post("/api/v1/jobs", json!({"host_ids": many_ids})).await.problem(422, "invalid");
    let over = format!("{first}/hosts/{}/override", hosts[0]);
    let expires = chrono::Utc::now() + chrono::TimeDelta::hours(1);
    let ids = json!({"check_ids": &many_ids[..101], "reason": "it is what this patch mends",
        "expires_at": expires});
    api.post(&over, ids).await.problem(422, "invalid");
}

/// F250: a job's gates come page by page, by the time of their opening, each once.
#[tokio::test(flavor = "multi_thread")]
async fn f250_a_jobs_gates_come_in_pages() {
    let setup = Setup::new(Kind::Sqlite).await;
    let manager = setup.start("serve");
    let api = setup.client(&manager, "ada");
    let job = api.job(&setup.hosts, 600).await;
    let path = format!("/api/v1/jobs/{job}/gates");
    api.until(&path, |list| list["gates"].as_array().is_some_and(|gates| gates.len() == 3)).await;
    let all = api.get(&path).await.expect(200);
    assert_eq!(all["next_cursor"], Value::Null);
    let hosts = |list: &Value| -> Vec<Value> {
        list["gates"].as_array().unwrap().iter().map(|gate| gate["host_id"].clone()).collect()
    };
    for limit in 1..=3 {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = api.get(&format!("{path}?limit={limit}{cursor}")).await.expect(200);
            assert!(hosts(&page).len() <= limit);
            seen.extend(hosts(&page));
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(seen, hosts(&all), "{limit}");
    }
    api.get(&format!("{path}?cursor=00")).await.problem(422, "invalid");
    api.get(&format!("{path}?limit=201")).await.problem(422, "invalid");
    let oscar = setup.client(&manager, "oscar").get(&format!("{path}?limit=1")).await.expect(200);
    assert_eq!((hosts(&oscar), &oscar["next_cursor"]), (vec![json!(setup.hosts[0])], &Value::Null));
    setup.client(&manager, "otto").get(&format!("{path}?limit=0")).await.problem(422, "invalid");
}
