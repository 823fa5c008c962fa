//! HAProxy's health checks as a candidate.

use std::{
    fmt::Write as _,
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;

use crate::{
    Outcome, cpu,
    peers::Wire,
    process::{Process, free_ports},
    report::note,
    target::{AGENT_NAME, EXPECTED, SERVICE_PATH, Target, WEB_PATH},
    turns::Candidate,
};

/// HAProxy with a server for each check that is due within an interval. It runs only during its turn.
pub(crate) struct Haproxy {
    target: Arc<Target>,
    wire: Wire,
    per_second: usize,
    seconds: u64,
}

/// The intervals of every server's checks. An interval is also HAProxy's time limit of a connection with its
/// handshake.
const WEB_INTERVAL: Duration = Duration::from_millis(500);
const AGENT_INTERVAL: Duration = Duration::from_secs(5);
/// How long HAProxy may take to start: it loads the certificates for each server.
const START: Duration = Duration::from_secs(60);

impl Haproxy {
    pub(crate) fn new(target: &Arc<Target>, wire: Wire, per_second: usize, seconds: usize) -> Self {
        let seconds = u64::try_from(seconds).unwrap_or(1);
        Self { target: Arc::clone(target), wire, per_second, seconds }
    }

    fn interval(&self) -> Duration {
        match self.wire {
            Wire::Http => WEB_INTERVAL,
            Wire::MutualTls => AGENT_INTERVAL,
        }
    }

    fn servers(&self) -> usize {
        (self.per_second as f64 * self.interval().as_secs_f64()).ceil() as usize
    }

    /// Waits until every server was checked once.
    async fn wait(&self, process: &mut Process, answered: u64) -> Outcome<()> {
        let until = Instant::now() + START;
        while self.target.requests()? < answered + self.servers() as u64 {
            if Instant::now() > until || !process.is_running() {
                let log = fs::read_to_string(self.target.file("haproxy.log"))?;
                let last: Vec<&str> = log.lines().rev().take(3).collect();
                return Err(format!("HAProxy does not check all servers: {last:?}").into());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    fn configuration(&self, port: u16) -> Result<String, std::fmt::Error> {
        let servers = self.servers();
        let mut text = format!(
            "global\n  nbthread 1\n  maxconn 1000\n  ssl-server-verify required\n\
             defaults\n  mode http\n  timeout connect 10s\n  timeout client 10s\n  timeout server 10s\n  \
             timeout check 10s\n\
             frontend unused\n  bind 127.0.0.1:{port}\n  default_backend targets\n\
             backend targets\n"
        );
        let (path, expected) = match self.wire {
            Wire::Http => (WEB_PATH, EXPECTED),
            Wire::MutualTls => (SERVICE_PATH, "\"healthy\":true"),
        };
        let expected = expected.replace('"', "\\\"").replace(' ', "\\ ");
        writeln!(text, "  option httpchk GET {path}\n  http-check expect string {expected}")?;
        let tls = match self.wire {
            Wire::Http => String::new(),
            Wire::MutualTls => format!(
                "ssl verify required ca-file {} crt {} verifyhost {AGENT_NAME} check-sni {AGENT_NAME} \
                 no-ssl-reuse ssl-min-ver TLSv1.3",
                self.target.file("ca.pem").display(),
                self.target.file("client-bundle.pem").display(),
            ),
        };
        for number in 0..servers {
            let address = match self.wire {
                Wire::Http => self.target.web(number),
                Wire::MutualTls => self.target.agent(number),
            };
            let interval = self.interval().as_millis();
            writeln!(text, "  server s{number} {address} check inter {interval} {tls}")?;
        }
        Ok(text)
    }
}

#[async_trait(?Send)]
impl Candidate for Haproxy {
    fn name(&self) -> String {
        let wire = if self.wire == Wire::Http { "http" } else { "mutual TLS" };
        format!("HAProxy, {wire} at {} checks/s", self.per_second)
    }

    async fn round(&mut self) -> Outcome<Duration> {
        let file = self.target.file("haproxy.cfg");
        fs::write(&file, self.configuration(free_ports(1)?[0])?)?;
        let arguments = ["-db".to_owned(), "-f".to_owned(), file.display().to_string()];
        let idle = self.target.requests()?;
        let mut process = Process::start(self.target.place(), "haproxy", &arguments)?;
        self.wait(&mut process, idle).await?;
        let (before, answered) = (cpu::tree(process.id())?, self.target.requests()?);
        tokio::time::sleep(Duration::from_secs(self.seconds)).await;
        let (after, answers) = (cpu::tree(process.id())?, self.target.requests()? - answered);
        let wanted = self.per_second as u64 * self.seconds;
        if answers < wanted * 9 / 10 {
            note(&format!("{} kept {} checks/s", self.name(), answers / self.seconds));
        }
        if answers == 0 {
            return Err("no check was answered".into());
        }
        Ok((after - before) / u32::try_from(answers)?)
    }
}
