//! A patch manager under test: its configuration, its processes, and a client.

use std::{
    fmt::Write as _,
    fs,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        mpsc::{self, Receiver},
    },
    thread,
    time::{Duration, Instant},
};

use healthgate_testkit::{Agent, Authority, Identity, Postgres, ServiceScript};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use uuid::Uuid;

/// The longest that anything is waited for; conditions come true within a fraction of it.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// Which database a manager keeps everything in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
}

/// A configured patch manager with its fleet: three hosts with an agent each.
pub(crate) struct Setup {
    pub(crate) folder: TempDir,
    pub(crate) authority: Authority,
    pub(crate) agents: Vec<Agent>,
    pub(crate) hosts: Vec<Uuid>,
    pub(crate) database: String,
    pub(crate) database_url: String,
    pub(crate) kind: Kind,
    client: Identity,
}

/// The users: an administrator, an operator and a reporter of the first host's group, and an operator
/// of another group.
pub(crate) const USERS: [(&str, &str, &[&str]); 4] = [
    ("ada", "admin", &[]),
    ("oscar", "operator", &["web"]),
    ("rita", "reporter", &["web"]),
    ("otto", "operator", &["other"]),
];

impl Setup {
    /// Three hosts: `web-01` in the group `web`, `db-01` in the group `other`, `lone-01` in none. Every
    /// agent runs `nginx` and `sshd`, and answers that they are well.
    pub(crate) async fn new(kind: Kind) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new("black box");
        let mut agents = Vec::new();
        for _ in 0..3 {
            let agent = Agent::builder(&authority)
                .service("nginx", ServiceScript::Healthy)
                .service("sshd", ServiceScript::Healthy);
            agents.push(agent.start().await.unwrap());
        }
        let (database, database_url) = match kind {
            Kind::Sqlite => (String::new(), "sqlite://manager.db".to_owned()),
            Kind::Postgres => {
                let server = tokio::task::spawn_blocking(Postgres::shared).await.unwrap();
                let database = server.create_database().unwrap();
                let url = server.url(&database);
                (database, url)
            }
        };
        let client = authority.issue_client("manager");
        let setup = Self {
            hosts: (0..3).map(|_| Uuid::new_v4()).collect(),
            folder,
            authority,
            agents,
            database,
            database_url,
            kind,
            client,
        };
        setup.write("ca.pem", setup.authority.ca_pem());
        setup.write("client.pem", &setup.client.cert_pem);
        setup.write("client.key", &setup.client.key_pem);
        setup.write("manager.toml", &setup.configuration());
        setup
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn configuration(&self) -> String {
        let mut text = format!(
            r#"listen = "127.0.0.1:0"
database_url = "{}"
[security]
health_check_key = "keys/health-check.key"
agent_ca = "ca.pem"
agent_client_cert = "client.pem"
agent_client_key = "client.key"
[worker]
health_check_poll_interval_secs = 1
health_check_timeout_secs = 2
gate_retry_interval_secs = 1
immediate_max_wait_secs = 60
[http_checks]
allowed_destinations = ["127.0.0.0/8"]
[api]
tests_per_minute_per_user = 0
tests_per_minute_per_host = 0
[[groups]]
name = "web"
[[groups]]
name = "other"
"#,
            self.database_url
        );
        for (name, role, groups) in USERS {
            let hash = sha256(&token(name));
            let _ = write!(
                text,
                "[[users]]\nname = \"{name}\"\nrole = \"{role}\"\ngroups = {groups:?}\ntoken_sha256 = \"{hash}\"\n"
            );
        }
        let hosts = [("web-01", "[\"web\"]"), ("db-01", "[\"other\"]"), ("lone-01", "[]")];
        for (((name, groups), id), agent) in hosts.iter().zip(&self.hosts).zip(&self.agents) {
            let _ = write!(
                text,
                "[[hosts]]\nid = \"{id}\"\nname = \"{name}\"\naddress = \"127.0.0.1\"\nagent_port = {}\ngroups = {groups}\n",
                agent.addr().port()
            );
        }
        text
    }

    /// Runs a command to its end.
    pub(crate) fn command(&self, arguments: &[&str]) -> Ended {
        let output = self.program(arguments).output().unwrap();
        Ended {
            success: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Runs `command --config manager.toml` to its end.
    pub(crate) fn configured(&self, command: &str) -> Ended {
        let config = self.path("manager.toml");
        self.command(&[command, "--config", config.to_str().unwrap()])
    }

    fn program(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_patch-manager"));
        command.args(arguments).current_dir(self.folder.path());
        command.env_remove("RUST_LOG").stdin(Stdio::null());
        command
    }

    /// Starts a process and waits until it serves.
    pub(crate) fn start(&self, command: &str) -> Process {
        let process = self.spawn(command, "info");
        assert!(process.address.is_some(), "{command} does not serve: {}", process.logs());
        process
    }

    /// Starts a process that may not listen.
    pub(crate) fn spawn(&self, command: &str, log: &str) -> Process {
        let config = self.path("manager.toml");
        let mut program = self.program(&[command, "--config", config.to_str().unwrap()]);
        program.env("RUST_LOG", log).stdout(Stdio::piped()).stderr(Stdio::piped());
        Process::new(program.spawn().unwrap(), command != "worker")
    }

    /// A client of a process for a user.
    pub(crate) fn client(&self, process: &Process, user: &str) -> Api {
        // The client wants one, also for plain HTTP; another test may have installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Api {
            client: Client::new(),
            base: format!("http://{}", process.address.unwrap()),
            token: Some(token(user)),
        }
    }

    /// Everything that the database holds, as text.
    pub(crate) fn dump(&self) -> Vec<u8> {
        match self.kind {
            Kind::Sqlite => {
                let mut all = Vec::new();
                for name in ["manager.db", "manager.db-wal"] {
                    all.extend(fs::read(self.path(name)).unwrap_or_default());
                }
                all
            }
            Kind::Postgres => {
                let server = Postgres::shared();
                let url = server.url(&self.database);
                let output = server.command("pg_dump").arg(url).output().unwrap();
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                output.stdout
            }
        }
    }
}

pub(crate) fn token(user: &str) -> String {
    format!("token-of-{user}-0123456789abcdef")
}

pub(crate) fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) success: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A running process. It is killed with this value.
pub(crate) struct Process {
    child: Child,
    pub(crate) address: Option<SocketAddr>,
    stdout: Receiver<String>,
    logs: Arc<Mutex<String>>,
}

impl Process {
    /// A process of the program that was started with its outputs piped.
    pub(crate) fn new(mut child: Child, listens: bool) -> Self {
        let (lines, stdout) = mpsc::channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || {
            out.lines().map_while(Result::ok).all(|line| lines.send(line).is_ok())
        });
        let logs = Arc::new(Mutex::new(String::new()));
        let (mut err, kept) = (child.stderr.take().unwrap(), logs.clone());
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = err.read(&mut buffer) {
                kept.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..read]));
            }
        });
        let mut process = Self { child, address: None, stdout, logs };
        while listens && process.address.is_none() {
            match process.stdout.recv_timeout(LONG) {
                Ok(line) => {
                    process.address = line
                        .strip_prefix("listening on http://")
                        .and_then(|text| text.parse().ok());
                }
                Err(_) => break,
            }
        }
        process
    }

    pub(crate) fn logs(&self) -> String {
        self.logs.lock().unwrap().clone()
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends SIGTERM and waits for the end; says how long it took, and the logs.
    pub(crate) fn stop(mut self) -> (Duration, bool, String) {
        let started = Instant::now();
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let status = self.child.wait().unwrap();
        (started.elapsed(), status.success(), self.logs())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client for one user.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) client: Client,
    pub(crate) base: String,
    pub(crate) token: Option<String>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The body, where the status is the expected one.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        if self.text.is_empty() { Value::Null } else { self.json() }
    }

    /// Asserts a problem of this status and code, in every member of its body.
    #[track_caller]
    pub(crate) fn problem(self, status: u16, code: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        let body = self.json();
        let kind = self.headers.get("content-type").map(|kind| kind.to_str().unwrap_or_default());
        assert_eq!(kind, Some("application/problem+json"), "{body}");
        assert_eq!((&body["code"], &body["status"]), (&json!(code), &json!(status)), "{body}");
        assert_eq!(
            (&body["error"]["code"], &body["error"]["message"]),
            (&json!(code), &body["detail"])
        );
        assert!(body["errors"].is_array() && body["title"].is_string() && body["type"].is_string());
        body
    }

    /// The codes of a field's violations.
    pub(crate) fn codes(body: &Value, field: &str) -> Vec<String> {
        let errors = body["errors"].as_array().unwrap().iter();
        let of_field = errors.filter(|error| error["field"] == field);
        of_field.map(|error| error["code"].as_str().unwrap().to_owned()).collect()
    }
}

impl Api {
    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let body = body.map(|body| ("application/json", body.to_string()));
        self.raw(method, path, body, &[]).await
    }

    pub(crate) async fn raw(
        &self,
        method: Method,
        path: &str,
        body: Option<(&str, String)>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some((kind, body)) = body {
            request = request.header("content-type", kind).body(body);
        }
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        Answer { status, headers, text: answer.text().await.unwrap() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(&body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, Some(&body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await
    }

    /// An answer whose body is not read, for streams.
    pub(crate) async fn stream(&self, path: &str) -> reqwest::Response {
        let request = self.client.get(format!("{}{path}", self.base));
        request.bearer_auth(self.token.as_ref().unwrap()).send().await.unwrap()
    }

    /// Asks again until the body is as wanted, and answers with it.
    #[track_caller]
    pub(crate) fn until(
        &self,
        path: &str,
        wanted: impl Fn(&Value) -> bool + Send,
    ) -> impl Future<Output = Value> + Send {
        let place = std::panic::Location::caller();
        async move {
            let started = Instant::now();
            loop {
                let answer = self.get(path).await;
                let body = answer.json();
                if answer.status.is_success() && wanted(&body) {
                    return body;
                }
                assert!(started.elapsed() < LONG, "{place}: {path} stays at {body:#}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// Makes a service check, and answers with its id.
    pub(crate) async fn service_check(&self, host: Uuid, service: &str) -> Uuid {
        let body = json!({"name": service, "check_type": "service", "service_name": service});
        let made = self.post(&checks_of(host), body).await.expect(201);
        made["id"].as_str().unwrap().parse().unwrap()
    }

    /// Makes a job with a window from now on for so many seconds, and answers with its id.
    pub(crate) async fn job(&self, hosts: &[Uuid], seconds: i64) -> Uuid {
        let now = chrono::Utc::now();
        let closes = now + chrono::TimeDelta::seconds(seconds);
        let window = json!({"opens_at": now, "closes_at": closes});
        let made = self.post("/api/v1/jobs", json!({"host_ids": hosts, "window": window})).await;
        made.expect(201)["id"].as_str().unwrap().parse().unwrap()
    }
}

pub(crate) fn checks_of(host: Uuid) -> String {
    format!("/api/v1/hosts/{host}/health-checks")
}

/// A file of the shipped configuration must not be readable by others; keys' folders neither.
pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}
