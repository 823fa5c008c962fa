//! A patch manager under test: its configuration, its processes, and a client.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use healthgate_testkit::{Agent, Authority, Identity, Postgres, ServiceScript};
use reqwest::Client;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use uuid::Uuid;

pub(crate) use crate::{
    client::{Answer, Api},
    process::{FinishedCommand, Process},
};

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
        let (database, database_url) = match kind {
            Kind::Sqlite => (String::new(), "sqlite://manager.db".to_owned()),
            Kind::Postgres => {
                let server = tokio::task::spawn_blocking(Postgres::shared).await.unwrap();
                let database = server.create_database().unwrap();
                let url = server.url(&database);
                (database, url)
            }
        };
        Self::on(kind, database, database_url).await
    }

    /// The same on this database.
    pub(crate) async fn on(kind: Kind, database: String, database_url: String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new("black box");
        let mut agents = Vec::new();
        for _ in 0..3 {
            let agent = Agent::builder(&authority)
                .with_service("nginx", ServiceScript::Healthy)
                .with_service("sshd", ServiceScript::Healthy);
            agents.push(agent.start().await.unwrap());
        }
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

    /// Writes a file that nobody else may read.
    pub(crate) fn write(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).unwrap();
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
verify_settle_secs = 0
verify_deadline_secs = 2
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

    /// Runs a command to its end; one that does not end is killed, and did not succeed.
    pub(crate) fn command(&self, arguments: &[&str]) -> FinishedCommand {
        let mut program = self.program(arguments);
        let mut child = program.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let started = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if started.elapsed() > LONG {
                child.kill().unwrap();
            }
            thread::sleep(Duration::from_millis(5));
        }
        let output = child.wait_with_output().unwrap();
        FinishedCommand {
            success: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Runs `command --config manager.toml` to its end.
    pub(crate) fn configured(&self, command: &str) -> FinishedCommand {
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

    /// Starts all that is needed: one process on SQLite, web and worker apart on Postgres.
    pub(crate) fn start_whole(&self) -> (Process, Option<Process>) {
        match self.kind {
            Kind::Sqlite => (self.start("serve"), None),
            Kind::Postgres => (self.start("web"), Some(self.spawn("worker", "info"))),
        }
    }

    /// Starts a process with these variables in its environment, and waits until it serves.
    pub(crate) fn start_with(&self, command: &str, variables: &[(&str, &Path)]) -> Process {
        let process = self.spawn_with(command, variables);
        assert!(process.address.is_some(), "{command} does not serve: {}", process.logs());
        process
    }

    /// Starts a process with these variables in its environment, which may not listen.
    pub(crate) fn spawn_with(&self, command: &str, variables: &[(&str, &Path)]) -> Process {
        let config = self.path("manager.toml");
        let mut program = self.program(&[command, "--config", config.to_str().unwrap()]);
        program.envs(variables.iter().copied());
        Self::run(program, "info", command != "worker")
    }

    /// Starts a process that may not listen.
    pub(crate) fn spawn(&self, command: &str, log: &str) -> Process {
        let config = self.path("manager.toml");
        let program = self.program(&[command, "--config", config.to_str().unwrap()]);
        Self::run(program, log, command != "worker")
    }

    /// Starts a process that may have so many open files, and waits until it serves.
    pub(crate) fn start_with_files(&self, command: &str, files: u32) -> Process {
        let mut program = Command::new("sh");
        let script = format!("ulimit -n {files}; exec \"$@\"");
        program.args(["-c", &script, "sh", env!("CARGO_BIN_EXE_patch-manager"), command]);
        program.arg("--config").arg(self.path("manager.toml")).current_dir(self.folder.path());
        Self::run(program, "info", true)
    }

    fn run(mut program: Command, log: &str, listens: bool) -> Process {
        program.env("RUST_LOG", log).stdin(Stdio::null());
        program.stdout(Stdio::piped()).stderr(Stdio::piped());
        Process::new(program.spawn().unwrap(), listens)
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

pub(crate) fn checks_of(host: Uuid) -> String {
    format!("/api/v1/hosts/{host}/health-checks")
}

/// A file of the shipped configuration must not be readable by others; keys' folders neither.
pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}
