//! A running program, seen from outside.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    process::{Child, Command},
    sync::{
        Arc, Mutex,
        mpsc::{self, Receiver},
    },
    thread,
    time::{Duration, Instant},
};

use crate::manager::LONG;

/// How a command ended.
#[derive(Debug)]
pub(crate) struct FinishedCommand {
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

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// How many descriptors the process holds.
    pub(crate) fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.id())).unwrap().count()
    }

    /// A figure of the process's memory, in KiB: `VmRSS` now, or `VmHWM` at its most.
    pub(crate) fn memory(&self, figure: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(figure)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends SIGTERM and waits for the end; says how long it took, and the logs.
    pub(crate) fn stop(self) -> (Duration, bool, String) {
        self.signal("-TERM")
    }

    /// The same with another signal.
    pub(crate) fn signal(mut self, signal: &str) -> (Duration, bool, String) {
        let started = Instant::now();
        let id = self.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(started.elapsed() < LONG, "{signal} ends nothing: {}", self.logs());
            thread::sleep(Duration::from_millis(10));
        };
        (started.elapsed(), status.success(), self.logs())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
