//! The targets: one nginx as web target and as agents over mutual TLS, on many addresses of loopback.

use std::{
    fmt::Write as _,
    fs,
    io::{self, Read, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use healthgate_testkit::{Authority, Identity, ServerCertSpec};
use tempfile::TempDir;

use crate::{
    Outcome,
    process::{ADDRESSES, Process, everywhere, free_ports},
};

/// The name in the agents' certificate, so that one certificate serves all addresses.
pub(crate) const AGENT_NAME: &str = "agent.measure.test";
/// The path of the web target.
pub(crate) const WEB_PATH: &str = "/health";
/// What its body contains.
pub(crate) const EXPECTED: &str = "status: ok";
/// The path of the service that all agents report as running.
pub(crate) const SERVICE_PATH: &str = "/api/v1/system/services/nginx";

/// The form of an agent's answer.
pub(crate) const REPORT: &str = r#"{"success":true,"request_id":"7d4bb7a2-4f0e-4a43-9f9c-0d5a6f1d2c3b","timestamp":"2026-11-24T02:00:00.123456789+00:00","data":{"name":"nginx.service","display_name":"A high performance web server","active_state":"active","sub_state":"running","load_state":"loaded","enabled_state":"enabled","main_pid":812,"healthy":true},"error":null}"#;

/// A running nginx. Dropping it ends it.
pub(crate) struct Target {
    process: Process,
    place: TempDir,
    agents: Vec<SocketAddr>,
    web: Vec<SocketAddr>,
    status: SocketAddr,
    own_requests: AtomicU64,
    pub(crate) authority: Authority,
    pub(crate) client: Identity,
}

impl Target {
    /// Starts nginx with this number of agents, a multiple of 50.
    pub(crate) fn start(agents: usize) -> Outcome<Self> {
        let place = tempfile::Builder::new().prefix("healthgate-measure").tempdir()?;
        let authority = Authority::new("measure");
        let spec = ServerCertSpec::new("agent").with_dns(AGENT_NAME);
        let (server, client) = (authority.issue_server(&spec), authority.issue_client("manager"));
        let write = |name: &str, text: &str| fs::write(place.path().join(name), text);
        write("ca.pem", authority.ca_pem())?;
        write("server.pem", &server.cert_pem)?;
        write("server.key", &server.key_pem)?;
        write("client.pem", &client.cert_pem)?;
        write("client.key", &client.key_pem)?;
        write("client-bundle.pem", &client.bundle_pem())?;
        let mut ports = free_ports(agents.div_ceil(usize::from(ADDRESSES)) + 2)?;
        let (Some(web_port), Some(status)) = (ports.pop(), ports.pop()) else {
            return Err("no free ports".into());
        };
        let (agents, web) = (everywhere(&ports), everywhere(&[web_port]));
        let status = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), status);
        write("nginx.conf", &configuration(place.path(), &web, &agents, status)?)?;
        let file = |name: &str| place.path().join(name).display().to_string();
        let arguments = ["-c", &file("nginx.conf"), "-e", &file("error.log"), "-p", &file("")];
        let nginx = if Path::new("/usr/sbin/nginx").exists() { "/usr/sbin/nginx" } else { "nginx" };
        let process = Process::start(place.path(), nginx, &arguments.map(str::to_owned))?;
        let mut target = Self {
            process,
            place,
            agents,
            web,
            status,
            own_requests: AtomicU64::new(0),
            authority,
            client,
        };
        target.wait()?;
        Ok(target)
    }

    fn wait(&mut self) -> Outcome<()> {
        let until = Instant::now() + Duration::from_secs(20);
        while self.requests().is_err() {
            if Instant::now() > until || !self.process.is_running() {
                let log = fs::read_to_string(self.place.path().join("error.log"))?;
                return Err(format!("nginx does not start: {log}").into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Returns the number of requests answered so far, without those of this method.
    pub(crate) fn requests(&self) -> io::Result<u64> {
        let mut stream = TcpStream::connect(self.status)?;
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        let numbers = text.lines().skip_while(|line| !line.starts_with("server accepts")).nth(1);
        let requests = numbers.and_then(|line| line.split_whitespace().nth(2)?.parse::<u64>().ok());
        let requests = requests.ok_or(io::ErrorKind::InvalidData)?;
        let own = self.own_requests.fetch_add(1, Ordering::Relaxed) + 1;
        Ok(requests.saturating_sub(own))
    }

    /// Returns the address of the web target with this number, round robin.
    pub(crate) fn web(&self, number: usize) -> SocketAddr {
        self.web[number % self.web.len()]
    }

    /// Returns the URL of the web target with this number.
    pub(crate) fn url(&self, number: usize) -> String {
        format!("http://{}{WEB_PATH}", self.web(number))
    }

    /// Returns the address of the agent with this number, round robin.
    pub(crate) fn agent(&self, number: usize) -> SocketAddr {
        self.agents[number % self.agents.len()]
    }

    /// Returns the path of a file beside the configuration: `ca.pem`, `client.pem`, `client.key`,
    /// `client-bundle.pem`.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// Returns the folder for the files of other programs, which goes with the target.
    pub(crate) fn place(&self) -> &Path {
        self.place.path()
    }
}

fn configuration(
    place: &Path,
    web: &[SocketAddr],
    agents: &[SocketAddr],
    status: SocketAddr,
) -> Result<String, std::fmt::Error> {
    let place = place.display();
    let mut text = format!(
        "daemon off; worker_processes 1; worker_rlimit_nofile 20000; pid {place}/nginx.pid;\n\
         events {{ worker_connections 15000; }}\n\
         http {{\naccess_log off; keepalive_timeout 15; server_tokens off;\n"
    );
    for kind in ["client_body", "fastcgi", "proxy", "scgi", "uwsgi"] {
        writeln!(text, "{kind}_temp_path {place}/{kind};")?;
    }
    writeln!(text, "server {{ listen {status}; location / {{ stub_status; }} }}\nserver {{")?;
    for address in web {
        writeln!(text, "listen {address} backlog=4096;")?;
    }
    // About 1 kB, as of a small health page.
    let (before, after) = ("x".repeat(700), "y".repeat(300));
    writeln!(
        text,
        "location = {WEB_PATH} {{ default_type text/plain; return 200 '{before} {EXPECTED} {after}'; }}\n}}\nserver {{"
    )?;
    for agent in agents {
        writeln!(text, "listen {agent} ssl backlog=4096;")?;
    }
    // No resumption: every connection is a full handshake.
    writeln!(
        text,
        "ssl_certificate {place}/server.pem; ssl_certificate_key {place}/server.key;\n\
         ssl_client_certificate {place}/ca.pem; ssl_verify_client on; ssl_protocols TLSv1.3;\n\
         ssl_session_cache off; ssl_session_tickets off;\n\
         location /api/v1/system/services/ {{ default_type application/json; return 200 '{REPORT}'; }}\n}}\n}}"
    )?;
    Ok(text)
}
