//! The demo, as somebody meets it who tries the program.

use std::{
    collections::BTreeSet,
    fs,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    client::Api,
    manager::{LONG, Process, mode},
};

fn start(folder: &std::path::Path) -> Process {
    let mut program = Command::new(env!("CARGO_BIN_EXE_patch-manager"));
    program.args(["demo", "--listen", "127.0.0.1:0", "--hosts", "16"]);
    run(program, folder)
}

fn run(mut program: Command, folder: &std::path::Path) -> Process {
    program.env("TMPDIR", folder).env("RUST_LOG", "info");
    program.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Process::new(program.spawn().unwrap(), true)
}

/// It starts soon, shows states of every kind, and ends cleanly by either signal: with success, without
/// a child, and without its temporary folder.
#[tokio::test(flavor = "multi_thread")]
async fn the_demo_shows_every_state_and_ends_cleanly() {
    let long = std::env::var_os("HEALTHGATE_LONG").is_some();
    let folder = tempfile::tempdir().unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    for signal in ["-TERM", "-INT"] {
        let started = Instant::now();
        let demo = start(folder.path());
        let took = started.elapsed();
        assert!(demo.address.is_some() && took < LONG, "{took:?}: {}", demo.logs());
        println!("the demo serves after {took:?}");
        let mut api = Api {
            client: reqwest::Client::new(),
            base: format!("http://{}", demo.address.unwrap()),
            token: None,
        };
        if signal == "-TERM" {
            let users = api.get("/api/v1/demo/users").await.expect(200);
            let ada = users["users"].as_array().unwrap().iter().find(|user| user["name"] == "ada");
            api.token = Some(ada.unwrap()["token"].as_str().unwrap().to_owned());
            let mut wanted = vec!["waiting_health_check", "waiting_for_window", "succeeded"];
            // One fails when its window closes, half a minute after the start.
            wanted.extend(long.then_some("failed"));
            watch(&api, &wanted, if long { LONG * 3 } else { LONG }).await;
        }
        let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", demo.id()));
        assert_eq!(children.unwrap_or_default(), "", "it starts no other program");
        let (took, success, logs) = demo.signal(signal);
        assert!(success && took < Duration::from_secs(15), "{signal} {took:?}: {logs}");
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// Waits until hosts of every status, and jobs' hosts of these, have been seen.
async fn watch(api: &Api, wanted: &[&str], patience: Duration) {
    let started = Instant::now();
    let (mut hosts, mut jobs) = (BTreeSet::new(), BTreeSet::new());
    let health = ["healthy", "unhealthy", "none"];
    let all = |seen: &BTreeSet<String>, wanted: &[&str]| {
        wanted.iter().all(|status| seen.contains(*status))
    };
    while !(all(&hosts, &health) && all(&jobs, wanted)) {
        assert!(started.elapsed() < patience, "only {hosts:?} and {jobs:?} are to be seen");
        let list = api.get("/api/v1/hosts?limit=200").await.expect(200);
        let status = |host: &Value| host["health"]["status"].as_str().unwrap().to_owned();
        hosts.extend(list["hosts"].as_array().unwrap().iter().map(status));
        let list = api.get("/api/v1/jobs?limit=200").await.expect(200);
        for job in list["jobs"].as_array().unwrap() {
            jobs.extend(job["counts"].as_object().unwrap().keys().cloned());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    println!("every state shows after {:?}", started.elapsed());
}

/// F186: a page of another site can lead its own name here and ask; only an address is answered.
#[tokio::test(flavor = "multi_thread")]
async fn f186_the_demo_gives_its_tokens_to_no_other_site() {
    let folder = tempfile::tempdir().unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let demo = start(folder.path());
    let address = demo.address.unwrap();
    let api =
        Api { client: reqwest::Client::new(), base: format!("http://{address}"), token: None };
    let users = "/api/v1/demo/users";
    for host in ["evil.example".to_owned(), format!("evil.example:{}", address.port())] {
        let answer = api.raw(reqwest::Method::GET, users, None, &[("host", &host)]).await;
        assert!(!answer.text.contains("ada"), "{host}: {answer:?}");
        answer.problem(421, "unknown_host");
    }
    let named = format!("localhost:{}", address.port());
    for host in [named, address.to_string()] {
        let answer = api.raw(reqwest::Method::GET, users, None, &[("host", &host)]).await;
        assert_eq!(answer.expect(200)["users"].as_array().unwrap().len(), 3, "{host}");
    }
    let mut exposed = Command::new(env!("CARGO_BIN_EXE_patch-manager"));
    let ended = exposed.args(["demo", "--listen", "0.0.0.0:0", "--hosts", "1"]).output().unwrap();
    let words = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(!ended.status.success() && words.contains("--expose-demo"), "{words}");
}

/// F187: the demo's files are for nobody else, also where an earlier version left open ones.
#[tokio::test(flavor = "multi_thread")]
async fn f187_the_demos_files_are_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("client.key"), "an earlier one").unwrap();
    fs::set_permissions(data.join("client.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_patch-manager"));
    program.args(["demo", "--listen", "127.0.0.1:0", "--hosts", "2", "--data-dir"]).arg(&data);
    let demo = run(program, folder.path());
    assert!(demo.address.is_some(), "{}", demo.logs());
    for name in ["client.key", "client.pem", "ca.pem", "demo.db", "keys/health-check.key"] {
        assert_eq!(mode(&data.join(name)), 0o600, "{name}");
    }
}
