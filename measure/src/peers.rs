//! Other checkers as candidates: blackbox_exporter, and programs that run once for each check.

use std::{
    fs,
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use tokio::process::Command;

use crate::{
    Outcome, cpu,
    process::{Process, free_ports},
    target::{AGENT_NAME, EXPECTED, SERVICE_PATH, Target, WEB_PATH},
    turns::Candidate,
};

/// What a peer asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    /// The web target, with its substring.
    Http,
    /// An agent over mutual TLS.
    MutualTls,
}

impl Wire {
    fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::MutualTls => "mutual TLS",
        }
    }

    fn url(self, target: &Target, number: usize) -> String {
        match self {
            Self::Http => target.url(number),
            Self::MutualTls => format!("https://{}{SERVICE_PATH}", target.agent(number)),
        }
    }
}

/// blackbox_exporter, asked by HTTP as Prometheus does. Only its own processor time counts.
pub(crate) struct Blackbox {
    process: Arc<Process>,
    target: Arc<Target>,
    client: reqwest::Client,
    port: u16,
    wire: Wire,
    checks: usize,
}

impl Blackbox {
    /// Starts the exporter and returns a candidate for each wire.
    pub(crate) async fn start(target: &Arc<Target>, checks: usize) -> Outcome<[Self; 2]> {
        let (authority, certificate, key) =
            (target.file("ca.pem"), target.file("client.pem"), target.file("client.key"));
        let modules = format!(
            "modules:\n  http:\n    prober: http\n    timeout: 10s\n    http:\n      \
             fail_if_body_not_matches_regexp: ['{EXPECTED}']\n  agent:\n    prober: http\n    \
             timeout: 10s\n    http:\n      fail_if_not_ssl: true\n      \
             fail_if_body_not_matches_regexp: ['\"healthy\":true']\n      tls_config:\n        \
             server_name: {AGENT_NAME}\n        ca_file: {}\n        cert_file: {}\n        key_file: {}\n",
            authority.display(),
            certificate.display(),
            key.display(),
        );
        let config = target.file("blackbox.yml");
        fs::write(&config, modules)?;
        let port = free_ports(1)?[0];
        let arguments = [
            format!("--config.file={}", config.display()),
            format!("--web.listen-address=127.0.0.1:{port}"),
            "--log.level=error".to_owned(),
        ];
        let program = "prometheus-blackbox-exporter";
        let process = Arc::new(Process::start(target.place(), program, &arguments)?);
        let client =
            reqwest::Client::builder().no_proxy().timeout(crate::fleet::TIMEOUT).build()?;
        let until = Instant::now() + Duration::from_secs(20);
        while client.get(format!("http://127.0.0.1:{port}/")).send().await.is_err() {
            if Instant::now() > until {
                return Err("blackbox_exporter does not start".into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok([Wire::Http, Wire::MutualTls].map(|wire| Self {
            process: Arc::clone(&process),
            target: Arc::clone(target),
            client: client.clone(),
            port,
            wire,
            checks,
        }))
    }

    async fn probe(&self, number: usize) -> Outcome<()> {
        let module = if self.wire == Wire::Http { "http" } else { "agent" };
        let target = self.wire.url(&self.target, number);
        let url = format!("http://127.0.0.1:{}/probe?module={module}&target={target}", self.port);
        let text = self.client.get(url).send().await?.error_for_status()?.text().await?;
        if text.contains("probe_success 1") { Ok(()) } else { Err("the probe failed".into()) }
    }
}

#[async_trait(?Send)]
impl Candidate for Blackbox {
    fn name(&self) -> String {
        format!("blackbox_exporter, {}", self.wire.name())
    }

    async fn round(&mut self) -> Outcome<Duration> {
        let before = cpu::tree(self.process.id())?;
        let mut running =
            stream::iter(0..self.checks).map(|number| self.probe(number)).buffer_unordered(8);
        while let Some(done) = running.next().await {
            done?;
        }
        Ok((cpu::tree(self.process.id())? - before) / u32::try_from(self.checks)?)
    }
}

/// Which program runs once for each check.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    /// `check_http` of the Monitoring Plugins. It does not verify the server's certificate.
    CheckHttp,
    /// curl, which does not look for the substring.
    Curl,
}

/// A process for each check.
pub(crate) struct Once {
    pub(crate) target: Arc<Target>,
    pub(crate) program: Program,
    pub(crate) wire: Wire,
    pub(crate) checks: usize,
}

/// The place of the Monitoring Plugins.
const CHECK_HTTP: &str = "/usr/lib/nagios/plugins/check_http";

impl Once {
    fn command(&self, number: usize) -> Command {
        let file = |name: &str| self.target.file(name).display().to_string();
        let mut arguments: Vec<String> = Vec::new();
        let mut add =
            |words: &[&str]| arguments.extend(words.iter().map(|word| (*word).to_owned()));
        let program = match self.program {
            Program::CheckHttp => {
                let address = match self.wire {
                    Wire::Http => self.target.web(number),
                    Wire::MutualTls => self.target.agent(number),
                };
                add(&["-I", &address.ip().to_string(), "-p", &address.port().to_string()]);
                match self.wire {
                    Wire::Http => add(&["-u", WEB_PATH, "-s", EXPECTED]),
                    Wire::MutualTls => {
                        add(&["-u", SERVICE_PATH, "-s", "\"healthy\":true", "-S1.2+", "--sni"]);
                        add(&[
                            "-H",
                            AGENT_NAME,
                            "-J",
                            &file("client.pem"),
                            "-K",
                            &file("client.key"),
                        ]);
                    }
                }
                CHECK_HTTP
            }
            Program::Curl => {
                add(&[
                    "--silent",
                    "--show-error",
                    "--fail",
                    "--output",
                    "/dev/null",
                    "--noproxy",
                    "*",
                ]);
                match self.wire {
                    Wire::Http => add(&[&self.target.url(number)]),
                    Wire::MutualTls => {
                        let address = self.target.agent(number);
                        let port = address.port();
                        add(&["--cacert", &file("ca.pem"), "--cert", &file("client.pem")]);
                        add(&["--key", &file("client.key"), "--resolve"]);
                        add(&[&format!("{AGENT_NAME}:{port}:{}", address.ip())]);
                        add(&[&format!("https://{AGENT_NAME}:{port}{SERVICE_PATH}")]);
                    }
                }
                "curl"
            }
        };
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    async fn check(&self, number: usize) -> Outcome<()> {
        let output = self.command(number).output().await?;
        if output.status.success() {
            return Ok(());
        }
        let said = [output.stdout, output.stderr].concat();
        Err(format!("{}: {}", output.status, String::from_utf8_lossy(&said)).into())
    }
}

#[async_trait(?Send)]
impl Candidate for Once {
    fn name(&self) -> String {
        let program = match self.program {
            Program::CheckHttp => "check_http",
            Program::Curl => "curl",
        };
        format!("{program}, {}", self.wire.name())
    }

    async fn round(&mut self) -> Outcome<Duration> {
        let before = cpu::ended_children()?;
        let mut running =
            stream::iter(0..self.checks).map(|number| self.check(number)).buffer_unordered(2);
        while let Some(done) = running.next().await {
            done?;
        }
        Ok((cpu::ended_children()? - before) / u32::try_from(self.checks)?)
    }
}
